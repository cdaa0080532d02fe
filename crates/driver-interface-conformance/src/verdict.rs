//! The verdict on a driver after a run.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::prepare::NO_IMAGE;
use crate::{DriverReport, Outcome};

/// The verdict on a driver after a run. The variants are ordered from worst to best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum DriverVerdict {
    /// The driver failed a check of level MUST, or a declared deviation no longer holds.
    NotConformant,
    /// A check was inconclusive, or the run was cancelled.
    Unknown,
    /// The run may have left resources behind on the engine: see `leaks` in the report.
    Leaks,
    /// No check ran, so nothing is known about the driver.
    NotChecked,
    /// No MUST check failed, but not all checks ran: some were not selected, or lacked an image.
    PassedInPart,
    /// All applicable checks ran, and no MUST check failed. At least one check deviates as declared.
    ConformantButForDeviations,
    /// All applicable checks ran, no MUST check failed, and no check deviates.
    Conformant,
}

impl DriverVerdict {
    /// Returns the verdict in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotConformant => "not conformant",
            Self::Unknown => "unknown",
            Self::Leaks => "leaks",
            Self::NotChecked => "not checked",
            Self::PassedInPart => "passed in part",
            Self::ConformantButForDeviations => "conformant but for deviations",
            Self::Conformant => "conformant",
        }
    }
}

impl fmt::Display for DriverVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl DriverReport {
    /// Returns the verdict on the driver. `partial` states whether only some of the checks were selected.
    pub fn verdict(&self, partial: bool) -> DriverVerdict {
        let summary = &self.summary;
        if summary.must_failed > 0 {
            DriverVerdict::NotConformant
        } else if summary.errors > 0 || self.cancelled {
            DriverVerdict::Unknown
        } else if !self.leaks.is_empty() {
            DriverVerdict::Leaks
        } else if !self.has_run() {
            DriverVerdict::NotChecked
        } else if partial || summary.not_run > 0 {
            DriverVerdict::PassedInPart
        } else if summary.deviates > 0 {
            DriverVerdict::ConformantButForDeviations
        } else {
            DriverVerdict::Conformant
        }
    }

    /// Returns the verdict in words. If checks were not run, the reasons follow, as in `passed in part: 361 checks not
    /// run (no test image: …)`.
    pub fn verdict_text(&self, partial: bool) -> String {
        let reasons = self.reasons_not_run().into_iter();
        let reasons: Vec<String> = reasons
            .map(|(reason, count)| format!("{count} checks not run ({reason})"))
            .collect();
        let verdict = self.verdict(partial);
        // Only "passed in part" needs the reasons. The other verdicts have other causes.
        let joint = match verdict {
            _ if reasons.is_empty() => "",
            DriverVerdict::PassedInPart | DriverVerdict::NotChecked => ": ",
            _ => "; ",
        };
        format!("{verdict}{joint}{}", reasons.join("; "))
    }

    /// Returns whether at least one check gave a result about the driver.
    pub fn has_run(&self) -> bool {
        self.summary.total > self.summary.skipped + self.summary.not_run
    }

    /// Returns the number of checks that did not run because there is no test image. Also returns the reason why
    /// there is no image. Returns `None` if no check lacked the image.
    pub fn without_image(&self) -> Option<(usize, &str)> {
        let mut reasons = self.reasons_not_run().into_iter();
        let (reason, count) = reasons.find(|(reason, _)| reason.starts_with(NO_IMAGE))?;
        Some((count, reason))
    }

    /// Returns the reasons why checks were not run. Each reason comes with the number of checks that were not run for
    /// this reason.
    fn reasons_not_run(&self) -> Vec<(&str, usize)> {
        let mut reasons: Vec<(&str, usize)> = Vec::new();
        for check in &self.checks {
            if check.outcome != Outcome::NotRun {
                continue;
            }
            let reason = check.message.as_deref().unwrap_or("no reason given");
            match reasons.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, count)) => *count += 1,
                None => reasons.push((reason, 1)),
            }
        }
        reasons
    }
}
