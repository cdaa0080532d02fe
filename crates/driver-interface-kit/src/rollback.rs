//! Rolls back creations whose caller no longer waits.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::{sleep, timeout};

use crate::background;

/// The maximum time that a change continues in the background after the caller's deadline, and also the maximum time
/// of a rollback. Both can thus complete even if the engine responds late.
pub(crate) const SETTLE_TIME: Duration = Duration::from_secs(5 * 60);

/// A resource that an operation has created. Dropping this value removes the resource in the [background], unless the
/// resource was [kept](Self::keep) or [existed](Self::existing) before the operation.
///
/// The future passed to [`Runner::change`](crate::Runner::change) should return a `Rollback`. If the caller no longer
/// waits, the runner drops that `Rollback`, which removes the resource.
#[must_use = "dropping it removes the resource"]
pub struct Rollback<T> {
    value: T,
    guard: Guard,
}

struct Guard {
    undo: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// The lock of an operation key, held until the resource is kept or removed.
    key: Option<OwnedMutexGuard<()>>,
}

impl<T> Rollback<T> {
    /// Wraps a resource that was just created. `undo` removes it.
    pub fn new(value: T, undo: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            value,
            guard: Guard {
                undo: Some(Box::pin(undo)),
                key: None,
            },
        }
    }

    /// Wraps a resource that existed before the operation. The resource is kept even if the caller no longer waits.
    pub fn existing(value: T) -> Self {
        Self {
            value,
            guard: Guard {
                undo: None,
                key: None,
            },
        }
    }

    /// Holds the lock of an operation key until the resource is kept or removed.
    pub fn holding(mut self, key: Option<OwnedMutexGuard<()>>) -> Self {
        self.guard.key = key;
        self
    }

    /// Returns the resource, which is now kept. The driver then passes it to the caller.
    pub fn keep(self) -> T {
        let Self { value, mut guard } = self;
        guard.undo = None;
        value
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(undo) = self.undo.take() else {
            return;
        };
        let key = self.key.take();
        background::spawn(async move {
            // If this times out, a sweep can find the leftover resources by their labels.
            let _ = timeout(SETTLE_TIME, undo).await;
            drop(key);
        });
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for Rollback<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Rollback").field(&self.value).finish()
    }
}

/// Repeats the step `settled` until the step returns `true`, but for no longer than about half a minute. Use this
/// function to remove a resource after the response to its creation was lost: the engine may still be creating the
/// resource.
///
/// # Cancel safety
/// Dropping the future drops the current step, and no further step begins.
pub async fn repeat_until<F: Future<Output = bool>>(mut settled: impl FnMut() -> F) {
    for pause in [0, 200, 500, 1_000, 2_000, 4_000, 8_000, 16_000] {
        sleep(Duration::from_millis(pause)).await;
        if settled().await {
            return;
        }
    }
}
