//! Volumes: storage that outlives containers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use driver_interface_errors::UnsupportedError;
use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use crate::rules::{self, json, limits::MAX_DRIVER_NAME, many, one, within};
use crate::{Capabilities, ConfigFeature, Operation, SessionId, VolumeId, millis};

/// The configuration of a volume.
///
/// A new volume is empty and belongs to the default user of containers, so that containers with default security
/// options can write to it.
///
/// ```
/// use driver_interface_mock::MockDockerDriver;
/// use driver_interface_types::{
///     ContainerConfig, ContainerDriver, ContainerDriverExt, RunOptions, VolumeConfig, VolumeMount,
///     VolumeOwner,
/// };
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> driver_interface_types::Result<()> {
/// let driver = MockDockerDriver::new();
/// let config = VolumeConfig::new("cache").session("build-42").label("team", "core");
/// let volume = driver.create_volume(&config).await?;
/// assert_eq!(volume.owner, Some(VolumeOwner::DEFAULT));
///
/// let writer = ContainerConfig::new("build-42", "busybox")
///     .shell("echo built > /cache/state && cat /cache/state")
///     .mount(VolumeMount::volume("cache", "/cache"));
/// assert_eq!(driver.run(&writer, RunOptions::default()).await?.stdout, "built\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(feature = "schema", garde(context(rules::RuleContext)))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct VolumeConfig {
    /// The volume's name, unique on the engine; see [`VolumeId`] for the valid values.
    #[cfg_attr(feature = "schema", garde(custom(one(rules::volume_name))), schemars(transform = json::name))]
    pub name: String,
    /// The session that the volume belongs to. If `None`, the volume belongs to the driver's namespace and outlives
    /// every session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::session_id)))), schemars(transform = json::label_value))]
    pub session_id: Option<String>,
    /// The engine's volume driver. If `None`, the engine's default volume driver is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::driver_name)))), schemars(length(min = 1, max = MAX_DRIVER_NAME)))]
    pub driver: Option<String>,
    /// The owner of the volume's root directory, which has mode `0755`.
    ///
    /// If `None`, the owner is usually [`VolumeOwner::DEFAULT`]; for the exceptions, see below. A container whose
    /// user is root has no capabilities by default, so it cannot write to a volume of another user. For a volume that
    /// such a container uses, set [`VolumeOwner::ROOT`].
    ///
    /// If `None` and one of these conditions holds, the engine chooses the owner: the volume has
    /// [`options`](Self::options), the volume has a [`driver`](Self::driver) other than `local`, or the container
    /// driver does not declare [`VolumeOwner`](crate::ConfigFeature::VolumeOwner).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(dive))]
    pub owner: Option<VolumeOwner>,
    /// User-defined labels.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::labels))), schemars(transform = json::map))]
    pub labels: BTreeMap<String, String>,
    /// The options of the engine's volume driver.
    ///
    /// The volume driver `local` mounts the file system or directory that the options `type`, `device` and `o`
    /// specify. The type `tmpfs` is always allowed. Other types, such as `nfs`, or `bind` (with `o=bind`), are
    /// allowed only if the container driver's policy allows them. Options of other volume drivers are passed
    /// unchanged.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "schema", garde(custom(many(|_: &BTreeMap<String, String>, found| rules::volume_options(self, found)))), schemars(transform = json::map))]
    pub options: BTreeMap<String, String>,
}

/// The owner of a volume's root directory, as the numeric ids that containers see.
///
/// ```
/// use driver_interface_types::{SecurityOptions, VolumeOwner};
///
/// assert_eq!(Some(VolumeOwner::DEFAULT.to_string()), SecurityOptions::default().user);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(feature = "schema", garde(context(rules::RuleContext)))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VolumeOwner {
    /// The user id.
    #[cfg_attr(feature = "schema", garde(custom(one(within(rules::ID)))), schemars(transform = json::within(rules::ID)))]
    pub uid: u32,
    /// The group id.
    #[cfg_attr(feature = "schema", garde(custom(one(within(rules::ID)))), schemars(transform = json::within(rules::ID)))]
    pub gid: u32,
}

impl VolumeOwner {
    /// The user of containers with default security options.
    pub const DEFAULT: Self = Self::new(1000, 1000);

    /// The root user.
    pub const ROOT: Self = Self::new(0, 0);

    /// Creates an owner from a user id and a group id.
    pub const fn new(uid: u32, gid: u32) -> Self {
        Self { uid, gid }
    }
}

impl fmt::Display for VolumeOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uid, self.gid)
    }
}

impl VolumeConfig {
    /// Creates a config for a volume with the name `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            session_id: None,
            driver: None,
            owner: None,
            labels: BTreeMap::new(),
            options: BTreeMap::new(),
        }
    }

    crate::setters! {
        /// Sets the session that the volume belongs to.
        session(self, session: impl Into<String>) { self.session_id = Some(session.into()); }
        /// Sets the engine's volume driver.
        driver(self, driver: impl Into<String>) { self.driver = Some(driver.into()); }
        /// Sets the owner of the volume's root directory.
        owner(self, owner: VolumeOwner) { self.owner = Some(owner); }
        /// Sets a label.
        label(self, key: impl Into<String>, value: impl Into<String>) {
            self.labels.insert(key.into(), value.into());
        }
        /// Sets an option of the engine's volume driver.
        ///
        /// ```
        /// use driver_interface_types::VolumeConfig;
        ///
        /// let in_memory = VolumeConfig::new("scratch")
        ///     .option("type", "tmpfs")
        ///     .option("device", "tmpfs")
        ///     .option("o", "size=64m,uid=1000");
        /// assert_eq!(in_memory.options.len(), 3);
        /// ```
        option(self, key: impl Into<String>, value: impl Into<String>) {
            self.options.insert(key.into(), value.into());
        }
    }

    /// Returns the owner that a driver sets if the driver declares
    /// [`VolumeOwner`](crate::ConfigFeature::VolumeOwner). Returns `None` if the engine's volume driver chooses the
    /// owner.
    pub fn effective_owner(&self) -> Option<VolumeOwner> {
        let is_plain = matches!(self.driver.as_deref(), None | Some("local")) && self.options.is_empty();
        self.owner.or(is_plain.then_some(VolumeOwner::DEFAULT))
    }

    /// Returns an error if the config needs a feature that `capabilities` does not declare. Drivers call this method
    /// before they create the volume, so that no setting is silently ignored.
    ///
    /// # Errors
    /// [`UnsupportedError`], which names the setting and the missing capability.
    pub fn require(&self, capabilities: &Capabilities) -> Result<(), UnsupportedError> {
        if self.owner.is_some() {
            capabilities.require(Operation::CreateVolume, "`owner`", ConfigFeature::VolumeOwner)?;
        }
        if !self.options.is_empty() {
            capabilities.require(Operation::CreateVolume, "`options`", ConfigFeature::VolumeOptions)?;
        }
        Ok(())
    }
}

/// A volume, as reported by the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Volume {
    /// The volume's id. The id is the volume's name, because engines have no other id for volumes.
    pub id: VolumeId,
    /// The volume's name.
    pub name: String,
    /// The session that the volume belongs to, if any.
    pub session_id: Option<SessionId>,
    /// The engine's volume driver.
    pub driver: String,
    /// The path on the engine's host at which the engine stores the volume; empty if unknown.
    pub mountpoint: String,
    /// The owner that the volume was created with; `None` if the engine chose the owner. Later changes by containers
    /// are not reflected.
    pub owner: Option<VolumeOwner>,
    /// When the volume was created.
    #[serde(with = "millis::time")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub created_at: SystemTime,
    /// The labels from the volume's config, without the labels that the driver adds.
    pub labels: BTreeMap<String, String>,
}

impl Volume {
    /// Creates a `Volume` value without a session, labels, a mount point or an owner. Drivers set these fields
    /// afterwards.
    pub fn new(id: VolumeId, driver: impl Into<String>, created_at: SystemTime) -> Self {
        Self {
            name: id.to_string(),
            id,
            session_id: None,
            driver: driver.into(),
            mountpoint: String::new(),
            owner: None,
            created_at,
            labels: BTreeMap::new(),
        }
    }
}
