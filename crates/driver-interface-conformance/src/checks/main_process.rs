//! Checks of signals to a container's main process, with and without an init process.

use std::time::Duration;

use driver_interface_types::{
    ConfigFeature, ContainerConfig, ContainerDriver, ContainerInstance, StopOptions, StopOutcome,
};
use tokio::time::Instant;

use crate::{Check, CheckResult, Ctx, run};

const NEEDS: &[ConfigFeature] = &[ConfigFeature::ProcessSetup];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "lifecycle/main-process/unhandled-stop-signal",
        "Without an init process, a program that does not handle the stop signal is killed after the grace \
         period, with exit code 137.",
        run!(unhandled_stop_signal),
    )
    .because("the kernel does not deliver signals to PID 1 that it does not handle")
    .config(NEEDS),
    Check::must(
        "lifecycle/main-process/handled-stop-signal",
        "Without an init process, a program that handles the stop signal exits on it.",
        run!(handled_stop_signal),
    )
    .config(NEEDS),
    Check::must(
        "lifecycle/main-process/init-forwards-default-signals",
        "With an init process, the stop signal terminates a program that does not handle it, with exit code \
         143 and within the grace period.",
        run!(init_forwards_signals),
    )
    .config(NEEDS),
    Check::must(
        "lifecycle/main-process/kill-self",
        "A main process that sends itself `SIGKILL` exits with 137 under an init process and continues as \
         PID 1.",
        run!(kill_self),
    )
    .config(NEEDS),
];

const GRACE: Duration = Duration::from_secs(20);

/// Builds the config of a container whose main process handles no signal. If `init` is true, the container has an
/// init process.
fn sleeper(ctx: &Ctx, init: bool) -> ContainerConfig {
    ctx.program(["sleep", "600"]).init(init)
}

async fn stopped(
    ctx: &Ctx,
    config: &ContainerConfig,
    grace: Duration,
) -> CheckResult<(StopOutcome, ContainerInstance)> {
    let id = ctx.driver().create_container(config).await?.id;
    ctx.driver().start_container(&id).await?;
    // An init process needs some time to start its child.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let outcome = ctx
        .driver()
        .stop_container(&id, StopOptions::kill_after(grace))
        .await?;
    Ok((outcome, ctx.get(&id).await?))
}

async fn unhandled_stop_signal(ctx: Ctx) -> CheckResult {
    let grace = Duration::from_secs(2);
    let began = Instant::now();
    let (outcome, exited) = stopped(&ctx, &sleeper(&ctx, false), grace).await?;
    ctx.took("the stop", began, grace, Duration::from_secs(30))?;
    ctx.equal(
        "outcome and exit code",
        (outcome, exited.exit_code()),
        (StopOutcome::Killed, Some(137)),
    )
}

async fn handled_stop_signal(ctx: Ctx) -> CheckResult {
    let script = "trap 'exit 7' TERM; while true; do sleep 600 & wait $!; done";
    let (outcome, exited) = stopped(&ctx, &ctx.script(script).init(false), GRACE).await?;
    ctx.equal(
        "outcome and exit code",
        (outcome, exited.exit_code()),
        (StopOutcome::Stopped, Some(7)),
    )
}

async fn init_forwards_signals(ctx: Ctx) -> CheckResult {
    let began = Instant::now();
    let (outcome, exited) = stopped(&ctx, &sleeper(&ctx, true), GRACE).await?;
    ctx.took("the stop", began, Duration::ZERO, GRACE / 2)?;
    ctx.equal(
        "outcome and exit code",
        (outcome, exited.exit_code()),
        (StopOutcome::Stopped, Some(143)),
    )
}

async fn kill_self(ctx: Ctx) -> CheckResult {
    let script = "kill -9 $$; echo alive; exit 3";
    for (init, code, printed) in [(true, 137, ""), (false, 3, "alive\n")] {
        let (exited, logs) = ctx.finished(&ctx.script(script).init(init)).await?;
        ctx.equal(
            format!("exit code and logs with `init` as {init}"),
            (exited.exit_code(), logs.as_str()),
            (Some(code), printed),
        )?;
    }
    Ok(())
}
