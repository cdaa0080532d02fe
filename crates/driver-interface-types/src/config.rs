//! The configuration of a container.

mod needs;
mod setters;

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

#[cfg(feature = "schema")]
use crate::rules::{
    self, json,
    limits::{MAX_DEVICES, MAX_DNS, MAX_MOUNTS, MAX_PORTS},
    many, one, within,
};
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
/// before anything reaches an engine, so that all violations are reported in one error. `Debug` omits the values of
/// environment variables and the arguments of commands, because they may contain secrets.
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
#[derive(Clone, derive_more::Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(
    feature = "schema",
    garde(context(rules::RuleContext)),
    garde(custom(many(rules::together)))
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct ContainerConfig {
    /// The session that the container belongs to; see [`SessionId`](crate::SessionId) for the valid values.
    #[cfg_attr(feature = "schema", garde(custom(one(rules::session_id))), schemars(transform = json::label_value))]
    pub session_id: String,
    /// The image; see [`ImageRef`](crate::ImageRef) for the valid values.
    #[cfg_attr(
        feature = "schema",
        garde(custom(one(rules::image))),
        schemars(length(min = 1))
    )]
    pub image: String,
    /// The container's name, unique on the engine: 2 to 255 letters, digits, `_`, `.` and `-`. If unset, a unique
    /// name is generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::object_name)))), schemars(transform = json::name))]
    pub name: Option<String>,
    /// The program and its arguments, passed word by word and never through a shell. If empty, the image's own
    /// command runs. It replaces the image's command, not its entrypoint.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::command))), schemars(transform = json::command))]
    #[debug("{:?}", Words(command))]
    pub command: Vec<String>,
    /// Environment variables, in addition to the image's.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::env))), schemars(transform = json::env))]
    #[debug("{:?}", env.keys())]
    pub env: BTreeMap<String, String>,
    /// User-defined labels. Keys under [`label::RESERVED_PREFIX`](crate::label::RESERVED_PREFIX) are refused.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::labels))), schemars(transform = json::map))]
    pub labels: BTreeMap<String, String>,
    /// The resource limits.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(dive))]
    pub resources: ResourceLimits,
    /// The mounts.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(dive, custom(many(rules::unique_mounts))), schemars(length(max = MAX_MOUNTS)))]
    pub volumes: Vec<VolumeMount>,
    /// The network mode.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(custom(one(rules::network_mode))))]
    pub network: NetworkMode,
    /// The security options.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(dive))]
    pub security: SecurityOptions,
    /// When the image is pulled from its registry.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub pull_policy: PullPolicy,
    /// How a limit or security option that this engine cannot enforce is treated.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub strictness: Strictness,
    /// Identifies this creation across retries: a second creation with the same key and the same config returns
    /// the same container; with a different config it is refused. If unset, a key is generated, so each call
    /// creates a new container. See [`OperationKey`](crate::OperationKey) for the valid values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::operation_key)))), schemars(transform = json::label_value))]
    pub operation_key: Option<String>,
    /// The program that runs before the command and receives it as arguments, with arguments of its own. It
    /// replaces the image's entrypoint and the image's own command. An empty list runs the command without an
    /// entrypoint; the command must then be set, otherwise the config is refused because there is nothing to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::entrypoint))))]
    #[debug("{:?}", entrypoint.as_deref().map(Words))]
    pub entrypoint: Option<Vec<String>>,
    /// The absolute path of the main process's working directory; if unset, the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::container_path)))))]
    pub working_dir: Option<String>,
    /// The container's host name; if unset, the engine chooses one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::hostname)))))]
    pub hostname: Option<String>,
    /// Whether the main process has a terminal. Its standard output and error are then one stream.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub tty: bool,
    /// The signal that asks the main process to exit; if unset, the image's own, usually `SIGTERM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub stop_signal: Option<Signal>,
    /// Whether an init process runs as PID 1, which forwards signals and reaps orphaned processes. If unset, an
    /// init process is used if the engine has one. With `true` the creation is refused if the engine has none;
    /// with `false` none is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub init: Option<bool>,
    /// The tmpfs mounts. A mount at `/tmp` replaces the driver's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", garde(dive, custom(many(rules::unique_tmpfs))), schemars(length(max = MAX_MOUNTS)))]
    pub tmpfs: Vec<TmpfsMount>,
    /// The size of `/dev/shm` in MiB; if unset, the engine's default, usually 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(within(rules::TMPFS))))), schemars(transform = json::within(rules::TMPFS)))]
    pub shm_size: Option<u64>,
    /// The kernel's limits for each process (ulimits).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", garde(dive, custom(many(rules::ulimits))))]
    pub ulimits: Vec<Ulimit>,
    /// The ports published on the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", garde(dive, custom(many(rules::ports))), schemars(length(max = MAX_PORTS)))]
    pub ports: Vec<PortMapping>,
    /// Additional names by which other containers on the network can resolve the container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::names))), schemars(transform = json::network_names))]
    pub network_aliases: Vec<String>,
    /// The DNS servers; if empty, the engine's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::dns))), schemars(length(max = MAX_DNS)))]
    pub dns: Vec<IpAddr>,
    /// Host names that the container resolves to these addresses, regardless of DNS.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::extra_hosts))), schemars(transform = json::extra_hosts))]
    pub extra_hosts: BTreeMap<String, IpAddr>,
    /// The health check; if unset, the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(dive))]
    pub health_check: Option<HealthCheck>,
    /// The platform of the image variant to run, such as `linux/arm64`; if unset, the engine's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::platform)))))]
    pub platform: Option<String>,
    /// The engine runtime that runs the container, such as `runsc` or `crun`; if unset, the engine's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::driver_name)))))]
    pub runtime: Option<String>,
    /// The host devices that the container may use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", garde(dive, custom(many(rules::devices))), schemars(length(max = MAX_DEVICES)))]
    pub devices: Vec<DeviceMapping>,
    /// The GPUs that the container may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(dive))]
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
    /// crate that computed it differently cannot be compared and counts as equal: a caller that repeats a creation after an
    /// upgrade gets the container that the operation key names.
    pub fn has_fingerprint(&self, text: &str) -> bool {
        match text.split_once('-') {
            Some((FINGERPRINT_VERSION, _)) => text == self.fingerprint(),
            _ => true,
        }
    }
}
