//! Programs with more than one driver.

use std::sync::Arc;
use std::time::Duration;

use driver_interface::mock::{MockEngine, Operation};
use driver_interface::{
    ContainerDriver, ContainerDriverExt, ContainerStatus, Effect, MockDockerDriver, MockLocalDriver,
    RemoveOptions, Result, StopOptions,
};

use crate::support::failover::{create_on_first_reachable, first_with, fit_to};
use crate::support::{drivers, list_all, lookup, run, script, server};

#[tokio::test(start_paused = true)]
async fn second_driver_takes_over_when_first_is_down() -> Result<()> {
    let engine = MockEngine::new();
    let docker: Arc<dyn ContainerDriver> = Arc::new(MockDockerDriver::builder().engine(&engine).build());
    let drivers = [docker, Arc::new(MockLocalDriver::new())];
    engine.stop_engine();
    let placed = create_on_first_reachable(&drivers, &server("failover")).await?;
    assert_eq!(placed.driver.name(), "mock-local");
    assert_eq!(list_all(&placed.driver).await, [placed.container]);

    engine.start_engine();
    let placed = create_on_first_reachable(&drivers, &server("failover")).await?;
    assert_eq!(placed.driver.name(), "mock-docker");
    assert_eq!(
        list_all(&drivers[0]).await,
        [placed.container],
        "nothing is left of the failed try"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn config_errors_do_not_fail_over() {
    let drivers = drivers();
    let error = create_on_first_reachable(&drivers, &server("failover").cpu(4.5))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "RESOURCE_LIMIT_EXCEEDED");
    assert_eq!(error.context().driver(), Some("mock-docker"));
    for driver in &drivers {
        assert_eq!(list_all(driver).await, []);
    }
}

#[tokio::test(start_paused = true)]
async fn lost_response_does_not_fail_over() {
    let docker = Arc::new(MockDockerDriver::new());
    docker.faults().drop_next_response(Operation::CreateContainer);
    let drivers: [Arc<dyn ContainerDriver>; 2] = [docker, Arc::new(MockLocalDriver::new())];
    let error = create_on_first_reachable(&drivers, &server("failover"))
        .await
        .unwrap_err();
    assert_eq!((error.effect(), error.is_retryable()), (Effect::Unknown, true));
    assert_eq!(list_all(&drivers[0]).await.len(), 1, "here it does");
    assert_eq!(list_all(&drivers[1]).await, []);
}

#[tokio::test(start_paused = true)]
async fn job_goes_to_the_first_capable_driver() -> Result<()> {
    let drivers = [
        Arc::new(MockLocalDriver::new()) as Arc<dyn ContainerDriver>,
        Arc::new(MockDockerDriver::new()),
    ];
    let location = |cpu: f64| first_with(&drivers, |can| can.bounds.max_cpu.is_none_or(|most| cpu <= most));
    let small = location(1.0).expect("a worker takes a small job");
    let big = location(3.0).expect("a worker takes a big job");
    assert_eq!((small.name(), big.name()), ("mock-local", "mock-docker"));
    assert!(location(64.0).is_none());
    big.create_container(&server("job").cpu(3.0)).await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn container_moves_to_another_driver_with_its_config() -> Result<()> {
    let [docker, local] = drivers();
    let config = script("moving", "echo serving $PLACE; sleep 3600")
        .name("web")
        .env("PLACE", "here")
        .label("role", "web")
        .cpu(4.0);
    let old = run(&docker, &config).await;

    // Start the new container before stopping the old one, so one of them always responds.
    let fitting = fit_to(&config, &local);
    let small = config.clone().cpu(1.5);
    assert_eq!(fit_to(&small, &local), small, "what fits stays as it is");
    let new = run(&local, &fitting).await;
    local
        .wait_for_log(&new, "serving here", Duration::from_secs(10))
        .await?;
    docker.stop_container(&old, StopOptions::default()).await?;
    docker.remove_container(&old, RemoveOptions::default()).await?;

    let moved = lookup(&local, &new).await;
    assert_eq!((&*moved.name, moved.status), ("web", ContainerStatus::Running));
    assert_eq!(moved.labels, config.labels);
    assert_eq!(
        moved.resources,
        config.resources.cpu(2.0),
        "all but the cpu limit is as it was"
    );
    assert_eq!(list_all(&docker).await, []);
    Ok(())
}
