//! Checks of exec with commands that cannot be run.

use std::time::Duration;

use driver_interface_errors::{Effect, codes};
use driver_interface_types::{
    ContainerConfig, ContainerDriver, DriverError, ExecConfig, ExecOutcome, Operation, Property,
    RemoveOptions, StopOptions,
};
use tokio::time::{Instant, sleep};

use crate::{Check, CheckResult, Ctx, SERVE, run};

const NEEDS: &[Operation] = &[Operation::Exec];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "exec/no-such-program",
        "A missing program, directory or user returns a non-retryable `ExecFailedError` and never appears as \
         output.",
        run!(no_such_program),
    )
    .because("engines write their message into the output and report exit code 126 or 127")
    .requires(NEEDS),
    Check::must(
        "exec/empty-command",
        "An empty command, or one with a NUL in any text, returns `ConfigurationError`.",
        run!(empty_command),
    )
    .requires(NEEDS),
    Check::must(
        "exec/invalid-variables",
        "`exec` refuses the variables that a container config refuses, with the same path and code.",
        run!(invalid_variables),
    )
    .requires(NEEDS),
    Check::must(
        "exec/not-running",
        "`exec` in a created, paused or exited container returns `ContainerNotRunningError` and runs \
         nothing.",
        run!(not_running),
    )
    .properties(&[Property::CreatedState])
    .requires(NEEDS),
    Check::must(
        "exec/container-gone",
        "A command whose container exits or is removed ends with `ContainerGone` and keeps its output.",
        run!(container_gone),
    )
    .requires(NEEDS),
    Check::must(
        "exec/no-secrets-in-errors",
        "Errors never contain the input or the values of variables.",
        run!(secrets),
    )
    .requires(NEEDS),
];

async fn no_such_program(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    for (about, config) in [
        (
            "a program that does not exist",
            ExecConfig::new(["no-such-program-here"]),
        ),
        (
            "a path that does not exist",
            ExecConfig::new(["/no/such/program"]),
        ),
        ("a file that is not executable", ExecConfig::new(["/etc/passwd"])),
        (
            "a missing directory",
            ExecConfig::new(["true"]).working_dir("/no/such/folder"),
        ),
        (
            "a user that does not exist",
            ExecConfig::new(["true"]).user("nobody-has-this-name"),
        ),
    ] {
        let result = ctx.driver().exec(&running.id, config).await;
        let error = ctx.refused(about, result, &[codes::EXEC_FAILED])?;
        ctx.equal(format!("retryable ({about})"), error.is_retryable(), false)?;
    }
    // A command that did run may exit with the same code, which is not an error.
    let done = ctx.run_in(&running.id, "no-such-program-here").await?;
    ctx.equal(
        "the shell's own exit code",
        done.outcome,
        ExecOutcome::Exited(127),
    )
}

async fn empty_command(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let nothing: [&str; 0] = [];
    for (about, config) in [
        ("no arguments", ExecConfig::new(nothing)),
        ("an empty program", ExecConfig::new([""])),
        ("a NUL in an argument", ExecConfig::new(["echo", "a\0b"])),
        ("a NUL in a value", ExecConfig::new(["true"]).env("A", "a\0b")),
        (
            "a variable's name with =",
            ExecConfig::new(["true"]).env("A=B", "x"),
        ),
        (
            "a relative directory",
            ExecConfig::new(["true"]).working_dir("tmp"),
        ),
    ] {
        let result = ctx.driver().exec(&running.id, config).await;
        let error = ctx.refused(about, result, &[codes::CONFIGURATION_ERROR])?;
        ctx.equal(format!("effect ({about})"), error.effect(), Effect::NotApplied)?;
    }
    Ok(())
}

async fn invalid_variables(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let found = |error: &DriverError| -> Vec<(String, String)> {
        let violations = error.to_report().violations.into_iter();
        violations.map(|one| (one.path, one.code)).collect()
    };
    for (key, value) in super::config::INVALID_VARIABLES {
        let about = format!("variable {key:?} = {value:?}");
        let created = ctx
            .driver()
            .create_container(&ctx.script("true").env(*key, *value))
            .await;
        let of_creation = ctx.refused(
            format!("{about} at creation"),
            created,
            &[codes::CONFIGURATION_ERROR],
        )?;
        let config = ExecConfig::new(["true"]).env(*key, *value);
        let run = ctx.driver().exec(&running.id, config).await;
        let of_command = ctx.refused(&about, run, &[codes::CONFIGURATION_ERROR])?;
        ctx.equal(
            format!("effect ({about})"),
            of_command.effect(),
            Effect::NotApplied,
        )?;
        ctx.equal(about, found(&of_command), found(&of_creation))?;
    }
    Ok(())
}

async fn not_running(ctx: Ctx) -> CheckResult {
    let serving = || -> ContainerConfig { ctx.script(SERVE) };
    let created = ctx.driver().create_container(&serving()).await?;
    let (exited, _) = ctx.finished(&ctx.script("exit 3")).await?;
    let mut all = vec![created.id, exited.id];
    if ctx.declares(Operation::PauseContainer) {
        let running = ctx.ready(&serving()).await?;
        ctx.driver().pause_container(&running.id).await?;
        all.push(running.id);
    }
    for id in all {
        let before = ctx.get(&id).await?;
        let about = format!("a command in a container that is {}", before.status);
        let began = Instant::now();
        let result = ctx.driver().exec(&id, ExecConfig::new(["true"])).await;
        let error = ctx.refused(&about, result, &[codes::CONTAINER_NOT_RUNNING])?;
        ctx.equal(format!("effect ({about})"), error.effect(), Effect::NotApplied)?;
        ctx.took(&about, began, Duration::ZERO, Duration::from_secs(30))?;
        ctx.equal("the container", ctx.get(&id).await?, before)?;
    }
    Ok(())
}

async fn container_gone(ctx: Ctx) -> CheckResult {
    for removal in [false, true] {
        let running = ctx.ready(&ctx.script(SERVE)).await?;
        let (driver, id) = (ctx.driver().clone(), running.id.clone());
        let task =
            tokio::spawn(async move { driver.exec(&id, ExecConfig::shell("echo begun; sleep 600")).await });
        sleep(Duration::from_secs(2)).await;
        ctx.ensure("the command runs", !task.is_finished(), "it has exited")?;
        if removal {
            ctx.driver()
                .remove_container(&running.id, RemoveOptions::force())
                .await?;
        } else {
            ctx.driver()
                .stop_container(&running.id, StopOptions::kill())
                .await?;
        }
        let done = ctx.joined("the command", task).await??;
        ctx.equal(
            format!("outcome and output (removal: {removal})"),
            (done.outcome, done.stdout_text().as_ref()),
            (ExecOutcome::ContainerGone, "begun\n"),
        )?;
    }
    Ok(())
}

async fn secrets(ctx: Ctx) -> CheckResult {
    const SECRET: &str = "hunter2-marker";
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let (exited, _) = ctx.finished(&ctx.script("true")).await?;
    let config = |program: &str| ExecConfig::new([program]).env("API_KEY", SECRET).stdin(SECRET);
    for (about, id, config) in [
        ("a missing program", &running.id, config("no-such-program-here")),
        ("an exited container", &exited.id, config("true")),
        (
            "an invalid variable",
            &running.id,
            config("true").env("A=B", SECRET),
        ),
    ] {
        let Err(error) = ctx.driver().exec(id, config).await else {
            return Err(crate::Failure::new(about, "to be refused", "success").into());
        };
        let report = serde_json::to_string(&error.to_report()).unwrap_or_default();
        for text in [format!("{error:#}"), format!("{error:?}"), report] {
            ctx.ensure(
                format!("no secret in the error for {about}"),
                !text.contains(SECRET),
                text,
            )?;
        }
    }
    Ok(())
}
