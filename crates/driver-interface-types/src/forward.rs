//! Drivers that pass calls on to another: shared ones, and layers. Every operation stands in one list, so that none falls
//! back to the contract's default.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use driver_interface_errors::Result;

use crate::{
    ByteStream, Capabilities, ContainerConfig, ContainerDriver, ContainerFilter, ContainerId,
    ContainerInstance, ContainerPath, ContainerStats, CreationPlan, DriverHealth, EventFilter, EventStream,
    ExecConfig, ExecId, ExecOutput, ExecSession, ExecStatus, ExitInfo, ImageFilter, ImageInfo, ImageRef,
    LogOptions, LogStream, LogStreamOptions, Network, NetworkConfig, NetworkConnectOptions, NetworkId,
    PauseOutcome, PullOptions, PullStream, ReadFileOptions, RemoveOptions, ResourceFilter, Signal,
    StartOutcome, StatsStream, StopOptions, StopOutcome, TarStream, UnpauseOutcome, Volume, VolumeConfig,
    VolumeId, WaitOptions, WriteFile,
};

/// Hands the operations to a macro.
macro_rules! with_operations {
    ($then:ident) => {
        $then! {
            create_container(config: &ContainerConfig) -> ContainerInstance;
            start_container(id: &ContainerId) -> StartOutcome;
            stop_container(id: &ContainerId, options: StopOptions) -> StopOutcome;
            remove_container(id: &ContainerId, options: RemoveOptions) -> ();
            get_container(id: &ContainerId) -> Option<ContainerInstance>;
            list_containers(filter: &ContainerFilter) -> Vec<ContainerInstance>;
            get_container_logs(id: &ContainerId, options: LogOptions) -> String;
            health_check() -> DriverHealth;
            is_container_healthy(id: &ContainerId) -> bool;
            create_volume(config: &VolumeConfig) -> Volume;
            remove_volume(id: &VolumeId) -> ();
            create_network(config: &NetworkConfig) -> Network;
            remove_network(id: &NetworkId) -> ();
            list_volumes(filter: &ResourceFilter) -> Vec<Volume>;
            list_networks(filter: &ResourceFilter) -> Vec<Network>;
            import_image(image: &ImageRef, root: Bytes) -> ();
            remove_image(image: &ImageRef) -> ();
            wait_container(id: &ContainerId, options: WaitOptions) -> ExitInfo;
            kill_container(id: &ContainerId, signal: Signal) -> ();
            pause_container(id: &ContainerId) -> PauseOutcome;
            unpause_container(id: &ContainerId) -> UnpauseOutcome;
            restart_container(id: &ContainerId, options: StopOptions) -> ();
            exec(id: &ContainerId, config: ExecConfig) -> ExecOutput;
            exec_stream(id: &ContainerId, config: ExecConfig) -> ExecSession;
            exec_detached(id: &ContainerId, config: ExecConfig) -> ExecId;
            exec_status(id: &ContainerId, exec: &ExecId) -> Option<ExecStatus>;
            stream_container_logs(id: &ContainerId, options: LogStreamOptions) -> LogStream;
            copy_into_container(id: &ContainerId, folder: &ContainerPath, archive: TarStream) -> ();
            copy_from_container(id: &ContainerId, path: &ContainerPath) -> TarStream;
            read_file(id: &ContainerId, path: &ContainerPath, options: ReadFileOptions) -> Bytes;
            read_file_stream(id: &ContainerId, path: &ContainerPath) -> ByteStream;
            write_file(id: &ContainerId, path: &ContainerPath, file: WriteFile) -> ();
            pull_image(image: &ImageRef, options: PullOptions) -> PullStream;
            list_images(filter: &ImageFilter) -> Vec<ImageInfo>;
            get_image(image: &ImageRef) -> Option<ImageInfo>;
            load_image(archive: TarStream) -> Vec<ImageRef>;
            container_stats(id: &ContainerId) -> ContainerStats;
            stream_container_stats(id: &ContainerId) -> StatsStream;
            events(filter: &EventFilter) -> EventStream;
            get_volume(id: &VolumeId) -> Option<Volume>;
            get_network(id: &NetworkId) -> Option<Network>;
            connect_network(network: &NetworkId, container: &ContainerId, options: NetworkConnectOptions) -> ();
            disconnect_network(network: &NetworkId, container: &ContainerId) -> ();
            remove_idle_networks() -> usize;
            plan(config: &ContainerConfig) -> CreationPlan;
        }
    };
}

macro_rules! shared {
    ($($operation:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<D: ContainerDriver + ?Sized> ContainerDriver for Arc<D> {
            fn name(&self) -> &str {
                (**self).name()
            }

            fn version(&self) -> &str {
                (**self).version()
            }

            fn capabilities(&self) -> Capabilities {
                (**self).capabilities()
            }

            $(async fn $operation(&self, $($argument: $type),*) -> Result<$answer> {
                (**self).$operation($($argument),*).await
            })*
        }
    };
}

with_operations!(shared);

macro_rules! layers {
    ($($operation:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        /// A driver that passes calls on to another and changes some on the way: it logs, counts, retries, breaks.
        ///
        /// Implement [`inner`](Self::inner) and the operations that it changes, each as in [`ContainerDriver`]; all others
        /// reach the driver inside as they are. Whatever implements this is a `ContainerDriver`.
        ///
        /// ```
        /// use std::sync::Arc;
        /// use std::sync::atomic::{AtomicUsize, Ordering};
        ///
        /// use driver_interface_mock::MockDockerDriver;
        /// use driver_interface_types::{
        ///     ContainerConfig, ContainerDriver, ContainerId, LayeredDriver, Result, StartOutcome, async_trait,
        /// };
        ///
        /// /// Counts the containers that are started through it.
        /// #[derive(Debug)]
        /// struct Starts {
        ///     inner: Arc<dyn ContainerDriver>,
        ///     count: AtomicUsize,
        /// }
        ///
        /// #[async_trait]
        /// impl LayeredDriver for Starts {
        ///     fn inner(&self) -> &dyn ContainerDriver {
        ///         &self.inner
        ///     }
        ///
        ///     async fn start_container(&self, id: &ContainerId) -> Result<StartOutcome> {
        ///         let outcome = self.inner().start_container(id).await?;
        ///         self.count.fetch_add(1, Ordering::Relaxed);
        ///         Ok(outcome)
        ///     }
        /// }
        ///
        /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
        /// # async fn main() -> Result<()> {
        /// let starts = Arc::new(Starts { inner: Arc::new(MockDockerDriver::new()), count: AtomicUsize::new(0) });
        /// let driver: Arc<dyn ContainerDriver> = starts.clone();
        /// let made = driver.create_container(&ContainerConfig::new("demo", "busybox")).await?;
        /// driver.start_container(&made.id).await?;
        /// assert_eq!(starts.count.load(Ordering::Relaxed), 1);
        /// # Ok(())
        /// # }
        /// ```
        ///
        /// # Cancel safety
        /// As the driver inside, as long as what is added needs no undoing.
        #[async_trait]
        pub trait LayeredDriver: Send + Sync + Debug + 'static {
            /// The driver that calls are passed on to.
            fn inner(&self) -> &dyn ContainerDriver;

            /// See [`ContainerDriver::name`].
            fn name(&self) -> &str {
                self.inner().name()
            }

            /// See [`ContainerDriver::version`].
            fn version(&self) -> &str {
                self.inner().version()
            }

            /// See [`ContainerDriver::capabilities`].
            fn capabilities(&self) -> Capabilities {
                self.inner().capabilities()
            }

            $(
                #[doc = concat!("See [`ContainerDriver::", stringify!($operation), "`].")]
                async fn $operation(&self, $($argument: $type),*) -> Result<$answer> {
                    self.inner().$operation($($argument),*).await
                }
            )*
        }

        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<L: LayeredDriver> ContainerDriver for L {
            fn name(&self) -> &str {
                LayeredDriver::name(self)
            }

            fn version(&self) -> &str {
                LayeredDriver::version(self)
            }

            fn capabilities(&self) -> Capabilities {
                LayeredDriver::capabilities(self)
            }

            $(async fn $operation(&self, $($argument: $type),*) -> Result<$answer> {
                LayeredDriver::$operation(self, $($argument),*).await
            })*
        }
    };
}

with_operations!(layers);
