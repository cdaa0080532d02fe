//! Networks, which connect containers.

use std::collections::BTreeMap;
use std::net::IpAddr;
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
    /// The session that the network belongs to. If `None`, the network belongs to the driver's namespace and outlives
    /// every session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::session_id)))), schemars(transform = json::label_value))]
    pub session_id: Option<String>,
    /// The name of the engine's network driver. If `None`, the network driver is `bridge`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::network_driver)))), schemars(length(min = 1, max = MAX_DRIVER_NAME)))]
    pub driver: Option<String>,
    /// User-defined labels.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::labels))), schemars(transform = json::map))]
    pub labels: BTreeMap<String, String>,
    /// Options that are passed unchanged to the engine's network driver.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::options))), schemars(transform = json::map))]
    pub options: BTreeMap<String, String>,
    /// Whether the network is internal. Containers on an internal network can reach each other, but nothing else.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub internal: bool,
    /// The address ranges of the network: at most one IPv4 range and at most one IPv6 range. If the list is empty,
    /// the engine chooses the ranges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", garde(dive, custom(many(rules::subnets))))]
    pub subnets: Vec<Subnet>,
    /// Whether containers on the network have IPv6 addresses in addition to IPv4 addresses. If the engine cannot
    /// choose an IPv6 range itself (Docker before 27), also add an IPv6 range to `subnets`.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub ipv6: bool,
}

/// An address range of a network.
///
/// ```
/// use driver_interface_types::{NetworkConfig, Subnet};
///
/// let subnet = Subnet::new("10.89.7.0/24").gateway([10, 89, 7, 254]);
/// let config = NetworkConfig::new("backend").subnet(subnet);
/// assert_eq!(config.subnets[0].range, "10.89.7.0/24");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(feature = "schema", garde(context(rules::RuleContext)))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct Subnet {
    /// The range in CIDR form, such as `10.89.7.0/24`: the first address of the range, `/`, and the length of the
    /// prefix in bits.
    #[cfg_attr(feature = "schema", garde(custom(one(rules::address_range))))]
    pub range: String,
    /// The address of the network's gateway. The address must be within `range`. If `None`, the engine chooses the
    /// address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(|gateway: &IpAddr| rules::gateway(&self.range, *gateway))))))]
    pub gateway: Option<IpAddr>,
}

impl Subnet {
    /// Creates a subnet from an address range in CIDR form.
    pub fn new(range: impl Into<String>) -> Self {
        Self {
            range: range.into(),
            gateway: None,
        }
    }

    crate::setters! {
        /// Sets the address of the network's gateway.
        gateway(self, address: impl Into<IpAddr>) { self.gateway = Some(address.into()); }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

impl NetworkConfig {
    /// Creates a config for a network with the name `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            session_id: None,
            driver: None,
            labels: BTreeMap::new(),
            options: BTreeMap::new(),
            internal: false,
            subnets: Vec::new(),
            ipv6: false,
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
        /// Adds an address range.
        subnet(self, subnet: Subnet) { self.subnets.push(subnet); }
        /// Sets whether containers on the network have IPv6 addresses in addition to IPv4 addresses.
        ipv6(self, yes: bool) { self.ipv6 = yes; }
    }

    /// Returns an error if the config needs a feature that `capabilities` does not declare. Drivers call this method
    /// before they create the network, so that no setting is silently ignored.
    ///
    /// # Errors
    /// [`UnsupportedError`], which names the setting and the missing capability.
    pub fn require(&self, capabilities: &Capabilities) -> Result<(), UnsupportedError> {
        let requested = [
            (self.internal, "`internal`", ConfigFeature::InternalNetwork),
            (
                !self.subnets.is_empty(),
                "`subnets`",
                ConfigFeature::NetworkAddresses,
            ),
            (self.ipv6, "`ipv6`", ConfigFeature::NetworkAddresses),
        ];
        let mut requested = requested.into_iter().filter(|(is_requested, ..)| *is_requested);
        requested.try_for_each(|(_, subject, feature)| {
            capabilities.require(Operation::CreateNetwork, subject, feature)
        })
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
    /// The labels from the network's config, without the labels that the driver adds.
    pub labels: BTreeMap<String, String>,
    /// Whether the network is internal; see [`NetworkConfig::internal`].
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
    /// Names by which other containers on the network can resolve the container, in addition to the container's name.
    #[cfg_attr(feature = "schema", garde(custom(many(rules::names))), schemars(transform = json::network_names))]
    pub aliases: Vec<String>,
    /// The container's addresses on the network: at most one IPv4 address and at most one IPv6 address. If the list
    /// is empty, the engine chooses the addresses. Each address must be within one of the network's
    /// [subnets](NetworkConfig::subnets).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::addresses))))]
    pub addresses: Vec<IpAddr>,
}

impl NetworkConnectOptions {
    crate::setters! {
        /// Adds a name by which other containers on the network can resolve the container.
        alias(self, name: impl Into<String>) { self.aliases.push(name.into()); }
        /// Adds an address of the container on the network.
        address(self, address: impl Into<IpAddr>) { self.addresses.push(address.into()); }
    }

    /// Returns an error if the options need a feature that `capabilities` does not declare.
    ///
    /// # Errors
    /// [`UnsupportedError`], which names the setting and the missing capability.
    pub fn require(&self, capabilities: &Capabilities) -> Result<(), UnsupportedError> {
        if self.addresses.is_empty() {
            return Ok(());
        }
        capabilities.require(
            Operation::ConnectNetwork,
            "`addresses`",
            ConfigFeature::NetworkAddresses,
        )
    }
}

impl Network {
    /// Creates a `Network` value with no session, no labels, and `internal` set to `false`. Drivers set these three
    /// fields afterwards.
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
