//! Where Podman differs from Docker in ways that a status code does not show.

use std::borrow::Cow;
use std::time::Duration;

use crate::engine::Flavour;

/// Whether networks reliably keep their containers from those of others.
///
/// On Docker they do, and no two containers of the default network can reach each other. Podman has no such
/// option, so each session has a network of its own there, and every network is marked `isolate`. Its network
/// program drops the rule behind that
/// mark whenever the last container of *any* such network ends, until the next one starts (seen with netavark
/// 1.4 and iptables); in between containers of different networks can reach each other by address.
pub(crate) fn isolates_networks(flavour: Flavour) -> bool {
    flavour == Flavour::Docker
}

/// Whether each session needs a default network of its own.
pub(crate) fn network_per_session(flavour: Flavour) -> bool {
    flavour == Flavour::Podman
}

/// Whether a container is refused whose network is not there yet.
pub(crate) fn creation_needs_network(flavour: Flavour) -> bool {
    flavour == Flavour::Podman
}

/// The options without which a bridge does not keep its containers from those of others.
pub(crate) fn isolation_option(flavour: Flavour) -> Option<(&'static str, &'static str)> {
    match flavour {
        Flavour::Docker => None,
        Flavour::Podman => Some(("isolate", "true")),
    }
}

/// The options of the driver's own network.
pub(crate) fn default_network_option(flavour: Flavour) -> (&'static str, &'static str) {
    match flavour {
        Flavour::Docker => ("com.docker.network.bridge.enable_icc", "false"),
        Flavour::Podman => ("isolate", "true"),
    }
}

/// Whether the engine counts whole lines from the end of a log. Podman's count goes wrong, and it joins lines,
/// when a line is longer than 8 KiB or unfinished.
pub(crate) fn tail_works(flavour: Flavour) -> bool {
    flavour == Flavour::Docker
}

/// Whether the OCI runtime gives a tmpfs mount the mode of the directory that the image has at its place, whatever mode
/// is asked for: runc did so before 1.1.8. `runtime` is what the engine's `/version` says of it: `1.1.5+ds1`, or on
/// Podman `runc version 1.1.5+ds1` and more lines.
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

/// Whether an error of a creation says that the engine has no init program. Podman finds that out late.
pub(crate) fn lacks_init(flavour: Flavour, message: &str) -> bool {
    flavour == Flavour::Podman && (message.contains("catatonit") || message.contains("init binary"))
}

/// Whether a lookup failed only for the moment: Podman cannot show a container whose network is being taken down, when
/// what it was to join and what it has joined do not agree, nor one whose main process ends between two of its looks
/// at it.
pub(crate) fn is_settling(message: &str) -> bool {
    let network = message.contains("network inspection mismatch");
    let process = message.contains("/proc/")
        && (message.contains("no such process") || message.contains("no such file or directory"));
    network || process
}

/// For how long after a container's end the engine may still learn that its memory ran out; none where it never learns
/// it later. Docker is told of both by different ways: on a busy machine 5 of 100 times of the end first, and of the
/// memory up to half a second later (seen with 20.10, which then does not put it into the container's record any more).
pub(crate) fn late_out_of_memory(flavour: Flavour) -> Option<Duration> {
    match flavour {
        Flavour::Docker => Some(Duration::from_secs(1)),
        Flavour::Podman => None,
    }
}

/// A path for a request that takes it as a pattern, so that it fits nothing but what has just this name. Podman looks
/// at paths and packs them by way of Go's `filepath.Glob`, and refuses every path with a `*` in it beforehand, also an
/// escaped one; so that is written as "no character but this one".
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

/// Whether a path is taken as a pattern.
pub(crate) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '[', '\\'])
}

/// A path for a look at what is there itself. Podman follows a link in the last part of a path, and then does not
/// always say so, unless that part is a pattern.
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

/// Whether archives of files have the files' owners. Podman makes everything root's as it packs it.
pub(crate) fn packs_owners(flavour: Flavour) -> bool {
    flavour == Flavour::Docker
}

/// Whether the engine packs a folder of the kernel's as empty: Podman leaves these out of every archive.
pub(crate) fn leaves_out(flavour: Flavour, path: &str) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    flavour == Flavour::Podman && ["dev", "proc", "sys"].contains(&first)
}

/// Whether the engine reads and writes the folders in memory of a container that runs: Podman joins the container
/// for it, Docker sees what lies below them.
pub(crate) fn reaches_memory(flavour: Flavour) -> bool {
    flavour == Flavour::Podman
}

/// Whether the engine records how a command ended that nobody was connected to. Podman goes on to say that it runs.
pub(crate) fn records_detached_ends(flavour: Flavour) -> bool {
    flavour == Flavour::Docker
}

/// For how long after a container was seen running a log that is followed comes whole; none where it always does.
/// Podman tells its reader of the log to stop a quarter of a second after it has seen the container end, or at once
/// where it does not run, and that reader then leaves out entries at random before it stops.
pub(crate) fn follow_trust(flavour: Flavour) -> Option<Duration> {
    (flavour == Flavour::Podman).then_some(Duration::from_millis(200))
}

/// The limit of processes to give along with any other of the kernel's limits. Podman would make one up, of 1048576,
/// and a container does not start whose limit is above its service's own. This one is far above what the pids limit
/// lets a container have, and most services may give it.
pub(crate) fn process_limit(flavour: Flavour) -> Option<u64> {
    (flavour == Flavour::Podman).then_some(32_768)
}

/// How long a command has to have run before its input is passed on. Podman begins to read a command's output after
/// its start, and where a command ends before all of its input was taken it reads no more, and loses what is there.
pub(crate) fn input_waits(flavour: Flavour) -> Option<Duration> {
    (flavour == Flavour::Podman).then_some(Duration::from_millis(30))
}

/// Where in a command's output the engine complains of itself. Podman does so at the end, of its own connection to the
/// command, when it stopped reading too early.
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
