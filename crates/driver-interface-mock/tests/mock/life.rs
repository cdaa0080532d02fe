//! Wait, kill, pause, restart, and their events.

use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_mock::{MockEngine, Operation};
use driver_interface_types::{
    ContainerConfig, ContainerDriver, ContainerId, ContainerStatus, EventFilter, EventKind, EventStream,
    PauseOutcome, RemoveOptions, Signal, StopOptions, StopOutcome, UnpauseOutcome, WaitOptions,
};
use tokio::time::{Instant, sleep};

use super::support::{instant_driver, logs, ready, script, server};

const SECOND: Duration = Duration::from_secs(1);

async fn kinds(stream: &mut EventStream, count: usize) -> Vec<EventKind> {
    let mut seen = Vec::new();
    for _ in 0..count {
        seen.push(stream.next().await.unwrap().unwrap().kind());
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn wait_ends_at_its_timeout_not_the_deadline() {
    let driver = instant_driver();
    let id = ready(&driver, &server()).await;
    let start = Instant::now();
    let error = driver
        .wait_container(&id, WaitOptions::at_most(5000 * SECOND))
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), start.elapsed().as_secs()),
        (codes::WAIT_TIMEOUT, 5000)
    );
}

#[tokio::test(start_paused = true)]
async fn wait_ends_when_the_engine_goes_down() {
    let engine = MockEngine::new();
    let driver = driver_interface_mock::MockDockerDriver::builder()
        .engine(&engine)
        .build();
    let id = ready(&driver, &server()).await;
    let goes_down = async {
        sleep(SECOND).await;
        engine.stop_engine();
    };
    let (error, ()) = tokio::join!(driver.wait_container(&id, WaitOptions::default()), goes_down);
    assert_eq!(error.unwrap_err().code(), codes::CONNECTION_ERROR);
}

#[tokio::test(start_paused = true)]
async fn paused_container_makes_no_progress() {
    let driver = instant_driver();
    let id = ready(
        &driver,
        &script("echo ready; while true; do sleep 1; echo tick; done"),
    )
    .await;
    assert_eq!(driver.pause_container(&id).await.unwrap(), PauseOutcome::Paused);
    assert_eq!(
        driver.pause_container(&id).await.unwrap(),
        PauseOutcome::AlreadyPaused
    );
    let paused = driver.get_container(&id).await.unwrap().unwrap();
    assert_eq!(paused.status, ContainerStatus::Paused);
    let before = logs(&driver, &id).await;
    sleep(100 * SECOND).await;
    assert_eq!(logs(&driver, &id).await, before);
    assert!(!driver.is_container_healthy(&id).await.unwrap());
    assert!(driver.start_container(&id).await.is_err());
    assert!(
        driver
            .remove_container(&id, RemoveOptions::default())
            .await
            .is_err()
    );
    let error = driver.kill_container(&id, Signal::TERM).await.unwrap_err();
    assert_eq!(error.code(), codes::CONTAINER_NOT_RUNNING);

    assert_eq!(
        driver.unpause_container(&id).await.unwrap(),
        UnpauseOutcome::Unpaused
    );
    assert_eq!(
        driver.unpause_container(&id).await.unwrap(),
        UnpauseOutcome::AlreadyRunning
    );
    sleep(3 * SECOND).await;
    assert!(logs(&driver, &id).await.len() > before.len());
}

#[tokio::test(start_paused = true)]
async fn paused_container_can_be_stopped_and_killed() {
    let driver = instant_driver();
    let id = ready(&driver, &server()).await;
    driver.pause_container(&id).await.unwrap();
    let outcome = driver.stop_container(&id, StopOptions::default()).await.unwrap();
    assert_eq!(outcome, StopOutcome::Stopped);

    driver.start_container(&id).await.unwrap();
    driver.pause_container(&id).await.unwrap();
    driver.kill_container(&id, Signal::KILL).await.unwrap();
    assert_eq!(
        driver
            .wait_container(&id, WaitOptions::default())
            .await
            .unwrap()
            .code,
        137
    );
}

#[tokio::test(start_paused = true)]
async fn discarded_events_report_a_gap() {
    let driver = instant_driver();
    let mut stream = driver.events(&EventFilter::default()).await.unwrap();
    for _ in 0..600 {
        let id = driver
            .create_container(&ContainerConfig::new("s", "busybox"))
            .await
            .unwrap()
            .id;
        driver
            .remove_container(&id, RemoveOptions::default())
            .await
            .unwrap();
    }
    let first = stream.next().await.unwrap().unwrap();
    assert_eq!((first.kind(), first.container_id()), (EventKind::Gap, None));
    assert_eq!(
        kinds(&mut stream, 2).await,
        [EventKind::Created, EventKind::Removed]
    );
}

#[tokio::test(start_paused = true)]
async fn optional_operations_support_faults_and_recording() {
    let driver = instant_driver();
    let id = ready(&driver, &server()).await;
    driver.faults().drop_next_response(Operation::PauseContainer);
    assert!(driver.pause_container(&id).await.is_err());
    assert_eq!(
        driver.pause_container(&id).await.unwrap(),
        PauseOutcome::AlreadyPaused
    );
    let last = driver.calls().pop().unwrap();
    assert_eq!(
        (last.operation, last.target),
        (Operation::PauseContainer, Some(id.to_string()))
    );
    let missing = ContainerId::new("nobody").unwrap();
    for error in [
        driver
            .wait_container(&missing, WaitOptions::default())
            .await
            .unwrap_err(),
        driver.kill_container(&missing, Signal::TERM).await.unwrap_err(),
        driver.pause_container(&missing).await.unwrap_err(),
        driver.unpause_container(&missing).await.unwrap_err(),
        driver
            .restart_container(&missing, StopOptions::default())
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.code(), codes::CONTAINER_NOT_FOUND);
    }
}
