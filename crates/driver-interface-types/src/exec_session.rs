//! A command one talks to while it runs.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;

use async_trait::async_trait;
use driver_interface_errors::{ExecError, Result};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{ExecOutcome, TtySize};

/// A running command and its streams, from [`exec_stream`](crate::ContainerDriver::exec_stream).
///
/// Read `stdout` and `stderr` at the same time (they share a connection, so one that nobody reads holds up
/// the other), close the input when there is no more, and [`wait`](Self::wait) for the outcome. Fields may be
/// moved out to different tasks. When `control` is dropped, the connection ends and the command is killed with
/// everything it has started.
///
/// ```no_run
/// use driver_interface_types::{ContainerDriver, ContainerId, ExecConfig, TtySize};
///
/// async fn resize(driver: &dyn ContainerDriver, id: &ContainerId) -> driver_interface_types::Result<()> {
///     let shell = ExecConfig::new(["sh"]).tty(TtySize::default());
///     let mut session = driver.exec_stream(id, shell).await?;
///     session.resize(TtySize { columns: 132, rows: 43 }).await?;
///     session.close_stdin().await?;
///     let outcome = session.wait().await?;
///     println!("the shell ended: {outcome:?}");
///     Ok(())
/// }
/// ```
#[must_use = "dropping it kills the command"]
#[non_exhaustive]
pub struct ExecSession {
    /// The command's standard input. Shutting it down ends the input (a half-close; with a terminal, Ctrl-D is
    /// typed): the output goes on.
    /// None where the config gave the input, or after [`close_stdin`](Self::close_stdin).
    pub stdin: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    /// The command's standard output; with a terminal, all it writes. It ends soon after the command has exited; with
    /// an error where the connection was cut, or where nobody read while the command was being killed and more came
    /// than is held.
    pub stdout: Pin<Box<dyn AsyncRead + Send>>,
    /// The command's standard error; with a terminal it is empty.
    pub stderr: Pin<Box<dyn AsyncRead + Send>>,
    /// Steers the command.
    pub control: Box<dyn ExecControl>,
}

/// Steers a running command. Drivers implement it; when it is dropped, the command is killed with everything
/// it has started, in the background where that takes a while.
#[async_trait]
pub trait ExecControl: Send + Sync + 'static {
    /// Sets the terminal's size.
    ///
    /// # Errors
    /// - `UnsupportedError`: the command has no terminal.
    async fn resize(&self, size: TtySize) -> Result<()>;

    /// Waits until the command has ended. Every call gives the same answer. It does not read the streams:
    /// a command that cannot write does not end.
    ///
    /// # Errors
    /// - `NetworkError`: the connection broke, and what became of the command could not be found out.
    ///
    /// # Cancel safety
    /// Nothing to undo; the command goes on.
    async fn wait(&self) -> Result<ExecOutcome>;

    /// Kills the command with everything it has started, and nothing else. Fine when it has ended.
    async fn kill(&self) -> Result<()>;
}

impl ExecSession {
    /// Puts a session together.
    pub fn new(
        stdin: Option<Pin<Box<dyn AsyncWrite + Send>>>,
        stdout: impl AsyncRead + Send + 'static,
        stderr: impl AsyncRead + Send + 'static,
        control: impl ExecControl,
    ) -> Self {
        Self {
            stdin,
            stdout: Box::pin(stdout),
            stderr: Box::pin(stderr),
            control: Box::new(control),
        }
    }

    /// Ends the command's input; its output goes on. Fine when it has ended already.
    ///
    /// # Errors
    /// - `ExecError`: what was written before could not be passed on.
    pub async fn close_stdin(&mut self) -> Result<()> {
        let Some(mut stdin) = self.stdin.take() else {
            return Ok(());
        };
        let closed = poll_fn(|context| stdin.as_mut().poll_shutdown(context)).await;
        closed.map_err(|error| {
            let message = format!("its input could not be closed: {error}");
            ExecError::new("session", message).with_source(error).into()
        })
    }

    /// Sets the terminal's size; see [`ExecControl::resize`].
    ///
    /// # Errors
    /// - `UnsupportedError`: the command has no terminal.
    pub async fn resize(&mut self, size: TtySize) -> Result<()> {
        self.control.resize(size).await
    }

    /// Waits until the command has ended; see [`ExecControl::wait`].
    ///
    /// # Errors
    /// - `NetworkError`: the connection broke, and what became of the command could not be found out.
    pub async fn wait(&mut self) -> Result<ExecOutcome> {
        self.control.wait().await
    }

    /// Kills the command with everything it has started; see [`ExecControl::kill`].
    ///
    /// # Errors
    /// - `NetworkError`: the engine cannot be reached.
    pub async fn kill(&mut self) -> Result<()> {
        self.control.kill().await
    }
}

impl fmt::Debug for ExecSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecSession")
            .field("stdin", &self.stdin.is_some())
            .finish_non_exhaustive()
    }
}
