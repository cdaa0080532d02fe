//! The report as Markdown, for the documentation.

use std::fmt::Write;

use driver_interface_types::{Capability, Enforcement};

use super::escape::{markdown as escape, markdown_sentence};
use super::matrix;
use super::pretty::times;
use crate::{Check, Level, Outcome, Report, SUITE_VERSION};

/// Renders the report as Markdown: the matrix of areas, the capabilities that each driver declares, and every check
/// that did not pass on all drivers, with the reasons.
pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut out, report);
    out
}

fn write_all(out: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(out, "# Conformance\n")?;
    writeln!(
        out,
        "Suite {}, seed {}.",
        escape(&report.suite_version),
        report.seed
    )?;
    if report.partial {
        writeln!(
            out,
            "Only some of the checks were selected, so this does not prove conformance."
        )?;
    }
    writeln!(out)?;
    area_table(out, report)?;
    capabilities(out, report)?;
    not_green(out, report)?;
    if !report.not_run.is_empty() {
        writeln!(out, "\n## Not run\n")?;
        for target in &report.not_run {
            writeln!(
                out,
                "- `{}`: {}",
                target.uri.replace('`', "'"),
                escape(&target.reason)
            )?;
        }
    }
    Ok(())
}

fn row(out: &mut String, first: &str, cells: impl IntoIterator<Item = String>) -> std::fmt::Result {
    write!(out, "| {first} |")?;
    for cell in cells {
        write!(out, " {cell} |")?;
    }
    writeln!(out)
}

fn head(out: &mut String, report: &Report, first: &str) -> std::fmt::Result {
    let headings: Vec<String> = matrix::headings(&report.drivers)
        .iter()
        .map(|name| escape(name))
        .collect();
    row(out, first, headings)?;
    row(out, "---", report.drivers.iter().map(|_| "---".to_owned()))
}

fn area_table(out: &mut String, report: &Report) -> std::fmt::Result {
    head(out, report, "area")?;
    for area in matrix::areas(&report.drivers) {
        let cells = area.cells.iter().map(|cell| escape(&matrix::cell(cell)));
        row(out, area.area, cells)?;
    }
    let verdicts = report
        .drivers
        .iter()
        .map(|driver| format!("**{}**", driver.verdict(report.partial)));
    row(out, "**result**", verdicts)?;
    let whole = report.drivers.iter().map(|driver| escape(&driver.summary.line()));
    row(out, "checks", whole)?;
    row(
        out,
        "driver and engine",
        report.drivers.iter().map(|driver| escape(&driver.title())),
    )?;
    let legend = matrix::legend(&report.drivers);
    writeln!(
        out,
        "\nEach number counts the checks of the area that passed. {}.",
        escape(&legend)
    )?;
    for driver in report.drivers.iter().filter(|driver| driver.summary.not_run > 0) {
        let uri = driver.uri.replace('`', "'");
        let verdict = driver.verdict_text(report.partial);
        writeln!(out, "\n`{uri}` {}.", escape(&verdict))?;
    }
    Ok(())
}

fn not_green(out: &mut String, report: &Report) -> std::fmt::Result {
    let rows: Vec<_> = matrix::checks(&report.drivers)
        .into_iter()
        .filter(|row| !row.is_green())
        .collect();
    if rows.is_empty() {
        return writeln!(out, "\nEvery check passed on every driver.");
    }
    writeln!(out, "\n## Not green everywhere\n")?;
    head(out, report, "check")?;
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for check in rows {
        let mut cells = Vec::new();
        for (driver, cell) in report.drivers.iter().zip(&check.cells) {
            let Some(found) = cell else {
                cells.push(String::new());
                continue;
            };
            cells.push(found.symbol().to_string());
            if found.outcome != Outcome::Passed {
                let reason = found.message.as_deref().unwrap_or("no reason given");
                let uri = driver.uri.replace('`', "'");
                let mut how = found.outcome.to_string();
                if !found.repetitions.is_empty() {
                    how.push_str(&format!(
                        " (of {} times {})",
                        found.repetitions.len(),
                        times(found)
                    ));
                }
                let why = format!("`{uri}`, {how}: {}", escape(reason));
                match reasons.iter_mut().find(|(known, _)| *known == why) {
                    Some((_, ids)) => ids.push(&found.id),
                    None => reasons.push((why, vec![&found.id])),
                }
            }
        }
        row(out, &format!("`{}` {}", check.first.id, check.first.level), cells)?;
    }
    writeln!(out)?;
    for (why, ids) in reasons {
        let ids: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
        writeln!(out, "- {why} ({})", ids.join(", "))?;
    }
    Ok(())
}

/// Renders a page with the rules of `checks`.
pub fn rules(checks: &[Check]) -> String {
    let rows = checks
        .iter()
        .map(|check| rule(check.id, check.level, check.statement, check.rationale));
    let rows: String = rows.collect();
    format!(
        "# Checks\n\nThe rules of suite {SUITE_VERSION}. [CONFORMANCE.md](CONFORMANCE.md) has the results.\n\n\
         | check | level | rule |\n| --- | --- | --- |\n{rows}"
    )
}

/// Writes a table of the capabilities that each driver declares. Comments mark the start and the end of the table, so
/// that a script can copy it to another page. The bounds of limits are omitted, because they depend on the machine.
fn capabilities(out: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(out, "\n## Capabilities\n\n<!-- capabilities -->")?;
    head(out, report, "capability")?;
    let mut everywhere: Vec<(&str, Vec<String>)> = Vec::new();
    let mut reasons: Vec<String> = Vec::new();
    for capability in Capability::all() {
        let declared = report.drivers.iter().map(|driver| &driver.capabilities);
        if declared
            .clone()
            .all(|capabilities| capabilities.supports(capability))
        {
            let (group, name) = capability.parts();
            match everywhere.iter_mut().find(|(known, _)| *known == group) {
                Some((_, names)) => names.push(format!("`{name}`")),
                None => everywhere.push((group, vec![format!("`{name}`")])),
            }
            continue;
        }
        let cells = declared.map(
            |capabilities| match (capability, capabilities.supports(capability)) {
                (_, true) => "yes".to_owned(),
                (Capability::Guarantee(guarantee), false) => {
                    let entry = capabilities.guarantees.get(guarantee);
                    let (word, why) = match entry {
                        Enforcement::Weakened(why) => ("weakened", why.as_str()),
                        Enforcement::Unsupported(why) => ("no", why.as_str()),
                        _ => ("no", ""),
                    };
                    let reason = format!("`{capability}`, {word}: {}", markdown_sentence(why));
                    if !reasons.contains(&reason) {
                        reasons.push(reason);
                    }
                    word.to_owned()
                }
                (_, false) => "no".to_owned(),
            },
        );
        row(out, &format!("`{capability}`"), cells.collect::<Vec<_>>())?;
    }
    writeln!(out)?;
    for reason in reasons {
        writeln!(out, "- {reason}")?;
    }
    for (group, names) in everywhere {
        writeln!(out, "- Declared by every driver: {group} {}", names.join(", "))?;
    }
    writeln!(out, "<!-- end of capabilities -->")
}

fn rule(id: &str, level: Level, statement: &str, rationale: &str) -> String {
    let mut rule = markdown_sentence(statement);
    if !rationale.is_empty() {
        rule.push_str(&format!(" *({})*", markdown_sentence(rationale)));
    }
    format!("| `{id}` | {level} | {rule} |\n")
}
