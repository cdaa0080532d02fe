//! Checks of concurrent calls of exec and other optional operations.

use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_types::{
    ContainerDriver, ExecConfig, ExecOutcome, Operation, PauseOutcome, StopOptions,
};
use tokio::time::{Instant, sleep};

use crate::{Check, CheckResult, Ctx, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "concurrency/exec",
        "Sixteen concurrent commands, started by two drivers, each get their own input, output and exit \
         code.",
        run!(exec),
    )
    .requires(&[Operation::Exec]),
    Check::must(
        "concurrency/exec-stop-race",
        "Commands that race with a stop finish, end with their container, or are refused; none hangs.",
        run!(exec_stop_race),
    )
    .requires(&[Operation::Exec]),
    Check::must(
        "concurrency/pause",
        "Eight concurrent pauses all succeed, and exactly one reports that it paused the container.",
        run!(pause),
    )
    .requires(&[Operation::PauseContainer, Operation::UnpauseContainer]),
];

async fn exec(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let second = ctx.second_driver().await?;
    let began = Instant::now();
    let results = ctx
        .together(16, |number| {
            let driver = ctx.in_turn(&second, number).clone();
            let id = running.id.clone();
            let script =
                format!("read word; sleep 2; echo \"{number} $word\"; echo \"err $word\" >&2; exit {number}");
            let config = ExecConfig::shell(script).stdin(format!("word-{number}\n"));
            async move { (number, driver.exec(&id, config).await) }
        })
        .await?;
    ctx.took(
        "all of them",
        began,
        Duration::from_secs(2),
        Duration::from_secs(60),
    )?;
    for (number, result) in results {
        let result = result?;
        ctx.equal(
            format!("command {number}"),
            (
                result.outcome,
                result.stdout_text().as_ref(),
                result.stderr_text().as_ref(),
            ),
            (
                ExecOutcome::Exited(number as i64),
                format!("{number} word-{number}\n").as_str(),
                format!("err word-{number}\n").as_str(),
            ),
        )?;
    }
    Ok(())
}

async fn exec_stop_race(ctx: Ctx) -> CheckResult {
    for millis in [0, 100, 400] {
        let running = ctx.ready(&ctx.script(SERVE)).await?;
        let stop = {
            let (driver, id) = (ctx.driver().clone(), running.id.clone());
            tokio::spawn(async move {
                sleep(Duration::from_millis(millis)).await;
                driver.stop_container(&id, StopOptions::kill()).await
            })
        };
        let results = ctx
            .together(6, |number| {
                let (driver, id) = (ctx.driver().clone(), running.id.clone());
                let script = if number % 2 == 0 { "exit 3" } else { "sleep 600" };
                async move { driver.exec(&id, ExecConfig::shell(script)).await }
            })
            .await?;
        ctx.joined("the stop", stop).await??;
        for result in results {
            match result {
                Ok(done) => {
                    let fine = matches!(done.outcome, ExecOutcome::Exited(3) | ExecOutcome::ContainerGone);
                    ctx.ensure("it exited or ended with its container", fine, done)?;
                }
                Err(error) => ctx.equal("the refusal", error.code(), codes::CONTAINER_NOT_RUNNING)?,
            }
        }
    }
    Ok(())
}

async fn pause(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let results = ctx
        .together(8, |_| {
            let (driver, id) = (ctx.driver().clone(), running.id.clone());
            async move { driver.pause_container(&id).await }
        })
        .await?;
    let mut paused = 0;
    for result in results {
        paused += usize::from(result? == PauseOutcome::Paused);
    }
    ctx.equal("calls that paused it", paused, 1)?;
    ctx.driver().unpause_container(&running.id).await?;
    ctx.equal("the container", &ctx.get(&running.id).await?, &running)
}
