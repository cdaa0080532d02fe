//! The file system of a container: directory trees in memory, each mounted at a path.

mod archive;
mod errno;
mod image_root;
mod links;
mod meta;
mod tar;
mod tree;

use std::sync::Arc;

pub(crate) use archive::{Entries, EntryKind, SharedFile, UnpackProblem, pack, unpack};
pub(crate) use errno::Errno;
pub(crate) use image_root::{open_directories, stock_root};
pub(crate) use meta::{Access, Caller, Meta};
pub(crate) use tar::{apply_layer, read_tar};
pub(crate) use tree::{Node, SharedTree, Tree};

use crate::sync::lock;

/// The maximum length of a file name, in bytes.
const LONGEST_NAME: usize = 255;

/// A directory tree that is mounted at a path.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    /// The absolute and normalized path of the mount point; `/` for the root.
    pub(crate) target: String,
    pub(crate) tree: SharedTree,
    pub(crate) read_only: bool,
    /// Further mount options in the format of `/proc/mounts`. The text is empty, or has a comma before each option.
    pub(crate) options: &'static str,
}

/// The mounts of a container, as seen by one user.
#[derive(Clone, Debug)]
pub(crate) struct FileSystem {
    /// The mounts, sorted by the length of the target, with the longest target first. A path belongs to the first
    /// mount in this list whose target contains the path.
    mounts: Arc<[Mount]>,
    caller: Caller,
}

impl FileSystem {
    pub(crate) fn new(mut mounts: Vec<Mount>, caller: Caller) -> Self {
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
            let location = below.and_then(|below| Some((below, rest_of(&mount.target, &below.target)?)));
            if let Some((below, location)) = location {
                lock(&below.tree).mkdir_all(&location);
            }
        }
        Self {
            mounts: mounts.into(),
            caller,
        }
    }

    /// Returns a file system that consists of one tree, as root sees it.
    pub(crate) fn of_tree(tree: SharedTree) -> Self {
        let root = Mount {
            target: "/".to_owned(),
            tree,
            read_only: false,
            options: "",
        };
        Self::new(vec![root], Caller::ROOT)
    }

    /// Returns this file system as seen by the user `caller`.
    pub(crate) fn as_caller(&self, caller: Caller) -> Self {
        Self {
            mounts: Arc::clone(&self.mounts),
            caller,
        }
    }

    /// Returns `path` with its links resolved. There need not be a file at the path.
    pub(crate) fn resolve_links(&self, path: &str) -> Result<String, Errno> {
        if path.split('/').any(|name| name.len() > LONGEST_NAME) {
            return Err(Errno::NameTooLong);
        }
        self.resolve(path, true)
    }

    /// Returns the node at `path`, following links, or `None` if nothing is there.
    pub(crate) fn node(&self, path: &str) -> Option<Node> {
        let (mount, rest) = self.at(path).ok()?;
        lock(&mount.tree).node(&rest)
    }

    /// Returns the metadata of the node at `path`, following links, or `None` if nothing is there.
    pub(crate) fn meta(&self, path: &str) -> Option<Meta> {
        let (mount, rest) = self.at(path).ok()?;
        let tree = lock(&mount.tree);
        tree.node(&rest).map(|node| tree.meta(&rest, &node))
    }

    pub(crate) fn read(&self, path: &str) -> Result<Arc<Vec<u8>>, Errno> {
        let (mount, rest) = self.at(path)?;
        let tree = lock(&mount.tree);
        let data = tree.read(&rest)?;
        self.check(tree.meta(&rest, &Node::File(Arc::clone(&data))), Access::Read)?;
        Ok(data)
    }

    pub(crate) fn list(&self, path: &str) -> Result<Vec<String>, Errno> {
        let (mount, rest) = self.at(path)?;
        lock(&mount.tree).list(&rest)
    }

    /// Creates the file at `path` if it is missing, and truncates an existing file if `truncate` is set. Returns the
    /// tree that contains the file, and the file's path in that tree.
    pub(crate) fn create(&self, path: &str, truncate: bool) -> Result<(SharedTree, String), Errno> {
        let (mount, rest) = self.writable(path)?;
        let mut tree = lock(&mount.tree);
        let is_new = tree.node(&rest).is_none();
        tree.create(&rest, truncate)?;
        if is_new {
            tree.set_meta(&rest, self.caller.owning(Meta::FILE));
        }
        drop(tree);
        Ok((Arc::clone(&mount.tree), rest))
    }

    pub(crate) fn mkdir(&self, path: &str) -> Result<(), Errno> {
        if self.node(path).is_some() {
            return Err(Errno::Exists);
        }
        let (mount, rest) = self.writable(path)?;
        let mut tree = lock(&mount.tree);
        tree.mkdir(&rest)?;
        tree.set_meta(&rest, self.caller.owning(Meta::DIRECTORY));
        Ok(())
    }

    /// Creates a symbolic link at `path` to `target`.
    pub(crate) fn make_link(&self, path: &str, target: &str) -> Result<(), Errno> {
        let (mount, rest) = self.own_location(path)?;
        let mut tree = lock(&mount.tree);
        if tree.node(&rest).is_some() {
            return Err(Errno::Exists);
        }
        tree.insert(
            &rest,
            Node::Link(target.to_owned()),
            self.caller.owning(Meta::FILE),
        )
    }

    /// Changes the metadata of the file at `path` with the function `change`. Fails if the user may not change the
    /// file.
    pub(crate) fn change(&self, path: &str, change: impl FnOnce(&mut Meta)) -> Result<(), Errno> {
        let (mount, rest) = self.at(path)?;
        let mut tree = lock(&mount.tree);
        let node = tree.node(&rest).ok_or(Errno::NotFound)?;
        if mount.read_only {
            return Err(Errno::ReadOnly);
        }
        let mut meta = tree.meta(&rest, &node);
        if !self.caller.may_change(meta) {
            return Err(Errno::NotPermitted);
        }
        change(&mut meta);
        tree.set_meta(&rest, meta);
        Ok(())
    }

    pub(crate) fn remove(&self, path: &str, recursive: bool) -> Result<(), Errno> {
        if self.mounts.iter().any(|mount| mount.target == path) {
            return Err(Errno::Busy);
        }
        if self.plain_node(&self.resolve(path, false)?).is_none() {
            return Err(Errno::NotFound);
        }
        let (mount, rest) = self.own_location(path)?;
        lock(&mount.tree).remove(&rest, recursive)
    }

    /// Puts a node at `path`, replacing any existing node. Fails if either the new or the existing node is a
    /// directory, but not both.
    pub(crate) fn put(&self, path: &str, node: Node, meta: Meta) -> Result<(), Errno> {
        let (mount, rest) = self.own_location(path)?;
        let mut tree = lock(&mount.tree);
        match (tree.node(&rest), &node) {
            (Some(Node::Dir), Node::Dir) => {
                tree.set_meta(&rest, meta);
                return Ok(());
            }
            (Some(Node::Dir), _) => return Err(Errno::IsADirectory),
            (Some(_), Node::Dir) => return Err(Errno::NotADirectory),
            (Some(_) | None, _) => {}
        }
        tree.insert(&rest, node, meta)
    }

    /// Returns all mounts, starting with the root.
    pub(crate) fn mounts(&self) -> impl Iterator<Item = &Mount> {
        self.mounts.iter().rev()
    }

    pub(crate) fn is_writable(&self, path: &str) -> bool {
        self.writable(path).is_ok()
    }

    /// Returns whether `path` is on a read-only mount.
    pub(crate) fn is_read_only(&self, path: &str) -> bool {
        self.at(path).is_ok_and(|(mount, _)| mount.read_only)
    }

    /// Returns the error for a path at which there is no file.
    pub(crate) fn absence(&self, path: &str) -> Errno {
        let missing = |(mount, rest): (&Mount, String)| lock(&mount.tree).missing(&rest);
        self.at(path).map_or_else(|errno| errno, missing)
    }

    /// Returns whether the user has the access `access` to the file at `path`.
    pub(crate) fn may(&self, path: &str, access: Access) -> bool {
        self.meta(path)
            .is_some_and(|meta| meta.allows(self.caller, access))
    }

    fn check(&self, meta: Meta, access: Access) -> Result<(), Errno> {
        if meta.allows(self.caller, access) {
            Ok(())
        } else {
            Err(Errno::Access)
        }
    }

    /// Returns the mount that contains `path`, and the path relative to that mount. If the last component of `path`
    /// is a link, the link is not followed. The directory that contains this component must be writable.
    fn own_location(&self, path: &str) -> Result<(&Mount, String), Errno> {
        let path = self.resolve(path, false)?;
        let (mount, rest) = self.below(&path)?;
        let tree = lock(&mount.tree);
        let parent = rest.rsplit_once('/').map_or("", |(parent, _)| parent);
        let Some(directory @ Node::Dir) = tree.node(parent) else {
            return Err(tree.missing(&rest));
        };
        if mount.read_only {
            return Err(Errno::ReadOnly);
        }
        self.check(tree.meta(parent, &directory), Access::Write)?;
        drop(tree);
        Ok((mount, rest))
    }

    /// Returns the mount that contains `path`, and the path relative to that mount. If there is a file at `path`, the
    /// file must be writable. Otherwise, the directory must be writable.
    fn writable(&self, path: &str) -> Result<(&Mount, String), Errno> {
        let (mount, rest) = self.at(path)?;
        let tree = lock(&mount.tree);
        let parent = rest.rsplit_once('/').map_or("", |(parent, _)| parent);
        let meta = match (tree.node(&rest), tree.node(parent)) {
            (Some(node), _) => tree.meta(&rest, &node),
            (None, Some(directory @ Node::Dir)) => tree.meta(parent, &directory),
            (None, _) => return Err(tree.missing(&rest)),
        };
        if mount.read_only {
            return Err(Errno::ReadOnly);
        }
        self.check(meta, Access::Write)?;
        drop(tree);
        Ok((mount, rest))
    }

    /// Returns the mount that contains `path`, and the path relative to that mount. Links in `path` are followed.
    fn at(&self, path: &str) -> Result<(&Mount, String), Errno> {
        let path = self.resolve(path, true)?;
        self.below(&path)
    }

    /// Returns the mount that contains `path`, and the path relative to that mount. `path` must not contain links.
    fn below(&self, path: &str) -> Result<(&Mount, String), Errno> {
        let found = self
            .mounts
            .iter()
            .find_map(|mount| Some((mount, rest_of(path, &mount.target)?)));
        found.ok_or(Errno::NotFound)
    }
}

/// Returns `path` relative to `directory`, or `None` if `path` is not in that directory. For the directory itself,
/// the result is empty.
fn rest_of(path: &str, directory: &str) -> Option<String> {
    let rest = path.strip_prefix(directory.trim_end_matches('/'))?;
    if rest.is_empty() {
        return Some(String::new());
    }
    rest.strip_prefix('/').map(str::to_owned)
}

/// Resolves `path` against the directory `cwd`. Returns an absolute path without `.`, `..` and double slashes.
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
