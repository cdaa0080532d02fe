//! More than one driver: a second choice when the first is down, and the right one for what is needed.

use std::sync::Arc;

use driver_interface::{
    Capabilities, ContainerConfig, ContainerDriver, ContainerInstance, DriverError, Effect, Result,
};

/// A container and the driver that has it: ids mean something only together with their driver.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) driver: Arc<dyn ContainerDriver>,
    pub(crate) container: ContainerInstance,
}

/// Creates a container on the first driver that can be reached.
///
/// The next one is asked only when the engine before it surely did nothing. After a lost answer the
/// container may exist there, and a second one elsewhere would be a duplicate: such an error is the caller's to
/// retry, on the same driver. And what is wrong with the config is wrong everywhere.
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

/// The first driver that has what is needed.
pub(crate) fn first_with(
    drivers: &[Arc<dyn ContainerDriver>],
    needed: impl Fn(&Capabilities) -> bool,
) -> Option<Arc<dyn ContainerDriver>> {
    drivers
        .iter()
        .find(|driver| needed(&driver.capabilities()))
        .cloned()
}

/// The config of a container, made to fit another driver: within its CPU limit. The rest means the same on
/// every driver.
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
