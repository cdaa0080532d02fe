//! A pool of running containers.

use std::sync::Arc;

use driver_interface::{ContainerDriver, ContainerStatus, MockDockerDriver, RemoveOptions, Result};
use tokio::time::Instant;

use crate::support::pool::WarmPool;
use crate::support::{list_all, lookup, server};

#[tokio::test(start_paused = true)]
async fn warm_container_is_faster_than_cold_start() -> Result<()> {
    let driver: Arc<dyn ContainerDriver> = Arc::new(MockDockerDriver::new());
    let pool = WarmPool::new(driver.clone(), server("pool"), 1);
    pool.replenish().await?;

    let begin = Instant::now();
    let warm = pool.acquire().await?;
    let warm_time = begin.elapsed();
    let cold = pool.acquire().await?;
    let cold_time = begin.elapsed() - warm_time;
    assert_ne!(warm, cold);
    assert!(warm_time < cold_time, "{warm_time:?} against {cold_time:?}");
    for container in [&warm, &cold] {
        assert_eq!(lookup(&driver, container).await.status, ContainerStatus::Running);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn released_container_is_replaced_not_reused() -> Result<()> {
    let driver: Arc<dyn ContainerDriver> = Arc::new(MockDockerDriver::new());
    let pool = WarmPool::new(driver.clone(), server("pool"), 2);
    pool.replenish().await?;
    let used = pool.acquire().await?;
    assert_eq!(pool.ready(), 1);

    pool.release(&used).await?;
    assert_eq!(pool.ready(), 2);
    assert_eq!(driver.get_container(&used).await?, None);
    assert_ne!(pool.acquire().await?, used);
    assert_ne!(pool.acquire().await?, used);

    let removed = pool.close().await?;
    assert!(removed.failures.is_empty(), "{removed:?}");
    assert_eq!(list_all(&driver).await, [], "borrowed containers go too");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn dead_containers_are_not_handed_out() -> Result<()> {
    let driver: Arc<dyn ContainerDriver> = Arc::new(MockDockerDriver::new());
    let pool = WarmPool::new(driver.clone(), server("pool"), 3);
    pool.replenish().await?;
    let [dead, vanished, alive] = &list_all(&driver).await[..] else {
        panic!("the pool has not three containers");
    };
    driver.stop_container(&dead.id, Default::default()).await?;
    driver
        .remove_container(&vanished.id, RemoveOptions::force())
        .await?;

    assert_eq!(pool.acquire().await?, alive.id);
    assert_eq!(
        driver.get_container(&dead.id).await?,
        None,
        "the dead one is removed"
    );
    Ok(())
}
