//! The tables of results by area and driver, and by check and driver.

use super::style::Tone;
use crate::report::MINOR;
use crate::{CheckReport, DriverReport, Outcome};

/// A row of the table by area. Each cell contains one driver's results for the checks of the area.
pub(super) struct AreaRow<'a> {
    pub(super) area: &'a str,
    pub(super) cells: Vec<Vec<&'a CheckReport>>,
}

/// Returns the rows of the table by area, in the order of the catalogue.
pub(super) fn areas(drivers: &[DriverReport]) -> Vec<AreaRow<'_>> {
    let mut names: Vec<&str> = Vec::new();
    for check in drivers.iter().flat_map(|driver| &driver.checks) {
        if !names.contains(&check.area()) {
            names.push(check.area());
        }
    }
    names
        .into_iter()
        .map(|area| AreaRow {
            area,
            cells: drivers
                .iter()
                .map(|driver| {
                    driver
                        .checks
                        .iter()
                        .filter(|check| check.area() == area)
                        .collect()
                })
                .collect(),
        })
        .collect()
}

/// A row of the table by check. Each cell contains one driver's result, or `None` if the driver's run does not
/// include the check.
pub(super) struct CheckRow<'a> {
    pub(super) first: &'a CheckReport,
    pub(super) cells: Vec<Option<&'a CheckReport>>,
}

impl CheckRow<'_> {
    pub(super) fn is_green(&self) -> bool {
        self.cells
            .iter()
            .all(|cell| cell.is_some_and(|check| check.outcome == Outcome::Passed))
    }
}

/// Returns the rows of the table by check, in the order of the catalogue.
pub(super) fn checks(drivers: &[DriverReport]) -> Vec<CheckRow<'_>> {
    let mut rows: Vec<CheckRow<'_>> = Vec::new();
    for check in drivers.iter().flat_map(|driver| &driver.checks) {
        if rows.iter().all(|row| row.first.id != check.id) {
            let cells = drivers.iter().map(|driver| driver.check(&check.id)).collect();
            rows.push(CheckRow { first: check, cells });
        }
    }
    rows
}

/// Returns the symbols of results, from worst to best, each with its meaning.
fn marks() -> Vec<(char, &'static str)> {
    let mut outcomes = Outcome::ALL;
    outcomes.sort_by_key(|outcome| std::cmp::Reverse(outcome.severity()));
    let mut marks: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| match outcome {
            Outcome::Deviates => (outcome.symbol(), "deviates as declared"),
            Outcome::Skipped => (outcome.symbol(), "not applicable to this driver"),
            _ => (outcome.symbol(), outcome.as_str()),
        })
        .collect();
    let problems = outcomes.iter().filter(|outcome| outcome.is_problem()).count();
    marks.insert(problems, (MINOR, "failed a SHOULD or MAY"));
    marks
}

/// Formats the results of several checks for a table cell, as in `14`, `12 · 2 –` or `11 · 1 ✘ · 2 –`.
pub(super) fn cell(checks: &[&CheckReport]) -> String {
    if checks.is_empty() {
        return String::new();
    }
    let count = |mark: char| checks.iter().filter(|check| check.symbol() == mark).count();
    let passed = Outcome::Passed.symbol();
    let mut parts = Vec::new();
    if count(Outcome::Skipped.symbol()) < checks.len() {
        parts.push(count(passed).to_string());
    }
    for (mark, _) in marks() {
        if mark != passed && count(mark) > 0 {
            parts.push(format!("{} {mark}", count(mark)));
        }
    }
    parts.join(" · ")
}

/// Returns the tone of the worst result among `checks`.
pub(super) fn tone(checks: &[&CheckReport]) -> Tone {
    let worst = [Tone::Bad, Tone::Warn]
        .into_iter()
        .find(|tone| checks.iter().any(|check| Tone::of_check(check) == *tone));
    let outcome = checks
        .iter()
        .map(|check| check.outcome)
        .max_by_key(|outcome| outcome.severity());
    worst.or(outcome.map(Tone::of)).unwrap_or(Tone::Quiet)
}

/// Returns the legend of the symbols that occur: passed first, followed by the others from worst to best.
pub(super) fn legend(drivers: &[DriverReport]) -> String {
    legend_of(|mark| {
        let mut checks = drivers.iter().flat_map(|driver| &driver.checks);
        checks.any(|check| check.symbol() == mark)
    })
}

/// Returns the legend of those symbols for which `shown` returns `true`. The symbol of a passed check comes first.
pub(super) fn legend_of(shown: impl Fn(char) -> bool) -> String {
    let mut marks = marks();
    marks.sort_by_key(|(mark, _)| *mark != Outcome::Passed.symbol());
    let parts: Vec<String> = marks
        .into_iter()
        .filter(|(mark, _)| shown(*mark))
        .map(|(mark, meaning)| format!("{mark} {meaning}"))
        .collect();
    parts.join(", ")
}

/// Returns the column headings of the drivers. A heading is the last part of the driver's URI, such as `podman.sock`.
/// If another driver has the same last part, the heading is the whole URI.
pub(super) fn headings(drivers: &[DriverReport]) -> Vec<String> {
    let short = |uri: &str| {
        uri.trim_end_matches(':')
            .rsplit('/')
            .next()
            .unwrap_or(uri)
            .to_owned()
    };
    let names: Vec<String> = drivers.iter().map(|driver| short(&driver.uri)).collect();
    let headings = drivers.iter().zip(&names).map(|(driver, name)| {
        let alone = names.iter().filter(|other| *other == name).count() == 1;
        if alone { name.clone() } else { driver.uri.clone() }
    });
    headings.collect()
}
