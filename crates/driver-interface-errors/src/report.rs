use serde::{Deserialize, Serialize};

use crate::common::Payload;
use crate::info::sources;
use crate::{Effect, ErrorContext, ErrorInfo, Hint, Violation};

/// An error as plain data: the form in which it is logged, stored and sent to other processes.
///
/// [`ErrorInfo::to_report`] creates the report of an error. Every error of this crate serialises as its report. Newer
/// versions may add fields, so readers must ignore unknown fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ErrorReport {
    /// The error's stable code, such as `CONTAINER_NOT_FOUND`.
    pub code: String,
    /// The error's category, such as `container`.
    pub category: String,
    /// The name of the error's class, such as `ContainerNotFoundError`.
    pub name: String,
    /// The message for developers, on one line.
    pub message: String,
    /// The message for end users, in one sentence.
    pub user_message: String,
    /// Whether repeating the call may succeed.
    pub retryable: bool,
    /// Whether the engine may have carried out the call.
    pub effect: Effect,
    /// The well-known cause and its remedy; `None` if the cause is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<HintReport>,
    /// The number of attempts after which a retry layer gave up; `None` if no retry layer has given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// The driver, the operation and the ids involved.
    #[serde(default)]
    pub context: ErrorContext,
    /// The violations of a [`ConfigurationError`](crate::ConfigurationError); empty for other errors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// The limit and the requested value of a [`ResourceLimitError`](crate::ResourceLimitError); `None` for other
    /// errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<LimitReport>,
    /// The [kind](crate::FileSystemErrorKind) of a [`FileSystemError`](crate::FileSystemError); `None` for other
    /// errors. The field is text, so that older readers accept kinds that are added later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The messages of the errors that caused this error, nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
}

/// A [`Hint`] as text, so that older readers accept hints that are added later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct HintReport {
    /// The hint's [`code`](Hint::code).
    pub code: String,
    /// The hint's [`remedy`](Hint::remedy).
    pub remedy: String,
}

impl From<Hint> for HintReport {
    fn from(hint: Hint) -> Self {
        Self {
            code: hint.code().to_owned(),
            remedy: hint.remedy().to_owned(),
        }
    }
}

/// The values of a [`ResourceLimitError`](crate::ResourceLimitError). A number that is infinite or NaN is `None`,
/// because JSON has no such numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LimitReport {
    /// The resource, such as `cpu`.
    pub resource: String,
    /// The maximum value allowed.
    pub limit: Option<f64>,
    /// The requested value.
    pub requested: Option<f64>,
}

pub(crate) fn of<T: ErrorInfo + ?Sized>(error: &T) -> ErrorReport {
    let (mut violations, mut details, mut kind) = (Vec::new(), None, None);
    match error.payload() {
        Payload::None => {}
        Payload::Violations(found) => violations = found.to_vec(),
        Payload::File(found) => kind = Some(found.code().to_owned()),
        Payload::Limit {
            resource,
            limit,
            requested,
        } => {
            let finite = |number: f64| number.is_finite().then_some(number);
            details = Some(LimitReport {
                resource: resource.to_owned(),
                limit: finite(limit),
                requested: finite(requested),
            });
        }
    }
    ErrorReport {
        code: error.code().to_owned(),
        category: error.category().to_owned(),
        name: error.name().to_owned(),
        message: error.message(),
        user_message: error.user_message(),
        retryable: error.is_retryable(),
        effect: error.effect(),
        hint: error.hint().map(HintReport::from),
        attempts: error.attempts(),
        context: error.context().clone(),
        violations,
        details,
        kind,
        sources: sources(error),
    }
}
