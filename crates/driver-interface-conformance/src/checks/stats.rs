//! Checks of the resource usage that drivers report.

use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_types::{
    ContainerDriver, ContainerId, ContainerStats, Guarantee, Operation, Property, RemoveOptions, StatsStream,
    StopOptions,
};

use crate::{Check, CheckResult, Ctx, Failure, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "stats/memory",
        "A process that allocates memory raises the memory usage by that much, within the reported limit.",
        run!(memory),
    )
    .requires(&[Operation::ContainerStats])
    .guarantees(&[Guarantee::Memory])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "stats/cpu",
        "A busy process uses CPU, as a share of the time between two measurements; an idle one uses almost \
         none.",
        run!(cpu),
    )
    .because("an engine's first measurement covers the time since the start, or is zero")
    .requires(&[Operation::ContainerStats])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "stats/pids",
        "The stats report the number of processes.",
        run!(pids),
    )
    .requires(&[Operation::ContainerStats]),
    Check::must(
        "stats/limits",
        "The stats report the configured limits, and totals never decrease.",
        run!(limits),
    )
    .requires(&[Operation::ContainerStats])
    .guarantees(&[Guarantee::Memory, Guarantee::Pids]),
    Check::must(
        "stats/not-running",
        "Stats and stats streams of a container that is not running return `ContainerNotRunningError`.",
        run!(not_running),
    )
    .because("engines return zeros")
    .requires(&[Operation::ContainerStats]),
    Check::must(
        "stats/stream-times-monotonic",
        "A stream returns a measurement about every second, and their times ascend.",
        run!(stream_times),
    )
    .requires(&[Operation::StreamContainerStats]),
    Check::must(
        "stats/stream-ends",
        "A stream ends when the container exits or is removed.",
        run!(stream_ends),
    )
    .because("one engine sends zeros forever")
    .requires(&[Operation::StreamContainerStats]),
    Check::must(
        "stats/stream-slow-reader",
        "Measurements that are not read in time are skipped, so a late reader soon gets a current one.",
        run!(stream_slow),
    )
    .requires(&[Operation::StreamContainerStats]),
];

const MIB: u64 = 1024 * 1024;

async fn memory(ctx: Ctx) -> CheckResult {
    // `tail` keeps its input until the end. Without a newline, it cannot discard any of it.
    let holding = "echo ready; (head -c 50331648 /dev/zero; sleep 600) | tail -n 1";
    let idle = ctx.ready(&ctx.script(SERVE).memory(128)).await?;
    let busy = ctx.ready(&ctx.script(holding).memory(128)).await?;
    let least = 40 * MIB;
    let about = "the container that allocates 48 MiB to use at least 40";
    let busy = ctx
        .eventually(about, Duration::from_secs(30), || async {
            let stats = ctx.driver().container_stats(&busy.id).await?;
            Ok(if stats.memory_bytes >= least {
                Ok(stats)
            } else {
                Err(format!("{stats:?}"))
            })
        })
        .await?;
    let idle = ctx.driver().container_stats(&idle.id).await?;
    ctx.ensure(
        "a process without allocations uses less than 16",
        idle.memory_bytes < 16 * MIB,
        &idle,
    )?;
    ctx.equal("the limit", busy.memory_limit_bytes, Some(128 * MIB))?;
    ctx.ensure(
        "the usage is within the limit",
        busy.memory_bytes <= 128 * MIB,
        busy,
    )
}

async fn cpu(ctx: Ctx) -> CheckResult {
    let idle = ctx.ready(&ctx.script(SERVE)).await?;
    let busy = ctx
        .ready(&ctx.script("echo ready; while true; do :; done").cpu(0.5))
        .await?;
    let first = ctx.driver().container_stats(&busy.id).await?;
    let second = ctx.driver().container_stats(&busy.id).await?;
    ctx.ensure(
        "a busy container uses CPU",
        second.cpu_time > first.cpu_time,
        (&first, &second),
    )?;
    ctx.ensure(
        "its share is more than a twentieth of a core",
        second.cpu_cores > 0.05,
        &second,
    )?;
    ctx.ensure("its share is within its limit", second.cpu_cores < 0.9, &second)?;
    let idle = ctx.driver().container_stats(&idle.id).await?;
    ctx.ensure("an idle container uses almost none", idle.cpu_cores < 0.05, idle)
}

async fn pids(ctx: Ctx) -> CheckResult {
    let few = ctx.ready(&ctx.script(SERVE).pids(50)).await?;
    let script = "i=0; while [ $i -lt 10 ]; do sleep 600 & i=$((i+1)); done; echo ready; wait";
    let many = ctx.ready(&ctx.script(script).pids(50)).await?;
    let few = ctx.driver().container_stats(&few.id).await?;
    let many = ctx.driver().container_stats(&many.id).await?;
    // The container has the shell, its child, and perhaps an init process.
    ctx.ensure(
        "the container with few processes",
        (1..=4).contains(&few.pids),
        &few,
    )?;
    ctx.ensure(
        "the container with ten more",
        (11..=13).contains(&many.pids),
        &many,
    )
}

async fn limits(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE).memory(96).pids(60)).await?;
    let first = ctx.driver().container_stats(&running.id).await?;
    let second = ctx.driver().container_stats(&running.id).await?;
    ctx.equal(
        "the limits of memory and processes",
        (first.memory_limit_bytes, first.pids_limit),
        (Some(96 * MIB), Some(60)),
    )?;
    ctx.ensure(
        "time ascends",
        second.time > first.time,
        (first.time, second.time),
    )?;
    let ascends = second.cpu_time >= first.cpu_time
        && second.network_received_bytes >= first.network_received_bytes
        && second.disk_written_bytes >= first.disk_written_bytes;
    ctx.ensure("totals never decrease", ascends, (&first, &second))?;
    ctx.ensure(
        "the CPU share is a valid number",
        first.cpu_cores.is_finite() && first.cpu_cores >= 0.0,
        first,
    )
}

async fn not_running(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script(SERVE)).await?;
    let (exited, _) = ctx.finished(&ctx.script("exit 3")).await?;
    for id in [&created.id, &exited.id] {
        let result = ctx.driver().container_stats(id).await;
        let error = ctx.refused("a measurement", result, &[codes::CONTAINER_NOT_RUNNING])?;
        ctx.equal("retryable", error.is_retryable(), false)?;
        if ctx.declares(Operation::StreamContainerStats) {
            let result = ctx.driver().stream_container_stats(id).await;
            ctx.refused("a stream", result, &[codes::CONTAINER_NOT_RUNNING])?;
        }
    }
    Ok(())
}

async fn next(ctx: &Ctx, stream: &mut StatsStream) -> CheckResult<ContainerStats> {
    let item = ctx
        .completes("the next measurement", stream.next())
        .await?
        .transpose()?;
    Ok(item.ok_or_else(|| Failure::new("the next measurement", "a measurement", "the stream has ended"))?)
}

async fn stream_times(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let mut stream = ctx.driver().stream_container_stats(&running.id).await?;
    let mut times = Vec::new();
    for _ in 0..5 {
        times.push(next(&ctx, &mut stream).await?.time);
    }
    let ascend = times.windows(2).all(|pair| pair.first() < pair.last());
    ctx.ensure("the times ascend", ascend, &times)?;
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return Ok(());
    };
    let apart = last.duration_since(*first).unwrap_or_default();
    let about_a_second = Duration::from_secs(2)..=Duration::from_secs(20);
    ctx.ensure(
        "five measurements take about four seconds",
        about_a_second.contains(&apart),
        apart,
    )
}

async fn ends_after(ctx: &Ctx, id: &ContainerId, removal: bool) -> CheckResult {
    let mut stream = ctx.driver().stream_container_stats(id).await?;
    next(ctx, &mut stream).await?;
    if removal {
        ctx.driver().remove_container(id, RemoveOptions::force()).await?;
    } else {
        ctx.driver().stop_container(id, StopOptions::kill()).await?;
    }
    let rest = ctx.completes("the stream", stream.collect_all()).await?;
    ctx.ensure(
        format!("it ends without an error (removal: {removal})"),
        rest.is_ok(),
        rest,
    )
}

async fn stream_ends(ctx: Ctx) -> CheckResult {
    for removal in [false, true] {
        let running = ctx.ready(&ctx.script(SERVE)).await?;
        ends_after(&ctx, &running.id, removal).await?;
    }
    Ok(())
}

async fn stream_slow(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let mut stream = ctx.driver().stream_container_stats(&running.id).await?;
    let first = next(&ctx, &mut stream).await?.time;
    tokio::time::sleep(Duration::from_secs(20)).await;
    // A few old measurements may still have been on their way, but not those of twenty seconds.
    let mut latest = first;
    for _ in 0..4 {
        latest = next(&ctx, &mut stream).await?.time;
    }
    let apart = latest.duration_since(first).unwrap_or_default();
    ctx.ensure(
        "the fourth measurement after 20 s is recent",
        apart >= Duration::from_secs(15),
        apart,
    )
}
