use driver_interface_types::LogOptions;
use garde::Validate;

use crate::ValidationPolicy;
use crate::codes;
use crate::rules::refuse;

/// The rules of [`LogOptions`].
///
/// ```
/// use driver_interface_types::LogOptions;
/// use driver_interface_validation::{LogOptionsSchema, Validate};
///
/// assert!(LogOptionsSchema::from(&LogOptions::default()).validate().is_ok());
/// ```
#[derive(Clone, Copy, Debug, Validate)]
#[garde(context(ValidationPolicy))]
pub struct LogOptionsSchema {
    #[garde(custom(|stdout: &bool, _| a_stream(*stdout, self.stderr)))]
    stdout: bool,
    #[garde(skip)]
    stderr: bool,
}

impl From<&LogOptions> for LogOptionsSchema {
    fn from(options: &LogOptions) -> Self {
        Self {
            stdout: options.stdout,
            stderr: options.stderr,
        }
    }
}

fn a_stream(stdout: bool, stderr: bool) -> garde::Result {
    if stdout || stderr {
        return Ok(());
    }
    refuse(
        codes::NO_STREAM,
        "must be selected if `stderr` is not: logs require at least one stream",
    )
}
