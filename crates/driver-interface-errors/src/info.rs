use std::error::Error;
use std::fmt;

use crate::common::{Described, Payload};
use crate::{Effect, ErrorContext, ErrorReport, Hint, Remedy, report, text};

/// The interface shared by all errors of this crate: leaves, categories and [`DriverError`].
///
/// The trait is object safe, so generic code (a retry, a log line, an HTTP handler) can take a `&dyn ErrorInfo`. The
/// trait cannot be implemented outside this crate, so methods can be added without a breaking change.
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
    /// Returns the error's stable code, one of [`codes`](crate::codes).
    fn code(&self) -> &'static str {
        self.spec().code
    }

    /// Returns the error's category in lower case, such as `container`.
    fn category(&self) -> &'static str {
        self.spec().category
    }

    /// Returns the name of the error's class, such as `ContainerNotFoundError`.
    fn name(&self) -> &'static str {
        self.spec().name
    }

    /// Returns whether repeating the call may succeed.
    ///
    /// Returns `false` if a retry layer has already given up on the call. Otherwise, returns the value set by
    /// `with_retryable`. Without such a value, returns the default of the class, or `false` if the hint rules out a
    /// retry.
    ///
    /// Before you repeat a call that changes something, check [`effect`](ErrorInfo::effect).
    fn is_retryable(&self) -> bool {
        let (common, spec) = (self.common(), self.spec());
        let ruled_out = self.hint().is_some_and(Hint::rules_out_retry);
        common.attempts.is_none() && common.retryable.unwrap_or(spec.retryable && !ruled_out)
    }

    /// Returns the message on one line, without the number of attempts and the hint.
    fn message(&self) -> String {
        self.common().message.clone()
    }

    /// Returns whether the engine may have carried out the call.
    ///
    /// Returns the value set by `with_effect`. Without such a value, returns the effect that the hint implies. If the
    /// hint implies no effect, returns the default of the class.
    fn effect(&self) -> Effect {
        let implied = || self.hint().and_then(Hint::effect);
        self.common()
            .effect
            .or_else(implied)
            .unwrap_or(self.spec().effect)
    }

    /// Returns the context of the error: the driver, the operation and the ids involved.
    fn context(&self) -> &ErrorContext {
        &self.common().context
    }

    /// Returns the well-known cause with its remedy, if the cause is known.
    fn hint(&self) -> Option<Hint> {
        self.common().below.hint()
    }

    /// Returns the number of attempts after which a retry layer gave up; `None` if no retry layer has given up.
    fn attempts(&self) -> Option<u32> {
        self.common().attempts
    }

    /// Returns one plain sentence for end users, without technical terms or ids.
    fn user_message(&self) -> String {
        match self.hint().and_then(Hint::user_sentence) {
            Some(sentence) => sentence.to_owned(),
            None => self.class_sentence(),
        }
    }

    /// Returns the complete error as plain data that can be serialised, compared and sent elsewhere.
    fn to_report(&self) -> ErrorReport {
        report::of(self)
    }
}

/// Returns the messages of an error's sources, nearest first. Hints are excluded, because the report has a separate
/// field for the hint.
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
