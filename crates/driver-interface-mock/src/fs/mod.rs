//! A container's files: trees in memory, mounted over one another.

mod archive;
mod errno;
mod image_root;
mod links;
mod meta;
mod tar;
mod tree;

use std::sync::Arc;

pub(crate) use archive::{Entries, EntryKind, SharedFile, pack, unpack};
pub(crate) use errno::Errno;
pub(crate) use image_root::{open_folders, stock_root};
pub(crate) use meta::{Access, Caller, Meta};
pub(crate) use tar::{apply_layer, read_tar};
pub(crate) use tree::{Node, SharedTree, Tree};

use crate::sync::lock;

/// The longest name of a file, in bytes.
const LONGEST_NAME: usize = 255;

/// A tree at a place.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    /// Absolute and normal; `/` for the root.
    pub(crate) target: String,
    pub(crate) tree: SharedTree,
    pub(crate) read_only: bool,
    /// Its further options, as `/proc/mounts` has them: none, or each with a comma before it.
    pub(crate) options: &'static str,
}

/// What the processes of a container see.
#[derive(Clone, Debug)]
pub(crate) struct FileSystem {
    /// The longest target first, so that the first that fits is the one on top.
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
            let place = below.and_then(|below| Some((below, rest_of(&mount.target, &below.target)?)));
            if let Some((below, place)) = place {
                lock(&below.tree).mkdir_all(&place);
            }
        }
        Self {
            mounts: mounts.into(),
            caller,
        }
    }

    /// The same files, as another user sees them.
    pub(crate) fn seen_by(&self, caller: Caller) -> Self {
        Self {
            mounts: Arc::clone(&self.mounts),
            caller,
        }
    }

    /// The place of a path behind any links, whether or not something is there.
    pub(crate) fn behind_links(&self, path: &str) -> Result<String, Errno> {
        if path.split('/').any(|name| name.len() > LONGEST_NAME) {
            return Err(Errno::NameTooLong);
        }
        self.resolve(path, true)
    }

    /// What is at a path, behind any links.
    pub(crate) fn node(&self, path: &str) -> Option<Node> {
        let (mount, rest) = self.at(path).ok()?;
        lock(&mount.tree).node(&rest)
    }

    /// Whose what is at a path is.
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

    /// Opens a file for writing and makes it if need be.
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
        tree.set_meta(&rest, self.caller.owning(Meta::FOLDER));
        Ok(())
    }

    /// Makes a symbolic link.
    pub(crate) fn make_link(&self, path: &str, target: &str) -> Result<(), Errno> {
        let (mount, rest) = self.own_place(path)?;
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

    /// Sets the permissions or the owner of what is at a path.
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
        let (mount, rest) = self.own_place(path)?;
        lock(&mount.tree).remove(&rest, recursive)
    }

    /// Puts something at a path in place of what is there. A folder is never put in another thing's place nor
    /// another thing in a folder's.
    pub(crate) fn put(&self, path: &str, node: Node, meta: Meta) -> Result<(), Errno> {
        let (mount, rest) = self.own_place(path)?;
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

    /// Everything that is mounted; the root first.
    pub(crate) fn mounts(&self) -> impl Iterator<Item = &Mount> {
        self.mounts.iter().rev()
    }

    pub(crate) fn is_writable(&self, path: &str) -> bool {
        self.writable(path).is_ok()
    }

    /// Whether what is at a path lies on something that is mounted read-only.
    pub(crate) fn is_read_only(&self, path: &str) -> bool {
        self.at(path).is_ok_and(|(mount, _)| mount.read_only)
    }

    /// Why nothing is at a path.
    pub(crate) fn absence(&self, path: &str) -> Errno {
        let missing = |(mount, rest): (&Mount, String)| lock(&mount.tree).missing(&rest);
        self.at(path).map_or_else(|errno| errno, missing)
    }

    /// Whether the user may do something with what is at a path.
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

    /// The place of a path itself, which may be a link, in a folder that can be written to.
    fn own_place(&self, path: &str) -> Result<(&Mount, String), Errno> {
        let path = self.resolve(path, false)?;
        let (mount, rest) = self.below(&path)?;
        let tree = lock(&mount.tree);
        let parent = rest.rsplit_once('/').map_or("", |(parent, _)| parent);
        let Some(folder @ Node::Dir) = tree.node(parent) else {
            return Err(tree.missing(&rest));
        };
        if mount.read_only {
            return Err(Errno::ReadOnly);
        }
        self.check(tree.meta(parent, &folder), Access::Write)?;
        drop(tree);
        Ok((mount, rest))
    }

    /// The place of a path, where what is there, or else its folder, can be written to.
    fn writable(&self, path: &str) -> Result<(&Mount, String), Errno> {
        let (mount, rest) = self.at(path)?;
        let tree = lock(&mount.tree);
        let parent = rest.rsplit_once('/').map_or("", |(parent, _)| parent);
        let meta = match (tree.node(&rest), tree.node(parent)) {
            (Some(node), _) => tree.meta(&rest, &node),
            (None, Some(folder @ Node::Dir)) => tree.meta(parent, &folder),
            (None, _) => return Err(tree.missing(&rest)),
        };
        if mount.read_only {
            return Err(Errno::ReadOnly);
        }
        self.check(meta, Access::Write)?;
        drop(tree);
        Ok((mount, rest))
    }

    /// The place of a path, behind any links.
    fn at(&self, path: &str) -> Result<(&Mount, String), Errno> {
        let path = self.resolve(path, true)?;
        self.below(&path)
    }

    /// The place of a path without links.
    fn below(&self, path: &str) -> Result<(&Mount, String), Errno> {
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
