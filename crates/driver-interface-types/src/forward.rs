//! Pointers to a driver are drivers. Every method is written out, so that none falls back to its default.

#![deny(clippy::missing_trait_methods)]

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use driver_interface_errors::Result;

use crate::{
    ByteStream, Capabilities, ContainerConfig, ContainerDriver, ContainerFilter, ContainerId,
    ContainerInstance, ContainerPath, ContainerStats, CreationPlan, DriverHealth, EventFilter, EventStream,
    ExecConfig, ExecId, ExecOutput, ExecSession, ExecStatus, ExitInfo, ImageFilter, ImageInfo, ImageRef,
    LogOptions, LogStream, LogStreamOptions, Network, NetworkConfig, NetworkConnectOptions, NetworkId,
    PauseOutcome, PullOptions, PullStream, ReadFileOptions, RemoveOptions, ResourceFilter, Signal,
    StartOutcome, StatsStream, StopOptions, StopOutcome, TarStream, UnpauseOutcome, Volume, VolumeConfig,
    VolumeId, WaitOptions, WriteFile,
};

macro_rules! forward {
    ($($pointer:ty),+) => {$(
        #[async_trait]
        impl<D: ContainerDriver + ?Sized> ContainerDriver for $pointer {
            fn name(&self) -> &str {
                (**self).name()
            }

            fn version(&self) -> &str {
                (**self).version()
            }

            fn capabilities(&self) -> Capabilities {
                (**self).capabilities()
            }

            async fn create_container(&self, config: &ContainerConfig) -> Result<ContainerInstance> {
                (**self).create_container(config).await
            }

            async fn start_container(&self, id: &ContainerId) -> Result<StartOutcome> {
                (**self).start_container(id).await
            }

            async fn stop_container(&self, id: &ContainerId, options: StopOptions) -> Result<StopOutcome> {
                (**self).stop_container(id, options).await
            }

            async fn remove_container(&self, id: &ContainerId, options: RemoveOptions) -> Result<()> {
                (**self).remove_container(id, options).await
            }

            async fn get_container(&self, id: &ContainerId) -> Result<Option<ContainerInstance>> {
                (**self).get_container(id).await
            }

            async fn list_containers(&self, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
                (**self).list_containers(filter).await
            }

            async fn get_container_logs(&self, id: &ContainerId, options: LogOptions) -> Result<String> {
                (**self).get_container_logs(id, options).await
            }

            async fn health_check(&self) -> Result<DriverHealth> {
                (**self).health_check().await
            }

            async fn is_container_healthy(&self, id: &ContainerId) -> Result<bool> {
                (**self).is_container_healthy(id).await
            }

            async fn create_volume(&self, config: &VolumeConfig) -> Result<Volume> {
                (**self).create_volume(config).await
            }

            async fn remove_volume(&self, id: &VolumeId) -> Result<()> {
                (**self).remove_volume(id).await
            }

            async fn create_network(&self, config: &NetworkConfig) -> Result<Network> {
                (**self).create_network(config).await
            }

            async fn remove_network(&self, id: &NetworkId) -> Result<()> {
                (**self).remove_network(id).await
            }

            async fn list_volumes(&self, filter: &ResourceFilter) -> Result<Vec<Volume>> {
                (**self).list_volumes(filter).await
            }

            async fn list_networks(&self, filter: &ResourceFilter) -> Result<Vec<Network>> {
                (**self).list_networks(filter).await
            }

            async fn import_image(&self, image: &ImageRef, root: Bytes) -> Result<()> {
                (**self).import_image(image, root).await
            }

            async fn remove_image(&self, image: &ImageRef) -> Result<()> {
                (**self).remove_image(image).await
            }

            async fn wait_container(&self, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
                (**self).wait_container(id, options).await
            }

            async fn kill_container(&self, id: &ContainerId, signal: Signal) -> Result<()> {
                (**self).kill_container(id, signal).await
            }

            async fn pause_container(&self, id: &ContainerId) -> Result<PauseOutcome> {
                (**self).pause_container(id).await
            }

            async fn unpause_container(&self, id: &ContainerId) -> Result<UnpauseOutcome> {
                (**self).unpause_container(id).await
            }

            async fn restart_container(&self, id: &ContainerId, options: StopOptions) -> Result<()> {
                (**self).restart_container(id, options).await
            }

            async fn exec(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecOutput> {
                (**self).exec(id, config).await
            }

            async fn exec_stream(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecSession> {
                (**self).exec_stream(id, config).await
            }

            async fn exec_detached(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecId> {
                (**self).exec_detached(id, config).await
            }

            async fn exec_status(&self, id: &ContainerId, exec: &ExecId) -> Result<Option<ExecStatus>> {
                (**self).exec_status(id, exec).await
            }

            async fn stream_container_logs(
                &self,
                id: &ContainerId,
                options: LogStreamOptions,
            ) -> Result<LogStream> {
                (**self).stream_container_logs(id, options).await
            }

            async fn copy_into_container(
                &self,
                id: &ContainerId,
                folder: &ContainerPath,
                archive: TarStream,
            ) -> Result<()> {
                (**self).copy_into_container(id, folder, archive).await
            }

            async fn copy_from_container(&self, id: &ContainerId, path: &ContainerPath) -> Result<TarStream> {
                (**self).copy_from_container(id, path).await
            }

            async fn read_file(
                &self,
                id: &ContainerId,
                path: &ContainerPath,
                options: ReadFileOptions,
            ) -> Result<Bytes> {
                (**self).read_file(id, path, options).await
            }

            async fn read_file_stream(&self, id: &ContainerId, path: &ContainerPath) -> Result<ByteStream> {
                (**self).read_file_stream(id, path).await
            }

            async fn write_file(
                &self,
                id: &ContainerId,
                path: &ContainerPath,
                file: WriteFile,
            ) -> Result<()> {
                (**self).write_file(id, path, file).await
            }

            async fn pull_image(&self, image: &ImageRef, options: PullOptions) -> Result<PullStream> {
                (**self).pull_image(image, options).await
            }

            async fn list_images(&self, filter: &ImageFilter) -> Result<Vec<ImageInfo>> {
                (**self).list_images(filter).await
            }

            async fn get_image(&self, image: &ImageRef) -> Result<Option<ImageInfo>> {
                (**self).get_image(image).await
            }

            async fn load_image(&self, archive: TarStream) -> Result<Vec<ImageRef>> {
                (**self).load_image(archive).await
            }

            async fn container_stats(&self, id: &ContainerId) -> Result<ContainerStats> {
                (**self).container_stats(id).await
            }

            async fn stream_container_stats(&self, id: &ContainerId) -> Result<StatsStream> {
                (**self).stream_container_stats(id).await
            }

            async fn events(&self, filter: &EventFilter) -> Result<EventStream> {
                (**self).events(filter).await
            }

            async fn get_volume(&self, id: &VolumeId) -> Result<Option<Volume>> {
                (**self).get_volume(id).await
            }

            async fn get_network(&self, id: &NetworkId) -> Result<Option<Network>> {
                (**self).get_network(id).await
            }

            async fn connect_network(
                &self,
                network: &NetworkId,
                container: &ContainerId,
                options: NetworkConnectOptions,
            ) -> Result<()> {
                (**self).connect_network(network, container, options).await
            }

            async fn disconnect_network(&self, network: &NetworkId, container: &ContainerId) -> Result<()> {
                (**self).disconnect_network(network, container).await
            }

            async fn plan(&self, config: &ContainerConfig) -> Result<CreationPlan> {
                (**self).plan(config).await
            }
        }
    )+};
}

forward!(Arc<D>, Box<D>);
