//! Tracks the default networks that new containers of this process are about to join. The uses of networks by other
//! processes are not tracked here. The driver asks the engine for these uses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use driver_interface_kit::lock;
use tokio::sync::Mutex as AsyncMutex;

use super::kept::KeptNetwork;

/// The uses of the default networks by this process. For each network, `counts` has the number of new containers that
/// are about to join the network. While this number is above zero, the driver does not remove the network as unused.
#[derive(Debug, Default)]
pub(in crate::driver) struct NetworkUses {
    counts: Arc<Mutex<HashMap<String, usize>>>,
    /// A lock. A task holds the lock while the task looks for a default network and creates it, or while the task
    /// checks a default network for containers and removes it.
    pub(in crate::driver) section: AsyncMutex<()>,
    pub(super) kept: KeptNetwork,
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

    /// Ends the keeping of the default network, because the last clone of the driver was dropped. Returns whether the
    /// network is kept or is being removed.
    pub(in crate::driver) fn close(&self) -> bool {
        self.kept.close()
    }

    pub(in crate::driver) fn is_awaited(&self, name: &str) -> bool {
        lock(&self.counts).contains_key(name)
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
}
