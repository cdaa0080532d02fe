//! Mounts of a container.

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use crate::rules::{self, json, limits::MAX_PATH, many, one};
use crate::text_enum::text_enum;

/// A mount of a volume or a host directory into a container.
///
/// A volume belongs to the [`owner`](crate::VolumeConfig::owner) of its config, by default the default user of
/// containers. The volume hides the image's files at the target: neither the files nor their owner are copied to the
/// volume.
///
/// ```
/// use driver_interface_types::VolumeMount;
///
/// let data = VolumeMount::volume("data", "/var/lib/data");
/// let sources = VolumeMount::bind("/srv/project", "/src").read_only(true);
/// assert!(sources.read_only && !data.read_only);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(feature = "schema", garde(context(rules::RuleContext)))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct VolumeMount {
    /// The volume's name, or the absolute host path of a bind mount.
    #[cfg_attr(feature = "schema", garde(custom(many(|_: &String, found| rules::mount_source(self, found)))), schemars(length(min = 1, max = MAX_PATH)))]
    pub source: String,
    /// The absolute path of the mount inside the container.
    #[cfg_attr(feature = "schema", garde(custom(one(rules::location_in_container))), schemars(regex(pattern = json::PATH), length(max = MAX_PATH)))]
    pub target: String,
    /// Whether the mount is read-only.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub read_only: bool,
    /// Whether this is a volume or a bind mount. If unset, an absolute source is a bind mount and any other source is a
    /// volume.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub kind: Option<MountType>,
}

/// The kind of a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MountType {
    /// A file or directory of the host. The driver's policy must allow it; the default policy allows none.
    Bind,
    /// A volume, which must exist when the container is created.
    Volume,
}

text_enum!(MountType, "mount type": Bind = "bind", Volume = "volume");

impl VolumeMount {
    /// Creates a mount of the volume `name` at `target`.
    pub fn volume(name: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            source: name.into(),
            target: target.into(),
            read_only: false,
            kind: Some(MountType::Volume),
        }
    }

    /// Creates a mount of a host file or directory at `target`. The driver's policy must allow `host_path`.
    pub fn bind(host_path: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            source: host_path.into(),
            target: target.into(),
            read_only: false,
            kind: Some(MountType::Bind),
        }
    }

    /// Sets whether the mount is read-only.
    #[must_use]
    pub fn read_only(mut self, yes: bool) -> Self {
        self.read_only = yes;
        self
    }

    /// Returns the kind of mount, derived from the source if `kind` is unset.
    pub fn mount_type(&self) -> MountType {
        match self.kind {
            Some(kind) => kind,
            None if self.source.starts_with('/') => MountType::Bind,
            None => MountType::Volume,
        }
    }
}
