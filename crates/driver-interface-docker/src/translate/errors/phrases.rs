//! The engines' phrases, by operation.
//!
//! The phrases are taken from the sources of moby, podman, runc and crun, and from responses of running engines if
//! possible. The tests contain a message for each phrase.

use super::Cause::*;
use super::Operation;
use super::message::{Phrase, begins, between, ends};

#[rustfmt::skip]
const IMAGE: &[Phrase] = &[
    begins("no such image: ", ImageMissing),
    ends(": image not known", ImageMissing),
    ends(": no such image", ImageMissing),
];

#[rustfmt::skip]
const CREATE: &[Phrase] = &[
    begins("invalid mount config for type \"bind\": bind source path does not exist: ", MountSourceMissing),
    between("statfs ", ": no such file or directory", MountSourceMissing),
    between("cannot mkdir: ", " is not a directory", WorkingDirMissing),
    ends(": that name is already in use", NameTaken),
    begins("no command specified", NoCommand),
    begins("no command or entrypoint provided", NoCommand),
    ends("--storage-opt is supported only for overlay over xfs with 'pquota' mount option", DiskQuotaUnsupported),
    begins("unknown runtime specified ", UnknownRuntime),
    begins("unknown or invalid runtime name: ", UnknownRuntime),
];

#[rustfmt::skip]
const COMMIT: &[Phrase] = &[
    begins("commitfailure: invalid change ", BadParameter),
];

#[rustfmt::skip]
const NETWORK: &[Phrase] = &[
    between("network ", " not found", NetworkMissing),
    between("could not find a network matching network mode ", " not found", NetworkMissing),
    ends(": network not found", NetworkMissing),
    // Docker finds a network by its name. If two processes create it, both networks exist until one is rolled back.
    between("network ", " matches found on name)", WrongState),
];

#[rustfmt::skip]
const CONTAINER: &[Phrase] = &[
    begins("no such container: ", NotFound),
    ends(": no such container", NotFound),
    // The given id prefix matches several containers, and so identifies none.
    begins("multiple ids found with provided prefix: ", NotFound),
    begins("more than one result for container id ", NotFound),
];

#[rustfmt::skip]
const LOGS: &[Phrase] = &[
    begins("configured logging driver does not support reading", LogsUnreadable),
    ends("cannot read logs: this container is not logging output", LogsUnreadable),
];

#[rustfmt::skip]
const USER: &[Phrase] = &[
    begins("unable to find user ", UserNotFound),
    begins("unable to find group ", UserNotFound),
];

/// The errors of runc and crun about a program, its working directory and its limits.
#[rustfmt::skip]
pub(super) const RUNTIME: &[Phrase] = &[
    // runc
    between("exec: \"", ": executable file not found in $path", CommandNotFound),
    between("exec: \"", ": no such file or directory", CommandNotFound),
    between("exec: \"", ": not a directory", CommandNotFound),
    between("exec: \"", ": permission denied", CommandNotExecutable),
    between("exec: \"", ": is a directory", CommandNotExecutable),
    between("exec: \"", ": exec format error", CommandNotExecutable),
    between("chdir to cwd (\"", "\") set in config.json failed: no such file or directory", WorkingDirMissing),
    between("chdir to cwd (\"", "\") set in config.json failed: not a directory", WorkingDirMissing),
    between("chdir to cwd (\"", "\") set in config.json failed: permission denied", WorkingDirDenied),
    begins("error setting rlimits for ready process: ", UlimitRefused),
    begins("error setting rlimit type ", UlimitRefused),
    // crun
    between("executable file `", ": no such file or directory", CommandNotFound),
    between("the path `", "` exists but it is not executable: operation not permitted", CommandNotExecutable),
    between("the path `", "` is not a regular file: operation not permitted", CommandNotExecutable),
    between("open executable: ", "permission denied", CommandNotExecutable),
    between("open executable: ", "operation not permitted", CommandNotExecutable),
    between("open executable: ", "no such file or directory", CommandNotFound),
    between("chdir to `", "`: no such file or directory", WorkingDirMissing),
    between("chdir to `", "`: not a directory", WorkingDirMissing),
    between("chdir to `", "`: permission denied", WorkingDirDenied),
    between("getcwd: ", "no such file or directory", WorkingDirMissing),
    begins("setrlimit `", UlimitRefused),
];

#[rustfmt::skip]
const START: &[Phrase] = &[
    between("workdir \"", "\" does not exist on container", WorkingDirMissing),
    between("workdir \"", ", but is not a directory", WorkingDirMissing),
    begins("cannot start a paused container", Paused),
    begins("container is marked for removal and cannot be started", RemovalUnderWay),
    between("cannot start container ", " as it is being removed: container state improper", RemovalUnderWay),
    ends("container state improper", WrongState),
];

#[rustfmt::skip]
const EXEC: &[Phrase] = &[
    begins("no such exec instance", NotFound),
    ends(": no such exec session", NotFound),
    between("container ", " is not running", NotRunning),
    between("container ", " is paused, unpause the container before exec", NotRunning),
    between("container ", " is restarting, wait until the container is running", NotRunning),
    begins("cannot exec in a container that is not running; ", NotRunning),
    ends("container state improper", NotRunning),
    // From containerd, which runs the runtime for Docker.
    between("task ", " not found: not found", NotRunning),
    // From the runtimes if the container exits between the engine's check and the start of the command. runc
    // continues with "container" or "state".
    begins("cannot exec in a stopped ", NotRunning),
    begins("cannot exec in a deleted ", NotRunning),
    begins("cannot exec in a paused ", NotRunning),
    begins("container not running", NotRunning),
    between("the container `", "` is not running", NotRunning),
    between("the container `", "` is paused", NotRunning),
];

#[rustfmt::skip]
const STOP: &[Phrase] = &[
    between("container ", " is not running", NotRunning),
    between("container ", " is not paused", NotRunning),
    ends("\" is not running, can't pause: container state improper", NotRunning),
    ends("\" is not paused, can't unpause: container state improper", NotRunning),
    begins("can only kill running containers. ", NotRunning),
    between("cannot unpause container ", ": cannot resume a running process: unknown", NotRunning),
    ends("container state improper", WrongState),
];

#[rustfmt::skip]
const REMOVE: &[Phrase] = &[
    between("removal of container ", " is already in progress", RemovalUnderWay),
    ends("container state improper", StillRunning),
    // Podman's kill arrived when the container had just exited.
    between("cannot remove container ", ": container state improper: stopped", StillRunning),
];

#[rustfmt::skip]
const REMOVE_IMAGE: &[Phrase] = &[
    // Docker's status is 500 if another client removes the image at the same time.
    begins("unrecognized image id ", NotFound),
    ends(": image is in use by a container", InUse),
    ends(": image is in use by a container: consider listing external containers and force-removing image", InUse),
];

#[rustfmt::skip]
const CREATE_RESOURCE: &[Phrase] = &[
    between("network with name ", " already exists", NameTaken),
    ends(": network already exists", NameTaken),
    ends(": volume already exists", NameTaken),
    begins("could not find an available, non-overlapping ipv4 address pool among the defaults", AddressesExhausted),
    begins("all predefined address pools have been fully subnetted", AddressesExhausted),
    begins("could not find free subnet from subnet pools", AddressesExhausted),
    // Docker inspects each of the host's interfaces, and one of them disappeared in the meantime.
    ends(": no such network interface", Transient),
    begins("pool overlaps with other one on this address space", BadParameter),
    between("subnet ", " is already used on the host or by another config", BadParameter),
    begins("unsupported driver ", BadParameter),
    begins("unsupported bridge network option ", BadParameter),
    ends(": required plugin missing", BadParameter),
];

#[rustfmt::skip]
const REMOVE_RESOURCE: &[Phrase] = &[
    // If another client removes the volume concurrently, Podman responds with a 500.
    ends(": no such volume", NotFound),
    ends("network not found", NotFound),
    ends(": network is being used", InUse),
    ends(": volume is being used", InUse),
];

#[rustfmt::skip]
pub(super) const ANYWHERE: &[Phrase] = &[
    ends("no space left on device", NoSpace),
    ends("no space left on device): exit status 1", NoSpace),
    ends(": port is already allocated", PortInUse),
    ends(": address already in use", PortInUse),
];

/// Returns the phrases of an operation, in order of precedence.
pub(super) fn phrases(operation: Operation) -> &'static [&'static [Phrase]] {
    match operation {
        Operation::Read
        | Operation::WriteFiles
        | Operation::PullImage
        | Operation::ImportImage
        | Operation::InspectVolume
        | Operation::BuildImage
        | Operation::PushImage => &[],
        Operation::InspectContainer => &[CONTAINER],
        Operation::ReadLogs => &[CONTAINER, LOGS],
        Operation::CreateContainer => &[IMAGE, CREATE, NETWORK],
        Operation::StartContainer => &[USER, NETWORK, CONTAINER, START],
        Operation::StopContainer | Operation::PauseContainer => &[STOP],
        Operation::Exec => &[EXEC, USER, CONTAINER],
        Operation::RemoveContainer => &[REMOVE, CONTAINER],
        Operation::InspectImage => &[IMAGE],
        Operation::TagImage => &[IMAGE],
        Operation::CommitContainer => &[COMMIT, CONTAINER],
        Operation::RemoveImage => &[REMOVE_IMAGE],
        Operation::CreateVolume | Operation::CreateNetwork => &[CREATE_RESOURCE],
        Operation::RemoveVolume | Operation::RemoveNetwork => &[REMOVE_RESOURCE],
    }
}

#[cfg(test)]
pub(super) fn all_phrases() -> impl Iterator<Item = &'static Phrase> {
    use Operation::*;
    let operations = [
        InspectContainer, CreateContainer, StartContainer, StopContainer, Exec, RemoveContainer,
        InspectImage, RemoveImage, CreateNetwork, RemoveNetwork, CommitContainer,
    ];
    let tables = operations.into_iter().flat_map(phrases).copied();
    tables.chain([RUNTIME, ANYWHERE]).flatten()
}
