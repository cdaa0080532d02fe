//! A driver that notifies subscribers of every change.

use std::sync::Arc;

use driver_interface::{ContainerDriver, MockDockerDriver, RemoveOptions, Result, StopOptions};
use tokio::sync::broadcast;

use crate::support::observer::{ContainerEvent, ObservedDriver};
use crate::support::{lookup, run, server};

/// What has been published until now.
fn topics(events: &mut broadcast::Receiver<ContainerEvent>) -> Vec<&'static str> {
    std::iter::from_fn(|| events.try_recv().ok())
        .map(|event| event.topic)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn everybody_who_listens_hears_of_each_step_in_a_container_s_life() -> Result<()> {
    let observed = Arc::new(ObservedDriver::new(Arc::new(MockDockerDriver::new())));
    let (mut screen, mut audit) = (observed.subscribe(), observed.subscribe());
    let driver: Arc<dyn ContainerDriver> = observed;

    let id = run(&driver, &server("events")).await;
    driver.stop_container(&id, StopOptions::default()).await?;
    driver.remove_container(&id, RemoveOptions::default()).await?;

    let first = audit.recv().await.expect("something happened");
    assert_eq!((first.topic, first.container), ("container:created", id));
    assert_eq!(
        topics(&mut audit),
        ["container:started", "container:stopped", "container:removed"]
    );
    assert_eq!(
        topics(&mut screen).len(),
        4,
        "one listener takes nothing from another"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_changes_nothing_is_not_told() -> Result<()> {
    let observed = ObservedDriver::new(Arc::new(MockDockerDriver::new()));
    let id = run(&observed, &server("events")).await;
    let mut events = observed.subscribe();

    observed.start_container(&id).await?;
    observed
        .remove_container(&id, RemoveOptions::default())
        .await
        .unwrap_err();
    observed
        .create_container(&server("events").cpu(-1.0))
        .await
        .unwrap_err();
    lookup(&observed, &id).await;
    assert_eq!(topics(&mut events), [""; 0]);

    observed.stop_container(&id, StopOptions::default()).await?;
    observed.stop_container(&id, StopOptions::default()).await?;
    assert_eq!(topics(&mut events), ["container:stopped"]);
    Ok(())
}
