//! Tracks whether the caller of a change is still waiting for it.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use driver_interface_errors::Result;

use crate::driver::task::change;

/// The caller of a change that takes several requests. Once the caller has gone, no further request is sent,
/// because the next caller must be able to rely on the state it finds.
#[derive(Clone, Debug)]
pub(in crate::driver) struct Caller(Weak<()>);

impl Caller {
    pub(in crate::driver) fn is_here(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// Like [`change`], but lets the work know when its caller has gone, either by dropping this future or because the
/// deadline passed.
pub(in crate::driver) async fn change_for<T: Send + 'static, F>(
    operation: &'static str,
    deadline: Duration,
    work: impl FnOnce(Caller) -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>> + Send + 'static,
{
    let present = Arc::new(());
    let work = work(Caller(Arc::downgrade(&present)));
    let done = change(operation, deadline, work).await;
    drop(present);
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;
    use tokio::time::{sleep, timeout};

    // Uses real time: a change runs on a separate runtime, whose clock no test pauses.
    async fn seen_after(time: Duration, caller: Caller, seen: oneshot::Sender<bool>) -> Result<()> {
        sleep(time).await;
        seen.send(caller.is_here()).unwrap();
        Ok(())
    }

    #[tokio::test]
    async fn a_caller_is_there_until_it_drops_the_call_or_its_deadline_passes() {
        let minute = Duration::from_secs(60);
        for (deadline, dropped_after, expected) in [
            (minute, minute, true),
            (minute, Duration::from_millis(10), false),
            (Duration::from_millis(10), minute, false),
        ] {
            let (send, seen) = oneshot::channel();
            let call = change_for("test", deadline, |caller| {
                seen_after(Duration::from_millis(500), caller, send)
            });
            drop(timeout(dropped_after, call).await);
            assert_eq!(seen.await, Ok(expected), "{deadline:?} {dropped_after:?}");
        }
    }
}
