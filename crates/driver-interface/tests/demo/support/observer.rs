//! A decorator that tells everybody who listens what happens to containers.

// A method that is forgotten here would fall back to the trait's default and answer "unsupported", although
// the driver inside can do it.
#![deny(clippy::missing_trait_methods)]

use std::sync::Arc;

use driver_interface::{
    Bytes, Capabilities, ContainerConfig, ContainerDriver, ContainerFilter, ContainerId, ContainerInstance,
    DriverHealth, ImageRef, LogOptions, Network, NetworkConfig, NetworkId, RemoveOptions, ResourceFilter,
    Result, StartOutcome, StopOptions, StopOutcome, Volume, VolumeConfig, VolumeId, async_trait,
};
use tokio::sync::broadcast;

/// What happened to a container, such as `container:started`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ContainerEvent {
    pub(crate) topic: &'static str,
    /// The container, as the call named it: by id or by name.
    pub(crate) container: ContainerId,
}

/// Publishes `container:created`, `:started`, `:stopped` and `:removed` after the call that did it.
///
/// A failed call and one that found its work done already change nothing and are not told. Listeners that
/// are slow lose the oldest events, and none of them holds up a call.
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
        // It fails when nobody listens, which is fine.
        self.events.send(ContainerEvent { topic, container }).ok();
    }
}

#[async_trait]
impl ContainerDriver for ObservedDriver {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn version(&self) -> &str {
        self.inner.version()
    }
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    async fn create_container(&self, config: &ContainerConfig) -> Result<ContainerInstance> {
        let made = self.inner.create_container(config).await?;
        self.publish("container:created", &made.id);
        Ok(made)
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
    async fn get_container(&self, id: &ContainerId) -> Result<Option<ContainerInstance>> {
        self.inner.get_container(id).await
    }
    async fn list_containers(&self, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
        self.inner.list_containers(filter).await
    }
    async fn get_container_logs(&self, id: &ContainerId, options: LogOptions) -> Result<String> {
        self.inner.get_container_logs(id, options).await
    }
    async fn health_check(&self) -> Result<DriverHealth> {
        self.inner.health_check().await
    }
    async fn is_container_healthy(&self, id: &ContainerId) -> Result<bool> {
        self.inner.is_container_healthy(id).await
    }
    async fn create_volume(&self, config: &VolumeConfig) -> Result<Volume> {
        self.inner.create_volume(config).await
    }
    async fn remove_volume(&self, id: &VolumeId) -> Result<()> {
        self.inner.remove_volume(id).await
    }
    async fn create_network(&self, config: &NetworkConfig) -> Result<Network> {
        self.inner.create_network(config).await
    }
    async fn remove_network(&self, id: &NetworkId) -> Result<()> {
        self.inner.remove_network(id).await
    }
    async fn list_volumes(&self, filter: &ResourceFilter) -> Result<Vec<Volume>> {
        self.inner.list_volumes(filter).await
    }
    async fn list_networks(&self, filter: &ResourceFilter) -> Result<Vec<Network>> {
        self.inner.list_networks(filter).await
    }
    async fn import_image(&self, image: &ImageRef, root: Bytes) -> Result<()> {
        self.inner.import_image(image, root).await
    }
    async fn remove_image(&self, image: &ImageRef) -> Result<()> {
        self.inner.remove_image(image).await
    }
}
