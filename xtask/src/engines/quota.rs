//! Prepares a second Docker engine. The second engine enforces disk limits, and runs beside the machine's own engine.
//!
//! The data directory of this engine is a btrfs file system in an image file, because Docker can use the quotas of
//! btrfs. The engine has its own network namespace, because two engines in the same namespace would remove each
//! other's `docker0` and firewall rules. In its namespace, the engine has bridges and rules as usual. From this
//! namespace, the engine cannot reach the internet or the registry on the host's loopback interface. Images must
//! therefore be imported.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::host;
use super::layout::Layout;
use super::root::{self, run};

/// The size of the file system, in bytes. The image file is sparse: it takes only the space of the data that it
/// contains.
const DISK_SIZE: u64 = 2 << 30;

/// Mounts the data directory of the engine, and creates the engine's network namespace. Keeps an existing mount or
/// namespace.
///
/// The mount and the namespace remain when the processes of the engine exit.
pub(super) fn prepare(layout: &Layout) -> Result<()> {
    let disk = layout.home().join("disk.btrfs");
    if !disk.exists() {
        make_disk(&disk)?;
    }
    if !host::is_mount_point(&layout.data()) {
        // `mount` allocates a loop device for this, which `umount` releases.
        run(Command::new("mount")
            .args(["-t", "btrfs", "-o", "loop"])
            .arg(&disk)
            .arg(layout.data()))
        .context("a kernel with btrfs and loop devices is needed")?;
    }
    root::create_namespace(layout)
}

fn make_disk(disk: &Path) -> Result<()> {
    // The file gets its final name when it is complete, so that it is never found half written.
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
