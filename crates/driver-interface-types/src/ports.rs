//! Ports of a container that are published on the host.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use driver_interface_errors::ConfigurationError;
use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use crate::rules::{self, json, one, within};
use crate::text_enum::text_enum;

/// A port of a container to publish on the host. By default the published port is reachable only from the host
/// itself.
///
/// The text form is `[[address:][host port]:]container port[/protocol]`:
///
/// ```
/// use driver_interface_types::{PortMapping, Protocol};
///
/// let web = PortMapping::new(80).host_port(8080);
/// assert_eq!(web.to_string(), "127.0.0.1:8080:80/tcp");
/// assert_eq!("8080:80".parse::<PortMapping>()?, web);
/// assert_eq!("53/udp".parse::<PortMapping>()?.protocol, Protocol::Udp);
/// assert_eq!("[::1]::443".parse::<PortMapping>()?.host_port, None);
/// # Ok::<(), driver_interface_types::ConfigurationError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(feature = "schema", garde(context(rules::RuleContext)))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct PortMapping {
    /// The port inside the container, 1 to 65535.
    #[cfg_attr(feature = "schema", garde(custom(one(within(rules::PORT)))), schemars(transform = json::within(rules::PORT)))]
    pub container_port: u16,
    /// The transport protocol: TCP, UDP or SCTP.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub protocol: Protocol,
    /// The host address to bind; `127.0.0.1` by default. `0.0.0.0` publishes the port on all interfaces.
    #[serde(default = "loopback")]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub host_ip: IpAddr,
    /// The host port to bind. If `None`, the engine picks a free port when the container starts.
    /// [`ContainerInstance::ports`](crate::ContainerInstance::ports) then contains the picked port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(within(rules::PORT))))), schemars(transform = json::within(rules::PORT)))]
    pub host_port: Option<u16>,
}

/// The transport protocol of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP. The kernel of the engine's host must support SCTP.
    Sctp,
}

/// A published port of a running container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PublishedPort {
    /// The port inside the container.
    pub container_port: u16,
    /// The transport protocol: TCP, UDP or SCTP.
    pub protocol: Protocol,
    /// The host address to which the container port is bound.
    pub host_ip: IpAddr,
    /// The host port to which the container port is bound.
    pub host_port: u16,
}

fn loopback() -> IpAddr {
    Ipv4Addr::LOCALHOST.into()
}

impl PortMapping {
    /// Creates a mapping of a TCP port to a host port that the engine picks. The host port is reachable only from the
    /// host itself.
    pub fn new(container_port: u16) -> Self {
        Self {
            container_port,
            protocol: Protocol::Tcp,
            host_ip: loopback(),
            host_port: None,
        }
    }

    crate::setters! {
        /// Sets the protocol.
        protocol(self, protocol: Protocol) { self.protocol = protocol; }
        /// Sets the host address to bind.
        host_ip(self, address: impl Into<IpAddr>) { self.host_ip = address.into(); }
        /// Sets the host port to bind.
        host_port(self, port: u16) { self.host_port = Some(port); }
    }
}

impl PortMapping {
    /// Parses the text form of a mapping in which each port may be a range, such as `8000-8010`. Returns one mapping
    /// for each container port. If `text` has host ports, it must have as many host ports as container ports. Docker
    /// accepts a range of host ports for a single container port, and chooses one host port from the range. This
    /// method rejects such a text.
    ///
    /// ```
    /// use driver_interface_types::PortMapping;
    ///
    /// let ports = PortMapping::parse_range("127.0.0.1:8000-8001:80-81/tcp")?;
    /// assert_eq!(ports, ["8000:80".parse()?, "8001:81".parse()?]);
    /// assert_eq!(PortMapping::parse_range("3000-3002")?.len(), 3);
    /// # Ok::<(), driver_interface_types::ConfigurationError>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigurationError`], which names the expected form.
    pub fn parse_range(text: &str) -> Result<Vec<Self>, ConfigurationError> {
        expand(text).ok_or_else(|| {
            let message = format!(
                "must have the form of one port, with ranges such as `8000-8010` of equal length; got {text:?}"
            );
            ConfigurationError::single("port", "invalid-port", message)
        })
    }
}

impl PublishedPort {
    /// Creates a published port: the container port `container_port` is bound to the host port `host_port` at the
    /// host address `host_ip`.
    pub fn new(container_port: u16, protocol: Protocol, host_ip: IpAddr, host_port: u16) -> Self {
        Self {
            container_port,
            protocol,
            host_ip,
            host_port,
        }
    }
}

text_enum!(Protocol, "protocol": Tcp = "tcp", Udp = "udp", Sctp = "sctp");

impl fmt::Display for PortMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host_ip {
            IpAddr::V4(address) => write!(f, "{address}:")?,
            IpAddr::V6(address) => write!(f, "[{address}]:")?,
        }
        if let Some(port) = self.host_port {
            write!(f, "{port}")?;
        }
        write!(f, ":{}/{}", self.container_port, self.protocol)
    }
}

impl FromStr for PortMapping {
    type Err = ConfigurationError;

    fn from_str(text: &str) -> Result<Self, ConfigurationError> {
        parse(text).ok_or_else(|| {
            let message = format!(
                "must be `container port`, `host port:container port` or `address:host port:container port`, \
                 optionally followed by `/tcp`, `/udp` or `/sctp`; got {text:?}"
            );
            ConfigurationError::single("port", "invalid-port", message)
        })
    }
}

fn parse(text: &str) -> Option<PortMapping> {
    let (rest, protocol) = match text.split_once('/') {
        Some((rest, protocol)) => (rest, protocol.parse().ok()?),
        None => (text, Protocol::Tcp),
    };
    let Some((host, container)) = rest.rsplit_once(':') else {
        return Some(PortMapping::new(port(rest)?).protocol(protocol));
    };
    let (address, host_port) = match host.rsplit_once(':') {
        Some((address, host_port)) => (Some(address), host_port),
        None => (None, host),
    };
    let mut mapping = PortMapping::new(port(container)?).protocol(protocol);
    if let Some(address) = address {
        mapping.host_ip = match address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(address) => IpAddr::V6(address.parse().ok()?),
            None => IpAddr::V4(address.parse().ok()?),
        };
    }
    mapping.host_port = match (host_port, address) {
        ("", Some(_)) => None,
        _ => Some(port(host_port)?),
    };
    Some(mapping)
}

/// Returns one mapping for each container port in `text`. Returns `None` if `text` is invalid, or if the ranges of
/// host ports and container ports differ in length.
fn expand(text: &str) -> Option<Vec<PortMapping>> {
    let (rest, protocol) = match text.split_once('/') {
        Some((rest, protocol)) => (rest, format!("/{protocol}")),
        None => (text, String::new()),
    };
    let (before, container) = rest.rsplit_once(':').unwrap_or(("", rest));
    let (address, host) = match before.rsplit_once(':') {
        Some((address, host)) => (format!("{address}:"), host),
        None => (String::new(), before),
    };
    let inner = range(container)?;
    let outer = match host {
        "" => None,
        host => Some(range(host)?),
    };
    if outer.as_ref().is_some_and(|outer| outer.len() != inner.len()) {
        return None;
    }
    let mapping = |index: usize| {
        let port = inner.clone().nth(index)?;
        let host = match &outer {
            Some(outer) => format!("{address}{}:", outer.clone().nth(index)?),
            None if before.is_empty() => String::new(),
            None => format!("{address}:"),
        };
        parse(&format!("{host}{port}{protocol}"))
    };
    (0..inner.len()).map(mapping).collect()
}

fn range(text: &str) -> Option<std::ops::Range<u32>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (u32::from(port(first)?), u32::from(port(last)?));
    (first <= last).then_some(first..last + 1)
}

/// Parses a port number. Returns `None` unless `text` has only decimal digits and is 1 to 65535.
fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0)
}
