//! The network mode, pull policy and strictness of a container's config.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::NetworkId;
use crate::text_enum::text_enum;

/// The network that a container is connected to. In JSON, the network mode is a string.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String"))]
#[non_exhaustive]
pub enum NetworkMode {
    /// `default` (or an empty string): the driver's own network, from which containers can reach external networks.
    /// On the driver's own network, containers of different sessions cannot reach each other.
    #[default]
    Default,
    /// `none`: no network. The container has only a loopback interface.
    None,
    /// Any other value: the name or id of a network created by
    /// [`create_network`](crate::ContainerDriver::create_network). The network must exist. Modes such as `host`, which
    /// would share the network of the host or of another container, are rejected.
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

/// When an image is pulled from its registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PullPolicy {
    /// The image is pulled if the engine does not have it.
    #[default]
    Missing,
    /// The image is pulled before each creation of a container.
    Always,
    /// The image is never pulled. If the engine does not have the image, the driver returns `ImageNotFoundError`.
    Never,
}

/// Whether a limit or security option that the engine cannot enforce causes a warning or an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Strictness {
    /// The container is created, and the returned instance has a [`Warning`](crate::Warning).
    #[default]
    Warn,
    /// The creation fails with `UnsupportedError`.
    Require,
}

text_enum!(PullPolicy, "pull policy": Missing = "missing", Always = "always", Never = "never");
text_enum!(Strictness, "strictness": Warn = "warn", Require = "require");

impl From<NetworkId> for NetworkMode {
    /// Returns the mode that connects a container to the network with this id.
    fn from(id: NetworkId) -> Self {
        Self::Named(id.into())
    }
}

impl From<&NetworkId> for NetworkMode {
    /// Returns the mode that connects a container to the network with this id.
    fn from(id: &NetworkId) -> Self {
        Self::Named(id.to_string())
    }
}
