//! The last look: whatever a run's namespaces still have is a leak, and is removed. And the same for a run that
//! could not look itself.

use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_types::{
    Capability, ContainerDriver, ContainerFilter, DriverError, Namespace, RemoveOptions, ResourceFilter,
};
use tokio::time::{Instant, sleep, timeout};

use crate::Target;
use crate::outcome::describe;
use crate::prepare;

/// How long a driver has for undoing, in the background, creations that were dropped.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long looking at one namespace may take: a driver that hangs must not hang the suite.
const DEADLINE: Duration = Duration::from_secs(90);

/// Looks for what is left in some namespaces, over a new connection to each.
pub(crate) async fn leaks(target: &dyn Target, namespaces: &[Namespace]) -> Vec<String> {
    let mut leaks = Vec::new();
    for namespace in namespaces {
        match timeout(DEADLINE, sweep_one(target, namespace)).await {
            Ok(Ok(left)) => leaks.extend(left),
            Ok(Err(error)) => {
                leaks.push(format!(
                    "namespace {namespace} could not be swept: {}",
                    describe(&error)
                ));
            }
            Err(_) => leaks.push(format!(
                "namespace {namespace} could not be swept within {DEADLINE:?}"
            )),
        }
    }
    leaks
}

/// Removes what a run left that was killed: everything in the namespaces it used, and its test image. Returns what was
/// found, one line each.
///
/// Which namespaces a run uses [`Target::connect`] sees; write them down before they are used, and give up the note when
/// the run has ended. A run that is still alive must not be swept: it would lose what it works with.
///
/// # Errors
/// What could not be removed, in words. Sweep again when the engine can be reached.
///
/// # Cancel safety
/// Dropping the future leaves what was not removed yet; sweep again.
pub async fn sweep(target: &dyn Target, namespaces: &[Namespace]) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for namespace in namespaces {
        let failed = |why: String| format!("namespace {namespace}: {why}");
        let swept = timeout(DEADLINE, sweep_abandoned(target, namespace)).await;
        let swept = swept.map_err(|_| failed(format!("not swept within {DEADLINE:?}")))?;
        found.extend(swept.map_err(|error| failed(describe(&error)))?);
    }
    Ok(found)
}

async fn sweep_abandoned(target: &dyn Target, namespace: &Namespace) -> Result<Vec<String>, DriverError> {
    let driver = target.connect(namespace).await?;
    let mut found = leftovers(&*driver).await?;
    remove_all(&*driver).await?;
    if let Some(image) = prepare::image_of(namespace)
        && driver.capabilities().supports(Capability::ImageRemove)
    {
        match driver.remove_image(&image).await {
            Ok(()) => found.push(format!("image {image}")),
            Err(error) if error.code() == codes::IMAGE_NOT_FOUND => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

async fn sweep_one(target: &dyn Target, namespace: &Namespace) -> Result<Vec<String>, DriverError> {
    let driver = target.connect(namespace).await?;
    let end = Instant::now() + PATIENCE;
    loop {
        let left = leftovers(&*driver).await?;
        if left.is_empty() {
            return Ok(left);
        }
        if Instant::now() >= end {
            remove_all(&*driver).await?;
            return Ok(left);
        }
        sleep(Duration::from_millis(250)).await;
    }
}

async fn leftovers(driver: &dyn ContainerDriver) -> Result<Vec<String>, DriverError> {
    let mut left = Vec::new();
    for container in driver.list_containers(&ContainerFilter::default()).await? {
        left.push(format!("container {} ({})", container.name, container.status));
    }
    if driver.capabilities().supports(Capability::VolumeList) {
        let volumes = driver.list_volumes(&ResourceFilter::default()).await?;
        left.extend(volumes.iter().map(|volume| format!("volume {}", volume.name)));
    }
    if driver.capabilities().supports(Capability::NetworkList) {
        let networks = driver.list_networks(&ResourceFilter::default()).await?;
        left.extend(networks.iter().map(|network| format!("network {}", network.name)));
    }
    Ok(left)
}

async fn remove_all(driver: &dyn ContainerDriver) -> Result<(), DriverError> {
    for container in driver.list_containers(&ContainerFilter::default()).await? {
        driver
            .remove_container(&container.id, RemoveOptions::force())
            .await?;
    }
    if driver.capabilities().supports(Capability::VolumeList) {
        for volume in driver.list_volumes(&ResourceFilter::default()).await? {
            driver.remove_volume(&volume.id).await?;
        }
    }
    if driver.capabilities().supports(Capability::NetworkList) {
        for network in driver.list_networks(&ResourceFilter::default()).await? {
            driver.remove_network(&network.id).await?;
        }
    }
    Ok(())
}
