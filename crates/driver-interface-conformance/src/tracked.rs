//! The driver wrapper that checks use. The wrapper records every call as a step. It also records every created
//! resource, so that the suite can remove the resource.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use driver_interface_types::{
    AttachSession, BuildOptions, BuildStream, ByteStream, Capabilities, CommitOptions, ContainerConfig,
    ContainerDriver, ContainerFilter, ContainerId, ContainerInstance, ContainerPath, ContainerStats,
    CreationPlan, DriverHealth, EventFilter, EventStream, ExecConfig, ExecId, ExecOutput, ExecSession,
    ExecStatus, ExitInfo, ImageFilter, ImageInfo, ImageRef, LogOptions, LogStream, LogStreamOptions, Network,
    NetworkConfig, NetworkConnectOptions, NetworkId, Operation, PauseOutcome, PullOptions, PullStream,
    PushOptions, PushStream, ReadFileOptions, RemoveOptions, ResourceFilter, RestartOutcome, Result, Signal,
    StartOutcome, StatsStream, StopOptions, StopOutcome, TarStream, UnpauseOutcome, Volume, VolumeConfig,
    VolumeId, WaitOptions, WriteFile, with_operations,
};

use crate::journal::Journal;
use crate::ledger::{CreatedResource, Ledger};
use crate::outcome::describe;

/// A driver whose calls are recorded for the report, and whose resources are removed after the check.
///
/// The wrapper implements [`ContainerDriver`] and returns the results of the inner driver unchanged.
#[derive(Clone)]
pub struct TrackedDriver {
    inner: Arc<dyn ContainerDriver>,
    /// The driver that removes the resources that this driver creates.
    remover: Arc<dyn ContainerDriver>,
    /// The name of this driver in the steps of a check with several drivers; empty for the check's own driver.
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

    /// Makes `remover` remove the resources that this driver creates. Needed if the connection of this driver may be
    /// broken at the end of the check.
    #[cfg(unix)]
    pub(crate) fn removed_by(mut self, remover: &Self) -> Self {
        self.remover = Arc::clone(&remover.inner);
        self
    }

    fn note(&self, created: CreatedResource) {
        self.ledger.record(&self.remover, created);
    }

    /// Records an image that a call may load. The suite removes the image after the check.
    pub(crate) fn may_load(&self, image: &ImageRef) {
        self.note(CreatedResource::LoadedImage(image.clone()));
    }

    fn note_creations(&self, operation: Operation, arguments: &[&(dyn Argument + Sync)]) {
        let created: Vec<CreatedResource> = arguments
            .iter()
            .flat_map(|argument| argument.creates(operation))
            .collect();
        // If the driver does not support the operation, the call creates nothing.
        if !created.is_empty() && self.inner.capabilities().supports(operation) {
            created.into_iter().for_each(|created| self.note(created));
        }
    }

    async fn step<T: Answer>(&self, call: String, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let call = if self.label.is_empty() {
            call
        } else {
            format!("{}: {call}", self.label)
        };
        let pending = self.journal.begin(call);
        let result = work.await;
        pending.answer(&match &result {
            Ok(value) => value.words(),
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

/// Formats a container on one line, with the fields that checks usually test.
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

/// Formats the log options that differ from the default.
fn log_words(options: LogOptions) -> String {
    let words = [
        options.follow.then(|| "follow".to_owned()),
        options.timestamps.then(|| "timestamps".to_owned()),
        match (options.stdout, options.stderr) {
            (true, true) => None,
            (true, false) => Some("stdout".to_owned()),
            (false, true) => Some("stderr".to_owned()),
            (false, false) => Some("no stream".to_owned()),
        },
        options.tail.map(|lines| format!("tail {lines}")),
        options.since.map(|time| format!("since {time:?}")),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn json_words(filter: &impl serde::Serialize) -> String {
    serde_json::to_string(filter).unwrap_or_default()
}

/// An argument of a recorded call.
trait Argument {
    /// Returns the text that represents the argument in the step of the call. The text is empty if steps do not show
    /// such arguments.
    fn words(&self) -> String;

    /// Returns the resources that a call of the operation may create with this argument.
    fn creates(&self, _: Operation) -> Vec<CreatedResource> {
        Vec::new()
    }
}

/// The return value of a recorded call.
trait Answer {
    /// Returns the text that represents the value in the step of the call.
    fn words(&self) -> String;
}

macro_rules! in_words {
    ($Trait:ident: $($Type:ty: |$value:pat_param| $words:expr;)+) => {
        $(impl $Trait for $Type {
            fn words(&self) -> String {
                let $value = self;
                $words
            }
        })+
    };
}

in_words! { Argument:
    ContainerId: |id| id.to_string();
    VolumeId: |id| id.to_string();
    NetworkId: |id| id.to_string();
    ExecId: |id| id.to_string();
    ContainerPath: |path| path.to_string();
    Signal: |signal| signal.to_string();
    StopOptions: |options| stop_words(*options);
    RemoveOptions: |options| format!("force: {}", options.force);
    LogOptions: |options| log_words(*options);
    LogStreamOptions: |options| json_words(options);
    ContainerFilter: |filter| json_words(filter);
    ResourceFilter: |filter| json_words(filter);
    ImageFilter: |filter| json_words(filter);
    EventFilter: |filter| json_words(filter);
    WaitOptions: |options| format!("{options:?}");
    PullOptions: |options| format!("{options:?}");
    ExecConfig: |config| format!("{:?}", config.argv);
    ReadFileOptions: |options| format!("at most {} bytes", options.limit);
    WriteFile: |file| format!("{} bytes", file.content.length());
    NetworkConnectOptions: |options| format!("{:?}", options.aliases);
    TarStream: |_| String::new();
    BuildOptions: |options| format!("{options:?}");
    PushOptions: |options| format!("{options:?}");
    CommitOptions: |options| format!("{options:?}");
}

impl Argument for ContainerConfig {
    fn words(&self) -> String {
        format!(
            "{}, {:?}",
            self.name.as_deref().unwrap_or("no name"),
            self.command
        )
    }

    fn creates(&self, operation: Operation) -> Vec<CreatedResource> {
        if operation != Operation::CreateContainer {
            return Vec::new();
        }
        let named = self.name.clone().map(CreatedResource::Container);
        named
            .into_iter()
            .chain([CreatedResource::Session(self.session_id.clone())])
            .collect()
    }
}

impl Argument for VolumeConfig {
    fn words(&self) -> String {
        self.name.clone()
    }

    fn creates(&self, _: Operation) -> Vec<CreatedResource> {
        vec![CreatedResource::Volume(self.name.clone())]
    }
}

impl Argument for NetworkConfig {
    fn words(&self) -> String {
        self.name.clone()
    }

    fn creates(&self, _: Operation) -> Vec<CreatedResource> {
        vec![CreatedResource::Network(self.name.clone())]
    }
}

impl Argument for ImageRef {
    fn words(&self) -> String {
        self.to_string()
    }

    fn creates(&self, operation: Operation) -> Vec<CreatedResource> {
        let creates = matches!(
            operation,
            Operation::ImportImage | Operation::BuildImage | Operation::CommitContainer
        );
        creates
            .then(|| CreatedResource::Image(self.to_string()))
            .into_iter()
            .collect()
    }
}

/// Implements `Answer` for types whose values are shown as `ok`.
macro_rules! plain_answers {
    ($($Type:ty),+) => { $(impl Answer for $Type {
        fn words(&self) -> String {
            "ok".to_owned()
        }
    })+ };
}

/// Implements `Answer` for types whose values are shown in full.
macro_rules! whole_answers {
    ($($Type:ty),+) => { $(impl Answer for $Type {
        fn words(&self) -> String {
            format!("{self:?}")
        }
    })+ };
}

plain_answers! {
    (), Volume, Network, ExecSession, AttachSession, LogStream, ByteStream, PullStream, BuildStream, PushStream, StatsStream,
    EventStream
}
whole_answers! {
    bool, String, DriverHealth, ExitInfo, StartOutcome, StopOutcome, PauseOutcome, UnpauseOutcome, RestartOutcome,
    ExecOutput, ExecId, Option<ExecStatus>, Vec<ImageRef>, ContainerStats
}
in_words! { Answer:
    ContainerInstance: |container| brief(container);
    Option<ContainerInstance>: |found| found.as_ref().map_or("none".to_owned(), brief);
    Vec<ContainerInstance>: |found| {
        let names: Vec<String> = found.iter().map(brief).collect();
        format!("{} [{}]", names.len(), names.join(", "))
    };
    Vec<Volume>: |found| format!("{:?}", found.iter().map(|volume| &volume.name).collect::<Vec<_>>());
    Vec<Network>: |found| format!("{:?}", found.iter().map(|network| &network.name).collect::<Vec<_>>());
    Vec<ImageInfo>: |found| found.len().to_string();
    ImageInfo: |image| image.id.clone();
    Option<ImageInfo>: |found| found.as_ref().map_or("none", |_| "found").to_owned();
    Option<Volume>: |found| found.as_ref().map_or("none", |_| "found").to_owned();
    Option<Network>: |found| found.as_ref().map_or("none", |_| "found").to_owned();
    Bytes: |bytes| format!("{} bytes", bytes.len());
    usize: |count| count.to_string();
    CreationPlan: |plan| format!("{} refusals, {}", plan.refusals.len(), plan.enforcement);
}

macro_rules! tracked {
    ($($(#[$docs:meta])* $Operation:ident $method:ident[$($lent:ident: $Lent:ty),*][$($given:ident: $Given:ty),*]
        -> $answer:ty, $kind:ident, $repeat:ident, $required:ident;)*) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
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

            $(async fn $method(&self, $($lent: &$Lent,)* $($given: $Given),*) -> Result<$answer> {
                let arguments: Vec<&(dyn Argument + Sync)> = vec![$($lent),*];
                self.note_creations(Operation::$Operation, &arguments);
                let words = arguments.iter().map(|argument| argument.words());
                let given: Vec<String> = vec![$(Argument::words(&$given)),*];
                let words: Vec<String> = words.chain(given).filter(|words| !words.is_empty()).collect();
                let call = format!("{}({})", Operation::$Operation, words.join(", "));
                self.step(call, self.inner.$method($($lent,)* $($given),*)).await
            })*
        }
    };
}

with_operations!(tracked);
