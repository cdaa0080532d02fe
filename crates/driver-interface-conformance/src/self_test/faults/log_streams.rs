//! Faults in streamed logs.

use std::sync::Arc;

use bytes::Bytes;
use driver_interface_errors::{ContainerNotFoundError, ContainerNotRunningError};
use driver_interface_types::{
    ContainerDriver as _, ContainerId, ContainerStatus, LogChunk, LogSource, LogStream, LogStreamOptions,
    Result,
};
use futures_util::{FutureExt as _, StreamExt as _};

use super::streams::{buffered, changed, endless};
use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::StreamContainerLogs;

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "log-stream-sources-lost",
        "Every chunk is reported as standard output.",
        &[StreamContainerLogs(|inside, id, options| {
            chunks(inside, id, options, |mut chunk| {
                chunk.source = LogSource::Stdout;
                Some(chunk)
            })
            .boxed()
        })],
        &["log-stream/sources", "log-stream/order"],
    ),
    Fault::new(
        "log-stream-merges-streams",
        "Both streams are returned, regardless of the selection.",
        &[StreamContainerLogs(|inside, id, mut options| {
            if options.stdout || options.stderr {
                (options.stdout, options.stderr) = (true, true);
            }
            inside.driver.stream_container_logs(id, options)
        })],
        &["log-stream/sources"],
    ),
    Fault::new(
        "log-stream-ends-at-nul",
        "A chunk is cut at its first NUL.",
        &[StreamContainerLogs(|inside, id, options| {
            chunks(inside, id, options, |mut chunk| {
                let end = chunk.bytes.iter().position(|byte| *byte == 0);
                chunk.bytes.truncate(end.unwrap_or(usize::MAX));
                Some(chunk)
            })
            .boxed()
        })],
        &["log-stream/verbatim"],
    ),
    Fault::new(
        "log-stream-is-text",
        "Bytes that are not UTF-8 are replaced.",
        &[StreamContainerLogs(|inside, id, options| {
            chunks(inside, id, options, |mut chunk| {
                chunk.bytes = chunk.text().into_owned().into();
                Some(chunk)
            })
            .boxed()
        })],
        &["log-stream/invalid-utf8"],
    ),
    Fault::new(
        "log-stream-loses-chunks",
        "Every hundredth chunk is lost.",
        &[StreamContainerLogs(|inside, id, options| {
            let mut number = 0;
            chunks(inside, id, options, move |chunk| {
                number += 1;
                (number % 100 != 0).then_some(chunk)
            })
            .boxed()
        })],
        &["log-stream/order", "log-stream/follow-ends"],
    ),
    Fault::new(
        "log-stream-joins-pieces",
        "The pieces of a line are held back until the line is complete.",
        &[StreamContainerLogs(|inside, id, options| {
            joins_pieces(inside, id, options).boxed()
        })],
        &["log-stream/bounded-chunks", "log-stream/verbatim"],
    ),
    Fault::new(
        "log-stream-ignores-tail",
        "`tail` is ignored.",
        &[StreamContainerLogs(|inside, id, mut options| {
            options.tail = None;
            inside.driver.stream_container_logs(id, options)
        })],
        &["log-stream/tail"],
    ),
    Fault::new(
        "log-stream-tail-of-zero-is-all",
        "A `tail` of 0 returns all lines.",
        &[StreamContainerLogs(|inside, id, mut options| {
            options.tail = options.tail.filter(|lines| *lines > 0);
            inside.driver.stream_container_logs(id, options)
        })],
        &["log-stream/tail"],
    ),
    Fault::new(
        "log-stream-follow-ignores-tail",
        "Following ignores `tail`.",
        &[StreamContainerLogs(|inside, id, mut options| {
            options.tail = options.tail.filter(|_| !options.follow);
            inside.driver.stream_container_logs(id, options)
        })],
        &["log-stream/tail"],
    ),
    Fault::new(
        "log-stream-ignores-since",
        "`since` is ignored.",
        &[StreamContainerLogs(|inside, id, mut options| {
            options.since = None;
            inside.driver.stream_container_logs(id, options)
        })],
        &["log-stream/since-and-until"],
    ),
    Fault::new(
        "log-stream-ignores-until",
        "`until` is ignored.",
        &[StreamContainerLogs(|inside, id, mut options| {
            options.until = None;
            inside.driver.stream_container_logs(id, options)
        })],
        &["log-stream/since-and-until"],
    ),
    Fault::new(
        "log-stream-without-timestamps",
        "Chunks have no timestamps.",
        &[StreamContainerLogs(|inside, id, options| {
            inside.driver.stream_container_logs(id, options.timestamps(false))
        })],
        &["log-stream/timestamps"],
    ),
    Fault::new(
        "log-stream-timestamps-in-text",
        "Timestamps are left in the text.",
        &[StreamContainerLogs(|inside, id, options| {
            chunks(inside, id, options, |mut chunk| {
                if chunk.timestamp.is_some() {
                    chunk.bytes = [b"2026-01-01T00:00:00Z ", chunk.bytes.as_ref()].concat().into();
                }
                Some(chunk)
            })
            .boxed()
        })],
        &["log-stream/timestamps"],
    ),
    Fault::new(
        "log-stream-of-neither-is-empty",
        "Selecting neither stream returns an empty stream.",
        &[StreamContainerLogs(|inside, id, options| {
            if options.stdout || options.stderr {
                return inside.driver.stream_container_logs(id, options);
            }
            std::future::ready(Ok(LogStream::of_items([]))).boxed()
        })],
        &["log-stream/neither-stream"],
    ),
    Fault::new(
        "log-stream-before-start-fails",
        "Reading the logs of a container that was never started returns an error.",
        &[StreamContainerLogs(|inside, id, options| {
            fails_before_start(inside, id, options).boxed()
        })],
        &["log-stream/before-start"],
    ),
    Fault::new(
        "log-stream-does-not-follow",
        "Following returns existing lines and ends.",
        &[StreamContainerLogs(|inside, id, options| {
            inside.driver.stream_container_logs(id, options.follow(false))
        })],
        &[
            "log-stream/follow-live",
            "log-stream/follow-ends",
            "log-stream/follow-waits-for-start",
            "log-stream/follow-removed",
        ],
    ),
    Fault::new(
        "log-stream-buffers-until-exit",
        "Following returns nothing before the container exits.",
        &[StreamContainerLogs(|inside, id, options| {
            followed(inside, id, options, buffered).boxed()
        })],
        &["log-stream/follow-live", "cancellation/log-stream"],
    ),
    Fault::new(
        "log-stream-follows-forever",
        "Following continues after the container exits.",
        &[StreamContainerLogs(|inside, id, options| {
            followed(inside, id, options, endless).boxed()
        })],
        &[
            "log-stream/follow-ends",
            "log-stream/follow-waits-for-start",
            "log-stream/follow-removed",
            "cancellation/log-stream",
        ],
    ),
    Fault::new(
        "log-stream-fails-on-removal",
        "Following ends with an error when the container is removed.",
        &[StreamContainerLogs(|inside, id, options| {
            fails_on_removal(inside, id, options).boxed()
        })],
        &["log-stream/follow-removed"],
    ),
];

async fn chunks(
    inside: &Inside,
    id: &ContainerId,
    options: LogStreamOptions,
    change: impl FnMut(LogChunk) -> Option<LogChunk> + Send + 'static,
) -> Result<LogStream> {
    let stream = inside.driver.stream_container_logs(id, options).await?;
    Ok(changed(stream, change))
}

async fn followed(
    inside: &Inside,
    id: &ContainerId,
    options: LogStreamOptions,
    change: impl FnOnce(LogStream) -> LogStream,
) -> Result<LogStream> {
    let stream = inside.driver.stream_container_logs(id, options).await?;
    Ok(if options.follow { change(stream) } else { stream })
}

async fn joins_pieces(inside: &Inside, id: &ContainerId, options: LogStreamOptions) -> Result<LogStream> {
    let mut line = Vec::new();
    let stream = inside.driver.stream_container_logs(id, options).await?;
    Ok(changed(stream, move |mut chunk| {
        line.extend_from_slice(&chunk.bytes);
        if !chunk.bytes.ends_with(b"\n") {
            return None;
        }
        chunk.bytes = Bytes::from(std::mem::take(&mut line));
        Some(chunk)
    }))
}

async fn fails_before_start(
    inside: &Inside,
    id: &ContainerId,
    options: LogStreamOptions,
) -> Result<LogStream> {
    let now = inside.driver.get_container(id).await?;
    if !options.follow && now.is_some_and(|now| now.status == ContainerStatus::Created) {
        return Err(ContainerNotRunningError::new(id.as_str(), "it has no logs").into());
    }
    inside.driver.stream_container_logs(id, options).await
}

async fn fails_on_removal(inside: &Inside, id: &ContainerId, options: LogStreamOptions) -> Result<LogStream> {
    let stream = inside.driver.stream_container_logs(id, options).await?;
    let (driver, id) = (Arc::clone(&inside.driver), id.clone());
    let end =
        futures_util::stream::once(async move { driver.get_container(&id).await.map(|found| (found, id)) });
    Ok(LogStream::new(stream.chain(end.filter_map(|found| {
        std::future::ready(match found {
            Ok((Some(_), _)) => None,
            Ok((None, id)) => Some(Err(ContainerNotFoundError::new(id.as_str()).into())),
            Err(error) => Some(Err(error)),
        })
    }))))
}
