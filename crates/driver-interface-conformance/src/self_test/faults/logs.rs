//! Faults in the calls that return logs as one string.

use driver_interface_errors::{ContainerNotFoundError, ContainerNotRunningError};
use driver_interface_types::{ContainerDriver as _, ContainerId, ContainerStatus, LogOptions, Result};
use futures_util::FutureExt as _;

use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::GetContainerLogs;

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "logs-merge-streams",
        "Both streams are returned, regardless of the selection.",
        &[GetContainerLogs(|inside, id, mut options| {
            if options.stdout || options.stderr {
                (options.stdout, options.stderr) = (true, true);
            }
            inside.driver.get_container_logs(id, options)
        })],
        &["logs/streams", "logs/order"],
    ),
    Fault::new(
        "logs-of-neither-stream-are-empty",
        "Selecting neither stream returns an empty text.",
        &[GetContainerLogs(|inside, id, options| {
            if options.stdout || options.stderr {
                return inside.driver.get_container_logs(id, options);
            }
            std::future::ready(Ok(String::new())).boxed()
        })],
        &["logs/neither-stream"],
    ),
    Fault::new(
        "logs-lose-lines",
        "Every hundredth line is lost.",
        &[GetContainerLogs(|inside, id, options| {
            lines(inside, id, options, |number, line| {
                if number % 100 == 99 { String::new() } else { line }
            })
            .boxed()
        })],
        &["logs/order", "logs/follow-ends"],
    ),
    Fault::new(
        "logs-ignore-tail",
        "`tail` is ignored.",
        &[GetContainerLogs(|inside, id, mut options| {
            options.tail = None;
            inside.driver.get_container_logs(id, options)
        })],
        &["logs/tail", "logs/tail-long-and-partial-lines"],
    ),
    Fault::new(
        "logs-tail-of-zero-is-all",
        "A `tail` of 0 returns all lines.",
        &[GetContainerLogs(|inside, id, mut options| {
            options.tail = options.tail.filter(|lines| *lines > 0);
            inside.driver.get_container_logs(id, options)
        })],
        &["logs/tail"],
    ),
    Fault::new(
        "logs-tail-off-by-one",
        "`tail` returns one line too many.",
        &[GetContainerLogs(|inside, id, mut options| {
            options.tail = options.tail.map(|lines| lines + 1);
            inside.driver.get_container_logs(id, options)
        })],
        &["logs/tail", "logs/tail-long-and-partial-lines"],
    ),
    Fault::new(
        "logs-follow-ignores-tail",
        "Following ignores `tail`.",
        &[GetContainerLogs(|inside, id, mut options| {
            options.tail = options.tail.filter(|_| !options.follow);
            inside.driver.get_container_logs(id, options)
        })],
        &["logs/tail"],
    ),
    Fault::new(
        "logs-tail-counts-pieces",
        "`tail` counts the pieces in which an engine stores a long line.",
        &[GetContainerLogs(|inside, id, options| {
            tail_of_pieces(inside, id, options).boxed()
        })],
        &["logs/tail-long-and-partial-lines"],
    ),
    Fault::new(
        "logs-ignore-since",
        "`since` is ignored.",
        &[GetContainerLogs(|inside, id, mut options| {
            options.since = None;
            inside.driver.get_container_logs(id, options)
        })],
        &["logs/since"],
    ),
    Fault::new(
        "logs-without-timestamps",
        "Lines have no timestamps.",
        &[GetContainerLogs(|inside, id, options| {
            inside.driver.get_container_logs(id, options.timestamps(false))
        })],
        &["logs/timestamps"],
    ),
    Fault::new(
        "logs-with-local-timestamps",
        "Timestamps are in the engine's local time zone.",
        &[GetContainerLogs(|inside, id, options| {
            lines(inside, id, options, |_, line| line.replacen("Z ", "+02:00 ", 1)).boxed()
        })],
        &["logs/timestamps"],
    ),
    Fault::new(
        "logs-before-start-fail",
        "Reading the logs of a container that was never started returns an error.",
        &[GetContainerLogs(|inside, id, options| {
            fail_before_start(inside, id, options).boxed()
        })],
        &["logs/before-start"],
    ),
    Fault::new(
        "logs-discarded-at-start",
        "A start discards the logs of earlier runs.",
        &[GetContainerLogs(|inside, id, options| {
            since_last_start(inside, id, options).boxed()
        })],
        &["logs/all-runs"],
    ),
    Fault::new(
        "logs-trim-lines",
        "Spaces at the ends of lines are lost.",
        &[GetContainerLogs(|inside, id, options| {
            lines(inside, id, options, |_, line| {
                let end = if line.ends_with('\n') { "\n" } else { "" };
                format!("{}{end}", line.trim_end())
            })
            .boxed()
        })],
        &["logs/verbatim"],
    ),
    Fault::new(
        "logs-add-a-newline",
        "A last line without a newline gets one.",
        &[GetContainerLogs(|inside, id, options| {
            lines(inside, id, options, |_, line| {
                format!("{}\n", line.trim_end_matches('\n'))
            })
            .boxed()
        })],
        &["logs/verbatim"],
    ),
    Fault::new(
        "logs-parse-text-as-header",
        "Text that looks like a frame header of an engine is parsed as one.",
        &[GetContainerLogs(|inside, id, options| {
            lines(inside, id, options, |_, line| {
                let text = line.strip_prefix("\u{1}\0\0\0\0\0\0\u{5}");
                text.unwrap_or(&line).to_owned()
            })
            .boxed()
        })],
        &["logs/verbatim"],
    ),
    Fault::new(
        "logs-drop-invalid-utf8",
        "Lines with bytes that are not UTF-8 are dropped.",
        &[GetContainerLogs(|inside, id, options| {
            lines(inside, id, options, |_, line| {
                if line.contains(char::REPLACEMENT_CHARACTER) {
                    String::new()
                } else {
                    line
                }
            })
            .boxed()
        })],
        &["logs/invalid-utf8"],
    ),
    Fault::new(
        "logs-break-long-lines",
        "Each piece in which an engine stores a long line becomes a line.",
        &[GetContainerLogs(|inside, id, options| {
            lines(inside, id, options, |_, line| pieces(&line).join("\n")).boxed()
        })],
        &["logs/long-line", "logs/tail-long-and-partial-lines"],
    ),
    Fault::new(
        "logs-do-not-follow",
        "Following returns existing lines and ends.",
        &[GetContainerLogs(|inside, id, options| {
            inside.driver.get_container_logs(id, options.follow(false))
        })],
        &[
            "logs/follow-ends", "logs/follow-waits-for-start", "logs/follow-removed",
        ],
    ),
    Fault::new(
        "logs-follow-forever",
        "Following an exited container waits forever.",
        &[GetContainerLogs(|inside, id, options| {
            follow_forever(inside, id, options).boxed()
        })],
        &["logs/follow-exited", "cancellation/follow"],
    ),
    Fault::new(
        "logs-follow-fails-on-removal",
        "Following ends with an error when the container is removed.",
        &[GetContainerLogs(|inside, id, options| {
            fail_on_removal(inside, id, options).boxed()
        })],
        &["logs/follow-removed"],
    ),
];

/// Returns the logs with each line, including its newline, replaced by the result of `change`.
async fn lines(
    inside: &Inside,
    id: &ContainerId,
    options: LogOptions,
    change: impl Fn(usize, String) -> String,
) -> Result<String> {
    let logs = inside.driver.get_container_logs(id, options).await?;
    let lines = logs.split_inclusive('\n').map(str::to_owned).enumerate();
    Ok(lines.map(|(number, line)| change(number, line)).collect())
}

/// Splits a line into pieces of 16,384 characters. Engines store a long line in similar pieces.
fn pieces(line: &str) -> Vec<String> {
    let characters: Vec<char> = line.chars().collect();
    characters
        .chunks(16 * 1024)
        .map(|piece| piece.iter().collect())
        .collect()
}

async fn tail_of_pieces(inside: &Inside, id: &ContainerId, mut options: LogOptions) -> Result<String> {
    let Some(tail) = options.tail.take() else {
        return inside.driver.get_container_logs(id, options).await;
    };
    let logs = inside.driver.get_container_logs(id, options).await?;
    let pieces: Vec<String> = logs.split_inclusive('\n').flat_map(pieces).collect();
    let left_out = pieces
        .len()
        .saturating_sub(usize::try_from(tail).unwrap_or(usize::MAX));
    Ok(pieces.into_iter().skip(left_out).collect())
}

async fn fail_before_start(inside: &Inside, id: &ContainerId, options: LogOptions) -> Result<String> {
    let now = inside.driver.get_container(id).await?;
    if !options.follow && now.is_some_and(|now| now.status == ContainerStatus::Created) {
        return Err(ContainerNotRunningError::new(id.as_str(), "it has no logs").into());
    }
    inside.driver.get_container_logs(id, options).await
}

async fn since_last_start(inside: &Inside, id: &ContainerId, mut options: LogOptions) -> Result<String> {
    let now = inside.driver.get_container(id).await?;
    options.since = options.since.max(now.and_then(|now| now.started_at));
    inside.driver.get_container_logs(id, options).await
}

async fn follow_forever(inside: &Inside, id: &ContainerId, options: LogOptions) -> Result<String> {
    let now = inside.driver.get_container(id).await?;
    if options.follow && now.is_some_and(|now| now.exit.is_some()) {
        return std::future::pending().await;
    }
    inside.driver.get_container_logs(id, options).await
}

async fn fail_on_removal(inside: &Inside, id: &ContainerId, options: LogOptions) -> Result<String> {
    let logs = inside.driver.get_container_logs(id, options).await?;
    match inside.driver.get_container(id).await? {
        Some(_) => Ok(logs),
        None => Err(ContainerNotFoundError::new(id.as_str()).into()),
    }
}
