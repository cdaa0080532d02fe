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
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
