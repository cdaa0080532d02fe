//! A driver as checks see it: every call is noted as a step, and what it makes as something to clean up.

#![deny(clippy::missing_trait_methods)]

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use driver_interface_types::{
    Capabilities, ContainerConfig, ContainerDriver, ContainerFilter, ContainerId, ContainerInstance,
    DriverHealth, ImageRef, LogOptions, Network, NetworkConfig, NetworkId, RemoveOptions, ResourceFilter,
    Result, StartOutcome, StopOptions, StopOutcome, Volume, VolumeConfig, VolumeId,
};

use crate::journal::Journal;
use crate::ledger::{Ledger, Made};
use crate::outcome::describe;

/// A driver whose calls are noted for the report and whose creations are cleaned up after the check.
///
/// It is a [`ContainerDriver`] itself and changes nothing of what the driver inside answers.
#[derive(Clone)]
pub struct TrackedDriver {
    inner: Arc<dyn ContainerDriver>,
    /// Tells the drivers of one check apart in its steps; empty for the first.
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
            inner,
            label,
            journal,
            ledger,
        }
    }

    fn note(&self, made: Made) {
        self.ledger.note(&self.inner, made);
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

/// A container on one line: what a check is likely to be about.
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

/// What differs from the default.
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

    async fn import_image(&self, image: &ImageRef, root: Bytes) -> Result<()> {
        self.note(Made::Image(image.to_string()));
        let call = format!("import_image({image}, {} bytes)", root.len());
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
}
