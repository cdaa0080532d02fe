//! The outcomes of checks.

use std::fmt;

use driver_interface_types::{ConfigurationError, DriverError};
use serde::{Deserialize, Serialize};

/// The result of a check's function. Every assertion of [`Ctx`](crate::Ctx) returns a `CheckResult`, for use with
/// `?`.
pub type CheckResult<T = ()> = Result<T, Verdict>;

/// The reason why a check's function returned early.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The driver breaks the rule.
    Failed(Failure),
    /// The rule does not apply to this driver or target. The text is the reason. An "unsupported" error of a declared
    /// operation is a failure instead.
    NotApplicable(String),
    /// The check was inconclusive because of a problem of the engine or the suite. The text describes the problem.
    Broken(String),
}

/// A violation of a rule by a driver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Failure {
    /// The value or behaviour that was checked.
    pub about: String,
    /// The expected value.
    pub expected: String,
    /// The actual value.
    pub actual: String,
}

impl Failure {
    /// Creates a failure from what was checked, the expected value and the actual value.
    pub fn new(about: impl Into<String>, expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Self {
            about: about.into(),
            expected: expected.into(),
            actual: actual.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: expected {}, got {}",
            self.about, self.expected, self.actual
        )
    }
}

impl From<Failure> for Verdict {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Turns the error that a call returned into a failure, because the call should have succeeded. An "unsupported" error
/// is also a failure, because the driver declares the operation.
impl From<DriverError> for Verdict {
    fn from(error: DriverError) -> Self {
        let operation = error.context().operation().unwrap_or("a call").to_owned();
        Failure::new(operation, "success", describe(&error)).into()
    }
}

/// Converts the error for an invalid id or name to [`Verdict::Broken`]. The invalid text comes either from the suite
/// or from a resource that the driver returned.
impl From<ConfigurationError> for Verdict {
    fn from(error: ConfigurationError) -> Self {
        Self::Broken(format!("a name of the suite or the driver is invalid: {error}"))
    }
}

/// Formats an error on one line, for the steps and messages of a report.
pub(crate) fn describe(error: &DriverError) -> String {
    let retryable = if error.is_retryable() {
        "retryable"
    } else {
        "not retryable"
    };
    format!("{} ({retryable}): {error}", error.code())
}

/// The outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The driver follows the rule.
    Passed,
    /// The driver breaks the rule, or the driver follows the rule although a deviation from the rule is declared.
    Failed,
    /// The driver breaks the rule, and this deviation is declared: see [`Deviation`](crate::Deviation).
    Deviates,
    /// The check does not apply to this driver or target, usually because the driver lacks a required capability.
    Skipped,
    /// The check was inconclusive: the suite or the engine is broken, or the check asserted nothing.
    Error,
    /// The check exceeded its time limit. This counts as a failure of the driver: no call may hang.
    TimedOut,
    /// The rule applies to the driver, but the check did not run: it had no image, or the run ended first.
    NotRun,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 7] = [
        Self::Passed,
        Self::Failed,
        Self::Deviates,
        Self::Skipped,
        Self::Error,
        Self::TimedOut,
        Self::NotRun,
    ];

    /// Returns the outcome in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Deviates => "deviates",
            Self::Skipped => "skipped",
            Self::Error => "error",
            Self::TimedOut => "timed out",
            Self::NotRun => "not run",
        }
    }

    /// Returns the symbol of the outcome, one character, for tables and progress output.
    pub fn symbol(self) -> char {
        match self {
            Self::Passed => '✔',
            Self::Failed => '✘',
            Self::Deviates => '≠',
            Self::Skipped => '–',
            Self::Error => '!',
            Self::TimedOut => '◷',
            Self::NotRun => '○',
        }
    }

    /// Returns the rank of the outcome by severity. A check that did not run has the lowest rank.
    pub(crate) fn severity(self) -> u8 {
        match self {
            Self::NotRun => 0,
            Self::Skipped => 1,
            Self::Passed => 2,
            Self::Deviates => 3,
            Self::Error => 4,
            Self::TimedOut => 5,
            Self::Failed => 6,
        }
    }

    /// Returns whether the check failed, timed out or was inconclusive.
    pub(crate) fn is_problem(self) -> bool {
        self.severity() > Self::Deviates.severity()
    }

    /// Returns whether the check failed or timed out, that is, the driver does not do what it declares.
    pub fn is_violation(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
