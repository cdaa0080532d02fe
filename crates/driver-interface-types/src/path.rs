//! Paths inside a container.

use std::fmt;
use std::str::FromStr;

use driver_interface_errors::ConfigurationError;
use serde::{Deserialize, Serialize};

/// An absolute path inside a container, without `..`.
///
/// Empty components, `.` components and a trailing slash are removed, so that all spellings of a path are equal.
/// Operations resolve the path inside the container. Symbolic links are followed there, so no path leads out of the
/// container.
///
/// ```
/// use driver_interface_types::ContainerPath;
///
/// let path = ContainerPath::new("/srv//app/./main.rs")?;
/// assert_eq!(path.as_str(), "/srv/app/main.rs");
/// assert_eq!((path.parent().as_str(), path.file_name()), ("/srv/app", Some("main.rs")));
/// assert!(ContainerPath::new("relative").is_err());
/// assert!(ContainerPath::new("/srv/../etc/shadow").is_err());
/// # Ok::<(), driver_interface_types::ConfigurationError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String"))]
pub struct ContainerPath(String);

impl ContainerPath {
    /// The maximum length of a path in bytes: the kernel's limit of 4096 bytes, minus the terminating NUL.
    pub const MAX_LEN: usize = 4095;

    /// Validates a path and removes empty and `.` components.
    ///
    /// # Errors
    /// [`ConfigurationError`] if the path is not absolute, contains a NUL character, has a `..` component, or is too
    /// long.
    pub fn new(path: impl AsRef<str>) -> Result<Self, ConfigurationError> {
        let path = path.as_ref();
        let refuse = |code, message: String| Err(ConfigurationError::single("path", code, message));
        if !path.starts_with('/') {
            return refuse("not-absolute", format!("must be an absolute path; got {path:?}"));
        }
        if path.contains('\0') {
            return refuse("invalid-character", "must not contain NUL characters".to_owned());
        }
        if path.len() > Self::MAX_LEN {
            let message = format!("must be at most {} bytes long, has {}", Self::MAX_LEN, path.len());
            return refuse("too-long", message);
        }
        if path.split('/').any(|part| part == "..") {
            return refuse("not-normalised", format!("must not contain `..`; got {path:?}"));
        }
        let parts: Vec<&str> = path
            .split('/')
            .filter(|part| !matches!(*part, "" | "."))
            .collect();
        Ok(Self(format!("/{}", parts.join("/"))))
    }

    /// Returns the path as text; `/` for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the parent directory; the root is its own parent.
    #[must_use]
    pub fn parent(&self) -> Self {
        match self.0.rsplit_once('/') {
            Some((directory, _)) if !directory.is_empty() => Self(directory.to_owned()),
            _ => Self("/".to_owned()),
        }
    }

    /// Returns the last component, or `None` for the root.
    pub fn file_name(&self) -> Option<&str> {
        self.0
            .rsplit_once('/')
            .map(|(_, name)| name)
            .filter(|name| !name.is_empty())
    }

    /// Returns this path extended by the relative path `below`.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn join(&self, below: impl AsRef<str>) -> Result<Self, ConfigurationError> {
        Self::new(format!("{}/{}", self.0, below.as_ref()))
    }
}

impl fmt::Display for ContainerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ContainerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContainerPath({:?})", self.0)
    }
}

impl AsRef<str> for ContainerPath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for ContainerPath {
    type Err = ConfigurationError;

    fn from_str(text: &str) -> Result<Self, ConfigurationError> {
        Self::new(text)
    }
}

impl TryFrom<String> for ContainerPath {
    type Error = ConfigurationError;

    fn try_from(text: String) -> Result<Self, ConfigurationError> {
        Self::new(text)
    }
}

impl TryFrom<&str> for ContainerPath {
    type Error = ConfigurationError;

    fn try_from(text: &str) -> Result<Self, ConfigurationError> {
        Self::new(text)
    }
}

impl From<ContainerPath> for String {
    fn from(path: ContainerPath) -> String {
        path.0
    }
}
