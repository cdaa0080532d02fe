//! Checks of interactive exec.

use std::pin::Pin;
use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_types::{
    ContainerDriver, ContainerId, ExecConfig, ExecOutcome, ExecSession, Operation, Property, Signal, TtySize,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use crate::inside::heartbeat_script;
use crate::{Check, CheckResult, Ctx, Failure, SERVE, Verdict, run};

const NEEDS: &[Operation] = &[Operation::ExecStream];
const WITH_EXEC: &[Operation] = &[Operation::ExecStream, Operation::Exec];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "exec-stream/request-reply",
        "A command reads each request of the session, and its reply arrives before the next request.",
        run!(request_reply),
    )
    .requires(NEEDS),
    Check::must(
        "exec-stream/half-close",
        "After the input is closed, the command sees end of file, and its output continues.",
        run!(half_close),
    )
    .requires(NEEDS),
    Check::must(
        "exec-stream/config-stdin",
        "The driver writes the input of the config, and the session has no input of its own.",
        run!(config_stdin),
    )
    .requires(NEEDS),
    Check::must(
        "exec-stream/tty-resize",
        "A terminal can be resized, and the command sees the new size.",
        run!(tty_resize),
    )
    .requires(&[Operation::ExecStream])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "exec-stream/resize-without-tty",
        "Resizing a command without a terminal returns `UnsupportedError`, and the command continues.",
        run!(resize_without_tty),
    )
    .requires(NEEDS),
    Check::must(
        "exec-stream/kill",
        "`kill` terminates the command and its children but no other process, and succeeds if the command \
         has exited.",
        run!(kill),
    )
    .requires(WITH_EXEC),
    Check::must(
        "exec-stream/drop-kills",
        "Dropping the session kills the command and its children.",
        run!(drop_kills),
    )
    .because("engines keep the command running after the connection closes")
    .requires(WITH_EXEC),
    Check::must(
        "exec-stream/timeout",
        "A command that exceeds its timeout is killed, its streams end, and the outcome is `TimedOut`.",
        run!(timed_out),
    )
    .requires(WITH_EXEC),
    Check::must(
        "exec-stream/slow-reader",
        "Unread output blocks the command, and none of it is lost.",
        run!(slow_reader),
    )
    .requires(NEEDS),
    Check::must(
        "exec-stream/outcome",
        "Every wait for a session returns the same outcome, including concurrent waits.",
        run!(outcome),
    )
    .requires(NEEDS),
    Check::must(
        "exec-stream/refusals",
        "If the command cannot run, the call fails as `exec` does.",
        run!(refusals),
    )
    .requires(NEEDS),
];

async fn session(ctx: &Ctx, id: &ContainerId, script: &str) -> CheckResult<ExecSession> {
    Ok(ctx.driver().exec_stream(id, ExecConfig::shell(script)).await?)
}

fn broken(error: &std::io::Error) -> Verdict {
    Failure::new("a stream of the session", "no error", error.to_string()).into()
}

/// Reads a line from `stream`, including its newline.
pub(super) async fn line(
    ctx: &Ctx,
    about: &str,
    stream: &mut (impl AsyncRead + Unpin),
) -> CheckResult<String> {
    let mut text = Vec::new();
    let read = async {
        while !text.ends_with(b"\n") {
            let mut byte = [0];
            if stream.read(&mut byte).await.map_err(|error| broken(&error))? == 0 {
                break;
            }
            text.extend(byte);
        }
        Ok::<(), Verdict>(())
    };
    ctx.completes(about, read).await??;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Reads `stream` to its end.
pub(super) async fn rest(
    ctx: &Ctx,
    about: &str,
    stream: &mut (impl AsyncRead + Unpin),
) -> CheckResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = ctx.completes(about, stream.read_to_end(&mut bytes)).await?;
    read.map_err(|error| broken(&error))?;
    Ok(bytes)
}

/// Writes `text` to the input of a session. Fails if the session has no input.
pub(super) async fn send(stdin: &mut Option<Pin<Box<dyn AsyncWrite + Send>>>, text: &[u8]) -> CheckResult {
    let Some(stdin) = stdin else {
        return Err(Failure::new("the session's input", "to be present", "none").into());
    };
    stdin.write_all(text).await.map_err(|error| broken(&error))?;
    stdin.flush().await.map_err(|error| broken(&error))
}

async fn request_reply(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let script = "echo hello; while read word; do echo \"got $word\"; echo \"aside $word\" >&2; done; exit 6";
    let mut session = session(&ctx, &running.id, script).await?;
    ctx.equal(
        "the greeting",
        line(&ctx, "the greeting", &mut session.stdout).await?.as_str(),
        "hello\n",
    )?;
    for word in ["one", "two", "three"] {
        send(&mut session.stdin, format!("{word}\n").as_bytes()).await?;
        let reply = line(&ctx, "a reply", &mut session.stdout).await?;
        let aside = line(&ctx, "a reply on standard error", &mut session.stderr).await?;
        ctx.equal(
            "the replies",
            (reply, aside),
            (format!("got {word}\n"), format!("aside {word}\n")),
        )?;
    }
    session.close_stdin().await?;
    ctx.equal(
        "unread output",
        rest(&ctx, "the output", &mut session.stdout).await?.len(),
        0,
    )?;
    let outcome = ctx.completes("the command", session.wait()).await??;
    ctx.equal("outcome", outcome, ExecOutcome::Exited(6))
}

async fn half_close(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let mut session = session(&ctx, &running.id, "wc -c; sleep 1; echo later; exit 2").await?;
    let sent = vec![b'a'; 300_000];
    send(&mut session.stdin, &sent).await?;
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
        "bytes counted by the command, and its later output",
        text.trim(),
        "300000\nlater",
    )?;
    let outcome = ctx.completes("the command", session.wait()).await??;
    ctx.equal("outcome", outcome, ExecOutcome::Exited(2))
}

async fn config_stdin(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let config = ExecConfig::new(["cat"]).stdin("given\n");
    let mut session = ctx.driver().exec_stream(&running.id, config).await?;
    ctx.ensure("the session has no input", session.stdin.is_none(), "it has one")?;
    let output = rest(&ctx, "the output", &mut session.stdout).await?;
    ctx.equal("output", String::from_utf8_lossy(&output).as_ref(), "given\n")?;
    ctx.equal("outcome", session.wait().await?, ExecOutcome::Exited(0))
}

async fn tty_resize(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    // Some engines set the terminal's size after the start, so the command waits before it prints the size.
    let script = "sleep 2; busybox stty size; read go; busybox stty size";
    let config = ExecConfig::shell(script).tty(TtySize {
        columns: 100,
        rows: 30,
    });
    let mut session = ctx.driver().exec_stream(&running.id, config).await?;
    let first = line(&ctx, "the size at first", &mut session.stdout).await?;
    ctx.equal("the size at first", first.trim(), "30 100")?;
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
    // The text also contains the input, which the terminal has echoed.
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    ctx.equal("the size after that", last, Some("43 132"))?;
    ctx.equal("outcome", session.wait().await?, ExecOutcome::Exited(0))
}

async fn resize_without_tty(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let mut session = session(&ctx, &running.id, "read word; exit 3").await?;
    let result = session.resize(TtySize::default()).await;
    ctx.refused("the resize", result, &[codes::UNSUPPORTED_OPERATION])?;
    send(&mut session.stdin, b"go\n").await?;
    let outcome = ctx.completes("the command", session.wait()).await??;
    ctx.equal("outcome", outcome, ExecOutcome::Exited(3))
}

/// Starts a command with a child process in the background, and waits until both are running.
async fn start_with_child(ctx: &Ctx, id: &ContainerId) -> CheckResult<ExecSession> {
    let script = format!("({}) & echo begun; sleep 600", heartbeat_script("/tmp/beat"));
    let mut session = session(ctx, id, &script).await?;
    line(ctx, "the first line", &mut session.stdout).await?;
    ctx.assert_running("the command's child runs", id, "/tmp/beat")
        .await?;
    Ok(session)
}

async fn kill(ctx: Ctx) -> CheckResult {
    let main = format!("echo ready; {}", heartbeat_script("/tmp/main"));
    let running = ctx.ready(&ctx.script(&main)).await?;
    let mut session = start_with_child(&ctx, &running.id).await?;
    session.kill().await?;
    let outcome = ctx.completes("the command", session.wait()).await??;
    ctx.equal("outcome", outcome, ExecOutcome::Signaled(Signal::KILL))?;
    ctx.assert_exits("the child has exited", &running.id, "/tmp/beat")
        .await?;
    ctx.assert_running("the main process continues", &running.id, "/tmp/main")
        .await?;
    session.kill().await?;
    ctx.equal("outcome after a second kill", session.wait().await?, outcome)
}

async fn drop_kills(ctx: Ctx) -> CheckResult {
    let main = format!("echo ready; {}", heartbeat_script("/tmp/main"));
    let running = ctx.ready(&ctx.script(&main)).await?;
    drop(start_with_child(&ctx, &running.id).await?);
    ctx.assert_exits("the command has exited", &running.id, "/tmp/beat")
        .await?;
    ctx.assert_running("the main process continues", &running.id, "/tmp/main")
        .await
}

async fn timed_out(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let timeout = Duration::from_secs(4);
    let script = format!("echo begun; ({}) & sleep 600", heartbeat_script("/tmp/beat"));
    let began = Instant::now();
    let config = ExecConfig::shell(script).timeout(timeout);
    let mut session = ctx.driver().exec_stream(&running.id, config).await?;
    let output = rest(&ctx, "the output", &mut session.stdout).await?;
    ctx.equal("output", String::from_utf8_lossy(&output).as_ref(), "begun\n")?;
    let outcome = ctx.completes("the command", session.wait()).await??;
    ctx.equal("outcome", outcome, ExecOutcome::TimedOut)?;
    ctx.took("the command", began, timeout, timeout + Duration::from_secs(20))?;
    ctx.assert_exits("the child has exited", &running.id, "/tmp/beat")
        .await
}

async fn slow_reader(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let lines = 400_000;
    let script = format!("seq 1 {lines}; echo all > /tmp/all");
    let mut session = session(&ctx, &running.id, &script).await?;
    sleep(Duration::from_secs(3)).await;
    let waits = tokio::time::timeout(Duration::from_millis(100), session.control.wait())
        .await
        .is_err();
    ctx.ensure(
        "a command that cannot write does not exit",
        waits,
        "it has exited",
    )?;
    let output = rest(&ctx, "the output", &mut session.stdout).await?;
    let expected: String = (1..=lines).map(|number| format!("{number}\n")).collect();
    ctx.equal("bytes", output.len(), expected.len())?;
    ctx.ensure("the bytes match", output == expected.as_bytes(), "they differ")?;
    let outcome = ctx.completes("the command", session.wait()).await??;
    ctx.equal("outcome", outcome, ExecOutcome::Exited(0))
}

async fn outcome(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    for code in [0, 9, 127] {
        let session = session(&ctx, &running.id, &format!("sleep 1; exit {code}")).await?;
        let both = async { tokio::join!(session.control.wait(), session.control.wait()) };
        let (first, second) = ctx.completes("the command", both).await?;
        ctx.equal(
            "results of two concurrent waits",
            (first?, second?),
            (ExecOutcome::Exited(code), ExecOutcome::Exited(code)),
        )?;
        ctx.equal(
            "result of a later wait",
            session.control.wait().await?,
            ExecOutcome::Exited(code),
        )?;
    }
    let session = session(&ctx, &running.id, "kill -9 $$").await?;
    let outcome = ctx.completes("the command", session.control.wait()).await??;
    ctx.equal(
        "outcome of a command that kills itself",
        outcome,
        ExecOutcome::Signaled(Signal::KILL),
    )
}

async fn refusals(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let (exited, _) = ctx.finished(&ctx.script("true")).await?;
    let nothing: [&str; 0] = [];
    for (about, id, config, code) in [
        (
            "no arguments",
            &running.id,
            ExecConfig::new(nothing),
            codes::CONFIGURATION_ERROR,
        ),
        (
            "a program that does not exist",
            &running.id,
            ExecConfig::new(["no-such-program-here"]),
            codes::EXEC_FAILED,
        ),
        (
            "an exited container",
            &exited.id,
            ExecConfig::new(["true"]),
            codes::CONTAINER_NOT_RUNNING,
        ),
    ] {
        let result = ctx.driver().exec_stream(id, config).await;
        let error = ctx.refused(about, result, &[code])?;
        ctx.equal(format!("retryable ({about})"), error.is_retryable(), false)?;
    }
    Ok(())
}
