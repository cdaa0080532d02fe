//! Networks, which connect containers.

use std::collections::BTreeMap;
use std::time::SystemTime;

use driver_interface_errors::UnsupportedError;
use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use crate::rules::{self, json, limits::MAX_DRIVER_NAME, many, one};
use crate::{Capabilities, ConfigFeature, NetworkId, Operation, SessionId, millis};

/// The configuration of a network. Containers on the network can resolve each other by name.
///
/// ```
/// use driver_interface_types::NetworkConfig;
///
/// let config = NetworkConfig::new("backend").session("build-42");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(feature = "schema", garde(context(rules::RuleContext)))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct NetworkConfig {
    /// The network's name, unique in the driver's namespace; see [`NetworkId`] for the valid values.
    #[cfg_attr(feature = "schema", garde(custom(one(rules::new_network_name))), schemars(transform = json::name))]
    pub name: String,
    /// The session that the network belongs to. If unset, it belongs to the namespace and outlives every session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::session_id)))), schemars(transform = json::label_value))]
    pub session_id: Option<String>,
    /// The engine's network driver; if unset, `bridge`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::network_driver)))), schemars(length(min = 1, max = MAX_DRIVER_NAME)))]
    pub driver: Option<String>,
    /// User-defined labels.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::labels))), schemars(transform = json::map))]
    pub labels: BTreeMap<String, String>,
    /// Options of the engine's network driver, passed unchanged.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::options))), schemars(transform = json::map))]
    pub options: BTreeMap<String, String>,
    /// Whether the network is internal: its containers can reach each other and nothing else.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub internal: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl NetworkConfig {
    /// Creates a config for a network of this name.
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

    crate::setters! {
        /// Sets the session that the network belongs to.
        session(self, session: impl Into<String>) { self.session_id = Some(session.into()); }
        /// Sets the engine's network driver.
        driver(self, driver: impl Into<String>) { self.driver = Some(driver.into()); }
        /// Sets a label.
        label(self, key: impl Into<String>, value: impl Into<String>) {
            self.labels.insert(key.into(), value.into());
        }
        /// Sets an option of the engine's network driver.
        option(self, key: impl Into<String>, value: impl Into<String>) {
            self.options.insert(key.into(), value.into());
        }
        /// Sets whether the network is internal.
        internal(self, yes: bool) { self.internal = yes; }
    }

    /// Returns an error if the config needs a feature that `capabilities` does not declare. Drivers call this first, so
    /// that no setting is silently ignored.
    ///
    /// # Errors
    /// [`UnsupportedError`], which names the path of the setting and the missing capability.
    pub fn require(&self, capabilities: &Capabilities) -> Result<(), UnsupportedError> {
        if !self.internal {
            return Ok(());
        }
        capabilities.require(
            Operation::CreateNetwork,
            "`internal`",
            ConfigFeature::InternalNetwork,
        )
    }
}

/// A network, as reported by the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Network {
    /// The network's id on the engine.
    pub id: NetworkId,
    /// The network's name.
    pub name: String,
    /// The session that the network belongs to, if any.
    pub session_id: Option<SessionId>,
    /// The engine's network driver.
    pub driver: String,
    /// When the network was created.
    #[serde(with = "millis::time")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub created_at: SystemTime,
    /// The labels from the network's config, without the driver's own.
    pub labels: BTreeMap<String, String>,
    /// Whether the network is internal.
    #[serde(default)]
    pub internal: bool,
}

/// The options of [`connect_network`](crate::ContainerDriver::connect_network).
///
/// ```
/// use driver_interface_types::NetworkConnectOptions;
///
/// let options = NetworkConnectOptions::default().alias("db").alias("postgres");
/// assert_eq!(options.aliases, ["db", "postgres"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(feature = "schema", garde(context(rules::RuleContext)))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct NetworkConnectOptions {
    /// Names, in addition to the container's own, by which other containers on the network can resolve the container.
    #[cfg_attr(feature = "schema", garde(custom(many(rules::names))), schemars(transform = json::network_names))]
    pub aliases: Vec<String>,
}

impl NetworkConnectOptions {
    /// Adds a name by which other containers on the network can resolve the container.
    #[must_use]
    pub fn alias(mut self, name: impl Into<String>) -> Self {
        self.aliases.push(name.into());
        self
    }
}

impl Network {
    /// Creates a `Network` value without a session or labels. Drivers fill in the other fields.
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
