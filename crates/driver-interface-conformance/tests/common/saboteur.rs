//! A driver with one thing wrong about it, to prove that a check can fail.

#![deny(clippy::missing_trait_methods)]

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use driver_interface_errors::{
    ContainerCreationError, ContainerStartError, ContainerStopError, ImagePullError,
};
use driver_interface_types::{
    ByteStream, Capabilities, ConfigurationError, ContainerConfig, ContainerDriver, ContainerFilter,
    ContainerId, ContainerInstance, ContainerPath, ContainerStats, CreationPlan, DriverHealth, EventFilter,
    EventStream, ExecConfig, ExecId, ExecOutput, ExecSession, ExecStatus, ExitInfo, ImageFilter, ImageInfo,
    ImageRef, LogOptions, LogStream, LogStreamOptions, Network, NetworkConfig, NetworkConnectOptions,
    NetworkId, NetworkMode, PauseOutcome, PullOptions, PullStream, ReadFileOptions, RemoveOptions,
    ResourceFilter, Result, Signal, StartOutcome, StatsStream, StopOptions, StopOutcome, TarStream,
    UnpauseOutcome, Volume, VolumeConfig, VolumeId, WaitOptions, WriteFile,
};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    StartAgainFails,
    StartAlwaysSaysStarted,
    CreateAlsoStarts,
    TakenNameGivesTheOther,
    EmptyLabelsAreLost,
    MissingNetworkFallsBack,
    MissingImageIsRetryable,
    OneViolationAtATime,
    SecretsInErrors,
    KeysAreForgotten,
    DroppedCreateGoesOn,
    StopKillsAtOnce,
    StopKillsWhatOutlivesIt,
    StopReturnsEarly,
    StopAgainFails,
    RemoveTakesRunningOnes,
    NotFoundIsSwallowed,
    NotFoundHasAnotherCode,
    PrefixesAreIds,
    ListIgnoresLabels,
    ListIgnoresStatus,
    ListIsUnordered,
    ExitCodesAreLost,
    LogsIgnoreTail,
    LogsMergeStreams,
    FollowDoesNotWait,
    TakenVolumeIsFine,
    CountsAreWrong,
    UndeclaredWorks,
    PanicsInList,
    HangsInHealth,
}

#[derive(Clone, Debug)]
pub(crate) struct Saboteur {
    inner: Arc<dyn ContainerDriver>,
    fault: Fault,
}

impl Saboteur {
    pub(crate) fn new(inner: Arc<dyn ContainerDriver>, fault: Fault) -> Self {
        Self { inner, fault }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// The id that a prefix could mean, where prefixes are taken for ids.
    async fn meant(&self, id: &ContainerId) -> Result<ContainerId> {
        if !self.is(Fault::PrefixesAreIds) {
            return Ok(id.clone());
        }
        let all = self.inner.list_containers(&ContainerFilter::default()).await?;
        let found = all
            .into_iter()
            .find(|container| container.id.as_str().starts_with(id.as_str()));
        Ok(found.map_or_else(|| id.clone(), |container| container.id))
    }

    fn seen(&self, mut container: ContainerInstance) -> ContainerInstance {
        if self.is(Fault::EmptyLabelsAreLost) {
            container.labels.retain(|_, value| !value.is_empty());
        }
        if self.is(Fault::ExitCodesAreLost)
            && let Some(exit) = &mut container.exit
        {
            exit.code = exit.code.min(1);
        }
        container
    }
}

#[async_trait]
impl ContainerDriver for Saboteur {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn version(&self) -> &str {
        self.inner.version()
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.inner.capabilities();
        if self.is(Fault::UndeclaredWorks) {
            capabilities.volume_list = false;
        }
        capabilities
    }

    async fn create_container(&self, config: &ContainerConfig) -> Result<ContainerInstance> {
        let mut config = config.clone();
        if self.is(Fault::KeysAreForgotten) {
            config.operation_key = None;
            config.name = None;
        }
        if self.is(Fault::DroppedCreateGoesOn) {
            let inner = Arc::clone(&self.inner);
            return tokio::spawn(async move { inner.create_container(&config).await })
                .await
                .unwrap();
        }
        let mut result = self.inner.create_container(&config).await;
        let code = result.as_ref().err().map_or("", |error| error.code());
        if self.is(Fault::MissingNetworkFallsBack) && code == "NETWORK_NOT_FOUND" {
            config.network = NetworkMode::Default;
            result = self.inner.create_container(&config).await;
        }
        if self.is(Fault::TakenNameGivesTheOther) && code == "CONTAINER_CREATION_FAILED" {
            let name = ContainerId::new(config.name.as_deref().unwrap())?;
            return Ok(self.inner.get_container(&name).await?.unwrap());
        }
        if self.is(Fault::MissingImageIsRetryable) && code == "IMAGE_NOT_FOUND" {
            return Err(ImagePullError::new(&config.image, "something went wrong").into());
        }
        if self.is(Fault::SecretsInErrors)
            && let Err(error) = &result
        {
            let message = format!("{error} with {:?}", config.env);
            return Err(ContainerCreationError::new(message).into());
        }
        if self.is(Fault::OneViolationAtATime)
            && let Err(error) = &result
            && let Some(first) = error.to_report().violations.first()
        {
            return Err(ConfigurationError::new(vec![first.clone()]).into());
        }
        if self.is(Fault::CreateAlsoStarts)
            && let Ok(made) = &result
        {
            self.inner.start_container(&made.id).await?;
        }
        result.map(|container| self.seen(container))
    }

    async fn start_container(&self, id: &ContainerId) -> Result<StartOutcome> {
        let result = self.inner.start_container(id).await;
        match result {
            Ok(StartOutcome::AlreadyRunning) if self.is(Fault::StartAgainFails) => {
                Err(ContainerStartError::new(id.as_str(), "it runs already").into())
            }
            Ok(_) if self.is(Fault::StartAlwaysSaysStarted) => Ok(StartOutcome::Started),
            Err(error) if self.is(Fault::NotFoundHasAnotherCode) && error.is_not_found() => {
                Err(ContainerStartError::new(id.as_str(), error.message()).into())
            }
            result => result,
        }
    }

    async fn stop_container(&self, id: &ContainerId, options: StopOptions) -> Result<StopOutcome> {
        let id = self.meant(id).await?;
        if self.is(Fault::StopKillsAtOnce) {
            return self.inner.stop_container(&id, StopOptions::kill()).await;
        }
        if self.is(Fault::StopReturnsEarly) {
            let inner = Arc::clone(&self.inner);
            tokio::spawn(async move {
                tokio::time::sleep(std::time::Duration::from_secs(2)).await;
                inner.stop_container(&id, options).await
            });
            return Ok(StopOutcome::Stopped);
        }
        let result = self.inner.stop_container(&id, options).await;
        match result {
            Err(error)
                if self.is(Fault::StopKillsWhatOutlivesIt) && error.code() == "CONTAINER_STOP_FAILED" =>
            {
                self.inner.stop_container(&id, StopOptions::kill()).await
            }
            Ok(StopOutcome::AlreadyStopped) if self.is(Fault::StopAgainFails) => {
                Err(ContainerStopError::new(id.as_str(), "it does not run").into())
            }
            result => result,
        }
    }

    async fn remove_container(&self, id: &ContainerId, mut options: RemoveOptions) -> Result<()> {
        if self.is(Fault::RemoveTakesRunningOnes) {
            options.force = true;
        }
        match self.inner.remove_container(id, options).await {
            Err(error) if self.is(Fault::NotFoundIsSwallowed) && error.is_not_found() => Ok(()),
            result => result,
        }
    }

    async fn get_container(&self, id: &ContainerId) -> Result<Option<ContainerInstance>> {
        let id = self.meant(id).await?;
        let found = self.inner.get_container(&id).await?;
        Ok(found.map(|container| self.seen(container)))
    }

    async fn list_containers(&self, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
        let mut filter = filter.clone();
        if self.is(Fault::ListIgnoresLabels) {
            filter.labels.clear();
        }
        if self.is(Fault::ListIgnoresStatus) {
            (filter.status, filter.state) = (None, None);
        }
        let mut found = self.inner.list_containers(&filter).await?;
        if self.is(Fault::ListIsUnordered) {
            found.reverse();
        }
        assert!(
            !self.is(Fault::PanicsInList) || found.is_empty(),
            "the saboteur panics"
        );
        Ok(found.into_iter().map(|container| self.seen(container)).collect())
    }

    async fn get_container_logs(&self, id: &ContainerId, mut options: LogOptions) -> Result<String> {
        if self.is(Fault::LogsIgnoreTail) {
            options.tail = None;
        }
        if self.is(Fault::LogsMergeStreams) && (options.stdout || options.stderr) {
            (options.stdout, options.stderr) = (true, true);
        }
        if self.is(Fault::FollowDoesNotWait) {
            options.follow = false;
        }
        self.inner.get_container_logs(id, options).await
    }

    async fn health_check(&self) -> Result<DriverHealth> {
        if self.is(Fault::HangsInHealth) {
            std::future::pending::<()>().await;
        }
        let mut health = self.inner.health_check().await?;
        if self.is(Fault::CountsAreWrong) {
            health.containers.running += 1;
        }
        Ok(health)
    }

    async fn is_container_healthy(&self, id: &ContainerId) -> Result<bool> {
        self.inner.is_container_healthy(id).await
    }

    async fn create_volume(&self, config: &VolumeConfig) -> Result<Volume> {
        match self.inner.create_volume(config).await {
            Err(error) if self.is(Fault::TakenVolumeIsFine) && error.code() == "VOLUME_CREATION_FAILED" => {
                let all = self.inner.list_volumes(&ResourceFilter::default()).await?;
                Ok(all.into_iter().find(|volume| volume.name == config.name).unwrap())
            }
            result => result,
        }
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

    async fn plan(&self, config: &ContainerConfig) -> Result<CreationPlan> {
        self.inner.plan(config).await
    }
}
