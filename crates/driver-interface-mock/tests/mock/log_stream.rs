//! Log streams.

use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_types::{
    ContainerDriver, ContainerId, LogChunk, LogSource, LogStream, LogStreamOptions, RemoveOptions,
    StopOptions, WaitOptions,
};
use tokio::time::{Instant, sleep, timeout};

use super::support::{instant_driver, logs, ready, script, server, started};

const SECOND: Duration = Duration::from_secs(1);

async fn text(stream: LogStream) -> String {
    stream
        .collect_all()
        .await
        .unwrap()
        .iter()
        .map(|chunk| chunk.text().into_owned())
        .collect()
}

async fn now(driver: &dyn ContainerDriver, id: &ContainerId, options: LogStreamOptions) -> String {
    text(driver.stream_container_logs(id, options).await.unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn stream_without_follow_ends_after_existing_lines() {
    let driver = instant_driver();
    let id = ready(
        &driver,
        &script("echo ready; echo err >&2; sleep 1; echo later; sleep 100"),
    )
    .await;
    sleep(SECOND / 2).await;
    let all = LogStreamOptions::default();
    assert_eq!(now(&driver, &id, all).await, "ready\nerr\n");
    assert_eq!(now(&driver, &id, all.only_stderr()).await, "err\n");
    sleep(SECOND).await;
    assert_eq!(now(&driver, &id, all.only_stdout().tail(1)).await, "later\n");
    assert_eq!(now(&driver, &id, all.tail(0)).await, "");
    let created = driver.create_container(&server()).await.unwrap().id;
    assert_eq!(now(&driver, &created, all).await, "");
    let mut neither = all.only_stdout();
    neither.stdout = false;
    let error = driver.stream_container_logs(&id, neither).await.unwrap_err();
    assert_eq!(error.code(), codes::CONFIGURATION_ERROR);
}

#[tokio::test(start_paused = true)]
async fn follow_waits_for_start_and_ends_after_one_run() {
    let driver = instant_driver();
    let id = driver
        .create_container(&script("echo one; sleep 5; printf two"))
        .await
        .unwrap()
        .id;
    let follow = LogStreamOptions::default().follow(true);
    let stream = driver.stream_container_logs(&id, follow).await.unwrap();
    let runs_twice = async {
        sleep(SECOND).await;
        for _ in 0..2 {
            driver.start_container(&id).await.unwrap();
            sleep(SECOND).await;
            driver.wait_container(&id, WaitOptions::default()).await.unwrap();
        }
    };
    let (followed, ()) = tokio::join!(text(stream), runs_twice);
    assert_eq!(followed, "one\ntwo");
    assert_eq!(
        now(&driver, &id, follow).await,
        "one\ntwoone\ntwo",
        "what has ended is not waited for"
    );
}

#[tokio::test(start_paused = true)]
async fn follow_ends_on_removal() {
    let driver = instant_driver();
    let follow = LogStreamOptions::default().follow(true);
    let never = driver.create_container(&server()).await.unwrap().id;
    let stream = driver.stream_container_logs(&never, follow).await.unwrap();
    driver
        .remove_container(&never, RemoveOptions::default())
        .await
        .unwrap();
    assert_eq!(timeout(SECOND, text(stream)).await.unwrap(), "");
    let id = ready(&driver, &script("echo ready; printf partial; sleep 100")).await;
    let stream = driver.stream_container_logs(&id, follow).await.unwrap();
    sleep(SECOND).await;
    driver
        .remove_container(&id, RemoveOptions::force())
        .await
        .unwrap();
    assert_eq!(timeout(SECOND, text(stream)).await.unwrap(), "ready\npartial");
}

#[tokio::test(start_paused = true)]
async fn since_until_and_timestamps_apply() {
    let driver = instant_driver();
    let id = started(
        &driver,
        &script("for i in 0 1 2 3 4 5 6 7 8 9; do echo $i; sleep 1; done"),
    )
    .await;
    let start = driver
        .get_container(&id)
        .await
        .unwrap()
        .unwrap()
        .started_at
        .unwrap();
    let options = LogStreamOptions::default()
        .follow(true)
        .timestamps(true)
        .since(start + 2 * SECOND)
        .until(start + 5 * SECOND);
    let began = Instant::now();
    let chunks = driver
        .stream_container_logs(&id, options)
        .await
        .unwrap()
        .collect_all()
        .await
        .unwrap();
    assert_eq!(began.elapsed().as_secs(), 5, "it ends at its time");
    let lines: Vec<_> = chunks
        .iter()
        .map(|chunk| chunk.text().trim().to_owned())
        .collect();
    assert_eq!(lines, ["2", "3", "4"]);
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk.timestamp >= options.since && chunk.timestamp < options.until)
    );
}

#[tokio::test(start_paused = true)]
async fn long_lines_are_split_into_chunks() {
    let driver = instant_driver();
    let id = started(&driver, &script("head -c 200000 /dev/zero; echo")).await;
    driver.wait_container(&id, WaitOptions::default()).await.unwrap();
    let options = LogStreamOptions::default().timestamps(true);
    let chunks = driver
        .stream_container_logs(&id, options)
        .await
        .unwrap()
        .collect_all()
        .await
        .unwrap();
    assert_eq!(
        chunks.iter().map(|chunk| chunk.bytes.len()).sum::<usize>(),
        200_001
    );
    assert!(chunks.iter().all(|chunk| chunk.bytes.len() <= LogChunk::MAX_LEN));
    let timed = chunks.iter().filter(|chunk| chunk.timestamp.is_some());
    assert_eq!(timed.count(), 1, "only the beginning of a line has its time");
}

#[tokio::test(start_paused = true)]
async fn terminal_output_has_one_source() {
    let driver = instant_driver();
    let id = started(&driver, &script("test -t 1 && echo out; echo err >&2").tty(true)).await;
    driver.wait_container(&id, WaitOptions::default()).await.unwrap();
    let stream = driver
        .stream_container_logs(&id, LogStreamOptions::default().only_stderr())
        .await
        .unwrap();
    let chunks = stream.collect_all().await.unwrap();
    assert!(chunks.iter().all(|chunk| chunk.source == LogSource::Tty));
    assert_eq!(logs(&driver, &id).await, "out\r\nerr\r\n");
}

#[tokio::test(start_paused = true)]
async fn stop_works_while_following() {
    let driver = instant_driver();
    let id = ready(&driver, &server()).await;
    let stream = driver
        .stream_container_logs(&id, LogStreamOptions::default().follow(true).tail(0))
        .await
        .unwrap();
    let (followed, stopped) = tokio::join!(text(stream), driver.stop_container(&id, StopOptions::default()));
    stopped.unwrap();
    assert_eq!(followed, "bye\n");
}
