//! The result of the self-test as text for a terminal.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::escape::line;
use super::style::Style;
use crate::self_test::SelfTest;
use crate::{SUITE_VERSION, areas};

/// Renders the result of the self-test: each check with the faults it detects, the undetected faults, the checks that
/// could not be tried, and a summary line.
pub fn self_test(found: &SelfTest, color: bool) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut out, found, Style::new(color));
    out
}

fn write_all(out: &mut String, found: &SelfTest, style: Style) -> std::fmt::Result {
    let unproven = found.unproven();
    for area in areas(&found.checks) {
        writeln!(out, "{}", style.bold(area))?;
        for check in found.checks.iter().filter(|check| check.area() == area) {
            let faults = found.faults_detected_by(check.id);
            let fooled = found.survivors().any(|attempt| attempt.check == check.id);
            let (mark, words) = if unproven.iter().any(|(id, _)| *id == check.id) {
                (style.dim("–"), style.dim("not proven"))
            } else if !fooled {
                (style.good("✔"), faults.join(", "))
            } else {
                (style.bad("✘"), faults.join(", "))
            };
            writeln!(out, "  {mark} {:<44} {words}", check.id)?;
        }
    }
    let survivors: Vec<_> = found.survivors().collect();
    if !survivors.is_empty() {
        writeln!(out, "\n{}", style.bad("Faults that a check does not detect"))?;
    }
    for attempt in &survivors {
        let message = line(&attempt.message);
        writeln!(
            out,
            "  {} is not detected by {}   {} {message}",
            attempt.fault, attempt.check, attempt.outcome
        )?;
    }
    if !unproven.is_empty() {
        writeln!(out, "\n{}", style.bold("Checks that are not proven"))?;
    }
    for (id, reason) in &unproven {
        writeln!(out, "  {id:<46} {}", line(reason))?;
    }
    if !found.not_tried.is_empty() {
        writeln!(
            out,
            "\n{}",
            style.bold("Faults that were not tried: the run was cancelled")
        )?;
    }
    for fault in &found.not_tried {
        writeln!(out, "  {fault}")?;
    }
    let faults: BTreeSet<_> = found.attempts.iter().map(|attempt| attempt.fault).collect();
    writeln!(
        out,
        "\nsuite {SUITE_VERSION}: {} faults in {} attempts; {} of {} checks detect their faults, {} attempts undetected, {} checks not proven",
        faults.len(),
        found.attempts.len(),
        found
            .checks
            .iter()
            .filter(|check| !found.faults_detected_by(check.id).is_empty())
            .count(),
        found.checks.len(),
        survivors.len(),
        unproven.len(),
    )
}
