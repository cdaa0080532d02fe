//! How a check ends.

use std::fmt;

use driver_interface_types::{ConfigurationError, DriverError};
use serde::{Deserialize, Serialize};

/// What the body of a check returns. Every assertion of [`Ctx`](crate::Ctx) returns one, to be used with `?`.
pub type CheckResult<T = ()> = Result<T, Verdict>;

/// Why the body of a check ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The driver breaks the rule.
    Failed(Failure),
    /// The rule does not concern this driver, for a reason that only its configuration shows. A driver that
    /// answers "unsupported" for what it declares is no reason: that is a failure.
    NotApplicable(String),
    /// The check could not find out: the engine or the suite is at fault.
    Broken(String),
}

/// What a driver did instead of following a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Failure {
    /// What was looked at.
    pub about: String,
    /// What it should be.
    pub expected: String,
    /// What it is.
    pub actual: String,
}

impl Failure {
    /// A failure that names what was looked at, what it should be, and what it is.
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

/// A call that was to succeed did not. Whatever the error says, it is the driver's failure: a declared
/// operation that answers "unsupported" must not pass for one that need not be checked.
impl From<DriverError> for Verdict {
    fn from(error: DriverError) -> Self {
        let operation = error.context().operation().unwrap_or("a call").to_owned();
        Failure::new(operation, "success", describe(&error)).into()
    }
}

/// A name that cannot be one: the suite has built it, or the driver has given it to what it made.
impl From<ConfigurationError> for Verdict {
    fn from(error: ConfigurationError) -> Self {
        Self::Broken(format!("a name, the suite's or the driver's, is none: {error}"))
    }
}

/// An error as the steps and messages of a report show it.
pub(crate) fn describe(error: &DriverError) -> String {
    let retryable = if error.is_retryable() {
        "retryable"
    } else {
        "not retryable"
    };
    format!("{} ({retryable}): {error}", error.code())
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The driver follows the rule.
    Passed,
    /// It does not.
    Failed,
    /// It does not, as was declared: see [`Deviation`](crate::Deviation).
    Deviates,
    /// The rule does not concern this driver: it does not declare what the rule is about.
    Skipped,
    /// The check could not find out: the suite or the engine is broken, or it asserted nothing.
    Error,
    /// The check's limit passed. For the driver that is as bad as failing: no call may hang.
    TimedOut,
    /// The rule concerns the driver, but the check did not get its turn: there is no image to run it on, or the run
    /// ended before.
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

    /// The word for people.
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

    /// One character for tables and progress.
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

    /// Which of two outcomes of one check says more against the driver; a check that did not run says nothing.
    pub(crate) fn badness(self) -> u8 {
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

    /// Whether it is worse than having passed, and was not declared.
    pub(crate) fn is_problem(self) -> bool {
        self.badness() > Self::Deviates.badness()
    }

    /// Whether the driver broke the rule, and nobody has declared that it would.
    pub fn is_breach(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
