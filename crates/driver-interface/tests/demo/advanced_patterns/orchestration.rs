//! Containers with dependencies.

use std::sync::Arc;

use driver_interface::{
    ContainerDriver, ContainerStatus, DriverError, Hint, InputError, MockDockerDriver, Result,
};

use crate::support::stack::{Service, start_stack};
use crate::support::{list_all, lookup, server};

fn shop() -> [Service; 3] {
    [
        Service::new("web", server("shop")).needs("api"),
        Service::new("api", server("shop")).needs("database"),
        Service::new("database", server("shop")),
    ]
}

#[tokio::test(start_paused = true)]
async fn services_start_after_their_dependencies() -> Result<()> {
    let driver: Arc<dyn ContainerDriver> = Arc::new(MockDockerDriver::new());
    let stack = start_stack(driver.clone(), &shop()).await?;

    assert_eq!(stack.containers().len(), 3);
    let mut services = list_all(&driver).await;
    services.sort_by_key(|service| service.started_at);
    let names: Vec<_> = services.iter().map(|service| &*service.name).collect();
    assert_eq!(names, ["database", "api", "web"]);
    assert!(
        services
            .iter()
            .all(|service| service.status == ContainerStatus::Running)
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn services_stop_before_their_dependencies() -> Result<()> {
    let driver: Arc<dyn ContainerDriver> = Arc::new(MockDockerDriver::new());
    let stack = start_stack(driver.clone(), &shop()).await?;
    stack.stop().await?;

    let mut ends = Vec::new();
    for container in stack.containers() {
        let exited = lookup(&driver, container).await;
        assert_eq!(exited.status, ContainerStatus::Stopped);
        ends.push((exited.exit.expect("it ended").finished_at, exited.name));
    }
    ends.sort();
    let names: Vec<_> = ends.iter().map(|(_, name)| &**name).collect();
    assert_eq!(names, ["web", "api", "database"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn failed_stack_start_leaves_nothing() {
    let driver: Arc<dyn ContainerDriver> = Arc::new(MockDockerDriver::new());
    let unmanaged_resource = driver.create_container(&server("unrelated")).await.unwrap();
    let [_, api, database] = shop();
    let web = Service::new("web", server("shop").command(["no-such-program"])).needs("api");
    let error = start_stack(driver.clone(), &[web, api, database])
        .await
        .unwrap_err();

    assert_eq!(
        (error.code(), error.hint()),
        ("CONTAINER_START_FAILED", Some(Hint::CommandNotFound))
    );
    assert_eq!(error.context().get("service"), Some("web"));
    assert_eq!(
        list_all(&driver).await,
        [unmanaged_resource],
        "only what the stack made is removed"
    );
}

#[tokio::test(start_paused = true)]
async fn dependency_cycle_is_rejected_before_creation() {
    let driver: Arc<dyn ContainerDriver> = Arc::new(MockDockerDriver::new());
    let circle = [
        Service::new("hen", server("farm")).needs("egg"),
        Service::new("egg", server("farm")).needs("hen"),
    ];
    let error = start_stack(driver.clone(), &circle).await.unwrap_err();
    let DriverError::Configuration(InputError::Configuration(refused)) = &error else {
        panic!("not a configuration error: {error:?}");
    };
    let stuck: Vec<_> = refused
        .violations()
        .iter()
        .map(|violation| &*violation.path)
        .collect();
    assert_eq!(stuck, ["hen", "egg"]);
    assert_eq!(list_all(&driver).await, []);
}
