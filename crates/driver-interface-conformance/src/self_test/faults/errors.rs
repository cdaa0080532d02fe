//! Faults in errors, and in finding the resource that an id refers to.

use std::time::SystemTime;

use bytes::Bytes;
use driver_interface_errors::{
    ContainerNotFoundError, ContainerStartError, Effect, ExecFailedError, Hint, ImageNotFoundError,
    InternalError, NetworkNotFoundError, VolumeNotFoundError, codes,
};
use driver_interface_types::{
    ByteStream, ConfigurationError, ContainerConfig, ContainerDriver as _, ContainerDriverExt as _,
    ContainerFilter, ContainerId, ContainerInstance, ContainerStats, DriverError, ExecConfig, ExecId,
    ExecOutcome, ExecOutput, ExecSession, ExitInfo, ImageInfo, LogStream, NetworkMode, PauseOutcome,
    PushStream, RemoveOptions, RestartOutcome, Result, StartOutcome, StatsStream, StopOptions, StopOutcome,
    UnpauseOutcome,
};
use futures_util::{FutureExt as _, stream};

use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{
    CommitContainer, ConnectNetwork, ContainerStats as Stats, CopyFromContainer, CopyIntoContainer,
    CreateContainer, DisconnectNetwork, Error, Exec, ExecDetached, ExecStatus, ExecStream, ExportVolume,
    GetContainer, GetContainerLogs, GetNetwork, GetVolume, ImportVolume, IsContainerHealthy, KillContainer,
    PauseContainer, PushImage, ReadFile, ReadFileStream, RemoveContainer, RemoveImage, RemoveNetwork,
    RemoveVolume, RestartContainer, SaveImage, StartContainer, StopContainer, StreamContainerLogs,
    StreamContainerStats, TagImage, UnpauseContainer, WaitContainer, WriteFile,
};

macro_rules! swallowed {
    ($(
        $check:literal: $Operation:ident $operation:ident($($argument:ident),*) $(if $requested:expr)?
            => $result:expr $(, $also:literal)*;
    )*) => {
        /// Faults in which an operation succeeds although its resource does not exist. There is one fault for each
        /// operation.
        pub(super) const SWALLOWED: &[Fault] = &[$(Fault::new(
            concat!($check, "-of-missing-succeeds"),
            concat!("`", stringify!($operation), "` on a missing resource succeeds."),
            &[$Operation(|inside, $($argument),*| async move {
                match inside.driver.$operation($($argument),*).await {
                    Err(error) if error.is_not_found() $(&& $requested)? => Ok($result),
                    result => result,
                }
            }.boxed())],
            &[concat!("errors/not-found/", $check) $(, $also)*],
        )),*];

        /// The ids of the "not found" checks that detect the faults in `SWALLOWED`.
        const NOT_FOUND: &[&str] = &[$(concat!("errors/not-found/", $check)),*];
    };
}

swallowed! {
    "start-container": StartContainer start_container(id) => StartOutcome::AlreadyRunning;
    "stop-container": StopContainer stop_container(id, options) if !options.force => StopOutcome::AlreadyStopped;
    "stop-container-by-force": StopContainer stop_container(id, options) if options.force
        => StopOutcome::AlreadyStopped;
    "remove-container": RemoveContainer remove_container(id, options) if !options.force => (),
        "removal/twice";
    "remove-container-by-force": RemoveContainer remove_container(id, options) if options.force => (),
        "concurrency/remove-container";
    "get-container-logs": GetContainerLogs get_container_logs(id, options) => String::new();
    "is-container-healthy": IsContainerHealthy is_container_healthy(id) => false;
    "remove-volume": RemoveVolume remove_volume(id) => (), "volumes/round-trip";
    "remove-network": RemoveNetwork remove_network(id) => (), "networks/round-trip";
    "remove-image": RemoveImage remove_image(image) => (), "capability/image-import-and-remove";
    "wait-container": WaitContainer wait_container(id, options) => ExitInfo::new(0, None, SystemTime::now());
    "kill-container": KillContainer kill_container(id, signal) => ();
    "pause-container": PauseContainer pause_container(id) => PauseOutcome::AlreadyPaused;
    "unpause-container": UnpauseContainer unpause_container(id) => UnpauseOutcome::AlreadyRunning;
    "restart-container": RestartContainer restart_container(id, options) => RestartOutcome::Started;
    "exec": Exec exec(id, config) => ExecOutput::new(ExecOutcome::Exited(1), Bytes::new(), "no such container");
    "exec-detached": ExecDetached exec_detached(id, config) => ExecId::new("none")?;
    "exec-status": ExecStatus exec_status(id, exec) => None;
    "stream-container-logs": StreamContainerLogs stream_container_logs(id, options)
        => LogStream::new(stream::empty());
    "copy-into-container": CopyIntoContainer copy_into_container(id, directory, archive) => ();
    "copy-from-container": CopyFromContainer copy_from_container(id, path) => ByteStream::from(Bytes::new());
    "read-file": ReadFile read_file(id, path, options) => Bytes::new();
    "read-file-stream": ReadFileStream read_file_stream(id, path) => ByteStream::from(Bytes::new());
    "write-file": WriteFile write_file(id, path, file) => ();
    "container-stats": Stats container_stats(id) => ContainerStats::new(SystemTime::now());
    "stream-container-stats": StreamContainerStats stream_container_stats(id) => StatsStream::new(stream::empty());
    "tag-image": TagImage tag_image(image, new) => ();
    "push-image": PushImage push_image(image, options) => PushStream::of_items([]);
    "save-image": SaveImage save_image(image) => ByteStream::from(Bytes::new());
    "commit-container": CommitContainer commit_container(id, image, options) => ImageInfo::new("sha256:0", 0);
    "export-volume": ExportVolume export_volume(id) => ByteStream::from(Bytes::new());
    "import-volume": ImportVolume import_volume(id, archive) => ();
    "connect-network": ConnectNetwork connect_network(network, container, options) => ();
    "disconnect-network": DisconnectNetwork disconnect_network(network, container) => ();
}

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "not-found-retryable",
        "Not-found errors are retryable.",
        &[Error(|error| match error.is_not_found() {
            true => error.with_retryable(true),
            false => error,
        })],
        NOT_FOUND,
    ),
    Fault::new(
        "not-found-unknown-effect",
        "Not-found errors report an unknown effect.",
        &[Error(|error| match error.is_not_found() {
            true => error.with_effect(Effect::Unknown),
            false => error,
        })],
        NOT_FOUND,
    ),
    Fault::new(
        "not-found-without-name",
        "Not-found errors do not contain the name.",
        &[Error(|error| match error.code() {
            codes::CONTAINER_NOT_FOUND => ContainerNotFoundError::new("?").into(),
            codes::VOLUME_NOT_FOUND => VolumeNotFoundError::new("?").into(),
            codes::NETWORK_NOT_FOUND => NetworkNotFoundError::new("?").into(),
            codes::IMAGE_NOT_FOUND => ImageNotFoundError::new("?").into(),
            _ => error,
        })],
        NOT_FOUND,
    ),
    Fault::new(
        "not-found-is-internal",
        "Not-found errors are reported as defects of the driver.",
        &[Error(|error| match error.is_not_found() {
            true => InternalError::new(error.message()).into(),
            false => error,
        })],
        &[
            "errors/prefix-is-not-an-id",
            "errors/serialised",
            "errors/not-found/start-container",
            "removal/complete-on-return",
            "removal/twice",
        ],
    ),
    Fault::new(
        "exec-stream-of-missing-is-exec-failure",
        "An exec session in a missing container returns `ExecFailedError`.",
        &[ExecStream(|inside, id, config| {
            exec_failure(inside, id, config).boxed()
        })],
        &["errors/not-found/exec-stream"],
    ),
    Fault::new(
        "missing-container-is-an-error",
        "Getting a missing container returns an error.",
        &[GetContainer(|inside, id| found_container(inside, id).boxed())],
        &["errors/not-found/get-container", "errors/prefix-is-not-an-id"],
    ),
    Fault::new(
        "missing-volume-is-an-error",
        "Getting a missing volume returns an error.",
        &[GetVolume(|inside, id| {
            async move {
                let found = inside.driver.get_volume(id).await?;
                found
                    .map(Some)
                    .ok_or_else(|| VolumeNotFoundError::new(id.as_str()).into())
            }
            .boxed()
        })],
        &["errors/not-found/get-volume", "volumes/get"],
    ),
    Fault::new(
        "missing-network-is-an-error",
        "Getting a missing network returns an error.",
        &[GetNetwork(|inside, id| {
            async move {
                let found = inside.driver.get_network(id).await?;
                found
                    .map(Some)
                    .ok_or_else(|| NetworkNotFoundError::new(id.as_str()).into())
            }
            .boxed()
        })],
        &["errors/not-found/get-network", "networks/get"],
    ),
    Fault::new(
        "connect-reports-missing-container",
        "Connecting to a missing network reports that the container is missing.",
        &[ConnectNetwork(|inside, network, container, options| {
            async move {
                let result = inside.driver.connect_network(network, container, options).await;
                result.map_err(|error| as_missing_container(container, error))
            }
            .boxed()
        })],
        &["errors/not-found/connect-network"],
    ),
    Fault::new(
        "disconnect-reports-missing-container",
        "Disconnecting from a missing network reports that the container is missing.",
        &[DisconnectNetwork(|inside, network, container| {
            async move {
                let result = inside.driver.disconnect_network(network, container).await;
                result.map_err(|error| as_missing_container(container, error))
            }
            .boxed()
        })],
        &["errors/not-found/disconnect-network"],
    ),
    Fault::new(
        "prefix-found",
        "A prefix of an id finds the container.",
        &[GetContainer(|inside, id| {
            async move {
                inside
                    .driver
                    .get_container(&resolve_prefix(inside, id).await?)
                    .await
            }
            .boxed()
        })],
        &["errors/prefix-is-not-an-id"],
    ),
    Fault::new(
        "prefix-stopped",
        "A prefix of an id stops the container.",
        &[StopContainer(|inside, id, options| {
            async move {
                inside
                    .driver
                    .stop_container(&resolve_prefix(inside, id).await?, options)
                    .await
            }
            .boxed()
        })],
        &["errors/prefix-is-not-an-id"],
    ),
    Fault::new(
        "prefix-removed",
        "A prefix of an id removes the container.",
        &[RemoveContainer(|inside, id, options| {
            async move {
                inside
                    .driver
                    .remove_container(&resolve_prefix(inside, id).await?, options)
                    .await
            }
            .boxed()
        })],
        &["errors/prefix-is-not-an-id"],
    ),
    Fault::new(
        "prefix-returns-logs",
        "A prefix of an id returns the container's logs.",
        &[GetContainerLogs(|inside, id, options| {
            async move {
                inside
                    .driver
                    .get_container_logs(&resolve_prefix(inside, id).await?, options)
                    .await
            }
            .boxed()
        })],
        &["errors/prefix-is-not-an-id"],
    ),
    Fault::new(
        "stop-accepts-names",
        "`stop_container` accepts a container's name.",
        &[StopContainer(|inside, id, options| {
            stop_by_name(inside, id, options).boxed()
        })],
        &["errors/name-is-not-an-id"],
    ),
    Fault::new(
        "errors-without-context",
        "Errors name neither the driver nor the operation.",
        &[Error(|error| match error.context().get("container") {
            Some(container) if error.is_not_found() => ContainerNotFoundError::new(container).into(),
            _ => error,
        })],
        &["errors/context"],
    ),
    Fault::new(
        "errors-name-internal-step",
        "Errors name an internal step of the driver instead of the operation.",
        &[Error(|error| {
            match (error.context().driver(), error.context().get("container")) {
                (Some(driver), Some(container)) if error.is_not_found() => {
                    let error = DriverError::from(ContainerNotFoundError::new(container));
                    error.with_driver(driver).with_operation("get_container")
                }
                _ => error,
            }
        })],
        &["errors/context"],
    ),
    Fault::new(
        "failed-creations-retryable",
        "A taken name is reported as retryable.",
        &[Error(|error| match error.code() {
            codes::CONTAINER_CREATION_FAILED => error.with_retryable(true).with_effect(Effect::Unknown),
            _ => error,
        })],
        &["errors/serialised", "creation/name-taken"],
    ),
    Fault::new(
        "errors-always-hint-report-bug",
        "Every error has the hint to report a bug.",
        &[Error(|error| match error.hint() {
            Some(_) if !error.is_not_found() => {
                let (effect, retryable) = (error.effect(), error.is_retryable());
                let error = error.with_hint(Hint::ReportBug);
                error.with_effect(effect).with_retryable(retryable)
            }
            _ => error,
        })],
        &[
            "errors/hints",
            "errors/exec-hints",
            "errors/program-name-not-parsed",
            "volumes/in-use-not-removed",
            "networks/in-use-not-removed",
            "capability/image-in-use-not-removed",
            "lifecycle/stop/grace-expires-without-force",
        ],
    ),
    Fault::new(
        "cause-parsed-from-program-name",
        "The cause of a start error is parsed from the program's name.",
        &[StartContainer(|inside, id| {
            async move {
                inside.driver.start_container(id).await.map_err(|error| {
                    match error.message().contains("paused") {
                        true => ContainerStartError::new(id.as_str(), "it is paused").into(),
                        false => error,
                    }
                })
            }
            .boxed()
        })],
        &["errors/program-name-not-parsed"],
    ),
    Fault::new(
        "user-message-from-engine",
        "The user message for an invalid config is the engine's own message.",
        &[Error(|error| match error.code() {
            codes::CONFIGURATION_ERROR => {
                let text = "the daemon answered with HTTP status 400: invalid reference format";
                let mut copy = DriverError::from(ConfigurationError::single("image", "invalid-name", text));
                copy = copy.with_driver(error.context().driver().unwrap_or_default());
                copy.with_operation(error.context().operation().unwrap_or_default())
            }
            _ => error,
        })],
        &["errors/user-message"],
    ),
    Fault::new(
        "refused-removal-stops-container",
        "A refused removal of a running container stops it.",
        &[RemoveContainer(|inside, id, options| {
            stopped_then_refused(inside, id, options).boxed()
        })],
        &["errors/no-effect", "removal/running-refused"],
    ),
    Fault::new(
        "refused-creation-leaves-container",
        "A creation that fails for its network leaves a container behind.",
        &[CreateContainer(|inside, config| {
            leaves_container(inside, config).boxed()
        })],
        &["errors/no-effect", "creation/network-missing"],
    ),
];

async fn exec_failure(inside: &Inside, id: &ContainerId, config: ExecConfig) -> Result<ExecSession> {
    let session = inside.driver.exec_stream(id, config).await;
    session.map_err(|error| match error.is_not_found() {
        true => ExecFailedError::new(id.as_str(), error.message()).into(),
        false => error,
    })
}

async fn found_container(inside: &Inside, id: &ContainerId) -> Result<Option<ContainerInstance>> {
    let found = inside.driver.get_container(id).await?;
    found
        .map(Some)
        .ok_or_else(|| ContainerNotFoundError::new(id.as_str()).into())
}

fn as_missing_container(container: &ContainerId, error: DriverError) -> DriverError {
    match error.code() {
        codes::NETWORK_NOT_FOUND => ContainerNotFoundError::new(container.as_str()).into(),
        _ => error,
    }
}

/// Returns the id of the container whose id starts with `part`. Returns `part` itself if there is no such container.
async fn resolve_prefix(inside: &Inside, part: &ContainerId) -> Result<ContainerId> {
    let all = inside.driver.list_containers(&ContainerFilter::default()).await?;
    let mut ids = all.into_iter().map(|container| container.id);
    let found = ids.find(|id| id.as_str().starts_with(part.as_str()));
    Ok(found.unwrap_or_else(|| part.clone()))
}

async fn stop_by_name(inside: &Inside, id: &ContainerId, options: StopOptions) -> Result<StopOutcome> {
    let found = inside.driver.find_container(id.as_str()).await?;
    let resolved = found.map_or_else(|| id.clone(), |found| found.id);
    inside.driver.stop_container(&resolved, options).await
}

async fn stopped_then_refused(inside: &Inside, id: &ContainerId, options: RemoveOptions) -> Result<()> {
    let removed = inside.driver.remove_container(id, options).await;
    if removed
        .as_ref()
        .is_err_and(|error| error.code() == codes::CONTAINER_REMOVE_FAILED)
    {
        inside.driver.stop_container(id, StopOptions::kill()).await?;
    }
    removed
}

async fn leaves_container(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let created = inside.driver.create_container(config).await;
    if created
        .as_ref()
        .is_err_and(|error| error.code() == codes::NETWORK_NOT_FOUND)
    {
        let mut without = config.clone();
        without.network = NetworkMode::None;
        inside.driver.create_container(&without).await?;
    }
    created
}
