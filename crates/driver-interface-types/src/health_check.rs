//! Health checks of containers: what is run, and what came of it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::millis;
use crate::words::Words;

/// A command that the engine runs in the container again and again to see whether it is well. It replaces the
/// image's own.
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct HealthCheck {
    /// The command. It ends with 0 when all is well.
    pub test: HealthTest,
    /// The time between two checks: 30 s where none is given.
    #[serde(with = "millis::duration", default = "default_interval")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub interval: Duration,
    /// How long one check may take: 30 s where nothing is given. One that takes longer has failed.
    #[serde(with = "millis::duration", default = "default_timeout")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub timeout: Duration,
    /// How many checks in a row have to fail before the container counts as unhealthy: 3 where nothing is given.
    #[serde(default = "default_retries")]
    pub retries: u32,
    /// How long after its start failures do not count: none where nothing is given.
    #[serde(with = "millis::duration", default)]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub start_period: Duration,
}

/// The command of a health check: a list of words, or a text for the container's shell.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum HealthTest {
    /// A program and its arguments, passed on word by word.
    Command(Vec<String>),
    /// A command line for the container's `sh`.
    Shell(String),
}

impl fmt::Debug for HealthTest {
    /// Shows the program and no more of the command: its arguments may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(words) => f.debug_tuple("Command").field(&Words(words)).finish(),
            Self::Shell(line) => write!(f, "Shell({} bytes)", line.len()),
        }
    }
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
    /// The time between two checks where none is given.
    pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);
    /// How long one check may take where nothing is given.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
    /// How many checks have to fail where nothing is given.
    pub const DEFAULT_RETRIES: u32 = 3;

    /// Runs a command, with the usual times.
    pub fn new(test: HealthTest) -> Self {
        Self {
            test,
            interval: Self::DEFAULT_INTERVAL,
            timeout: Self::DEFAULT_TIMEOUT,
            retries: Self::DEFAULT_RETRIES,
            start_period: Duration::ZERO,
        }
    }

    /// Runs a program and its arguments.
    pub fn command(words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(HealthTest::Command(words.into_iter().map(Into::into).collect()))
    }

    /// Runs a command line in the container's `sh`.
    pub fn shell(line: impl Into<String>) -> Self {
        Self::new(HealthTest::Shell(line.into()))
    }

    /// Sets the time between two checks.
    #[must_use]
    pub fn interval(mut self, time: Duration) -> Self {
        self.interval = time;
        self
    }

    /// Sets how long one check may take.
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    /// Sets how many checks in a row have to fail.
    #[must_use]
    pub fn retries(mut self, count: u32) -> Self {
        self.retries = count;
        self
    }

    /// Sets how long after its start failures do not count.
    #[must_use]
    pub fn start_period(mut self, time: Duration) -> Self {
        self.start_period = time;
        self
    }
}

/// What a container's health checks have found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ContainerHealth {
    /// What they amount to.
    pub status: ContainerHealthStatus,
    /// How many have failed in a row.
    pub failing_streak: u32,
    /// What the last one printed, cut by the engine.
    pub last_output: Option<String>,
    /// Why it is not healthy, in one sentence.
    pub reason: Option<String>,
}

/// What health checks amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ContainerHealthStatus {
    /// None has passed yet, and not enough have failed.
    Starting,
    /// The last ones passed.
    Healthy,
    /// As many have failed in a row as may.
    Unhealthy,
}

impl ContainerHealth {
    /// Health with no failures and no output. Drivers fill in the rest.
    pub fn new(status: ContainerHealthStatus) -> Self {
        Self {
            status,
            failing_streak: 0,
            last_output: None,
            reason: None,
        }
    }

    /// Whether the last checks passed.
    pub fn is_healthy(&self) -> bool {
        self.status == ContainerHealthStatus::Healthy
    }
}
