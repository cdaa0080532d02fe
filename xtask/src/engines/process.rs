//! Processes that outlive this program. A later run of the program recognizes them, even if their pids are reused.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// The helper programs of engines. An engine runs each of them with one of the engine's directories in an argument.
const HELPERS: [&str; 8] = [
    "aardvark-dns", "conmon", "containerd", "containerd-shim-runc-v2", "docker-registry", "dockerd",
    "podman", "runc",
];
/// How long a process may take to exit after `SIGKILL`.
const KILL_DEADLINE: Duration = Duration::from_secs(10);

/// The record of a started process. The record is saved in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The id of the process.
    pub(super) pid: u32,
    /// The endpoint on which the process listens.
    pub(super) endpoint: String,
    /// The start time of the process, in clock ticks since boot. The start time, the pid and the boot id together
    /// identify the process.
    began: u64,
    boot: String,
    program: String,
}

impl Record {
    /// Creates the record of the live process `pid`, which runs `program`.
    pub(super) fn of(pid: u32, program: &str, endpoint: &str) -> Result<Self> {
        let stat = Stat::read(pid).with_context(|| format!("process {pid} ({program}) has exited"))?;
        let (program, endpoint) = (program.to_owned(), endpoint.to_owned());
        Ok(Self {
            pid,
            endpoint,
            began: stat.began,
            boot: boot_id(),
            program,
        })
    }

    /// Reads a record from a file. Returns `None` if the file is missing or damaged.
    pub(super) fn load(path: &Path) -> Option<Self> {
        let json: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        let text = |key| Some(json.get(key)?.as_str()?.to_owned());
        Some(Self {
            pid: json.get("pid")?.as_u64()?.try_into().ok()?,
            endpoint: text("endpoint")?,
            began: json.get("began")?.as_u64()?,
            boot: text("boot")?,
            program: text("program")?,
        })
    }

    /// Writes the record to a file.
    pub(super) fn save(&self, path: &Path) -> Result<()> {
        let json = json!({
            "pid": self.pid,
            "endpoint": self.endpoint,
            "began": self.began,
            "boot": self.boot,
            "program": self.program,
        });
        fs::write(path, json.to_string()).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Returns whether the process was started after the last boot of the machine.
    pub(super) fn is_of_this_boot(&self) -> bool {
        self.boot == boot_id()
    }

    /// Returns whether the recorded process is still running, and its pid does not belong to another process.
    pub(super) fn is_alive(&self) -> bool {
        self.is_of_this_boot()
            && program_of(self.pid).is_some_and(|program| program == self.program)
            && Stat::read(self.pid).is_some_and(|stat| stat.began == self.began && !stat.ended)
    }

    /// Terminates the process. Kills the process if it has not exited after `max_wait`. Does nothing if the process
    /// has already exited.
    pub(super) fn end(&self, max_wait: Duration) -> Result<()> {
        for (signal, max_wait) in [("TERM", max_wait), ("KILL", KILL_DEADLINE)] {
            if !self.is_alive() {
                return Ok(());
            }
            send(signal, self.pid)?;
            let deadline = Instant::now() + max_wait;
            while self.is_alive() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(20));
            }
        }
        ensure!(
            !self.is_alive(),
            "process {} ({}) does not exit",
            self.pid,
            self.program
        );
        Ok(())
    }
}

/// Kills the processes that a dead engine has left running. These are helper programs with one of `dirs` in an
/// argument, and the direct children of these programs. The children are the main processes of containers.
pub(super) fn kill_leftovers(dirs: &[&Path]) -> Result<()> {
    let deadline = Instant::now() + KILL_DEADLINE;
    loop {
        let helpers: Vec<u32> = pids().into_iter().filter(|pid| is_helper(*pid, dirs)).collect();
        if helpers.is_empty() {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "helper processes {helpers:?} do not exit"
        );
        let is_child = |pid: &u32| Stat::read(*pid).is_some_and(|stat| helpers.contains(&stat.parent));
        // The children are killed first: once their parents have exited, they could not be found.
        for pid in pids().into_iter().filter(is_child).chain(helpers.iter().copied()) {
            // This fails if the process has exited meanwhile. Any other remaining process is found in the next round.
            let _ = send("KILL", pid);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Returns whether the process `pid` is alive and runs the program `name`.
pub(super) fn runs_program(pid: u32, name: &str) -> bool {
    program_of(pid).is_some_and(|program| program == name)
}

/// Returns whether a live process runs the program `program` with a path in `dir` among its arguments.
pub(super) fn is_running_in(program: &str, dir: &Path) -> bool {
    pids()
        .into_iter()
        .any(|pid| runs_program(pid, program) && is_helper(pid, &[dir]))
}

fn is_helper(pid: u32, dirs: &[&Path]) -> bool {
    let arguments = arguments(pid);
    let names_a_dir = |argument: &String| dirs.iter().any(|dir| names(argument, dir));
    program_of(pid).is_some_and(|program| HELPERS.contains(&program.as_str()))
        && arguments.iter().skip(1).any(names_a_dir)
        && Stat::read(pid).is_some_and(|stat| !stat.ended)
}

/// Returns whether an argument contains the path of `dir`, or a path inside `dir`. For the directory `docker`, the
/// path of the directory `docker-quota` does not count.
fn names(argument: &str, dir: &Path) -> bool {
    let dir = dir.to_string_lossy();
    argument.ends_with(&*dir) || argument.contains(&format!("{dir}/"))
}

fn send(signal: &str, pid: u32) -> Result<()> {
    // The standard library can only kill children of this process, and the workspace forbids unsafe code.
    let status = Command::new("kill")
        .arg(format!("-{signal}"))
        .arg(pid.to_string())
        .stderr(Stdio::null())
        .status()
        .context("cannot run `kill` (package procps)")?;
    ensure!(
        status.success() || Stat::read(pid).is_none(),
        "cannot send SIG{signal} to process {pid}"
    );
    Ok(())
}

fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

fn arguments(pid: u32) -> Vec<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0)
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect()
}

/// Returns the program's name from the command line of a process. The name in `/proc/<pid>/comm` would be truncated
/// to 15 bytes.
fn program_of(pid: u32) -> Option<String> {
    let arguments = arguments(pid);
    Some(
        Path::new(arguments.first()?)
            .file_name()?
            .to_string_lossy()
            .into_owned(),
    )
}

fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// The fields of `/proc/<pid>/stat` that this program uses.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    began: u64,
    /// Whether the process has exited. A zombie process counts as exited, although its pid stays in use until its
    /// parent reaps it.
    ended: bool,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(line: &str) -> Option<Self> {
        // The second field is the program's name in parentheses. The name may contain spaces and parentheses itself.
        let (_, rest) = line.rsplit_once(')')?;
        let mut fields = rest.split_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        let began = fields.nth(17)?.parse().ok()?;
        Some(Self {
            parent,
            began,
            ended: matches!(state, "Z" | "X"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_stat_line_with_parentheses_in_name() {
        let line = "12 (a) b (c) Z 7 12 12 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0 18446744073709551615";
        assert_eq!(
            Stat::parse(line),
            Some(Stat {
                parent: 7,
                began: 4711,
                ended: true
            })
        );
        assert_eq!(Stat::parse("12 (a) S 7"), None);
    }

    #[test]
    fn directory_name_prefix_does_not_match() {
        let dir = Path::new("/s/docker");
        for argument in ["/s/docker", "--root=/s/docker", "unix:///s/docker/exec/x.sock"] {
            assert!(names(argument, dir), "{argument}");
        }
        for argument in ["/s/docker-quota", "--root=/s/docker-quota/data", "/s"] {
            assert!(!names(argument, dir), "{argument}");
        }
    }

    #[test]
    fn process_is_distinguished_from_reused_pid() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        // Between `fork` and `exec`, the child still has the name of this program.
        while !runs_program(child.id(), "sleep") {
            thread::sleep(Duration::from_millis(1));
        }
        let record = Record::of(child.id(), "sleep", "unix:///x").unwrap();
        assert!(record.is_alive());
        let others = [
            Record {
                began: record.began + 1,
                ..record.clone()
            },
            Record {
                boot: "another".to_owned(),
                ..record.clone()
            },
            Record {
                program: "dockerd".to_owned(),
                ..record.clone()
            },
        ];
        for other in others {
            assert!(!other.is_alive());
            other.end(Duration::ZERO).unwrap();
        }
        assert!(record.is_alive());
        // The child is not reaped here on purpose: as a zombie, it counts as exited.
        record.end(Duration::from_secs(10)).unwrap();
        assert!(!record.is_alive());
        child.wait().unwrap();
    }
}
