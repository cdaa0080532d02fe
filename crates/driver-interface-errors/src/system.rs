use std::time::Duration;

use crate::FileSystemErrorKind;
use crate::common::Payload;
use crate::leaf::{category, leaf};
use crate::text::{clean, joined};

category! {
    /// Errors of the connection to the engine, of deadlines, of files, and of the driver itself.
    pub enum SystemError {
        /// The driver could not determine its health.
        Health(DriverHealthError),
        /// The call exceeded its deadline.
        Timeout(TimeoutError),
        /// The connection to the engine failed.
        Connection(ConnectionError),
        /// A file could not be read or written.
        FileSystem(FileSystemError),
        /// The driver has a bug.
        Internal(InternalError),
    }
}

leaf! {
    /// The error returned if a driver's health could not be determined.
    ///
    /// If the engine cannot be reached, the health check does not return this error. Instead, its result says that
    /// the driver is unhealthy. A health check is read-only, so nothing has changed.
    pub struct DriverHealthError(());
    code: DRIVER_HEALTH_CHECK_FAILED,
    category: "system",
    retryable: false,
    effect: NotApplied,
    user: |()| "The state of the container service could not be determined.".to_owned(),
}

impl DriverHealthError {
    /// Creates an error from the reason.
    pub fn new(message: impl Into<String>) -> Self {
        Self::build(joined("health check failed", &message.into()), ())
    }
}

/// The data of a [`TimeoutError`].
#[derive(Clone)]
pub(crate) struct Deadline {
    operation: String,
    deadline: Duration,
}

leaf! {
    /// The error returned if a call did not complete within its deadline.
    ///
    /// The engine may carry out the call even after the driver has stopped waiting, so the effect is unknown.
    pub struct TimeoutError(Deadline);
    code: TIMEOUT_ERROR,
    category: "system",
    retryable: true,
    effect: Unknown,
    user: |_| "The container service took too long to answer.".to_owned(),
}

impl TimeoutError {
    /// Creates an error from the operation, such as `create_container`, and its deadline.
    pub fn new(operation: impl Into<String>, deadline: Duration) -> Self {
        let operation = operation.into();
        let message = format!(
            "{} did not complete within its deadline of {deadline:?}",
            clean(&operation)
        );
        Self::build(
            message,
            Deadline {
                operation: operation.clone(),
                deadline,
            },
        )
        .with_operation(operation)
    }

    /// Returns the operation that took too long.
    pub fn operation(&self) -> &str {
        &self.body.data.operation
    }

    /// Returns the deadline that the call exceeded.
    pub fn deadline(&self) -> Duration {
        self.body.data.deadline
    }
}

leaf! {
    /// The error returned if the connection to the engine could not be established or was cut.
    ///
    /// The effect is unknown, because the request may have arrived. If the connection was never established, the
    /// driver knows that the request has not arrived. The driver then sets the hint
    /// [`EngineNotRunning`](crate::Hint::EngineNotRunning) or calls `with_effect`.
    pub struct ConnectionError(());
    code: CONNECTION_ERROR,
    category: "system",
    retryable: true,
    effect: Unknown,
    user: |()| "The container service could not be reached.".to_owned(),
}

impl ConnectionError {
    /// Creates an error from the reason.
    pub fn new(message: impl Into<String>) -> Self {
        Self::build(joined("connection to the engine failed", &message.into()), ())
    }
}

/// The data of a [`FileSystemError`].
#[derive(Clone)]
pub(crate) struct FileFailure {
    path: String,
    kind: FileSystemErrorKind,
}

leaf! {
    /// The error returned if a file or directory could not be read or written. The error states the
    /// [kind](FileSystemErrorKind) of the failure.
    ///
    /// The effect is unknown: a write may have stopped half-way. If a driver was only reading, it sets the effect
    /// `NotApplied`.
    pub struct FileSystemError(FileFailure);
    code: FILE_SYSTEM_ERROR,
    category: "system",
    retryable: false,
    effect: Unknown,
    user: |failure| failure.kind.user_sentence().to_owned(),
    payload: |failure| Payload::File(failure.kind),
}

impl FileSystemError {
    /// Creates an error from the path, the kind of failure and the reason.
    pub fn new(path: impl Into<String>, kind: FileSystemErrorKind, message: impl Into<String>) -> Self {
        let path = path.into();
        let prefix = format!("file system error at `{}`", clean(&path));
        let failure = FileFailure {
            path: path.clone(),
            kind,
        };
        Self::build(joined(&prefix, &message.into()), failure).with_context("path", path)
    }

    /// Creates an error from the path and an error of the host's file system. The file system's error becomes the
    /// source.
    pub fn from_io(path: impl Into<String>, error: std::io::Error) -> Self {
        Self::new(path, error.kind().into(), error.to_string()).with_source(error)
    }

    /// Returns the path of the file or directory.
    pub fn path(&self) -> &str {
        &self.body.data.path
    }

    /// Returns the kind of failure.
    pub fn kind(&self) -> FileSystemErrorKind {
        self.body.data.kind
    }
}

leaf! {
    /// The error returned if the driver reached a state that should be impossible: a bug in the driver, not a
    /// mistake of the caller.
    ///
    /// The effect is unknown.
    pub struct InternalError(());
    code: INTERNAL_ERROR,
    category: "system",
    retryable: false,
    effect: Unknown,
    hint: ReportBug,
    user: |()| "Something went wrong inside the program.".to_owned(),
}

impl InternalError {
    /// Creates an error from a description of the bug.
    pub fn new(message: impl Into<String>) -> Self {
        Self::build(joined("internal error", &message.into()), ())
    }
}
