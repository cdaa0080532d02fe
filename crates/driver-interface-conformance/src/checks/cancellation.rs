//! Checks that a dropped call leaves no resources behind and does not disturb other calls.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use driver_interface_types::{
    ConfigFeature, ContainerDriver, ContainerDriverExt as _, ContainerStatus, LogOptions, StopOptions,
    VolumeId, VolumeOwner,
};
use tokio::time::{sleep, timeout};

use crate::{Check, CheckResult, Ctx, IGNORES_STOP_SIGNAL, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "cancellation/create-dropped-at-each-await",
        "A creation that is dropped at any of its await points leaves no container, and its name stays free.",
        run!(create_dropped_at_each_await),
    )
    .without_programs(),
    Check::must(
        "cancellation/create-dropped-after-delay",
        "A creation that is dropped after some milliseconds leaves no container.",
        run!(create_dropped_after_delay),
    )
    .without_programs()
    .because("engines continue a creation after their client disconnects"),
    Check::must(
        "cancellation/create-retried",
        "After a creation is dropped, a retry with the same key succeeds and leaves one container.",
        run!(create_retried),
    )
    .without_programs(),
    Check::must(
        "cancellation/volume-and-network",
        "A dropped creation of a volume or network leaves no volume or network.",
        run!(volume_and_network),
    )
    .without_image(),
    Check::must(
        "cancellation/volume-owner",
        "A dropped creation of a volume with an owner leaves no volume, and its name stays free.",
        run!(volume_owner),
    )
    .because("an engine may need several requests to set the owner")
    .config(&[ConfigFeature::VolumeOwner])
    .without_image(),
    Check::must(
        "cancellation/stop",
        "A dropped stop kills nothing before its grace period is over.",
        run!(stop),
    ),
    Check::must(
        "cancellation/start",
        "A dropped start completes or has no effect, and a second start succeeds.",
        run!(start),
    ),
    Check::must(
        "cancellation/follow",
        "Dropping calls that follow logs affects neither the container nor other readers.",
        run!(follow),
    ),
];

/// Polls a future at most `polls` times, and drops it. Returns the future's output, or `None` if the future did not
/// complete.
pub(super) async fn polled<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Waits until the check's session has no container. Then asserts that no container appears later.
async fn no_containers_left(ctx: &Ctx) -> CheckResult {
    let settled = Duration::from_millis(1500);
    sleep(settled).await;
    let about = "the containers of the session to be removed";
    ctx.eventually(about, Duration::from_secs(20), || async {
        let left = ctx.driver().list_containers(&ctx.session_filter()).await?;
        Ok(if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{} left, the first: {:?}", left.len(), left.first()))
        })
    })
    .await?;
    sleep(settled).await;
    ctx.equal(
        "containers that appeared later",
        ctx.driver().list_containers(&ctx.session_filter()).await?.len(),
        0,
    )
}

async fn create_dropped_at_each_await(ctx: Ctx) -> CheckResult {
    let mut names = Vec::new();
    for polls in 1..=12 {
        let config = ctx.script("true");
        names.extend(config.name.clone());
        if let Some(result) = polled(polls, ctx.driver().create_container(&config)).await {
            // The call has completed before it was dropped, so the container must exist.
            let created = result?;
            ctx.driver()
                .remove_container(&created.id, driver_interface_types::RemoveOptions::default())
                .await?;
        }
    }
    no_containers_left(&ctx).await?;
    for name in names {
        let created = ctx
            .driver()
            .create_container(&ctx.script("true").name(&name))
            .await?;
        ctx.equal("the name of a new container", created.name, name)?;
    }
    Ok(())
}

async fn create_dropped_after_delay(ctx: Ctx) -> CheckResult {
    for millis in [0, 1, 2, 4, 8, 12, 16, 24, 32, 64, 128] {
        let config = ctx.script("true");
        if let Ok(result) = timeout(
            Duration::from_millis(millis),
            ctx.driver().create_container(&config),
        )
        .await
        {
            let created = result?;
            ctx.driver()
                .remove_container(&created.id, driver_interface_types::RemoveOptions::default())
                .await?;
        }
    }
    no_containers_left(&ctx).await
}

async fn create_retried(ctx: Ctx) -> CheckResult {
    for polls in [1, 2, 3, 5, 8] {
        let config = ctx.script("true").operation_key(ctx.name());
        drop(polled(polls, ctx.driver().create_container(&config)).await);
        let created = ctx.driver().create_container(&config).await?;
        sleep(Duration::from_secs(2)).await;
        let about = format!("the container of the retry after {polls} polls");
        ctx.equal(
            about,
            ctx.get(&created.id).await?.status,
            ContainerStatus::Created,
        )?;
    }
    ctx.equal(
        "containers",
        ctx.driver().list_containers(&ctx.session_filter()).await?.len(),
        5,
    )
}

async fn volume_and_network(ctx: Ctx) -> CheckResult {
    let mut names = Vec::new();
    for polls in 1..=6 {
        let (volume, network) = (ctx.volume(), ctx.network());
        if let Some(Ok(created)) = polled(polls, ctx.driver().create_volume(&volume)).await {
            ctx.driver().remove_volume(&created.id).await?;
        }
        if let Some(Ok(created)) = polled(polls, ctx.driver().create_network(&network)).await {
            ctx.driver().remove_network(&created.id).await?;
        }
        names.push((volume.name, network.name));
    }
    sleep(Duration::from_secs(5)).await;
    for (volume, network) in names {
        let left = ctx.driver().remove_volume(&VolumeId::new(volume)?).await;
        ctx.refused(
            "removing a volume that should not exist",
            left,
            &["VOLUME_NOT_FOUND"],
        )?;
        let left = ctx.driver().find_network(&network).await?;
        ctx.equal("a network that should not exist", left, None)?;
    }
    Ok(())
}

async fn volume_owner(ctx: Ctx) -> CheckResult {
    let mut dropped = Vec::new();
    for millis in [0, 5, 10, 20, 40, 80, 120, 160, 240, 320, 480] {
        let config = ctx.volume().owner(VolumeOwner::new(4321, 1234));
        let call = ctx.driver().create_volume(&config);
        match timeout(Duration::from_millis(millis), call).await {
            Ok(created) => ctx.driver().remove_volume(&created?.id).await?,
            Err(_) => dropped.push(config),
        }
    }
    sleep(Duration::from_secs(5)).await;
    for config in dropped {
        let left = ctx
            .driver()
            .remove_volume(&VolumeId::new(config.name.as_str())?)
            .await;
        ctx.refused(
            "removing a volume that should not exist",
            left,
            &["VOLUME_NOT_FOUND"],
        )?;
        ctx.driver().create_volume(&config).await?;
    }
    Ok(())
}

async fn stop(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(IGNORES_STOP_SIGNAL)).await?;
    let stop = ctx
        .driver()
        .stop_container(&running.id, StopOptions::kill_after(Duration::from_secs(30)));
    let dropped = timeout(Duration::from_millis(500), stop).await.is_err();
    ctx.ensure("the stop was still waiting", dropped, dropped)?;
    sleep(Duration::from_secs(3)).await;
    ctx.equal(
        "status within the grace period",
        ctx.get(&running.id).await?.status,
        ContainerStatus::Running,
    )?;
    ctx.driver()
        .stop_container(&running.id, StopOptions::kill())
        .await?;
    ctx.equal("exit code", ctx.get(&running.id).await?.exit_code(), Some(137))
}

async fn start(ctx: Ctx) -> CheckResult {
    for polls in [1, 2, 4] {
        let created = ctx.driver().create_container(&ctx.script(SERVE)).await?;
        drop(polled(polls, ctx.driver().start_container(&created.id)).await);
        sleep(Duration::from_millis(300)).await;
        ctx.driver().start_container(&created.id).await?;
        ctx.printed(&created.id, "ready").await?;
        let logs = ctx
            .driver()
            .get_container_logs(&created.id, LogOptions::default())
            .await?;
        ctx.equal("the output of one process", logs, "ready\n".to_owned())?;
    }
    Ok(())
}

async fn follow(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    for _ in 0..20 {
        let follow = ctx
            .driver()
            .get_container_logs(&running.id, LogOptions::default().follow(true));
        let dropped = timeout(Duration::from_millis(20), follow).await.is_err();
        ctx.ensure("following waits while the container runs", dropped, dropped)?;
    }
    ctx.equal("the container", &ctx.get(&running.id).await?, &running)?;
    ctx.driver()
        .stop_container(&running.id, StopOptions::graceful(Duration::from_secs(20)))
        .await?;
    let logs = ctx
        .driver()
        .get_container_logs(&running.id, LogOptions::default().follow(true))
        .await?;
    ctx.equal("the whole log", logs, "ready\nbye\n".to_owned())
}
