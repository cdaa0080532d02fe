//! Faults in the resource usage that a driver reports.

use std::time::SystemTime;

use driver_interface_errors::codes;
use driver_interface_types::{
    ContainerDriver as _, ContainerId, ContainerStats as Stats, Result, StatsStream,
};
use futures_util::FutureExt as _;

use super::streams::{changed, endless, read_ahead};
use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{ContainerStats, StreamContainerStats};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "stats-memory-is-shared",
        "The reported memory is the engine's, the same for each container.",
        &[ContainerStats(|inside, id| {
            stats(inside, id, |stats| stats.memory_bytes = 1 << 30).boxed()
        })],
        &["stats/memory"],
    ),
    Fault::new(
        "stats-no-memory",
        "The memory usage is always zero.",
        &[ContainerStats(|inside, id| {
            stats(inside, id, |stats| stats.memory_bytes = 0).boxed()
        })],
        &["stats/memory"],
    ),
    Fault::new(
        "stats-cpu-of-first-measurement",
        "The CPU share is that of a first measurement, which is zero.",
        &[ContainerStats(|inside, id| {
            stats(inside, id, |stats| stats.cpu_cores = 0.0).boxed()
        })],
        &["stats/cpu"],
    ),
    Fault::new(
        "stats-cpu-of-host",
        "The CPU share is that of the whole host.",
        &[ContainerStats(|inside, id| {
            stats(inside, id, |stats| stats.cpu_cores += 1.0).boxed()
        })],
        &["stats/cpu"],
    ),
    Fault::new(
        "stats-count-main-process-only",
        "Only the main process is counted.",
        &[ContainerStats(|inside, id| {
            stats(inside, id, |stats| stats.pids = 1).boxed()
        })],
        &["stats/pids"],
    ),
    Fault::new(
        "stats-without-limits",
        "The stats lack the limits.",
        &[ContainerStats(|inside, id| {
            stats(inside, id, |stats| {
                (stats.memory_limit_bytes, stats.pids_limit) = (None, None);
            })
            .boxed()
        })],
        &["stats/limits", "stats/memory"],
    ),
    Fault::new(
        "stats-totals-reset",
        "Totals restart with every measurement.",
        &[ContainerStats(|inside, id| totals_reset(inside, id).boxed())],
        &["stats/limits", "stats/cpu"],
    ),
    Fault::new(
        "stats-of-stopped-are-zero",
        "Stats of a container that is not running are zero.",
        &[ContainerStats(|inside, id| {
            async move {
                let zero = || Stats::new(SystemTime::now());
                replace_not_running(inside.driver.container_stats(id).await, zero)
            }
            .boxed()
        })],
        &["stats/not-running"],
    ),
    Fault::new(
        "stats-stream-of-stopped-is-empty",
        "A stream of a container that is not running ends immediately.",
        &[StreamContainerStats(|inside, id| {
            async move {
                let empty = || StatsStream::of_items([]);
                replace_not_running(inside.driver.stream_container_stats(id).await, empty)
            }
            .boxed()
        })],
        &["stats/not-running"],
    ),
    Fault::new(
        "stats-stream-repeats-first",
        "A stream repeats its first measurement.",
        &[StreamContainerStats(|inside, id| {
            let mut first = None;
            measurements(inside, id, |stream| {
                changed(stream, move |stats| Some(first.get_or_insert(stats).clone()))
            })
            .boxed()
        })],
        &["stats/stream-times-monotonic", "stats/stream-slow-reader"],
    ),
    Fault::new(
        "stats-stream-never-ends",
        "A stream continues after the container has exited.",
        &[StreamContainerStats(|inside, id| {
            measurements(inside, id, endless).boxed()
        })],
        &["stats/stream-ends"],
    ),
    Fault::new(
        "stats-stream-buffers-everything",
        "Measurements that are not read are kept for later.",
        &[StreamContainerStats(|inside, id| {
            measurements(inside, id, read_ahead).boxed()
        })],
        &["stats/stream-slow-reader"],
    ),
];

async fn stats(inside: &Inside, id: &ContainerId, change: impl FnOnce(&mut Stats)) -> Result<Stats> {
    let mut stats = inside.driver.container_stats(id).await?;
    change(&mut stats);
    Ok(stats)
}

async fn totals_reset(inside: &Inside, id: &ContainerId) -> Result<Stats> {
    let mut stats = inside.driver.container_stats(id).await?;
    if inside.memory.note(&format!("stats of {id}")) > 0 {
        stats.cpu_time = Default::default();
        stats.network_received_bytes = stats.network_received_bytes.map(|_| 0);
        stats.disk_written_bytes = stats.disk_written_bytes.map(|_| 0);
    }
    Ok(stats)
}

/// Returns `result`. If `result` is the error that the container is not running, returns the value of `instead`.
fn replace_not_running<T>(result: Result<T>, instead: impl FnOnce() -> T) -> Result<T> {
    match result {
        Err(error) if error.code() == codes::CONTAINER_NOT_RUNNING => Ok(instead()),
        result => result,
    }
}

async fn measurements(
    inside: &Inside,
    id: &ContainerId,
    change: impl FnOnce(StatsStream) -> StatsStream,
) -> Result<StatsStream> {
    Ok(change(inside.driver.stream_container_stats(id).await?))
}
