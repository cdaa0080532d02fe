use std::fmt;

macro_rules! operations {
    ($($(#[$docs:meta])* $variant:ident = $name:literal, $cost:ident;)+) => {
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

            pub(crate) fn cost(self) -> Cost {
                match self { $(Self::$variant => Cost::$cost,)+ }
            }
        }
    };
}

/// How long an operation takes, compared with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    /// It only looks: a tenth of what a change takes.
    Read,
    Change,
}

operations! {
    /// Makes a container.
    CreateContainer = "create_container", Change;
    /// Runs it.
    StartContainer = "start_container", Change;
    /// Ends it.
    StopContainer = "stop_container", Change;
    /// Removes it.
    RemoveContainer = "remove_container", Change;
    /// Looks it up.
    GetContainer = "get_container", Read;
    /// Lists containers.
    ListContainers = "list_containers", Read;
    /// Reads what one has written.
    GetContainerLogs = "get_container_logs", Read;
    /// Asks how the engine is.
    HealthCheck = "health_check", Read;
    /// Asks how a container is.
    IsContainerHealthy = "is_container_healthy", Read;
    /// Makes a volume.
    CreateVolume = "create_volume", Change;
    /// Removes it.
    RemoveVolume = "remove_volume", Change;
    /// Makes a network.
    CreateNetwork = "create_network", Change;
    /// Removes it.
    RemoveNetwork = "remove_network", Change;
    /// Lists volumes.
    ListVolumes = "list_volumes", Read;
    /// Lists networks.
    ListNetworks = "list_networks", Read;
    /// Makes an image from files.
    ImportImage = "import_image", Change;
    /// Removes it.
    RemoveImage = "remove_image", Change;
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
