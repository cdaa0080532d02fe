//! Checks of sessions that are attached to the main process.

use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_types::{
    AttachSession, ConfigFeature, ContainerDriver, ContainerInstance, LogOptions, Operation, Property,
    RemoveOptions, StopOptions, TtySize, WaitOptions,
};
use tokio::time::sleep;

use super::exec_stream::{line, rest, send};
use crate::{Check, CheckResult, Ctx, SERVE, run};

const NEEDS: &[Operation] = &[Operation::AttachContainer];
const STDIN: &[ConfigFeature] = &[ConfigFeature::Stdin];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "attach/request-reply",
        "The main process reads each request of the session, and its reply arrives before the next request.",
        run!(request_reply),
    )
    .because("servers that speak over standard input run so")
    .requires(NEEDS)
    .config(STDIN),
    Check::must(
        "attach/half-close",
        "After the input is closed, the main process sees end of file, its output continues, and its exit \
         code is kept.",
        run!(half_close),
    )
    .requires(NEEDS)
    .config(STDIN),
    Check::must(
        "attach/before-start",
        "Every session that was attached before the start receives all output, each source on its own stream.",
        run!(before_start),
    )
    .requires(NEEDS),
    Check::must(
        "attach/while-running",
        "A session that is attached later receives only later output, and the logs have all of it.",
        run!(while_running),
    )
    .requires(&[Operation::AttachContainer, Operation::KillContainer]),
    Check::must(
        "attach/without-stdin",
        "If the config does not open the input, the session has none, and the main process sees end of file.",
        run!(without_stdin),
    )
    .requires(NEEDS),
    Check::must(
        "attach/drop",
        "Dropping the session ends the input, and the main process keeps running.",
        run!(dropped),
    )
    .requires(NEEDS)
    .config(STDIN),
    Check::must(
        "attach/unread",
        "Unread output of a session prevents neither a stop nor a removal.",
        run!(unread),
    )
    .requires(NEEDS),
    Check::must(
        "attach/removed",
        "The streams of a session end when the container is removed, even if it never ran.",
        run!(removed),
    )
    .requires(NEEDS),
    Check::must(
        "attach/exited",
        "Attaching to a container that has exited returns `ContainerNotRunningError`.",
        run!(exited),
    )
    .requires(NEEDS),
    Check::must(
        "attach/tty",
        "A main process with a terminal reads what is typed, and its terminal can be resized.",
        run!(tty),
    )
    .requires(NEEDS)
    .config(&[ConfigFeature::Stdin, ConfigFeature::ProcessSetup])
    .properties(&[Property::RealProcesses]),
];

/// Creates a container that runs `script` and has an open input. Attaches to the container, and then starts it.
async fn attached(ctx: &Ctx, script: &str) -> CheckResult<(ContainerInstance, AttachSession)> {
    let created = ctx
        .driver()
        .create_container(&ctx.script(script).stdin(true))
        .await?;
    let session = ctx.driver().attach_container(&created.id).await?;
    ctx.driver().start_container(&created.id).await?;
    Ok((created, session))
}

async fn request_reply(ctx: Ctx) -> CheckResult {
    let script =
        "echo hello; while read word; do printf 'got %s.' $word; echo \"aside $word\" >&2; done; exit 6";
    let (created, mut session) = attached(&ctx, script).await?;
    let greeting = line(&ctx, "the greeting", &mut session.stdout).await?;
    ctx.equal("the greeting", greeting.as_str(), "hello\n")?;
    for word in ["one", "two", "three"] {
        send(&mut session.stdin, format!("{word}\n").as_bytes()).await?;
        let aside = line(&ctx, "a reply on standard error", &mut session.stderr).await?;
        ctx.equal("the reply on standard error", aside, format!("aside {word}\n"))?;
        let mut reply = vec![0; format!("got {word}.").len()];
        let read = tokio::io::AsyncReadExt::read_exact(&mut session.stdout, &mut reply);
        let read = ctx.completes("a reply without a line break", read).await?;
        ctx.ensure("the reply was read", read.is_ok(), &read)?;
        ctx.equal(
            "the reply",
            String::from_utf8_lossy(&reply).as_ref(),
            format!("got {word}.").as_str(),
        )?;
    }
    session.close_stdin().await?;
    ctx.equal(
        "unread output",
        rest(&ctx, "the output", &mut session.stdout).await?.len(),
        0,
    )?;
    ctx.equal("exit code", ctx.exited(&created.id).await?.exit_code(), Some(6))
}

async fn half_close(ctx: Ctx) -> CheckResult {
    let (created, mut session) = attached(&ctx, "wc -c; sleep 1; echo later; exit 2").await?;
    send(&mut session.stdin, &vec![b'a'; 300_000]).await?;
    session.close_stdin().await?;
    ctx.ensure(
        "the session has no input after that",
        session.stdin.is_none(),
        "it exists",
    )?;
    session.close_stdin().await?;
    let output = rest(&ctx, "the output", &mut session.stdout).await?;
    let text = String::from_utf8_lossy(&output).into_owned();
    ctx.equal(
        "bytes counted by the main process, and its later output",
        text.trim(),
        "300000\nlater",
    )?;
    ctx.equal("exit code", ctx.exited(&created.id).await?.exit_code(), Some(2))
}

async fn before_start(ctx: Ctx) -> CheckResult {
    let script = "seq 1 2000; echo problem >&2; printf end";
    let created = ctx.driver().create_container(&ctx.script(script)).await?;
    let mut first = ctx.driver().attach_container(&created.id).await?;
    let mut second = ctx.second_driver().await?.attach_container(&created.id).await?;
    ctx.driver().start_container(&created.id).await?;
    let expected: String = (1..=2000).map(|number| format!("{number}\n")).collect();
    for (about, session) in [
        ("the first session", &mut first),
        ("the second session", &mut second),
    ] {
        let output = rest(&ctx, about, &mut session.stdout).await?;
        ctx.ensure(
            format!("the output of {about}"),
            output == format!("{expected}end").as_bytes(),
            String::from_utf8_lossy(&output),
        )?;
        let problem = rest(&ctx, about, &mut session.stderr).await?;
        ctx.equal(
            format!("the errors of {about}"),
            String::from_utf8_lossy(&problem).as_ref(),
            "problem\n",
        )?;
    }
    Ok(())
}

async fn while_running(ctx: Ctx) -> CheckResult {
    let script =
        "trap 'echo second; exit 0' TERM; echo first; echo ready; while true; do sleep 600 & wait $!; done";
    let running = ctx.ready(&ctx.script(script)).await?;
    let mut session = ctx.driver().attach_container(&running.id).await?;
    ctx.driver()
        .stop_container(&running.id, StopOptions::graceful(Duration::from_secs(20)))
        .await?;
    let output = rest(&ctx, "the output", &mut session.stdout).await?;
    ctx.equal(
        "the later output",
        String::from_utf8_lossy(&output).as_ref(),
        "second\n",
    )?;
    let logs = ctx
        .driver()
        .get_container_logs(&running.id, LogOptions::default())
        .await?;
    ctx.equal("the logs", logs.as_str(), "first\nready\nsecond\n")
}

async fn without_stdin(ctx: Ctx) -> CheckResult {
    let created = ctx
        .driver()
        .create_container(&ctx.script("cat; echo over"))
        .await?;
    let mut session = ctx.driver().attach_container(&created.id).await?;
    ctx.ensure("the session has no input", session.stdin.is_none(), "it has one")?;
    ctx.driver().start_container(&created.id).await?;
    let output = rest(&ctx, "the output", &mut session.stdout).await?;
    ctx.equal("the output", String::from_utf8_lossy(&output).as_ref(), "over\n")
}

async fn dropped(ctx: Ctx) -> CheckResult {
    let script = "trap 'exit 0' TERM; echo ready; cat > /dev/null; echo ended; while true; do sleep 600 & wait $!; done";
    let (created, mut session) = attached(&ctx, script).await?;
    send(&mut session.stdin, b"some input\n").await?;
    ctx.printed(&created.id, "ready").await?;
    drop(session);
    ctx.printed(&created.id, "ended").await?;
    sleep(Duration::from_secs(1)).await;
    let now = ctx.get(&created.id).await?;
    ctx.ensure("the main process runs", now.exit.is_none(), now.status)
}

async fn unread(ctx: Ctx) -> CheckResult {
    let script = "trap 'exit 0' TERM; echo ready; while true; do seq 1 1000; done";
    for stopped in [true, false] {
        let created = ctx.driver().create_container(&ctx.script(script)).await?;
        let session = ctx.driver().attach_container(&created.id).await?;
        ctx.driver().start_container(&created.id).await?;
        sleep(Duration::from_secs(2)).await;
        if stopped {
            let options = StopOptions::kill_after(Duration::from_secs(5));
            ctx.driver().stop_container(&created.id, options).await?;
            let now = ctx.get(&created.id).await?;
            ctx.ensure("the main process has exited", now.exit.is_some(), now.status)?;
        }
        ctx.driver()
            .remove_container(&created.id, RemoveOptions::force())
            .await?;
        drop(session);
    }
    Ok(())
}

async fn removed(ctx: Ctx) -> CheckResult {
    for started in [false, true] {
        let created = ctx.driver().create_container(&ctx.script(SERVE)).await?;
        let mut session = ctx.driver().attach_container(&created.id).await?;
        if started {
            ctx.driver().start_container(&created.id).await?;
            ctx.printed(&created.id, "ready").await?;
        }
        ctx.driver()
            .remove_container(&created.id, RemoveOptions::force())
            .await?;
        let mut bytes = Vec::new();
        let read = tokio::io::AsyncReadExt::read_to_end(&mut session.stdout, &mut bytes);
        // Whether the end of the output is an error does not matter: the container is gone.
        let _ = ctx.completes("the output", read).await?;
        let expected = if started { "ready\n" } else { "" };
        ctx.equal("the output", String::from_utf8_lossy(&bytes).as_ref(), expected)?;
    }
    Ok(())
}

async fn exited(ctx: Ctx) -> CheckResult {
    let (exited, _) = ctx.finished(&ctx.script("exit 0")).await?;
    let result = ctx.driver().attach_container(&exited.id).await;
    let error = ctx.refused("attaching", result, &[codes::CONTAINER_NOT_RUNNING])?;
    ctx.equal("retryable", error.is_retryable(), false)?;
    let now = ctx.get(&exited.id).await?;
    ctx.equal("the status after that", now.status, exited.status)
}

async fn tty(ctx: Ctx) -> CheckResult {
    let script = "read go; busybox stty size; exit 4";
    let created = ctx
        .driver()
        .create_container(&ctx.script(script).stdin(true).tty(true))
        .await?;
    let mut session = ctx.driver().attach_container(&created.id).await?;
    ctx.driver().start_container(&created.id).await?;
    session
        .resize(TtySize {
            columns: 132,
            rows: 43,
        })
        .await?;
    // Some engines resize the terminal only after the call has returned.
    sleep(Duration::from_secs(1)).await;
    send(&mut session.stdin, b"go\n").await?;
    let output = rest(&ctx, "the output", &mut session.stdout).await?;
    let text = String::from_utf8_lossy(&output).into_owned();
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    ctx.equal("the size", last, Some("43 132"))?;
    let exit = ctx
        .driver()
        .wait_container(&created.id, WaitOptions::default())
        .await?;
    ctx.equal("exit code", exit.code, 4)?;
    let plain = ctx.driver().create_container(&ctx.script(SERVE)).await?;
    let mut session = ctx.driver().attach_container(&plain.id).await?;
    let result = session.resize(TtySize::default()).await;
    ctx.refused(
        "a resize without a terminal",
        result,
        &[codes::UNSUPPORTED_OPERATION],
    )?;
    Ok(())
}
