use std::fmt;

use serde::{Deserialize, Serialize};

use crate::common::Payload;
use crate::leaf::{category, leaf};
use crate::text::{clean, joined};

category! {
    /// Errors that the caller can fix only by changing the input or by using another operation.
    pub enum InputError {
        /// The input is invalid.
        Configuration(ConfigurationError),
        /// The driver does not support the operation.
        Unsupported(UnsupportedError),
    }
}

/// One rule that an input violates, and the path of the invalid value.
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
    /// The path of the invalid value, with the field names of the JSON form, such as `volumes[2].source`. The path is
    /// empty if the violation concerns the whole input.
    pub path: String,
    /// The stable code of the violated rule, in kebab-case, such as `out-of-range`.
    pub code: String,
    /// The violated requirement, as a phrase that follows the path, such as `must not be empty`.
    pub message: String,
}

impl Violation {
    /// Creates a violation from the path of the invalid value, the code of the violated rule, and the requirement.
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
    /// The error returned if an input is invalid. The error lists all violations, so that the caller can fix them
    /// together.
    ///
    /// The error is returned before the driver calls the engine, so nothing has changed.
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
    /// Creates an error from all violations. The error shows the violations in the given order.
    ///
    /// The text of each violation is reduced to one line, and credentials in the text are redacted.
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

    /// Creates an error from a single violation.
    pub fn single(path: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(vec![Violation::new(path, code, message)])
    }

    /// Returns all violations.
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
    /// The error returned if this driver, or the engine behind it, does not support an operation.
    ///
    /// The call fails immediately and changes nothing. To know in advance which operations are supported, check the
    /// driver's capabilities.
    pub struct UnsupportedError(Unsupported);
    code: UNSUPPORTED_OPERATION,
    category: "configuration",
    retryable: false,
    effect: NotApplied,
    user: |_| "The container service cannot do this.".to_owned(),
}

impl UnsupportedError {
    /// Creates an error from the operation, such as `pause_container`, and the reason.
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

    /// Returns the unsupported operation.
    pub fn operation(&self) -> &str {
        &self.body.data.operation
    }

    /// Returns why the operation is not supported.
    pub fn reason(&self) -> &str {
        &self.body.data.reason
    }
}
