//! The addresses of extra hosts.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use driver_interface_errors::ConfigurationError;
use serde::{Deserialize, Serialize};

/// The address to which a container resolves the name of an [extra host](crate::ContainerConfig::extra_hosts). In
/// JSON, the address is a string.
///
/// ```
/// use driver_interface_types::{ContainerConfig, HostAddress};
///
/// let config = ContainerConfig::new("demo", "alpine")
///     .extra_host("db", [10, 0, 0, 7])
///     .extra_host("host.docker.internal", HostAddress::HostGateway);
/// assert_eq!(config.extra_hosts["host.docker.internal"].to_string(), "host-gateway");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String", extend("format" = "host-address")))]
#[non_exhaustive]
pub enum HostAddress {
    /// An IP address.
    Ip(IpAddr),
    /// `host-gateway`: the address at which containers reach the engine's host. The engine determines this address.
    /// Containers can reach a program on the host only if the program listens on this address or on all interfaces.
    HostGateway,
}

/// The text form of [`HostAddress::HostGateway`].
const HOST_GATEWAY: &str = "host-gateway";

macro_rules! from_addresses {
    ($($Address:ty),+) => {
        $(impl From<$Address> for HostAddress {
            fn from(address: $Address) -> Self {
                Self::Ip(address.into())
            }
        })+
    };
}

from_addresses!(IpAddr, Ipv4Addr, Ipv6Addr, [u8; 4], [u16; 8]);

impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::HostGateway => f.pad(HOST_GATEWAY),
        }
    }
}

impl FromStr for HostAddress {
    type Err = ConfigurationError;

    fn from_str(text: &str) -> Result<Self, ConfigurationError> {
        if text == HOST_GATEWAY {
            return Ok(Self::HostGateway);
        }
        text.parse().map(Self::Ip).map_err(|_| {
            let message = format!("must be an IP address or `{HOST_GATEWAY}`; got {text:?}");
            ConfigurationError::single("extraHosts", "wrong-type", message)
        })
    }
}

impl TryFrom<String> for HostAddress {
    type Error = ConfigurationError;

    fn try_from(text: String) -> Result<Self, ConfigurationError> {
        text.parse()
    }
}

impl From<HostAddress> for String {
    fn from(address: HostAddress) -> Self {
        address.to_string()
    }
}
