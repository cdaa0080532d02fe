//! The results of a run, as they are written to `report.json`.
//!
//! Field names are camelCase. Times are milliseconds since the epoch, and durations are milliseconds. Readers
//! ignore unknown fields. [`SCHEMA_VERSION`] changes only when a field changes its meaning or is removed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use driver_interface_types::{Capabilities, Capability, EngineInfo};
use serde::{Deserialize, Serialize};

use crate::journal::{Step, millis};
use crate::{Check, Deviation, Failure, Level, Outcome};

/// The version of the report's schema.
pub const SCHEMA_VERSION: u32 = 2;

/// The version of the suite. A new or stricter check raises the minor version. A removed or less strict check raises
/// the patch version.
pub const SUITE_VERSION: &str = "2.0.0";

/// The symbol for a failed check whose level is not MUST, in tables and progress output.
pub(crate) const MINOR: char = '△';

/// The results of one run, with all its drivers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Report {
    /// The value of [`SCHEMA_VERSION`] in the suite that wrote the report.
    pub schema_version: u32,
    /// The value of [`SUITE_VERSION`] in the suite that wrote the report.
    pub suite_version: String,
    /// The time at which the run started, in milliseconds since the epoch.
    pub started_at: u64,
    /// The seed for the order of the checks. If the run was repeated, this is the seed of the first repetition.
    pub seed: u64,
    /// Whether only some of the checks were selected. Such a run does not prove conformance.
    pub partial: bool,
    /// A description of which checks were selected, such as `area "logs" and shard 1/3`; `None` if all were selected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<String>,
    /// The results of each driver that was checked.
    pub drivers: Vec<DriverReport>,
    /// The targets that were not checked, and why.
    pub not_run: Vec<NotRun>,
}

/// A target that was not checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct NotRun {
    /// The URI of the target.
    pub uri: String,
    /// The reason why the target was not checked, and the remedy.
    pub reason: String,
    /// Whether the run fails because the target was not checked.
    pub required: bool,
}

/// The results for one driver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DriverReport {
    /// The URI of the target.
    pub uri: String,
    /// The driver's name.
    pub name: String,
    /// The driver's version.
    pub version: String,
    /// The engine that the driver uses; `None` if the engine did not respond.
    pub engine: Option<EngineInfo>,
    /// The capabilities that the driver declares.
    pub capabilities: Capabilities,
    /// The image from which containers were created; `None` if the checks that need an image were not run.
    pub image: Option<String>,
    /// The time from connecting to the end of the sweep, on the wall clock.
    pub wall_ms: u64,
    /// Whether the run was cancelled.
    pub cancelled: bool,
    /// The seeds of the repetitions of a repeated run, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<u64>,
    /// The number of checks with each outcome.
    pub summary: Summary,
    /// Problems after the checks: resources left on the engine, resources that could not be listed, and calls by the
    /// suite itself that panicked or timed out. Each problem is described in words.
    pub leaks: Vec<String>,
    /// The results of the selected checks, in the order of the catalogue.
    pub checks: Vec<CheckReport>,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CheckReport {
    /// The check's id.
    pub id: String,
    /// The level of the check: how severe a failure is.
    pub level: Level,
    /// The rule that the check verifies.
    pub statement: String,
    /// The reason for the rule; `None` if no reason is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rationale: Option<String>,
    /// The capabilities that the rule requires. The check is skipped if the driver does not declare all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Capability>,
    /// The deviation that was declared for the check, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deviation: Option<Deviation>,
    /// The outcome of the check. In a repeated run, this is the worst outcome. The other fields then describe the
    /// first repetition with this outcome.
    pub outcome: Outcome,
    /// The duration of the check on the runtime's clock. If this clock is paused, the duration is simulated time.
    pub duration_ms: u64,
    /// The number of assertions that the check made.
    pub assertions: usize,
    /// The reason why the check did not pass; `None` if it passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The expected and the actual value, if an assertion failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The calls that the check made; empty if it passed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// The outcomes of all repetitions, in order; empty if the run was not repeated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repetitions: Vec<Repetition>,
}

/// The outcome of a check in one repetition of a repeated run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Repetition {
    /// The seed of the repetition.
    pub seed: u64,
    /// The outcome of the check in this repetition.
    pub outcome: Outcome,
    /// The duration of the check in this repetition, on the runtime's clock.
    pub duration_ms: u64,
}

/// The number of checks with each outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Summary {
    /// The number of all checks, with any outcome.
    pub total: usize,
    /// The number of checks that passed.
    pub passed: usize,
    /// The number of checks that failed.
    pub failed: usize,
    /// The number of checks that failed or timed out, and have a declared deviation that has not expired.
    #[serde(default)]
    pub deviates: usize,
    /// The number of checks that did not apply to the driver.
    pub skipped: usize,
    /// The number of checks that were inconclusive.
    pub errors: usize,
    /// The number of checks that exceeded their time limit.
    pub timed_out: usize,
    /// The number of checks that were not run, because there was no image or the run ended first.
    pub not_run: usize,
    /// The number of checks that make the driver non-conformant. These are MUST checks that failed or timed out.
    /// Checks of any level are included if they have a declared deviation but passed, or if their declared deviation
    /// has expired.
    pub must_failed: usize,
}

impl Report {
    /// Creates an empty report of a run that starts now.
    pub fn new(seed: u64, partial: bool) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            suite_version: SUITE_VERSION.to_owned(),
            started_at: now(),
            seed,
            partial,
            selection: None,
            drivers: Vec::new(),
            not_run: Vec::new(),
        }
    }

    /// Returns the number of checks with each outcome, over all drivers.
    pub fn summary(&self) -> Summary {
        Summary::of(self.drivers.iter().flat_map(|driver| &driver.checks))
    }

    /// Returns the verdict on the whole run.
    pub fn verdict(&self) -> RunVerdict {
        let any = |holds: fn(&DriverReport) -> bool| self.drivers.iter().any(holds);
        // If some checks are selected, it is possible that none of them applies to one of several drivers.
        let unchecked =
            |driver: &DriverReport| !driver.has_run() && (!self.partial || driver.summary.not_run > 0);
        let broken = any(|driver| {
            driver.summary.errors > 0 || driver.cancelled || driver.summary.total != driver.checks.len()
        });
        if any(|driver| driver.summary.must_failed > 0) || self.not_run.iter().any(|target| target.required) {
            RunVerdict::NotConformant
        } else if broken || self.drivers.iter().any(unchecked) || !any(DriverReport::has_run) {
            RunVerdict::Broken
        } else if self.drivers.iter().any(|driver| !driver.leaks.is_empty()) {
            RunVerdict::Leaked
        } else {
            RunVerdict::Ok
        }
    }
}

impl NotRun {
    /// Creates the entry for the target `uri`, which was not checked for the reason `reason`.
    pub fn new(uri: impl Into<String>, reason: impl Into<String>, required: bool) -> Self {
        Self {
            uri: uri.into(),
            reason: reason.into(),
            required,
        }
    }
}

/// The verdict on a whole run. The variants are ordered from worst to best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunVerdict {
    /// A driver failed a check of level MUST, a declared deviation no longer holds, or a required target did
    /// not run.
    NotConformant,
    /// A check was inconclusive, the run was cancelled, or a driver was not checked at all.
    Broken,
    /// The run left resources behind on an engine.
    Leaked,
    /// None of the other variants applies. [`DriverReport::verdict`] states for each driver whether every check ran.
    Ok,
}

impl RunVerdict {
    /// Returns the exit code for a program that runs the suite: 0 for `Ok`, 1 for `NotConformant`, 2 for `Broken`,
    /// and 4 for `Leaked`.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::NotConformant => 1,
            Self::Broken => 2,
            Self::Leaked => 4,
        }
    }
}

impl DriverReport {
    pub(crate) fn new(uri: String) -> Self {
        Self {
            uri,
            name: String::new(),
            version: String::new(),
            engine: None,
            capabilities: Capabilities::minimal(),
            image: None,
            wall_ms: 0,
            cancelled: false,
            seeds: Vec::new(),
            summary: Summary::default(),
            leaks: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// Returns the report on the check with this id, or `None` if the check was not selected.
    pub fn check(&self, id: &str) -> Option<&CheckReport> {
        self.checks.iter().find(|check| check.id == id)
    }

    /// Returns the checks that failed, timed out, were inconclusive or were not run. Checks that deviate as declared
    /// are not included.
    pub fn problems(&self) -> impl Iterator<Item = &CheckReport> {
        self.checks.iter().filter(|check| {
            !matches!(
                check.outcome,
                Outcome::Passed | Outcome::Deviates | Outcome::Skipped
            )
        })
    }

    /// Converts this report to the report of a repeated run. So far, the run has one repetition, which has the seed
    /// `seed`.
    pub(crate) fn begin_repetitions(&mut self, seed: u64) {
        self.seeds = vec![seed];
        for check in &mut self.checks {
            check.repetitions = vec![check.repetition(seed)];
        }
    }

    /// Adds `next`, which is the report on a further repetition. `seed` is the seed of that repetition.
    pub(crate) fn add(&mut self, seed: u64, next: Self) {
        self.seeds.push(seed);
        self.wall_ms += next.wall_ms;
        self.cancelled |= next.cancelled;
        self.leaks.extend(next.leaks);
        for mut again in next.checks {
            match self.checks.iter_mut().find(|check| check.id == again.id) {
                Some(check) => check.add(seed, again),
                None => {
                    again.repetitions = vec![again.repetition(seed)];
                    self.checks.push(again);
                }
            }
        }
        self.summary = Summary::of(&self.checks);
    }

    /// Returns a line that names the driver and its engine.
    pub fn title(&self) -> String {
        let engine = self.engine.as_ref().map_or(String::new(), |engine| {
            let api = engine
                .api_version
                .as_ref()
                .map_or(String::new(), |api| format!(" (API {api})"));
            format!(" on {} {}{api}", engine.name, engine.version)
        });
        format!("{} {}{engine}", self.name, self.version)
    }
}

impl CheckReport {
    pub(crate) fn new(check: &Check, outcome: Outcome) -> Self {
        Self {
            id: check.id.to_owned(),
            level: check.level,
            statement: check.statement.to_owned(),
            rationale: Some(check.rationale)
                .filter(|text| !text.is_empty())
                .map(str::to_owned),
            requires: check.required().collect(),
            deviation: None,
            outcome,
            duration_ms: 0,
            assertions: 0,
            message: None,
            failure: None,
            steps: Vec::new(),
            repetitions: Vec::new(),
        }
    }

    /// Adds `again`, which is the result of the same check in a further repetition. `seed` is the seed of that
    /// repetition. This report then describes the worse of the two results.
    fn add(&mut self, seed: u64, mut again: Self) {
        let mut repetitions = std::mem::take(&mut self.repetitions);
        repetitions.push(again.repetition(seed));
        if again.outcome.severity() > self.outcome.severity() {
            std::mem::swap(self, &mut again);
        }
        self.repetitions = repetitions;
    }

    fn repetition(&self, seed: u64) -> Repetition {
        Repetition {
            seed,
            outcome: self.outcome,
            duration_ms: self.duration_ms,
        }
    }

    /// Returns whether this check alone makes the run fail.
    pub fn is_fatal(&self) -> bool {
        self.outcome == Outcome::Error || self.is_decisive()
    }

    /// Returns whether the check failed or timed out without affecting the driver's conformance.
    pub(crate) fn is_minor(&self) -> bool {
        self.outcome.is_violation() && !self.is_decisive()
    }

    /// Returns the symbol of the result, one character, for tables and progress output.
    pub(crate) fn symbol(&self) -> char {
        if self.is_minor() {
            MINOR
        } else {
            self.outcome.symbol()
        }
    }

    /// Returns whether this result makes the driver non-conformant.
    fn is_decisive(&self) -> bool {
        self.outcome.is_violation() && (self.level == Level::Must || self.deviation.is_some())
    }

    /// Returns whether the check passed in some repetitions of the run, and failed, timed out or was inconclusive in
    /// others.
    pub fn is_flaky(&self) -> bool {
        let ended =
            |required: fn(Outcome) -> bool| self.repetitions.iter().any(|time| required(time.outcome));
        ended(|outcome| outcome == Outcome::Passed) && ended(Outcome::is_problem)
    }

    /// Returns the seed of the repetition that this report describes, or `None` if the run was not repeated.
    pub fn seed(&self) -> Option<u64> {
        let reported = self.repetitions.iter().find(|time| time.outcome == self.outcome);
        reported.map(|time| time.seed)
    }

    #[must_use]
    pub(crate) fn took(mut self, duration: Duration) -> Self {
        self.duration_ms = millis(duration);
        self
    }

    #[must_use]
    pub(crate) fn because(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Returns the area of the check: the first segment of its id.
    pub fn area(&self) -> &str {
        crate::check::area_of(&self.id)
    }
}

impl Summary {
    /// Counts `checks` by outcome.
    pub fn of<'a>(checks: impl IntoIterator<Item = &'a CheckReport>) -> Self {
        let mut summary = Self::default();
        for check in checks {
            summary.total += 1;
            match check.outcome {
                Outcome::Passed => summary.passed += 1,
                Outcome::Failed => summary.failed += 1,
                Outcome::Deviates => summary.deviates += 1,
                Outcome::Skipped => summary.skipped += 1,
                Outcome::Error => summary.errors += 1,
                Outcome::TimedOut => summary.timed_out += 1,
                Outcome::NotRun => summary.not_run += 1,
            }
            if check.is_decisive() {
                summary.must_failed += 1;
            }
        }
        summary
    }

    /// Returns the outcomes that at least one check has, from worst to best, each with the number of these checks.
    pub(crate) fn counts(&self) -> Vec<(Outcome, usize)> {
        let mut counts: Vec<_> = Outcome::ALL.map(|outcome| (outcome, self.count(outcome))).into();
        counts.retain(|(_, count)| *count > 0);
        counts.sort_by_key(|(outcome, _)| std::cmp::Reverse(outcome.severity()));
        counts
    }

    fn count(&self, outcome: Outcome) -> usize {
        match outcome {
            Outcome::Passed => self.passed,
            Outcome::Failed => self.failed,
            Outcome::Deviates => self.deviates,
            Outcome::Skipped => self.skipped,
            Outcome::Error => self.errors,
            Outcome::TimedOut => self.timed_out,
            Outcome::NotRun => self.not_run,
        }
    }

    /// Returns the summary line that all text formats contain, such as `132 passed, 0 failed, 8 skipped`. The numbers
    /// of other outcomes follow if they are not 0.
    pub fn line(&self) -> String {
        let mut line = format!(
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        );
        for (count, word) in [
            (self.deviates, "deviate as declared"),
            (self.timed_out, "timed out"),
            (self.errors, "errors"),
            (self.not_run, "not run"),
        ] {
            if count > 0 {
                line.push_str(&format!(", {count} {word}"));
            }
        }
        line
    }
}

fn now() -> u64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(checks: &[(&'static str, Outcome)]) -> DriverReport {
        let mut report = DriverReport::new("mine:".to_owned());
        let run = |_| -> crate::CheckFuture { Box::pin(async { Ok(()) }) };
        let checks = checks
            .iter()
            .map(|(id, outcome)| CheckReport::new(&Check::must(id, "It holds.", run), *outcome));
        report.checks = checks.collect();
        report
    }

    #[test]
    fn repetitions_are_merged_by_check() {
        let mut first = report(&[("a", Outcome::Passed), ("b", Outcome::Passed)]);
        first.begin_repetitions(1);
        first.add(2, report(&[("b", Outcome::Failed), ("c", Outcome::Passed)]));
        let found = first.checks.iter().map(|check| {
            let seeds: Vec<u64> = check.repetitions.iter().map(|time| time.seed).collect();
            (check.id.as_str(), check.outcome, seeds)
        });
        assert_eq!(
            found.collect::<Vec<_>>(),
            [
                ("a", Outcome::Passed, vec![1]),
                ("b", Outcome::Failed, vec![1, 2]),
                ("c", Outcome::Passed, vec![2]),
            ]
        );
    }
}
