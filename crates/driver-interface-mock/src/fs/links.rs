//! Resolution of symbolic links, which always lead to paths inside the container.

use std::collections::VecDeque;

use super::{Errno, FileSystem, Meta, Node};
use crate::sync::lock;

/// The maximum number of links that are followed for one path.
const MOST_LINKS: u32 = 40;

impl FileSystem {
    /// Returns `path` with its links resolved. A link as the last component is resolved only if `follow_last` is set.
    pub(super) fn resolve(&self, path: &str, follow_last: bool) -> Result<String, Errno> {
        if !self.mounts.iter().any(|mount| lock(&mount.tree).has_links()) {
            return Ok(path.to_owned());
        }
        let mut rest: VecDeque<String> = path.split('/').map(str::to_owned).collect();
        let mut done = String::new();
        let mut links = 0;
        while let Some(part) = rest.pop_front() {
            match part.as_str() {
                "" | "." => continue,
                // The parent of the root is the root itself.
                ".." => {
                    let above = done.rfind('/').unwrap_or(0);
                    done.truncate(above);
                    continue;
                }
                _ => {}
            }
            let location = format!("{done}/{part}");
            let is_last = rest.iter().all(|part| part.is_empty());
            match self.plain_node(&location) {
                Some(Node::Link(target)) if follow_last || !is_last => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(Errno::TooManyLinks);
                    }
                    if target.starts_with('/') {
                        done.clear();
                    }
                    for part in target.split('/').rev() {
                        rest.push_front(part.to_owned());
                    }
                }
                _ => done = location,
            }
        }
        Ok(if done.is_empty() { "/".to_owned() } else { done })
    }

    /// Returns the node at `path`. No directory in `path` may be a link. If the node itself is a link, returns the
    /// link.
    pub(crate) fn plain_node(&self, path: &str) -> Option<Node> {
        let (mount, rest) = self.below(path).ok()?;
        lock(&mount.tree).node(&rest)
    }

    /// Returns the target and the metadata of the link at `path`, or `None` if there is no link.
    pub(crate) fn link(&self, path: &str) -> Option<(String, Meta)> {
        let path = self.resolve(path, false).ok()?;
        let (mount, rest) = self.below(&path).ok()?;
        let tree = lock(&mount.tree);
        match tree.node(&rest)? {
            Node::Link(target) => {
                let meta = tree.meta(&rest, &Node::Link(String::new()));
                Some((target, Meta { mode: 0o777, ..meta }))
            }
            Node::Dir | Node::File(_) => None,
        }
    }

    /// Returns the target of the link at `path`, or `None` if there is no link.
    pub(crate) fn link_target(&self, path: &str) -> Option<String> {
        self.link(path).map(|(target, _)| target)
    }
}
