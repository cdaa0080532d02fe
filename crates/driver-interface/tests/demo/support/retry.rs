//! Retries with limits on errors, attempts and time, and with verification.

use std::time::Duration;

use driver_interface::{DriverError, Result, TimeoutError};
use tokio::time::{Instant, sleep, timeout_at};

/// Limits the attempts and the total time of a call.
///
/// Both limits are needed: a count does not bound the time of slow attempts, and a time does not bound the
/// load of fast ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryPolicy {
    /// The maximum number of attempts, including the first.
    pub(crate) attempts: u32,
    /// The maximum total time, including pauses.
    pub(crate) budget: Duration,
    /// The pause after the first failure. It doubles after each further one.
    pub(crate) pause: Duration,
}

impl RetryPolicy {
    /// Returns a policy with a budget of a minute and a first pause of half a second.
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

    /// Retries a call that is safe to repeat: a read, a start, a stop, or a creation with an operation key.
    pub(crate) async fn run<T>(&self, call: impl AsyncFnMut() -> Result<T>) -> Result<T> {
        self.run_verified(call, async || Ok(None)).await
    }

    /// Retries a call that must not be applied twice. If a failed attempt may have been applied, `verify`
    /// looks for its effect first. If it finds one, that is the result.
    ///
    /// Dropping the future drops the current attempt, with the guarantees of the driver.
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
            // A later attempt with a known effect proves nothing about this one.
            look_first |= error.effect().needs_verification();
            last = Some(error);
            sleep(pause).await;
            pause *= 2;
        }
    }
}
