use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Effect;

macro_rules! hints {
    ($(
        $(#[$doc:meta])*
        $name:ident = $code:literal, retry: $retry:literal, effect: $effect:expr,
        remedy: $remedy:literal,
        user: $user:expr;
    )*) => {
        /// A well-known cause of an error, with a remedy.
        ///
        /// A hint set by `with_hint` can also override two defaults of the error's class. Some hints rule out a retry
        /// ([`rules_out_retry`](Hint::rules_out_retry)). Most hints set the [`effect`](Hint::effect), because they
        /// mean that the engine refused the call before doing anything. A value set by `with_retryable` or
        /// `with_effect` overrides both the hint and the class.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum Hint {
            $($(#[$doc])* $name,)*
        }

        impl Hint {
            /// All hints, for documentation and tests.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Returns the stable name in kebab-case, as in the serialised form.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// Returns the remedy: a sentence that fits after "hint:", in lower case without a final period.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)* }
            }

            /// Returns whether a retry can succeed only after the cause has been removed.
            pub fn rules_out_retry(self) -> bool {
                match self { $(Self::$name => !$retry,)* }
            }

            /// Returns the effect that this cause implies for the failed call. Returns `None` if the cause implies no
            /// effect.
            pub fn effect(self) -> Option<Effect> {
                match self { $(Self::$name => $effect,)* }
            }

            /// Returns the message for end users, or `None` if the error class's own message is specific enough.
            pub(crate) fn user_sentence(self) -> Option<&'static str> {
                match self { $(Self::$name => $user,)* }
            }
        }
    };
}

hints! {
    /// The engine has no free subnet for another network.
    ///
    /// A retry may help, because other sessions free subnets when they end.
    AddressPoolsExhausted = "address-pools-exhausted", retry: true, effect: Some(Effect::NotApplied),
    remedy: "remove unused networks (`docker network prune`), or add more `default-address-pools` to the \
             engine's daemon.json",
    user: Some("The container service has no room for another network.");

    /// The image does not exist, or access is denied: registries do not distinguish the two.
    ImageUnavailable = "image-unavailable", retry: false, effect: Some(Effect::NotApplied),
    remedy: "check the image's name and tag, and log in to its registry (`docker login`) if it is private",
    user: Some("The image does not exist, or there is no permission to use it.");

    /// The image is not present, and the pull policy forbids pulling it.
    PullForbidden = "pull-forbidden", retry: false, effect: Some(Effect::NotApplied),
    remedy: "pull or load the image first, or let the driver pull it: `PullPolicy::Missing`",
    user: Some("The image has not been downloaded yet.");

    /// The driver's namespace has no such resource.
    NotFoundHere = "not-found-here", retry: false, effect: Some(Effect::NotApplied),
    remedy: "check which resources exist (`list_containers`, `list_volumes`, `list_networks`): a driver \
             finds only resources of its own namespace, by full id; `find_container` and `find_network` find \
             them by name",
    user: None;

    /// The response was lost or late, so the engine may or may not have carried out the call.
    VerifyFirst = "verify-first", retry: true, effect: None,
    remedy: "check whether the call took effect before retrying; repeating a creation is safe with the same \
             operation key",
    user: None;

    /// The engine has no container runtime with the requested name.
    UnknownRuntime = "unknown-runtime", retry: false, effect: Some(Effect::NotApplied),
    remedy: "install the runtime and register it with the engine, or leave `runtime` unset to use the \
             engine's default",
    user: None;

    /// The engine's storage cannot limit a container's disk space.
    DiskQuotaUnsupported = "disk-quota-unsupported", retry: false, effect: Some(Effect::NotApplied),
    remedy: "leave the disk limit unset, or move the engine to storage with quotas (overlay2 on xfs \
             mounted with `pquota`)",
    user: Some("The container service cannot limit disk space.");

    /// The user that runs the calling program has no permission to open the engine's socket.
    SocketPermission = "socket-permission", retry: false, effect: Some(Effect::NotApplied),
    remedy: "add your user to the `docker` group and log in again, or run rootless Docker or Podman and point \
             DOCKER_HOST at its socket",
    user: Some("This program is not allowed to use the container service.");

    /// No process listens at the engine's address.
    ///
    /// A retry may help, because a restarting engine listens again within seconds.
    EngineNotRunning = "engine-not-running", retry: true, effect: Some(Effect::NotApplied),
    remedy: "start the engine (`sudo systemctl start docker`, Docker Desktop, or `podman system service`), and \
             check that DOCKER_HOST points at it",
    user: Some("The container service is not running.");

    /// The engine's newest API version is older than the driver requires.
    ApiTooOld = "api-too-old", retry: false, effect: Some(Effect::NotApplied),
    remedy: "upgrade the engine to a release that supports the API version this driver needs",
    user: Some("The container service is too old for this program.");

    /// The engine's oldest API version is newer than the driver supports.
    ApiTooNew = "api-too-new", retry: false, effect: Some(Effect::NotApplied),
    remedy: "upgrade this driver: the engine no longer supports the API version it uses",
    user: Some("The container service is too new for this program.");

    /// The name is already in use by another resource.
    NameTaken = "name-taken", retry: false, effect: Some(Effect::NotApplied),
    remedy: "choose another name, or remove the resource that uses it first",
    user: Some("That name is already in use.");

    /// The host port is already in use.
    ///
    /// A retry may help, because a container that is being stopped frees its port within moments.
    PortInUse = "port-in-use", retry: true, effect: Some(Effect::NotApplied),
    remedy: "publish another host port (if unset, the engine picks a free one), or stop the process that \
             listens on this one",
    user: Some("A required network port is already in use.");

    /// The registry's rate limit for pulls is exceeded.
    RateLimited = "rate-limited", retry: true, effect: Some(Effect::NotApplied),
    remedy: "wait until the registry's limit resets, log in (`docker login`) for a higher limit, or pull through a \
             mirror",
    user: Some("Too many downloads in a short time; please try again later.");

    /// The engine cannot reach the image's registry.
    ///
    /// A retry may help, because networks and registries recover.
    RegistryUnreachable = "registry-unreachable", retry: true, effect: Some(Effect::NotApplied),
    remedy: "check the registry's name and the network of the engine's host; without a registry, load the image \
             (`docker load`) and use `PullPolicy::Never`",
    user: Some("The image could not be downloaded: its registry cannot be reached.");

    /// Neither the config nor the image defines a command to run.
    NoCommand = "no-command", retry: false, effect: Some(Effect::NotApplied),
    remedy: "set `command` in the config: the image has neither an entrypoint nor a command",
    user: None;

    /// The image has no program with the requested name.
    CommandNotFound = "command-not-found", retry: false, effect: Some(Effect::NotApplied),
    remedy: "check the command's spelling and that the image contains the program; use its absolute path if it \
             is not on the image's PATH",
    user: Some("The program to run does not exist in the container.");

    /// The program exists but cannot be executed.
    CommandNotExecutable = "command-not-executable", retry: false, effect: Some(Effect::NotApplied),
    remedy: "make the file executable (`chmod +x`), and check its interpreter line and its architecture",
    user: Some("The program to run exists in the container but cannot be executed.");

    /// The working directory does not exist or is not a directory.
    WorkingDirNotFound = "working-dir-not-found", retry: false, effect: Some(Effect::NotApplied),
    remedy: "set a working directory that exists in the image, or create it in the image",
    user: Some("The program's working directory does not exist.");

    /// The program has no permission to read, write or change a file or another resource.
    PermissionDenied = "permission-denied", retry: false, effect: None,
    remedy: "give the file or directory an owner or mode that the container's user can use, or run the container \
             as another user or with the capability it needs (the default is `1000:1000` with no capabilities)",
    user: None;

    /// The program writes to the root file system, which is read-only.
    ReadOnlyRoot = "read-only-root", retry: false, effect: None,
    remedy: "mount a volume or a tmpfs where the program writes, or make the root file system writable \
             (`security.readOnly: false`)",
    user: None;

    /// The container ran out of memory.
    OutOfMemory = "out-of-memory", retry: true, effect: None,
    remedy: "give the container more memory (`resources.memory`), or have the program use less",
    user: Some("The program has run out of memory.");

    /// The engine is not permitted to set one of the container's ulimits.
    UlimitRefused = "ulimit-refused", retry: false, effect: Some(Effect::NotApplied),
    remedy: "request a lower ulimit, or raise the limits of the engine's own service (such as `LimitNOFILE` of its \
             systemd unit)",
    user: None;

    /// The image has no user with the requested name.
    UserNotFound = "user-not-found", retry: false, effect: Some(Effect::NotApplied),
    remedy: "use a numeric user such as `1000:1000`, or add the user to the image's /etc/passwd",
    user: None;

    /// A container is using the volume, network or image.
    ///
    /// If the error's class is retryable, a retry may help once that container is removed.
    InUse = "in-use", retry: true, effect: Some(Effect::NotApplied),
    remedy: "stop and remove the containers that use it first",
    user: Some("It cannot be removed while it is in use.");

    /// The container did not exit in time, or must exit before the call can succeed.
    ///
    /// A retry may help, because a stop that took too long may succeed with more time.
    StillRunning = "still-running", retry: true, effect: Some(Effect::NotApplied),
    remedy: "stop the container first, give it a longer timeout, or use `force` to kill it",
    user: Some("The container is still running.");

    /// The request exceeds the driver's limits.
    RaiseLimit = "raise-limit", retry: false, effect: None,
    remedy: "request less, or raise the limit in the driver's options",
    user: None;

    /// The driver did something that it should never do.
    ReportBug = "report-bug", retry: false, effect: None,
    remedy: "this is a bug in the driver: please report it, with the debug output of this error",
    user: None;

    /// The source of a mount does not exist.
    MissingMountSource = "missing-mount-source", retry: false, effect: Some(Effect::NotApplied),
    remedy: "create the volume, directory or file to mount, or correct the mount's source",
    user: Some("The storage that the container needs does not exist.");

    /// A network that the container should join does not exist.
    MissingNetwork = "missing-network", retry: false, effect: Some(Effect::NotApplied),
    remedy: "create the network that the container should join, or correct its name",
    user: Some("The network that the container needs does not exist.");

    /// The engine's disk is full.
    ///
    /// A retry may help once the disk has free space. The hint implies no effect, because a disk can become full in
    /// the middle of an operation.
    NoSpaceLeft = "no-space-left", retry: true, effect: None,
    remedy: "free space on the engine's disk: remove unused containers, images and volumes (`docker system \
             df` shows the disk usage)",
    user: Some("The container service has run out of disk space.");
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
