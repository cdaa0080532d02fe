//! The capabilities of a driver, which depend on the driver's engine.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use driver_interface_errors::{ConfigurationError, UnsupportedError};
use serde::{Deserialize, Serialize};

use crate::text_enum::{text_enum, unknown};
use crate::{EnforcementReport, Guarantee, Operation};

/// The capabilities that a driver declares for its engine, in groups. Every declared capability works. A call of an
/// undeclared operation returns `UnsupportedError`. A creation returns `UnsupportedError` if the config uses an
/// undeclared feature. In both cases, the call returns immediately and has no side effects.
///
/// When capabilities are read from JSON, unknown names are ignored. An older program can therefore read JSON that a
/// newer program has written.
///
/// ```
/// use driver_interface_types::{Capabilities, Operation};
///
/// let mut capabilities = Capabilities::minimal();
/// assert!(!capabilities.supports(Operation::Exec));
/// let before = capabilities.clone();
/// capabilities.operations.insert(Operation::Exec);
/// assert!(capabilities.supports(Operation::Exec));
/// assert_eq!(before.differences(&capabilities), ["operations.exec: no -> yes"]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default = "Capabilities::minimal")]
#[non_exhaustive]
pub struct Capabilities {
    /// The operations that the driver supports.
    #[serde(with = "names")]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeSet<String>"))]
    pub operations: BTreeSet<Operation>,
    /// The optional config features that the driver can apply.
    #[serde(with = "names")]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeSet<String>"))]
    pub config: BTreeSet<ConfigFeature>,
    /// For each limit and security option, whether the engine enforces it.
    pub guarantees: EnforcementReport,
    /// The range of resource limits that the driver accepts.
    pub bounds: Bounds,
    /// The engine-dependent properties that the driver's containers have.
    #[serde(with = "names")]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeSet<String>"))]
    pub properties: BTreeSet<Property>,
}

/// The range of resource limits that the driver accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Bounds {
    /// The maximum CPU limit that a config may set, in cores. `None` if the driver sets no maximum.
    pub max_cpu: Option<f64>,
    /// The minimum memory limit that a config may set, in MiB.
    pub min_memory: u64,
    /// The maximum memory limit that a config may set, in MiB. `None` if the driver sets no maximum.
    pub max_memory: Option<u64>,
}

/// A feature of a config that not every driver can apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ConfigFeature {
    /// Pulling the image from its registry when a container is created.
    ImagePull,
    /// Settings of the main process: entrypoint, working directory, host name, terminal, stop signal, init process,
    /// ulimits and groups.
    ProcessSetup,
    /// The tmpfs mounts and the size of `/dev/shm`.
    TmpfsMount,
    /// Bind mounts of those host paths that the driver's policy allows.
    BindMount,
    /// Publishing a container's ports on the host.
    PortPublish,
    /// Network aliases, DNS servers, DNS search domains, DNS resolver options and extra hosts.
    NameResolution,
    /// An [internal](crate::NetworkConfig::internal) network, whose containers can reach each other and nothing else.
    InternalNetwork,
    /// Setting the owner of a volume's root directory.
    VolumeOwner,
    /// A health check. Its results are in [`ContainerInstance::health`](crate::ContainerInstance::health).
    HealthCheck,
    /// Choosing the platform of the image variant to run.
    Platform,
    /// Choosing the engine runtime that runs the container.
    Runtime,
    /// A custom seccomp profile.
    SeccompProfile,
    /// A custom AppArmor profile.
    ApparmorProfile,
    /// Host devices that the container may use.
    Devices,
    /// GPUs, or devices of the Container Device Interface, that the container may use.
    Gpus,
    /// An open standard input of the main process, to which sessions of
    /// [`attach_container`](crate::ContainerDriver::attach_container) can write.
    Stdin,
    /// An extra host name that resolves to the address of the engine's host.
    HostGateway,
    /// Leaving out environment variables that the image sets.
    UnsetEnv,
    /// Connecting a container to several networks when the container is created.
    FurtherNetworks,
    /// Choosing the address ranges of a network, enabling IPv6 on a network, and choosing a container's addresses on
    /// a network.
    NetworkAddresses,
    /// Kernel parameters (sysctls) of the container's Linux namespaces.
    Sysctls,
    /// Annotations for the engine's runtime.
    Annotations,
    /// Restarts by the engine after the main process has exited.
    RestartPolicy,
    /// The log driver of a container, and its options.
    LogDriver,
    /// A container's CPU weight, swap limit and memory reservation.
    ResourceTuning,
    /// The CPUs that a container may use.
    CpuSet,
    /// Mounting a directory of a volume instead of the whole volume.
    VolumeSubpath,
    /// The propagation and the SELinux label of a bind mount.
    MountOptions,
    /// Copying the image's files at the mount target to an empty volume.
    VolumeCopy,
    /// The options of the engine's volume driver.
    VolumeOptions,
    /// A separate interval between health checks during the start period.
    HealthStartInterval,
}

text_enum!(ConfigFeature, "config feature":
    ImagePull = "image_pull", ProcessSetup = "process_setup", TmpfsMount = "tmpfs_mount",
    BindMount = "bind_mount", PortPublish = "port_publish", NameResolution = "name_resolution",
    InternalNetwork = "internal_network", VolumeOwner = "volume_owner", HealthCheck = "health_check", Platform = "platform",
    Runtime = "runtime", SeccompProfile = "seccomp_profile", ApparmorProfile = "apparmor_profile",
    Devices = "devices", Gpus = "gpus", Stdin = "stdin", HostGateway = "host_gateway", UnsetEnv = "unset_env",
    FurtherNetworks = "further_networks", NetworkAddresses = "network_addresses", Sysctls = "sysctls",
    Annotations = "annotations", RestartPolicy = "restart_policy", LogDriver = "log_driver",
    ResourceTuning = "resource_tuning", CpuSet = "cpu_set", VolumeSubpath = "volume_subpath", MountOptions = "mount_options", VolumeCopy = "volume_copy",
    VolumeOptions = "volume_options", HealthStartInterval = "health_start_interval");

/// A property of containers that differs between engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Property {
    /// A started container runs its program. Without this property, a started container only waits until it is
    /// stopped.
    RunsPrograms,
    /// Creation and start are separate: a new container has the status `created` until it is started.
    CreatedState,
    /// A container that has exited can be started again and keeps its id.
    RestartSameId,
    /// The files of a container can be read and written while the container is not running.
    FilesWhileStopped,
    /// When a container is started again, the logs of its earlier runs are kept.
    LogsAcrossRuns,
    /// The archives of [`copy_from_container`](crate::ContainerDriver::copy_from_container) contain the real owners
    /// of the files. Without this property, every entry is owned by 0:0.
    ArchiveOwners,
    /// Containers run real processes on a real kernel, so limits and security options can be measured from inside a
    /// container.
    RealProcesses,
}

text_enum!(Property, "property":
    RunsPrograms = "runs_programs",
    CreatedState = "created_state", RestartSameId = "restart_same_id",
    FilesWhileStopped = "files_while_stopped", LogsAcrossRuns = "logs_across_runs",
    ArchiveOwners = "archive_owners", RealProcesses = "real_processes");

/// A single capability, that is, one entry of [`Capabilities`]. The text form of a capability includes its group:
/// `operations.exec`.
///
/// ```
/// use driver_interface_types::{Capability, ConfigFeature};
///
/// let needed: Capability = "config.port_publish".parse()?;
/// assert_eq!(needed, ConfigFeature::PortPublish.into());
/// # Ok::<(), driver_interface_types::ConfigurationError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Capability {
    /// An operation that the driver supports.
    Operation(Operation),
    /// An optional config feature that the driver can apply.
    Config(ConfigFeature),
    /// A limit or security option that the engine enforces.
    Guarantee(Guarantee),
    /// A property that the driver's containers have.
    Property(Property),
}

macro_rules! groups {
    ($($Group:ident($Value:ident) = $name:literal,)+) => {
        $(impl From<$Value> for Capability {
            fn from(value: $Value) -> Self {
                Self::$Group(value)
            }
        })+

        impl Capability {
            /// Returns every capability that exists, group by group.
            pub fn all() -> impl Iterator<Item = Self> {
                let all = std::iter::empty();
                $(let all = all.chain($Value::ALL.iter().copied().map(Self::$Group));)+
                all
            }

            /// Returns the name of the capability's group and the capability's name in that group, such as
            /// `operations` and `exec`.
            pub fn parts(self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$Group(value) => ($name, value.as_str()),)+
                }
            }
        }
    };
}

groups! {
    Operation(Operation) = "operations",
    Config(ConfigFeature) = "config",
    Guarantee(Guarantee) = "guarantees",
    Property(Property) = "properties",
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (group, name) = self.parts();
        f.pad(&format!("{group}.{name}"))
    }
}

impl FromStr for Capability {
    type Err = ConfigurationError;

    fn from_str(text: &str) -> Result<Self, ConfigurationError> {
        let found = Self::all().find(|one| text.split_once('.') == Some(one.parts()));
        found.ok_or_else(|| unknown("capability", text, Self::all().map(|one| one.parts().1)))
    }
}

impl TryFrom<String> for Capability {
    type Error = ConfigurationError;

    fn try_from(text: String) -> Result<Self, ConfigurationError> {
        text.parse()
    }
}

impl From<Capability> for String {
    fn from(capability: Capability) -> Self {
        capability.to_string()
    }
}

impl Capabilities {
    /// Returns the capabilities of a driver that supports only the required operations and guarantees nothing.
    pub fn minimal() -> Self {
        let required = Operation::ALL
            .iter()
            .copied()
            .filter(|operation| operation.is_required());
        Self {
            operations: required.collect(),
            config: BTreeSet::new(),
            guarantees: EnforcementReport::unsupported("the driver does not declare it"),
            bounds: Bounds::default(),
            properties: BTreeSet::new(),
        }
    }

    /// Returns whether `capability` is declared. A guarantee counts as declared only if the engine fully enforces it.
    pub fn supports(&self, capability: impl Into<Capability>) -> bool {
        match capability.into() {
            Capability::Operation(operation) => self.operations.contains(&operation),
            Capability::Config(feature) => self.config.contains(&feature),
            Capability::Guarantee(guarantee) => self.guarantees.get(guarantee).holds(),
            Capability::Property(property) => self.properties.contains(&property),
        }
    }

    /// Returns an error if `capability` is not declared. Drivers call this method before an operation has any effect.
    /// `subject` is the part of the call that needs the capability, such as the path of a config's field.
    ///
    /// # Errors
    /// [`UnsupportedError`], which names the operation, the subject and the capability.
    pub fn require(
        &self,
        operation: Operation,
        subject: &str,
        capability: impl Into<Capability>,
    ) -> Result<(), UnsupportedError> {
        let capability = capability.into();
        if self.supports(capability) {
            return Ok(());
        }
        let text = format!("{subject} needs `{capability}`, which this driver does not declare");
        Err(UnsupportedError::new(operation.as_str(), text))
    }

    /// Returns the declared capabilities, group by group.
    pub fn declared(&self) -> impl Iterator<Item = Capability> + '_ {
        Capability::all().filter(|capability| self.supports(*capability))
    }

    /// Returns a line for each entry that differs between `self` and `other`, such as `operations.exec: no -> yes`.
    /// The first value is that of `self`.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let (ours, theirs) = (self.lines(), other.lines());
        let differing = ours
            .into_iter()
            .zip(theirs)
            .filter(|(ours, theirs)| ours != theirs);
        differing
            .map(|((name, ours), (_, theirs))| format!("{name}: {ours} -> {theirs}"))
            .collect()
    }

    /// Returns the name and value of every entry as text, in the same order for all drivers.
    fn lines(&self) -> Vec<(String, String)> {
        let bound = |value: Option<String>| value.unwrap_or_else(|| "unlimited".to_owned());
        let bounds = [
            ("max_cpu", bound(self.bounds.max_cpu.map(|cpu| cpu.to_string()))),
            ("min_memory", self.bounds.min_memory.to_string()),
            (
                "max_memory",
                bound(self.bounds.max_memory.map(|memory| memory.to_string())),
            ),
        ];
        let entries = Capability::all().map(|capability| {
            let value = match capability {
                Capability::Guarantee(guarantee) => self.guarantees.get(guarantee).to_string(),
                other => if self.supports(other) { "yes" } else { "no" }.to_owned(),
            };
            (capability.to_string(), value)
        });
        let bounds = bounds.map(|(name, value)| (format!("bounds.{name}"), value));
        entries.chain(bounds).collect()
    }
}

impl Default for Capabilities {
    fn default() -> Self {
        Self::minimal()
    }
}

impl fmt::Display for Capabilities {
    /// Lists every entry with its value, one entry per line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.lines().iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{name}: {value}")?;
        }
        Ok(())
    }
}

/// The serialised form of a set: a list of names. Deserialisation ignores unknown names.
mod names {
    use std::collections::BTreeSet;
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<T: Display, S: Serializer>(set: &BTreeSet<T>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(set.iter().map(T::to_string))
    }

    pub(super) fn deserialize<'de, T, D>(from: D) -> Result<BTreeSet<T>, D::Error>
    where
        T: FromStr + Ord,
        D: Deserializer<'de>,
    {
        let names = Vec::<String>::deserialize(from)?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }
}
