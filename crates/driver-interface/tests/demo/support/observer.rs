//! A decorator that notifies subscribers of changes to containers.

use std::sync::Arc;

use driver_interface::{
    ContainerConfig, ContainerDriver, ContainerId, ContainerInstance, LayeredDriver, RemoveOptions, Result,
    StartOutcome, StopOptions, StopOutcome, async_trait,
};
use tokio::sync::broadcast;

/// What happened to a container, such as `container:started`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ContainerEvent {
    pub(crate) topic: &'static str,
    /// The container's id or name, as passed to the call.
    pub(crate) container: ContainerId,
}

/// Publishes `container:created`, `:started`, `:stopped` and `:removed` after the call.
///
/// Failed and no-op calls are not reported. Slow subscribers lose the oldest events and never delay a call.
#[derive(Debug)]
pub(crate) struct ObservedDriver {
    inner: Arc<dyn ContainerDriver>,
    events: broadcast::Sender<ContainerEvent>,
}

impl ObservedDriver {
    pub(crate) fn new(inner: Arc<dyn ContainerDriver>) -> Self {
        let (events, _) = broadcast::channel(64);
        Self { inner, events }
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<ContainerEvent> {
        self.events.subscribe()
    }

    fn publish(&self, topic: &'static str, container: &ContainerId) {
        let container = container.clone();
        // Sending fails without subscribers, which is not an error.
        self.events.send(ContainerEvent { topic, container }).ok();
    }
}

#[async_trait]
impl LayeredDriver for ObservedDriver {
    fn inner(&self) -> &dyn ContainerDriver {
        &self.inner
    }

    async fn create_container(&self, config: &ContainerConfig) -> Result<ContainerInstance> {
        let created = self.inner.create_container(config).await?;
        self.publish("container:created", &created.id);
        Ok(created)
    }

    async fn start_container(&self, id: &ContainerId) -> Result<StartOutcome> {
        let outcome = self.inner.start_container(id).await?;
        if outcome == StartOutcome::Started {
            self.publish("container:started", id);
        }
        Ok(outcome)
    }

    async fn stop_container(&self, id: &ContainerId, options: StopOptions) -> Result<StopOutcome> {
        let outcome = self.inner.stop_container(id, options).await?;
        if outcome != StopOutcome::AlreadyStopped {
            self.publish("container:stopped", id);
        }
        Ok(outcome)
    }

    async fn remove_container(&self, id: &ContainerId, options: RemoveOptions) -> Result<()> {
        self.inner.remove_container(id, options).await?;
        self.publish("container:removed", id);
        Ok(())
    }
}
