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
    /// [`wait_container`](crate::ContainerDriver::wait_container) works.
    container_wait => ContainerWait,
    /// [`kill_container`](crate::ContainerDriver::kill_container) works.
    container_kill => ContainerKill,
    /// [`pause_container`](crate::ContainerDriver::pause_container) and
    /// [`unpause_container`](crate::ContainerDriver::unpause_container) work.
    container_pause => ContainerPause,
    /// [`restart_container`](crate::ContainerDriver::restart_container) works.
    container_restart => ContainerRestart,
    /// [`exec`](crate::ContainerDriver::exec) works.
    exec => Exec,
    /// [`exec_stream`](crate::ContainerDriver::exec_stream) works.
    exec_stream => ExecStream,
    /// [`exec_detached`](crate::ContainerDriver::exec_detached) and
    /// [`exec_status`](crate::ContainerDriver::exec_status) work.
    exec_detached => ExecDetached,
    /// [`stream_container_logs`](crate::ContainerDriver::stream_container_logs) works.
    log_stream => LogStream,
    /// [`copy_into_container`](crate::ContainerDriver::copy_into_container) and
    /// [`copy_from_container`](crate::ContainerDriver::copy_from_container) work.
    file_archive => FileArchive,
    /// The archives of [`copy_from_container`](crate::ContainerDriver::copy_from_container) have the true owners. Where
    /// this is not declared, everything in them belongs to 0:0.
    archive_owners => ArchiveOwners,
    /// [`read_file`](crate::ContainerDriver::read_file) and
    /// [`read_file_stream`](crate::ContainerDriver::read_file_stream) work.
    file_read => FileRead,
    /// [`write_file`](crate::ContainerDriver::write_file) works.
    file_write => FileWrite,
    /// [`pull_image`](crate::ContainerDriver::pull_image) works.
    image_pull_stream => ImagePullStream,
    /// [`list_images`](crate::ContainerDriver::list_images) works.
    image_list => ImageList,
    /// [`get_image`](crate::ContainerDriver::get_image) works.
    image_inspect => ImageInspect,
    /// [`load_image`](crate::ContainerDriver::load_image) works.
    image_load => ImageLoad,
    /// [`container_stats`](crate::ContainerDriver::container_stats) works.
    container_stats => ContainerStats,
    /// [`stream_container_stats`](crate::ContainerDriver::stream_container_stats) works.
    container_stats_stream => ContainerStatsStream,
    /// [`events`](crate::ContainerDriver::events) works.
    events => Events,
    /// [`get_volume`](crate::ContainerDriver::get_volume) works.
    volume_inspect => VolumeInspect,
    /// [`get_network`](crate::ContainerDriver::get_network) works.
    network_inspect => NetworkInspect,
    /// [`connect_network`](crate::ContainerDriver::connect_network) and
    /// [`disconnect_network`](crate::ContainerDriver::disconnect_network) work.
    network_connect => NetworkConnect,
    /// [`remove_idle_networks`](crate::ContainerDriver::remove_idle_networks) works.
    network_cleanup => NetworkCleanup,
    /// [`plan`](crate::ContainerDriver::plan) works.
    plan => Plan,
    /// A network can be [internal](crate::NetworkConfig::internal): with no way out.
    network_internal => NetworkInternal,
    /// A config's entrypoint, working directory, host name, terminal, stop signal, init process and ulimits.
    process_setup => ProcessSetup,
    /// A config's folders in memory and the size of `/dev/shm`.
    tmpfs_mount => TmpfsMount,
    /// A config's ports are reached from the host.
    port_publish => PortPublish,
    /// A config's network aliases, name servers and extra hosts.
    name_resolution => NameResolution,
    /// A config's health check is run, and its result is in the instance.
    health_check_run => HealthCheckRun,
    /// A config's platform is chosen.
    platform_select => PlatformSelect,
    /// A config's runtime is chosen.
    runtime_select => RuntimeSelect,
    /// A config's own seccomp profile is loaded.
    seccomp_profile => SeccompProfile,
    /// A config's AppArmor profile is applied.
    apparmor_profile => ApparmorProfile,
    /// A config's devices are there.
    device_access => DeviceAccess,
    /// A config's graphics processors are there.
    gpu_access => GpuAccess,
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
