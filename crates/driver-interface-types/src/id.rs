//! Identifiers that are safe to send to an engine: an id that could alter a URL, a label or a path cannot be
//! constructed.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use driver_interface_errors::ConfigurationError;
use serde::{Deserialize, Serialize};

/// Returns the reason why `text` is invalid as a name of `min` to `max` characters, or `None` if it is valid.
///
/// A valid name consists of ASCII letters, digits, `_`, `.` and `-`, and starts with a letter or digit. Such a name
/// is also a valid URL path segment and file name.
pub fn name_problem(text: &str, min: usize, max: usize) -> Option<String> {
    if text.is_empty() {
        return Some("must not be empty".to_owned());
    }
    if text.len() < min || text.len() > max {
        return Some(format!(
            "must be {min} to {max} characters long, has {}",
            text.len()
        ));
    }
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Some("must start with a letter or digit".to_owned());
    }
    let bad = text
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')))?;
    Some(format!(
        "must contain only letters, digits, `_`, `.` and `-`, has {bad:?}"
    ))
}

/// Returns the reason why an engine (such as Kubernetes) rejects the valid name `text` as a label value, or `None` if
/// every engine accepts `text`.
fn label_value_problem(text: &str) -> Option<String> {
    let last = text.chars().next_back()?;
    (!last.is_ascii_alphanumeric()).then(|| format!("must end with a letter or digit, ends with {last:?}"))
}

macro_rules! safe_name {
    ($(#[$docs:meta])* $name:ident, $what:literal, $min:literal..=$max:literal $(, also $more:ident)?) => {
        $(#[$docs])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String"))]
        #[cfg_attr(
            feature = "schema",
            schemars(transform = crate::rules::json::id($min, $max, !stringify!($($more)?).is_empty()))
        )]
        pub struct $name(String);

        impl $name {
            /// The minimum length, in characters.
            pub const MIN_LEN: usize = $min;
            /// The maximum length, in characters.
            pub const MAX_LEN: usize = $max;

            /// Returns the reason why `text` is invalid, or `None` if it is valid.
            pub fn problem(text: &str) -> Option<String> {
                name_problem(text, $min, $max)$(.or_else(|| $more(text)))?
            }

            /// Validates `text` and wraps it.
            ///
            /// # Errors
            /// [`ConfigurationError`] if `text` is invalid, with the message that [`problem`](Self::problem) returns.
            pub fn new(text: impl Into<String>) -> Result<Self, ConfigurationError> {
                let text = text.into();
                match Self::problem(&text) {
                    None => Ok(Self(text)),
                    Some(problem) => Err(ConfigurationError::single($what, "invalid-name", problem)),
                }
            }

            /// Returns the identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ConfigurationError;

            fn from_str(text: &str) -> Result<Self, ConfigurationError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ConfigurationError;

            fn try_from(text: String) -> Result<Self, ConfigurationError> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = ConfigurationError;

            fn try_from(text: &str) -> Result<Self, ConfigurationError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl From<&$name> for String {
            fn from(name: &$name) -> String {
                name.0.clone()
            }
        }
    };
}

safe_name! {
    /// The id of a container: the full id returned by the engine, so equal ids mean the same container.
    ///
    /// A name is not an id; [`find_container`](crate::ContainerDriverExt::find_container) returns the container with a
    /// given name. Drivers do not accept id prefixes either, because engines resolve prefixes of as few as three hex
    /// digits, even for `rm`.
    ///
    /// ```
    /// use driver_interface_types::ContainerId;
    ///
    /// assert!(ContainerId::new("2f1c9a4be07d").is_ok());
    /// assert!(ContainerId::new("x/../../volumes/y?force=1").is_err());
    /// ```
    ContainerId, "containerId", 2..=255
}

safe_name! {
    /// The id of a volume, which is its name.
    VolumeId, "volumeId", 2..=255
}

safe_name! {
    /// The id of a network: the full id returned by the engine. A name is not an id;
    /// [`find_network`](crate::ContainerDriverExt::find_network) returns the network with a given name.
    NetworkId, "networkId", 2..=255
}

safe_name! {
    /// The id of a session: a group of resources that belong together (one user's run, one job, one test).
    ///
    /// The id is stored as a label on the engine, so that another process can find the session. It has at most 63
    /// characters and starts and ends with a letter or digit, so it is a valid label value on every engine.
    SessionId, "sessionId", 1..=63, also label_value_problem
}

safe_name! {
    /// The key of one creation. By this key, a retry finds the resource that an earlier attempt created.
    ///
    /// See [`ContainerConfig::operation_key`](crate::ContainerConfig::operation_key).
    /// The valid values are those of a [`SessionId`].
    OperationKey, "operationKey", 1..=63, also label_value_problem
}

safe_name! {
    /// A scope that isolates programs on one engine: a driver sees and changes only its own namespace.
    ///
    /// The valid values are those of a [`SessionId`].
    Namespace, "namespace", 1..=63, also label_value_problem
}

impl Namespace {
    /// Returns the prefix of the names that a driver generates in this namespace. It includes the namespace's length,
    /// so that the names for key `b-c` in namespace `a` and for key `c` in namespace `a-b` differ.
    ///
    /// ```
    /// use driver_interface_types::Namespace;
    ///
    /// assert_eq!(Namespace::new("ci")?.name_prefix(), "di2-ci");
    /// # Ok::<(), driver_interface_types::ConfigurationError>(())
    /// ```
    pub fn name_prefix(&self) -> String {
        format!("di{}-{self}", self.as_str().len())
    }
}

impl Default for Namespace {
    /// Returns the namespace `default`.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

safe_name! {
    /// The id of a detached exec within its container; see [`exec_detached`](crate::ContainerDriver::exec_detached).
    ExecId, "execId", 1..=128
}

safe_name! {
    /// A position in the event stream. The content of a cursor is opaque: only the driver that issued the cursor can
    /// interpret it. A cursor is also valid in other processes with the same driver and engine.
    EventCursor, "after", 1..=128
}
