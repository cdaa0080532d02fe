//! Exec sessions, which connect the caller to the input and output of a running command.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;

use async_trait::async_trait;
use driver_interface_errors::{ExecFailedError, Result};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{ExecOutcome, TtySize};

/// A running command and its streams, returned by [`exec_stream`](crate::ContainerDriver::exec_stream).
///
/// Read `stdout` and `stderr` concurrently. Both streams share one connection: if the caller does not read one
/// stream, the other stream stops too. After all input is written, close the input. To get the outcome, call
/// [`wait`](Self::wait). The fields may be moved out of the session and used in different tasks. When `control` is
/// dropped, the driver closes the connection, and kills the command and every process that the command has started.
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
///     println!("the shell exited: {outcome:?}");
///     Ok(())
/// }
/// ```
#[must_use = "dropping it kills the command"]
#[non_exhaustive]
pub struct ExecSession {
    /// The command's standard input. To end the input, shut this writer down. The output then continues (half-close).
    /// If the command has a terminal, the driver ends the input with Ctrl-D. This field is `None` if the
    /// [`ExecConfig`](crate::ExecConfig) has an input, and after a call of [`close_stdin`](Self::close_stdin).
    pub stdin: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    /// The command's standard output. If the command has a terminal, this stream also contains standard error. The
    /// stream ends soon after the command has exited. The stream ends with an error if the connection was cut, or if
    /// unread output exceeded the buffer while the command was being killed.
    pub stdout: Pin<Box<dyn AsyncRead + Send>>,
    /// The command's standard error. If the command has a terminal, this stream is empty.
    pub stderr: Pin<Box<dyn AsyncRead + Send>>,
    /// The handle that resizes the terminal, waits until the command has exited, and kills the command.
    pub control: Box<dyn ExecControl>,
}

/// A handle that controls a running command. Drivers implement this trait. When the handle is dropped, the driver
/// kills the command and every process that the command has started. If necessary, the driver does this in the
/// background.
#[async_trait]
pub trait ExecControl: Send + Sync + 'static {
    /// Sets the size of the command's terminal.
    ///
    /// # Errors
    /// - `UnsupportedError`: the command has no terminal.
    async fn resize(&self, size: TtySize) -> Result<()>;

    /// Waits until the command has exited, and returns the outcome. Every call returns the same outcome. The call
    /// does not read the output. If the caller does not read the output either, the command may block on a write and
    /// never exit.
    ///
    /// # Errors
    /// - `ConnectionError`: the connection broke, and the command's outcome could not be determined.
    ///
    /// # Cancel safety
    /// If the future is dropped, the command keeps running.
    async fn wait(&self) -> Result<ExecOutcome>;

    /// Kills the command and every process that the command has started. Other processes are not killed. The call
    /// also succeeds if the command has already exited.
    async fn kill(&self) -> Result<()>;
}

impl ExecSession {
    /// Creates a session from its streams and its control handle.
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

    /// Closes the command's input; the output continues. The call also succeeds if the input is already closed.
    ///
    /// # Errors
    /// - `ExecFailedError`: input written earlier could not be delivered.
    pub async fn close_stdin(&mut self) -> Result<()> {
        let Some(mut stdin) = self.stdin.take() else {
            return Ok(());
        };
        let closed = poll_fn(|context| stdin.as_mut().poll_shutdown(context)).await;
        closed.map_err(|error| {
            let message = format!("stdin could not be closed: {error}");
            ExecFailedError::new("session", message).with_source(error).into()
        })
    }

    /// Sets the size of the command's terminal; see [`ExecControl::resize`].
    ///
    /// # Errors
    /// - `UnsupportedError`: the command has no terminal.
    pub async fn resize(&mut self, size: TtySize) -> Result<()> {
        self.control.resize(size).await
    }

    /// Waits until the command has exited, and returns the outcome; see [`ExecControl::wait`].
    ///
    /// # Errors
    /// - `ConnectionError`: the connection broke, and the command's outcome could not be determined.
    pub async fn wait(&mut self) -> Result<ExecOutcome> {
        self.control.wait().await
    }

    /// Kills the command and every process that the command has started; see [`ExecControl::kill`].
    ///
    /// # Errors
    /// - `ConnectionError`: the engine cannot be reached.
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
