//! Names that are safe to send: an id that could change a URL, a label or a path cannot be built.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use driver_interface_errors::ConfigurationError;
use serde::{Deserialize, Serialize};

/// Says why `text` is no safe name of `min` to `max` characters, or `None` if it is one.
///
/// Safe means: ASCII letters, digits, `_`, `.` and `-`, the first a letter or digit. Such a text is one URL
/// path segment, one label value and one file name, whatever is done to it.
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
        "must hold only letters, digits, `_`, `.` and `-`, has {bad:?}"
    ))
}

macro_rules! safe_name {
    ($(#[$docs:meta])* $name:ident, $what:literal, $min:literal..=$max:literal) => {
        $(#[$docs])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String"))]
        pub struct $name(String);

        impl $name {
            /// The fewest characters it may have.
            pub const MIN_LEN: usize = $min;
            /// The most characters it may have.
            pub const MAX_LEN: usize = $max;

            /// Checks a text and keeps it.
            ///
            /// # Errors
            /// [`ConfigurationError`] when the text is empty, too long, or has a character that is not a
            /// letter, digit, `_`, `.` or `-` (the first: letter or digit).
            pub fn new(text: impl Into<String>) -> Result<Self, ConfigurationError> {
                let text = text.into();
                match name_problem(&text, $min, $max) {
                    None => Ok(Self(text)),
                    Some(problem) => Err(ConfigurationError::single($what, "invalid-name", problem)),
                }
            }

            /// The text itself.
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
    /// Names a container to an operation: its whole id as the engine gave it, or its exact name.
    ///
    /// Prefixes of an id are never accepted: engines take three hex digits for an id, even to delete.
    ///
    /// ```
    /// use driver_interface_types::ContainerId;
    ///
    /// assert!(ContainerId::new("web-1").is_ok());
    /// assert!(ContainerId::new("x/../../volumes/y?force=1").is_err());
    /// ```
    ContainerId, "containerId", 2..=255
}

safe_name! {
    /// Names a volume to an operation. Volumes are addressed by name; their id is their name.
    VolumeId, "volumeId", 2..=255
}

safe_name! {
    /// Names a network to an operation: its whole id, or its exact name.
    NetworkId, "networkId", 2..=255
}

safe_name! {
    /// Groups what belongs together (one user's run, one job, one test), over all kinds of objects.
    ///
    /// It is stored as a label on the engine, so a session can be found again by another process.
    SessionId, "sessionId", 1..=128
}

safe_name! {
    /// Makes one creation recognisable, so that a retry finds what an earlier try has made.
    ///
    /// See [`ContainerConfig::operation_key`](crate::ContainerConfig::operation_key).
    OperationKey, "operationKey", 1..=128
}

safe_name! {
    /// Keeps several programs apart on one engine: a driver sees and touches only its own namespace.
    Namespace, "namespace", 1..=63
}

impl Namespace {
    /// What the names begin with that a driver makes up in this namespace. The length keeps the namespace `a` with a
    /// key `b-c` from meeting `a-b` with a key `c`.
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
    /// The namespace `default`.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

safe_name! {
    /// Names a detached command to its container; see [`exec_detached`](crate::ContainerDriver::exec_detached).
    ExecId, "execId", 1..=128
}

safe_name! {
    /// Says where in the stream of events one stands. Only the driver that gave it knows what is in it; it
    /// holds for other processes with that driver on that engine too.
    EventCursor, "after", 1..=128
}
