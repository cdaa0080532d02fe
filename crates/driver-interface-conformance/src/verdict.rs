//! What a run says about one driver.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::prepare::NO_IMAGE;
use crate::{DriverReport, Outcome};

/// What a run says about one driver, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum DriverVerdict {
    /// It failed a check of level MUST, or a declared deviation does not hold.
    NotConformant,
    /// A check could not find out, or the run was cancelled.
    Unknown,
    /// Something was left on the engine.
    Leaks,
    /// No check was run, so nothing is known about it.
    NotChecked,
    /// All that was run is well, but not all was: only some checks were selected, or some could not be run for want
    /// of an image.
    PassedInPart,
    /// All is well but for what was declared.
    ConformantButForDeviations,
    /// All is well.
    Conformant,
}

impl DriverVerdict {
    /// The words for people.
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
    /// What the run says about the driver; `partial` is whether only some of the checks were selected.
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

    /// The verdict in words, with why checks were not run: `passed in part: 361 checks not run (no test image: …)`.
    pub fn verdict_in_words(&self, partial: bool) -> String {
        let reasons = self.reasons_not_run().into_iter();
        let reasons: Vec<String> = reasons
            .map(|(reason, count)| format!("{count} checks not run ({reason})"))
            .collect();
        let verdict = self.verdict(partial);
        // What was not run is why a driver has passed in part only; other verdicts have other reasons.
        let joint = match verdict {
            _ if reasons.is_empty() => "",
            DriverVerdict::PassedInPart | DriverVerdict::NotChecked => ": ",
            _ => "; ",
        };
        format!("{verdict}{joint}{}", reasons.join("; "))
    }

    /// Whether any check came so far as to say something about the driver.
    pub fn has_run(&self) -> bool {
        self.summary.total > self.summary.skipped + self.summary.not_run
    }

    /// How many checks were not run for want of the test image, and why there is none.
    pub fn without_image(&self) -> Option<(usize, &str)> {
        let mut reasons = self.reasons_not_run().into_iter();
        let (reason, count) = reasons.find(|(reason, _)| reason.starts_with(NO_IMAGE))?;
        Some((count, reason))
    }

    /// Why checks were not run, each reason with the number of its checks.
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
