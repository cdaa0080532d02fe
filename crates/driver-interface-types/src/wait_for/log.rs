//! Waiting for a text in a container's log.

use std::time::Duration;

use driver_interface_errors::Result;
use tokio::time::{Instant, timeout};

use super::Watch;
use crate::{
    ContainerDriver, ContainerId, ContainerInstance, ExitInfo, LogChunk, LogSource, LogStreamOptions,
};

/// How often the container is inspected while its log is followed. The result only serves for the message of an error.
const INSPECTION_INTERVAL: Duration = Duration::from_secs(1);

/// Follows the log of the container that `watch` polls until the log contains `text`. If the stream of the log breaks,
/// follows the log again. Returns the exit if the container exits without having written `text`.
pub(super) async fn text_or_exit<D>(
    driver: &D,
    watch: &Watch<'_, D>,
    text: &str,
) -> Result<(ContainerInstance, Option<ExitInfo>)>
where
    D: ContainerDriver + ?Sized,
{
    loop {
        // If the container has exited before its log is read, the log is complete.
        let before = watch.poll().await?;
        match (
            is_written(driver, watch, &before.id, text).await,
            before.exit.clone(),
        ) {
            (Ok(true), _) => return Ok((watch.poll().await.unwrap_or(before), None)),
            (Ok(false), Some(exit)) => return Ok((before, Some(exit))),
            (Ok(false), None) => {}
            (Err(error), _) if error.is_retryable() => {}
            (Err(error), _) => return Err(error),
        }
        watch.pause().await;
    }
}

/// Follows a log to its end. Returns `true` as soon as the log contains `text`.
async fn is_written<D>(driver: &D, watch: &Watch<'_, D>, id: &ContainerId, text: &str) -> Result<bool>
where
    D: ContainerDriver + ?Sized,
{
    let options = LogStreamOptions::default().follow(true);
    let mut log = driver.stream_container_logs(id, options).await?;
    let mut search = Search::new(text);
    let mut inspected = Instant::now();
    while !search.is_done() {
        match timeout(INSPECTION_INTERVAL, log.next()).await {
            Ok(Some(chunk)) => search.push(&chunk?),
            Ok(None) => break,
            Err(_) => {}
        }
        if inspected.elapsed() >= INSPECTION_INTERVAL {
            // The end of the log shows if the container was removed.
            let _ = watch.poll().await;
            inspected = Instant::now();
        }
    }
    Ok(search.is_done())
}

/// Searches the output of a container for a text, which may span several chunks of one source.
struct Search<'a> {
    text: &'a [u8],
    /// The end of the output of each source that may be the beginning of the text.
    ends: [Vec<u8>; 2],
    found: bool,
}

impl<'a> Search<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text: text.as_bytes(),
            ends: Default::default(),
            found: text.is_empty(),
        }
    }

    /// Returns whether the text was found.
    fn is_done(&self) -> bool {
        self.found
    }

    fn push(&mut self, chunk: &LogChunk) {
        let [stdout, stderr] = &mut self.ends;
        let end = match chunk.source {
            LogSource::Stdout | LogSource::Tty => stdout,
            LogSource::Stderr => stderr,
        };
        end.extend_from_slice(&chunk.bytes);
        let length = self.text.len();
        self.found |= length > 0 && end.windows(length).any(|part| part == self.text);
        end.drain(..end.len().saturating_sub(length.saturating_sub(1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_is_found_at_any_split(
            parts in prop::collection::vec("[ab]{0,4}", 0..8),
            text in "[ab]{0,5}",
        ) {
            let mut search = Search::new(&text);
            let mut whole = String::new();
            for part in parts {
                whole.push_str(&part);
                search.push(&LogChunk::new(LogSource::Stdout, part));
                prop_assert_eq!(search.is_done(), whole.contains(&text));
            }
        }
    }

    #[test]
    fn sources_are_searched_separately() {
        let mut search = Search::new("ready");
        search.push(&LogChunk::new(LogSource::Stdout, "rea"));
        search.push(&LogChunk::new(LogSource::Stderr, "dy"));
        assert!(!search.is_done());
        search.push(&LogChunk::new(LogSource::Stdout, "dy\n"));
        assert!(search.is_done());
    }
}
