//! What a run found, as plain data: `report.json`.
//!
//! Field names are camelCase; times are milliseconds since the epoch, durations milliseconds. Readers ignore
//! fields they do not know; [`SCHEMA_VERSION`] changes only when a field changes its meaning or goes away.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use driver_interface_types::{Capability, EngineInfo};
use serde::{Deserialize, Serialize};

use crate::journal::{Step, millis};
use crate::{Check, Deviation, Failure, Level, Outcome};

/// The version of the report's form.
pub const SCHEMA_VERSION: u32 = 1;

/// The version of the suite: a new or stricter check raises the minor number, a removed or looser one the patch.
pub const SUITE_VERSION: &str = "1.2.0";

/// Stands in tables and progress for a check that failed, but is no MUST.
pub(crate) const MINOR: char = '△';

/// Everything one run found, over all its drivers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// [`SUITE_VERSION`].
    pub suite_version: String,
    /// When the run began.
    pub started_at: u64,
    /// What the order of the checks was made from; of a run that is repeated, the first time.
    pub seed: u64,
    /// Whether only some checks were selected: such a run proves no conformance.
    pub partial: bool,
    /// Which ones, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<String>,
    /// The drivers that were checked.
    pub drivers: Vec<DriverReport>,
    /// The targets that were not, and why.
    pub not_run: Vec<NotRun>,
}

/// A target that was not checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct NotRun {
    /// The target.
    pub uri: String,
    /// Why not, and what can be done.
    pub reason: String,
    /// Whether it had to run.
    pub required: bool,
}

/// What was found about one driver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DriverReport {
    /// The target.
    pub uri: String,
    /// The driver's name.
    pub name: String,
    /// The driver's version.
    pub version: String,
    /// The engine behind it, where it answered.
    pub engine: Option<EngineInfo>,
    /// What it declares.
    pub capabilities: Vec<Capability>,
    /// The image that containers were made from; none if the checks that need one were not run.
    pub image: Option<String>,
    /// Real time from connecting to the end of the sweep.
    pub wall_ms: u64,
    /// Whether the run was cancelled.
    pub cancelled: bool,
    /// Of a run that was repeated: the seed of each time, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<u64>,
    /// The checks, counted by outcome.
    pub summary: Summary,
    /// What was left on the engine, or could not be looked for, and which calls of the suite itself the driver did not
    /// answer.
    pub leaks: Vec<String>,
    /// Every selected check, in the order of the catalogue.
    pub checks: Vec<CheckReport>,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CheckReport {
    /// The check's id.
    pub id: String,
    /// How bad it is when a driver fails it.
    pub level: Level,
    /// The rule.
    pub statement: String,
    /// Why the rule is there, where that needs saying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rationale: Option<String>,
    /// The capabilities without which the rule does not concern a driver.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Capability>,
    /// What was declared of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deviation: Option<Deviation>,
    /// How it ended; of a run that was repeated, the worst time, which all the rest is about.
    pub outcome: Outcome,
    /// How long it took, by the runtime's clock: simulated time where the clock is paused.
    pub duration_ms: u64,
    /// How many assertions it made.
    pub assertions: usize,
    /// Why it did not pass; none if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What was expected and what was seen, where an assertion failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What the check did until then; only of checks that did not pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// Of a run that was repeated: each time, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repetitions: Vec<Repetition>,
}

/// How a check ended one of several times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Repetition {
    /// The seed of that time.
    pub seed: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub duration_ms: u64,
}

/// Checks counted by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Summary {
    /// All of them; the sum of the next seven.
    pub total: usize,
    /// Those that passed.
    pub passed: usize,
    /// Those that failed.
    pub failed: usize,
    /// Those that failed as was declared.
    #[serde(default)]
    pub deviates: usize,
    /// Those that did not concern the driver.
    pub skipped: usize,
    /// Those that could not find out.
    pub errors: usize,
    /// Those that took too long.
    pub timed_out: usize,
    /// Those that did not get their turn, for want of an image or because the run ended before.
    pub not_run: usize,
    /// Of the failed and timed out ones, those of level MUST, and those with a declared deviation: it has expired,
    /// or the check passed in spite of it.
    pub must_failed: usize,
}

impl Report {
    /// An empty report of a run that begins now.
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

    /// All drivers' checks counted together.
    pub fn summary(&self) -> Summary {
        Summary::of(self.drivers.iter().flat_map(|driver| &driver.checks))
    }

    /// What the run amounts to.
    pub fn verdict(&self) -> RunVerdict {
        let any = |holds: fn(&DriverReport) -> bool| self.drivers.iter().any(holds);
        // That a selection does not concern one of several drivers is as it should be.
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
    /// A target that was not checked, and why.
    pub fn new(uri: impl Into<String>, reason: impl Into<String>, required: bool) -> Self {
        Self {
            uri: uri.into(),
            reason: reason.into(),
            required,
        }
    }
}

/// What a run amounts to, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunVerdict {
    /// A driver failed a check of level MUST, a declared deviation does not hold, or a target that had to run did
    /// not.
    NotConformant,
    /// A check could not find out, or a driver was not checked at all.
    Broken,
    /// Something was left on an engine.
    Leaked,
    /// Nothing of that; whether all was checked, [`DriverReport::verdict`] tells of each driver.
    Ok,
}

impl RunVerdict {
    /// The exit code of a program that ran the suite: 0, 1, 2 or 4.
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
            capabilities: Vec::new(),
            image: None,
            wall_ms: 0,
            cancelled: false,
            seeds: Vec::new(),
            summary: Summary::default(),
            leaks: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// The report on one check.
    pub fn check(&self, id: &str) -> Option<&CheckReport> {
        self.checks.iter().find(|check| check.id == id)
    }

    /// The checks that did not pass, and were neither skipped nor declared to deviate; those not run are among them.
    pub fn problems(&self) -> impl Iterator<Item = &CheckReport> {
        self.checks.iter().filter(|check| {
            !matches!(
                check.outcome,
                Outcome::Passed | Outcome::Deviates | Outcome::Skipped
            )
        })
    }

    /// Makes this the first of several times of the same run.
    pub(crate) fn begin_repetitions(&mut self, seed: u64) {
        self.seeds = vec![seed];
        for check in &mut self.checks {
            check.repetitions = vec![check.repetition(seed)];
        }
    }

    /// Adds another time of the same run, with this seed.
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

    /// The driver and its engine on one line.
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
            requires: check.requires.to_vec(),
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

    /// Adds how the same check ended another time. The worse of both is what is told.
    fn add(&mut self, seed: u64, mut again: Self) {
        let mut repetitions = std::mem::take(&mut self.repetitions);
        repetitions.push(again.repetition(seed));
        if again.outcome.badness() > self.outcome.badness() {
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

    /// Whether the run is no success, whatever else happens in it.
    pub fn is_fatal(&self) -> bool {
        self.outcome == Outcome::Error || self.is_decisive()
    }

    /// Whether it broke a rule of which that is only reported.
    pub(crate) fn is_minor(&self) -> bool {
        self.outcome.is_breach() && !self.is_decisive()
    }

    /// One character for tables and progress.
    pub(crate) fn symbol(&self) -> char {
        if self.is_minor() {
            MINOR
        } else {
            self.outcome.symbol()
        }
    }

    /// Whether it makes the driver not conformant.
    fn is_decisive(&self) -> bool {
        self.outcome.is_breach() && (self.level == Level::Must || self.deviation.is_some())
    }

    /// Whether it passed some of the times and some it did not.
    pub fn is_flaky(&self) -> bool {
        let ended = |wanted: fn(Outcome) -> bool| self.repetitions.iter().any(|time| wanted(time.outcome));
        ended(|outcome| outcome == Outcome::Passed) && ended(Outcome::is_problem)
    }

    /// The seed of the time that the report is about, if the run was repeated.
    pub fn seed(&self) -> Option<u64> {
        let told = self.repetitions.iter().find(|time| time.outcome == self.outcome);
        told.map(|time| time.seed)
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

    /// The first segment of the id.
    pub fn area(&self) -> &str {
        crate::check::area_of(&self.id)
    }
}

impl Summary {
    /// Counts checks.
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

    /// How often each outcome that occurs does, the worst first.
    pub(crate) fn counts(&self) -> Vec<(Outcome, usize)> {
        let mut counts: Vec<_> = Outcome::ALL.map(|outcome| (outcome, self.count(outcome))).into();
        counts.retain(|(_, count)| *count > 0);
        counts.sort_by_key(|(outcome, _)| std::cmp::Reverse(outcome.badness()));
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

    /// The line that ends every output: `132 passed, 0 failed, 8 skipped`, and what else there was.
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
    fn repetitions_are_added_to_the_check_that_they_are_of() {
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
