//! Status and state: a pure function of what an engine records, so that every observer agrees.

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::millis;

/// The exit code of a main process that got `SIGKILL`.
const KILLED: i64 = 137;

/// Where a container is in its life.
///
/// | the engine says | status | state |
/// |---|---|---|
/// | created, never started | `created` | `terminated` |
/// | running (restarting too) | `running` | `running` |
/// | paused | `paused` | `running` |
/// | exited with 0, 130, 137 or 143, and is not known to have been killed after its memory ran out | `stopped` | `terminated` |
/// | exited with any other code, or was killed after its memory ran out | `exited` | `error` |
/// | removal under way | `removing` | `terminated` |
/// | dead | `dead` | `error` |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ContainerStatus {
    /// Made but never started.
    Created,
    /// Its main process runs.
    Running,
    /// Its processes are frozen.
    Paused,
    /// It ended as it should: with exit code 0, or because it was stopped.
    Stopped,
    /// It is being removed.
    Removing,
    /// It ended by itself with an error, or was killed for its memory use.
    Exited,
    /// The engine failed to remove it and cannot run it any more.
    Dead,
}

/// The coarse view of a [`ContainerStatus`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ContainerState {
    /// It has processes.
    Running,
    /// It has none, and nothing is wrong.
    Terminated,
    /// It has none, and something went wrong.
    Error,
}

impl ContainerStatus {
    /// Every status, in the order of a life.
    pub const ALL: [Self; 7] = [
        Self::Created,
        Self::Running,
        Self::Paused,
        Self::Stopped,
        Self::Removing,
        Self::Exited,
        Self::Dead,
    ];

    /// The status of a container that ran and exited.
    ///
    /// An unknown reason (`None`) counts as a stop: exit code 137 is what a kill leaves.
    ///
    /// ```
    /// use driver_interface_types::ContainerStatus;
    ///
    /// assert_eq!(ContainerStatus::of_exit(143, Some(false)), ContainerStatus::Stopped);
    /// assert_eq!(ContainerStatus::of_exit(137, None), ContainerStatus::Stopped);
    /// assert_eq!(ContainerStatus::of_exit(137, Some(true)), ContainerStatus::Exited);
    /// ```
    pub fn of_exit(code: i64, oom_killed: Option<bool>) -> Self {
        match code {
            KILLED if oom_killed == Some(true) => Self::Exited,
            0 | 130 | KILLED | 143 => Self::Stopped,
            _ => Self::Exited,
        }
    }

    /// The coarse view.
    pub fn state(self) -> ContainerState {
        match self {
            Self::Running | Self::Paused => ContainerState::Running,
            Self::Created | Self::Stopped | Self::Removing => ContainerState::Terminated,
            Self::Exited | Self::Dead => ContainerState::Error,
        }
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
        }
    }
}

impl ContainerState {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Terminated => "terminated",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for ContainerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ContainerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a container's last run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ExitInfo {
    /// The exit code, 0 to 255; 128 plus the signal when a signal ended it.
    pub code: i64,
    /// The signal that ended it, worked out from the code.
    pub signal: Option<i64>,
    /// Whether it was killed (exit code 137) after its memory ran out; none where that is not known. With any other exit
    /// code it is false. An engine notes that memory ran out when any process of the container is killed for it, so a
    /// later kill by somebody else looks the same; and it may miss it, which leaves this unknown. A wait for the exit
    /// finds out more than a lookup does, where the engine can tell.
    pub oom_killed: Option<bool>,
    /// When it ended.
    #[serde(with = "millis::time")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub finished_at: SystemTime,
}

impl ExitInfo {
    /// Collects the facts. The signal follows from the code, and `oom_killed` counts only with exit code 137.
    pub fn new(code: i64, oom_killed: Option<bool>, finished_at: SystemTime) -> Self {
        let signal = Some(code - 128).filter(|signal| (1..=64).contains(signal));
        let oom_killed = if code == KILLED { oom_killed } else { Some(false) };
        Self {
            code,
            signal,
            oom_killed,
            finished_at,
        }
    }

    /// The status these facts amount to.
    pub fn status(&self) -> ContainerStatus {
        ContainerStatus::of_exit(self.code, self.oom_killed)
    }
}
