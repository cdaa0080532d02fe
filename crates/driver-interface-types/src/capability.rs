//! What a driver on its engine can do beyond the operations that every driver has.

use std::fmt;
use std::str::FromStr;

use driver_interface_errors::ConfigurationError;
use serde::{Deserialize, Serialize};

macro_rules! capabilities {
    ($($(#[$docs:meta])+ $field:ident => $variant:ident,)+) => {
        /// What a driver on its engine can do. What is declared works; what is not declared answers
        /// `UnsupportedError`, at once and without side effects.
        ///
        /// Fields are named after the thing first and what is done with it second. Print it to see what a
        /// driver declares:
        ///
        /// ```
        /// use driver_interface_types::{Capabilities, Capability};
        ///
        /// let mut capabilities = Capabilities::none();
        /// capabilities.volume_list = true;
        /// assert!(capabilities.supports(Capability::VolumeList));
        /// assert_eq!(capabilities.to_string(), "volume_list");
        /// ```
        #[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
        #[non_exhaustive]
        pub struct Capabilities {
            $($(#[$docs])+ pub $field: bool,)+
            /// The most CPU one container may ask for, in cores; none means no limit of the driver's own.
            pub max_cpu: Option<f64>,
            /// The least memory one container may ask for, in MiB.
            pub min_memory: u64,
        }

        /// One field of [`Capabilities`], for requirements and messages.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Capability {
            $($(#[$docs])+ $variant,)+
        }

        impl Capability {
            /// Every capability.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The field's name.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($field),)+
                }
            }
        }

        impl Capabilities {
            /// Whether a capability is declared.
            pub fn supports(&self, capability: Capability) -> bool {
                match capability {
                    $(Capability::$variant => self.$field,)+
                }
            }

            /// Declares a capability or takes it back.
            pub fn set(&mut self, capability: Capability, declared: bool) {
                match capability {
                    $(Capability::$variant => self.$field = declared,)+
                }
            }
        }
    };
}

capabilities! {
    /// Missing images are pulled from their registry when a container is created.
    image_pull => ImagePull,
    /// [`import_image`](crate::ContainerDriver::import_image) makes an image from a root file system.
    image_import => ImageImport,
    /// [`remove_image`](crate::ContainerDriver::remove_image) removes an image that was imported.
    image_remove => ImageRemove,
    /// [`list_volumes`](crate::ContainerDriver::list_volumes) works.
    volume_list => VolumeList,
    /// [`list_networks`](crate::ContainerDriver::list_networks) works.
    network_list => NetworkList,
    /// Bind mounts of host paths are accepted, within the driver's policy.
    bind_mount => BindMount,
    /// The CPU limit is enforced.
    cpu_limit => CpuLimit,
    /// The memory limit is enforced, swap included.
    memory_limit => MemoryLimit,
    /// The limit of processes is enforced.
    pids_limit => PidsLimit,
    /// The disk limit is enforced.
    disk_limit => DiskLimit,
    /// A read-only root file system is read-only.
    read_only_root => ReadOnlyRoot,
    /// No-new-privileges holds.
    no_new_privileges => NoNewPrivileges,
    /// Dropped Linux capabilities are gone.
    capability_drop => CapabilityDrop,
    /// A system call filter is on.
    seccomp => Seccomp,
    /// The main process runs as the user asked for.
    user => User,
    /// A container reaches no container that is on none of its networks.
    network_isolation => NetworkIsolation,
    /// The driver's default network keeps containers of different sessions apart.
    session_isolation => SessionIsolation,
    /// Containers run real processes on a real kernel, so limits and security can be measured from inside.
    real_processes => RealProcesses,
}

impl Capabilities {
    /// A driver that has only the operations every driver has.
    pub fn none() -> Self {
        Self::default()
    }

    /// What is declared.
    pub fn declared(&self) -> impl Iterator<Item = Capability> + '_ {
        Capability::ALL
            .iter()
            .copied()
            .filter(|capability| self.supports(*capability))
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.declared().map(Capability::as_str).collect();
        f.write_str(if names.is_empty() { "none" } else { "" })?;
        f.write_str(&names.join(", "))
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Capability {
    type Err = ConfigurationError;

    fn from_str(text: &str) -> Result<Self, ConfigurationError> {
        let found = Self::ALL.iter().find(|capability| capability.as_str() == text);
        found.copied().ok_or_else(|| {
            ConfigurationError::single(
                "capability",
                "unknown",
                format!("there is no capability {text:?}"),
            )
        })
    }
}
