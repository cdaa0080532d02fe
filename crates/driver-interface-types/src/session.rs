//! Results of the operations on whole sessions. A session is found by the labels of its resources.

use std::time::SystemTime;

use driver_interface_errors::{DriverError, Result};
use serde::{Deserialize, Serialize};

use crate::{ContainerInstance, Network, SessionId, Volume, millis};

/// The result of [`ContainerDriverExt::remove_session`](crate::ContainerDriverExt::remove_session) or
/// [`clear_namespace`](crate::ContainerDriverExt::clear_namespace).
#[derive(Debug, Default)]
#[must_use = "`failures` lists the resources that could not be removed"]
#[non_exhaustive]
pub struct RemovedSession {
    /// The number of containers removed.
    pub containers: usize,
    /// The number of volumes removed.
    pub volumes: usize,
    /// The number of networks removed, not counting the driver's own networks.
    pub networks: usize,
    /// The errors for resources that could not be listed or removed; empty if no resources are left over.
    pub failures: Vec<DriverError>,
}

impl RemovedSession {
    pub(crate) fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.failures.push(error)).ok()
    }

    /// Returns 1 if the removal succeeded, otherwise 0. Records an error in `failures`, unless the error is "not
    /// found". In that case another caller has removed the resource, which is not a failure.
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

/// A summary of a session, returned by [`ContainerDriverExt::list_sessions`](crate::ContainerDriverExt::list_sessions).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SessionSummary {
    /// The id of the session.
    pub session_id: SessionId,
    /// The number of containers of the session.
    pub containers: usize,
    /// The number of containers of the session that are running or paused.
    pub running: usize,
    /// The number of volumes of the session; 0 if the driver cannot list volumes.
    pub volumes: usize,
    /// The number of networks of the session; 0 if the driver cannot list networks.
    pub networks: usize,
    /// When the oldest resource of the session was created.
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

/// All resources of a session, returned by
/// [`ContainerDriverExt::recover_session`](crate::ContainerDriverExt::recover_session).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RecoveredSession {
    /// The id of the session.
    pub session_id: SessionId,
    /// The session's containers in every status, sorted by creation time, then id.
    pub containers: Vec<ContainerInstance>,
    /// The session's volumes, sorted by creation time, then name.
    pub volumes: Vec<Volume>,
    /// The session's networks, sorted by creation time, then id.
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

    /// Returns whether the session has no resources.
    pub fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.volumes.is_empty() && self.networks.is_empty()
    }
}
