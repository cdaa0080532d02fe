//! The operation `get_container_logs`, which returns logs as text.

use driver_interface_errors::{Result, UnsupportedError};
use driver_interface_kit::LogText;
use driver_interface_types::{ContainerId, LogChunk, LogOptions, LogStreamOptions};
use driver_interface_validation::validate_log_options;

use super::read::{Reader, Sink, Stopped};
use crate::driver::inner::Inner;
use crate::driver::task::{located, read};
use crate::translate::records::ContainerRecord;

const OPERATION: &str = "get_container_logs";

/// The maximum number of bytes of logs that one call returns. If the logs are longer, the call fails.
/// `stream_container_logs` has no such limit.
const MAX_BYTES: usize = 32 * 1024 * 1024;

pub(in crate::driver) async fn get(inner: &Inner, id: &ContainerId, options: LogOptions) -> Result<String> {
    validate_log_options(&options).map_err(|error| located(error.into(), OPERATION))?;
    let deadline = if options.follow {
        inner.deadlines.follow
    } else {
        inner.deadlines.logs
    };
    read(OPERATION, deadline, text(inner, id.as_str(), options)).await
}

async fn text(inner: &Inner, requested: &str, options: LogOptions) -> Result<String> {
    let record = inner.container(requested).await?;
    let reader = Reader {
        inner,
        requested,
        operation: OPERATION,
        options: streamed(options),
    };
    match options.tail {
        Some(0) if !options.follow => Ok(String::new()),
        Some(last) if !options.follow => last_lines(&reader, &record, last).await,
        _ => {
            let mut text = LogText::new(None);
            reader.read(record, &mut text).await?;
            Ok(text.finish())
        }
    }
}

fn streamed(options: LogOptions) -> LogStreamOptions {
    let mut streamed = LogStreamOptions::default()
        .follow(options.follow)
        .timestamps(options.timestamps);
    (streamed.tail, streamed.since) = (options.tail, options.since);
    (streamed.stdout, streamed.stderr) = (options.stdout, options.stderr);
    streamed
}

/// Returns the last `last` lines of a log. If possible, requests only the end of the log from the engine. Otherwise
/// reads the whole log.
async fn last_lines(reader: &Reader<'_>, record: &ContainerRecord, last: u64) -> Result<String> {
    // The output of a terminal does not show how many entries were received.
    let tail_works = reader.inner.engine.dialect().tail_works;
    let can_ask = tail_works && reader.options.since.is_none() && !record.config.tty;
    let mut required = can_ask.then(|| first_guess(last)).flatten();
    loop {
        let mut text = LogText::new(Some(last));
        let received = reader.read_end(record, required, &mut text).await?;
        // The first line of each stream may be truncated, unless the whole log was received.
        let enough = text.completed() >= last.saturating_add(2);
        match required {
            Some(entries) if received >= entries && !enough => required = more(entries),
            _ => return Ok(text.finish()),
        }
    }
}

/// Returns how many log entries to request first to get `lines` lines, or `None` to read the whole log. The result is
/// greater than `lines`, because an engine counts the entries of both streams, and counts each part of a long line as
/// an entry. Even this number of entries may contain too few lines.
fn first_guess(lines: u64) -> Option<u64> {
    more(lines.checked_add(16)?)
}

/// Returns how many log entries to request next if the last `entries` entries of the log contain too few lines.
/// Returns `None` to read the whole log.
fn more(entries: u64) -> Option<u64> {
    const MOST: u64 = 1 << 20;
    entries.checked_mul(4).filter(|entries| *entries <= MOST)
}

impl Sink for LogText {
    async fn take(&mut self, chunks: Vec<LogChunk>) -> std::result::Result<(), Stopped> {
        chunks.iter().for_each(|chunk| self.push(chunk));
        if self.bytes() <= MAX_BYTES {
            return Ok(());
        }
        let text = format!(
            "the logs are longer than {MAX_BYTES} bytes; read them with `stream_container_logs`, or use \
             `tail` or `since`"
        );
        Err(Stopped::Failed(UnsupportedError::new(OPERATION, text).into()))
    }
}
