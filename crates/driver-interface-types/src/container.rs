//! What a container is made from, and what it is once made.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    ContainerId, ContainerState, ContainerStatus, ExitInfo, ResourceLimits, SecurityOptions, SessionId,
    VolumeMount, millis,
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
    /// The session it belongs to; see [`SessionId`] for what it may be.
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
}

/// How a container is connected. A string on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String"))]
#[non_exhaustive]
pub enum NetworkMode {
    /// `default` (or an empty text): the driver's own network, with a way out, on which containers of
    /// different sessions cannot reach each other.
    #[default]
    Default,
    /// `none`: nothing but its own loopback.
    None,
    /// Anything else: a network made by [`create_network`](crate::ContainerDriver::create_network), by name.
    /// It must exist. The host's network and another container's are refused.
    Named(String),
}

impl From<String> for NetworkMode {
    fn from(text: String) -> Self {
        match text.as_str() {
            "" | "default" => Self::Default,
            "none" => Self::None,
            _ => Self::Named(text),
        }
    }
}

impl From<NetworkMode> for String {
    fn from(mode: NetworkMode) -> String {
        match mode {
            NetworkMode::Default => "default".to_owned(),
            NetworkMode::None => "none".to_owned(),
            NetworkMode::Named(name) => name,
        }
    }
}

impl From<&str> for NetworkMode {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl fmt::Display for NetworkMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::None => "none",
            Self::Named(name) => name,
        })
    }
}

/// When an image is fetched from its registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PullPolicy {
    /// When the engine has no such image.
    #[default]
    Missing,
    /// Before each creation.
    Always,
    /// Never: a missing image is `ImageNotFoundError`.
    Never,
}

/// What happens to a limit or security option that the engine cannot enforce.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Strictness {
    /// The container is made, and the instance carries a [`Warning`].
    #[default]
    Warn,
    /// The creation is refused with `UnsupportedError`.
    Require,
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
        }
    }

    /// Sets the container's name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the program and its arguments.
    #[must_use]
    pub fn command(mut self, words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.command = words.into_iter().map(Into::into).collect();
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(key.into(), value.into());
        self
    }

    /// Sets a label.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Sets all limits.
    #[must_use]
    pub fn resources(mut self, limits: ResourceLimits) -> Self {
        self.resources = limits;
        self
    }

    /// Sets the CPU limit, in cores.
    #[must_use]
    pub fn cpu(mut self, cores: f64) -> Self {
        self.resources.cpu = cores;
        self
    }

    /// Sets the memory limit, in MiB.
    #[must_use]
    pub fn memory(mut self, mib: u64) -> Self {
        self.resources.memory = mib;
        self
    }

    /// Sets the disk limit, in MiB.
    #[must_use]
    pub fn disk(mut self, mib: u64) -> Self {
        self.resources.disk = mib;
        self
    }

    /// Sets how many processes and threads may live at once.
    #[must_use]
    pub fn pids(mut self, count: u64) -> Self {
        self.resources.pids = count;
        self
    }

    /// Mounts one more volume or host folder.
    #[must_use]
    pub fn mount(mut self, mount: VolumeMount) -> Self {
        self.volumes.push(mount);
        self
    }

    /// Sets how it is connected.
    #[must_use]
    pub fn network(mut self, mode: impl Into<NetworkMode>) -> Self {
        self.network = mode.into();
        self
    }

    /// Sets what its processes may do.
    #[must_use]
    pub fn security(mut self, options: SecurityOptions) -> Self {
        self.security = options;
        self
    }

    /// Sets when the image is fetched.
    #[must_use]
    pub fn pull_policy(mut self, policy: PullPolicy) -> Self {
        self.pull_policy = policy;
        self
    }

    /// Sets what happens to a limit this engine cannot enforce.
    #[must_use]
    pub fn strictness(mut self, strictness: Strictness) -> Self {
        self.strictness = strictness;
        self
    }

    /// Sets the key that makes a retry of this creation find what an earlier try has made.
    #[must_use]
    pub fn operation_key(mut self, key: impl Into<String>) -> Self {
        self.operation_key = Some(key.into());
        self
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
    /// Names the environment variables but never their values: they are where secrets are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerConfig")
            .field("session_id", &self.session_id)
            .field("image", &self.image)
            .field("name", &self.name)
            .field("command", &self.command)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("labels", &self.labels)
            .field("resources", &self.resources)
            .field("volumes", &self.volumes)
            .field("network", &self.network)
            .field("security", &self.security)
            .field("pull_policy", &self.pull_policy)
            .field("strictness", &self.strictness)
            .field("operation_key", &self.operation_key)
            .finish()
    }
}

/// A container as the engine has it at the moment it was asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ContainerInstance {
    /// Its id on the engine.
    pub id: ContainerId,
    /// Its name, without the slash that Docker puts before it.
    pub name: String,
    /// The session it belongs to.
    pub session_id: SessionId,
    /// The image it was made from, as the config named it.
    pub image: String,
    /// Where it is in its life.
    pub status: ContainerStatus,
    /// The coarse view of the status.
    pub state: ContainerState,
    /// Its address on its network while it runs, where it has one.
    pub endpoint: Option<String>,
    /// When it was made.
    #[serde(with = "millis::time")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub created_at: SystemTime,
    /// When its last run started; none if it never ran.
    #[serde(with = "millis::optional_time")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub started_at: Option<SystemTime>,
    /// How its last run ended; none while it runs or if it never ran.
    pub exit: Option<ExitInfo>,
    /// The labels the config gave it, without the drivers' own.
    pub labels: BTreeMap<String, String>,
    /// The limits it was made with.
    pub resources: ResourceLimits,
    /// What the engine does not do of what the config asks.
    pub warnings: Vec<Warning>,
}

/// Something asked for that this engine does not do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Warning {
    /// The path of what was asked for, such as `resources.disk`.
    pub path: String,
    /// A stable name for the case, such as `not-enforced`.
    pub code: String,
    /// What does not happen, why, and what can be done.
    pub message: String,
}

impl Warning {
    /// A warning about one path of the config.
    pub fn new(path: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            code: code.into(),
            message: message.into(),
        }
    }
}

impl ContainerInstance {
    /// A container just made, with `created` as its status and nothing else known. Drivers fill in the rest.
    pub fn new(
        id: ContainerId,
        name: impl Into<String>,
        session_id: SessionId,
        image: impl Into<String>,
        created_at: SystemTime,
    ) -> Self {
        Self {
            id,
            name: name.into(),
            session_id,
            image: image.into(),
            status: ContainerStatus::Created,
            state: ContainerStatus::Created.state(),
            endpoint: None,
            created_at,
            started_at: None,
            exit: None,
            labels: BTreeMap::new(),
            resources: ResourceLimits::default(),
            warnings: Vec::new(),
        }
    }

    /// Sets the status, and the state that follows from it.
    #[must_use]
    pub fn with_status(mut self, status: ContainerStatus) -> Self {
        self.status = status;
        self.state = status.state();
        self
    }

    /// The exit code of its last run, if that ended.
    pub fn exit_code(&self) -> Option<i64> {
        self.exit.as_ref().map(|exit| exit.code)
    }
}
