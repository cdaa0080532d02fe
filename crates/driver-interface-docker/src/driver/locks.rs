//! Synchronization between tasks of one process. Between processes, the engine arbitrates.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// One lock per key. With operation keys, a retried creation waits until the outcome of the earlier attempt is
/// settled.
#[derive(Debug, Default)]
pub(super) struct KeyLocks {
    locks: Mutex<HashMap<String, Weak<AsyncMutex<()>>>>,
}

impl KeyLocks {
    pub(super) async fn lock(&self, key: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = held(&self.locks);
            locks.retain(|_, lock| lock.strong_count() > 0);
            match locks.get(key).and_then(Weak::upgrade) {
                Some(lock) => lock,
                None => {
                    let lock = Arc::new(AsyncMutex::new(()));
                    locks.insert(key.to_owned(), Arc::downgrade(&lock));
                    lock
                }
            }
        };
        lock.lock_owned().await
    }
}

/// The default networks that are about to get a container, so that none of them is removed because it looks
/// unused.
#[derive(Debug, Default)]
pub(super) struct NetworkUses {
    counts: Arc<Mutex<HashMap<String, usize>>>,
    /// Held while a network is looked up and created, or checked and removed.
    pub(super) section: AsyncMutex<()>,
}

/// A network that is about to get a container.
#[derive(Debug)]
pub(super) struct NetworkUse {
    name: String,
    counts: Arc<Mutex<HashMap<String, usize>>>,
}

impl NetworkUses {
    pub(super) fn begin(&self, name: &str) -> NetworkUse {
        *held(&self.counts).entry(name.to_owned()).or_default() += 1;
        NetworkUse {
            name: name.to_owned(),
            counts: Arc::clone(&self.counts),
        }
    }

    pub(super) fn is_awaited(&self, name: &str) -> bool {
        held(&self.counts).contains_key(name)
    }
}

impl Drop for NetworkUse {
    fn drop(&mut self) {
        let mut counts = held(&self.counts);
        if let Some(count) = counts.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.name);
            }
        }
    }
}

/// Ignores poisoning: a count or a map of locks stays usable even if a thread panicked while holding it.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_key_is_held_once_and_different_keys_do_not_wait() {
        let locks = KeyLocks::default();
        let first = locks.lock("a").await;
        let _other = locks.lock("b").await;
        assert!(
            tokio::time::timeout(std::time::Duration::from_millis(20), locks.lock("a"))
                .await
                .is_err()
        );
        drop(first);
        let _again = locks.lock("a").await;
        assert_eq!(held(&locks.locks).len(), 2);
    }

    #[test]
    fn a_network_is_awaited_until_its_last_use_ends() {
        let uses = NetworkUses::default();
        let (first, second) = (uses.begin("n"), uses.begin("n"));
        drop(first);
        assert!(uses.is_awaited("n"));
        drop(second);
        assert!(!uses.is_awaited("n"));
    }
}
