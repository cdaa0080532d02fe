//! Properties of the host: user, mounts, and installed programs.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// Directories of programs that engines use. An ordinary user's `PATH` lacks some of them, and every `PATH` lacks
/// the last.
const PROGRAM_DIRS: [&str; 6] = [
    "/usr/sbin", "/usr/bin", "/sbin", "/usr/local/bin", "/usr/lib/podman", "/usr/libexec/podman",
];
const CAP_SYS_RESOURCE: u32 = 24;
/// The lock timeout: longer than installing and starting all engines takes.
const LOCK_DEADLINE: Duration = Duration::from_secs(300);

/// Acquires the machine-wide lock for starting and stopping engines. The lock is held until the returned value is
/// dropped.
///
/// The engines' sockets are machine-wide, so the lock is too. It is an abstract socket: no two processes can
/// bind the same name, and the kernel releases it when a process dies.
pub(super) fn lock() -> Result<UnixListener> {
    let name =
        SocketAddr::from_abstract_name("xtask-engines").context("abstract sockets are not supported")?;
    let deadline = Instant::now() + LOCK_DEADLINE;
    loop {
        match UnixListener::bind_addr(&name) {
            Ok(held) => return Ok(held),
            Err(error) if error.kind() == ErrorKind::AddrInUse && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(100));
            }
            Err(error) => {
                return Err(error)
                    .context("another process has been starting or stopping engines for too long");
            }
        }
    }
}

/// Fails with `why` unless running as root.
pub(super) fn require_root(why: &str) -> Result<()> {
    let uid = fs::metadata("/proc/self")
        .context("cannot read /proc/self")?
        .uid();
    ensure!(uid == 0, "{why}");
    Ok(())
}

/// Returns whether a program is installed.
pub(super) fn has_program(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut dirs = env::split_paths(&path).chain(PROGRAM_DIRS.iter().map(PathBuf::from));
    dirs.any(|dir| dir.join(name).is_file())
}

/// Returns `PATH` plus the directories of system programs, which engines call by name only.
pub(super) fn program_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs = env::split_paths(&path).chain(PROGRAM_DIRS.iter().map(PathBuf::from));
    env::join_paths(dirs).unwrap_or(path)
}

/// Returns whether this process may raise resource limits. Many virtual machines and containers deny this even
/// to root.
pub(super) fn may_raise_limits() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("CapEff:")?.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> CAP_SYS_RESOURCE & 1 == 1)
}

/// Returns whether systemd is the machine's init system.
pub(super) fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Returns the type of the file system that holds `path`, such as `ext4`.
pub(super) fn file_system_of(path: &Path) -> Option<String> {
    let mounts = mounts();
    // Of two mounts at the same path, the later one is visible.
    let holder = mounts.into_iter().filter(|mount| path.starts_with(&mount.point));
    holder
        .max_by_key(|mount| mount.point.components().count())
        .map(|mount| mount.kind)
}

/// Returns whether exactly this path is a mount point.
pub(super) fn is_mount_point(path: &Path) -> bool {
    mounts().iter().any(|mount| mount.point == path)
}

/// Unmounts everything at or below `dir`, deepest first.
pub(super) fn unmount_below(dir: &Path) -> Result<()> {
    let mut points: Vec<PathBuf> = mounts().into_iter().map(|mount| mount.point).collect();
    points.retain(|point| point.starts_with(dir));
    points.sort_by_key(|point| std::cmp::Reverse(point.components().count()));
    for point in points {
        if !unmount(&point, &[])? {
            // A mount in use is detached; the kernel completes the unmount later.
            let gone = unmount(&point, &["--lazy"])?;
            ensure!(gone, "cannot unmount {}", point.display());
        }
    }
    Ok(())
}

fn unmount(point: &Path, options: &[&str]) -> Result<bool> {
    let mut command = Command::new("umount");
    let status = command
        .args(options)
        .arg(point)
        .stderr(Stdio::null())
        .status()
        .context("cannot run umount")?;
    Ok(status.success())
}

#[derive(Debug, PartialEq, Eq)]
struct Mount {
    point: PathBuf,
    kind: String,
}

fn mounts() -> Vec<Mount> {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    table
        .split(|byte| *byte == b'\n')
        .filter_map(parse_mount)
        .collect()
}

/// Parses one line of `/proc/self/mountinfo`.
fn parse_mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let point = unescape(fields.nth(4)?);
    // A dash ends the optional fields.
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    Some(Mount {
        point,
        kind: String::from_utf8_lossy(kind).into_owned(),
    })
}

/// Decodes the kernel's octal escapes, such as `\040` for a space.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let digits = (*first == b'\\').then(|| tail.split_at_checked(3)).flatten();
        let octal = digits.and_then(|(digits, after)| {
            Some((
                u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()?,
                after,
            ))
        });
        let (byte, after) = octal.unwrap_or((*first, tail));
        bytes.push(byte);
        rest = after;
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// Quotes a path for a configuration file in JSON or TOML. The string syntax of both is the same for every
/// character that occurs in paths.
pub(super) fn quoted(path: &Path) -> Result<String> {
    let text = std::str::from_utf8(path.as_os_str().as_bytes())
        .with_context(|| format!("{} is not UTF-8", path.display()))?;
    Ok(serde_json::Value::from(text).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_mount_with_optional_fields_and_escapes() {
        let line = br"36 35 98:0 /mnt1 /a\040b\134c rw,noatime shared:1 master:2 - ext4 /dev/root rw";
        let expected = Mount {
            point: r"/a b\c".into(),
            kind: "ext4".to_owned(),
        };
        assert_eq!(parse_mount(line), Some(expected));
        assert_eq!(parse_mount(b""), None);
    }

    #[test]
    fn invalid_escape_is_kept() {
        assert_eq!(unescape(br"/a\9"), Path::new(r"/a\9"));
        assert_eq!(unescape(br"/a\999"), Path::new(r"/a\999"));
    }

    #[test]
    fn proc_is_a_mount_point() {
        assert_eq!(file_system_of(Path::new("/proc/self")).as_deref(), Some("proc"));
        assert!(is_mount_point(Path::new("/proc")));
        assert!(!is_mount_point(Path::new("/proc/self")));
    }
}
