//! Signals, freezing and restarts.

use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_types::{
    ContainerDriver, ContainerStatus, LogOptions, PauseOutcome, Signal, StopOptions, UnpauseOutcome,
    WaitOptions,
};

use super::engine::on_each;

fn soon() -> WaitOptions {
    WaitOptions::at_most(Duration::from_secs(20))
}

#[test]
fn a_signal_reaches_the_process() {
    on_each("a_signal_reaches_the_process", async |bench| {
        let script =
            "trap 'echo usr1' USR1; trap 'echo rt; exit 3' 36; echo ready; while :; do sleep 0.1; done";
        let made = bench.running(script).await;
        bench.ready(&made).await;
        bench.driver.kill_container(&made.id, Signal::USR1).await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = bench.driver.get_container(&made.id).await.unwrap().unwrap();
        assert_eq!(now.status, ContainerStatus::Running);
        let real_time = Signal::from_number(36).unwrap();
        bench.driver.kill_container(&made.id, real_time).await.unwrap();
        let ended = bench.driver.wait_container(&made.id, soon()).await.unwrap();
        assert_eq!(ended.code, 3);
        let logs = bench
            .driver
            .get_container_logs(&made.id, LogOptions::default())
            .await;
        assert_eq!(logs.unwrap(), "ready\nusr1\nrt\n");
        let error = bench
            .driver
            .kill_container(&made.id, Signal::KILL)
            .await
            .unwrap_err();
        assert_eq!(error.code(), codes::CONTAINER_NOT_RUNNING);
    });
}

#[test]
fn a_kill_ends_running_and_frozen_containers() {
    on_each("a_kill_ends_running_and_frozen_containers", async |bench| {
        let made = bench.created("sleep 300").await;
        let error = bench
            .driver
            .kill_container(&made.id, Signal::TERM)
            .await
            .unwrap_err();
        assert_eq!(error.code(), codes::CONTAINER_NOT_RUNNING);
        for frozen in [false, true] {
            bench.driver.start_container(&made.id).await.unwrap();
            if frozen {
                bench.driver.pause_container(&made.id).await.unwrap();
                let error = bench
                    .driver
                    .kill_container(&made.id, Signal::TERM)
                    .await
                    .unwrap_err();
                assert_eq!(error.code(), codes::CONTAINER_NOT_RUNNING);
            }
            bench.driver.kill_container(&made.id, Signal::KILL).await.unwrap();
            let ended = bench.driver.wait_container(&made.id, soon()).await.unwrap();
            assert_eq!((ended.code, ended.signal), (137, Some(9)), "frozen: {frozen}");
        }
    });
}

#[test]
fn a_frozen_container_stands_still_and_goes_on() {
    on_each("a_frozen_container_stands_still_and_goes_on", async |bench| {
        let driver = &bench.driver;
        let made = bench.created("while :; do echo beat; sleep 0.1; done").await;
        for call in [
            driver.pause_container(&made.id).await.map(drop),
            driver.unpause_container(&made.id).await.map(drop),
        ] {
            assert_eq!(call.unwrap_err().code(), codes::CONTAINER_NOT_RUNNING);
        }
        driver.start_container(&made.id).await.unwrap();
        assert_eq!(
            driver.unpause_container(&made.id).await.unwrap(),
            UnpauseOutcome::AlreadyRunning
        );
        assert_eq!(
            driver.pause_container(&made.id).await.unwrap(),
            PauseOutcome::Paused
        );
        assert_eq!(
            driver.pause_container(&made.id).await.unwrap(),
            PauseOutcome::AlreadyPaused
        );
        let now = driver.get_container(&made.id).await.unwrap().unwrap();
        assert_eq!(now.status, ContainerStatus::Paused);
        let beats = async || {
            let logs = driver.get_container_logs(&made.id, LogOptions::default()).await;
            logs.unwrap().lines().count()
        };
        tokio::time::sleep(Duration::from_millis(300)).await;
        let before = beats().await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(beats().await, before);
        assert_eq!(
            driver.unpause_container(&made.id).await.unwrap(),
            UnpauseOutcome::Unpaused
        );
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(beats().await > before);
    });
}

#[test]
fn of_several_pauses_at_once_each_gets_an_answer() {
    on_each("of_several_pauses_at_once_each_gets_an_answer", async |bench| {
        let made = bench.running("sleep 300").await;
        let pauses = (0..4).map(|_| bench.driver.pause_container(&made.id));
        let outcomes = futures_util::future::try_join_all(pauses).await.unwrap();
        assert!(outcomes.contains(&PauseOutcome::Paused), "{outcomes:?}");
    });
}

#[test]
fn a_restart_makes_another_run() {
    on_each("a_restart_makes_another_run", async |bench| {
        let driver = &bench.driver;
        let made = bench
            .created("trap 'exit 0' TERM; echo run; while :; do sleep 0.1; done")
            .await;
        driver
            .restart_container(&made.id, StopOptions::default())
            .await
            .unwrap();
        let first = driver.get_container(&made.id).await.unwrap().unwrap();
        assert_eq!(first.status, ContainerStatus::Running);
        tokio::time::sleep(Duration::from_millis(1100)).await;
        driver
            .restart_container(&made.id, StopOptions::default())
            .await
            .unwrap();
        let second = driver.get_container(&made.id).await.unwrap().unwrap();
        assert_eq!(second.status, ContainerStatus::Running);
        assert!(second.started_at > first.started_at, "{first:?} {second:?}");
    });
}

#[test]
fn a_restart_does_not_kill_what_does_not_stop() {
    on_each("a_restart_does_not_kill_what_does_not_stop", async |bench| {
        let made = bench
            .running("trap 'echo no' TERM; echo ready; while :; do sleep 0.1; done")
            .await;
        bench.ready(&made).await;
        let patient = StopOptions::graceful(Duration::from_secs(1));
        let error = bench
            .driver
            .restart_container(&made.id, patient)
            .await
            .unwrap_err();
        assert_eq!(error.code(), codes::CONTAINER_STOP_FAILED);
        let now = bench.driver.get_container(&made.id).await.unwrap().unwrap();
        assert_eq!(now.started_at, made.started_at);
    });
}

/// How many calls are dropped, each at another moment; few unless this says otherwise.
const DROPS: &str = "DRIVER_INTERFACE_DROPS";

#[test]
fn a_stop_after_a_dropped_restart_or_start_is_final() {
    on_each(
        "a_stop_after_a_dropped_restart_or_start_is_final",
        async |bench| {
            let drops = std::env::var(DROPS).map_or(8, |count| count.parse().unwrap());
            let driver = &bench.driver;
            let made = bench
                .created("trap 'exit 0' TERM; while :; do sleep 0.05; done")
                .await;
            for moment in 0..drops {
                let late = Duration::from_millis(400 * moment / drops);
                if moment % 3 == 2 {
                    drop(tokio::time::timeout(late, driver.start_container(&made.id)).await);
                } else {
                    driver.start_container(&made.id).await.unwrap();
                    let options = StopOptions::kill_after(Duration::from_secs(10));
                    drop(tokio::time::timeout(late, driver.restart_container(&made.id, options)).await);
                }
                driver
                    .stop_container(&made.id, StopOptions::kill())
                    .await
                    .unwrap();
                let stopped = driver.get_container(&made.id).await.unwrap().unwrap();
                assert_ne!(stopped.status, ContainerStatus::Running, "dropped after {late:?}");
                tokio::time::sleep(Duration::from_millis(1500)).await;
                let now = driver.get_container(&made.id).await.unwrap().unwrap();
                assert_eq!(now, stopped, "dropped after {late:?}");
            }
        },
    );
}
