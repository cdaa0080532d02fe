//! Pointers to a driver are drivers. Every method is written out, so that none falls back to its default.

#![deny(clippy::missing_trait_methods)]

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use driver_interface_errors::Result;

use crate::{
    Capabilities, ContainerConfig, ContainerDriver, ContainerFilter, ContainerId, ContainerInstance,
    DriverHealth, ImageRef, LogOptions, Network, NetworkConfig, NetworkId, RemoveOptions, ResourceFilter,
    StartOutcome, StopOptions, StopOutcome, Volume, VolumeConfig, VolumeId,
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
        }
    )+};
}

forward!(Arc<D>, Box<D>);
