//! Recovery from lost responses and stopped engines.

use std::sync::Arc;
use std::time::Duration;

use driver_interface::mock::{MockEngine, Operation};
use driver_interface::{
    ContainerDriver, ContainerFilter, ContainerStatus, Effect, Hint, MockDockerDriver, Result, StartOutcome,
};

use crate::support::retry::RetryPolicy;
use crate::support::{calls, list_all, lookup, server};

#[tokio::test(start_paused = true)]
async fn retry_with_key_creates_no_duplicate() -> Result<()> {
    let driver = MockDockerDriver::new();
    let config = server("recovery").operation_key("order-17");
    driver.faults().drop_next_response(Operation::CreateContainer);

    // With a key, a retry is safe: the same key and config return the same container.
    let created = RetryPolicy::attempts(3)
        .run(async || driver.create_container(&config).await)
        .await?;
    assert_eq!(calls(&driver, Operation::CreateContainer), 2);
    assert_eq!(
        list_all(&driver).await,
        [created],
        "the first try had made it, the second found it"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn retry_without_key_verifies_by_label() -> Result<()> {
    let driver = MockDockerDriver::new();
    let config = server("recovery").name("web").label("order", "17");
    let ours = ContainerFilter::default().label("order", "17");
    driver.faults().drop_next_response(Operation::CreateContainer);

    let created = RetryPolicy::attempts(3)
        .run_verified(
            async || driver.create_container(&config).await,
            async || Ok(driver.list_containers(&ours).await?.pop()),
        )
        .await?;
    assert_eq!(
        driver.calls()[0].error_code(),
        Some("CONNECTION_ERROR"),
        "the first try did fail"
    );
    assert_eq!(
        calls(&driver, Operation::CreateContainer),
        1,
        "a second one would be refused: name taken"
    );
    assert_eq!(list_all(&driver).await, [created]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn start_is_retried_until_engine_returns() -> Result<()> {
    let engine = MockEngine::new();
    let driver: Arc<dyn ContainerDriver> = Arc::new(MockDockerDriver::builder().engine(&engine).build());
    let id = driver.create_container(&server("recovery")).await?.id;
    engine.stop_engine();
    let error = driver.start_container(&id).await.unwrap_err();
    assert_eq!(
        (error.hint(), error.effect()),
        (Some(Hint::EngineNotRunning), Effect::NotApplied)
    );

    let restart = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        engine.start_engine();
    };
    let policy = RetryPolicy::attempts(10);
    let (outcome, ()) = tokio::join!(policy.run(async || driver.start_container(&id).await), restart);
    assert_eq!(outcome?, StartOutcome::Started);
    assert_eq!(lookup(&driver, &id).await.status, ContainerStatus::Running);
    Ok(())
}
