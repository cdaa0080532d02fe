//! How an engine is doing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::millis;

/// What [`health_check`](crate::ContainerDriver::health_check) found. An engine that cannot be reached is a
/// finding, not an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DriverHealth {
    /// Whether the engine answers and can be worked with.
    pub status: HealthStatus,
    /// The driver's version.
    pub version: String,
    /// How long this driver has been connected, in milliseconds on the wire.
    #[serde(with = "millis::duration")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub uptime: Duration,
    /// How many containers this driver's namespace has.
    pub containers: ContainerCounts,
    /// The engine behind the driver, where it answered.
    pub engine: Option<EngineInfo>,
    /// Why it is unhealthy, and what to do.
    pub error: Option<String>,
}

/// Whether an engine can be worked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// It answers.
    Healthy,
    /// It does not, or not as it should.
    Unhealthy,
}

/// Counts of containers. `total` is `running + stopped + others`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ContainerCounts {
    /// All of them.
    pub total: u64,
    /// Those with status `running`.
    pub running: u64,
    /// Those that ran and ended: `stopped` and `exited`.
    pub stopped: u64,
    /// The rest: created, paused, removing, dead.
    pub others: u64,
}

impl ContainerCounts {
    /// Counts statuses.
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

/// The engine behind a driver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EngineInfo {
    /// Its product name, such as `Docker` or `Podman`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The version of its API in use, where it has one.
    pub api_version: Option<String>,
}

impl EngineInfo {
    /// Names an engine.
    pub fn new(name: impl Into<String>, version: impl Into<String>, api_version: Option<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            api_version,
        }
    }
}

impl DriverHealth {
    /// A healthy engine.
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

    /// An engine that cannot be worked with, and why.
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

    /// Adds what is known of the engine.
    #[must_use]
    pub fn with_engine(mut self, engine: EngineInfo) -> Self {
        self.engine = Some(engine);
        self
    }

    /// Whether the engine can be worked with.
    pub fn is_healthy(&self) -> bool {
        self.status == HealthStatus::Healthy
    }
}
