//! Interactive exec.

use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use driver_interface_errors::{DriverError, InternalError, Result, TimeoutError, UnsupportedError};
use driver_interface_types::{ExecConfig, ExecControl, ExecOutcome, ExecSession, Signal, TtySize};
use tokio::io::{AsyncWrite, AsyncWriteExt, split};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::begin::{Input, StartedExec, begin};
use super::input::CommandInput;
use super::kill::Tree;
use super::output::{CutOff, Sender, output, pass_all_on};
use super::run::not_killed;
use super::sessions::Flag;
use crate::driver::inner::Inner;
use crate::driver::task::located;
use crate::engine::ExecReader;
use crate::translate::exec::{Exited, Phase};
use crate::wire::{Frame, Stream};

const OPERATION: &str = "exec_stream";

/// The first pause between inspections of a command whose output stays open. Each later pause is twice as long, up to
/// `LATER_POLL_INTERVAL`.
const FIRST_POLL_INTERVAL: Duration = Duration::from_millis(100);
const LATER_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The maximum length, in bytes, of the engine's message about a command that it cannot start.
const MAX_ERROR_TEXT: usize = 16 * 1024;

type Outcome = Option<Result<ExecOutcome>>;

pub(in crate::driver) async fn exec_stream(
    inner: &Arc<Inner>,
    requested: &str,
    config: ExecConfig,
) -> Result<ExecSession> {
    let StartedExec { io, tree } = begin(inner, OPERATION, requested, &config, Input::Open).await?;
    let deadline = config
        .timeout
        .and_then(|longest| Some((Instant::now().checked_add(longest)?, longest)));
    let tty = config.tty.is_some();
    let (half, write) = split(io);
    let mut write = CommandInput::new(write, tty);
    let mut reader = inner.engine.exec_reader(half, tty, true);
    let begins = inner.deadlines.start;
    let first = timeout(begins, first_output(&tree, &mut reader)).await;
    let first = first.unwrap_or_else(|_| Err(TimeoutError::new(OPERATION, begins).into()));
    let first = first.map_err(|error| located(error, OPERATION))?;
    if let Some(size) = config.tty {
        // Ignore a failure: the command also works with a terminal of another size, and may have exited by now.
        let _ = tree.resize(size).await;
    }
    let takes_input = tree.takes_input().await;
    let draining = inner.sessions.open(tree.container());
    let shared = Arc::new(Shared {
        tree,
        draining,
        exited: Flag::default(),
        killed: AtomicBool::new(false),
    });
    let (stdout_end, stdout) = output();
    let (stderr_end, stderr) = output();
    let (output_ended, output_end) = watch::channel(None);
    let pump = Pump {
        shared: Arc::clone(&shared),
        reader,
        stdout: stdout_end,
        stderr: stderr_end,
    };
    tokio::spawn(pump.run(first, output_ended));
    let (reported, outcome) = watch::channel(None);
    let supervisor = tokio::spawn(supervise(Arc::clone(&shared), output_end, deadline, reported));
    let mut tasks = vec![supervisor.abort_handle()];
    let stdin: Option<Pin<Box<dyn AsyncWrite + Send>>> = match config.stdin {
        None => Some(Box::pin(write)),
        Some(input) => {
            let feed: JoinHandle<()> = tokio::spawn(async move {
                // A command may exit or close its input without reading all of it; that is no error.
                if takes_input {
                    let _ = write.write_all(&input).await;
                }
                let _ = write.shutdown().await;
            });
            tasks.push(feed.abort_handle());
            None
        }
    };
    let control = Control {
        shared,
        outcome,
        tasks,
        tty,
    };
    Ok(ExecSession::new(stdin, stdout, stderr, control))
}

/// Waits until the command is running or has exited. Returns the output read in the meantime.
async fn first_output(tree: &Tree, reader: &mut ExecReader) -> Result<Vec<Frame>> {
    loop {
        match tree.phase().await? {
            Some(Phase::Prepared) => sleep(Duration::from_millis(5)).await,
            Some(Phase::Exited(exited))
                if exited.started != Some(true) && matches!(exited.code, 125..=127) =>
            {
                return error_text(tree, reader, exited).await;
            }
            Some(Phase::Runs | Phase::Exited(_)) | None => return Ok(Vec::new()),
        }
    }
}

/// Returns the output of a command that exited immediately, or an error if the engine could not start the command.
async fn error_text(tree: &Tree, reader: &mut ExecReader, exited: Exited) -> Result<Vec<Frame>> {
    let (mut frames, mut stdout, mut stderr) = (Vec::new(), Vec::new(), Vec::new());
    while stdout.len() + stderr.len() < MAX_ERROR_TEXT {
        let Ok(Some(frame)) = reader.next().await else {
            break;
        };
        match frame.stream {
            Stream::Stdout => stdout.extend_from_slice(&frame.data),
            Stream::Stderr => stderr.extend_from_slice(&frame.data),
        }
        frames.push(frame);
    }
    match exited.failure(&stdout, &stderr) {
        None => Ok(frames),
        Some(text) => {
            tree.disarm();
            Err(tree.start_error(text).await)
        }
    }
}

struct Shared {
    tree: Tree,
    /// Set when the driver must drain the output even if the caller does not read it. This is the case after a kill,
    /// and after the command has exited.
    draining: Arc<Flag>,
    /// Set when the command has exited or its session was dropped. From then on, the output counts as cut off if no
    /// data arrives within the read deadline.
    exited: Flag,
    /// Whether the driver killed the command.
    killed: AtomicBool,
}

/// How the command exited, as determined at the end of the command's output. `None` while the output is open.
type OutputEnd = Option<Result<Option<Exited>>>;

impl Shared {
    async fn kill(&self) -> Result<()> {
        self.killed.store(true, Ordering::SeqCst);
        self.draining.set();
        self.tree.kill().await
    }

    /// Waits until the command has exited, and returns its outcome.
    async fn end(&self, mut output: watch::Receiver<OutputEnd>) -> Result<ExecOutcome> {
        let exited = self.exit(&mut output).await?;
        self.exited.set();
        self.draining.set();
        match exited {
            Some(exited) if self.killed.load(Ordering::SeqCst) && exited.is_suspicious() => {
                Ok(ExecOutcome::Signaled(Signal::KILL))
            }
            exited => self.tree.outcome(exited).await,
        }
    }

    /// Waits until the end of the output or an inspection shows that the command has exited. Returns how the command
    /// exited, or `None` if the whole container exited.
    async fn exit(&self, output: &mut watch::Receiver<OutputEnd>) -> Result<Option<Exited>> {
        let mut pause = FIRST_POLL_INTERVAL;
        loop {
            tokio::select! {
                // If the reading task fails, keep inspecting.
                Ok(end) = output.wait_for(Option::is_some) => {
                    if let Some(end) = end.clone() {
                        return end;
                    }
                }
                () = sleep(pause) => {}
            }
            match self.tree.phase().await? {
                Some(Phase::Exited(exited)) => return self.tree.own_exit(exited).await.map(Some),
                Some(Phase::Runs | Phase::Prepared) => {
                    // While its output is not read, the engine may be unable to record the exit.
                    if pause >= LATER_POLL_INTERVAL && self.tree.container_gone().await? {
                        return Ok(None);
                    }
                }
                None => return self.tree.exited().await,
            }
            pause = (pause * 2).min(LATER_POLL_INTERVAL);
        }
    }
}

/// Forwards the command's output as fast as the caller reads it. Once the command must no longer block, buffers the
/// output instead.
struct Pump {
    shared: Arc<Shared>,
    reader: ExecReader,
    stdout: Sender,
    stderr: Sender,
}

impl Pump {
    async fn run(mut self, first: Vec<Frame>, output_ended: watch::Sender<OutputEnd>) {
        for frame in first {
            self.push(frame);
        }
        let end = self.read().await;
        if let Err(error) = &end {
            tracing::debug!(container = self.shared.tree.requested(), %error, "the output of a command was cut off");
            self.cut_off(ErrorKind::ConnectionAborted, &error.message());
        } else if self.reader.lost() {
            self.cut_off(
                ErrorKind::UnexpectedEof,
                "the engine may have lost the end of the output",
            );
        }
        let _ = output_ended.send(Some(end));
        pass_all_on(&mut self.stdout, &mut self.stderr).await;
    }

    /// Reads to the end of the output. Returns how the command exited, or `None` if the whole container exited.
    async fn read(&mut self) -> Result<Option<Exited>> {
        let shared = Arc::clone(&self.shared);
        let silence = shared.tree.inner().deadlines.read;
        let mut last = Instant::now();
        loop {
            let required =
                shared.draining.is_set() || (self.stdout.is_passed_on() && self.stderr.is_passed_on());
            tokio::select! {
                frame = self.reader.next(), if required => match frame {
                    Ok(Some(frame)) => {
                        last = Instant::now();
                        push(frame, &mut self.stdout, &mut self.stderr);
                    }
                    Ok(None) => return shared.tree.exit_after_output(None).await,
                    Err(failure) => return shared.tree.exit_after_output(Some(failure)).await,
                },
                () = self.stdout.pass_on() => {}
                () = self.stderr.pass_on() => {}
                () = shared.draining.wait(), if !shared.draining.is_set() => {}
                () = silent(&shared.exited, last + silence) => {
                    let text = format!("no data for {silence:?} after the command had exited");
                    return Err(shared.tree.cut_off(&text));
                }
            }
        }
    }

    fn push(&mut self, frame: Frame) {
        push(frame, &mut self.stdout, &mut self.stderr);
    }

    fn cut_off(&self, kind: ErrorKind, why: &str) {
        for output in [&self.stdout, &self.stderr] {
            output.cut_off(CutOff::new(kind, why));
        }
    }
}

pub(super) fn push(frame: Frame, stdout: &mut Sender, stderr: &mut Sender) {
    match frame.stream {
        Stream::Stdout => stdout.push(frame.data),
        Stream::Stderr => stderr.push(frame.data),
    }
}

/// Waits until the flag `exited` is set and the time `until` has come.
pub(super) async fn silent(exited: &Flag, until: Instant) {
    exited.wait().await;
    sleep_until(until).await;
}

/// Enforces the timeout and reports the command's outcome.
async fn supervise(
    shared: Arc<Shared>,
    output: watch::Receiver<OutputEnd>,
    deadline: Option<(Instant, Duration)>,
    reported: watch::Sender<Outcome>,
) {
    let overdue = async {
        match deadline {
            Some((deadline, longest)) => {
                sleep_until(deadline).await;
                longest
            }
            None => std::future::pending().await,
        }
    };
    let outcome = tokio::select! {
        outcome = shared.end(output) => outcome,
        longest = overdue => match shared.kill().await {
            Ok(()) => Ok(ExecOutcome::TimedOut),
            Err(error) => Err(not_killed(longest, &shared.tree, error)),
        },
    };
    shared.exited.set();
    if outcome.is_ok() {
        shared.tree.disarm();
    }
    let _ = reported.send(Some(outcome.map_err(|error| located(error, OPERATION))));
}

struct Control {
    shared: Arc<Shared>,
    outcome: watch::Receiver<Outcome>,
    tasks: Vec<AbortHandle>,
    tty: bool,
}

#[async_trait]
impl ExecControl for Control {
    async fn resize(&self, size: TtySize) -> Result<()> {
        if !self.tty {
            let error = UnsupportedError::new("resize", "the command has no terminal");
            return Err(located(error.into(), OPERATION));
        }
        self.shared
            .tree
            .resize(size)
            .await
            .map_err(|error| located(error, OPERATION))
    }

    async fn wait(&self) -> Result<ExecOutcome> {
        let mut outcome = self.outcome.clone();
        let gone = |_| DriverError::from(InternalError::new("a task ended unexpectedly"));
        let reported = outcome.wait_for(Option::is_some).await.map_err(gone)?;
        reported
            .clone()
            .unwrap_or_else(|| Err(InternalError::new("the command has no outcome").into()))
    }

    async fn kill(&self) -> Result<()> {
        if self.outcome.borrow().is_some() {
            return Ok(());
        }
        self.shared
            .kill()
            .await
            .map_err(|error| located(error, OPERATION))
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        // The reading task continues until the command has exited, because the engine blocks on unread output.
        self.shared.draining.set();
        self.shared.exited.set();
        self.shared.tree.kill_in_background();
    }
}
