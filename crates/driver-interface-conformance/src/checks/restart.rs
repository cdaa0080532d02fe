//! Checks of the restart of a container, in which one call stops the container and starts it again.

use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_types::{
    ContainerDriver, ContainerStatus, LogOptions, Operation, Property, RestartOutcome, StopOptions,
};
use tokio::time::{Instant, sleep, timeout};

use crate::{Check, CheckResult, Ctx, IGNORES_STOP_SIGNAL, SERVE, run};

const NEEDS: &[Operation] = &[Operation::RestartContainer];
const GRACE: Duration = Duration::from_secs(20);

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "restart/new-run",
        "A graceful restart sends the stop signal and starts a new run with a new start time; the logs \
         continue.",
        run!(new_run),
    )
    .properties(&[Property::LogsAcrossRuns])
    .requires(NEEDS),
    Check::must(
        "restart/starts-stopped",
        "A restart starts created and exited containers.",
        run!(starts_stopped),
    )
    .properties(&[Property::CreatedState, Property::RestartSameId])
    .requires(NEEDS),
    Check::must(
        "restart/grace-expires-without-force",
        "A restart without force whose grace period expires returns `ContainerStopError`, and the process \
         keeps running.",
        run!(grace_expires),
    )
    .because("one engine kills it anyway; work must be lost only on request")
    .requires(NEEDS),
    Check::must(
        "restart/by-force",
        "A restart with force kills a process that ignores the stop signal and starts a new run.",
        run!(by_force),
    )
    .requires(NEEDS),
    Check::must(
        "restart/dropped-then-stopped",
        "After a restart is dropped and a later stop returns, the container stays stopped.",
        run!(dropped_then_stopped),
    )
    .because("a call continues in the background when its future is dropped")
    .requires(NEEDS),
];

async fn new_run(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let began = Instant::now();
    let outcome = ctx
        .driver()
        .restart_container(&running.id, StopOptions::graceful(GRACE))
        .await?;
    ctx.equal("the outcome", outcome, RestartOutcome::Stopped)?;
    ctx.took("the restart", began, Duration::ZERO, GRACE)?;
    let now = ctx.get(&running.id).await?;
    ctx.equal("status when it returns", now.status, ContainerStatus::Running)?;
    ctx.ensure(
        "the start time is new",
        now.started_at > running.started_at,
        (running.started_at, now.started_at),
    )?;
    ctx.equal("the exit of the previous run", now.exit, None)?;
    let about = "the logs of both runs";
    ctx.eventually(about, Duration::from_secs(20), || async {
        let logs = ctx
            .driver()
            .get_container_logs(&running.id, LogOptions::default())
            .await?;
        Ok(if logs == "ready\nbye\nready\n" {
            Ok(())
        } else {
            Err(format!("{logs:?}"))
        })
    })
    .await
}

async fn starts_stopped(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script(SERVE)).await?;
    let outcome = ctx
        .driver()
        .restart_container(&created.id, StopOptions::default())
        .await?;
    ctx.equal("the outcome", outcome, RestartOutcome::Started)?;
    ctx.equal(
        "status of the started container",
        ctx.get(&created.id).await?.status,
        ContainerStatus::Running,
    )?;
    ctx.printed(&created.id, "ready").await?;
    ctx.driver()
        .stop_container(&created.id, StopOptions::kill())
        .await?;
    let exited = ctx.get(&created.id).await?;
    ctx.driver()
        .restart_container(&created.id, StopOptions::default())
        .await?;
    let now = ctx.get(&created.id).await?;
    ctx.equal(
        "status of the exited container",
        now.status,
        ContainerStatus::Running,
    )?;
    ctx.ensure(
        "its start time is new",
        now.started_at > exited.started_at,
        (exited.started_at, now.started_at),
    )
}

async fn grace_expires(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(IGNORES_STOP_SIGNAL)).await?;
    let began = Instant::now();
    let grace = Duration::from_secs(2);
    let result = ctx
        .driver()
        .restart_container(&running.id, StopOptions::graceful(grace))
        .await;
    ctx.refused("the restart", result, &[codes::CONTAINER_STOP_FAILED])?;
    ctx.took("the restart", began, grace, Duration::from_secs(30))?;
    let now = ctx.get(&running.id).await?;
    ctx.equal(
        "status and start time",
        (now.status, now.started_at),
        (ContainerStatus::Running, running.started_at),
    )
}

async fn by_force(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(IGNORES_STOP_SIGNAL)).await?;
    let began = Instant::now();
    let grace = Duration::from_secs(2);
    let outcome = ctx
        .driver()
        .restart_container(&running.id, StopOptions::kill_after(grace))
        .await?;
    ctx.equal("the outcome", outcome, RestartOutcome::Killed)?;
    ctx.took(
        "the restart with a grace period",
        began,
        grace,
        Duration::from_secs(40),
    )?;
    let again = ctx.get(&running.id).await?;
    ctx.ensure("it runs again", again.started_at > running.started_at, &again)?;
    ctx.driver()
        .restart_container(&running.id, StopOptions::kill())
        .await?;
    let third = ctx.get(&running.id).await?;
    ctx.ensure(
        "it runs again a second time",
        third.started_at > again.started_at,
        &third,
    )?;
    ctx.equal("status", third.status, ContainerStatus::Running)
}

async fn dropped_then_stopped(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    for millis in [0, 10, 40, 100, 200, 400] {
        ctx.driver().start_container(&running.id).await?;
        let call = ctx
            .driver()
            .restart_container(&running.id, StopOptions::kill_after(GRACE));
        // The call may have completed before it was dropped. In either case, its stop has had an effect.
        drop(timeout(Duration::from_millis(millis), call).await);
        ctx.driver()
            .stop_container(&running.id, StopOptions::kill())
            .await?;
        let stopped = ctx.get(&running.id).await?;
        ctx.ensure("it does not run after the stop", stopped.exit.is_some(), &stopped)?;
        sleep(Duration::from_millis(1500)).await;
        let about = format!("the container, later, after a restart dropped at {millis} ms");
        ctx.equal(about, ctx.get(&running.id).await?, stopped)?;
    }
    Ok(())
}
