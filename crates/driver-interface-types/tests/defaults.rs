//! Default trait methods: unsupported operations, waits and sessions.

#![allow(
    clippy::unwrap_used,
    reason = "a test may fail by panicking, and so may what it is helped by"
)]

use std::time::{Duration, UNIX_EPOCH};

use driver_interface_conformance::call;
use driver_interface_errors::{Effect, Hint};
use driver_interface_mock::{MockDockerDriver, Operation};
use driver_interface_types::{
    Capabilities, ContainerConfig, ContainerCounts, ContainerDriver, ContainerDriverExt, ContainerFilter,
    ContainerId, ContainerInstance, DriverHealth, LogOptions, NetworkConfig, RemoveOptions, Result,
    SessionId, StartOutcome, StopOptions, StopOutcome, Volume, VolumeConfig, VolumeId, WaitFor, async_trait,
};

/// A driver without any optional operation. Its required operations are unreachable.
#[derive(Debug)]
struct Bare;

#[async_trait]
impl ContainerDriver for Bare {
    fn name(&self) -> &str {
        "bare"
    }
    fn version(&self) -> &str {
        "0"
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities::minimal()
    }
    async fn create_container(&self, _: &ContainerConfig) -> Result<ContainerInstance> {
        unreachable!()
    }
    async fn start_container(&self, _: &ContainerId) -> Result<StartOutcome> {
        unreachable!()
    }
    async fn stop_container(&self, _: &ContainerId, _: StopOptions) -> Result<StopOutcome> {
        unreachable!()
    }
    async fn remove_container(&self, _: &ContainerId, _: RemoveOptions) -> Result<()> {
        unreachable!()
    }
    async fn get_container(&self, _: &ContainerId) -> Result<Option<ContainerInstance>> {
        unreachable!()
    }
    async fn list_containers(&self, _: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
        unreachable!()
    }
    async fn get_container_logs(&self, _: &ContainerId, _: LogOptions) -> Result<String> {
        unreachable!()
    }
    async fn health_check(&self) -> Result<DriverHealth> {
        Ok(DriverHealth::healthy(
            "0",
            Duration::ZERO,
            ContainerCounts::default(),
        ))
    }
    async fn is_container_healthy(&self, _: &ContainerId) -> Result<bool> {
        unreachable!()
    }
    async fn create_volume(&self, _: &VolumeConfig) -> Result<Volume> {
        unreachable!()
    }
    async fn remove_volume(&self, _: &VolumeId) -> Result<()> {
        unreachable!()
    }
}

#[tokio::test]
async fn unsupported_operation_names_its_capability() {
    let optional = Operation::ALL.iter().filter(|operation| !operation.is_required());
    for operation in optional {
        let error = call(&Bare, *operation, "web-1").await.unwrap_err();
        assert_eq!(error.code(), "UNSUPPORTED_OPERATION");
        let text = error.to_string();
        assert!(text.contains(&format!("`operations.{operation}`")), "{text}");
        assert!(!Bare.capabilities().supports(*operation));
    }
}

async fn started(driver: &MockDockerDriver, script: &str) -> ContainerId {
    let config = ContainerConfig::new("s1", "busybox").command(["sh", "-c", script]);
    let id = driver.create_container(&config).await.unwrap().id;
    driver.start_container(&id).await.unwrap();
    id
}

#[tokio::test(start_paused = true)]
async fn wait_ends_with_log_exit_or_timeout() {
    let driver = MockDockerDriver::new();
    let long = Duration::from_secs(60);
    let id = started(&driver, "sleep 1; echo ready; sleep 5; exit 3").await;
    assert!(
        driver
            .wait_for_log(&id, "ready", long)
            .await
            .unwrap()
            .contains("ready")
    );
    assert!(driver.wait_for(&id, &WaitFor::Healthy, long).await.is_ok());
    let late = driver
        .wait_for(&id, &WaitFor::log("never"), Duration::from_secs(1))
        .await;
    assert_eq!(late.unwrap_err().code(), "WAIT_TIMEOUT");
    let exited = driver.wait_for(&id, &WaitFor::Exit, long).await.unwrap();
    assert_eq!(exited.exit_code(), Some(3));
    let error = driver
        .wait_for(&id, &WaitFor::log("never"), long)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("it exited with code 3 before it wrote \"never\"; its log ends with: ready"),
        "{error}"
    );
    let bad = driver.wait_for(&id, &WaitFor::http(80, "no slash"), long).await;
    assert_eq!(bad.unwrap_err().code(), "CONFIGURATION_ERROR");
}

#[tokio::test(start_paused = true)]
async fn wait_timeout_reports_condition_and_last_state() {
    let driver = MockDockerDriver::new();
    let short = Duration::from_secs(2);
    let config = ContainerConfig::new("s1", "busybox").command(["sh", "-c", "echo bye >&2; exit 3"]);
    let id = driver.create_container(&config).await.unwrap().id;
    let late = |expected: WaitFor| {
        let (driver, id) = (&driver, &id);
        async move { driver.wait_for(id, &expected, short).await.unwrap_err() }
    };
    for (expected, awaited) in [
        (WaitFor::log("up"), r#"written "up""#),
        (WaitFor::Port(80), "opened port 80"),
        (WaitFor::http(80, "/x"), "returned 200 for `GET /x` on port 80"),
        (WaitFor::exec(["true"]), r#"passed the command ["true"]"#),
        (WaitFor::Healthy, "become healthy"),
        (WaitFor::Exit, "exited"),
    ] {
        let error = late(expected).await;
        let expected = format!("container `{id}` had not {awaited} within 2s: it was created");
        assert_eq!(error.to_string(), expected);
        assert_eq!(
            (error.code(), error.effect(), error.is_retryable()),
            ("WAIT_TIMEOUT", Effect::NotApplied, false)
        );
        let context = error.context();
        assert_eq!(
            (context.driver(), context.operation()),
            (Some("mock-docker"), Some("wait_for"))
        );
    }
    driver.start_container(&id).await.unwrap();
    let error = driver.wait_until(&id, short, |_| false).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "container `{id}` had not satisfied the condition within 2s: it had exited with code 3; its log ends with: bye"
        )
    );
}

#[tokio::test(start_paused = true)]
async fn unresponsive_engine_is_not_a_wait_timeout() {
    let driver = MockDockerDriver::new();
    let id = started(&driver, "sleep 600").await;
    let second = Duration::from_secs(1);
    let hang = || {
        driver
            .faults()
            .delay_next(Operation::GetContainer, Duration::from_secs(30));
    };
    hang();
    let waited = driver.wait_for(&id, &WaitFor::Exit, second).await.unwrap_err();
    hang();
    let until = driver.wait_until(&id, second, |_| false).await.unwrap_err();
    for error in [waited, until] {
        assert_eq!(
            (error.code(), error.effect()),
            ("TIMEOUT_ERROR", Effect::NotApplied)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn early_exit_reports_log_and_cause() {
    let driver = MockDockerDriver::new();
    let long = Duration::from_secs(60);
    for (script, says, hint) in [
        ("mkdir /data", "exited with code 1", Some(Hint::ReadOnlyRoot)),
        (
            "nosuchserver",
            "exited with code 127",
            Some(Hint::CommandNotFound),
        ),
        ("kill -TERM $$; sleep 1", "exited with code 143 (SIGTERM)", None),
        ("echo one; echo two; exit 4", "its log ends with: one | two", None),
    ] {
        let id = started(&driver, script).await;
        let began = tokio::time::Instant::now();
        let error = driver.wait_for_log(&id, "ready", long).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(
            (error.code(), error.hint()),
            ("CONTAINER_START_FAILED", hint),
            "{error}"
        );
        assert!(!error.is_retryable());
        assert!(began.elapsed() < Duration::from_secs(5), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_are_listed_by_their_resources() {
    let driver = MockDockerDriver::new();
    started(&driver, "sleep 60").await;
    driver
        .create_container(&ContainerConfig::new("s1", "busybox"))
        .await
        .unwrap();
    driver
        .create_volume(&VolumeConfig::new("data").session("s2"))
        .await
        .unwrap();
    driver.create_volume(&VolumeConfig::new("shared")).await.unwrap();
    driver
        .create_network(&NetworkConfig::new("net").session("s2"))
        .await
        .unwrap();

    let sessions = driver.list_sessions().await.unwrap();
    let counts: Vec<_> = sessions
        .iter()
        .map(|one| {
            (
                one.session_id.as_str(),
                one.containers,
                one.running,
                one.volumes,
                one.networks,
            )
        })
        .collect();
    assert_eq!(counts, [("s1", 2, 1, 0, 0), ("s2", 0, 0, 1, 1)]);
    assert!(sessions.iter().all(|one| one.created_at > UNIX_EPOCH));

    let found = driver.recover_session(&sessions[1].session_id).await.unwrap();
    assert_eq!(
        (found.volumes[0].name.as_str(), found.networks[0].name.as_str()),
        ("data", "net")
    );
    let none = driver
        .recover_session(&SessionId::new("s3").unwrap())
        .await
        .unwrap();
    assert!(none.is_empty() && !found.is_empty());
}
