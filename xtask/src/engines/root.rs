//! Root directories with the packages of newer Debian releases, for engines that the host's release does not have.
//!
//! An engine runs in its own mount and network namespace with such a directory as `/`. The host's cgroups and devices
//! and the engine's own directories have the same path on both sides, so its socket is reachable from the host; its
//! published ports are reachable only in its network namespace, which [`enter`] enters.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::host;
use super::install::install_packages;
use super::layout::Layout;

const MIRROR: &str = "http://deb.debian.org/debian";
/// The packages in a root. Recommended packages are not installed automatically.
const PACKAGES: &[&str] = &[
    "docker.io", "containerd", "runc", "podman", "crun", "netavark", "aardvark-dns", "conmon", "catatonit",
    "iptables", "nftables", "iproute2", "procps", "kmod", "ca-certificates",
];
/// Directories that tests bind-mount from. They exist both on the host and in the root.
const SHARED: [&str; 2] = ["/tmp", "/srv"];

/// The script that makes `$1` the root directory, shares the directories up to `--` with it, and runs the rest.
///
/// The script needs `pivot_root`: runc refuses to run in a `chroot`.
const ENTER: &str = r#"
set -e
root=$1; shift
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root/run/netns" "$root/run/lock"
while [ "$1" != -- ]; do
    mkdir -p "$root$1"
    mount --bind "$1" "$root$1"
    shift
done
shift
cd "$root"
pivot_root . mnt
umount -l /mnt
mount --make-rshared /
exec "$@"
"#;

/// A Debian release from whose packages a root is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// Docker 26.1 and Podman 5.4.
    Trixie,
    /// Docker 28.5 and Podman 5.8.
    Forky,
}

impl Release {
    fn name(self) -> &'static str {
        match self {
            Self::Trixie => "trixie",
            Self::Forky => "forky",
        }
    }
}

/// Returns the root of a release, creating it first if `install` allows. Creating a root takes about a minute and
/// 700 MB.
pub(super) fn ensure_root(release: Release, install: bool) -> Result<PathBuf> {
    let root = cache_dir()?.join(release.name());
    if root.exists() {
        return Ok(root);
    }
    let what = format!("{} does not exist", root.display());
    ensure!(
        install,
        "{what}; create it with `cargo xtask engines up --install`"
    );
    host::require_root(&format!("{what}, and creating it needs root"))?;
    if !host::has_program("mmdebstrap") {
        install_packages(&["mmdebstrap"])?;
    }
    let unfinished = root.with_extension("new");
    super::launch::remove_dir(&unfinished)?;
    fs::create_dir_all(&unfinished).with_context(|| format!("cannot create {}", unfinished.display()))?;
    run(Command::new("mmdebstrap")
        .args(["--mode=root", "--variant=minbase", "--quiet"])
        // A testing release counts as expired on a host whose clock is ahead, and apt's own user may not exist.
        .args([
            "--aptopt=Acquire::Check-Valid-Until \"false\"",
            "--aptopt=APT::Sandbox::User \"root\"",
            "--aptopt=Acquire::Retries \"5\"",
        ])
        .arg(format!("--include={}", PACKAGES.join(",")))
        // Podman runs dpkg-query for every component to report its version.
        .arg("--customize-hook=printf '#!/bin/sh\\nexit 1\\n' > \"$1/usr/bin/dpkg-query\"")
        .arg(release.name())
        .arg(&unfinished)
        .arg(MIRROR))?;
    // Renamed when complete, so that a root with the final name is never half written.
    fs::rename(&unfinished, &root).with_context(|| format!("cannot create {}", root.display()))?;
    Ok(root)
}

/// Returns the directory of the roots, which a clean checkout keeps.
fn cache_dir() -> Result<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|dir| dir.is_absolute());
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = cache.or_else(home).unwrap_or_else(|| "/var/cache".into());
    Ok(cache.join("driver-interface/engines"))
}

/// Builds a command that executes `program`, with the same process id, in the engine's root and network namespace.
pub(super) fn inside(layout: &Layout, release: Release, program: &str) -> Result<Command> {
    create_namespace(layout)?;
    let mut command = enter(&namespace(layout));
    command
        .args([
            "unshare", "--mount", "--propagation", "slave", "bash", "-c", ENTER, "enter",
        ])
        .arg(ensure_root(release, false)?)
        .args([layout.home(), layout.run()])
        .args(SHARED.into_iter().filter(|dir| Path::new(dir).is_dir()))
        .args(["--", program]);
    Ok(command)
}

/// Builds the beginning of a command that runs in a network namespace.
///
/// Does not use `ip netns exec`, which remounts `/sys` and so hides the cgroups.
pub(crate) fn enter(namespace: &Path) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(net_option(namespace));
    command
}

/// Creates the engine's network namespace unless it exists. It outlives the engine's processes, so that a new
/// engine finds the containers of a killed engine in their networks.
pub(super) fn create_namespace(layout: &Layout) -> Result<()> {
    let namespace = namespace(layout);
    if !host::is_mount_point(&namespace) {
        fs::write(&namespace, "").with_context(|| format!("cannot create {}", namespace.display()))?;
        // The loopback interface of a new namespace is down.
        run(Command::new("unshare")
            .arg(net_option(&namespace))
            .args(["ip", "link", "set", "lo", "up"]))?;
    }
    Ok(())
}

/// Returns the namespace's path in the run directory: removing that directory also unmounts and removes the
/// namespace.
pub(super) fn namespace(layout: &Layout) -> PathBuf {
    layout.run().join("netns")
}

fn net_option(namespace: &Path) -> OsString {
    let mut option = OsString::from("--net=");
    option.push(namespace);
    option
}

pub(super) fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .env("PATH", host::program_path())
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} failed: {}", errors.trim());
    Ok(())
}
