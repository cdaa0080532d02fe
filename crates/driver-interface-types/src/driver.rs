//! The contract.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use driver_interface_errors::{Result, UnsupportedError};

use crate::{
    ByteStream, Capabilities, Capability, ContainerConfig, ContainerFilter, ContainerId, ContainerInstance,
    ContainerPath, ContainerStats, CreationPlan, DriverHealth, EventFilter, EventStream, ExecConfig, ExecId,
    ExecOutput, ExecSession, ExecStatus, ExitInfo, ImageFilter, ImageInfo, ImageRef, LogOptions, LogStream,
    LogStreamOptions, Network, NetworkConfig, NetworkConnectOptions, NetworkId, Operation, PauseOutcome,
    PullOptions, PullStream, ReadFileOptions, RemoveOptions, ResourceFilter, Signal, StartOutcome,
    StatsStream, StopOptions, StopOutcome, TarStream, UnpauseOutcome, Volume, VolumeConfig, VolumeId,
    WaitOptions, WriteFile,
};

/// Runs containers on some engine, the same way whatever the engine is.
///
/// Programs hold it as `Arc<dyn ContainerDriver>`. Thirteen operations every driver has; the ones after them
/// answer `UnsupportedError` unless the driver [declares](Self::capabilities) them.
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
/// # What holds for every operation
///
/// - **The engine is the truth.** A driver keeps no record of its own: answers come from the engine and from
///   [labels](crate::label) set at creation, so two drivers on one engine and namespace agree.
/// - **Only its own.** A driver sees and touches only what its namespace made. Anything else is "not found".
/// - **Deadlines.** Every call ends: past the driver's deadline for it with `TimeoutError`, whose
///   [effect](driver_interface_errors::Effect) is unknown.
/// - **Errors.** Besides those named: `ConfigurationError` for input that is refused before it reaches the
///   engine, with every violation in one error; `NetworkError` when the engine cannot be reached;
///   `AuthorizationError` when it may not be; `TimeoutError`.
/// - **Cancel safety.** Every future may be dropped at any await point. What had begun to change on the engine
///   either completes there or is undone in the background; nothing is left that labels would not find.
/// - **No panics.**
#[async_trait]
pub trait ContainerDriver: Send + Sync + Debug + 'static {
    /// Names the driver, such as `docker` or `mock-local`; the same for every instance of it.
    fn name(&self) -> &str;

    /// The driver's own semantic version, not the engine's.
    fn version(&self) -> &str;

    /// What this driver on this engine can do beyond the thirteen operations. The answer never changes in
    /// the life of a driver value.
    fn capabilities(&self) -> Capabilities;

    /// Makes a container and leaves it not running.
    ///
    /// # Behaviour
    /// Checks the whole config, then the limits, then gets the image by the config's
    /// [pull policy](ContainerConfig::pull_policy), then creates. The container has status `created` and state
    /// `terminated`, and its command has had no effect. A named volume or network that does not exist is
    /// refused here, not found out at start. Every security default of the config holds from the first
    /// instruction on. A limit this engine cannot enforce becomes a [`Warning`](crate::Warning) on the
    /// instance, or with [`Strictness::Require`](crate::Strictness::Require) a refusal.
    ///
    /// # Errors
    /// - `ConfigurationError`: the config is invalid; it lists every violation by its path. Also when the
    ///   operation key is known with another config.
    /// - `ResourceLimitError`: a limit is beyond what this driver allows; names resource, limit, requested.
    /// - `ImageNotFoundError`, `ImagePullError`: there is no such image, or it could not be fetched.
    /// - `VolumeNotFoundError`, `NetworkNotFoundError`: the config names one that does not exist.
    /// - `UnsupportedError`: something asked for with `Strictness::Require` cannot be enforced.
    /// - `ContainerCreationError`: the name is taken (not retryable), or the engine failed.
    ///
    /// # Idempotency
    /// Not idempotent, unless the config has an [operation key](ContainerConfig::operation_key): then a second
    /// call with the same config returns the same container.
    ///
    /// # Cancel safety
    /// Dropping the future leaves no container: what the engine makes all the same is removed in the
    /// background, and until then can be found by its labels.
    ///
    /// # Conformance
    /// `creation/*`, `config/*`, `setup/*`, `ports/*`, `keys/*`, `concurrency/create-same-name`, `cancellation/create-*`,
    /// `limits/*`, `security/*`
    async fn create_container(&self, config: &ContainerConfig) -> Result<ContainerInstance>;

    /// Runs a container's main process.
    ///
    /// # Behaviour
    /// Returns once the process runs (it may have ended again by then). A container that ended runs again,
    /// with a new start time and its logs continued.
    ///
    /// # Errors
    /// - `ContainerNotFoundError`: there is none of that id or name.
    /// - `ContainerStartError`: it did not start; the message and hint say why. Not retryable when the program
    ///   or user does not exist in the image, or the container is paused.
    ///
    /// # Idempotency
    /// Idempotent: a running container stays as it is and the outcome is `AlreadyRunning`. One that has exited meanwhile
    /// runs again.
    ///
    /// # Cancel safety
    /// A dropped start completes on the engine or has no effect. A stop through the same driver value that returns after
    /// the drop is not undone by it.
    ///
    /// # Conformance
    /// `lifecycle/start/*`, `concurrency/start*`, `cancellation/start`, `errors/not-found/start-container`
    async fn start_container(&self, id: &ContainerId) -> Result<StartOutcome>;

    /// Ends a container's main process; see [`StopOptions`] for how.
    ///
    /// # Behaviour
    /// Returns only when the process has ended, and then every reader sees that. A paused container is stopped
    /// too. A process that outlives a graceful stop keeps running: nobody loses work without asking for it.
    ///
    /// # Errors
    /// - `ContainerNotFoundError`: there is none of that id or name.
    /// - `ContainerStopError`: it still runs after the grace of a stop without `force`. Retryable.
    ///
    /// # Idempotency
    /// Idempotent: what does not run (ended or never started) stays as it is; the outcome is `AlreadyStopped`.
    ///
    /// # Cancel safety
    /// A dropped stop may or may not end the process, but never kills it before its grace is over.
    ///
    /// # Conformance
    /// `lifecycle/stop/*`, `concurrency/stop`, `cancellation/stop`, `errors/not-found/stop-container*`
    async fn stop_container(&self, id: &ContainerId, options: StopOptions) -> Result<StopOutcome>;

    /// Removes a container with its logs and anonymous volumes. Named volumes stay.
    ///
    /// # Behaviour
    /// Returns when it is gone for every reader and its name is free.
    ///
    /// # Errors
    /// - `ContainerNotFoundError`: there is none of that id or name.
    /// - `ContainerRemoveError`: it runs or is paused, and [`force`](RemoveOptions::force) was not set. Nothing
    ///   has changed.
    ///
    /// # Idempotency
    /// Not idempotent: the second call is "not found". Of two at once, one wins.
    ///
    /// # Cancel safety
    /// A dropped remove completes on the engine or has no effect.
    ///
    /// # Conformance
    /// `removal/*`, `concurrency/remove-container`, `concurrency/start-against-remove`, `errors/not-found/remove-container*`
    async fn remove_container(&self, id: &ContainerId, options: RemoveOptions) -> Result<()>;

    /// Looks a container up.
    ///
    /// # Behaviour
    /// `None` when there is none of that id or name in this driver's namespace; never an error for that.
    ///
    /// # Errors
    /// Only those of every operation.
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `lifecycle/state/*`, `lifecycle/exit/*`, `errors/not-found/get-container`, `errors/prefix-is-not-an-id`, `errors/name-is-an-id`
    async fn get_container(&self, id: &ContainerId) -> Result<Option<ContainerInstance>>;

    /// Lists the containers that pass a filter, in every status, by creation time, then id.
    ///
    /// # Behaviour
    /// Each entry equals what [`get_container`](Self::get_container) would answer. A container removed while
    /// the list is made is left out, never an error.
    ///
    /// # Errors
    /// Only those of every operation.
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `listing/*`, `concurrency/list-during-churn`, `namespaces/*`
    async fn list_containers(&self, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>>;

    /// Returns what a container has written to its standard output and error.
    ///
    /// # Behaviour
    /// Works while it is created (nothing yet), running or ended; after a restart it has all runs. Lines of
    /// one stream are in order; the order between the two streams is not promised. Bytes that are not UTF-8
    /// become U+FFFD. With [`follow`](LogOptions::follow) it returns when the container ends or is removed.
    ///
    /// # Errors
    /// - `ContainerNotFoundError`: there is none of that id or name.
    /// - `ConfigurationError`: neither stream is selected.
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo; the connection is closed at once.
    ///
    /// # Conformance
    /// `logs/*`, `cancellation/follow`, `errors/not-found/get-container-logs`
    async fn get_container_logs(&self, id: &ContainerId, options: LogOptions) -> Result<String>;

    /// Asks how the engine is doing.
    ///
    /// # Behaviour
    /// An engine that cannot be reached is `Ok` with status `unhealthy` and the reason.
    ///
    /// # Errors
    /// - `DriverHealthError`: the engine answered something that makes no sense.
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `health/engine-answers`, `health/counts-*`, `namespaces/counts-apart`
    async fn health_check(&self) -> Result<DriverHealth>;

    /// Whether a container runs and its image's health check, where there is one, passes.
    ///
    /// # Errors
    /// - `ContainerNotFoundError`: there is none of that id or name.
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `health/container-runs`, `health/check-*`, `errors/not-found/is-container-healthy`
    async fn is_container_healthy(&self, id: &ContainerId) -> Result<bool>;

    /// Makes a volume.
    ///
    /// # Errors
    /// - `ConfigurationError`: the config is invalid.
    /// - `VolumeCreationError`: the name is taken (not retryable; the one that has it is untouched), or the
    ///   engine failed.
    ///
    /// # Idempotency
    /// Not idempotent: of several creations of one name exactly one wins, also between processes.
    ///
    /// # Cancel safety
    /// Dropping the future leaves no volume: what the engine makes all the same is removed in the background.
    ///
    /// # Conformance
    /// `volumes/round-trip`, `volumes/name-taken`, `config/volume-name-hostile`, `concurrency/create-volume`,
    /// `cancellation/volume-and-network`
    async fn create_volume(&self, config: &VolumeConfig) -> Result<Volume>;

    /// Removes a volume and what is in it.
    ///
    /// # Errors
    /// - `VolumeNotFoundError`: there is none of that name.
    /// - `VolumeRemoveError`: a container, running or not, uses it. Nothing has changed.
    ///
    /// # Idempotency
    /// Not idempotent: the second call is "not found".
    ///
    /// # Cancel safety
    /// A dropped remove completes on the engine or has no effect.
    ///
    /// # Conformance
    /// `volumes/in-use-stays`, `volumes/name-free-after-removal`, `concurrency/remove-volume`,
    /// `errors/not-found/remove-volume`
    async fn remove_volume(&self, id: &VolumeId) -> Result<()>;

    /// Makes a network.
    ///
    /// # Errors
    /// - `ConfigurationError`: the config is invalid.
    /// - `NetworkCreationError`: the name is taken (not retryable; the one that has it is untouched), the
    ///   engine has no addresses left, or it failed.
    ///
    /// # Idempotency
    /// Not idempotent: of several creations of one name exactly one wins, also between processes.
    ///
    /// # Cancel safety
    /// Dropping the future leaves no network: what the engine makes all the same is removed in the background.
    ///
    /// # Conformance
    /// `networks/*`, `config/network-name-hostile`, `concurrency/create-network`, `cancellation/volume-and-network`
    async fn create_network(&self, config: &NetworkConfig) -> Result<Network>;

    /// Removes a network.
    ///
    /// # Errors
    /// - `NetworkNotFoundError`: there is none of that id or name.
    /// - `NetworkRemoveError`: a container, running or not, is attached. Nothing has changed.
    ///
    /// # Idempotency
    /// Not idempotent: the second call is "not found".
    ///
    /// # Cancel safety
    /// A dropped remove completes on the engine or has no effect.
    ///
    /// # Conformance
    /// `networks/in-use-stays`, `errors/not-found/remove-network`
    async fn remove_network(&self, id: &NetworkId) -> Result<()>;

    /// Lists the volumes that pass a filter, by creation time, then name.
    ///
    /// Requires [`volume_list`](Capabilities::volume_list).
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `capability/volume-list`, `volumes/round-trip`, `namespaces/volumes-and-networks-apart`
    async fn list_volumes(&self, filter: &ResourceFilter) -> Result<Vec<Volume>> {
        let _ = filter;
        unsupported(Operation::ListVolumes)
    }

    /// Lists the networks that pass a filter, by creation time, then id. The driver's own default network
    /// is not among them.
    ///
    /// Requires [`network_list`](Capabilities::network_list).
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `capability/network-list`, `networks/round-trip`, `namespaces/volumes-and-networks-apart`
    async fn list_networks(&self, filter: &ResourceFilter) -> Result<Vec<Network>> {
        let _ = filter;
        unsupported(Operation::ListNetworks)
    }

    /// Makes an image from a root file system: a tar archive, not compressed, of its files.
    ///
    /// Requires [`image_import`](Capabilities::image_import).
    ///
    /// # Behaviour
    /// The image has no command, environment or user of its own. An image that already has the name loses it.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    /// - `ImagePullError`: the engine did not take the archive.
    ///
    /// # Idempotency
    /// Idempotent in effect: importing the same archive again gives an equal image under the name.
    ///
    /// # Cancel safety
    /// A dropped import completes on the engine or has no effect; a later `remove_image` removes it.
    ///
    /// # Conformance
    /// `capability/image-import-and-remove`
    async fn import_image(&self, image: &ImageRef, root: Bytes) -> Result<()> {
        let _ = (image, root);
        unsupported(Operation::ImportImage)
    }

    /// Removes an image that [`import_image`](Self::import_image) made.
    ///
    /// Requires [`image_remove`](Capabilities::image_remove).
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    /// - `ImageNotFoundError`: there is none of that name that this namespace imported.
    /// - `ImagePullError`: a container uses it. Nothing has changed.
    ///
    /// # Idempotency
    /// Not idempotent: the second call is "not found".
    ///
    /// # Cancel safety
    /// A dropped remove completes on the engine or has no effect.
    ///
    /// # Conformance
    /// `capability/image-in-use-stays`, `errors/not-found/remove-image`
    async fn remove_image(&self, image: &ImageRef) -> Result<()> {
        let _ = image;
        unsupported(Operation::RemoveImage)
    }

    /// Waits until a container's main process has ended, and returns how.
    ///
    /// Requires [`container_wait`](Capabilities::container_wait).
    ///
    /// # Behaviour
    /// Of a container that has ended it returns that at once. One that was never started, or is paused, is waited
    /// for: it returns when a run ends. The facts are those of [`ContainerInstance::exit`] and are never lost, also
    /// when the container is removed while it waits. Only [`oom_killed`](ExitInfo::oom_killed) may be known here and `None`
    /// there: a wait asks the engine for more than its record of the container. It is not held to the driver's deadline: without a
    /// [timeout](WaitOptions::timeout) it waits for as long as it takes.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    /// - `ContainerNotFoundError`: there is none of that id or name, or it was removed without having run.
    /// - `WaitTimeoutError`: it had not ended within the timeout of `options`. Nothing has changed.
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `wait/exit-code`, `wait/ended-already`, `wait/created-waits-for-a-run`, `wait/removed-keeps-the-code`, `wait/timeout`,
    /// `wait/many-waiters`, `wait/next-run`, `wait/paused`, `wait/removed-without-a-run`, `wait/outlasts-the-deadline`,
    /// `cancellation/wait`, `errors/not-found/wait-container`, `capability/container-wait`
    async fn wait_container(&self, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
        let _ = (id, options);
        unsupported(Operation::WaitContainer)
    }

    /// Sends a signal to a container's main process.
    ///
    /// Requires [`container_kill`](Capabilities::container_kill).
    ///
    /// # Behaviour
    /// Returns when the signal is sent; what the process makes of it shows later. Ending it this way gives the status
    /// that [`ContainerStatus::of_exit`](crate::ContainerStatus::of_exit) says. To a paused container only
    /// [`Signal::KILL`] is sent, which ends it.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    /// - `ContainerNotFoundError`: there is none of that id or name.
    /// - `ContainerNotRunningError`: it does not run, or it is paused and the signal is another than `SIGKILL`.
    ///
    /// # Idempotency
    /// Not idempotent: each call sends one signal.
    ///
    /// # Cancel safety
    /// A dropped call sends the signal once or not at all.
    ///
    /// # Conformance
    /// `kill/ends`, `kill/signal-reaches-the-process`, `kill/not-running`, `kill/paused`, `cancellation/kill`, `errors/not-found/kill-container`,
    /// `capability/container-kill`
    async fn kill_container(&self, id: &ContainerId, signal: Signal) -> Result<()> {
        let _ = (id, signal);
        unsupported(Operation::KillContainer)
    }

    /// Freezes a container's processes. They keep their memory and connections and use no CPU.
    ///
    /// Requires [`container_pause`](Capabilities::container_pause).
    ///
    /// # Behaviour
    /// Returns when they are frozen; then the status is `paused` and the state `running`.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    /// - `ContainerNotFoundError`: there is none of that id or name.
    /// - `ContainerNotRunningError`: it does not run. Nothing has changed.
    ///
    /// # Idempotency
    /// Idempotent: a paused container stays as it is and the outcome is `AlreadyPaused`.
    ///
    /// # Cancel safety
    /// A dropped call completes on the engine or has no effect.
    ///
    /// # Conformance
    /// `pause/round-trip`, `pause/already`, `pause/not-running`, `pause/processes-stand-still`, `pause/stop-and-remove`,
    /// `concurrency/pause`, `cancellation/pause`, `errors/not-found/pause-container`, `capability/container-pause`
    async fn pause_container(&self, id: &ContainerId) -> Result<PauseOutcome> {
        let _ = id;
        unsupported(Operation::PauseContainer)
    }

    /// Lets a paused container go on.
    ///
    /// Requires [`container_pause`](Capabilities::container_pause).
    ///
    /// # Behaviour
    /// Returns when its processes go on; then the status is `running`.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    /// - `ContainerNotFoundError`: there is none of that id or name.
    /// - `ContainerNotRunningError`: it does not run. Nothing has changed.
    ///
    /// # Idempotency
    /// Idempotent: a running container stays as it is and the outcome is `AlreadyRunning`.
    ///
    /// # Cancel safety
    /// A dropped call completes on the engine or has no effect.
    ///
    /// # Conformance
    /// `pause/round-trip`, `pause/unpause-running`, `pause/unpause-not-running`, `errors/not-found/unpause-container`
    async fn unpause_container(&self, id: &ContainerId) -> Result<UnpauseOutcome> {
        let _ = id;
        unsupported(Operation::UnpauseContainer)
    }

    /// Ends a container's main process and runs it again; see [`StopOptions`] for how it is ended.
    ///
    /// Requires [`container_restart`](Capabilities::container_restart).
    ///
    /// # Behaviour
    /// As [`stop_container`](Self::stop_container) and then [`start_container`](Self::start_container): it returns once
    /// the new process runs, and the start time is new. What does not run is started.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    /// - `ContainerNotFoundError`: there is none of that id or name.
    /// - `ContainerStopError`: it still runs after the grace of a stop without `force`, and goes on running.
    /// - `ContainerStartError`: it was ended and did not start again.
    ///
    /// # Idempotency
    /// Not idempotent: each call makes another run.
    ///
    /// # Cancel safety
    /// A dropped call leaves the container running (its old run or a new one) or exited, and never kills before the
    /// grace is over. Its second half does not begin after the drop, so a stop that returns later through the same driver
    /// value is not undone by it. The same holds for a call that ends with `TimeoutError`.
    ///
    /// # Conformance
    /// `restart/new-run`, `restart/stopped-starts`, `restart/stubborn-keeps-running`, `restart/by-force`,
    /// `restart/dropped-then-stopped`, `cancellation/restart`,
    /// `errors/not-found/restart-container`, `capability/container-restart`
    async fn restart_container(&self, id: &ContainerId, options: StopOptions) -> Result<()> {
        let _ = (id, options);
        unsupported(Operation::RestartContainer)
    }

    /// Runs a command in a running container, waits for its end and returns what it printed.
    ///
    /// Requires [`exec`](Capabilities::exec).
    ///
    /// # Behaviour
    /// What the command did, failing, being killed and running too long included, is the
    /// [outcome](ExecOutput::outcome) and never an error; what the engine says is never in the output. Past the
    /// [timeout](ExecConfig::timeout) the command is killed with everything it has started (its children, and those that
    /// made themselves independent) and nothing else, and what was printed until then is kept. Output is complete up
    /// to the [limit](ExecConfig::output_limit). The driver's deadline does not hold while the command runs.
    /// What the command leaves running when it ends by itself is left alone, and is not waited for.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared, or a timeout was given that this engine has no way to keep.
    /// - `ConfigurationError`: no program is given, or a text cannot be passed on.
    /// - `ContainerNotFoundError`: there is none of that id or name.
    /// - `ContainerNotRunningError`: it does not run, or is paused.
    /// - `ExecError`: the command could not be run; not retryable when program, user or folder do not exist.
    ///
    /// # Idempotency
    /// Not idempotent: each call runs the command.
    ///
    /// # Cancel safety
    /// Dropping the future kills the command with everything it has started.
    ///
    /// # Conformance
    /// `exec/output`, `exec/exit-code`, `exec/stdin`, `exec/environment`, `exec/signaled`, `exec/timeout-*`, `exec/output-limit`,
    /// `exec/no-such-program`, `exec/not-running`, `exec/container-gone`, `exec/out-of-memory`, `exec/tty`,
    /// `exec/output-is-binary-safe`, `exec/output-large`, `exec/arguments`, `exec/no-program-given`, `exec/outlasts-the-deadline`,
    /// `exec/secrets-stay-out-of-errors`, `concurrency/exec*`, `cancellation/exec`, `cancellation/exec-at-once`,
    /// `errors/not-found/exec`, `capability/exec`
    async fn exec(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecOutput> {
        let _ = (id, config);
        unsupported(Operation::Exec)
    }

    /// Runs a command in a running container and connects to its input and output.
    ///
    /// Requires [`exec_stream`](Capabilities::exec_stream).
    ///
    /// # Behaviour
    /// Returns once the command runs. Its output is not limited and is held back while nobody reads it. The
    /// [timeout](ExecConfig::timeout) holds, and [`ExecSession::wait`] then says `TimedOut`. The config's own
    /// [input](ExecConfig::stdin), where there is one, is written by the driver.
    ///
    /// # Errors
    /// As [`exec`](Self::exec). Once it runs, an error of the streams means that the connection broke.
    ///
    /// # Idempotency
    /// Not idempotent: each call runs the command.
    ///
    /// # Cancel safety
    /// Dropping the future, or the session's control, kills the command with everything it has started.
    ///
    /// # Conformance
    /// `exec-stream/conversation`, `exec-stream/half-close`, `exec-stream/tty-resize`, `exec-stream/kill`, `exec-stream/drop-kills`,
    /// `exec-stream/slow-reader`, `exec-stream/outcome`, `exec-stream/config-input`, `exec-stream/resize-without-terminal`,
    /// `exec-stream/timeout`, `exec-stream/refusals`, `errors/not-found/exec-stream`, `capability/exec-stream`
    async fn exec_stream(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecSession> {
        let _ = (id, config);
        unsupported(Operation::ExecStream)
    }

    /// Starts a command in a running container and leaves it to itself.
    ///
    /// Requires [`exec_detached`](Capabilities::exec_detached).
    ///
    /// # Behaviour
    /// Returns once the command runs. Its output is dropped, and a [timeout](ExecConfig::timeout), input or terminal
    /// is refused: nobody stays to see to it. It ends with the container at the latest.
    ///
    /// # Errors
    /// As [`exec`](Self::exec); `ConfigurationError` also for a timeout, an input or a terminal.
    ///
    /// # Idempotency
    /// Not idempotent: each call runs the command.
    ///
    /// # Cancel safety
    /// A dropped call starts the command once or not at all.
    ///
    /// # Conformance
    /// `exec-detached/runs-on`, `exec-detached/status`, `exec-detached/refusals`, `cancellation/exec-detached`,
    /// `errors/not-found/exec-detached`, `capability/exec-detached`
    async fn exec_detached(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecId> {
        let _ = (id, config);
        unsupported(Operation::ExecDetached)
    }

    /// Looks up what became of a detached command.
    ///
    /// Requires [`exec_detached`](Capabilities::exec_detached).
    ///
    /// # Behaviour
    /// `None` when the container has no such command, or the engine no longer knows it, as after the container's end.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    /// - `ContainerNotFoundError`: there is none of that id or name.
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `exec-detached/status`, `exec-detached/unknown-id`, `errors/not-found/exec-status`
    async fn exec_status(&self, id: &ContainerId, exec: &ExecId) -> Result<Option<ExecStatus>> {
        let _ = (id, exec);
        unsupported(Operation::ExecStatus)
    }

    /// Streams what a container has written and, if asked to, goes on to write.
    ///
    /// Requires [`log_stream`](Capabilities::log_stream).
    ///
    /// # Behaviour
    /// Chunks of one source are in order, and nothing between them is missing; the order between two sources is not
    /// promised. Bytes are as they were written, where the engine keeps them so: Docker's usual log files hold text, so
    /// bytes that are not UTF-8 come back from them as U+FFFD. With [`follow`](LogStreamOptions::follow) the stream ends when the
    /// container ends or is removed, and a container that was not started yet is waited for; it spans one run. Without
    /// it the stream ends with what is there. It returns at once, also when there is nothing yet.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    /// - `ContainerNotFoundError`: there is none of that id or name.
    /// - `ConfigurationError`: neither stream is selected.
    /// - In the stream, `NetworkError`: the connection broke. Nothing follows it.
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo; dropping the stream closes the connection.
    ///
    /// # Conformance
    /// `log-stream/*`, `cancellation/log-stream`, `errors/not-found/stream-container-logs`, `capability/log-stream`
    async fn stream_container_logs(&self, id: &ContainerId, options: LogStreamOptions) -> Result<LogStream> {
        let _ = (id, options);
        unsupported(Operation::StreamContainerLogs)
    }

    /// Unpacks a tar archive, not compressed, into a folder of a container.
    ///
    /// Requires [`file_archive`](Capabilities::file_archive).
    ///
    /// # Behaviour
    /// Works while the container is created, running or ended. Owners and permissions are the archive's. Nothing is
    /// written outside the container, whatever names and links the archive has. Memory stays bounded however large
    /// the archive is.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared, or the engine does not reach the directory (see [`write_file`](Self::write_file)).
    /// - `ContainerNotFoundError`: there is none of that id or name.
    /// - `FileSystemError`: the directory does not exist (`NotFound`) or is none (`NotADirectory`), its file system is
    ///   read-only (`ReadOnlyFilesystem`, nothing was unpacked), the archive is broken (`InvalidData`), or the space is
    ///   used up (`StorageFull`). What was unpacked until then stays.
    /// - The archive stream's own.
    ///
    /// # Idempotency
    /// Idempotent in effect: unpacking the same archive again gives the same files.
    ///
    /// # Cancel safety
    /// A dropped call may leave a part of the files.
    ///
    /// # Conformance
    /// `files/archive-round-trip`, `files/archive-large`, `files/archive-hostile-names`, `files/archive-broken`, `files/no-such-folder`,
    /// `cancellation/copy`, `errors/not-found/copy-into-container`, `capability/file-archive`
    async fn copy_into_container(
        &self,
        id: &ContainerId,
        directory: &ContainerPath,
        archive: TarStream,
    ) -> Result<()> {
        let _ = (id, directory, archive);
        unsupported(Operation::CopyIntoContainer)
    }

    /// Packs a file or folder of a container into a tar archive, not compressed.
    ///
    /// Requires [`file_archive`](Capabilities::file_archive).
    ///
    /// # Behaviour
    /// Works while the container is created, running or ended. Names in the archive begin with the path's last part.
    /// A symbolic link at the path itself is followed, inside the container; others are packed as links. Owners are
    /// those of the files where [`archive_owners`](Capabilities::archive_owners) is declared, else 0:0.
    /// [`unpack_into`](TarStream::unpack_into) unpacks the archive on the host.
    /// Read the stream to its end or drop it before another call on the same container, and copy neither out of one
    /// and into the same at once: Docker keeps the container locked until then, and such a call would wait until its
    /// deadline.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    /// - `ContainerNotFoundError`: there is none of that id or name.
    /// - `FileSystemError`: there is nothing at the path (`NotFound`), or a file is above it (`NotADirectory`).
    /// - In the stream, `NetworkError`: the connection broke, and the archive is incomplete.
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo; dropping the stream closes the connection.
    ///
    /// # Conformance
    /// `files/archive-round-trip`, `files/archive-large`, `files/archive-owners`, `files/archive-pattern-names`,
    /// `files/no-such-file`, `errors/not-found/copy-from-container`
    async fn copy_from_container(&self, id: &ContainerId, path: &ContainerPath) -> Result<TarStream> {
        let _ = (id, path);
        unsupported(Operation::CopyFromContainer)
    }

    /// Reads a file of a container into memory.
    ///
    /// Requires [`file_read`](Capabilities::file_read).
    ///
    /// # Behaviour
    /// Works while the container is created, running or ended, and in images without tools. Symbolic links are
    /// followed inside the container.
    /// What is in memory (a `tmpfs`, `/tmp` of a read-only container) is there only while the container runs, and some
    /// engines need a shell and `cat` of its image to read it.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    /// - `ContainerNotFoundError`: there is none of that id or name.
    /// - `FileSystemError`: there is nothing at the path (`NotFound`), it is a directory (`IsADirectory`) or a device
    ///   (`InvalidInput`), a file is above it (`NotADirectory`), or it is larger than the
    ///   [limit](ReadFileOptions::limit) (`FileTooLarge`).
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `files/round-trip`, `files/limit`, `files/no-such-file`, `files/folder-is-no-file`, `files/error-kinds`,
    /// `files/pattern-names`, `files/links-stay-inside`,
    /// `errors/not-found/read-file`, `capability/file-read`
    async fn read_file(
        &self,
        id: &ContainerId,
        path: &ContainerPath,
        options: ReadFileOptions,
    ) -> Result<Bytes> {
        let _ = (id, path, options);
        unsupported(Operation::ReadFile)
    }

    /// Streams a file of a container, of any size, with bounded memory.
    ///
    /// Requires [`file_read`](Capabilities::file_read).
    ///
    /// # Behaviour
    /// As [`read_file`](Self::read_file), without a limit.
    ///
    /// # Errors
    /// - As [`read_file`](Self::read_file), but for the limit.
    /// - In the stream, `NetworkError`: the connection broke, and the file is incomplete.
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo; dropping the stream closes the connection.
    ///
    /// # Conformance
    /// `files/large-round-trip`, `files/no-such-file`, `errors/not-found/read-file-stream`
    async fn read_file_stream(&self, id: &ContainerId, path: &ContainerPath) -> Result<ByteStream> {
        let _ = (id, path);
        unsupported(Operation::ReadFileStream)
    }

    /// Writes a file of a container, with its owner and permissions; one that is there already is replaced.
    ///
    /// Requires [`file_write`](Capabilities::file_write).
    ///
    /// # Behaviour
    /// Works while the container is created, running or ended, and in images without tools. Returns when the file can
    /// be read. Memory stays bounded however large a streamed content is. What is in memory (a `tmpfs`, `/tmp` of a
    /// read-only container) is written only while the container runs; some engines need a shell of its image for it,
    /// and its owner must have the right to write there. A symbolic link at the path is followed inside the container,
    /// also to where nothing is yet, and stays.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared, or the engine does not reach the file (memory of a container that does not
    ///   run, or without a shell).
    /// - `ContainerNotFoundError`: there is none of that id or name.
    /// - `FileSystemError`: the directory does not exist and [`create_parents`](WriteFile::create_parents) was not set
    ///   (`NotFound`), the path is a directory (`IsADirectory`), the file system is read-only (`ReadOnlyFilesystem`), the
    ///   owner may not write to memory there (`PermissionDenied`), the space is used up (`StorageFull`), or the content
    ///   has another length than it says (`InvalidData`).
    /// - The content stream's own.
    ///
    /// # Idempotency
    /// Idempotent in effect: writing the same again gives the same file.
    ///
    /// # Cancel safety
    /// A dropped call leaves the old file, the new one or a part of the new one.
    ///
    /// # Conformance
    /// `files/round-trip`, `files/large-round-trip`, `files/mode-and-owner`, `files/parents`, `files/replaced`,
    /// `files/wrong-length`, `files/read-only-root`, `files/written-through-links`, `files/seen-inside`, `files/in-memory-folder`, `cancellation/write-file`,
    /// `errors/not-found/write-file`, `capability/file-write`
    async fn write_file(&self, id: &ContainerId, path: &ContainerPath, file: WriteFile) -> Result<()> {
        let _ = (id, path, file);
        unsupported(Operation::WriteFile)
    }

    /// Fetches an image from its registry and tells how it gets on.
    ///
    /// Requires [`image_pull_stream`](Capabilities::image_pull_stream).
    ///
    /// # Behaviour
    /// The last item of a pull that works is [`PullProgress::Done`](crate::PullProgress::Done); by then the image can be
    /// used. [`PullStream::finish`] waits for it. An image that is there already is looked up anew and told as done.
    /// Pulled images belong to the engine, not to a namespace. [Credentials](PullOptions::credentials) are used for this
    /// pull alone and stored nowhere; without them the driver asks as it is set up to: the Docker driver with what
    /// `docker login` has kept.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared, or there is no way to choose the platform.
    /// - `ImagePullError`, here or in the stream: there is no such image, no access to it, or it is corrupt (not
    ///   retryable); or the registry could not be reached.
    /// - `AuthenticationError`, here or in the stream: the registry does not take the credentials.
    ///
    /// # Idempotency
    /// Idempotent: pulling again gives what the registry then has under the name.
    ///
    /// # Cancel safety
    /// Dropping the stream ends the pull where the engine lets it; an image that arrives all the same stays.
    ///
    /// # Conformance
    /// `images/pull`, `images/pull-missing`, `images/pull-credentials`, `images/pull-secret-stays-secret`, `cancellation/pull`,
    /// `capability/image-pull-stream`
    async fn pull_image(&self, image: &ImageRef, options: PullOptions) -> Result<PullStream> {
        let _ = (image, options);
        unsupported(Operation::PullImage)
    }

    /// Lists the engine's images that have a name, by their first name, then id.
    ///
    /// Requires [`image_list`](Capabilities::image_list).
    ///
    /// # Behaviour
    /// Images belong to the engine, so those of every namespace are listed.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `images/list`, `images/list-filter`, `capability/image-list`
    async fn list_images(&self, filter: &ImageFilter) -> Result<Vec<ImageInfo>> {
        let _ = filter;
        unsupported(Operation::ListImages)
    }

    /// Looks an image up on the engine. No registry is asked.
    ///
    /// Requires [`image_inspect`](Capabilities::image_inspect).
    ///
    /// # Behaviour
    /// `None` when the engine has no image of that name; never an error for that.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `images/get`, `images/get-missing`, `capability/image-inspect`
    async fn get_image(&self, image: &ImageRef) -> Result<Option<ImageInfo>> {
        let _ = image;
        unsupported(Operation::GetImage)
    }

    /// Loads images from a tar archive as `docker save` writes it, and returns their names.
    ///
    /// Requires [`image_load`](Capabilities::image_load).
    ///
    /// # Behaviour
    /// An image that already has one of the names loses it. Loaded images belong to the engine like pulled ones, so
    /// [`remove_image`](Self::remove_image) does not remove them. Memory stays bounded however large the archive is.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    /// - `ImagePullError`: the engine did not take the archive.
    /// - The archive stream's own.
    ///
    /// # Idempotency
    /// Idempotent in effect: loading the same archive again gives the same images.
    ///
    /// # Cancel safety
    /// A dropped load may leave some of the images.
    ///
    /// # Conformance
    /// `images/load`, `images/load-broken`, `capability/image-load`
    async fn load_image(&self, archive: TarStream) -> Result<Vec<ImageRef>> {
        let _ = archive;
        unsupported(Operation::LoadImage)
    }

    /// Measures what a running container uses.
    ///
    /// Requires [`container_stats`](Capabilities::container_stats).
    ///
    /// # Behaviour
    /// Takes about a second, for the share of CPU needs two measurements.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    /// - `ContainerNotFoundError`: there is none of that id or name.
    /// - `ContainerNotRunningError`: it does not run.
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `stats/memory`, `stats/cpu`, `stats/pids`, `stats/limits`, `stats/not-running`, `errors/not-found/container-stats`,
    /// `capability/container-stats`
    async fn container_stats(&self, id: &ContainerId) -> Result<ContainerStats> {
        let _ = id;
        unsupported(Operation::ContainerStats)
    }

    /// Measures what a running container uses, about once a second.
    ///
    /// Requires [`container_stats_stream`](Capabilities::container_stats_stream).
    ///
    /// # Behaviour
    /// Times ascend. The stream ends when the container ends or is removed. Measurements that nobody reads in time are
    /// left out.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    /// - `ContainerNotFoundError`: there is none of that id or name.
    /// - `ContainerNotRunningError`: it does not run.
    /// - In the stream, `NetworkError`: the connection broke.
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo; dropping the stream closes the connection.
    ///
    /// # Conformance
    /// `stats/stream-*`, `cancellation/streams`, `errors/not-found/stream-container-stats`, `capability/container-stats-stream`
    async fn stream_container_stats(&self, id: &ContainerId) -> Result<StatsStream> {
        let _ = id;
        unsupported(Operation::StreamContainerStats)
    }

    /// Streams what happens to the containers of this driver's namespace, whoever does it.
    ///
    /// Requires [`events`](Capabilities::events).
    ///
    /// # Behaviour
    /// From when it returns on, each event is given once, in the order of the engine, until the stream is dropped. A
    /// connection that breaks is made again without anybody noticing. [`since`](EventFilter::since) and
    /// [`after`](EventFilter::after) also give what happened before, as far back as the engine keeps it; where it may have
    /// lost something, now or then, a [`Gap`](crate::EventKind::Gap) stands in its place and never nothing.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    /// - `ConfigurationError`: the cursor is none of this driver's, or both `since` and `after` are given.
    /// - In the stream, `NetworkError`: the engine stays out of reach.
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo; dropping the stream closes the connection.
    ///
    /// # Conformance
    /// `events/life`, `events/exit-code`, `events/filter`, `events/since`, `events/after-without-gap-or-twin`, `events/only-own`,
    /// `events/health`, `events/oom`, `events/pause`, `events/exec`, `events/who`, `events/bad-cursor`, `capability/events`
    async fn events(&self, filter: &EventFilter) -> Result<EventStream> {
        let _ = filter;
        unsupported(Operation::Events)
    }

    /// Looks a volume up.
    ///
    /// Requires [`volume_inspect`](Capabilities::volume_inspect).
    ///
    /// # Behaviour
    /// `None` when there is none of that name in this driver's namespace; never an error for that.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `volumes/get`, `errors/not-found/get-volume`, `capability/volume-inspect`
    async fn get_volume(&self, id: &VolumeId) -> Result<Option<Volume>> {
        let _ = id;
        unsupported(Operation::GetVolume)
    }

    /// Looks a network up.
    ///
    /// Requires [`network_inspect`](Capabilities::network_inspect).
    ///
    /// # Behaviour
    /// `None` when there is none of that id or name in this driver's namespace; never an error for that.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `networks/get`, `errors/not-found/get-network`, `capability/network-inspect`
    async fn get_network(&self, id: &NetworkId) -> Result<Option<Network>> {
        let _ = id;
        unsupported(Operation::GetNetwork)
    }

    /// Attaches a container to one more network.
    ///
    /// Requires [`network_connect`](Capabilities::network_connect).
    ///
    /// # Behaviour
    /// Works while the container is created, running or ended. When it returns, a running container is found there by
    /// its name and the aliases.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    /// - `NetworkNotFoundError`, `ContainerNotFoundError`: there is none of that id or name.
    /// - `NetworkConnectError`: the container was made with no network. Nothing has changed.
    ///
    /// # Idempotency
    /// Idempotent: one that is attached already stays as it is, its aliases included.
    ///
    /// # Cancel safety
    /// A dropped call completes on the engine or has no effect.
    ///
    /// # Conformance
    /// `networks/connect`, `networks/connect-reaches`, `networks/connect-twice`, `networks/connect-alias`, `networks/connect-networkless`,
    /// `errors/not-found/connect-network`, `capability/network-connect`
    async fn connect_network(
        &self,
        network: &NetworkId,
        container: &ContainerId,
        options: NetworkConnectOptions,
    ) -> Result<()> {
        let _ = (network, container, options);
        unsupported(Operation::ConnectNetwork)
    }

    /// Detaches a container from a network.
    ///
    /// Requires [`network_connect`](Capabilities::network_connect).
    ///
    /// # Behaviour
    /// Works while the container is created, running or ended. When it returns, the container is not reached there.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    /// - `NetworkNotFoundError`, `ContainerNotFoundError`: there is none of that id or name.
    ///
    /// # Idempotency
    /// Idempotent: one that is not attached stays as it is.
    ///
    /// # Cancel safety
    /// A dropped call completes on the engine or has no effect.
    ///
    /// # Conformance
    /// `networks/disconnect`, `networks/disconnect-twice`, `errors/not-found/disconnect-network`
    async fn disconnect_network(&self, network: &NetworkId, container: &ContainerId) -> Result<()> {
        let _ = (network, container);
        unsupported(Operation::DisconnectNetwork)
    }

    /// Removes the networks that the driver itself created, for containers that name none, and that no container uses.
    ///
    /// Requires [`network_cleanup`](Capabilities::network_cleanup).
    ///
    /// # Behaviour
    /// The driver removes such a network with its last container. It stays behind when that container is removed by
    /// another program, or when the process is killed in between. This call removes those of the whole namespace and
    /// returns how many. A network that any container is attached to stays, whatever its status and whoever created it.
    /// A container that is being created meanwhile gets its network all the same.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    /// - `NetworkRemoveError`: one could not be removed; the others are.
    ///
    /// # Idempotency
    /// Idempotent: the next call finds nothing to remove. Concurrent calls do not disturb each other.
    ///
    /// # Cancel safety
    /// A dropped call removes all of them, some or none.
    ///
    /// # Conformance
    /// `cleanup/idle-networks`, `cleanup/idle-networks-at-once`, `capability/network-cleanup`
    async fn remove_idle_networks(&self) -> Result<usize> {
        unsupported(Operation::RemoveIdleNetworks)
    }

    /// Says what [`create_container`](Self::create_container) would do with a config, and does none of it.
    ///
    /// Requires [`plan`](Capabilities::plan).
    ///
    /// # Behaviour
    /// It has no side effects: nothing is made and no image is fetched. What a creation would refuse or warn of is in
    /// the [plan](CreationPlan), each by its path; an invalid config is a plan with refusals and no error.
    ///
    /// # Errors
    /// - `UnsupportedError`: not declared.
    ///
    /// # Idempotency
    /// A read.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// # Conformance
    /// `plan/accepted`, `plan/refusals`, `plan/no-side-effects`, `plan/matches-creation`, `plan/strictness`, `plan/beyond-the-driver`, `capability/plan`
    async fn plan(&self, config: &ContainerConfig) -> Result<CreationPlan> {
        let _ = config;
        unsupported(Operation::Plan)
    }
}

fn unsupported<T>(operation: Operation) -> Result<T> {
    let missing = operation.capability().map_or("", Capability::as_str);
    let text = format!("this driver does not declare `{missing}`");
    Err(UnsupportedError::new(operation.as_str(), text).into())
}
