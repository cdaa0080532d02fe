//! The contract.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use driver_interface_errors::{Result, UnsupportedError};

use crate::{
    Capabilities, ContainerConfig, ContainerFilter, ContainerId, ContainerInstance, DriverHealth, ImageRef,
    LogOptions, Network, NetworkConfig, NetworkId, RemoveOptions, ResourceFilter, StartOutcome, StopOptions,
    StopOutcome, Volume, VolumeConfig, VolumeId,
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
    /// `creation/*`, `config/*`, `keys/*`, `concurrency/create-same-name`, `cancellation/create-*`, `limits/*`, `security/*`
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
    /// Idempotent: a running container stays as it is and the outcome is `AlreadyRunning`.
    ///
    /// # Cancel safety
    /// A dropped start completes on the engine or has no effect.
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
    /// `health/container-runs`, `errors/not-found/is-container-healthy`
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
        unsupported("list_volumes", "volume_list")
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
        unsupported("list_networks", "network_list")
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
        unsupported("import_image", "image_import")
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
        unsupported("remove_image", "image_remove")
    }
}

fn unsupported<T>(operation: &str, capability: &str) -> Result<T> {
    Err(UnsupportedError::new(operation, format!("this driver does not declare `{capability}`")).into())
}
