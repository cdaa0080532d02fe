use bytes::Bytes;

use super::archive::{Entries, EntryKind};
use super::{Meta, Node, Tree};

/// Unpacks an uncompressed tar archive into a tree, replacing existing files. Skips devices and pipes, which the
/// simulation does not need.
pub(crate) fn read_tar(tree: &mut Tree, archive: &Bytes) -> Result<(), &'static str> {
    for entry in Entries::new(archive) {
        let entry = entry?;
        let location = super::absolute("/", &entry.name);
        let location = location.trim_start_matches('/');
        if location.is_empty() {
            tree.set_meta("", entry.meta);
            continue;
        }
        if let Some((above, _)) = location.rsplit_once('/') {
            tree.mkdir_all(above);
        }
        let node = match entry.kind {
            EntryKind::Directory => {
                tree.mkdir_all(location);
                tree.set_meta(location, entry.meta);
                continue;
            }
            EntryKind::File(data) => Node::File(data.to_vec().into()),
            EntryKind::Link(target) => Node::Link(target),
            EntryKind::SameAs(other) => {
                let other = super::absolute("/", &other);
                match tree.node(other.trim_start_matches('/')) {
                    Some(node) => node,
                    None => continue,
                }
            }
            EntryKind::Other => continue,
        };
        // An entry of an image layer also replaces a directory at the same path.
        let _ = tree.remove(location, true);
        tree.insert(location, node, entry.meta)
            .map_err(|_| "the archive has a file and a directory at the same path")?;
    }
    Ok(())
}

/// Unpacks an image layer into a tree, and deletes the files that the layer's whiteout markers name.
pub(crate) fn apply_layer(tree: &mut Tree, archive: &Bytes) -> Result<(), &'static str> {
    const DELETED: &str = ".wh.";
    const EMPTIED: &str = ".wh..wh..opq";
    for entry in Entries::new(archive) {
        let location = super::absolute("/", &entry?.name);
        let location = location.trim_start_matches('/');
        let (directory, name) = location.rsplit_once('/').unwrap_or(("", location));
        if name == EMPTIED {
            for below in tree.list(directory).unwrap_or_default() {
                let _ = tree.remove(format!("{directory}/{below}").trim_start_matches('/'), true);
            }
        } else if let Some(name) = name.strip_prefix(DELETED) {
            let _ = tree.remove(format!("{directory}/{name}").trim_start_matches('/'), true);
        }
    }
    read_tar(tree, archive)?;
    tree.forget_names(|name| name.starts_with(DELETED));
    Ok(())
}

impl Tree {
    /// Makes each of `directories` world-writable if it exists and has no explicit permissions.
    pub(crate) fn open(&mut self, directories: &[&str]) {
        for directory in directories {
            if matches!(self.node(directory), Some(Node::Dir)) && !self.has_meta(directory) {
                self.set_meta(directory, Meta::SHARED);
            }
        }
    }
}
