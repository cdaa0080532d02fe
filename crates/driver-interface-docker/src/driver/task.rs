//! How operations are executed: reads are dropped with their caller, changes run to completion, and both have a
//! deadline.

use std::future::Future;
use std::time::Duration;

use driver_interface_errors::{DriverError, Effect, Hint, InternalError, Result, TimeoutError};
use futures_util::future::BoxFuture;
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

use super::background;
use crate::wire::effects;

/// The driver's name in errors and in the public API.
pub(super) const DRIVER: &str = "docker";

/// How much longer than its caller's deadline a change may continue in the background, so that it can still be
/// rolled back if the engine responds late.
const AFTERMATH: Duration = Duration::from_secs(5 * 60);

/// Runs an operation that changes nothing. Dropping the future drops the work.
pub(super) async fn read<T>(
    operation: &'static str,
    deadline: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let done = timeout(deadline, work).await;
    done.unwrap_or_else(|_| {
        Err(TimeoutError::new(operation, deadline)
            .with_effect(Effect::NotApplied)
            .into())
    })
    .map_err(|error| located(error, operation))
}

/// Runs an operation that changes something. It runs on the driver's own runtime and continues there if the caller
/// is gone, its runtime is shut down or the deadline passes. The engine carries out a request once it is sent, so
/// the response must be awaited.
pub(super) async fn change<T: Send + 'static>(
    operation: &'static str,
    deadline: Duration,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    // The timer must belong to the driver's runtime as well.
    let work = async move { timeout(deadline.saturating_add(AFTERMATH), settled(work)).await };
    let task = background::spawn(work)
        .ok_or_else(|| InternalError::new("no thread for background work").with_effect(Effect::NotApplied))?;
    let late = || DriverError::from(TimeoutError::new(operation, deadline).with_hint(Hint::VerifyFirst));
    let done = match timeout(deadline, task).await {
        Ok(Ok(Ok(result))) => result,
        Ok(Ok(Err(_))) | Err(_) => Err(late()),
        Ok(Err(failed)) => Err(InternalError::new("a task ended unexpectedly")
            .with_source(failed)
            .into()),
    };
    done.map_err(|error| located(error, operation))
}

/// Runs one operation and tracks the changes it requests from the engine. If a resource is missing after a change
/// was requested, that change may be the reason.
pub(super) async fn settled<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let work = async {
        work.await.map_err(|error| {
            if error.is_not_found() && effects::may_have_changed() {
                error.with_effect(Effect::Unknown)
            } else {
                error
            }
        })
    };
    effects::tracked(work).await
}

pub(super) fn located(error: DriverError, operation: &'static str) -> DriverError {
    error.with_driver(DRIVER).with_operation(operation)
}

/// A resource that was created for a caller who may be gone by now. Unless it is [kept](Self::keep), the creation
/// is rolled back. It is passed to the caller as the output of a task, which is dropped if nobody takes it.
pub(super) struct Made<T> {
    value: T,
    guard: Guard,
}

struct Guard {
    undo: Option<BoxFuture<'static, ()>>,
    /// Held until it is settled whether the resource is kept.
    key: Option<OwnedMutexGuard<()>>,
}

impl<T> Made<T> {
    pub(super) fn new(value: T, undo: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            value,
            guard: Guard {
                undo: Some(Box::pin(undo)),
                key: None,
            },
        }
    }

    /// Wraps a resource that existed before. It is kept even if the caller is gone.
    pub(super) fn found(value: T) -> Self {
        Self {
            value,
            guard: Guard {
                undo: None,
                key: None,
            },
        }
    }

    pub(super) fn holding(mut self, key: Option<OwnedMutexGuard<()>>) -> Self {
        self.guard.key = key;
        self
    }

    pub(super) fn keep(self) -> T {
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
            // If this times out, a sweep by labels finds the leftovers.
            let _ = timeout(AFTERMATH, undo).await;
            drop(key);
        });
    }
}

/// Polls for a resource for as long as the engine may still be creating it.
pub(super) async fn repeatedly<F: Future<Output = bool>>(mut settled: impl FnMut() -> F) {
    for pause in [0, 200, 500, 1_000, 2_000, 4_000, 8_000, 16_000] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        if settled().await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn flag() -> (Arc<AtomicBool>, Arc<AtomicBool>) {
        let flag = Arc::new(AtomicBool::new(false));
        (Arc::clone(&flag), flag)
    }

    async fn making(undone: Arc<AtomicBool>) -> Result<Made<u8>> {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok(Made::new(7, async move { undone.store(true, Ordering::SeqCst) }))
    }

    async fn is_undone(seen: &AtomicBool) {
        while !seen.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn what_is_kept_stays() {
        let (undone, seen) = flag();
        let made = change("test", Duration::from_secs(9), making(undone))
            .await
            .unwrap();
        assert_eq!(made.keep(), 7);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!seen.load(Ordering::SeqCst));
    }

    #[test]
    fn what_is_made_for_a_runtime_that_is_gone_is_undone() {
        let (undone, seen) = flag();
        let runtime = || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_time().build().unwrap()
        };
        let caller = runtime();
        let call = change("test", Duration::from_secs(9), making(undone));
        assert!(caller.block_on(timeout_of(call)).is_err());
        drop(caller);
        runtime().block_on(is_undone(&seen));
    }

    async fn timeout_of<T>(call: impl Future<Output = T>) -> Result<T, tokio::time::error::Elapsed> {
        timeout(Duration::from_millis(10), call).await
    }

    #[tokio::test]
    async fn what_is_made_after_the_caller_left_is_undone() {
        let (undone, seen) = flag();
        let call = change("test", Duration::from_secs(9), making(undone));
        assert!(timeout_of(call).await.is_err());
        is_undone(&seen).await;
    }

    #[tokio::test]
    async fn what_is_made_after_the_deadline_is_undone() {
        let (undone, seen) = flag();
        let error = change("test", Duration::from_millis(10), making(undone))
            .await
            .err()
            .unwrap();
        assert_eq!((error.code(), error.effect()), ("TIMEOUT_ERROR", Effect::Unknown));
        is_undone(&seen).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_is_late_changed_nothing() {
        let never = std::future::pending::<Result<()>>();
        let error = read("test", Duration::from_millis(10), never).await.unwrap_err();
        assert_eq!(
            (error.code(), error.effect()),
            ("TIMEOUT_ERROR", Effect::NotApplied)
        );
        assert_eq!(error.context().driver(), Some("docker"));
    }

    #[tokio::test]
    async fn a_panic_inside_is_an_error_outside() {
        let error = change::<()>("test", Duration::from_secs(9), async { panic!("bug") })
            .await
            .unwrap_err();
        assert_eq!(error.code(), "INTERNAL_ERROR");
    }
}
