//! Properties of the host: the user, the mounts, and the installed programs.

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

/// Directories with programs that engines run. Some of these directories are not in the `PATH` of an ordinary user,
/// and the last directory is in no `PATH`.
const PROGRAM_DIRS: [&str; 6] = [
    "/usr/sbin", "/usr/bin", "/sbin", "/usr/local/bin", "/usr/lib/podman", "/usr/libexec/podman",
];
const CAP_SYS_RESOURCE: u32 = 24;
/// The longest time to wait for the lock. The process that holds the lock can install and start all engines in less
/// time.
const LOCK_DEADLINE: Duration = Duration::from_secs(300);

/// Acquires the lock for starting and stopping engines. The lock is held until the returned listener is dropped.
///
/// The lock is machine-wide, because the sockets of the engines are machine-wide, too. The lock is an abstract Unix
/// socket: two processes cannot bind the same name, and the kernel releases the name when the process exits.
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

/// Fails with the message `why` unless this process runs as root.
pub(super) fn require_root(why: &str) -> Result<()> {
    let uid = fs::metadata("/proc/self")
        .context("cannot read /proc/self")?
        .uid();
    ensure!(uid == 0, "{why}");
    Ok(())
}

/// Returns whether a program with this name is installed.
pub(super) fn has_program(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut dirs = env::split_paths(&path).chain(PROGRAM_DIRS.iter().map(PathBuf::from));
    dirs.any(|dir| dir.join(name).is_file())
}

/// Returns `PATH`, extended by [`PROGRAM_DIRS`]. Engines run the programs in these directories by name.
pub(super) fn program_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs = env::split_paths(&path).chain(PROGRAM_DIRS.iter().map(PathBuf::from));
    env::join_paths(dirs).unwrap_or(path)
}

/// Returns whether this process may raise resource limits. In many virtual machines and containers, not even root may
/// raise them.
pub(super) fn may_raise_limits() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("CapEff:")?.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> CAP_SYS_RESOURCE & 1 == 1)
}

/// Returns whether the init system of this machine is systemd.
pub(super) fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Returns the type of the file system that contains `path`, such as `ext4`.
pub(super) fn file_system_of(path: &Path) -> Option<String> {
    let mounts = mounts();
    // If there are two mounts at the same path, only the later one is visible.
    let holder = mounts.into_iter().filter(|mount| path.starts_with(&mount.point));
    holder
        .max_by_key(|mount| mount.point.components().count())
        .map(|mount| mount.kind)
}

/// Returns whether `path` itself is a mount point.
pub(super) fn is_mount_point(path: &Path) -> bool {
    mounts().iter().any(|mount| mount.point == path)
}

/// Unmounts everything at or below `dir`, starting with the deepest mount.
pub(super) fn unmount_below(dir: &Path) -> Result<()> {
    let mut points: Vec<PathBuf> = mounts().into_iter().map(|mount| mount.point).collect();
    points.retain(|point| point.starts_with(dir));
    points.sort_by_key(|point| std::cmp::Reverse(point.components().count()));
    for point in points {
        if !unmount(&point, &[])? {
            // If a mount is in use, it is only detached. The kernel unmounts it when it is no longer used.
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

/// Parses one line of `/proc/self/mountinfo`. Returns `None` if the line is invalid.
fn parse_mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let point = unescape(fields.nth(4)?);
    // The optional fields end with a dash. The type of the file system follows.
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    Some(Mount {
        point,
        kind: String::from_utf8_lossy(kind).into_owned(),
    })
}

/// Replaces the kernel's octal escapes, such as `\040` for a space.
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

/// Quotes a path for a JSON or TOML configuration file. Both formats have the same string syntax for all characters
/// that occur in paths.
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
