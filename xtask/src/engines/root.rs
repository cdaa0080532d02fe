//! Root directories with packages of other Debian releases, for engine versions that the host's Debian release does
//! not have.
//!
//! An engine in a root directory runs in its own mount and network namespaces, with the root directory as `/`. The
//! host's cgroups and devices, and the engine's own directories, have the same paths inside as outside. The engine's
//! socket can therefore be reached from the host. The ports that the engine publishes can only be reached in the
//! engine's network namespace. To run a program there, use [`enter`].

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
/// The packages that are installed in a root directory. Packages that these packages only recommend are not
/// installed.
const PACKAGES: &[&str] = &[
    "docker.io", "containerd", "runc", "podman", "crun", "netavark", "aardvark-dns", "conmon", "catatonit",
    "iptables", "nftables", "iproute2", "procps", "kmod", "ca-certificates",
];
/// The additional packages in the root of the virtual machine.
const VM_PACKAGES: &[&str] = &[
    "user-mode-linux", "systemd", "systemd-sysv", "dbus", "udev", "docker-registry", "busybox-static",
];
/// Directories of the host that tests bind-mount into containers. These directories are also mounted in the root
/// directory.
const SHARED: [&str; 2] = ["/tmp", "/srv"];

/// A script that runs a program in the root directory `$1`. The arguments from `$2` up to `--` are directories to
/// mount in the root directory, and the arguments after `--` are the program and its arguments.
///
/// The script uses `pivot_root`, because runc refuses to run in a `chroot`.
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

/// A Debian release that provides the packages of a root directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// Debian 13, with Docker 26.1 and Podman 5.4.
    Trixie,
    /// Debian 14, with Docker 28.5 and Podman 5.8.
    Forky,
    /// Debian 14, with the kernel and the services of the [virtual machine](super::vm).
    ForkyVm,
}

impl Release {
    fn name(self) -> &'static str {
        match self {
            Self::Trixie => "trixie",
            Self::Forky => "forky",
            Self::ForkyVm => "forky-vm",
        }
    }

    fn suite(self) -> &'static str {
        match self {
            Self::Trixie => "trixie",
            Self::Forky | Self::ForkyVm => "forky",
        }
    }

    fn packages(self) -> String {
        let more = if self == Self::ForkyVm { VM_PACKAGES } else { &[] };
        [PACKAGES, more].concat().join(",")
    }
}

/// Returns the root directory of a release. If the directory is missing and `install` is `true`, creates the
/// directory. If the directory is missing and `install` is `false`, fails. The creation takes one to three minutes
/// and 700 MB.
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
    let unfinished = root.with_extension("new");
    super::launch::remove_dir(&unfinished)?;
    bootstrap(&unfinished, release, &release.packages())?;
    // Podman runs dpkg-query for each of its components to report their versions.
    fs::write(unfinished.join("usr/bin/dpkg-query"), "#!/bin/sh\nexit 1\n")?;
    if release == Release::ForkyVm {
        super::vm::prepare(&unfinished)?;
    }
    // The directory gets its final name when it is complete, so that it is never found half written.
    fs::rename(&unfinished, &root).with_context(|| format!("cannot create {}", root.display()))?;
    Ok(root)
}

/// Creates the root directory `root` with a Debian release, and installs `packages` there. `packages` is a
/// comma-separated list.
pub(super) fn bootstrap(root: &Path, release: Release, packages: &str) -> Result<()> {
    if !host::has_program("mmdebstrap") {
        install_packages(&["mmdebstrap"])?;
    }
    fs::create_dir_all(root).with_context(|| format!("cannot create {}", root.display()))?;
    run(Command::new("mmdebstrap")
        .args(["--mode=root", "--variant=minbase", "--quiet"])
        // If the host's clock is ahead, a testing release counts as expired. The user that apt switches to may not
        // exist.
        .args([
            "--aptopt=Acquire::Check-Valid-Until \"false\"",
            "--aptopt=APT::Sandbox::User \"root\"",
            "--aptopt=Acquire::Retries \"5\"",
        ])
        .arg(format!("--include={packages}"))
        .arg(release.suite())
        .arg(root)
        .arg(MIRROR))
}

/// Returns the cache directory that contains the root directories. The cache directory is outside of the checkout, so
/// the root directories remain if the checkout is deleted.
fn cache_dir() -> Result<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|dir| dir.is_absolute());
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = cache.or_else(home).unwrap_or_else(|| "/var/cache".into());
    Ok(cache.join("driver-interface/engines"))
}

/// Builds a command that runs `program` in the engine's root directory and network namespace. `program` has the
/// process id of the started command.
pub(super) fn inside(layout: &Layout, release: Release, program: &str) -> Result<Command> {
    create_namespace(layout)?;
    let mut command = enter(&namespace(layout));
    command.args(["unshare", "--mount"]);
    let shared = [layout.home(), layout.run()];
    add_root(&mut command, &ensure_root(release, false)?, &shared);
    command.arg(program);
    Ok(command)
}

/// Adds arguments to an `unshare --mount` command, so that the command runs a program in the root directory `root`.
/// The caller adds the program after the call. The directories `shared` have the same paths in the root directory as
/// outside.
pub(super) fn add_root(command: &mut Command, root: &Path, shared: &[&Path]) {
    let usual = SHARED.into_iter().map(Path::new).filter(|dir| dir.is_dir());
    command
        .args(["--propagation", "slave", "bash", "-c", ENTER, "enter"])
        .arg(root)
        .args(shared.iter().copied().chain(usual))
        .arg("--");
}

/// Builds a command that runs a program in a network namespace. The caller adds the program and its arguments.
///
/// The command does not use `ip netns exec`, because that mounts another `/sys`, which hides the cgroups.
pub(crate) fn enter(namespace: &Path) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(net_option(namespace));
    command
}

/// Creates the network namespace of the engine, unless the namespace exists. The namespace remains when the engine's
/// processes exit, so that a restarted engine finds the containers of a killed engine in their networks.
pub(super) fn create_namespace(layout: &Layout) -> Result<()> {
    let namespace = namespace(layout);
    if !host::is_mount_point(&namespace) {
        fs::write(&namespace, "").with_context(|| format!("cannot create {}", namespace.display()))?;
        // In a new namespace, the loopback interface must be enabled first.
        run(Command::new("unshare")
            .arg(net_option(&namespace))
            .args(["ip", "link", "set", "lo", "up"]))?;
    }
    Ok(())
}

/// Returns the path of the engine's network namespace. The path is in the run directory, so that the namespace is
/// unmounted and removed with that directory.
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
