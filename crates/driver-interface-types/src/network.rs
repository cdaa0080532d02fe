//! Networks: who can reach whom.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::{NetworkId, SessionId, millis};

/// Says what network to make. Containers on it find each other by name.
///
/// ```
/// use driver_interface_types::NetworkConfig;
///
/// let config = NetworkConfig::new("backend").session("build-42");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct NetworkConfig {
    /// Its name, unique in the driver's namespace; see [`NetworkId`] for what it may be.
    pub name: String,
    /// The session it belongs to. Without one it belongs to the namespace and outlives every session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The engine's network driver; `bridge` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Labels of yours.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Options of the engine's network driver, passed on as they are.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

impl NetworkConfig {
    /// A network of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            session_id: None,
            driver: None,
            labels: BTreeMap::new(),
            options: BTreeMap::new(),
        }
    }

    /// Sets the session it belongs to.
    #[must_use]
    pub fn session(mut self, session: impl Into<String>) -> Self {
        self.session_id = Some(session.into());
        self
    }

    /// Sets the engine's network driver.
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

    /// Sets an option of the engine's network driver.
    #[must_use]
    pub fn option(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.insert(key.into(), value.into());
        self
    }
}

/// A network as the engine has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Network {
    /// Its id on the engine.
    pub id: NetworkId,
    /// Its name.
    pub name: String,
    /// The session it belongs to, if it does.
    pub session_id: Option<SessionId>,
    /// The engine's network driver.
    pub driver: String,
    /// When it was made.
    #[serde(with = "millis::time")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub created_at: SystemTime,
    /// The labels its config gave it, without the drivers' own.
    pub labels: BTreeMap<String, String>,
}

impl Network {
    /// A network with no session and no labels. Drivers fill in the rest.
    pub fn new(
        id: NetworkId,
        name: impl Into<String>,
        driver: impl Into<String>,
        created_at: SystemTime,
    ) -> Self {
        Self {
            id,
            name: name.into(),
            session_id: None,
            driver: driver.into(),
            created_at,
            labels: BTreeMap::new(),
        }
    }
}
