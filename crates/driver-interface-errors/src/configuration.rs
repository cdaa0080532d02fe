use std::fmt;

use serde::{Deserialize, Serialize};

use crate::common::Payload;
use crate::leaf::{category, leaf};
use crate::text::{clean, joined};

category! {
    /// Groups what the caller has to change: the input, or the operation.
    pub enum InputError {
        /// The input breaks rules.
        Configuration(ConfigurationError),
        /// The driver does not offer this.
        Unsupported(UnsupportedError),
    }
}

/// Names one thing that is wrong with an input, and where.
///
/// ```
/// use driver_interface_errors::Violation;
///
/// let violation = Violation::new("resources.cpu", "out-of-range", "must be a finite number above 0");
/// assert_eq!(violation.to_string(), "resources.cpu: must be a finite number above 0");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// Where it is, with the names of the JSON form: `volumes[2].source`; empty for the input as a whole.
    pub path: String,
    /// The rule that is broken, stable and in kebab-case: `out-of-range`.
    pub code: String,
    /// What has to be so instead, to be read after the path.
    pub message: String,
}

impl Violation {
    /// Makes one from where it is, the rule's code, and what has to be so instead.
    pub fn new(path: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            code: code.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

leaf! {
    /// Lists everything that is wrong with an input, so that it can be mended in one go.
    ///
    /// It is raised before the engine is asked, so nothing happened.
    pub struct ConfigurationError(Vec<Violation>);
    code: CONFIGURATION_ERROR,
    category: "configuration",
    retryable: false,
    effect: NotApplied,
    user: |violations| match violations.as_slice() {
        [] => "The settings are not valid.".to_owned(),
        [only] => format!("One setting is not valid: {only}."),
        more => format!("There are {} settings that are not valid.", more.len()),
    },
    payload: |violations| Payload::Violations(violations),
}

impl ConfigurationError {
    /// Makes one from all violations, in the order in which they are to be shown.
    ///
    /// Their text is brought onto one line each and credentials in it are blotted out.
    pub fn new(violations: Vec<Violation>) -> Self {
        let violations: Vec<Violation> = violations
            .into_iter()
            .map(|violation| Violation {
                path: clean(&violation.path),
                code: clean(&violation.code),
                message: clean(&violation.message),
            })
            .collect();
        let message = match violations.as_slice() {
            [] => "invalid configuration".to_owned(),
            [only] => format!("invalid configuration: {only}"),
            more => {
                let listed: Vec<String> = more.iter().map(Violation::to_string).collect();
                format!(
                    "invalid configuration: {} violations: {}",
                    more.len(),
                    listed.join("; ")
                )
            }
        };
        Self::build(message, violations)
    }

    /// Makes one from a single violation.
    pub fn single(path: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(vec![Violation::new(path, code, message)])
    }

    /// Everything that is wrong.
    pub fn violations(&self) -> &[Violation] {
        &self.body.data
    }
}

/// The data of an [`UnsupportedError`].
#[derive(Clone)]
pub(crate) struct Unsupported {
    operation: String,
    reason: String,
}

leaf! {
    /// Says that this driver, or the engine below it, does not offer an operation.
    ///
    /// The driver's capabilities say so beforehand. It returns at once and nothing happened.
    pub struct UnsupportedError(Unsupported);
    code: UNSUPPORTED_OPERATION,
    category: "configuration",
    retryable: false,
    effect: NotApplied,
    user: |_| "The container service cannot do this.".to_owned(),
}

impl UnsupportedError {
    /// Makes one from the operation, such as `pause_container`, and why it is not offered.
    pub fn new(operation: impl Into<String>, reason: impl Into<String>) -> Self {
        let (operation, reason) = (operation.into(), reason.into());
        let message = joined(&format!("{} is not supported", clean(&operation)), &reason);
        Self::build(
            message,
            Unsupported {
                operation: operation.clone(),
                reason,
            },
        )
        .with_operation(operation)
    }

    /// The operation that is not offered.
    pub fn operation(&self) -> &str {
        &self.body.data.operation
    }

    /// Why it is not offered.
    pub fn reason(&self) -> &str {
        &self.body.data.reason
    }
}
