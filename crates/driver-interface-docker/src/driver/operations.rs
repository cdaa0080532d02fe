//! The implementation of the driver trait: how each operation is run, and its deadline.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use driver_interface_errors::{DriverError, Result, UnsupportedError};
use driver_interface_types::{
    AttachSession, BuildOptions, BuildStream, ByteStream, Capabilities, CommitOptions, ContainerConfig,
    ContainerDriver, ContainerFilter, ContainerId, ContainerInstance, ContainerPath, ContainerStats,
    CreationPlan, DriverHealth, EventFilter, EventStream, ExecConfig, ExecId, ExecOutput, ExecSession,
    ExecStatus, ExitInfo, ImageFilter, ImageInfo, ImageRef, LogOptions, LogStream, LogStreamOptions, Network,
    NetworkConfig, NetworkConnectOptions, NetworkId, Operation, PauseOutcome, PullOptions, PullStream,
    PushOptions, PushStream, ReadFileOptions, RemoveOptions, ResourceFilter, RestartOutcome, Signal,
    StartOutcome, StatsStream, StopOptions, StopOutcome, TarStream, UnpauseOutcome, Volume, VolumeConfig,
    VolumeId, WaitOptions, WriteFile,
};

use super::containers;
use super::files::transfer;
use super::task::{DRIVER, change, change_for, located, read};
use super::{DockerDriver, exec, health, logs, networks, volumes};

// Operations not implemented here return "unsupported", the default of the trait.
#[async_trait]
impl ContainerDriver for DockerDriver {
    fn name(&self) -> &str {
        DRIVER
    }

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.features.capabilities.clone()
    }

    async fn create_container(&self, config: &ContainerConfig) -> Result<ContainerInstance> {
        containers::create(&self.inner, config).await
    }

    async fn start_container(&self, id: &ContainerId) -> Result<StartOutcome> {
        let driver = Arc::clone(&self.inner);
        change_for("start_container", self.inner.deadlines.start, |caller| {
            driver.start(id.to_string(), caller)
        })
        .await
    }

    async fn stop_container(&self, id: &ContainerId, options: StopOptions) -> Result<StopOutcome> {
        let deadline = containers::grace(options).saturating_add(self.inner.deadlines.stop_margin);
        let work = Arc::clone(&self.inner).stop(id.to_string(), options);
        change("stop_container", deadline, work).await
    }

    async fn remove_container(&self, id: &ContainerId, options: RemoveOptions) -> Result<()> {
        let work = Arc::clone(&self.inner).remove(id.to_string(), options);
        change("remove_container", self.inner.deadlines.remove, work).await
    }

    async fn get_container(&self, id: &ContainerId) -> Result<Option<ContainerInstance>> {
        read(
            "get_container",
            self.inner.deadlines.read,
            self.inner.get(id.as_str()),
        )
        .await
    }

    async fn list_containers(&self, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
        read(
            "list_containers",
            self.inner.deadlines.read,
            self.inner.list(filter),
        )
        .await
    }

    async fn wait_container(&self, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
        containers::wait(&self.inner, id.as_str(), options).await
    }

    async fn kill_container(&self, id: &ContainerId, signal: Signal) -> Result<()> {
        let work = Arc::clone(&self.inner).send_signal(id.to_string(), signal);
        change("kill_container", self.inner.deadlines.start, work).await
    }

    async fn pause_container(&self, id: &ContainerId) -> Result<PauseOutcome> {
        let work = Arc::clone(&self.inner).pause(id.to_string());
        change("pause_container", self.inner.deadlines.start, work).await
    }

    async fn unpause_container(&self, id: &ContainerId) -> Result<UnpauseOutcome> {
        let work = Arc::clone(&self.inner).unpause(id.to_string());
        change("unpause_container", self.inner.deadlines.start, work).await
    }

    async fn restart_container(&self, id: &ContainerId, options: StopOptions) -> Result<RestartOutcome> {
        let deadlines = &self.inner.deadlines;
        let deadline = containers::grace(options).saturating_add(deadlines.stop_margin + deadlines.start);
        let driver = Arc::clone(&self.inner);
        change_for("restart_container", deadline, |caller| {
            driver.restart(id.to_string(), options, caller)
        })
        .await
    }

    async fn exec(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecOutput> {
        exec::exec(&self.inner, id.as_str(), config).await
    }

    async fn exec_stream(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecSession> {
        exec::exec_stream(&self.inner, id.as_str(), config).await
    }

    async fn attach_container(&self, id: &ContainerId) -> Result<AttachSession> {
        exec::attach(&self.inner, id.as_str()).await
    }

    async fn exec_detached(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecId> {
        if !self.inner.features.capabilities.supports(Operation::ExecDetached) {
            return Err(undeclared("exec_detached"));
        }
        exec::detached(&self.inner, id.as_str(), config).await
    }

    async fn exec_status(&self, id: &ContainerId, exec: &ExecId) -> Result<Option<ExecStatus>> {
        if !self.inner.features.capabilities.supports(Operation::ExecStatus) {
            return Err(undeclared("exec_status"));
        }
        read(
            "exec_status",
            self.inner.deadlines.read,
            exec::status(&self.inner, id.as_str(), exec),
        )
        .await
    }

    async fn get_container_logs(&self, id: &ContainerId, options: LogOptions) -> Result<String> {
        logs::get(&self.inner, id, options).await
    }

    async fn stream_container_logs(&self, id: &ContainerId, options: LogStreamOptions) -> Result<LogStream> {
        logs::stream(&self.inner, id.as_str(), options).await
    }

    async fn health_check(&self) -> Result<DriverHealth> {
        health::check(&self.inner, self.version()).await
    }

    async fn is_container_healthy(&self, id: &ContainerId) -> Result<bool> {
        read(
            "is_container_healthy",
            self.inner.deadlines.read,
            self.inner.is_healthy(id.as_str()),
        )
        .await
    }

    async fn create_volume(&self, config: &VolumeConfig) -> Result<Volume> {
        volumes::create(&self.inner, config).await
    }

    async fn remove_volume(&self, id: &VolumeId) -> Result<()> {
        let work = Arc::clone(&self.inner).remove_volume(id.to_string());
        change("remove_volume", self.inner.deadlines.remove, work).await
    }

    async fn create_network(&self, config: &NetworkConfig) -> Result<Network> {
        networks::create(&self.inner, config).await
    }

    async fn remove_network(&self, id: &NetworkId) -> Result<()> {
        let work = Arc::clone(&self.inner).remove_network(id.to_string());
        change("remove_network", self.inner.deadlines.remove, work).await
    }

    async fn remove_idle_networks(&self) -> Result<usize> {
        let work = Arc::clone(&self.inner).remove_idle_networks();
        change("remove_idle_networks", self.inner.deadlines.remove, work).await
    }

    async fn list_volumes(&self, filter: &ResourceFilter) -> Result<Vec<Volume>> {
        read(
            "list_volumes",
            self.inner.deadlines.read,
            self.inner.list_volumes(filter),
        )
        .await
    }

    async fn list_networks(&self, filter: &ResourceFilter) -> Result<Vec<Network>> {
        read(
            "list_networks",
            self.inner.deadlines.read,
            self.inner.list_networks(filter),
        )
        .await
    }

    async fn import_image(&self, image: &ImageRef, root: TarStream) -> Result<()> {
        let work = Arc::clone(&self.inner).import_image(image.clone(), root);
        change("import_image", self.inner.deadlines.transfer, work).await
    }

    async fn remove_image(&self, image: &ImageRef) -> Result<()> {
        let work = Arc::clone(&self.inner).remove_image(image.clone());
        change("remove_image", self.inner.deadlines.remove, work).await
    }

    async fn get_volume(&self, id: &VolumeId) -> Result<Option<Volume>> {
        let found = self.inner.get_volume(id.as_str());
        read("get_volume", self.inner.deadlines.read, found).await
    }

    async fn get_network(&self, id: &NetworkId) -> Result<Option<Network>> {
        let found = self.inner.get_network(id.as_str());
        read("get_network", self.inner.deadlines.read, found).await
    }

    async fn connect_network(
        &self,
        network: &NetworkId,
        container: &ContainerId,
        options: NetworkConnectOptions,
    ) -> Result<()> {
        let work =
            Arc::clone(&self.inner).connect_network(network.to_string(), container.to_string(), options);
        change("connect_network", self.inner.deadlines.create, work).await
    }

    async fn disconnect_network(&self, network: &NetworkId, container: &ContainerId) -> Result<()> {
        let work = Arc::clone(&self.inner).disconnect_network(network.to_string(), container.to_string());
        change("disconnect_network", self.inner.deadlines.remove, work).await
    }

    async fn plan(&self, config: &ContainerConfig) -> Result<CreationPlan> {
        read("plan", self.inner.deadlines.read, self.inner.plan(config)).await
    }

    async fn copy_into_container(
        &self,
        id: &ContainerId,
        directory: &ContainerPath,
        archive: TarStream,
    ) -> Result<()> {
        let work = self.inner.copy_into(id.as_str(), directory, archive);
        transfer("copy_into_container", self.inner.deadlines.transfer, work).await
    }

    async fn copy_from_container(&self, id: &ContainerId, path: &ContainerPath) -> Result<TarStream> {
        let work = self.inner.copy_from(id.as_str(), path);
        read("copy_from_container", self.inner.deadlines.read, work).await
    }

    async fn read_file(
        &self,
        id: &ContainerId,
        path: &ContainerPath,
        options: ReadFileOptions,
    ) -> Result<Bytes> {
        let work = self.inner.read_file(id.as_str(), path, options);
        read("read_file", self.inner.deadlines.transfer, work).await
    }

    async fn read_file_stream(&self, id: &ContainerId, path: &ContainerPath) -> Result<ByteStream> {
        let work = self.inner.read_file_stream(id.as_str(), path);
        read("read_file_stream", self.inner.deadlines.read, work).await
    }

    async fn write_file(&self, id: &ContainerId, path: &ContainerPath, file: WriteFile) -> Result<()> {
        let work = self.inner.write_file(id.as_str(), path, file);
        transfer("write_file", self.inner.deadlines.transfer, work).await
    }

    async fn pull_image(&self, image: &ImageRef, options: PullOptions) -> Result<PullStream> {
        self.inner.pull_stream(image, options).await
    }

    async fn list_images(&self, filter: &ImageFilter) -> Result<Vec<ImageInfo>> {
        let work = self.inner.list_images(filter);
        read("list_images", self.inner.deadlines.read, work).await
    }

    async fn get_image(&self, image: &ImageRef) -> Result<Option<ImageInfo>> {
        let work = self.inner.get_image(image);
        read("get_image", self.inner.deadlines.read, work).await
    }

    async fn load_image(&self, archive: TarStream) -> Result<Vec<ImageRef>> {
        let work = self.inner.load_image(archive);
        transfer("load_image", self.inner.deadlines.transfer, work).await
    }

    async fn container_stats(&self, id: &ContainerId) -> Result<ContainerStats> {
        let work = Arc::clone(&self.inner).stats(id.to_string());
        read("container_stats", self.inner.deadlines.read, work).await
    }

    async fn stream_container_stats(&self, id: &ContainerId) -> Result<StatsStream> {
        let work = Arc::clone(&self.inner).stats_stream(id.to_string());
        read("stream_container_stats", self.inner.deadlines.read, work).await
    }

    async fn events(&self, filter: &EventFilter) -> Result<EventStream> {
        read("events", self.inner.deadlines.read, self.inner.events(filter)).await
    }

    async fn build_image(
        &self,
        image: &ImageRef,
        context: TarStream,
        options: BuildOptions,
    ) -> Result<BuildStream> {
        self.inner.build_stream(image, context, options).await
    }

    async fn tag_image(&self, image: &ImageRef, new: &ImageRef) -> Result<()> {
        let work = Arc::clone(&self.inner).tag_image(image.clone(), new.clone());
        change("tag_image", self.inner.deadlines.create, work).await
    }

    async fn push_image(&self, image: &ImageRef, options: PushOptions) -> Result<PushStream> {
        self.inner.push_stream(image, options).await
    }

    async fn save_image(&self, image: &ImageRef) -> Result<TarStream> {
        let work = self.inner.save_image(image);
        read("save_image", self.inner.deadlines.transfer, work).await
    }

    async fn commit_container(
        &self,
        id: &ContainerId,
        image: &ImageRef,
        options: CommitOptions,
    ) -> Result<ImageInfo> {
        let work = Arc::clone(&self.inner).commit(id.to_string(), image.clone(), options);
        change("commit_container", self.inner.deadlines.transfer, work).await
    }

    async fn export_volume(&self, id: &VolumeId) -> Result<TarStream> {
        volumes::export(&self.inner, id).await
    }

    async fn import_volume(&self, id: &VolumeId, archive: TarStream) -> Result<()> {
        volumes::import(&self.inner, id, archive).await
    }
}

/// Returns the error for an operation on detached commands if the engine does not support such operations.
fn undeclared(operation: &'static str) -> DriverError {
    let text = "this engine does not record the exit of a detached command";
    located(UnsupportedError::new(operation, text).into(), operation)
}
