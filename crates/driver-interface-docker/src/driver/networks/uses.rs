//! The default networks that new containers of this process will join. Between processes, the engine arbitrates.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use driver_interface_kit::lock;
use tokio::sync::Mutex as AsyncMutex;

/// Counts, for each default network, the new containers about to join it, so that the network is not removed as
/// unused.
#[derive(Debug, Default)]
pub(in crate::driver) struct NetworkUses {
    counts: Arc<Mutex<HashMap<String, usize>>>,
    /// Held while a network is looked up and created, or checked and removed.
    pub(in crate::driver) section: AsyncMutex<()>,
}

/// Marks a default network as about to be joined by a new container. Dropping this removes the mark.
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
