//! The result of a health check, in which a driver checks its engine.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::millis;
use crate::text_enum::text_enum;

/// The result of [`health_check`](crate::ContainerDriver::health_check). If the engine is unreachable, the call does
/// not fail, but returns a result with the status `Unhealthy`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DriverHealth {
    /// Whether the engine responds and is usable.
    pub status: HealthStatus,
    /// The driver's version.
    pub version: String,
    /// The time since this driver was connected to the engine. In JSON, the value is in milliseconds.
    #[serde(with = "millis::duration")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub uptime: Duration,
    /// The number of containers in this driver's namespace, by status.
    pub containers: ContainerCounts,
    /// Information about the driver's engine; `None` if the engine did not respond.
    pub engine: Option<EngineInfo>,
    /// The reason why the engine is unhealthy, and the remedy; `None` if the engine is healthy.
    pub error: Option<String>,
}

/// Whether an engine is usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum HealthStatus {
    /// The engine responds.
    Healthy,
    /// The engine does not respond, or returns an unexpected response.
    Unhealthy,
}

text_enum!(HealthStatus, "health status": Healthy = "healthy", Unhealthy = "unhealthy");

/// The number of containers by status. `total` is `running + stopped + others`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ContainerCounts {
    /// The number of all containers.
    pub total: u64,
    /// The number of containers with status `running`.
    pub running: u64,
    /// The number of containers with status `stopped` or `exited`, that is, containers that have run and exited.
    pub stopped: u64,
    /// The number of containers with status `created`, `paused`, `removing` or `dead`.
    pub others: u64,
}

impl ContainerCounts {
    /// Counts containers by status; `statuses` yields the status of each container.
    pub fn of(statuses: impl IntoIterator<Item = crate::ContainerStatus>) -> Self {
        use crate::ContainerStatus as Status;
        let mut counts = Self::default();
        for status in statuses {
            counts.total += 1;
            match status {
                Status::Running => counts.running += 1,
                Status::Stopped | Status::Exited => counts.stopped += 1,
                Status::Created | Status::Paused | Status::Removing | Status::Dead => counts.others += 1,
            }
        }
        counts
    }
}

/// Information about a driver's engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EngineInfo {
    /// The product name, such as `Docker` or `Podman`.
    pub name: String,
    /// The engine's version.
    pub version: String,
    /// The API version that the driver uses; `None` if the engine has no API version.
    pub api_version: Option<String>,
}

impl EngineInfo {
    /// Creates engine info from the product name, the engine's version and the API version that the driver uses.
    pub fn new(name: impl Into<String>, version: impl Into<String>, api_version: Option<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            api_version,
        }
    }
}

impl DriverHealth {
    /// Creates the result for a healthy engine. The result contains no engine info.
    pub fn healthy(version: impl Into<String>, uptime: Duration, containers: ContainerCounts) -> Self {
        Self {
            status: HealthStatus::Healthy,
            version: version.into(),
            uptime,
            containers,
            engine: None,
            error: None,
        }
    }

    /// Creates the result for an unhealthy engine. `error` states the reason and the remedy.
    pub fn unhealthy(version: impl Into<String>, uptime: Duration, error: impl Into<String>) -> Self {
        Self {
            status: HealthStatus::Unhealthy,
            version: version.into(),
            uptime,
            containers: ContainerCounts::default(),
            engine: None,
            error: Some(error.into()),
        }
    }

    /// Sets the engine info.
    #[must_use]
    pub fn with_engine(mut self, engine: EngineInfo) -> Self {
        self.engine = Some(engine);
        self
    }

    /// Returns whether the engine is healthy.
    pub fn is_healthy(&self) -> bool {
        self.status == HealthStatus::Healthy
    }
}
