//! The `ContainerDriver` trait: the contract that every driver implements.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use driver_interface_errors::Result;

use crate::{
    AttachSession, BuildOptions, BuildStream, ByteStream, Capabilities, CommitOptions, ContainerConfig,
    ContainerFilter, ContainerId, ContainerInstance, ContainerPath, ContainerStats, CreationPlan,
    DriverHealth, EventFilter, EventStream, ExecConfig, ExecId, ExecOutput, ExecSession, ExecStatus,
    ExitInfo, ImageFilter, ImageInfo, ImageRef, LogOptions, LogStream, LogStreamOptions, Network,
    NetworkConfig, NetworkConnectOptions, NetworkId, Operation, PauseOutcome, PullOptions, PullStream,
    PushOptions, PushStream, ReadFileOptions, RemoveOptions, ResourceFilter, RestartOutcome, Signal,
    StartOutcome, StatsStream, StopOptions, StopOutcome, TarStream, UnpauseOutcome, Volume, VolumeConfig,
    VolumeId, WaitOptions, WriteFile,
};

/// A driver that runs containers on an engine, with the same behaviour on every engine.
///
/// Programs hold a driver as `Arc<dyn ContainerDriver>`. Every driver implements the first eleven operations, up to
/// `remove_volume`. The other operations return `UnsupportedError` unless the driver [declares](Self::capabilities)
/// them.
///
/// ```
/// use std::sync::Arc;
/// use driver_interface_mock::MockDockerDriver;
/// use driver_interface_types::{ContainerConfig, ContainerDriver, LogOptions, RemoveOptions, StopOptions};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> driver_interface_types::Result<()> {
/// let driver: Arc<dyn ContainerDriver> = Arc::new(MockDockerDriver::new());
/// let config = ContainerConfig::new("demo", "busybox").command(["sh", "-c", "echo hello; sleep 60"]);
/// let container = driver.create_container(&config).await?;
/// driver.start_container(&container.id).await?;
/// tokio::time::sleep(std::time::Duration::from_millis(100)).await;
/// assert_eq!(driver.get_container_logs(&container.id, LogOptions::default()).await?, "hello\n");
/// driver.stop_container(&container.id, StopOptions::default()).await?;
/// driver.remove_container(&container.id, RemoveOptions::default()).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Common behaviour
///
/// - **The engine is the source of truth.** A driver stores no state. All results come from the engine, including the
///   [labels](crate::label) set at creation. Two drivers with the same engine and namespace agree.
/// - **Namespace isolation.** A driver sees and changes only the containers, volumes and networks of its own
///   namespace. It reports all others as "not found".
/// - **Deadlines.** Every call has a deadline, unless the operation's documentation says otherwise. A call that
///   exceeds its deadline returns `TimeoutError`, whose [effect](driver_interface_errors::Effect) is unknown.
/// - **Errors.** In addition to the errors in its documentation, every operation may return `ConfigurationError` if
///   the driver rejects the input (one error lists every violation), `ConnectionError` if the engine cannot be
///   reached, `AuthorizationError` if the engine denies access, and `TimeoutError`.
/// - **Cancel safety.** Every future may be dropped at any await point. If the engine has already begun a change, the
///   engine completes the change, or the driver undoes the change in the background. Leftover resources can be found
///   by the driver's labels.
/// - **No panics.** A driver returns an error instead of panicking.
#[async_trait]
#[allow(unused_variables, reason = "the default methods only refuse")]
pub trait ContainerDriver: Send + Sync + Debug + 'static {
    /// Returns the driver's name, such as `docker` or `mock-local`. All instances of a driver have the same name.
    fn name(&self) -> &str;

    /// Returns the semantic version of the driver, not of the engine.
    fn version(&self) -> &str;

    /// Returns what this driver can do with its engine. The result never changes during the lifetime of a driver value.
    fn capabilities(&self) -> Capabilities;

    /// Creates a container without starting it.
    ///
    /// # Behaviour
    /// The driver validates the whole config, checks the resource limits against its maximums, pulls the image if the
    /// [pull policy](ContainerConfig::pull_policy) requires this, and then creates the container. The new container
    /// has status `created` and state `terminated`, and its command has not run. If the config names a volume or
    /// network that does not exist, this call fails, not the later start. Every security option is in effect from the
    /// container's first instruction. If the engine cannot enforce a limit or security option, the returned instance
    /// has a [`Warning`](crate::Warning). With [`Strictness::Require`](crate::Strictness::Require), the call fails.
    ///
    /// # Errors
    /// - `ConfigurationError`: the config is invalid, or the operation key was already used with a different config.
    ///   The error lists every violation with its path.
    /// - `ResourceLimitError`: a limit exceeds this driver's maximum; the error names the resource, the limit
    ///   and the requested value.
    /// - `ImageNotFoundError`, `ImagePullError`: no such image, or the image could not be pulled.
    /// - `VolumeNotFoundError`, `NetworkNotFoundError`: the config names a volume or network that does not exist.
    /// - `UnsupportedError`: the driver does not declare a feature that the config uses, or the config has
    ///   `Strictness::Require` and the engine cannot enforce a setting.
    /// - `ContainerCreationError`: another container already has the name (not retryable), or the engine failed.
    ///
    /// # Idempotency
    /// Not idempotent, unless the config has an [operation key](ContainerConfig::operation_key). With an operation
    /// key, a second call with the same config returns the existing container.
    ///
    /// # Cancel safety
    /// If the future is dropped and the engine still creates the container, the driver removes the container in the
    /// background. Until then the container can be found by its labels.
    ///
    /// # Conformance
    /// `creation/*`, `config/*`, `setup/*`, `ports/*`, `keys/*`, `concurrency/create-same-name`,
    /// `cancellation/create-*`, `limits/*`, `security/*`
    async fn create_container(&self, config: &ContainerConfig) -> Result<ContainerInstance>;

    /// Starts a container's main process.
    ///
    /// # Behaviour
    /// Returns once the process has started. A short process may have exited by then. A container that has exited is
    /// started again: the container gets a new start time, and its logs keep the output of earlier runs.
    ///
    /// # Errors
    /// - `ContainerNotFoundError`: no such container.
    /// - `ContainerStartError`: the container did not start; the message and hint give the reason. Not retryable
    ///   if the program or user does not exist in the image, or if the container is paused.
    ///
    /// # Idempotency
    /// Idempotent: a running container is left as it is and the outcome is `AlreadyRunning`. A container that has
    /// exited since the last call is started again.
    ///
    /// # Cancel safety
    /// A dropped call either completes on the engine or has no effect. If a later `stop_container` call through the
    /// same driver value has returned, the dropped call can no longer start the container.
    ///
    /// # Conformance
    /// `lifecycle/start/*`, `concurrency/start*`, `cancellation/start`, `errors/not-found/start-container`
    async fn start_container(&self, id: &ContainerId) -> Result<StartOutcome>;

    /// Stops a container's main process as specified by [`StopOptions`].
    ///
    /// # Behaviour
    /// Returns only after the process has exited and the engine reports the exit to every client. A paused container
    /// can be stopped too. If the process does not exit within the grace period, the driver kills it only if
    /// [`force`](StopOptions::force) is set. Otherwise the process keeps running, so that no work is lost.
    ///
    /// # Errors
    /// - `ContainerNotFoundError`: no such container.
    /// - `ContainerStopError`: without `force`, the container is still running after the grace period. Retryable.
    ///
    /// # Idempotency
    /// Idempotent: a container that is not running (exited or never started) is left as it is and the outcome is
    /// `AlreadyStopped`.
    ///
    /// # Cancel safety
    /// A dropped call may stop the process or not. It never kills the process before the grace period has expired.
    ///
    /// # Conformance
    /// `lifecycle/stop/*`, `concurrency/stop`, `cancellation/stop`, `errors/not-found/stop-container*`
    async fn stop_container(&self, id: &ContainerId, options: StopOptions) -> Result<StopOutcome>;

    /// Removes a container with its logs and anonymous volumes. Named volumes are kept.
    ///
    /// # Behaviour
    /// Returns once the engine no longer reports the container to any client and the container's name is free.
    ///
    /// # Errors
    /// - `ContainerNotFoundError`: no such container.
    /// - `ContainerRemoveError`: the container is running or paused, and [`force`](RemoveOptions::force) is not
    ///   set. Nothing has changed.
    ///
    /// # Idempotency
    /// Not idempotent: a second call returns `ContainerNotFoundError`. If two calls race, exactly one succeeds.
    ///
    /// # Cancel safety
    /// A dropped removal either completes on the engine or has no effect.
    ///
    /// # Conformance
    /// `removal/*`, `concurrency/remove-container`, `concurrency/start-remove-race`,
    /// `errors/not-found/remove-container*`
    async fn remove_container(&self, id: &ContainerId, options: RemoveOptions) -> Result<()>;

    /// Returns a container, or `None` if there is no such container.
    ///
    /// # Behaviour
    /// Accepts only full ids; for names, use [`find_container`](crate::ContainerDriverExt::find_container). Returns
    /// `None`, never an error, for a container that does not exist in this driver's namespace.
    ///
    /// # Errors
    /// Only the errors that are common to all operations.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `lifecycle/state/*`, `lifecycle/exit/*`, `errors/not-found/get-container`,
    /// `errors/prefix-is-not-an-id`, `errors/name-is-not-an-id`
    async fn get_container(&self, id: &ContainerId) -> Result<Option<ContainerInstance>>;

    /// Lists the containers that match `filter`, running or not, sorted by creation time, then id.
    ///
    /// # Behaviour
    /// Each entry equals the result of [`get_container`](Self::get_container). A container that is removed during the
    /// call may be omitted, and never causes an error.
    ///
    /// # Errors
    /// Only the errors that are common to all operations.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `listing/*`, `concurrency/list-during-churn`, `namespaces/*`
    async fn list_containers(&self, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>>;

    /// Returns a container's output: its standard output and standard error.
    ///
    /// # Behaviour
    /// Works while the container is created, running or exited. Before the first start, the logs are empty. After a
    /// restart, the logs contain the output of all runs. The lines of each stream are in order. The order of lines
    /// from different streams is unspecified. Bytes that are not UTF-8 become U+FFFD. With
    /// [`follow`](LogOptions::follow), the call returns when the container exits or is removed.
    ///
    /// # Errors
    /// - `ContainerNotFoundError`: no such container.
    /// - `ConfigurationError`: `options` sets neither `stdout` nor `stderr`.
    /// - `UnsupportedError`: the text is too long for one call; use `stream_container_logs`.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo. Dropping the future closes the connection immediately.
    ///
    /// # Conformance
    /// `logs/*`, `cancellation/follow`, `errors/not-found/get-container-logs`
    async fn get_container_logs(&self, id: &ContainerId, options: LogOptions) -> Result<String>;

    /// Checks the health of the engine.
    ///
    /// # Behaviour
    /// If the engine cannot be reached, the result is `Ok` with status `unhealthy` and the reason.
    ///
    /// # Errors
    /// - `DriverHealthError`: the engine sent a response that cannot be interpreted.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `health/engine-responds`, `health/counts-*`, `namespaces/counts-isolated`
    async fn health_check(&self) -> Result<DriverHealth>;

    /// Returns whether a container is running and healthy. A container without a health check counts as healthy.
    ///
    /// # Errors
    /// - `ContainerNotFoundError`: no such container.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `health/healthy-while-running`, `health/check-*`, `errors/not-found/is-container-healthy`
    async fn is_container_healthy(&self, id: &ContainerId) -> Result<bool>;

    /// Creates an empty volume.
    ///
    /// The volume's root directory belongs to the config's [`owner`](VolumeConfig::owner), by default to the default
    /// user of containers. A config with an owner requires the feature
    /// [`VolumeOwner`](crate::ConfigFeature::VolumeOwner).
    ///
    /// # Errors
    /// - `ConfigurationError`: the config is invalid.
    /// - `UnsupportedError`: the config has an owner, and the driver or the engine cannot set it. No volume exists
    ///   afterwards.
    /// - `VolumeCreationError`: another volume already has the name (not retryable; the other volume is unchanged),
    ///   or the engine failed.
    ///
    /// # Idempotency
    /// Not idempotent: of several calls with the same name, even from different processes, exactly one call succeeds.
    ///
    /// # Cancel safety
    /// If the future is dropped and the engine still creates the volume, the driver removes the volume in the
    /// background. The driver also removes the helper resources that it uses to set the owner.
    ///
    /// # Conformance
    /// `volumes/round-trip`, `volumes/name-taken`, `volumes/owner*`, `volumes/default-owner`,
    /// `config/volume-name-invalid`, `concurrency/create-volume`, `cancellation/volume-and-network`,
    /// `cancellation/volume-owner`
    async fn create_volume(&self, config: &VolumeConfig) -> Result<Volume>;

    /// Removes a volume and its contents.
    ///
    /// # Errors
    /// - `VolumeNotFoundError`: no such volume.
    /// - `VolumeRemoveError`: a container, running or not, uses the volume. Nothing has changed.
    ///
    /// # Idempotency
    /// Not idempotent: a second call returns `VolumeNotFoundError`.
    ///
    /// # Cancel safety
    /// A dropped removal either completes on the engine or has no effect.
    ///
    /// # Conformance
    /// `volumes/in-use-not-removed`, `volumes/name-reusable-after-removal`, `concurrency/remove-volume`,
    /// `errors/not-found/remove-volume`
    async fn remove_volume(&self, id: &VolumeId) -> Result<()>;

    /// Creates a network.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Errors
    /// - `ConfigurationError`: the config is invalid.
    /// - `NetworkCreationError`: another network already has the name (not retryable; the other network is
    ///   unchanged), the engine has no addresses left, or the engine failed.
    ///
    /// # Idempotency
    /// Not idempotent: of several calls with the same name, even from different processes, exactly one call succeeds.
    ///
    /// # Cancel safety
    /// If the future is dropped and the engine still creates the network, the driver removes the network in the
    /// background.
    ///
    /// # Conformance
    /// `networks/*`, `config/network-name-invalid`, `concurrency/create-network`, `cancellation/volume-and-network`
    async fn create_network(&self, config: &NetworkConfig) -> Result<Network> {
        unsupported(Operation::CreateNetwork)
    }

    /// Removes a network.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Errors
    /// - `NetworkNotFoundError`: no such network.
    /// - `NetworkRemoveError`: a container, running or not, is attached to the network. Nothing has changed.
    ///
    /// # Idempotency
    /// Not idempotent: a second call returns `NetworkNotFoundError`.
    ///
    /// # Cancel safety
    /// A dropped removal either completes on the engine or has no effect.
    ///
    /// # Conformance
    /// `networks/in-use-not-removed`, `errors/not-found/remove-network`
    async fn remove_network(&self, id: &NetworkId) -> Result<()> {
        unsupported(Operation::RemoveNetwork)
    }

    /// Lists the volumes that match `filter`, sorted by creation time, then name.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `capability/volume-list`, `volumes/round-trip`, `namespaces/volumes-and-networks-isolated`
    async fn list_volumes(&self, filter: &ResourceFilter) -> Result<Vec<Volume>> {
        unsupported(Operation::ListVolumes)
    }

    /// Lists the networks that match `filter`, sorted by creation time, then id. The driver's own default network is
    /// not included.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `capability/network-list`, `networks/round-trip`, `namespaces/volumes-and-networks-isolated`
    async fn list_networks(&self, filter: &ResourceFilter) -> Result<Vec<Network>> {
        unsupported(Operation::ListNetworks)
    }

    /// Creates an image with the name `image` from `root`, an uncompressed tar archive of the image's root file system.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// The new image sets no command, environment or user. If another image already has the name, the name moves to
    /// the new image.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `ImageImportError`: the engine rejected the archive.
    /// - Errors of the archive stream. The engine then has no new image.
    ///
    /// # Idempotency
    /// Idempotent: importing the same archive again yields an equal image under the same name.
    ///
    /// # Cancel safety
    /// A dropped call completes on the engine or has no effect. If it completes, `remove_image` removes the image.
    ///
    /// # Conformance
    /// `capability/image-import-and-remove`
    async fn import_image(&self, image: &ImageRef, root: TarStream) -> Result<()> {
        unsupported(Operation::ImportImage)
    }

    /// Removes an image that this namespace created with [`import_image`](Self::import_image),
    /// [`build_image`](Self::build_image) or [`commit_container`](Self::commit_container).
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// If the image has several names, only the name `image` is removed.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `ImageNotFoundError`: this namespace has created no image with this name.
    /// - `ImageRemoveError`: a container uses the image. Nothing has changed.
    ///
    /// # Idempotency
    /// Not idempotent: a second call returns `ImageNotFoundError`.
    ///
    /// # Cancel safety
    /// A dropped removal either completes on the engine or has no effect.
    ///
    /// # Conformance
    /// `capability/image-in-use-not-removed`, `errors/not-found/remove-image`
    async fn remove_image(&self, image: &ImageRef) -> Result<()> {
        unsupported(Operation::RemoveImage)
    }

    /// Waits until a container's main process has exited and returns its exit info.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// If the container has already exited, the call returns the exit info immediately. If the container was never
    /// started, the call first waits for its start. While the container is paused, the call keeps waiting. The exit
    /// info is never lost, even if the container is removed during the wait. It equals [`ContainerInstance::exit`],
    /// except that [`oom_killed`](ExitInfo::oom_killed) may be `None` in the instance but known here: a wait also reads
    /// the engine's events. The call has no deadline. Without a [timeout](WaitOptions::timeout), it waits indefinitely.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `ContainerNotFoundError`: no such container, or the container was removed before its first run.
    /// - `WaitTimeoutError`: the container had not exited within the timeout in `options`. Nothing has changed.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `wait/exit-code`, `wait/already-exited`, `wait/before-start`, `wait/exit-code-after-removal`,
    /// `wait/timeout`, `wait/many-waiters`, `wait/second-run`, `wait/paused`, `wait/removed-before-start`,
    /// `wait/outlasts-request-deadline`, `cancellation/wait`, `errors/not-found/wait-container`,
    /// `capability/container-wait`
    async fn wait_container(&self, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
        unsupported(Operation::WaitContainer)
    }

    /// Sends a signal to a container's main process.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Returns when the signal has been sent. The process may react later. If the signal ends the process,
    /// [`ContainerStatus::of_exit`](crate::ContainerStatus::of_exit) defines the container's new status. A paused
    /// container accepts only [`Signal::KILL`], which ends the process.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `ContainerNotFoundError`: no such container.
    /// - `ContainerNotRunningError`: the container is not running, or it is paused and the signal is not `SIGKILL`.
    ///
    /// # Idempotency
    /// Not idempotent: each call sends one signal.
    ///
    /// # Cancel safety
    /// A dropped call sends the signal once or not at all.
    ///
    /// # Conformance
    /// `kill/terminates`, `kill/signal-delivered`, `kill/not-running`, `kill/paused`, `cancellation/kill`,
    /// `errors/not-found/kill-container`, `capability/container-kill`
    async fn kill_container(&self, id: &ContainerId, signal: Signal) -> Result<()> {
        unsupported(Operation::KillContainer)
    }

    /// Pauses a container's processes. Paused processes keep their memory and connections, and use no CPU.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Returns when the processes are frozen and the container has status `paused` and state `running`.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `ContainerNotFoundError`: no such container.
    /// - `ContainerNotRunningError`: the container is not running. Nothing has changed.
    ///
    /// # Idempotency
    /// Idempotent: a paused container is left as it is and the outcome is `AlreadyPaused`.
    ///
    /// # Cancel safety
    /// A dropped call either completes on the engine or has no effect.
    ///
    /// # Conformance
    /// `pause/round-trip`, `pause/already-paused`, `pause/not-running`, `pause/processes-frozen`,
    /// `pause/stop-and-remove`, `concurrency/pause`, `cancellation/pause`,
    /// `errors/not-found/pause-container`, `capability/container-pause`
    async fn pause_container(&self, id: &ContainerId) -> Result<PauseOutcome> {
        unsupported(Operation::PauseContainer)
    }

    /// Resumes a paused container.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Returns when the container's processes are running again and the container has status `running`.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `ContainerNotFoundError`: no such container.
    /// - `ContainerNotRunningError`: the container is not running. Nothing has changed.
    ///
    /// # Idempotency
    /// Idempotent: a running container is left as it is and the outcome is `AlreadyRunning`.
    ///
    /// # Cancel safety
    /// A dropped call either completes on the engine or has no effect.
    ///
    /// # Conformance
    /// `pause/round-trip`, `pause/unpause-running`, `pause/unpause-not-running`, `errors/not-found/unpause-container`
    async fn unpause_container(&self, id: &ContainerId) -> Result<UnpauseOutcome> {
        unsupported(Operation::UnpauseContainer)
    }

    /// Stops a container's main process as specified by [`StopOptions`], and starts the container again.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Equivalent to [`stop_container`](Self::stop_container) followed by [`start_container`](Self::start_container).
    /// Returns once the new process runs. The container has a new start time. A container that is not running is
    /// started.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `ContainerNotFoundError`: no such container.
    /// - `ContainerStopError`: without `force`, the container is still running after the grace period, and keeps
    ///   running.
    /// - `ContainerStartError`: the container was stopped and did not start again.
    ///
    /// # Idempotency
    /// Not idempotent: each call restarts the container.
    ///
    /// # Cancel safety
    /// After a dropped call, the container is still in its old run, in a new run, or has exited. The process is never
    /// killed before the grace period has expired. The driver begins no start after the drop. If a later
    /// `stop_container` call through the same driver value succeeds, the dropped call does not start the container
    /// again. All of this also holds for a call that fails with `TimeoutError`.
    ///
    /// # Conformance
    /// `restart/new-run`, `restart/starts-stopped`, `restart/grace-expires-without-force`,
    /// `restart/by-force`, `restart/dropped-then-stopped`, `cancellation/restart`,
    /// `errors/not-found/restart-container`, `capability/container-restart`
    async fn restart_container(&self, id: &ContainerId, options: StopOptions) -> Result<RestartOutcome> {
        unsupported(Operation::RestartContainer)
    }

    /// Runs a command in a running container, waits for it to exit and returns its output.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// If the command fails, is killed or times out, the call succeeds, and the [outcome](ExecOutput::outcome) says
    /// so. The output has no messages from the engine, and is complete up to the [limit](ExecConfig::output_limit).
    /// When the [timeout](ExecConfig::timeout) expires, the driver kills the command and every process that the
    /// command has started, even daemonised processes, and no other process. The output up to then is returned. While
    /// the command runs, there is no deadline. If the command exits by itself, the driver neither kills the processes
    /// that the command has left running, nor waits for them.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation, or the config has a timeout that cannot be
    ///   enforced, for example because the image has no `sh`.
    /// - `ConfigurationError`: the config has no program, or contains text that cannot be passed to the engine.
    /// - `ContainerNotFoundError`: no such container.
    /// - `ContainerNotRunningError`: the container is not running, or is paused.
    /// - `ExecFailedError`: the command could not be run. Not retryable if the program, user or working directory
    ///   does not exist.
    ///
    /// # Idempotency
    /// Not idempotent: each call runs the command.
    ///
    /// # Cancel safety
    /// Dropping the future kills the command and every process it has started.
    ///
    /// # Conformance
    /// `exec/output`, `exec/exit-code`, `exec/stdin`, `exec/environment`, `exec/signaled`, `exec/timeout-*`,
    /// `exec/output-limit`, `exec/no-such-program`, `exec/not-running`, `exec/container-gone`, `exec/out-of-memory`,
    /// `exec/tty`, `exec/binary-safe`, `exec/output-large`, `exec/arguments`, `exec/empty-command`,
    /// `exec/outlasts-request-deadline`, `exec/no-secrets-in-errors`, `concurrency/exec*`, `cancellation/exec`,
    /// `cancellation/exec-dropped-at-each-await`, `errors/not-found/exec`, `capability/exec`
    async fn exec(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecOutput> {
        unsupported(Operation::Exec)
    }

    /// Runs a command in a running container, and connects the caller to the command's input and output.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Returns once the command runs. The amount of output is not limited. If the caller does not read the output,
    /// the command blocks when it writes (backpressure). If the [timeout](ExecConfig::timeout) expires, the driver
    /// kills the command, and [`ExecSession::wait`] returns `TimedOut`. If the config has an
    /// [input](ExecConfig::stdin), the driver sends this input to the command.
    ///
    /// # Errors
    /// The errors of [`exec`](Self::exec). Once the command runs, an error in a stream means that the connection broke.
    ///
    /// # Idempotency
    /// Not idempotent: each call runs the command.
    ///
    /// # Cancel safety
    /// Dropping the future, or the `control` of the returned session, kills the command and every process it has
    /// started.
    ///
    /// # Conformance
    /// `exec-stream/request-reply`, `exec-stream/half-close`, `exec-stream/tty-resize`, `exec-stream/kill`,
    /// `exec-stream/drop-kills`, `exec-stream/slow-reader`, `exec-stream/outcome`,
    /// `exec-stream/config-stdin`, `exec-stream/resize-without-tty`, `exec-stream/timeout`,
    /// `exec-stream/refusals`, `errors/not-found/exec-stream`, `capability/exec-stream`
    async fn exec_stream(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecSession> {
        unsupported(Operation::ExecStream)
    }

    /// Starts a command in a running container without waiting for it to exit.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Returns once the command runs. The command's output is discarded. A config with a
    /// [timeout](ExecConfig::timeout), an input or a terminal is rejected, because the driver does not stay connected
    /// to the command. When the container exits, the command ends too.
    ///
    /// # Errors
    /// The errors of [`exec`](Self::exec), and `ConfigurationError` if the config has a timeout, input or terminal.
    ///
    /// # Idempotency
    /// Not idempotent: each call runs the command.
    ///
    /// # Cancel safety
    /// A dropped call starts the command once or not at all.
    ///
    /// # Conformance
    /// `exec-detached/outlives-call`, `exec-detached/status`, `exec-detached/refusals`,
    /// `cancellation/exec-detached`, `errors/not-found/exec-detached`, `capability/exec-detached`
    async fn exec_detached(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecId> {
        unsupported(Operation::ExecDetached)
    }

    /// Returns the status of a detached exec.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Returns `None` if the container has no such exec, or if the engine no longer has a record of the exec, for
    /// example after the container has exited.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `ContainerNotFoundError`: no such container.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `exec-detached/status`, `exec-detached/unknown-id`, `errors/not-found/exec-status`
    async fn exec_status(&self, id: &ContainerId, exec: &ExecId) -> Result<Option<ExecStatus>> {
        unsupported(Operation::ExecStatus)
    }

    /// Connects the caller to the standard input and output of a container's main process.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Works while the container is created, running or paused. If the session is opened before the start, its output
    /// is complete. Otherwise its output begins at the time of the call, and earlier output is only in the logs. The
    /// session ends when the container exits. The session has an input if the config sets
    /// [`stdin`](crate::ContainerConfig::stdin). When a session closes the input or is dropped, the main process's
    /// input ends, and later sessions have no input. [`wait_container`](Self::wait_container) returns the exit code.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `ContainerNotFoundError`: no such container.
    /// - `ContainerNotRunningError`: the container has exited, or is being removed.
    ///
    /// # Idempotency
    /// Read-only, except for the input. Several sessions may be attached. Each session receives all output.
    ///
    /// # Cancel safety
    /// Dropping the future or the session closes the connection. The main process keeps running, and its input ends.
    ///
    /// # Conformance
    /// `attach/*`, `errors/not-found/attach-container`, `capability/attach`
    async fn attach_container(&self, id: &ContainerId) -> Result<AttachSession> {
        unsupported(Operation::AttachContainer)
    }

    /// Streams a container's existing output and, with `follow`, its new output.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// The chunks of each source (standard output and standard error) are in order and without gaps. The order of
    /// chunks from different sources is unspecified. Chunks contain the bytes as the engine stores them. Docker's
    /// default log driver replaces bytes that are not UTF-8 by U+FFFD. With [`follow`](LogStreamOptions::follow), the
    /// stream waits until the container is started, and ends when the container exits or is removed. Without `follow`,
    /// the stream ends after the existing logs. The call returns immediately, even if there are no logs yet.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `ContainerNotFoundError`: no such container.
    /// - `ConfigurationError`: `options` sets neither `stdout` nor `stderr`.
    /// - In the stream, `ConnectionError`: the connection broke. No item follows this error.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo; dropping the stream closes the connection.
    ///
    /// # Conformance
    /// `log-stream/*`, `cancellation/log-stream`, `errors/not-found/stream-container-logs`, `capability/log-stream`
    async fn stream_container_logs(&self, id: &ContainerId, options: LogStreamOptions) -> Result<LogStream> {
        unsupported(Operation::StreamContainerLogs)
    }

    /// Unpacks `archive`, an uncompressed tar archive, into `directory` in a container.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Works while the container is created, running or exited. Owners and permissions are those in the
    /// archive. Nothing is written outside the container, regardless of the archive's names and links. Memory
    /// use is bounded for an archive of any size.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation, or the engine cannot access the directory (see
    ///   [`write_file`](Self::write_file)).
    /// - `ContainerNotFoundError`: no such container.
    /// - `FileSystemError`: the directory does not exist (`NotFound`) or is not a directory (`NotADirectory`), its
    ///   file system is read-only (`ReadOnlyFilesystem`, nothing was unpacked), the archive is corrupt
    ///   (`InvalidData`), or the disk is full (`StorageFull`). Entries that were already unpacked remain.
    /// - Errors of the archive stream.
    ///
    /// # Idempotency
    /// Idempotent: unpacking the same archive again yields the same files.
    ///
    /// # Cancel safety
    /// A dropped call may leave some of the archive's files in the container.
    ///
    /// # Conformance
    /// `files/archive-round-trip`, `files/archive-large`, `files/archive-path-traversal`,
    /// `files/archive-invalid`, `files/no-such-directory`, `cancellation/copy`,
    /// `errors/not-found/copy-into-container`, `capability/file-archive`
    async fn copy_into_container(
        &self,
        id: &ContainerId,
        directory: &ContainerPath,
        archive: TarStream,
    ) -> Result<()> {
        unsupported(Operation::CopyIntoContainer)
    }

    /// Packs a file or directory of a container into an uncompressed tar archive.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Works while the container is created, running or exited. Entry names begin with the last component of the
    /// path. If the path itself is a symbolic link, the link is followed inside the container. Other links are packed
    /// as links. If the driver declares [`ArchiveOwners`](crate::Property::ArchiveOwners), the archive has the files'
    /// owners, otherwise the owner 0:0. [`unpack_into`](TarStream::unpack_into) unpacks the archive on the host.
    ///
    /// Read the stream to its end or drop it before the next call on the same container. Do not pass the stream to a
    /// `copy_into_container` call on the same container: Docker keeps the container locked until the stream ends, so
    /// the call would block until its deadline.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `ContainerNotFoundError`: no such container.
    /// - `FileSystemError`: the path does not exist (`NotFound`), or its parent is a file (`NotADirectory`).
    /// - In the stream, `ConnectionError`: the connection broke, and the archive is incomplete.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo; dropping the stream closes the connection.
    ///
    /// # Conformance
    /// `files/archive-round-trip`, `files/archive-large`, `files/archive-owners`,
    /// `files/archive-glob-characters`, `files/no-such-file`, `errors/not-found/copy-from-container`
    async fn copy_from_container(&self, id: &ContainerId, path: &ContainerPath) -> Result<TarStream> {
        unsupported(Operation::CopyFromContainer)
    }

    /// Reads a file of a container into memory.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Works while the container is created, running or exited, even if the image contains no programs. Symbolic
    /// links are followed inside the container.
    ///
    /// Files in memory (on a tmpfs mount, such as `/tmp` if the root file system is read-only) exist only while the
    /// container runs. On some engines, they can be read only if the image contains a shell and `cat`.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `ContainerNotFoundError`: no such container.
    /// - `FileSystemError`: the path does not exist (`NotFound`), the path is a directory (`IsADirectory`) or a
    ///   device (`InvalidInput`), a parent of the path is a file (`NotADirectory`), or the file is larger than the
    ///   [limit](ReadFileOptions::limit) (`FileTooLarge`).
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `files/round-trip`, `files/limit`, `files/no-such-file`, `files/directory-is-not-a-file`, `files/error-kinds`,
    /// `files/glob-characters`, `files/symlinks-confined`, `errors/not-found/read-file`, `capability/file-read`
    async fn read_file(
        &self,
        id: &ContainerId,
        path: &ContainerPath,
        options: ReadFileOptions,
    ) -> Result<Bytes> {
        unsupported(Operation::ReadFile)
    }

    /// Streams a file of any size from a container. Memory use is bounded.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// The same as for [`read_file`](Self::read_file), but the size of the file is not limited.
    ///
    /// # Errors
    /// - The errors of [`read_file`](Self::read_file), except `FileTooLarge`.
    /// - In the stream, `ConnectionError`: the connection broke, and the file is incomplete.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo; dropping the stream closes the connection.
    ///
    /// # Conformance
    /// `files/large-round-trip`, `files/no-such-file`, `errors/not-found/read-file-stream`
    async fn read_file_stream(&self, id: &ContainerId, path: &ContainerPath) -> Result<ByteStream> {
        unsupported(Operation::ReadFileStream)
    }

    /// Writes a file in a container, with the owner and permissions in `file`. An existing file is replaced.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Works while the container is created, running or exited, even if the image contains no programs. Returns when
    /// the file can be read. Memory use is bounded for streamed content of any size. If the path is a symbolic link,
    /// the link is kept, and the link's target inside the container is written or created.
    ///
    /// Files in memory (on a tmpfs mount, such as `/tmp` if the root file system is read-only) can be written only
    /// while the container runs. On some engines, the image must also contain a shell, and the file's owner must have
    /// permission to write to the tmpfs mount.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation, or the engine cannot access the file (it is in
    ///   memory, and the container is not running or has no shell).
    /// - `ContainerNotFoundError`: no such container.
    /// - `FileSystemError`: the parent directory does not exist and [`create_parents`](WriteFile::create_parents) is
    ///   not set (`NotFound`), the path is a directory (`IsADirectory`), the file system is read-only
    ///   (`ReadOnlyFilesystem`), the owner has no permission to write to the tmpfs mount (`PermissionDenied`), the disk
    ///   is full (`StorageFull`), or the content is not as long as declared (`InvalidData`).
    /// - Errors of the content stream.
    ///
    /// # Idempotency
    /// Idempotent: writing the same content again yields the same file.
    ///
    /// # Cancel safety
    /// A dropped call leaves the old file, the new file or a part of the new file.
    ///
    /// # Conformance
    /// `files/round-trip`, `files/large-round-trip`, `files/mode-and-owner`, `files/parents`, `files/replaced`,
    /// `files/content-length-mismatch`, `files/read-only-root`, `files/write-follows-symlinks`, `files/visible-inside`,
    /// `files/tmpfs`, `cancellation/write-file`, `errors/not-found/write-file`, `capability/file-write`
    async fn write_file(&self, id: &ContainerId, path: &ContainerPath, file: WriteFile) -> Result<()> {
        unsupported(Operation::WriteFile)
    }

    /// Pulls an image from its registry and reports the progress.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// The last item of a successful pull is [`PullProgress::Done`](crate::PullProgress::Done). From then on the
    /// image can be used. [`PullStream::finish`] waits for this item. If the image is present, the pull re-resolves
    /// its tag and reports `Done`. Pulled images belong to the engine, not to a namespace.
    /// [Credentials](PullOptions::credentials) are used for this pull only and are not stored. Without `credentials`,
    /// the driver uses those in its configuration. The Docker driver uses those that `docker login` has stored.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation, or the engine does not support choosing a
    ///   platform.
    /// - `ImagePullError`, from the call or in the stream: the registry has no such image, access is denied, the
    ///   image is corrupt (these three are not retryable), or the registry could not be reached.
    /// - `AuthenticationError`, from the call or in the stream: the registry rejected the credentials.
    ///
    /// # Idempotency
    /// Idempotent: pulling again fetches whatever image the name refers to at that time.
    ///
    /// # Cancel safety
    /// Dropping the stream cancels the pull if the engine can cancel pulls. An image that arrives anyway is kept.
    ///
    /// # Conformance
    /// `images/pull`, `images/pull-missing`, `images/pull-credentials`, `images/no-secrets-in-errors`,
    /// `cancellation/pull`, `capability/image-pull-stream`
    async fn pull_image(&self, image: &ImageRef, options: PullOptions) -> Result<PullStream> {
        unsupported(Operation::PullImage)
    }

    /// Lists the engine's named images that match `filter`, sorted by their first name, then id.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Images belong to the engine, not to a namespace. The list therefore includes images of other programs.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `images/list`, `images/list-filter`, `capability/image-list`
    async fn list_images(&self, filter: &ImageFilter) -> Result<Vec<ImageInfo>> {
        unsupported(Operation::ListImages)
    }

    /// Returns an image of the engine, or `None` if there is no such image. No registry is contacted.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Returns `None`, never an error, for an image that does not exist on the engine.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `images/get`, `images/get-missing`, `capability/image-inspect`
    async fn get_image(&self, image: &ImageRef) -> Result<Option<ImageInfo>> {
        unsupported(Operation::GetImage)
    }

    /// Loads images from a tar archive in the format of `docker save` and returns their names.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// If another image already has one of the names, the name moves to the loaded image. Like pulled images, loaded
    /// images belong to the engine, and [`remove_image`](Self::remove_image) does not remove them. Memory use is
    /// bounded for an archive of any size.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `ImageImportError`: the engine rejected the archive.
    /// - Errors of the archive stream. The engine then has no new image.
    ///
    /// # Idempotency
    /// Idempotent: loading the same archive again yields the same images.
    ///
    /// # Cancel safety
    /// A dropped load may leave some of the images on the engine.
    ///
    /// # Conformance
    /// `images/load`, `images/load-invalid`, `capability/image-load`
    async fn load_image(&self, archive: TarStream) -> Result<Vec<ImageRef>> {
        unsupported(Operation::LoadImage)
    }

    /// Returns the resource usage of a running container.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Takes about a second, because CPU usage is computed from two samples.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `ContainerNotFoundError`: no such container.
    /// - `ContainerNotRunningError`: the container is not running.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `stats/memory`, `stats/cpu`, `stats/pids`, `stats/limits`, `stats/not-running`,
    /// `errors/not-found/container-stats`, `capability/container-stats`
    async fn container_stats(&self, id: &ContainerId) -> Result<ContainerStats> {
        unsupported(Operation::ContainerStats)
    }

    /// Streams the resource usage of a running container, about one sample per second.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// The samples are sorted by time. The stream ends when the container exits or is removed. Samples that are not
    /// read in time are dropped.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `ContainerNotFoundError`: no such container.
    /// - `ContainerNotRunningError`: the container is not running.
    /// - In the stream, `ConnectionError`: the connection broke.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo; dropping the stream closes the connection.
    ///
    /// # Conformance
    /// `stats/stream-*`, `cancellation/streams`, `errors/not-found/stream-container-stats`,
    /// `capability/container-stats-stream`
    async fn stream_container_stats(&self, id: &ContainerId) -> Result<StatsStream> {
        unsupported(Operation::StreamContainerStats)
    }

    /// Streams the events of the containers in this driver's namespace, regardless of which program caused them.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// The stream reports each event that happens after the call returns, once and in the engine's order, until the
    /// stream is dropped. The driver re-establishes a broken connection transparently. With
    /// [`since`](EventFilter::since) or [`after`](EventFilter::after), the stream also reports earlier events, as far
    /// back as the engine keeps them. If events may have been lost, at the start or later, the stream reports a
    /// [`Gap`](crate::EventKind::Gap) in their place. Events are never lost silently.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `ConfigurationError`: the cursor in `after` is not from this driver, or both `since` and `after` are set.
    /// - In the stream, `ConnectionError`: the engine remains unreachable.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo; dropping the stream closes the connection.
    ///
    /// # Conformance
    /// `events/lifecycle`, `events/exit-code`, `events/filter`, `events/since`,
    /// `events/cursor-without-gaps-or-duplicates`, `events/other-namespaces-excluded`, `events/health`, `events/oom`,
    /// `events/pause`, `events/exec`, `events/event-fields`, `events/invalid-cursor`, `capability/events`
    async fn events(&self, filter: &EventFilter) -> Result<EventStream> {
        unsupported(Operation::Events)
    }

    /// Returns a volume, or `None` if there is no such volume.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Returns `None`, never an error, for a volume that does not exist in this driver's namespace.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `volumes/get`, `errors/not-found/get-volume`, `capability/volume-inspect`
    async fn get_volume(&self, id: &VolumeId) -> Result<Option<Volume>> {
        unsupported(Operation::GetVolume)
    }

    /// Returns a network, or `None` if there is no such network.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Accepts only full ids; for names, use [`find_network`](crate::ContainerDriverExt::find_network). Returns `None`,
    /// never an error, for a network that does not exist in this driver's namespace.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `networks/get`, `errors/not-found/get-network`, `capability/network-inspect`
    async fn get_network(&self, id: &NetworkId) -> Result<Option<Network>> {
        unsupported(Operation::GetNetwork)
    }

    /// Connects a container to another network.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Works while the container is created, running or exited. When the call returns, other containers on the
    /// network can resolve a running container by its name and aliases.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `NetworkNotFoundError`, `ContainerNotFoundError`: no such network or container.
    /// - `NetworkConnectError`: the container was created without a network. Nothing has changed.
    ///
    /// # Idempotency
    /// Idempotent: a container that is already connected is left as it is, including its aliases.
    ///
    /// # Cancel safety
    /// A dropped call either completes on the engine or has no effect.
    ///
    /// # Conformance
    /// `networks/connect`, `networks/connect-reachable`, `networks/connect-twice`, `networks/connect-alias`,
    /// `networks/connect-without-network`, `errors/not-found/connect-network`, `capability/network-connect`
    async fn connect_network(
        &self,
        network: &NetworkId,
        container: &ContainerId,
        options: NetworkConnectOptions,
    ) -> Result<()> {
        unsupported(Operation::ConnectNetwork)
    }

    /// Disconnects a container from a network.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Works while the container is created, running or exited. When the call returns, the container is no longer
    /// reachable on the network.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `NetworkNotFoundError`, `ContainerNotFoundError`: no such network or container.
    ///
    /// # Idempotency
    /// Idempotent: a container that is not connected is left as it is.
    ///
    /// # Cancel safety
    /// A dropped call either completes on the engine or has no effect.
    ///
    /// # Conformance
    /// `networks/disconnect`, `networks/disconnect-twice`, `errors/not-found/disconnect-network`
    async fn disconnect_network(&self, network: &NetworkId, container: &ContainerId) -> Result<()> {
        unsupported(Operation::DisconnectNetwork)
    }

    /// Removes unused default networks, which the driver creates for containers whose config names no network.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// The driver normally removes a default network with the network's last container, or keeps the network for a
    /// while for the next container. The network is left over if another program removes that container, or if the
    /// driver's process is killed. This call removes the unused default networks, and returns their number. A network to which any container is
    /// attached is kept, whatever the container's status, and whichever driver created the container. A container
    /// that is created concurrently still gets its network. The call also removes helper resources of volumes that no
    /// longer exist, but does not count them.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `NetworkRemoveError`: a network could not be removed; all other leftover networks were removed.
    ///
    /// # Idempotency
    /// Idempotent: the next call finds nothing to remove. Concurrent calls do not interfere with each other.
    ///
    /// # Cancel safety
    /// A dropped call removes all, some or none of the networks.
    ///
    /// # Conformance
    /// `cleanup/idle-networks`, `cleanup/idle-networks-concurrent`, `capability/network-cleanup`
    async fn remove_idle_networks(&self) -> Result<usize> {
        unsupported(Operation::RemoveIdleNetworks)
    }

    /// Predicts the result of [`create_container`](Self::create_container) for a config, without side effects.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// The driver creates nothing and pulls no image. The [plan](CreationPlan) lists every reason to refuse the
    /// creation, and every warning. Each reason and warning has the path of a setting. For an invalid config, the
    /// call returns a plan with refusals, not an error. If the config is valid and the engine has the image, the plan
    /// also has the image's user, entrypoint, command and volumes, and [advice](crate::ImageInfo::advice) on settings
    /// that do not suit the image.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `plan/accepted`, `plan/refusals`, `plan/no-side-effects`, `plan/matches-creation`, `plan/strictness`,
    /// `plan/exceeds-driver-limit`, `plan/image`, `capability/plan`
    async fn plan(&self, config: &ContainerConfig) -> Result<CreationPlan> {
        unsupported(Operation::Plan)
    }

    /// Builds an image with the name `image` from a Dockerfile, and streams the output. `context` is an uncompressed
    /// tar archive of the files that the Dockerfile uses.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// The last item of a successful build is [`BuildProgress::Done`](crate::BuildProgress::Done). From then on, the
    /// image can be used. [`BuildStream::finish`] waits for this item. The Dockerfile is a file in the context. With
    /// [`BuildOptions::from_dockerfile`], the Dockerfile is a text, and the context may be empty. The call uploads
    /// the context and returns when the engine begins to build. Memory use is bounded for a context of any size. If
    /// another image already has the name, the name moves to the new image. The commands of the build have the
    /// engine's default network access. [`remove_image`](Self::remove_image) removes the image.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation, or does not support an instruction or option.
    /// - `ConfigurationError`, from the call or in the stream: an option is invalid, `image` has a digest, or the
    ///   Dockerfile is missing, empty or invalid.
    /// - `ImageBuildError`, from the call or in the stream: a step failed, or a base image is not available. The
    ///   message has the end of the output.
    /// - `AuthenticationError`, from the call or in the stream: a registry rejected the credentials for a base image.
    /// - Errors of the context stream.
    ///
    /// # Idempotency
    /// Idempotent: another build with the same arguments gives the name to an equivalent image.
    ///
    /// # Cancel safety
    /// Dropping the call or the stream cancels the build. The engine may first complete the current step. The name
    /// moves to the new image only if the build is already complete.
    ///
    /// # Conformance
    /// `images/build`, `images/build-from-text`, `images/build-failed`, `images/build-context-fails`,
    /// `images/build-no-secrets-in-errors`, `cancellation/build`, `capability/image-build`
    async fn build_image(
        &self,
        image: &ImageRef,
        context: TarStream,
        options: BuildOptions,
    ) -> Result<BuildStream> {
        unsupported(Operation::BuildImage)
    }

    /// Gives the image `image` the additional name `new`.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// If another image already has the new name, the name moves to `image`. [`remove_image`](Self::remove_image) can
    /// remove the new name if this namespace created the image.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `ConfigurationError`: the new name has a digest.
    /// - `ImageNotFoundError`: no such image.
    ///
    /// # Idempotency
    /// Idempotent: an image that already has the name is left as it is.
    ///
    /// # Cancel safety
    /// A dropped call either completes on the engine or has no effect.
    ///
    /// # Conformance
    /// `images/tag`, `errors/not-found/tag-image`, `capability/image-tag`
    async fn tag_image(&self, image: &ImageRef, new: &ImageRef) -> Result<()> {
        unsupported(Operation::TagImage)
    }

    /// Pushes an image to the registry and repository that its name specifies, and reports the progress.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// The last item of a successful push is [`PushProgress::Done`](crate::PushProgress::Done). From then on, the
    /// registry has the image. [`PushStream::finish`] waits for this item. [Credentials](PushOptions::credentials)
    /// are used for this push only and are not stored. If `options` has no credentials, the driver uses those in its
    /// configuration, as for a [pull](Self::pull_image).
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `ConfigurationError`: the name has a digest.
    /// - `ImageNotFoundError`: the engine has no such image.
    /// - `ImagePushError`, from the call or in the stream: access is denied (not retryable), or the registry could not
    ///   be reached or failed.
    /// - `AuthenticationError`, from the call or in the stream: the registry rejected the credentials.
    ///
    /// # Idempotency
    /// Idempotent: pushing again uploads only what the registry does not have.
    ///
    /// # Cancel safety
    /// Dropping the stream cancels the push if the engine can cancel pushes. An image that the registry already has
    /// stays there.
    ///
    /// # Conformance
    /// `images/push`, `images/push-failed`, `images/push-no-secrets-in-errors`, `cancellation/push`,
    /// `errors/not-found/push-image`, `capability/image-push`
    async fn push_image(&self, image: &ImageRef, options: PushOptions) -> Result<PushStream> {
        unsupported(Operation::PushImage)
    }

    /// Packs an image into a tar archive in the format of `docker save`, which [`load_image`](Self::load_image) reads.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// The archive contains the image's layers, its settings and the name `image`. The engine may take a while to
    /// send the first byte.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `ImageNotFoundError`: no such image.
    /// - In the stream, `ConnectionError`: the archive is incomplete.
    ///
    /// # Idempotency
    /// Read-only.
    ///
    /// # Cancel safety
    /// Nothing to undo; dropping the stream closes the connection.
    ///
    /// # Conformance
    /// `images/save`, `errors/not-found/save-image`, `capability/image-save`
    async fn save_image(&self, image: &ImageRef) -> Result<TarStream> {
        unsupported(Operation::SaveImage)
    }

    /// Creates an image with the name `image` from the files and settings of a container.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Works while the container is created, running, paused or exited. A running container is paused during the commit
    /// unless [`pause`](CommitOptions::pause) is `false`. The content of volumes and tmpfs mounts is not included. The
    /// image contains the container's command, user and environment, which may be secret. If another image already has
    /// the name, the name moves to the new image. [`remove_image`](Self::remove_image) removes the image.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `ConfigurationError`: an instruction in [`changes`](CommitOptions::changes) is invalid, or `image` has a
    ///   digest.
    /// - `ContainerNotFoundError`: no such container.
    /// - `ImageBuildError`: the engine could not create the image.
    ///
    /// # Idempotency
    /// Idempotent: another commit gives the name to a new image of the container's current files.
    ///
    /// # Cancel safety
    /// A dropped call completes on the engine or has no effect. If it completes, `remove_image` removes the image.
    ///
    /// # Conformance
    /// `images/commit`, `images/commit-invalid`, `errors/not-found/commit-container`, `capability/container-commit`
    async fn commit_container(
        &self,
        id: &ContainerId,
        image: &ImageRef,
        options: CommitOptions,
    ) -> Result<ImageInfo> {
        unsupported(Operation::CommitContainer)
    }

    /// Packs the whole content of a volume into an uncompressed tar archive, for a backup.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// The names in the archive are relative to the volume's root directory. The root directory itself may have an
    /// entry `./`. The archive contains modes and links, and also owners if the driver declares
    /// [`ArchiveOwners`](crate::Property::ArchiveOwners). The archive can be unpacked with
    /// [`import_volume`](Self::import_volume), [`TarStream::unpack_into`] or `tar`. Works while containers use the
    /// volume. The archived content of a file that changes during the export may be inconsistent. If the volume is
    /// removed during the export, the stream ends with an error.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `VolumeNotFoundError`: no such volume.
    /// - In the stream, `ConnectionError`: the archive is incomplete.
    ///
    /// # Idempotency
    /// Read-only: neither the volume's content nor its owner changes.
    ///
    /// # Cancel safety
    /// Dropping the call or the stream ends the export. The driver removes its helper container in the background.
    ///
    /// # Conformance
    /// `volumes/export-import`, `volumes/export-empty`, `cancellation/volume-transfer`,
    /// `errors/not-found/export-volume`, `capability/volume-export`
    async fn export_volume(&self, id: &VolumeId) -> Result<TarStream> {
        unsupported(Operation::ExportVolume)
    }

    /// Unpacks `archive`, an uncompressed tar archive, into a volume, for example to restore a backup.
    ///
    /// Optional: see [`Capabilities::operations`].
    ///
    /// # Behaviour
    /// Files in the archive replace files of the same name. Other files in the volume stay. The files get the owners
    /// and modes in the archive. The volume's root directory keeps its owner and mode. Nothing is written outside the
    /// volume, regardless of the archive's names. Works while containers use the volume. Memory use is bounded for an
    /// archive of any size.
    ///
    /// # Errors
    /// - `UnsupportedError`: the driver does not declare this operation.
    /// - `VolumeNotFoundError`: no such volume.
    /// - `FileSystemError`: the archive is corrupt (`InvalidData`), or the disk is full (`StorageFull`). Entries that
    ///   were already unpacked remain.
    /// - Errors of the archive stream.
    ///
    /// # Idempotency
    /// Idempotent: unpacking the same archive again yields the same files.
    ///
    /// # Cancel safety
    /// A dropped call may leave some of the archive's files in the volume. The driver removes its helper container in
    /// the background.
    ///
    /// # Conformance
    /// `volumes/export-import`, `volumes/import-invalid`, `cancellation/volume-transfer`,
    /// `errors/not-found/import-volume`, `capability/volume-export`
    async fn import_volume(&self, id: &VolumeId, archive: TarStream) -> Result<()> {
        unsupported(Operation::ImportVolume)
    }
}

fn unsupported<T>(operation: Operation) -> Result<T> {
    Err(operation.undeclared().into())
}
