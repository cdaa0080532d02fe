//! The resource usage of containers.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::millis;

/// The resource usage of a running container at one point in time. The field names contain the units. Totals count
/// from the start of the container's current run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ContainerStats {
    /// When the sample was taken.
    #[serde(with = "millis::time")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub time: SystemTime,
    /// The average number of cores in use since the previous sample; `1.0` is one fully used core. A driver measures
    /// this value for about a second, so a single sample takes about a second.
    pub cpu_cores: f64,
    /// The total CPU time that the container has used. On the wire, the value is in milliseconds.
    #[serde(with = "millis::duration")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub cpu_time: Duration,
    /// The memory in use, without the reclaimable file cache. If the engine does not report the cache separately
    /// (Podman), the cache is included.
    pub memory_bytes: u64,
    /// The memory limit; `None` if there is no limit.
    pub memory_limit_bytes: Option<u64>,
    /// The bytes received on all networks except loopback; `None` if the engine does not report them.
    pub network_received_bytes: Option<u64>,
    /// The bytes sent on all networks except loopback; `None` if the engine does not report them.
    pub network_sent_bytes: Option<u64>,
    /// The bytes read from disks; `None` if the engine does not report them.
    pub disk_read_bytes: Option<u64>,
    /// The bytes written to disks; `None` if the engine does not report them.
    pub disk_written_bytes: Option<u64>,
    /// The number of processes and threads.
    pub pids: u64,
    /// The maximum number of processes and threads; `None` if there is no limit.
    pub pids_limit: Option<u64>,
}

impl ContainerStats {
    /// Creates stats with the sample time `time`. All other values are zero or unknown. Drivers set these values
    /// afterwards.
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

    /// Returns the fraction of the memory limit that is in use, from 0 to 1; `None` if there is no limit.
    pub fn memory_share(&self) -> Option<f64> {
        let limit = self.memory_limit_bytes.filter(|limit| *limit > 0)?;
        Some(self.memory_bytes as f64 / limit as f64)
    }
}
