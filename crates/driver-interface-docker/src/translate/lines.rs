//! Log frames as text: lines put together, stamped, filtered.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use super::time;
use crate::wire::{Frame, Stream};

/// What is wanted of a log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
    pub(crate) timestamps: bool,
    pub(crate) since: Option<SystemTime>,
    /// The most lines to keep; all of them without it.
    pub(crate) last: Option<usize>,
    /// How many lines to leave out at the beginning.
    pub(crate) skip: usize,
}

impl Wanted {
    /// Whether the engine has to stamp its entries.
    pub(crate) fn needs_stamps(&self) -> bool {
        self.timestamps || self.since.is_some()
    }

    fn takes(&self, stream: Stream) -> bool {
        match stream {
            Stream::Stdout => self.stdout,
            Stream::Stderr => self.stderr,
        }
    }
}

/// Puts lines together from frames. Each frame is an entry of the log: a line, or a part of a long one; parts
/// of one stream's line may have another stream's entries between them. A line counts when it is complete,
/// and bytes become text only then, so that no character is cut.
#[derive(Debug)]
pub(crate) struct Lines {
    wanted: Wanted,
    stdout: Line,
    stderr: Line,
    done: VecDeque<Vec<u8>>,
    /// How many lines were completed, also those that were not kept.
    completed: usize,
    entries: u64,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Line {
    bytes: Vec<u8>,
    /// The stamp of the entry it is in, as text.
    stamp: Option<String>,
    open: bool,
    dropped: bool,
}

impl Lines {
    pub(crate) fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            stdout: Line::default(),
            stderr: Line::default(),
            done: VecDeque::new(),
            completed: 0,
            entries: 0,
            bytes: 0,
        }
    }

    pub(crate) fn push(&mut self, frame: Frame) {
        self.entries += u64::from(frame.starts);
        if !self.wanted.takes(frame.stream) {
            return;
        }
        let stamped = self.wanted.needs_stamps() && frame.starts;
        let (stamp, mut rest) = if stamped {
            split_stamp(&frame.data)
        } else {
            (None, frame.data.as_ref())
        };
        if stamp.is_some() {
            self.line(frame.stream).stamp = stamp;
        }
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| *byte == b'\n');
            let (part, later) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
            self.extend(frame.stream, part);
            if end.is_some() {
                self.complete(frame.stream);
            }
            rest = later;
        }
    }

    fn line(&mut self, stream: Stream) -> &mut Line {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    fn extend(&mut self, stream: Stream, part: &[u8]) {
        let Wanted {
            since, timestamps, ..
        } = self.wanted;
        let line = self.line(stream);
        if !line.open {
            line.open = true;
            line.dropped = is_before(line.stamp.as_deref(), since);
            if let Some(stamp) = line.stamp.as_ref().filter(|_| timestamps) {
                line.bytes.extend_from_slice(stamp.as_bytes());
                line.bytes.push(b' ');
            }
        }
        if !line.dropped {
            line.bytes.extend_from_slice(part);
            self.bytes += part.len();
        }
    }

    fn complete(&mut self, stream: Stream) {
        let line = self.line(stream);
        let bytes = std::mem::take(&mut line.bytes);
        line.open = false;
        if std::mem::take(&mut line.dropped) {
            return;
        }
        self.completed += 1;
        if self.completed <= self.wanted.skip {
            self.bytes = self.bytes.saturating_sub(bytes.len());
            return;
        }
        self.done.push_back(bytes);
        while self.wanted.last.is_some_and(|last| self.done.len() > last) {
            let gone = self.done.pop_front();
            self.bytes = self.bytes.saturating_sub(gone.map_or(0, |line| line.len()));
        }
    }

    /// How many entries came, of both streams.
    pub(crate) fn entries(&self) -> u64 {
        self.entries
    }

    /// How many complete lines came of the wanted streams.
    pub(crate) fn completed(&self) -> usize {
        self.completed
    }

    /// About how many bytes are held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Everything, with what has no line end yet at its end.
    pub(crate) fn finish(mut self) -> String {
        for stream in [Stream::Stdout, Stream::Stderr] {
            if self.line(stream).open {
                self.complete(stream);
            }
        }
        self.done
            .iter()
            .map(|line| String::from_utf8_lossy(line))
            .collect()
    }
}

/// An entry's stamp, in UTC, and what follows it. An entry without one is left as it is.
fn split_stamp(data: &[u8]) -> (Option<String>, &[u8]) {
    let none = (None, data);
    let Some(space) = data.iter().position(|byte| *byte == b' ') else {
        return none;
    };
    let (Some(text), Some(rest)) = (data.get(..space), data.get(space + 1..)) else {
        return none;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return none;
    };
    match time::parse(text) {
        Some(_) if text.ends_with('Z') => (Some(text.to_owned()), rest),
        Some(time) => (Some(time::format(time)), rest),
        None => none,
    }
}

/// Whether an entry is surely older than `since`. A stamp without a fraction stands for its whole second.
fn is_before(stamp: Option<&str>, since: Option<SystemTime>) -> bool {
    let (Some(stamp), Some(since)) = (stamp, since) else {
        return false;
    };
    let Some(time) = time::parse(stamp) else {
        return false;
    };
    if stamp.contains('.') {
        time < since
    } else {
        time + Duration::from_secs(1) <= since
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    const ALL: Wanted = Wanted {
        stdout: true,
        stderr: true,
        timestamps: false,
        since: None,
        last: None,
        skip: 0,
    };

    fn frame(stream: Stream, data: &[u8]) -> Frame {
        Frame {
            stream,
            starts: true,
            data: Bytes::copy_from_slice(data),
        }
    }

    fn text(wanted: Wanted, frames: &[(Stream, &[u8])]) -> String {
        let mut lines = Lines::new(wanted);
        for (stream, data) in frames {
            lines.push(frame(*stream, data));
        }
        lines.finish()
    }

    use Stream::{Stderr, Stdout};

    #[test]
    fn a_character_cut_by_a_frame_of_the_other_stream_is_whole() {
        let frames: &[(Stream, &[u8])] = &[(Stdout, b"a\xc3"), (Stderr, b"err\n"), (Stdout, b"\xa9\n")];
        assert_eq!(text(ALL, frames), "err\na\u{e9}\n");
    }

    #[test]
    fn invalid_bytes_become_replacement_characters_and_nothing_else_is_lost() {
        assert_eq!(
            text(ALL, &[(Stdout, b"a\n\xff\xfe\nb")]),
            "a\n\u{fffd}\u{fffd}\nb"
        );
    }

    #[test]
    fn one_stream_alone() {
        let frames: &[(Stream, &[u8])] = &[(Stdout, b"out\n"), (Stderr, b"err\n")];
        assert_eq!(text(Wanted { stderr: false, ..ALL }, frames), "out\n");
        assert_eq!(text(Wanted { stdout: false, ..ALL }, frames), "err\n");
    }

    #[test]
    fn a_long_line_in_parts_has_one_stamp() {
        let frames: &[(Stream, &[u8])] = &[
            (Stdout, b"2026-11-24T08:17:05.689368260Z yyy"),
            (Stderr, b"2026-11-24T08:17:05.689368261Z err\n"),
            (Stdout, b"2026-11-24T08:17:05.689368260Z y\n"),
        ];
        let expected = "2026-11-24T08:17:05.689368261Z err\n2026-11-24T08:17:05.689368260Z yyyy\n";
        assert_eq!(
            text(
                Wanted {
                    timestamps: true,
                    ..ALL
                },
                frames
            ),
            expected
        );
    }

    #[test]
    fn stamps_are_told_in_utc() {
        let frames: &[(Stream, &[u8])] = &[(Stdout, b"2026-11-24T10:17:05+02:00 x\n")];
        assert_eq!(
            text(
                Wanted {
                    timestamps: true,
                    ..ALL
                },
                frames
            ),
            "2026-11-24T08:17:05.000000000Z x\n"
        );
    }

    #[test]
    fn older_lines_are_left_out_with_all_their_parts() {
        let since = time::parse("2026-11-24T08:17:05.5Z");
        let wanted = Wanted { since, ..ALL };
        let frames: &[(Stream, &[u8])] = &[
            (Stdout, b"2026-11-24T08:17:05.4Z old"),
            (Stdout, b"2026-11-24T08:17:05.6Z er\n"),
            (Stdout, b"2026-11-24T08:17:05.5Z exact\n"),
            (Stdout, b"2026-11-24T08:17:06Z new\n"),
        ];
        assert_eq!(text(wanted, frames), "exact\nnew\n");
        // Whole seconds cannot tell, so they are kept.
        assert_eq!(
            text(wanted, &[(Stdout, b"2026-11-24T08:17:05Z maybe\n")]),
            "maybe\n"
        );
        assert_eq!(text(wanted, &[(Stdout, b"2026-11-24T08:17:04Z no\n")]), "");
    }

    #[test]
    fn only_the_last_lines_or_those_after_a_number() {
        let frames: &[(Stream, &[u8])] = &[(Stdout, b"a\nb\n"), (Stdout, b"c\n"), (Stdout, b"d")];
        for (last, expected) in [(0, ""), (1, "d"), (2, "c\nd"), (9, "a\nb\nc\nd")] {
            assert_eq!(
                text(
                    Wanted {
                        last: Some(last),
                        ..ALL
                    },
                    frames
                ),
                expected
            );
        }
        assert_eq!(text(Wanted { skip: 2, ..ALL }, frames), "c\nd");
    }

    proptest! {
        #[test]
        fn without_options_every_byte_of_a_stream_comes_back(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..30),
        ) {
            let mut lines = Lines::new(ALL);
            for part in &parts {
                lines.push(frame(Stdout, part));
            }
            let whole: Vec<u8> = parts.concat();
            // Cut at line ends, bytes become the same text as a whole: a line end is never part of a character.
            prop_assert_eq!(lines.finish(), String::from_utf8_lossy(&whole).into_owned());
        }
    }
}
