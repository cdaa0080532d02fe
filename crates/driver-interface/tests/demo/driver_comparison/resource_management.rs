//! Volumes and networks.

use driver_interface::{ContainerDriver, NetworkConfig, Result, StopOptions, VolumeConfig};

use crate::support::{drivers, lookup, server};

#[tokio::test(start_paused = true)]
async fn duplicate_volume_or_network_name_is_refused() -> Result<()> {
    for driver in drivers() {
        let volume = driver
            .create_volume(&VolumeConfig::new("data").label("of", "first"))
            .await?;
        assert_eq!(volume.labels["of"], "first");
        let second = VolumeConfig::new("data").label("of", "second");
        let error = driver.create_volume(&second).await.unwrap_err();
        assert_eq!(
            (error.code(), error.is_retryable()),
            ("VOLUME_CREATION_FAILED", false)
        );
        let network = driver.create_network(&NetworkConfig::new("backend")).await?;
        let error = driver
            .create_network(&NetworkConfig::new("backend"))
            .await
            .unwrap_err();
        assert_eq!(
            (error.code(), error.is_retryable()),
            ("NETWORK_CREATION_FAILED", false)
        );

        driver.remove_volume(&volume.id).await?;
        driver.remove_network(&network.id).await?;
        assert_eq!(driver.create_volume(&second).await?.labels["of"], "second");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn container_has_an_address_only_while_running() -> Result<()> {
    for driver in drivers() {
        driver.create_network(&NetworkConfig::new("backend")).await?;
        let id = driver
            .create_container(&server("net").network("backend"))
            .await?
            .id;
        assert_eq!(lookup(&driver, &id).await.ip_address, None, "{}", driver.name());
        driver.start_container(&id).await?;
        assert!(
            lookup(&driver, &id).await.ip_address.is_some(),
            "{}",
            driver.name()
        );
        driver.stop_container(&id, StopOptions::default()).await?;
        assert_eq!(lookup(&driver, &id).await.ip_address, None, "{}", driver.name());
    }
    Ok(())
}
