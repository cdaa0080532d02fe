use std::error::Error;
use std::fmt;

use crate::common::{Described, Payload};
use crate::{Effect, ErrorContext, ErrorReport, Hint, Remedy, report, text};

/// Answers the same questions for every error of this crate: leaf, category and [`DriverError`].
///
/// It is object safe, so generic code (a retry, a log line, an HTTP handler) takes `&dyn ErrorInfo`.
/// It cannot be implemented outside this crate, which lets it grow without breaking anybody.
///
/// ```
/// use driver_interface_errors::{ErrorInfo, NetworkNotFoundError, VolumeError, VolumeNotFoundError};
///
/// fn log_line(error: &dyn ErrorInfo) -> String {
///     format!("{} {}", error.code(), error.message())
/// }
///
/// assert_eq!(log_line(&NetworkNotFoundError::new("net")), "NETWORK_NOT_FOUND network `net` not found");
/// assert_eq!(
///     log_line(&VolumeError::from(VolumeNotFoundError::new("data"))),
///     "VOLUME_NOT_FOUND volume `data` not found",
/// );
/// ```
///
/// [`DriverError`]: crate::DriverError
pub trait ErrorInfo: Error + Described + Send + Sync + 'static {
    /// The stable code, one of [`codes`](crate::codes).
    fn code(&self) -> &'static str {
        self.spec().code
    }

    /// The category in lower case, such as `container`.
    fn category(&self) -> &'static str {
        self.spec().category
    }

    /// The name of the error's class, such as `ContainerNotFoundError`.
    fn name(&self) -> &'static str {
        self.spec().name
    }

    /// Whether the same call may succeed when it is made again.
    ///
    /// An error that stayed after retries is not retryable any more. Before that it is what was set by
    /// `with_retryable`, else what the class says unless the hint rules a retry out. Look at
    /// [`effect`](ErrorInfo::effect) before repeating a call that changes something.
    fn is_retryable(&self) -> bool {
        let (common, spec) = (self.common(), self.spec());
        let ruled_out = self.hint().is_some_and(Hint::rules_out_retry);
        common.attempts.is_none() && common.retryable.unwrap_or(spec.retryable && !ruled_out)
    }

    /// The message on one line, without what retries and hints add to it.
    fn message(&self) -> String {
        self.common().message.clone()
    }

    /// Whether the engine may have done what was asked for.
    ///
    /// It is what was set by `with_effect`, else what the hint implies, else what the class says.
    fn effect(&self) -> Effect {
        let implied = || self.hint().and_then(Hint::effect);
        self.common()
            .effect
            .or_else(implied)
            .unwrap_or(self.spec().effect)
    }

    /// Where it happened: driver, operation, ids.
    fn context(&self) -> &ErrorContext {
        &self.common().context
    }

    /// The well-known cause, if it is one, with its remedy.
    fn hint(&self) -> Option<Hint> {
        self.common().below.hint()
    }

    /// How often it was tried before giving up; `None` when nobody has given up yet.
    fn attempts(&self) -> Option<u32> {
        self.common().attempts
    }

    /// One plain sentence for the users of a program, who know nothing of engines and ids.
    fn user_message(&self) -> String {
        match self.hint().and_then(Hint::user_sentence) {
            Some(sentence) => sentence.to_owned(),
            None => self.class_sentence(),
        }
    }

    /// All of it as plain data that can be serialised, compared and sent elsewhere.
    fn to_report(&self) -> ErrorReport {
        report::of(self)
    }
}

/// The texts of an error's sources, the nearest first. Hints have a place of their own.
pub(crate) fn sources<E: Error + ?Sized>(error: &E) -> Vec<String> {
    std::iter::successors(error.source(), |&source| source.source())
        .filter(|source| !source.is::<Remedy>())
        .map(|source| text::clean(&source.to_string()))
        .collect()
}

pub(crate) fn debug<T: ErrorInfo + ?Sized>(error: &T, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut out = f.debug_struct(error.name());
    out.field("code", &format_args!("{}", error.code()))
        .field("message", &error.common().message)
        .field("retryable", &error.is_retryable())
        .field("effect", &error.effect())
        .field("context", error.context());
    if let Payload::File(kind) = error.payload() {
        out.field("kind", &format_args!("{kind}"));
    }
    if let Some(hint) = error.hint() {
        out.field("hint", &format_args!("{hint} ({})", hint.remedy()));
    }
    if let Some(attempts) = error.attempts() {
        out.field("attempts", &attempts);
    }
    let sources = sources(error);
    if !sources.is_empty() {
        out.field("sources", &sources);
    }
    out.finish()
}
