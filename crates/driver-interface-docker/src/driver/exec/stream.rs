//! Commands one talks to while they run.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use driver_interface_errors::{DriverError, InternalError, Result, UnsupportedError};
use driver_interface_types::{ExecConfig, ExecControl, ExecOutcome, ExecSession, Signal, TtySize};
use tokio::io::{AsyncWrite, AsyncWriteExt, DuplexStream, duplex, split};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::begin::{Begun, Input, begin};
use super::kill::Tree;
use crate::driver::inner::Inner;
use crate::driver::task::{located, read};
use crate::engine::ExecReader;
use crate::translate::exec::{Ended, Phase};
use crate::wire::{Frame, Stream};

const OPERATION: &str = "exec_stream";

/// How much of each output is held while nobody reads it. Then the engine holds it back, and then the command.
const HELD: usize = 64 * 1024;
/// How often a command is looked at while its output stays open.
const FIRST_LOOKS: Duration = Duration::from_millis(100);
const LATER_LOOKS: Duration = Duration::from_secs(1);
/// What the engine says of a command that it cannot begin is no longer than this.
const COMPLAINT: usize = 16 * 1024;

type Outcome = Option<Result<ExecOutcome>>;

pub(in crate::driver) async fn exec_stream(
    inner: &Arc<Inner>,
    asked: &str,
    config: ExecConfig,
) -> Result<ExecSession> {
    let Begun { io, tree } = begin(inner, OPERATION, asked, &config, Input::Open).await?;
    let deadline = config
        .timeout
        .and_then(|longest| Instant::now().checked_add(longest));
    let (half, mut write) = split(io);
    let mut reader = inner.engine.exec_reader(half, config.tty.is_some());
    let first = read(OPERATION, inner.deadlines.start, begun(&tree, &mut reader)).await?;
    if let Some(size) = config.tty {
        // A terminal of another size still works, and a command may be over by now.
        let _ = tree.resize(size).await;
    }
    let takes_input = tree.takes_input().await;
    let shared = Arc::new(Shared {
        tree,
        closed: Notify::new(),
        killed: AtomicBool::new(false),
    });
    let (stdout, stdout_end) = duplex(HELD);
    let (stderr, stderr_end) = duplex(HELD);
    let pump = tokio::spawn(pump(Arc::clone(&shared), reader, first, stdout_end, stderr_end));
    let (told, outcome) = watch::channel(None);
    let mut tasks = vec![pump, tokio::spawn(supervise(Arc::clone(&shared), deadline, told))];
    let stdin: Option<Pin<Box<dyn AsyncWrite + Send>>> = match config.stdin {
        None => Some(Box::pin(write)),
        Some(input) => {
            tasks.push(tokio::spawn(async move {
                // A command that has enough ends or closes its input; that is no error.
                if takes_input {
                    let _ = write.write_all(&input).await;
                }
                let _ = write.shutdown().await;
            }));
            None
        }
    };
    let control = Control {
        shared,
        outcome,
        tasks,
        tty: config.tty.is_some(),
    };
    Ok(ExecSession::new(stdin, stdout, stderr, control))
}

/// Returns when the command runs, or has run, with what was read of its output meanwhile.
async fn begun(tree: &Tree, reader: &mut ExecReader) -> Result<Vec<Frame>> {
    loop {
        match tree.phase().await? {
            Some(Phase::Prepared) => sleep(Duration::from_millis(5)).await,
            Some(Phase::Ended(ended)) if ended.begun != Some(true) && matches!(ended.code, 125..=127) => {
                return complaint(tree, reader, ended).await;
            }
            Some(Phase::Runs | Phase::Ended(_)) | None => return Ok(Vec::new()),
        }
    }
}

/// What a command that ended at once has printed, unless it is the engine that speaks there.
async fn complaint(tree: &Tree, reader: &mut ExecReader, ended: Ended) -> Result<Vec<Frame>> {
    let (mut frames, mut stdout, mut stderr) = (Vec::new(), Vec::new(), Vec::new());
    while stdout.len() + stderr.len() < COMPLAINT {
        let Ok(Some(frame)) = reader.next().await else {
            break;
        };
        match frame.stream {
            Stream::Stdout => stdout.extend_from_slice(&frame.data),
            Stream::Stderr => stderr.extend_from_slice(&frame.data),
        }
        frames.push(frame);
    }
    match ended.failure(&stdout, &stderr) {
        None => Ok(frames),
        Some(text) => {
            tree.disarm();
            Err(tree.not_begun(text).await)
        }
    }
}

struct Shared {
    tree: Tree,
    /// Told when the output has ended.
    closed: Notify,
    /// Whether it was us who killed the command.
    killed: AtomicBool,
}

impl Shared {
    async fn kill(&self) -> Result<()> {
        self.killed.store(true, Ordering::SeqCst);
        self.tree.kill().await
    }

    /// How the command ended, once it has.
    async fn end(&self) -> Result<ExecOutcome> {
        let mut pause = FIRST_LOOKS;
        loop {
            tokio::select! {
                () = self.closed.notified() => break,
                () = sleep(pause) => {}
            }
            if !matches!(self.tree.phase().await?, Some(Phase::Runs | Phase::Prepared)) {
                break;
            }
            pause = (pause * 2).min(LATER_LOOKS);
        }
        let ended = self.tree.ended().await?;
        match ended {
            Some(ended) if self.killed.load(Ordering::SeqCst) && ended.is_suspicious() => {
                Ok(ExecOutcome::Signaled(Signal::KILL))
            }
            ended => self.tree.outcome(ended).await,
        }
    }
}

/// Passes the output on, only as fast as it is read.
async fn pump(
    shared: Arc<Shared>,
    mut reader: ExecReader,
    first: Vec<Frame>,
    mut stdout: DuplexStream,
    mut stderr: DuplexStream,
) {
    let mut first = first.into_iter();
    loop {
        let frame = match first.next() {
            Some(frame) => frame,
            None => match reader.next().await {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(container = shared.tree.asked(), %error, "the output of a command broke off");
                    break;
                }
            },
        };
        // Output that nobody wants any more is dropped, so that the command goes on.
        let _ = match frame.stream {
            Stream::Stdout => stdout.write_all(&frame.data).await,
            Stream::Stderr => stderr.write_all(&frame.data).await,
        };
    }
    if reader.lost() {
        tracing::warn!(
            container = shared.tree.asked(),
            "the engine may have lost the end of a command's output"
        );
    }
    drop((stdout, stderr));
    shared.closed.notify_one();
}

/// Sees to the timeout and tells how the command ended.
async fn supervise(shared: Arc<Shared>, deadline: Option<Instant>, told: watch::Sender<Outcome>) {
    let overdue = async {
        match deadline {
            Some(deadline) => sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    let outcome = tokio::select! {
        outcome = shared.end() => outcome,
        () = overdue => match shared.kill().await {
            Ok(()) => Ok(ExecOutcome::TimedOut),
            Err(error) => {
                tracing::warn!(container = shared.tree.asked(), %error, "an overdue command may go on");
                Ok(ExecOutcome::TimedOut)
            }
        },
    };
    if outcome.is_ok() {
        shared.tree.disarm();
    }
    let _ = told.send(Some(outcome.map_err(|error| located(error, OPERATION))));
}

struct Control {
    shared: Arc<Shared>,
    outcome: watch::Receiver<Outcome>,
    tasks: Vec<JoinHandle<()>>,
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
        let told = outcome.wait_for(Option::is_some).await.map_err(gone)?;
        told.clone()
            .unwrap_or_else(|| Err(InternalError::new("a command without an outcome").into()))
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
        self.shared.tree.fire();
    }
}
