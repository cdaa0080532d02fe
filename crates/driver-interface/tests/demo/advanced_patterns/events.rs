//! A driver that notifies subscribers of every change.

use std::sync::Arc;

use driver_interface::{ContainerDriver, MockDockerDriver, RemoveOptions, Result, StopOptions};
use tokio::sync::broadcast;

use crate::support::observer::{ContainerEvent, ObservedDriver};
use crate::support::{lookup, run, server};

/// Returns the topics published so far.
fn topics(events: &mut broadcast::Receiver<ContainerEvent>) -> Vec<&'static str> {
    std::iter::from_fn(|| events.try_recv().ok())
        .map(|event| event.topic)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_subscriber_receives_lifecycle_events() -> Result<()> {
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
async fn no_op_calls_emit_no_event() -> Result<()> {
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
