//! The optional features of a driver and its engine.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text_enum::text_form;

macro_rules! capabilities {
    ($($(#[$docs:meta])+ $field:ident => $variant:ident,)+) => {
        /// What a driver on its engine supports. A declared capability works. An operation whose capability is not
        /// declared returns `UnsupportedError` immediately and without side effects.
        ///
        /// Field names put the subject first and the action second. The `Display` output lists what a driver
        /// declares:
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
            /// The maximum CPU of a container, in cores; `None` means that the driver itself sets no limit.
            pub max_cpu: Option<f64>,
            /// The minimum memory of a container, in MiB.
            pub min_memory: u64,
        }

        /// One capability, that is, one boolean field of [`Capabilities`], for requirements and messages.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Capability {
            $($(#[$docs])+ $variant,)+
        }

        impl Capability {
            /// All capabilities.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the name of the field.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($field),)+
                }
            }
        }

        impl Capabilities {
            /// Returns whether a capability is declared.
            pub fn supports(&self, capability: Capability) -> bool {
                match capability {
                    $(Capability::$variant => self.$field,)+
                }
            }

            /// Declares or withdraws a capability.
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
    /// [`import_image`](crate::ContainerDriver::import_image) creates an image from a root file system.
    image_import => ImageImport,
    /// [`remove_image`](crate::ContainerDriver::remove_image) removes an imported image.
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
    /// The archives of [`copy_from_container`](crate::ContainerDriver::copy_from_container) contain the real
    /// owners. If not declared, every entry is owned by 0:0.
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
    /// A network can be [internal](crate::NetworkConfig::internal): without access to the outside.
    network_internal => NetworkInternal,
    /// A volume gets the [`owner`](crate::VolumeConfig::owner) of its config, or else the default user.
    volume_owner => VolumeOwner,
    /// A config's entrypoint, working directory, host name, terminal, stop signal, init process and ulimits are
    /// applied.
    process_setup => ProcessSetup,
    /// A config's tmpfs mounts and `/dev/shm` size are applied.
    tmpfs_mount => TmpfsMount,
    /// A config's ports are published on the host.
    port_publish => PortPublish,
    /// A config's network aliases, DNS servers and extra hosts are applied.
    name_resolution => NameResolution,
    /// A config's health check is run, and its result is reported in the instance.
    health_check_run => HealthCheckRun,
    /// A config's platform is applied.
    platform_select => PlatformSelect,
    /// A config's runtime is applied.
    runtime_select => RuntimeSelect,
    /// A config's custom seccomp profile is loaded.
    seccomp_profile => SeccompProfile,
    /// A config's AppArmor profile is applied.
    apparmor_profile => ApparmorProfile,
    /// A config's devices are available in the container.
    device_access => DeviceAccess,
    /// A config's GPUs are available in the container.
    gpu_access => GpuAccess,
    /// Bind mounts of host paths are accepted, within the driver's policy.
    bind_mount => BindMount,
    /// The CPU limit is enforced.
    cpu_limit => CpuLimit,
    /// The memory limit is enforced, swap included.
    memory_limit => MemoryLimit,
    /// The process limit is enforced.
    pids_limit => PidsLimit,
    /// The disk limit is enforced.
    disk_limit => DiskLimit,
    /// A read-only root file system is read-only.
    read_only_root => ReadOnlyRoot,
    /// `no-new-privileges` is enforced.
    no_new_privileges => NoNewPrivileges,
    /// Dropped Linux capabilities are unavailable.
    capability_drop => CapabilityDrop,
    /// A seccomp filter is active.
    seccomp => Seccomp,
    /// The main process runs as the configured user.
    user => User,
    /// A container cannot reach containers that share no network with it.
    network_isolation => NetworkIsolation,
    /// The driver's default network isolates containers of different sessions from each other.
    session_isolation => SessionIsolation,
    /// Containers run real processes on a real kernel, so limits and security can be measured from inside.
    real_processes => RealProcesses,
}

impl Capabilities {
    /// Returns the capabilities of a driver that supports only the mandatory operations.
    pub fn none() -> Self {
        Self::default()
    }

    /// Returns the declared capabilities.
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

text_form!(Capability, "capability");
