//! Engine differences between Podman and Docker that no status code reveals.

use std::borrow::Cow;
use std::time::Duration;

use driver_interface_types::VolumeOwner;

use crate::engine::Flavour;

/// Returns the options with which the engine gives a new volume an owner, or `None` if it has none.
///
/// Podman has them. It also copies the image's files to a new volume, even if the mount forbids it, unless the
/// volume forbids it. Docker only copies the owner of the image's directory to an empty volume, when it creates a
/// container that mounts the volume there.
pub(crate) fn volume_options(flavour: Flavour, owner: VolumeOwner) -> Option<[(&'static str, String); 2]> {
    let VolumeOwner { uid, gid } = owner;
    match flavour {
        Flavour::Docker => None,
        Flavour::Podman => Some([
            ("o", format!("uid={uid},gid={gid}")),
            ("nocopy", "true".to_owned()),
        ]),
    }
}

/// Returns whether a volume gets its owner by way of a helper container.
pub(crate) fn needs_volume_helpers(flavour: Flavour) -> bool {
    flavour == Flavour::Docker
}

/// Returns whether networks reliably isolate their containers from other networks.
///
/// On Docker they do, and no two containers of the default network can reach each other. Podman has no such
/// option. There, each session has its own network, and every network is marked `isolate`. Podman's network
/// backend drops the rule behind that mark whenever the last container of *any* isolated network exits, until the
/// next one starts (seen with netavark 1.4 and iptables). In between, containers of different networks can reach
/// each other by address.
pub(crate) fn isolates_networks(flavour: Flavour) -> bool {
    flavour == Flavour::Docker
}

/// Returns whether each session needs a default network of its own.
pub(crate) fn network_per_session(flavour: Flavour) -> bool {
    flavour == Flavour::Podman
}

/// Returns whether the engine refuses to create a container whose network does not exist yet.
pub(crate) fn creation_needs_network(flavour: Flavour) -> bool {
    flavour == Flavour::Podman
}

/// Returns the option that a bridge needs to isolate its containers from other networks.
pub(crate) fn isolation_option(flavour: Flavour) -> Option<(&'static str, &'static str)> {
    match flavour {
        Flavour::Docker => None,
        Flavour::Podman => Some(("isolate", "true")),
    }
}

/// Returns the option of the driver's default network.
pub(crate) fn default_network_option(flavour: Flavour) -> (&'static str, &'static str) {
    match flavour {
        Flavour::Docker => ("com.docker.network.bridge.enable_icc", "false"),
        Flavour::Podman => ("isolate", "true"),
    }
}

/// Returns whether the engine counts whole lines from the end of a log. If a line is longer than 8 KiB or
/// unfinished, Podman counts wrongly and joins lines.
pub(crate) fn tail_works(flavour: Flavour) -> bool {
    flavour == Flavour::Docker
}

/// Returns whether the OCI runtime gives a tmpfs mount the mode of the image's directory at that path, whatever
/// mode is requested. runc did so before 1.1.8. `runtime` is the version from the engine's `/version`:
/// `1.1.5+ds1`, or on Podman `runc version 1.1.5+ds1` followed by more lines.
pub(crate) fn keeps_mode(runtime: &str) -> bool {
    let text = runtime.strip_prefix("runc version ").unwrap_or(runtime);
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let mut numbers = text
        .get(..end)
        .unwrap_or_default()
        .split('.')
        .map(str::parse::<u32>);
    let mut next = || numbers.next().and_then(Result::ok);
    next().is_some_and(|major| (major, next().unwrap_or(0), next().unwrap_or(0)) < (1, 1, 8))
}

/// Returns whether a creation failed because the engine has no init program. Podman only notices this late.
pub(crate) fn lacks_init(flavour: Flavour, message: &str) -> bool {
    flavour == Flavour::Podman && (message.contains("catatonit") || message.contains("init binary"))
}

/// Returns whether an inspection failed only temporarily. Podman cannot inspect a container while its network is
/// being taken down and the networks it was to join differ from those it has joined. It also fails if the main
/// process exits while Podman is inspecting it.
pub(crate) fn is_settling(message: &str) -> bool {
    let network = message.contains("network inspection mismatch");
    let process = message.contains("/proc/")
        && (message.contains("no such process") || message.contains("no such file or directory"));
    network || process
}

/// Returns how long after a container's exit the engine may still learn that it ran out of memory; `None` if it
/// never learns this later. Docker is notified of the two over different channels. On a busy machine, in 5 of 100
/// cases it learned of the exit first and of the out-of-memory event up to half a second later (seen with 20.10,
/// which then no longer writes it to the container's record).
pub(crate) fn late_out_of_memory(flavour: Flavour) -> Option<Duration> {
    match flavour {
        Flavour::Docker => Some(Duration::from_secs(1)),
        Flavour::Podman => None,
    }
}

/// Returns a path for a request that interprets it as a pattern, such that it matches only that exact name. Podman
/// stats and archives paths by way of Go's `filepath.Glob` but rejects every path that contains a `*`, even an
/// escaped one. A `*` is therefore written as "no character but this one".
pub(crate) fn pattern_of(flavour: Flavour, path: &str) -> Cow<'_, str> {
    if flavour == Flavour::Docker || !is_pattern(path) {
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

/// Returns whether the engine interprets a path as a pattern.
pub(crate) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '[', '\\'])
}

/// Returns a path for a stat that does not follow a link in the last component. Podman follows such a link, and
/// does not always report that it did, unless that component is a pattern.
pub(crate) fn exact_path(flavour: Flavour, path: &str) -> Cow<'_, str> {
    let pattern = pattern_of(flavour, path);
    match path.rsplit_once('/') {
        Some((_, name)) if flavour == Flavour::Podman && !name.is_empty() && !is_pattern(name) => {
            let above = pattern.len() - name.len();
            Cow::Owned(format!("{}\\{name}", pattern.get(..above).unwrap_or_default()))
        }
        _ => pattern,
    }
}

/// Returns whether archives contain the files' owners. Podman sets every owner to root while archiving.
pub(crate) fn packs_owners(flavour: Flavour) -> bool {
    flavour == Flavour::Docker
}

/// Returns whether the engine archives a kernel file system's directory as empty. Podman leaves these out of every
/// archive.
pub(crate) fn leaves_out(flavour: Flavour, path: &str) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    flavour == Flavour::Podman && ["dev", "proc", "sys"].contains(&first)
}

/// Returns whether the engine reads and writes the tmpfs mounts of a running container. Podman enters the
/// container's namespaces for it. Docker sees the files underneath the mount.
pub(crate) fn reaches_memory(flavour: Flavour) -> bool {
    flavour == Flavour::Podman
}

/// Returns whether the engine records the exit of a detached exec. Podman keeps reporting it as running.
pub(crate) fn records_detached_ends(flavour: Flavour) -> bool {
    flavour == Flavour::Docker
}

/// Returns how long after a container was seen running a followed log is guaranteed to be complete; `None` if it
/// always is. Podman tells its log reader to stop a quarter of a second after the container exits, or immediately
/// if it is not running. The reader then skips entries at random before it stops.
pub(crate) fn follow_trust(flavour: Flavour) -> Option<Duration> {
    (flavour == Flavour::Podman).then_some(Duration::from_millis(200))
}

/// Returns the process limit to send along with any other ulimit. Otherwise Podman would set one of 1048576
/// itself, and a container whose limit exceeds that of Podman's service does not start. This value is far above
/// what the pids limit lets a container have, and most services are allowed to set it.
pub(crate) fn process_limit(flavour: Flavour) -> Option<u64> {
    (flavour == Flavour::Podman).then_some(32_768)
}

/// Returns how long a command must have been running before its input is forwarded. Podman only begins to read a
/// command's output after starting it. If the command exits before all of its input is consumed, Podman stops
/// reading and loses the remaining output.
pub(crate) fn input_waits(flavour: Flavour) -> Option<Duration> {
    (flavour == Flavour::Podman).then_some(Duration::from_millis(30))
}

/// Returns the position in a command's output where the engine's own error message begins. Podman appends one
/// about its connection to the command if it stopped reading too early.
pub(crate) fn own_complaint(flavour: Flavour, output: &[u8]) -> Option<usize> {
    const BEGINS: &[u8] = b"Error: ";
    let last = output
        .strip_suffix(b"\n")
        .filter(|_| flavour == Flavour::Podman)?;
    let at = last.windows(BEGINS.len()).rposition(|window| window == BEGINS)?;
    let text = std::str::from_utf8(last.get(at + BEGINS.len()..)?).ok()?;
    let own = text.contains("unixpacket @->") && text.contains("/attach: ");
    (own && !text.contains('\n')).then_some(at)
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
            assert_eq!(pattern_of(Flavour::Podman, path), pattern);
            assert_eq!(exact_path(Flavour::Podman, path), exact);
            assert_eq!(pattern_of(Flavour::Docker, path), path);
            assert_eq!(exact_path(Flavour::Docker, path), path);
        }
    }

    #[test]
    fn an_old_runc_is_told_from_a_new_one() {
        for (runtime, expected) in [
            ("1.1.5+ds1", true),
            ("1.0.0-rc10", true),
            ("1.1.7", true),
            ("1.1.8", false),
            ("1.1.12", false),
            ("1.3.4-0ubuntu1", false),
            ("2.0", false),
            ("", false),
            ("crun version 1.8", false),
            ("runc version 1.1.5+ds1\ncommit: 1.1.5", true),
            ("runc version 1.2.0\ncommit: x", false),
        ] {
            assert_eq!(keeps_mode(runtime), expected, "{runtime}");
        }
    }

    #[test]
    fn podman_s_complaint_of_itself_is_told_from_what_a_command_prints() {
        let podman = |text: &str| own_complaint(Flavour::Podman, text.as_bytes());
        let own = "Error: write unixpacket @->/proc/self/fd/15/attach: write: broken pipe\n";
        assert_eq!(podman(own), Some(0));
        assert_eq!(podman(&format!("Error: mine\n{own}")), Some(12));
        let reset = "x Error: read unixpacket @->/proc/self/fd/16/attach: read: connection reset by peer\n";
        assert_eq!(podman(reset), Some(2));
        assert_eq!(podman("Error: write: broken pipe\n"), None);
        assert_eq!(podman(&format!("{own}more\n")), None);
        assert_eq!(podman(own.trim_end()), None);
        assert_eq!(podman(""), None);
        assert_eq!(own_complaint(Flavour::Docker, own.as_bytes()), None);
    }
}
