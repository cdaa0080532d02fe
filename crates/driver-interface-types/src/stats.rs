//! What a container uses.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::millis;

/// What a running container uses at one moment. Units are in the names; totals count from its start and begin
/// again with each run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ContainerStats {
    /// When it was measured.
    #[serde(with = "millis::time")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub time: SystemTime,
    /// How many cores were busy with it since the measurement before: one that is fully busy is `1.0`. A
    /// single measurement takes about a second for it.
    pub cpu_cores: f64,
    /// The CPU time it has used in all, in milliseconds on the wire.
    #[serde(with = "millis::duration")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub cpu_time: Duration,
    /// Memory in use, without the file cache that the kernel would give back; with it where the engine does not tell
    /// the two apart (Podman).
    pub memory_bytes: u64,
    /// Its memory limit; none where it has none.
    pub memory_limit_bytes: Option<u64>,
    /// What came in on all its networks but loopback; none where the engine does not count.
    pub network_received_bytes: Option<u64>,
    /// What went out on all its networks but loopback; none where the engine does not count.
    pub network_sent_bytes: Option<u64>,
    /// What was read from disks; none where the engine does not count.
    pub disk_read_bytes: Option<u64>,
    /// What was written to disks; none where the engine does not count.
    pub disk_written_bytes: Option<u64>,
    /// How many processes and threads it has.
    pub pids: u64,
    /// The most it may have; none where it has no limit.
    pub pids_limit: Option<u64>,
}

impl ContainerStats {
    /// A measurement of nothing. Drivers fill in the rest.
    pub fn new(time: SystemTime) -> Self {
        Self {
            time,
            cpu_cores: 0.0,
            cpu_time: Duration::ZERO,
            memory_bytes: 0,
            memory_limit_bytes: None,
            network_received_bytes: None,
            network_sent_bytes: None,
            disk_read_bytes: None,
            disk_written_bytes: None,
            pids: 0,
            pids_limit: None,
        }
    }

    /// The part of its memory limit in use, from 0 to 1; none where it has no limit.
    pub fn memory_share(&self) -> Option<f64> {
        let limit = self.memory_limit_bytes.filter(|limit| *limit > 0)?;
        Some(self.memory_bytes as f64 / limit as f64)
    }
}
