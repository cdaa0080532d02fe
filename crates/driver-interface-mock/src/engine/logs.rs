use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::SystemTime;

use bytes::Bytes;
use driver_interface_kit::LogText;
use driver_interface_types::{LogChunk, LogOptions, LogSource};
use tokio::sync::{mpsc, watch};

use super::Clock;
use crate::sync::lock;

/// The maximum number of bytes that the log of a container keeps. Older output is discarded, as in an engine that
/// rotates logs.
const KEPT_BYTES: usize = 64 * 1024 * 1024;

/// Selects lines of a container's log by stream and time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogSelection {
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
    pub(crate) since: Option<SystemTime>,
    pub(crate) until: Option<SystemTime>,
}

impl LogSelection {
    fn takes(&self, line: &Line) -> bool {
        let selected = match line.stream {
            LogSource::Stdout => self.stdout,
            LogSource::Stderr => self.stderr,
            // A terminal has a single stream, which is always selected.
            LogSource::Tty => true,
        };
        selected
            && self.since.is_none_or(|since| line.time >= since)
            && self.until.is_none_or(|until| line.time < until)
    }
}

/// The result of reading the log at a position.
#[derive(Debug)]
pub(crate) enum Next {
    Line {
        time: SystemTime,
        stream: LogSource,
        bytes: Bytes,
        /// The position after this line, at which to continue.
        then: u64,
    },
    /// There is no selected line before position `then`.
    Nothing { then: u64 },
    /// The lines at this position were discarded.
    Lost,
}

/// The output of a container, line by line.
#[derive(Debug)]
pub(crate) struct LogStore {
    clock: Clock,
    lines: Mutex<Lines>,
    /// The attached sessions: for each session, the streams that it receives, and the channel to which they are sent.
    attached: Mutex<Vec<(Vec<LogSource>, mpsc::UnboundedSender<Bytes>)>>,
    /// The number of the next line to be written.
    arrived: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<Line>,
    /// The number of discarded lines. The oldest line kept has this number.
    dropped: u64,
    bytes: usize,
    partial: [Vec<u8>; 3],
    /// The number of the first line of each run.
    runs: Vec<u64>,
}

#[derive(Debug)]
struct Line {
    time: SystemTime,
    stream: LogSource,
    bytes: Bytes,
}

impl LogStore {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            lines: Mutex::default(),
            attached: Mutex::default(),
            arrived: watch::Sender::default(),
        }
    }

    /// Returns a receiver of the output that is written to `streams` from now on. The receiver ends when the current
    /// run ends. If there is no current run, it ends when the next run ends.
    pub(crate) fn attach(&self, streams: &[LogSource]) -> mpsc::UnboundedReceiver<Bytes> {
        let (sender, receiver) = mpsc::unbounded_channel();
        lock(&self.attached).push((streams.to_vec(), sender));
        receiver
    }

    /// Adds output of a stream. A line becomes readable once it is complete, as in real engines.
    pub(crate) fn write(&self, stream: LogSource, bytes: &[u8]) {
        lock(&self.attached).retain(|(streams, sender)| {
            !streams.contains(&stream) || sender.send(Bytes::copy_from_slice(bytes)).is_ok()
        });
        let time = self.clock.now();
        let mut lines = lock(&self.lines);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let partial = lines.partial_of(stream);
            partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let bytes = std::mem::take(partial).into();
                lines.push(Line { time, stream, bytes });
            }
        }
        self.notify_readers(&lines);
    }

    fn notify_readers(&self, lines: &Lines) {
        let end = lines.end();
        self.arrived
            .send_if_modified(|seen| std::mem::replace(seen, end) != end);
    }

    /// Begins a new run. All further output belongs to this run.
    pub(crate) fn begin_run(&self) {
        let mut lines = lock(&self.lines);
        let first = lines.end();
        lines.runs.push(first);
    }

    /// Returns the number of runs that have begun.
    pub(crate) fn runs(&self) -> usize {
        lock(&self.lines).runs.len()
    }

    /// Returns a receiver that is notified when a line is added.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.arrived.subscribe()
    }

    /// Finds the last `count` lines that `selection` selects, and returns the number of the first of these lines.
    pub(crate) fn tail(&self, selection: &LogSelection, count: u64) -> u64 {
        let lines = lock(&self.lines);
        let own = lines.kept.iter().enumerate().rev();
        let mut own = own.filter(|(_, line)| selection.takes(line));
        match usize::try_from(count).unwrap_or(usize::MAX).checked_sub(1) {
            None => lines.end(),
            Some(skipped) => own
                .nth(skipped)
                .map_or(0, |(index, _)| lines.dropped + index as u64),
        }
    }

    /// Returns the first line that `selection` selects, and the position at which to continue. Searches from position
    /// `from` up to position `before` or the end of run `run`, whichever comes first.
    pub(crate) fn next(&self, from: u64, before: u64, run: usize, selection: &LogSelection) -> Next {
        let lines = lock(&self.lines);
        let end = lines.runs.get(run).copied().unwrap_or(u64::MAX).min(before);
        if from > 0 && from < lines.dropped {
            return Next::Lost;
        }
        let skipped = usize::try_from(from.saturating_sub(lines.dropped)).unwrap_or(usize::MAX);
        let later = lines.kept.iter().skip(skipped).zip(from.max(lines.dropped)..);
        let mut later = later.take_while(|(_, number)| *number < end);
        match later.find(|(line, _)| selection.takes(line)) {
            Some((line, number)) => Next::Line {
                time: line.time,
                stream: line.stream,
                bytes: line.bytes.clone(),
                then: number + 1,
            },
            None => Next::Nothing {
                then: lines.end().min(end).max(from),
            },
        }
    }

    /// Completes the unfinished lines of all streams at the end of a run, and ends the attached sessions.
    pub(crate) fn end_of_run(&self) {
        lock(&self.attached).clear();
        let time = self.clock.now();
        let mut lines = lock(&self.lines);
        for stream in [LogSource::Stdout, LogSource::Stderr, LogSource::Tty] {
            let bytes = std::mem::take(lines.partial_of(stream));
            if !bytes.is_empty() {
                let bytes = bytes.into();
                lines.push(Line { time, stream, bytes });
            }
        }
        self.notify_readers(&lines);
    }

    /// Returns the number of the next line to be written.
    pub(crate) fn position(&self) -> u64 {
        lock(&self.lines).end()
    }

    /// Returns the lines that `options` selects. The limit `options.tail` applies only to the lines before line
    /// number `now_at`. All selected lines from that number on are returned.
    pub(crate) fn read(&self, options: &LogOptions, now_at: u64) -> String {
        let lines = lock(&self.lines);
        let selected = LogSelection {
            stdout: options.stdout,
            stderr: options.stderr,
            since: options.since,
            until: None,
        };
        let old_count = usize::try_from(now_at.saturating_sub(lines.dropped)).unwrap_or(usize::MAX);
        let (mut old, mut new) = (LogText::new(options.tail), LogText::new(None));
        let matching = lines
            .kept
            .iter()
            .enumerate()
            .filter(|(_, line)| selected.takes(line));
        for (index, line) in matching {
            let text = if index < old_count { &mut old } else { &mut new };
            let chunk = LogChunk::new(line.stream, line.bytes.clone());
            text.push(&match options.timestamps {
                true => chunk.timestamp(line.time),
                false => chunk,
            });
        }
        old.finish() + &new.finish()
    }
}

impl Lines {
    fn partial_of(&mut self, stream: LogSource) -> &mut Vec<u8> {
        let [stdout, stderr, terminal] = &mut self.partial;
        match stream {
            LogSource::Stdout => stdout,
            LogSource::Stderr => stderr,
            LogSource::Tty => terminal,
        }
    }

    fn end(&self) -> u64 {
        self.dropped + self.kept.len() as u64
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
        store.write(LogSource::Stdout, text.as_bytes());
        store
    }

    #[test]
    fn partial_line_is_shown_after_the_run() {
        let store = store("a\nb");
        assert_eq!(store.read(&LogOptions::default(), store.position()), "a\n");
        store.end_of_run();
        assert_eq!(store.read(&LogOptions::default(), store.position()), "a\nb");
    }

    #[test]
    fn tail_counts_only_selected_streams() {
        let store = store("1\n2\n");
        store.write(LogSource::Stderr, b"err\n");
        let options = LogOptions::default().only_stdout().tail(1);
        assert_eq!(store.read(&options, store.position()), "2\n");
    }

    #[test]
    fn tail_keeps_lines_written_later() {
        let store = store("1\n2\n");
        let position = store.position();
        store.write(LogSource::Stdout, b"3\n4\n");
        assert_eq!(store.read(&LogOptions::default().tail(0), position), "3\n4\n");
    }
}
