//! Checks of times and durations. Values are not truncated to whole seconds, zero is not treated as a missing value,
//! and all times are on the engine's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use driver_interface_errors::codes;
use driver_interface_types::{
    ConfigFeature, ContainerDriver, ContainerHealthStatus, ContainerId, ContainerStatus, EventFilter,
    EventKind, ExecConfig, ExecOutcome, HealthCheck, LogChunk, LogOptions, LogStreamOptions, Operation,
    RemoveOptions, StopOptions, StopOutcome, WaitOptions,
};
use tokio::time::Instant;

use super::events::{next, own, run_and_remove, up_to};
use crate::{Check, CheckResult, Ctx, Failure, IGNORES_STOP_SIGNAL, SERVE, Verdict, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "times/subsecond-timeouts",
        "Grace periods and timeouts of 1.9 s last 1.9 s, for stop, restart, wait, exec and exec sessions.",
        run!(subsecond_timeouts),
    )
    .because("engines and clients count many of them in whole seconds"),
    Check::must(
        "times/zero-is-not-unset",
        "A grace period, timeout, output limit or time of zero is zero, not unset.",
        run!(zero_is_not_unset),
    ),
    Check::must(
        "times/timestamps",
        "Times of creation, start, exit, events and stats have fractions of a second and are the same for \
         every reader.",
        run!(timestamps),
    ),
    Check::must(
        "times/engine-clock",
        "Times of containers, volumes, networks, logs, events and stats come from the engine's clock.",
        run!(engine_clock),
    )
    .because("the client's clock may differ from the engine's")
    .requires(&[Operation::Exec]),
    Check::must(
        "times/logs-subsecond-filters",
        "`since` and `until` separate two lines within a second; if the engine records whole seconds, no \
         line is lost.",
        run!(logs_subsecond_filters),
    ),
    Check::should(
        "times/logs-subsecond-timestamps",
        "Times of log lines have fractions of a second.",
        run!(logs_subsecond_timestamps),
    )
    .because("Podman's Docker API returns whole seconds, so no driver can do better there"),
    Check::must(
        "times/events-subsecond-since",
        "`since` with the time of an event selects that event and no earlier one of the same second.",
        run!(events_subsecond_since),
    )
    .because("engines keep a few hundred events, so the check needs the engine to itself")
    .exclusive()
    .requires(&[Operation::Events]),
    Check::must(
        "times/subsecond-health-check",
        "Health check intervals and timeouts of less than a second are honoured.",
        run!(subsecond_health_check),
    )
    .config(&[ConfigFeature::HealthCheck]),
];

/// A duration that drivers must not truncate to whole seconds.
const SPAN: Duration = Duration::from_millis(1900);
/// The maximum time by which a call may exceed the requested duration. If the driver used its default duration
/// instead, the call would exceed the requested duration by more than this.
const LATE: Duration = Duration::from_secs(9);

async fn subsecond_timeouts(ctx: Ctx) -> CheckResult {
    tokio::try_join!(stop_graces(&ctx), restart_graces(&ctx), timeouts(&ctx)).map(drop)
}

async fn stop_graces(ctx: &Ctx) -> CheckResult {
    let id = ctx.ready(&ctx.script(IGNORES_STOP_SIGNAL)).await?.id;
    let began = Instant::now();
    let stopped = ctx
        .driver()
        .stop_container(&id, StopOptions::graceful(SPAN))
        .await;
    ctx.took("a stop", began, SPAN, SPAN + LATE)?;
    ctx.refused("a stop", stopped, &[codes::CONTAINER_STOP_FAILED])?;
    let began = Instant::now();
    let stopped = ctx
        .driver()
        .stop_container(&id, StopOptions::kill_after(SPAN))
        .await?;
    ctx.took("a stop by force", began, SPAN, SPAN + LATE)?;
    ctx.equal("a stop by force", stopped, StopOutcome::Killed)
}

async fn restart_graces(ctx: &Ctx) -> CheckResult {
    if !ctx.declares(Operation::RestartContainer) {
        return Ok(());
    }
    let id = ctx.ready(&ctx.script(IGNORES_STOP_SIGNAL)).await?.id;
    let began = Instant::now();
    let restarted = ctx
        .driver()
        .restart_container(&id, StopOptions::graceful(SPAN))
        .await;
    ctx.took("a restart", began, SPAN, SPAN + LATE)?;
    ctx.refused("a restart", restarted, &[codes::CONTAINER_STOP_FAILED])?;
    let began = Instant::now();
    ctx.driver()
        .restart_container(&id, StopOptions::kill_after(SPAN))
        .await?;
    ctx.took("a restart by force", began, SPAN, SPAN + LATE)
}

async fn timeouts(ctx: &Ctx) -> CheckResult {
    let id = ctx.ready(&ctx.script(SERVE)).await?.id;
    let wait = async {
        if !ctx.declares(Operation::WaitContainer) {
            return Ok(());
        }
        let began = Instant::now();
        let waited = ctx.driver().wait_container(&id, WaitOptions::at_most(SPAN)).await;
        ctx.took("a wait", began, SPAN, SPAN + LATE)?;
        ctx.refused("a wait", waited, &[codes::WAIT_TIMEOUT]).map(drop)
    };
    let long = || ExecConfig::new(["sleep", "600"]).timeout(SPAN);
    let exec = async {
        if !ctx.declares(Operation::Exec) {
            return Ok(());
        }
        let began = Instant::now();
        let output = ctx.driver().exec(&id, long()).await?;
        ctx.took("an exec", began, SPAN, SPAN + LATE)?;
        ctx.equal("an exec", output.outcome, ExecOutcome::TimedOut)
    };
    let session = async {
        if !ctx.declares(Operation::ExecStream) {
            return Ok(());
        }
        let began = Instant::now();
        let mut session = ctx.driver().exec_stream(&id, long()).await?;
        let outcome = ctx.completes("an exec session", session.wait()).await??;
        ctx.took("an exec session", began, SPAN, SPAN + LATE)?;
        ctx.equal("an exec session", outcome, ExecOutcome::TimedOut)
    };
    tokio::try_join!(wait, exec, session).map(drop)
}

async fn zero_is_not_unset(ctx: Ctx) -> CheckResult {
    let driver = ctx.driver();
    let id = ctx.ready(&ctx.script(IGNORES_STOP_SIGNAL)).await?.id;
    if ctx.declares(Operation::WaitContainer) {
        let wait = driver.wait_container(&id, WaitOptions::at_most(Duration::ZERO));
        let waited = ctx.completes("a wait of zero", wait).await?;
        ctx.refused("a wait of zero", waited, &[codes::WAIT_TIMEOUT])?;
    }
    if ctx.declares(Operation::Exec) {
        let timeout = ExecConfig::new(["sleep", "600"]).timeout(Duration::ZERO);
        let output = ctx
            .completes("an exec of zero", driver.exec(&id, timeout))
            .await??;
        ctx.equal("an exec of zero", output.outcome, ExecOutcome::TimedOut)?;
        let limit = ExecConfig::new(["echo", "text"]).output_limit(0);
        let output = driver.exec(&id, limit).await?;
        ctx.equal(
            "an output limit of zero",
            (output.stdout.len(), output.truncated, output.outcome),
            (0, true, ExecOutcome::Exited(0)),
        )?;
    }
    let began = Instant::now();
    let stopped = driver
        .stop_container(&id, StopOptions::graceful(Duration::ZERO))
        .await;
    ctx.took("a stop without grace", began, Duration::ZERO, LATE)?;
    ctx.refused("a stop without grace", stopped, &[codes::CONTAINER_STOP_FAILED])?;
    ctx.equal("status", ctx.get(&id).await?.status, ContainerStatus::Running)?;
    let began = Instant::now();
    let stopped = driver
        .stop_container(&id, StopOptions::kill_after(Duration::ZERO))
        .await?;
    ctx.took("a stop by force without grace", began, Duration::ZERO, LATE)?;
    ctx.equal("a stop by force without grace", stopped, StopOutcome::Killed)?;
    let logs = driver
        .get_container_logs(&id, LogOptions::default().since(UNIX_EPOCH))
        .await?;
    ctx.equal("the logs since the epoch", logs.as_str(), "ready\n")?;
    if ctx.declares(Operation::StreamContainerLogs) {
        let options = LogStreamOptions::default();
        let text = streamed(&ctx, &id, options.until(UNIX_EPOCH)).await?;
        ctx.equal("the log stream until the epoch", text.as_str(), "")?;
        let text = streamed(&ctx, &id, options.since(UNIX_EPOCH)).await?;
        ctx.equal("the log stream since the epoch", text.as_str(), "ready\n")?;
    }
    Ok(())
}

async fn chunks(ctx: &Ctx, id: &ContainerId, options: LogStreamOptions) -> CheckResult<Vec<LogChunk>> {
    let stream = ctx.driver().stream_container_logs(id, options).await?;
    Ok(ctx.completes("the log stream", stream.collect_all()).await??)
}

async fn streamed(ctx: &Ctx, id: &ContainerId, options: LogStreamOptions) -> CheckResult<String> {
    let chunks = chunks(ctx, id, options).await?;
    Ok(chunks.iter().map(LogChunk::text).collect())
}

fn has_fraction(time: &SystemTime) -> bool {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.subsec_nanos() != 0
}

/// Asserts that at least one of the times is not a whole second. By chance, two times are both whole seconds in one
/// of a million runs.
fn with_fractions(ctx: &Ctx, about: &str, times: &[SystemTime]) -> CheckResult {
    let fine = times.iter().any(has_fraction);
    ctx.ensure(format!("{about} has fractions of a second"), fine, times)
}

async fn timestamps(ctx: Ctx) -> CheckResult {
    let mut stream = match ctx.declares(Operation::Events) {
        true => Some(ctx.driver().events(&own(&ctx)).await?),
        false => None,
    };
    let (mut created, mut started, mut finished) = (Vec::new(), Vec::new(), Vec::new());
    let second = ctx.second_driver().await?;
    for _ in 0..2 {
        let (exited, _) = ctx.finished(&ctx.script("exit 3")).await?;
        let listed = ctx.driver().list_containers(&ctx.session_filter()).await?;
        let listed = listed.into_iter().find(|listed| listed.id == exited.id);
        let found = second.get_container(&exited.id).await?;
        for (about, other) in [("the list", listed), ("another driver", found)] {
            let times = other.map(|other| (other.created_at, other.started_at, other.exit));
            let expected = (exited.created_at, exited.started_at, exited.exit.clone());
            ctx.equal(format!("the times from {about}"), times, Some(expected))?;
        }
        if ctx.declares(Operation::WaitContainer) {
            let exit = ctx
                .driver()
                .wait_container(&exited.id, WaitOptions::default())
                .await?;
            ctx.equal("the exit from a wait", Some(exit), exited.exit.clone())?;
        }
        let times = (
            Some(exited.created_at),
            exited.started_at,
            exited.exit.map(|exit| exit.finished_at),
        );
        ctx.ensure(
            "the times ascend",
            times.0 <= times.1 && times.1 <= times.2,
            times,
        )?;
        created.extend(times.0);
        started.extend(times.1);
        finished.extend(times.2);
        ctx.driver()
            .remove_container(&exited.id, RemoveOptions::default())
            .await?;
    }
    for (about, times) in [("creation", &created), ("start", &started), ("exit", &finished)] {
        with_fractions(&ctx, about, times)?;
    }
    if let Some(stream) = &mut stream {
        let events = up_to(&ctx, stream, EventKind::Removed).await?;
        let times: Vec<SystemTime> = events.iter().map(|event| event.time).collect();
        with_fractions(&ctx, "an event", &times)?;
    }
    if ctx.declares(Operation::ContainerStats) {
        let id = ctx.ready(&ctx.script(SERVE)).await?.id;
        let stats = [
            ctx.driver().container_stats(&id).await?,
            ctx.driver().container_stats(&id).await?,
        ];
        with_fractions(&ctx, "the time of stats", &stats.map(|stats| stats.time))?;
    }
    Ok(())
}

/// Returns the engine's current time, as printed by a command in a container and rounded down to the second.
async fn engine_time(ctx: &Ctx, id: &ContainerId) -> CheckResult<SystemTime> {
    let text = ctx.output_of(id, "date +%s").await?;
    let broken = |_| Verdict::Broken(format!("`date +%s` printed {text:?}"));
    Ok(UNIX_EPOCH + Duration::from_secs(text.trim().parse().map_err(broken)?))
}

async fn engine_clock(ctx: Ctx) -> CheckResult {
    let driver = ctx.driver();
    let clock = ctx.ready(&ctx.script(SERVE)).await?.id;
    let from = engine_time(&ctx, &clock).await?;
    let mut times: Vec<(String, SystemTime)> = Vec::new();
    let mut stream = match ctx.declares(Operation::Events) {
        true => Some(driver.events(&own(&ctx)).await?),
        false => None,
    };
    let volume = driver.create_volume(&ctx.volume()).await?;
    times.push(("a volume's creation".to_owned(), volume.created_at));
    let network = driver.create_network(&ctx.network()).await?;
    times.push(("a network's creation".to_owned(), network.created_at));
    let (exited, _) = ctx.finished(&ctx.script("echo line")).await?;
    times.push(("a container's creation".to_owned(), exited.created_at));
    times.extend(
        exited
            .started_at
            .map(|time| ("a container's start".to_owned(), time)),
    );
    times.extend(
        exited
            .exit
            .as_ref()
            .map(|exit| ("a container's exit".to_owned(), exit.finished_at)),
    );
    for time in log_times(&ctx, &exited.id).await? {
        times.push(("a log line".to_owned(), time));
    }
    if ctx.declares(Operation::StreamContainerLogs) {
        let chunks = chunks(&ctx, &exited.id, LogStreamOptions::default().timestamps(true)).await?;
        times.extend(
            chunks
                .iter()
                .filter_map(|chunk| Some(("a log chunk".to_owned(), chunk.timestamp?))),
        );
    }
    if let Some(stream) = &mut stream {
        let events = up_to(&ctx, stream, EventKind::Stopped).await?;
        times.extend(events.iter().map(|event| (event.kind().to_string(), event.time)));
    }
    if ctx.declares(Operation::ContainerStats) {
        let stats = driver.container_stats(&clock).await?;
        times.push(("stats".to_owned(), stats.time));
    }
    // Like this clock, engines report some of the times in whole seconds.
    let to = engine_time(&ctx, &clock).await? + Duration::from_secs(1);
    for (about, time) in times {
        let within = from <= time && time <= to;
        ctx.ensure(
            format!("the time of {about} comes from the engine's clock"),
            within,
            (from, time, to),
        )?;
    }
    // A time that the engine has returned can be used for `since`.
    let Some(started) = exited.started_at else {
        return Err(Failure::new("start time", "a time", "none").into());
    };
    for (since, expected) in [
        (started - Duration::from_secs(1), "line\n"),
        (to + Duration::from_secs(1), ""),
    ] {
        let logs = driver
            .get_container_logs(&exited.id, LogOptions::default().since(since))
            .await?;
        ctx.equal(format!("the logs since {since:?}"), logs.as_str(), expected)?;
    }
    Ok(())
}

/// Returns the time of each line in a container's log.
pub(super) async fn log_times(ctx: &Ctx, id: &ContainerId) -> CheckResult<Vec<SystemTime>> {
    let options = LogOptions::default().timestamps(true);
    let logs = ctx.driver().get_container_logs(id, options).await?;
    let mut times = Vec::new();
    for line in logs.lines() {
        let time = line.split(' ').next().unwrap_or_default().replace("+00:00", "Z");
        let time = humantime::parse_rfc3339(&time);
        ctx.ensure("a line starts with its time", time.is_ok(), line)?;
        times.extend(time);
    }
    Ok(times)
}

/// A script that prints five lines 0.3 s apart, so that at least two of them are in the same second.
const FIVE_LINES: &str = "for number in 1 2 3 4 5; do echo $number; sleep 0.3; done";

async fn logs_subsecond_filters(ctx: Ctx) -> CheckResult {
    let (exited, logs) = ctx.finished(&ctx.script(FIVE_LINES)).await?;
    ctx.equal("the logs", logs.as_str(), "1\n2\n3\n4\n5\n")?;
    let times = log_times(&ctx, &exited.id).await?;
    let fine = times.iter().any(has_fraction);
    for (number, pair) in (1..).zip(times.windows(2)) {
        let [earlier, later] = pair else { continue };
        if earlier == later {
            // The order of times within the same second is unknown.
            continue;
        }
        let middle = *earlier + later.duration_since(*earlier).unwrap_or_default() / 2;
        let before: String = (1..=number).map(|line| format!("{line}\n")).collect();
        let after: String = (number + 1..=5).map(|line| format!("{line}\n")).collect();
        let split = |about: &str, actual: String, expected: &str| {
            // A line that was printed in the same second may be included or not.
            let right = if fine {
                actual == expected
            } else {
                actual.contains(expected)
            };
            ctx.ensure(
                format!("{about}, after line {number}, is {expected:?}"),
                right,
                actual,
            )
        };
        let since = ctx
            .driver()
            .get_container_logs(&exited.id, LogOptions::default().since(middle))
            .await?;
        split("the logs since a time", since, &after)?;
        let since = ctx
            .driver()
            .get_container_logs(&exited.id, LogOptions::default().since(*later))
            .await?;
        split("the logs since a line's own time", since, &after)?;
        if ctx.declares(Operation::StreamContainerLogs) {
            let options = LogStreamOptions::default();
            split(
                "the stream since a time",
                streamed(&ctx, &exited.id, options.since(middle)).await?,
                &after,
            )?;
            split(
                "the stream until a time",
                streamed(&ctx, &exited.id, options.until(middle)).await?,
                &before,
            )?;
        }
    }
    Ok(())
}

async fn logs_subsecond_timestamps(ctx: Ctx) -> CheckResult {
    let (exited, _) = ctx.finished(&ctx.script("echo one; echo two")).await?;
    with_fractions(&ctx, "a line's time", &log_times(&ctx, &exited.id).await?)?;
    if ctx.declares(Operation::StreamContainerLogs) {
        let chunks = chunks(&ctx, &exited.id, LogStreamOptions::default().timestamps(true)).await?;
        let times: Vec<SystemTime> = chunks.iter().filter_map(|chunk| chunk.timestamp).collect();
        with_fractions(&ctx, "a chunk's time", &times)?;
    }
    Ok(())
}

async fn events_subsecond_since(ctx: Ctx) -> CheckResult {
    let mut live = ctx.driver().events(&own(&ctx)).await?;
    let mut events = Vec::new();
    for _ in 0..2 {
        run_and_remove(&ctx, "sleep 0.05").await?;
        events.extend(up_to(&ctx, &mut live, EventKind::Removed).await?);
    }
    for (position, event) in events.iter().enumerate().skip(1) {
        let filter: EventFilter = own(&ctx).since(event.time);
        let mut replay = ctx.driver().events(&filter).await?;
        let first = next(&ctx, &mut replay).await?;
        // Two events may have the same time, so their order is not compared.
        let expected = events
            .iter()
            .take(position + 1)
            .find(|other| other.time == event.time);
        ctx.equal(
            format!("the first since the time of {}", event.kind()),
            Some((first.kind(), first.time)),
            expected.map(|expected| (expected.kind(), expected.time)),
        )?;
    }
    Ok(())
}

async fn subsecond_health_check(ctx: Ctx) -> CheckResult {
    let quick = |line: &str| {
        HealthCheck::shell(line)
            .interval(Duration::from_millis(700))
            .timeout(Duration::from_millis(800))
            .retries(1)
    };
    let becomes = async |line: &str, expected: ContainerHealthStatus| -> CheckResult {
        let id = ctx
            .started(&ctx.script(SERVE).health_check(quick(line)))
            .await?
            .id;
        let about = format!("the health of {line:?}");
        // If the interval were truncated to zero, the engine would use its own default, which is longer.
        let poll = || async {
            let now = ctx.get(&id).await?.health;
            let status = now.as_ref().map(|health| health.status);
            let decided = status.filter(|status| *status != ContainerHealthStatus::Starting);
            Ok(decided.ok_or_else(|| format!("{now:?}")))
        };
        let status = ctx.eventually(&about, Duration::from_secs(15), poll).await?;
        ctx.equal(&about, status, expected)
    };
    tokio::try_join!(
        becomes("true", ContainerHealthStatus::Healthy),
        becomes("sleep 5", ContainerHealthStatus::Unhealthy),
    )
    .map(drop)
}
