//! Container status and state. Drivers derive both only from what the engine reports. Therefore all drivers that use
//! the same engine report the same status and state.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::millis;
use crate::text_enum::text_enum;

/// The exit code of a main process that received `SIGKILL`.
const KILLED: i64 = 137;

/// The status of a container in its life cycle.
///
/// | the engine reports | status | state |
/// |---|---|---|
/// | created, never started | `created` | `terminated` |
/// | running (or restarting) | `running` | `running` |
/// | paused | `paused` | `running` |
/// | exited with 0, 130, 137 or 143, and not known to have been OOM-killed | `stopped` | `terminated` |
/// | exited with any other code, or was OOM-killed | `exited` | `error` |
/// | removal in progress | `removing` | `terminated` |
/// | dead | `dead` | `error` |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ContainerStatus {
    /// The container was created but never started.
    Created,
    /// The main process is running.
    Running,
    /// The processes are frozen.
    Paused,
    /// The main process exited as expected: with code 0, or with 130, 137 or 143, which are the codes after `SIGINT`,
    /// `SIGKILL` and `SIGTERM`.
    Stopped,
    /// The engine is removing the container.
    Removing,
    /// The main process exited with a code that means an error, or was OOM-killed.
    Exited,
    /// The engine failed to remove the container and cannot run it any more.
    Dead,
}

/// The coarse form of a [`ContainerStatus`]: whether the container runs, and if not, whether it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ContainerState {
    /// The container has processes.
    Running,
    /// The container has no processes, and did not fail.
    Terminated,
    /// The container has no processes, and failed.
    Error,
}

impl ContainerStatus {
    /// Returns the status of a container that ran and exited.
    ///
    /// Exit code 137 means that the process was killed. If it is unknown whether the process was OOM-killed
    /// (`oom_killed` is `None`), the status is `Stopped`.
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

    /// Returns the state, which is the coarse form of this status.
    pub fn state(self) -> ContainerState {
        match self {
            Self::Running | Self::Paused => ContainerState::Running,
            Self::Created | Self::Stopped | Self::Removing => ContainerState::Terminated,
            Self::Exited | Self::Dead => ContainerState::Error,
        }
    }
}

text_enum!(ContainerStatus, "container status":
    Created = "created", Running = "running", Paused = "paused", Stopped = "stopped", Removing = "removing",
    Exited = "exited", Dead = "dead");
text_enum!(ContainerState, "container state": Running = "running", Terminated = "terminated", Error = "error");

/// Information about the exit of a container's last run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ExitInfo {
    /// The exit code, 0 to 255; 128 plus the signal number if a signal ended the process.
    pub code: i64,
    /// The number of the signal that ended the process, derived from the exit code; `None` if the code stands for no
    /// signal.
    pub signal: Option<i64>,
    /// Whether the process was killed (exit code 137) after the container ran out of memory. `None` means unknown.
    /// With any other exit code, the value is `Some(false)`.
    ///
    /// An engine records an OOM condition when any process of the container is OOM-killed. A later kill for another
    /// reason therefore looks like an OOM kill. If the engine misses the condition, the value is `None`.
    /// `wait_container` can determine the value in more cases than `get_container`.
    pub oom_killed: Option<bool>,
    /// When the process exited.
    #[serde(with = "millis::time")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub finished_at: SystemTime,
}

impl ExitInfo {
    /// Creates exit info. The signal is derived from `code`. `oom_killed` is used only if `code` is 137.
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

    /// Returns the status that follows from this exit info.
    pub fn status(&self) -> ContainerStatus {
        ContainerStatus::of_exit(self.code, self.oom_killed)
    }
}
