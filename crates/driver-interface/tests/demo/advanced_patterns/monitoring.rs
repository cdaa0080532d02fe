//! Monitoring an engine.

use std::sync::Arc;
use std::time::Duration;

use driver_interface::{ContainerDriver, MockDockerDriver, Operation, RemoveOptions, Result};

use crate::support::metrics::Measured;
use crate::support::{run, server};

#[tokio::test(start_paused = true)]
async fn metrics_cover_each_operation() -> Result<()> {
    let mock = Arc::new(MockDockerDriver::new());
    let driver = Measured::new(mock.clone());
    let measured = driver.interceptor();
    for _ in 0..3 {
        driver.create_container(&server("metrics")).await?;
    }
    driver
        .create_container(&server("metrics").cpu(64.0))
        .await
        .unwrap_err();

    let creations = measured.stats(Operation::CreateContainer);
    assert_eq!((creations.calls, creations.error_rate()), (4, 0.25));
    assert_eq!(creations.failures["RESOURCE_LIMIT_EXCEEDED"], 1);
    let window = Duration::from_millis(100)..=Duration::from_millis(200);
    assert!(window.contains(&creations.longest), "{creations:?}");
    assert!(creations.total >= 3 * *window.start(), "{creations:?}");

    mock.faults()
        .delay_next(Operation::HealthCheck, Duration::from_secs(3));
    driver.health_check().await?;
    driver.health_check().await?;
    let checks = measured.stats(Operation::HealthCheck);
    assert!(
        checks.longest >= Duration::from_secs(3),
        "one slow answer stands out: {checks:?}"
    );
    assert!(checks.total < Duration::from_secs(4), "{checks:?}");
    assert_eq!(measured.stats(Operation::StopContainer).calls, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn health_check_reports_container_counts() -> Result<()> {
    let driver: Arc<dyn ContainerDriver> = Arc::new(MockDockerDriver::new());
    let first = run(&driver, &server("dashboard")).await;
    run(&driver, &server("dashboard")).await;
    driver.create_container(&server("dashboard")).await?;
    driver.stop_container(&first, Default::default()).await?;

    let counts = driver.health_check().await?.containers;
    assert_eq!(
        (counts.total, counts.running, counts.stopped, counts.others),
        (3, 1, 1, 1)
    );
    driver.remove_container(&first, RemoveOptions::default()).await?;
    assert_eq!(driver.health_check().await?.containers.total, 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn mock_records_calls_without_secrets() -> Result<()> {
    let driver = MockDockerDriver::new();
    let id = run(&driver, &server("record").env("TOKEN", "hunter2")).await;
    driver
        .remove_container(&id, RemoveOptions::default())
        .await
        .unwrap_err();
    driver.remove_container(&id, RemoveOptions::force()).await?;

    let calls = driver.calls();
    let reported: Vec<_> = calls
        .iter()
        .map(|call| (call.operation.as_str(), call.error_code()))
        .collect();
    assert_eq!(
        reported,
        [
            ("create_container", None),
            ("start_container", None),
            ("remove_container", Some("CONTAINER_REMOVE_FAILED")),
            ("remove_container", None),
        ]
    );
    assert_eq!(calls[1].target.as_deref(), Some(id.as_str()));
    assert!(calls.iter().all(|call| call.ended_at > Some(call.started_at)));
    assert!(
        !format!("{calls:?}").contains("hunter2"),
        "a record keeps no secret"
    );
    Ok(())
}
