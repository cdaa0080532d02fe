//! Checks of the health of the engine and of containers.

use std::time::Duration;

use driver_interface_types::{ContainerCounts, ContainerDriver, ContainerFilter, HealthStatus, StopOptions};
use tokio::time::Instant;

use crate::{Check, CheckResult, Ctx, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "health/engine-responds",
        "A health check of a working engine returns `Healthy` within 10 s, with the driver's version and the \
         engine.",
        run!(engine_responds),
    )
    .without_image(),
    Check::must(
        "health/counts-add-up",
        "The total is running plus stopped plus other containers.",
        run!(counts_add_up),
    ),
    Check::must(
        "health/counts-match-list",
        "The counts match the list of containers.",
        run!(counts_match),
    )
    .exclusive(),
    Check::must(
        "health/healthy-while-running",
        "A container without a health check is healthy exactly while it runs.",
        run!(healthy_while_running),
    ),
];

async fn engine_responds(ctx: Ctx) -> CheckResult {
    let began = Instant::now();
    let health = ctx.driver().health_check().await?;
    ctx.took("the health check", began, Duration::ZERO, Duration::from_secs(10))?;
    ctx.equal("status", health.status, HealthStatus::Healthy)?;
    ctx.equal("version", health.version.as_str(), ctx.driver().version())?;
    ctx.equal("error", health.error, None)?;
    let named = health
        .engine
        .as_ref()
        .is_some_and(|engine| !engine.name.is_empty() && !engine.version.is_empty());
    ctx.ensure("it names the engine", named, health.engine)
}

async fn counts_add_up(ctx: Ctx) -> CheckResult {
    ctx.driver().create_container(&ctx.script("true")).await?;
    ctx.ready(&ctx.script(SERVE)).await?;
    ctx.finished(&ctx.script("exit 1")).await?;
    let counts = ctx.driver().health_check().await?.containers;
    ctx.equal(
        "total",
        counts.total,
        counts.running + counts.stopped + counts.others,
    )?;
    let all_there = counts.running >= 1 && counts.stopped >= 1 && counts.others >= 1;
    ctx.ensure("one of each is counted", all_there, counts)
}

async fn counts_match(ctx: Ctx) -> CheckResult {
    ctx.driver().create_container(&ctx.script("true")).await?;
    ctx.ready(&ctx.script(SERVE)).await?;
    ctx.finished(&ctx.script("exit 0")).await?;
    ctx.finished(&ctx.script("exit 1")).await?;
    let listed = ctx.driver().list_containers(&ContainerFilter::default()).await?;
    let counts = ctx.driver().health_check().await?.containers;
    ctx.equal(
        "counts",
        counts,
        ContainerCounts::of(listed.iter().map(|container| container.status)),
    )?;
    ctx.equal("total", counts.total, 4)
}

async fn healthy_while_running(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script(SERVE)).await?;
    ctx.equal(
        "before the start",
        ctx.driver().is_container_healthy(&created.id).await?,
        false,
    )?;
    ctx.driver().start_container(&created.id).await?;
    ctx.equal(
        "while it runs",
        ctx.driver().is_container_healthy(&created.id).await?,
        true,
    )?;
    ctx.driver()
        .stop_container(&created.id, StopOptions::kill())
        .await?;
    ctx.equal(
        "after its exit",
        ctx.driver().is_container_healthy(&created.id).await?,
        false,
    )
}
