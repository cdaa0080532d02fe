//! The basic operations through `dyn ContainerDriver`.

use std::sync::Arc;

use driver_interface::{
    ContainerConfig, ContainerDriver, ContainerFilter, LogOptions, MockDockerDriver, NetworkConfig,
    RemoveOptions, Result, SessionId, StopOptions, VolumeConfig, VolumeId, VolumeMount,
};

use crate::support::{drivers, server};

/// Calls all thirteen basic operations.
async fn use_everything(driver: &dyn ContainerDriver) -> Result<()> {
    let session = SessionId::new("tour")?;
    let volume = driver
        .create_volume(&VolumeConfig::new("tour-data").session(&session))
        .await?;
    let network = driver
        .create_network(&NetworkConfig::new("tour-net").session(&session))
        .await?;
    let config = ContainerConfig::new(&session, "busybox")
        .command(["sh", "-c", "echo on tour; sleep 3600"])
        .mount(VolumeMount::volume(&volume.name, "/data").read_only(true))
        .network(&*network.name);
    let created = driver.create_container(&config).await?;
    driver.start_container(&created.id).await?;
    assert!(driver.is_container_healthy(&created.id).await?);
    assert_eq!(driver.health_check().await?.containers.running, 1);

    let running = driver.get_container(&created.id).await?.expect("it runs");
    let in_session = ContainerFilter::default().session(session);
    assert_eq!(driver.list_containers(&in_session).await?, [running]);
    assert_eq!(
        driver
            .get_container_logs(&created.id, LogOptions::default())
            .await?,
        "on tour\n"
    );

    driver.stop_container(&created.id, StopOptions::default()).await?;
    driver
        .remove_container(&created.id, RemoveOptions::default())
        .await?;
    driver.remove_volume(&volume.id).await?;
    driver.remove_network(&network.id).await?;
    assert_eq!(driver.list_containers(&in_session).await?, []);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn basic_operations_work_on_both_drivers() -> Result<()> {
    for driver in drivers() {
        use_everything(&*driver)
            .await
            .map_err(|error| error.with_driver(driver.name()))?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn missing_resources_return_not_found() -> Result<()> {
    for driver in drivers() {
        let id = "nobody".parse()?;
        let volume: VolumeId = "nothing".parse()?;
        let errors = [
            driver.start_container(&id).await.unwrap_err(),
            driver
                .stop_container(&id, StopOptions::default())
                .await
                .unwrap_err(),
            driver
                .remove_container(&id, RemoveOptions::force())
                .await
                .unwrap_err(),
            driver
                .get_container_logs(&id, LogOptions::default())
                .await
                .unwrap_err(),
            driver.is_container_healthy(&id).await.unwrap_err(),
            driver.remove_volume(&volume).await.unwrap_err(),
            driver.remove_network(&"nowhere".parse()?).await.unwrap_err(),
        ];
        for error in errors {
            assert!(error.is_not_found() && !error.is_retryable(), "{error:?}");
        }
        assert_eq!(driver.get_container(&id).await?, None);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn shared_driver_keeps_its_identity() {
    let docker = MockDockerDriver::new();
    let (name, capabilities) = (docker.name().to_owned(), docker.capabilities());
    let shared: Arc<dyn ContainerDriver> = Arc::new(docker);
    let again: Arc<dyn ContainerDriver> = Arc::new(Arc::clone(&shared));
    assert_eq!((again.name(), again.capabilities()), (&*name, capabilities));
    assert!(again.create_container(&server("pointers")).await.is_ok());
}
