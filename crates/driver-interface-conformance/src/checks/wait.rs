//! Checks of waiting for a container's exit: the result of a wait agrees with the container's instance and is never
//! lost.

use std::time::Duration;

use driver_interface_errors::{Effect, Hint, codes};
use driver_interface_types::{
    ContainerDriver, ContainerDriverExt, ContainerId, ContainerStatus, ExitInfo, Guarantee, Operation,
    Property, RemoveOptions, StopOptions, WaitFor, WaitOptions,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::{Check, CheckResult, Ctx, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "wait/exit-code",
        "A wait returns when the main process exits, with the same exit as the instance.",
        run!(exit_code),
    )
    .requires(&[Operation::WaitContainer]),
    Check::must(
        "wait/already-exited",
        "A wait for an exited container returns immediately.",
        run!(already_exited),
    )
    .requires(&[Operation::WaitContainer]),
    Check::must(
        "wait/before-start",
        "A wait for a container that was never started waits for its start and exit.",
        run!(before_start),
    )
    .properties(&[Property::CreatedState])
    .because("engines return 0 immediately")
    .requires(&[Operation::WaitContainer]),
    Check::must(
        "wait/second-run",
        "A wait during a second run returns the exit of that run, not of the first.",
        run!(second_run),
    )
    .properties(&[Property::RestartSameId])
    .requires(&[Operation::WaitContainer]),
    Check::must(
        "wait/exit-code-after-removal",
        "A wait returns the exit code even if the container is stopped and removed during the wait.",
        run!(exit_code_after_removal),
    )
    .because("no engine keeps the exit code after the removal")
    .requires(&[Operation::WaitContainer]),
    Check::must(
        "wait/removed-before-start",
        "A wait for a container that is removed before its first start returns `ContainerNotFoundError`.",
        run!(removed_before_start),
    )
    .requires(&[Operation::WaitContainer]),
    Check::must(
        "wait/timeout",
        "A wait that exceeds its timeout returns `WaitTimeoutError` with container and timeout, and has no \
         effect.",
        run!(timeout),
    )
    .requires(&[Operation::WaitContainer]),
    Check::must(
        "wait/exits-before-ready",
        "Waiting for the readiness of a container that exits fails with its exit code, its last output and \
         the hint of a known cause.",
        run!(exits_before_ready),
    ),
    Check::must(
        "wait/many-waiters",
        "Sixteen waits for one container, from two drivers, all return the same result.",
        run!(many),
    )
    .requires(&[Operation::WaitContainer]),
    Check::must(
        "wait/paused",
        "A wait for a paused container lasts until it exits.",
        run!(paused),
    )
    .requires(&[
        Operation::WaitContainer,
        Operation::PauseContainer,
        Operation::UnpauseContainer,
    ]),
    Check::must(
        "wait/outlasts-request-deadline",
        "A wait without a timeout may last longer than the driver's request deadline.",
        run!(outlasts_deadline),
    )
    .limit(480)
    .requires(&[Operation::WaitContainer]),
];

/// A script that prints `ready`, and exits with 7 on `SIGTERM`.
const EXITS_WITH_7: &str = "trap 'exit 7' TERM; echo ready; while true; do sleep 600 & wait $!; done";

pub(super) fn waiting(ctx: &Ctx, id: &ContainerId) -> JoinHandle<driver_interface_types::Result<ExitInfo>> {
    let (driver, id) = (ctx.driver().clone(), id.clone());
    tokio::spawn(async move { driver.wait_container(&id, WaitOptions::default()).await })
}

async fn still_waits<T>(ctx: &Ctx, about: &str, task: &JoinHandle<T>) -> CheckResult {
    sleep(Duration::from_millis(1500)).await;
    ctx.ensure(about, !task.is_finished(), "the wait has returned")
}

async fn exit_code(ctx: Ctx) -> CheckResult {
    for code in [0, 1, 42, 255] {
        let running = ctx.started(&ctx.script(&format!("sleep 1; exit {code}"))).await?;
        let exit = ctx.joined("the wait", waiting(&ctx, &running.id)).await??;
        ctx.equal("exit code", exit.code, code)?;
        ctx.equal("signal", exit.signal.is_some(), code > 128 && code <= 192)?;
        let exited = ctx.get(&running.id).await?;
        ctx.equal(
            "exit of the instance when the wait returns",
            exited.exit,
            Some(exit),
        )?;
    }
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let task = waiting(&ctx, &running.id);
    still_waits(&ctx, "it waits while the container runs", &task).await?;
    ctx.driver()
        .stop_container(&running.id, StopOptions::kill())
        .await?;
    let exit = ctx.joined("the wait", task).await??;
    ctx.equal(
        "code and signal of a killed container",
        (exit.code, exit.signal),
        (137, Some(9)),
    )
}

async fn already_exited(ctx: Ctx) -> CheckResult {
    let (exited, _) = ctx.finished(&ctx.script("exit 3")).await?;
    for driver in [ctx.driver(), &ctx.second_driver().await?] {
        let began = Instant::now();
        let exit = driver.wait_container(&exited.id, WaitOptions::default()).await?;
        ctx.took("the wait", began, Duration::ZERO, Duration::from_secs(10))?;
        ctx.equal("the exit", Some(exit), exited.exit.clone())?;
    }
    Ok(())
}

async fn before_start(ctx: Ctx) -> CheckResult {
    let created = ctx
        .driver()
        .create_container(&ctx.script("sleep 1; exit 5"))
        .await?;
    let task = waiting(&ctx, &created.id);
    still_waits(&ctx, "it waits while nothing runs", &task).await?;
    ctx.driver().start_container(&created.id).await?;
    ctx.equal("exit code", ctx.joined("the wait", task).await??.code, 5)
}

async fn second_run(ctx: Ctx) -> CheckResult {
    // The first run creates a file and exits with 4. The second run finds that file and exits with 6.
    let script = "[ -e /home/mark ] && sleep 3 && exit 6; touch /home/mark; exit 4";
    let config = ctx.script(script).security(super::volumes::writable());
    let (exited, _) = ctx.finished(&config).await?;
    ctx.equal("exit code of the first run", exited.exit_code(), Some(4))?;
    ctx.driver().start_container(&exited.id).await?;
    let exit = ctx.joined("the wait", waiting(&ctx, &exited.id)).await??;
    ctx.equal("exit code of the second run", exit.code, 6)
}

async fn exit_code_after_removal(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(EXITS_WITH_7)).await?;
    let task = waiting(&ctx, &running.id);
    still_waits(&ctx, "it waits while the container runs", &task).await?;
    ctx.driver()
        .stop_container(&running.id, StopOptions::graceful(Duration::from_secs(20)))
        .await?;
    ctx.driver()
        .remove_container(&running.id, RemoveOptions::default())
        .await?;
    ctx.equal(
        "exit code of a stopped container",
        ctx.joined("the wait", task).await??.code,
        7,
    )?;

    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let task = waiting(&ctx, &running.id);
    still_waits(&ctx, "it waits while the container runs", &task).await?;
    ctx.driver()
        .remove_container(&running.id, RemoveOptions::force())
        .await?;
    let exit = ctx.joined("the wait", task).await??;
    ctx.equal("exit code of a container removed by force", exit.code, 137)
}

async fn removed_before_start(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script("exit 1")).await?;
    let task = waiting(&ctx, &created.id);
    still_waits(&ctx, "it waits while nothing runs", &task).await?;
    ctx.driver()
        .remove_container(&created.id, RemoveOptions::default())
        .await?;
    let result = ctx.joined("the wait", task).await?;
    ctx.refused("the wait", result, &[codes::CONTAINER_NOT_FOUND])?;
    Ok(())
}

async fn timeout(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let created = ctx.driver().create_container(&ctx.script(SERVE)).await?;
    let longest = Duration::from_secs(2);
    for id in [&running.id, &created.id] {
        let began = Instant::now();
        let result = ctx
            .driver()
            .wait_container(id, WaitOptions::at_most(longest))
            .await;
        let error = ctx.refused("the wait", result, &[codes::WAIT_TIMEOUT])?;
        ctx.equal(
            "effect and retryable",
            (error.effect(), error.is_retryable()),
            (Effect::NotApplied, false),
        )?;
        let text = error.to_string();
        let parts = [id.as_str(), "exited", "2s"];
        ctx.ensure(
            "the awaited condition",
            parts.iter().all(|word| text.contains(word)),
            text,
        )?;
        ctx.took("the wait", began, longest, Duration::from_secs(20))?;
    }
    let now = ctx.get(&running.id).await?;
    ctx.equal(
        "status and start time",
        (now.status, now.started_at),
        (ContainerStatus::Running, running.started_at),
    )?;
    ctx.driver()
        .stop_container(&running.id, StopOptions::kill())
        .await?;
    let exit = ctx
        .driver()
        .wait_container(&running.id, WaitOptions::at_most(longest))
        .await?;
    ctx.equal("exit code of an exited container", exit.code, 137)
}

async fn exits_before_ready(ctx: Ctx) -> CheckResult {
    let deadline = Duration::from_secs(60);
    for (script, hint) in [
        ("sleep 1; echo last words; exit 3", None),
        (
            "echo last words; sleep 1; touch /etc/mark",
            Some(Hint::ReadOnlyRoot),
        ),
    ] {
        if hint.is_some() && !ctx.declares(Guarantee::ReadOnly) {
            continue;
        }
        let running = ctx.started(&ctx.script(script)).await?;
        let began = Instant::now();
        let result = ctx
            .driver()
            .wait_for(&running.id, &WaitFor::log("ready"), deadline)
            .await;
        let error = ctx.refused("the wait", result, &[codes::CONTAINER_START_FAILED])?;
        ctx.took("the wait", began, Duration::ZERO, deadline / 2)?;
        let code = ctx.get(&running.id).await?.exit_code().unwrap_or_default();
        let text = error.to_string();
        let parts = [format!("code {code}"), "last words".to_owned()];
        ctx.ensure(
            "its last output",
            parts.iter().all(|word| text.contains(word)),
            &text,
        )?;
        ctx.equal("hint", error.hint(), hint)?;
    }
    Ok(())
}

async fn many(ctx: Ctx) -> CheckResult {
    let running = ctx.started(&ctx.script("sleep 4; exit 9")).await?;
    let second = ctx.second_driver().await?;
    let results = ctx
        .together(16, |number| {
            let driver = ctx.in_turn(&second, number).clone();
            let id = running.id.clone();
            async move { driver.wait_container(&id, WaitOptions::default()).await }
        })
        .await?;
    let end = ctx.get(&running.id).await?.exit;
    ctx.equal("exit code", end.as_ref().map(|exit| exit.code), Some(9))?;
    for result in results {
        ctx.equal("a result", Some(result?), end.clone())?;
    }
    Ok(())
}

async fn paused(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(EXITS_WITH_7)).await?;
    ctx.driver().pause_container(&running.id).await?;
    let task = waiting(&ctx, &running.id);
    still_waits(&ctx, "it waits while the container is paused", &task).await?;
    ctx.driver().unpause_container(&running.id).await?;
    still_waits(&ctx, "it waits while the container runs again", &task).await?;
    ctx.driver()
        .stop_container(&running.id, StopOptions::graceful(Duration::from_secs(20)))
        .await?;
    ctx.equal("exit code", ctx.joined("the wait", task).await??.code, 7)
}

async fn outlasts_deadline(ctx: Ctx) -> CheckResult {
    let lifetime = Duration::from_secs(70);
    let began = Instant::now();
    let running = ctx.started(&ctx.script("sleep 70; exit 8")).await?;
    let exit = ctx
        .driver()
        .wait_container(&running.id, WaitOptions::default())
        .await?;
    ctx.equal("exit code", exit.code, 8)?;
    ctx.took("the wait", began, lifetime, lifetime * 2)
}
