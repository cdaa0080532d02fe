//! A circuit breaker: failing engines get a rest, and callers an immediate error.

use std::time::Duration;

use driver_interface::mock::{MockEngine, Operation};
use driver_interface::{ConnectionError, ContainerDriver, Effect, MockDockerDriver, Result};
use tokio::time::{Instant, sleep, timeout};

use crate::support::breaker::{Breaker, State};
use crate::support::{calls, server};

const REST: Duration = Duration::from_secs(30);

#[tokio::test(start_paused = true)]
async fn open_circuit_refuses_calls_without_the_engine() {
    let engine = MockEngine::new();
    let driver = MockDockerDriver::builder().engine(&engine).build();
    let breaker = Breaker::new(3, REST);
    engine.stop_engine();
    let config = server("breaker");
    for _ in 0..3 {
        breaker.call(driver.create_container(&config)).await.unwrap_err();
    }
    let requested = calls(&driver, Operation::CreateContainer);
    let begin = Instant::now();
    let error = breaker.call(driver.create_container(&config)).await.unwrap_err();
    assert!(matches!(breaker.state(), State::Open { .. }));
    assert_eq!(begin.elapsed(), Duration::ZERO);
    assert_eq!(calls(&driver, Operation::CreateContainer), requested);
    assert_eq!((error.effect(), error.is_retryable()), (Effect::NotApplied, true));
}

#[tokio::test(start_paused = true)]
async fn half_open_circuit_closes_after_a_success() -> Result<()> {
    let engine = MockEngine::new();
    let driver = MockDockerDriver::builder().engine(&engine).build();
    let breaker = Breaker::new(1, REST);
    engine.stop_engine();
    breaker
        .call(driver.list_containers(&Default::default()))
        .await
        .unwrap_err();

    sleep(REST).await;
    breaker
        .call(driver.list_containers(&Default::default()))
        .await
        .unwrap_err();
    assert!(
        matches!(breaker.state(), State::Open { .. }),
        "still down: it rests again"
    );

    engine.start_engine();
    sleep(REST).await;
    let everything = Default::default();
    let (probe, second) = tokio::join!(
        breaker.call(driver.list_containers(&everything)),
        breaker.call(driver.list_containers(&everything)),
    );
    probe?;
    assert!(second.is_err(), "only one call at a time finds out");
    assert_eq!(breaker.state(), State::Closed { failures: 0 });
    breaker.call(driver.list_containers(&everything)).await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn dropped_probe_reopens_the_circuit() -> Result<()> {
    let driver = MockDockerDriver::new();
    driver
        .faults()
        .fail_next(Operation::HealthCheck, ConnectionError::new("connection reset"));
    let breaker = Breaker::new(1, REST);
    breaker.call(driver.health_check()).await.unwrap_err();
    sleep(REST).await;

    let impatient = timeout(Duration::from_millis(1), breaker.call(driver.health_check()));
    impatient.await.expect_err("a health check takes longer");
    assert!(matches!(breaker.state(), State::Open { .. }), "{breaker:?}");
    sleep(REST).await;
    breaker.call(driver.health_check()).await?;
    assert_eq!(breaker.state(), State::Closed { failures: 0 });
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn success_resets_the_failure_count() -> Result<()> {
    let driver = MockDockerDriver::new();
    let breaker = Breaker::new(2, REST);
    for _ in 0..3 {
        driver
            .faults()
            .fail_next(Operation::HealthCheck, ConnectionError::new("connection reset"));
        breaker.call(driver.health_check()).await.unwrap_err();
        assert_eq!(breaker.state(), State::Closed { failures: 1 });
        breaker.call(driver.health_check()).await?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn caller_errors_do_not_open_the_circuit() {
    let driver = MockDockerDriver::new();
    let breaker = Breaker::new(2, REST);
    let ghost = "ghost".parse().unwrap();
    for _ in 0..5 {
        let error = breaker.call(driver.start_container(&ghost)).await.unwrap_err();
        assert!(error.is_not_found());
    }
    assert_eq!(breaker.state(), State::Closed { failures: 0 });
    assert!(breaker.call(driver.health_check()).await.is_ok());
}
