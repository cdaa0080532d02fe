//! Latencies and stop timeouts, measured with the paused clock.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use driver_interface::{
    ContainerDriver, ContainerFilter, ContainerStatus, LogOptions, RemoveOptions, Result, StopOptions,
    StopOutcome,
};
use tokio::time::Instant;

use crate::support::{drivers, lookup, run, server, stubborn};

/// Returns the duration of a call by the paused clock, and its result.
async fn timed<T>(call: impl Future<Output = T>) -> (Duration, T) {
    let begin = Instant::now();
    let answer = call.await;
    (begin.elapsed(), answer)
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Returns each driver with its shortest and longest latency.
fn drivers_and_windows() -> impl Iterator<Item = (Arc<dyn ContainerDriver>, RangeInclusive<Duration>)> {
    drivers()
        .into_iter()
        .zip([millis(100)..=millis(200), millis(200)..=millis(300)])
}

#[tokio::test(start_paused = true)]
async fn change_latency_is_within_the_driver_window() {
    for (driver, window) in drivers_and_windows() {
        let mut times = Vec::new();
        for _ in 0..5 {
            let (time, created) = timed(driver.create_container(&server("speed"))).await;
            times.push(time);
            let id = created.unwrap().id;
            times.push(timed(driver.start_container(&id)).await.0);
            times.push(timed(driver.stop_container(&id, StopOptions::default())).await.0);
            times.push(
                timed(driver.remove_container(&id, RemoveOptions::default()))
                    .await
                    .0,
            );
        }
        for time in &times {
            assert!(
                window.contains(time),
                "{}: {time:?} is not in {window:?}",
                driver.name()
            );
        }
        times.sort();
        times.dedup();
        assert!(
            times.len() > 1,
            "{}: every operation took {times:?}",
            driver.name()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn read_latency_is_within_the_driver_window() {
    for (driver, window) in drivers_and_windows() {
        let id = run(&driver, &server("speed")).await;
        let times = [
            timed(driver.get_container(&id)).await.0,
            timed(driver.list_containers(&ContainerFilter::default())).await.0,
            timed(driver.get_container_logs(&id, LogOptions::default()))
                .await
                .0,
            timed(driver.is_container_healthy(&id)).await.0,
            timed(driver.health_check()).await.0,
        ];
        for time in times {
            assert!(
                window.contains(&time),
                "{}: {time:?} is not in {window:?}",
                driver.name()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn graceful_stop_uses_the_given_timeout() {
    for driver in drivers() {
        let id = run(&driver, &stubborn("hasty")).await;
        let hasty = StopOptions::graceful(millis(1));
        let (time, stopped) = timed(driver.stop_container(&id, hasty)).await;
        assert!(time < millis(500), "{}: gave {time:?}", driver.name());
        assert_eq!(stopped.unwrap_err().code(), "CONTAINER_STOP_FAILED");
        assert_eq!(lookup(&driver, &id).await.status, ContainerStatus::Running);
    }
}

#[tokio::test(start_paused = true)]
async fn default_stop_timeout_is_10_s_or_15_s() {
    for (driver, grace) in drivers().into_iter().zip([10, 15]) {
        let id = run(&driver, &stubborn("default")).await;
        let (time, stopped) = timed(driver.stop_container(&id, StopOptions::default())).await;
        let window = Duration::from_secs(grace)..Duration::from_secs(grace + 1);
        assert!(window.contains(&time), "{}: gave {time:?}", driver.name());
        assert_eq!(stopped.unwrap_err().code(), "CONTAINER_STOP_FAILED");
    }
}

#[tokio::test(start_paused = true)]
async fn kill_is_immediate() -> Result<()> {
    for driver in drivers() {
        let id = run(&driver, &stubborn("kill")).await;
        let (time, stopped) = timed(driver.stop_container(&id, StopOptions::kill())).await;
        assert!(time < millis(500), "{}: took {time:?}", driver.name());
        assert_eq!(stopped?, StopOutcome::Killed);
        assert_eq!(lookup(&driver, &id).await.exit_code(), Some(137));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn forced_stop_kills_after_its_grace() -> Result<()> {
    for driver in drivers() {
        let (deaf, polite) = (
            run(&driver, &stubborn("force")).await,
            run(&driver, &server("force")).await,
        );
        let firm = StopOptions::kill_after(Duration::from_secs(2));
        let (time, stopped) = timed(driver.stop_container(&deaf, firm)).await;
        assert_eq!(stopped?, StopOutcome::Killed);
        assert!(
            (millis(2000)..millis(2500)).contains(&time),
            "{}: took {time:?}",
            driver.name()
        );

        let (time, stopped) = timed(driver.stop_container(&polite, firm)).await;
        assert_eq!(stopped?, StopOutcome::Stopped);
        assert!(time < millis(500), "{}: took {time:?}", driver.name());
    }
    Ok(())
}
