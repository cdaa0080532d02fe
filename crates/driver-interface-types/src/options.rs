//! The options of operations.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::millis;

/// How [`stop_container`](crate::ContainerDriver::stop_container) ends the main process.
///
/// | `force` | `timeout` | what happens |
/// |---|---|---|
/// | no | none | the stop signal, then the driver's default grace (10 s) |
/// | no | some | the stop signal, then that much grace; if it still runs: `ContainerStopError`, and it keeps running |
/// | yes | none | killed at once |
/// | yes | some | the stop signal, that much grace, then killed |
///
/// ```
/// use std::time::Duration;
/// use driver_interface_types::StopOptions;
///
/// let patient = StopOptions::graceful(Duration::from_secs(30));
/// let firm = StopOptions::kill_after(Duration::from_secs(2));
/// assert!(!patient.force && firm.force);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct StopOptions {
    /// The grace between the stop signal and giving up (or killing), in milliseconds on the wire.
    #[serde(with = "millis::optional_duration")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub timeout: Option<Duration>,
    /// Whether what does not stop is killed.
    pub force: bool,
}

impl StopOptions {
    /// The grace where none is given, unless a driver says otherwise.
    pub const DEFAULT_GRACE: Duration = Duration::from_secs(10);

    /// Asks it to stop and gives up after `grace`: what does not stop keeps running.
    pub fn graceful(grace: Duration) -> Self {
        Self {
            timeout: Some(grace),
            force: false,
        }
    }

    /// Kills it at once.
    pub fn kill() -> Self {
        Self {
            timeout: None,
            force: true,
        }
    }

    /// Asks it to stop and kills it after `grace`.
    pub fn kill_after(grace: Duration) -> Self {
        Self {
            timeout: Some(grace),
            force: true,
        }
    }
}

/// How long [`wait_container`](crate::ContainerDriver::wait_container) waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct WaitOptions {
    /// The longest wait; for as long as it takes without one.
    #[serde(with = "millis::optional_duration")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub timeout: Option<Duration>,
}

impl WaitOptions {
    /// Waits no longer than `longest`.
    pub fn at_most(longest: Duration) -> Self {
        Self {
            timeout: Some(longest),
        }
    }
}

/// How [`remove_container`](crate::ContainerDriver::remove_container) treats a container that still runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RemoveOptions {
    /// Whether a running or paused container is killed and removed; without it that is refused.
    pub force: bool,
}

impl RemoveOptions {
    /// Removes it even while it runs.
    pub fn force() -> Self {
        Self { force: true }
    }
}

/// Which part of the logs [`get_container_logs`](crate::ContainerDriver::get_container_logs) returns. The
/// default is all of both streams.
///
/// ```
/// use driver_interface_types::LogOptions;
///
/// let last = LogOptions::default().tail(20).timestamps(true);
/// assert_eq!(last.tail, Some(20));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LogOptions {
    /// Whether to go on reading until the container ends (or is removed). A container that was not started
    /// yet is waited for. The driver's deadline for the call still holds.
    pub follow: bool,
    /// Only so many lines from the end: none of them with `0`, all without it.
    pub tail: Option<u64>,
    /// Only lines written at or after this time.
    #[serde(with = "millis::optional_time")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub since: Option<SystemTime>,
    /// Whether each line starts with its time: RFC 3339 in UTC, then a space.
    pub timestamps: bool,
    /// Whether standard output is included.
    pub stdout: bool,
    /// Whether standard error is included. Selecting neither stream is refused.
    pub stderr: bool,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            follow: false,
            tail: None,
            since: None,
            timestamps: false,
            stdout: true,
            stderr: true,
        }
    }
}

impl LogOptions {
    /// Sets whether to go on reading until the container ends.
    #[must_use]
    pub fn follow(mut self, yes: bool) -> Self {
        self.follow = yes;
        self
    }

    /// Keeps only so many lines from the end.
    #[must_use]
    pub fn tail(mut self, lines: u64) -> Self {
        self.tail = Some(lines);
        self
    }

    /// Keeps only lines written at or after `time`.
    #[must_use]
    pub fn since(mut self, time: SystemTime) -> Self {
        self.since = Some(time);
        self
    }

    /// Sets whether each line starts with its time.
    #[must_use]
    pub fn timestamps(mut self, yes: bool) -> Self {
        self.timestamps = yes;
        self
    }

    /// Keeps only standard output.
    #[must_use]
    pub fn only_stdout(mut self) -> Self {
        (self.stdout, self.stderr) = (true, false);
        self
    }

    /// Keeps only standard error.
    #[must_use]
    pub fn only_stderr(mut self) -> Self {
        (self.stdout, self.stderr) = (false, true);
        self
    }
}

/// What [`start_container`](crate::ContainerDriver::start_container) found and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StartOutcome {
    /// This call started it.
    Started,
    /// It ran already; nothing was done.
    AlreadyRunning,
}

/// What [`stop_container`](crate::ContainerDriver::stop_container) found and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StopOutcome {
    /// The main process ended by itself after the stop signal.
    Stopped,
    /// It did not end in time and was killed.
    Killed,
    /// It did not run; nothing was done.
    AlreadyStopped,
}

/// What [`pause_container`](crate::ContainerDriver::pause_container) found and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PauseOutcome {
    /// This call froze it.
    Paused,
    /// It was frozen already; nothing was done.
    AlreadyPaused,
}

/// What [`unpause_container`](crate::ContainerDriver::unpause_container) found and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnpauseOutcome {
    /// This call made it go on.
    Unpaused,
    /// It was not frozen; nothing was done.
    AlreadyRunning,
}
