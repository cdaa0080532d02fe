//! The options and the chunks of log streams.

use std::time::SystemTime;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::millis;
#[cfg(feature = "schema")]
use crate::rules::{self, one};
use crate::text_enum::text_enum;

/// The options of [`stream_container_logs`](crate::ContainerDriver::stream_container_logs): which part of the logs to
/// stream. The default is all existing logs of standard output and standard error.
///
/// ```
/// use driver_interface_types::LogStreamOptions;
///
/// let live = LogStreamOptions::default().follow(true).tail(100);
/// assert!(live.stdout && live.stderr);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(
    feature = "schema",
    garde(context(rules::RuleContext)),
    garde(allow_unvalidated)
)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LogStreamOptions {
    /// Whether the stream also returns new output, until the container exits or is removed. If the container has not
    /// been started yet, the stream waits for the start of the container.
    pub follow: bool,
    /// The number of existing lines to return, counted from the end of the logs. If `0`, no existing lines are
    /// returned. If `None`, all existing lines are returned.
    pub tail: Option<u64>,
    /// If set, only output written at or after this time is returned.
    #[serde(with = "millis::optional_time")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub since: Option<SystemTime>,
    /// If set, only output written before this time is returned, and the stream ends at this time.
    #[serde(with = "millis::optional_time")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub until: Option<SystemTime>,
    /// Whether chunks have timestamps. If chunks have timestamps, each chunk contains at most one line.
    pub timestamps: bool,
    /// Whether standard output is included. At least one of `stdout` and `stderr` must be `true`.
    #[cfg_attr(feature = "schema", garde(custom(one(|_: &bool| rules::selects_stream(self.stdout, self.stderr)))))]
    pub stdout: bool,
    /// Whether standard error is included. At least one of `stdout` and `stderr` must be `true`.
    pub stderr: bool,
}

impl Default for LogStreamOptions {
    fn default() -> Self {
        Self {
            follow: false,
            tail: None,
            since: None,
            until: None,
            timestamps: false,
            stdout: true,
            stderr: true,
        }
    }
}

impl LogStreamOptions {
    crate::setters! {
        /// Sets whether the stream also returns new output, until the container exits or is removed.
        follow(self, yes: bool) { self.follow = yes; }
        /// Selects only the last `lines` lines of the existing logs.
        tail(self, lines: u64) { self.tail = Some(lines); }
        /// Selects only output written at or after `time`.
        since(self, time: SystemTime) { self.since = Some(time); }
        /// Selects only output written before `time`.
        until(self, time: SystemTime) { self.until = Some(time); }
        /// Sets whether chunks have timestamps.
        timestamps(self, yes: bool) { self.timestamps = yes; }
        /// Selects standard output only.
        only_stdout(self) { (self.stdout, self.stderr) = (true, false); }
        /// Selects standard error only.
        only_stderr(self) { (self.stdout, self.stderr) = (false, true); }
    }
}

/// The output stream from which a chunk comes: standard output, standard error or the container's terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum LogSource {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The container's terminal, which combines standard output and standard error. The terminal's output is always
    /// returned, regardless of the settings `stdout` and `stderr`.
    Tty,
}

text_enum!(LogSource, "log source": Stdout = "stdout", Stderr = "stderr", Tty = "tty");

/// A chunk of a container's output, as written: arbitrary bytes, newlines included.
///
/// Chunks of the same source are in order and without gaps. A line may span several chunks, and a chunk may contain
/// several lines.
///
/// With [`timestamps`](LogStreamOptions::timestamps), each chunk contains at most one line. A line longer than
/// [`MAX_LEN`](Self::MAX_LEN) is split into several chunks. Only the first of these chunks has a timestamp.
///
/// `Debug` shows only the length, because logs may contain secrets.
#[derive(Clone, derive_more::Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogChunk {
    /// The output stream from which the chunk comes.
    pub source: LogSource,
    /// The bytes that the container wrote, without the timestamp.
    #[debug("{} bytes", bytes.len())]
    pub bytes: Bytes,
    /// The time at which the line in this chunk was written. `None` if no timestamps were requested, or if the chunk
    /// continues the line of the previous chunk.
    pub timestamp: Option<SystemTime>,
}

impl LogChunk {
    /// The maximum size of a chunk: 64 KiB.
    pub const MAX_LEN: usize = 64 * 1024;

    /// Creates a chunk without a timestamp.
    pub fn new(source: LogSource, bytes: impl Into<Bytes>) -> Self {
        Self {
            source,
            bytes: bytes.into(),
            timestamp: None,
        }
    }

    /// Sets the timestamp.
    #[must_use]
    pub fn timestamp(mut self, time: SystemTime) -> Self {
        self.timestamp = Some(time);
        self
    }

    /// Returns the chunk as text. Invalid UTF-8 becomes U+FFFD. A character that is split between two chunks also
    /// becomes U+FFFD.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}
