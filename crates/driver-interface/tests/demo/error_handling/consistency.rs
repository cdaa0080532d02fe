//! The same mistake gives the same error on every driver.

use driver_interface::{
    ContainerDriver, DriverError, Effect, Hint, NetworkConfig, RemoveOptions, Result, StopOptions,
    VolumeConfig, VolumeMount,
};

use crate::support::{drivers, run, server, stubborn};

/// The facts that programs act on. The wording differs between drivers.
type Facts = (&'static str, bool, Option<Hint>);

fn facts(error: &DriverError) -> Facts {
    (error.code(), error.is_retryable(), error.hint())
}

/// Makes common caller mistakes and returns their errors.
async fn mistakes(driver: &dyn ContainerDriver) -> Result<Vec<DriverError>> {
    let ghost = "ghost".parse()?;
    driver.create_volume(&VolumeConfig::new("data")).await?;
    let network = driver.create_network(&NetworkConfig::new("backend")).await?;
    let mounted = server("mistakes").mount(VolumeMount::volume("data", "/data").read_only(true));
    let web = run(driver, &mounted.name("web").network("backend")).await;
    let deaf = run(driver, &stubborn("mistakes")).await;
    let no_program = driver
        .create_container(&server("mistakes").command(["no-such-program"]))
        .await?;
    Ok(vec![
        driver
            .create_container(&server("mistakes").name("web"))
            .await
            .unwrap_err(),
        driver
            .create_container(&server("mistakes").memory(1))
            .await
            .unwrap_err(),
        driver
            .create_container(&server("mistakes").network("nowhere"))
            .await
            .unwrap_err(),
        driver.start_container(&ghost).await.unwrap_err(),
        driver.start_container(&no_program.id).await.unwrap_err(),
        driver
            .stop_container(&deaf, StopOptions::default())
            .await
            .unwrap_err(),
        driver
            .remove_container(&web, RemoveOptions::default())
            .await
            .unwrap_err(),
        driver
            .create_volume(&VolumeConfig::new("data"))
            .await
            .unwrap_err(),
        driver.remove_volume(&"data".parse()?).await.unwrap_err(),
        driver.remove_network(&network.id).await.unwrap_err(),
    ])
}

#[tokio::test(start_paused = true)]
async fn errors_are_the_same_on_both_drivers() -> Result<()> {
    let expected: [Facts; 10] = [
        ("CONTAINER_CREATION_FAILED", false, Some(Hint::NameTaken)),
        ("CONFIGURATION_ERROR", false, None),
        ("NETWORK_NOT_FOUND", false, Some(Hint::MissingNetwork)),
        ("CONTAINER_NOT_FOUND", false, Some(Hint::NotFoundHere)),
        ("CONTAINER_START_FAILED", false, Some(Hint::CommandNotFound)),
        ("CONTAINER_STOP_FAILED", true, Some(Hint::StillRunning)),
        ("CONTAINER_REMOVE_FAILED", false, Some(Hint::StillRunning)),
        ("VOLUME_CREATION_FAILED", false, Some(Hint::NameTaken)),
        ("VOLUME_REMOVE_FAILED", false, Some(Hint::InUse)),
        ("NETWORK_REMOVE_FAILED", false, Some(Hint::InUse)),
    ];
    for driver in drivers() {
        let errors = mistakes(&driver).await?;
        let found: Vec<Facts> = errors.iter().map(facts).collect();
        assert_eq!(found, expected, "{}", driver.name());
        for error in errors {
            assert_eq!(error.effect(), Effect::NotApplied, "{error:?}");
            assert_eq!(error.context().driver(), Some(driver.name()));
        }
    }
    Ok(())
}
