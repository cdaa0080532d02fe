//! Waiting for a text in a container's log.

use std::time::Duration;

use driver_interface_errors::Result;
use tokio::time::timeout;

use super::Watch;
use crate::{ContainerDriver, ContainerInstance, ExitInfo, LogChunk, LogSource, LogStreamOptions};

/// How often the container is inspected while its log is followed. The result only serves for the message of an error.
const INSPECTION_INTERVAL: Duration = Duration::from_secs(1);

/// Follows the log of the container that `watch` polls until the log contains `text`. Each entry of the log is read
/// once. Returns the exit if the container exits without having written `text`.
pub(super) async fn text_or_exit<D>(
    driver: &D,
    watch: &Watch<'_, D>,
    text: &str,
) -> Result<(ContainerInstance, Option<ExitInfo>)>
where
    D: ContainerDriver + ?Sized,
{
    loop {
        let id = watch.poll().await?.id;
        let options = LogStreamOptions::default().follow(true);
        let mut log = driver.stream_container_logs(&id, options).await?;
        let mut search = Search::new(text);
        loop {
            match timeout(INSPECTION_INTERVAL, log.next()).await {
                Ok(Some(chunk)) => {
                    if search.push(&chunk?) {
                        return Ok((watch.poll().await?, None));
                    }
                }
                Ok(None) => break,
                Err(_) => drop(watch.poll().await?),
            }
        }
        let now = watch.poll().await?;
        if let Some(exit) = now.exit.clone() {
            return Ok((now, Some(exit)));
        }
        // The container is starting again.
        watch.pause().await;
    }
}

/// Searches the output of a container for a text, which may span several chunks of one source.
struct Search<'a> {
    text: &'a [u8],
    /// The end of the output of each source that may be the beginning of the text.
    ends: [Vec<u8>; 2],
}

impl<'a> Search<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text: text.as_bytes(),
            ends: Default::default(),
        }
    }

    /// Returns whether the text is complete with this chunk.
    fn push(&mut self, chunk: &LogChunk) -> bool {
        let [stdout, stderr] = &mut self.ends;
        let end = match chunk.source {
            LogSource::Stdout | LogSource::Tty => stdout,
            LogSource::Stderr => stderr,
        };
        end.extend_from_slice(&chunk.bytes);
        let found = self.text.is_empty() || end.windows(self.text.len()).any(|part| part == self.text);
        let keep = self.text.len().saturating_sub(1);
        end.drain(..end.len().saturating_sub(keep));
        found
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
            text in "[ab]{1,5}",
        ) {
            let mut search = Search::new(&text);
            let mut whole = String::new();
            for part in parts {
                let already = whole.contains(&text);
                whole.push_str(&part);
                let found = search.push(&LogChunk::new(LogSource::Stdout, part));
                prop_assert_eq!(already || found, whole.contains(&text));
            }
        }
    }

    #[test]
    fn sources_are_searched_separately() {
        let mut search = Search::new("ready");
        assert!(!search.push(&LogChunk::new(LogSource::Stdout, "rea")));
        assert!(!search.push(&LogChunk::new(LogSource::Stderr, "dy")));
        assert!(search.push(&LogChunk::new(LogSource::Stdout, "dy\n")));
    }
}
