//! Checks of exec with a terminal: echo, input and end of file.

use driver_interface_types::{
    ContainerDriver, ContainerId, ExecConfig, ExecOutcome, ExecSession, Operation, TtySize,
};
use tokio::io::AsyncReadExt;

use super::exec_stream::send;
use crate::{Check, CheckResult, Ctx, Failure, SERVE, Verdict, run};

const EXEC: &[Operation] = &[Operation::Exec];
const STREAM: &[Operation] = &[Operation::ExecStream];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "exec/tty-stdin",
        "Input to a terminal is echoed, and is read after the terminal's size is set.",
        run!(tty_stdin),
    )
    .requires(EXEC),
    Check::must(
        "exec/tty-stdin-eof",
        "Input to a terminal is followed by end of file, even if its last line has no newline.",
        run!(tty_stdin_eof),
    )
    .requires(EXEC),
    Check::must(
        "exec-stream/tty-stdin",
        "A session's terminal receives the input of the session and of its config.",
        run!(session_stdin),
    )
    .requires(STREAM),
    Check::must(
        "exec-stream/tty-stdin-eof",
        "Closing the input of a session with a terminal sends end of file, and its output continues.",
        run!(session_stdin_eof),
    )
    .requires(STREAM),
    Check::must(
        "exec-stream/tty-interrupt",
        "Ctrl-C in a terminal sends `SIGINT` to the command.",
        run!(interrupt),
    )
    .requires(STREAM),
];

const SIZE: TtySize = TtySize {
    columns: 132,
    rows: 43,
};

fn in_terminal(script: &str) -> ExecConfig {
    ExecConfig::shell(script).tty(SIZE)
}

async fn tty_stdin(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let config = in_terminal("read x; echo got $x; stty size").stdin("hi\n");
    let done = ctx
        .completes("the command", ctx.driver().exec(&running.id, config))
        .await??;
    ctx.equal(
        "outcome and output",
        (done.outcome, done.stdout_text().as_ref()),
        (ExecOutcome::Exited(0), "hi\r\ngot hi\r\n43 132\r\n"),
    )
}

async fn tty_stdin_eof(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    for (input, output) in [("", ""), ("x", "xx"), ("x\n", "x\r\nx\r\n")] {
        let config = in_terminal("cat; exit 4").stdin(input);
        let done = ctx
            .completes("the command", ctx.driver().exec(&running.id, config))
            .await??;
        ctx.equal(
            format!("outcome and output of the input {input:?}"),
            (done.outcome, done.stdout_text().as_ref()),
            (ExecOutcome::Exited(4), output),
        )?;
    }
    Ok(())
}

fn broken(error: &std::io::Error) -> Verdict {
    Failure::new("a stream of the session", "no error", error.to_string()).into()
}

async fn session(ctx: &Ctx, id: &ContainerId, config: ExecConfig) -> CheckResult<ExecSession> {
    Ok(ctx.driver().exec_stream(id, config).await?)
}

/// Reads the rest of the session's output, and waits until the session's command has exited.
async fn rest(ctx: &Ctx, session: &mut ExecSession) -> CheckResult<(String, ExecOutcome)> {
    let mut bytes = Vec::new();
    let read = session.stdout.read_to_end(&mut bytes);
    ctx.completes("the output", read)
        .await?
        .map_err(|error| broken(&error))?;
    let outcome = ctx.completes("the command", session.wait()).await??;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), outcome))
}

/// Reads the session's output until the text read so far ends with `end`.
async fn until(ctx: &Ctx, session: &mut ExecSession, end: &str) -> CheckResult<String> {
    let mut bytes = Vec::new();
    let read = async {
        while !bytes.ends_with(end.as_bytes()) {
            let mut byte = [0];
            if session
                .stdout
                .read(&mut byte)
                .await
                .map_err(|error| broken(&error))?
                == 0
            {
                break;
            }
            bytes.extend(byte);
        }
        Ok::<(), Verdict>(())
    };
    ctx.completes("a part of the output", read).await??;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn session_stdin(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let script = "read x; echo got $x; read y; echo got $y; exit 3";
    let mut interactive = session(&ctx, &running.id, in_terminal(script)).await?;
    for word in ["one", "two"] {
        send(&mut interactive.stdin, format!("{word}\n").as_bytes()).await?;
        let reply = format!("got {word}\r\n");
        let actual = until(&ctx, &mut interactive, &reply).await?;
        ctx.equal("output of the terminal", actual, format!("{word}\r\n{reply}"))?;
    }
    let end = rest(&ctx, &mut interactive).await?;
    ctx.equal(
        "the remaining output and the outcome",
        end,
        (String::new(), ExecOutcome::Exited(3)),
    )?;
    let config = in_terminal(script).stdin("one\ntwo\n");
    let mut given = session(&ctx, &running.id, config).await?;
    ctx.ensure("the session has no input", given.stdin.is_none(), "it has one")?;
    let (shown, outcome) = rest(&ctx, &mut given).await?;
    let replies = ["got one\r\n", "got two\r\n"].map(|reply| shown.contains(reply));
    ctx.equal(
        format!("replies in {shown:?}, and outcome"),
        (replies, outcome),
        ([true; 2], ExecOutcome::Exited(3)),
    )
}

async fn session_stdin_eof(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    for (keys, shown) in [("hi\n", "hi\r\nhi\r\n"), ("hi", "hihi")] {
        let config = in_terminal("cat; sleep 1; echo later; exit 3");
        let mut session = session(&ctx, &running.id, config).await?;
        send(&mut session.stdin, keys.as_bytes()).await?;
        session.close_stdin().await?;
        let end = rest(&ctx, &mut session).await?;
        ctx.equal(
            format!("output and outcome after {keys:?}"),
            end,
            (format!("{shown}later\r\n"), ExecOutcome::Exited(3)),
        )?;
    }
    Ok(())
}

async fn interrupt(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let script = "trap 'echo interrupted; exit 5' INT; echo ready; while true; do sleep 1; done";
    let mut session = session(&ctx, &running.id, in_terminal(script)).await?;
    until(&ctx, &mut session, "ready\r\n").await?;
    send(&mut session.stdin, b"\x03").await?;
    let (shown, outcome) = rest(&ctx, &mut session).await?;
    ctx.ensure("the trap ran", shown.ends_with("interrupted\r\n"), &shown)?;
    ctx.equal("outcome", outcome, ExecOutcome::Exited(5))
}
