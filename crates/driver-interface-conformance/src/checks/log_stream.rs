//! Checks of streamed logs: a stream yields every byte, in order, until its end.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use driver_interface_errors::codes;
use driver_interface_types::{
    ContainerDriver, ContainerId, DriverError, LogChunk, LogSource, LogStream, LogStreamOptions, Operation,
    Property, RemoveOptions, StopOptions,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::logs::first_difference;
use crate::{Check, CheckResult, Ctx, Failure, SERVE, run};

const NEEDS: &[Operation] = &[Operation::StreamContainerLogs];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "log-stream/sources",
        "Each chunk names its source, and each stream can be selected alone.",
        run!(sources),
    )
    .requires(NEEDS),
    Check::must(
        "log-stream/verbatim",
        "Text is streamed byte for byte, including NUL, escapes, empty lines and a missing last newline.",
        run!(verbatim),
    )
    .requires(NEEDS),
    Check::should(
        "log-stream/invalid-utf8",
        "Bytes that are not UTF-8 are streamed unchanged.",
        run!(invalid_utf8),
    )
    .because(
        "Docker's default log driver stores text, so these bytes are U+FFFD before any driver reads them",
    )
    .requires(NEEDS),
    Check::must(
        "log-stream/order",
        "Each stream has all of its lines in order, even if both are written concurrently.",
        run!(order),
    )
    .requires(NEEDS),
    Check::must(
        "log-stream/bounded-chunks",
        "A line of a million bytes arrives completely, in chunks of at most 64 KiB.",
        run!(bounded_chunks),
    )
    .requires(NEEDS),
    Check::must(
        "log-stream/tail",
        "`tail` returns exactly the last lines: none for 0, all if there are fewer.",
        run!(tail),
    )
    .requires(NEEDS),
    Check::must(
        "log-stream/since-and-until",
        "`since` and `until` exclude earlier and later lines, and a stream with `until` ends.",
        run!(since_and_until),
    )
    .requires(NEEDS),
    Check::must(
        "log-stream/timestamps",
        "With timestamps, each chunk has the time of its line, and the text has none.",
        run!(timestamps),
    )
    .requires(NEEDS),
    Check::must(
        "log-stream/neither-stream",
        "Selecting neither stream returns `ConfigurationError`.",
        run!(neither),
    )
    .requires(NEEDS),
    Check::must(
        "log-stream/before-start",
        "The stream of a container that was never started is empty and ends.",
        run!(before_start),
    )
    .properties(&[Property::CreatedState])
    .requires(NEEDS),
    Check::must(
        "log-stream/follow-live",
        "Following returns lines while the container runs, long before it exits.",
        run!(follow_live),
    )
    .requires(NEEDS),
    Check::must(
        "log-stream/follow-ends",
        "Following ends when the container exits and returns its complete output.",
        run!(follow_ends),
    )
    .requires(NEEDS),
    Check::must(
        "log-stream/follow-waits-for-start",
        "Following a container that is not started yet waits for its start and ends when it exits.",
        run!(follow_created),
    )
    .properties(&[Property::CreatedState])
    .requires(NEEDS),
    Check::must(
        "log-stream/follow-removed",
        "Following ends, without an error, when the container is removed.",
        run!(follow_removed),
    )
    .requires(NEEDS),
];

/// Joins the content of the chunks from `source`, or of all chunks if `source` is `None`.
fn joined(chunks: &[LogChunk], source: Option<LogSource>) -> Vec<u8> {
    let expected = chunks
        .iter()
        .filter(|chunk| source.is_none_or(|source| chunk.source == source));
    expected.flat_map(|chunk| chunk.bytes.iter().copied()).collect()
}

fn text(chunks: &[LogChunk]) -> String {
    String::from_utf8_lossy(&joined(chunks, None)).into_owned()
}

async fn chunks(ctx: &Ctx, id: &ContainerId, options: LogStreamOptions) -> CheckResult<Vec<LogChunk>> {
    let stream = ctx.driver().stream_container_logs(id, options).await?;
    Ok(ctx.completes("the stream", stream.collect_all()).await??)
}

fn all() -> LogStreamOptions {
    LogStreamOptions::default()
}

async fn sources(ctx: Ctx) -> CheckResult {
    let (exited, _) = ctx.finished(&ctx.script("echo out; echo err >&2")).await?;
    let both = chunks(&ctx, &exited.id, all()).await?;
    for (about, chunks, expected) in [
        ("both", &both, ["out\n", "err\n"]),
        (
            "output alone",
            &chunks(&ctx, &exited.id, all().only_stdout()).await?,
            ["out\n", ""],
        ),
        (
            "error alone",
            &chunks(&ctx, &exited.id, all().only_stderr()).await?,
            ["", "err\n"],
        ),
    ] {
        for (source, expected) in [LogSource::Stdout, LogSource::Stderr].into_iter().zip(expected) {
            let actual = joined(chunks, Some(source));
            let about = format!("{about}: {source:?}");
            ctx.equal(about, String::from_utf8_lossy(&actual).as_ref(), expected)?;
        }
    }
    Ok(())
}

async fn verbatim(ctx: Ctx) -> CheckResult {
    let script = r"printf '\303\266 \000\001\033[1m\n\n  two  \r\n'; printf 'no newline'";
    same_bytes(ctx, script, b"\xc3\xb6 \0\x01\x1b[1m\n\n  two  \r\nno newline").await
}

async fn invalid_utf8(ctx: Ctx) -> CheckResult {
    same_bytes(ctx, r"printf '\377\376 \303\n'", b"\xff\xfe \xc3\n").await
}

async fn same_bytes(ctx: Ctx, script: &str, expected: &[u8]) -> CheckResult {
    let (exited, _) = ctx.finished(&ctx.script(script)).await?;
    let actual = joined(&chunks(&ctx, &exited.id, all()).await?, None);
    // `Bytes` formats non-text bytes readably. A string would be escaped twice.
    ctx.equal("the bytes", Bytes::from(actual), Bytes::copy_from_slice(expected))
}

async fn order(ctx: Ctx) -> CheckResult {
    let script = "i=0; while [ $i -lt 500 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done";
    let (exited, _) = ctx.finished(&ctx.script(script)).await?;
    let chunks = chunks(&ctx, &exited.id, all()).await?;
    for (source, word) in [(LogSource::Stdout, "out"), (LogSource::Stderr, "err")] {
        let actual = String::from_utf8_lossy(&joined(&chunks, Some(source))).into_owned();
        let expected: String = (0..500).map(|number| format!("{word} {number}\n")).collect();
        ctx.ensure(word, actual == expected, first_difference(&actual, &expected))?;
    }
    Ok(())
}

async fn bounded_chunks(ctx: Ctx) -> CheckResult {
    let script = "head -c 1000000 /dev/zero; echo; echo end";
    let (exited, _) = ctx.finished(&ctx.script(script)).await?;
    let chunks = chunks(&ctx, &exited.id, all()).await?;
    let longest = chunks.iter().map(|chunk| chunk.bytes.len()).max();
    ctx.ensure(
        "no chunk exceeds the maximum length",
        longest <= Some(LogChunk::MAX_LEN),
        longest,
    )?;
    let actual = joined(&chunks, None);
    ctx.equal("bytes", actual.len(), 1_000_000 + "\nend\n".len())?;
    ctx.ensure(
        "the line is complete",
        actual.iter().take(1_000_000).all(|byte| *byte == 0),
        "it is not",
    )?;
    ctx.ensure(
        "the next line is complete",
        actual.ends_with(b"\0\nend\n"),
        "it is not",
    )
}

async fn tail(ctx: Ctx) -> CheckResult {
    let (exited, _) = ctx.finished(&ctx.script("seq 1 20")).await?;
    for (tail, first) in [(0, 21), (1, 20), (3, 18), (20, 1), (100_000, 1)] {
        let actual = text(&chunks(&ctx, &exited.id, all().tail(tail)).await?);
        let expected: String = (first..=20).map(|number| format!("{number}\n")).collect();
        ctx.equal(format!("the last {tail} lines"), actual, expected)?;
    }
    for (tail, expected) in [(0, "bye\n"), (1, "ready\nbye\n")] {
        let running = ctx.ready(&ctx.script(SERVE)).await?;
        let options = all().follow(true).tail(tail);
        let stream = ctx.driver().stream_container_logs(&running.id, options).await?;
        let task = tokio::spawn(stream.collect_all());
        sleep(Duration::from_secs(3)).await;
        ctx.driver()
            .stop_container(&running.id, StopOptions::default())
            .await?;
        let actual = text(&ctx.joined("following", task).await??);
        ctx.equal(
            format!("the last {tail} lines and later ones"),
            actual.as_str(),
            expected,
        )?;
    }
    Ok(())
}

async fn since_and_until(ctx: Ctx) -> CheckResult {
    // Some engines record whole seconds, so the lines are seconds apart, and the requested times lie between them.
    let (exited, logs) = ctx
        .finished(&ctx.script("echo first; sleep 4; echo second; sleep 4; echo third"))
        .await?;
    ctx.equal("everything", logs.as_str(), "first\nsecond\nthird\n")?;
    let lines = chunks(&ctx, &exited.id, all().timestamps(true)).await?;
    let times: Vec<SystemTime> = lines.iter().filter_map(|line| line.timestamp).collect();
    let &[first, second, _] = times.as_slice() else {
        return Err(Failure::new("lines with times", "three", lines.len().to_string()).into());
    };
    let (after_first, after_second) = (first + Duration::from_secs(2), second + Duration::from_secs(2));
    let an_hour_later = first + Duration::from_secs(3600);
    for (about, options, expected) in [
        (
            "since the first line",
            all().since(after_first),
            "second\nthird\n",
        ),
        ("until the second line", all().until(after_first), "first\n"),
        (
            "between the first and the third line",
            all().since(after_first).until(after_second),
            "second\n",
        ),
        (
            "until an hour later",
            all().until(an_hour_later),
            "first\nsecond\nthird\n",
        ),
        ("since an hour later", all().since(an_hour_later), ""),
        (
            "followed until the second line",
            all().follow(true).until(after_first),
            "first\n",
        ),
    ] {
        ctx.equal(
            about,
            text(&chunks(&ctx, &exited.id, options).await?).as_str(),
            expected,
        )?;
    }
    Ok(())
}

async fn timestamps(ctx: Ctx) -> CheckResult {
    let (exited, plain) = ctx
        .finished(&ctx.script("echo one; sleep 2; echo; echo two words"))
        .await?;
    let chunks = chunks(&ctx, &exited.id, all().timestamps(true)).await?;
    ctx.equal("the text", text(&chunks), plain)?;
    let times: Vec<_> = chunks.iter().filter_map(|chunk| chunk.timestamp).collect();
    ctx.equal("times", times.len(), 3)?;
    ctx.ensure("they never decrease", times.is_sorted(), &times)?;
    let (Some(started), Some(first), Some(last)) = (exited.started_at, times.first(), times.last()) else {
        return Err(Failure::new("start time", "a time", "none").into());
    };
    let slack = Duration::from_secs(2);
    ctx.ensure(
        "the first was written after the start",
        *first + slack >= started,
        (first, started),
    )?;
    let apart = last.duration_since(*first).unwrap_or_default();
    ctx.ensure(
        "the last was written two seconds later",
        apart >= Duration::from_millis(1500),
        apart,
    )?;
    let without = self::chunks(&ctx, &exited.id, all()).await?;
    let none = without.iter().all(|chunk| chunk.timestamp.is_none());
    ctx.ensure("there are no timestamps by default", none, without)
}

async fn neither(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script("true")).await?;
    let mut options = all();
    (options.stdout, options.stderr) = (false, false);
    let result = ctx.driver().stream_container_logs(&created.id, options).await;
    ctx.refused(
        "the logs of neither stream",
        result,
        &[codes::CONFIGURATION_ERROR],
    )?;
    Ok(())
}

async fn before_start(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script("echo late")).await?;
    ctx.equal("chunks", chunks(&ctx, &created.id, all()).await?.len(), 0)?;
    ctx.driver().start_container(&created.id).await?;
    ctx.exited(&created.id).await?;
    ctx.equal(
        "the control after the run",
        text(&chunks(&ctx, &created.id, all()).await?).as_str(),
        "late\n",
    )
}

async fn next_line(ctx: &Ctx, stream: &mut LogStream) -> CheckResult<String> {
    let next = ctx.completes("the next line", stream.next()).await?;
    let gone = || Failure::new("the next line", "a chunk", "the stream has ended").into();
    Ok(next.ok_or_else::<crate::Verdict, _>(gone)??.text().into_owned())
}

async fn follow_live(ctx: Ctx) -> CheckResult {
    let script = "echo one; sleep 5; echo two; sleep 600";
    let running = ctx.started(&ctx.script(script)).await?;
    let began = Instant::now();
    let mut stream = ctx
        .driver()
        .stream_container_logs(&running.id, all().follow(true))
        .await?;
    ctx.equal(
        "the first line",
        next_line(&ctx, &mut stream).await?.as_str(),
        "one\n",
    )?;
    ctx.equal(
        "the second line",
        next_line(&ctx, &mut stream).await?.as_str(),
        "two\n",
    )?;
    ctx.took("both", began, Duration::ZERO, Duration::from_secs(25))?;
    ctx.equal("it still runs", ctx.get(&running.id).await?.exit, None)
}

type Followed = JoinHandle<Result<Vec<LogChunk>, DriverError>>;

/// Opens a stream that follows the logs of a container, and reads the stream in a separate task.
async fn following(ctx: &Ctx, id: &ContainerId) -> CheckResult<Followed> {
    let stream = ctx.driver().stream_container_logs(id, all().follow(true)).await?;
    Ok(tokio::spawn(stream.collect_all()))
}

async fn follow_ends(ctx: Ctx) -> CheckResult {
    let running = ctx.started(&ctx.script("seq 1 300; sleep 2; echo last")).await?;
    let task = following(&ctx, &running.id).await?;
    let actual = text(&ctx.joined("following", task).await??);
    let expected: String = (1..=300)
        .map(|number| format!("{number}\n"))
        .chain(["last\n".to_owned()])
        .collect();
    ctx.ensure(
        "the complete output",
        actual == expected,
        first_difference(&actual, &expected),
    )?;
    ctx.exited(&running.id).await?;
    let task = following(&ctx, &running.id).await?;
    let actual = text(&ctx.joined("following an exited container", task).await??);
    ctx.ensure(
        "the complete output again",
        actual == expected,
        first_difference(&actual, &expected),
    )
}

async fn follow_created(ctx: Ctx) -> CheckResult {
    let created = ctx
        .driver()
        .create_container(&ctx.script("echo one; sleep 2; echo two"))
        .await?;
    let task = following(&ctx, &created.id).await?;
    sleep(Duration::from_secs(2)).await;
    ctx.ensure(
        "it waits for the start",
        !task.is_finished(),
        "the stream has ended",
    )?;
    ctx.driver().start_container(&created.id).await?;
    let actual = text(&ctx.joined("following", task).await??);
    ctx.equal("the run's lines", actual.as_str(), "one\ntwo\n")
}

async fn follow_removed(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let created = ctx.driver().create_container(&ctx.script(SERVE)).await?;
    let tasks = [
        following(&ctx, &running.id).await?,
        following(&ctx, &created.id).await?,
    ];
    sleep(Duration::from_secs(1)).await;
    let wait = tasks.iter().all(|task| !task.is_finished());
    ctx.ensure("both wait", wait, "a stream has ended")?;
    ctx.driver()
        .stop_container(&running.id, StopOptions::kill())
        .await?;
    for id in [&running.id, &created.id] {
        ctx.driver().remove_container(id, RemoveOptions::force()).await?;
    }
    let [of_running, of_created] = tasks;
    let actual = text(
        &ctx.joined("following the container that ran", of_running)
            .await??,
    );
    ctx.equal("its lines", actual.as_str(), "ready\n")?;
    let actual = text(
        &ctx.joined("following the container that did not", of_created)
            .await??,
    );
    ctx.equal("its lines", actual.as_str(), "")
}
