use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::{Errno, Meta};

/// A tree that can be mounted in several containers.
pub(crate) type SharedTree = Arc<Mutex<Tree>>;

/// One file system: an image's root, a volume or a tmpfs. Its paths are relative and contain no `.` or `..`; its
/// root is the empty path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    nodes: BTreeMap<String, Node>,
    /// Metadata by path. A node without an entry has the default metadata of its kind, with root as the owner.
    metas: BTreeMap<String, Meta>,
    /// Whether the tree has ever contained a symbolic link.
    has_links: bool,
    used: u64,
    capacity: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Dir,
    /// A file with its content. A container shares the content with its image until the file is written, which saves
    /// memory.
    File(Arc<Vec<u8>>),
    /// A symbolic link to this target.
    Link(String),
}

impl Tree {
    pub(crate) fn with_capacity(bytes: u64) -> Self {
        Self {
            capacity: Some(bytes),
            ..Self::default()
        }
    }

    pub(crate) fn shared(self) -> SharedTree {
        Arc::new(Mutex::new(self))
    }

    pub(crate) fn node(&self, path: &str) -> Option<Node> {
        if path.is_empty() {
            Some(Node::Dir)
        } else {
            self.nodes.get(path).cloned()
        }
    }

    pub(crate) fn read(&self, path: &str) -> Result<Arc<Vec<u8>>, Errno> {
        match self.node(path) {
            Some(Node::File(data)) => Ok(data),
            Some(Node::Dir) => Err(Errno::IsADirectory),
            Some(Node::Link(_)) | None => Err(self.missing(path)),
        }
    }

    pub(crate) fn meta(&self, path: &str, node: &Node) -> Meta {
        let usual = match node {
            Node::Dir => Meta::DIRECTORY,
            Node::File(_) | Node::Link(_) => Meta::FILE,
        };
        self.metas.get(path).copied().unwrap_or(usual)
    }

    pub(crate) fn set_meta(&mut self, path: &str, meta: Meta) {
        self.metas.insert(path.to_owned(), meta);
    }

    pub(super) fn has_meta(&self, path: &str) -> bool {
        self.metas.contains_key(path)
    }

    pub(super) fn has_links(&self) -> bool {
        self.has_links
    }

    /// Puts a node at `path`, replacing an existing file or link. If there is no space for the new node, fails and
    /// keeps the existing node.
    pub(crate) fn insert(&mut self, path: &str, node: Node, meta: Meta) -> Result<(), Errno> {
        self.check_parent(path)?;
        let length = |node: Option<&Node>| match node {
            Some(Node::File(data)) => data.len() as u64,
            _ => 0,
        };
        let freed = length(self.nodes.get(path));
        let used = self
            .used
            .saturating_sub(freed)
            .saturating_add(length(Some(&node)));
        if used > self.used && self.capacity.is_some_and(|capacity| used > capacity) {
            return Err(Errno::NoSpace);
        }
        self.used = used;
        self.has_links |= matches!(node, Node::Link(_));
        self.nodes.insert(path.to_owned(), node);
        self.set_meta(path, meta);
        Ok(())
    }

    /// Removes every node for whose file name `unwanted` returns `true`.
    pub(super) fn forget_names(&mut self, unwanted: impl Fn(&str) -> bool) {
        self.nodes
            .retain(|path, _| !unwanted(path.rsplit('/').next().unwrap_or_default()));
    }

    /// Returns the total size of the tree's files, in bytes.
    pub(crate) fn size(&self) -> u64 {
        let sizes = self.nodes.values().map(|node| match node {
            Node::File(data) => data.len() as u64,
            Node::Dir | Node::Link(_) => 0,
        });
        sizes.sum()
    }

    /// Creates the file at `path` if it is missing. If the file exists, truncates it if `truncate` is set.
    pub(crate) fn create(&mut self, path: &str, truncate: bool) -> Result<(), Errno> {
        match self.node(path) {
            Some(Node::Dir) => Err(Errno::IsADirectory),
            Some(Node::Link(_)) => Err(Errno::NotFound),
            Some(Node::File(data)) => {
                if truncate {
                    self.used = self.used.saturating_sub(data.len() as u64);
                    self.nodes.insert(path.to_owned(), Node::File(Arc::default()));
                }
                Ok(())
            }
            None => {
                self.check_parent(path)?;
                self.nodes.insert(path.to_owned(), Node::File(Arc::default()));
                Ok(())
            }
        }
    }

    /// Writes `bytes` to a file, at `offset` or, if `offset` is `None`, at the end of the file. Returns the offset
    /// after the written bytes. If the file was removed while it was open, discards the bytes.
    pub(crate) fn write(&mut self, path: &str, offset: Option<u64>, bytes: &[u8]) -> Result<u64, Errno> {
        let Some(Node::File(data)) = self.nodes.get_mut(path) else {
            return Ok(offset.unwrap_or_default().saturating_add(bytes.len() as u64));
        };
        let length = data.len();
        let start = offset.map_or(length, |offset| usize::try_from(offset).unwrap_or(usize::MAX));
        let end = start.checked_add(bytes.len()).ok_or(Errno::NoSpace)?;
        let growth = end.saturating_sub(length) as u64;
        if self
            .capacity
            .is_some_and(|capacity| self.used.saturating_add(growth) > capacity)
        {
            return Err(Errno::NoSpace);
        }
        let data = Arc::make_mut(data);
        if data.len() < end {
            data.resize(end, 0);
        }
        if let Some(location) = data.get_mut(start..end) {
            location.copy_from_slice(bytes);
        }
        self.used += growth;
        Ok(end as u64)
    }

    pub(crate) fn mkdir(&mut self, path: &str) -> Result<(), Errno> {
        if self.node(path).is_some() {
            return Err(Errno::Exists);
        }
        self.check_parent(path)?;
        self.nodes.insert(path.to_owned(), Node::Dir);
        Ok(())
    }

    /// Creates a directory and its missing parents. Nodes that exist are kept.
    pub(crate) fn mkdir_all(&mut self, path: &str) {
        let mut at = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            if !at.is_empty() {
                at.push('/');
            }
            at.push_str(part);
            self.nodes.entry(at.clone()).or_insert(Node::Dir);
        }
    }

    /// Adds a file to the tree of an image, and creates its parent directories.
    pub(crate) fn put(&mut self, path: &str, data: Vec<u8>) {
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.mkdir_all(parent);
        }
        self.nodes.insert(path.to_owned(), Node::File(Arc::new(data)));
    }

    /// Removes a file or a directory. Removes a directory with content only if `recursive` is set.
    pub(crate) fn remove(&mut self, path: &str, recursive: bool) -> Result<(), Errno> {
        match self.node(path) {
            None => return Err(self.missing(path)),
            Some(_) if path.is_empty() => return Err(Errno::Busy),
            Some(Node::Dir) if !recursive && !self.list(path)?.is_empty() => return Err(Errno::NotEmpty),
            Some(_) => {}
        }
        let below = format!("{path}/");
        let mut freed = 0;
        self.nodes.retain(|other, node| {
            let keep = other != path && !other.starts_with(&below);
            if let (false, Node::File(data)) = (keep, &*node) {
                freed += data.len() as u64;
            }
            keep
        });
        self.metas
            .retain(|other, _| other != path && !other.starts_with(&below));
        self.used = self.used.saturating_sub(freed);
        Ok(())
    }

    /// Returns the sorted names of the nodes in a directory.
    pub(crate) fn list(&self, path: &str) -> Result<Vec<String>, Errno> {
        match self.node(path) {
            Some(Node::Dir) => {}
            Some(Node::File(_) | Node::Link(_)) => return Err(Errno::NotADirectory),
            None => return Err(self.missing(path)),
        }
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let inside = self.nodes.keys().filter_map(|other| other.strip_prefix(&prefix));
        Ok(inside
            .filter(|rest| !rest.contains('/'))
            .map(str::to_owned)
            .collect())
    }

    fn check_parent(&self, path: &str) -> Result<(), Errno> {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        match self.node(parent) {
            Some(Node::Dir) => Ok(()),
            Some(Node::File(_) | Node::Link(_)) => Err(Errno::NotADirectory),
            None => Err(self.missing(parent)),
        }
    }

    /// Returns the error for a path that does not exist: `NotADirectory` if the path leads through a file, otherwise
    /// `NotFound`.
    pub(super) fn missing(&self, path: &str) -> Errno {
        let through_file = path.match_indices('/').any(|(at, _)| {
            path.get(..at)
                .is_some_and(|above| matches!(self.node(above), Some(Node::File(_))))
        });
        if through_file {
            Errno::NotADirectory
        } else {
            Errno::NotFound
        }
    }
}
