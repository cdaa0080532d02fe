use std::fmt;

use crate::remedy::Below;
use crate::{Effect, ErrorContext, FileSystemErrorKind, Hint, Violation};

/// The properties shared by all errors of a class.
pub struct Spec {
    pub(crate) name: &'static str,
    pub(crate) code: &'static str,
    pub(crate) category: &'static str,
    pub(crate) retryable: bool,
    pub(crate) effect: Effect,
}

/// The properties that every error has, regardless of its class. For `effect` and `retryable`, `None` means that the
/// default of the hint or of the class applies.
#[derive(Clone)]
pub struct Common {
    pub(crate) message: String,
    pub(crate) context: ErrorContext,
    pub(crate) below: Below,
    pub(crate) effect: Option<Effect>,
    pub(crate) retryable: Option<bool>,
    pub(crate) attempts: Option<u32>,
}

impl Common {
    /// Creates the properties of a new error. `hint` is the default hint of the error's class.
    pub(crate) fn new(message: String, hint: Option<Hint>) -> Self {
        Self {
            message,
            context: ErrorContext::default(),
            below: Below::new(hint),
            effect: None,
            retryable: None,
            attempts: None,
        }
    }
}

/// The content of a leaf error. Each error holds its body behind a pointer, so that every `Result` is small.
#[derive(Clone)]
pub(crate) struct Body<D> {
    pub(crate) common: Common,
    pub(crate) data: D,
}

/// The data that only certain error classes have. The report has separate fields for this data.
pub enum Payload<'a> {
    /// No data beyond message and context.
    None,
    /// The violations of an invalid configuration.
    Violations(&'a [Violation]),
    /// A limit that was exceeded.
    Limit {
        resource: &'a str,
        limit: f64,
        requested: f64,
    },
    /// The kind of a file system failure.
    File(FileSystemErrorKind),
}

/// The methods on which [`ErrorInfo`](crate::ErrorInfo) is based. This trait is public but not exported, so that
/// other crates cannot implement `ErrorInfo`.
pub trait Described {
    fn spec(&self) -> &'static Spec;
    fn common(&self) -> &Common;
    fn common_mut(&mut self) -> &mut Common;
    fn payload(&self) -> Payload<'_>;
    fn class_sentence(&self) -> String;
}

pub(crate) fn display<T: Described + ?Sized>(error: &T, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let common = error.common();
    f.write_str(&common.message)?;
    match common.attempts {
        Some(1) => f.write_str(" (gave up after 1 attempt)")?,
        Some(attempts) => write!(f, " (gave up after {attempts} attempts)")?,
        None => {}
    }
    match common.below.hint() {
        Some(hint) if f.alternate() => write!(f, " (hint: {})", hint.remedy()),
        _ => Ok(()),
    }
}
