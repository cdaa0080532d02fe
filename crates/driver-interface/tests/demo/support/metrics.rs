//! A decorator that measures each operation: how often, how long, how many failures and of which kind.

#![deny(clippy::missing_trait_methods)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use driver_interface::{
    ByteStream, Bytes, Capabilities, ContainerConfig, ContainerDriver, ContainerFilter, ContainerId,
    ContainerInstance, ContainerPath, ContainerStats, CreationPlan, DriverHealth, EventFilter, EventStream,
    ExecConfig, ExecId, ExecOutput, ExecSession, ExecStatus, ExitInfo, ImageFilter, ImageInfo, ImageRef,
    LogOptions, LogStream, LogStreamOptions, Network, NetworkConfig, NetworkConnectOptions, NetworkId,
    PauseOutcome, PullOptions, PullStream, ReadFileOptions, RemoveOptions, ResourceFilter, Result, Signal,
    StartOutcome, StatsStream, StopOptions, StopOutcome, TarStream, UnpauseOutcome, Volume, VolumeConfig,
    VolumeId, WaitOptions, WriteFile, async_trait,
};
use tokio::time::Instant;

/// The figures of one operation. A call that is dropped half-way is not counted: it has no outcome.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OperationStats {
    pub(crate) calls: u32,
    pub(crate) total: Duration,
    pub(crate) longest: Duration,
    /// Failures by the code of their error.
    pub(crate) failures: BTreeMap<&'static str, u32>,
}

impl OperationStats {
    /// Failures per call, from 0 to 1.
    pub(crate) fn error_rate(&self) -> f64 {
        f64::from(self.failures.values().sum::<u32>()) / f64::from(self.calls.max(1))
    }
}

/// Measures what passes through it.
#[derive(Debug)]
pub(crate) struct MeasuredDriver {
    inner: Arc<dyn ContainerDriver>,
    stats: Mutex<BTreeMap<&'static str, OperationStats>>,
}

impl MeasuredDriver {
    pub(crate) fn new(inner: Arc<dyn ContainerDriver>) -> Self {
        let stats = Mutex::default();
        Self { inner, stats }
    }

    /// The figures of an operation, such as `create_container`.
    pub(crate) fn stats(&self, operation: &str) -> OperationStats {
        let stats = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        stats.get(operation).cloned().unwrap_or_default()
    }

    async fn measure<T>(&self, name: &'static str, call: impl Future<Output = Result<T>>) -> Result<T> {
        let begin = Instant::now();
        let result = call.await;
        let took = begin.elapsed();
        let mut all = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        let stats = all.entry(name).or_default();
        stats.calls += 1;
        stats.total += took;
        stats.longest = stats.longest.max(took);
        if let Err(error) = &result {
            *stats.failures.entry(error.code()).or_default() += 1;
        }
        result
    }
}

#[async_trait]
impl ContainerDriver for MeasuredDriver {
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
        self.measure("create_container", self.inner.create_container(config))
            .await
    }
    async fn start_container(&self, id: &ContainerId) -> Result<StartOutcome> {
        self.measure("start_container", self.inner.start_container(id))
            .await
    }
    async fn stop_container(&self, id: &ContainerId, options: StopOptions) -> Result<StopOutcome> {
        self.measure("stop_container", self.inner.stop_container(id, options))
            .await
    }
    async fn remove_container(&self, id: &ContainerId, options: RemoveOptions) -> Result<()> {
        self.measure("remove_container", self.inner.remove_container(id, options))
            .await
    }
    async fn get_container(&self, id: &ContainerId) -> Result<Option<ContainerInstance>> {
        self.measure("get_container", self.inner.get_container(id)).await
    }
    async fn list_containers(&self, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
        self.measure("list_containers", self.inner.list_containers(filter))
            .await
    }
    async fn get_container_logs(&self, id: &ContainerId, options: LogOptions) -> Result<String> {
        self.measure("get_container_logs", self.inner.get_container_logs(id, options))
            .await
    }
    async fn health_check(&self) -> Result<DriverHealth> {
        self.measure("health_check", self.inner.health_check()).await
    }
    async fn is_container_healthy(&self, id: &ContainerId) -> Result<bool> {
        self.measure("is_container_healthy", self.inner.is_container_healthy(id))
            .await
    }
    async fn create_volume(&self, config: &VolumeConfig) -> Result<Volume> {
        self.measure("create_volume", self.inner.create_volume(config))
            .await
    }
    async fn remove_volume(&self, id: &VolumeId) -> Result<()> {
        self.measure("remove_volume", self.inner.remove_volume(id)).await
    }
    async fn create_network(&self, config: &NetworkConfig) -> Result<Network> {
        self.measure("create_network", self.inner.create_network(config))
            .await
    }
    async fn remove_network(&self, id: &NetworkId) -> Result<()> {
        self.measure("remove_network", self.inner.remove_network(id))
            .await
    }
    async fn list_volumes(&self, filter: &ResourceFilter) -> Result<Vec<Volume>> {
        self.measure("list_volumes", self.inner.list_volumes(filter))
            .await
    }
    async fn list_networks(&self, filter: &ResourceFilter) -> Result<Vec<Network>> {
        self.measure("list_networks", self.inner.list_networks(filter))
            .await
    }
    async fn import_image(&self, image: &ImageRef, root: Bytes) -> Result<()> {
        self.measure("import_image", self.inner.import_image(image, root))
            .await
    }
    async fn remove_image(&self, image: &ImageRef) -> Result<()> {
        self.measure("remove_image", self.inner.remove_image(image)).await
    }
    async fn wait_container(&self, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
        self.measure("wait_container", self.inner.wait_container(id, options))
            .await
    }
    async fn kill_container(&self, id: &ContainerId, signal: Signal) -> Result<()> {
        self.measure("kill_container", self.inner.kill_container(id, signal))
            .await
    }
    async fn pause_container(&self, id: &ContainerId) -> Result<PauseOutcome> {
        self.measure("pause_container", self.inner.pause_container(id))
            .await
    }
    async fn unpause_container(&self, id: &ContainerId) -> Result<UnpauseOutcome> {
        self.measure("unpause_container", self.inner.unpause_container(id))
            .await
    }
    async fn restart_container(&self, id: &ContainerId, options: StopOptions) -> Result<()> {
        self.measure("restart_container", self.inner.restart_container(id, options))
            .await
    }
    async fn exec(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecOutput> {
        self.measure("exec", self.inner.exec(id, config)).await
    }
    async fn exec_stream(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecSession> {
        self.measure("exec_stream", self.inner.exec_stream(id, config))
            .await
    }
    async fn exec_detached(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecId> {
        self.measure("exec_detached", self.inner.exec_detached(id, config))
            .await
    }
    async fn exec_status(&self, id: &ContainerId, exec: &ExecId) -> Result<Option<ExecStatus>> {
        self.measure("exec_status", self.inner.exec_status(id, exec))
            .await
    }
    async fn stream_container_logs(&self, id: &ContainerId, options: LogStreamOptions) -> Result<LogStream> {
        self.measure(
            "stream_container_logs",
            self.inner.stream_container_logs(id, options),
        )
        .await
    }
    async fn copy_into_container(
        &self,
        id: &ContainerId,
        folder: &ContainerPath,
        archive: TarStream,
    ) -> Result<()> {
        self.measure(
            "copy_into_container",
            self.inner.copy_into_container(id, folder, archive),
        )
        .await
    }
    async fn copy_from_container(&self, id: &ContainerId, path: &ContainerPath) -> Result<TarStream> {
        self.measure("copy_from_container", self.inner.copy_from_container(id, path))
            .await
    }
    async fn read_file(
        &self,
        id: &ContainerId,
        path: &ContainerPath,
        options: ReadFileOptions,
    ) -> Result<Bytes> {
        self.measure("read_file", self.inner.read_file(id, path, options))
            .await
    }
    async fn read_file_stream(&self, id: &ContainerId, path: &ContainerPath) -> Result<ByteStream> {
        self.measure("read_file_stream", self.inner.read_file_stream(id, path))
            .await
    }
    async fn write_file(&self, id: &ContainerId, path: &ContainerPath, file: WriteFile) -> Result<()> {
        self.measure("write_file", self.inner.write_file(id, path, file))
            .await
    }
    async fn pull_image(&self, image: &ImageRef, options: PullOptions) -> Result<PullStream> {
        self.measure("pull_image", self.inner.pull_image(image, options))
            .await
    }
    async fn list_images(&self, filter: &ImageFilter) -> Result<Vec<ImageInfo>> {
        self.measure("list_images", self.inner.list_images(filter)).await
    }
    async fn get_image(&self, image: &ImageRef) -> Result<Option<ImageInfo>> {
        self.measure("get_image", self.inner.get_image(image)).await
    }
    async fn load_image(&self, archive: TarStream) -> Result<Vec<ImageRef>> {
        self.measure("load_image", self.inner.load_image(archive)).await
    }
    async fn container_stats(&self, id: &ContainerId) -> Result<ContainerStats> {
        self.measure("container_stats", self.inner.container_stats(id))
            .await
    }
    async fn stream_container_stats(&self, id: &ContainerId) -> Result<StatsStream> {
        self.measure("stream_container_stats", self.inner.stream_container_stats(id))
            .await
    }
    async fn events(&self, filter: &EventFilter) -> Result<EventStream> {
        self.measure("events", self.inner.events(filter)).await
    }
    async fn get_volume(&self, id: &VolumeId) -> Result<Option<Volume>> {
        self.measure("get_volume", self.inner.get_volume(id)).await
    }
    async fn get_network(&self, id: &NetworkId) -> Result<Option<Network>> {
        self.measure("get_network", self.inner.get_network(id)).await
    }
    async fn connect_network(
        &self,
        network: &NetworkId,
        container: &ContainerId,
        options: NetworkConnectOptions,
    ) -> Result<()> {
        self.measure(
            "connect_network",
            self.inner.connect_network(network, container, options),
        )
        .await
    }
    async fn disconnect_network(&self, network: &NetworkId, container: &ContainerId) -> Result<()> {
        self.measure(
            "disconnect_network",
            self.inner.disconnect_network(network, container),
        )
        .await
    }
    async fn remove_idle_networks(&self) -> Result<usize> {
        self.measure("remove_idle_networks", self.inner.remove_idle_networks())
            .await
    }
    async fn plan(&self, config: &ContainerConfig) -> Result<CreationPlan> {
        self.measure("plan", self.inner.plan(config)).await
    }
}
