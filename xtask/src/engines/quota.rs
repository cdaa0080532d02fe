//! The setup of a second Docker engine that enforces disk limits beside the machine's own engine.
//!
//! Its data directory is a btrfs file system in an image file, because Docker can use btrfs quotas. The engine
//! runs in its own network namespace: two engines in one would remove each other's `docker0` and firewall
//! rules. Inside, it has bridges and rules as usual, but no route to the outside or to the registry on the
//! host's loopback. Images must therefore be imported.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::host;
use super::layout::Layout;

/// The size of the file system. The file is sparse: it occupies only what is written, and frees what is
/// deleted.
const DISK_SIZE: u64 = 2 << 30;

/// Mounts the engine's data directory and creates its network namespace unless they exist.
///
/// Both outlive the engine's processes, so that a new engine finds the containers of a killed one in their
/// networks.
pub(super) fn prepare(layout: &Layout) -> Result<()> {
    let disk = layout.home().join("disk.btrfs");
    if !disk.exists() {
        make_disk(&disk)?;
    }
    if !host::is_mount_point(&layout.data()) {
        // umount releases a loop device that mount allocated.
        run(Command::new("mount")
            .args(["-t", "btrfs", "-o", "loop"])
            .arg(&disk)
            .arg(layout.data()))
        .context("a kernel with btrfs and loop devices is needed")?;
    }
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

/// Builds a command that executes `program`, with the same process id, in the engine's network namespace.
///
/// It does not use `ip netns exec`, which remounts `/sys` and so hides the cgroups.
pub(super) fn inside(layout: &Layout, program: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(net_option(&namespace(layout))).arg(program);
    command
}

/// Returns the namespace's path in the run directory: removing that directory also unmounts and removes the
/// namespace.
fn namespace(layout: &Layout) -> PathBuf {
    layout.run().join("netns")
}

fn net_option(namespace: &Path) -> OsString {
    let mut option = OsString::from("--net=");
    option.push(namespace);
    option
}

fn make_disk(disk: &Path) -> Result<()> {
    // Renamed when complete, so that a file with the final name is never half written.
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
