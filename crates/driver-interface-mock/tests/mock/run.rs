//! Running a container to its exit.

use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::{Effect, codes};
use driver_interface_mock::{MockDockerDriver, Operation};
use driver_interface_types::{
    ContainerConfig, ContainerDriver, ContainerDriverExt, ContainerFilter, ExecOutcome, RemoveOptions,
    RunOptions,
};
use tokio::time::{Instant, sleep, timeout};

fn shell(line: &str) -> ContainerConfig {
    ContainerConfig::new("s", "busybox").shell(line)
}

async fn containers(driver: &MockDockerDriver) -> usize {
    driver
        .list_containers(&ContainerFilter::default())
        .await
        .unwrap()
        .len()
}

#[tokio::test(start_paused = true)]
async fn returns_output_and_removes_the_container() {
    let driver = MockDockerDriver::new();
    let config = shell("echo out; echo err >&2; exit 7");
    let output = driver.run(&config, RunOptions::default()).await.unwrap();
    assert_eq!(
        (output.stdout_text().as_ref(), output.stderr_text().as_ref()),
        ("out\n", "err\n")
    );
    assert_eq!(
        (output.outcome, output.truncated),
        (ExecOutcome::Exited(7), false)
    );
    assert_eq!(containers(&driver).await, 0);
    // `run` also works through a shared driver.
    let shared: Arc<dyn ContainerDriver> = Arc::new(driver);
    assert!(
        shared
            .run(&shell("true"), RunOptions::default())
            .await
            .unwrap()
            .success()
    );
}

#[tokio::test(start_paused = true)]
async fn timeout_kills_and_keeps_the_output() {
    let driver = MockDockerDriver::new();
    let options = RunOptions::default().timeout(Duration::from_secs(5));
    let began = Instant::now();
    let output = driver
        .run(&shell("echo begun; sleep 600"), options)
        .await
        .unwrap();
    assert_eq!(
        (output.stdout_text().as_ref(), output.outcome),
        ("begun\n", ExecOutcome::TimedOut)
    );
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(containers(&driver).await, 0);
}

#[tokio::test(start_paused = true)]
async fn failed_wait_leaves_effect_unknown() {
    let driver = MockDockerDriver::new();
    driver.faults().fail_next(
        Operation::WaitContainer,
        driver_interface_errors::ConnectionError::new("no answer"),
    );
    let error = driver
        .run(&shell("echo done"), RunOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.effect(), Effect::Unknown);
    assert_eq!(containers(&driver).await, 0);
}

#[tokio::test(start_paused = true)]
async fn externally_removed_container_is_reported_gone() {
    let driver = MockDockerDriver::new();
    let other = driver.clone();
    let config = shell("echo begun; sleep 600").name("shared");
    let options = RunOptions::default();
    let (run, removed) = tokio::join!(driver.run(&config, options), async {
        sleep(Duration::from_secs(5)).await;
        let shared = other.find_container("shared").await?.unwrap();
        other.remove_container(&shared.id, RemoveOptions::force()).await
    });
    removed.unwrap();
    let output = run.unwrap();
    assert_eq!(
        (output.outcome, output.truncated),
        (ExecOutcome::ContainerGone, true)
    );
}

#[tokio::test(start_paused = true)]
async fn output_over_the_limit_is_truncated_and_marked() {
    let driver = MockDockerDriver::new();
    let options = RunOptions::default().output_limit(4);
    let output = driver
        .run(&shell("printf 123456; printf 12 >&2"), options)
        .await
        .unwrap();
    assert_eq!(
        (&output.stdout[..], &output.stderr[..]),
        (&b"1234"[..], &b"12"[..])
    );
    assert!(output.truncated);
}

#[tokio::test(start_paused = true)]
async fn dropped_run_leaves_nothing() {
    for millis in [0, 1, 2, 5, 20, 100, 400, 1_000, 3_000] {
        let driver = MockDockerDriver::new();
        let config = shell("sleep 600");
        let run = driver.run(&config, RunOptions::default());
        drop(timeout(Duration::from_millis(millis), run).await);
        sleep(Duration::from_secs(60)).await;
        assert_eq!(containers(&driver).await, 0, "dropped after {millis} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn streaming_run_is_live_and_removed_on_drop() {
    let driver = MockDockerDriver::new();
    let mut run = driver
        .run_streaming(&shell("echo one; sleep 100; echo two"))
        .await
        .unwrap();
    let began = Instant::now();
    assert_eq!(run.next_chunk().await.unwrap().unwrap().text(), "one\n");
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(run.next_chunk().await.unwrap().unwrap().text(), "two\n");
    assert!(run.next_chunk().await.is_none());
    assert_eq!(run.finish().await.unwrap().code, 0);
    assert_eq!(containers(&driver).await, 0);

    let run = driver.run_streaming(&shell("sleep 600")).await.unwrap();
    assert!(driver.get_container(run.id()).await.unwrap().is_some());
    drop(run);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(containers(&driver).await, 0);
}

#[tokio::test(start_paused = true)]
async fn retry_with_the_same_key_returns_the_earlier_run() {
    let driver = MockDockerDriver::new();
    let config = shell("echo once; exit 4").operation_key("job-1");
    let id = driver.create_container(&config).await.unwrap().id;
    driver.start_container(&id).await.unwrap();
    sleep(Duration::from_secs(5)).await;
    let output = driver.run(&config, RunOptions::default()).await.unwrap();
    assert_eq!(
        (output.stdout_text().as_ref(), output.outcome),
        ("once\n", ExecOutcome::Exited(4))
    );
    assert_eq!(containers(&driver).await, 0);
}

#[tokio::test(start_paused = true)]
async fn failed_start_or_removal_leaves_nothing() {
    let driver = MockDockerDriver::new();
    driver.faults().fail_next(
        Operation::StartContainer,
        driver_interface_errors::ContainerStartError::new("x", "no"),
    );
    let error = driver
        .run(&shell("true"), RunOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.code(), codes::CONTAINER_START_FAILED);
    assert_eq!(containers(&driver).await, 0);

    let busy = || driver_interface_errors::ContainerRemoveError::new("x", "busy");
    driver.faults().fail_next(Operation::RemoveContainer, busy());
    let output = driver.run(&shell("exit 3"), RunOptions::default()).await.unwrap();
    assert_eq!(output.outcome, ExecOutcome::Exited(3));
    assert_eq!(containers(&driver).await, 0);

    driver.faults().fail_rate(Operation::RemoveContainer, 1.0, busy());
    let error = driver
        .run(&shell("exit 3"), RunOptions::default())
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.effect(), error.is_retryable()),
        (codes::CONTAINER_REMOVE_FAILED, Effect::Applied, false)
    );
    assert!(error.message().contains("exited with code 3"), "{error}");
    driver.faults().clear();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(containers(&driver).await, 0);
}
