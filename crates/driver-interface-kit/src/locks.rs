//! Synchronises the tasks of one process. Conflicts between processes are resolved by the engine.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// One lock per key. Drivers lock operation keys: a retried creation waits for the outcome of the earlier attempt.
///
/// ```
/// use driver_interface_kit::KeyLocks;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let locks = KeyLocks::default();
/// let first = locks.lock("build-42").await;
/// let other = locks.lock("build-43").await;
/// drop(first);
/// let second = locks.lock("build-42").await;
/// # }
/// ```
#[derive(Debug, Default)]
pub struct KeyLocks {
    locks: Mutex<HashMap<String, Weak<AsyncMutex<()>>>>,
}

impl KeyLocks {
    /// Locks `key` until the returned guard is dropped. Locks are granted in the order of the calls.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue.
    pub async fn lock(&self, key: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = lock(&self.locks);
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

/// Locks a mutex and ignores poisoning. Use this function only if every critical section leaves the data valid, even
/// when the section panics.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lock_is_exclusive_per_key() {
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
        assert_eq!(lock(&locks.locks).len(), 2);
    }
}
