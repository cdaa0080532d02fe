//! A decorator that measures each operation: how often, how long, how many failures and of which kind.

#![deny(clippy::missing_trait_methods)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use driver_interface::{
    Bytes, Capabilities, ContainerConfig, ContainerDriver, ContainerFilter, ContainerId, ContainerInstance,
    DriverHealth, ImageRef, LogOptions, Network, NetworkConfig, NetworkId, RemoveOptions, ResourceFilter,
    Result, StartOutcome, StopOptions, StopOutcome, Volume, VolumeConfig, VolumeId, async_trait,
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
}
