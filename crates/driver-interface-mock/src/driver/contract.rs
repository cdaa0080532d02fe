//! The implementation of the driver trait. Each method forwards to a method in another module.

#![deny(clippy::missing_trait_methods)]

use async_trait::async_trait;
use bytes::Bytes;
use driver_interface_errors::Result;
use driver_interface_types::{
    AttachSession, BuildOptions, BuildStream, ByteStream, Capabilities, CommitOptions, ContainerConfig,
    ContainerDriver, ContainerFilter, ContainerId, ContainerInstance, ContainerPath, ContainerStats,
    CreationPlan, DriverHealth, EventFilter, EventStream, ExecConfig, ExecId, ExecOutput, ExecSession,
    ExecStatus, ExitInfo, ImageFilter, ImageInfo, ImageRef, LogOptions, LogStream, LogStreamOptions, Network,
    NetworkConfig, NetworkConnectOptions, NetworkId, PauseOutcome, PullOptions, PullStream, PushOptions,
    PushStream, ReadFileOptions, RemoveOptions, ResourceFilter, RestartOutcome, Signal, StartOutcome,
    StatsStream, StopOptions, StopOutcome, TarStream, UnpauseOutcome, Volume, VolumeConfig, VolumeId,
    WaitOptions, WriteFile,
};

use super::MockDriver;
use crate::profile::Kind;

#[async_trait]
impl<K: Kind> ContainerDriver for MockDriver<K> {
    fn name(&self) -> &str {
        K::PROFILE.name
    }

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn capabilities(&self) -> Capabilities {
        self.core.capabilities.clone()
    }

    async fn create_container(&self, config: &ContainerConfig) -> Result<ContainerInstance> {
        self.create(config).await
    }

    async fn start_container(&self, id: &ContainerId) -> Result<StartOutcome> {
        self.start(id).await
    }

    async fn stop_container(&self, id: &ContainerId, options: StopOptions) -> Result<StopOutcome> {
        self.stop(id, options).await
    }

    async fn remove_container(&self, id: &ContainerId, options: RemoveOptions) -> Result<()> {
        self.remove(id, options).await
    }

    async fn get_container(&self, id: &ContainerId) -> Result<Option<ContainerInstance>> {
        self.get(id).await
    }

    async fn list_containers(&self, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
        self.list(filter).await
    }

    async fn get_container_logs(&self, id: &ContainerId, options: LogOptions) -> Result<String> {
        self.logs(id, options).await
    }

    async fn health_check(&self) -> Result<DriverHealth> {
        self.health().await
    }

    async fn is_container_healthy(&self, id: &ContainerId) -> Result<bool> {
        self.container_health(id).await
    }

    async fn create_volume(&self, config: &VolumeConfig) -> Result<Volume> {
        self.make_volume(config).await
    }

    async fn remove_volume(&self, id: &VolumeId) -> Result<()> {
        self.drop_volume(id).await
    }

    async fn create_network(&self, config: &NetworkConfig) -> Result<Network> {
        self.make_network(config).await
    }

    async fn remove_network(&self, id: &NetworkId) -> Result<()> {
        self.drop_network(id).await
    }

    async fn list_volumes(&self, filter: &ResourceFilter) -> Result<Vec<Volume>> {
        self.volumes(filter).await
    }

    async fn list_networks(&self, filter: &ResourceFilter) -> Result<Vec<Network>> {
        self.networks(filter).await
    }

    async fn import_image(&self, image: &ImageRef, root: TarStream) -> Result<()> {
        self.import(image, root).await
    }

    async fn remove_image(&self, image: &ImageRef) -> Result<()> {
        self.drop_image(image).await
    }

    async fn wait_container(&self, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
        self.wait(id, options).await
    }

    async fn kill_container(&self, id: &ContainerId, signal: Signal) -> Result<()> {
        self.kill(id, signal).await
    }

    async fn pause_container(&self, id: &ContainerId) -> Result<PauseOutcome> {
        self.pause(id).await
    }

    async fn unpause_container(&self, id: &ContainerId) -> Result<UnpauseOutcome> {
        self.unpause(id).await
    }

    async fn restart_container(&self, id: &ContainerId, options: StopOptions) -> Result<RestartOutcome> {
        self.restart(id, options).await
    }

    async fn events(&self, filter: &EventFilter) -> Result<EventStream> {
        self.follow_events(filter).await
    }

    async fn exec(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecOutput> {
        self.run_exec(id, config).await
    }

    async fn exec_stream(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecSession> {
        self.open_exec(id, config).await
    }

    async fn attach_container(&self, id: &ContainerId) -> Result<AttachSession> {
        self.attach_main(id).await
    }

    async fn exec_detached(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecId> {
        self.detach_exec(id, config).await
    }

    async fn exec_status(&self, id: &ContainerId, exec: &ExecId) -> Result<Option<ExecStatus>> {
        self.exec_status_of(id, exec).await
    }

    async fn stream_container_logs(&self, id: &ContainerId, options: LogStreamOptions) -> Result<LogStream> {
        self.follow_logs(id, options).await
    }

    async fn copy_into_container(
        &self,
        id: &ContainerId,
        directory: &ContainerPath,
        archive: TarStream,
    ) -> Result<()> {
        self.copy_into(id, directory, archive).await
    }

    async fn copy_from_container(&self, id: &ContainerId, path: &ContainerPath) -> Result<TarStream> {
        self.copy_from(id, path).await
    }

    async fn read_file(
        &self,
        id: &ContainerId,
        path: &ContainerPath,
        options: ReadFileOptions,
    ) -> Result<Bytes> {
        self.read(id, path, options).await
    }

    async fn read_file_stream(&self, id: &ContainerId, path: &ContainerPath) -> Result<ByteStream> {
        self.stream_file(id, path).await
    }

    async fn write_file(&self, id: &ContainerId, path: &ContainerPath, file: WriteFile) -> Result<()> {
        self.write(id, path, file).await
    }

    async fn get_volume(&self, id: &VolumeId) -> Result<Option<Volume>> {
        self.find_volume(id).await
    }

    async fn get_network(&self, id: &NetworkId) -> Result<Option<Network>> {
        self.find_network(id).await
    }

    async fn connect_network(
        &self,
        network: &NetworkId,
        container: &ContainerId,
        options: NetworkConnectOptions,
    ) -> Result<()> {
        self.attach(network, container, options).await
    }

    async fn disconnect_network(&self, network: &NetworkId, container: &ContainerId) -> Result<()> {
        self.detach(network, container).await
    }

    async fn remove_idle_networks(&self) -> Result<usize> {
        self.drop_idle_networks().await
    }

    async fn plan(&self, config: &ContainerConfig) -> Result<CreationPlan> {
        self.plan_creation(config).await
    }

    async fn pull_image(&self, image: &ImageRef, options: PullOptions) -> Result<PullStream> {
        self.pull_stream(image, options).await
    }

    async fn list_images(&self, filter: &ImageFilter) -> Result<Vec<ImageInfo>> {
        self.images(filter).await
    }

    async fn get_image(&self, image: &ImageRef) -> Result<Option<ImageInfo>> {
        self.find_image(image).await
    }

    async fn load_image(&self, archive: TarStream) -> Result<Vec<ImageRef>> {
        self.load(archive).await
    }

    async fn container_stats(&self, id: &ContainerId) -> Result<ContainerStats> {
        self.stats(id).await
    }

    async fn stream_container_stats(&self, id: &ContainerId) -> Result<StatsStream> {
        self.stats_stream(id).await
    }

    async fn build_image(
        &self,
        image: &ImageRef,
        context: TarStream,
        options: BuildOptions,
    ) -> Result<BuildStream> {
        self.build(image, context, options).await
    }

    async fn tag_image(&self, image: &ImageRef, new: &ImageRef) -> Result<()> {
        self.tag(image, new).await
    }

    async fn push_image(&self, image: &ImageRef, options: PushOptions) -> Result<PushStream> {
        self.push_stream(image, options).await
    }

    async fn save_image(&self, image: &ImageRef) -> Result<TarStream> {
        self.save(image).await
    }

    async fn commit_container(
        &self,
        id: &ContainerId,
        image: &ImageRef,
        options: CommitOptions,
    ) -> Result<ImageInfo> {
        self.commit_image(id, image, options).await
    }

    async fn export_volume(&self, id: &VolumeId) -> Result<TarStream> {
        self.export(id).await
    }

    async fn import_volume(&self, id: &VolumeId, archive: TarStream) -> Result<()> {
        self.import_into(id, archive).await
    }
}
