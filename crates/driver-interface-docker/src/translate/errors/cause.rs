use super::Operation;
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
    /// The folder a command is to run in.
    FolderMissing,
    UserNotFound,
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

/// Reads a refusal as a cause.
pub(crate) fn cause(operation: Operation, refusal: &Refusal) -> Cause {
    let text = refusal.message.to_ascii_lowercase();
    let status = refusal.status;
    let particular = match operation {
        Operation::Read => None,
        Operation::InspectContainer => container_lookup(status, &text),
        // Of a container that is being removed Docker sends no logs any more.
        Operation::ReadLogs if status == 409 => Some(Cause::RemovalUnderWay),
        Operation::ReadLogs => container_lookup(status, &text),
        Operation::CreateContainer => create(status, &text),
        Operation::StartContainer => start(status, &text),
        Operation::StopContainer | Operation::PauseContainer => stop(status, &text),
        Operation::Exec => exec(status, &text),
        Operation::RemoveContainer => remove(status, &text),
        // Podman's answer while somebody removes it is a 500.
        Operation::InspectImage => {
            (status == 404 || says(&text, &["image not known"])).then_some(Cause::NotFound)
        }
        Operation::PullImage => pull(status, &text),
        Operation::ImportImage => None,
        Operation::RemoveImage => match status {
            404 => Some(Cause::NotFound),
            409 => Some(Cause::InUse),
            _ => says(&text, &["image is in use"]).then_some(Cause::InUse),
        },
        Operation::InspectVolume => (status == 404).then_some(Cause::NotFound),
        Operation::CreateVolume | Operation::CreateNetwork => create_resource(status, &text),
        Operation::RemoveVolume | Operation::RemoveNetwork => remove_resource(status, &text),
    };
    particular
        .or_else(|| anywhere(status, &text))
        .unwrap_or(Cause::Other)
}

fn says(text: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| text.contains(phrase))
}

fn container_lookup(status: u16, text: &str) -> Option<Cause> {
    // An id's prefix that fits several containers is a client error, or Podman's 404 or 500; it names none.
    let ambiguous = says(text, &["multiple ids found", "more than one result"]);
    // Podman's answer while somebody removes it is a 500.
    let vanished = says(text, &["no such container"]);
    (status == 404 || ambiguous || vanished).then_some(Cause::NotFound)
}

fn create(status: u16, text: &str) -> Option<Cause> {
    if says(text, &["no such image", "image not known"]) {
        return Some(Cause::ImageMissing);
    }
    if says(text, &["bind source path does not exist"]) {
        return Some(Cause::MountSourceMissing);
    }
    if says(text, &["network not found"]) || (status == 404 && text.starts_with("network ")) {
        return Some(Cause::NetworkMissing);
    }
    if status == 409 || says(text, &["that name is already in use"]) {
        return Some(Cause::NameTaken);
    }
    if says(
        text,
        &["no command specified", "no command or entrypoint provided"],
    ) {
        return Some(Cause::NoCommand);
    }
    if says(text, &["storage-opt is supported only"]) {
        return Some(Cause::DiskQuotaUnsupported);
    }
    says(text, &["unknown runtime"]).then_some(Cause::UnknownRuntime)
}

fn start(status: u16, text: &str) -> Option<Cause> {
    if says(
        text,
        &[
            "unable to find user",
            "no matching entries in passwd",
            "unable to find group",
        ],
    ) {
        return Some(Cause::UserNotFound);
    }
    if let Some(command) = command(text) {
        return Some(command);
    }
    if says(text, &["network not found"]) || (says(text, &["network "]) && says(text, &[" not found"])) {
        return Some(Cause::NetworkMissing);
    }
    // Podman's answer while somebody removes it is a 500.
    if status == 404 || says(text, &["no such container"]) {
        return Some(Cause::NotFound);
    }
    if says(text, &["paused"]) {
        return Some(Cause::Paused);
    }
    if says(text, &["removal", "being removed", "marked for"]) {
        return Some(Cause::RemovalUnderWay);
    }
    // Docker finds a network by its name, and for a moment there are two: of who made one each, one undoes it.
    says(text, &["container state improper", "is ambiguous"]).then_some(Cause::WrongState)
}

fn exec(status: u16, text: &str) -> Option<Cause> {
    if says(text, &["chdir to cwd", "getcwd"]) {
        return Some(Cause::FolderMissing);
    }
    let state = [
        "is not running",
        "is paused",
        "container not running",
        "only create exec sessions on running",
        "container state improper",
        "is restarting",
        // The runtime's words, when the container ends between the engine's look and the start of the command. They
        // go on with "container" or "state".
        "cannot exec in a stopped",
        "cannot exec in a deleted",
        "cannot exec in a paused",
    ];
    // And those of what runs it for Docker.
    let ended = text.starts_with("task ") && text.ends_with(" not found: not found");
    if status == 404 || says(text, &["no such exec"]) {
        return Some(Cause::NotFound);
    }
    // Both engines say of program and user what they say at a start.
    (status == 409 || ended || says(text, &state))
        .then_some(Cause::NotRunning)
        .or_else(|| start(status, text))
}

/// What the runtime says of a program that it could not execute.
fn command(text: &str) -> Option<Cause> {
    let not_found = "attempted to invoke a command that was not found";
    if says(text, &["executable file not found", not_found]) {
        return Some(Cause::CommandNotFound);
    }
    let executing = says(
        text,
        &[
            "exec: ",
            "exec /",
            "exec \"",
            "starting container process",
            "oci permission denied",
        ],
    );
    if !executing {
        return None;
    }
    if says(text, &["no such file or directory"]) {
        return Some(Cause::CommandNotFound);
    }
    says(
        text,
        &["permission denied", "exec format error", "is a directory"],
    )
    .then_some(Cause::CommandNotExecutable)
}

fn stop(status: u16, text: &str) -> Option<Cause> {
    match status {
        404 => Some(Cause::NotFound),
        409 => Some(Cause::NotRunning),
        _ if says(
            text,
            &[
                "is not running",
                "is not paused",
                "can only kill running",
                "cannot resume a running process",
            ],
        ) =>
        {
            Some(Cause::NotRunning)
        }
        _ => says(text, &["container state improper"]).then_some(Cause::WrongState),
    }
}

fn remove(status: u16, text: &str) -> Option<Cause> {
    match status {
        404 => Some(Cause::NotFound),
        409 if says(text, &["in progress"]) => Some(Cause::RemovalUnderWay),
        409 => Some(Cause::StillRunning),
        _ if says(text, &["no such container"]) => Some(Cause::NotFound),
        _ => says(
            text,
            &["cannot be removed without force", "container state improper"],
        )
        .then_some(Cause::StillRunning),
    }
}

fn pull(status: u16, text: &str) -> Option<Cause> {
    if status == 429 || says(text, &["toomanyrequests", "rate limit"]) {
        return Some(Cause::RateLimited);
    }
    if says(
        text,
        &[
            "access denied",
            "unauthorized",
            "authentication required",
            "access to the resource is denied",
            // What Docker makes of a registry's 401 when it was given nobody to ask as.
            "no basic auth credentials",
            "incorrect username or password",
            ": denied",
        ],
    ) || text == "denied"
    {
        return Some(Cause::AccessDenied);
    }
    let corrupt = [
        "verification failed for digest",
        "digest did not match",
        // What Docker makes of a manifest that is none.
        "missing signature key",
    ];
    if says(text, &corrupt) {
        return Some(Cause::Corrupt);
    }
    let unreachable = ["dial tcp", "no such host", "i/o timeout", "tls handshake timeout"];
    if says(text, &unreachable) {
        return Some(Cause::RegistryUnreachable);
    }
    let missing = [
        "manifest unknown",
        "name unknown",
        "repository does not exist",
        "repository name not known",
    ];
    (status == 404 || says(text, &missing)).then_some(Cause::ImageMissing)
}

fn create_resource(status: u16, text: &str) -> Option<Cause> {
    if status == 409 || says(text, &["already exists", "already used"]) {
        return Some(Cause::NameTaken);
    }
    let exhausted = [
        "address pool",
        "pools have been fully subnetted",
        "could not find free subnet",
        "no free subnet",
    ];
    if says(text, &exhausted) {
        return Some(Cause::AddressesExhausted);
    }
    // Docker looks at each of the host's interfaces, and one of them went away meanwhile.
    if says(text, &["no such network interface"]) {
        return Some(Cause::Passing);
    }
    // An unknown driver or option.
    let unknown = [
        "plugin",
        "unsupported driver",
        "invalid argument",
        "unsupported bridge network option",
    ];
    (status == 404 || status == 400 || says(text, &unknown)).then_some(Cause::BadParameter)
}

fn remove_resource(status: u16, text: &str) -> Option<Cause> {
    match status {
        404 => Some(Cause::NotFound),
        409 => Some(Cause::InUse),
        // Podman's answer while somebody else removes it is a 500.
        _ if says(text, &["no such volume", "network not found"]) => Some(Cause::NotFound),
        _ => says(text, &["active endpoints", "is being used", "volume is in use"]).then_some(Cause::InUse),
    }
}

fn anywhere(status: u16, text: &str) -> Option<Cause> {
    if says(text, &["no space left on device"]) {
        return Some(Cause::NoSpace);
    }
    if says(text, &["port is already allocated", "address already in use"]) {
        return Some(Cause::PortInUse);
    }
    (status == 400 || says(text, &[": invalid argument"]) && !says(text, &["oci runtime error"]))
        .then_some(Cause::BadParameter)
}
