//! Volumes: storage that outlives containers.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::{SessionId, VolumeId, millis};

/// Says what volume to make.
///
/// ```
/// use driver_interface_types::VolumeConfig;
///
/// let config = VolumeConfig::new("cache").session("build-42").label("team", "core");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct VolumeConfig {
    /// Its name, unique on the engine; see [`VolumeId`] for what it may be.
    pub name: String,
    /// The session it belongs to. Without one it belongs to the namespace and outlives every session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The engine's volume driver; the engine's default without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Labels of yours.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

impl VolumeConfig {
    /// A volume of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            session_id: None,
            driver: None,
            labels: BTreeMap::new(),
        }
    }

    /// Sets the session it belongs to.
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

/// A volume as the engine has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Volume {
    /// Its id: its name, as engines have no other.
    pub id: VolumeId,
    /// Its name.
    pub name: String,
    /// The session it belongs to, if it does.
    pub session_id: Option<SessionId>,
    /// The engine's volume driver.
    pub driver: String,
    /// Where the engine keeps it on its host.
    pub mountpoint: String,
    /// When it was made.
    #[serde(with = "millis::time")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub created_at: SystemTime,
    /// The labels its config gave it, without the drivers' own.
    pub labels: BTreeMap<String, String>,
}

impl Volume {
    /// A volume with no session, no labels and an unknown place. Drivers fill in the rest.
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
