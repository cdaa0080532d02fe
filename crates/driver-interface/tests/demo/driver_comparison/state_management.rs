//! Container states.

use driver_interface::mock::MockEngine;
use driver_interface::{
    ContainerDriver, ContainerState, ContainerStatus, LogOptions, MockDockerDriver, MockLocalDriver,
    Namespace, RemoveOptions, Result, StartOutcome,
};

use crate::support::{drivers, list_all, lookup, run, script, server};

#[tokio::test(start_paused = true)]
async fn exits_have_the_same_status_on_both_drivers() -> Result<()> {
    let ends = [
        ("exit 0", ContainerStatus::Stopped, ContainerState::Terminated),
        ("exit 1", ContainerStatus::Exited, ContainerState::Error),
        ("exit 143", ContainerStatus::Stopped, ContainerState::Terminated),
    ];
    for driver in drivers() {
        for (ending, status, state) in ends {
            let id = run(&driver, &script("ends", ending)).await;
            let logs = LogOptions::default().follow(true);
            driver.get_container_logs(&id, logs).await?;
            let exited = lookup(&driver, &id).await;
            assert_eq!(
                (exited.status, exited.state),
                (status, state),
                "{} {ending}",
                driver.name()
            );
            let exit = exited.exit.expect("it ended");
            assert!(exited.started_at.is_some_and(|start| start <= exit.finished_at));
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn drivers_share_state_only_within_a_namespace() -> Result<()> {
    let engine = MockEngine::new();
    let shop = Namespace::new("shop")?;
    let one = MockDockerDriver::builder()
        .engine(&engine)
        .namespace(shop.clone())
        .build();
    let two = MockLocalDriver::builder().engine(&engine).namespace(shop).build();
    let other_namespace = MockDockerDriver::builder()
        .engine(&engine)
        .namespace(Namespace::new("other")?)
        .build();

    let id = run(&one, &server("shared")).await;
    assert_eq!(lookup(&two, &id).await, lookup(&one, &id).await);
    assert_eq!(two.start_container(&id).await?, StartOutcome::AlreadyRunning);
    assert_eq!(list_all(&other_namespace).await, []);
    let error = other_namespace
        .remove_container(&id, RemoveOptions::force())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "CONTAINER_NOT_FOUND");

    two.remove_container(&id, RemoveOptions::force()).await?;
    assert_eq!(one.get_container(&id).await?, None);
    Ok(())
}
