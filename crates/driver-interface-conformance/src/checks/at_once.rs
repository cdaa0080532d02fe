//! Checks of concurrent commands and other optional operations.

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
        "Sixteen concurrent commands, started by two drivers, each get their own input, output and exit code.",
        run!(exec),
    )
    .requires(&[Operation::Exec]),
    Check::must(
        "concurrency/exec-against-stop",
        "Commands that race with a stop finish, end with their container, or are refused; none hangs.",
        run!(exec_against_stop),
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
    let answers = ctx
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
    for (number, answer) in answers {
        let answer = answer?;
        ctx.equal(
            format!("command {number}"),
            (
                answer.outcome,
                answer.stdout_text().as_ref(),
                answer.stderr_text().as_ref(),
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

async fn exec_against_stop(ctx: Ctx) -> CheckResult {
    for millis in [0, 100, 400] {
        let running = ctx.ready(&ctx.script(SERVE)).await?;
        let stop = {
            let (driver, id) = (ctx.driver().clone(), running.id.clone());
            tokio::spawn(async move {
                sleep(Duration::from_millis(millis)).await;
                driver.stop_container(&id, StopOptions::kill()).await
            })
        };
        let answers = ctx
            .together(6, |number| {
                let (driver, id) = (ctx.driver().clone(), running.id.clone());
                let script = if number % 2 == 0 { "exit 3" } else { "sleep 600" };
                async move { driver.exec(&id, ExecConfig::shell(script)).await }
            })
            .await?;
        ctx.joined("the stop", stop).await??;
        for answer in answers {
            match answer {
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
    let answers = ctx
        .together(8, |_| {
            let (driver, id) = (ctx.driver().clone(), running.id.clone());
            async move { driver.pause_container(&id).await }
        })
        .await?;
    let mut paused = 0;
    for answer in answers {
        paused += usize::from(answer? == PauseOutcome::Paused);
    }
    ctx.equal("how many froze it", paused, 1)?;
    ctx.driver().unpause_container(&running.id).await?;
    ctx.equal("the container", &ctx.get(&running.id).await?, &running)
}
