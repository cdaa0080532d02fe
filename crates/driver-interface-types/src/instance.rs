//! The state of a container, as reported by the engine.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::{
    ContainerHealth, ContainerId, ContainerState, ContainerStatus, EnforcementReport, ExitInfo, Protocol,
    PublishedPort, ResourceLimits, SessionId, millis,
};

/// A snapshot of a container, as reported by the engine at the time of the call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ContainerInstance {
    /// The container's id on the engine.
    pub id: ContainerId,
    /// The container's name, without Docker's leading slash.
    pub name: String,
    /// The session that the container belongs to.
    pub session_id: SessionId,
    /// The image that the container was created from, as named in the config.
    pub image: String,
    /// The container's status in its life cycle.
    pub status: ContainerStatus,
    /// A summary of `status`: running, terminated or error.
    pub state: ContainerState,
    /// The container's address on its network; `None` if the container has no address or does not run.
    pub ip_address: Option<IpAddr>,
    /// The time at which the container was created.
    #[serde(with = "millis::time")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub created_at: SystemTime,
    /// The time at which the last run started; `None` if the container has never run.
    #[serde(with = "millis::optional_time")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub started_at: Option<SystemTime>,
    /// The exit info of the last run; `None` if the container is running or has never run.
    pub exit: Option<ExitInfo>,
    /// The labels from the container's config, without the labels that the driver adds.
    pub labels: BTreeMap<String, String>,
    /// The resource limits with which the container was created.
    pub resources: ResourceLimits,
    /// Warnings about settings in the config that the engine does not enforce.
    pub warnings: Vec<Warning>,
    /// The ports published on the host; empty while the container does not run.
    #[serde(default)]
    pub ports: Vec<PublishedPort>,
    /// The results of the health checks; `None` if the container has no health check or has not run yet.
    #[serde(default)]
    pub health: Option<ContainerHealth>,
    /// Which limits and security options the engine enforces; `None` if the driver does not report the enforcement.
    #[serde(default)]
    pub enforcement: Option<EnforcementReport>,
}

/// A warning about a setting in a config, for example that the engine does not enforce the setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Warning {
    /// The path of the setting, such as `resources.disk`.
    pub path: String,
    /// A stable code, such as `not-enforced`.
    pub code: String,
    /// The problem with the setting, the reason and the remedy.
    pub message: String,
}

impl Warning {
    /// Creates a warning about the setting at `path` in the config.
    pub fn new(path: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            code: code.into(),
            message: message.into(),
        }
    }
}

impl ContainerInstance {
    /// Creates a `ContainerInstance` value with status `created`. Fields without a parameter have default values;
    /// drivers fill in these fields.
    pub fn new(
        id: ContainerId,
        name: impl Into<String>,
        session_id: SessionId,
        image: impl Into<String>,
        created_at: SystemTime,
    ) -> Self {
        Self {
            id,
            name: name.into(),
            session_id,
            image: image.into(),
            status: ContainerStatus::Created,
            state: ContainerStatus::Created.state(),
            ip_address: None,
            created_at,
            started_at: None,
            exit: None,
            labels: BTreeMap::new(),
            resources: ResourceLimits::default(),
            warnings: Vec::new(),
            ports: Vec::new(),
            health: None,
            enforcement: None,
        }
    }

    /// Sets the status, and sets the state that corresponds to the status.
    #[must_use]
    pub fn with_status(mut self, status: ContainerStatus) -> Self {
        self.status = status;
        self.state = status.state();
        self
    }

    /// Returns the exit code of the last run; `None` if the container is running or has never run.
    pub fn exit_code(&self) -> Option<i64> {
        self.exit.as_ref().map(|exit| exit.code)
    }

    /// Returns the address at which programs on the engine's host can reach the container's TCP port
    /// `container_port`. Returns `None` if the container is not running, or if the config does not
    /// [publish](crate::ContainerConfig::ports) the port. (The container's address on its own network is
    /// [`ip_address`](Self::ip_address).)
    ///
    /// ```
    /// # use std::time::UNIX_EPOCH;
    /// # use driver_interface_types::{ContainerId, ContainerInstance, Protocol, PublishedPort, SessionId};
    /// # let (id, session) = (ContainerId::new("ab")?, SessionId::new("s")?);
    /// # let mut container = ContainerInstance::new(id, "ab", session, "nginx", UNIX_EPOCH);
    /// container.ports = vec![PublishedPort::new(80, Protocol::Tcp, [0, 0, 0, 0].into(), 49153)];
    /// assert_eq!(container.endpoint(80), Some("127.0.0.1:49153".parse()?));
    /// assert_eq!(container.endpoint(81), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn endpoint(&self, container_port: u16) -> Option<SocketAddr> {
        self.endpoint_of(container_port, Protocol::Tcp)
    }

    /// Returns the address at which programs on the engine's host can reach the container's port `container_port`
    /// with the given protocol; see [`endpoint`](Self::endpoint).
    pub fn endpoint_of(&self, container_port: u16, protocol: Protocol) -> Option<SocketAddr> {
        let is_it =
            |port: &&PublishedPort| port.container_port == container_port && port.protocol == protocol;
        let port = self.ports.iter().find(is_it)?;
        let address = match port.host_ip {
            IpAddr::V4(any) if any.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(any) if any.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            address => address,
        };
        Some(SocketAddr::new(address, port.host_port))
    }
}
