//! The configuration of a container.

mod needs;
mod setters;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::words::Words;
use crate::{
    DeviceMapping, GpuRequest, HealthCheck, NetworkMode, PortMapping, PullPolicy, ResourceLimits,
    SecurityOptions, Signal, Strictness, TmpfsMount, Ulimit, VolumeMount,
};

/// The version of how a config's fingerprint is computed. It is raised when configs that are equal get another one,
/// such as after a change of a default.
const FINGERPRINT_VERSION: &str = "1";

/// The configuration of a container, built with [`ContainerConfig::new`] and its setters, or parsed from JSON.
///
/// The defaults are safe: half a core, 512 MiB of memory, no capabilities, a non-root user, a read-only root file system
/// with a writable `/tmp`, and a network of the session's own. An image whose entrypoint starts as root, changes owners
/// or writes outside `/tmp` needs some of the [`SecurityOptions`] set for it.
///
/// Strings are stored as given. The driver (or `driver-interface-validation`) validates the config as a whole
/// before anything reaches an engine, so that all violations are reported in one error.
///
/// ```
/// use driver_interface_types::{ContainerConfig, VolumeMount};
///
/// let config = ContainerConfig::new("build-42", "alpine:3.20")
///     .command(["sh", "-c", "echo hello"])
///     .env("LANG", "C.UTF-8")
///     .cpu(1.0)
///     .memory(256)
///     .mount(VolumeMount::volume("cache", "/cache"));
/// assert_eq!(config.resources.pids, 100);
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct ContainerConfig {
    /// The session that the container belongs to; see [`SessionId`](crate::SessionId) for the valid values.
    pub session_id: String,
    /// The image; see [`ImageRef`](crate::ImageRef) for the valid values.
    pub image: String,
    /// The container's name, unique on the engine: 2 to 255 letters, digits, `_`, `.` and `-`. If unset, a unique
    /// name is generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The program and its arguments, passed word by word and never through a shell. If empty, the image's own
    /// command runs. It replaces the image's command, not its entrypoint.
    #[serde(default)]
    pub command: Vec<String>,
    /// Environment variables, in addition to the image's.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// User-defined labels. Keys under [`label::RESERVED_PREFIX`](crate::label::RESERVED_PREFIX) are refused.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The resource limits.
    #[serde(default)]
    pub resources: ResourceLimits,
    /// The mounts.
    #[serde(default)]
    pub volumes: Vec<VolumeMount>,
    /// The network mode.
    #[serde(default)]
    pub network: NetworkMode,
    /// The security options.
    #[serde(default)]
    pub security: SecurityOptions,
    /// When the image is pulled from its registry.
    #[serde(default)]
    pub pull_policy: PullPolicy,
    /// How a limit or security option that this engine cannot enforce is treated.
    #[serde(default)]
    pub strictness: Strictness,
    /// Identifies this creation across retries: a second creation with the same key and the same config returns
    /// the same container; with a different config it is refused. If unset, a key is generated, so each call
    /// creates a new container. See [`OperationKey`](crate::OperationKey) for the valid values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_key: Option<String>,
    /// The program that runs before the command and receives it as arguments, with arguments of its own. It
    /// replaces the image's entrypoint and the image's own command. An empty list runs the command without an
    /// entrypoint; the command must then be set, otherwise the config is refused because there is nothing to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// The absolute path of the main process's working directory; if unset, the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// The container's host name; if unset, the engine chooses one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Whether the main process has a terminal. Its standard output and error are then one stream.
    #[serde(default, skip_serializing_if = "is_false")]
    pub tty: bool,
    /// The signal that asks the main process to exit; if unset, the image's own, usually `SIGTERM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<Signal>,
    /// Whether an init process runs as PID 1, which forwards signals and reaps orphaned processes. If unset, an
    /// init process is used if the engine has one. With `true` the creation is refused if the engine has none;
    /// with `false` none is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    /// The tmpfs mounts. A mount at `/tmp` replaces the driver's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tmpfs: Vec<TmpfsMount>,
    /// The size of `/dev/shm` in MiB; if unset, the engine's default, usually 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<u64>,
    /// The kernel's limits for each process (ulimits).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ulimits: Vec<Ulimit>,
    /// The ports published on the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortMapping>,
    /// Additional names by which other containers on the network can resolve the container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network_aliases: Vec<String>,
    /// The DNS servers; if empty, the engine's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<IpAddr>,
    /// Host names that the container resolves to these addresses, regardless of DNS.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra_hosts: BTreeMap<String, IpAddr>,
    /// The health check; if unset, the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    /// The platform of the image variant to run, such as `linux/arm64`; if unset, the engine's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The engine runtime that runs the container, such as `runsc` or `crun`; if unset, the engine's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// The host devices that the container may use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceMapping>,
    /// The GPUs that the container may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<GpuRequest>,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl ContainerConfig {
    /// Creates a config for a container of `image` in `session`, with the safe defaults.
    pub fn new(session: impl Into<String>, image: impl Into<String>) -> Self {
        Self {
            session_id: session.into(),
            image: image.into(),
            name: None,
            command: Vec::new(),
            env: BTreeMap::new(),
            labels: BTreeMap::new(),
            resources: ResourceLimits::default(),
            volumes: Vec::new(),
            network: NetworkMode::default(),
            security: SecurityOptions::default(),
            pull_policy: PullPolicy::default(),
            strictness: Strictness::default(),
            operation_key: None,
            entrypoint: None,
            working_dir: None,
            hostname: None,
            tty: false,
            stop_signal: None,
            init: None,
            tmpfs: Vec::new(),
            shm_size: None,
            ulimits: Vec::new(),
            ports: Vec::new(),
            network_aliases: Vec::new(),
            dns: Vec::new(),
            extra_hosts: BTreeMap::new(),
            health_check: None,
            platform: None,
            runtime: None,
            devices: Vec::new(),
            gpus: None,
        }
    }

    /// Returns a short hash that is equal for equal configs, regardless of their operation key, and (barring
    /// collisions) different for different configs. It reveals nothing about the config that its reader could not
    /// guess.
    pub fn fingerprint(&self) -> String {
        let mut config = self.clone();
        config.operation_key = None;
        // Serialising plain data into memory cannot fail; an empty text would at worst make different configs look
        // alike.
        let text = serde_json::to_string(&config).unwrap_or_default();
        let digest = Sha256::digest(text.as_bytes());
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("{FINGERPRINT_VERSION}-{hex}")
    }

    /// Returns whether a [`fingerprint`](Self::fingerprint) is that of an equal config. One from a version of this
    /// crate that computed it differently cannot be compared and counts as equal: whoever repeats a creation after an
    /// upgrade gets the container that the operation key names.
    pub fn has_fingerprint(&self, text: &str) -> bool {
        match text.split_once('-') {
            Some((FINGERPRINT_VERSION, _)) => text == self.fingerprint(),
            _ => true,
        }
    }
}

impl fmt::Debug for ContainerConfig {
    /// Omits the values of environment variables and the arguments of the command and the entrypoint, because they
    /// may contain secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerConfig")
            .field("session_id", &self.session_id)
            .field("image", &self.image)
            .field("name", &self.name)
            .field("command", &Words(&self.command))
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("labels", &self.labels)
            .field("resources", &self.resources)
            .field("volumes", &self.volumes)
            .field("network", &self.network)
            .field("security", &self.security)
            .field("pull_policy", &self.pull_policy)
            .field("strictness", &self.strictness)
            .field("operation_key", &self.operation_key)
            .field("entrypoint", &self.entrypoint.as_deref().map(Words))
            .field("working_dir", &self.working_dir)
            .field("hostname", &self.hostname)
            .field("tty", &self.tty)
            .field("stop_signal", &self.stop_signal)
            .field("init", &self.init)
            .field("tmpfs", &self.tmpfs)
            .field("shm_size", &self.shm_size)
            .field("ulimits", &self.ulimits)
            .field("ports", &self.ports)
            .field("network_aliases", &self.network_aliases)
            .field("dns", &self.dns)
            .field("extra_hosts", &self.extra_hosts)
            .field("health_check", &self.health_check)
            .field("platform", &self.platform)
            .field("runtime", &self.runtime)
            .field("devices", &self.devices)
            .field("gpus", &self.gpus)
            .finish()
    }
}
