//! The stream of a container's log.

use std::sync::Arc;

use driver_interface_errors::{ConnectionError, Result};
use driver_interface_kit::LogChunkSplitter;
use driver_interface_types::{ContainerId, LogChunk, LogStream, LogStreamOptions};
use driver_interface_validation::validate_log_stream_options;
use futures_util::stream;
use tokio::sync::watch;
use tokio::time::sleep;

use super::containers::no_such_container;
use super::{Call, MockDriver};
use crate::engine::{Changes, LogSelection, LogStore, Next, Phase};
use crate::profile::Kind;
use crate::{MockEngine, Operation};

/// A reader of a container's log.
struct Reader {
    engine: MockEngine,
    id: ContainerId,
    logs: Arc<LogStore>,
    selection: LogSelection,
    timestamps: bool,
    position: u64,
    /// The number of the first line that is not read any more.
    before: u64,
    /// The number of the last run whose lines are read. Runs are numbered from 1.
    run: usize,
    live: Option<Live>,
    /// The chunks of the current line that are not returned yet.
    rest: Option<LogChunkSplitter>,
}

/// The notifications that a reader waits for if it follows the log.
struct Live {
    changed: watch::Receiver<Changes>,
    arrived: watch::Receiver<u64>,
}

impl<K: Kind> MockDriver<K> {
    pub(super) async fn follow_logs(&self, id: &ContainerId, options: LogStreamOptions) -> Result<LogStream> {
        let work = async {
            let state = self.core.engine.state();
            let container = state
                .container(self.namespace(), id)
                .ok_or_else(|| no_such_container(id))?;
            let logs = Arc::clone(&container.logs);
            let selection = LogSelection {
                stdout: options.stdout,
                stderr: options.stderr,
                since: options.since,
                until: options.until,
            };
            let position = options.tail.map_or(0, |count| logs.tail(&selection, count));
            let (run, follow) = match &container.phase {
                Phase::Created => (logs.runs() + 1, options.follow),
                Phase::Running(_) => (logs.runs(), options.follow),
                Phase::Exited(_) => (logs.runs(), false),
            };
            let before = if follow { u64::MAX } else { logs.position() };
            let live = follow.then(|| Live {
                changed: container.changed.subscribe(),
                arrived: logs.watch(),
            });
            let reader = Reader {
                engine: self.core.engine.clone(),
                id: container.id.clone(),
                logs,
                selection,
                timestamps: options.timestamps,
                position,
                before,
                run,
                live,
                rest: None,
            };
            Ok(LogStream::new(stream::unfold(reader, |mut reader| async {
                let item = reader.next().await?;
                Some((item, reader))
            })))
        };
        let check = || Ok(validate_log_stream_options(&options)?);
        let mut call = Call::new(Operation::StreamContainerLogs).on(id);
        if options.follow {
            call = call.summary("follow");
        }
        self.call(call, check, work).await
    }
}

impl Reader {
    async fn next(&mut self) -> Option<Result<LogChunk>> {
        loop {
            if let Some(chunk) = self.rest.as_mut().and_then(Iterator::next) {
                return Some(Ok(chunk));
            }
            // `is_over` is called before the log is read, so that no line written in between is missed.
            let over = self.live.is_none() || self.is_over();
            match self
                .logs
                .next(self.position, self.before, self.run, &self.selection)
            {
                Next::Line {
                    time,
                    stream,
                    bytes,
                    then,
                } => {
                    self.position = then;
                    let time = self.timestamps.then_some(time);
                    self.rest = Some(LogChunkSplitter::new(stream, bytes, time));
                    continue;
                }
                Next::Lost => {
                    let message = "the engine no longer has the next lines of the log";
                    return Some(Err(ConnectionError::new(message).into()));
                }
                Next::Nothing { then } => self.position = then,
            }
            if over {
                return None;
            }
            self.change().await;
        }
    }

    /// Returns whether no more lines can follow: the run has ended, the container was removed, or `until` has passed.
    fn is_over(&self) -> bool {
        if self
            .selection
            .until
            .is_some_and(|until| self.engine.now() >= until)
        {
            return true;
        }
        let state = self.engine.state();
        let runs = self.logs.runs();
        match state.containers.get(&self.id).map(|container| &container.phase) {
            None => true,
            Some(Phase::Created) => false,
            Some(Phase::Running(_)) => runs > self.run,
            Some(Phase::Exited(_)) => runs >= self.run,
        }
    }

    /// Waits for a new line, a change of the container's state, or the time `until`.
    async fn change(&mut self) {
        let time_left = self.selection.until.map(|until| {
            let left = until.duration_since(self.engine.now());
            left.unwrap_or_default()
        });
        let Some(live) = &mut self.live else { return };
        let time_is_up = async {
            match time_left {
                Some(left) => sleep(left).await,
                None => std::future::pending().await,
            }
        };
        let gone = tokio::select! {
            biased;
            changed = live.changed.changed() => changed.is_err(),
            arrived = live.arrived.changed() => arrived.is_err(),
            () = time_is_up => false,
        };
        if gone {
            self.live = None;
        }
    }
}
