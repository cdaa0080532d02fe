//! Errors of the drivers.

use driver_interface::{ContainerDriver, Result, VolumeConfig, VolumeMount};

use crate::support::{drivers, list_all, server};

#[tokio::test(start_paused = true)]
async fn name_conflict_has_same_code_on_both_drivers() -> Result<()> {
    let mut wordings = Vec::new();
    for driver in drivers() {
        let config = server("names").name("web");
        let first = driver.create_container(&config).await?;
        let error = driver.create_container(&config).await.unwrap_err();
        assert_eq!(error.code(), "CONTAINER_CREATION_FAILED");
        assert_eq!(error.user_message(), "That name is already in use.");
        assert!(!error.is_retryable());
        assert_eq!(error.context().driver(), Some(driver.name()));
        assert_eq!(list_all(&driver).await, [first], "the first is untouched");
        wordings.push(error.to_report().sources);
    }
    assert!(
        wordings[0][0].contains("Conflict. The container name"),
        "Docker's words: {wordings:?}"
    );
    assert_ne!(wordings[0], wordings[1], "each engine speaks its own language");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn only_local_driver_refuses_writable_mounts() -> Result<()> {
    let [docker, local] = drivers();
    for driver in [&docker, &local] {
        driver.create_volume(&VolumeConfig::new("cache")).await?;
    }
    let writable = server("mounts").mount(VolumeMount::volume("cache", "/cache"));
    assert!(writable.security.read_only);
    docker.create_container(&writable).await?;
    let error = local.create_container(&writable).await.unwrap_err();
    assert_eq!(error.code(), "CONFIGURATION_ERROR");
    assert!(
        error.message().contains("volumes[0]"),
        "it names the mount: {error}"
    );

    let read_only = server("mounts").mount(VolumeMount::volume("cache", "/cache").read_only(true));
    local.create_container(&read_only).await?;
    Ok(())
}
