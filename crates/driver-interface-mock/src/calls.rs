use std::sync::{Arc, Mutex};

use driver_interface_errors::DriverError;
use tokio::time::Instant;

use crate::Operation;
use crate::sync::lock;

/// A call that a driver got.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedCall {
    /// What was called.
    pub operation: Operation,
    /// The id or name it was about, as the caller gave it: of a container, volume, network or image. None for
    /// calls that are about none, or about one that has no name yet.
    pub target: Option<String>,
    /// The arguments in short. Values of environment variables and labels are not in it, nor the words of a
    /// command behind the first.
    pub summary: String,
    /// How it ended.
    pub outcome: CallOutcome,
    /// When it began, in tokio's time.
    pub started_at: Instant,
    /// When it ended, if it has.
    pub ended_at: Option<Instant>,
}

/// How a recorded call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallOutcome {
    /// It goes on.
    Pending,
    /// It returned `Ok`.
    Ok,
    /// It returned the error with this code.
    Failed(&'static str),
    /// Its future was dropped.
    Cancelled,
}

impl RecordedCall {
    /// Whether it returned `Ok`.
    pub fn is_ok(&self) -> bool {
        self.outcome == CallOutcome::Ok
    }

    /// The code of the error it returned, if it returned one.
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
    /// How many were cleared: what a call in flight counts from.
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

/// A call in flight; dropped before its end it was cancelled.
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
