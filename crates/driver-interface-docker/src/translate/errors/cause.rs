use super::Operation;
use super::message::Message;
use super::phrases::{ANYWHERE, RUNTIME, phrases};
use crate::wire::Refusal;

/// A well-known cause of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The thing itself is not there.
    NotFound,
    ImageMissing,
    NetworkMissing,
    MountSourceMissing,
    NameTaken,
    InUse,
    /// A container has to end first.
    StillRunning,
    Paused,
    NotRunning,
    /// Somebody else is removing it at this moment.
    RemovalUnderWay,
    /// Podman's word for any state that does not fit the operation.
    WrongState,
    /// Neither the request nor the image names one.
    NoCommand,
    CommandNotFound,
    CommandNotExecutable,
    /// The folder a program is to run in is not there, or is none.
    WorkingDirMissing,
    /// The folder a program is to run in is closed to its user.
    WorkingDirDenied,
    UserNotFound,
    /// The engine may not grant a ulimit.
    UlimitRefused,
    AddressesExhausted,
    DiskQuotaUnsupported,
    UnknownRuntime,
    PortInUse,
    NoSpace,
    AccessDenied,
    RateLimited,
    RegistryUnreachable,
    /// What the registry has is no image, or not the one of its digest.
    Corrupt,
    /// The engine was caught in a race of its own, undid what it had begun, and will do it next time.
    Passing,
    /// The engine does not take what was asked.
    BadParameter,
    Other,
}

use Cause::*;

/// Reads a refusal as a cause: by the engine's own words, and where these do not tell, by the status.
pub(crate) fn cause(operation: Operation, refusal: &Refusal) -> Cause {
    let message = Message::new(&refusal.message);
    let status = refusal.status;
    let by_words = || message.find(phrases(operation));
    let of_runtime = || {
        message
            .is_from_runtime()
            .then(|| message.find(&[RUNTIME]))
            .flatten()
    };
    let found = match operation {
        Operation::PullImage => pull(status, message.text()),
        // Of a container that is being removed Docker sends no logs any more.
        Operation::ReadLogs if status == 409 => Some(RemovalUnderWay),
        Operation::InspectImage => by_words().map(|_| NotFound),
        Operation::StartContainer | Operation::Exec => of_runtime().or_else(by_words),
        _ => by_words(),
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
        // An unknown driver.
        (Operation::CreateVolume | Operation::CreateNetwork, 404) => Some(BadParameter),
        (Operation::StopContainer | Operation::PauseContainer | Operation::Exec, 409) => Some(NotRunning),
        (Operation::RemoveContainer, 409) => Some(StillRunning),
        (Operation::RemoveImage | Operation::RemoveVolume | Operation::RemoveNetwork, 409) => Some(InUse),
        // Docker, of a network that has containers.
        (Operation::RemoveNetwork, 403) => Some(InUse),
        (
            Operation::Read
            | Operation::WriteFiles
            | Operation::CreateContainer
            | Operation::PullImage
            | Operation::ImportImage,
            _,
        ) => None,
        (_, 404) => Some(NotFound),
        _ => None,
    }
}

/// Whether the engine does not take what was asked: a status of Docker, a word of Podman. A runtime says the same of a
/// kernel that cannot do something.
fn is_refused_input(status: u16, message: &Message) -> bool {
    status == 400 || !message.is_from_runtime() && message.text().ends_with(": invalid argument")
}

/// What engines and registries say of a pull. Words of a registry may stand anywhere, and are passed on with what several
/// registries and mirrors said. The user's own text in them is the image's reference, which has no spaces: so
/// phrases of several words are the registry's, and single words count only as a whole part between colons.
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
        // What Docker makes of a registry's 401 when it was given nobody to ask as.
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
        // What Docker makes of a manifest that is none.
        "missing signature key",
    ];
    if says(&corrupt) {
        return Some(Corrupt);
    }
    let unreachable = [
        "dial tcp",
        "no such host",
        " i/o timeout",
        "tls handshake timeout",
    ];
    if says(&unreachable) {
        return Some(RegistryUnreachable);
    }
    let missing = [
        "manifest unknown",
        "name unknown",
        "repository does not exist",
        "repository name not known",
    ];
    (status == 404 || says(&missing)).then_some(ImageMissing)
}
