//! Checks that logs contain everything that was printed, and nothing else.

use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_types::{ContainerDriver, LogOptions, Property, StopOptions};
use tokio::time::sleep;

use super::times::log_times;
use crate::{Check, CheckResult, Ctx, Failure, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "logs/streams",
        "Standard output and error can be selected separately; the default is both.",
        run!(streams),
    ),
    Check::must(
        "logs/neither-stream",
        "Selecting neither stream returns `ConfigurationError`.",
        run!(neither_stream),
    ),
    Check::must(
        "logs/order",
        "Each stream has all of its lines in order, even if both are written concurrently.",
        run!(order),
    ),
    Check::must(
        "logs/tail",
        "`tail` returns exactly the last lines: none for 0, all if there are fewer.",
        run!(tail),
    ),
    Check::must(
        "logs/tail-long-and-partial-lines",
        "`tail` counts a line of 20,000 characters, and a line without a newline, as one line.",
        run!(tail_long_and_partial_lines),
    )
    .because("engines store long lines in pieces, and one engine counts the pieces"),
    Check::must(
        "logs/since",
        "`since` excludes exactly the lines written before it.",
        run!(since),
    ),
    Check::must(
        "logs/timestamps",
        "With timestamps, each line starts with one RFC 3339 time in UTC, and the times never decrease.",
        run!(timestamps),
    ),
    Check::must(
        "logs/before-start",
        "The logs of a container that was never started are empty, not an error.",
        run!(before_start),
    )
    .properties(&[Property::CreatedState]),
    Check::must(
        "logs/all-runs",
        "The logs contain the output of every run of a container.",
        run!(all_runs),
    )
    .properties(&[Property::RestartSameId, Property::LogsAcrossRuns]),
    Check::must(
        "logs/verbatim",
        "Empty lines, spaces, escape sequences and a missing last newline are kept.",
        run!(verbatim),
    ),
    Check::must(
        "logs/invalid-utf8",
        "Bytes that are not UTF-8 become U+FFFD, and all other bytes are kept.",
        run!(invalid_utf8),
    ),
    Check::must(
        "logs/long-line",
        "A line of 100,000 characters is one line, and the next line is complete.",
        run!(long_line),
    )
    .because("engines store long lines in pieces"),
];

async fn streams(ctx: Ctx) -> CheckResult {
    let (exited, _) = ctx.finished(&ctx.script("echo out; echo err >&2")).await?;
    let logs = async |options: LogOptions| ctx.driver().get_container_logs(&exited.id, options).await;
    ctx.equal(
        "standard output",
        logs(LogOptions::default().only_stdout()).await?,
        "out\n".to_owned(),
    )?;
    ctx.equal(
        "standard error",
        logs(LogOptions::default().only_stderr()).await?,
        "err\n".to_owned(),
    )?;
    let both = logs(LogOptions::default()).await?;
    let mut lines: Vec<&str> = both.lines().collect();
    lines.sort_unstable();
    ctx.equal("both, in any order", lines, vec!["err", "out"])
}

async fn neither_stream(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script("true")).await?;
    let mut options = LogOptions::default();
    (options.stdout, options.stderr) = (false, false);
    let result = ctx.driver().get_container_logs(&created.id, options).await;
    let error = ctx.refused(
        "the logs of neither stream",
        result,
        &[codes::CONFIGURATION_ERROR],
    )?;
    ctx.equal("retryable", error.is_retryable(), false)
}

async fn order(ctx: Ctx) -> CheckResult {
    let script = "i=0; while [ $i -lt 500 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done";
    let (exited, _) = ctx.finished(&ctx.script(script)).await?;
    for (stream, options) in [
        ("out", LogOptions::default().only_stdout()),
        ("err", LogOptions::default().only_stderr()),
    ] {
        let logs = ctx.driver().get_container_logs(&exited.id, options).await?;
        let expected: String = (0..500).map(|number| format!("{stream} {number}\n")).collect();
        ctx.ensure(
            format!("500 lines of {stream} in order"),
            logs == expected,
            first_difference(&logs, &expected),
        )?;
    }
    Ok(())
}

/// Describes where two strings first differ, for messages about strings that are too long to show.
pub(super) fn first_difference(actual: &str, expected: &str) -> String {
    let differs = actual
        .lines()
        .zip(expected.lines())
        .position(|(one, other)| one != other);
    let line = differs.unwrap_or_else(|| actual.lines().count().min(expected.lines().count()));
    format!(
        "{} lines of {}; line {line} is {:?}",
        actual.lines().count(),
        expected.lines().count(),
        actual.lines().nth(line)
    )
}

async fn tail(ctx: Ctx) -> CheckResult {
    let (exited, _) = ctx.finished(&ctx.script("seq 1 20")).await?;
    for (tail, first) in [(0, 21), (1, 20), (3, 18), (20, 1), (21, 1), (100_000, 1)] {
        let logs = ctx
            .driver()
            .get_container_logs(&exited.id, LogOptions::default().tail(tail))
            .await?;
        let expected: String = (first..=20).map(|number| format!("{number}\n")).collect();
        ctx.equal(format!("the last {tail} lines"), logs, expected)?;
    }
    let all = ctx
        .driver()
        .get_container_logs(&exited.id, LogOptions::default())
        .await?;
    ctx.equal("lines without `tail`", all.lines().count(), 20)?;
    for (tail, expected) in [(0, "bye\n"), (1, "ready\nbye\n")] {
        let running = ctx.ready(&ctx.script(SERVE)).await?;
        let (driver, id) = (ctx.driver().clone(), running.id.clone());
        let options = LogOptions::default().follow(true).tail(tail);
        let task = tokio::spawn(async move { driver.get_container_logs(&id, options).await });
        sleep(Duration::from_secs(3)).await;
        ctx.driver()
            .stop_container(&running.id, StopOptions::default())
            .await?;
        let logs = ctx.joined("following", task).await??;
        ctx.equal(
            format!("the last {tail} lines and later ones"),
            logs.as_str(),
            expected,
        )?;
    }
    Ok(())
}

async fn tail_long_and_partial_lines(ctx: Ctx) -> CheckResult {
    let script = "x=0123456789; x=$x$x$x$x$x$x$x$x$x$x; x=$x$x$x$x$x$x$x$x$x$x; x=$x$x$x$x$x$x$x$x$x$x; \
                  echo one; echo $x$x; echo three; printf four";
    let (exited, _) = ctx.finished(&ctx.script(script)).await?;
    for (tail, lengths) in [
        (1, vec![4]),
        (2, vec![5, 4]),
        (3, vec![20_000, 5, 4]),
        (4, vec![3, 20_000, 5, 4]),
    ] {
        let logs = ctx
            .driver()
            .get_container_logs(&exited.id, LogOptions::default().tail(tail))
            .await?;
        let actual: Vec<usize> = logs.lines().map(str::len).collect();
        ctx.equal(format!("lengths of the last {tail} lines"), actual, lengths)?;
    }
    Ok(())
}

async fn since(ctx: Ctx) -> CheckResult {
    // Some engines record whole seconds, so the lines are seconds apart, and the requested time lies between them.
    let (exited, all) = ctx
        .finished(&ctx.script("echo first; sleep 4; echo second"))
        .await?;
    ctx.equal("everything", all, "first\nsecond\n".to_owned())?;
    // The start time would not do: on a slow host a program prints its first line seconds after it.
    let times = log_times(&ctx, &exited.id).await?;
    let Some(first) = times.first().copied() else {
        return Err(Failure::new("times", "two", "none").into());
    };
    for (about, time, expected) in [
        (
            "since two seconds after the first line",
            first + Duration::from_secs(2),
            "second\n",
        ),
        (
            "since before the first line",
            first - Duration::from_secs(2),
            "first\nsecond\n",
        ),
        ("since an hour later", first + Duration::from_secs(3600), ""),
    ] {
        let logs = ctx
            .driver()
            .get_container_logs(&exited.id, LogOptions::default().since(time))
            .await?;
        ctx.equal(about, logs.as_str(), expected)?;
    }
    Ok(())
}

async fn timestamps(ctx: Ctx) -> CheckResult {
    let (exited, plain) = ctx
        .finished(&ctx.script("echo one; sleep 1; echo; echo two words"))
        .await?;
    let logs = ctx
        .driver()
        .get_container_logs(&exited.id, LogOptions::default().timestamps(true))
        .await?;
    let mut times = Vec::new();
    let mut texts = String::new();
    for line in logs.lines() {
        let (time, text) = line.split_once(' ').unwrap_or((line, ""));
        ctx.ensure("each line begins with a time in UTC", is_utc_time(time), line)?;
        // Only the part up to the seconds is compared: text with fractions of different lengths does not sort by time.
        times.push(time.get(..19).unwrap_or(time).to_owned());
        texts.push_str(text);
        texts.push('\n');
    }
    ctx.ensure("the times never decrease", times.is_sorted(), &times)?;
    ctx.equal("the text after the times", texts, plain)
}

/// Returns whether a string is a UTC time such as `2026-11-24T06:40:00Z`, with or without a fraction.
fn is_utc_time(text: &str) -> bool {
    const FORM: &str = "dddd-dd-ddTdd:dd:dd";
    let fits = |(form, c): (char, char)| {
        if form == 'd' {
            c.is_ascii_digit()
        } else {
            form == c
        }
    };
    let Some((date, rest)) = text.split_at_checked(FORM.len()) else {
        return false;
    };
    let fraction = rest.strip_suffix('Z').or_else(|| rest.strip_suffix("+00:00"));
    FORM.chars().zip(date.chars()).all(fits)
        && fraction.is_some_and(|fraction| {
            fraction.is_empty()
                || fraction
                    .strip_prefix('.')
                    .is_some_and(|digits| digits.chars().all(|c| c.is_ascii_digit()))
        })
}

async fn before_start(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script("echo hi")).await?;
    for options in [
        LogOptions::default(),
        LogOptions::default().tail(5),
        LogOptions::default().timestamps(true),
    ] {
        ctx.equal(
            "logs",
            ctx.driver().get_container_logs(&created.id, options).await?,
            String::new(),
        )?;
    }
    Ok(())
}

async fn all_runs(ctx: Ctx) -> CheckResult {
    let (exited, first) = ctx.finished(&ctx.script("echo run")).await?;
    ctx.equal("after the first run", first, "run\n".to_owned())?;
    ctx.driver().start_container(&exited.id).await?;
    let about = "the second run to be in the logs";
    let logs = ctx
        .eventually(about, Duration::from_secs(30), || async {
            let logs = ctx
                .driver()
                .get_container_logs(&exited.id, LogOptions::default())
                .await?;
            Ok(if logs.lines().count() >= 2 {
                Ok(logs)
            } else {
                Err(logs)
            })
        })
        .await?;
    ctx.equal("after the second run", logs, "run\nrun\n".to_owned())
}

async fn verbatim(ctx: Ctx) -> CheckResult {
    let script = r"echo; echo '  indented'; printf 'tab\there\n'; printf '\033[31mred\033[0m\n'; printf '\001\000\000\000\000\000\000\005\n'; echo 'trailing  '; printf last";
    let (_, logs) = ctx.finished(&ctx.script(script)).await?;
    let expected =
        "\n  indented\ntab\there\n\u{1b}[31mred\u{1b}[0m\n\u{1}\0\0\0\0\0\0\u{5}\ntrailing  \nlast";
    ctx.equal("logs", logs.as_str(), expected)
}

async fn invalid_utf8(ctx: Ctx) -> CheckResult {
    let script = r"echo before; printf 'a\377b\n'; printf '\303\n'; echo after größe";
    let (_, logs) = ctx.finished(&ctx.script(script)).await?;
    ctx.equal(
        "logs",
        logs.as_str(),
        "before\na\u{fffd}b\n\u{fffd}\nafter größe\n",
    )
}

async fn long_line(ctx: Ctx) -> CheckResult {
    let script = "x=0123456789; i=0; while [ $i -lt 4 ]; do x=$x$x$x$x$x$x$x$x$x$x; i=$((i+1)); done; echo $x; echo next";
    let (_, logs) = ctx.finished(&ctx.script(script)).await?;
    let lengths: Vec<usize> = logs.lines().map(str::len).collect();
    ctx.equal("lengths of the lines", lengths, vec![100_000, 4])?;
    let whole = logs
        .lines()
        .next()
        .is_some_and(|line| line == "0123456789".repeat(10_000));
    ctx.ensure(
        "the long line is complete",
        whole,
        "it has the right length but different content",
    )
}
