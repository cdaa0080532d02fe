//! The mounts of a container's file system.

use std::sync::Arc;

use driver_interface_types::{ContainerId, MountType, SecurityOptions, TmpfsMount};

use super::state::State;
use crate::fs::{Caller, FileSystem, Meta, Mount, SharedTree, Tree, absolute};

/// The default size of `/dev/shm`, in MiB.
const SHM_SIZE_MIB: u64 = 64;

/// Returns the mounts of a new run: the root, volumes, host directories, and new tmpfs mounts. By default, `user`
/// owns the tmpfs mounts.
pub(super) fn mounts_of(state: &mut State, id: &ContainerId, user: Caller) -> Vec<Mount> {
    let mut mounts = lasting_mounts(state, id);
    let Some(container) = state.containers.get(id) else {
        return mounts;
    };
    let config = &container.config;
    let taken: Vec<String> = mounts.iter().map(|mount| mount.target.clone()).collect();
    // The engine creates `/dev/shm`, and all processes in the container share it.
    let shm = TmpfsMount::new("/dev/shm", config.shm_size.unwrap_or(SHM_SIZE_MIB))
        .uid(0)
        .gid(0);
    let mut in_memory = vec![shm];
    if config.security.read_only {
        in_memory.push(TmpfsMount::new("/tmp", SecurityOptions::TMP_SIZE_MIB));
    }
    for mount in &config.tmpfs {
        let mut mount = mount.clone();
        mount.target = absolute("/", &mount.target);
        in_memory.retain(|other| other.target != mount.target);
        in_memory.push(mount);
    }
    in_memory.retain(|mount| !taken.contains(&mount.target));
    mounts.extend(in_memory.into_iter().map(|mount| Mount {
        tree: tmpfs_directory(&mount, user),
        read_only: false,
        options: options(&mount),
        target: mount.target,
    }));
    mounts
}

fn tmpfs_directory(mount: &TmpfsMount, user: Caller) -> SharedTree {
    let mut tree = Tree::with_capacity(mount.size.saturating_mul(1 << 20));
    let meta = Meta {
        uid: mount.uid.unwrap_or(user.uid),
        gid: mount.gid.unwrap_or(user.gid),
        mode: mount.mode.unwrap_or(TmpfsMount::DEFAULT_MODE),
    };
    tree.set_meta("", meta);
    tree.shared()
}

fn options(mount: &TmpfsMount) -> &'static str {
    match (mount.suid, mount.dev, mount.exec) {
        (false, false, false) => ",nosuid,nodev,noexec",
        (false, false, true) => ",nosuid,nodev",
        (false, true, false) => ",nosuid,noexec",
        (false, true, true) => ",nosuid",
        (true, false, false) => ",nodev,noexec",
        (true, false, true) => ",nodev",
        (true, true, false) => ",noexec",
        (true, true, true) => "",
    }
}

/// Returns the mounts whose content survives a run: the root, volumes and host directories.
fn lasting_mounts(state: &mut State, id: &ContainerId) -> Vec<Mount> {
    let Some(container) = state.containers.get(id) else {
        return Vec::new();
    };
    let config = container.config.clone();
    let mut mounts = vec![Mount {
        target: "/".to_owned(),
        tree: Arc::clone(&container.root),
        read_only: config.security.read_only,
        options: "",
    }];
    for mount in &config.volumes {
        let target = absolute("/", &mount.target);
        let tree = match mount.mount_type() {
            MountType::Bind => state.host_directory(&mount.source),
            _ => {
                // The volume existed when the container was created, and cannot be removed while in use.
                let Some(record) = state.volumes.get(&mount.source) else {
                    continue;
                };
                Arc::clone(&record.tree)
            }
        };
        mounts.retain(|other| other.target != target);
        mounts.push(Mount {
            target,
            tree,
            read_only: mount.read_only,
            options: "",
        });
    }
    mounts
}

impl State {
    /// Returns the files of a container, running or not, as root sees them. Returns `None` if there is no such
    /// container.
    pub(crate) fn files_of(&mut self, id: &ContainerId) -> Option<FileSystem> {
        let container = self.containers.get(id)?;
        if let Some(run) = container.run() {
            return Some(run.host.files.as_caller(Caller::ROOT));
        }
        Some(FileSystem::new(lasting_mounts(self, id), Caller::ROOT))
    }
}
