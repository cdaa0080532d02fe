//! Volumes: storage that outlives containers.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use crate::rules::{self, json, limits::MAX_DRIVER_NAME, many, one};
use crate::{SessionId, VolumeId, millis};

/// The configuration of a volume.
///
/// ```
/// use driver_interface_types::VolumeConfig;
///
/// let config = VolumeConfig::new("cache").session("build-42").label("team", "core");
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
    /// The session that the volume belongs to. If unset, it belongs to the namespace and outlives every session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::session_id)))), schemars(transform = json::label_value))]
    pub session_id: Option<String>,
    /// The engine's volume driver; if unset, the engine's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::driver_name)))), schemars(length(min = 1, max = MAX_DRIVER_NAME)))]
    pub driver: Option<String>,
    /// User-defined labels.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::labels))), schemars(transform = json::map))]
    pub labels: BTreeMap<String, String>,
}

impl VolumeConfig {
    /// Creates a config for a volume of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            session_id: None,
            driver: None,
            labels: BTreeMap::new(),
        }
    }

    /// Sets the session that the volume belongs to.
    #[must_use]
    pub fn session(mut self, session: impl Into<String>) -> Self {
        self.session_id = Some(session.into());
        self
    }

    /// Sets the engine's volume driver.
    #[must_use]
    pub fn driver(mut self, driver: impl Into<String>) -> Self {
        self.driver = Some(driver.into());
        self
    }

    /// Sets a label.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }
}

/// A volume, as reported by the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Volume {
    /// The volume's id, which is its name, because engines have no other id for volumes.
    pub id: VolumeId,
    /// The volume's name.
    pub name: String,
    /// The session that the volume belongs to, if any.
    pub session_id: Option<SessionId>,
    /// The engine's volume driver.
    pub driver: String,
    /// The path on the engine's host at which the engine stores the volume.
    pub mountpoint: String,
    /// When the volume was created.
    #[serde(with = "millis::time")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub created_at: SystemTime,
    /// The labels from the volume's config, without the driver's own.
    pub labels: BTreeMap<String, String>,
}

impl Volume {
    /// Creates a volume with no session, no labels and an unknown mount point. Drivers fill in the rest.
    pub fn new(id: VolumeId, driver: impl Into<String>, created_at: SystemTime) -> Self {
        Self {
            name: id.to_string(),
            id,
            session_id: None,
            driver: driver.into(),
            mountpoint: String::new(),
            created_at,
            labels: BTreeMap::new(),
        }
    }
}
