use super::Operation;
use super::message::Message;
use super::phrases::{ANYWHERE, RUNTIME, phrases};
use crate::wire::Refusal;

/// A well-known cause of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The resource that the operation is about does not exist.
    NotFound,
    ImageMissing,
    NetworkMissing,
    MountSourceMissing,
    NameTaken,
    InUse,
    /// The container is still running; it must exit first.
    StillRunning,
    Paused,
    NotRunning,
    /// Another client is removing the container right now.
    RemovalUnderWay,
    /// The container's state does not allow the operation, but the engine's message does not contain the state.
    WrongState,
    /// Neither the request nor the image specifies a command.
    NoCommand,
    CommandNotFound,
    CommandNotExecutable,
    /// The working directory does not exist or is not a directory.
    WorkingDirMissing,
    /// The user has no access to the working directory.
    WorkingDirDenied,
    UserNotFound,
    /// The log driver of the container does not return logs.
    LogsUnreadable,
    /// The engine is not allowed to set a ulimit.
    UlimitRefused,
    AddressesExhausted,
    DiskQuotaUnsupported,
    UnknownRuntime,
    PortInUse,
    NoSpace,
    AccessDenied,
    RateLimited,
    RegistryUnreachable,
    /// The registry's content is not an image, or does not match its digest.
    Corrupt,
    /// A race condition inside the engine made the request fail, and the engine rolled back. A retry will succeed.
    Transient,
    /// The engine rejects a parameter.
    BadParameter,
    Other,
}

use Cause::*;

/// Determines why the engine refused a request: mainly from the engine's error message or, if the message is
/// inconclusive, from the HTTP status.
pub(crate) fn cause(operation: Operation, refusal: &Refusal) -> Cause {
    let message = Message::new(&refusal.message);
    let status = refusal.status;
    let by_message = || message.find(phrases(operation));
    let of_runtime = || {
        message
            .is_from_runtime()
            .then(|| message.find(&[RUNTIME]))
            .flatten()
    };
    let found = match operation {
        Operation::PullImage | Operation::PushImage => pull(status, message.text()),
        // Docker sends no logs of a container that is being removed.
        Operation::ReadLogs if status == 409 => Some(RemovalUnderWay),
        Operation::InspectImage => by_message().map(|_| NotFound),
        Operation::StartContainer | Operation::Exec => of_runtime().or_else(by_message),
        _ => by_message(),
    };
    found
        .or_else(|| by_status(operation, status))
        .or_else(|| message.find(&[ANYWHERE]))
        .or_else(|| is_refused_input(status, &message).then_some(BadParameter))
        .unwrap_or(Other)
}

fn by_status(operation: Operation, status: u16) -> Option<Cause> {
    match (operation, status) {
        (Operation::CreateContainer, 409) => Some(NameTaken),
        (Operation::CreateVolume | Operation::CreateNetwork, 409) => Some(NameTaken),
        // The engine does not know the requested driver.
        (Operation::CreateVolume | Operation::CreateNetwork, 404) => Some(BadParameter),
        (Operation::StopContainer | Operation::PauseContainer | Operation::Exec, 409) => Some(NotRunning),
        (Operation::RemoveContainer, 409) => Some(StillRunning),
        (Operation::RemoveImage | Operation::RemoveVolume | Operation::RemoveNetwork, 409) => Some(InUse),
        // Docker's status for a network that has containers.
        (Operation::RemoveNetwork, 403) => Some(InUse),
        (
            Operation::Read
            | Operation::WriteFiles
            | Operation::CreateContainer
            | Operation::PullImage
            | Operation::PushImage
            | Operation::BuildImage
            | Operation::ImportImage,
            _,
        ) => None,
        (_, 404) => Some(NotFound),
        _ => None,
    }
}

/// Returns whether the engine rejects part of the request as invalid. Docker reports this with HTTP status 400,
/// Podman with a phrase. A message of the OCI runtime does not count, because the runtime also uses this phrase if
/// the kernel lacks a feature.
fn is_refused_input(status: u16, message: &Message) -> bool {
    status == 400 || !message.is_from_runtime() && message.text().ends_with(": invalid argument")
}

/// Determines the cause of a failed pull or push. A registry's message may occur anywhere in the text, and engines
/// join the messages of several registries and mirrors. The only text from the user is the image's reference, which
/// contains no spaces. A phrase with spaces is therefore always the registry's. A single word could be the user's, so
/// it only counts if it is a whole part between colons.
fn pull(status: u16, text: &str) -> Option<Cause> {
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    let has_code = |code: &str| text.split(": ").any(|part| part.trim() == code);
    if status == 429 || has_code("toomanyrequests") || says(&[" rate limit", "429 too many requests"]) {
        return Some(RateLimited);
    }
    let denied = [
        "access denied",
        "authentication required",
        "access to the resource is denied",
        // Docker's message for a registry's 401 if it had no credentials.
        "no basic auth credentials",
        "incorrect username or password",
        "401 unauthorized",
        "403 forbidden",
    ];
    if has_code("denied") || has_code("unauthorized") || says(&denied) {
        return Some(AccessDenied);
    }
    let corrupt = [
        "verification failed for digest",
        "digest did not match",
        // Docker's message for an invalid manifest.
        "missing signature key",
    ];
    if says(&corrupt) {
        return Some(Corrupt);
    }
    let unreachable = [
        "dial tcp", "no such host", " i/o timeout", "tls handshake timeout",
    ];
    if says(&unreachable) {
        return Some(RegistryUnreachable);
    }
    let missing = [
        "manifest unknown", "name unknown", "repository does not exist", "repository name not known",
    ];
    (status == 404 || says(&missing)).then_some(ImageMissing)
}
