//! Test aids of the mocks: faults, recorded calls, stopped engines, seeds.

use std::time::{Duration, SystemTime};

use driver_interface_errors::{ConnectionError, ContainerCreationError, ContainerStartError, Effect, codes};
use driver_interface_mock::{CallOutcome, Latency, MockDockerDriver, MockEngine, MockLocalDriver, Operation};
use driver_interface_types::{
    ContainerConfig, ContainerDriver, ContainerFilter, ContainerStatus, HealthStatus, LogOptions,
    NetworkConfig, StopOptions, VolumeConfig,
};
use tokio::time::Instant;

use super::support::{instant_driver, ready, script, server, started, stubborn};

#[tokio::test(start_paused = true)]
async fn fail_next_and_fail_nth_leave_no_effect() {
    let driver = instant_driver();
    let error = || ContainerCreationError::new("no room");
    driver.faults().fail_nth(Operation::CreateContainer, 3, error());
    driver.faults().fail_next(Operation::CreateContainer, error());
    let mut results = Vec::new();
    for _ in 0..4 {
        results.push(driver.create_container(&script("true")).await.is_ok());
    }
    assert_eq!(results, [false, true, false, true]);
    assert_eq!(driver.engine().containers().len(), 2);
    driver.faults().fail_next(Operation::CreateContainer, error());
    driver.faults().fail_next(Operation::CreateContainer, error());
    for expected in [false, false, true] {
        let result = driver.create_container(&script("true")).await;
        assert_eq!(result.is_ok(), expected);
        if let Err(error) = result {
            assert_eq!(error.context().driver(), Some("mock-docker"));
            assert_eq!(error.context().operation(), Some("create_container"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn fail_rate_is_deterministic_per_seed() {
    let failures = async |seed| {
        let driver = MockDockerDriver::builder()
            .latency(Latency::Off)
            .seed(seed)
            .build();
        driver
            .faults()
            .fail_rate(Operation::ListContainers, 0.3, ConnectionError::new("reset"));
        let mut failed = Vec::new();
        for _ in 0..200 {
            failed.push(driver.list_containers(&ContainerFilter::default()).await.is_err());
        }
        failed
    };
    let first = failures(1).await;
    let count = first.iter().filter(|failed| **failed).count();
    assert!((30..90).contains(&count), "{count}");
    assert_eq!(first, failures(1).await);
    assert_ne!(first, failures(2).await);
}

#[tokio::test(start_paused = true)]
async fn dropped_response_has_its_effect() {
    let driver = instant_driver();
    driver.faults().drop_next_response(Operation::CreateContainer);
    let config = script("true").operation_key("once");
    let error = driver.create_container(&config).await.unwrap_err();
    assert_eq!(
        (error.code(), error.effect()),
        (codes::CONNECTION_ERROR, Effect::Unknown)
    );
    assert_eq!(driver.engine().containers().len(), 1);
    driver.create_container(&config).await.unwrap();
    assert_eq!(driver.engine().containers().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn delay_over_the_deadline_is_a_timeout() {
    let driver = MockDockerDriver::builder()
        .latency(Latency::Off)
        .deadline(Duration::from_secs(30))
        .build();
    driver
        .faults()
        .delay_next(Operation::CreateVolume, Duration::from_secs(10));
    driver.faults().delay_next(Operation::CreateVolume, Duration::MAX);
    let start = Instant::now();
    driver.create_volume(&VolumeConfig::new("v1")).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 10);
    let error = driver.create_volume(&VolumeConfig::new("v2")).await.unwrap_err();
    assert_eq!(
        (error.code(), error.effect()),
        (codes::TIMEOUT_ERROR, Effect::Unknown)
    );
    assert_eq!(start.elapsed().as_secs(), 40);
    assert_eq!(driver.engine().volumes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn calls_are_recorded_without_secrets() {
    let driver = MockDockerDriver::new();
    let config = script("echo $TOKEN hunter2")
        .name("web")
        .env("TOKEN", "hunter2")
        .label("note", "hunter2");
    let id = driver.create_container(&config).await.unwrap().id;
    driver
        .faults()
        .fail_next(Operation::StartContainer, ContainerStartError::new("web", "no"));
    driver.start_container(&id).await.unwrap_err();
    let dropped = driver.stop_container(&id, StopOptions::default());
    assert!(
        tokio::time::timeout(Duration::from_millis(1), dropped)
            .await
            .is_err()
    );
    driver
        .create_container(&ContainerConfig::new("", ""))
        .await
        .unwrap_err();
    let calls = driver.calls();
    let outcomes: Vec<_> = calls.iter().map(|call| (call.operation, call.outcome)).collect();
    assert_eq!(
        outcomes,
        [
            (Operation::CreateContainer, CallOutcome::Ok),
            (
                Operation::StartContainer,
                CallOutcome::Failed(codes::CONTAINER_START_FAILED)
            ),
            (Operation::StopContainer, CallOutcome::Cancelled),
            (
                Operation::CreateContainer,
                CallOutcome::Failed(codes::CONFIGURATION_ERROR)
            ),
        ]
    );
    assert_eq!(calls[0].target.as_deref(), Some("web"));
    assert_eq!(calls[1].target.as_deref(), Some(id.as_str()));
    assert!(!format!("{calls:?}").contains("hunter2"));
    let took = calls[0].ended_at.unwrap() - calls[0].started_at;
    assert!((100..=200).contains(&took.as_millis()));
    driver.clear_calls();
    assert_eq!(driver.calls(), []);
}

#[tokio::test(start_paused = true)]
async fn clearing_calls_ignores_calls_in_flight() {
    let driver = MockDockerDriver::new();
    let other = driver.clone();
    let task = tokio::spawn(async move { other.create_volume(&VolumeConfig::new("v1")).await });
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(driver.calls()[0].outcome, CallOutcome::Pending);
    driver.clear_calls();
    let _ = driver.health_check().await;
    task.await.unwrap().unwrap();
    let operations: Vec<_> = driver
        .calls()
        .iter()
        .map(|call| (call.operation, call.outcome))
        .collect();
    assert_eq!(operations, [(Operation::HealthCheck, CallOutcome::Ok)]);
}

#[tokio::test(start_paused = true)]
async fn stopped_engine_fails_calls_and_is_unhealthy() {
    let driver = instant_driver();
    let id = ready(&driver, &server()).await;
    let (other, same) = (driver.clone(), id.clone());
    let follow = tokio::spawn(async move {
        other
            .get_container_logs(&same, LogOptions::default().follow(true))
            .await
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    driver.engine().stop_engine();
    let error = driver.get_container(&id).await.unwrap_err();
    assert_eq!(
        (error.code(), error.is_retryable()),
        (codes::CONNECTION_ERROR, true)
    );
    assert_eq!(error.effect(), Effect::NotApplied);
    assert_eq!(follow.await.unwrap().unwrap_err().code(), codes::CONNECTION_ERROR);
    let health = driver.health_check().await.unwrap();
    assert_eq!(health.status, HealthStatus::Unhealthy);
    assert!(health.error.unwrap().contains("is not running"));
    driver.engine().start_engine();
    let health = driver.health_check().await.unwrap();
    assert_eq!(
        (health.status, health.containers.running),
        (HealthStatus::Healthy, 1)
    );
    assert_eq!(
        driver.get_container(&id).await.unwrap().unwrap().status,
        ContainerStatus::Running
    );
}

#[tokio::test(start_paused = true)]
async fn container_can_be_marked_unhealthy() {
    let driver = instant_driver();
    let id = started(&driver, &server()).await;
    assert!(driver.is_container_healthy(&id).await.unwrap());
    assert!(driver.engine().set_container_healthy(&id, false));
    assert!(!driver.is_container_healthy(&id).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn drivers_on_one_engine_share_state() {
    let engine = MockEngine::new();
    let docker = MockDockerDriver::builder().engine(&engine).build();
    let local = MockLocalDriver::builder().engine(&engine).build();
    let id = docker.create_container(&server()).await.unwrap().id;
    local.start_container(&id).await.unwrap();
    let here = docker.get_container(&id).await.unwrap();
    assert_eq!(here, local.get_container(&id).await.unwrap());
    assert_eq!(here.unwrap().status, ContainerStatus::Running);
}

#[tokio::test(start_paused = true)]
async fn reset_restores_the_initial_state() {
    let engine =
        MockEngine::with_seed_and_time(7, SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let driver = MockDockerDriver::builder().engine(&engine).seed(7).build();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let id = ready(&driver, &stubborn()).await;
        driver.create_volume(&VolumeConfig::new("v1")).await.unwrap();
        driver.create_network(&NetworkConfig::new("n1")).await.unwrap();
        engine.add_unmanaged_container("unrelated", &[]).unwrap();
        driver
            .faults()
            .fail_next(Operation::StopContainer, ConnectionError::new("reset"));
        ids.push(id);
        driver.reset();
        assert!(
            engine.containers().is_empty() && engine.volumes().is_empty() && engine.networks().is_empty()
        );
        assert!(driver.calls().is_empty());
    }
    assert_eq!(ids[0], ids[1]);
    let other = MockDockerDriver::builder().seed(8).build();
    assert_ne!(ready(&other, &stubborn()).await, ids[0]);
}

#[tokio::test(start_paused = true)]
async fn times_follow_the_simulated_clock() {
    let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let engine = MockEngine::with_seed_and_time(0, begin);
    let driver = MockDockerDriver::builder()
        .engine(&engine)
        .latency(Latency::Off)
        .build();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let created = driver.create_container(&script("date +%s")).await.unwrap();
    assert_eq!(created.created_at, begin + Duration::from_secs(3600));
    driver.start_container(&created.id).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let logs = driver
        .get_container_logs(&created.id, LogOptions::default().timestamps(true))
        .await
        .unwrap();
    // A program takes a millisecond or two to start.
    let (time, text) = logs.split_once(' ').unwrap();
    assert!(
        time.starts_with("2027-01-15T09:00:00.00") && time.ends_with('Z'),
        "{time}"
    );
    assert_eq!(text, "1800003600\n");
}

#[tokio::test(start_paused = true)]
async fn latency_can_be_scaled() {
    let driver = MockDockerDriver::builder().latency(Latency::Scaled(10.0)).build();
    let start = Instant::now();
    driver.create_container(&script("true")).await.unwrap();
    assert!((1000..=2000).contains(&start.elapsed().as_millis()));
}

#[test]
fn container_ends_with_its_runtime() {
    let driver = MockDockerDriver::builder().latency(Latency::Off).build();
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
    };
    let id = runtime().block_on(started(&driver, &script("sleep 600")));
    let exited = runtime().block_on(driver.get_container(&id)).unwrap().unwrap();
    assert_eq!(exited.exit_code(), Some(137));
}

#[test]
fn operations_are_named_as_in_the_trait() {
    assert_eq!(Operation::GetContainerLogs.to_string(), "get_container_logs");
    assert_eq!(Operation::ALL.len(), 53);
}
