use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::SystemTime;

use driver_interface_types::LogOptions;

use super::Clock;
use crate::sync::lock;

/// How much of a container's output is kept; beyond it the oldest goes, as with an engine that rotates logs.
const KEPT_BYTES: usize = 64 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogStream {
    Stdout,
    Stderr,
}

/// What a container has written, line by line.
#[derive(Debug)]
pub(crate) struct LogStore {
    clock: Clock,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<Line>,
    /// How many lines there were before the oldest that is kept.
    dropped: u64,
    bytes: usize,
    partial: [Vec<u8>; 2],
}

#[derive(Debug)]
struct Line {
    time: SystemTime,
    stream: LogStream,
    bytes: Vec<u8>,
}

impl LogStore {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            lines: Mutex::default(),
        }
    }

    /// Takes output. A line counts once it is complete, as engines keep their logs.
    pub(crate) fn write(&self, stream: LogStream, bytes: &[u8]) {
        let time = self.clock.now();
        let mut lines = lock(&self.lines);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let partial = lines.partial_of(stream);
            partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let bytes = std::mem::take(partial);
                lines.push(Line { time, stream, bytes });
            }
        }
    }

    /// Ends both streams: what has no line feed yet gets none any more.
    pub(crate) fn end_of_run(&self) {
        let time = self.clock.now();
        let mut lines = lock(&self.lines);
        for stream in [LogStream::Stdout, LogStream::Stderr] {
            let bytes = std::mem::take(lines.partial_of(stream));
            if !bytes.is_empty() {
                lines.push(Line { time, stream, bytes });
            }
        }
    }

    /// The number of the next line, from which to go on later.
    pub(crate) fn position(&self) -> u64 {
        let lines = lock(&self.lines);
        lines.dropped + lines.kept.len() as u64
    }

    /// The lines an option asks for: the last of those before `now_at`, and all from there on.
    pub(crate) fn read(&self, options: &LogOptions, now_at: u64) -> Vec<u8> {
        let lines = lock(&self.lines);
        let wanted = |line: &&Line| {
            let selected = match line.stream {
                LogStream::Stdout => options.stdout,
                LogStream::Stderr => options.stderr,
            };
            selected && options.since.is_none_or(|since| line.time >= since)
        };
        let old_count = usize::try_from(now_at.saturating_sub(lines.dropped)).unwrap_or(usize::MAX);
        let old: Vec<&Line> = lines.kept.iter().take(old_count).filter(wanted).collect();
        let tail = options
            .tail
            .and_then(|tail| usize::try_from(tail).ok())
            .unwrap_or(usize::MAX);
        let skipped = old.len().saturating_sub(tail);
        let new = lines.kept.iter().skip(old_count).filter(wanted);
        let mut out = Vec::new();
        for line in old.into_iter().skip(skipped).chain(new) {
            if options.timestamps {
                out.extend_from_slice(humantime::format_rfc3339_nanos(line.time).to_string().as_bytes());
                out.push(b' ');
            }
            out.extend_from_slice(&line.bytes);
        }
        out
    }
}

impl Lines {
    fn partial_of(&mut self, stream: LogStream) -> &mut Vec<u8> {
        let [stdout, stderr] = &mut self.partial;
        match stream {
            LogStream::Stdout => stdout,
            LogStream::Stderr => stderr,
        }
    }

    fn push(&mut self, line: Line) {
        self.bytes += line.bytes.len();
        self.kept.push_back(line);
        while self.bytes > KEPT_BYTES && self.kept.len() > 1 {
            if let Some(oldest) = self.kept.pop_front() {
                self.bytes -= oldest.bytes.len();
                self.dropped += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(text: &str) -> LogStore {
        let store = LogStore::new(Clock::starting_at(None));
        store.write(LogStream::Stdout, text.as_bytes());
        store
    }

    #[test]
    fn a_partial_line_shows_only_at_the_end_of_the_run() {
        let store = store("a\nb");
        assert_eq!(store.read(&LogOptions::default(), store.position()), b"a\n");
        store.end_of_run();
        assert_eq!(store.read(&LogOptions::default(), store.position()), b"a\nb");
    }

    #[test]
    fn a_tail_counts_only_lines_of_the_selected_streams() {
        let store = store("1\n2\n");
        store.write(LogStream::Stderr, b"err\n");
        let options = LogOptions::default().only_stdout().tail(1);
        assert_eq!(store.read(&options, store.position()), b"2\n");
    }

    #[test]
    fn a_tail_does_not_cut_lines_that_came_later() {
        let store = store("1\n2\n");
        let position = store.position();
        store.write(LogStream::Stdout, b"3\n4\n");
        assert_eq!(store.read(&LogOptions::default().tail(0), position), b"3\n4\n");
    }
}
