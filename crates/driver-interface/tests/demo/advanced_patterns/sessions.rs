//! Sessions: a shared limit and a shared cleanup for one user's containers.

use std::sync::Arc;

use driver_interface::{
    ContainerDriver, DriverError, MockDockerDriver, NetworkConfig, Operation, ResourceError, ResourceFilter,
    Result, SessionId, VolumeConfig, VolumeMount,
};

use crate::support::session::Session;
use crate::support::{list_all, run};

#[tokio::test(start_paused = true)]
async fn session_limit_holds_under_concurrency() -> Result<()> {
    let driver: Arc<dyn ContainerDriver> = Arc::new(MockDockerDriver::new());
    let session = Arc::new(Session::open(driver.clone(), SessionId::new("alice")?, 2));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let session = session.clone();
        tasks.spawn(async move { session.create(&session.config("busybox")).await });
    }
    let (created, refused): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((created.len(), refused.len()), (2, 2));
    for error in refused.into_iter().map(Result::unwrap_err) {
        let DriverError::Resource(ResourceError::Limit(limit)) = &error else {
            panic!("not a resource limit: {error:?}");
        };
        assert_eq!((limit.resource(), limit.limit()), ("containers", 2.0));
        assert_eq!(error.context().get("session"), Some("alice"));
    }
    assert_eq!(session.containers().await?.len(), 2);

    let other = Session::open(driver, SessionId::new("bob")?, 2);
    other.create(&other.config("busybox")).await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn closing_a_session_removes_only_its_resources() -> Result<()> {
    let driver: Arc<dyn ContainerDriver> = Arc::new(MockDockerDriver::new());
    assert!(driver.capabilities().supports(Operation::ListVolumes));
    assert!(driver.capabilities().supports(Operation::ListNetworks));
    for user in ["alice", "bob"] {
        let (volume, network) = (format!("{user}-data"), format!("{user}-net"));
        driver
            .create_volume(&VolumeConfig::new(&volume).session(user))
            .await?;
        driver
            .create_network(&NetworkConfig::new(&network).session(user))
            .await?;
        let config = Session::open(driver.clone(), SessionId::new(user)?, 9)
            .config("busybox")
            .command(["sleep", "3600"])
            .mount(VolumeMount::volume(&volume, "/data"))
            .network(network);
        run(&driver, &config).await;
    }
    let removed = Session::open(driver.clone(), SessionId::new("alice")?, 9)
        .close()
        .await;
    assert!(removed.failures.is_empty(), "{removed:?}");
    assert_eq!((removed.containers, removed.volumes, removed.networks), (1, 1, 1));

    let everything = ResourceFilter::default();
    let containers = list_all(&driver).await;
    assert_eq!(
        containers
            .iter()
            .map(|one| one.session_id.as_str())
            .collect::<Vec<_>>(),
        ["bob"]
    );
    let volumes = driver.list_volumes(&everything).await?;
    assert_eq!(
        volumes.iter().map(|one| &*one.name).collect::<Vec<_>>(),
        ["bob-data"]
    );
    let networks = driver.list_networks(&everything).await?;
    assert_eq!(
        networks.iter().map(|one| &*one.name).collect::<Vec<_>>(),
        ["bob-net"]
    );
    Ok(())
}
