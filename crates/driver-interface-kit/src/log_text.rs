//! Joins log chunks into lines of text.

use std::collections::VecDeque;

use driver_interface_types::{LogChunk, LogSource};

use crate::time;

/// Joins log chunks into lines of text. Chunks of a line may be interleaved with chunks of the other stream. A line is
/// counted and decoded only when it is complete. A character whose bytes are spread over two chunks is therefore
/// decoded correctly.
///
/// ```
/// use driver_interface_kit::LogText;
/// use driver_interface_types::{LogChunk, LogSource};
///
/// let mut text = LogText::new(Some(2));
/// text.push(&LogChunk::new(LogSource::Stdout, "one\ntwo\nth"));
/// text.push(&LogChunk::new(LogSource::Stdout, "ree\n"));
/// assert_eq!(text.finish(), "two\nthree\n");
/// ```
#[derive(Debug)]
pub struct LogText {
    /// The maximum number of lines to keep, or `None` for all of them.
    last: Option<u64>,
    /// The unfinished line of standard output or the terminal, and the unfinished line of standard error.
    open: [Vec<u8>; 2],
    /// The kept lines, which are valid UTF-8.
    kept: VecDeque<u8>,
    /// The length of each kept line in bytes. The list is empty if `last` is `None`, because no line is then discarded.
    lengths: VecDeque<usize>,
    completed: u64,
}

impl LogText {
    /// Creates an empty buffer. It keeps only the last `last` lines, or all lines if `last` is `None`.
    pub fn new(last: Option<u64>) -> Self {
        Self {
            last,
            open: Default::default(),
            kept: VecDeque::new(),
            lengths: VecDeque::new(),
            completed: 0,
        }
    }

    /// Adds a chunk. If the chunk has a timestamp, the timestamp is written before the chunk's text.
    pub fn push(&mut self, chunk: &LogChunk) {
        let mut bytes: &[u8] = &chunk.bytes;
        if self.last.is_none() && chunk.timestamp.is_none() && self.open(chunk.source).is_empty() {
            // All complete lines are kept, so they need not be separated.
            let end = bytes
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |last| last + 1);
            let (complete, rest) = bytes.split_at(end);
            let lines = complete.iter().filter(|byte| **byte == b'\n').count();
            self.complete(complete, lines as u64);
            bytes = rest;
        }
        let mut open = std::mem::take(self.open(chunk.source));
        if let Some(time) = chunk.timestamp {
            open.extend_from_slice(time::format(time).as_bytes());
            open.push(b' ');
        }
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let ends = part.last() == Some(&b'\n');
            if ends && open.is_empty() {
                self.complete(part, 1);
                continue;
            }
            open.extend_from_slice(part);
            if ends {
                self.complete(&open, 1);
                open.clear();
            }
        }
        *self.open(chunk.source) = open;
    }

    fn open(&mut self, source: LogSource) -> &mut Vec<u8> {
        let [stdout, stderr] = &mut self.open;
        match source {
            LogSource::Stdout | LogSource::Tty => stdout,
            LogSource::Stderr => stderr,
        }
    }

    /// Keeps complete lines. If only the last lines are kept, `text` must be one line.
    fn complete(&mut self, text: &[u8], lines: u64) {
        self.completed += lines;
        // Buffer the decoded text, so that `bytes` counts it: invalid bytes grow when they are decoded.
        let line = String::from_utf8_lossy(text);
        self.kept.extend(line.as_bytes());
        let Some(last) = self.last else {
            return;
        };
        self.lengths.push_back(line.len());
        if self.lengths.len() as u64 > last {
            let gone = self.lengths.pop_front().unwrap_or_default();
            self.kept.drain(..gone);
        }
    }

    /// Returns the number of complete lines received, including lines that were not kept.
    pub fn completed(&self) -> u64 {
        self.completed
    }

    /// Returns the number of bytes buffered.
    pub fn bytes(&self) -> usize {
        self.kept.len() + self.open.iter().map(Vec::len).sum::<usize>()
    }

    /// Returns the kept lines, including unfinished lines at the end.
    pub fn finish(mut self) -> String {
        for open in std::mem::take(&mut self.open) {
            if !open.is_empty() {
                self.complete(&open, 1);
            }
        }
        String::from_utf8(self.kept.into())
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use LogSource::{Stderr, Stdout};
    use proptest::prelude::*;

    fn text(last: Option<u64>, chunks: &[(LogSource, &'static [u8])]) -> String {
        let mut text = LogText::new(last);
        for (source, bytes) in chunks {
            text.push(&LogChunk::new(*source, *bytes));
        }
        text.finish()
    }

    #[test]
    fn character_split_across_chunks_is_joined() {
        let chunks: &[(LogSource, &[u8])] = &[(Stdout, b"a\xc3"), (Stderr, b"err\n"), (Stdout, b"\xa9\n")];
        assert_eq!(text(None, chunks), "err\na\u{e9}\n");
    }

    #[test]
    fn partial_characters_of_two_streams_are_not_joined() {
        assert_eq!(
            text(None, &[(Stdout, b"a\xc3"), (Stderr, b"\xa9b")]),
            "a\u{fffd}\u{fffd}b"
        );
    }

    #[test]
    fn invalid_bytes_become_replacement_characters() {
        assert_eq!(
            text(None, &[(Stdout, b"a\n\xff\xfe\nb")]),
            "a\n\u{fffd}\u{fffd}\nb"
        );
    }

    #[test]
    fn line_has_its_start_time_in_utc() {
        let at = |text: &str| time::parse(text).unwrap();
        let mut text = LogText::new(None);
        text.push(&LogChunk::new(Stdout, &b"yyy"[..]).timestamp(at("2026-11-24T10:17:05+02:00")));
        text.push(&LogChunk::new(Stderr, &b"err\n"[..]).timestamp(at("2026-11-24T08:17:05.689368261Z")));
        text.push(&LogChunk::new(Stdout, &b"y\n"[..]));
        assert_eq!(
            text.finish(),
            "2026-11-24T08:17:05.689368261Z err\n2026-11-24T08:17:05.000000000Z yyyy\n"
        );
    }

    #[test]
    fn keeps_only_the_last_lines() {
        let chunks: &[(LogSource, &[u8])] = &[(Stdout, b"a\nb\n"), (Stdout, b"c\n"), (Stdout, b"d")];
        for (last, expected) in [(0, ""), (1, "d"), (2, "c\nd"), (9, "a\nb\nc\nd")] {
            assert_eq!(text(Some(last), chunks), expected);
        }
        let mut invalid = LogText::new(None);
        invalid.push(&LogChunk::new(Stdout, &b"\xff\xff\n"[..]));
        assert_eq!(invalid.bytes(), 7);
        let mut long = LogText::new(Some(3));
        for _ in 0..10_000 {
            long.push(&LogChunk::new(Stdout, vec![b'\n'; 100]));
        }
        assert_eq!((long.completed(), long.bytes()), (1_000_000, 3));
    }

    proptest! {
        #[test]
        fn keeps_every_byte(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..30),
        ) {
            let mut text = LogText::new(None);
            for part in &parts {
                text.push(&LogChunk::new(Stdout, part.clone()));
            }
            let whole: Vec<u8> = parts.concat();
            // If split at line ends, bytes decode to the same text as the whole: a line end is never part of a
            // character.
            prop_assert_eq!(text.finish(), String::from_utf8_lossy(&whole).into_owned());
        }
    }
}
