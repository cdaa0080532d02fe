//! Checks of commands that exceed their timeout or their container's memory limit.

use std::time::Duration;

use driver_interface_types::{ContainerDriver, ExecConfig, ExecOutcome, Guarantee, Operation, Property};
use tokio::time::Instant;

use crate::inside::heartbeat_script;
use crate::{Check, CheckResult, Ctx, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "exec/timeout-keeps-output",
        "A command that exceeds its timeout ends with `TimedOut`, and its output so far is kept.",
        run!(keeps_output),
    )
    .requires(&[Operation::Exec]),
    Check::must(
        "exec/timeout-kills-children",
        "A timeout kills the command and its children, including background processes.",
        run!(kills_children),
    )
    .because("no engine API can kill a command")
    .requires(&[Operation::Exec]),
    Check::must(
        "exec/timeout-kills-ignoring-signals",
        "A timeout kills a command that ignores `SIGTERM`, `SIGHUP` and `SIGINT`.",
        run!(kills_ignoring_signals),
    )
    .requires(&[Operation::Exec]),
    Check::must(
        "exec/timeout-kills-new-session",
        "A timeout also kills orphaned children that run in a new session.",
        run!(kills_new_session),
    )
    .because("killing the command's process group is not enough")
    .requires(&[Operation::Exec])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "exec/timeout-kills-only-command",
        "A timeout affects neither the main process nor other commands, nor a command that exits in time.",
        run!(kills_only_command),
    )
    .requires(&[Operation::Exec]),
    Check::must(
        "exec/out-of-memory",
        "A command that is killed for lack of memory has the outcome `OomKilled`; one that needs less memory \
         succeeds.",
        run!(out_of_memory),
    )
    .requires(&[Operation::Exec])
    .guarantees(&[Guarantee::Memory])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "exec/outlasts-request-deadline",
        "A command without a timeout may run longer than the driver's request deadline.",
        run!(outlasts_deadline),
    )
    .limit(480)
    .requires(&[Operation::Exec]),
];

const TIMEOUT: Duration = Duration::from_secs(4);
/// The maximum time, after the timeout, that a driver may need to find and kill the command's processes.
const SLACK: Duration = Duration::from_secs(15);

async fn keeps_output(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let config = ExecConfig::shell("echo out; echo err >&2; sleep 600; echo never").timeout(TIMEOUT);
    let began = Instant::now();
    let done = ctx.driver().exec(&running.id, config).await?;
    ctx.took("the command", began, TIMEOUT, TIMEOUT + SLACK)?;
    ctx.equal("outcome", done.outcome, ExecOutcome::TimedOut)?;
    ctx.equal("output", done.stdout_text().as_ref(), "out\n")?;
    ctx.equal("error", done.stderr_text().as_ref(), "err\n")
}

/// Runs `script`, which must start a process that writes to `/tmp/beat`. Asserts that the command times out and that
/// the timeout kills that process.
async fn killed_by_timeout(ctx: &Ctx, script: &str) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let config = ExecConfig::shell(script).timeout(TIMEOUT);
    let began = Instant::now();
    let done = ctx.driver().exec(&running.id, config).await?;
    ctx.equal("outcome", done.outcome, ExecOutcome::TimedOut)?;
    ctx.took("the command", began, TIMEOUT, TIMEOUT + SLACK)?;
    ctx.assert_exits("all of its children have exited", &running.id, "/tmp/beat")
        .await
}

async fn kills_children(ctx: Ctx) -> CheckResult {
    killed_by_timeout(&ctx, &format!("({}) & sleep 600", heartbeat_script("/tmp/beat"))).await
}

async fn kills_ignoring_signals(ctx: Ctx) -> CheckResult {
    killed_by_timeout(
        &ctx,
        &format!("trap '' TERM HUP INT; {}", heartbeat_script("/tmp/beat")),
    )
    .await
}

async fn kills_new_session(ctx: Ctx) -> CheckResult {
    let child = heartbeat_script("/tmp/beat");
    killed_by_timeout(
        &ctx,
        &format!("(busybox setsid sh -c '{child}' >/dev/null 2>&1 &) ; sleep 600"),
    )
    .await
}

async fn kills_only_command(ctx: Ctx) -> CheckResult {
    let main = format!("echo ready; {}", heartbeat_script("/tmp/main"));
    let running = ctx.ready(&ctx.script(&main)).await?;
    let other = {
        let (driver, id) = (ctx.driver().clone(), running.id.clone());
        let script = heartbeat_script("/tmp/other");
        tokio::spawn(async move { driver.exec(&id, ExecConfig::shell(script)).await })
    };
    let config = ExecConfig::new(["sleep", "600"]).timeout(TIMEOUT);
    let done = ctx.driver().exec(&running.id, config).await?;
    ctx.equal("outcome", done.outcome, ExecOutcome::TimedOut)?;
    ctx.ensure(
        "the other command still runs",
        !other.is_finished(),
        "it has exited",
    )?;
    ctx.assert_running("the other command continues", &running.id, "/tmp/other")
        .await?;
    ctx.assert_running("the main process continues", &running.id, "/tmp/main")
        .await?;
    other.abort();
    let config = ExecConfig::shell("echo quick; exit 3").timeout(Duration::from_secs(60));
    let began = Instant::now();
    let done = ctx.driver().exec(&running.id, config).await?;
    ctx.took(
        "a command that exits in time",
        began,
        Duration::ZERO,
        Duration::from_secs(30),
    )?;
    ctx.equal(
        "its outcome and output",
        (done.outcome, done.stdout_text().as_ref()),
        (ExecOutcome::Exited(3), "quick\n"),
    )
}

async fn out_of_memory(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE).memory(64)).await?;
    let allocate_script = |mib: u32| {
        let block = format!("bs={mib}M");
        ExecConfig::new(["dd", "if=/dev/zero", "of=/dev/null", block.as_str(), "count=1"])
    };
    let done = ctx.driver().exec(&running.id, allocate_script(8)).await?;
    ctx.equal(
        "the control that needs less memory",
        done.outcome,
        ExecOutcome::Exited(0),
    )?;
    let done = ctx.driver().exec(&running.id, allocate_script(256)).await?;
    ctx.equal(
        "outcome of a command that needs more",
        done.outcome,
        ExecOutcome::OomKilled,
    )
}

async fn outlasts_deadline(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let began = Instant::now();
    let done = ctx.run_in(&running.id, "sleep 70; echo awake; exit 4").await?;
    ctx.equal(
        "outcome and output",
        (done.outcome, done.stdout_text().as_ref()),
        (ExecOutcome::Exited(4), "awake\n"),
    )?;
    ctx.took(
        "the command",
        began,
        Duration::from_secs(70),
        Duration::from_secs(140),
    )
}
