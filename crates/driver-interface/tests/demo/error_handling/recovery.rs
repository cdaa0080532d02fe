//! Fallbacks after a failed call.

use std::time::Duration;

use driver_interface::{
    ContainerConfig, ContainerDriver, ContainerDriverExt as _, ContainerError, ContainerId,
    ContainerInstance, ContainerStatus, DriverError, Hint, MockDockerDriver, Result, StopOptions,
    StopOutcome,
};

use crate::support::{list_all, lookup, run, server, stubborn};

#[tokio::test(start_paused = true)]
async fn stop_escalates_to_kill() -> Result<()> {
    async fn stop_for_sure(driver: &dyn ContainerDriver, id: &ContainerId) -> Result<StopOutcome> {
        match driver
            .stop_container(id, StopOptions::graceful(Duration::from_secs(5)))
            .await
        {
            Err(DriverError::Container(ContainerError::Stop(refused))) => {
                // The container still runs, so a program may save its data before the kill.
                assert_eq!(refused.container(), id.as_str());
                driver.stop_container(id, StopOptions::kill()).await
            }
            other => other,
        }
    }
    let driver = MockDockerDriver::new();
    let (polite, deaf) = (
        run(&driver, &server("stop")).await,
        run(&driver, &stubborn("stop")).await,
    );
    assert_eq!(stop_for_sure(&driver, &polite).await?, StopOutcome::Stopped);
    assert_eq!(stop_for_sure(&driver, &deaf).await?, StopOutcome::Killed);
    assert_eq!(lookup(&driver, &polite).await.exit_code(), Some(143));
    assert_eq!(lookup(&driver, &deaf).await.exit_code(), Some(137));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn existing_container_is_adopted() -> Result<()> {
    async fn get_or_create(
        driver: &dyn ContainerDriver,
        config: &ContainerConfig,
    ) -> Result<Option<ContainerInstance>> {
        match driver.create_container(config).await {
            Err(error) if error.hint() == Some(Hint::NameTaken) => {
                driver
                    .find_container(config.name.as_deref().unwrap_or_default())
                    .await
            }
            created => created.map(Some),
        }
    }
    let driver = MockDockerDriver::new();
    let config = server("adopt").name("web");
    let first = get_or_create(&driver, &config).await?.expect("it was made");
    driver.start_container(&first.id).await?;
    let second = get_or_create(&driver, &config).await?.expect("it was found");
    assert_eq!((&second.id, second.status), (&first.id, ContainerStatus::Running));
    assert_eq!(list_all(&driver).await, [second]);
    Ok(())
}
