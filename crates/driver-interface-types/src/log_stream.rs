//! Logs as a stream.

use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::millis;

/// Which part of the logs [`stream_container_logs`](crate::ContainerDriver::stream_container_logs) gives. The
/// default is all of both streams up to now.
///
/// ```
/// use driver_interface_types::LogStreamOptions;
///
/// let live = LogStreamOptions::default().follow(true).tail(100);
/// assert!(live.stdout && live.stderr);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LogStreamOptions {
    /// Whether to go on until the container ends or is removed. One that was not started yet is waited for.
    pub follow: bool,
    /// Only so many lines from the end of what there is: none of them with `0`, all without it.
    pub tail: Option<u64>,
    /// Only what was written at or after this time.
    #[serde(with = "millis::optional_time")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub since: Option<SystemTime>,
    /// Only what was written before this time; the stream ends there.
    #[serde(with = "millis::optional_time")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub until: Option<SystemTime>,
    /// Whether chunks have times. Each chunk then begins a line.
    pub timestamps: bool,
    /// Whether standard output is included.
    pub stdout: bool,
    /// Whether standard error is included. Selecting neither stream is refused.
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
    /// Sets whether to go on until the container ends.
    #[must_use]
    pub fn follow(mut self, yes: bool) -> Self {
        self.follow = yes;
        self
    }

    /// Keeps only so many lines from the end.
    #[must_use]
    pub fn tail(mut self, lines: u64) -> Self {
        self.tail = Some(lines);
        self
    }

    /// Keeps only what was written at or after `time`.
    #[must_use]
    pub fn since(mut self, time: SystemTime) -> Self {
        self.since = Some(time);
        self
    }

    /// Keeps only what was written before `time`.
    #[must_use]
    pub fn until(mut self, time: SystemTime) -> Self {
        self.until = Some(time);
        self
    }

    /// Sets whether chunks have times.
    #[must_use]
    pub fn timestamps(mut self, yes: bool) -> Self {
        self.timestamps = yes;
        self
    }

    /// Keeps only standard output.
    #[must_use]
    pub fn only_stdout(mut self) -> Self {
        (self.stdout, self.stderr) = (true, false);
        self
    }

    /// Keeps only standard error.
    #[must_use]
    pub fn only_stderr(mut self) -> Self {
        (self.stdout, self.stderr) = (false, true);
        self
    }
}

/// Which stream of a container wrote something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum LogSource {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The terminal, where both are one, which comes whichever is asked for.
    Tty,
}

/// A piece of what a container wrote, as it was written: any bytes, newlines included.
///
/// Pieces of one source are in order and nothing between them is missing. A line may span pieces and a piece
/// may hold several lines; only with [`timestamps`](LogStreamOptions::timestamps) each piece is one line, or
/// its beginning where it is longer than [`MAX_LEN`](Self::MAX_LEN), whose other pieces then have no time.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogChunk {
    /// Who wrote it.
    pub source: LogSource,
    /// What was written, without the time.
    pub bytes: Bytes,
    /// When the line that begins here was written, if times were asked for.
    pub timestamp: Option<SystemTime>,
}

impl LogChunk {
    /// The most bytes a piece has: 64 KiB.
    pub const MAX_LEN: usize = 64 * 1024;

    /// A piece without a time.
    pub fn new(source: LogSource, bytes: impl Into<Bytes>) -> Self {
        Self {
            source,
            bytes: bytes.into(),
            timestamp: None,
        }
    }

    /// Sets the time.
    #[must_use]
    pub fn timestamp(mut self, time: SystemTime) -> Self {
        self.timestamp = Some(time);
        self
    }

    /// It as text; what is not UTF-8 becomes U+FFFD, as does a character that is cut by the piece's end.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

impl fmt::Debug for LogChunk {
    /// Shows how long it is and nothing of it: logs have secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogChunk")
            .field("source", &self.source)
            .field("bytes", &self.bytes.len())
            .field("timestamp", &self.timestamp)
            .finish()
    }
}
