//! A container's files: trees in memory, mounted over one another.

mod errno;
mod image_root;
mod tar;
mod tree;

use std::sync::Arc;

pub(crate) use errno::Errno;
pub(crate) use image_root::stock_root;
pub(crate) use tar::read_tar;
pub(crate) use tree::{Node, SharedTree, Tree};

use crate::sync::lock;

/// A tree at a place.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    /// Absolute and normal; `/` for the root.
    pub(crate) target: String,
    pub(crate) tree: SharedTree,
    pub(crate) read_only: bool,
    pub(crate) writers: Writers,
}

/// Who may write to a mount that is not read-only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writers {
    /// Everybody, as in `/tmp`.
    All,
    /// Root alone, as in a new volume of a real engine.
    Root,
    /// Root, and everybody in the folders that an image leaves open.
    AsInImages,
}

/// What the processes of a container see.
#[derive(Clone, Debug)]
pub(crate) struct FileSystem {
    /// The longest target first, so that the first that fits is the one on top.
    mounts: Vec<Mount>,
    root_user: bool,
}

/// Where users other than root may write on a root file system that can be written.
const WORLD_WRITABLE: [&str; 4] = ["tmp", "var/tmp", "dev/shm", "home"];

impl FileSystem {
    pub(crate) fn new(mut mounts: Vec<Mount>, root_user: bool) -> Self {
        mounts.sort_by(|a, b| {
            b.target
                .len()
                .cmp(&a.target.len())
                .then_with(|| a.target.cmp(&b.target))
        });
        for (index, mount) in mounts.iter().enumerate() {
            let below = mounts
                .iter()
                .skip(index + 1)
                .find(|other| rest_of(&mount.target, &other.target).is_some());
            let place = below.and_then(|below| Some((below, rest_of(&mount.target, &below.target)?)));
            if let Some((below, place)) = place {
                lock(&below.tree).mkdir_all(&place);
            }
        }
        Self { mounts, root_user }
    }

    /// The same files, as another user sees them.
    pub(crate) fn seen_by(&self, root_user: bool) -> Self {
        Self {
            mounts: self.mounts.clone(),
            root_user,
        }
    }

    pub(crate) fn node(&self, path: &str) -> Option<Node> {
        let (mount, rest) = self.at(path).ok()?;
        lock(&mount.tree).node(&rest)
    }

    pub(crate) fn read(&self, path: &str) -> Result<Arc<Vec<u8>>, Errno> {
        let (mount, rest) = self.at(path)?;
        lock(&mount.tree).read(&rest)
    }

    pub(crate) fn list(&self, path: &str) -> Result<Vec<String>, Errno> {
        let (mount, rest) = self.at(path)?;
        lock(&mount.tree).list(&rest)
    }

    /// Opens a file for writing and makes it if need be.
    pub(crate) fn create(&self, path: &str, truncate: bool) -> Result<(SharedTree, String), Errno> {
        let (mount, rest) = self.writable(path)?;
        lock(&mount.tree).create(&rest, truncate)?;
        Ok((Arc::clone(&mount.tree), rest))
    }

    pub(crate) fn mkdir(&self, path: &str) -> Result<(), Errno> {
        if self.node(path).is_some() {
            return Err(Errno::Exists);
        }
        let (mount, rest) = self.writable(path)?;
        lock(&mount.tree).mkdir(&rest)
    }

    pub(crate) fn remove(&self, path: &str, recursive: bool) -> Result<(), Errno> {
        if self.node(path).is_none() {
            return Err(Errno::NotFound);
        }
        if self.mounts.iter().any(|mount| mount.target == path) {
            return Err(Errno::Busy);
        }
        let (mount, rest) = self.writable(path)?;
        lock(&mount.tree).remove(&rest, recursive)
    }

    /// Every place something is mounted at, and whether it is read-only; the root first.
    pub(crate) fn mounts(&self) -> impl Iterator<Item = (&str, bool)> {
        self.mounts
            .iter()
            .rev()
            .map(|mount| (mount.target.as_str(), mount.read_only))
    }

    pub(crate) fn is_writable(&self, path: &str) -> bool {
        self.writable(path).is_ok()
    }

    fn writable(&self, path: &str) -> Result<(&Mount, String), Errno> {
        let (mount, rest) = self.at(path)?;
        let exists = lock(&mount.tree).node(&rest).is_some();
        let parent = rest.rsplit_once('/').map_or("", |(parent, _)| parent);
        if !exists && !matches!(lock(&mount.tree).node(parent), Some(Node::Dir)) {
            return Err(lock(&mount.tree).missing(&rest));
        }
        if mount.read_only {
            return Err(Errno::ReadOnly);
        }
        let below = |open: &&str| {
            rest.strip_prefix(*open)
                .is_some_and(|r| r.is_empty() || r.starts_with('/'))
        };
        let allowed = self.root_user
            || match mount.writers {
                Writers::All => true,
                Writers::Root => false,
                Writers::AsInImages => WORLD_WRITABLE.iter().any(below),
            };
        if allowed {
            Ok((mount, rest))
        } else {
            Err(Errno::Access)
        }
    }

    fn at(&self, path: &str) -> Result<(&Mount, String), Errno> {
        let found = self
            .mounts
            .iter()
            .find_map(|mount| Some((mount, rest_of(path, &mount.target)?)));
        found.ok_or(Errno::NotFound)
    }
}

/// What is left of a path below a folder; `None` when it is not below it.
fn rest_of(path: &str, folder: &str) -> Option<String> {
    let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
    if rest.is_empty() {
        return Some(String::new());
    }
    rest.strip_prefix('/').map(str::to_owned)
}

/// Makes a path absolute and normal: no `.`, `..`, or doubled slash.
pub(crate) fn absolute(cwd: &str, path: &str) -> String {
    let base = if path.starts_with('/') { "" } else { cwd };
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
