//! The smaller parts of a container's config.

use serde::{Deserialize, Serialize};

/// A tmpfs mount: a directory in memory, empty at each start, whatever the image has at its place.
///
/// Without `mode`, `uid` and `gid` the container's user can write to it. A driver whose engine cannot give it the
/// mode or the owner that is asked for refuses the creation with `UnsupportedError`.
///
/// ```
/// use driver_interface_types::TmpfsMount;
///
/// let secrets = TmpfsMount::new("/run/secrets", 1).mode(0o700).exec(false);
/// assert_eq!((secrets.size, secrets.mode), (1, Some(0o700)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct TmpfsMount {
    /// The absolute path inside the container.
    pub target: String,
    /// Its size in MiB. What is in it counts as memory of the container.
    pub size: u64,
    /// The permissions of the directory as a number, at most `0o7777`; `0o1777` without it, so that everybody can
    /// write to it. JSON has no octal numbers: there `0o700` is `448`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// The user id that owns the directory; without it the container's user, or root where the engine cannot know
    /// that user's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// The group id of the directory; without it the group of the container's user, or root's where the engine
    /// cannot know that group's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// Whether programs in it can be run: yes without it.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub exec: bool,
    /// Whether the set-user-ID and set-group-ID bits of programs in it count: no without it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suid: bool,
    /// Whether device files in it work: no without it.
    #[serde(default, skip_serializing_if = "is_false")]
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
    /// The permissions where none are given: everybody can write, and remove only what is their own.
    pub const DEFAULT_MODE: u32 = 0o1777;

    /// A directory of `mib` MiB that the container's user can write to.
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

    /// Sets the permissions of the directory, such as `0o700`.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Sets the user id that owns the directory.
    #[must_use]
    pub fn uid(mut self, uid: u32) -> Self {
        self.uid = Some(uid);
        self
    }

    /// Sets the group id of the directory.
    #[must_use]
    pub fn gid(mut self, gid: u32) -> Self {
        self.gid = Some(gid);
        self
    }

    /// Sets whether programs in it can be run.
    #[must_use]
    pub fn exec(mut self, yes: bool) -> Self {
        self.exec = yes;
        self
    }

    /// Sets whether the set-user-ID and set-group-ID bits of programs in it count.
    #[must_use]
    pub fn suid(mut self, yes: bool) -> Self {
        self.suid = yes;
        self
    }

    /// Sets whether device files in it work.
    #[must_use]
    pub fn dev(mut self, yes: bool) -> Self {
        self.dev = yes;
        self
    }
}

/// A limit of the kernel on each process (`ulimit`).
///
/// ```
/// use driver_interface_types::Ulimit;
///
/// let files = Ulimit::new("nofile", 1024, 4096);
/// assert!(files.soft <= files.hard);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct Ulimit {
    /// Its name without `RLIMIT_`, in lower case, such as `nofile`.
    pub name: String,
    /// What holds.
    pub soft: u64,
    /// What a process may raise it to.
    pub hard: u64,
}

impl Ulimit {
    /// A limit by name.
    pub fn new(name: impl Into<String>, soft: u64, hard: u64) -> Self {
        Self {
            name: name.into(),
            soft,
            hard,
        }
    }
}

/// A device of the host that a container may use.
///
/// ```
/// use driver_interface_types::DeviceMapping;
///
/// let fuse = DeviceMapping::new("/dev/fuse");
/// assert_eq!((fuse.container_path.as_str(), fuse.permissions.as_str()), ("/dev/fuse", "rwm"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct DeviceMapping {
    /// The device on the host, below `/dev`. Devices that would hand over the host (disks, memory) are refused.
    pub host_path: String,
    /// The device inside the container.
    pub container_path: String,
    /// What the container may do with it: `r` read, `w` write, `m` make the node.
    #[serde(default = "all_permissions")]
    pub permissions: String,
}

fn all_permissions() -> String {
    "rwm".to_owned()
}

impl DeviceMapping {
    /// A device under its own path, with every permission.
    pub fn new(path: impl Into<String>) -> Self {
        let path = path.into();
        Self {
            container_path: path.clone(),
            host_path: path,
            permissions: all_permissions(),
        }
    }

    /// Sets its path inside the container.
    #[must_use]
    pub fn container_path(mut self, path: impl Into<String>) -> Self {
        self.container_path = path.into();
        self
    }

    /// Sets what the container may do with it.
    #[must_use]
    pub fn permissions(mut self, permissions: impl Into<String>) -> Self {
        self.permissions = permissions.into();
        self
    }
}

/// Graphics processors that a container may use: so many, or these.
///
/// ```
/// use driver_interface_types::GpuRequest;
///
/// assert_eq!(GpuRequest::count(2).count, Some(2));
/// assert_eq!(GpuRequest::devices(["GPU-3a23c669"]).device_ids, ["GPU-3a23c669"]);
/// assert_eq!(GpuRequest::all(), GpuRequest::default());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct GpuRequest {
    /// How many; all where neither a number nor devices are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Which ones, as their driver names them. Not together with `count`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub device_ids: Vec<String>,
    /// Their driver, such as `nvidia`; the engine's choice without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
}

impl GpuRequest {
    /// All there are.
    pub fn all() -> Self {
        Self::default()
    }

    /// So many.
    pub fn count(count: u32) -> Self {
        Self {
            count: Some(count),
            ..Self::default()
        }
    }

    /// These, as their driver names them.
    pub fn devices(ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            device_ids: ids.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Sets their driver.
    #[must_use]
    pub fn driver(mut self, driver: impl Into<String>) -> Self {
        self.driver = Some(driver.into());
        self
    }
}
