//! Runs the operations of drivers. A read is dropped when its caller stops waiting. A change runs to completion even
//! then. Both have a deadline.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use driver_interface_errors::{DriverError, Effect, Hint, InternalError, Result, TimeoutError};
use tokio::time::timeout;

use crate::rollback::SETTLE_TIME;
use crate::{background, effects};

/// Runs the operations of one driver. Errors name the driver and the operation.
#[derive(Clone, Copy, Debug)]
pub struct Runner {
    driver: &'static str,
}

impl Runner {
    /// Creates a runner for the driver named `driver`.
    pub const fn new(driver: &'static str) -> Self {
        Self { driver }
    }

    /// Runs an operation that changes nothing.
    ///
    /// # Errors
    /// - `TimeoutError`: the deadline passed. Nothing was changed.
    /// - The errors of the work.
    ///
    /// # Cancel safety
    /// Dropping the future drops the work.
    pub async fn read<T>(
        &self,
        operation: &'static str,
        deadline: Duration,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let done = timeout(deadline, work).await;
        done.unwrap_or_else(|_| Err(not_applied(TimeoutError::new(operation, deadline))))
            .map_err(|error| self.located(error, operation))
    }

    /// Runs an operation that changes something. The work runs in the [background]. It continues there if the caller
    /// no longer waits, the caller's runtime is shut down or the deadline passes: an engine carries out every request
    /// that was sent, so the driver must await the response. Return a [`Rollback`](crate::Rollback) from work that
    /// creates something.
    ///
    /// The work must end on its own. If it is still running five minutes after the deadline, it is dropped.
    ///
    /// # Errors
    /// - `TimeoutError`: the deadline passed. The change may still be applied.
    /// - `InternalError`: the work panicked, or no thread could be started for it.
    /// - The errors of the work, with the effect `Unknown` where [`effects`] requires it.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the work. The work's output is dropped when the work is done.
    pub async fn change<T: Send + 'static>(
        &self,
        operation: &'static str,
        deadline: Duration,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.finish(operation, deadline, work)
            .await
            .map_err(|error| self.located(error, operation))
    }

    /// Like [`change`](Self::change), but passes a [`Caller`] to the work. With the `Caller`, the work can check
    /// whether the caller still waits. The caller no longer waits once this future is dropped or the deadline passes.
    ///
    /// # Errors
    /// Those of [`change`](Self::change).
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the work.
    pub async fn change_for<T: Send + 'static, F>(
        &self,
        operation: &'static str,
        deadline: Duration,
        work: impl FnOnce(Caller) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let present = Arc::new(());
        let work = work(Caller(Arc::downgrade(&present)));
        let done = self.change(operation, deadline, work).await;
        drop(present);
        done
    }

    /// Returns `error` with the names of the driver and the operation added.
    pub fn located(&self, error: DriverError, operation: &'static str) -> DriverError {
        error.with_driver(self.driver).with_operation(operation)
    }

    async fn finish<T: Send + 'static>(
        &self,
        operation: &'static str,
        deadline: Duration,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        // The timer must run on the background runtime, too.
        let longest = deadline.saturating_add(SETTLE_TIME);
        let work = async move { timeout(longest, effects::track(work)).await };
        let task = background::spawn(work)
            .ok_or_else(|| not_applied(InternalError::new("no thread for background work")))?;
        let late = || DriverError::from(TimeoutError::new(operation, deadline).with_hint(Hint::VerifyFirst));
        match timeout(deadline, task).await {
            Ok(Ok(Ok(result))) => result,
            Ok(Ok(Err(_))) | Err(_) => Err(late()),
            Ok(Err(failed)) => Err(InternalError::new("a task ended unexpectedly")
                .with_source(failed)
                .into()),
        }
    }
}

fn not_applied(error: impl Into<DriverError>) -> DriverError {
    error.into().with_effect(Effect::NotApplied)
}

/// Runs `work`, and fails if it is not done within `deadline`.
///
/// # Errors
/// - `TimeoutError` with the effect `Unknown`: the deadline passed.
/// - The errors of the work.
///
/// # Cancel safety
/// Dropping the future drops the work.
pub async fn within<T>(
    operation: &'static str,
    deadline: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let done = timeout(deadline, work).await;
    done.unwrap_or_else(|_| Err(TimeoutError::new(operation, deadline).into()))
}

/// The caller of a change that sends several requests to the engine. Once the caller no longer waits, the change must
/// send no further request: another caller may already rely on the state that the engine has by then.
#[derive(Clone, Debug)]
pub struct Caller(Weak<()>);

impl Caller {
    /// Returns whether the caller is still waiting.
    pub fn is_here(&self) -> bool {
        self.0.strong_count() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rollback;
    use std::sync::atomic::{AtomicBool, Ordering};
    use tokio::sync::oneshot;
    use tokio::time::sleep;

    const RUNNER: Runner = Runner::new("acme");

    fn flag() -> (Arc<AtomicBool>, Arc<AtomicBool>) {
        let flag = Arc::new(AtomicBool::new(false));
        (Arc::clone(&flag), flag)
    }

    async fn create(undone: Arc<AtomicBool>) -> Result<Rollback<u8>> {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok(Rollback::new(
            7,
            async move { undone.store(true, Ordering::SeqCst) },
        ))
    }

    async fn wait_for_rollback(seen: &AtomicBool) {
        while !seen.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn kept_result_is_not_rolled_back() {
        let (undone, seen) = flag();
        let made = RUNNER
            .change("test", Duration::from_secs(9), create(undone))
            .await
            .unwrap();
        assert_eq!(made.keep(), 7);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!seen.load(Ordering::SeqCst));
    }

    #[test]
    fn lost_runtime_rolls_back() {
        let (undone, seen) = flag();
        let runtime = || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_time().build().unwrap()
        };
        let caller = runtime();
        let call = RUNNER.change("test", Duration::from_secs(9), create(undone));
        assert!(caller.block_on(timeout_of(call)).is_err());
        drop(caller);
        runtime().block_on(wait_for_rollback(&seen));
    }

    async fn timeout_of<T>(call: impl Future<Output = T>) -> Result<T, tokio::time::error::Elapsed> {
        timeout(Duration::from_millis(10), call).await
    }

    #[tokio::test]
    async fn dropped_call_rolls_back() {
        let (undone, seen) = flag();
        let call = RUNNER.change("test", Duration::from_secs(9), create(undone));
        assert!(timeout_of(call).await.is_err());
        wait_for_rollback(&seen).await;
    }

    #[tokio::test]
    async fn late_result_rolls_back() {
        let (undone, seen) = flag();
        let error = RUNNER
            .change("test", Duration::from_millis(10), create(undone))
            .await
            .err()
            .unwrap();
        assert_eq!((error.code(), error.effect()), ("TIMEOUT_ERROR", Effect::Unknown));
        wait_for_rollback(&seen).await;
    }

    #[tokio::test(start_paused = true)]
    async fn late_read_is_not_applied() {
        let never = std::future::pending::<Result<()>>();
        let error = RUNNER
            .read("test", Duration::from_millis(10), never)
            .await
            .unwrap_err();
        assert_eq!(
            (error.code(), error.effect()),
            ("TIMEOUT_ERROR", Effect::NotApplied)
        );
        assert_eq!(error.context().driver(), Some("acme"));
    }

    #[tokio::test]
    async fn panic_becomes_an_internal_error() {
        let error = RUNNER
            .change::<()>("test", Duration::from_secs(9), async { panic!("bug") })
            .await
            .unwrap_err();
        assert_eq!(error.code(), "INTERNAL_ERROR");
    }

    // Uses real time: a change runs on a separate runtime, whose clock no test pauses.
    async fn seen_after(time: Duration, caller: Caller, seen: oneshot::Sender<bool>) -> Result<()> {
        sleep(time).await;
        seen.send(caller.is_here()).unwrap();
        Ok(())
    }

    #[tokio::test]
    async fn caller_is_present_until_drop_or_deadline() {
        let minute = Duration::from_secs(60);
        for (deadline, dropped_after, expected) in [
            (minute, minute, true),
            (minute, Duration::from_millis(10), false),
            (Duration::from_millis(10), minute, false),
        ] {
            let (send, seen) = oneshot::channel();
            let call = RUNNER.change_for("test", deadline, |caller| {
                seen_after(Duration::from_millis(500), caller, send)
            });
            drop(timeout(dropped_after, call).await);
            assert_eq!(seen.await, Ok(expected), "{deadline:?} {dropped_after:?}");
        }
    }
}
