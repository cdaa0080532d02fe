//! What a Docker engine needs to hold containers to a disk limit beside the machine's own engine.
//!
//! Its data are on btrfs, whose quotas Docker can use, in a file of their own. It runs in a network namespace of its
//! own: two engines in one would remove each other's `docker0` and firewall rules. In there it has bridges and rules
//! as usual, but no way to the outside, nor to the registry on the host's loopback: images have to be imported.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::host;
use super::layout::Layout;

/// The size of the file system. The file is sparse: it takes what is written, and gives back what is deleted.
const DISK_SIZE: u64 = 2 << 30;

/// Mounts the engine's data directory and makes its network namespace, where they are not there yet.
///
/// Both outlive the engine's processes, so that a new engine finds a killed one's containers in their networks.
pub(super) fn prepare(layout: &Layout) -> Result<()> {
    let disk = layout.home().join("disk.btrfs");
    if !disk.exists() {
        make_disk(&disk)?;
    }
    if !host::is_mount_point(&layout.data()) {
        // umount gives a loop device back that mount has taken.
        run(Command::new("mount")
            .args(["-t", "btrfs", "-o", "loop"])
            .arg(&disk)
            .arg(layout.data()))
        .context("a kernel with btrfs and loop devices is needed")?;
    }
    let namespace = namespace(layout);
    if !host::is_mount_point(&namespace) {
        fs::write(&namespace, "").with_context(|| format!("cannot create {}", namespace.display()))?;
        // A fresh namespace's loopback is down.
        run(Command::new("unshare")
            .arg(net_option(&namespace))
            .args(["ip", "link", "set", "lo", "up"]))?;
    }
    Ok(())
}

/// A command that becomes `program`, under the same process number, in the engine's network namespace.
///
/// It is not `ip netns exec`, which mounts `/sys` anew and so hides the cgroups.
pub(super) fn inside(layout: &Layout, program: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(net_option(&namespace(layout))).arg(program);
    command
}

/// In the run directory, where unmounting and removing it is part of removing that.
fn namespace(layout: &Layout) -> PathBuf {
    layout.run().join("netns")
}

fn net_option(namespace: &Path) -> OsString {
    let mut option = OsString::from("--net=");
    option.push(namespace);
    option
}

fn make_disk(disk: &Path) -> Result<()> {
    // Renamed when done, so that what we find under the name is never half made.
    let unfinished = disk.with_extension("new");
    let file =
        fs::File::create(&unfinished).with_context(|| format!("cannot create {}", unfinished.display()))?;
    file.set_len(DISK_SIZE)
        .with_context(|| format!("cannot size {}", unfinished.display()))?;
    drop(file);
    run(Command::new("mkfs.btrfs")
        .args(["--quiet", "--force"])
        .arg(&unfinished))?;
    fs::rename(&unfinished, disk).with_context(|| format!("cannot create {}", disk.display()))
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .env("PATH", host::program_path())
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} failed: {}", errors.trim());
    Ok(())
}
