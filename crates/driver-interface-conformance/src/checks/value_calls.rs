//! Checks of call arguments: each argument is passed on unchanged and does not affect other calls.

use std::time::Duration;

use driver_interface_types::{
    ContainerDriver, ContainerId, ExecConfig, ExecOutcome, LogChunk, LogOptions, LogStreamOptions, Operation,
};
use futures_util::future::try_join_all;
use tokio::io::AsyncReadExt as _;

use super::archives::{Entry, get, pack, put};
use super::files::{path, read, writable, write};
use super::values::{print_values, printed_values, same_text, texts, variables};
use crate::{Check, CheckResult, Ctx, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "values/exec",
        "Arguments, variables and input of an exec, an exec session and a detached exec are passed \
         unchanged.",
        run!(exec),
    )
    .requires(&[Operation::Exec]),
    Check::must(
        "values/file-names",
        "Files keep their names and content when written, read and seen inside, whatever characters they \
         contain.",
        run!(file_names),
    )
    .limit(480)
    .requires(&[
        Operation::ReadFile,
        Operation::ReadFileStream,
        Operation::WriteFile,
    ]),
    Check::must(
        "values/archive-names",
        "Archives keep their names and content, whatever characters they contain.",
        run!(archive_names),
    )
    .requires(&[Operation::CopyIntoContainer, Operation::CopyFromContainer]),
    Check::must(
        "values/options-per-call",
        "The options of a call affect neither the next call nor a concurrent one.",
        run!(options),
    )
    .requires(&[Operation::Exec]),
];

/// Builds an exec whose command prints its arguments, environment variables and input.
fn printing() -> ExecConfig {
    let script = print_values();
    let mut args = ["sh", "-c", &script, "sh"].map(str::to_owned).to_vec();
    args.extend(texts());
    let mut config = ExecConfig::new(args);
    config.env = variables();
    config
}

async fn exec(ctx: Ctx) -> CheckResult {
    let id = ctx.ready(&ctx.script(SERVE)).await?.id;
    let input: String = texts().concat();
    let expected = printed_values(&texts());
    let with_input = || {
        let mut config = printing().stdin(input.clone());
        config
            .argv
            .iter_mut()
            .skip(2)
            .take(1)
            .for_each(|script| script.push_str("; cat"));
        config
    };
    let output = ctx.driver().exec(&id, with_input()).await?;
    same_text(
        &ctx,
        "arguments received by an exec",
        &output.stdout_text(),
        &format!("{expected}{input}"),
    )?;
    if ctx.declares(Operation::ExecStream) {
        let mut session = ctx.driver().exec_stream(&id, with_input()).await?;
        let mut actual = String::new();
        let read = ctx
            .completes("the output", session.stdout.read_to_string(&mut actual))
            .await?;
        ctx.ensure("the output is read", read.is_ok(), &read)?;
        same_text(
            &ctx,
            "arguments received by an exec session",
            &actual,
            &format!("{expected}{input}"),
        )?;
        let outcome = ctx.completes("the exec session", session.wait()).await??;
        ctx.equal("its outcome", outcome, ExecOutcome::Exited(0))?;
    }
    if ctx.declares(Operation::ExecDetached) {
        let mut detached = printing();
        detached.argv.iter_mut().skip(2).take(1).for_each(|script| {
            *script = format!("{{ {script}; }} > /tmp/part; mv /tmp/part /tmp/seen");
        });
        ctx.driver().exec_detached(&id, detached).await?;
        ctx.output_of(&id, "until [ -e /tmp/seen ]; do sleep 0.1; done")
            .await?;
        let actual = ctx.output_of(&id, "cat /tmp/seen").await?;
        same_text(&ctx, "arguments received by a detached exec", &actual, &expected)?;
    }
    Ok(())
}

/// Returns file names that a layer below the driver may truncate, quote, or mistake for a pattern or an option.
fn unusual_names() -> Vec<String> {
    let names = [
        "  two\nlines\t ", "'q' \"d\" `b` $HOME %s $(id)", "[z]", r"*?{a,b}\n", "größe 日本 🦀 e\u{301}",
        "-rf", "..a:b,c=d;e&f|g<h>#i", "MiXeD", "mixed",
    ];
    names
        .map(str::to_owned)
        .into_iter()
        .chain(["long-ü".repeat(30)])
        .collect()
}

/// Returns the [`unusual_names`], each with the content of the file of this name. The first file contains all
/// [`texts`]. Each other file contains one text.
fn named_files() -> Vec<(String, String)> {
    let contents = [texts().concat()].into_iter().chain(texts().into_iter().rev());
    unusual_names().into_iter().zip(contents).collect()
}

async fn round_trip(ctx: &Ctx, id: &ContainerId, directory: &str, as_stream: bool) -> CheckResult {
    // If `[z]` were used as a pattern, it would match this file.
    write(ctx, id, &format!("{directory}/z"), "another file").await?;
    for (name, content) in named_files() {
        write(ctx, id, &format!("{directory}/{name}"), content).await?;
    }
    for (name, content) in named_files() {
        let at = format!("{directory}/{name}");
        let actual = read(ctx, id, &at).await?;
        same_text(
            ctx,
            &format!("{at:?}"),
            &String::from_utf8_lossy(&actual),
            &content,
        )?;
        if as_stream {
            let stream = ctx.driver().read_file_stream(id, &path(&at)?).await?;
            let actual = ctx.completes("the file", stream.read_all(1 << 20)).await??;
            same_text(
                ctx,
                &format!("{at:?} as a stream"),
                &String::from_utf8_lossy(&actual),
                &content,
            )?;
        }
    }
    Ok(())
}

/// Asserts that a process in the container sees the [`named_files`] and their content in `directory`.
async fn visible_inside(ctx: &Ctx, id: &ContainerId, directory: &str) -> CheckResult {
    let script = r#"cd "$1"; shift; for name in "$@"; do cat "./$name"; done"#;
    let mut args = ["sh", "-c", script, "sh", directory].map(str::to_owned).to_vec();
    args.extend(unusual_names());
    let output = ctx.driver().exec(id, ExecConfig::new(args)).await?;
    let expected: String = named_files().into_iter().map(|(_, content)| content).collect();
    ctx.equal(
        format!("errors in {directory}"),
        output.stderr_text().as_ref(),
        "",
    )?;
    same_text(
        ctx,
        &format!("content of {directory}"),
        &output.stdout_text(),
        &expected,
    )
}

async fn file_names(ctx: Ctx) -> CheckResult {
    let id = ctx.ready(&writable(&ctx, SERVE)).await?.id;
    // One is on the root file system. The other is on a tmpfs, which engines can only access from inside.
    for (directory, as_stream) in [("/home", true), ("/tmp", false)] {
        round_trip(&ctx, &id, directory, as_stream).await?;
        if ctx.declares(Operation::Exec) {
            visible_inside(&ctx, &id, directory).await?;
        }
    }
    Ok(())
}

async fn archive_names(ctx: Ctx) -> CheckResult {
    let id = ctx.ready(&writable(&ctx, SERVE)).await?.id;
    let mut entries: Vec<Entry> = vec![("tree".to_owned(), tar::EntryType::Directory, 0o755, Vec::new())];
    for (name, content) in named_files() {
        entries.push((
            format!("tree/{name}"),
            tar::EntryType::Regular,
            0o644,
            content.into_bytes(),
        ));
    }
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    put(&ctx, &id, "/home", pack(&entries)?).await?;
    let actual = get(&ctx, &id, "/home/tree").await?;
    let names = |entries: &[Entry]| -> Vec<String> { entries.iter().map(|entry| entry.0.clone()).collect() };
    ctx.equal("the names", names(&actual), names(&entries))?;
    ctx.ensure("modes and content are the same", actual == entries, actual.len())?;
    if ctx.declares(Operation::Exec) {
        visible_inside(&ctx, &id, "/home/tree").await?;
    }
    Ok(())
}

async fn options(ctx: Ctx) -> CheckResult {
    let script = format!("echo one; echo two >&2; echo three; {SERVE}");
    let id = ctx.ready(&ctx.script(&script)).await?.id;
    exec_options_isolated(&ctx, &id).await?;
    log_options_isolated(&ctx, &id).await
}

/// A script that prints the variable `MARK`, the working directory, the user id and the input.
const SHOW: &str = "echo \"${MARK-unset} $(pwd) $(id -u)\"; cat";

async fn exec_options_isolated(ctx: &Ctx, id: &ContainerId) -> CheckResult {
    let show = async |config: ExecConfig| -> CheckResult<(String, bool)> {
        let output = ctx.driver().exec(id, config).await?;
        Ok((output.stdout_text().into_owned(), output.truncated))
    };
    let plain = show(ExecConfig::shell(SHOW)).await?;
    ctx.ensure(
        "a plain exec has no variable and no input",
        plain.0.starts_with("unset "),
        &plain,
    )?;
    let special = ExecConfig::shell(SHOW)
        .env("MARK", "set")
        .working_dir("/etc")
        .user("7:8")
        .stdin("input")
        .output_limit(14)
        .timeout(Duration::from_secs(1));
    // On a slow engine, the command may exceed its timeout. Only the following calls matter.
    let output = ctx.driver().exec(id, special).await?;
    ctx.ensure(
        "the previous exec differed",
        output.stdout_text() != plain.0,
        &output,
    )?;
    ctx.equal(
        "a plain exec after it",
        show(ExecConfig::shell(SHOW)).await?,
        plain,
    )?;
    let slow = show(ExecConfig::shell("sleep 1.5; echo \"and a long output\"")).await?;
    ctx.equal(
        "a slow exec after it",
        slow,
        ("and a long output\n".to_owned(), false),
    )?;
    let marked = |number: usize| {
        let mark = format!("mark-{number}");
        ExecConfig::shell(SHOW)
            .env("MARK", &mark)
            .stdin(mark)
            .working_dir(if number == 0 { "/etc" } else { "/" })
    };
    let expected = |number: usize, actual: &str| {
        let directory = if number == 0 { "/etc" } else { "/" };
        let own = actual.starts_with(&format!("mark-{number} {directory} "))
            && actual.ends_with(&format!("mark-{number}"));
        ctx.ensure(
            format!("exec {number} of four concurrent ones has its own options"),
            own,
            actual,
        )
    };
    let calls = (0..4).map(|number| async move {
        if number < 2 || !ctx.declares(Operation::ExecStream) {
            return expected(
                number,
                &ctx.driver().exec(id, marked(number)).await?.stdout_text(),
            );
        }
        let mut session = ctx.driver().exec_stream(id, marked(number)).await?;
        let mut actual = String::new();
        let read = ctx
            .completes("the output", session.stdout.read_to_string(&mut actual))
            .await?;
        ctx.ensure("the output is read", read.is_ok(), &read)?;
        let outcome = ctx.completes("the exec session", session.wait()).await??;
        ctx.equal("the outcome", outcome, ExecOutcome::Exited(0))?;
        expected(number, &actual)
    });
    try_join_all(calls).await.map(drop)
}

async fn log_options_isolated(ctx: &Ctx, id: &ContainerId) -> CheckResult {
    let texts = [
        (LogOptions::default().only_stderr().timestamps(true).tail(1), 1),
        (LogOptions::default().tail(2).only_stdout(), 2),
        (LogOptions::default().only_stdout(), 3),
        (LogOptions::default(), 4),
    ];
    // The calls run one after the other, and then concurrently.
    for (options, lines) in texts {
        let logs = ctx.driver().get_container_logs(id, options).await?;
        ctx.equal(format!("lines with {options:?}"), logs.lines().count(), lines)?;
    }
    let calls = texts.map(|(options, lines)| async move {
        let logs = ctx.driver().get_container_logs(id, options).await?;
        ctx.equal(
            format!("lines with {options:?}, concurrently"),
            logs.lines().count(),
            lines,
        )?;
        if !ctx.declares(Operation::StreamContainerLogs) {
            return Ok(());
        }
        let mut of_stream = LogStreamOptions::default().timestamps(options.timestamps);
        (of_stream.tail, of_stream.stdout, of_stream.stderr) = (options.tail, options.stdout, options.stderr);
        let stream = ctx.driver().stream_container_logs(id, of_stream).await?;
        let chunks = ctx.completes("the log stream", stream.collect_all()).await??;
        let text: String = chunks.iter().map(LogChunk::text).collect();
        ctx.equal(
            format!("lines of a stream with {options:?}"),
            text.lines().count(),
            lines,
        )?;
        let timed = chunks
            .iter()
            .all(|chunk| chunk.timestamp.is_some() == options.timestamps);
        ctx.ensure("its chunks have timestamps if selected", timed, chunks)
    });
    try_join_all(calls).await.map(drop)
}
