//! What a container is made from.

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

/// Says what container to make. Made with [`ContainerConfig::new`] and its setters, or parsed from JSON.
///
/// The defaults are safe and run any stock image: half a core, 512 MiB, no capabilities, a non-root user, a
/// read-only root file system with a writable `/tmp`, and a network of the session's own.
///
/// Texts are kept as given and checked as a whole by the driver (or `driver-interface-validation`) before
/// anything reaches an engine, so that all mistakes are reported at once.
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
    /// The session it belongs to; see [`SessionId`](crate::SessionId) for what it may be.
    pub session_id: String,
    /// The image; see [`ImageRef`](crate::ImageRef) for what it may be.
    pub image: String,
    /// The container's name, unique on the engine: 2 to 255 letters, digits, `_`, `.` and `-`. Without one
    /// a unique name is made up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The program and its arguments, passed on word by word and never through a shell. When empty, the
    /// image's own command runs. It replaces the image's command, not its entrypoint.
    #[serde(default)]
    pub command: Vec<String>,
    /// Environment variables, on top of the image's.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Labels of yours. Keys under [`label::RESERVED_PREFIX`](crate::label::RESERVED_PREFIX) are refused.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What it may use at most.
    #[serde(default)]
    pub resources: ResourceLimits,
    /// What is mounted into it.
    #[serde(default)]
    pub volumes: Vec<VolumeMount>,
    /// How it is connected.
    #[serde(default)]
    pub network: NetworkMode,
    /// What its processes may do.
    #[serde(default)]
    pub security: SecurityOptions,
    /// When the image is fetched from its registry.
    #[serde(default)]
    pub pull_policy: PullPolicy,
    /// What happens to a limit or security option this engine cannot enforce.
    #[serde(default)]
    pub strictness: Strictness,
    /// Makes this creation recognisable to a retry: creating again with the same key and the same config
    /// returns the same container, and with another config it is refused. Without one a key is made up, so
    /// each call makes a container of its own. See [`OperationKey`](crate::OperationKey) for what it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_key: Option<String>,
    /// The program that runs before the command and gets it as arguments, with arguments of its own. It replaces
    /// the image's entrypoint, and the image's own command with it; an empty list leaves the command alone, which
    /// then has to be given: without one the config is refused, as nothing would be left to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// The absolute path of the folder the main process runs in; the image's own without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// The name the container knows itself by; the engine's choice without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Whether the main process has a terminal. Its output and error then are one stream.
    #[serde(default, skip_serializing_if = "is_false")]
    pub tty: bool,
    /// The signal that asks the main process to end; the image's own, most often `SIGTERM`, without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<Signal>,
    /// Whether an init process is PID 1, which passes signals on and reaps what is left behind. Without it there
    /// is one where the engine has one; `true` refuses the creation where it has none, and `false` takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    /// Tmpfs mounts: directories in memory. One at `/tmp` takes the place of the driver's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tmpfs: Vec<TmpfsMount>,
    /// The size of `/dev/shm` in MiB; the engine's own, most often 64, without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<u64>,
    /// Limits of the kernel on each process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ulimits: Vec<Ulimit>,
    /// Ports that are reached from the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortMapping>,
    /// More names by which the other containers on its network find it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network_aliases: Vec<String>,
    /// Name servers in place of the engine's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<IpAddr>,
    /// Host names that it resolves to these addresses, whatever name servers say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra_hosts: BTreeMap<String, IpAddr>,
    /// What tells whether it is well; the image's own check without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    /// Which variant of the image it runs, as in `linux/arm64`; the engine's own without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The engine's runtime that runs it, such as `runsc` or `crun`; the engine's default without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// Devices of the host that it may use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceMapping>,
    /// Graphics processors that it may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<GpuRequest>,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl ContainerConfig {
    /// A container of `image` in `session`, with the safe defaults.
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

    /// A short text that is equal for equal configs, whatever their operation key, and (but for chance)
    /// different for different ones. It gives nothing of the config away that its reader could not guess.
    pub fn fingerprint(&self) -> String {
        let mut config = self.clone();
        config.operation_key = None;
        // Serialising plain data into memory cannot fail; an empty text would only make configs look alike.
        let text = serde_json::to_string(&config).unwrap_or_default();
        let digest = Sha256::digest(text.as_bytes());
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for ContainerConfig {
    /// Shows neither the values of environment variables nor the arguments of the command and the entrypoint: they
    /// are where secrets are.
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
