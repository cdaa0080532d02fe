use std::time::Duration;

use crate::FileSystemErrorKind;
use crate::common::Payload;
use crate::leaf::{category, leaf};
use crate::text::{clean, joined};

category! {
    /// Groups what lies between the program and the engine, and what lies in the driver itself.
    pub enum SystemError {
        /// The driver could not tell how it is.
        Health(DriverHealthError),
        /// The call's deadline passed.
        Timeout(TimeoutError),
        /// The way to the engine is broken.
        Network(NetworkError),
        /// A file could not be read or written.
        FileSystem(FileSystemError),
        /// The driver has a bug.
        Internal(InternalError),
    }
}

leaf! {
    /// Says that a driver's health could not be determined.
    ///
    /// An engine that is down is an answer, not this error. A health check reads, so nothing changed.
    pub struct DriverHealthError(());
    code: DRIVER_HEALTH_CHECK_FAILED,
    category: "system",
    retryable: false,
    effect: NotApplied,
    user: |()| "The state of the container service could not be determined.".to_owned(),
}

impl DriverHealthError {
    /// Makes one from the reason.
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
    /// Says that a call did not end within its deadline.
    ///
    /// The engine goes on working after its client has left, so the effect is unknown.
    pub struct TimeoutError(Deadline);
    code: TIMEOUT_ERROR,
    category: "system",
    retryable: true,
    effect: Unknown,
    user: |_| "The container service took too long to answer.".to_owned(),
}

impl TimeoutError {
    /// Makes one from the operation, such as `create_container`, and the time it was given.
    pub fn new(operation: impl Into<String>, deadline: Duration) -> Self {
        let operation = operation.into();
        let message = format!(
            "{} did not end within its deadline of {deadline:?}",
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

    /// The operation that took too long.
    pub fn operation(&self) -> &str {
        &self.body.data.operation
    }

    /// The time it was given.
    pub fn deadline(&self) -> Duration {
        self.body.data.deadline
    }
}

leaf! {
    /// Says that the way to the engine is broken: no connection, or one that was cut.
    ///
    /// The effect is unknown, for the request may have arrived. A driver that knows it did not (the
    /// connection was never made) says so with the hint
    /// [`EngineNotRunning`](crate::Hint::EngineNotRunning) or with `with_effect`.
    pub struct NetworkError(());
    code: NETWORK_ERROR,
    category: "system",
    retryable: true,
    effect: Unknown,
    user: |()| "The container service could not be reached.".to_owned(),
}

impl NetworkError {
    /// Makes one from the reason.
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
    /// Says that a file or directory could not be read or written, and of which [kind](FileSystemErrorKind) the
    /// failure is.
    ///
    /// The effect is unknown: a write may have stopped half-way. A driver that only read says so.
    pub struct FileSystemError(FileFailure);
    code: FILE_SYSTEM_ERROR,
    category: "system",
    retryable: false,
    effect: Unknown,
    user: |failure| failure.kind.user_sentence().to_owned(),
    payload: |failure| Payload::File(failure.kind),
}

impl FileSystemError {
    /// Creates one from the path, the kind of failure and the reason.
    pub fn new(path: impl Into<String>, kind: FileSystemErrorKind, message: impl Into<String>) -> Self {
        let path = path.into();
        let prefix = format!("file system error at `{}`", clean(&path));
        let failure = FileFailure {
            path: path.clone(),
            kind,
        };
        Self::build(joined(&prefix, &message.into()), failure).with_context("path", path)
    }

    /// Creates one from the path and an error of the host's file system, which becomes its source.
    pub fn from_io(path: impl Into<String>, error: std::io::Error) -> Self {
        Self::new(path, error.kind().into(), error.to_string()).with_source(error)
    }

    /// The path.
    pub fn path(&self) -> &str {
        &self.body.data.path
    }

    /// The kind of failure.
    pub fn kind(&self) -> FileSystemErrorKind {
        self.body.data.kind
    }
}

leaf! {
    /// Says that the driver met a state it holds to be impossible: our bug, not the caller's.
    ///
    /// What was done until then is unknown.
    pub struct InternalError(());
    code: INTERNAL_ERROR,
    category: "system",
    retryable: false,
    effect: Unknown,
    hint: ReportBug,
    user: |()| "Something went wrong inside the program.".to_owned(),
}

impl InternalError {
    /// Makes one from what was found to be wrong.
    pub fn new(message: impl Into<String>) -> Self {
        Self::build(joined("internal error", &message.into()), ())
    }
}
