//! The driver wrapper that checks use: it records every call as a step, and every created resource for
//! clean-up.

#![deny(clippy::missing_trait_methods)]

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use driver_interface_types::{
    ByteStream, Capabilities, ContainerConfig, ContainerDriver, ContainerFilter, ContainerId,
    ContainerInstance, ContainerPath, ContainerStats, CreationPlan, DriverHealth, EventFilter, EventStream,
    ExecConfig, ExecId, ExecOutput, ExecSession, ExecStatus, ExitInfo, ImageFilter, ImageInfo, ImageRef,
    LogOptions, LogStream, LogStreamOptions, Network, NetworkConfig, NetworkConnectOptions, NetworkId,
    Operation, PauseOutcome, PullOptions, PullStream, ReadFileOptions, RemoveOptions, ResourceFilter,
    RestartOutcome, Result, Signal, StartOutcome, StatsStream, StopOptions, StopOutcome, TarStream,
    UnpauseOutcome, Volume, VolumeConfig, VolumeId, WaitOptions, WriteFile,
};

use crate::journal::Journal;
use crate::ledger::{Ledger, Made};
use crate::outcome::describe;

/// A driver whose calls are recorded for the report and whose created resources are removed after the check.
///
/// It implements [`ContainerDriver`] and does not change the inner driver's results.
#[derive(Clone)]
pub struct TrackedDriver {
    inner: Arc<dyn ContainerDriver>,
    /// The driver that removes the created resources.
    remover: Arc<dyn ContainerDriver>,
    /// Distinguishes the drivers of one check in its steps; empty for the first.
    label: &'static str,
    journal: Arc<Journal>,
    ledger: Arc<Ledger>,
}

impl TrackedDriver {
    pub(crate) fn new(
        inner: Arc<dyn ContainerDriver>,
        label: &'static str,
        journal: Arc<Journal>,
        ledger: Arc<Ledger>,
    ) -> Self {
        Self {
            remover: Arc::clone(&inner),
            inner,
            label,
            journal,
            ledger,
        }
    }

    /// Lets another driver remove the resources that this one creates, because this one's connection may be
    /// broken by then.
    #[cfg(unix)]
    pub(crate) fn removed_by(mut self, remover: &Self) -> Self {
        self.remover = Arc::clone(&remover.inner);
        self
    }

    fn note(&self, made: Made) {
        self.ledger.note(&self.remover, made);
    }

    /// Records an image that a load may add, for the clean-up.
    pub(crate) fn may_load(&self, image: &ImageRef) {
        self.note(Made::LoadedImage(image.clone()));
    }

    async fn step<T>(
        &self,
        call: String,
        work: impl Future<Output = Result<T>> + Send,
        answer: impl FnOnce(&T) -> String + Send,
    ) -> Result<T> {
        let call = if self.label.is_empty() {
            call
        } else {
            format!("{}: {call}", self.label)
        };
        let pending = self.journal.begin(call);
        let result = work.await;
        pending.answer(&match &result {
            Ok(value) => answer(value),
            Err(error) => describe(error),
        });
        result
    }
}

impl fmt::Debug for TrackedDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TrackedDriver").field(&self.inner).finish()
    }
}

fn ok<T>(_: &T) -> String {
    "ok".to_owned()
}

fn shown<T: fmt::Debug>(value: &T) -> String {
    format!("{value:?}")
}

/// Formats a container on one line, with the fields that a check usually tests.
pub(crate) fn brief(container: &ContainerInstance) -> String {
    let exit = container
        .exit_code()
        .map_or(String::new(), |code| format!(", exit code {code}"));
    format!("{} {}{exit}", container.name, container.status)
}

fn stop_words(options: StopOptions) -> String {
    match (options.force, options.timeout) {
        (false, None) => "default grace".to_owned(),
        (false, Some(grace)) => format!("grace {grace:?}"),
        (true, None) => "kill".to_owned(),
        (true, Some(grace)) => format!("kill after {grace:?}"),
    }
}

/// Formats the options that differ from the default.
fn log_words(options: LogOptions) -> String {
    let mut words = String::new();
    if options.follow {
        words.push_str(", follow");
    }
    if options.timestamps {
        words.push_str(", timestamps");
    }
    match (options.stdout, options.stderr) {
        (true, true) => {}
        (true, false) => words.push_str(", stdout"),
        (false, true) => words.push_str(", stderr"),
        (false, false) => words.push_str(", no stream"),
    }
    if let Some(lines) = options.tail {
        words.push_str(&format!(", tail {lines}"));
    }
    if let Some(time) = options.since {
        words.push_str(&format!(", since {time:?}"));
    }
    words
}

fn json_words(filter: &impl serde::Serialize) -> String {
    serde_json::to_string(filter).unwrap_or_default()
}

#[async_trait]
impl ContainerDriver for TrackedDriver {
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
        if let Some(name) = &config.name {
            self.note(Made::Container(name.clone()));
        }
        self.note(Made::Session(config.session_id.clone()));
        let name = config.name.as_deref().unwrap_or("no name");
        let call = format!("create_container({name}, {:?})", config.command);
        self.step(call, self.inner.create_container(config), brief).await
    }

    async fn start_container(&self, id: &ContainerId) -> Result<StartOutcome> {
        self.step(
            format!("start_container({id})"),
            self.inner.start_container(id),
            shown,
        )
        .await
    }

    async fn stop_container(&self, id: &ContainerId, options: StopOptions) -> Result<StopOutcome> {
        let call = format!("stop_container({id}, {})", stop_words(options));
        self.step(call, self.inner.stop_container(id, options), shown)
            .await
    }

    async fn remove_container(&self, id: &ContainerId, options: RemoveOptions) -> Result<()> {
        let call = format!("remove_container({id}, force: {})", options.force);
        self.step(call, self.inner.remove_container(id, options), ok)
            .await
    }

    async fn get_container(&self, id: &ContainerId) -> Result<Option<ContainerInstance>> {
        self.step(
            format!("get_container({id})"),
            self.inner.get_container(id),
            |found| found.as_ref().map_or("none".to_owned(), brief),
        )
        .await
    }

    async fn list_containers(&self, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
        self.step(
            format!("list_containers({})", json_words(filter)),
            self.inner.list_containers(filter),
            |found| {
                let names: Vec<String> = found.iter().map(brief).collect();
                format!("{} [{}]", names.len(), names.join(", "))
            },
        )
        .await
    }

    async fn get_container_logs(&self, id: &ContainerId, options: LogOptions) -> Result<String> {
        let call = format!("get_container_logs({id}{})", log_words(options));
        self.step(call, self.inner.get_container_logs(id, options), shown)
            .await
    }

    async fn health_check(&self) -> Result<DriverHealth> {
        self.step("health_check()".to_owned(), self.inner.health_check(), shown)
            .await
    }

    async fn is_container_healthy(&self, id: &ContainerId) -> Result<bool> {
        let call = format!("is_container_healthy({id})");
        self.step(call, self.inner.is_container_healthy(id), shown).await
    }

    async fn create_volume(&self, config: &VolumeConfig) -> Result<Volume> {
        self.note(Made::Volume(config.name.clone()));
        let call = format!("create_volume({:?})", config.name);
        self.step(call, self.inner.create_volume(config), ok).await
    }

    async fn remove_volume(&self, id: &VolumeId) -> Result<()> {
        self.step(format!("remove_volume({id})"), self.inner.remove_volume(id), ok)
            .await
    }

    async fn create_network(&self, config: &NetworkConfig) -> Result<Network> {
        self.note(Made::Network(config.name.clone()));
        let call = format!("create_network({:?})", config.name);
        self.step(call, self.inner.create_network(config), ok).await
    }

    async fn remove_network(&self, id: &NetworkId) -> Result<()> {
        self.step(format!("remove_network({id})"), self.inner.remove_network(id), ok)
            .await
    }

    async fn list_volumes(&self, filter: &ResourceFilter) -> Result<Vec<Volume>> {
        self.step(
            format!("list_volumes({})", json_words(filter)),
            self.inner.list_volumes(filter),
            |found| {
                let names: Vec<&str> = found.iter().map(|volume| volume.name.as_str()).collect();
                format!("{names:?}")
            },
        )
        .await
    }

    async fn list_networks(&self, filter: &ResourceFilter) -> Result<Vec<Network>> {
        self.step(
            format!("list_networks({})", json_words(filter)),
            self.inner.list_networks(filter),
            |found| {
                let names: Vec<&str> = found.iter().map(|network| network.name.as_str()).collect();
                format!("{names:?}")
            },
        )
        .await
    }

    async fn import_image(&self, image: &ImageRef, root: TarStream) -> Result<()> {
        // A driver that cannot import images has none to clean up, and need not be able to.
        if self.inner.capabilities().supports(Operation::ImportImage) {
            self.note(Made::Image(image.to_string()));
        }
        let call = format!("import_image({image})");
        self.step(call, self.inner.import_image(image, root), ok).await
    }

    async fn remove_image(&self, image: &ImageRef) -> Result<()> {
        self.step(
            format!("remove_image({image})"),
            self.inner.remove_image(image),
            ok,
        )
        .await
    }

    async fn wait_container(&self, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
        let call = format!("wait_container({id}, {options:?})");
        self.step(call, self.inner.wait_container(id, options), shown)
            .await
    }

    async fn kill_container(&self, id: &ContainerId, signal: Signal) -> Result<()> {
        let call = format!("kill_container({id}, {signal})");
        self.step(call, self.inner.kill_container(id, signal), ok).await
    }

    async fn pause_container(&self, id: &ContainerId) -> Result<PauseOutcome> {
        let call = format!("pause_container({id})");
        self.step(call, self.inner.pause_container(id), shown).await
    }

    async fn unpause_container(&self, id: &ContainerId) -> Result<UnpauseOutcome> {
        let call = format!("unpause_container({id})");
        self.step(call, self.inner.unpause_container(id), shown).await
    }

    async fn restart_container(&self, id: &ContainerId, options: StopOptions) -> Result<RestartOutcome> {
        let call = format!("restart_container({id}, {})", stop_words(options));
        self.step(call, self.inner.restart_container(id, options), shown)
            .await
    }

    async fn exec(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecOutput> {
        let call = format!("exec({id}, {:?})", config.argv);
        self.step(call, self.inner.exec(id, config), shown).await
    }

    async fn exec_stream(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecSession> {
        let call = format!("exec_stream({id}, {:?})", config.argv);
        self.step(call, self.inner.exec_stream(id, config), ok).await
    }

    async fn exec_detached(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecId> {
        let call = format!("exec_detached({id}, {:?})", config.argv);
        self.step(call, self.inner.exec_detached(id, config), shown).await
    }

    async fn exec_status(&self, id: &ContainerId, exec: &ExecId) -> Result<Option<ExecStatus>> {
        let call = format!("exec_status({id}, {exec})");
        self.step(call, self.inner.exec_status(id, exec), shown).await
    }

    async fn stream_container_logs(&self, id: &ContainerId, options: LogStreamOptions) -> Result<LogStream> {
        let call = format!("stream_container_logs({id}, {})", json_words(&options));
        self.step(call, self.inner.stream_container_logs(id, options), ok)
            .await
    }

    async fn copy_into_container(
        &self,
        id: &ContainerId,
        folder: &ContainerPath,
        archive: TarStream,
    ) -> Result<()> {
        let call = format!("copy_into_container({id}, {folder})");
        self.step(call, self.inner.copy_into_container(id, folder, archive), ok)
            .await
    }

    async fn copy_from_container(&self, id: &ContainerId, path: &ContainerPath) -> Result<TarStream> {
        let call = format!("copy_from_container({id}, {path})");
        self.step(call, self.inner.copy_from_container(id, path), ok)
            .await
    }

    async fn read_file(
        &self,
        id: &ContainerId,
        path: &ContainerPath,
        options: ReadFileOptions,
    ) -> Result<Bytes> {
        let call = format!("read_file({id}, {path}, at most {} bytes)", options.limit);
        self.step(call, self.inner.read_file(id, path, options), |bytes| {
            format!("{} bytes", bytes.len())
        })
        .await
    }

    async fn read_file_stream(&self, id: &ContainerId, path: &ContainerPath) -> Result<ByteStream> {
        let call = format!("read_file_stream({id}, {path})");
        self.step(call, self.inner.read_file_stream(id, path), ok).await
    }

    async fn write_file(&self, id: &ContainerId, path: &ContainerPath, file: WriteFile) -> Result<()> {
        let call = format!("write_file({id}, {path}, {} bytes)", file.content.length());
        self.step(call, self.inner.write_file(id, path, file), ok).await
    }

    async fn pull_image(&self, image: &ImageRef, options: PullOptions) -> Result<PullStream> {
        let call = format!("pull_image({image}, {options:?})");
        self.step(call, self.inner.pull_image(image, options), ok).await
    }

    async fn list_images(&self, filter: &ImageFilter) -> Result<Vec<ImageInfo>> {
        let call = format!("list_images({})", json_words(filter));
        self.step(call, self.inner.list_images(filter), |found| {
            found.len().to_string()
        })
        .await
    }

    async fn get_image(&self, image: &ImageRef) -> Result<Option<ImageInfo>> {
        let call = format!("get_image({image})");
        self.step(call, self.inner.get_image(image), |found| {
            found.as_ref().map_or("none", |_| "found").to_owned()
        })
        .await
    }

    async fn load_image(&self, archive: TarStream) -> Result<Vec<ImageRef>> {
        self.step("load_image()".to_owned(), self.inner.load_image(archive), shown)
            .await
    }

    async fn container_stats(&self, id: &ContainerId) -> Result<ContainerStats> {
        let call = format!("container_stats({id})");
        self.step(call, self.inner.container_stats(id), shown).await
    }

    async fn stream_container_stats(&self, id: &ContainerId) -> Result<StatsStream> {
        let call = format!("stream_container_stats({id})");
        self.step(call, self.inner.stream_container_stats(id), ok).await
    }

    async fn events(&self, filter: &EventFilter) -> Result<EventStream> {
        let call = format!("events({})", json_words(filter));
        self.step(call, self.inner.events(filter), ok).await
    }

    async fn get_volume(&self, id: &VolumeId) -> Result<Option<Volume>> {
        let call = format!("get_volume({id})");
        self.step(call, self.inner.get_volume(id), |found| {
            found.as_ref().map_or("none", |_| "found").to_owned()
        })
        .await
    }

    async fn get_network(&self, id: &NetworkId) -> Result<Option<Network>> {
        let call = format!("get_network({id})");
        self.step(call, self.inner.get_network(id), |found| {
            found.as_ref().map_or("none", |_| "found").to_owned()
        })
        .await
    }

    async fn connect_network(
        &self,
        network: &NetworkId,
        container: &ContainerId,
        options: NetworkConnectOptions,
    ) -> Result<()> {
        let call = format!("connect_network({network}, {container}, {:?})", options.aliases);
        self.step(call, self.inner.connect_network(network, container, options), ok)
            .await
    }

    async fn disconnect_network(&self, network: &NetworkId, container: &ContainerId) -> Result<()> {
        let call = format!("disconnect_network({network}, {container})");
        self.step(call, self.inner.disconnect_network(network, container), ok)
            .await
    }

    async fn remove_idle_networks(&self) -> Result<usize> {
        self.step(
            "remove_idle_networks()".to_owned(),
            self.inner.remove_idle_networks(),
            |count| format!("{count} removed"),
        )
        .await
    }

    async fn plan(&self, config: &ContainerConfig) -> Result<CreationPlan> {
        let call = format!("plan({})", config.image);
        self.step(call, self.inner.plan(config), |plan| {
            format!("{} refusals, {}", plan.refusals.len(), plan.enforcement)
        })
        .await
    }
}
