//! Waiting, signals, freezing, restarting, and the events of all that.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod support;

use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_mock::{MockEngine, Operation};
use driver_interface_types::{
    ContainerConfig, ContainerDriver, ContainerId, ContainerStatus, EventFilter, EventKind, EventStream,
    PauseOutcome, RemoveOptions, Signal, StopOptions, StopOutcome, UnpauseOutcome, WaitOptions,
};
use support::{instant_driver, logs, ready, script, server, started, stubborn};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

async fn kinds(stream: &mut EventStream, count: usize) -> Vec<EventKind> {
    let mut seen = Vec::new();
    for _ in 0..count {
        seen.push(stream.next().await.unwrap().unwrap().kind());
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn a_wait_gives_the_exit_of_the_run_that_goes_on() {
    let driver = instant_driver();
    let id = started(&driver, &script("sleep 500; exit 7")).await;
    let start = Instant::now();
    let exit = driver.wait_container(&id, WaitOptions::default()).await.unwrap();
    assert_eq!((exit.code, start.elapsed().as_secs()), (7, 500));
    assert_eq!(
        driver.wait_container(&id, WaitOptions::default()).await.unwrap(),
        exit
    );
    assert_eq!(driver.get_container(&id).await.unwrap().unwrap().exit, Some(exit));
}

#[tokio::test(start_paused = true)]
async fn a_wait_on_a_created_container_waits_for_a_run() {
    let driver = instant_driver();
    let id = driver.create_container(&script("exit 3")).await.unwrap().id;
    let waits = driver.wait_container(&id, WaitOptions::default());
    let starts = async {
        sleep(SECOND).await;
        driver.start_container(&id).await.unwrap();
    };
    let (exit, ()) = tokio::join!(waits, starts);
    assert_eq!(exit.unwrap().code, 3);
}

#[tokio::test(start_paused = true)]
async fn a_wait_keeps_the_code_of_what_is_removed_meanwhile() {
    let driver = instant_driver();
    let id = ready(&driver, &stubborn()).await;
    let waits = driver.wait_container(&id, WaitOptions::default());
    let removes = async {
        sleep(SECOND).await;
        driver
            .remove_container(&id, RemoveOptions::force())
            .await
            .unwrap();
    };
    let (exit, ()) = tokio::join!(waits, removes);
    assert_eq!(exit.unwrap().code, 137);

    let never = driver.create_container(&server()).await.unwrap().id;
    let waits = driver.wait_container(&never, WaitOptions::default());
    let (error, removed) = tokio::join!(waits, driver.remove_container(&never, RemoveOptions::default()));
    removed.unwrap();
    assert_eq!(error.unwrap_err().code(), codes::CONTAINER_NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_its_timeout_and_not_with_the_deadline() {
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
async fn a_wait_ends_when_the_engine_goes_down() {
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
async fn a_signal_reaches_the_process() {
    let driver = instant_driver();
    let id = ready(
        &driver,
        &script("trap 'echo got usr1' USR1; echo ready; while true; do sleep 1; done"),
    )
    .await;
    driver.kill_container(&id, Signal::USR1).await.unwrap();
    sleep(2 * SECOND).await;
    assert_eq!(logs(&driver, &id).await, "ready\ngot usr1\n");
    driver.kill_container(&id, Signal::KILL).await.unwrap();
    assert_eq!(
        driver
            .wait_container(&id, WaitOptions::default())
            .await
            .unwrap()
            .code,
        137
    );
    let error = driver.kill_container(&id, Signal::KILL).await.unwrap_err();
    assert_eq!(error.code(), codes::CONTAINER_NOT_RUNNING);
}

#[tokio::test(start_paused = true)]
async fn a_paused_container_stands_still() {
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
async fn a_paused_container_can_be_stopped_and_killed() {
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
async fn a_restart_makes_another_run() {
    let driver = instant_driver();
    let id = ready(&driver, &server()).await;
    let first = driver.get_container(&id).await.unwrap().unwrap();
    sleep(SECOND).await;
    driver
        .restart_container(&id, StopOptions::default())
        .await
        .unwrap();
    let second = driver.get_container(&id).await.unwrap().unwrap();
    assert_eq!(second.status, ContainerStatus::Running);
    assert!(second.started_at > first.started_at);

    let id = ready(&driver, &stubborn()).await;
    let before = driver.get_container(&id).await.unwrap();
    let error = driver
        .restart_container(&id, StopOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.code(), codes::CONTAINER_STOP_FAILED);
    assert_eq!(driver.get_container(&id).await.unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn events_tell_a_life_in_order() {
    let driver = instant_driver();
    let mut stream = driver.events(&EventFilter::default()).await.unwrap();
    let id = ready(&driver, &server()).await;
    driver.pause_container(&id).await.unwrap();
    driver.unpause_container(&id).await.unwrap();
    driver.stop_container(&id, StopOptions::default()).await.unwrap();
    driver
        .remove_container(&id, RemoveOptions::default())
        .await
        .unwrap();
    let life = [
        EventKind::Created,
        EventKind::Started,
        EventKind::Paused,
        EventKind::Unpaused,
        EventKind::Stopped,
        EventKind::Removed,
    ];
    assert_eq!(kinds(&mut stream, 6).await, life);
}

#[tokio::test(start_paused = true)]
async fn a_cursor_goes_on_without_gap_or_duplicate() {
    let driver = instant_driver();
    let mut stream = driver.events(&EventFilter::default()).await.unwrap();
    let id = started(&driver, &script("exit 9").label("a", "b")).await;
    driver.wait_container(&id, WaitOptions::default()).await.unwrap();
    let first = stream.next().await.unwrap().unwrap();
    drop(stream);
    driver
        .remove_container(&id, RemoveOptions::default())
        .await
        .unwrap();
    let filter = EventFilter::default().after(first.cursor.clone()).label("a", "b");
    let mut stream = driver.events(&filter).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().kind(), EventKind::Started);
    let stopped = stream.next().await.unwrap().unwrap();
    assert_eq!(
        (stopped.kind(), stopped.exit_code()),
        (EventKind::Stopped, Some(9))
    );
    assert_eq!(kinds(&mut stream, 1).await, [EventKind::Removed]);

    let since = driver
        .events(&EventFilter::default().since(first.time))
        .await
        .unwrap();
    let mut since = since;
    assert_eq!(since.next().await.unwrap().unwrap(), first);
    let strange = EventFilter::default().after("somewhere-else".parse().unwrap());
    assert_eq!(
        driver.events(&strange).await.unwrap_err().code(),
        codes::CONFIGURATION_ERROR
    );
}

#[tokio::test(start_paused = true)]
async fn events_that_are_no_longer_kept_leave_a_gap() {
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
async fn the_new_operations_take_faults_and_are_recorded() {
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
