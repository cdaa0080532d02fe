//! Checks of starting containers.

use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_types::{
    ContainerDriver, ContainerState, ContainerStatus, LogOptions, Property, RemoveOptions, StartOutcome,
    StopOptions,
};
use tokio::time::sleep;

use crate::{Check, CheckResult, Ctx, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "lifecycle/start/runs",
        "When a start returns, every reader sees the container as `running`, and its command runs.",
        run!(runs),
    ),
    Check::must(
        "lifecycle/start/idempotent",
        "Starting a running container has no effect, starts no second process, and returns `AlreadyRunning`.",
        run!(idempotent),
    ),
    Check::must(
        "lifecycle/start/restart-after-exit",
        "An exited container can be started again, with a new start time and the new run's exit code.",
        run!(restart_after_exit),
    )
    .properties(&[Property::RestartSameId]),
    Check::must(
        "lifecycle/start/no-such-program",
        "Starting a missing program returns a non-retryable `ContainerStartError`, and the container can be \
         removed.",
        run!(no_such_program),
    ),
    Check::must(
        "lifecycle/start/endpoint",
        "A running container on a network has an address, and an exited one has none.",
        run!(endpoint),
    ),
];

async fn runs(ctx: Ctx) -> CheckResult {
    let second = ctx.second_driver().await?;
    let created = ctx.driver().create_container(&ctx.script(SERVE)).await?;
    ctx.equal(
        "outcome",
        ctx.driver().start_container(&created.id).await?,
        StartOutcome::Started,
    )?;
    let here = ctx.driver().get_container(&created.id).await?;
    let there = second.get_container(&created.id).await?;
    let listed = second.list_containers(&ctx.session_filter()).await?;
    ctx.equal(
        "found by both drivers",
        (here.is_some(), there.is_some(), listed.len()),
        (true, true, 1),
    )?;
    for instance in here.into_iter().chain(there).chain(listed) {
        ctx.equal("status", instance.status, ContainerStatus::Running)?;
        ctx.equal("state", instance.state, ContainerState::Running)?;
        ctx.ensure("it has a start time", instance.started_at.is_some(), &instance)?;
        ctx.equal("exit", instance.exit, None)?;
    }
    ctx.printed(&created.id, "ready").await?;
    Ok(())
}

async fn idempotent(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    for _ in 0..3 {
        let outcome = ctx.driver().start_container(&running.id).await?;
        ctx.equal("outcome", outcome, StartOutcome::AlreadyRunning)?;
    }
    sleep(Duration::from_millis(500)).await;
    let now = ctx.get(&running.id).await?;
    ctx.equal("start time", now.started_at, running.started_at)?;
    let logs = ctx
        .driver()
        .get_container_logs(&running.id, LogOptions::default())
        .await?;
    ctx.equal("the output of one process", logs, "ready\n".to_owned())
}

async fn restart_after_exit(ctx: Ctx) -> CheckResult {
    // The root file system is read-only, so a file cannot distinguish the runs. They differ in how they are stopped.
    let script = "trap 'exit 7' TERM; echo ready; while true; do sleep 600 & wait $!; done";
    let first = ctx.ready(&ctx.script(script)).await?;
    ctx.driver()
        .stop_container(&first.id, StopOptions::graceful(Duration::from_secs(20)))
        .await?;
    ctx.equal(
        "exit code of the first run",
        ctx.get(&first.id).await?.exit_code(),
        Some(7),
    )?;
    sleep(Duration::from_millis(1100)).await;
    ctx.equal(
        "outcome",
        ctx.driver().start_container(&first.id).await?,
        StartOutcome::Started,
    )?;
    let second = ctx.get(&first.id).await?;
    ctx.equal("status", second.status, ContainerStatus::Running)?;
    ctx.equal("exit while it runs again", second.exit, None)?;
    ctx.ensure(
        "the start time is later",
        second.started_at > first.started_at,
        (first.started_at, second.started_at),
    )?;
    ctx.driver()
        .stop_container(&first.id, StopOptions::kill())
        .await?;
    ctx.equal(
        "exit code of the second run",
        ctx.get(&first.id).await?.exit_code(),
        Some(137),
    )
}

async fn no_such_program(ctx: Ctx) -> CheckResult {
    let created = ctx
        .driver()
        .create_container(&ctx.program(["/no/such/program"]))
        .await?;
    let error = ctx.driver().start_container(&created.id).await;
    let error = ctx.refused("the start", error, &[codes::CONTAINER_START_FAILED])?;
    ctx.equal("retryable", error.is_retryable(), false)?;
    let named = error.to_string().contains("/no/such/program") || error.hint().is_some();
    ctx.ensure("the error names the cause", named, error.to_string())?;
    let after = ctx.get(&created.id).await?;
    ctx.ensure(
        "it does not run",
        after.state != ContainerState::Running,
        after.status,
    )?;
    ctx.driver()
        .remove_container(&created.id, RemoveOptions::default())
        .await?;
    ctx.equal(
        "the removed container",
        ctx.driver().get_container(&created.id).await?,
        None,
    )
}

async fn endpoint(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script(SERVE)).await?;
    ctx.equal("address before the start", created.ip_address, None)?;
    ctx.driver().start_container(&created.id).await?;
    let running = ctx.get(&created.id).await?;
    let has_address = running
        .ip_address
        .is_some_and(|address| !address.is_unspecified());
    ctx.ensure("it has an address", has_address, running.ip_address)?;
    ctx.driver()
        .stop_container(&created.id, StopOptions::kill())
        .await?;
    ctx.equal(
        "address after the exit",
        ctx.get(&created.id).await?.ip_address,
        None,
    )?;
    let unconnected = ctx.started(&ctx.script(SERVE).network("none")).await?;
    ctx.equal("address without a network", unconnected.ip_address, None)
}
