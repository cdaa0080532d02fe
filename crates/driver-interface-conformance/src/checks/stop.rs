//! Checks of stopping containers: gracefully, by force, and only when requested.

use std::time::Duration;

use driver_interface_errors::{Hint, codes};
use driver_interface_types::{
    ContainerDriver, ContainerState, ContainerStatus, LogOptions, StopOptions, StopOutcome,
};
use tokio::time::Instant;

use crate::{Check, CheckResult, Ctx, IGNORES_STOP_SIGNAL, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "lifecycle/stop/graceful",
        "A graceful stop sends the stop signal and returns as soon as the process exits.",
        run!(graceful),
    ),
    Check::must(
        "lifecycle/stop/default-options",
        "A stop with default options is graceful.",
        run!(default_options),
    ),
    Check::must(
        "lifecycle/stop/grace-expires-without-force",
        "A stop without force whose grace period expires returns a retryable `ContainerStopError`, and the \
         process keeps running.",
        run!(grace_expires),
    )
    .because("work must be lost only on request"),
    Check::must(
        "lifecycle/stop/force-without-grace",
        "A stop with force and no grace period kills immediately.",
        run!(force),
    ),
    Check::must(
        "lifecycle/stop/force-after-grace",
        "A stop with force sends the signal first and kills only after the grace period.",
        run!(force_after_grace),
    ),
    Check::must(
        "lifecycle/stop/force-with-graceful-exit",
        "A stop with force and a grace period does not kill a process that exits in time.",
        run!(force_with_grace),
    ),
    Check::must(
        "lifecycle/stop/exit-visible-on-return",
        "When a stop returns, every reader sees the exit with its code and time.",
        run!(exit_visible),
    ),
    Check::must(
        "lifecycle/stop/idempotent",
        "Stopping a container that is not running has no effect and returns `AlreadyStopped`.",
        run!(idempotent),
    ),
    Check::must(
        "lifecycle/stop/logs-complete-on-return",
        "When a stop returns, the logs contain everything that the process printed before it exited.",
        run!(logs_complete),
    ),
];

/// A grace period that is long enough for every container that exits on the stop signal.
const GRACE: Duration = Duration::from_secs(20);

async fn graceful(ctx: Ctx) -> CheckResult {
    let script = "trap 'echo handled; exit 7' TERM; echo ready; while true; do sleep 600 & wait $!; done";
    let running = ctx.ready(&ctx.script(script)).await?;
    let began = Instant::now();
    let outcome = ctx
        .driver()
        .stop_container(&running.id, StopOptions::graceful(GRACE))
        .await?;
    ctx.equal("outcome", outcome, StopOutcome::Stopped)?;
    ctx.took("the stop", began, Duration::ZERO, GRACE / 2)?;
    let exited = ctx.get(&running.id).await?;
    ctx.equal("exit code", exited.exit_code(), Some(7))?;
    ctx.equal("status", exited.status, ContainerStatus::Exited)?;
    let logs = ctx
        .driver()
        .get_container_logs(&running.id, LogOptions::default())
        .await?;
    ctx.equal("logs", logs, "ready\nhandled\n".to_owned())
}

async fn default_options(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let outcome = ctx
        .driver()
        .stop_container(&running.id, StopOptions::default())
        .await?;
    ctx.equal("outcome", outcome, StopOutcome::Stopped)?;
    let exited = ctx.get(&running.id).await?;
    ctx.equal(
        "exit code and status",
        (exited.exit_code(), exited.status),
        (Some(0), ContainerStatus::Stopped),
    )
}

async fn grace_expires(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(IGNORES_STOP_SIGNAL)).await?;
    let began = Instant::now();
    let grace = Duration::from_secs(2);
    let result = ctx
        .driver()
        .stop_container(&running.id, StopOptions::graceful(grace))
        .await;
    let error = ctx.refused("the stop", result, &[codes::CONTAINER_STOP_FAILED])?;
    ctx.equal("retryable", error.is_retryable(), true)?;
    ctx.equal("hint", error.hint(), Some(Hint::StillRunning))?;
    ctx.took("the stop", began, grace, Duration::from_secs(30))?;
    let now = ctx.get(&running.id).await?;
    ctx.equal("status", now.status, ContainerStatus::Running)?;
    ctx.equal("start time", now.started_at, running.started_at)?;
    let outcome = ctx
        .driver()
        .stop_container(&running.id, StopOptions::kill())
        .await?;
    ctx.equal(
        "outcome of the forced stop that follows",
        outcome,
        StopOutcome::Killed,
    )
}

async fn force(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(IGNORES_STOP_SIGNAL)).await?;
    let began = Instant::now();
    let outcome = ctx
        .driver()
        .stop_container(&running.id, StopOptions::kill())
        .await?;
    ctx.equal("outcome", outcome, StopOutcome::Killed)?;
    ctx.took("the stop", began, Duration::ZERO, Duration::from_secs(8))?;
    ctx.equal("exit code", ctx.get(&running.id).await?.exit_code(), Some(137))
}

async fn force_after_grace(ctx: Ctx) -> CheckResult {
    let script = "trap 'echo asked' TERM; echo ready; while true; do sleep 1; done";
    let running = ctx.ready(&ctx.script(script)).await?;
    let began = Instant::now();
    let grace = Duration::from_secs(3);
    let outcome = ctx
        .driver()
        .stop_container(&running.id, StopOptions::kill_after(grace))
        .await?;
    ctx.equal("outcome", outcome, StopOutcome::Killed)?;
    ctx.took("the stop", began, grace, Duration::from_secs(30))?;
    ctx.equal("exit code", ctx.get(&running.id).await?.exit_code(), Some(137))?;
    let logs = ctx
        .driver()
        .get_container_logs(&running.id, LogOptions::default())
        .await?;
    ctx.ensure("the signal was sent first", logs.contains("asked"), logs)
}

async fn force_with_grace(ctx: Ctx) -> CheckResult {
    // The script exits after the default grace period, but well within the requested one.
    let script = "trap 'sleep 12; exit 0' TERM; echo ready; while true; do sleep 600 & wait $!; done";
    let running = ctx.ready(&ctx.script(script)).await?;
    let outcome = ctx
        .driver()
        .stop_container(&running.id, StopOptions::kill_after(GRACE))
        .await?;
    ctx.equal("outcome", outcome, StopOutcome::Stopped)?;
    ctx.equal("exit code", ctx.get(&running.id).await?.exit_code(), Some(0))
}

async fn exit_visible(ctx: Ctx) -> CheckResult {
    let second = ctx.second_driver().await?;
    for options in [StopOptions::graceful(GRACE), StopOptions::kill()] {
        let running = ctx.ready(&ctx.script(SERVE)).await?;
        ctx.driver().stop_container(&running.id, options).await?;
        let here = ctx.driver().get_container(&running.id).await?;
        let there = second.get_container(&running.id).await?;
        ctx.equal(
            "found by both drivers",
            (here.is_some(), there.is_some()),
            (true, true),
        )?;
        for instance in here.into_iter().chain(there) {
            ctx.equal("state", instance.state, ContainerState::Terminated)?;
            let end = instance.exit.as_ref().map(|exit| exit.finished_at);
            ctx.ensure(
                "it exited after it started",
                end >= instance.started_at,
                (instance.started_at, end),
            )?;
        }
    }
    Ok(())
}

async fn idempotent(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script(SERVE)).await?;
    let (exited, _) = ctx.finished(&ctx.script("exit 5")).await?;
    for options in [
        StopOptions::default(),
        StopOptions::graceful(GRACE),
        StopOptions::kill(),
        StopOptions::kill_after(GRACE),
    ] {
        for before in [&created, &exited] {
            let began = Instant::now();
            let outcome = ctx.driver().stop_container(&before.id, options).await?;
            ctx.equal(
                format!("outcome for a container that is {}", before.status),
                outcome,
                StopOutcome::AlreadyStopped,
            )?;
            ctx.took("the stop", began, Duration::ZERO, Duration::from_secs(5))?;
            ctx.equal("the container", &ctx.get(&before.id).await?, before)?;
        }
    }
    Ok(())
}

async fn logs_complete(ctx: Ctx) -> CheckResult {
    let script =
        "trap 'seq 1 200; echo end; exit 0' TERM; echo ready; while true; do sleep 600 & wait $!; done";
    let running = ctx.ready(&ctx.script(script)).await?;
    ctx.driver()
        .stop_container(&running.id, StopOptions::graceful(GRACE))
        .await?;
    let logs = ctx
        .driver()
        .get_container_logs(&running.id, LogOptions::default())
        .await?;
    ctx.equal("lines", logs.lines().count(), 202)?;
    ctx.equal("the last line", logs.lines().last(), Some("end"))
}
