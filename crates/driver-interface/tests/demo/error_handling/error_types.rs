//! Distinguishing errors: by type in Rust, by code elsewhere.

use std::sync::Arc;

use driver_interface::{
    ContainerDriver, ContainerError, ContainerId, DriverError, Hint, InputError, MockDockerDriver,
    RemoveOptions, ResourceError, Result, codes, find_driver_error, get_error_code, is_retryable_error,
};

use crate::support::{run, server};

/// Returns a program's next step. It matches only as deep as needed.
fn advice(error: &DriverError) -> String {
    match error {
        DriverError::Container(ContainerError::NotFound(missing)) => {
            format!("forget {}", missing.container())
        }
        DriverError::Container(_) => "look at its logs".to_owned(),
        DriverError::Resource(ResourceError::Limit(over)) => {
            format!("ask for {} {} at most", over.limit(), over.resource())
        }
        DriverError::Configuration(InputError::Configuration(refused)) => {
            format!("mend {}", refused.violations()[0].path)
        }
        DriverError::System(_) => "call an operator".to_owned(),
        other => format!("look up {}", other.code()),
    }
}

#[tokio::test(start_paused = true)]
async fn errors_are_matched_by_type_not_text() -> Result<()> {
    let driver: Arc<dyn ContainerDriver> = Arc::new(MockDockerDriver::new());
    let ghost: ContainerId = "ghost".parse()?;
    let error = driver.start_container(&ghost).await.unwrap_err();
    assert_eq!(advice(&error), "forget ghost");

    let running = run(&driver, &server("types")).await;
    let error = driver
        .remove_container(&running, RemoveOptions::default())
        .await
        .unwrap_err();
    assert_eq!(
        (advice(&error), error.hint()),
        ("look at its logs".to_owned(), Some(Hint::StillRunning))
    );

    let error = driver
        .create_container(&server("types").cpu(32.0))
        .await
        .unwrap_err();
    assert_eq!(advice(&error), "ask for 4 cpu at most");
    let error = driver
        .create_container(&server("types").pids(0))
        .await
        .unwrap_err();
    assert_eq!(advice(&error), "mend resources.pids");
    let error = driver.remove_volume(&"ghost".parse()?).await.unwrap_err();
    assert_eq!(advice(&error), "look up VOLUME_NOT_FOUND");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn not_found_makes_removal_idempotent() -> Result<()> {
    async fn ensure_gone(driver: &dyn ContainerDriver, id: &ContainerId) -> Result<()> {
        match driver.remove_container(id, RemoveOptions::force()).await {
            Err(error) if error.is_not_found() => Ok(()),
            other => other,
        }
    }
    let driver = MockDockerDriver::new();
    let id = run(&driver, &server("gone")).await;
    ensure_gone(&driver, &id).await?;
    assert_eq!(driver.get_container(&id).await?, None);
    ensure_gone(&driver, &id).await
}

#[tokio::test(start_paused = true)]
async fn driver_error_is_found_inside_anyhow() {
    async fn deploy(driver: &dyn ContainerDriver) -> anyhow::Result<()> {
        use anyhow::Context;
        let id: ContainerId = "web".parse().context("the name of the container")?;
        driver.start_container(&id).await.context("deploying `web`")?;
        Ok(())
    }
    let error = deploy(&MockDockerDriver::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "deploying `web`");
    assert_eq!(get_error_code(error.as_ref()), codes::CONTAINER_NOT_FOUND);
    assert!(!is_retryable_error(error.as_ref()));
    let inside = find_driver_error(error.as_ref()).expect("it is in the chain");
    assert_eq!(inside.context().operation(), Some("start_container"));
}
