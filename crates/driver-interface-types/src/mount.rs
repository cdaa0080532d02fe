//! Mounts of a container.

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use crate::rules::{self, json, limits::MAX_PATH, many, one};
use crate::text_enum::text_enum;

/// A mount of a volume or a host directory into a container.
///
/// The root directory of a volume belongs to the [`owner`](crate::VolumeConfig::owner) in the volume's config. The
/// default owner is the default user of containers.
///
/// The mount hides the image's files at the target. By default, these files are not copied to the volume; see
/// [`copy`](Self::copy).
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
    /// Whether the source is a volume or a host path (bind mount). If `None`, an absolute source is a host path, and
    /// any other source is a volume.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub kind: Option<MountType>,
    /// The directory of the volume to mount, relative to the volume's root. If `None`, the whole volume is mounted.
    /// The directory must exist when the container starts. A bind mount cannot have a subpath.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(custom(many(|_: &Option<String>, found| rules::subpath(self, found)))), schemars(length(min = 1, max = MAX_PATH)))]
    pub subpath: Option<String>,
    /// Whether the image's files at the target are copied to the volume if the volume is empty. The copies keep the
    /// owners of the files. By default, the files are not copied. For a bind mount, this must be `false`.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "schema", garde(custom(many(|_: &bool, found| rules::copy(self, found)))))]
    pub copy: bool,
    /// How the host and the container share mounts that are added below the source after the container's start. If
    /// `None`, such mounts are not shared. Must be `None` for volumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(custom(many(|_: &Option<Propagation>, found| rules::propagation(self, found)))))]
    pub propagation: Option<Propagation>,
    /// The SELinux label that the engine gives to the files of a bind mount. If `None`, the files keep their labels.
    /// Must be `None` for volumes. The setting has no effect if the engine's host does not use SELinux.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(custom(many(|_: &Option<SelinuxLabel>, found| rules::selinux_label(self, found)))))]
    pub selinux: Option<SelinuxLabel>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// How the host and a container share mounts that are added below the source of a bind mount after the container's
/// start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum Propagation {
    /// Mounts that are added below the source after the container's start are not shared. Mounts that exist below the
    /// source before the start appear in the container.
    #[serde(rename = "rprivate")]
    Private,
    /// Mounts that the host adds below the source after the container's start appear in the container. Mounts that
    /// the container adds do not appear on the host.
    #[serde(rename = "rslave")]
    HostToContainer,
    /// Mounts that the host adds below the source after the container's start appear in the container. Mounts that
    /// the container adds appear on the host. The source must be on a shared mount of the host.
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
    /// A file or directory of the host. The driver's policy must allow the host path; the default policy allows no
    /// host paths.
    Bind,
    /// A volume. The volume must exist when the container is created.
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
        /// Sets the directory of the volume to mount, relative to the volume's root.
        subpath(self, path: impl Into<String>) { self.subpath = Some(path.into()); }
        /// Sets whether the image's files at the target are copied to the volume if the volume is empty.
        copy(self, yes: bool) { self.copy = yes; }
        /// Sets how the host and the container share mounts that are added after the container's start.
        propagation(self, mode: Propagation) { self.propagation = Some(mode); }
        /// Sets the SELinux label of a bind mount's files.
        selinux(self, label: SelinuxLabel) { self.selinux = Some(label); }
    }

    /// Returns whether the mount needs a driver with the feature
    /// [`MountOptions`](crate::ConfigFeature::MountOptions).
    pub(crate) fn has_options(&self) -> bool {
        self.propagation.is_some() || self.selinux.is_some()
    }

    /// Returns the kind of the mount. If `kind` is `None`, the kind is derived from the source.
    pub fn mount_type(&self) -> MountType {
        match self.kind {
            Some(kind) => kind,
            None if self.source.starts_with('/') => MountType::Bind,
            None => MountType::Volume,
        }
    }
}
