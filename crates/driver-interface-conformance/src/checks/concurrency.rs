//! Checks of concurrent calls. If only one of the calls can succeed, exactly one call succeeds. No result is
//! ambiguous.

use std::collections::BTreeMap;
use std::time::Duration;

use driver_interface_errors::{Hint, codes};
use driver_interface_types::{
    ContainerDriver, ContainerId, ContainerState, DriverError, LogOptions, NetworkConfig, RemoveOptions,
    ResourceFilter, StartOutcome, StopOptions, StopOutcome, VolumeConfig, VolumeId,
};
use tokio::time::{Instant, sleep};

use crate::{Check, CheckResult, Ctx, IGNORES_STOP_SIGNAL, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "concurrency/create-same-name",
        "If 16 creations with the same name race, exactly one succeeds; the others report that the name is \
         taken.",
        run!(create_same_name),
    )
    .without_programs(),
    Check::must(
        "concurrency/create-volume",
        "If 16 creations of one volume by two drivers race, exactly one succeeds.",
        run!(create_volume),
    )
    .because("engines report success for all of them")
    .without_image(),
    Check::must(
        "concurrency/create-network",
        "If 16 creations of one network by two drivers race, exactly one succeeds, and one network exists.",
        run!(create_network),
    )
    .because("one engine creates up to 16 networks with one name")
    .limit(480)
    .without_image(),
    Check::must(
        "concurrency/remove-container",
        "If 16 removals of one container race, exactly one succeeds; the others return \
         `ContainerNotFoundError`.",
        run!(remove_container),
    ),
    Check::must(
        "concurrency/remove-volume",
        "If 8 removals of one volume race, exactly one succeeds; the others return `VolumeNotFoundError`.",
        run!(remove_volume),
    )
    .without_image(),
    Check::must(
        "concurrency/start",
        "If 16 starts race, all succeed, at least one returns `Started`, and one process runs.",
        run!(start),
    ),
    Check::must(
        "concurrency/stop",
        "If 16 forced stops of one container race, all succeed and take no longer than one.",
        run!(stop),
    ),
    Check::must(
        "concurrency/start-stop-race",
        "If a start and a stop race, both succeed, and the container is running or stopped.",
        run!(start_stop_race),
    ),
    Check::must(
        "concurrency/start-remove-race",
        "A container that is started during a forced removal is always removed.",
        run!(start_remove_race),
    ),
    Check::must(
        "concurrency/list-during-churn",
        "Listing succeeds while containers are created and removed, and includes every container that \
         remains.",
        run!(list_during_churn),
    ),
];

const CONCURRENCY: usize = 16;

/// Counts the results of concurrent calls, as in `1 × success, 15 × CONTAINER_NOT_FOUND`.
fn tally<T>(results: &[Result<T, DriverError>]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for result in results {
        *counts
            .entry(result.as_ref().err().map_or("success", DriverError::code))
            .or_default() += 1;
    }
    let mut parts: Vec<String> = Vec::new();
    if let Some(count) = counts.remove("success") {
        parts.push(format!("{count} × success"));
    }
    parts.extend(counts.iter().map(|(code, count)| format!("{count} × {code}")));
    parts.join(", ")
}

/// Returns the expected tally of `racers` concurrent calls: one succeeds, and all others fail with `code`.
fn one_winner(racers: usize, code: &str) -> String {
    format!("1 × success, {} × {code}", racers - 1)
}

async fn create_same_name(ctx: Ctx) -> CheckResult {
    let (second, config) = (ctx.second_driver().await?, ctx.script("true"));
    let results = ctx
        .together(CONCURRENCY, |number| {
            let (driver, config) = (ctx.in_turn(&second, number).clone(), config.clone());
            async move { driver.create_container(&config).await }
        })
        .await?;
    ctx.equal(
        "results",
        tally(&results),
        one_winner(CONCURRENCY, codes::CONTAINER_CREATION_FAILED),
    )?;
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        ctx.equal("hint", error.hint(), Some(Hint::NameTaken))?;
        ctx.equal("retryable", error.is_retryable(), false)?;
    }
    ctx.equal(
        "containers",
        ctx.driver().list_containers(&ctx.session_filter()).await?.len(),
        1,
    )
}

async fn create_volume(ctx: Ctx) -> CheckResult {
    let (second, config) = (ctx.second_driver().await?, ctx.volume());
    let results = ctx
        .together(CONCURRENCY, |number| {
            let driver = ctx.in_turn(&second, number).clone();
            let config: VolumeConfig = config.clone().label("racer", number.to_string());
            async move { driver.create_volume(&config).await }
        })
        .await?;
    ctx.equal(
        "results",
        tally(&results),
        one_winner(CONCURRENCY, codes::VOLUME_CREATION_FAILED),
    )?;
    ctx.driver().remove_volume(&VolumeId::new(config.name)?).await?;
    Ok(())
}

async fn create_network(ctx: Ctx) -> CheckResult {
    let (second, config) = (ctx.second_driver().await?, ctx.network());
    let results = ctx
        .together(CONCURRENCY, |number| {
            let driver = ctx.in_turn(&second, number).clone();
            let config: NetworkConfig = config.clone().label("racer", number.to_string());
            async move { driver.create_network(&config).await }
        })
        .await?;
    ctx.equal(
        "results",
        tally(&results),
        one_winner(CONCURRENCY, codes::NETWORK_CREATION_FAILED),
    )?;
    let created = ctx
        .driver()
        .list_networks(&ResourceFilter::default().name(&config.name))
        .await?;
    ctx.equal("networks of that name", created.len(), 1)?;
    for network in created {
        ctx.driver().remove_network(&network.id).await?;
    }
    Ok(())
}

async fn remove_container(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let results = ctx
        .together(CONCURRENCY, |_| {
            let (driver, id) = (ctx.driver().clone(), running.id.clone());
            async move { driver.remove_container(&id, RemoveOptions::force()).await }
        })
        .await?;
    ctx.equal(
        "results",
        tally(&results),
        one_winner(CONCURRENCY, codes::CONTAINER_NOT_FOUND),
    )?;
    ctx.equal(
        "the container",
        ctx.driver().get_container(&running.id).await?,
        None,
    )
}

async fn remove_volume(ctx: Ctx) -> CheckResult {
    let volume = ctx.driver().create_volume(&ctx.volume()).await?;
    let results = ctx
        .together(8, |_| {
            let (driver, id) = (ctx.driver().clone(), volume.id.clone());
            async move { driver.remove_volume(&id).await }
        })
        .await?;
    ctx.equal("results", tally(&results), one_winner(8, codes::VOLUME_NOT_FOUND))
}

async fn start(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script(SERVE)).await?;
    let results = ctx
        .together(CONCURRENCY, |_| {
            let (driver, id) = (ctx.driver().clone(), created.id.clone());
            async move { driver.start_container(&id).await }
        })
        .await?;
    ctx.equal("results", tally(&results), format!("{CONCURRENCY} × success"))?;
    let started = results
        .iter()
        .filter(|result| matches!(result, Ok(StartOutcome::Started)))
        .count();
    // Engines do not reliably report which of several concurrent callers started the container: several may get
    // `Started`.
    ctx.ensure("at least one call started it", started >= 1, started)?;
    ctx.printed(&created.id, "ready").await?;
    sleep(Duration::from_millis(500)).await;
    let logs = ctx
        .driver()
        .get_container_logs(&created.id, LogOptions::default())
        .await?;
    ctx.equal("the output of one process", logs, "ready\n".to_owned())
}

async fn stop(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(IGNORES_STOP_SIGNAL)).await?;
    let began = Instant::now();
    let results = ctx
        .together(CONCURRENCY, |_| {
            let (driver, id) = (ctx.driver().clone(), running.id.clone());
            async move {
                driver
                    .stop_container(&id, StopOptions::kill_after(Duration::from_secs(3)))
                    .await
            }
        })
        .await?;
    ctx.equal("results", tally(&results), format!("{CONCURRENCY} × success"))?;
    let killed = results
        .iter()
        .all(|result| !matches!(result, Ok(StopOutcome::Stopped)));
    ctx.ensure("none reports a graceful stop", killed, &results)?;
    ctx.took(
        "all of them",
        began,
        Duration::from_secs(3),
        Duration::from_secs(25),
    )?;
    ctx.equal("exit code", ctx.get(&running.id).await?.exit_code(), Some(137))
}

async fn start_stop_race(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script(SERVE)).await?;
    for round in 0..5 {
        let results = ctx
            .together(2, |number| {
                let (driver, id) = (ctx.driver().clone(), created.id.clone());
                async move {
                    match number {
                        0 => driver.start_container(&id).await.map(drop),
                        _ => driver.stop_container(&id, StopOptions::kill()).await.map(drop),
                    }
                }
            })
            .await?;
        ctx.equal(
            format!("results of round {round}"),
            tally(&results),
            "2 × success".to_owned(),
        )?;
        let now = ctx.get(&created.id).await?;
        let settled = matches!(now.state, ContainerState::Running | ContainerState::Terminated);
        ctx.ensure("it is running or terminated", settled, now.status)?;
    }
    Ok(())
}

async fn start_remove_race(ctx: Ctx) -> CheckResult {
    for _ in 0..5 {
        let created = ctx.driver().create_container(&ctx.script(SERVE)).await?;
        let results = ctx
            .together(2, |number| {
                let (driver, id): (_, ContainerId) = (ctx.driver().clone(), created.id.clone());
                async move {
                    match number {
                        0 => driver.start_container(&id).await.map(drop),
                        _ => driver.remove_container(&id, RemoveOptions::force()).await,
                    }
                }
            })
            .await?;
        let codes_seen: Vec<&str> = results
            .iter()
            .filter_map(|result| result.as_ref().err())
            .map(DriverError::code)
            .collect();
        let expected = codes_seen
            .iter()
            .all(|code| [codes::CONTAINER_NOT_FOUND, codes::CONTAINER_START_FAILED].contains(code));
        ctx.ensure(
            "only the start may fail, with \"not found\" or a failed start",
            expected && codes_seen.len() <= 1,
            codes_seen,
        )?;
        ctx.equal(
            "the container",
            ctx.driver().get_container(&created.id).await?,
            None,
        )?;
    }
    Ok(())
}

async fn list_during_churn(ctx: Ctx) -> CheckResult {
    let remaining = ctx.ready(&ctx.script(SERVE)).await?;
    let results = ctx
        .together(4, |number| {
            let (driver, ctx, id) = (ctx.driver().clone(), ctx.clone(), remaining.id.clone());
            async move {
                for _ in 0..6 {
                    if number == 0 {
                        let listed = driver.list_containers(&ctx.session_filter()).await?;
                        ctx.ensure(
                            "the list has the remaining container",
                            listed.iter().any(|one| one.id == id),
                            &listed,
                        )?;
                        sleep(Duration::from_millis(50)).await;
                    } else {
                        let created = driver.create_container(&ctx.script("true")).await?;
                        driver
                            .remove_container(&created.id, RemoveOptions::force())
                            .await?;
                    }
                }
                CheckResult::Ok(())
            }
        })
        .await?;
    results.into_iter().collect()
}
