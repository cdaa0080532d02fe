use std::fmt;

macro_rules! operations {
    ($($(#[$docs:meta])* $variant:ident = $name:literal;)+) => {
        /// An operation of [`ContainerDriver`](driver_interface_types::ContainerDriver).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Operation {
            $($(#[$docs])* $variant,)+
        }

        impl Operation {
            /// Every operation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The operation's name in the trait, such as `create_container`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

operations! {
    /// Makes a container.
    CreateContainer = "create_container";
    /// Runs it.
    StartContainer = "start_container";
    /// Ends it.
    StopContainer = "stop_container";
    /// Removes it.
    RemoveContainer = "remove_container";
    /// Looks it up.
    GetContainer = "get_container";
    /// Lists containers.
    ListContainers = "list_containers";
    /// Reads what one has written.
    GetContainerLogs = "get_container_logs";
    /// Asks how the engine is.
    HealthCheck = "health_check";
    /// Asks how a container is.
    IsContainerHealthy = "is_container_healthy";
    /// Makes a volume.
    CreateVolume = "create_volume";
    /// Removes it.
    RemoveVolume = "remove_volume";
    /// Makes a network.
    CreateNetwork = "create_network";
    /// Removes it.
    RemoveNetwork = "remove_network";
    /// Lists volumes.
    ListVolumes = "list_volumes";
    /// Lists networks.
    ListNetworks = "list_networks";
    /// Makes an image from files.
    ImportImage = "import_image";
    /// Removes it.
    RemoveImage = "remove_image";
    /// Waits for a container's end.
    WaitContainer = "wait_container";
    /// Sends it a signal.
    KillContainer = "kill_container";
    /// Freezes it.
    PauseContainer = "pause_container";
    /// Lets it go on.
    UnpauseContainer = "unpause_container";
    /// Ends it and runs it again.
    RestartContainer = "restart_container";
    /// Runs a command in it.
    Exec = "exec";
    /// Runs a command in it and talks to it.
    ExecStream = "exec_stream";
    /// Leaves a command in it to itself.
    ExecDetached = "exec_detached";
    /// Looks such a command up.
    ExecStatus = "exec_status";
    /// Streams what it writes.
    StreamContainerLogs = "stream_container_logs";
    /// Unpacks an archive in it.
    CopyIntoContainer = "copy_into_container";
    /// Packs a part of its files.
    CopyFromContainer = "copy_from_container";
    /// Reads one of its files.
    ReadFile = "read_file";
    /// Streams one of its files.
    ReadFileStream = "read_file_stream";
    /// Writes one of its files.
    WriteFile = "write_file";
    /// Fetches an image.
    PullImage = "pull_image";
    /// Lists images.
    ListImages = "list_images";
    /// Looks one up.
    GetImage = "get_image";
    /// Loads images from an archive.
    LoadImage = "load_image";
    /// Measures a container.
    ContainerStats = "container_stats";
    /// Measures it again and again.
    StreamContainerStats = "stream_container_stats";
    /// Streams what happens.
    Events = "events";
    /// Looks a volume up.
    GetVolume = "get_volume";
    /// Looks a network up.
    GetNetwork = "get_network";
    /// Attaches a container to a network.
    ConnectNetwork = "connect_network";
    /// Detaches it.
    DisconnectNetwork = "disconnect_network";
    /// Removes networks of the driver's own that are not used.
    RemoveIdleNetworks = "remove_idle_networks";
    /// Says what a creation would do.
    Plan = "plan";
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
