//! Checks of followed logs: they end when the container exits.

use std::time::Duration;

use driver_interface_types::{
    ContainerDriver, ContainerId, LogOptions, Property, RemoveOptions, StopOptions,
};
use tokio::time::{sleep, timeout};

use super::logs::first_difference;
use crate::{Check, CheckResult, Ctx, Failure, SERVE, Verdict, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "logs/follow-ends",
        "Following ends when the container exits and returns its complete output.",
        run!(follow_ends),
    ),
    Check::must(
        "logs/follow-exited",
        "Following an exited container returns immediately.",
        run!(follow_exited),
    ),
    Check::must(
        "logs/follow-waits-for-start",
        "Following a container that is not started yet waits for its start and exit.",
        run!(follow_created),
    )
    .properties(&[Property::CreatedState])
    .because("engines end the stream immediately, so a reader that attaches before the start sees nothing"),
    Check::must(
        "logs/follow-removed",
        "Following ends when the container is removed.",
        run!(follow_removed),
    ),
];

/// Follows the logs of a container in a separate task, as most users of a driver do.
fn following(ctx: &Ctx, id: &ContainerId) -> tokio::task::JoinHandle<driver_interface_types::Result<String>> {
    let (driver, id) = (ctx.driver().clone(), id.clone());
    tokio::spawn(async move {
        driver
            .get_container_logs(&id, LogOptions::default().follow(true))
            .await
    })
}

async fn joined(
    about: &str,
    task: tokio::task::JoinHandle<driver_interface_types::Result<String>>,
) -> CheckResult<String> {
    let limit = Duration::from_secs(30);
    let abort = task.abort_handle();
    match timeout(limit, task).await {
        Ok(Ok(logs)) => Ok(logs?),
        Ok(Err(error)) => Err(Verdict::Broken(error.to_string())),
        Err(_) => {
            abort.abort();
            Err(Failure::new(about, format!("to end within {limit:?}"), "it continues").into())
        }
    }
}

async fn follow_ends(ctx: Ctx) -> CheckResult {
    let running = ctx.started(&ctx.script("seq 1 300; sleep 2; echo last")).await?;
    let logs = joined("following", following(&ctx, &running.id)).await?;
    let expected: String = (1..=300)
        .map(|number| format!("{number}\n"))
        .chain(["last\n".to_owned()])
        .collect();
    ctx.ensure(
        "the complete output",
        logs == expected,
        first_difference(&logs, &expected),
    )?;
    ctx.ensure(
        "it has exited by then",
        ctx.exited(&running.id).await?.exit.is_some(),
        "it has not",
    )
}

async fn follow_exited(ctx: Ctx) -> CheckResult {
    let (exited, _) = ctx.finished(&ctx.script("echo one; echo two")).await?;
    let logs = joined("following", following(&ctx, &exited.id)).await?;
    ctx.equal("logs", logs, "one\ntwo\n".to_owned())
}

async fn follow_created(ctx: Ctx) -> CheckResult {
    let created = ctx
        .driver()
        .create_container(&ctx.script("echo one; sleep 1; echo two"))
        .await?;
    let task = following(&ctx, &created.id);
    sleep(Duration::from_secs(1)).await;
    ctx.ensure("it waits for the start", !task.is_finished(), "it has exited")?;
    ctx.driver().start_container(&created.id).await?;
    ctx.equal("logs", joined("following", task).await?, "one\ntwo\n".to_owned())
}

async fn follow_removed(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let created = ctx.driver().create_container(&ctx.script(SERVE)).await?;
    let tasks = [following(&ctx, &running.id), following(&ctx, &created.id)];
    sleep(Duration::from_secs(1)).await;
    ctx.ensure(
        "both wait",
        tasks.iter().all(|task| !task.is_finished()),
        "a call has returned",
    )?;
    ctx.driver()
        .stop_container(&running.id, StopOptions::kill())
        .await?;
    for id in [&running.id, &created.id] {
        ctx.driver().remove_container(id, RemoveOptions::force()).await?;
    }
    let [of_running, of_created] = tasks;
    ctx.equal(
        "logs of the container that ran",
        joined("following", of_running).await?,
        "ready\n".to_owned(),
    )?;
    ctx.equal(
        "logs of the container that did not",
        joined("following", of_created).await?,
        String::new(),
    )
}
