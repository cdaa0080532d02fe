//! Real-time signals, and stops after dropped calls.

use std::time::Duration;

use driver_interface_types::{ContainerDriver, ContainerStatus, Signal, StopOptions, WaitOptions};
use futures_util::future::join_all;

use super::engine::on_each;

#[test]
fn real_time_signal_reaches_the_process() {
    on_each("real_time_signal_reaches_the_process", async |bench| {
        let script = "trap 'exit 3' 36; echo ready; while :; do sleep 0.1; done";
        let made = bench.running(script).await;
        bench.ready(&made).await;
        let signal = Signal::from_number(36).unwrap();
        bench.driver.kill_container(&made.id, signal).await.unwrap();
        let options = WaitOptions::at_most(Duration::from_secs(20));
        let ended = bench.driver.wait_container(&made.id, options).await.unwrap();
        assert_eq!(ended.code, 3);
    });
}

/// Overrides how many calls are dropped, each at a different moment.
const DROPS: &str = "DRIVER_INTERFACE_DROPS";

#[test]
fn stop_after_dropped_start_or_restart_is_final() {
    on_each("stop_after_dropped_start_or_restart_is_final", async |bench| {
        let drops = std::env::var(DROPS).map_or(8, |count| count.parse().unwrap());
        let driver = &bench.driver;
        let mut all = Vec::new();
        for moment in 0..drops {
            let made = bench
                .created("trap 'exit 0' TERM; while :; do sleep 0.05; done")
                .await;
            let late = Duration::from_millis(400 * moment / drops);
            driver.start_container(&made.id).await.unwrap();
            if moment % 3 == 2 {
                driver
                    .stop_container(&made.id, StopOptions::kill())
                    .await
                    .unwrap();
                drop(tokio::time::timeout(late, driver.start_container(&made.id)).await);
            } else {
                let options = StopOptions::kill_after(Duration::from_secs(10));
                drop(tokio::time::timeout(late, driver.restart_container(&made.id, options)).await);
            }
            driver
                .stop_container(&made.id, StopOptions::kill())
                .await
                .unwrap();
            let stopped = driver.get_container(&made.id).await.unwrap().unwrap();
            assert_ne!(stopped.status, ContainerStatus::Running, "dropped after {late:?}");
            all.push(async move {
                tokio::time::sleep(Duration::from_millis(1500)).await;
                let now = driver.get_container(&made.id).await.unwrap().unwrap();
                assert_eq!(now, stopped, "dropped after {late:?}");
            });
        }
        join_all(all).await;
    });
}
