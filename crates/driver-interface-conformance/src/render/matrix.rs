//! Areas by drivers, and checks by drivers.

use super::style::Tone;
use crate::{CheckReport, DriverReport, Outcome, Summary};

/// One row of the matrix of areas: what each driver did there.
pub(super) struct AreaRow<'a> {
    pub(super) area: &'a str,
    pub(super) cells: Vec<Summary>,
}

/// The areas in the order of the catalogue.
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
                .map(|driver| Summary::of(driver.checks.iter().filter(|check| check.area() == area)))
                .collect(),
        })
        .collect()
}

/// One check over all drivers; none where a driver's run does not have it.
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

/// Every check, in the order of the catalogue.
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

/// `14`, `12 · 2 –`, `11 · 1 ✘ · 2 –`.
pub(super) fn cell(summary: &Summary) -> String {
    if summary.total == 0 {
        return String::new();
    }
    let mut parts = Vec::new();
    if summary.passed > 0 || summary.skipped < summary.total {
        parts.push(summary.passed.to_string());
    }
    for (outcome, count) in summary.counts() {
        if outcome != Outcome::Passed {
            parts.push(format!("{count} {}", outcome.symbol()));
        }
    }
    parts.join(" · ")
}

/// How the worst of it looks.
pub(super) fn tone(summary: &Summary) -> Tone {
    let counts = summary.counts();
    let worst = counts.first().map(|(outcome, _)| Tone::of(*outcome));
    worst.unwrap_or(Tone::Quiet)
}

/// What the symbols of a table mean, of those that occur.
pub(super) fn legend(drivers: &[DriverReport]) -> String {
    let seen = |outcome: Outcome| {
        drivers
            .iter()
            .flat_map(|driver| &driver.checks)
            .any(|check| check.outcome == outcome)
    };
    let parts: Vec<String> = Outcome::ALL
        .into_iter()
        .filter(|outcome| seen(*outcome))
        .map(|outcome| match outcome {
            Outcome::Deviates => format!("{} deviates as declared", outcome.symbol()),
            Outcome::Skipped => format!("{} does not concern this driver", outcome.symbol()),
            _ => format!("{} {outcome}", outcome.symbol()),
        })
        .collect();
    parts.join(", ")
}

/// The names under which drivers head a column: short ones where they are enough, such as `podman.sock`.
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
