//! Faults in the capabilities that a driver declares.

use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering};

use driver_interface_errors::{ConnectionError, ImageImportError, UnsupportedError, codes};
use driver_interface_types::{
    Capabilities, ConfigFeature, ContainerConfig, ContainerDriver as _, ContainerId, ContainerInstance,
    ImageRef, Network, Operation, ResourceFilter, Result, Strictness, TarStream, Volume, Warning,
};
use futures_util::FutureExt as _;

use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{
    self, BuildImage, Capabilities as Declared, CommitContainer, Config, ConnectNetwork, ContainerStats,
    CopyFromContainer, CopyIntoContainer, CreateContainer, DisconnectNetwork, Events, Exec, ExecDetached,
    ExecStatus, ExecStream, ExportVolume, GetContainer, GetImage, GetNetwork, GetVolume, ImportImage,
    ImportVolume, Instance, KillContainer, ListImages, ListNetworks, ListVolumes, LoadImage, PauseContainer,
    Plan, PullImage, PushImage, ReadFile, ReadFileStream, RemoveIdleNetworks, RemoveImage, RestartContainer,
    SaveImage, StreamContainerLogs, StreamContainerStats, TagImage, UnpauseContainer, WaitContainer,
    WriteFile,
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "capabilities-unstable",
        "Each call declares different capabilities.",
        &[Declared(change_each_call)],
        &["capability/stable-identity"],
    ),
    Fault::new(
        "undeclared-operation-succeeds",
        "An undeclared operation works.",
        &[WITHOUT_VOLUME_LIST],
        &["capability/undeclared-operations-refused"],
    ),
    Fault::new(
        "undeclared-operation-retryable",
        "An undeclared operation fails like an unreachable engine.",
        &[
            WITHOUT_VOLUME_LIST,
            ListVolumes(|_, _| ready(Err(ConnectionError::new("404 page not found").into())).boxed()),
        ],
        &["capability/undeclared-operations-refused"],
    ),
    Fault::new(
        "unenforced-limits-not-warned",
        "Limits that are not enforced cause no warning.",
        &[Instance(|container| container.warnings.clear())],
        &["capability/undeclared-limit-warns"],
    ),
    Fault::new(
        "warnings-only-on-creation",
        "Only the creation returns warnings.",
        &[GetContainer(|inside, id| without_warnings(inside, id).boxed())],
        &["capability/undeclared-limit-warns", "listing/consistent-with-get"],
    ),
    Fault::new(
        "strictness-ignored",
        "With strict enforcement, an unenforceable limit is a warning instead of a refusal.",
        &[Config(|config| config.strictness = Strictness::Warn)],
        &["capability/undeclared-limit-refused-when-strict"],
    ),
    Fault::new(
        "strict-refusal-after-creation",
        "An unenforceable limit is refused after the container was created, and the container stays.",
        &[CreateContainer(|inside, config| {
            refused_after_creation(inside, config).boxed()
        })],
        &["capability/undeclared-limit-refused-when-strict"],
    ),
    Fault::new(
        "enforced-limits-warn",
        "An enforced limit causes a warning.",
        &[Instance(|container| {
            let warning = Warning::new("resources.memory", "unsupported", "swap is not limited");
            container.warnings.push(warning);
        })],
        &["capability/declared-limits-accepted"],
    ),
    Fault::new(
        "volume-list-ignores-labels",
        "A list of volumes ignores the labels of its filter.",
        &[ListVolumes(|inside, filter| {
            volumes_of_the_session(inside, filter).boxed()
        })],
        &["capability/volume-list"],
    ),
    Fault::new(
        "volume-list-ignores-session",
        "A list of volumes ignores the session of its filter.",
        &[ListVolumes(|inside, filter| {
            volumes_with_the_labels(inside, filter).boxed()
        })],
        &["capability/volume-list"],
    ),
    Fault::new(
        "network-list-ignores-labels",
        "A list of networks ignores the labels of its filter.",
        &[ListNetworks(|inside, filter| {
            networks_of_the_session(inside, filter).boxed()
        })],
        &["capability/network-list"],
    ),
    Fault::new(
        "network-list-ignores-session",
        "A list of networks ignores the session of its filter.",
        &[ListNetworks(|inside, filter| {
            networks_with_the_labels(inside, filter).boxed()
        })],
        &["capability/network-list"],
    ),
    Fault::new(
        "reimport-fails",
        "Importing an image under an existing name fails.",
        &[ImportImage(|inside, image, root| {
            import_once(inside, image, root).boxed()
        })],
        &["capability/image-import-and-remove"],
    ),
    Fault::new(
        "image-removal-always-succeeds",
        "Removing a missing image succeeds.",
        &[RemoveImage(|inside, image| {
            inside.driver.remove_image(image).map(|_| Ok(())).boxed()
        })],
        &[
            "capability/image-import-and-remove",
            "capability/image-in-use-not-removed",
            "errors/not-found/remove-image",
        ],
    ),
];

const WITHOUT_VOLUME_LIST: Mutation = Declared(|capabilities| {
    capabilities.operations.remove(&Operation::ListVolumes);
});

fn change_each_call(capabilities: &mut Capabilities) {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    if CALLS.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
        capabilities.config = &capabilities.config ^ &[ConfigFeature::BindMount].into();
    }
}

async fn refused_after_creation(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let created = inside.driver.create_container(config).await;
    if created
        .as_ref()
        .is_err_and(|error| error.code() == codes::UNSUPPORTED_OPERATION)
    {
        let mut lenient = config.clone();
        lenient.strictness = Strictness::Warn;
        inside.driver.create_container(&lenient).await?;
    }
    created
}

async fn without_warnings(inside: &Inside, id: &ContainerId) -> Result<Option<ContainerInstance>> {
    let mut found = inside.driver.get_container(id).await?;
    found.iter_mut().for_each(|container| container.warnings.clear());
    Ok(found)
}

async fn volumes_of_the_session(inside: &Inside, filter: &ResourceFilter) -> Result<Vec<Volume>> {
    inside.driver.list_volumes(&of_the_session(filter)).await
}

async fn volumes_with_the_labels(inside: &Inside, filter: &ResourceFilter) -> Result<Vec<Volume>> {
    inside.driver.list_volumes(&with_the_labels(filter)).await
}

async fn networks_of_the_session(inside: &Inside, filter: &ResourceFilter) -> Result<Vec<Network>> {
    inside.driver.list_networks(&of_the_session(filter)).await
}

async fn networks_with_the_labels(inside: &Inside, filter: &ResourceFilter) -> Result<Vec<Network>> {
    inside.driver.list_networks(&with_the_labels(filter)).await
}

fn of_the_session(filter: &ResourceFilter) -> ResourceFilter {
    let mut wider = filter.clone();
    wider.labels.clear();
    wider
}

fn with_the_labels(filter: &ResourceFilter) -> ResourceFilter {
    let mut wider = filter.clone();
    wider.session_id = None;
    wider
}

async fn import_once(inside: &Inside, image: &ImageRef, root: TarStream) -> Result<()> {
    if inside.memory.note(image.as_str()) > 0 {
        return Err(ImageImportError::new(image.as_str(), "it already exists").into());
    }
    inside.driver.import_image(image, root).await
}

macro_rules! only_declared {
    ($($operation:literal $Operation:ident($($argument:pat_param),*) => $check:literal;)*) => {
        /// Faults in which the driver declares an operation that it does not support. There is one fault for each
        /// operation.
        pub(super) const ONLY_DECLARED: &[Fault] = &[$(Fault::new(
            concat!($operation, "-declared-but-unsupported"),
            concat!("`", $operation, "` is declared but unsupported."),
            &[$Operation(|_, $($argument),*| {
                let error = UnsupportedError::new($operation, "this engine is too old");
                ready(Err(error.into())).boxed()
            })],
            &[concat!("capability/", $check)],
        )),*];
    };
}

only_declared! {
    "list-volumes" ListVolumes(_) => "volume-list";
    "list-networks" ListNetworks(_) => "network-list";
    "import-image" ImportImage(_, _) => "image-import-and-remove";
    "wait-container" WaitContainer(_, _) => "container-wait";
    "kill-container" KillContainer(_, _) => "container-kill";
    "pause-container" PauseContainer(_) => "container-pause";
    "unpause-container" UnpauseContainer(_) => "container-pause";
    "restart-container" RestartContainer(_, _) => "container-restart";
    "exec" Exec(_, _) => "exec";
    "exec-stream" ExecStream(_, _) => "exec-stream";
    "exec-detached" ExecDetached(_, _) => "exec-detached";
    "exec-status" ExecStatus(_, _) => "exec-detached";
    "stream-container-logs" StreamContainerLogs(_, _) => "log-stream";
    "copy-into-container" CopyIntoContainer(_, _, _) => "file-archive";
    "copy-from-container" CopyFromContainer(_, _) => "file-archive";
    "read-file" ReadFile(_, _, _) => "file-read";
    "read-file-stream" ReadFileStream(_, _) => "file-read";
    "write-file" WriteFile(_, _, _) => "file-write";
    "list-images" ListImages(_) => "image-list";
    "get-image" GetImage(_) => "image-inspect";
    "load-image" LoadImage(_) => "image-load";
    "pull-image" PullImage(_, _) => "image-pull-stream";
    "container-stats" ContainerStats(_) => "container-stats";
    "stream-container-stats" StreamContainerStats(_) => "container-stats-stream";
    "events" Events(_) => "events";
    "get-volume" GetVolume(_) => "volume-inspect";
    "get-network" GetNetwork(_) => "network-inspect";
    "connect-network" ConnectNetwork(_, _, _) => "network-connect";
    "disconnect-network" DisconnectNetwork(_, _) => "network-connect";
    "remove-idle-networks" RemoveIdleNetworks() => "network-cleanup";
    "plan" Plan(_) => "plan";
    "build-image" BuildImage(_, _, _) => "image-build";
    "tag-image" TagImage(_, _) => "image-tag";
    "push-image" PushImage(_, _) => "image-push";
    "save-image" SaveImage(_) => "image-save";
    "commit-container" CommitContainer(_, _, _) => "container-commit";
    "export-volume" ExportVolume(_) => "volume-export";
    "import-volume" ImportVolume(_, _) => "volume-export";
}
