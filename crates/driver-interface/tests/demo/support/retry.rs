//! Trying again: only what can help, only so often, only for so long, and never blindly.

use std::time::Duration;

use driver_interface::{DriverError, Result, TimeoutError};
use tokio::time::{Instant, sleep, timeout_at};

/// How often and for how long a call is tried.
///
/// Two bounds, because each alone fails its user: a count says nothing about time when single tries are
/// slow, and a time says nothing about load when they are fast.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryPolicy {
    /// The most tries, the first one included.
    pub(crate) attempts: u32,
    /// The most time for everything: tries and pauses.
    pub(crate) budget: Duration,
    /// The pause after the first failure; each further one is twice as long.
    pub(crate) pause: Duration,
}

impl RetryPolicy {
    /// Some tries within a minute, half a second after the first failure.
    pub(crate) fn attempts(attempts: u32) -> Self {
        Self {
            attempts,
            budget: Duration::from_secs(60),
            pause: Duration::from_millis(500),
        }
    }

    pub(crate) fn budget(mut self, budget: Duration) -> Self {
        self.budget = budget;
        self
    }

    /// Repeats a call that may be repeated whatever the outcome of the previous attempt: a read, a start, a stop, or a
    /// creation with an operation key.
    pub(crate) async fn run<T>(&self, call: impl AsyncFnMut() -> Result<T>) -> Result<T> {
        self.run_verified(call, async || Ok(None)).await
    }

    /// Repeats a call that must not be done twice. Where a failed try may have had its effect, `verify` looks
    /// for it first; what it finds is the result, and the call is not repeated.
    ///
    /// Dropping the future drops the try under way; the driver's promise about that holds.
    pub(crate) async fn run_verified<T>(
        &self,
        mut call: impl AsyncFnMut() -> Result<T>,
        mut verify: impl AsyncFnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let end = Instant::now() + self.budget;
        let mut pause = self.pause;
        let mut tried = 0;
        let mut look_first = false;
        let mut last: Option<DriverError> = None;
        loop {
            tried += 1;
            let attempt = async {
                if look_first && let Some(found) = verify().await? {
                    return Ok(found);
                }
                call().await
            };
            let error = match timeout_at(end, attempt).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) if !error.is_retryable() => return Err(error),
                Ok(Err(error)) => error,
                Err(_) => {
                    let late = DriverError::from(TimeoutError::new("retry", self.budget));
                    let late = match last {
                        Some(before) => late.with_source(before),
                        None => late,
                    };
                    return Err(late.after_attempts(tried));
                }
            };
            if tried >= self.attempts || Instant::now() + pause >= end {
                return Err(error.after_attempts(tried));
            }
            // Once in doubt, always in doubt: a later try that surely did nothing proves nothing of this one.
            look_first |= error.effect().needs_verification();
            last = Some(error);
            sleep(pause).await;
            pause *= 2;
        }
    }
}
