//! The report as text for a terminal.

use std::fmt::Write;

use super::escape::line;
use super::matrix;
use super::style::{Style, Tone, seconds};
use crate::{Check, CheckReport, DriverReport, Level, Outcome, Report};

/// Renders a report for a terminal: failures first, followed by the matrix, the checks that were not run, and a summary
/// line.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Pretty {
    /// Whether the output contains ANSI colours.
    pub color: bool,
    /// The command that reruns a single check, with the placeholders `{uri}`, `{id}` and `{seed}`.
    pub again: Option<String>,
}

/// The maximum width of a field's text, in characters. The name of the field takes up to 12 more characters. A field
/// with its name therefore fits on every terminal.
const WIDTH: usize = 78 - 12;

/// The width of the column with the times of steps. Continuation lines are indented by this width.
const STEP_HANG: usize = 10;

/// The maximum number of checks that the report names for each reason why checks were skipped or not run.
const NAMED: usize = 3;

/// Checks that were skipped or not run for the same reason.
struct Group<'a> {
    reason: &'a str,
    drivers: Vec<&'a str>,
    ids: Vec<&'a str>,
}

impl Pretty {
    /// Creates a renderer, which uses ANSI colours if `color` is set.
    pub fn new(color: bool) -> Self {
        Self { color, again: None }
    }

    /// Sets the command that reruns a single check. It has the placeholders `{uri}`, `{id}` and `{seed}`.
    #[must_use]
    pub fn again(mut self, command: impl Into<String>) -> Self {
        self.again = Some(command.into());
        self
    }

    /// Renders the report as text.
    pub fn render(&self, report: &Report) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_all(&mut out, report);
        out
    }

    /// Renders the problem of a single check, in the form that a full report uses.
    #[cfg(feature = "harness")]
    pub(crate) fn one(&self, report: &Report, driver: &DriverReport, check: &CheckReport) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.problem(&mut out, report, driver, check);
        out
    }

    fn style(&self) -> Style {
        Style::new(self.color)
    }

    fn write_all(&self, out: &mut String, report: &Report) -> std::fmt::Result {
        for driver in &report.drivers {
            for check in driver.problems().filter(|check| check.outcome != Outcome::NotRun) {
                self.problem(out, report, driver, check)?;
            }
        }
        if !report.drivers.is_empty() {
            self.matrix(out, report)?;
        }
        self.deviations(out, report)?;
        self.grouped(out, report, Outcome::Skipped, "Checks that were skipped")?;
        self.grouped(out, report, Outcome::NotRun, "Checks that were not run")?;
        self.leaks(out, report)?;
        self.not_run(out, report)?;
        if report.partial {
            let which = report
                .selection
                .as_ref()
                .map_or(String::new(), |which| format!(": {which}"));
            let text = format!("Only some of the checks were selected{}.", line(&which));
            writeln!(out, "\n{}", self.style().dim(&text))?;
        }
        let summary = report.summary();
        let bad = summary.failed + summary.timed_out + summary.errors > 0;
        let text = summary.line();
        let tone = match (bad, summary.not_run) {
            (true, _) => Tone::Bad,
            (false, 0) => Tone::Good,
            _ => Tone::Warn,
        };
        let text = self.style().tone(tone, &text);
        writeln!(out, "\n{text}")
    }

    fn problem(
        &self,
        out: &mut String,
        report: &Report,
        driver: &DriverReport,
        check: &CheckReport,
    ) -> std::fmt::Result {
        let style = self.style();
        let mut word = check.outcome.as_str().to_uppercase();
        if check.is_flaky() {
            word.push_str(" (FLAKY)");
        }
        let word = if check.is_fatal() || check.level == Level::Must {
            style.bad(&word)
        } else {
            style.warn(&word)
        };
        writeln!(
            out,
            "\n{word}  {}   {}   {}   {}",
            style.bold(&check.id),
            check.level,
            line(&driver.uri),
            seconds(check.duration_ms)
        )?;
        let mut field = |name: &str, text: &str, tone: Option<Tone>, hang: usize| {
            let name = style.dim(&format!("{name:<8}"));
            for (index, part) in wrapped(&line(text), hang).iter().enumerate() {
                let part = tone.map_or(part.clone(), |tone| style.tone(tone, part));
                match index {
                    0 => writeln!(out, "  {name}  {part}")?,
                    _ => writeln!(out, "  {:8}  {part}", "")?,
                }
            }
            Ok(())
        };
        field("rule", &check.statement, None, 0)?;
        if let Some(rationale) = &check.rationale {
            field("because", rationale, None, 0)?;
        }
        // If a deviation has expired, the message says so. The failure alone would not.
        if check.failure.is_none() || check.deviation.is_some() {
            let message = check.message.as_deref().unwrap_or("none");
            field("message", message, Some(Tone::Bad), 0)?;
        }
        if let Some(failure) = &check.failure {
            field("about", &failure.about, None, 0)?;
            field("expected", &failure.expected, Some(Tone::Good), 0)?;
            field("actual", &failure.actual, Some(Tone::Bad), 0)?;
        }
        if !check.repetitions.is_empty() {
            field("times", &times(check), None, 0)?;
        }
        for (index, step) in check.steps.iter().enumerate() {
            let name = if index == 0 { "steps" } else { "" };
            let took = step
                .took_ms
                .map_or(String::new(), |took| format!("  ({})", seconds(took)));
            let times = if step.times > 1 {
                format!("  ×{}", step.times)
            } else {
                String::new()
            };
            let at = format!("+{}", seconds(step.at_ms));
            let text = format!("{at:>8}  {} → {}{took}{times}", step.call, step.answer);
            field(name, &text, None, STEP_HANG)?;
        }
        if let Some(again) = &self.again {
            // The command is not wrapped, so that it can be copied.
            let command = super::again(again, report, driver, check);
            writeln!(out, "  {}  {}", style.dim("again   "), line(&command))?;
        }
        Ok(())
    }

    fn matrix(&self, out: &mut String, report: &Report) -> std::fmt::Result {
        let style = self.style();
        let headings: Vec<String> = matrix::headings(&report.drivers)
            .iter()
            .map(|name| line(name))
            .collect();
        let mut rows: Vec<(&str, Vec<(String, Tone)>)> = matrix::areas(&report.drivers)
            .into_iter()
            .map(|row| {
                let cells = row.cells.iter();
                let cells = cells.map(|cell| (matrix::cell(cell), matrix::tone(cell)));
                (row.area, cells.collect())
            })
            .collect();
        let verdicts = report.drivers.iter().map(|driver| {
            let verdict = driver.verdict(report.partial);
            (verdict.to_string(), Tone::of_verdict(verdict))
        });
        rows.push(("result", verdicts.collect()));
        let walls = report.drivers.iter();
        let walls = walls.map(|driver| (seconds(driver.wall_ms), Tone::Quiet));
        rows.push(("real time", walls.collect()));

        let length = |text: &str| text.chars().count();
        let first = rows.iter().map(|(name, _)| length(name)).max().unwrap_or(0);
        let widths: Vec<usize> = headings
            .iter()
            .enumerate()
            .map(|(column, heading)| {
                let cells = rows.iter().filter_map(|(_, cells)| cells.get(column));
                let cells = cells.map(|(cell, _)| length(cell));
                cells.chain([length(heading)]).max().unwrap_or(0)
            })
            .collect();
        // Text is padded before it gets its colour, because colour codes have no width.
        let padded = |column: usize, text: &str| {
            let width = widths.get(column).copied().unwrap_or(0);
            let last = column + 1 == widths.len();
            if last {
                text.to_owned()
            } else {
                format!("{text:<width$}")
            }
        };
        write!(out, "\n  {:<first$}", "")?;
        for (column, heading) in headings.iter().enumerate() {
            write!(out, "  {}", style.bold(&padded(column, heading)))?;
        }
        writeln!(out)?;
        for (name, cells) in &rows {
            write!(out, "  {}", style.dim(&format!("{name:<first$}")))?;
            for (column, (cell, tone)) in cells.iter().enumerate() {
                write!(out, "  {}", style.tone(*tone, &padded(column, cell)))?;
            }
            writeln!(out)?;
        }
        writeln!(out, "  {}", style.dim(&matrix::legend(&report.drivers)))
    }

    fn deviations(&self, out: &mut String, report: &Report) -> std::fmt::Result {
        let style = self.style();
        for driver in &report.drivers {
            let declared = driver
                .checks
                .iter()
                .filter(|check| check.outcome == Outcome::Deviates);
            for (index, check) in declared.enumerate() {
                if index == 0 {
                    let title = format!("Declared deviations of {}", line(&driver.uri));
                    writeln!(out, "\n{}", style.bold(&title))?;
                }
                writeln!(out, "  {}  {}", style.warn(&check.id), check.level)?;
                let message = check.message.as_deref().unwrap_or("none");
                writeln!(out, "       {}", style.dim(&line(message)))?;
            }
        }
        Ok(())
    }

    /// Writes the reasons why checks have this outcome. Each reason is written once, with the drivers and checks to
    /// which the reason applies.
    fn grouped(&self, out: &mut String, report: &Report, outcome: Outcome, title: &str) -> std::fmt::Result {
        let style = self.style();
        let mut groups: Vec<Group<'_>> = Vec::new();
        for driver in &report.drivers {
            let mut own: Vec<Group<'_>> = Vec::new();
            for check in &driver.checks {
                if check.outcome != outcome {
                    continue;
                }
                let reason = check.message.as_deref().unwrap_or("no reason given");
                match own.iter_mut().find(|group| group.reason == reason) {
                    Some(group) => group.ids.push(&check.id),
                    None => own.push(Group {
                        reason,
                        drivers: vec![&driver.uri],
                        ids: vec![&check.id],
                    }),
                }
            }
            for group in own {
                match groups
                    .iter_mut()
                    .find(|known| known.reason == group.reason && known.ids == group.ids)
                {
                    Some(known) => known.drivers.push(&driver.uri),
                    None => groups.push(group),
                }
            }
        }
        if !groups.is_empty() {
            writeln!(out, "\n{}", style.bold(title))?;
        }
        for group in groups {
            let mut named = group
                .ids
                .iter()
                .take(NAMED)
                .copied()
                .collect::<Vec<_>>()
                .join(", ");
            if group.ids.len() > NAMED {
                named.push_str(&format!(" and {} more", group.ids.len() - NAMED));
            }
            let drivers = line(&group.drivers.join(" "));
            writeln!(
                out,
                "  {:>3}  {}  {}",
                group.ids.len(),
                line(group.reason),
                style.dim(&drivers)
            )?;
            writeln!(out, "       {}", style.dim(&named))?;
        }
        Ok(())
    }

    fn leaks(&self, out: &mut String, report: &Report) -> std::fmt::Result {
        for driver in report.drivers.iter().filter(|driver| !driver.leaks.is_empty()) {
            writeln!(
                out,
                "\n{}",
                self.style()
                    .bad(&format!("Leaked on the engine by {}", line(&driver.uri)))
            )?;
            for leak in &driver.leaks {
                writeln!(out, "  {}", line(leak))?;
            }
        }
        Ok(())
    }

    fn not_run(&self, out: &mut String, report: &Report) -> std::fmt::Result {
        if report.not_run.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", self.style().bold("Drivers that were not run"))?;
        for target in &report.not_run {
            let uri = line(&target.uri);
            let uri = if target.required {
                self.style().bad(&uri)
            } else {
                self.style().warn(&uri)
            };
            let must = if target.required { " (required)" } else { "" };
            writeln!(out, "  {uri}{must}  {}", line(&target.reason))?;
        }
        Ok(())
    }
}

/// Wraps text at spaces and indents all lines but the first by `hang` spaces. A word that is too long gets its own
/// line.
fn wrapped(text: &str, hang: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_inclusive(' ') {
        let length = |text: &str| text.chars().count();
        match lines.last_mut() {
            Some(last) if last.trim().is_empty() || length(last) + length(word.trim_end()) <= WIDTH => {
                last.push_str(word);
            }
            _ => lines.push(format!("{:hang$}{word}", "")),
        }
    }
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
}

/// Formats the outcomes of a check in a repeated run, as in `2 failed (seed 43, 47), 8 passed`.
pub(super) fn times(check: &CheckReport) -> String {
    let mut groups: Vec<(Outcome, Vec<u64>)> = Vec::new();
    for time in &check.repetitions {
        match groups.iter_mut().find(|(outcome, _)| *outcome == time.outcome) {
            Some((_, seeds)) => seeds.push(time.seed),
            None => groups.push((time.outcome, vec![time.seed])),
        }
    }
    groups.sort_by_key(|(outcome, _)| std::cmp::Reverse(outcome.severity()));
    let groups = groups.iter().map(|(outcome, seeds)| {
        let mut text = format!("{} {outcome}", seeds.len());
        if outcome.is_problem() {
            let shown: Vec<String> = seeds.iter().take(NAMED).map(u64::to_string).collect();
            let more = if seeds.len() > NAMED { ", …" } else { "" };
            text.push_str(&format!(" (seed {}{more})", shown.join(", ")));
        }
        text
    });
    groups.collect::<Vec<_>>().join(", ")
}

/// Renders a list of checks: the id, the level, the requirements and the rule of each.
pub fn catalogue(checks: &[Check], color: bool) -> String {
    let style = Style::new(color);
    let width = checks.iter().map(|check| check.id.len()).max().unwrap_or(0);
    let mut out = String::new();
    for area in crate::areas(checks) {
        let of_area: Vec<&Check> = checks.iter().filter(|check| check.area() == area).collect();
        let _ = writeln!(out, "{} ({})", style.bold(area), of_area.len());
        for check in of_area {
            let needs: Vec<String> = check
                .required()
                .map(|capability| capability.to_string())
                .collect();
            let needs = if needs.is_empty() {
                String::new()
            } else {
                format!("  [{}]", needs.join(", "))
            };
            let level = check.level;
            let _ = writeln!(
                out,
                "  {:<width$}  {level:<6}  {}{}",
                check.id,
                check.statement,
                style.dim(&needs)
            );
        }
    }
    let _ = writeln!(out, "\n{} checks", checks.len());
    out
}
