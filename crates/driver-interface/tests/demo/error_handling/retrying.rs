//! Retries: which errors, how often, how long.

use std::time::Duration;

use driver_interface::mock::Operation;
use driver_interface::{
    ConnectionError, ContainerDriver, MockDockerDriver, ResourceFilter, Result, VolumeConfig,
};
use tokio::time::Instant;

use crate::support::retry::RetryPolicy;
use crate::support::{calls, server};

#[tokio::test(start_paused = true)]
async fn retry_hides_transient_failures() -> Result<()> {
    let driver = MockDockerDriver::new();
    let id = driver.create_container(&server("retry")).await?.id;
    for _ in 0..2 {
        driver
            .faults()
            .fail_next(Operation::GetContainer, ConnectionError::new("connection reset"));
    }
    let found = RetryPolicy::attempts(3)
        .run(async || driver.get_container(&id).await)
        .await?;
    assert_eq!(found.map(|one| one.id), Some(id));
    assert_eq!(calls(&driver, Operation::GetContainer), 3);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn permanent_errors_are_not_retried() {
    let driver = MockDockerDriver::new();
    let too_big = server("retry").cpu(32.0);
    let begin = Instant::now();
    let error = RetryPolicy::attempts(5)
        .run(async || driver.create_container(&too_big).await)
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.attempts()),
        ("RESOURCE_LIMIT_EXCEEDED", None)
    );
    assert_eq!(calls(&driver, Operation::CreateContainer), 1);
    assert!(begin.elapsed() < Duration::from_millis(500), "no pause was made");
}

#[tokio::test(start_paused = true)]
async fn last_retry_error_is_final() {
    let driver = MockDockerDriver::new();
    driver.faults().fail_rate(
        Operation::HealthCheck,
        1.0,
        ConnectionError::new("connection reset"),
    );
    let policy = RetryPolicy::attempts(3);
    let outer = RetryPolicy::attempts(3);
    let error = outer
        .run(async || policy.run(async || driver.health_check().await).await)
        .await
        .unwrap_err();
    assert_eq!(error.attempts(), Some(3));
    assert!(!error.is_retryable());
    assert!(
        error.to_string().ends_with("(gave up after 3 attempts)"),
        "{error}"
    );
    assert_eq!(calls(&driver, Operation::HealthCheck), 3, "not nine");
}

#[tokio::test(start_paused = true)]
async fn retries_end_when_the_budget_is_spent() {
    let driver = MockDockerDriver::new();
    driver
        .faults()
        .fail_next(Operation::HealthCheck, ConnectionError::new("connection reset"));
    // The first attempt fails immediately, the second one hangs.
    driver.faults().delay_next(Operation::HealthCheck, Duration::ZERO);
    driver
        .faults()
        .delay_next(Operation::HealthCheck, Duration::from_secs(20));
    let begin = Instant::now();
    let error = RetryPolicy::attempts(100)
        .budget(Duration::from_secs(5))
        .run(async || driver.health_check().await)
        .await
        .unwrap_err();
    assert_eq!(begin.elapsed().as_secs(), 5);
    assert_eq!((error.code(), error.attempts()), ("TIMEOUT_ERROR", Some(2)));
    assert!(!error.is_retryable());
    let sources = error.to_report().sources;
    assert!(
        sources[0].contains("connection reset"),
        "what went wrong before is kept: {sources:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn unknown_effect_is_verified_before_retry() -> Result<()> {
    let driver = MockDockerDriver::new();
    // A volume of that name may belong to another program, so verify by label.
    let config = VolumeConfig::new("cache").label("order", "17");
    let ours = ResourceFilter::default().label("order", "17");
    driver.faults().drop_next_response(Operation::CreateVolume);

    let volume = RetryPolicy::attempts(3)
        .run_verified(
            async || driver.create_volume(&config).await,
            async || Ok(driver.list_volumes(&ours).await?.pop()),
        )
        .await?;
    assert_eq!(volume.name, "cache");
    assert_eq!(
        driver.calls()[0].error_code(),
        Some("CONNECTION_ERROR"),
        "the first try did fail"
    );
    assert_eq!(calls(&driver, Operation::CreateVolume), 1, "and was not repeated");
    Ok(())
}
