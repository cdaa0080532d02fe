//! The differences between Docker and Podman that no status code reveals, as facts about each of the two.

use std::borrow::Cow;
use std::time::Duration;

use driver_interface_types::VolumeOwner;

use crate::translate::exec::{ExecRecord, Phase};

/// The facts in which one kind of engine differs from the other. Code asks for the fact that it needs, never for
/// the kind.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and all combinations are valid"
)]
pub(crate) struct Dialect {
    pub(crate) product: &'static str,
    /// Whether the engine has Podman's own endpoints besides Docker's.
    pub(crate) libpod: bool,

    /// Whether networks reliably isolate their containers from other networks.
    ///
    /// On Docker they do, and no two containers of the default network can reach each other. Podman has no such
    /// option. There, each session has its own network, and every network is marked `isolate`. Podman's network
    /// backend drops the rule behind that mark whenever the last container of *any* isolated network exits, until
    /// the next one starts (seen with netavark 1.4 and iptables). In between, containers of different networks can
    /// reach each other by address.
    pub(crate) isolates_networks: bool,
    /// Whether each session needs a default network of its own.
    pub(crate) network_per_session: bool,
    /// Whether the engine refuses to create a container whose network does not exist yet.
    pub(crate) creation_needs_network: bool,
    /// The option that a bridge needs to isolate its containers from other networks.
    pub(crate) isolation_option: Option<(&'static str, &'static str)>,
    /// The option of the driver's default network.
    pub(crate) default_network_option: (&'static str, &'static str),

    /// Whether the engine takes the owner of a new volume as an option, which Podman does. Docker only copies the
    /// owner of the image's directory to an empty volume, when it creates a container that mounts the volume there.
    pub(crate) takes_volume_owner: bool,

    /// Whether the engine runs health checks. Podman does so with systemd timers, which most hosts of its service
    /// lack.
    pub(crate) runs_health_checks: bool,
    /// Whether the engine takes the text of a seccomp profile. Podman takes its path on the host of the service.
    pub(crate) takes_seccomp_text: bool,
    /// Whether a container can choose its runtime.
    pub(crate) selects_runtime: bool,
    /// Whether a tmpfs mount takes a numeric owner and group. Podman only takes whether the mount belongs to the
    /// container's user. By default it would also copy the image's files to the mount.
    pub(crate) numeric_tmpfs_owner: bool,
    /// The process limit to send along with any other ulimit. Otherwise Podman would set one of 1048576 itself,
    /// and a container whose limit exceeds that of Podman's service does not start. This value is far above what
    /// the pids limit lets a container have, and most services are allowed to set it.
    pub(crate) process_limit: Option<u64>,
    /// What the engine writes if a creation failed because it has no init program. Podman only notices this late.
    init_errors: &'static [&'static str],

    /// Whether the engine counts whole lines from the end of a log. If a line is longer than 8 KiB or unfinished,
    /// Podman counts wrongly and joins lines.
    pub(crate) tail_works: bool,
    /// How long after a container was seen running a followed log is guaranteed to be complete; `None` if it
    /// always is. Podman stops its log reader a quarter of a second after the container exits, or
    /// immediately if it is not running. The reader then skips entries at random before it stops.
    pub(crate) follow_min_uptime: Option<Duration>,

    /// Whether a request for events is answered before the first event. Podman does not, but keeps all events
    /// until they are requested.
    pub(crate) sends_event_headers_early: bool,
    /// Whether the engine may have discarded past events. Docker keeps a few hundred events and none across its
    /// own restart. Podman keeps all of them for a long time.
    pub(crate) discards_events: bool,
    /// How long after a container's exit the engine may still learn that it ran out of memory; `None` if it never
    /// learns this later. Docker is notified of the two over different channels. On a busy machine, in 5 of 100
    /// cases it learned of the exit first and of the out-of-memory event up to half a second later (seen with
    /// 20.10, which then no longer writes it to the container's record).
    pub(crate) late_out_of_memory: Option<Duration>,

    /// Whether archives contain the files' owners. Podman sets every owner to root while archiving.
    pub(crate) packs_owners: bool,
    /// Whether the engine reads and writes the tmpfs mounts of a running container. Podman enters the container's
    /// namespaces for it. Docker sees the files underneath the mount.
    pub(crate) archives_tmpfs: bool,
    /// The kernel file systems that the engine archives as empty. Podman leaves these out of every archive.
    left_out: &'static [&'static str],
    /// Whether paths of files are patterns to the engine. Podman stats and archives paths by way of Go's
    /// `filepath.Glob`.
    globs_paths: bool,

    /// Whether the engine records the exit of a detached exec. Podman keeps reporting it as running.
    pub(crate) records_detached_exit: bool,
    /// How long a command must have been running before its input is forwarded. Podman only begins to read a
    /// command's output after starting it. If the command exits before all of its input is consumed, Podman stops
    /// reading and loses the remaining output.
    pub(crate) input_delay: Option<Duration>,
    /// Whether the engine appends a message to a command's output about its connection to the command, if it
    /// stopped reading too early.
    complains_in_output: bool,
    /// Reads the phase of a command from the engine's record of it.
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
        runs_health_checks: true,
        takes_seccomp_text: true,
        selects_runtime: true,
        numeric_tmpfs_owner: true,
        process_limit: None,
        init_errors: &[],
        tail_works: true,
        follow_min_uptime: None,
        sends_event_headers_early: true,
        discards_events: true,
        late_out_of_memory: Some(Duration::from_secs(1)),
        packs_owners: true,
        archives_tmpfs: false,
        left_out: &[],
        globs_paths: false,
        records_detached_exit: true,
        input_delay: None,
        complains_in_output: false,
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
        runs_health_checks: false,
        takes_seccomp_text: false,
        selects_runtime: false,
        numeric_tmpfs_owner: false,
        process_limit: Some(32_768),
        init_errors: &["catatonit", "init binary"],
        tail_works: false,
        follow_min_uptime: Some(Duration::from_millis(200)),
        sends_event_headers_early: false,
        discards_events: false,
        late_out_of_memory: None,
        packs_owners: false,
        archives_tmpfs: true,
        left_out: &["dev", "proc", "sys"],
        globs_paths: true,
        records_detached_exit: false,
        input_delay: Some(Duration::from_millis(30)),
        complains_in_output: true,
        exec_phase: ExecRecord::phase_on_podman,
    };

    /// Returns the options with which the engine gives a new volume an owner, or `None` if it has none. Podman would
    /// also copy the image's files to a new volume, even if the mount forbids it, unless the volume forbids it.
    pub(crate) fn volume_options(&self, owner: VolumeOwner) -> Option<[(&'static str, String); 2]> {
        let VolumeOwner { uid, gid } = owner;
        let options = [
            ("o", format!("uid={uid},gid={gid}")),
            ("nocopy", "true".to_owned()),
        ];
        self.takes_volume_owner.then_some(options)
    }

    /// Returns whether a creation failed because the engine has no init program.
    pub(crate) fn lacks_init(&self, message: &str) -> bool {
        self.init_errors.iter().any(|phrase| message.contains(phrase))
    }

    /// Returns a path for a request that interprets it as a pattern, such that it matches only that exact name.
    /// Podman rejects every path that contains a `*`, even an escaped one. A `*` is therefore written as "no
    /// character but this one".
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

    /// Returns a path for a stat that does not follow a link in the last component. Podman follows such a link,
    /// and does not always report that it did, unless that component is a pattern.
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

    /// Returns whether the engine archives a kernel file system's directory as empty.
    pub(crate) fn leaves_out(&self, path: &str) -> bool {
        let first = path.split('/').nth(1).unwrap_or_default();
        self.left_out.contains(&first)
    }

    /// Returns the position in a command's output where the engine's own error message begins.
    pub(crate) fn engine_error(&self, output: &[u8]) -> Option<usize> {
        const BEGINS: &[u8] = b"Error: ";
        let last = output.strip_suffix(b"\n").filter(|_| self.complains_in_output)?;
        let at = last.windows(BEGINS.len()).rposition(|window| window == BEGINS)?;
        let text = std::str::from_utf8(last.get(at + BEGINS.len()..)?).ok()?;
        let own = text.contains("unixpacket @->") && text.contains("/attach: ");
        (own && !text.contains('\n')).then_some(at)
    }
}

/// Returns whether a path has characters that mean something in a pattern.
pub(crate) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '[', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_for_podman_fits_one_name_alone() {
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
    fn an_error_of_podman_is_distinguished_from_output_of_a_command() {
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
