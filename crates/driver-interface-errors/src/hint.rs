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
        /// Names a well-known cause, and tells the user exactly what to do about it.
        ///
        /// A hint is more than text. Set by `with_hint`, it settles what the error's class leaves open:
        /// some causes make a retry pointless ([`rules_out_retry`](Hint::rules_out_retry)), and most
        /// mean that the engine refused before it did anything ([`effect`](Hint::effect)). What is set
        /// with `with_retryable` or `with_effect` wins over both.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum Hint {
            $($(#[$doc])* $name,)*
        }

        impl Hint {
            /// Every hint, for documentation and tests.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable name in kebab-case, as in the serialised form.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What to do next: a sentence that fits after "hint:", in lower case without a final period.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)* }
            }

            /// Whether trying the same call again cannot help until somebody changes something.
            pub fn rules_out_retry(self) -> bool {
                match self { $(Self::$name => !$retry,)* }
            }

            /// What this cause says about the effect of the call; `None` where it says nothing.
            pub fn effect(self) -> Option<Effect> {
                match self { $(Self::$name => $effect,)* }
            }

            /// The sentence for end users, where the cause says more than the error's class does.
            pub(crate) fn user_sentence(self) -> Option<&'static str> {
                match self { $(Self::$name => $user,)* }
            }
        }
    };
}

hints! {
    /// The engine has no free subnet for another network.
    ///
    /// Leaves retryability alone: other sessions free subnets as they end.
    AddressPoolsExhausted = "address-pools-exhausted", retry: true, effect: Some(Effect::NotApplied),
    remedy: "remove networks that nobody uses (`docker network prune`), or give the engine more \
             `default-address-pools` in its daemon.json",
    user: Some("The container service has no room for another network.");

    /// There is no such image, or no access to it: registries do not tell the two apart.
    ImageUnavailable = "image-unavailable", retry: false, effect: Some(Effect::NotApplied),
    remedy: "check the image's name and tag, and log in to its registry (`docker login`) if it is private",
    user: Some("The image does not exist, or there is no permission to use it.");

    /// The image is not there, and the pull policy forbids to get it.
    PullForbidden = "pull-forbidden", retry: false, effect: Some(Effect::NotApplied),
    remedy: "pull or load the image first, or let the driver pull it: `PullPolicy::Missing`",
    user: Some("The image is not there yet.");

    /// This driver has made no such thing.
    NotFoundHere = "not-found-here", retry: false, effect: Some(Effect::NotApplied),
    remedy: "look at what there is (`list_containers`, `list_volumes`, `list_networks`): a driver finds only what \
             its own namespace made, by its whole id or exact name",
    user: None;

    /// The answer was lost or late, so the engine may have done it or not.
    VerifyFirst = "verify-first", retry: true, effect: None,
    remedy: "look whether it was done before trying again; repeating a creation is safe with the same operation key",
    user: None;

    /// The engine knows no container runtime of that name.
    UnknownRuntime = "unknown-runtime", retry: false, effect: Some(Effect::NotApplied),
    remedy: "install the runtime and register it with the engine, or leave it unset to use the engine's default",
    user: None;

    /// The engine's storage cannot limit the disk space of a container.
    DiskQuotaUnsupported = "disk-quota-unsupported", retry: false, effect: Some(Effect::NotApplied),
    remedy: "leave the disk limit unset, or move the engine's storage to one with quotas (overlay2 on xfs \
             mounted with `pquota`)",
    user: Some("The container service cannot limit disk space.");

    /// This user may not open the engine's socket.
    SocketPermission = "socket-permission", retry: false, effect: Some(Effect::NotApplied),
    remedy: "add your user to the `docker` group and log in again, or run rootless Docker or Podman and point \
             DOCKER_HOST at its socket",
    user: Some("This program is not allowed to use the container service.");

    /// Nothing listens where the engine should be.
    ///
    /// Leaves retryability alone: an engine that restarts is back within seconds.
    EngineNotRunning = "engine-not-running", retry: true, effect: Some(Effect::NotApplied),
    remedy: "start the engine (`sudo systemctl start docker`, Docker Desktop, or `podman system service`), and \
             check that DOCKER_HOST points at it",
    user: Some("The container service is not running.");

    /// The engine's newest API version is older than the driver needs.
    ApiTooOld = "api-too-old", retry: false, effect: Some(Effect::NotApplied),
    remedy: "upgrade the engine to a release that serves the API version this driver needs",
    user: Some("The container service is too old for this program.");

    /// The engine's oldest API version is newer than the driver speaks.
    ApiTooNew = "api-too-new", retry: false, effect: Some(Effect::NotApplied),
    remedy: "upgrade this driver: the engine no longer serves the API version it speaks",
    user: Some("The container service is too new for this program.");

    /// Something else has that name already.
    NameTaken = "name-taken", retry: false, effect: Some(Effect::NotApplied),
    remedy: "choose another name, or remove what has this one first",
    user: Some("That name is already in use.");

    /// The host port is taken.
    ///
    /// Leaves retryability alone: a predecessor that is just stopping frees its port within moments.
    PortInUse = "port-in-use", retry: true, effect: Some(Effect::NotApplied),
    remedy: "publish another host port (0 picks a free one), or stop what listens on this one",
    user: Some("A network port that is needed is already in use.");

    /// The registry refuses further pulls for a while.
    RateLimited = "rate-limited", retry: true, effect: Some(Effect::NotApplied),
    remedy: "wait until the registry's limit resets, log in (`docker login`) for a higher one, or pull through a \
             mirror",
    user: Some("Too many downloads in a short time; please try again later.");

    /// The engine cannot reach the image's registry.
    ///
    /// Leaves retryability alone: networks and registries come back.
    RegistryUnreachable = "registry-unreachable", retry: true, effect: Some(Effect::NotApplied),
    remedy: "check the registry's name and the network of the engine's host; without a registry, load the image \
             (`docker load`) and use `PullPolicy::Never`",
    user: Some("The image could not be downloaded: its registry cannot be reached.");

    /// Nothing says what the container is to run.
    NoCommand = "no-command", retry: false, effect: Some(Effect::NotApplied),
    remedy: "give the config a `command`: the image has neither an entrypoint nor a command of its own",
    user: None;

    /// The image has no program of that name.
    CommandNotFound = "command-not-found", retry: false, effect: Some(Effect::NotApplied),
    remedy: "check the command's spelling and that the image contains the program; give its absolute path if it \
             is not on the image's PATH",
    user: Some("The program to run does not exist in the container.");

    /// The program is there, but cannot be executed.
    CommandNotExecutable = "command-not-executable", retry: false, effect: Some(Effect::NotApplied),
    remedy: "make the file executable (`chmod +x`), and check its interpreter line and its architecture",
    user: Some("The program to run exists in the container but cannot be executed.");

    /// The folder that a program is to run in is not there, or is no folder.
    WorkingDirNotFound = "working-dir-not-found", retry: false, effect: Some(Effect::NotApplied),
    remedy: "name a working directory that the image contains, or create it in the image",
    user: Some("The folder that the program is to run in does not exist.");

    /// A program may not read, write or change something.
    PermissionDenied = "permission-denied", retry: false, effect: None,
    remedy: "give the file or folder an owner or mode that the container's user can use, or run the container as another \
             user or with the capability it needs (the default is `1000:1000` with no capabilities)",
    user: None;

    /// A program writes to the root file system, which is read-only.
    ReadOnlyRoot = "read-only-root", retry: false, effect: None,
    remedy: "mount a volume or a tmpfs where the program writes, or make the root file system writable \
             (`security.readOnly: false`)",
    user: None;

    /// The memory of the container was used up.
    OutOfMemory = "out-of-memory", retry: true, effect: None,
    remedy: "give the container more memory (`resources.memory`), or have the program use less",
    user: Some("The program has run out of memory.");

    /// The engine may not grant a ulimit of the container.
    UlimitRefused = "ulimit-refused", retry: false, effect: Some(Effect::NotApplied),
    remedy: "ask for a lower ulimit, or raise the limits of the engine's own service (such as `LimitNOFILE` of its \
             systemd unit)",
    user: None;

    /// The image knows no user of that name.
    UserNotFound = "user-not-found", retry: false, effect: Some(Effect::NotApplied),
    remedy: "use a numeric user such as `1000:1000`, or add the user to the image's /etc/passwd",
    user: None;

    /// A container still uses the volume, network or image.
    ///
    /// Leaves retryability alone: what can be retried may work once the user of it has gone.
    InUse = "in-use", retry: true, effect: Some(Effect::NotApplied),
    remedy: "stop and remove the containers that use it first",
    user: Some("It cannot be removed while it is in use.");

    /// The container did not end, or has to end first.
    ///
    /// Leaves retryability alone: a stop that took too long may work with more time.
    StillRunning = "still-running", retry: true, effect: Some(Effect::NotApplied),
    remedy: "stop the container first, give it a longer timeout, or use `force` to kill it",
    user: Some("The container is still running.");

    /// More was asked for than the driver's limits allow.
    RaiseLimit = "raise-limit", retry: false, effect: None,
    remedy: "ask for less, or raise the limit in the driver's options",
    user: None;

    /// The driver did something it never should.
    ReportBug = "report-bug", retry: false, effect: None,
    remedy: "this is a bug in the driver: please report it, with the debug output of this error",
    user: None;

    /// What is to be mounted does not exist.
    MissingMountSource = "missing-mount-source", retry: false, effect: Some(Effect::NotApplied),
    remedy: "create the volume, directory or file that is to be mounted, or correct the mount's source",
    user: Some("The storage that the container needs does not exist.");

    /// A network that the container is to join does not exist.
    MissingNetwork = "missing-network", retry: false, effect: Some(Effect::NotApplied),
    remedy: "create the network that the container is to join, or correct its name",
    user: Some("The network that the container needs does not exist.");

    /// The engine's disk is full.
    ///
    /// Leaves retryability alone, and the effect too: a full disk strikes in the middle of the work.
    NoSpaceLeft = "no-space-left", retry: true, effect: None,
    remedy: "free space on the engine's disk: remove containers, images and volumes that nobody uses (`docker \
             system df` shows where it went)",
    user: Some("The container service has run out of disk space.");
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
