//! Networks: who can reach whom.

use std::collections::BTreeMap;
use std::time::SystemTime;

use driver_interface_errors::UnsupportedError;
use serde::{Deserialize, Serialize};

use crate::{Capabilities, NetworkId, SessionId, millis};

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
    /// Whether there is no way out of it: its containers reach each other and nothing else.
    #[serde(default, skip_serializing_if = "is_false")]
    pub internal: bool,
}

fn is_false(value: &bool) -> bool {
    !value
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
            internal: false,
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

    /// Sets whether there is no way out of it.
    #[must_use]
    pub fn internal(mut self, yes: bool) -> Self {
        self.internal = yes;
        self
    }

    /// Refuses a config that asks for what a driver does not declare, so that nothing that was asked for is
    /// dropped in silence. Drivers call it before anything else.
    ///
    /// # Errors
    /// [`UnsupportedError`] that names the path and its capability.
    pub fn require(&self, capabilities: &Capabilities) -> Result<(), UnsupportedError> {
        if !self.internal || capabilities.network_internal {
            return Ok(());
        }
        let reason = "`internal` needs `network_internal`, which this driver does not declare";
        Err(UnsupportedError::new("create_network", reason))
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
    /// Whether there is no way out of it.
    #[serde(default)]
    pub internal: bool,
}

/// How [`connect_network`](crate::ContainerDriver::connect_network) attaches a container.
///
/// ```
/// use driver_interface_types::NetworkConnectOptions;
///
/// let options = NetworkConnectOptions::default().alias("db").alias("postgres");
/// assert_eq!(options.aliases, ["db", "postgres"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct NetworkConnectOptions {
    /// Names besides its own by which the others on that network find it.
    pub aliases: Vec<String>,
}

impl NetworkConnectOptions {
    /// Gives it one more name on that network.
    #[must_use]
    pub fn alias(mut self, name: impl Into<String>) -> Self {
        self.aliases.push(name.into());
        self
    }
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
            internal: false,
        }
    }
}
