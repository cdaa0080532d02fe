//! Shared drivers, containers and patterns.

pub(crate) mod breaker;
pub(crate) mod failover;
pub(crate) mod metrics;
pub(crate) mod observer;
pub(crate) mod pool;
pub(crate) mod retry;
pub(crate) mod session;
pub(crate) mod stack;

use std::sync::Arc;

use driver_interface::mock::Operation;
use driver_interface::{
    ContainerConfig, ContainerDriver, ContainerFilter, ContainerId, ContainerInstance, MockDockerDriver,
    MockLocalDriver,
};

/// Returns both drivers, each with its own engine.
pub(crate) fn drivers() -> [Arc<dyn ContainerDriver>; 2] {
    [
        Arc::new(MockDockerDriver::new()),
        Arc::new(MockLocalDriver::new()),
    ]
}

/// Runs until SIGTERM and then exits immediately.
pub(crate) fn server(session: &str) -> ContainerConfig {
    ContainerConfig::new(session, "busybox").command(["sleep", "3600"])
}

/// Runs for an hour and ignores SIGTERM.
pub(crate) fn stubborn(session: &str) -> ContainerConfig {
    script(session, "trap '' TERM; echo ready; sleep 3600")
}

/// Runs a shell script.
pub(crate) fn script(session: &str, text: &str) -> ContainerConfig {
    ContainerConfig::new(session, "busybox").command(["sh", "-c", text])
}

/// Returns an existing container's current state.
pub(crate) async fn lookup(driver: &dyn ContainerDriver, id: &ContainerId) -> ContainerInstance {
    let found = driver.get_container(id).await.expect("the engine answers");
    found.expect("the container exists")
}

/// Returns all containers of the driver's namespace.
pub(crate) async fn list_all(driver: &dyn ContainerDriver) -> Vec<ContainerInstance> {
    let everything = ContainerFilter::default();
    driver
        .list_containers(&everything)
        .await
        .expect("the engine answers")
}

/// Creates a container and starts it.
pub(crate) async fn run(driver: &dyn ContainerDriver, config: &ContainerConfig) -> ContainerId {
    let id = driver
        .create_container(config)
        .await
        .expect("it can be created")
        .id;
    driver.start_container(&id).await.expect("it can be started");
    id
}

/// Returns the number of calls of an operation.
pub(crate) fn calls(driver: &MockDockerDriver, operation: Operation) -> usize {
    driver
        .calls()
        .iter()
        .filter(|call| call.operation == operation)
        .count()
}
