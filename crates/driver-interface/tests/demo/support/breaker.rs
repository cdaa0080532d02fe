//! A circuit breaker: failing engines get a rest, and callers an immediate error.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use driver_interface::{ConnectionError, DriverError, Effect, Result};
use tokio::time::Instant;

/// Refuses calls for a while after consecutive failures, then lets one through as a probe.
///
/// Only engine failures count. After caller errors such as "not found", the engine evidently works.
#[derive(Debug)]
pub(crate) struct Breaker {
    threshold: u32,
    rest: Duration,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum State {
    /// Calls pass. Counts consecutive failures.
    Closed { failures: u32 },
    /// Calls are refused until this time.
    Open { until: Instant },
    /// A probe is in flight.
    HalfOpen,
}

impl Breaker {
    pub(crate) fn new(threshold: u32, rest: Duration) -> Self {
        Self {
            threshold,
            rest,
            state: Mutex::new(State::Closed { failures: 0 }),
        }
    }

    pub(crate) fn state(&self) -> State {
        *self.lock()
    }

    /// Runs a call if the circuit allows it. A refusal is a `ConnectionError` with `Effect::NotApplied`.
    pub(crate) async fn call<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        let probe = self.enter()?;
        let result = call.await;
        let trouble = result.as_ref().err().is_some_and(is_engine_trouble);
        match probe {
            Some(probe) => probe.settle(trouble),
            None => self.count(trouble),
        }
        result
    }

    /// Admits a call, as a probe if it is the first one after the rest.
    fn enter(&self) -> Result<Option<Probe<'_>>> {
        let mut state = self.lock();
        match *state {
            State::Closed { .. } => Ok(None),
            State::Open { until } if Instant::now() >= until => {
                *state = State::HalfOpen;
                Ok(Some(Probe {
                    breaker: self,
                    trouble: true,
                }))
            }
            State::Open { .. } | State::HalfOpen => {
                let refusal = ConnectionError::new("the circuit is open after repeated failures");
                Err(refusal.with_effect(Effect::NotApplied).into())
            }
        }
    }

    fn count(&self, trouble: bool) {
        let mut state = self.lock();
        // Ignore calls that started before the circuit opened.
        if let State::Closed { failures } = *state {
            let failures = if trouble { failures + 1 } else { 0 };
            *state = if failures < self.threshold {
                State::Closed { failures }
            } else {
                self.open()
            };
        }
    }

    fn open(&self) -> State {
        State::Open {
            until: Instant::now() + self.rest,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_engine_trouble(error: &DriverError) -> bool {
    error.category() == "system"
}

/// The probe call. If it is dropped, the circuit reopens instead of staying half-open.
struct Probe<'a> {
    breaker: &'a Breaker,
    trouble: bool,
}

impl Probe<'_> {
    fn settle(mut self, trouble: bool) {
        self.trouble = trouble;
    }
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        *self.breaker.lock() = match self.trouble {
            true => self.breaker.open(),
            false => State::Closed { failures: 0 },
        };
    }
}
