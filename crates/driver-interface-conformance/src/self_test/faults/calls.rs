//! Functions for faulty calls, which several modules of faults use.

use std::time::Duration;

use driver_interface_errors::InternalError;
use driver_interface_types::Result;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::self_test::mutation::Memory;

/// Runs a future in its own task. The future continues even if the call that started it is dropped.
pub(super) async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let joined = tokio::spawn(work).await;
    joined.unwrap_or_else(|error| Err(InternalError::new(error.to_string()).into()))
}

/// An action that runs if the call is dropped. [`done`](Self::done) cancels the action when the call has completed.
pub(super) struct WhenDropped(Option<BoxFuture<'static, ()>>);

impl WhenDropped {
    pub(super) fn then<T: 'static>(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(work.map(drop).boxed()))
    }

    pub(super) fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for WhenDropped {
    fn drop(&mut self) {
        if let Some(work) = self.0.take() {
            tokio::spawn(work);
        }
    }
}

/// Runs `call` and holds the lock named `lock` during the call. If the call is dropped, the lock is never released.
pub(super) async fn serialized<T>(memory: &Memory, lock: &str, call: impl Future<Output = T>) -> T {
    let (acquired, released) = (format!("{lock} acquired"), format!("{lock} released"));
    let before = memory.note(&acquired);
    while memory.count(&released) < before {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let result = call.await;
    memory.note(&released);
    result
}
