//! Interpretation of the engine's errors.
//!
//! The interpretation has two steps. Both are pure functions. [`cause`] derives a well-known cause from the
//! operation, the error message and the HTTP status; [`error`] converts the cause to the interface's error. Docker's
//! statuses are mostly conclusive. Podman responds with 500 to nearly everything, and its messages end with one of a
//! fixed set of phrases. Only text written by the engine is compared, never text from the user; see `message`.

mod cause;
mod message;
mod phrases;

pub(crate) use cause::{Cause, cause};

use driver_interface_errors::{
    AuthenticationError, AuthorizationError, ConfigurationError, ConnectionError, ContainerCreationError,
    ContainerNotFoundError, ContainerNotRunningError, ContainerRemoveError, ContainerStartError,
    ContainerStopError, DriverError, Effect, ExecFailedError, Hint, ImageBuildError, ImageImportError,
    ImageNotFoundError, ImagePullError, ImagePushError, ImageRemoveError, NetworkCreationError,
    NetworkNotFoundError, NetworkRemoveError, UnsupportedError, VolumeCreationError, VolumeNotFoundError,
    VolumeRemoveError,
};

use crate::wire::EngineError;

/// The operation requested from the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Any operation that only reads.
    Read,
    InspectContainer,
    CreateContainer,
    StartContainer,
    /// The steps of a stop: sending signals, waiting and unpausing.
    StopContainer,
    /// Pausing and unpausing as requested by the caller.
    PauseContainer,
    /// Executing a command in a container.
    Exec,
    RemoveContainer,
    ReadLogs,
    InspectImage,
    PullImage,
    ImportImage,
    RemoveImage,
    /// Unpacking files in a container.
    WriteFiles,
    CreateVolume,
    InspectVolume,
    RemoveVolume,
    CreateNetwork,
    RemoveNetwork,
    /// Building an image. Some failures of a build are interpreted by `driver/images/build.rs` instead.
    BuildImage,
    TagImage,
    PushImage,
    CommitContainer,
}

impl Operation {
    fn reads(self) -> bool {
        matches!(
            self,
            Self::Read | Self::InspectContainer | Self::ReadLogs | Self::InspectImage | Self::InspectVolume
        )
    }
}

/// Returns whether the engine refused the request without carrying it out. Podman answers most refusals with a 5xx
/// status, so a 5xx counts as a refusal if its cause is recognised and not transient. Returns `false` for every
/// operation that only reads.
pub(crate) fn is_refusal(operation: Operation, failure: &EngineError) -> bool {
    let EngineError::Refused(refusal) = failure else {
        return false;
    };
    !operation.reads()
        && (refusal.status < 500 || !matches!(cause(operation, refusal), Cause::Other | Cause::Transient))
}

/// Returns the interface's error for a failure of `operation` on `subject` (an id, a name or an image).
pub(crate) fn error(operation: Operation, subject: &str, failure: EngineError) -> DriverError {
    let refusal = match &failure {
        EngineError::Refused(refusal) => refusal.clone(),
        _ => return connection(operation, failure),
    };
    let cause = cause(operation, &refusal);
    if let Some(error) = access(refusal.status, &cause, &refusal.message) {
        return error.with_source(failure);
    }
    let effect = (refusal.status < 500).then_some(Effect::NotApplied);
    let error = refused(operation, subject, cause, &refusal.message);
    let settled = error.hint().is_some_and(|hint| hint.effect().is_some());
    match effect {
        Some(effect) if !settled => error.with_effect(effect),
        _ => error,
    }
    .with_source(failure)
}

/// Returns the error for a call without a usable response.
fn connection(operation: Operation, failure: EngineError) -> DriverError {
    if let EngineError::Unreachable { source, .. } = &failure
        && source.kind() == std::io::ErrorKind::PermissionDenied
    {
        return AuthorizationError::new(failure.to_string())
            .with_hint(Hint::SocketPermission)
            .with_source(failure)
            .into();
    }
    if failure.io_kind() == Some(std::io::ErrorKind::InvalidInput) {
        let error = ConfigurationError::single("tls", "unusable-certificate", failure.to_string());
        return error.with_source(failure).into();
    }
    let tls = failure.io_kind() == Some(std::io::ErrorKind::InvalidData);
    let error = ConnectionError::new(failure.to_string());
    match &failure {
        EngineError::Unreachable { .. } if tls => error.with_retryable(false),
        EngineError::Unreachable { .. } => error.with_hint(Hint::EngineNotRunning),
        _ if operation.reads() => error.with_effect(Effect::NotApplied).with_retryable(!tls),
        _ => error.with_effect(Effect::Unknown).with_hint(Hint::VerifyFirst),
    }
    .with_source(failure)
    .into()
}

/// Returns the error if the engine denied access, and otherwise `None`. The result does not depend on the operation.
fn access(status: u16, cause: &Cause, message: &str) -> Option<DriverError> {
    match (status, cause) {
        (401, Cause::Other) => Some(AuthenticationError::new(message).into()),
        (403, Cause::Other) => Some(AuthorizationError::new(message).into()),
        _ => None,
    }
}

fn refused(operation: Operation, subject: &str, cause: Cause, message: &str) -> DriverError {
    match operation {
        Operation::CreateContainer => create_container(subject, cause, message),
        Operation::StartContainer => start_container(subject, cause, message),
        Operation::StopContainer if cause != Cause::NotFound => {
            with_hint(ContainerStopError::new(subject, message).into(), cause)
        }
        Operation::RemoveContainer if cause != Cause::NotFound => {
            with_hint(ContainerRemoveError::new(subject, message).into(), cause)
        }
        Operation::InspectContainer
        | Operation::StopContainer
        | Operation::PauseContainer
        | Operation::Exec
        | Operation::RemoveContainer
        | Operation::ReadLogs
        | Operation::CommitContainer
            if cause == Cause::NotFound =>
        {
            ContainerNotFoundError::new(subject).into()
        }
        Operation::PauseContainer | Operation::Exec
            if matches!(cause, Cause::NotRunning | Cause::WrongState) =>
        {
            ContainerNotRunningError::new(subject, message).into()
        }
        Operation::Exec => exec(subject, cause, message),
        Operation::TagImage if matches!(cause, Cause::NotFound | Cause::ImageMissing) => {
            ImageNotFoundError::new(subject).into()
        }
        Operation::PauseContainer | Operation::WriteFiles | Operation::TagImage => {
            ConnectionError::new(format!("the engine returned an error: {message}")).into()
        }
        Operation::ReadLogs if cause == Cause::LogsUnreadable => {
            let reason = "the container's log driver does not return logs; choose another one in `logDriver`";
            UnsupportedError::new("get_container_logs", reason).into()
        }
        Operation::ReadLogs if cause == Cause::RemovalUnderWay => ContainerNotFoundError::new(subject).into(),
        Operation::InspectImage | Operation::RemoveImage if cause == Cause::NotFound => {
            ImageNotFoundError::new(subject).into()
        }
        Operation::PullImage => pull(subject, cause, message),
        Operation::ImportImage => with_hint(ImageImportError::new(subject, message).into(), cause),
        Operation::RemoveImage => with_hint(ImageRemoveError::new(subject, message).into(), cause),
        Operation::CreateVolume => with_hint(VolumeCreationError::new(subject, message).into(), cause),
        Operation::InspectVolume | Operation::RemoveVolume if cause == Cause::NotFound => {
            VolumeNotFoundError::new(subject).into()
        }
        Operation::RemoveVolume => with_hint(VolumeRemoveError::new(subject, message).into(), cause),
        Operation::CreateNetwork => with_hint(NetworkCreationError::new(subject, message).into(), cause),
        Operation::RemoveNetwork if cause == Cause::NotFound => NetworkNotFoundError::new(subject).into(),
        Operation::BuildImage => with_hint(ImageBuildError::new(subject, message).into(), cause),
        Operation::PushImage => with_hint(ImagePushError::new(subject, message).into(), cause),
        Operation::CommitContainer if cause == Cause::BadParameter => {
            ConfigurationError::single("changes", "refused-by-engine", message).into()
        }
        Operation::CommitContainer => with_hint(ImageBuildError::new(subject, message).into(), cause),
        Operation::RemoveNetwork => with_hint(NetworkRemoveError::new(subject, message).into(), cause),
        Operation::Read
        | Operation::InspectContainer
        | Operation::ReadLogs
        | Operation::InspectImage
        | Operation::InspectVolume => {
            let error = ConnectionError::new(format!("the engine returned an error: {message}"));
            error.with_effect(Effect::NotApplied).into()
        }
        Operation::StopContainer | Operation::RemoveContainer => ContainerNotFoundError::new(subject).into(),
    }
}

fn create_container(subject: &str, cause: Cause, message: &str) -> DriverError {
    match cause {
        Cause::ImageMissing => ImageNotFoundError::new(subject).into(),
        Cause::BadParameter => ConfigurationError::single("", "refused-by-engine", message).into(),
        other => with_hint(ContainerCreationError::new(message).into(), other),
    }
}

fn start_container(subject: &str, cause: Cause, message: &str) -> DriverError {
    match cause {
        Cause::NotFound => ContainerNotFoundError::new(subject).into(),
        Cause::Paused => ContainerStartError::new(subject, "it is paused")
            .with_retryable(false)
            .into(),
        other => with_hint(ContainerStartError::new(subject, message).into(), other),
    }
}

fn exec(subject: &str, cause: Cause, message: &str) -> DriverError {
    with_hint(ExecFailedError::new(subject, message).into(), cause)
}

fn pull(subject: &str, cause: Cause, message: &str) -> DriverError {
    match cause {
        Cause::NotFound | Cause::ImageMissing => ImageNotFoundError::new(subject)
            .with_hint(Hint::ImageUnavailable)
            .into(),
        other => with_hint(ImagePullError::new(subject, message).into(), other),
    }
}

/// Adds the hint for the cause, if there is one, or marks the error as not retryable if a retry cannot help.
pub(crate) fn with_hint(error: DriverError, cause: Cause) -> DriverError {
    let hint = match cause {
        Cause::NameTaken => Hint::NameTaken,
        Cause::InUse => Hint::InUse,
        Cause::StillRunning => Hint::StillRunning,
        Cause::NoCommand => Hint::NoCommand,
        Cause::CommandNotFound => Hint::CommandNotFound,
        Cause::CommandNotExecutable => Hint::CommandNotExecutable,
        Cause::WorkingDirMissing => Hint::WorkingDirNotFound,
        Cause::WorkingDirDenied => Hint::PermissionDenied,
        Cause::UserNotFound => Hint::UserNotFound,
        Cause::UlimitRefused => Hint::UlimitRefused,
        Cause::NetworkMissing => Hint::MissingNetwork,
        Cause::MountSourceMissing => Hint::MissingMountSource,
        Cause::AddressesExhausted => Hint::AddressPoolsExhausted,
        Cause::DiskQuotaUnsupported => Hint::DiskQuotaUnsupported,
        Cause::UnknownRuntime => Hint::UnknownRuntime,
        Cause::PortInUse => Hint::PortInUse,
        Cause::NoSpace => Hint::NoSpaceLeft,
        Cause::AccessDenied => Hint::ImageUnavailable,
        Cause::RateLimited => Hint::RateLimited,
        Cause::RegistryUnreachable => Hint::RegistryUnreachable,
        Cause::BadParameter | Cause::Corrupt => return error.with_retryable(false),
        Cause::NotFound
        | Cause::ImageMissing
        | Cause::Paused
        | Cause::NotRunning
        | Cause::RemovalUnderWay
        | Cause::LogsUnreadable
        | Cause::WrongState
        | Cause::Transient
        | Cause::Other => return error,
    };
    error.with_hint(hint)
}

#[cfg(test)]
mod tests;
