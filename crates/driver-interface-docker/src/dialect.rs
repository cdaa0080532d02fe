//! The differences between Docker and Podman that the driver cannot detect from the engine's responses.

use std::borrow::Cow;
use std::time::Duration;

use driver_interface_types::VolumeOwner;

use crate::translate::exec::{ExecRecord, Phase};

/// The behaviour of one kind of engine, Docker or Podman, where the two kinds differ. The driver's code checks these
/// fields, never the kind of the engine.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent, and all combinations are valid"
)]
pub(crate) struct Dialect {
    pub(crate) product: &'static str,
    /// Whether the engine has Podman's own endpoints besides Docker's.
    pub(crate) libpod: bool,

    /// Whether a container on one network reliably cannot reach the containers on other networks.
    ///
    /// On Docker, this is `true`, and even the containers of the default network cannot reach each other. Podman
    /// cannot isolate containers within a network, so each session has its own default network, and every network has
    /// the option `isolate`. When the last container of *any* isolated network exits, Podman's network backend drops
    /// the isolation rules of all networks. Until the next container starts, containers of different networks can
    /// reach each other by address (seen with netavark 1.4 and iptables).
    pub(crate) isolates_networks: bool,
    /// Whether each session needs a default network of its own.
    pub(crate) network_per_session: bool,
    /// Whether the engine refuses to create a container whose network does not exist yet.
    pub(crate) creation_needs_network: bool,
    /// The option that isolates a bridge network from other networks, or `None` if no option is needed.
    pub(crate) isolation_option: Option<(&'static str, &'static str)>,
    /// The option that the driver sets on its default network.
    pub(crate) default_network_option: (&'static str, &'static str),

    /// Whether the engine has an option for the owner of a new volume. Docker has no such option. Instead, when
    /// Docker creates a container, an empty volume gets the owner of the image's directory at the mount point.
    pub(crate) takes_volume_owner: bool,

    /// Whether the engine applies the mode and owner of an archive's root entry to the directory into which it
    /// unpacks the archive.
    pub(crate) unpacks_root: bool,

    /// Whether the engine runs health checks. Podman uses systemd timers, which are usually unavailable where
    /// Podman's API service runs.
    pub(crate) runs_health_checks: bool,
    /// Whether the API accepts the text of a seccomp profile. Podman instead expects the path of a file on its host.
    pub(crate) takes_seccomp_text: bool,
    /// Whether a config can select the OCI runtime of its container.
    pub(crate) selects_runtime: bool,
    /// Whether a tmpfs mount can have a numeric owner and group. Podman can only make the container's user the owner.
    /// By default, Podman also copies the image's files to the mount.
    pub(crate) numeric_tmpfs_owner: bool,
    /// The ulimits to add if a config sets other ulimits, but not these. Without them, Podman sets the missing
    /// ulimits to 1048576. If this value exceeds the limit of Podman's service, the container fails to start.
    pub(crate) other_ulimits: &'static [(&'static str, u64)],
    /// Whether a container that the driver has stopped stays stopped, whatever the container's restart policy. Podman
    /// 4 restarts the container, because it does not treat the driver's stop signal as a request to stop.
    pub(crate) keeps_stopped: bool,
    /// Whether the engine supports `host-gateway` in a container's extra hosts, and replaces it by the host's
    /// address.
    pub(crate) knows_host_gateway: bool,
    /// Texts in the engine's error message that show that a container could not be created because the engine has no
    /// init program. Podman reports a missing init program only when a container is created.
    init_errors: &'static [&'static str],

    /// Whether the engine returns the right lines when only the end of a log is requested. Podman miscounts and joins
    /// lines if a line is longer than 8 KiB or unfinished.
    pub(crate) tail_works: bool,
    /// How long a followed log is certain to be complete after the driver has seen the container running. `None`
    /// means that a followed log is always complete. Podman stops its log reader a quarter of a second after the
    /// container exits, or immediately if the container is not running. Shortly before it stops, the log reader skips
    /// entries at random.
    pub(crate) follow_min_uptime: Option<Duration>,

    /// Whether the engine sends the response headers of `/events` immediately. Podman sends the headers only together
    /// with the first event.
    pub(crate) sends_event_headers_early: bool,
    /// Whether the engine soon discards past events. Docker keeps only the last few hundred events, and loses them when
    /// it restarts. Podman keeps all events for a long time.
    pub(crate) discards_events: bool,
    /// How long after a container's exit the engine may still report that the container ran out of memory. `None`
    /// means that the engine never reports this after the exit. Docker receives exits and out-of-memory events over
    /// different channels. On a busy host, the out-of-memory event came up to half a second after the exit in 5 of
    /// 100 cases. In these cases, Docker 20.10 does not record the event in the container's state.
    pub(crate) late_out_of_memory: Option<Duration>,

    /// Whether the engine reports the progress of a pull. Podman is silent while it copies a layer.
    pub(crate) reports_pull_progress: bool,
    /// Whether the engine's archives contain the files' owners. Podman archives every file as owned by root.
    pub(crate) packs_owners: bool,
    /// Whether the engine's archive API sees tmpfs mounts of a running container. Podman enters the container's mount
    /// namespace. Docker only sees the directory underneath the mount.
    pub(crate) archives_tmpfs: bool,
    /// The directories, such as `/proc` or `/sys`, whose contents the engine leaves out of archives.
    left_out: &'static [&'static str],
    /// Whether the engine interprets file paths as glob patterns. Podman passes the paths of stat and archive requests
    /// to Go's `filepath.Glob`.
    globs_paths: bool,

    /// Whether the engine records the exit of a detached exec. Podman 4 continues to report the command as running.
    pub(crate) records_detached_exit: bool,
    /// How long a command must have been running before the driver forwards the command's input. `None` means no
    /// delay. Podman begins to read a command's output only after starting the command. If the command exits before
    /// all of its input is consumed, Podman stops reading and loses the remaining output.
    pub(crate) input_delay: Option<Duration>,
    /// Whether the engine appends its own error message to a command's output if the engine stopped reading the
    /// output too early.
    appends_error_to_output: bool,
    /// Determines the phase of a command from the engine's record of it.
    pub(crate) exec_phase: fn(&ExecRecord) -> Phase,
}

impl Dialect {
    pub(crate) const DOCKER: &'static Self = &Self {
        product: "Docker",
        libpod: false,
        isolates_networks: true,
        network_per_session: false,
        creation_needs_network: false,
        isolation_option: None,
        default_network_option: ("com.docker.network.bridge.enable_icc", "false"),
        takes_volume_owner: false,
        unpacks_root: false,
        runs_health_checks: true,
        takes_seccomp_text: true,
        selects_runtime: true,
        numeric_tmpfs_owner: true,
        other_ulimits: &[],
        keeps_stopped: true,
        knows_host_gateway: true,
        init_errors: &[],
        tail_works: true,
        follow_min_uptime: None,
        sends_event_headers_early: true,
        discards_events: true,
        late_out_of_memory: Some(Duration::from_secs(1)),
        reports_pull_progress: true,
        packs_owners: true,
        archives_tmpfs: false,
        left_out: &[],
        globs_paths: false,
        records_detached_exit: true,
        input_delay: None,
        appends_error_to_output: false,
        exec_phase: ExecRecord::phase_on_docker,
    };

    pub(crate) const PODMAN: &'static Self = &Self {
        product: "Podman",
        libpod: true,
        isolates_networks: false,
        network_per_session: true,
        creation_needs_network: true,
        isolation_option: Some(("isolate", "true")),
        default_network_option: ("isolate", "true"),
        takes_volume_owner: true,
        unpacks_root: true,
        runs_health_checks: false,
        takes_seccomp_text: false,
        selects_runtime: false,
        numeric_tmpfs_owner: false,
        // These are far above what most programs use, and low enough that most Podman services may set them.
        other_ulimits: &[("nproc", 32_768), ("nofile", 16_384)],
        keeps_stopped: false,
        knows_host_gateway: false,
        init_errors: &["catatonit", "init binary"],
        tail_works: false,
        follow_min_uptime: Some(Duration::from_millis(200)),
        sends_event_headers_early: false,
        discards_events: false,
        late_out_of_memory: None,
        reports_pull_progress: false,
        packs_owners: false,
        archives_tmpfs: true,
        left_out: &["dev", "proc", "sys"],
        globs_paths: true,
        records_detached_exit: false,
        input_delay: Some(Duration::from_millis(30)),
        appends_error_to_output: true,
        exec_phase: ExecRecord::phase_on_podman,
    };

    /// The dialect of Podman 5: the dialect of Podman 4, except for the differences observed so far.
    pub(crate) const PODMAN_5: &'static Self = &Self {
        records_detached_exit: true,
        keeps_stopped: true,
        knows_host_gateway: true,
        ..*Self::PODMAN
    };

    /// Returns the options that make `owner` the owner of a new volume, or `None` if the engine has no such options.
    /// The options include `nocopy`, because Podman would otherwise copy the image's files to the volume, even if the
    /// mount forbids copying.
    pub(crate) fn volume_options(&self, owner: VolumeOwner) -> Option<[(&'static str, String); 2]> {
        let VolumeOwner { uid, gid } = owner;
        let options = [
            ("o", format!("uid={uid},gid={gid}")),
            ("nocopy", "true".to_owned()),
        ];
        self.takes_volume_owner.then_some(options)
    }

    /// Returns whether `message`, the error of a failed container creation, shows that the engine has no init program.
    pub(crate) fn lacks_init(&self, message: &str) -> bool {
        self.init_errors.iter().any(|phrase| message.contains(phrase))
    }

    /// Returns `path` in the form to send to the engine. If the engine interprets paths as patterns, the result is a
    /// pattern that matches only `path`. Podman rejects every path that contains a `*`, even an escaped `*`.
    /// Therefore each `*` is replaced by a character class that matches only `*`.
    pub(crate) fn pattern_of<'a>(&self, path: &'a str) -> Cow<'a, str> {
        if !self.globs_paths || !is_pattern(path) {
            return Cow::Borrowed(path);
        }
        let mut pattern = String::with_capacity(path.len() + 8);
        for letter in path.chars() {
            match letter {
                '*' => pattern.push_str("[^\u{1}-)+-\u{10ffff}]"),
                '?' | '[' | '\\' => pattern.extend(['\\', letter]),
                _ => pattern.push(letter),
            }
        }
        Cow::Owned(pattern)
    }

    /// Returns `path` in the form to send for a stat that must not follow a link in the last component. Podman does
    /// not follow a link if the last component is a pattern, so on Podman the last component of the result is a
    /// pattern. Without a pattern, Podman follows the link, and does not always report this.
    pub(crate) fn exact_path<'a>(&self, path: &'a str) -> Cow<'a, str> {
        let pattern = self.pattern_of(path);
        match path.rsplit_once('/') {
            Some((_, name)) if self.globs_paths && !name.is_empty() && !is_pattern(name) => {
                let above = pattern.len() - name.len();
                Cow::Owned(format!("{}\\{name}", pattern.get(..above).unwrap_or_default()))
            }
            _ => pattern,
        }
    }

    /// Returns whether a path is under a directory such as `/proc` or `/sys`, whose contents the engine leaves out of
    /// archives.
    pub(crate) fn leaves_out(&self, path: &str) -> bool {
        let first = path.split('/').nth(1).unwrap_or_default();
        self.left_out.contains(&first)
    }

    /// Returns where the engine's own error message begins in a command's output, or `None` if the output has no such
    /// message.
    pub(crate) fn engine_error(&self, output: &[u8]) -> Option<usize> {
        const BEGINS: &[u8] = b"Error: ";
        let last = output
            .strip_suffix(b"\n")
            .filter(|_| self.appends_error_to_output)?;
        let at = last.windows(BEGINS.len()).rposition(|window| window == BEGINS)?;
        let text = std::str::from_utf8(last.get(at + BEGINS.len()..)?).ok()?;
        let own = text.contains("unixpacket @->") && text.contains("/attach: ");
        (own && !text.contains('\n')).then_some(at)
    }
}

/// Returns whether a path contains glob pattern characters.
pub(crate) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '[', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn podman_pattern_matches_exactly_one_name() {
        let star = "[^\u{1}-)+-\u{10ffff}]";
        for (path, pattern, exact) in [
            ("/", "/", "/"),
            ("/a/b", "/a/b", "/a/\\b"),
            ("/a/[z]", "/a/\\[z]", "/a/\\[z]"),
            ("/a?/\\b", "/a\\?/\\\\b", "/a\\?/\\\\b"),
            ("/a?/b", "/a\\?/b", "/a\\?/\\b"),
            ("/a]b", "/a]b", "/\\a]b"),
            ("/*", &format!("/{star}"), &format!("/{star}")),
        ] {
            assert_eq!(Dialect::PODMAN.pattern_of(path), pattern);
            assert_eq!(Dialect::PODMAN.exact_path(path), exact);
            assert_eq!(Dialect::DOCKER.pattern_of(path), path);
            assert_eq!(Dialect::DOCKER.exact_path(path), path);
        }
    }

    #[test]
    fn distinguishes_podman_errors_from_command_output() {
        let podman = |text: &str| Dialect::PODMAN.engine_error(text.as_bytes());
        let own = "Error: write unixpacket @->/proc/self/fd/15/attach: write: broken pipe\n";
        assert_eq!(podman(own), Some(0));
        assert_eq!(podman(&format!("Error: mine\n{own}")), Some(12));
        let reset = "x Error: read unixpacket @->/proc/self/fd/16/attach: read: connection reset by peer\n";
        assert_eq!(podman(reset), Some(2));
        assert_eq!(podman("Error: write: broken pipe\n"), None);
        assert_eq!(podman(&format!("{own}more\n")), None);
        assert_eq!(podman(own.trim_end()), None);
        assert_eq!(podman(""), None);
        assert_eq!(Dialect::DOCKER.engine_error(own.as_bytes()), None);
    }
}
