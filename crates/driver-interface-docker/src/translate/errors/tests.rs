use driver_interface_errors::codes::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::wire::Refusal;

const ID: &str = "a4e01bafb3d5f784d368bb2ab1dbe85129b1863546dee22e9d70c1f8f7130c33";

/// A test case. It has the operation, the HTTP status and the message of the engine's response. The expected result
/// follows: the error code, whether the error is retryable, and its hint.
type Case = (Operation, u16, &'static str, &'static str, bool, Option<Hint>);

/// Responses recorded from Docker 20.10.24 and Podman 4.3.1, and the expected error for each. Text from the user is
/// marked. `«…»` stands for any text, and `‹…›` for the name of a resource, such as a container or an image.
#[rustfmt::skip]
const RECORDED: &[Case] = &{
    use Operation::*;
    [
        // Docker
        (InspectContainer, 404, "No such container: ‹nosuchthing›", CONTAINER_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (CreateContainer, 404, "No such image: ‹nosuch:1›", IMAGE_NOT_FOUND, false, Some(Hint::ImageUnavailable)),
        (CreateContainer, 409, "Conflict. The container name \"/‹x›\" is already in use by container \"80eecdf4\". You have to remove (or rename) that container to be able to reuse that name.", CONTAINER_CREATION_FAILED, false, Some(Hint::NameTaken)),
        (CreateContainer, 400, "No command specified", CONTAINER_CREATION_FAILED, false, Some(Hint::NoCommand)),
        (CreateContainer, 400, "Invalid container name («a b»), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", CONFIGURATION_ERROR, false, None),
        (CreateContainer, 400, "invalid mount config for type \"bind\": bind source path does not exist: «/nosuch/path»", CONTAINER_CREATION_FAILED, false, Some(Hint::MissingMountSource)),
        (CreateContainer, 500, "--storage-opt is supported only for overlay over xfs with 'pquota' mount option", CONTAINER_CREATION_FAILED, false, Some(Hint::DiskQuotaUnsupported)),
        (CreateContainer, 400, "Unknown runtime specified «nosuch»", CONTAINER_CREATION_FAILED, false, Some(Hint::UnknownRuntime)),
        (CreateContainer, 400, "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available", CONFIGURATION_ERROR, false, None),
        (CreateContainer, 400, "Minimum memory limit allowed is 6MB", CONFIGURATION_ERROR, false, None),
        (CreateContainer, 500, "driver failed", CONTAINER_CREATION_FAILED, true, None),
        (CreateContainer, 500, "write «/x»: no space left on device", CONTAINER_CREATION_FAILED, true, Some(Hint::NoSpaceLeft)),
        (StartContainer, 404, "network «nosuchnet» not found", CONTAINER_START_FAILED, false, Some(Hint::MissingNetwork)),
        (StartContainer, 400, "network «di-x» is ambiguous (2 matches found on name)", CONTAINER_START_FAILED, true, None),
        (StartContainer, 404, "No such container: ‹x›", CONTAINER_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (StartContainer, 400, "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"«/nosuch»\": stat «/nosuch»: no such file or directory: unknown", CONTAINER_START_FAILED, false, Some(Hint::CommandNotFound)),
        (StartContainer, 400, "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"«nosuch»\": executable file not found in $PATH: unknown", CONTAINER_START_FAILED, false, Some(Hint::CommandNotFound)),
        (StartContainer, 400, "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"«/etc/passwd»\": permission denied: unknown", CONTAINER_START_FAILED, false, Some(Hint::CommandNotExecutable)),
        (StartContainer, 500, "unable to find user «nosuchuser»: no matching entries in passwd file", CONTAINER_START_FAILED, false, Some(Hint::UserNotFound)),
        (StartContainer, 409, "cannot start a paused container, try unpause instead", CONTAINER_START_FAILED, false, None),
        (StartContainer, 500, "failed to create shim task: OCI runtime create failed: runc create failed: error setting cgroup config for procHooks process", CONTAINER_START_FAILED, true, None),
        (StartContainer, 500, "driver failed programming external connectivity: Bind for 0.0.0.0:80 failed: port is already allocated", CONTAINER_START_FAILED, true, Some(Hint::PortInUse)),
        (RemoveContainer, 409, "You cannot remove a running container a4e0. Stop the container before attempting removal or force remove", CONTAINER_REMOVE_FAILED, false, Some(Hint::StillRunning)),
        (RemoveContainer, 409, "You cannot remove a paused container a4e0. Unpause and then stop the container before attempting removal or force remove", CONTAINER_REMOVE_FAILED, false, Some(Hint::StillRunning)),
        (RemoveContainer, 404, "No such container: ‹nosuchthing›", CONTAINER_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (ReadLogs, 404, "No such container: ‹nosuch›", CONTAINER_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (ReadLogs, 409, "can not get logs from container which is dead or marked for removal", CONTAINER_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (ReadLogs, 501, "configured logging driver does not support reading", UNSUPPORTED_OPERATION, false, None),
        (ReadLogs, 500, "failed to obtain logs for Container c: this container is using the 'none' log driver, cannot read logs: this container is not logging output", UNSUPPORTED_OPERATION, false, None),
        (StopContainer, 404, "No such container: ‹x›", CONTAINER_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (InspectImage, 404, "no such image: ‹nosuch:1›: No such image: ‹nosuch:1›", IMAGE_NOT_FOUND, false, Some(Hint::ImageUnavailable)),
        (InspectImage, 500, "failed to convert ImageData to ImageInspect '‹localhost/a:1›': locating image with ID \"2955950c\": image not known", IMAGE_NOT_FOUND, false, Some(Hint::ImageUnavailable)),
        (PullImage, 500, "Head \"http://127.0.0.1:43429/v2/‹private›/manifests/1\": no basic auth credentials", IMAGE_PULL_FAILED, false, Some(Hint::ImageUnavailable)),
        (StartContainer, 500, "container 02a61b6b58ab does not exist in database: no such container", CONTAINER_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (PullImage, 404, "manifest for ‹127.0.0.1:5000/busybox:nosuch› not found: manifest unknown: manifest unknown", IMAGE_NOT_FOUND, false, Some(Hint::ImageUnavailable)),
        (PullImage, 404, "pull access denied for ‹nosuch›, repository does not exist or may require 'docker login': denied: requested access to the resource is denied", IMAGE_PULL_FAILED, false, Some(Hint::ImageUnavailable)),
        (PullImage, 500, "Get \"http://127.0.0.1:5999/v2/\": dial tcp 127.0.0.1:5999: connect: connection refused", IMAGE_PULL_FAILED, true, Some(Hint::RegistryUnreachable)),
        (PullImage, 500, "Get \"https://nosuchhost.invalid/v2/\": dial tcp: lookup ‹nosuchhost.invalid›: no such host", IMAGE_PULL_FAILED, true, Some(Hint::RegistryUnreachable)),
        (PullImage, 500, "denied", IMAGE_PULL_FAILED, false, Some(Hint::ImageUnavailable)),
        (PullImage, 200, "filesystem layer verification failed for digest sha256:5f70bf18", IMAGE_PULL_FAILED, false, None),
        (PullImage, 429, "toomanyrequests: You have reached your pull rate limit.", IMAGE_PULL_FAILED, true, Some(Hint::RateLimited)),
        (ImportImage, 500, "Error processing tar file(exit status 1): archive/tar: invalid tar header", IMAGE_IMPORT_FAILED, false, None),
        (RemoveImage, 409, "conflict: unable to remove repository reference \"‹x:1›\" (must force) - container 4ed5ddbd3e41 is using its referenced image e1ea48305e6e", IMAGE_REMOVE_FAILED, false, Some(Hint::InUse)),
        (RemoveImage, 500, "unrecognized image ID ‹sha256:afa536bf165d›", IMAGE_NOT_FOUND, false, Some(Hint::ImageUnavailable)),
        (RemoveImage, 404, "No such image: ‹x:1›", IMAGE_NOT_FOUND, false, Some(Hint::ImageUnavailable)),
        (TagImage, 404, "No such image: ‹x:1›", IMAGE_NOT_FOUND, false, Some(Hint::ImageUnavailable)),
        (PushImage, 200, "Get \"http://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused", IMAGE_PUSH_FAILED, true, Some(Hint::RegistryUnreachable)),
        (PushImage, 200, "denied: requested access to the resource is denied", IMAGE_PUSH_FAILED, false, Some(Hint::ImageUnavailable)),
        (CommitContainer, 404, "No such container: ‹x›", CONTAINER_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (CommitContainer, 400, "ENV requires at least one argument", CONFIGURATION_ERROR, false, None),
        (InspectVolume, 404, "get ‹nosuch›: no such volume", VOLUME_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (CreateVolume, 404, "create ‹v›: error looking up volume plugin «nosuch»: plugin \"«nosuch»\" not found", VOLUME_CREATION_FAILED, false, None),
        (RemoveVolume, 409, "remove ‹v›: volume is in use - [7b3a62a0]", VOLUME_REMOVE_FAILED, false, Some(Hint::InUse)),
        (RemoveVolume, 404, "get ‹v›: no such volume", VOLUME_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (CreateNetwork, 409, "network with name «n» already exists", NETWORK_CREATION_FAILED, false, Some(Hint::NameTaken)),
        (CreateNetwork, 404, "plugin \"«nosuch»\" not found", NETWORK_CREATION_FAILED, false, None),
        (CreateNetwork, 404, "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network", NETWORK_CREATION_FAILED, true, Some(Hint::AddressPoolsExhausted)),
        (CreateNetwork, 400, "all predefined address pools have been fully subnetted", NETWORK_CREATION_FAILED, true, Some(Hint::AddressPoolsExhausted)),
        (CreateNetwork, 500, "route ip+net: no such network interface", NETWORK_CREATION_FAILED, true, None),
        (RemoveNetwork, 403, "error while removing network: network «n» id 895c has active endpoints", NETWORK_REMOVE_FAILED, false, Some(Hint::InUse)),
        (RemoveNetwork, 404, "network «n» not found", NETWORK_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (Read, 401, "authorization required", AUTHENTICATION_FAILED, false, None),
        (Read, 403, "authorization denied by plugin p", AUTHORIZATION_FAILED, false, None),
        (Read, 500, "panic", CONNECTION_ERROR, true, None),
        (PauseContainer, 409, "Container a4e0 is not running", CONTAINER_NOT_RUNNING, false, None),
        (PauseContainer, 500, "Container a4e0 is not paused", CONTAINER_NOT_RUNNING, false, None),
        (PauseContainer, 404, "No such container: ‹x›", CONTAINER_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (Exec, 404, "No such container: ‹x›", CONTAINER_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (Exec, 409, "Container a4e0 is paused, unpause the container before exec", CONTAINER_NOT_RUNNING, false, None),
        (Exec, 400, "OCI runtime exec failed: exec failed: cannot exec in a stopped container: unknown", CONTAINER_NOT_RUNNING, false, None),
        (Exec, 400, "OCI runtime exec failed: exec failed: cannot exec in a stopped state: unknown", CONTAINER_NOT_RUNNING, false, None),
        (Exec, 500, "task 1eb4d021ecb9f7cf2d5f876e6df4d4e63e12dd156b3a5d8ea78ccb1e47e8ba6e not found: not found", CONTAINER_NOT_RUNNING, false, None),
        (Exec, 400, "OCI runtime exec failed: exec failed: unable to start container process: exec: \"«nosuchprog»\": executable file not found in $PATH: unknown", EXEC_FAILED, false, Some(Hint::CommandNotFound)),
        (Exec, 400, "OCI runtime exec failed: exec failed: unable to start container process: exec: \"«/etc/passwd»\": permission denied: unknown", EXEC_FAILED, false, Some(Hint::CommandNotExecutable)),
        (Exec, 400, "unable to find user «nosuchuser»: no matching entries in passwd file", EXEC_FAILED, false, Some(Hint::UserNotFound)),
        (Exec, 400, "OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd (\"«/nosuch»\") set in config.json failed: no such file or directory: unknown", EXEC_FAILED, false, Some(Hint::WorkingDirNotFound)),
        // Podman
        (RemoveVolume, 500, "no volume with name ‹v› found in database: no such volume", VOLUME_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (Exec, 500, "can only create exec sessions on running containers: container state improper", CONTAINER_NOT_RUNNING, false, None),
        (Exec, 409, "cannot exec in a container that is not running; container 1c8e is exited", CONTAINER_NOT_RUNNING, false, None),
        (Exec, 500, "unable to find user «nosuchuser»: no matching entries in passwd file", EXEC_FAILED, false, Some(Hint::UserNotFound)),
        (PauseContainer, 500, "\"exited\" is not running, can't pause: container state improper", CONTAINER_NOT_RUNNING, false, None),
        (InspectContainer, 404, "no container with name or ID \"‹nosuchthing›\" found: no such container", CONTAINER_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (InspectContainer, 404, "more than one result for container ID 1: container already exists", CONTAINER_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (InspectContainer, 500, "more than one result for container ID 1: container already exists", CONTAINER_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (CreateContainer, 404, "no such image: docker.io/library/‹nosuch:1›: image not known", IMAGE_NOT_FOUND, false, Some(Hint::ImageUnavailable)),
        (CreateContainer, 500, "container create: creating container storage: the container name \"‹x›\" is already in use by 4570ae4a. You have to remove that container to be able to reuse that name: that name is already in use", CONTAINER_CREATION_FAILED, false, Some(Hint::NameTaken)),
        (CreateContainer, 500, "container create: no command or entrypoint provided, and no CMD or ENTRYPOINT from image", CONTAINER_CREATION_FAILED, false, Some(Hint::NoCommand)),
        (CreateContainer, 500, "container create: running container create option: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument", CONFIGURATION_ERROR, false, None),
        (CreateContainer, 500, "container create: unable to find network with name or ID «nosuchnet»: network not found", CONTAINER_CREATION_FAILED, false, Some(Hint::MissingNetwork)),
        (CreateContainer, 500, "container create: creating container storage: creating read-write layer with ID \"2933\": --storage-opt is supported only for overlay over xfs with 'pquota' mount option", CONTAINER_CREATION_FAILED, false, Some(Hint::DiskQuotaUnsupported)),
        (StartContainer, 500, "container bfb8 does not exist in database: no such container", CONTAINER_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (StartContainer, 500, "runc: runc create failed: unable to start container process: exec: \"«/nosuch»\": stat «/nosuch»: no such file or directory: OCI runtime attempted to invoke a command that was not found", CONTAINER_START_FAILED, false, Some(Hint::CommandNotFound)),
        (StartContainer, 500, "runc: runc create failed: unable to start container process: exec: \"«/etc/passwd»\": permission denied: OCI permission denied", CONTAINER_START_FAILED, false, Some(Hint::CommandNotExecutable)),
        (StartContainer, 500, "unable to find user «nosuchuser»: no matching entries in passwd file", CONTAINER_START_FAILED, false, Some(Hint::UserNotFound)),
        (StartContainer, 500, "runc: runc create failed: unable to start container process: error during container init: error setting cgroup config for procHooks process: failed to write \"1099511627776\": write /sys/fs/cgroup/pids/x/pids.max: invalid argument: OCI runtime error", CONTAINER_START_FAILED, true, None),
        (RemoveContainer, 500, "cannot remove container 9dff as it is running - running or paused containers cannot be removed without force: container state improper", CONTAINER_REMOVE_FAILED, false, Some(Hint::StillRunning)),
        (RemoveContainer, 500, "cannot remove container 9dff as it is paused - running or paused containers cannot be removed without force: container state improper", CONTAINER_REMOVE_FAILED, false, Some(Hint::StillRunning)),
        (RemoveContainer, 404, "no container with name or ID \"‹nosuchthing›\" found: no such container", CONTAINER_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (InspectImage, 404, "failed to find image ‹nosuch:1›: docker.io/library/‹nosuch:1›: No such image", IMAGE_NOT_FOUND, false, Some(Hint::ImageUnavailable)),
        (PullImage, 200, "initializing source docker://‹127.0.0.1:5000/busybox:nosuch›: reading manifest ‹nosuch› in ‹127.0.0.1:5000/busybox›: manifest unknown: manifest unknown", IMAGE_NOT_FOUND, false, Some(Hint::ImageUnavailable)),
        (PullImage, 200, "initializing source docker://‹127.0.0.1:5999/x:1›: pinging container registry 127.0.0.1:5999: Get \"https://127.0.0.1:5999/v2/\": dial tcp 127.0.0.1:5999: connect: connection refused", IMAGE_PULL_FAILED, true, Some(Hint::RegistryUnreachable)),
        (RemoveImage, 409, "image ‹x:1› is in use: image used by caaf210b: image is in use by a container: consider listing external containers and force-removing image", IMAGE_REMOVE_FAILED, false, Some(Hint::InUse)),
        (ImportImage, 500, "unable to import tarball: writing blob: adding layer with blob \"sha256:1dd0\": processing tar file(archive/tar: invalid tar header): exit status 1", IMAGE_IMPORT_FAILED, false, None),
        (TagImage, 404, "failed to find image ‹x:1›: ‹x:1›: image not known", IMAGE_NOT_FOUND, false, Some(Hint::ImageUnavailable)),
        (PushImage, 200, "trying to reuse blob sha256:66ae855f at destination: pinging container registry 127.0.0.1:1: Get \"https://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused", IMAGE_PUSH_FAILED, true, Some(Hint::RegistryUnreachable)),
        (CommitContainer, 404, "no container with name or ID \"‹nosuch›\" found: no such container", CONTAINER_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (CommitContainer, 500, "CommitFailure: invalid change \"«ENV»\" - must be formatted as KEY VALUE", CONFIGURATION_ERROR, false, None),
        (InspectVolume, 404, "volume with name ‹nosuch› not found: no such volume", VOLUME_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (CreateVolume, 500, "volume ‹v› uses volume plugin «nosuch» but it could not be retrieved: no volume plugin with name «nosuch» available: required plugin missing", VOLUME_CREATION_FAILED, false, None),
        (RemoveVolume, 409, "volume ‹v› is being used by the following container(s): f20afc1f: volume is being used", VOLUME_REMOVE_FAILED, false, Some(Hint::InUse)),
        (RemoveVolume, 404, "no volume with name \"‹v›\" found: no such volume", VOLUME_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (CreateNetwork, 500, "network name «n» already used: network already exists", NETWORK_CREATION_FAILED, false, Some(Hint::NameTaken)),
        (CreateNetwork, 409, "network name «n» already used: network already exists", NETWORK_CREATION_FAILED, false, Some(Hint::NameTaken)),
        (CreateNetwork, 500, "unsupported driver «nosuch»: invalid argument", NETWORK_CREATION_FAILED, false, None),
        (CreateNetwork, 500, "could not find free subnet from subnet pools", NETWORK_CREATION_FAILED, true, Some(Hint::AddressPoolsExhausted)),
        (RemoveNetwork, 500, "\"«n»\" has associated containers with it. Use -f to forcibly delete containers and pods: network is being used", NETWORK_REMOVE_FAILED, false, Some(Hint::InUse)),
        (RemoveNetwork, 404, "network not found", NETWORK_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        // Docker, with user text that resembles other messages
        (StartContainer, 400, "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"«paused prog: permission denied»\": executable file not found in $PATH: unknown", CONTAINER_START_FAILED, false, Some(Hint::CommandNotFound)),
        (StartContainer, 400, "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"«/dir»\": permission denied: unknown", CONTAINER_START_FAILED, false, Some(Hint::CommandNotExecutable)),
        (StartContainer, 400, "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"«/etc/plain/x»\": stat «/etc/plain/x»: not a directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type", CONTAINER_START_FAILED, false, Some(Hint::CommandNotFound)),
        (StartContainer, 400, "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"«/secret/prog»\": stat «/secret/prog»: permission denied: unknown", CONTAINER_START_FAILED, false, Some(Hint::CommandNotExecutable)),
        (StartContainer, 500, "unable to find group «nosuchgrp»: no matching entries in group file", CONTAINER_START_FAILED, false, Some(Hint::UserNotFound)),
        (StartContainer, 500, "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error setting rlimits for ready process: error setting rlimit type 7: operation not permitted: unknown", CONTAINER_START_FAILED, false, Some(Hint::UlimitRefused)),
        (StartContainer, 400, "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error mounting \"tmpfs\" to rootfs at \"«/etc/plain»\": mount tmpfs:«/etc/plain» (via /proc/self/fd/6), flags: 0xe: not a directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type", CONTAINER_START_FAILED, false, None),
        (StartContainer, 400, "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: open /proc/sys/net/nosuch/x: no such file or directory: unknown", CONTAINER_START_FAILED, false, None),
        (StartContainer, 500, "driver failed programming external connectivity on endpoint ‹web› (fec07a1941076cd17850e82c702124f3d880407716bbeee0756ea9715659167c): Error starting userland proxy: listen tcp4 127.0.0.1:59225: bind: address already in use", CONTAINER_START_FAILED, true, Some(Hint::PortInUse)),
        (StartContainer, 500, "driver failed programming external connectivity on endpoint ‹web› (1bab4c8cd4ae44de2487a3f25d0f249784955332133519005c8c9507d8a85405): Bind for 127.0.0.1:59225 failed: port is already allocated", CONTAINER_START_FAILED, true, Some(Hint::PortInUse)),
        (CreateContainer, 500, "Cannot mkdir: «/etc/plain» is not a directory", CONTAINER_CREATION_FAILED, false, Some(Hint::WorkingDirNotFound)),
        (CreateContainer, 400, "invalid CapAdd: unknown capability: \"«CAP_NOSUCH»\"", CONFIGURATION_ERROR, false, None),
        (Exec, 400, "OCI runtime exec failed: exec failed: unable to start container process: exec: \"«/no/prog»\": stat «/no/prog»: no such file or directory: unknown", EXEC_FAILED, false, Some(Hint::CommandNotFound)),
        (Exec, 400, "OCI runtime exec failed: exec failed: unable to start container process: exec: \"«paused prog: permission denied»\": executable file not found in $PATH: unknown", EXEC_FAILED, false, Some(Hint::CommandNotFound)),
        (Exec, 400, "OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd (\"«/etc/plain»\") set in config.json failed: not a directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type", EXEC_FAILED, false, Some(Hint::WorkingDirNotFound)),
        (Exec, 400, "unable to find group «nosuchgrp»: no matching entries in group file", EXEC_FAILED, false, Some(Hint::UserNotFound)),
        (Exec, 409, "Container ‹paused-web› is paused, unpause the container before exec", CONTAINER_NOT_RUNNING, false, None),
        (CreateNetwork, 403, "Pool overlaps with other one on this address space", NETWORK_CREATION_FAILED, false, None),
        (CreateVolume, 400, "create «a b»: \"«a b»\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path", VOLUME_CREATION_FAILED, false, None),
        // Podman with runc
        (StartContainer, 500, "runc: runc create failed: unable to start container process: exec: \"«/no/paused/prog»\": stat «/no/paused/prog»: no such file or directory: OCI runtime attempted to invoke a command that was not found", CONTAINER_START_FAILED, false, Some(Hint::CommandNotFound)),
        (StartContainer, 500, "runc: runc create failed: unable to start container process: exec: \"«paused prog: permission denied»\": executable file not found in $PATH: OCI permission denied", CONTAINER_START_FAILED, false, Some(Hint::CommandNotFound)),
        (StartContainer, 500, "runc: runc create failed: unable to start container process: exec: \"«/etc/plain/x»\": stat «/etc/plain/x»: not a directory: OCI runtime error", CONTAINER_START_FAILED, false, Some(Hint::CommandNotFound)),
        (StartContainer, 500, "runc: runc create failed: unable to start container process: exec: \"«/secret/prog»\": stat «/secret/prog»: permission denied: OCI permission denied", CONTAINER_START_FAILED, false, Some(Hint::CommandNotExecutable)),
        (StartContainer, 500, "runc: runc create failed: unable to start container process: error during container init: error setting rlimits for ready process: error setting rlimit type 7: operation not permitted: OCI permission denied", CONTAINER_START_FAILED, false, Some(Hint::UlimitRefused)),
        (StartContainer, 500, "runc: runc create failed: unable to start container process: error during container init: open /proc/sys/net/nosuch/x: no such file or directory: OCI runtime attempted to invoke a command that was not found", CONTAINER_START_FAILED, true, None),
        (StartContainer, 500, "runc: runc create failed: unable to start container process: error during container init: sethostname: invalid argument: OCI runtime error", CONTAINER_START_FAILED, true, None),
        (StartContainer, 500, "workdir \"«/etc/plain»\" exists on container 1fa967a3dc2742b7f4b1d63cad65207c7e46b05f921cca00d8db831fe6a9a096, but is not a directory", CONTAINER_START_FAILED, false, Some(Hint::WorkingDirNotFound)),
        (StartContainer, 500, "workdir \"«/no/paused/cwd»\" does not exist on container 1fa967a3dc2742b7f4b1d63cad65207c7e46b05f921cca00d8db831fe6a9a096", CONTAINER_START_FAILED, false, Some(Hint::WorkingDirNotFound)),
        (StartContainer, 500, "cannot listen on the TCP port: listen tcp4 127.0.0.1:47733: bind: address already in use", CONTAINER_START_FAILED, true, Some(Hint::PortInUse)),
        (Exec, 400, "runc: exec failed: unable to start container process: chdir to cwd (\"«/no/paused cwd»\") set in config.json failed: no such file or directory: OCI runtime attempted to invoke a command that was not found", EXEC_FAILED, false, Some(Hint::WorkingDirNotFound)),
        (Exec, 400, "runc: exec failed: unable to start container process: chdir to cwd (\"«/etc/plain»\") set in config.json failed: not a directory: OCI runtime error", EXEC_FAILED, false, Some(Hint::WorkingDirNotFound)),
        (Exec, 400, "runc: exec failed: unable to start container process: exec: \"«/dir»\": permission denied: OCI permission denied", EXEC_FAILED, false, Some(Hint::CommandNotExecutable)),
        (Exec, 409, "cannot create exec session as container 1fa967a3dc2742b7f4b1d63cad65207c7e46b05f921cca00d8db831fe6a9a096 is paused", CONTAINER_NOT_RUNNING, false, None),
        (PauseContainer, 500, "\"1fa967a3dc2742b7f4b1d63cad65207c7e46b05f921cca00d8db831fe6a9a096\" is not paused, can't unpause: container state improper", CONTAINER_NOT_RUNNING, false, None),
        (CreateNetwork, 500, "subnet 172.17.0.0/16 is already used on the host or by another config", NETWORK_CREATION_FAILED, false, None),
        (CreateVolume, 500, "invalid mount option «nosuch» for driver 'local': invalid argument", VOLUME_CREATION_FAILED, false, None),
        // Podman with crun 1.8
        (StartContainer, 500, "/usr/bin/crun: setrlimit `RLIMIT_NOFILE`: Operation not permitted: OCI permission denied", CONTAINER_START_FAILED, false, Some(Hint::UlimitRefused)),
    ]
};

/// Messages found in the sources of moby, podman, runc and crun, but not recorded from an engine.
#[rustfmt::skip]
const BY_SOURCE: &[Case] = &{
    use Operation::*;
    [
        (StartContainer, 500, "crun: executable file `«/no/prog»` not found: No such file or directory: OCI runtime attempted to invoke a command that was not found", CONTAINER_START_FAILED, false, Some(Hint::CommandNotFound)),
        (StartContainer, 500, "crun: executable file `«nosuch»` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found", CONTAINER_START_FAILED, false, Some(Hint::CommandNotFound)),
        (StartContainer, 500, "crun: the path `«/etc/plain»` exists but it is not executable: Operation not permitted: OCI permission denied", CONTAINER_START_FAILED, false, Some(Hint::CommandNotExecutable)),
        (StartContainer, 500, "crun: the path `«/dir»` is not a regular file: Operation not permitted: OCI permission denied", CONTAINER_START_FAILED, false, Some(Hint::CommandNotExecutable)),
        (StartContainer, 500, "crun: open executable: Operation not permitted: OCI permission denied", CONTAINER_START_FAILED, false, Some(Hint::CommandNotExecutable)),
        (StartContainer, 500, "crun: open executable: Permission denied: OCI permission denied", CONTAINER_START_FAILED, false, Some(Hint::CommandNotExecutable)),
        (StartContainer, 500, "crun: open executable: No such file or directory: OCI runtime attempted to invoke a command that was not found", CONTAINER_START_FAILED, false, Some(Hint::CommandNotFound)),
        (StartContainer, 500, "crun: chdir to `«/no/cwd»`: No such file or directory: OCI runtime attempted to invoke a command that was not found", CONTAINER_START_FAILED, false, Some(Hint::WorkingDirNotFound)),
        (Exec, 400, "crun: chdir to `«/no/cwd»`: No such file or directory: OCI runtime attempted to invoke a command that was not found", EXEC_FAILED, false, Some(Hint::WorkingDirNotFound)),
        (Exec, 400, "crun: getcwd: No such file or directory: OCI runtime attempted to invoke a command that was not found", EXEC_FAILED, false, Some(Hint::WorkingDirNotFound)),
        (Exec, 400, "crun: chdir to `«/etc/plain»`: Not a directory: OCI runtime error", EXEC_FAILED, false, Some(Hint::WorkingDirNotFound)),
        (Exec, 400, "crun: chdir to `«/secret»`: Permission denied: OCI permission denied", EXEC_FAILED, false, Some(Hint::PermissionDenied)),
        (Exec, 400, "crun: the container `‹web›` is not running: OCI runtime error", CONTAINER_NOT_RUNNING, false, None),
        (Exec, 400, "crun: the container `‹web›` is paused: OCI runtime error", CONTAINER_NOT_RUNNING, false, None),
        (StartContainer, 500, "crun: open `«/x»`: Permission denied: OCI permission denied", CONTAINER_START_FAILED, true, None),
        (Exec, 400, "OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd (\"«/secret»\") set in config.json failed: permission denied: unknown", EXEC_FAILED, false, Some(Hint::PermissionDenied)),
        (Exec, 400, "OCI runtime exec failed: exec failed: cannot exec in a paused container (use --ignore-paused to override): unknown", CONTAINER_NOT_RUNNING, false, None),
        (Exec, 400, "OCI runtime exec failed: exec failed: cannot exec in a deleted state: unknown", CONTAINER_NOT_RUNNING, false, None),
        (Exec, 500, "OCI runtime exec failed: exec failed: container not running: unknown", CONTAINER_NOT_RUNNING, false, None),
        (StartContainer, 400, "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: \"«/dir»\": is a directory: unknown: permission denied", CONTAINER_START_FAILED, false, Some(Hint::CommandNotExecutable)),
        (StartContainer, 400, "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"«/bin/badexec»\": exec format error: unknown", CONTAINER_START_FAILED, false, Some(Hint::CommandNotExecutable)),
        (StartContainer, 400, "OCI runtime create failed: container_linux.go:380: starting container process caused: exec: \"«nosuch»\": executable file not found in $PATH: unknown", CONTAINER_START_FAILED, false, Some(Hint::CommandNotFound)),
        (StartContainer, 500, "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error setting rlimit type 8: operation not permitted: unknown", CONTAINER_START_FAILED, false, Some(Hint::UlimitRefused)),
        (StartContainer, 500, "failed to set up container networking: driver failed programming external connectivity on endpoint ‹web› (fec07a19): failed to bind host port 127.0.0.1:80/tcp: address already in use", CONTAINER_START_FAILED, true, Some(Hint::PortInUse)),
        (StartContainer, 404, "failed to set up container networking: network «n» not found", CONTAINER_START_FAILED, false, Some(Hint::MissingNetwork)),
        (StartContainer, 404, "could not find a network matching network mode «n»: network «n» not found", CONTAINER_START_FAILED, false, Some(Hint::MissingNetwork)),
        (StartContainer, 500, "cannot start container 1fa967a3dc2742b7f4b1d63cad65207c7e46b05f921cca00d8db831fe6a9a096 as it is being removed: container state improper", CONTAINER_START_FAILED, true, None),
        (CreateContainer, 400, "unknown or invalid runtime name: «nosuch»", CONTAINER_CREATION_FAILED, false, Some(Hint::UnknownRuntime)),
        (CreateContainer, 500, "container create: statfs «/no/such»: no such file or directory", CONTAINER_CREATION_FAILED, false, Some(Hint::MissingMountSource)),
        (Exec, 404, "No such exec instance: 0123", CONTAINER_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (Exec, 500, "no exec session with ID 0123 found: no such exec session", CONTAINER_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (Exec, 409, "Container 1fa967a3dc2742b7f4b1d63cad65207c7e46b05f921cca00d8db831fe6a9a096 is restarting, wait until the container is running", CONTAINER_NOT_RUNNING, false, None),
        (Exec, 500, "Container 1fa967a3dc2742b7f4b1d63cad65207c7e46b05f921cca00d8db831fe6a9a096 is not running", CONTAINER_NOT_RUNNING, false, None),
        (InspectContainer, 400, "Multiple IDs found with provided prefix: 1", CONTAINER_NOT_FOUND, false, Some(Hint::NotFoundHere)),
        (PauseContainer, 500, "Cannot unpause container 1fa967a3dc2742b7f4b1d63cad65207c7e46b05f921cca00d8db831fe6a9a096: cannot resume a running process: unknown", CONTAINER_NOT_RUNNING, false, None),
        (RemoveImage, 500, "image used by caaf210b: image is in use by a container", IMAGE_REMOVE_FAILED, false, Some(Hint::InUse)),
        (CreateVolume, 500, "volume with name ‹v› already exists: volume already exists", VOLUME_CREATION_FAILED, false, Some(Hint::NameTaken)),
        (CreateNetwork, 500, "unsupported bridge network option «nosuch»", NETWORK_CREATION_FAILED, false, None),
        (PullImage, 200, "writing blob: adding layer with blob \"sha256:5f70\": processing tar file(write «/x»: no space left on device): exit status 1", IMAGE_PULL_FAILED, true, Some(Hint::NoSpaceLeft)),
        (PullImage, 200, "initializing source docker://‹unauthorized:denied›: reading manifest denied in unauthorized: toomanyrequests: You have reached your unauthenticated pull rate limit", IMAGE_PULL_FAILED, true, Some(Hint::RateLimited)),
    ]
};

/// Engine refusals, and the causes that drivers must derive from them. `{id}` stands for a container's id.
const STATES: &[(Operation, u16, &str, Cause)] = &{
    use Operation::*;
    [
        (
            StopContainer,
            409,
            "Cannot kill container: ‹web›: Container {id} is not running",
            Cause::NotRunning,
        ),
        (
            StopContainer,
            500,
            "Container {id} is not running",
            Cause::NotRunning,
        ),
        (
            StopContainer,
            500,
            "can only kill running containers. {id} is in state exited: container state improper",
            Cause::NotRunning,
        ),
        (
            StopContainer,
            500,
            "Container {id} is not paused",
            Cause::NotRunning,
        ),
        (
            StopContainer,
            500,
            "\"{id}\" is not paused, can't unpause: container state improper",
            Cause::NotRunning,
        ),
        (
            PauseContainer,
            500,
            "\"{id}\" is already paused: container state improper",
            Cause::WrongState,
        ),
        (
            StartContainer,
            500,
            "container {id} must be in Created or Stopped state to be started: container state improper",
            Cause::WrongState,
        ),
        (
            StartContainer,
            409,
            "Container is marked for removal and cannot be started.",
            Cause::RemovalUnderWay,
        ),
        (
            InspectContainer,
            500,
            "container {id} does not exist in database: no such container",
            Cause::NotFound,
        ),
        (
            RemoveContainer,
            409,
            "removal of container ‹web› is already in progress",
            Cause::RemovalUnderWay,
        ),
        (
            RemoveContainer,
            500,
            "cannot remove container {id} as it could not be stopped: sending SIGKILL to container {id}: container state \
             improper: stopped",
            Cause::StillRunning,
        ),
        (
            CreateNetwork,
            500,
            "route ip+net: no such network interface",
            Cause::Transient,
        ),
    ]
};

fn cases() -> impl Iterator<Item = &'static Case> {
    RECORDED.iter().chain(BY_SOURCE)
}

/// Returns the message without the marks around the user's text.
fn plain(message: &str) -> String {
    message.replace(['«', '»', '‹', '›'], "")
}

/// Returns the message with each `«…»` replaced by `text`, and each `‹…›` by a valid name derived from `text`.
fn with_text(message: &str, text: &str) -> String {
    let name: String = text
        .chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() || "_.-/:@".contains(c) => c,
            _ => '-',
        })
        .collect();
    let mut out = String::new();
    let mut rest = message;
    while let Some((before, marked)) = rest.split_once(['«', '‹']) {
        let (_, after) = marked.split_once(['»', '›']).unwrap();
        let is_name = rest[before.len()..].starts_with('‹');
        out.push_str(before);
        out.push_str(if is_name { &name } else { text });
        rest = after;
    }
    out + rest
}

#[test]
fn responses_map_to_driver_errors() {
    for (operation, status, message, code, retryable, hint) in cases() {
        let error = error(*operation, "x", EngineError::refused(*status, plain(message)));
        let got = (error.code(), error.is_retryable(), error.hint());
        assert_eq!(
            got,
            (*code, *retryable, *hint),
            "{operation:?} {status} {message}"
        );
        assert!(
            std::error::Error::source(&error).is_some(),
            "{operation:?} {status} {message}"
        );
    }
}

#[test]
fn refused_requests_are_not_applied() {
    for (operation, status, message, ..) in cases().filter(|(_, status, ..)| (400..500).contains(status)) {
        let error = error(*operation, "x", EngineError::refused(*status, plain(message)));
        assert_eq!(
            error.effect(),
            Effect::NotApplied,
            "{operation:?} {status} {message}"
        );
    }
}

#[test]
fn recognises_states_of_both_engines() {
    for (operation, status, message, expected) in STATES {
        let message = plain(message).replace("{id}", ID);
        let refusal = Refusal {
            status: *status,
            message,
        };
        assert_eq!(cause(*operation, &refusal), *expected, "{refusal:?}");
    }
}

#[test]
fn every_phrase_matches_a_recorded_message() {
    let states = STATES
        .iter()
        .map(|(operation, _, message, _)| (*operation, *message));
    let said: Vec<_> = cases()
        .map(|(operation, _, message, ..)| (*operation, *message))
        .chain(states)
        .map(|(_, message)| message::Message::new(&plain(message).replace("{id}", ID)))
        .collect();
    for phrase in phrases::all_phrases() {
        assert!(
            said.iter()
                .any(|message| phrase.fits(message.text()) || phrase.fits(message.without_id())),
            "{phrase:?}"
        );
    }
}

/// Names, paths and programs that resemble engine messages.
fn looks_like_an_engine() -> impl Strategy<Value = String> {
    let words: Vec<&'static str> = phrases::all_phrases()
        .flat_map(message::Phrase::words)
        .chain([
            ": ", "\"", "`", "\\\"", "paused", "unauthorized", "denied", "toomanyrequests", " rate limit",
            "dial tcp", "manifest unknown", ": OCI permission denied", ": OCI runtime error", ": unknown",
            "read-only", "removal", "OCI runtime create failed: ", "runc: ", "a4e01bafb3d5",
        ])
        .filter(|words| !words.is_empty())
        .collect();
    let piece = prop_oneof![4 => select(words).prop_map(str::to_owned), 1 => "[ -~]{0,8}"];
    vec(piece, 1..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn user_text_never_changes_the_cause(text in looks_like_an_engine()) {
        for (operation, status, message, ..) in cases() {
            let cause_of = |message: String| {
                cause(*operation, &Refusal { status: *status, message })
            };
            let said = with_text(message, &text);
            // A pull has no such text from the user: only an image reference, and otherwise messages of the registry.
            if *operation == Operation::PullImage && message.contains('«') {
                continue;
            }
            prop_assert_eq!(cause_of(said.clone()), cause_of(plain(message)), "{:?} {}", operation, said);
        }
    }
}

#[test]
fn id_like_image_name_is_an_image() {
    let refusal = Refusal {
        status: 404,
        message: "No such image: a4e01bafb3d5".to_owned(),
    };
    assert_eq!(cause(Operation::CreateContainer, &refusal), Cause::ImageMissing);
}

#[test]
fn container_name_is_not_a_state() {
    let message = "driver failed programming external connectivity on endpoint paused-web (fec07a1941076cd1): Bind for \
                   127.0.0.1:80 failed: port is already allocated";
    let error = error(
        Operation::StartContainer,
        "paused-web",
        EngineError::refused(500, message),
    );
    assert_eq!(error.hint(), Some(Hint::PortInUse));
    assert!(!error.message().contains("it is paused"), "{error}");
}

#[test]
fn unreachable_engine_means_not_applied() {
    let unreachable = |kind: std::io::ErrorKind| EngineError::Unreachable {
        address: "unix:///x".to_owned(),
        source: kind.into(),
    };
    let absent = error(
        Operation::CreateContainer,
        "x",
        unreachable(std::io::ErrorKind::NotFound),
    );
    assert_eq!(
        (absent.code(), absent.hint()),
        (CONNECTION_ERROR, Some(Hint::EngineNotRunning))
    );
    assert_eq!(
        (absent.effect(), absent.is_retryable()),
        (Effect::NotApplied, true)
    );
    let denied = error(
        Operation::Read,
        "x",
        unreachable(std::io::ErrorKind::PermissionDenied),
    );
    assert_eq!(
        (denied.code(), denied.hint()),
        (AUTHORIZATION_FAILED, Some(Hint::SocketPermission))
    );
    assert!(!denied.is_retryable());
}

#[test]
fn lost_response_leaves_effect_unknown() {
    for failure in [
        || EngineError::Broken("cut".into()),
        || EngineError::InvalidResponse("<html>".to_owned()),
    ] {
        let changed = error(Operation::StartContainer, "x", failure());
        assert_eq!(
            (changed.code(), changed.effect()),
            (CONNECTION_ERROR, Effect::Unknown)
        );
        let read = error(Operation::InspectContainer, "x", failure());
        assert_eq!(
            (read.code(), read.effect()),
            (CONNECTION_ERROR, Effect::NotApplied)
        );
    }
}

#[test]
fn engine_failure_is_not_a_file_error() {
    for (operation, effect) in [
        (Operation::Read, Effect::NotApplied),
        (Operation::WriteFiles, Effect::Unknown),
    ] {
        for (status, text) in [(502, "<html>"), (503, "")] {
            let error = error(operation, "x", EngineError::refused(status, text));
            assert_eq!((error.code(), error.effect()), ("CONNECTION_ERROR", effect));
        }
    }
}
