//! Checks of the health checks that the config of a container defines.

use std::time::Duration;

use driver_interface_types::{
    ConfigFeature, ContainerDriver, ContainerHealthStatus, ContainerId, ContainerInstance, ContainerStatus,
    HealthCheck,
};
use tokio::time::sleep;

use crate::{Check, CheckResult, Ctx, SERVE, run};

const NEEDS: &[ConfigFeature] = &[ConfigFeature::HealthCheck];
const SECOND: Duration = Duration::from_secs(1);

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "health/check-passes",
        "A container with a health check is healthy once the check passes, not before.",
        run!(check_passes),
    )
    .config(NEEDS),
    Check::must(
        "health/check-fails",
        "A container whose health check exceeds its retries is unhealthy, reports failing streak and output, \
         and keeps running.",
        run!(check_fails),
    )
    .config(NEEDS),
    Check::must(
        "health/check-recovers",
        "An unhealthy container is healthy once its health check passes again.",
        run!(recovers),
    )
    .config(NEEDS),
    Check::must(
        "health/check-command",
        "A health check in exec form runs without a shell.",
        run!(command),
    )
    .config(NEEDS),
    Check::must(
        "health/check-timeout",
        "A health check that exceeds its timeout has failed.",
        run!(times_out),
    )
    .config(NEEDS),
    Check::must(
        "health/check-start-period",
        "Failures within the start period do not count.",
        run!(start_period),
    )
    .config(NEEDS),
    Check::must(
        "health/check-none",
        "The instance of a container without a health check has no health.",
        run!(none),
    )
    .config(NEEDS),
];

fn has_status(status: ContainerHealthStatus) -> impl Fn(&ContainerInstance) -> bool {
    move |now| now.health.as_ref().is_some_and(|health| health.status == status)
}

async fn assert_healthy(ctx: &Ctx, about: &str, id: &ContainerId, expected: bool) -> CheckResult {
    ctx.equal(about, ctx.driver().is_container_healthy(id).await?, expected)
}

fn quick(line: &str) -> HealthCheck {
    HealthCheck::shell(line).interval(SECOND).retries(2)
}

async fn check_passes(ctx: Ctx) -> CheckResult {
    let check = quick("[ -e /tmp/well ]").retries(100);
    let script = "sleep 5; touch /tmp/well; sleep 600";
    let running = ctx.started(&ctx.script(script).health_check(check)).await?;
    assert_healthy(&ctx, "before it passes", &running.id, false).await?;
    ctx.equal("status meanwhile", running.status, ContainerStatus::Running)?;
    let now = ctx
        .becomes("health", &running.id, has_status(ContainerHealthStatus::Healthy))
        .await?;
    assert_healthy(&ctx, "once it passes", &running.id, true).await?;
    ctx.equal(
        "the streak",
        now.health.map(|health| health.failing_streak),
        Some(0),
    )
}

async fn check_fails(ctx: Ctx) -> CheckResult {
    let config = ctx.script(SERVE).health_check(quick("echo it is ill; exit 1"));
    let running = ctx.ready(&config).await?;
    let now = ctx
        .becomes(
            "health",
            &running.id,
            has_status(ContainerHealthStatus::Unhealthy),
        )
        .await?;
    assert_healthy(&ctx, "once it has failed twice", &running.id, false).await?;
    let Some(health) = now.health else {
        return Err(crate::Failure::new("health", "to be reported", "none").into());
    };
    ctx.ensure("the streak is two or more", health.failing_streak >= 2, &health)?;
    let reported = health
        .last_output
        .as_ref()
        .is_some_and(|output| output.contains("it is ill"));
    ctx.ensure("its output is reported", reported, &health)?;
    ctx.equal("it keeps running", now.status, ContainerStatus::Running)
}

async fn recovers(ctx: Ctx) -> CheckResult {
    let script = "sleep 8; touch /tmp/well; sleep 600";
    let config = ctx.script(script).health_check(quick("[ -e /tmp/well ]"));
    let running = ctx.started(&config).await?;
    ctx.becomes(
        "health at first",
        &running.id,
        has_status(ContainerHealthStatus::Unhealthy),
    )
    .await?;
    assert_healthy(&ctx, "at first", &running.id, false).await?;
    ctx.becomes(
        "health later",
        &running.id,
        has_status(ContainerHealthStatus::Healthy),
    )
    .await?;
    assert_healthy(&ctx, "later", &running.id, true).await
}

async fn command(ctx: Ctx) -> CheckResult {
    let with_argument = |word: &str| {
        HealthCheck::command(["test", word, "=", "a b;c"])
            .interval(SECOND)
            .retries(2)
    };
    let good = ctx
        .ready(&ctx.script(SERVE).health_check(with_argument("a b;c")))
        .await?;
    let bad = ctx
        .ready(&ctx.script(SERVE).health_check(with_argument("$HOME")))
        .await?;
    ctx.becomes(
        "health of the container whose check passes",
        &good.id,
        has_status(ContainerHealthStatus::Healthy),
    )
    .await?;
    ctx.becomes(
        "health of the container whose check fails",
        &bad.id,
        has_status(ContainerHealthStatus::Unhealthy),
    )
    .await?;
    assert_healthy(&ctx, "the container whose check passes", &good.id, true).await
}

async fn times_out(ctx: Ctx) -> CheckResult {
    let check = |longest| quick("sleep 3").timeout(longest);
    let slow = ctx.ready(&ctx.script(SERVE).health_check(check(SECOND))).await?;
    let fine = ctx
        .ready(&ctx.script(SERVE).health_check(check(SECOND * 20)))
        .await?;
    ctx.becomes(
        "health of the slow container",
        &slow.id,
        has_status(ContainerHealthStatus::Unhealthy),
    )
    .await?;
    ctx.becomes(
        "health of the control",
        &fine.id,
        has_status(ContainerHealthStatus::Healthy),
    )
    .await?;
    assert_healthy(&ctx, "the slow container", &slow.id, false).await
}

async fn start_period(ctx: Ctx) -> CheckResult {
    let check = quick("false");
    let strict = ctx.ready(&ctx.script(SERVE).health_check(check.clone())).await?;
    let with_start_period = check.start_period(Duration::from_secs(600));
    let with_start_period = ctx
        .ready(&ctx.script(SERVE).health_check(with_start_period))
        .await?;
    ctx.becomes(
        "health of the control",
        &strict.id,
        has_status(ContainerHealthStatus::Unhealthy),
    )
    .await?;
    sleep(SECOND * 4).await;
    let now = ctx.get(&with_start_period.id).await?;
    let bad = has_status(ContainerHealthStatus::Unhealthy)(&now);
    ctx.ensure(
        "the container is not unhealthy in its start period",
        !bad,
        now.health,
    )?;
    assert_healthy(&ctx, "nor is it healthy", &with_start_period.id, false).await
}

async fn none(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    ctx.equal("health", running.health, None)?;
    assert_healthy(&ctx, "it runs", &running.id, true).await
}
