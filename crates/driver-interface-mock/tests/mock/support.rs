//! Shared test helpers.

use std::time::Duration;

use driver_interface_mock::{Latency, MockDockerDriver};
use driver_interface_types::{
    ContainerConfig, ContainerDriver, ContainerDriverExt, ContainerId, ContainerInstance, LogOptions,
};
use tokio::time::Instant;

/// The result of a script.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i64,
    pub(crate) time: Duration,
    pub(crate) instance: ContainerInstance,
}

pub(crate) fn instant_driver() -> MockDockerDriver {
    MockDockerDriver::builder().latency(Latency::Off).build()
}

pub(crate) fn script(text: &str) -> ContainerConfig {
    ContainerConfig::new("test", "busybox").command(["sh", "-c", text])
}

/// A container that prints `ready`, and on SIGTERM prints `bye` and exits with 0.
pub(crate) fn server() -> ContainerConfig {
    script("trap 'echo bye; exit 0' TERM; echo ready; while true; do sleep 600 & wait $!; done")
}

/// A container that ignores SIGTERM.
pub(crate) fn stubborn() -> ContainerConfig {
    script("trap '' TERM; echo ready; sleep 86400")
}

pub(crate) async fn started(driver: &dyn ContainerDriver, config: &ContainerConfig) -> ContainerId {
    let id = driver.create_container(config).await.unwrap().id;
    driver.start_container(&id).await.unwrap();
    id
}

/// Starts a container and waits until it has printed a line.
pub(crate) async fn ready(driver: &dyn ContainerDriver, config: &ContainerConfig) -> ContainerId {
    let id = started(driver, config).await;
    while driver
        .get_container_logs(&id, LogOptions::default())
        .await
        .unwrap()
        .is_empty()
    {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    id
}

pub(crate) async fn logs(driver: &dyn ContainerDriver, id: &ContainerId) -> String {
    driver
        .get_container_logs(id, LogOptions::default())
        .await
        .unwrap()
}

/// Runs a container to its exit.
pub(crate) async fn run_on(driver: &dyn ContainerDriver, config: &ContainerConfig) -> Ran {
    let id = driver.create_container(config).await.unwrap().id;
    let start = Instant::now();
    driver.start_container(&id).await.unwrap();
    let followed = driver
        .get_container_logs(&id, LogOptions::default().follow(true))
        .await
        .unwrap();
    let time = start.elapsed();
    let instance = driver
        .wait_until(&id, Duration::from_secs(1), |now| now.exit.is_some())
        .await
        .unwrap();
    let stdout = driver
        .get_container_logs(&id, LogOptions::default().only_stdout())
        .await
        .unwrap();
    let stderr = driver
        .get_container_logs(&id, LogOptions::default().only_stderr())
        .await
        .unwrap();
    assert_eq!(
        followed.len(),
        stdout.len() + stderr.len(),
        "following saw all of it"
    );
    let code = instance.exit_code().unwrap();
    Ran {
        stdout,
        stderr,
        code,
        time,
        instance,
    }
}

pub(crate) async fn run(config: &ContainerConfig) -> Ran {
    run_on(&instant_driver(), config).await
}

pub(crate) async fn run_script(text: &str) -> Ran {
    run(&script(text)).await
}
