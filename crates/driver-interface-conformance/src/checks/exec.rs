//! Checks of running commands in containers: input, output, and exit.

use driver_interface_types::{Bytes, ContainerDriver, ExecConfig, ExecOutcome, Operation, Signal, TtySize};

use crate::{Check, CheckResult, Ctx, SERVE, run};

const NEEDS: &[Operation] = &[Operation::Exec];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "exec/output",
        "Standard output and error of a command are returned separately and completely, and do not appear in \
         the container's logs.",
        run!(output),
    )
    .requires(NEEDS),
    Check::must(
        "exec/exit-code",
        "Every exit code of a command is an outcome, never an error.",
        run!(exit_code),
    )
    .because("engines report 0 until they have recorded the exit")
    .requires(NEEDS),
    Check::must(
        "exec/arguments",
        "Arguments are passed verbatim, including empty ones, spaces, quotes and newlines.",
        run!(arguments),
    )
    .requires(NEEDS),
    Check::must(
        "exec/stdin",
        "A command reads the given input up to its end; without input, its standard input is empty.",
        run!(stdin),
    )
    .requires(NEEDS),
    Check::must(
        "exec/environment",
        "A command gets the container's variables and its own variables, directory and user, which do not \
         affect later commands.",
        run!(environment),
    )
    .requires(NEEDS),
    Check::must(
        "exec/signaled",
        "The outcome of a command that is terminated by a signal is that signal.",
        run!(signaled),
    )
    .requires(NEEDS),
    Check::must(
        "exec/binary-safe",
        "Every byte is passed unchanged in both directions.",
        run!(binary),
    )
    .requires(NEEDS),
    Check::must(
        "exec/output-large",
        "Five megabytes of output are returned completely.",
        run!(large),
    )
    .requires(NEEDS),
    Check::must(
        "exec/output-limit",
        "Each stream keeps its first bytes up to the limit, and the command still runs until it exits.",
        run!(output_limit),
    )
    .requires(NEEDS),
    Check::must(
        "exec/tty",
        "With a terminal, output and error are one stream, and the command sees a terminal.",
        run!(tty),
    )
    .requires(NEEDS),
];

async fn output(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let script = "echo one; echo oops >&2; printf 'no newline'";
    let done = ctx.run_in(&running.id, script).await?;
    ctx.equal("outcome", done.outcome, ExecOutcome::Exited(0))?;
    ctx.equal("output", done.stdout_text().as_ref(), "one\nno newline")?;
    ctx.equal("error", done.stderr_text().as_ref(), "oops\n")?;
    ctx.equal("truncated", done.truncated, false)?;
    let silent = ctx.run_in(&running.id, "true").await?;
    ctx.equal(
        "output of `true`",
        (silent.stdout.len(), silent.stderr.len()),
        (0, 0),
    )?;
    let logs = ctx
        .driver()
        .get_container_logs(&running.id, driver_interface_types::LogOptions::default())
        .await?;
    ctx.equal("the container's logs", logs.as_str(), "ready\n")
}

async fn exit_code(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    for code in [0, 1, 42, 126, 127, 255] {
        let done = ctx.run_in(&running.id, &format!("exit {code}")).await?;
        ctx.equal("outcome", done.outcome, ExecOutcome::Exited(code))?;
        ctx.equal("success", done.success(), code == 0)?;
    }
    // An engine may respond before it has recorded that the command has exited.
    for number in 0..20 {
        let done = ctx.run_in(&running.id, "exit 7").await?;
        ctx.equal(
            format!("outcome of run {number}"),
            done.outcome,
            ExecOutcome::Exited(7),
        )?;
    }
    Ok(())
}

async fn arguments(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let args = [
        "", "two words", "'single'", "\"double\"", "a\nb", "$HOME", "größe", "*", "-n", "\\",
    ];
    let script = "for word in \"$@\"; do printf '[%s]' \"$word\"; done";
    let argv = ["sh", "-c", script, "name"].into_iter().chain(args);
    let done = ctx
        .driver()
        .exec(&running.id, ExecConfig::new(argv.collect::<Vec<_>>()))
        .await?;
    let expected: String = args.iter().map(|word| format!("[{word}]")).collect();
    ctx.equal(
        "arguments received by the command",
        done.stdout_text().as_ref(),
        expected.as_str(),
    )
}

async fn stdin(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let given = ExecConfig::new(["cat"]).stdin("one\ntwo");
    let done = ctx
        .completes("a command that reads", ctx.driver().exec(&running.id, given))
        .await??;
    ctx.equal("outcome", done.outcome, ExecOutcome::Exited(0))?;
    ctx.equal(
        "input read by the command",
        done.stdout_text().as_ref(),
        "one\ntwo",
    )?;
    for (about, config) in [
        ("without an input", ExecConfig::shell("cat; echo end")),
        (
            "with an empty input",
            ExecConfig::shell("cat; echo end").stdin(""),
        ),
    ] {
        let done = ctx
            .completes(about, ctx.driver().exec(&running.id, config))
            .await??;
        ctx.equal(about, done.stdout_text().as_ref(), "end\n")?;
    }
    // A command succeeds even if it does not read its input.
    let unread = ExecConfig::new(["true"]).stdin(vec![b'x'; 1024 * 1024]);
    let done = ctx
        .completes(
            "a command that does not read",
            ctx.driver().exec(&running.id, unread),
        )
        .await??;
    ctx.equal(
        "outcome of a command that does not read",
        done.outcome,
        ExecOutcome::Exited(0),
    )
}

async fn environment(ctx: Ctx) -> CheckResult {
    let config = ctx
        .script(SERVE)
        .env("OUTER", "outer")
        .env("BOTH", "outer")
        .security(super::volumes::writable());
    let running = ctx.ready(&config).await?;
    let show = "echo \"$OUTER $BOTH $INNER\"; pwd; id -u; id -g";
    let own = ExecConfig::shell(show)
        .env("BOTH", "inner")
        .env("INNER", "a=b 'c'")
        .working_dir("/etc")
        .user("1000:1234");
    let done = ctx.driver().exec(&running.id, own).await?;
    ctx.equal(
        "environment of a command with all options set",
        done.stdout_text().as_ref(),
        "outer inner a=b 'c'\n/etc\n1000\n1234\n",
    )?;
    let done = ctx
        .output_of(&running.id, "echo \"$OUTER $BOTH $INNER\"; id -u")
        .await?;
    ctx.equal(
        "environment of the next command",
        done.as_str(),
        "outer outer \n0\n",
    )
}

async fn signaled(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    for signal in [Signal::KILL, Signal::TERM] {
        let script = format!("echo before; kill -{} $$; sleep 5; echo after", signal.number());
        let done = ctx.run_in(&running.id, &script).await?;
        ctx.equal(
            format!("outcome of {signal}"),
            done.outcome,
            ExecOutcome::Signaled(signal),
        )?;
        ctx.equal("its output", done.stdout_text().as_ref(), "before\n")?;
    }
    Ok(())
}

async fn binary(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let bytes: Vec<u8> = (0..64 * 1024_u32)
        .map(|number| (number.wrapping_mul(31) >> 3) as u8)
        .collect();
    let every = (0..=255_u8).all(|byte| bytes.contains(&byte));
    ctx.ensure("the control: every byte is among those sent", every, every)?;
    let config = ExecConfig::new(["cat"]).stdin(bytes.clone());
    let done = ctx.driver().exec(&running.id, config).await?;
    ctx.equal("bytes returned", done.stdout.len(), bytes.len())?;
    ctx.ensure("they are the same", done.stdout == bytes, "they differ")?;
    let config = ExecConfig::shell("cat >&2").stdin(bytes.clone());
    let done = ctx.driver().exec(&running.id, config).await?;
    ctx.ensure(
        "the bytes on the other stream are the same",
        done.stderr == bytes,
        "they differ",
    )
}

async fn large(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    // The content does not repeat itself, so that a lost, duplicated or moved part is noticed.
    let bytes: Bytes = (0..5 * 1024 * 1024_u32)
        .map(|number| (number * 7 + number / 251) as u8)
        .collect();
    let config = ExecConfig::new(["cat"]).stdin(bytes.clone());
    let done = ctx.driver().exec(&running.id, config).await?;
    ctx.equal(
        "bytes, truncated, outcome",
        (done.stdout.len(), done.truncated, done.outcome),
        (bytes.len(), false, ExecOutcome::Exited(0)),
    )?;
    ctx.ensure("they are the same", done.stdout == bytes, "they differ")?;
    let lines = ctx.run_in(&running.id, "seq 1 100000").await?;
    let expected: String = (1..=100_000).map(|number| format!("{number}\n")).collect();
    ctx.ensure(
        "a hundred thousand lines",
        lines.stdout == expected,
        super::logs::first_difference(&lines.stdout_text(), &expected),
    )
}

async fn output_limit(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let script = "seq 1 20000; seq 1 20000 >&2; echo done > /tmp/done";
    let limit = 1000;
    let config = ExecConfig::shell(script).output_limit(limit);
    let done = ctx.driver().exec(&running.id, config).await?;
    let whole: String = (1..=20_000).map(|number| format!("{number}\n")).collect();
    let beginning = whole.as_bytes().get(..limit).unwrap_or_default();
    ctx.equal(
        "truncated and outcome",
        (done.truncated, done.outcome),
        (true, ExecOutcome::Exited(0)),
    )?;
    ctx.ensure(
        "the beginning of the output",
        done.stdout == beginning,
        done.stdout_text(),
    )?;
    ctx.ensure(
        "the beginning of the error",
        done.stderr == beginning,
        done.stderr_text(),
    )?;
    ctx.equal(
        "it ran until it exited",
        ctx.output_of(&running.id, "cat /tmp/done").await?.as_str(),
        "done\n",
    )?;
    // Output that is exactly as long as the limit is not truncated.
    let config = ExecConfig::new(["printf", "12345"]).output_limit(5);
    let done = ctx.driver().exec(&running.id, config).await?;
    ctx.equal(
        "output of exactly the limit",
        (done.stdout_text().as_ref(), done.truncated),
        ("12345", false),
    )
}

async fn tty(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let script = "[ -t 1 ] && echo terminal || echo pipe; echo err >&2";
    let plain = ctx.run_in(&running.id, script).await?;
    ctx.equal(
        "the control without a terminal",
        plain.stdout_text().as_ref(),
        "pipe\n",
    )?;
    let done = ctx
        .driver()
        .exec(&running.id, ExecConfig::shell(script).tty(TtySize::default()))
        .await?;
    ctx.equal(
        "output and error with a terminal",
        (done.stdout_text().as_ref(), done.stderr.len()),
        ("terminal\r\nerr\r\n", 0),
    )
}
