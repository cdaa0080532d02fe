//! Converts log entries to chunks. The bytes stay as they were written; they are split into lines and filtered only if
//! requested.

use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use driver_interface_types::{LogChunk, LogSource, LogStreamOptions};

use crate::time;

/// The number of bytes at the beginning of a line that are searched for a timestamp.
const LONGEST_STAMP: usize = 64;

/// Converts the entries of an engine's log to chunks, and leaves out the lines that the options exclude. The converter
/// buffers input only for terminal output, and only the beginning of a line.
///
/// If [`needs_times`] returns `true`, each entry must begin with its time and a space, which are removed. A terminal's
/// output has no entries; there, each line must begin with its time.
///
/// ```
/// use driver_interface_kit::{LogChunks, time};
/// use driver_interface_types::{LogSource, LogStreamOptions};
///
/// let mut options = LogStreamOptions::default();
/// options.since = time::parse("2026-11-24T08:17:05Z");
/// let mut chunks = LogChunks::new(options, 0);
/// let mut out = Vec::new();
/// chunks.push(LogSource::Stdout, true, "2026-11-24T08:17:04.5Z old\n".into(), &mut out);
/// chunks.push(LogSource::Stdout, true, "2026-11-24T08:17:05.5Z new\n".into(), &mut out);
/// assert_eq!(out.len(), 1);
/// assert_eq!(out[0].bytes, "new\n");
/// ```
#[derive(Debug)]
pub struct LogChunks {
    options: LogStreamOptions,
    /// The number of lines to skip at the beginning.
    skip: u64,
    lines: u64,
    stdout: Line,
    stderr: Line,
}

#[derive(Debug, Default)]
struct Line {
    open: bool,
    dropped: bool,
    stamp: Option<Stamp>,
    /// The beginning of a line of terminal output that may be a timestamp.
    held: BytesMut,
}

#[derive(Clone, Copy, Debug)]
struct Stamp {
    time: SystemTime,
    /// Whether the timestamp is given in whole seconds. Such a timestamp stands for every time within its second.
    whole: bool,
}

/// Returns whether these options require the engine to add times to its log entries.
pub fn needs_times(options: &LogStreamOptions) -> bool {
    options.timestamps || options.since.is_some() || options.until.is_some()
}

impl LogChunks {
    /// Creates a converter that leaves out the first `skip` of the lines that match the options.
    pub fn new(options: LogStreamOptions, skip: u64) -> Self {
        Self {
            options,
            skip,
            lines: 0,
            stdout: Line::default(),
            stderr: Line::default(),
        }
    }

    /// Returns the number of received lines that match the requested streams and times. An unfinished line counts, too.
    /// If the options need no times, the counting stops when all lines to skip have been received. The result is then
    /// smaller than the number of lines.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Converts an entry, or a part of an entry, to chunks, and appends them to `out`. `starts` is `true` at the
    /// beginning of an entry. If [`needs_times`] returns `false`, `data` may contain several entries.
    pub fn push(&mut self, source: LogSource, starts: bool, mut data: Bytes, out: &mut Vec<LogChunk>) {
        let wanted = match source {
            LogSource::Stdout => self.options.stdout,
            LogSource::Stderr => self.options.stderr,
            // A terminal's output is a single stream, which the options cannot exclude.
            LogSource::Tty => true,
        };
        if !wanted {
            return;
        }
        let stamped = needs_times(&self.options);
        if source == LogSource::Tty && stamped {
            self.terminal(data, out);
            return;
        }
        if stamped && starts {
            let (stamp, after) = split_stamp(&data);
            if stamp.is_some() {
                self.line(source).stamp = stamp;
            }
            data = data.slice(after..);
        }
        let line = self.line(source);
        let in_dropped = line.open && line.dropped;
        if !stamped && self.lines >= self.skip && !in_dropped {
            // No line is left to skip, so line boundaries do not matter.
            out.extend(LogChunkSplitter::new(source, data, None));
            return;
        }
        while !data.is_empty() {
            let part = first_line(&mut data);
            self.part(source, part, out);
        }
    }

    /// Returns the chunks that are still buffered at the end of the log.
    pub fn finish(&mut self) -> Vec<LogChunk> {
        let mut out = Vec::new();
        let held = self.stdout.held.split().freeze();
        if !held.is_empty() {
            self.part(LogSource::Tty, held, &mut out);
        }
        out
    }

    /// Processes terminal output, which is not divided into entries: each line begins with its timestamp.
    fn terminal(&mut self, mut rest: Bytes, out: &mut Vec<LogChunk>) {
        if !self.stdout.held.is_empty() {
            self.stdout.held.extend_from_slice(&rest);
            rest = self.stdout.held.split().freeze();
        }
        while !rest.is_empty() {
            if !self.stdout.open {
                let undecided = !rest.contains(&b' ') && rest.len() < LONGEST_STAMP;
                if undecided {
                    self.stdout.held.extend_from_slice(&rest);
                    return;
                }
                let (stamp, after) = split_stamp(&rest);
                self.stdout.stamp = stamp;
                rest = rest.slice(after..);
                if rest.is_empty() {
                    // The line continues with the next bytes, which do not begin with a timestamp.
                    self.open(LogSource::Tty);
                    return;
                }
            }
            let part = first_line(&mut rest);
            self.part(LogSource::Tty, part, out);
        }
    }

    fn line(&mut self, source: LogSource) -> &mut Line {
        match source {
            LogSource::Stdout | LogSource::Tty => &mut self.stdout,
            LogSource::Stderr => &mut self.stderr,
        }
    }

    /// Begins a line, and decides whether it is left out.
    fn open(&mut self, source: LogSource) {
        let (since, until) = (self.options.since, self.options.until);
        let line = self.line(source);
        line.open = true;
        let outside = line.stamp.is_some_and(|stamp| stamp.is_outside(since, until));
        line.dropped = outside;
        if !outside {
            self.lines += 1;
            self.line(source).dropped = self.lines <= self.skip;
        }
    }

    /// Processes a line or a part of a line, and appends its chunks to `out`.
    fn part(&mut self, source: LogSource, part: Bytes, out: &mut Vec<LogChunk>) {
        let begins = !self.line(source).open;
        // A terminal's line may have been opened before any of its bytes arrived.
        let fresh = begins || (source == LogSource::Tty && self.line(source).stamp.is_some());
        if begins {
            self.open(source);
        }
        let ends = part.last() == Some(&b'\n');
        let times = self.options.timestamps;
        let line = self.line(source);
        let stamp = line.stamp.take().filter(|_| times && fresh);
        line.open = !ends;
        if line.dropped {
            return;
        }
        out.extend(LogChunkSplitter::new(source, part, stamp.map(|stamp| stamp.time)));
    }
}

impl Stamp {
    fn is_outside(self, since: Option<SystemTime>, until: Option<SystemTime>) -> bool {
        let last = if self.whole {
            self.time + Duration::from_secs(1)
        } else {
            self.time + Duration::from_nanos(1)
        };
        since.is_some_and(|since| last <= since) || until.is_some_and(|until| self.time >= until)
    }
}

/// An iterator that splits bytes into chunks of at most [`LogChunk::MAX_LEN`] bytes. Only the first chunk gets the
/// timestamp.
#[derive(Debug)]
pub struct LogChunkSplitter {
    source: LogSource,
    rest: Bytes,
    time: Option<SystemTime>,
}

impl LogChunkSplitter {
    /// Creates an iterator over the chunks of `bytes`, which may be empty. `time` is the timestamp of the first chunk.
    pub fn new(source: LogSource, bytes: Bytes, time: Option<SystemTime>) -> Self {
        let rest = bytes;
        Self { source, rest, time }
    }
}

impl Iterator for LogChunkSplitter {
    type Item = LogChunk;

    fn next(&mut self) -> Option<LogChunk> {
        let piece = self.rest.split_to(self.rest.len().min(LogChunk::MAX_LEN));
        if piece.is_empty() {
            return None;
        }
        let chunk = LogChunk::new(self.source, piece);
        Some(match self.time.take() {
            Some(time) => chunk.timestamp(time),
            None => chunk,
        })
    }
}

/// Removes and returns the first line of `rest` including its line end, or all of `rest` if it has no line end.
fn first_line(rest: &mut Bytes) -> Bytes {
    let end = rest.iter().position(|byte| *byte == b'\n');
    rest.split_to(end.map_or(rest.len(), |end| end + 1))
}

/// Returns the timestamp at the beginning of `data`, and the offset of the text after the timestamp. If `data` has no
/// timestamp, returns `None` and 0.
fn split_stamp(data: &[u8]) -> (Option<Stamp>, usize) {
    let head = data.get(..LONGEST_STAMP).unwrap_or(data);
    let space = head.iter().position(|byte| *byte == b' ');
    let text = space
        .and_then(|space| head.get(..space))
        .and_then(|text| std::str::from_utf8(text).ok());
    match (text.and_then(time::parse), text, space) {
        (Some(time), Some(text), Some(space)) => {
            let whole = !text.contains('.');
            (Some(Stamp { time, whole }), space + 1)
        }
        _ => (None, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(chunks: &mut LogChunks, entries: &[(LogSource, &[u8])]) -> Vec<LogChunk> {
        let mut out = Vec::new();
        for (source, data) in entries {
            chunks.push(*source, true, Bytes::copy_from_slice(data), &mut out);
        }
        out.extend(chunks.finish());
        out
    }

    fn text(chunks: &[LogChunk], source: LogSource) -> String {
        chunks
            .iter()
            .filter(|chunk| chunk.source == source)
            .map(LogChunk::text)
            .collect()
    }

    use LogSource::{Stderr, Stdout, Tty};
    const ALL: fn() -> LogStreamOptions = LogStreamOptions::default;

    #[test]
    fn lines_are_filtered_by_time_and_timestamped() {
        let at = |text: &str| time::parse(text).unwrap();
        let options = ALL()
            .since(at("2026-11-24T08:17:05Z"))
            .until(at("2026-11-24T08:17:07Z"))
            .timestamps(true);
        let entries: &[(LogSource, &[u8])] = &[
            (Stdout, b"2026-11-24T08:17:04.9Z old\n"),
            (Stdout, b"2026-11-24T08:17:05.1Z lo"),
            (Stderr, b"2026-11-24T08:17:06.0Z err\n"),
            (Stdout, b"2026-11-24T08:17:05.2Z ng\n"),
            (Stdout, b"2026-11-24T08:17:07.0Z late\n"),
        ];
        let got = all(&mut LogChunks::new(options, 0), entries);
        assert_eq!(text(&got, Stdout), "long\n");
        assert_eq!(text(&got, Stderr), "err\n");
        let stamps: Vec<Option<SystemTime>> = got.iter().map(|chunk| chunk.timestamp).collect();
        assert_eq!(
            stamps,
            [
                Some(at("2026-11-24T08:17:05.1Z")),
                Some(at("2026-11-24T08:17:06.0Z")),
                None
            ]
        );
    }

    #[test]
    fn older_lines_are_skipped_with_all_parts() {
        let since = |entries: &[(LogSource, &[u8])]| {
            let options = ALL().since(time::parse("2026-11-24T08:17:05.5Z").unwrap());
            text(&all(&mut LogChunks::new(options, 0), entries), Stdout)
        };
        let entries: &[(LogSource, &[u8])] = &[
            (Stdout, b"2026-11-24T08:17:05.4Z old"),
            (Stdout, b"2026-11-24T08:17:05.6Z er\n"),
            (Stdout, b"2026-11-24T08:17:05.5Z exact\n"),
            (Stdout, b"2026-11-24T08:17:06Z new\n"),
        ];
        assert_eq!(since(entries), "exact\nnew\n");
        // A timestamp of whole seconds is too coarse to tell, so the line is kept.
        assert_eq!(since(&[(Stdout, b"2026-11-24T08:17:05Z maybe\n")]), "maybe\n");
        assert_eq!(since(&[(Stdout, b"2026-11-24T08:17:04Z no\n")]), "");
    }

    #[test]
    fn leading_lines_are_counted_and_skipped() {
        let entries: &[(LogSource, &[u8])] = &[(Stdout, b"a\nb"), (Stderr, b"e\n"), (Stdout, b"\nc")];
        let mut counting = LogChunks::new(ALL(), u64::MAX);
        all(&mut counting, entries);
        assert_eq!(counting.lines(), 4);
        let got = all(&mut LogChunks::new(ALL(), 2), entries);
        assert_eq!(
            (text(&got, Stdout).as_str(), text(&got, Stderr).as_str()),
            ("c", "e\n")
        );
    }

    #[test]
    fn terminal_lines_are_timestamped_at_any_chunking() {
        let whole = b"2026-11-24T08:17:05.1Z one\r\n2026-11-24T08:17:06.1Z two\r\n2026-11-24T08:17:07.1Z x";
        for cut in 0..whole.len() {
            let (first, second) = whole.split_at(cut);
            let mut chunks = LogChunks::new(ALL().timestamps(true), 0);
            let got = all(&mut chunks, &[(Tty, first), (Tty, second)]);
            assert_eq!(text(&got, Tty), "one\r\ntwo\r\nx", "cut at {cut}");
            let stamps = got.iter().filter(|chunk| chunk.timestamp.is_some()).count();
            assert_eq!(stamps, 3, "cut at {cut}: {got:?}");
        }
    }

    proptest! {
        #[test]
        fn all_bytes_pass_in_bounded_chunks(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..30),
            big in 0usize..200_000,
        ) {
            let mut parts = parts;
            parts.push(vec![b'x'; big]);
            let entries: Vec<(LogSource, &[u8])> = parts.iter().map(|part| (Stdout, part.as_slice())).collect();
            let got = all(&mut LogChunks::new(ALL(), 0), &entries);
            prop_assert!(got.iter().all(|chunk| chunk.bytes.len() <= LogChunk::MAX_LEN));
            let bytes: Vec<u8> = got.iter().flat_map(|chunk| chunk.bytes.to_vec()).collect();
            prop_assert_eq!(bytes, parts.concat());
        }
    }
}
