//! Health checks of containers: configuration and results.

use std::time::Duration;

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use crate::rules::{self, json, many, one, within};
use crate::text_enum::text_enum;
use crate::words::Words;
use crate::{IntoCommand, millis};

/// A command that the engine runs in the container at intervals to check the container's health. This health check
/// replaces the health check of the image.
///
/// ```
/// use std::time::Duration;
/// use driver_interface_types::{HealthCheck, HealthTest};
///
/// let check = HealthCheck::command(["pg_isready", "-q"]).interval(Duration::from_secs(2));
/// assert_eq!(check.retries, 3);
/// let shell = HealthCheck::shell("wget -q -O - localhost | grep -q ok");
/// assert!(matches!(shell.test, HealthTest::Shell(_)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(feature = "schema", garde(context(rules::RuleContext)))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct HealthCheck {
    /// The command that checks the health. Exit code 0 means that the container is healthy.
    #[cfg_attr(feature = "schema", garde(custom(many(rules::test))))]
    pub test: HealthTest,
    /// The time between two checks; default 30 s.
    #[serde(with = "millis::duration", default = "default_interval")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    #[cfg_attr(feature = "schema", garde(custom(one(rules::health_time(1)))), schemars(transform = json::health_time(1)))]
    pub interval: Duration,
    /// The maximum duration of one check; default 30 s. A check that takes longer counts as failed.
    #[serde(with = "millis::duration", default = "default_timeout")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    #[cfg_attr(feature = "schema", garde(custom(one(rules::health_time(1)))), schemars(transform = json::health_time(1)))]
    pub timeout: Duration,
    /// The number of consecutive failures after which the container is unhealthy; default 3.
    #[serde(default = "default_retries")]
    #[cfg_attr(feature = "schema", garde(custom(one(within(rules::COUNT)))), schemars(transform = json::within(rules::COUNT)))]
    pub retries: u32,
    /// The time after the container's start during which failed checks do not count; default zero.
    #[serde(with = "millis::duration", default)]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    #[cfg_attr(feature = "schema", garde(custom(one(rules::health_time(0)))), schemars(transform = json::health_time(0)))]
    pub start_period: Duration,
    /// The time between two checks during the start period. If `None`, the engine chooses the time; Docker uses 5 s.
    #[serde(
        with = "millis::optional_duration",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::health_time(1))))), schemars(transform = json::health_time(1)))]
    pub start_interval: Option<Duration>,
}

/// The command of a health check: a program with its arguments, a command line for the container's `sh`, or no
/// command.
#[derive(Clone, derive_more::Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
// `Debug` shows only the program of the command, because its arguments may contain secrets.
pub enum HealthTest {
    /// The program, followed by its arguments. The program is run without a shell.
    Command(#[debug("{:?}", Words(_0))] Vec<String>),
    /// A command line for the container's `sh`.
    Shell(#[debug("{} bytes", _0.len())] String),
    /// No command: the container has no health check, and the health check of the image is disabled. In JSON, this is
    /// `null`.
    Disabled,
}

fn default_interval() -> Duration {
    HealthCheck::DEFAULT_INTERVAL
}

fn default_timeout() -> Duration {
    HealthCheck::DEFAULT_TIMEOUT
}

fn default_retries() -> u32 {
    HealthCheck::DEFAULT_RETRIES
}

impl HealthCheck {
    /// The default time between two checks.
    pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);
    /// The default maximum duration of one check.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
    /// The default number of consecutive failures after which the container is unhealthy.
    pub const DEFAULT_RETRIES: u32 = 3;

    /// Creates a health check with the command `test`, and with default intervals, timeout and retries.
    pub fn new(test: HealthTest) -> Self {
        Self {
            test,
            interval: Self::DEFAULT_INTERVAL,
            timeout: Self::DEFAULT_TIMEOUT,
            retries: Self::DEFAULT_RETRIES,
            start_period: Duration::ZERO,
            start_interval: None,
        }
    }

    /// Creates a `HealthCheck` value that disables the health check of the image.
    ///
    /// ```
    /// use driver_interface_types::{ContainerConfig, HealthCheck};
    ///
    /// let config = ContainerConfig::new("demo", "postgres").health_check(HealthCheck::disabled());
    /// assert!(config.needs().is_empty());
    /// ```
    pub fn disabled() -> Self {
        Self::new(HealthTest::Disabled)
    }

    /// Creates a health check that runs a program with its arguments.
    pub fn command(words: impl IntoCommand) -> Self {
        Self::new(HealthTest::Command(words.into_command()))
    }

    /// Creates a health check that runs a command line with the container's `sh`.
    pub fn shell(line: impl Into<String>) -> Self {
        Self::new(HealthTest::Shell(line.into()))
    }

    crate::setters! {
        /// Sets the time between two checks.
        interval(self, time: Duration) { self.interval = time; }
        /// Sets the maximum duration of one check.
        timeout(self, time: Duration) { self.timeout = time; }
        /// Sets the number of consecutive failures after which the container is unhealthy.
        retries(self, count: u32) { self.retries = count; }
        /// Sets the time after the container's start during which failed checks do not count.
        start_period(self, time: Duration) { self.start_period = time; }
        /// Sets the time between two checks during the start period.
        start_interval(self, time: Duration) { self.start_interval = Some(time); }
    }
}

/// The results of a container's health checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ContainerHealth {
    /// The overall status of the health checks.
    pub status: ContainerHealthStatus,
    /// The current number of consecutive failed checks.
    pub failing_streak: u32,
    /// The output of the last check; `None` if no check has run. The engine may truncate the output.
    pub last_output: Option<String>,
    /// The reason why the container is not healthy, in one sentence; `None` if the container is healthy.
    pub reason: Option<String>,
}

/// The overall status of a container's health checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ContainerHealthStatus {
    /// No check has passed yet, and fewer than [`retries`](HealthCheck::retries) checks have failed.
    Starting,
    /// The last check passed.
    Healthy,
    /// The last [`retries`](HealthCheck::retries) checks failed.
    Unhealthy,
}

text_enum!(ContainerHealthStatus, "health status":
    Starting = "starting", Healthy = "healthy", Unhealthy = "unhealthy");

impl ContainerHealth {
    /// Creates a `ContainerHealth` value with the status `status`. Drivers fill in the other fields.
    pub fn new(status: ContainerHealthStatus) -> Self {
        Self {
            status,
            failing_streak: 0,
            last_output: None,
            reason: None,
        }
    }

    /// Returns whether the container is healthy.
    pub fn is_healthy(&self) -> bool {
        self.status == ContainerHealthStatus::Healthy
    }
}
