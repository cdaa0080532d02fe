//! The time of a call does not grow with the number of containers.

use std::time::{Duration, Instant};

use driver_interface_mock::MockDockerDriver;
use driver_interface_types::{
    ContainerConfig, ContainerDriver, ContainerDriverExt as _, ContainerFilter, SessionId,
};

use super::support::instant_driver;

const FEW: usize = 250;
const MANY: usize = 8000;
/// The allowed slowdown. A call that visits all containers would take 32 times as long.
const MOST: f64 = 8.0;

fn config(number: usize) -> ContainerConfig {
    ContainerConfig::new(format!("session-{}", number / 10), "busybox")
        .name(format!("container-{number}"))
        .label("number", (number / 10).to_string())
        .operation_key(format!("key-{number}"))
}

async fn grow(driver: &MockDockerDriver, numbers: std::ops::Range<usize>) {
    for number in numbers {
        driver.create_container(&config(number)).await.unwrap();
    }
}

/// Returns the shortest of several times, which has the least interference.
async fn shortest(mut work: impl AsyncFnMut()) -> Duration {
    let mut times = Vec::new();
    for _ in 0..10 {
        let began = Instant::now();
        work().await;
        times.push(began.elapsed());
    }
    times.into_iter().min().unwrap()
}

/// Measures some calls, each with its name.
async fn times(driver: &MockDockerDriver, count: usize) -> Vec<(&'static str, Duration)> {
    let mut next = count;
    let create = shortest(async || {
        grow(driver, next..next + 10).await;
        next += 10;
    });
    let create = create.await;
    let listed = async |filter: ContainerFilter| {
        shortest(async || {
            assert_eq!(driver.list_containers(&filter).await.unwrap().len(), 10);
        })
        .await
    };
    let session = SessionId::new("session-7").unwrap();
    let by_session = listed(ContainerFilter::default().session(session)).await;
    let by_label = listed(ContainerFilter::default().label("number", "7")).await;
    let lookup = async |name: &'static str, found: bool| {
        shortest(async || {
            for _ in 0..10 {
                assert_eq!(driver.find_container(name).await.unwrap().is_some(), found);
            }
        })
        .await
    };
    let by_name = lookup("container-7", true).await;
    let missing = lookup("no-such-container", false).await;
    vec![
        ("create", create),
        ("list by session", by_session),
        ("list by label", by_label),
        ("get by name", by_name),
        ("get what is not there", missing),
    ]
}

#[tokio::test]
async fn call_time_is_independent_of_container_count() {
    let driver = instant_driver();
    grow(&driver, 0..FEW).await;
    let few = times(&driver, FEW).await;
    grow(&driver, FEW + 100..MANY).await;
    let many = times(&driver, MANY).await;
    for ((what, few), (_, many)) in few.into_iter().zip(many) {
        let ratio = many.as_secs_f64() / few.as_secs_f64();
        println!("{what}: {few:?} with {FEW} containers, {many:?} with {MANY}");
        assert!(
            ratio < MOST,
            "{what}: {few:?} with {FEW} containers, {many:?} with {MANY}"
        );
    }
}
