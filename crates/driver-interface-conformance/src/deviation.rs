//! Known deviations: rules that a driver is declared not to follow.

use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{Check, CheckReport, Outcome};

/// A known deviation: a rule that a driver breaks, the reason, and the driver version that will follow the rule.
///
/// If a check with a declared deviation fails or times out, the check's outcome is [`Outcome::Deviates`] and does not
/// fail the run. In two cases, the declaration is outdated and the run fails, regardless of the check's level:
/// - The check passes.
/// - The check fails in a driver whose [`version`](driver_interface_types::ContainerDriver::version) is `until` or
///   newer. The declaration has expired.
///
/// ```
/// use driver_interface_conformance::Deviation;
///
/// let known = Deviation::new("lifecycle/stop/graceful", "acme kills immediately, acme#12", "2.0.0");
/// assert_eq!(known.to_string(), "acme kills immediately, acme#12 (until 2.0.0)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Deviation {
    /// The id of the check that fails.
    pub check: String,
    /// The reason for the deviation, for readers of the report.
    pub reason: String,
    /// The first version of the driver in which the check must no longer fail, as a semantic version.
    pub until: String,
}

impl Deviation {
    /// Declares that the check with the id `check` fails in versions of the driver before `until`.
    pub fn new(check: impl Into<String>, reason: impl Into<String>, until: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            reason: reason.into(),
            until: until.into(),
        }
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (until {})", self.reason, self.until)
    }
}

/// The error for an invalid declaration of a deviation. Its display text says what is wrong with the declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviationError(String);

impl fmt::Display for DeviationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DeviationError {}

/// The deviations declared for a run.
pub(crate) struct Deviations {
    /// Each deviation, and whether it has expired.
    declared: Vec<(Deviation, bool)>,
    version: String,
}

impl Deviations {
    /// Determines which of the declared deviations have expired in the driver version `version`. Returns an error if
    /// a version is invalid.
    pub(crate) fn of(declared: &[Deviation], version: &str) -> Result<Self, DeviationError> {
        let with_expiry = |deviation: &Deviation| {
            let expired =
                parse(version, "the driver's version")? >= parse(&deviation.until, &deviation.check)?;
            Ok((deviation.clone(), expired))
        };
        Ok(Self {
            declared: declared.iter().map(with_expiry).collect::<Result<_, _>>()?,
            version: version.to_owned(),
        })
    }

    /// Changes the outcome in a check's report if a deviation is declared for the check.
    pub(crate) fn judge(&self, mut report: CheckReport) -> CheckReport {
        let declared = self
            .declared
            .iter()
            .find(|(deviation, _)| deviation.check == report.id);
        let Some((deviation, expired)) = declared else {
            return report;
        };
        report.deviation = Some(deviation.clone());
        if report.outcome == Outcome::Passed {
            report.outcome = Outcome::Failed;
            report.because(format!(
                "it passed, but a deviation is declared: {deviation}. Remove the declaration"
            ))
        } else if report.outcome.is_violation() && !expired {
            report.outcome = Outcome::Deviates;
            let message = report.message.take().unwrap_or_default();
            report.because(format!("as declared: {deviation}. {message}"))
        } else if report.outcome.is_violation() {
            let message = report.message.take().unwrap_or_default();
            report.because(format!(
                "the declared deviation has expired, as the driver is {}: {deviation}. {message}",
                self.version
            ))
        } else {
            report
        }
    }
}

/// Returns an error if a declaration names a check that does not exist, or if two declarations name the same check.
pub(crate) fn refuse_unknown(declared: &[Deviation], checks: &[Check]) -> Result<(), DeviationError> {
    for (index, deviation) in declared.iter().enumerate() {
        let id = &deviation.check;
        if !checks.iter().any(|check| check.id == id) {
            return Err(DeviationError(format!(
                "a deviation is declared for {id:?}, which is not a check of the suite"
            )));
        }
        if declared.iter().skip(index + 1).any(|other| other.check == *id) {
            return Err(DeviationError(format!("two deviations are declared for {id}")));
        }
    }
    Ok(())
}

fn parse(version: &str, of: &str) -> Result<Version, DeviationError> {
    Version::parse(version).map_err(|error| {
        DeviationError(format!(
            "a deviation ends at a version of the driver, but {of} has {version:?}, which is not a \
             semantic version such as 1.2.0: {error}"
        ))
    })
}
