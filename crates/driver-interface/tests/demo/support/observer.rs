//! A decorator that tells everybody who listens what happens to containers.

// A method that is forgotten here would fall back to the trait's default and answer "unsupported", although
// the driver inside can do it.
#![deny(clippy::missing_trait_methods)]

use std::sync::Arc;

use driver_interface::{
    ByteStream, Bytes, Capabilities, ContainerConfig, ContainerDriver, ContainerFilter, ContainerId,
    ContainerInstance, ContainerPath, ContainerStats, CreationPlan, DriverHealth, EventFilter, EventStream,
    ExecConfig, ExecId, ExecOutput, ExecSession, ExecStatus, ExitInfo, ImageFilter, ImageInfo, ImageRef,
    LogOptions, LogStream, LogStreamOptions, Network, NetworkConfig, NetworkConnectOptions, NetworkId,
    PauseOutcome, PullOptions, PullStream, ReadFileOptions, RemoveOptions, ResourceFilter, Result, Signal,
    StartOutcome, StatsStream, StopOptions, StopOutcome, TarStream, UnpauseOutcome, Volume, VolumeConfig,
    VolumeId, WaitOptions, WriteFile, async_trait,
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
    async fn wait_container(&self, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
        self.inner.wait_container(id, options).await
    }
    async fn kill_container(&self, id: &ContainerId, signal: Signal) -> Result<()> {
        self.inner.kill_container(id, signal).await
    }
    async fn pause_container(&self, id: &ContainerId) -> Result<PauseOutcome> {
        self.inner.pause_container(id).await
    }
    async fn unpause_container(&self, id: &ContainerId) -> Result<UnpauseOutcome> {
        self.inner.unpause_container(id).await
    }
    async fn restart_container(&self, id: &ContainerId, options: StopOptions) -> Result<()> {
        self.inner.restart_container(id, options).await
    }
    async fn exec(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecOutput> {
        self.inner.exec(id, config).await
    }
    async fn exec_stream(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecSession> {
        self.inner.exec_stream(id, config).await
    }
    async fn exec_detached(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecId> {
        self.inner.exec_detached(id, config).await
    }
    async fn exec_status(&self, id: &ContainerId, exec: &ExecId) -> Result<Option<ExecStatus>> {
        self.inner.exec_status(id, exec).await
    }
    async fn stream_container_logs(&self, id: &ContainerId, options: LogStreamOptions) -> Result<LogStream> {
        self.inner.stream_container_logs(id, options).await
    }
    async fn copy_into_container(
        &self,
        id: &ContainerId,
        folder: &ContainerPath,
        archive: TarStream,
    ) -> Result<()> {
        self.inner.copy_into_container(id, folder, archive).await
    }
    async fn copy_from_container(&self, id: &ContainerId, path: &ContainerPath) -> Result<TarStream> {
        self.inner.copy_from_container(id, path).await
    }
    async fn read_file(
        &self,
        id: &ContainerId,
        path: &ContainerPath,
        options: ReadFileOptions,
    ) -> Result<Bytes> {
        self.inner.read_file(id, path, options).await
    }
    async fn read_file_stream(&self, id: &ContainerId, path: &ContainerPath) -> Result<ByteStream> {
        self.inner.read_file_stream(id, path).await
    }
    async fn write_file(&self, id: &ContainerId, path: &ContainerPath, file: WriteFile) -> Result<()> {
        self.inner.write_file(id, path, file).await
    }
    async fn pull_image(&self, image: &ImageRef, options: PullOptions) -> Result<PullStream> {
        self.inner.pull_image(image, options).await
    }
    async fn list_images(&self, filter: &ImageFilter) -> Result<Vec<ImageInfo>> {
        self.inner.list_images(filter).await
    }
    async fn get_image(&self, image: &ImageRef) -> Result<Option<ImageInfo>> {
        self.inner.get_image(image).await
    }
    async fn load_image(&self, archive: TarStream) -> Result<Vec<ImageRef>> {
        self.inner.load_image(archive).await
    }
    async fn container_stats(&self, id: &ContainerId) -> Result<ContainerStats> {
        self.inner.container_stats(id).await
    }
    async fn stream_container_stats(&self, id: &ContainerId) -> Result<StatsStream> {
        self.inner.stream_container_stats(id).await
    }
    async fn events(&self, filter: &EventFilter) -> Result<EventStream> {
        self.inner.events(filter).await
    }
    async fn get_volume(&self, id: &VolumeId) -> Result<Option<Volume>> {
        self.inner.get_volume(id).await
    }
    async fn get_network(&self, id: &NetworkId) -> Result<Option<Network>> {
        self.inner.get_network(id).await
    }
    async fn connect_network(
        &self,
        network: &NetworkId,
        container: &ContainerId,
        options: NetworkConnectOptions,
    ) -> Result<()> {
        self.inner.connect_network(network, container, options).await
    }
    async fn disconnect_network(&self, network: &NetworkId, container: &ContainerId) -> Result<()> {
        self.inner.disconnect_network(network, container).await
    }
    async fn remove_idle_networks(&self) -> Result<usize> {
        self.inner.remove_idle_networks().await
    }
    async fn plan(&self, config: &ContainerConfig) -> Result<CreationPlan> {
        self.inner.plan(config).await
    }
}
