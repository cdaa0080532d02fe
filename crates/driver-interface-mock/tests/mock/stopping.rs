//! Stopping, with and without force.

use std::time::Duration;

use driver_interface_errors::{Hint, codes};
use driver_interface_mock::{Latency, MockDockerDriver, MockLocalDriver};
use driver_interface_types::{ContainerDriver, ContainerStatus, RemoveOptions, StopOptions, StopOutcome};
use tokio::time::Instant;

use super::support::{instant_driver, ready, script, server, stubborn};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn graceful_stop_times_out_and_leaves_it_running() {
    let docker = MockDockerDriver::builder().latency(Latency::Off).build();
    let local = MockLocalDriver::builder().latency(Latency::Off).build();
    let drivers: [(&dyn ContainerDriver, u64); 2] = [(&docker, 10), (&local, 15)];
    for (driver, default) in drivers {
        let id = ready(driver, &stubborn()).await;
        let before = driver.get_container(&id).await.unwrap();
        for (options, seconds) in [
            (StopOptions::graceful(SECOND), 1),
            (StopOptions::graceful(20 * SECOND), 20),
            (StopOptions::default(), default),
        ] {
            let start = Instant::now();
            let error = driver.stop_container(&id, options).await.unwrap_err();
            assert_eq!(start.elapsed().as_secs(), seconds);
            assert_eq!(
                (error.code(), error.is_retryable()),
                (codes::CONTAINER_STOP_FAILED, true)
            );
            assert_eq!(error.hint(), Some(Hint::StillRunning));
            assert_eq!(driver.get_container(&id).await.unwrap(), before);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn forced_stop_kills_exactly_after_the_grace() {
    let driver = instant_driver();
    for (options, grace) in [
        (StopOptions::kill(), Duration::ZERO),
        (StopOptions::kill_after(Duration::ZERO), Duration::ZERO),
        (StopOptions::kill_after(SECOND), SECOND),
    ] {
        let id = ready(&driver, &stubborn()).await;
        let start = Instant::now();
        assert_eq!(
            driver.stop_container(&id, options).await.unwrap(),
            StopOutcome::Killed
        );
        let took = start.elapsed();
        assert!(took >= grace && took < grace + SECOND / 10, "{took:?}");
        let exited = driver.get_container(&id).await.unwrap().unwrap();
        assert_eq!(
            (exited.status, exited.exit_code()),
            (ContainerStatus::Stopped, Some(137))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn concurrent_stops_share_one_grace() {
    let driver = instant_driver();
    let id = ready(&driver, &stubborn()).await;
    let start = Instant::now();
    let stops: Vec<_> = (0..16)
        .map(|_| {
            let (driver, id) = (driver.clone(), id.clone());
            tokio::spawn(async move {
                driver
                    .stop_container(&id, StopOptions::kill_after(2 * SECOND))
                    .await
            })
        })
        .collect();
    for stop in stops {
        stop.await.unwrap().unwrap();
    }
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn dropped_stop_does_not_kill() {
    let driver = instant_driver();
    let id = ready(&driver, &stubborn()).await;
    let stop = driver.stop_container(&id, StopOptions::kill_after(5 * SECOND));
    assert!(tokio::time::timeout(SECOND, stop).await.is_err());
    tokio::time::sleep(60 * SECOND).await;
    let now = driver.get_container(&id).await.unwrap().unwrap();
    assert_eq!(now.status, ContainerStatus::Running);
}

#[tokio::test(start_paused = true)]
async fn removal_ends_pending_stops_and_processes() {
    let driver = instant_driver();
    let config = script("trap '' TERM; while true; do echo tick; sleep 1; done");
    let id = ready(&driver, &config).await;
    let (other, same) = (driver.clone(), id.clone());
    let stop = tokio::spawn(async move {
        other
            .stop_container(&same, StopOptions::graceful(60 * SECOND))
            .await
    });
    tokio::time::sleep(SECOND).await;
    driver
        .remove_container(&id, RemoveOptions::force())
        .await
        .unwrap();
    assert!(stop.await.unwrap().unwrap_err().is_not_found());
}

#[tokio::test(start_paused = true)]
async fn concurrent_start_and_stop_end_consistently() {
    let driver = MockDockerDriver::new();
    let id = driver.create_container(&server()).await.unwrap().id;
    for _ in 0..30 {
        let (starter, stopper) = ((driver.clone(), id.clone()), (driver.clone(), id.clone()));
        let start = tokio::spawn(async move { starter.0.start_container(&starter.1).await });
        let stop =
            tokio::spawn(async move { stopper.0.stop_container(&stopper.1, StopOptions::default()).await });
        start.await.unwrap().unwrap();
        stop.await.unwrap().unwrap();
        let now = driver.get_container(&id).await.unwrap().unwrap();
        assert!(
            matches!(now.status, ContainerStatus::Running | ContainerStatus::Stopped),
            "{now:?}"
        );
    }
}
