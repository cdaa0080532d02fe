//! Containers with dependencies: started in order, stopped in reverse, all or nothing.

use std::sync::Arc;

use driver_interface::{
    ConfigurationError, ContainerConfig, ContainerDriver, ContainerId, RemoveOptions, Result, StopOptions,
    Violation,
};

/// One container of a stack and its dependencies.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    name: String,
    config: ContainerConfig,
    needs: Vec<String>,
}

impl Service {
    pub(crate) fn new(name: &str, config: ContainerConfig) -> Self {
        Self {
            name: name.to_owned(),
            config: config.name(name),
            needs: Vec::new(),
        }
    }

    pub(crate) fn needs(mut self, other: &str) -> Self {
        self.needs.push(other.to_owned());
        self
    }
}

/// A running stack, in start order.
#[derive(Debug)]
pub(crate) struct RunningStack {
    driver: Arc<dyn ContainerDriver>,
    containers: Vec<ContainerId>,
}

/// Starts services, each after its dependencies. If one fails, the others are removed.
pub(crate) async fn start_stack(
    driver: Arc<dyn ContainerDriver>,
    services: &[Service],
) -> Result<RunningStack> {
    let order = start_order(services)?;
    let mut stack = RunningStack {
        driver,
        containers: Vec::new(),
    };
    for service in order {
        if let Err(error) = stack.add(service).await {
            // Removal is best effort: the first error matters.
            for container in stack.containers.iter().rev() {
                stack
                    .driver
                    .remove_container(container, RemoveOptions::force())
                    .await
                    .ok();
            }
            return Err(error.with_context("service", &service.name));
        }
    }
    Ok(stack)
}

impl RunningStack {
    /// Returns the containers in start order.
    pub(crate) fn containers(&self) -> &[ContainerId] {
        &self.containers
    }

    /// Stops the services, each before its dependencies.
    pub(crate) async fn stop(&self) -> Result<()> {
        for container in self.containers.iter().rev() {
            self.driver
                .stop_container(container, StopOptions::default())
                .await?;
        }
        Ok(())
    }

    async fn add(&mut self, service: &Service) -> Result<()> {
        let container = self.driver.create_container(&service.config).await?.id;
        // Record it before the start, which may fail and leave the container.
        self.containers.push(container.clone());
        self.driver.start_container(&container).await?;
        Ok(())
    }
}

/// Sorts services by dependency, otherwise in the given order. Rejects cycles and missing services.
fn start_order(services: &[Service]) -> Result<Vec<&Service>, ConfigurationError> {
    let mut order: Vec<&Service> = Vec::with_capacity(services.len());
    while order.len() < services.len() {
        let is_up = |name: &str| order.iter().any(|service| service.name == name);
        let next = services
            .iter()
            .find(|service| !is_up(&service.name) && service.needs.iter().all(|need| is_up(need)));
        let Some(next) = next else {
            let stuck = services
                .iter()
                .filter(|service| !is_up(&service.name))
                .map(|service| {
                    let needs = service.needs.join(", ");
                    Violation::new(
                        &*service.name,
                        "unmet-need",
                        format!("can never have what it needs: {needs}"),
                    )
                });
            return Err(ConfigurationError::new(stuck.collect()));
        };
        order.push(next);
    }
    Ok(order)
}
