//! Checks of pausing and unpausing containers.

use std::time::Duration;

use driver_interface_errors::{Effect, codes};
use driver_interface_types::{
    ContainerDriver, ContainerFilter, ContainerState, ContainerStatus, LogOptions, Operation, PauseOutcome,
    RemoveOptions, StopOptions, StopOutcome, UnpauseOutcome,
};
use tokio::time::sleep;

use crate::{Check, CheckResult, Ctx, SERVE, run};

const NEEDS: &[Operation] = &[Operation::PauseContainer, Operation::UnpauseContainer];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "pause/round-trip",
        "A paused container has status `paused` and state `running`, and unpausing continues the same run.",
        run!(round_trip),
    )
    .requires(NEEDS),
    Check::must(
        "pause/processes-frozen",
        "The processes of a paused container do not run until it is unpaused.",
        run!(processes_frozen),
    )
    .requires(NEEDS),
    Check::must(
        "pause/already-paused",
        "Pausing a paused container has no effect and returns `AlreadyPaused`.",
        run!(already_paused),
    )
    .requires(NEEDS),
    Check::must(
        "pause/not-running",
        "Pausing a container that is not running returns a non-retryable `ContainerNotRunningError` and has \
         no effect.",
        run!(not_running),
    )
    .requires(NEEDS),
    Check::must(
        "pause/unpause-running",
        "Unpausing a running container has no effect and returns `AlreadyRunning`.",
        run!(unpause_running),
    )
    .requires(NEEDS),
    Check::must(
        "pause/unpause-not-running",
        "Unpausing a container that is not running returns a non-retryable `ContainerNotRunningError` and \
         starts nothing.",
        run!(unpause_not_running),
    )
    .requires(NEEDS),
    Check::must(
        "pause/stop-and-remove",
        "A paused container can be stopped, and can be removed only with force.",
        run!(stop_and_remove),
    )
    .requires(NEEDS),
];

async fn round_trip(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let second = ctx.second_driver().await?;
    for _ in 0..2 {
        let outcome = ctx.driver().pause_container(&running.id).await?;
        ctx.equal("outcome of the pause", outcome, PauseOutcome::Paused)?;
        for driver in [ctx.driver(), &second] {
            let actual = driver.get_container(&running.id).await?;
            ctx.equal(
                "status and state while it is paused",
                actual.map(|now| (now.status, now.state)),
                Some((ContainerStatus::Paused, ContainerState::Running)),
            )?;
        }
        let paused = ContainerFilter::default()
            .session(ctx.session().clone())
            .status(ContainerStatus::Paused);
        ctx.equal(
            "paused containers in the list",
            ctx.driver().list_containers(&paused).await?.len(),
            1,
        )?;
        let outcome = ctx.driver().unpause_container(&running.id).await?;
        ctx.equal("outcome of the unpause", outcome, UnpauseOutcome::Unpaused)?;
        let now = ctx.get(&running.id).await?;
        ctx.equal(
            "status and start time of the current run",
            (now.status, now.started_at),
            (ContainerStatus::Running, running.started_at),
        )?;
    }
    ctx.driver()
        .stop_container(&running.id, StopOptions::graceful(Duration::from_secs(20)))
        .await?;
    ctx.equal("exit code", ctx.get(&running.id).await?.exit_code(), Some(0))
}

async fn processes_frozen(ctx: Ctx) -> CheckResult {
    let script = "echo ready; while true; do echo x; sleep 1; done";
    let running = ctx.ready(&ctx.script(script)).await?;
    let lines = async || -> CheckResult<usize> {
        let logs = ctx
            .driver()
            .get_container_logs(&running.id, LogOptions::default())
            .await?;
        Ok(logs.lines().count())
    };
    let began = lines().await?;
    sleep(Duration::from_secs(3)).await;
    let moved = lines().await?;
    ctx.ensure(
        "the control: it writes while it runs",
        moved > began,
        (began, moved),
    )?;
    ctx.driver().pause_container(&running.id).await?;
    // Output from just before the pause may not be in the logs yet.
    sleep(Duration::from_secs(1)).await;
    let frozen = lines().await?;
    sleep(Duration::from_secs(4)).await;
    ctx.equal("lines after four seconds of pause", lines().await?, frozen)?;
    ctx.driver().unpause_container(&running.id).await?;
    ctx.eventually("it writes again", Duration::from_secs(15), || async {
        let now = lines().await?;
        Ok(if now > frozen {
            Ok(())
        } else {
            Err(format!("{now} lines"))
        })
    })
    .await
}

async fn already_paused(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let first = ctx.driver().pause_container(&running.id).await?;
    let second = ctx.driver().pause_container(&running.id).await?;
    ctx.equal(
        "outcomes",
        (first, second),
        (PauseOutcome::Paused, PauseOutcome::AlreadyPaused),
    )?;
    ctx.equal(
        "status",
        ctx.get(&running.id).await?.status,
        ContainerStatus::Paused,
    )?;
    // One call of unpause is enough, even after two calls of pause.
    ctx.driver().unpause_container(&running.id).await?;
    ctx.equal(
        "status",
        ctx.get(&running.id).await?.status,
        ContainerStatus::Running,
    )
}

async fn not_running(ctx: Ctx) -> CheckResult {
    refused_unless_running(ctx, true).await
}

async fn unpause_not_running(ctx: Ctx) -> CheckResult {
    refused_unless_running(ctx, false).await
}

async fn refused_unless_running(ctx: Ctx, pause: bool) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script(SERVE)).await?;
    let (exited, _) = ctx.finished(&ctx.script("exit 3")).await?;
    for id in [&created.id, &exited.id] {
        let before = ctx.get(id).await?;
        let about = format!("the call for a container that is {}", before.status);
        let result = if pause {
            ctx.driver().pause_container(id).await.map(drop)
        } else {
            ctx.driver().unpause_container(id).await.map(drop)
        };
        let error = ctx.refused(&about, result, &[codes::CONTAINER_NOT_RUNNING])?;
        ctx.equal(format!("retryable ({about})"), error.is_retryable(), false)?;
        ctx.equal(format!("effect ({about})"), error.effect(), Effect::NotApplied)?;
        ctx.equal("the container", ctx.get(id).await?, before)?;
    }
    Ok(())
}

async fn unpause_running(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let outcome = ctx.driver().unpause_container(&running.id).await?;
    ctx.equal("outcome", outcome, UnpauseOutcome::AlreadyRunning)?;
    ctx.equal("the container", ctx.get(&running.id).await?, running)
}

async fn stop_and_remove(ctx: Ctx) -> CheckResult {
    let paused = async || -> CheckResult<_> {
        let running = ctx.ready(&ctx.script(SERVE)).await?;
        ctx.driver().pause_container(&running.id).await?;
        Ok(running.id)
    };
    let id = paused().await?;
    let outcome = ctx.driver().stop_container(&id, StopOptions::kill()).await?;
    ctx.equal("outcome of the stop", outcome, StopOutcome::Killed)?;
    ctx.equal("exit code", ctx.get(&id).await?.exit_code(), Some(137))?;

    let id = paused().await?;
    let result = ctx.driver().remove_container(&id, RemoveOptions::default()).await;
    ctx.refused(
        "removing a paused container",
        result,
        &[codes::CONTAINER_REMOVE_FAILED],
    )?;
    ctx.equal(
        "status after that",
        ctx.get(&id).await?.status,
        ContainerStatus::Paused,
    )?;
    ctx.driver().remove_container(&id, RemoveOptions::force()).await?;
    ctx.equal("leftover resources", ctx.driver().get_container(&id).await?, None)
}
