//! Log frames as chunks: the bytes as they were written, split and filtered by line only if requested.

use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use driver_interface_types::{LogChunk, LogSource, LogStreamOptions};

use super::time;
use crate::wire::{Frame, Stream};

/// The maximum length of a line's beginning that is searched for a timestamp.
const LONGEST_STAMP: usize = 64;

/// Converts frames to chunks. It buffers no more than the beginning of a line, and only for a terminal.
#[derive(Debug)]
pub(crate) struct Chunks {
    options: LogStreamOptions,
    tty: bool,
    /// How many lines to skip at the beginning.
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
    /// Whether the timestamp has no fraction and stands for its whole second.
    whole: bool,
}

/// Returns whether the engine has to add timestamps to its entries.
pub(crate) fn needs_stamps(options: &LogStreamOptions) -> bool {
    options.timestamps || options.since.is_some() || options.until.is_some()
}

impl Chunks {
    pub(crate) fn new(options: LogStreamOptions, tty: bool, skip: u64) -> Self {
        Self {
            options,
            tty,
            skip,
            lines: 0,
            stdout: Line::default(),
            stderr: Line::default(),
        }
    }

    /// Returns how many of the received lines match the requested streams and times. An unfinished line counts.
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    /// Converts a frame to chunks.
    pub(crate) fn push(&mut self, frame: Frame) -> Vec<LogChunk> {
        let mut out = Vec::new();
        let wanted = match frame.stream {
            // The output of a terminal is a single stream.
            Stream::Stdout => self.options.stdout || self.tty,
            Stream::Stderr => self.options.stderr,
        };
        if !wanted {
            return out;
        }
        let stamped = needs_stamps(&self.options);
        if self.tty && stamped {
            self.terminal(frame.data, &mut out);
            return out;
        }
        let mut rest = frame.data;
        if stamped && frame.starts {
            let (stamp, after) = split_stamp(&rest);
            if stamp.is_some() {
                self.line(frame.stream).stamp = stamp;
            }
            rest = rest.slice(after..);
        }
        let line = self.line(frame.stream);
        let in_dropped = line.open && line.dropped;
        if !stamped && self.lines >= self.skip && !in_dropped {
            // Nothing is left to skip, so line boundaries do not matter.
            push(&mut out, self.source(frame.stream), rest, None);
            return out;
        }
        while !rest.is_empty() {
            let part = first_line(&mut rest);
            self.part(frame.stream, part, &mut out);
        }
        out
    }

    /// Returns what is still buffered at the end.
    pub(crate) fn finish(&mut self) -> Vec<LogChunk> {
        let mut out = Vec::new();
        let held = self.stdout.held.split().freeze();
        if !held.is_empty() {
            self.part(Stream::Stdout, held, &mut out);
        }
        out
    }

    /// Processes terminal output, which is not framed: each line begins with its timestamp.
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
                    self.open(Stream::Stdout);
                    return;
                }
            }
            let part = first_line(&mut rest);
            self.part(Stream::Stdout, part, out);
        }
    }

    fn line(&mut self, stream: Stream) -> &mut Line {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    fn source(&self, stream: Stream) -> LogSource {
        match (self.tty, stream) {
            (true, _) => LogSource::Tty,
            (false, Stream::Stdout) => LogSource::Stdout,
            (false, Stream::Stderr) => LogSource::Stderr,
        }
    }

    /// Begins a line, and decides whether it is requested.
    fn open(&mut self, stream: Stream) {
        let (since, until) = (self.options.since, self.options.until);
        let line = self.line(stream);
        line.open = true;
        let outside = line.stamp.is_some_and(|stamp| stamp.is_outside(since, until));
        line.dropped = outside;
        if !outside {
            self.lines += 1;
            self.line(stream).dropped = self.lines <= self.skip;
        }
    }

    /// Processes a line or a part of one.
    fn part(&mut self, stream: Stream, part: Bytes, out: &mut Vec<LogChunk>) {
        let begins = !self.line(stream).open;
        // A terminal's line may have been opened before any of its bytes arrived.
        let fresh = begins || (self.tty && self.line(stream).stamp.is_some());
        if begins {
            self.open(stream);
        }
        let ends = part.last() == Some(&b'\n');
        let times = self.options.timestamps;
        let source = self.source(stream);
        let line = self.line(stream);
        let stamp = line.stamp.take().filter(|_| times && fresh);
        line.open = !ends;
        if line.dropped {
            return;
        }
        push(out, source, part, stamp.map(|stamp| stamp.time));
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

/// Appends bytes, split into pieces of at most the maximum chunk size.
fn push(out: &mut Vec<LogChunk>, source: LogSource, mut bytes: Bytes, mut stamp: Option<SystemTime>) {
    while !bytes.is_empty() {
        let piece = bytes.split_to(bytes.len().min(LogChunk::MAX_LEN));
        let chunk = LogChunk::new(source, piece);
        out.push(match stamp.take() {
            Some(time) => chunk.timestamp(time),
            None => chunk,
        });
    }
}

/// Takes the first line including its line end, or everything if there is no line end.
fn first_line(rest: &mut Bytes) -> Bytes {
    let end = rest.iter().position(|byte| *byte == b'\n');
    rest.split_to(end.map_or(rest.len(), |end| end + 1))
}

/// Returns the timestamp at the beginning, and the offset of the text after it.
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

    fn frame(stream: Stream, data: &[u8]) -> Frame {
        Frame {
            stream,
            starts: true,
            data: Bytes::copy_from_slice(data),
        }
    }

    fn all(chunks: &mut Chunks, frames: &[(Stream, &[u8])]) -> Vec<LogChunk> {
        let mut out: Vec<LogChunk> = frames
            .iter()
            .flat_map(|(stream, data)| chunks.push(frame(*stream, data)))
            .collect();
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

    use Stream::{Stderr, Stdout};
    const ALL: fn() -> LogStreamOptions = LogStreamOptions::default;

    #[test]
    fn lines_are_filtered_by_time_and_have_it() {
        let at = |text: &str| time::parse(text).unwrap();
        let options = ALL()
            .since(at("2026-11-24T08:17:05Z"))
            .until(at("2026-11-24T08:17:07Z"))
            .timestamps(true);
        let frames: &[(Stream, &[u8])] = &[
            (Stdout, b"2026-11-24T08:17:04.9Z old\n"),
            (Stdout, b"2026-11-24T08:17:05.1Z lo"),
            (Stderr, b"2026-11-24T08:17:06.0Z err\n"),
            (Stdout, b"2026-11-24T08:17:05.2Z ng\n"),
            (Stdout, b"2026-11-24T08:17:07.0Z late\n"),
        ];
        let got = all(&mut Chunks::new(options, false, 0), frames);
        assert_eq!(text(&got, LogSource::Stdout), "long\n");
        assert_eq!(text(&got, LogSource::Stderr), "err\n");
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
    fn older_lines_are_left_out_with_all_their_parts() {
        let since = |frames: &[(Stream, &[u8])]| {
            let options = ALL().since(time::parse("2026-11-24T08:17:05.5Z").unwrap());
            text(
                &all(&mut Chunks::new(options, false, 0), frames),
                LogSource::Stdout,
            )
        };
        let frames: &[(Stream, &[u8])] = &[
            (Stdout, b"2026-11-24T08:17:05.4Z old"),
            (Stdout, b"2026-11-24T08:17:05.6Z er\n"),
            (Stdout, b"2026-11-24T08:17:05.5Z exact\n"),
            (Stdout, b"2026-11-24T08:17:06Z new\n"),
        ];
        assert_eq!(since(frames), "exact\nnew\n");
        // Whole seconds cannot tell, so the lines are kept.
        assert_eq!(since(&[(Stdout, b"2026-11-24T08:17:05Z maybe\n")]), "maybe\n");
        assert_eq!(since(&[(Stdout, b"2026-11-24T08:17:04Z no\n")]), "");
    }

    #[test]
    fn lines_are_counted_and_left_out_at_the_beginning() {
        let frames: &[(Stream, &[u8])] = &[(Stdout, b"a\nb"), (Stderr, b"e\n"), (Stdout, b"\nc")];
        let mut counting = Chunks::new(ALL(), false, u64::MAX);
        all(&mut counting, frames);
        assert_eq!(counting.lines(), 4);
        let got = all(&mut Chunks::new(ALL(), false, 2), frames);
        assert_eq!(
            (
                text(&got, LogSource::Stdout).as_str(),
                text(&got, LogSource::Stderr).as_str()
            ),
            ("c", "e\n")
        );
    }

    #[test]
    fn a_terminal_s_lines_have_times_wherever_they_are_cut() {
        let whole = b"2026-11-24T08:17:05.1Z one\r\n2026-11-24T08:17:06.1Z two\r\n2026-11-24T08:17:07.1Z x";
        for cut in 0..whole.len() {
            let (first, second) = whole.split_at(cut);
            let mut chunks = Chunks::new(ALL().timestamps(true), true, 0);
            let got = all(&mut chunks, &[(Stdout, first), (Stdout, second)]);
            assert_eq!(text(&got, LogSource::Tty), "one\r\ntwo\r\nx", "cut at {cut}");
            let stamps = got.iter().filter(|chunk| chunk.timestamp.is_some()).count();
            assert_eq!(stamps, 3, "cut at {cut}: {got:?}");
        }
    }

    proptest! {
        #[test]
        fn without_options_every_byte_comes_through_in_chunks_of_bounded_size(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..30),
            big in 0usize..200_000,
        ) {
            let mut parts = parts;
            parts.push(vec![b'x'; big]);
            let frames: Vec<(Stream, &[u8])> = parts.iter().map(|part| (Stdout, part.as_slice())).collect();
            let got = all(&mut Chunks::new(ALL(), false, 0), &frames);
            prop_assert!(got.iter().all(|chunk| chunk.bytes.len() <= LogChunk::MAX_LEN));
            let bytes: Vec<u8> = got.iter().flat_map(|chunk| chunk.bytes.to_vec()).collect();
            prop_assert_eq!(bytes, parts.concat());
        }
    }
}
