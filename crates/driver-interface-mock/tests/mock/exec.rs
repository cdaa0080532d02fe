//! Commands in running containers.

use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_mock::MockProcess;
use driver_interface_types::{
    ContainerDriver, ContainerId, EventFilter, EventKind, ExecConfig, ExecOutcome, ExecOutput, RemoveOptions,
    StopOptions, TtySize,
};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep};

use super::support::{instant_driver, ready, script, server, stubborn};

const SECOND: Duration = Duration::from_secs(1);

async fn exec(driver: &dyn ContainerDriver, id: &ContainerId, line: &str) -> ExecOutput {
    driver.exec(id, ExecConfig::shell(line)).await.unwrap()
}

/// Returns the number of processes of a container with this name.
async fn count(driver: &dyn ContainerDriver, id: &ContainerId, name: &str) -> usize {
    let listed = exec(driver, id, "ps").await;
    listed
        .stdout_text()
        .lines()
        .filter(|line| line.ends_with(name))
        .count()
}

#[tokio::test(start_paused = true)]
async fn exec_applies_stdin_env_directory_and_user() {
    let driver = instant_driver();
    let id = ready(&driver, &server().env("A", "container").env("B", "container")).await;
    let config = ExecConfig::shell("cat; echo $A $B; pwd; id -u; id -g")
        .stdin("in\u{0}put\n")
        .env("A", "exec")
        .working_dir("/tmp")
        .user("0:7");
    let output = driver.exec(&id, config).await.unwrap();
    assert_eq!(output.stdout_text(), "in\u{0}put\nexec container\n/tmp\n0\n7\n");
    let named = driver
        .exec(&id, ExecConfig::new(["whoami"]).user("nobody"))
        .await
        .unwrap();
    assert_eq!(named.stdout_text(), "nobody\n");
    assert_eq!(exec(&driver, &id, "id -u").await.stdout_text(), "1000\n");
}

#[tokio::test(start_paused = true)]
async fn timeout_kills_only_the_process_tree() {
    let driver = instant_driver();
    let id = ready(&driver, &server()).await;
    let before = count(&driver, &id, "sleep").await;
    let line = "echo first; sleep 1000 & setsid sleep 1000 & (sh -c 'sleep 1000 & sleep 1000' &) ; sleep 1000; echo no";
    let start = Instant::now();
    let output = driver
        .exec(&id, ExecConfig::shell(line).timeout(SECOND))
        .await
        .unwrap();
    assert_eq!(
        (output.outcome, start.elapsed().as_secs()),
        (ExecOutcome::TimedOut, 1)
    );
    assert_eq!(output.stdout_text(), "first\n");
    sleep(SECOND).await;
    assert_eq!(count(&driver, &id, "sleep").await, before);
}

#[tokio::test(start_paused = true)]
async fn dropped_exec_kills_its_processes() {
    let driver = instant_driver();
    let id = ready(&driver, &server()).await;
    let before = count(&driver, &id, "sleep").await;
    let config = ExecConfig::shell("sleep 1000 & sleep 1000");
    assert!(
        tokio::time::timeout(SECOND, driver.exec(&id, config))
            .await
            .is_err()
    );
    sleep(SECOND).await;
    assert_eq!(count(&driver, &id, "sleep").await, before);
    let _ = exec(&driver, &id, "sleep 1000 &").await;
    assert_eq!(
        count(&driver, &id, "sleep").await,
        before + 1,
        "what it left behind lives on"
    );
}

#[tokio::test(start_paused = true)]
async fn exec_reports_oom_kill_and_container_removal() {
    let driver = instant_driver();
    let mut events = driver
        .events(&EventFilter::default().kind(EventKind::OutOfMemory))
        .await
        .unwrap();
    let id = ready(&driver, &stubborn()).await;
    let allocate_script = driver
        .exec(&id, ExecConfig::new(["tail", "/dev/zero"]))
        .await
        .unwrap();
    assert_eq!(allocate_script.outcome, ExecOutcome::OomKilled);
    assert_eq!(events.next().await.unwrap().unwrap().container_id(), Some(&id));
    let removes = async {
        sleep(SECOND).await;
        driver
            .remove_container(&id, RemoveOptions::force())
            .await
            .unwrap();
    };
    let (output, ()) = tokio::join!(
        driver.exec(&id, ExecConfig::shell("echo here; sleep 100")),
        removes
    );
    let output = output.unwrap();
    assert_eq!(
        (output.outcome, output.stdout_text().as_ref()),
        (ExecOutcome::ContainerGone, "here\n")
    );
}

#[tokio::test(start_paused = true)]
async fn terminal_can_be_resized() {
    let driver = instant_driver();
    let id = ready(&driver, &server()).await;
    let config = ExecConfig::shell("trap 'stty size; exit 0' WINCH; echo up; while true; do sleep 1; done");
    let mut session = driver
        .exec_stream(&id, config.clone().tty(TtySize::default()))
        .await
        .unwrap();
    sleep(SECOND).await;
    session
        .resize(TtySize {
            columns: 100,
            rows: 50,
        })
        .await
        .unwrap();
    let mut text = String::new();
    session.stdout.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "up\r\n50 100\r\n");
    let mut plain = driver.exec_stream(&id, config).await.unwrap();
    let error = plain.resize(TtySize::default()).await.unwrap_err();
    assert_eq!(error.code(), codes::UNSUPPORTED_OPERATION);
}

#[tokio::test(start_paused = true)]
async fn detached_exec_keeps_running_with_status() {
    let driver = instant_driver();
    let id = ready(&driver, &server()).await;
    let detached = driver
        .exec_detached(&id, ExecConfig::shell("sleep 10; exit 4"))
        .await
        .unwrap();
    let running = driver.exec_status(&id, &detached).await.unwrap().unwrap();
    assert!(running.is_running() && running.started_at.is_some());
    sleep(11 * SECOND).await;
    let exited = driver.exec_status(&id, &detached).await.unwrap().unwrap();
    assert_eq!(exited.outcome, Some(ExecOutcome::Exited(4)));
    assert_eq!(
        driver
            .exec_status(&id, &"unknown".parse().unwrap())
            .await
            .unwrap(),
        None
    );
    let error = driver
        .exec_detached(&id, ExecConfig::new(["true"]).timeout(SECOND))
        .await
        .unwrap_err();
    assert_eq!(error.code(), codes::CONFIGURATION_ERROR);
    driver.stop_container(&id, StopOptions::default()).await.unwrap();
    assert_eq!(driver.exec_status(&id, &detached).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn exec_counts_towards_pids_limit() {
    let driver = instant_driver();
    let id = ready(&driver, &script("echo ready; sleep 1000").pids(3)).await;
    let sleeping = ExecConfig::new(["sleep", "100"]);
    driver.exec_detached(&id, sleeping.clone()).await.unwrap();
    let error = driver.exec_detached(&id, sleeping).await.unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), (codes::EXEC_FAILED, true));
}

#[tokio::test(start_paused = true)]
async fn custom_program_supports_interactive_exec() {
    async fn echo_upper(process: MockProcess) -> u8 {
        while let Some(line) = process.read_line().await {
            let _ = process.print(line.to_uppercase()).await;
        }
        0
    }
    let driver = driver_interface_mock::MockDockerDriver::builder()
        .command("upper", echo_upper)
        .build();
    let id = ready(&driver, &server()).await;
    let output = driver
        .exec(&id, ExecConfig::new(["upper"]).stdin("abc"))
        .await
        .unwrap();
    assert_eq!(output.stdout_text(), "ABC");
}
