//! Checks of the events that are not about a container's lifecycle, such as pausing.

use std::time::Duration;

use driver_interface_types::{
    ConfigFeature, ContainerDriver, EventKind, ExecConfig, Guarantee, HealthCheck, Operation, Property,
};

use super::events::{assert_no_event, kinds, next, own, run_and_remove, up_to};
use crate::{Check, CheckResult, Ctx, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must("events/pause", "Pausing and unpausing are reported.", run!(pause)).requires(&[
        Operation::Events,
        Operation::PauseContainer,
        Operation::UnpauseContainer,
    ]),
    Check::must("events/exec", "The start of a command is reported.", run!(exec))
        .requires(&[Operation::Events, Operation::Exec]),
    Check::must(
        "events/health",
        "A container that becomes healthy or unhealthy is reported once.",
        run!(health),
    )
    .requires(&[Operation::Events])
    .config(&[ConfigFeature::HealthCheck]),
    Check::should(
        "events/oom",
        "An out-of-memory kill is reported.",
        run!(oom),
    )
    .because(
        "some engines do not report it, and the driver can only read it from a container that still exists",
    )
    .requires(&[Operation::Events])
    .guarantees(&[Guarantee::Memory])
    .properties(&[Property::RealProcesses]),
];

async fn pause(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let mut stream = ctx.driver().events(&own(&ctx)).await?;
    ctx.driver().pause_container(&running.id).await?;
    ctx.driver().pause_container(&running.id).await?;
    ctx.driver().unpause_container(&running.id).await?;
    let reported = up_to(&ctx, &mut stream, EventKind::Unpaused).await?;
    ctx.equal(
        "the reported events",
        kinds(&reported),
        vec![EventKind::Paused, EventKind::Unpaused],
    )
}

async fn exec(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let mut stream = ctx.driver().events(&own(&ctx)).await?;
    let done = ctx.driver().exec(&running.id, ExecConfig::new(["true"])).await?;
    ctx.ensure("the command works", done.success(), &done)?;
    let reported = next(&ctx, &mut stream).await?;
    ctx.equal(
        "the reported events",
        (reported.kind(), reported.container_id()),
        (EventKind::Exec, Some(&running.id)),
    )
}

async fn health(ctx: Ctx) -> CheckResult {
    let second = Duration::from_secs(1);
    let check = HealthCheck::shell("[ -e /tmp/well ]").interval(second).retries(2);
    let filter = own(&ctx).kind(EventKind::Healthy).kind(EventKind::Unhealthy);
    let mut stream = ctx.driver().events(&filter).await?;
    let script = "touch /tmp/well; sleep 8; rm /tmp/well; sleep 600";
    ctx.started(&ctx.script(script).health_check(check)).await?;
    let reported = up_to(&ctx, &mut stream, EventKind::Unhealthy).await?;
    ctx.equal(
        "the reported events",
        kinds(&reported),
        vec![EventKind::Healthy, EventKind::Unhealthy],
    )?;
    assert_no_event(&ctx, "no event while it stays healthy", &mut stream).await
}

async fn oom(ctx: Ctx) -> CheckResult {
    let filter = own(&ctx).kind(EventKind::OutOfMemory).kind(EventKind::Stopped);
    let mut stream = ctx.driver().events(&filter).await?;
    run_and_remove(&ctx, "exit 0").await?;
    let reported = up_to(&ctx, &mut stream, EventKind::Stopped).await?;
    ctx.equal(
        "the control with enough memory",
        kinds(&reported),
        vec![EventKind::Stopped],
    )?;
    // Engines begin to watch a container's memory usage only shortly after the container's start.
    let allocate_script = "sleep 1; exec dd if=/dev/zero of=/dev/null bs=256M count=1";
    let (exited, _) = ctx.finished(&ctx.script(allocate_script).memory(64)).await?;
    ctx.equal("exit code without enough memory", exited.exit_code(), Some(137))?;
    let reported = [next(&ctx, &mut stream).await?, next(&ctx, &mut stream).await?];
    let out = reported
        .iter()
        .any(|event| event.kind() == EventKind::OutOfMemory);
    ctx.ensure("the out-of-memory kill is reported", out, kinds(&reported))
}
