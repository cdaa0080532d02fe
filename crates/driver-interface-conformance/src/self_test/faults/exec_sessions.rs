//! Faults in interactive and detached exec.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use async_trait::async_trait;
use driver_interface_errors::ExecFailedError;
use driver_interface_types::{
    ContainerDriver as _, ContainerId, ExecConfig, ExecControl, ExecId, ExecOutcome, ExecSession, ExecStatus,
    Result, TtySize,
};
use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{ExecDetached, ExecStatus as Status, ExecStream};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "exec-stream-loses-stderr",
        "The standard error of a session is lost.",
        &[ExecStream(|inside, id, config| {
            session(inside, id, config, |mut session| {
                session.stderr = Box::pin(tokio::io::empty());
                session
            })
            .boxed()
        })],
        &["exec-stream/request-reply"],
    ),
    Fault::new(
        "exec-stream-input-stays-open",
        "The command does not see that its input is closed.",
        &[ExecStream(|inside, id, config| {
            session(inside, id, config, |session| with_end(session, || Poll::Pending)).boxed()
        })],
        &[
            "exec-stream/request-reply", "exec-stream/half-close", "exec-stream/tty-stdin-eof",
        ],
    ),
    Fault::new(
        "exec-stream-ends-with-its-input",
        "Closing the input closes the session and ends the command.",
        &[ExecStream(|inside, id, config| {
            session(inside, id, config, killed_at_end).boxed()
        })],
        &[
            "exec-stream/request-reply", "exec-stream/half-close", "exec-stream/tty-stdin-eof",
        ],
    ),
    Fault::new(
        "exec-stream-ignores-config-input",
        "Input of the config is not written.",
        &[ExecStream(|inside, id, mut config| {
            config.stdin = None;
            inside.driver.exec_stream(id, config)
        })],
        &["exec-stream/config-stdin"],
    ),
    Fault::new(
        "exec-stream-resize-does-nothing",
        "A resize succeeds without effect.",
        &[ExecStream(|inside, id, config| {
            session(inside, id, config, |session| flawed(session, Flaw::Resize)).boxed()
        })],
        &["exec-stream/tty-resize", "exec-stream/resize-without-tty"],
    ),
    Fault::new(
        "exec-stream-kill-does-nothing",
        "A kill succeeds without effect.",
        &[ExecStream(|inside, id, config| {
            session(inside, id, config, |session| flawed(session, Flaw::Kill)).boxed()
        })],
        &["exec-stream/kill"],
    ),
    Fault::new(
        "exec-stream-kill-of-exited-fails",
        "Killing an exited command returns an error.",
        &[ExecStream(|inside, id, config| {
            session(inside, id, config, |session| flawed(session, Flaw::KillOfExited)).boxed()
        })],
        &["exec-stream/kill"],
    ),
    Fault::new(
        "exec-stream-dropped-keeps-running",
        "A command whose session is dropped keeps running.",
        &[ExecStream(|inside, id, config| {
            session(inside, id, config, |session| {
                let (session, control) = with_control(session, Flaw::None);
                tokio::spawn(async move { control.wait().await });
                session
            })
            .boxed()
        })],
        &["exec-stream/drop-kills"],
    ),
    Fault::new(
        "exec-stream-ignores-timeout",
        "A session ignores its timeout.",
        &[ExecStream(|inside, id, mut config| {
            config.timeout = None;
            inside.driver.exec_stream(id, config)
        })],
        &["exec-stream/timeout"],
    ),
    Fault::new(
        "exec-stream-reads-ahead",
        "Unread output is buffered without limit instead of held back.",
        &[ExecStream(|inside, id, config| {
            session(inside, id, config, |mut session| {
                session.stdout = Box::pin(read_ahead(session.stdout));
                session
            })
            .boxed()
        })],
        &["exec-stream/slow-reader"],
    ),
    Fault::new(
        "exec-stream-outcome-returned-once",
        "Only the first wait returns the outcome.",
        &[ExecStream(|inside, id, config| {
            session(inside, id, config, |session| flawed(session, Flaw::SecondWait)).boxed()
        })],
        &["exec-stream/outcome"],
    ),
    Fault::new(
        "exec-stream-codes-lost",
        "A session always reports exit code 0.",
        &[ExecStream(|inside, id, config| {
            session(inside, id, config, |session| flawed(session, Flaw::Code)).boxed()
        })],
        &[
            "exec-stream/request-reply", "exec-stream/half-close", "exec-stream/outcome",
        ],
    ),
    Fault::new(
        "exec-status-known-to-one-driver",
        "Only the driver that started a detached command knows its status.",
        &[
            ExecDetached(|inside, id, config| record_driver(inside, id, config).boxed()),
            Status(|inside, id, exec| known_to_creator(inside, id, exec).boxed()),
        ],
        &["exec-detached/outlives-call"],
    ),
    Fault::new(
        "exec-status-always-running",
        "An exited detached command is reported as running.",
        &[Status(|inside, id, exec| {
            status(inside, id, exec, |status| status.map(|_| ExecStatus::running())).boxed()
        })],
        &["exec-detached/status"],
    ),
    Fault::new(
        "exec-status-code-lost",
        "The status always reports exit code 0.",
        &[Status(|inside, id, exec| {
            status(inside, id, exec, |status| {
                status.map(|status| match status.outcome {
                    Some(_) => ExecStatus::exited(ExecOutcome::Exited(0)),
                    None => status,
                })
            })
            .boxed()
        })],
        &["exec-detached/status"],
    ),
    Fault::new(
        "exec-status-is-none",
        "The status of every detached command is `None`.",
        &[Status(|inside, id, exec| {
            status(inside, id, exec, |_| None).boxed()
        })],
        &[
            "exec-detached/status", "exec-detached/outlives-call", "exec-detached/unknown-id",
        ],
    ),
    Fault::new(
        "exec-status-of-unknown-command",
        "An unknown detached command is reported as running.",
        &[Status(|inside, id, exec| {
            status(inside, id, exec, |status| status.or(Some(ExecStatus::running()))).boxed()
        })],
        &["exec-detached/unknown-id"],
    ),
    Fault::new(
        "exec-detached-drops-its-timeout",
        "The timeout of a detached command is dropped instead of refused.",
        &[ExecDetached(|inside, id, mut config| {
            config.timeout = None;
            inside.driver.exec_detached(id, config)
        })],
        &["exec-detached/refusals"],
    ),
];

async fn session(
    inside: &Inside,
    id: &ContainerId,
    config: ExecConfig,
    change: impl FnOnce(ExecSession) -> ExecSession,
) -> Result<ExecSession> {
    Ok(change(inside.driver.exec_stream(id, config).await?))
}

/// The input of a session. Closing this input does not close the real input `inside`, but runs the function `end`.
struct Input {
    inside: Pin<Box<dyn AsyncWrite + Send>>,
    end: Box<dyn FnMut() -> Poll<std::io::Result<()>> + Send>,
}

/// Returns `session` with another input. Closing this input does not close the session's real input, but runs the
/// function `end`.
fn with_end(
    mut session: ExecSession,
    end: impl FnMut() -> Poll<std::io::Result<()>> + Send + 'static,
) -> ExecSession {
    if let Some(inside) = session.stdin.take() {
        let end = Box::new(end);
        session.stdin = Some(Box::pin(Input { inside, end }));
    }
    session
}

impl AsyncWrite for Input {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.inside.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.inside.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        (self.end)()
    }
}

/// Returns `session` with a fault: closing the input kills the command.
fn killed_at_end(session: ExecSession) -> ExecSession {
    let (session, control) = with_control(session, Flaw::None);
    with_end(session, move || {
        let control = Arc::clone(&control);
        tokio::spawn(async move { control.kill().await });
        Poll::Ready(Ok(()))
    })
}

/// Returns a stream of the bytes of `from`. A task reads `from` as fast as possible, even if nothing reads the
/// returned stream.
fn read_ahead(mut from: Pin<Box<dyn AsyncRead + Send>>) -> impl AsyncRead + Send {
    let (mut write, read) = tokio::io::duplex(usize::MAX >> 1);
    // This fails if the returned stream was dropped.
    tokio::spawn(async move { drop(tokio::io::copy(&mut from, &mut write).await) });
    read
}

/// A fault in the control of an exec session.
#[derive(PartialEq)]
enum Flaw {
    None,
    Resize,
    Kill,
    KillOfExited,
    SecondWait,
    Code,
}

struct Control {
    inside: Arc<dyn ExecControl>,
    flaw: Flaw,
    reported: AtomicBool,
}

/// Returns `session` with a control that has the fault `flaw`.
fn flawed(session: ExecSession, flaw: Flaw) -> ExecSession {
    with_control(session, flaw).0
}

/// Returns `session` with a control that has the fault `flaw`. Also returns the session's original control, which
/// does not have the fault.
fn with_control(session: ExecSession, flaw: Flaw) -> (ExecSession, Arc<dyn ExecControl>) {
    let inside: Arc<dyn ExecControl> = session.control.into();
    let correct = Arc::clone(&inside);
    let reported = AtomicBool::new(false);
    let control = Control {
        inside,
        flaw,
        reported,
    };
    let session = ExecSession::new(session.stdin, session.stdout, session.stderr, control);
    (session, correct)
}

#[async_trait]
impl ExecControl for Control {
    async fn resize(&self, size: TtySize) -> Result<()> {
        if self.flaw == Flaw::Resize {
            return Ok(());
        }
        self.inside.resize(size).await
    }

    async fn wait(&self) -> Result<ExecOutcome> {
        let outcome = self.inside.wait().await?;
        if self.reported.swap(true, Ordering::Relaxed) && self.flaw == Flaw::SecondWait {
            return Err(ExecFailedError::new("session", "its outcome was already returned").into());
        }
        match outcome {
            ExecOutcome::Exited(_) if self.flaw == Flaw::Code => Ok(ExecOutcome::Exited(0)),
            outcome => Ok(outcome),
        }
    }

    async fn kill(&self) -> Result<()> {
        match self.flaw {
            Flaw::Kill => Ok(()),
            Flaw::KillOfExited if self.reported.load(Ordering::Relaxed) => {
                Err(ExecFailedError::new("session", "there is nothing to kill").into())
            }
            _ => self.inside.kill().await,
        }
    }
}

fn own(inside: &Inside, exec: &ExecId) -> String {
    format!("{exec} of {:p}", Arc::as_ptr(&inside.driver))
}

async fn record_driver(inside: &Inside, id: &ContainerId, config: ExecConfig) -> Result<ExecId> {
    let exec = inside.driver.exec_detached(id, config).await?;
    inside.memory.note(&own(inside, &exec));
    Ok(exec)
}

async fn known_to_creator(inside: &Inside, id: &ContainerId, exec: &ExecId) -> Result<Option<ExecStatus>> {
    let found = inside.driver.exec_status(id, exec).await?;
    Ok(found.filter(|_| inside.memory.has(&own(inside, exec))))
}

async fn status(
    inside: &Inside,
    id: &ContainerId,
    exec: &ExecId,
    change: impl FnOnce(Option<ExecStatus>) -> Option<ExecStatus>,
) -> Result<Option<ExecStatus>> {
    inside.driver.exec_status(id, exec).await.map(change)
}
