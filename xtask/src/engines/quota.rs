//! The setup of a second Docker engine that enforces disk limits beside the machine's own engine.
//!
//! The engine's data directory is a btrfs file system in an image file, because Docker can use btrfs quotas. The
//! engine runs in its own network namespace: two engines in one namespace would remove each other's `docker0` and
//! firewall rules. Inside, it has bridges and rules as usual, but no route to the outside or to the registry on the
//! host's loopback. Images must therefore be imported.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::host;
use super::layout::Layout;
use super::root::{self, run};

/// The size of the file system. The file is sparse: it occupies only what is written, and frees what is
/// deleted.
const DISK_SIZE: u64 = 2 << 30;

/// Mounts the engine's data directory and creates its network namespace unless they exist.
///
/// Both the mount and the namespace outlive the engine's processes.
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
    root::create_namespace(layout)
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
