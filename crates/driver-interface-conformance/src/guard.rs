//! A wrapper for the calls that the suite itself makes to a driver, outside of any check and its time limit. The
//! wrapper protects the suite from calls that panic or hang.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use driver_interface_errors::{DriverError, InternalError, TimeoutError};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

/// The reason why a call did not return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The driver panicked with this message.
    Panicked(String),
    /// The call did not return within this timeout.
    Late(Duration),
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(text) => write!(f, "the driver panicked: {text}"),
            Self::Late(limit) => write!(f, "timed out after {limit:?}"),
        }
    }
}

impl Lost {
    /// Converts the panic or timeout of the call `operation` to a driver error.
    pub(crate) fn into_error(self, operation: &'static str) -> DriverError {
        match self {
            Self::Panicked(_) => InternalError::new(self.to_string()).into(),
            Self::Late(limit) => TimeoutError::new(operation, limit).into(),
        }
    }
}

/// Runs a call in its own task, with the timeout `limit`. The timeout works even if the call blocks its thread. The
/// call is dropped when the timeout expires or when this future is dropped.
pub(crate) async fn call<T: Send + 'static>(
    limit: Duration,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Lost> {
    let mut task = JoinSet::new();
    task.spawn(work);
    match timeout(limit, task.join_next()).await {
        Ok(Some(Ok(answer))) => Ok(answer),
        Ok(Some(Err(error))) => Err(Lost::Panicked(panic_of(error))),
        Ok(None) | Err(_) => Err(Lost::Late(limit)),
    }
}

/// Returns the message of the panic that ended a task.
pub(crate) fn panic_of(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(payload) => panic_text(payload.as_ref()),
        Err(error) => error.to_string(),
    }
}

/// Returns the message in the payload of a panic.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn panicking_and_hanging_calls_are_contained() {
        assert_eq!(call(LIMIT, async { 1 }).await, Ok(1));
        let panicked = call(LIMIT, async { panic!("oops") as () }).await;
        assert_eq!(panicked, Err(Lost::Panicked("oops".to_owned())));
        assert_eq!(
            call(LIMIT, std::future::pending::<()>()).await,
            Err(Lost::Late(LIMIT))
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn blocking_call_times_out() {
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let limit = Duration::from_millis(50);
        let late = call(limit, async move { ended.recv().is_err() }).await;
        assert_eq!(late, Err(Lost::Late(limit)));
        drop(end);
    }
}
