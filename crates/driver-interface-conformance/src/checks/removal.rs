//! Checks of removing containers.

use std::time::Duration;

use driver_interface_errors::{Effect, codes};
use driver_interface_types::{
    ContainerDriver, ContainerId, ContainerStatus, LogOptions, Property, RemoveOptions, StopOptions,
};
use tokio::time::Instant;

use crate::{Check, CheckResult, Ctx, IGNORES_STOP_SIGNAL, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "removal/not-running",
        "Created and exited containers are removed.",
        run!(not_running),
    )
    .properties(&[Property::CreatedState]),
    Check::must(
        "removal/running-refused",
        "Without force, removing a running container is refused, and it keeps running.",
        run!(running_refused),
    ),
    Check::must(
        "removal/running-forced",
        "With force, a running container is killed and removed immediately.",
        run!(running_forced),
    ),
    Check::must(
        "removal/twice",
        "A second removal returns `ContainerNotFoundError`, with or without force.",
        run!(twice),
    )
    .without_programs(),
    Check::must(
        "removal/complete-on-return",
        "When a removal returns, no reader or operation finds the container, and its name is free.",
        run!(complete_on_return),
    ),
];

async fn not_running(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script("true")).await?;
    let (exited, _) = ctx.finished(&ctx.script("exit 3")).await?;
    for container in [created, exited] {
        ctx.driver()
            .remove_container(&container.id, RemoveOptions::default())
            .await?;
        ctx.equal(
            format!("the {} container", container.status),
            ctx.driver().get_container(&container.id).await?,
            None,
        )?;
    }
    Ok(())
}

async fn running_refused(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let result = ctx
        .driver()
        .remove_container(&running.id, RemoveOptions::default())
        .await;
    let error = ctx.refused("the removal", result, &[codes::CONTAINER_REMOVE_FAILED])?;
    ctx.equal("retryable", error.is_retryable(), false)?;
    ctx.equal("effect", error.effect(), Effect::NotApplied)?;
    ctx.equal("the container", &ctx.get(&running.id).await?, &running)?;
    let logs = ctx
        .driver()
        .get_container_logs(&running.id, LogOptions::default())
        .await?;
    ctx.equal("its logs", logs, "ready\n".to_owned())
}

async fn running_forced(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(IGNORES_STOP_SIGNAL)).await?;
    let began = Instant::now();
    ctx.driver()
        .remove_container(&running.id, RemoveOptions::force())
        .await?;
    ctx.took("the removal", began, Duration::ZERO, Duration::from_secs(8))?;
    ctx.equal(
        "the container",
        ctx.driver().get_container(&running.id).await?,
        None,
    )
}

async fn twice(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script("true")).await?;
    ctx.driver()
        .remove_container(&created.id, RemoveOptions::default())
        .await?;
    for options in [RemoveOptions::default(), RemoveOptions::force()] {
        let result = ctx.driver().remove_container(&created.id, options).await;
        let error = ctx.refused("the second removal", result, &[codes::CONTAINER_NOT_FOUND])?;
        ctx.equal("retryable", error.is_retryable(), false)?;
    }
    Ok(())
}

async fn complete_on_return(ctx: Ctx) -> CheckResult {
    let second = ctx.second_driver().await?;
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let name = ContainerId::new(running.name.as_str())?;
    ctx.driver()
        .remove_container(&running.id, RemoveOptions::force())
        .await?;
    for driver in [ctx.driver(), &second] {
        for id in [&running.id, &name] {
            ctx.equal("get", driver.get_container(id).await?, None)?;
            let missing = [codes::CONTAINER_NOT_FOUND];
            ctx.refused("start", driver.start_container(id).await, &missing)?;
            ctx.refused(
                "stop",
                driver.stop_container(id, StopOptions::kill()).await,
                &missing,
            )?;
            ctx.refused(
                "logs",
                driver.get_container_logs(id, LogOptions::default()).await,
                &missing,
            )?;
        }
        ctx.equal(
            "list",
            driver.list_containers(&ctx.session_filter()).await?,
            Vec::new(),
        )?;
    }
    let again = second
        .create_container(&ctx.script("true").name(&running.name))
        .await?;
    ctx.equal(
        "the new container of that name",
        (again.status, again.id != running.id),
        (ContainerStatus::Created, true),
    )
}
