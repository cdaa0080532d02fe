//! Attach sessions, which connect a caller to the input and output of a container's main process.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;

use async_trait::async_trait;
use driver_interface_errors::{ConnectionError, Result};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::TtySize;

/// A connection to a container's main process, returned by
/// [`attach_container`](crate::ContainerDriver::attach_container).
///
/// Read `stdout` and `stderr` concurrently, because both use the same connection. If the caller reads only one of the
/// two streams, that stream soon delivers no more data either. Once the buffers are full, the main process blocks
/// when it writes. The fields can be moved out of the session and used in different tasks. Dropping `control` closes
/// the connection. The main process then keeps running, but its input ends.
///
/// ```no_run
/// use driver_interface_types::{ContainerConfig, ContainerDriver};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// async fn upper_case(driver: &dyn ContainerDriver) -> driver_interface_types::Result<String> {
///     let config = ContainerConfig::new("demo", "busybox").shell("tr a-z A-Z").stdin(true);
///     let container = driver.create_container(&config).await?;
///     let mut session = driver.attach_container(&container.id).await?;
///     driver.start_container(&container.id).await?;
///     if let Some(stdin) = &mut session.stdin {
///         stdin.write_all(b"hello").await.expect("the container reads its input");
///     }
///     session.close_stdin().await?;
///     let mut text = String::new();
///     session.stdout.read_to_string(&mut text).await.expect("the output is complete");
///     Ok(text)
/// }
/// ```
#[must_use = "dropping it ends the input of the main process"]
#[non_exhaustive]
pub struct AttachSession {
    /// The main process's standard input. Shutting down this writer ends the input, but not the output. If the
    /// container has a terminal, the driver ends the input by sending Ctrl-D. `None` if the container's config does
    /// not set [`stdin`](crate::ContainerConfig::stdin), or after a call of [`close_stdin`](Self::close_stdin).
    pub stdin: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    /// The main process's standard output since the call of `attach_container`. If the container has a terminal, this
    /// stream also contains standard error. The stream normally ends when the container exits. It ends with an error
    /// if the connection broke, or if unread output exceeded the buffer while the container was being stopped.
    pub stdout: Pin<Box<dyn AsyncRead + Send>>,
    /// The main process's standard error. If the container has a terminal, this stream is empty.
    pub stderr: Pin<Box<dyn AsyncRead + Send>>,
    /// The handle that resizes the terminal and keeps the connection open.
    pub control: Box<dyn AttachControl>,
}

/// A handle that keeps the connection to a main process open. Drivers implement this trait. When the handle is dropped,
/// the connection closes.
#[async_trait]
pub trait AttachControl: Send + Sync + 'static {
    /// Sets the size of the main process's terminal.
    ///
    /// # Errors
    /// - `UnsupportedError`: the container has no terminal.
    async fn resize(&self, size: TtySize) -> Result<()>;
}

impl AttachSession {
    /// Creates a session from its streams and its control handle.
    pub fn new(
        stdin: Option<Pin<Box<dyn AsyncWrite + Send>>>,
        stdout: impl AsyncRead + Send + 'static,
        stderr: impl AsyncRead + Send + 'static,
        control: impl AttachControl,
    ) -> Self {
        Self {
            stdin,
            stdout: Box::pin(stdout),
            stderr: Box::pin(stderr),
            control: Box::new(control),
        }
    }

    /// Ends the main process's input. The output continues. Succeeds without effect if the input has already ended,
    /// or if the session has no input.
    ///
    /// # Errors
    /// - `ConnectionError`: input written earlier could not be delivered.
    pub async fn close_stdin(&mut self) -> Result<()> {
        let Some(mut stdin) = self.stdin.take() else {
            return Ok(());
        };
        let closed = poll_fn(|context| stdin.as_mut().poll_shutdown(context)).await;
        closed.map_err(|error| {
            let message = format!("stdin could not be closed: {error}");
            ConnectionError::new(message).with_source(error).into()
        })
    }

    /// Sets the size of the main process's terminal; see [`AttachControl::resize`].
    ///
    /// # Errors
    /// - `UnsupportedError`: the container has no terminal.
    pub async fn resize(&mut self, size: TtySize) -> Result<()> {
        self.control.resize(size).await
    }
}

impl fmt::Debug for AttachSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachSession")
            .field("stdin", &self.stdin.is_some())
            .finish_non_exhaustive()
    }
}
