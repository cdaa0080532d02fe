//! Failover between drivers, and selection by capability.

use std::sync::Arc;

use driver_interface::{
    Capabilities, ContainerConfig, ContainerDriver, ContainerInstance, DriverError, Effect, Result,
};

/// A container with its driver, since ids are only valid for one driver.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) driver: Arc<dyn ContainerDriver>,
    pub(crate) container: ContainerInstance,
}

/// Creates a container on the first driver that can be reached.
///
/// Tries the next driver only if the previous engine certainly did nothing. After a lost response the
/// container may exist, so the caller must retry on the same driver. Config errors do not fail over.
pub(crate) async fn create_on_first_reachable(
    drivers: &[Arc<dyn ContainerDriver>],
    config: &ContainerConfig,
) -> Result<Placed> {
    let (last, others) = drivers.split_last().expect("a list of drivers is not empty");
    for driver in others {
        match driver.create_container(config).await {
            Err(error) if is_down(&error) => {}
            result => return result.map(|container| location(driver, container)),
        }
    }
    let container = last.create_container(config).await?;
    Ok(location(last, container))
}

/// Returns the first driver with the required capabilities.
pub(crate) fn first_with(
    drivers: &[Arc<dyn ContainerDriver>],
    needed: impl Fn(&Capabilities) -> bool,
) -> Option<Arc<dyn ContainerDriver>> {
    drivers
        .iter()
        .find(|driver| needed(&driver.capabilities()))
        .cloned()
}

/// Reduces the CPU limit of a config to the maximum of another driver.
pub(crate) fn fit_to(config: &ContainerConfig, driver: &dyn ContainerDriver) -> ContainerConfig {
    let most = driver.capabilities().bounds.max_cpu.unwrap_or(f64::INFINITY);
    config.clone().cpu(config.resources.cpu.min(most))
}

fn is_down(error: &DriverError) -> bool {
    error.category() == "system" && error.effect() == Effect::NotApplied
}

fn location(driver: &Arc<dyn ContainerDriver>, container: ContainerInstance) -> Placed {
    Placed {
        driver: driver.clone(),
        container,
    }
}
