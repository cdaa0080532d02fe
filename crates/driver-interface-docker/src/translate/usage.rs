//! Conversion of the engine's resource usage to the interface's units.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use driver_interface_types::ContainerStats;
use serde::Deserialize;

use super::records::nullable;
use super::time;

/// One measurement as returned by the engine.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct UsageRecord {
    #[serde(deserialize_with = "nullable")]
    read: String,
    #[serde(deserialize_with = "nullable")]
    cpu_stats: CpuRecord,
    #[serde(deserialize_with = "nullable")]
    memory_stats: MemoryRecord,
    #[serde(deserialize_with = "nullable")]
    pids_stats: PidsRecord,
    networks: Option<BTreeMap<String, TrafficRecord>>,
    #[serde(deserialize_with = "nullable")]
    blkio_stats: DiskRecord,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct CpuRecord {
    #[serde(deserialize_with = "nullable")]
    cpu_usage: CpuTimeRecord,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct CpuTimeRecord {
    /// The CPU time used, in nanoseconds.
    #[serde(deserialize_with = "nullable")]
    total_usage: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct MemoryRecord {
    #[serde(deserialize_with = "nullable")]
    usage: u64,
    limit: Option<u64>,
    #[serde(deserialize_with = "nullable")]
    stats: CacheRecord,
}

/// The part of the page cache that the kernel would reclaim first. On cgroup v1, this is `total_inactive_file`,
/// because `inactive_file` excludes the container's child cgroups. On cgroup v2, this is `inactive_file`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct CacheRecord {
    total_inactive_file: Option<u64>,
    inactive_file: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PidsRecord {
    #[serde(deserialize_with = "nullable")]
    current: u64,
    limit: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct TrafficRecord {
    #[serde(deserialize_with = "nullable")]
    rx_bytes: u64,
    #[serde(deserialize_with = "nullable")]
    tx_bytes: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct DiskRecord {
    io_service_bytes_recursive: Option<Vec<TransferRecord>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct TransferRecord {
    #[serde(deserialize_with = "nullable")]
    op: String,
    #[serde(deserialize_with = "nullable")]
    value: u64,
}

impl UsageRecord {
    /// Returns when the measurement was taken, or `None` if the container was not running.
    pub(crate) fn time(&self) -> Option<SystemTime> {
        time::parse(&self.read)
    }

    /// Returns the stats of this measurement. CPU usage is calculated from the difference to the measurement
    /// `earlier`. Returns `None` if the counters were reset in between, or if a measurement has no time. `pids_limit`
    /// is used if the engine reports no process limit.
    pub(crate) fn after(&self, earlier: &Self, pids_limit: u64) -> Option<ContainerStats> {
        let time = self.time()?;
        let passed = time.duration_since(earlier.time()?).ok()?;
        let used = self.cpu_time().checked_sub(earlier.cpu_time())?;
        let mut stats = ContainerStats::new(time);
        if !passed.is_zero() {
            stats.cpu_cores = used.as_secs_f64() / passed.as_secs_f64();
        }
        stats.cpu_time = self.cpu_time();
        let memory = &self.memory_stats;
        let cache = memory
            .stats
            .total_inactive_file
            .or(memory.stats.inactive_file)
            .unwrap_or(0);
        stats.memory_bytes = memory.usage.saturating_sub(cache);
        stats.memory_limit_bytes = memory.limit.filter(|limit| is_limit(*limit));
        let traffic = |count: fn(&TrafficRecord) -> u64| {
            let networks = self.networks.as_ref()?.iter();
            let counted = networks.filter(|(name, _)| *name != "lo");
            Some(counted.map(|(_, traffic)| count(traffic)).sum())
        };
        stats.network_received_bytes = traffic(|traffic| traffic.rx_bytes);
        stats.network_sent_bytes = traffic(|traffic| traffic.tx_bytes);
        let transferred = |op: &str| {
            let transfers = self.blkio_stats.io_service_bytes_recursive.as_ref()?.iter();
            let of_kind = transfers.filter(|transfer| transfer.op.eq_ignore_ascii_case(op));
            Some(of_kind.map(|transfer| transfer.value).sum())
        };
        stats.disk_read_bytes = transferred("read");
        stats.disk_written_bytes = transferred("write");
        stats.pids = self.pids_stats.current;
        let limit = self.pids_stats.limit.unwrap_or(pids_limit);
        stats.pids_limit = Some(limit).filter(|limit| is_limit(*limit));
        Some(stats)
    }

    fn cpu_time(&self) -> Duration {
        Duration::from_nanos(self.cpu_stats.cpu_usage.total_usage)
    }
}

/// Returns whether a number is a real limit: 0 and the largest numbers mean "unlimited".
fn is_limit(number: u64) -> bool {
    number > 0 && number < 1 << 62
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCKER: &str = r#"{"read":"2026-11-25T14:07:23.5Z","pids_stats":{"current":1,"limit":50},
        "blkio_stats":{"io_service_bytes_recursive":[{"op":"Read","value":7},{"op":"Write","value":8},{"op":"Read","value":1},{"op":"Total","value":16}]},
        "cpu_stats":{"cpu_usage":{"total_usage":750000000},"online_cpus":2},
        "memory_stats":{"usage":581632,"stats":{"inactive_file":9,"total_inactive_file":4096},"limit":67108864},
        "networks":{"eth0":{"rx_bytes":200,"tx_bytes":3},"lo":{"rx_bytes":9,"tx_bytes":9}}}"#;
    const BEFORE: &str = r#"{"read":"2026-11-25T14:07:22.0Z","cpu_stats":{"cpu_usage":{"total_usage":0}}}"#;

    fn record(text: &str) -> UsageRecord {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn reads_recorded_stats() {
        let stats = record(DOCKER).after(&record(BEFORE), 9).unwrap();
        assert!((stats.cpu_cores - 0.5).abs() < 1e-9, "{}", stats.cpu_cores);
        assert_eq!(stats.cpu_time, Duration::from_millis(750));
        assert_eq!(
            (stats.memory_bytes, stats.memory_limit_bytes),
            (577_536, Some(67_108_864))
        );
        assert_eq!(
            (stats.network_received_bytes, stats.network_sent_bytes),
            (Some(200), Some(3))
        );
        assert_eq!(
            (stats.disk_read_bytes, stats.disk_written_bytes),
            (Some(8), Some(8))
        );
        assert_eq!((stats.pids, stats.pids_limit), (1, Some(50)));
    }

    #[test]
    fn missing_stats_are_none() {
        let text = r#"{"read":"2026-11-25T14:07:23.5Z","pids_stats":{"current":1},"blkio_stats":{"io_service_bytes_recursive":null},
            "memory_stats":{"usage":10,"limit":18446744073709551615}}"#;
        let stats = record(text).after(&record(BEFORE), 9).unwrap();
        assert_eq!(
            (
                stats.memory_limit_bytes, stats.network_sent_bytes, stats.disk_read_bytes
            ),
            (None, None, None)
        );
        assert_eq!((stats.memory_bytes, stats.pids_limit), (10, Some(9)));
    }

    #[test]
    fn exited_container_has_no_stats() {
        let ended = record(r#"{"read":"0001-01-01T00:00:00Z","pids_stats":{}}"#);
        assert_eq!(ended.time(), None);
        assert_eq!(ended.after(&record(BEFORE), 9), None);
    }
}
