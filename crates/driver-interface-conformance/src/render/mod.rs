//! Renderers that turn a report into text, for people and for other programs. Text from drivers is untrusted. Every
//! renderer therefore escapes the characters that have a special meaning in the output format.

mod escape;
mod html;
mod json;
mod junit;
mod markdown;
mod matrix;
mod pretty;
mod progress;
#[cfg(feature = "self-test")]
mod self_test;
mod style;
#[cfg(test)]
mod tests;

#[cfg(feature = "harness")]
pub(crate) use escape::line as one_line;
pub use html::html;
pub use json::json;
pub use junit::junit;
pub use markdown::{markdown, rules};
pub use pretty::{Pretty, catalogue};
pub use progress::Progress;
#[cfg(feature = "self-test")]
pub use self_test::self_test;

use crate::{CheckReport, DriverReport, Report};

/// Returns the command that reruns `check`: the template `command` with values for `{uri}`, `{id}` and `{seed}`.
fn again(command: &str, report: &Report, driver: &DriverReport, check: &CheckReport) -> String {
    let seed = check.seed().unwrap_or(report.seed);
    command
        .replace("{uri}", &driver.uri)
        .replace("{id}", &check.id)
        .replace("{seed}", &seed.to_string())
}
