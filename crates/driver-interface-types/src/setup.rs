//! The tmpfs mounts, ulimits, devices and GPUs of a container's config.

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use crate::rules::{self, json, limits::MAX_PATH, one, within};

/// A tmpfs mount: a directory in memory. The directory is empty at each start of the container, even if the image has
/// files at the same path.
///
/// If `mode`, `uid` and `gid` are `None`, the container's user can write to the directory. If the engine does not
/// support the requested mode or owner, the creation of the container fails with `UnsupportedError`.
///
/// ```
/// use driver_interface_types::TmpfsMount;
///
/// let secrets = TmpfsMount::new("/run/secrets", 1).mode(0o700).exec(false);
/// assert_eq!((secrets.size, secrets.mode), (1, Some(0o700)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(feature = "schema", garde(context(rules::RuleContext)))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct TmpfsMount {
    /// The absolute path of the mount inside the container.
    #[cfg_attr(feature = "schema", garde(custom(one(rules::location_in_container))), schemars(regex(pattern = json::PATH), length(max = MAX_PATH)))]
    pub target: String,
    /// The maximum size of the directory's content, in MiB. The content counts towards the container's memory.
    #[cfg_attr(feature = "schema", garde(custom(one(within(rules::TMPFS)))), schemars(transform = json::within(rules::TMPFS)))]
    pub size: u64,
    /// The permissions of the directory as a number, at most `0o7777`. If `None`, the permissions are `0o1777`, with
    /// which every user can write to the directory. JSON has no octal numbers: write `0o700` as `448`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(within(rules::FILE_MODE))))), schemars(transform = json::within(rules::FILE_MODE)))]
    pub mode: Option<u32>,
    /// The user id of the directory's owner. If `None`, the container's user is the owner. If the engine cannot
    /// determine the id of the container's user, root is the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(within(rules::ID))))), schemars(transform = json::within(rules::ID)))]
    pub uid: Option<u32>,
    /// The group id of the directory. If `None`, the group of the container's user is used. If the engine cannot
    /// determine the id of that group, root's group is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(within(rules::ID))))), schemars(transform = json::within(rules::ID)))]
    pub gid: Option<u32>,
    /// Whether programs in the directory can be executed; `true` by default.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub exec: bool,
    /// Whether the set-user-ID and set-group-ID bits of programs in the directory take effect; `false` by default.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub suid: bool,
    /// Whether device files in the directory can be used; `false` by default.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub dev: bool,
}

fn yes() -> bool {
    true
}

fn is_true(value: &bool) -> bool {
    *value
}

fn is_false(value: &bool) -> bool {
    !value
}

impl TmpfsMount {
    /// The default permissions: every user can create files, but can remove only files that the user owns (sticky
    /// bit).
    pub const DEFAULT_MODE: u32 = 0o1777;

    /// Creates a tmpfs mount of `mib` MiB that the container's user can write to.
    pub fn new(target: impl Into<String>, mib: u64) -> Self {
        Self {
            target: target.into(),
            size: mib,
            mode: None,
            uid: None,
            gid: None,
            exec: true,
            suid: false,
            dev: false,
        }
    }

    crate::setters! {
        /// Sets the permissions of the directory, such as `0o700`.
        mode(self, mode: u32) { self.mode = Some(mode); }
        /// Sets the user id of the directory's owner.
        uid(self, uid: u32) { self.uid = Some(uid); }
        /// Sets the group id of the directory.
        gid(self, gid: u32) { self.gid = Some(gid); }
        /// Sets whether programs in the directory can be executed.
        exec(self, yes: bool) { self.exec = yes; }
        /// Sets whether the set-user-ID and set-group-ID bits of programs in the directory take effect.
        suid(self, yes: bool) { self.suid = yes; }
        /// Sets whether device files in the directory can be used.
        dev(self, yes: bool) { self.dev = yes; }
    }
}

/// A resource limit (`ulimit`) that the kernel applies to each process of a container.
///
/// ```
/// use driver_interface_types::{Ulimit, UlimitValue};
///
/// let files = Ulimit::new("nofile", 1024, 4096);
/// assert!(files.soft < UlimitValue::from(4096));
/// let locked = Ulimit::new("memlock", UlimitValue::Unlimited, UlimitValue::Unlimited);
/// assert!(files.hard < locked.hard);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(feature = "schema", garde(context(rules::RuleContext)))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct Ulimit {
    /// The limit's name without `RLIMIT_`, in lower case, such as `nofile`.
    #[cfg_attr(feature = "schema", garde(skip))]
    pub name: String,
    /// The soft limit, which the kernel enforces.
    #[cfg_attr(feature = "schema", garde(custom(one(|soft: &UlimitValue| rules::soft_limit(*soft, self.hard)))))]
    pub soft: UlimitValue,
    /// The hard limit, up to which a process may raise the soft limit.
    #[cfg_attr(feature = "schema", garde(skip))]
    pub hard: UlimitValue,
}

/// The value of a [`Ulimit`]: a number or `"unlimited"` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum UlimitValue {
    /// A limit. The unit depends on the ulimit; for example, it is bytes for `memlock`.
    Limited(u64),
    /// No limit.
    #[serde(with = "unlimited")]
    #[cfg_attr(feature = "schema", schemars(with = "unlimited::Name"))]
    Unlimited,
}

impl From<u64> for UlimitValue {
    fn from(value: u64) -> Self {
        Self::Limited(value)
    }
}

impl std::fmt::Display for UlimitValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Limited(value) => value.fmt(f),
            Self::Unlimited => f.pad("unlimited"),
        }
    }
}

/// The JSON form of an unlimited value.
mod unlimited {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("format" = "unlimited")))]
    #[serde(rename_all = "lowercase")]
    pub(super) enum Name {
        Unlimited,
    }

    pub(super) fn serialize<S: Serializer>(to: S) -> Result<S::Ok, S::Error> {
        Name::Unlimited.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<(), D::Error> {
        Name::deserialize(from).map(drop)
    }
}

impl Ulimit {
    /// Creates a ulimit from its name, soft limit and hard limit.
    pub fn new(name: impl Into<String>, soft: impl Into<UlimitValue>, hard: impl Into<UlimitValue>) -> Self {
        Self {
            name: name.into(),
            soft: soft.into(),
            hard: hard.into(),
        }
    }
}

/// A host device that a container may use.
///
/// ```
/// use driver_interface_types::DeviceMapping;
///
/// let fuse = DeviceMapping::new("/dev/fuse");
/// assert_eq!((fuse.container_path.as_str(), fuse.permissions.as_str()), ("/dev/fuse", "rwm"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(feature = "schema", garde(context(rules::RuleContext)))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct DeviceMapping {
    /// The device on the host, below `/dev`. Devices that would give control over the host (disks, memory) are
    /// rejected.
    #[cfg_attr(feature = "schema", garde(custom(one(rules::host_device))), schemars(regex(pattern = json::DEVICE)))]
    pub host_path: String,
    /// The device path inside the container.
    #[cfg_attr(feature = "schema", garde(custom(one(rules::inner_device))), schemars(regex(pattern = json::DEVICE)))]
    pub container_path: String,
    /// The permitted access, as letters: `r` for reading, `w` for writing, and `m` for creating the device node
    /// (mknod).
    #[serde(default = "all_permissions")]
    #[cfg_attr(feature = "schema", garde(custom(one(rules::device_permissions))), schemars(regex(pattern = json::PERMISSIONS)))]
    pub permissions: String,
}

fn all_permissions() -> String {
    "rwm".to_owned()
}

impl DeviceMapping {
    /// Creates a mapping of the host device at `path` to the same path inside the container, with all permissions.
    pub fn new(path: impl Into<String>) -> Self {
        let path = path.into();
        Self {
            container_path: path.clone(),
            host_path: path,
            permissions: all_permissions(),
        }
    }

    crate::setters! {
        /// Sets the device path inside the container.
        container_path(self, path: impl Into<String>) { self.container_path = path.into(); }
        /// Sets the permitted access, such as `rw`.
        permissions(self, permissions: impl Into<String>) { self.permissions = permissions.into(); }
    }
}

/// The GPUs that a container may use: a number of GPUs, or specific GPUs.
///
/// If `driver` is `cdi`, `device_ids` contains device names of the [Container Device
/// Interface](https://github.com/cncf-tags/container-device-interface) (CDI), such as `nvidia.com/gpu=0`. An engine
/// that supports CDI can map a name to any kind of device.
///
/// ```
/// use driver_interface_types::GpuRequest;
///
/// assert_eq!(GpuRequest::count(2).count, Some(2));
/// assert_eq!(GpuRequest::devices(["GPU-3a23c669"]).device_ids, ["GPU-3a23c669"]);
/// assert_eq!(GpuRequest::all(), GpuRequest::default());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(feature = "schema", garde(context(rules::RuleContext)))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct GpuRequest {
    /// The number of GPUs that the container may use. If `count` is `None` and `device_ids` is empty, the container
    /// may use all GPUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(custom(one(|_: &Option<u32>| rules::gpu_count(self)))), schemars(transform = json::within(rules::COUNT)))]
    pub count: Option<u32>,
    /// The ids of specific GPUs, as defined by the GPU driver. `device_ids` and `count` must not both be set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::device_id)))))]
    pub device_ids: Vec<String>,
    /// The GPU driver, such as `nvidia`. If `None`, the engine chooses the GPU driver.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::driver_name)))))]
    pub driver: Option<String>,
}

impl GpuRequest {
    /// Creates a request for all GPUs.
    pub fn all() -> Self {
        Self::default()
    }

    /// Creates a request for `count` GPUs.
    pub fn count(count: u32) -> Self {
        Self {
            count: Some(count),
            ..Self::default()
        }
    }

    /// Creates a request for specific GPUs, by the ids that the GPU driver defines.
    pub fn devices(ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            device_ids: ids.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Sets the GPU driver.
    #[must_use]
    pub fn driver(mut self, driver: impl Into<String>) -> Self {
        self.driver = Some(driver.into());
        self
    }
}
