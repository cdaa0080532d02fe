//! What is mounted into a container.

use serde::{Deserialize, Serialize};

/// Mounts a volume or a host folder into a container.
///
/// A new volume belongs to root, as engines make it, and a container's default user is not root: to write to
/// one, run as a user who may (`SecurityOptions::default().user("0:0")` with all capabilities still dropped), or
/// use an image that has the target as a folder of its user's, whose owner a new volume takes over.
///
/// ```
/// use driver_interface_types::VolumeMount;
///
/// let data = VolumeMount::volume("data", "/var/lib/data");
/// let sources = VolumeMount::bind("/srv/project", "/src").read_only(true);
/// assert!(sources.read_only && !data.read_only);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct VolumeMount {
    /// The volume's name, or the absolute host path of a bind mount.
    pub source: String,
    /// The absolute path inside the container.
    pub target: String,
    /// Whether the container may only read it.
    #[serde(default)]
    pub read_only: bool,
    /// Volume or bind mount. Without it an absolute source is a bind mount and anything else a volume.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<MountType>,
}

/// The kinds of mounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MountType {
    /// A file or directory of the host. It is refused unless the driver was built with a policy that allows it; the
    /// default policy allows none.
    Bind,
    /// A volume, which must exist: a missing one is refused at creation.
    Volume,
}

impl VolumeMount {
    /// Mounts a volume.
    pub fn volume(name: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            source: name.into(),
            target: target.into(),
            read_only: false,
            kind: Some(MountType::Volume),
        }
    }

    /// Mounts a file or directory of the host, which the driver's policy has to allow.
    pub fn bind(host_path: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            source: host_path.into(),
            target: target.into(),
            read_only: false,
            kind: Some(MountType::Bind),
        }
    }

    /// Sets whether the container may only read it.
    #[must_use]
    pub fn read_only(mut self, yes: bool) -> Self {
        self.read_only = yes;
        self
    }

    /// The kind, worked out from the source where it is not given.
    pub fn mount_type(&self) -> MountType {
        match self.kind {
            Some(kind) => kind,
            None if self.source.starts_with('/') => MountType::Bind,
            None => MountType::Volume,
        }
    }
}
