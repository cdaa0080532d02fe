//! Choices of a container's config.

use std::fmt;

use serde::{Deserialize, Serialize};

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
    /// The container is made, and the instance carries a [`Warning`](crate::Warning).
    #[default]
    Warn,
    /// The creation is refused with `UnsupportedError`.
    Require,
}
