//! Running a command to completion.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use driver_interface_errors::{DriverError, Effect, ExecFailedError, InternalError, Result, TimeoutError};
use driver_interface_types::{CappedBuffer, ExecConfig, ExecOutcome, ExecOutput, TtySize};
use tokio::io::{AsyncWriteExt, split};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::begin::{Input, StartedExec, begin};
use super::input::CommandInput;
use super::kill::Tree;
use crate::driver::inner::Inner;
use crate::driver::task::located;
use crate::engine::ExecReader;
use crate::translate::exec::{Exited, Phase};
use crate::wire::{Frame, Stream};

const OPERATION: &str = "exec";

/// How often to inspect a command while its output stays open.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// How long to keep reading the output of a killed command. Output that arrives later is lost, and the result is
/// marked as truncated.
const AFTER_KILL: Duration = Duration::from_secs(2);

pub(in crate::driver) async fn exec(
    inner: &Arc<Inner>,
    requested: &str,
    config: ExecConfig,
) -> Result<ExecOutput> {
    let input = if config.stdin.is_some() {
        Input::Open
    } else {
        Input::None
    };
    let started = begin(inner, OPERATION, requested, &config, input).await?;
    let longest = config.timeout;
    let (mut run, input) = Run::new(started, &config);
    let complete = run.complete(input, config.stdin, config.tty);
    let done = match longest {
        None => complete.await,
        Some(longest) => match timeout(longest, complete).await {
            Ok(done) => done,
            Err(_) => run.overdue(longest).await,
        },
    };
    done.map_err(|error| located(error, OPERATION))
}

struct Run {
    reader: ExecReader,
    tree: Tree,
    stdout: CappedBuffer,
    stderr: CappedBuffer,
    /// Whether some of the output is missing.
    incomplete: bool,
}

impl Run {
    fn new(started: StartedExec, config: &ExecConfig) -> (Self, CommandInput) {
        let StartedExec { io, tree } = started;
        let tty = config.tty.is_some();
        let (read, write) = split(io);
        let run = Self {
            reader: tree.inner().engine.exec_reader(read, tty, config.stdin.is_some()),
            tree,
            stdout: CappedBuffer::new(config.output_limit),
            stderr: CappedBuffer::new(config.output_limit),
            incomplete: false,
        };
        (run, CommandInput::new(write, tty))
    }

    /// Writes the input and reads the output concurrently until the command has exited.
    async fn complete(
        &mut self,
        mut write: CommandInput,
        input: Option<Bytes>,
        tty: Option<TtySize>,
    ) -> Result<ExecOutput> {
        let exited = {
            let resize = tty.map(|size| self.tree.resize_once_begun(size));
            let input = input.map(|input| (input, self.tree.takes_input()));
            let feed = async {
                if let Some(resize) = resize {
                    // Ignore a failure: the command also works with a terminal of another size.
                    let _ = resize.await;
                }
                if let Some((input, taken)) = input
                    && taken.await
                {
                    // A command may exit or close its input without reading all of it; that is no error.
                    let _ = write.write_all(&input).await;
                    let _ = write.shutdown().await;
                }
                pending::<()>().await;
            };
            tokio::select! {
                exited = self.end() => exited?,
                () = feed => return Err(InternalError::new("the input future completed unexpectedly").into()),
            }
        };
        if let Some(text) =
            exited.and_then(|exited| exited.failure(self.stdout.as_bytes(), self.stderr.as_bytes()))
        {
            self.tree.disarm();
            return Err(self.tree.start_error(text).await);
        }
        let outcome = self.tree.outcome(exited).await?;
        self.tree.disarm();
        Ok(self.output(outcome))
    }

    /// Reads until the output ends, and returns how the command exited, or `None` if the whole container exited.
    /// Engines end the output soon after the exit. If the output neither ends nor brings more data within the read
    /// deadline after the exit, marks the output as incomplete.
    async fn end(&mut self) -> Result<Option<Exited>> {
        let silence = self.tree.inner().deadlines.read;
        let begins = self.tree.inner().deadlines.start;
        let began = Instant::now();
        let mut polls = interval_at(began + POLL_INTERVAL, POLL_INTERVAL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut exited: Option<Option<Exited>> = None;
        let mut last = began;
        loop {
            tokio::select! {
                frame = self.reader.next() => {
                    last = Instant::now();
                    match (frame, exited) {
                        (Ok(Some(frame)), _) => self.keep(&frame),
                        (Ok(None), None) => return self.tree.exit_after_output(None).await,
                        (Ok(None), Some(exited)) => return Ok(exited),
                        (Err(failure), None) => {
                            self.incomplete = true;
                            return self.tree.exit_after_output(Some(failure)).await;
                        }
                        (Err(_), Some(exited)) => {
                            self.incomplete = true;
                            return Ok(exited);
                        }
                    }
                }
                _ = polls.tick(), if exited.is_none() => match self.tree.phase().await? {
                    Some(Phase::Exited(exit)) => {
                        let exit = self.tree.own_exit(exit).await?;
                        (exited, last) = (Some(Some(exit)), Instant::now());
                    }
                    Some(Phase::Runs) => {}
                    Some(Phase::Prepared) if began.elapsed() < begins => {}
                    Some(Phase::Prepared) => return Err(TimeoutError::new(OPERATION, begins).into()),
                    None => (exited, last) = (Some(self.tree.exited().await?), Instant::now()),
                },
                () = sleep_until(last + silence), if exited.is_some() => {
                    self.incomplete = true;
                    return Ok(exited.flatten());
                }
            }
        }
    }

    /// Kills the command and returns its output so far. Keeps reading the output in the meantime, because an engine
    /// that cannot deliver output does not notice that the command has exited.
    async fn overdue(mut self, longest: Duration) -> Result<ExecOutput> {
        let tree = self.tree.unarmed_handle();
        let latest = Instant::now() + tree.inner().deadlines.stop_margin;
        let killed = tree.kill();
        tokio::pin!(killed);
        let mut open = true;
        let killed = loop {
            tokio::select! {
                killed = &mut killed => break killed,
                more = self.more(), if open => open = more,
            }
        };
        let until = latest.min(Instant::now() + AFTER_KILL);
        while open {
            tokio::select! {
                more = self.more() => open = more,
                () = sleep_until(until) => {
                    self.incomplete = true;
                    open = false;
                }
            }
        }
        if let Err(error) = killed {
            return Err(not_killed(longest, &self.tree, error));
        }
        self.tree.disarm();
        Ok(self.output(ExecOutcome::TimedOut))
    }

    /// Reads a chunk of output. Returns `false` at the end of the output.
    async fn more(&mut self) -> bool {
        match self.reader.next().await {
            Ok(Some(frame)) => {
                self.keep(&frame);
                true
            }
            Ok(None) => false,
            Err(_) => {
                self.incomplete = true;
                false
            }
        }
    }

    fn keep(&mut self, frame: &Frame) {
        match frame.stream {
            Stream::Stdout => self.stdout.push(&frame.data),
            Stream::Stderr => self.stderr.push(&frame.data),
        }
    }

    fn output(&mut self, outcome: ExecOutcome) -> ExecOutput {
        let truncated =
            self.stdout.is_truncated() || self.stderr.is_truncated() || self.incomplete || self.reader.lost();
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        ExecOutput::new(outcome, stdout, stderr).truncated(truncated)
    }
}

/// Returns the error for a command that exceeded its timeout and may still be running.
pub(super) fn not_killed(longest: Duration, tree: &Tree, error: DriverError) -> DriverError {
    let text = format!("it exceeded its timeout of {longest:?}, and {}", error.message());
    ExecFailedError::new(tree.requested(), text)
        .with_effect(Effect::Unknown)
        .with_source(error)
        .into()
}
