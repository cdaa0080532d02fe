//! Options and outcomes of operations.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::millis;
#[cfg(feature = "schema")]
use crate::rules::{self, one};
use crate::text_enum::text_enum;

/// The options of [`stop_container`](crate::ContainerDriver::stop_container): how the main process is stopped.
///
/// | `force` | `timeout` | behaviour |
/// |---|---|---|
/// | no | none | the stop signal, the driver's default grace period (10 s), then `ContainerStopError` if the container still runs |
/// | no | some | the stop signal, the grace period `timeout`, then `ContainerStopError` if the container still runs |
/// | yes | none | a kill, immediately |
/// | yes | some | the stop signal, the grace period `timeout`, then a kill if the container still runs |
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
    /// The grace period: how long the main process may take to exit after the stop signal. If `None`, the driver's
    /// default grace period is used, or no grace period if `force` is set. On the wire, the value is in milliseconds.
    #[serde(with = "millis::optional_duration")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub timeout: Option<Duration>,
    /// Whether the main process is killed if it is still running at the end of the grace period. If `timeout` is
    /// `None`, the process is killed immediately.
    pub force: bool,
}

impl StopOptions {
    /// The grace period that a driver uses if `timeout` is `None`, unless the driver documents a different default.
    pub const DEFAULT_GRACE: Duration = Duration::from_secs(10);

    /// Creates options for a stop without a kill: the driver sends the stop signal and waits for at most `grace`. A
    /// process that does not exit in that time keeps running.
    pub fn graceful(grace: Duration) -> Self {
        Self {
            timeout: Some(grace),
            force: false,
        }
    }

    /// Creates options for a stop that kills the process immediately.
    pub fn kill() -> Self {
        Self {
            timeout: None,
            force: true,
        }
    }

    /// Creates options for a stop that first sends the stop signal. If the process does not exit within `grace`, the
    /// stop kills the process.
    pub fn kill_after(grace: Duration) -> Self {
        Self {
            timeout: Some(grace),
            force: true,
        }
    }
}

/// The options of [`wait_container`](crate::ContainerDriver::wait_container): how long to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct WaitOptions {
    /// The maximum time to wait. If `None`, the call waits without a time limit.
    #[serde(with = "millis::optional_duration")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub timeout: Option<Duration>,
}

impl WaitOptions {
    /// Creates options that limit the wait to `longest`.
    pub fn at_most(longest: Duration) -> Self {
        Self {
            timeout: Some(longest),
        }
    }
}

/// The options of [`remove_container`](crate::ContainerDriver::remove_container): how a running container is treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RemoveOptions {
    /// Whether a running or paused container is killed and removed. If `false`, the removal of a running or paused
    /// container fails.
    pub force: bool,
}

impl RemoveOptions {
    /// Creates options with `force` set: a running or paused container is killed and removed.
    pub fn force() -> Self {
        Self { force: true }
    }
}

/// The options of [`get_container_logs`](crate::ContainerDriver::get_container_logs): which part of the logs to
/// return. The default is the complete logs of standard output and standard error.
///
/// ```
/// use driver_interface_types::LogOptions;
///
/// let last = LogOptions::default().tail(20).timestamps(true);
/// assert_eq!(last.tail, Some(20));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(
    feature = "schema",
    garde(context(rules::RuleContext)),
    garde(allow_unvalidated)
)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LogOptions {
    /// Whether the call keeps reading new output until the container exits or is removed. If the container has not
    /// been started yet, the call first waits for the start. The driver's deadline for the call still applies.
    pub follow: bool,
    /// The number of lines to return from the end of the logs. `Some(0)` returns no lines, and `None` returns all
    /// lines.
    pub tail: Option<u64>,
    /// If set, only lines written at or after this time are returned.
    #[serde(with = "millis::optional_time")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub since: Option<SystemTime>,
    /// Whether each returned line starts with the time at which the line was written. The time is in RFC 3339 form in
    /// UTC and is followed by a space.
    pub timestamps: bool,
    /// Whether standard output is included. At least one of `stdout` and `stderr` must be `true`.
    #[cfg_attr(feature = "schema", garde(custom(one(|_: &bool| rules::selects_stream(self.stdout, self.stderr)))))]
    pub stdout: bool,
    /// Whether standard error is included. At least one of `stdout` and `stderr` must be `true`.
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
    crate::setters! {
        /// Sets whether to keep reading until the container exits or is removed.
        follow(self, yes: bool) { self.follow = yes; }
        /// Selects only the last `lines` lines.
        tail(self, lines: u64) { self.tail = Some(lines); }
        /// Selects only lines written at or after `time`.
        since(self, time: SystemTime) { self.since = Some(time); }
        /// Sets whether each returned line starts with the time at which the line was written.
        timestamps(self, yes: bool) { self.timestamps = yes; }
        /// Selects standard output only.
        only_stdout(self) { (self.stdout, self.stderr) = (true, false); }
        /// Selects standard error only.
        only_stderr(self) { (self.stdout, self.stderr) = (false, true); }
    }
}

/// The outcome of [`start_container`](crate::ContainerDriver::start_container).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum StartOutcome {
    /// This call started the container.
    Started,
    /// The container was already running; nothing was done.
    AlreadyRunning,
}

/// The outcome of [`stop_container`](crate::ContainerDriver::stop_container).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum StopOutcome {
    /// The main process exited after the stop signal.
    Stopped,
    /// The main process was killed, either immediately or after the grace period.
    Killed,
    /// The container was not running; nothing was done.
    AlreadyStopped,
}

/// The outcome of [`pause_container`](crate::ContainerDriver::pause_container).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum PauseOutcome {
    /// This call paused the container.
    Paused,
    /// The container was already paused; nothing was done.
    AlreadyPaused,
}

/// The outcome of [`unpause_container`](crate::ContainerDriver::unpause_container).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum UnpauseOutcome {
    /// This call resumed the container.
    Unpaused,
    /// The container was not paused; nothing was done.
    AlreadyRunning,
}

/// The outcome of [`restart_container`](crate::ContainerDriver::restart_container).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum RestartOutcome {
    /// The main process exited after the stop signal. A new run then started.
    Stopped,
    /// The main process was killed, either immediately or after the grace period. A new run then started.
    Killed,
    /// The container was not running; this call started it.
    Started,
}

impl From<StopOutcome> for RestartOutcome {
    /// Converts the outcome of the stop, the first step of a restart, to the outcome of the whole restart.
    fn from(stop: StopOutcome) -> Self {
        match stop {
            StopOutcome::Stopped => Self::Stopped,
            StopOutcome::Killed => Self::Killed,
            StopOutcome::AlreadyStopped => Self::Started,
        }
    }
}

text_enum!(StartOutcome, "start outcome": Started = "started", AlreadyRunning = "alreadyRunning");
text_enum!(StopOutcome, "stop outcome": Stopped = "stopped", Killed = "killed", AlreadyStopped = "alreadyStopped");
text_enum!(PauseOutcome, "pause outcome": Paused = "paused", AlreadyPaused = "alreadyPaused");
text_enum!(UnpauseOutcome, "unpause outcome": Unpaused = "unpaused", AlreadyRunning = "alreadyRunning");
text_enum!(RestartOutcome, "restart outcome": Stopped = "stopped", Killed = "killed", Started = "started");
