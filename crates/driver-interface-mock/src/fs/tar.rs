use bytes::Bytes;

use super::archive::{Entries, EntryKind};
use super::{Meta, Node, Tree};

/// Reads an uncompressed tar archive into a tree, over what is there. Devices, which the simulation has no use
/// for, are left out.
pub(crate) fn read_tar(tree: &mut Tree, archive: &Bytes) -> Result<(), &'static str> {
    for entry in Entries::new(archive) {
        let entry = entry?;
        let place = super::absolute("/", &entry.name);
        let place = place.trim_start_matches('/');
        if place.is_empty() {
            tree.set_meta("", entry.meta);
            continue;
        }
        if let Some((above, _)) = place.rsplit_once('/') {
            tree.mkdir_all(above);
        }
        let node = match entry.kind {
            EntryKind::Folder => {
                tree.mkdir_all(place);
                tree.set_meta(place, entry.meta);
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
        // What layers put over a folder takes its place.
        let _ = tree.remove(place, true);
        tree.insert(place, node, entry.meta)
            .map_err(|_| "the archive has a file where it also has a folder")?;
    }
    Ok(())
}

/// Takes what a layer of an image deletes out of the tree below it, and the marks of it out of the layer.
pub(crate) fn apply_layer(tree: &mut Tree, archive: &Bytes) -> Result<(), &'static str> {
    const DELETED: &str = ".wh.";
    const EMPTIED: &str = ".wh..wh..opq";
    for entry in Entries::new(archive) {
        let place = super::absolute("/", &entry?.name);
        let place = place.trim_start_matches('/');
        let (folder, name) = place.rsplit_once('/').unwrap_or(("", place));
        if name == EMPTIED {
            for below in tree.list(folder).unwrap_or_default() {
                let _ = tree.remove(format!("{folder}/{below}").trim_start_matches('/'), true);
            }
        } else if let Some(name) = name.strip_prefix(DELETED) {
            let _ = tree.remove(format!("{folder}/{name}").trim_start_matches('/'), true);
        }
    }
    read_tar(tree, archive)?;
    tree.forget_names(|name| name.starts_with(DELETED));
    Ok(())
}

impl Tree {
    /// Gives folders that everybody writes to in a usual image their permissions, where nothing says others.
    pub(crate) fn open(&mut self, folders: &[&str]) {
        for folder in folders {
            if matches!(self.node(folder), Some(Node::Dir)) && !self.has_meta(folder) {
                self.set_meta(folder, Meta::SHARED);
            }
        }
    }
}
