//! Sessions, as the labels of what belongs to them tell.

use std::time::SystemTime;

use driver_interface_errors::{DriverError, Result};
use serde::{Deserialize, Serialize};

use crate::{ContainerInstance, Network, SessionId, Volume, millis};

/// What [`ContainerDriverExt::remove_session`](crate::ContainerDriverExt::remove_session) or
/// [`clear_namespace`](crate::ContainerDriverExt::clear_namespace) did.
#[derive(Debug, Default)]
#[must_use = "`failures` says what of the session is left"]
#[non_exhaustive]
pub struct RemovedSession {
    /// How many containers it removed.
    pub containers: usize,
    /// How many volumes it removed.
    pub volumes: usize,
    /// How many networks it removed, without the driver's own.
    pub networks: usize,
    /// What could not be removed, and why. Empty means that nothing is left.
    pub failures: Vec<DriverError>,
}

impl RemovedSession {
    pub(crate) fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.failures.push(error)).ok()
    }

    /// Counts a removal. What is already gone is no failure: somebody else removed it.
    pub(crate) fn note_removal(&mut self, result: Result<()>) -> usize {
        match result {
            Ok(()) => 1,
            Err(error) if error.is_not_found() => 0,
            Err(error) => {
                self.failures.push(error);
                0
            }
        }
    }
}

/// A session in short, from [`ContainerDriverExt::list_sessions`](crate::ContainerDriverExt::list_sessions).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SessionSummary {
    /// The session.
    pub session_id: SessionId,
    /// How many containers it has.
    pub containers: usize,
    /// How many of them run or are paused.
    pub running: usize,
    /// How many volumes it has; 0 with a driver that cannot list them.
    pub volumes: usize,
    /// How many networks it has; 0 with a driver that cannot list them.
    pub networks: usize,
    /// When the oldest of all that was made.
    #[serde(with = "millis::time")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub created_at: SystemTime,
}

impl SessionSummary {
    pub(crate) fn new(session_id: SessionId, created_at: SystemTime) -> Self {
        Self {
            session_id,
            containers: 0,
            running: 0,
            volumes: 0,
            networks: 0,
            created_at,
        }
    }
}

/// All that a session has, from [`ContainerDriverExt::recover_session`](crate::ContainerDriverExt::recover_session).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RecoveredSession {
    /// The session.
    pub session_id: SessionId,
    /// Its containers in every status, by creation time, then id.
    pub containers: Vec<ContainerInstance>,
    /// Its volumes, by creation time, then name.
    pub volumes: Vec<Volume>,
    /// Its networks, by creation time, then id.
    pub networks: Vec<Network>,
}

impl RecoveredSession {
    pub(crate) fn new(session_id: SessionId) -> Self {
        Self {
            session_id,
            containers: Vec::new(),
            volumes: Vec::new(),
            networks: Vec::new(),
        }
    }

    /// Whether there is nothing of the session (any more).
    pub fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.volumes.is_empty() && self.networks.is_empty()
    }
}
