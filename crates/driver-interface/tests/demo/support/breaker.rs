//! A circuit breaker: an engine in trouble gets a rest, and callers get their answer at once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use driver_interface::{ConnectionError, DriverError, Effect, Result};
use tokio::time::Instant;

/// Refuses calls for a while after several failures in a row, then lets one through to see.
///
/// Only failures that speak about the engine count. "Not found" or "invalid" speak about the caller, and an
/// engine that gives such answers works.
#[derive(Debug)]
pub(crate) struct Breaker {
    threshold: u32,
    rest: Duration,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum State {
    /// Calls pass; so many in a row have failed.
    Closed { failures: u32 },
    /// Calls are refused until then.
    Open { until: Instant },
    /// One call is under way to see whether the engine is back.
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

    /// Makes a call if the circuit allows it. A refusal is a `ConnectionError` that surely had no effect, so a
    /// retry around the breaker needs no special case for it.
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

    /// Lets the call in, as a probe if it is the first one after the rest.
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
        // What began before the circuit opened and ends now is old news.
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

/// The one call that decides. If it is dropped half-way the circuit opens again, instead of staying half-open
/// forever.
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
