//! Determines from a container's exit code and log why the container exited before it was ready.

use driver_interface_errors::Hint;

use crate::{ContainerDriver, ContainerInstance, ExitInfo, LogOptions, Signal};

/// The maximum number of lines that an error includes from the end of the container's log.
const LINES: usize = 5;
/// The maximum number of characters that an error includes from the end of the container's log.
const LENGTH: usize = 400;

/// The exit of a container before the condition that the caller waits for was met.
pub(super) struct EarlyExit<'a> {
    exit: &'a ExitInfo,
    log: String,
}

impl<'a> EarlyExit<'a> {
    /// Reads the end of the container's log. If the log cannot be read, it counts as empty.
    pub(super) async fn read<D>(driver: &D, container: &ContainerInstance, exit: &'a ExitInfo) -> Self
    where
        D: ContainerDriver + ?Sized,
    {
        let options = LogOptions {
            tail: Some(LINES as u64),
            ..LogOptions::default()
        };
        let log = driver.get_container_logs(&container.id, options).await;
        Self {
            exit,
            log: log.unwrap_or_default(),
        }
    }

    /// Describes the exit as a phrase for messages, such as "exited with code 1".
    pub(super) fn how(&self) -> String {
        let code = self.exit.code;
        let signal = self.exit.signal.and_then(Signal::from_number);
        match signal {
            _ if self.exit.oom_killed == Some(true) => "exited with code 137 (out of memory)".to_owned(),
            Some(signal) => format!("exited with code {code} ({signal})"),
            None => format!("exited with code {code}"),
        }
    }

    /// Returns `; its log ends with: ` followed by the end of the log on one line. Returns an empty string if the
    /// container wrote nothing.
    pub(super) fn log(&self) -> String {
        let lines: Vec<&str> = self.lines().collect();
        let text = lines.join(" | ");
        match text.char_indices().rev().nth(LENGTH) {
            _ if text.is_empty() => String::new(),
            Some((cut, _)) => format!("; its log ends with: …{}", text.get(cut..).unwrap_or_default()),
            None => format!("; its log ends with: {text}"),
        }
    }

    /// Returns a hint about the cause of the exit, or `None` if the cause is unknown. The end of the log does not
    /// prove the cause. Therefore only the hint depends on the log; the kind of error does not.
    pub(super) fn hint(&self) -> Option<Hint> {
        match self.exit.code {
            _ if self.exit.oom_killed == Some(true) => Some(Hint::OutOfMemory),
            0 => None,
            // Shells, and also init programs, use these exit codes.
            127 => Some(Hint::CommandNotFound),
            126 => Some(Hint::CommandNotExecutable),
            _ => {
                let lines: Vec<&str> = self.lines().collect();
                lines.into_iter().rev().find_map(hint_of)
            }
        }
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        self.log.lines().map(str::trim).filter(|line| !line.is_empty())
    }
}

/// Returns the hint for a log line that contains a well-known error message. Such messages come, for example, from
/// libc or from programs that switch users.
fn hint_of(line: &str) -> Option<Hint> {
    let line = line.to_ascii_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| line.contains(phrase));
    // The runtime's own message; it is in the log because the container had already started.
    if line.starts_with("exec ") && line.ends_with(": exec format error") {
        return Some(Hint::CommandNotExecutable);
    }
    if line.starts_with("exec ") && line.ends_with(": no such file or directory") {
        return Some(Hint::CommandNotFound);
    }
    let unknown_user = [
        "unknown user",
        "no such user",
        "user does not exist",
        "cannot find name for user id",
        "could not look up effective user id",
        "no matching entries in passwd",
        "getpwnam(",
        "unknown uid ",
    ];
    match () {
        () if says(&["read-only file system"]) => Some(Hint::ReadOnlyRoot),
        () if says(&["address already in use"]) => Some(Hint::PortInUse),
        () if says(&unknown_user) => Some(Hint::UserNotFound),
        () if says(&["out of memory", "cannot allocate memory", "outofmemoryerror"]) => {
            Some(Hint::OutOfMemory)
        }
        () if says(&["permission denied", "operation not permitted"]) => Some(Hint::PermissionDenied),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn exit(code: i64) -> ExitInfo {
        ExitInfo::new(code, Some(false), SystemTime::UNIX_EPOCH)
    }

    fn hint(code: i64, log: &str) -> Option<Hint> {
        let log = log.to_owned();
        EarlyExit {
            exit: &exit(code),
            log,
        }
        .hint()
    }

    fn log(text: &str) -> String {
        let log = text.to_owned();
        EarlyExit { exit: &exit(1), log }.log()
    }

    /// Test cases: an exit code, the last log line (of busybox, nginx, PostgreSQL, Python, the JVM or runc), and the
    /// expected hint.
    const LAST_WORDS: &[(i64, &str, Hint)] = &[
        (
            1,
            "mkdir: can't create directory '/data': Read-only file system",
            Hint::ReadOnlyRoot,
        ),
        (
            1,
            "OSError: [Errno 30] Read-only file system: '/app/cache'\n",
            Hint::ReadOnlyRoot,
        ),
        (
            1,
            "Error: EROFS: read-only file system, open '/x'\n    at Object.openSync\n",
            Hint::ReadOnlyRoot,
        ),
        (1, "touch: /etc/x: Permission denied", Hint::PermissionDenied),
        (
            1,
            "nginx: [emerg] chown(\"/x\", 101) failed (1: Operation not permitted)",
            Hint::PermissionDenied,
        ),
        (
            1,
            "nginx: [emerg] getpwnam(\"nginx\") failed in /etc/nginx/nginx.conf:2",
            Hint::UserNotFound,
        ),
        (
            1,
            "initdb: error: could not look up effective user ID 1000: user does not exist",
            Hint::UserNotFound,
        ),
        (1, "whoami: cannot find name for user ID 1000", Hint::UserNotFound),
        (1, "whoami: unknown uid 1234", Hint::UserNotFound),
        (1, "nc: bind: Address already in use", Hint::PortInUse),
        (
            1,
            "java.lang.OutOfMemoryError: Java heap space",
            Hint::OutOfMemory,
        ),
        (1, "exec /bin/tool: exec format error", Hint::CommandNotExecutable),
        (
            1,
            "exec /bin/script: no such file or directory",
            Hint::CommandNotFound,
        ),
        (127, "sh: serve: not found", Hint::CommandNotFound),
        (126, "sh: ./serve: Permission denied", Hint::CommandNotExecutable),
    ];

    #[test]
    fn known_last_lines_have_hints() {
        for (code, words, expected) in LAST_WORDS {
            assert_eq!(hint(*code, words), Some(*expected), "{words}");
        }
    }

    #[test]
    fn success_or_unknown_output_has_no_hint() {
        assert_eq!(hint(0, "Permission denied"), None);
        assert_eq!(hint(3, "no such file or directory"), None);
        assert_eq!(hint(3, ""), None);
    }

    #[test]
    fn last_matching_line_decides() {
        let words = "warning: Permission denied\nfatal: Read-only file system\ngiving up";
        assert_eq!(hint(1, words), Some(Hint::ReadOnlyRoot));
    }

    #[test]
    fn oom_kill_overrides_the_log() {
        let exit = ExitInfo::new(137, Some(true), SystemTime::UNIX_EPOCH);
        let log = "Permission denied".to_owned();
        let early = EarlyExit { exit: &exit, log };
        assert_eq!(early.hint(), Some(Hint::OutOfMemory));
        assert_eq!(early.how(), "exited with code 137 (out of memory)");
    }

    #[test]
    fn exit_text_includes_the_signal() {
        let how = |code| {
            let exit = exit(code);
            EarlyExit {
                exit: &exit,
                log: String::new(),
            }
            .how()
        };
        assert_eq!(how(3), "exited with code 3");
        assert_eq!(how(139), "exited with code 139 (SIGSEGV)");
    }

    #[test]
    fn log_text_is_one_bounded_line() {
        assert_eq!(log("\n \n"), "");
        assert_eq!(log("one\r\n\n two\n"), "; its log ends with: one | two");
        let long = format!("{}é the end", "é".repeat(3 * LENGTH));
        let text = log(&long);
        assert!(
            text.starts_with("; its log ends with: …é") && text.ends_with("é the end"),
            "{text}"
        );
        assert!(text.chars().count() < LENGTH + 25, "{text}");
    }
}
