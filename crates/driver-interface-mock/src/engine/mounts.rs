//! What is mounted into containers.

use std::sync::Arc;

use driver_interface_types::{ContainerId, MountType, SecurityOptions};

use super::state::State;
use crate::fs::{Caller, FileSystem, Meta, Mount, SharedTree, Tree, absolute};
use crate::sync::lock;

/// The size of `/dev/shm` where nothing is said, in MiB.
const SHM_SIZE_MIB: u64 = 64;

/// What a run of a container sees: its root, volumes and host folders, and new folders in memory.
pub(super) fn mounts_of(state: &mut State, id: &ContainerId) -> Vec<Mount> {
    let mut mounts = lasting_mounts(state, id);
    let Some(container) = state.containers.get(id) else {
        return mounts;
    };
    let config = &container.config;
    let taken: Vec<String> = mounts.iter().map(|mount| mount.target.clone()).collect();
    let mut in_memory = vec![("/dev/shm".to_owned(), config.shm_size.unwrap_or(SHM_SIZE_MIB))];
    if config.security.read_only {
        in_memory.push(("/tmp".to_owned(), SecurityOptions::TMP_SIZE_MIB));
    }
    for folder in &config.tmpfs {
        let target = absolute("/", &folder.target);
        in_memory.retain(|(other, _)| *other != target);
        in_memory.push((target, folder.size));
    }
    in_memory.retain(|(target, _)| !taken.contains(target));
    mounts.extend(in_memory.into_iter().map(|(target, mib)| Mount {
        target,
        tree: folder_in_memory(mib),
        read_only: false,
    }));
    mounts
}

fn folder_in_memory(mib: u64) -> SharedTree {
    let mut tree = Tree::with_capacity(mib.saturating_mul(1 << 20));
    tree.set_meta("", Meta::SHARED);
    tree.shared()
}

/// What of a container is there whether it runs or not.
fn lasting_mounts(state: &mut State, id: &ContainerId) -> Vec<Mount> {
    let Some(container) = state.containers.get(id) else {
        return Vec::new();
    };
    let (config, root) = (container.config.clone(), Arc::clone(&container.root));
    let mut mounts = vec![Mount {
        target: "/".to_owned(),
        tree: Arc::clone(&root),
        read_only: config.security.read_only,
    }];
    for mount in &config.volumes {
        let target = absolute("/", &mount.target);
        let tree = match mount.mount_type() {
            MountType::Bind => state.host_folder(&mount.source),
            _ => {
                // It was there at creation, and what is in use cannot be removed.
                let Some(record) = state.volumes.get(&mount.source) else {
                    continue;
                };
                take_over(&record.tree, &root, &target);
                Arc::clone(&record.tree)
            }
        };
        mounts.retain(|other| other.target != target);
        mounts.push(Mount {
            target,
            tree,
            read_only: mount.read_only,
        });
    }
    mounts
}

/// A new volume gets what the image has at its place, and the owner of that.
fn take_over(volume: &SharedTree, root: &SharedTree, target: &str) {
    let mut volume = lock(volume);
    if volume.is_empty() {
        volume.copy_of(&lock(root), target.trim_start_matches('/'));
    }
}

impl State {
    /// A container's files as the engine sees them, which is root: of its run, or what is there without one.
    pub(crate) fn files_of(&mut self, id: &ContainerId) -> Option<FileSystem> {
        let container = self.containers.get(id)?;
        if let Some(run) = container.run() {
            return Some(run.host.files.seen_by(Caller::ROOT));
        }
        Some(FileSystem::new(lasting_mounts(self, id), Caller::ROOT))
    }
}
