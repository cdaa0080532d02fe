//! The container lifecycle on both mocks.

use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::{Hint, codes};
use driver_interface_mock::{MockDockerDriver, MockLocalDriver};
use driver_interface_types::{
    ContainerConfig, ContainerDriver, ContainerFilter, ContainerId, ContainerStatus, RemoveOptions,
    StartOutcome,
};
use tokio::time::Instant;

use super::support::{instant_driver, logs, run_script, script, server, started};

fn both() -> [Arc<dyn ContainerDriver>; 2] {
    [
        Arc::new(MockDockerDriver::new()),
        Arc::new(MockLocalDriver::new()),
    ]
}

#[tokio::test(start_paused = true)]
async fn latency_depends_on_the_driver() {
    let expected = [("mock-docker", 100..=200), ("mock-local", 200..=300)];
    for (driver, (name, millis)) in both().into_iter().zip(expected) {
        assert_eq!(driver.name(), name);
        for _ in 0..20 {
            let start = Instant::now();
            driver.create_container(&script("true")).await.unwrap();
            let took = start.elapsed().as_millis();
            assert!(millis.contains(&took), "{name} took {took} ms");
            let start = Instant::now();
            driver.list_containers(&ContainerFilter::default()).await.unwrap();
            let took = start.elapsed().as_millis();
            assert!(millis.contains(&took), "{name} took {took} ms to list");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn restarted_container_keeps_files_and_logs() {
    let driver = instant_driver();
    let mut config =
        script("n=$(cat /tmp/n 2>/dev/null || echo 0); n=$((n+1)); echo $n > /tmp/n; echo run $n; exit $n");
    config.security.read_only = false;
    let id = started(&driver, &config).await;
    for run in 1..=3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let exited = driver.get_container(&id).await.unwrap().unwrap();
        assert_eq!(exited.exit_code(), Some(run));
        driver.start_container(&id).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(logs(&driver, &id).await, "run 1\nrun 2\nrun 3\nrun 4\n");
}

#[tokio::test(start_paused = true)]
async fn failed_start_reports_the_reason_and_stays_created() {
    let driver = instant_driver();
    let no_user = {
        let mut config = script("true");
        config.security.user = Some("nosuchuser".to_owned());
        config
    };
    for (config, hint) in [
        (
            ContainerConfig::new("s", "busybox").command(["nosuch"]),
            Hint::CommandNotFound,
        ),
        (
            ContainerConfig::new("s", "busybox").command(["/etc/passwd"]),
            Hint::CommandNotExecutable,
        ),
        (
            ContainerConfig::new("s", "busybox").command(["/tmp"]),
            Hint::CommandNotExecutable,
        ),
        (no_user, Hint::UserNotFound),
    ] {
        let id = driver.create_container(&config).await.unwrap().id;
        let error = driver.start_container(&id).await.unwrap_err();
        assert_eq!(
            (error.code(), error.hint()),
            (codes::CONTAINER_START_FAILED, Some(hint))
        );
        assert!(!error.is_retryable());
        let after = driver.get_container(&id).await.unwrap().unwrap();
        assert_eq!((after.status, after.started_at), (ContainerStatus::Created, None));
    }
}

#[tokio::test(start_paused = true)]
async fn exit_codes_map_to_the_contract_status() {
    let cases = [
        ("exit 0", 0, ContainerStatus::Stopped),
        ("exit 42", 42, ContainerStatus::Exited),
        ("exit 255", 255, ContainerStatus::Exited),
        ("kill -KILL $$", 137, ContainerStatus::Stopped),
        ("kill -TERM $$", 143, ContainerStatus::Stopped),
        ("kill -USR1 $$", 138, ContainerStatus::Exited),
        ("nosuch", 127, ContainerStatus::Exited),
    ];
    for (text, code, status) in cases {
        let ran = run_script(text).await;
        assert_eq!((ran.code, ran.instance.status), (code, status), "{text}");
        assert_eq!(ran.instance.exit.unwrap().oom_killed, Some(false));
    }
}

#[tokio::test(start_paused = true)]
async fn unmanaged_container_is_neither_listed_nor_touched() {
    let driver = instant_driver();
    let labels = [("io.driver-interface.namespace", "default"), ("team", "core")];
    let id = driver
        .engine()
        .add_unmanaged_container("unrelated", &labels)
        .unwrap();
    assert_eq!(
        driver.list_containers(&ContainerFilter::default()).await.unwrap(),
        []
    );
    for id in [id, ContainerId::new("unrelated").unwrap()] {
        assert_eq!(driver.get_container(&id).await.unwrap(), None);
        assert!(driver.start_container(&id).await.unwrap_err().is_not_found());
        assert!(
            driver
                .remove_container(&id, RemoveOptions::force())
                .await
                .unwrap_err()
                .is_not_found()
        );
    }
    assert!(
        driver
            .engine()
            .containers()
            .iter()
            .all(driver_interface_mock::EngineObject::is_unmanaged)
    );
    assert_eq!(driver.health_check().await.unwrap().containers.total, 0);
}

#[tokio::test(start_paused = true)]
async fn concurrent_starts_succeed_and_one_removal_succeeds() {
    let driver = MockDockerDriver::new();
    let id = driver.create_container(&server()).await.unwrap().id;
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let (driver, id) = (driver.clone(), id.clone());
            tokio::spawn(async move { driver.start_container(&id).await.unwrap() })
        })
        .collect();
    let mut started = 0;
    for task in starts {
        started += usize::from(task.await.unwrap() == StartOutcome::Started);
    }
    assert_eq!(started, 1);
    let removals: Vec<_> = (0..8)
        .map(|_| {
            let (driver, id) = (driver.clone(), id.clone());
            tokio::spawn(async move { driver.remove_container(&id, RemoveOptions::force()).await })
        })
        .collect();
    let mut removed = 0;
    for task in removals {
        match task.await.unwrap() {
            Ok(()) => removed += 1,
            Err(error) => assert!(error.is_not_found()),
        }
    }
    assert_eq!(removed, 1);
}

#[tokio::test(start_paused = true)]
async fn container_without_command_idles_until_stopped() {
    let driver = instant_driver();
    let id = started(&driver, &ContainerConfig::new("s", "postgres:17")).await;
    tokio::time::sleep(Duration::from_secs(100_000)).await;
    assert!(driver.is_container_healthy(&id).await.unwrap());
    driver
        .stop_container(&id, driver_interface_types::StopOptions::default())
        .await
        .unwrap();
    let exited = driver.get_container(&id).await.unwrap().unwrap();
    assert_eq!(
        (exited.exit_code(), exited.status),
        (Some(143), ContainerStatus::Stopped)
    );
}
