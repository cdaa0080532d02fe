//! PID 1, stop and interrupt signals, and signal permissions.

use std::time::Duration;

use driver_interface_types::{
    ContainerConfig, ContainerDriver, ContainerId, ContainerStatus, ExecConfig, ExecOutput, SecurityOptions,
    Signal, StopOptions, StopOutcome,
};
use tokio::time::Instant;

use super::support::{instant_driver, logs, ready, run, script, started};

const SECOND: Duration = Duration::from_secs(1);

async fn exec(driver: &dyn ContainerDriver, id: &ContainerId, text: &str) -> ExecOutput {
    driver.exec(id, ExecConfig::shell(text)).await.unwrap()
}

async fn exit_code(driver: &dyn ContainerDriver, id: &ContainerId) -> Option<i64> {
    driver.get_container(id).await.unwrap().unwrap().exit_code()
}

fn sleeper(init: bool) -> ContainerConfig {
    ContainerConfig::new("test", "busybox")
        .command(["sleep", "600"])
        .init(init)
}

#[tokio::test(start_paused = true)]
async fn pid_1_without_handlers_is_ended_only_by_kill() {
    let driver = instant_driver();
    let id = started(&driver, &sleeper(false)).await;
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::USR1, Signal::SEGV] {
        driver.kill_container(&id, signal).await.unwrap();
    }
    let began = Instant::now();
    let outcome = driver.stop_container(&id, StopOptions::kill_after(SECOND)).await;
    assert_eq!(outcome.unwrap(), StopOutcome::Killed);
    assert_eq!(
        (began.elapsed().as_secs(), exit_code(&driver, &id).await),
        (1, Some(137))
    );
    let id = started(&driver, &sleeper(true)).await;
    let outcome = driver.stop_container(&id, StopOptions::kill_after(SECOND)).await;
    assert_eq!(outcome.unwrap(), StopOutcome::Stopped);
    assert_eq!(exit_code(&driver, &id).await, Some(143));
}

#[tokio::test(start_paused = true)]
async fn pid_1_cannot_be_killed_or_stopped_from_inside() {
    let text = "kill -9 $$; kill -STOP $$; kill -TERM $$; echo alive; exit 3";
    let ran = run(&script(text).init(false)).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (3, "alive\n"));
    for (signal, code) in [("KILL", 137), ("TERM", 143), ("SEGV", 139)] {
        let ran = run(&script(&format!("kill -{signal} $$; echo alive; exit 3")).init(true)).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{signal}");
    }
    let driver = instant_driver();
    for init in [false, true] {
        let id = started(&driver, &sleeper(init)).await;
        let output = exec(&driver, &id, "kill -9 1; echo $?; kill -STOP 1; echo $?").await;
        assert_eq!(output.stdout_text(), "0\n0\n");
        tokio::time::sleep(SECOND).await;
        let now = driver.get_container(&id).await.unwrap().unwrap();
        assert_eq!(now.status, ContainerStatus::Running);
    }
}

#[tokio::test(start_paused = true)]
async fn shell_handles_interrupt_after_the_current_command() {
    let driver = instant_driver();
    for init in [false, true] {
        let config = script("echo ready; while true; do sleep 4; done").init(init);
        let id = ready(&driver, &config).await;
        tokio::time::sleep(SECOND).await;
        driver.kill_container(&id, Signal::INT).await.unwrap();
        tokio::time::sleep(SECOND).await;
        assert_eq!(exit_code(&driver, &id).await, None);
        tokio::time::sleep(3 * SECOND).await;
        assert_eq!(exit_code(&driver, &id).await, Some(130), "init: {init}");
    }
    // The last command of `-c` replaces the shell and receives the signal.
    let id = ready(&driver, &script("echo ready; sleep 600").init(false)).await;
    tokio::time::sleep(SECOND).await;
    driver.kill_container(&id, Signal::INT).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(exit_code(&driver, &id).await, None);
}

#[tokio::test(start_paused = true)]
async fn stopped_process_pauses_until_continued() {
    let driver = instant_driver();
    let id = ready(&driver, &script("echo ready; sleep 2; echo later; sleep 600")).await;
    tokio::time::sleep(SECOND).await;
    driver.kill_container(&id, Signal::STOP).await.unwrap();
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(logs(&driver, &id).await, "ready\n");
    driver.kill_container(&id, Signal::CONT).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(logs(&driver, &id).await, "ready\nlater\n");
    driver.kill_container(&id, Signal::STOP).await.unwrap();
    let outcome = driver.stop_container(&id, StopOptions::kill_after(SECOND)).await;
    assert_eq!(outcome.unwrap(), StopOutcome::Killed);
}

#[tokio::test(start_paused = true)]
async fn signalling_other_users_requires_the_capability() {
    let driver = instant_driver();
    let kill = |user: &str| ExecConfig::shell("kill -9 7; echo $?").user(user);
    let id = started(&driver, &sleeper(true)).await;
    for user in ["2000", "0:0"] {
        let output = driver.exec(&id, kill(user)).await.unwrap();
        assert_eq!(output.stdout_text(), "1\n", "{user}");
        assert!(output.stderr_text().contains("Operation not permitted"));
    }
    assert_eq!(exit_code(&driver, &id).await, None);
    let capable = sleeper(true).security(SecurityOptions::default().add_capability("KILL"));
    let id = started(&driver, &capable).await;
    let _killed = driver.exec(&id, kill("0:0")).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(exit_code(&driver, &id).await, Some(137));
}
