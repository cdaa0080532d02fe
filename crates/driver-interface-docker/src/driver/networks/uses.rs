//! Tracks two kinds of default networks in this process: networks that a new container is about to join, and networks
//! that are kept for later containers. The uses of networks by other processes are not tracked here. The driver asks
//! the engine for these uses.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex};

use driver_interface_kit::lock;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

/// The uses of the default networks by this process. For each network, `counts` has the number of new containers that
/// are about to join the network. While this number is above zero, the driver does not remove the network as unused.
#[derive(Debug, Default)]
pub(in crate::driver) struct NetworkUses {
    counts: Arc<Mutex<HashMap<String, usize>>>,
    /// A lock. A task holds the lock while the task looks for a default network and creates it, or while the task
    /// checks a default network for containers and removes it.
    pub(in crate::driver) section: AsyncMutex<()>,
    kept: Mutex<Kept>,
}

/// The default networks that no container uses, but that are kept for later containers.
#[derive(Debug, Default)]
struct Kept {
    /// For each network name, the time at which the driver removes the network, unless a container uses the network
    /// by then.
    until: HashMap<String, Instant>,
    /// Whether a task is running that removes each network at the network's time.
    is_watched: bool,
}

/// A guard that marks a default network as needed by a new container that is about to join the network. Dropping the
/// guard removes the mark.
#[derive(Debug)]
pub(in crate::driver) struct NetworkUse {
    name: String,
    counts: Arc<Mutex<HashMap<String, usize>>>,
}

impl NetworkUses {
    pub(in crate::driver) fn begin(&self, name: &str) -> NetworkUse {
        *lock(&self.counts).entry(name.to_owned()).or_default() += 1;
        NetworkUse {
            name: name.to_owned(),
            counts: Arc::clone(&self.counts),
        }
    }

    pub(in crate::driver) fn is_awaited(&self, name: &str) -> bool {
        lock(&self.counts).contains_key(name)
    }

    /// Records that the network `name` is kept until the time `until`. Returns `true` if no task is running that
    /// calls [`due`](Self::due). The caller must then start such a task.
    pub(in crate::driver) fn keep(&self, name: &str, until: Instant) -> bool {
        let mut kept = lock(&self.kept);
        kept.until.insert(name.to_owned(), until);
        !mem::replace(&mut kept.is_watched, true)
    }

    /// Returns the names of the kept networks whose removal is due at the time `now`, and forgets these networks.
    /// Also returns the time at which the next network is due. This time is `None` if no kept network remains. The
    /// calling task must then end.
    pub(in crate::driver) fn due(&self, now: Instant) -> (Vec<String>, Option<Instant>) {
        let mut kept = lock(&self.kept);
        let due = kept.until.extract_if(|_, until| *until <= now);
        let due = due.map(|(name, _)| name).collect();
        let next = kept.until.values().min().copied();
        kept.is_watched = next.is_some();
        (due, next)
    }

    pub(in crate::driver) fn keeps_any(&self) -> bool {
        !lock(&self.kept).until.is_empty()
    }

    /// Returns the names of all kept networks, and forgets these networks. The networks themselves remain on the
    /// engine.
    pub(in crate::driver) fn take_kept(&self) -> Vec<String> {
        lock(&self.kept).until.drain().map(|(name, _)| name).collect()
    }
}

impl Drop for NetworkUse {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        if let Some(count) = counts.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_is_awaited_until_last_use_ends() {
        let uses = NetworkUses::default();
        let (first, second) = (uses.begin("n"), uses.begin("n"));
        drop(first);
        assert!(uses.is_awaited("n"));
        drop(second);
        assert!(!uses.is_awaited("n"));
    }

    #[tokio::test]
    async fn kept_network_is_due_after_its_last_use() {
        use std::time::Duration;

        let uses = NetworkUses::default();
        let now = Instant::now();
        let (soon, later) = (now + Duration::from_secs(1), now + Duration::from_secs(2));
        assert!(uses.keep("a", soon));
        assert!(!uses.keep("b", soon), "one task watches all networks");
        assert!(!uses.keep("b", later));
        assert_eq!(uses.due(now), (vec![], Some(soon)));
        assert_eq!(uses.due(soon), (vec!["a".to_owned()], Some(later)));
        assert_eq!(uses.due(later), (vec!["b".to_owned()], None));
        assert!(uses.keep("a", later), "the task has ended");
        assert_eq!(uses.take_kept(), ["a"]);
        assert_eq!(uses.due(later), (vec![], None));
    }
}
