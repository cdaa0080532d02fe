//! A driver with one thing wrong about it, to prove that a check can fail.

#![deny(clippy::missing_trait_methods)]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use driver_interface_errors::{
    ContainerCreationError, ContainerNotRunningError, ContainerStartError, ContainerStopError,
    ImagePullError, NetworkConnectError,
};
use driver_interface_types::{
    ByteStream, Capabilities, ConfigurationError, ContainerConfig, ContainerDriver, ContainerFilter,
    ContainerId, ContainerInstance, ContainerPath, ContainerStats, CreationPlan, DriverHealth, EventFilter,
    EventStream, ExecConfig, ExecId, ExecOutcome, ExecOutput, ExecSession, ExecStatus, ExitInfo, ImageFilter,
    ImageInfo, ImageRef, LogOptions, LogStream, LogStreamOptions, Network, NetworkConfig,
    NetworkConnectOptions, NetworkId, NetworkMode, PauseOutcome, PullOptions, PullProgress, PullStream,
    ReadFileOptions, RemoveOptions, ResourceFilter, Result, Signal, StartOutcome, StatsStream, StopOptions,
    StopOutcome, TarStream, UnpauseOutcome, Volume, VolumeConfig, VolumeId, WaitOptions, WriteFile,
};
use futures_util::StreamExt as _;

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
    WaitLosesTheCode,
    WaitDoesNotWait,
    WaitForgetsRemoved,
    WaitIgnoresTimeout,
    KillSendsTerm,
    KillOfEndedIsFine,
    KillTwice,
    PauseIsIgnored,
    PauseAgainFails,
    UnpauseOfEndedIsFine,
    RestartKills,
    RestartDoesNothing,
    ExecLosesErrors,
    ExecExitCodesAreLost,
    ExecIsText,
    ExecIgnoresInput,
    ExecIgnoresLimit,
    ExecIgnoresEnvironment,
    ExecMissingProgramIsOutput,
    ExecTimeoutIgnored,
    ExecLetsItRunOn,
    ExecStreamIgnoresTimeout,
    ExecStreamMergesStreams,
    ExecStatusIsAlwaysEmpty,
    ExecDetachedTakesTimeouts,
    LogStreamIsText,
    LogStreamIgnoresTail,
    LogStreamDoesNotFollow,
    LogStreamHasNoTimes,
    ReadFileCuts,
    ReadFileMissingIsEmpty,
    WriteFileAppends,
    WriteFileForgetsMode,
    WriteFileMakesFolders,
    CopyInLosesLinks,
    ImagesHaveNoFilter,
    ImageIsAlwaysThere,
    LoadNamesNothing,
    PullTellsNothing,
    StatsOfEndedAreZero,
    StatsStreamGoesOn,
    StatsForgetLimits,
    EventsComeTwice,
    EventsLoseCodes,
    EventsIgnoreFilter,
    EventsIgnoreCursor,
    VolumesAreNeverFound,
    NetworksAreFoundAnywhere,
    ConnectAgainFails,
    DisconnectDoesNothing,
    PlanCreates,
    PlanAcceptsAnything,
    HealthIsAlwaysGood,
    StopSignalIsForgotten,
    WorkingDirIsForgotten,
    PortsAreForgotten,
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

    /// The result, but for a refusal because nothing runs, which is swallowed for this fault.
    fn unless<T>(&self, fault: Fault, result: Result<T>, instead: T) -> Result<T> {
        match result {
            Err(error) if self.is(fault) && error.code() == "CONTAINER_NOT_RUNNING" => Ok(instead),
            result => result,
        }
    }

    /// Runs a command in a task of its own, which a dropped call or a timeout does not end.
    async fn exec_and_let_run(&self, id: &ContainerId, mut config: ExecConfig) -> Result<ExecOutput> {
        let (inner, id, timeout) = (Arc::clone(&self.inner), id.clone(), config.timeout.take());
        let task = tokio::spawn(async move { inner.exec(&id, config).await });
        let longest = timeout.unwrap_or(Duration::from_secs(3600));
        match tokio::time::timeout(longest, task).await {
            Ok(joined) => joined.unwrap(),
            Err(_) => Ok(ExecOutput::new(ExecOutcome::TimedOut, "", "")),
        }
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
        if self.is(Fault::StopSignalIsForgotten) {
            config.stop_signal = None;
        }
        if self.is(Fault::WorkingDirIsForgotten) {
            config.working_dir = None;
        }
        if self.is(Fault::PortsAreForgotten) {
            config.ports.clear();
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
        let healthy = self.inner.is_container_healthy(id).await?;
        Ok(healthy || self.is(Fault::HealthIsAlwaysGood))
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
        if self.is(Fault::WaitDoesNotWait) {
            let now = self.inner.get_container(id).await?;
            if now.as_ref().is_some_and(|now| now.exit.is_none()) {
                return Ok(ExitInfo::new(0, false, SystemTime::now()));
            }
        }
        let mut options = options;
        if self.is(Fault::WaitIgnoresTimeout) {
            options.timeout = options.timeout.map(|_| Duration::from_secs(60));
        }
        let result = self.inner.wait_container(id, options).await;
        let mut exit = result?;
        if self.is(Fault::WaitLosesTheCode) {
            exit.code = exit.code.min(1);
        }
        if self.is(Fault::WaitForgetsRemoved) && self.inner.get_container(id).await?.is_none() {
            exit.code = 0;
        }
        Ok(exit)
    }

    async fn kill_container(&self, id: &ContainerId, signal: Signal) -> Result<()> {
        let signal = if self.is(Fault::KillSendsTerm) {
            Signal::TERM
        } else {
            signal
        };
        if self.is(Fault::KillTwice) {
            self.inner.kill_container(id, signal).await?;
        }
        self.unless(
            Fault::KillOfEndedIsFine,
            self.inner.kill_container(id, signal).await,
            (),
        )
    }

    async fn pause_container(&self, id: &ContainerId) -> Result<PauseOutcome> {
        if self.is(Fault::PauseIsIgnored) && self.inner.get_container(id).await?.is_some() {
            return Ok(PauseOutcome::Paused);
        }
        match self.inner.pause_container(id).await {
            Ok(PauseOutcome::AlreadyPaused) if self.is(Fault::PauseAgainFails) => {
                Err(ContainerNotRunningError::new(id.as_str(), "it is paused").into())
            }
            result => result,
        }
    }

    async fn unpause_container(&self, id: &ContainerId) -> Result<UnpauseOutcome> {
        let result = self.inner.unpause_container(id).await;
        self.unless(
            Fault::UnpauseOfEndedIsFine,
            result,
            UnpauseOutcome::AlreadyRunning,
        )
    }

    async fn restart_container(&self, id: &ContainerId, options: StopOptions) -> Result<()> {
        if self.is(Fault::RestartDoesNothing) && self.inner.get_container(id).await?.is_some() {
            return Ok(());
        }
        let options = if self.is(Fault::RestartKills) {
            StopOptions::kill()
        } else {
            options
        };
        self.inner.restart_container(id, options).await
    }

    async fn exec(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecOutput> {
        let mut config = config;
        if self.is(Fault::ExecIgnoresInput) {
            config.stdin = None;
        }
        if self.is(Fault::ExecIgnoresEnvironment) {
            config.env.clear();
        }
        if self.is(Fault::ExecIgnoresLimit) {
            config.output_limit = ExecConfig::DEFAULT_OUTPUT_LIMIT;
        }
        if self.is(Fault::ExecTimeoutIgnored) {
            config.timeout = config.timeout.map(|time| time * 10);
        }
        if self.is(Fault::ExecLetsItRunOn) {
            return self.exec_and_let_run(id, config).await;
        }
        let mut done = match self.inner.exec(id, config).await {
            Err(error) if self.is(Fault::ExecMissingProgramIsOutput) && error.code() == "EXEC_FAILED" => {
                return Ok(ExecOutput::new(ExecOutcome::Exited(127), "not found", ""));
            }
            result => result?,
        };
        if self.is(Fault::ExecLosesErrors) {
            done.stderr = Bytes::new();
        }
        if self.is(Fault::ExecIsText) {
            done.stdout = done.stdout_text().into_owned().into();
        }
        if self.is(Fault::ExecExitCodesAreLost)
            && let ExecOutcome::Exited(code) = done.outcome
        {
            done.outcome = ExecOutcome::Exited(code.min(1));
        }
        Ok(done)
    }

    async fn exec_stream(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecSession> {
        let mut config = config;
        if self.is(Fault::ExecStreamIgnoresTimeout) {
            config.timeout = None;
        }
        let mut session = self.inner.exec_stream(id, config).await?;
        if self.is(Fault::ExecStreamMergesStreams) {
            session.stderr = Box::pin(&b""[..]);
        }
        Ok(session)
    }

    async fn exec_detached(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecId> {
        let mut config = config;
        if self.is(Fault::ExecDetachedTakesTimeouts) {
            config.timeout = None;
        }
        self.inner.exec_detached(id, config).await
    }

    async fn exec_status(&self, id: &ContainerId, exec: &ExecId) -> Result<Option<ExecStatus>> {
        let status = self.inner.exec_status(id, exec).await?;
        Ok(status.filter(|_| !self.is(Fault::ExecStatusIsAlwaysEmpty)))
    }

    async fn stream_container_logs(&self, id: &ContainerId, options: LogStreamOptions) -> Result<LogStream> {
        let mut options = options;
        if self.is(Fault::LogStreamIgnoresTail) {
            options.tail = None;
        }
        if self.is(Fault::LogStreamDoesNotFollow) {
            options.follow = false;
        }
        let (text, no_times) = (
            self.is(Fault::LogStreamIsText),
            self.is(Fault::LogStreamHasNoTimes),
        );
        let stream = self.inner.stream_container_logs(id, options).await?;
        Ok(LogStream::new(stream.map(move |chunk| {
            let mut chunk = chunk?;
            if text {
                chunk.bytes = chunk.text().into_owned().into();
            }
            chunk.timestamp = chunk.timestamp.filter(|_| !no_times);
            Ok(chunk)
        })))
    }

    async fn copy_into_container(
        &self,
        id: &ContainerId,
        folder: &ContainerPath,
        archive: TarStream,
    ) -> Result<()> {
        if self.is(Fault::CopyInLosesLinks) {
            let bytes = archive.read_all(usize::MAX).await?;
            let archive = without_links(&bytes).into();
            return self.inner.copy_into_container(id, folder, archive).await;
        }
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
        if self.is(Fault::ReadFileCuts) {
            let whole = self.inner.read_file(id, path, ReadFileOptions::default()).await?;
            return Ok(whole.slice(..whole.len().min(options.limit)));
        }
        let result = self.inner.read_file(id, path, options).await;
        match result {
            Err(error) if self.is(Fault::ReadFileMissingIsEmpty) && error.code() == "FILE_SYSTEM_ERROR" => {
                Ok(Bytes::new())
            }
            result => result,
        }
    }

    async fn read_file_stream(&self, id: &ContainerId, path: &ContainerPath) -> Result<ByteStream> {
        self.inner.read_file_stream(id, path).await
    }

    async fn write_file(&self, id: &ContainerId, path: &ContainerPath, file: WriteFile) -> Result<()> {
        let mut file = file;
        if self.is(Fault::WriteFileForgetsMode) {
            (file.mode, file.owner) = (WriteFile::DEFAULT_MODE, None);
        }
        if self.is(Fault::WriteFileMakesFolders) {
            file.create_parents = true;
        }
        if self.is(Fault::WriteFileAppends)
            && let Ok(old) = self.inner.read_file(id, path, ReadFileOptions::default()).await
        {
            let new = file.content.into_stream().read_all(usize::MAX).await?;
            file.content = [old, new].concat().into();
        }
        self.inner.write_file(id, path, file).await
    }

    async fn pull_image(&self, image: &ImageRef, options: PullOptions) -> Result<PullStream> {
        let stream = self.inner.pull_image(image, options).await?;
        let silent = self.is(Fault::PullTellsNothing);
        Ok(PullStream::new(stream.filter(move |step| {
            let done = matches!(step, Ok(PullProgress::Done(_)));
            std::future::ready(!(silent && done))
        })))
    }

    async fn list_images(&self, filter: &ImageFilter) -> Result<Vec<ImageInfo>> {
        let everything = ImageFilter::default();
        let filter = if self.is(Fault::ImagesHaveNoFilter) {
            &everything
        } else {
            filter
        };
        self.inner.list_images(filter).await
    }

    async fn get_image(&self, image: &ImageRef) -> Result<Option<ImageInfo>> {
        let found = self.inner.get_image(image).await?;
        let made_up = self
            .is(Fault::ImageIsAlwaysThere)
            .then(|| ImageInfo::new("sha256:0", 1));
        Ok(found.or(made_up))
    }

    async fn load_image(&self, archive: TarStream) -> Result<Vec<ImageRef>> {
        let names = self.inner.load_image(archive).await?;
        Ok(names
            .into_iter()
            .filter(|_| !self.is(Fault::LoadNamesNothing))
            .collect())
    }

    async fn container_stats(&self, id: &ContainerId) -> Result<ContainerStats> {
        let zero = ContainerStats::new(SystemTime::now());
        let result = self.inner.container_stats(id).await;
        let mut stats = self.unless(Fault::StatsOfEndedAreZero, result, zero)?;
        if self.is(Fault::StatsForgetLimits) {
            (stats.memory_limit_bytes, stats.pids_limit) = (None, None);
        }
        Ok(stats)
    }

    async fn stream_container_stats(&self, id: &ContainerId) -> Result<StatsStream> {
        let stream = self.inner.stream_container_stats(id).await?;
        if self.is(Fault::StatsStreamGoesOn) {
            return Ok(StatsStream::new(stream.chain(futures_util::stream::pending())));
        }
        Ok(stream)
    }

    async fn events(&self, filter: &EventFilter) -> Result<EventStream> {
        let mut filter = filter.clone();
        let cursor_first = self.is(Fault::EventsIgnoreCursor);
        if cursor_first {
            filter.after = None;
        }
        if self.is(Fault::EventsIgnoreFilter) {
            filter.kinds.clear();
            filter.labels.clear();
        }
        let (twice, no_codes) = (self.is(Fault::EventsComeTwice), self.is(Fault::EventsLoseCodes));
        let stream = self.inner.events(&filter).await?;
        Ok(EventStream::new(stream.flat_map(move |event| {
            let event = event.map(|mut event| {
                event.exit_code = event.exit_code.filter(|_| !no_codes);
                event
            });
            let copy = event.as_ref().ok().filter(|_| twice).cloned().map(Ok);
            futures_util::stream::iter([Some(event), copy].into_iter().flatten())
        })))
    }

    async fn get_volume(&self, id: &VolumeId) -> Result<Option<Volume>> {
        let found = self.inner.get_volume(id).await?;
        Ok(found.filter(|_| !self.is(Fault::VolumesAreNeverFound)))
    }

    async fn get_network(&self, id: &NetworkId) -> Result<Option<Network>> {
        let found = self.inner.get_network(id).await?;
        if self.is(Fault::NetworksAreFoundAnywhere) && found.is_none() {
            return Ok(Some(Network::new(
                id.clone(),
                id.as_str(),
                "bridge",
                SystemTime::now(),
            )));
        }
        Ok(found)
    }

    async fn connect_network(
        &self,
        network: &NetworkId,
        container: &ContainerId,
        options: NetworkConnectOptions,
    ) -> Result<()> {
        if self.is(Fault::ConnectAgainFails) && !options.aliases.is_empty() {
            return Err(
                NetworkConnectError::new(network.as_str(), container.as_str(), "it is attached").into(),
            );
        }
        self.inner.connect_network(network, container, options).await
    }

    async fn disconnect_network(&self, network: &NetworkId, container: &ContainerId) -> Result<()> {
        if self.is(Fault::DisconnectDoesNothing) {
            return Ok(());
        }
        self.inner.disconnect_network(network, container).await
    }

    async fn plan(&self, config: &ContainerConfig) -> Result<CreationPlan> {
        let mut plan = self.inner.plan(config).await?;
        if self.is(Fault::PlanCreates) && plan.is_accepted() {
            drop(self.inner.create_container(config).await);
        }
        if self.is(Fault::PlanAcceptsAnything) {
            plan.refusals.clear();
        }
        Ok(plan)
    }
}

/// An archive but for its symbolic links.
fn without_links(archive: &[u8]) -> Vec<u8> {
    let mut copy = tar::Builder::new(Vec::new());
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let entry = entry.unwrap();
        let (mut header, path) = (entry.header().clone(), entry.path().unwrap().into_owned());
        if !header.entry_type().is_symlink() {
            copy.append_data(&mut header, path, entry).unwrap();
        }
    }
    copy.into_inner().unwrap()
}
