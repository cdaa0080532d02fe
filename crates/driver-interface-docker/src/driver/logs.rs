//! Reading what containers print.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use driver_interface_errors::{DriverError, Result, UnsupportedError};
use driver_interface_types::{ContainerId, ContainerStatus, LogOptions};
use driver_interface_validation::validate_log_options;
use tokio::time::sleep;

use super::inner::Inner;
use super::task::{located, read};
use crate::engine::LogRequest;
use crate::quirks;
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::lines::{Lines, Wanted};
use crate::translate::records::ContainerRecord;
use crate::translate::status;
use crate::wire::EngineError;

const OPERATION: &str = "get_container_logs";

/// The most bytes that are returned at once.
const MAX_BYTES: usize = 512 * 1024 * 1024;

/// How long after a container's end its output may still be silent before the stream is taken for finished.
const SILENCE: Duration = Duration::from_secs(1);

/// Reading stopped.
enum Stopped {
    Engine(EngineError),
    TooLong,
}

impl From<EngineError> for Stopped {
    fn from(failure: EngineError) -> Self {
        Self::Engine(failure)
    }
}

pub(super) async fn get(driver: &Inner, id: &ContainerId, options: LogOptions) -> Result<String> {
    validate_log_options(&options).map_err(|error| located(error.into(), OPERATION))?;
    if options.follow {
        read(
            OPERATION,
            driver.deadlines.follow,
            driver.follow(id.as_str(), options),
        )
        .await
    } else {
        read(
            OPERATION,
            driver.deadlines.logs,
            driver.logs(id.as_str(), options),
        )
        .await
    }
}

fn wanted(options: &LogOptions) -> Wanted {
    Wanted {
        stdout: options.stdout,
        stderr: options.stderr,
        timestamps: options.timestamps,
        since: options.since,
        last: options.tail.and_then(|lines| usize::try_from(lines).ok()),
        skip: 0,
    }
}

impl Inner {
    async fn logs(&self, asked: &str, options: LogOptions) -> Result<String> {
        let record = self.container(asked).await?;
        let wanted = wanted(&options);
        if wanted.last == Some(0) {
            return Ok(String::new());
        }
        self.read_log(asked, &record, wanted).await.map(Lines::finish)
    }

    /// Reads what is there.
    async fn read_log(&self, asked: &str, record: &ContainerRecord, wanted: Wanted) -> Result<Lines> {
        let mut request = request(&wanted);
        request.tail = first_tail(&wanted, quirks::tail_works(self.engine.flavour()));
        loop {
            let mut lines = Lines::new(wanted);
            let done = self.read_into(&mut lines, record, &request, None).await;
            done.map_err(|stopped| self.not_read(asked, stopped))?;
            match request.tail {
                Some(asked_for) if !is_enough(&lines, asked_for, &wanted) => request.tail = more(asked_for),
                _ => return Ok(lines),
            }
        }
    }

    async fn follow(&self, asked: &str, options: LogOptions) -> Result<String> {
        let Some(record) = self.started(asked).await? else {
            return Ok(String::new());
        };
        let mut wanted = wanted(&options);
        if let Some(last) = wanted.last.take() {
            // Of what is there now only so much, and all that comes: so the rest of what is there is counted.
            let there = match self
                .read_log(
                    asked,
                    &record,
                    Wanted {
                        last: Some(0),
                        ..wanted
                    },
                )
                .await
            {
                Ok(there) => there,
                Err(error) if error.is_not_found() => return Ok(String::new()),
                Err(error) => return Err(error),
            };
            wanted.skip = there.completed().saturating_sub(last);
        }
        let request = LogRequest {
            follow: true,
            ..request(&wanted)
        };
        let progress = AtomicU64::new(0);
        let mut lines = Lines::new(wanted);
        let done = tokio::select! {
            done = self.read_into(&mut lines, &record, &request, Some(&progress)) => done,
            () = self.silent_end(&record, &progress) => Ok(()),
        };
        match done {
            Err(stopped) if !self.ended_with(&record.id, &stopped).await => {
                Err(self.not_read(asked, stopped))
            }
            _ => Ok(lines.finish()),
        }
    }

    /// The container once it has been started; none if it is removed before.
    async fn started(&self, asked: &str) -> Result<Option<ContainerRecord>> {
        let mut record = self.container(asked).await?;
        while status::status(&record.state) == ContainerStatus::Created {
            sleep(Duration::from_millis(100)).await;
            match self.find_container(&record.id).await? {
                Some(now) => record = now,
                None => return Ok(None),
            }
        }
        Ok(Some(record))
    }

    /// Returns when the container has ended and nothing came for a while. Some engines keep the stream open.
    async fn silent_end(&self, record: &ContainerRecord, progress: &AtomicU64) {
        loop {
            let waited = self.engine.wait_container(&record.id).await;
            match self.find_container(&record.id).await {
                Ok(Some(now)) if status::lives(&now.state) => {
                    sleep(Duration::from_millis(if waited.is_ok() { 50 } else { 500 })).await;
                }
                _ => break,
            }
        }
        loop {
            let before = progress.load(Ordering::Relaxed);
            sleep(SILENCE).await;
            if progress.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }

    async fn read_into(
        &self,
        lines: &mut Lines,
        record: &ContainerRecord,
        request: &LogRequest,
        progress: Option<&AtomicU64>,
    ) -> std::result::Result<(), Stopped> {
        let mut output = self.engine.logs(&record.id, record.config.tty, request).await?;
        while let Some(frame) = output.next().await? {
            lines.push(frame);
            if let Some(progress) = progress {
                progress.fetch_add(1, Ordering::Relaxed);
            }
            if lines.bytes() > MAX_BYTES {
                return Err(Stopped::TooLong);
            }
        }
        Ok(())
    }

    fn not_read(&self, asked: &str, stopped: Stopped) -> DriverError {
        match stopped {
            Stopped::Engine(failure) => self.error(Operation::ReadLogs, asked, failure),
            Stopped::TooLong => {
                let text = format!("the logs are longer than {MAX_BYTES} bytes; use `tail` or `since`");
                UnsupportedError::new(OPERATION, text).into()
            }
        }
    }

    /// Whether the log broke off because its container was removed, which is the end of what is followed.
    async fn ended_with(&self, id: &str, stopped: &Stopped) -> bool {
        let Stopped::Engine(failure) = stopped else {
            return false;
        };
        match failure {
            EngineError::Refused(refusal) => {
                matches!(
                    cause(Operation::ReadLogs, refusal),
                    Cause::NotFound | Cause::RemovalUnderWay
                )
            }
            EngineError::Broken(_) | EngineError::Garbled(_) => {
                matches!(self.find_container(id).await, Ok(None))
            }
            EngineError::Unreachable { .. } => false,
        }
    }
}

fn request(wanted: &Wanted) -> LogRequest {
    LogRequest {
        follow: false,
        stamps: wanted.needs_stamps(),
        since: wanted.since,
        tail: None,
        streams: (wanted.stdout, wanted.stderr),
    }
}

/// How many entries to ask for first. Engines count entries of both streams, and the parts of a long line one by
/// one; none of that is the number of lines wanted, so a first guess may have to grow.
fn first_tail(wanted: &Wanted, tail_works: bool) -> Option<u64> {
    let last = wanted
        .last
        .filter(|last| *last > 0 && wanted.since.is_none() && tail_works)?;
    more(u64::try_from(last).ok()?.checked_add(16)?)
}

/// The next larger guess; none means to read everything.
fn more(entries: u64) -> Option<u64> {
    const MOST: u64 = 1 << 20;
    entries.checked_mul(4).filter(|entries| *entries <= MOST)
}

/// Whether the lines asked for are among those that came. The first line of each stream may have lost its
/// beginning, unless the whole log came.
fn is_enough(lines: &Lines, asked_for: u64, wanted: &Wanted) -> bool {
    lines.entries() < asked_for
        || wanted
            .last
            .is_some_and(|last| lines.completed() >= last.saturating_add(2))
}
