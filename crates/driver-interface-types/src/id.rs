//! Identifiers that are safe to send to an engine: an id that could alter a URL, a label or a path cannot be
//! constructed.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use driver_interface_errors::ConfigurationError;
use serde::{Deserialize, Serialize};

/// Returns the reason why `text` is not a valid name of `min` to `max` characters, or `None` if `text` is valid.
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

            /// Returns the reason why `text` is invalid, or `None` if `text` is valid.
            pub fn problem(text: &str) -> Option<String> {
                name_problem(text, $min, $max)$(.or_else(|| $more(text)))?
            }

            /// Validates `text`, and creates an identifier from `text`.
            ///
            /// # Errors
            /// [`ConfigurationError`] if `text` is invalid. The error message is the text that
            /// [`problem`](Self::problem) returns.
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
    /// The id of a container: the full id returned by the engine. Two equal ids identify the same container.
    ///
    /// A name is not an id. To get a container by its name, use
    /// [`find_container`](crate::ContainerDriverExt::find_container). A prefix of an id is not an id either, and
    /// drivers do not accept it. Engines do accept prefixes, of as few as three hex digits, even for `rm`. Such a
    /// prefix could select the wrong container.
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
    /// The id of a volume. The id is the volume's name.
    VolumeId, "volumeId", 2..=255
}

safe_name! {
    /// The id of a network: the full id returned by the engine. A name is not an id. To get a network by its name,
    /// use [`find_network`](crate::ContainerDriverExt::find_network).
    NetworkId, "networkId", 2..=255
}

safe_name! {
    /// The id of a session. A session is a group of resources that belong together, such as the resources of one job,
    /// one test or one user's run.
    ///
    /// The driver stores the id in a label of each resource, so that another process can find the session. The id has
    /// at most 63 characters, and starts and ends with a letter or digit. Therefore the id is a valid label value on
    /// every engine.
    SessionId, "sessionId", 1..=63, also label_value_problem
}

safe_name! {
    /// A key that identifies the creation of a resource. A retry with the same key finds the resource that an earlier
    /// attempt created.
    ///
    /// See [`ContainerConfig::operation_key`](crate::ContainerConfig::operation_key). The text of an operation key
    /// must follow the same rules as the text of a [`SessionId`].
    OperationKey, "operationKey", 1..=63, also label_value_problem
}

safe_name! {
    /// A scope that isolates programs that use the same engine. A driver sees and changes only resources in its own
    /// namespace.
    ///
    /// The text of a namespace must follow the same rules as the text of a [`SessionId`].
    Namespace, "namespace", 1..=63, also label_value_problem
}

impl Namespace {
    /// Returns the prefix of the resource names that a driver generates in this namespace. The prefix includes the
    /// length of the namespace. Without the length, key `b-c` in namespace `a` and key `c` in namespace `a-b` would
    /// yield the same resource name.
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
