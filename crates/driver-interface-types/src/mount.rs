//! Mounts of a container.

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use crate::rules::{self, json, limits::MAX_PATH, many, one};
use crate::text_enum::text_enum;

/// A mount of a volume or a host directory into a container.
///
/// The root directory of a volume belongs to the [`owner`](crate::VolumeConfig::owner) in the volume's config, by
/// default to the default user of containers. The mount hides the image's files at the target. Unless
/// [`copy`](Self::copy) is set, neither the files nor their owners are copied to the volume.
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
    /// The directory of the volume to mount, relative to the volume's root. The directory must exist when the
    /// container starts. Only for volumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(custom(many(|_: &Option<String>, found| rules::subpath(self, found)))), schemars(length(min = 1, max = MAX_PATH)))]
    pub subpath: Option<String>,
    /// Whether an empty volume first receives the image's files at the target, with their owners. Only for volumes; by
    /// default the volume stays empty.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "schema", garde(custom(many(|_: &bool, found| rules::copy(self, found)))))]
    pub copy: bool,
    /// Whether mounts that the host later adds below the source appear in the container, and mounts that the
    /// container adds appear on the host. Only for bind mounts; if unset, neither is the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(custom(many(|_: &Option<Propagation>, found| rules::propagation(self, found)))))]
    pub propagation: Option<Propagation>,
    /// The SELinux label that the engine gives the files of a bind mount; if unset, the files keep their labels. The
    /// setting has no effect if the engine's host does not use SELinux.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(custom(many(|_: &Option<SelinuxLabel>, found| rules::selinux_label(self, found)))))]
    pub selinux: Option<SelinuxLabel>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// How a bind mount shares later mounts below its source with the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum Propagation {
    /// Later mounts are not shared. Mounts that already exist below the source appear in the container.
    #[serde(rename = "rprivate")]
    Private,
    /// Later mounts on the host appear in the container.
    #[serde(rename = "rslave")]
    HostToContainer,
    /// Later mounts on the host appear in the container, and later mounts of the container on the host. The source must
    /// be on a shared mount of the host.
    #[serde(rename = "rshared")]
    Bidirectional,
}

text_enum!(Propagation, "propagation":
    Private = "rprivate", HostToContainer = "rslave", Bidirectional = "rshared");

/// The SELinux label of a bind mount's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SelinuxLabel {
    /// All containers can access the files (`z`).
    Shared,
    /// Only this container can access the files (`Z`).
    Private,
}

text_enum!(SelinuxLabel, "SELinux label": Shared = "shared", Private = "private");

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
            subpath: None,
            copy: false,
            propagation: None,
            selinux: None,
        }
    }

    /// Creates a mount of a host file or directory at `target`. The driver's policy must allow `host_path`.
    pub fn bind(host_path: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            source: host_path.into(),
            target: target.into(),
            read_only: false,
            kind: Some(MountType::Bind),
            subpath: None,
            copy: false,
            propagation: None,
            selinux: None,
        }
    }

    crate::setters! {
        /// Sets whether the mount is read-only.
        read_only(self, yes: bool) { self.read_only = yes; }
        /// Sets the directory of the volume to mount.
        subpath(self, path: impl Into<String>) { self.subpath = Some(path.into()); }
        /// Sets whether an empty volume first receives the image's files.
        copy(self, yes: bool) { self.copy = yes; }
        /// Sets how a bind mount shares later mounts with the host.
        propagation(self, mode: Propagation) { self.propagation = Some(mode); }
        /// Sets the SELinux label of a bind mount's files.
        selinux(self, label: SelinuxLabel) { self.selinux = Some(label); }
    }

    /// Returns whether the mount needs [`MountOptions`](crate::ConfigFeature::MountOptions).
    pub(crate) fn has_options(&self) -> bool {
        self.propagation.is_some() || self.selinux.is_some()
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
