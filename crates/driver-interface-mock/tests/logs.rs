//! What containers have written.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod support;

use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_types::{ContainerDriver, LogOptions, RemoveOptions, StopOptions};
use support::{instant_driver, logs, ready, run_script, script, server, started};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn streams_tails_and_times_are_as_asked_for() {
    let driver = instant_driver();
    let id = started(&driver, &script("echo a; sleep 10; echo b >&2; sleep 10; echo c")).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let began = driver
        .get_container(&id)
        .await
        .unwrap()
        .unwrap()
        .started_at
        .unwrap();
    let since = |seconds| LogOptions::default().since(began + Duration::from_secs(seconds));
    for (options, expected) in [
        (LogOptions::default(), "a\nb\nc\n"),
        (LogOptions::default().only_stdout(), "a\nc\n"),
        (LogOptions::default().only_stderr(), "b\n"),
        (LogOptions::default().tail(0), ""),
        (LogOptions::default().tail(2), "b\nc\n"),
        (LogOptions::default().only_stdout().tail(2), "a\nc\n"),
        (LogOptions::default().tail(u64::MAX), "a\nb\nc\n"),
        (since(5), "b\nc\n"),
        (since(15).tail(5), "c\n"),
        (since(3600), ""),
    ] {
        assert_eq!(
            driver.get_container_logs(&id, options).await.unwrap(),
            expected,
            "{options:?}"
        );
    }
    let timed = driver
        .get_container_logs(&id, LogOptions::default().timestamps(true))
        .await
        .unwrap();
    for line in timed.lines() {
        let (time, text) = line.split_once(' ').unwrap();
        assert!(humantime_like(time), "{time}");
        assert_eq!(text.len(), 1);
    }
}

fn humantime_like(time: &str) -> bool {
    time.len() == "2026-01-01T00:00:00.000000000Z".len() && time.ends_with('Z') && time.contains('T')
}

#[tokio::test(start_paused = true)]
async fn selecting_neither_stream_is_refused() {
    let driver = instant_driver();
    let id = driver.create_container(&script("true")).await.unwrap().id;
    assert_eq!(logs(&driver, &id).await, "");
    let mut options = LogOptions::default();
    (options.stdout, options.stderr) = (false, false);
    let error = driver.get_container_logs(&id, options).await.unwrap_err();
    assert_eq!(error.code(), codes::CONFIGURATION_ERROR);
}

#[tokio::test(start_paused = true)]
async fn every_byte_comes_through_once() {
    let ran = run_script(r"echo; printf 'a\377b\n'; printf '\0\033[1m\r\n'; printf last").await;
    assert_eq!(ran.stdout, "\na\u{fffd}b\n\0\u{1b}[1m\r\nlast");
    let ran = run_script("head -c 1048576 /dev/zero | tr '\\0' x; echo; echo next").await;
    let lengths: Vec<usize> = ran.stdout.lines().map(str::len).collect();
    assert_eq!(lengths, [1_048_576, 4]);
    let ran = run_script("seq 1 50000").await;
    assert_eq!(ran.stdout.lines().count(), 50_000);
}

#[tokio::test(start_paused = true)]
async fn following_waits_for_the_start_and_ends_with_the_run() {
    let driver = instant_driver();
    let id = driver
        .create_container(&script("echo one; sleep 30; echo two"))
        .await
        .unwrap()
        .id;
    let (other, same) = (driver.clone(), id.clone());
    let follow = tokio::spawn(async move {
        let logs = other
            .get_container_logs(&same, LogOptions::default().follow(true))
            .await
            .unwrap();
        (logs, Instant::now())
    });
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(!follow.is_finished());
    let start = Instant::now();
    driver.start_container(&id).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let options = LogOptions::default().follow(true).tail(0);
    assert_eq!(driver.get_container_logs(&id, options).await.unwrap(), "two\n");
    let (logs, end) = follow.await.unwrap();
    assert_eq!((logs.as_str(), (end - start).as_secs()), ("one\ntwo\n", 30));
    assert_eq!(
        driver
            .get_container_logs(&id, LogOptions::default().follow(true))
            .await
            .unwrap(),
        "one\ntwo\n"
    );
}

#[tokio::test(start_paused = true)]
async fn following_ends_with_the_container() {
    let driver = instant_driver();
    let id = ready(&driver, &server()).await;
    let (other, same) = (driver.clone(), id.clone());
    let follow = tokio::spawn(async move {
        other
            .get_container_logs(&same, LogOptions::default().follow(true))
            .await
            .unwrap()
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    driver
        .remove_container(&id, RemoveOptions::force())
        .await
        .unwrap();
    assert_eq!(follow.await.unwrap(), "ready\n");
}

#[tokio::test(start_paused = true)]
async fn what_a_process_prints_on_its_way_out_is_there_when_the_stop_returns() {
    let driver = instant_driver();
    let config = script("trap 'seq 1 100; exit 0' TERM; echo ready; while true; do sleep 60 & wait $!; done");
    let id = ready(&driver, &config).await;
    driver.stop_container(&id, StopOptions::default()).await.unwrap();
    assert_eq!(logs(&driver, &id).await.lines().count(), 101);
}
