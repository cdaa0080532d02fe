//! Installation of the engines' programs from Debian's packages.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Engine, host, root};

const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Ensures that all programs that an engine needs are installed. If programs are missing, installs packages if
/// `install` is `true`, and otherwise fails.
pub(super) fn ensure_programs(engine: Engine, install: bool) -> Result<()> {
    if let Some(release) = engine.release() {
        root::ensure_root(release, install)?;
    }
    let missing = missing_programs(engine);
    if missing.is_empty() {
        return Ok(());
    }
    let packages = packages(engine);
    let what = format!(
        "{} not installed (Debian packages: {})",
        missing.join(", "),
        packages.join(" ")
    );
    ensure!(install, "{what}");
    ensure!(
        host::has_program("apt-get"),
        "{what}, and this host has no apt-get to install it with"
    );
    host::require_root(&format!("{what}, and installing needs root"))?;

    let policy = NoServices::enter()?;
    install_packages(&packages)?;
    drop(policy);

    let missing = missing_programs(engine);
    ensure!(
        missing.is_empty(),
        "{} still missing after installing {}",
        missing.join(", "),
        packages.join(" ")
    );
    Ok(())
}

fn missing_programs(engine: Engine) -> Vec<&'static str> {
    let needed: &[&str] = match engine {
        Engine::Docker => &["dockerd", "containerd", "runc", "iptables", "ssh", "sshd"],
        Engine::DockerQuota => &[
            "dockerd", "containerd", "runc", "iptables", "mkfs.btrfs", "ip", "nsenter", "mount",
        ],
        Engine::Podman => &[
            "podman", "conmon", "runc", "netavark", "aardvark-dns", "catatonit", "iptables",
        ],
        Engine::Registry => &["docker-registry"],
        Engine::Vm => &["mke2fs", "setpriv", "unshare"],
        _ => &["ip", "nsenter", "unshare", "docker-registry"],
    };
    needed
        .iter()
        .copied()
        .filter(|program| !host::has_program(program))
        .collect()
}

/// Returns the packages of an engine. Packages that these packages only recommend are not installed automatically, so
/// the needed packages among them are listed too. `catatonit` is Podman's init process, `aardvark-dns` is Podman's
/// DNS server, and `procps` contains the `kill` that this program uses.
fn packages(engine: Engine) -> Vec<&'static str> {
    match engine {
        // Tests connect to the engine over SSH too.
        Engine::Docker => vec![
            "docker.io", "iptables", "openssh-client", "openssh-server", "procps",
        ],
        Engine::DockerQuota => {
            vec![
                "docker.io", "iptables", "procps", "btrfs-progs", "iproute2", "mount", "util-linux",
            ]
        }
        Engine::Podman => {
            vec![
                "podman", "runc", "netavark", "aardvark-dns", "catatonit", "iptables", "procps",
            ]
        }
        Engine::Registry => vec!["docker-registry", "procps"],
        Engine::Vm => vec!["e2fsprogs", "util-linux"],
        _ => vec!["docker-registry", "iproute2", "procps", "util-linux"],
    }
}

/// Installs packages. If this fails, updates the package lists and installs again. The lists may be missing, as in a
/// container image, or contain versions that the mirror no longer has.
pub(super) fn install_packages(packages: &[&str]) -> Result<()> {
    let install = [&["install", "--yes", "--no-install-recommends"], packages].concat();
    if apt_get(&install).is_ok() {
        return Ok(());
    }
    apt_get(&["update"])?;
    apt_get(&install)
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let output = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .context("cannot run apt-get")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "apt-get {} failed: {}",
        arguments.join(" "),
        errors.trim()
    );
    Ok(())
}

/// A guard that prevents newly installed packages from starting their services. This program starts the engines
/// itself, with other data directories. The guard uses Debian's policy file, which works with or without systemd. An
/// existing policy file is kept.
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn enter() -> Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(POLICY);
        let Ok(mut file) = file else {
            ensure!(Path::new(POLICY).exists(), "cannot create {POLICY}");
            return Ok(Self { ours: false });
        };
        let policy = Self { ours: true };
        file.write_all(b"#!/bin/sh\nexit 101\n")
            .with_context(|| format!("cannot write {POLICY}"))?;
        Ok(policy)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours {
            // A failure cannot be handled here, and the file only affects later installations.
            let _ = fs::remove_file(POLICY);
        }
    }
}
