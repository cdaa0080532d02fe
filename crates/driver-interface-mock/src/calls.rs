use std::sync::{Arc, Mutex};

use driver_interface_errors::DriverError;
use tokio::time::Instant;

use crate::Operation;
use crate::sync::lock;

/// A call that a driver received.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedCall {
    /// The operation that was called.
    pub operation: Operation,
    /// The id or name of the container, volume, network or image, as given by the caller. `None` if the call has no
    /// such argument.
    pub target: Option<String>,
    /// A summary of the arguments. It contains neither the values of environment variables and labels, nor the
    /// arguments of a command after the first word.
    pub summary: String,
    /// The outcome of the call.
    pub outcome: CallOutcome,
    /// When the call began, on tokio's clock.
    pub started_at: Instant,
    /// When the call ended, on tokio's clock; `None` while the call is in progress.
    pub ended_at: Option<Instant>,
}

/// The outcome of a recorded call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallOutcome {
    /// The call is still in progress.
    Pending,
    /// The call returned `Ok`.
    Ok,
    /// The call returned the error with this code.
    Failed(&'static str),
    /// The call's future was dropped.
    Cancelled,
}

impl RecordedCall {
    /// Returns whether the call returned `Ok`.
    pub fn is_ok(&self) -> bool {
        self.outcome == CallOutcome::Ok
    }

    /// Returns the code of the call's error, or `None` if the call returned no error.
    pub fn error_code(&self) -> Option<&'static str> {
        match self.outcome {
            CallOutcome::Failed(code) => Some(code),
            CallOutcome::Pending | CallOutcome::Ok | CallOutcome::Cancelled => None,
        }
    }
}

/// The calls of one driver, in the order in which they began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Mutex<Calls>>);

#[derive(Debug, Default)]
struct Calls {
    /// The number of calls that were cleared so far. The first call in `recorded` has this number.
    cleared: usize,
    recorded: Vec<RecordedCall>,
}

impl Recorder {
    pub(crate) fn begin(&self, operation: Operation, target: Option<String>, summary: String) -> OpenCall {
        let mut calls = lock(&self.0);
        let number = calls.cleared + calls.recorded.len();
        calls.recorded.push(RecordedCall {
            operation,
            target,
            summary,
            outcome: CallOutcome::Pending,
            started_at: Instant::now(),
            ended_at: None,
        });
        OpenCall {
            recorder: self.clone(),
            number,
            outcome: CallOutcome::Cancelled,
        }
    }

    pub(crate) fn all(&self) -> Vec<RecordedCall> {
        lock(&self.0).recorded.clone()
    }

    pub(crate) fn clear(&self) {
        let mut calls = lock(&self.0);
        calls.cleared += calls.recorded.len();
        calls.recorded.clear();
    }
}

/// A call in progress. Dropping the value without calling [`end`](Self::end) records the call as cancelled.
#[derive(Debug)]
pub(crate) struct OpenCall {
    recorder: Recorder,
    number: usize,
    outcome: CallOutcome,
}

impl OpenCall {
    pub(crate) fn end<T>(mut self, result: &Result<T, DriverError>) {
        self.outcome = match result {
            Ok(_) => CallOutcome::Ok,
            Err(error) => CallOutcome::Failed(error.code()),
        };
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        let mut calls = lock(&self.recorder.0);
        let Some(index) = self.number.checked_sub(calls.cleared) else {
            return;
        };
        if let Some(call) = calls.recorded.get_mut(index) {
            call.outcome = self.outcome;
            call.ended_at = Some(Instant::now());
        }
    }
}
