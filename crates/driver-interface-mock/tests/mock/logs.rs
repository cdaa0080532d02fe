//! Container logs.

use std::time::Duration;

use driver_interface_types::{ContainerDriver, LogOptions, RemoveOptions};

use super::support::{instant_driver, ready, script, server, started};

#[tokio::test(start_paused = true)]
async fn options_select_streams_tail_and_times() {
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
async fn follow_ends_with_the_container() {
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
