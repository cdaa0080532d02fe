//! What a container is once made.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::{
    ContainerHealth, ContainerId, ContainerState, ContainerStatus, EnforcementReport, ExitInfo, Protocol,
    PublishedPort, ResourceLimits, SessionId, millis,
};

/// A container as the engine has it at the moment it was asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ContainerInstance {
    /// Its id on the engine.
    pub id: ContainerId,
    /// Its name, without the slash that Docker puts before it.
    pub name: String,
    /// The session it belongs to.
    pub session_id: SessionId,
    /// The image it was made from, as the config named it.
    pub image: String,
    /// Where it is in its life.
    pub status: ContainerStatus,
    /// The coarse view of the status.
    pub state: ContainerState,
    /// Its address on its network while it runs, where it has one.
    pub endpoint: Option<String>,
    /// When it was made.
    #[serde(with = "millis::time")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub created_at: SystemTime,
    /// When its last run started; none if it never ran.
    #[serde(with = "millis::optional_time")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub started_at: Option<SystemTime>,
    /// How its last run ended; none while it runs or if it never ran.
    pub exit: Option<ExitInfo>,
    /// The labels the config gave it, without the drivers' own.
    pub labels: BTreeMap<String, String>,
    /// The limits it was made with.
    pub resources: ResourceLimits,
    /// What the engine does not do of what the config asks.
    pub warnings: Vec<Warning>,
    /// Its ports that are reached from the host, while it runs.
    #[serde(default)]
    pub ports: Vec<PublishedPort>,
    /// What its health checks have found; none where it has none, or has not run yet.
    #[serde(default)]
    pub health: Option<ContainerHealth>,
    /// Which of its limits and security options hold; none where the driver does not say.
    #[serde(default)]
    pub enforcement: Option<EnforcementReport>,
}

/// Something asked for that this engine does not do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Warning {
    /// The path of what was asked for, such as `resources.disk`.
    pub path: String,
    /// A stable name for the case, such as `not-enforced`.
    pub code: String,
    /// What does not happen, why, and what can be done.
    pub message: String,
}

impl Warning {
    /// A warning about one path of the config.
    pub fn new(path: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            code: code.into(),
            message: message.into(),
        }
    }
}

impl ContainerInstance {
    /// A container just made, with `created` as its status and nothing else known. Drivers fill in the rest.
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
            endpoint: None,
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

    /// Sets the status, and the state that follows from it.
    #[must_use]
    pub fn with_status(mut self, status: ContainerStatus) -> Self {
        self.status = status;
        self.state = status.state();
        self
    }

    /// The exit code of its last run, if that ended.
    pub fn exit_code(&self) -> Option<i64> {
        self.exit.as_ref().map(|exit| exit.code)
    }

    /// Where a TCP port of it is reached from this host, while it runs and if the config
    /// [publishes](crate::ContainerConfig::ports) it. (Its address on its own network is the field of that name.)
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

    /// The same for a port of either protocol.
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
