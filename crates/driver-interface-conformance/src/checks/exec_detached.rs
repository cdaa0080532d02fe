//! Checks of detached exec.

use std::time::Duration;

use driver_interface_errors::{Effect, codes};
use driver_interface_types::{
    ContainerDriver, ContainerId, ExecConfig, ExecId, ExecOutcome, ExecStatus, Operation, StopOptions,
    TtySize,
};

use crate::inside::heartbeat_script;
use crate::{Check, CheckResult, Ctx, SERVE, run};

const NEEDS: &[Operation] = &[Operation::ExecDetached, Operation::ExecStatus];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "exec-detached/outlives-call",
        "A detached command keeps running after the call, visible to every driver, and ends with its \
         container.",
        run!(outlives_call),
    )
    .requires(&[Operation::ExecDetached, Operation::ExecStatus, Operation::Exec]),
    Check::must(
        "exec-detached/status",
        "`exec_status` reports a detached command as running until it exits, and then its outcome.",
        run!(status),
    )
    .requires(NEEDS),
    Check::must(
        "exec-detached/unknown-id",
        "The status of an unknown command, or of a command in another container, is `None`.",
        run!(unknown_id),
    )
    .requires(NEEDS),
    Check::must(
        "exec-detached/refusals",
        "A timeout, an input, a terminal and a missing program are refused, and so is a container that is \
         not running.",
        run!(refusals),
    )
    .because("no call remains to serve them")
    .requires(NEEDS),
];

async fn exited(ctx: &Ctx, id: &ContainerId, exec: &ExecId) -> CheckResult<ExecOutcome> {
    ctx.eventually("the command to exit", Duration::from_secs(20), || async {
        let status = ctx.driver().exec_status(id, exec).await?;
        Ok(status
            .as_ref()
            .and_then(|status| status.outcome)
            .ok_or(format!("{status:?}")))
    })
    .await
}

async fn outlives_call(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let other = ctx.second_driver().await?;
    let exec = other
        .exec_detached(&running.id, ExecConfig::shell(heartbeat_script("/tmp/beat")))
        .await?;
    drop(other);
    ctx.assert_running("the command continues", &running.id, "/tmp/beat")
        .await?;
    let status = ctx.driver().exec_status(&running.id, &exec).await?;
    ctx.equal(
        "it runs, as seen by another driver",
        status.as_ref().map(ExecStatus::is_running),
        Some(true),
    )?;
    ctx.driver()
        .stop_container(&running.id, StopOptions::kill())
        .await?;
    let status = ctx.driver().exec_status(&running.id, &exec).await?;
    let runs = status.as_ref().is_some_and(ExecStatus::is_running);
    ctx.ensure("it does not outlive its container", !runs, status)
}

async fn status(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let script = "until [ -e /tmp/go ]; do sleep 1; done; exit 5";
    let exec = ctx
        .driver()
        .exec_detached(&running.id, ExecConfig::shell(script))
        .await?;
    let before = ctx.driver().exec_status(&running.id, &exec).await?;
    ctx.equal("while it runs", before.and_then(|status| status.outcome), None)?;
    let go = ctx
        .driver()
        .exec_detached(&running.id, ExecConfig::shell("touch /tmp/go"))
        .await?;
    ctx.ensure("ids differ", go != exec, (&go, &exec))?;
    ctx.equal(
        "exit of the first",
        exited(&ctx, &running.id, &exec).await?,
        ExecOutcome::Exited(5),
    )?;
    ctx.equal(
        "exit of the second",
        exited(&ctx, &running.id, &go).await?,
        ExecOutcome::Exited(0),
    )
}

async fn unknown_id(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let other = ctx.ready(&ctx.script(SERVE)).await?;
    let exec = ctx
        .driver()
        .exec_detached(&running.id, ExecConfig::new(["sleep", "600"]))
        .await?;
    let own = ctx.driver().exec_status(&running.id, &exec).await?;
    ctx.ensure("the control: the container's own command", own.is_some(), &own)?;
    let elsewhere = ctx.driver().exec_status(&other.id, &exec).await?;
    ctx.equal("in another container", elsewhere, None)?;
    for id in ["deadbeef".repeat(8), ctx.name()] {
        let status = ctx.driver().exec_status(&running.id, &ExecId::new(id)?).await?;
        ctx.equal("an unknown id", status, None)?;
    }
    Ok(())
}

async fn refusals(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let (gone, _) = ctx.finished(&ctx.script("true")).await?;
    let config = || ExecConfig::new(["true"]);
    for (about, id, config, code) in [
        (
            "a timeout",
            &running.id,
            config().timeout(Duration::from_secs(1)),
            codes::CONFIGURATION_ERROR,
        ),
        (
            "an input",
            &running.id,
            config().stdin("x"),
            codes::CONFIGURATION_ERROR,
        ),
        (
            "a terminal",
            &running.id,
            config().tty(TtySize::default()),
            codes::CONFIGURATION_ERROR,
        ),
        (
            "an exited container",
            &gone.id,
            config(),
            codes::CONTAINER_NOT_RUNNING,
        ),
        (
            "a program that does not exist",
            &running.id,
            ExecConfig::new(["no-such-program-here"]),
            codes::EXEC_FAILED,
        ),
    ] {
        let result = ctx.driver().exec_detached(id, config).await;
        let error = ctx.refused(about, result, &[code])?;
        ctx.equal(format!("effect ({about})"), error.effect(), Effect::NotApplied)?;
    }
    Ok(())
}
