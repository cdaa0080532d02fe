//! The operations of [`ContainerDriver`](crate::ContainerDriver), in one table. All code that needs every operation
//! is generated from this table.

use driver_interface_errors::UnsupportedError;

use crate::Capability;
use crate::text_enum::{text_enum, text_form};

/// Invokes the macro `$then` with the table of operations. Use `with_operations!` in layers and drivers that handle
/// all operations alike.
///
/// Each row consists of these parts, in this order: doc comments, the [`Operation`], the method of
/// [`ContainerDriver`](crate::ContainerDriver), the method's borrowed arguments, the method's owned arguments, the
/// method's return type, the operation's [kind](OperationKind), the operation's [repeat safety](Repeat), and
/// `Required` or `Optional`. Every driver must support the `Required` operations. All type paths are absolute.
///
/// ```
/// macro_rules! count {
///     ($($(#[$docs:meta])* $Operation:ident $method:ident[$($lent:ident: $Lent:ty),*][$($given:ident: $Given:ty),*]
///         -> $answer:ty, $kind:ident, $repeat:ident, $required:ident;)*) => {
///         const NAMES: &[&str] = &[$(stringify!($method)),*];
///     };
/// }
/// driver_interface_types::with_operations!(count);
/// assert_eq!(NAMES[0], "create_container");
/// ```
#[macro_export]
macro_rules! with_operations {
    ($then:ident) => {
        $then! {
            /// Creates a container without starting it.
            CreateContainer create_container[config: $crate::ContainerConfig][] -> $crate::ContainerInstance, Create, WithKey, Required;
            /// Starts a container.
            StartContainer start_container[id: $crate::ContainerId][] -> $crate::StartOutcome, Change, AfterInspection, Required;
            /// Stops a container.
            StopContainer stop_container[id: $crate::ContainerId][options: $crate::StopOptions] -> $crate::StopOutcome, Change, Safe, Required;
            /// Removes a container.
            RemoveContainer remove_container[id: $crate::ContainerId][options: $crate::RemoveOptions] -> (), Change, AfterInspection, Required;
            /// Returns a container, or `None` if there is no such container.
            GetContainer get_container[id: $crate::ContainerId][] -> Option<$crate::ContainerInstance>, Read, Safe, Required;
            /// Lists containers.
            ListContainers list_containers[filter: $crate::ContainerFilter][] -> Vec<$crate::ContainerInstance>, Read, Safe, Required;
            /// Returns a container's logs as text.
            GetContainerLogs get_container_logs[id: $crate::ContainerId][options: $crate::LogOptions] -> String, Read, Safe, Required;
            /// Checks the health of the engine.
            HealthCheck health_check[][] -> $crate::DriverHealth, Read, Safe, Required;
            /// Checks whether a container is healthy.
            IsContainerHealthy is_container_healthy[id: $crate::ContainerId][] -> bool, Read, Safe, Required;
            /// Creates a volume.
            CreateVolume create_volume[config: $crate::VolumeConfig][] -> $crate::Volume, Create, AfterInspection, Required;
            /// Removes a volume.
            RemoveVolume remove_volume[id: $crate::VolumeId][] -> (), Change, AfterInspection, Required;
            /// Creates a network.
            CreateNetwork create_network[config: $crate::NetworkConfig][] -> $crate::Network, Create, AfterInspection, Optional;
            /// Removes a network.
            RemoveNetwork remove_network[id: $crate::NetworkId][] -> (), Change, AfterInspection, Optional;
            /// Lists volumes.
            ListVolumes list_volumes[filter: $crate::ResourceFilter][] -> Vec<$crate::Volume>, Read, Safe, Optional;
            /// Lists networks.
            ListNetworks list_networks[filter: $crate::ResourceFilter][] -> Vec<$crate::Network>, Read, Safe, Optional;
            /// Imports an image from an archive of its root file system.
            ImportImage import_image[image: $crate::ImageRef][root: $crate::TarStream] -> (), Create, Safe, Optional;
            /// Removes an image.
            RemoveImage remove_image[image: $crate::ImageRef][] -> (), Change, AfterInspection, Optional;
            /// Waits until a container has exited.
            WaitContainer wait_container[id: $crate::ContainerId][options: $crate::WaitOptions] -> $crate::ExitInfo, Read, Safe, Optional;
            /// Sends a signal to a container's main process.
            KillContainer kill_container[id: $crate::ContainerId][signal: $crate::Signal] -> (), Change, Never, Optional;
            /// Pauses a container.
            PauseContainer pause_container[id: $crate::ContainerId][] -> $crate::PauseOutcome, Change, Safe, Optional;
            /// Resumes a paused container.
            UnpauseContainer unpause_container[id: $crate::ContainerId][] -> $crate::UnpauseOutcome, Change, Safe, Optional;
            /// Restarts a container.
            RestartContainer restart_container[id: $crate::ContainerId][options: $crate::StopOptions] -> $crate::RestartOutcome, Change, AfterInspection, Optional;
            /// Runs a command in a container and returns the command's output.
            Exec exec[id: $crate::ContainerId][config: $crate::ExecConfig] -> $crate::ExecOutput, Change, Never, Optional;
            /// Runs a command in a container and connects the caller to the command's input and output.
            ExecStream exec_stream[id: $crate::ContainerId][config: $crate::ExecConfig] -> $crate::ExecSession, Stream, Never, Optional;
            /// Starts a command in a container without waiting for it to exit.
            ExecDetached exec_detached[id: $crate::ContainerId][config: $crate::ExecConfig] -> $crate::ExecId, Change, Never, Optional;
            /// Returns the status of a command that `exec_detached` started.
            ExecStatus exec_status[id: $crate::ContainerId, exec: $crate::ExecId][] -> Option<$crate::ExecStatus>, Read, Safe, Optional;
            /// Connects the caller to the input and output of a container's main process.
            AttachContainer attach_container[id: $crate::ContainerId][] -> $crate::AttachSession, Stream, Safe, Optional;
            /// Streams a container's logs.
            StreamContainerLogs stream_container_logs[id: $crate::ContainerId][options: $crate::LogStreamOptions] -> $crate::LogStream, Stream, Safe, Optional;
            /// Unpacks an archive into a container.
            CopyIntoContainer copy_into_container[id: $crate::ContainerId, directory: $crate::ContainerPath][archive: $crate::TarStream] -> (), Change, Safe, Optional;
            /// Packs files of a container into an archive.
            CopyFromContainer copy_from_container[id: $crate::ContainerId, path: $crate::ContainerPath][] -> $crate::TarStream, Stream, Safe, Optional;
            /// Returns the content of a file in a container.
            ReadFile read_file[id: $crate::ContainerId, path: $crate::ContainerPath][options: $crate::ReadFileOptions] -> $crate::Bytes, Read, Safe, Optional;
            /// Streams the content of a file in a container.
            ReadFileStream read_file_stream[id: $crate::ContainerId, path: $crate::ContainerPath][] -> $crate::ByteStream, Stream, Safe, Optional;
            /// Writes a file in a container.
            WriteFile write_file[id: $crate::ContainerId, path: $crate::ContainerPath][file: $crate::WriteFile] -> (), Change, Safe, Optional;
            /// Pulls an image and streams the progress.
            PullImage pull_image[image: $crate::ImageRef][options: $crate::PullOptions] -> $crate::PullStream, Stream, Safe, Optional;
            /// Lists images.
            ListImages list_images[filter: $crate::ImageFilter][] -> Vec<$crate::ImageInfo>, Read, Safe, Optional;
            /// Returns an image, or `None` if there is no such image.
            GetImage get_image[image: $crate::ImageRef][] -> Option<$crate::ImageInfo>, Read, Safe, Optional;
            /// Loads images from an archive.
            LoadImage load_image[][archive: $crate::TarStream] -> Vec<$crate::ImageRef>, Create, Safe, Optional;
            /// Returns a container's resource usage.
            ContainerStats container_stats[id: $crate::ContainerId][] -> $crate::ContainerStats, Read, Safe, Optional;
            /// Streams a container's resource usage.
            StreamContainerStats stream_container_stats[id: $crate::ContainerId][] -> $crate::StatsStream, Stream, Safe, Optional;
            /// Streams the events of containers.
            Events events[filter: $crate::EventFilter][] -> $crate::EventStream, Stream, Safe, Optional;
            /// Returns a volume, or `None` if there is no such volume.
            GetVolume get_volume[id: $crate::VolumeId][] -> Option<$crate::Volume>, Read, Safe, Optional;
            /// Returns a network, or `None` if there is no such network.
            GetNetwork get_network[id: $crate::NetworkId][] -> Option<$crate::Network>, Read, Safe, Optional;
            /// Connects a container to a network.
            ConnectNetwork connect_network[network: $crate::NetworkId, container: $crate::ContainerId][options: $crate::NetworkConnectOptions] -> (), Change, Safe, Optional;
            /// Disconnects a container from a network.
            DisconnectNetwork disconnect_network[network: $crate::NetworkId, container: $crate::ContainerId][] -> (), Change, Safe, Optional;
            /// Removes the networks that the driver created for its own use and that no container uses.
            RemoveIdleNetworks remove_idle_networks[][] -> usize, Change, Safe, Optional;
            /// Predicts the result of creating a container, without side effects.
            Plan plan[config: $crate::ContainerConfig][] -> $crate::CreationPlan, Read, Safe, Optional;
            /// Builds an image from a Dockerfile and streams the output.
            BuildImage build_image[image: $crate::ImageRef][context: $crate::TarStream, options: $crate::BuildOptions] -> $crate::BuildStream, Stream, Safe, Optional;
            /// Gives an image an additional name.
            TagImage tag_image[image: $crate::ImageRef, new: $crate::ImageRef][] -> (), Change, Safe, Optional;
            /// Pushes an image and streams the progress.
            PushImage push_image[image: $crate::ImageRef][options: $crate::PushOptions] -> $crate::PushStream, Stream, Safe, Optional;
            /// Packs an image into an archive.
            SaveImage save_image[image: $crate::ImageRef][] -> $crate::TarStream, Stream, Safe, Optional;
            /// Creates an image from the files of a container.
            CommitContainer commit_container[id: $crate::ContainerId, image: $crate::ImageRef][options: $crate::CommitOptions] -> $crate::ImageInfo, Create, Safe, Optional;
            /// Packs the content of a volume into an archive.
            ExportVolume export_volume[id: $crate::VolumeId][] -> $crate::TarStream, Stream, Safe, Optional;
            /// Unpacks an archive into a volume.
            ImportVolume import_volume[id: $crate::VolumeId][archive: $crate::TarStream] -> (), Change, Safe, Optional;
        }
    };
}

macro_rules! operations {
    ($($(#[$docs:meta])* $Operation:ident $method:ident[$($lent:ident: $Lent:ty),*][$($given:ident: $Given:ty),*]
        -> $answer:ty, $kind:ident, $repeat:ident, $required:ident;)*) => {
        /// An operation of [`ContainerDriver`](crate::ContainerDriver).
        ///
        /// ```
        /// use driver_interface_types::{Operation, OperationKind, Repeat};
        ///
        /// let exec: Operation = "exec".parse()?;
        /// assert_eq!((exec.is_required(), exec.kind()), (false, OperationKind::Change));
        /// assert_eq!(exec.repeat(), Repeat::Never);
        /// assert_eq!(Operation::StopContainer.to_string(), "stop_container");
        /// # Ok::<(), driver_interface_types::ConfigurationError>(())
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Operation {
            $($(#[$docs])* $Operation,)*
        }

        impl Operation {
            /// All operations, in the order of the methods of [`ContainerDriver`](crate::ContainerDriver).
            pub const ALL: &'static [Self] = &[$(Self::$Operation),*];

            /// Returns the name of the operation's method, such as `create_container`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$Operation => stringify!($method),)* }
            }

            /// Returns whether every driver must support the operation. A driver supports an optional operation only
            /// if the operation is in the driver's [`Capabilities::operations`](crate::Capabilities::operations).
            pub fn is_required(self) -> bool {
                match self { $(Self::$Operation => operations!(@$required),)* }
            }

            /// Returns the kind of the operation.
            pub fn kind(self) -> OperationKind {
                match self { $(Self::$Operation => OperationKind::$kind,)* }
            }

            /// Returns whether a caller may repeat a call of the operation when it is unknown whether the first call
            /// had an effect.
            pub fn repeat(self) -> Repeat {
                match self { $(Self::$Operation => Repeat::$repeat,)* }
            }
        }
    };
    (@Required) => { true };
    (@Optional) => { false };
}

with_operations!(operations);

text_form!(Operation, "operation");

impl Operation {
    /// Returns the error that a driver returns for this operation if the driver does not declare the operation.
    pub fn undeclared(self) -> UnsupportedError {
        let text = format!("this driver does not declare `{}`", Capability::from(self));
        UnsupportedError::new(self.as_str(), text)
    }
}

/// The kind of an operation, by the operation's effect on the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OperationKind {
    /// The operation changes nothing on the engine.
    Read,
    /// The operation changes or removes an existing resource, or runs a command in a container.
    Change,
    /// The operation creates a resource.
    Create,
    /// The operation returns a stream or a session that outlives the call. Most operations of this kind change
    /// nothing. The exceptions are `exec_stream`, `pull_image` and `build_image`, which change something on the
    /// engine, and `push_image`, which changes something on a registry.
    Stream,
}

/// Whether an operation may be called again after a call whose [effect](driver_interface_errors::Effect) is unknown.
/// After an error whose effect is `NotApplied`, every operation may be called again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Repeat {
    /// The operation may be called again: two calls have the same effect as one call.
    Safe,
    /// The operation may be called again if the config has an [operation key](crate::ContainerConfig::operation_key).
    /// The second call then returns the resource that the first call created. Without a key, inspect the engine
    /// before the second call.
    WithKey,
    /// The operation may be called again only after an inspection of the engine has shown that the first call had no
    /// effect.
    AfterInspection,
    /// The operation must not be called again. A second call would have a second effect, and the engine does not show
    /// whether the first call had an effect.
    Never,
}

text_enum!(OperationKind, "operation kind": Read = "read", Change = "change", Create = "create", Stream = "stream");
text_enum!(Repeat, "repeat rule":
    Safe = "safe", WithKey = "withKey", AfterInspection = "afterInspection", Never = "never");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for operation in Operation::ALL {
            assert_eq!(operation.as_str().parse::<Operation>().unwrap(), *operation);
        }
        assert!("create".parse::<Operation>().is_err());
    }

    #[test]
    fn reads_are_safe_to_repeat() {
        for operation in Operation::ALL {
            if operation.kind() == OperationKind::Read {
                assert_eq!(operation.repeat(), Repeat::Safe, "{operation}");
            }
        }
    }

    #[test]
    fn eleven_operations_are_required() {
        let required = Operation::ALL.iter().filter(|operation| operation.is_required());
        assert_eq!(required.count(), 11);
    }
}
