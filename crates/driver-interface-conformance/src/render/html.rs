//! The report as a self-contained HTML page.
//!
//! The page is complete without its script. The script filters the checks and remembers the light or dark theme. The
//! script works on the elements of the page, so the page embeds no extra data.

use std::fmt::{Result, Write};
use std::time::{Duration, UNIX_EPOCH};

use super::escape::html as escape;
use super::matrix::{self, AreaRow, CheckRow};
use super::style::{Tone, seconds};
use crate::{CheckReport, DriverReport, Level, Outcome, Report, Step, Summary};

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// Renders the report as an HTML page. `again` is the command that reruns a single check, with the placeholders
/// `{uri}`, `{id}` and `{seed}`.
pub fn html(report: &Report, again: Option<&str>) -> String {
    let page = Page {
        report,
        again,
        headings: matrix::headings(&report.drivers),
    };
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = page.write(&mut out);
    out
}

struct Page<'a> {
    report: &'a Report,
    again: Option<&'a str>,
    headings: Vec<String>,
}

/// Returns the CSS class of an outcome. The class is one word; the page's script uses it.
fn class(outcome: Outcome) -> String {
    outcome.as_str().replace(' ', "-")
}

/// Returns the CSS class for the colour of a check.
fn tone(check: &CheckReport) -> &'static str {
    tone_class(Tone::of_check(check))
}

fn tone_class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Warn => "warn",
        Tone::Quiet => "quiet",
    }
}

/// Returns the outcomes that at least one check has, each with the number of these checks. `Passed` comes first,
/// followed by the other outcomes from worst to best.
fn counts(summary: &Summary) -> Vec<(Outcome, usize)> {
    let mut counts = summary.counts();
    counts.sort_by_key(|(outcome, _)| *outcome != Outcome::Passed);
    counts
}

/// Formats the number of checks with each outcome, as in `12 passed, 2 skipped`.
fn words(summary: &Summary) -> String {
    let counts = counts(summary).into_iter();
    let counts = counts.map(|(outcome, count)| format!("{count} {outcome}"));
    counts.collect::<Vec<_>>().join(", ")
}

impl Page<'_> {
    fn write(&self, out: &mut String) -> Result {
        writeln!(
            out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
             style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
             <title>Conformance: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>",
            escape(&self.report.summary().line())
        )?;
        self.header(out)?;
        writeln!(out, "<main style=\"--drivers:{}\">", self.report.drivers.len())?;
        self.drivers(out)?;
        self.not_run(out)?;
        self.filters(out)?;
        self.checks(out)?;
        writeln!(out, "</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>")
    }

    fn header(&self, out: &mut String) -> Result {
        let report = self.report;
        let started = UNIX_EPOCH + Duration::from_millis(report.started_at);
        let started = humantime::format_rfc3339_seconds(started).to_string();
        let readable = started.replace('T', " ").replace('Z', " UTC");
        writeln!(
            out,
            "<header>\n<h1>Conformance</h1>\n<p>Suite {} · seed {} · <time datetime=\"{started}\">{readable}</time></p>",
            escape(&report.suite_version),
            report.seed
        )?;
        if report.partial {
            let which = report
                .selection
                .as_deref()
                .map_or(String::new(), |which| format!(": {which}"));
            writeln!(
                out,
                "<p class=\"partial\">Only some of the checks were selected{}. This does not prove conformance.</p>",
                escape(&which)
            )?;
        }
        out.write_str("<button type=\"button\" id=\"theme\" hidden>Light or dark</button>\n</header>\n")
    }

    fn drivers(&self, out: &mut String) -> Result {
        out.write_str("<section class=\"drivers\" aria-label=\"Drivers\">\n")?;
        for driver in &self.report.drivers {
            let verdict = driver.verdict(self.report.partial);
            let tone = tone_class(Tone::of_verdict(verdict));
            writeln!(
                out,
                "<article class=\"{tone}\">\n<h2>{}</h2>\n<p class=\"verdict\">{verdict}</p>\n<p>{}</p>",
                escape(&driver.uri),
                escape(&driver.title())
            )?;
            if driver.summary.not_run > 0 {
                let words = driver.verdict_text(self.report.partial);
                writeln!(out, "<p class=\"why\">{}</p>", escape(&words))?;
            }
            bar(out, &driver.summary)?;
            writeln!(
                out,
                "<p>{} in {}</p>",
                escape(&driver.summary.line()),
                seconds(driver.wall_ms)
            )?;
            if !driver.seeds.is_empty() {
                let seeds: Vec<String> = driver.seeds.iter().map(u64::to_string).collect();
                writeln!(
                    out,
                    "<details><summary>Run {} times</summary><p>With the seeds {}.</p></details>",
                    seeds.len(),
                    seeds.join(", ")
                )?;
            }
            let declared: Vec<String> = driver
                .capabilities
                .declared()
                .map(|one| one.to_string())
                .collect();
            writeln!(
                out,
                "<details><summary>{} capabilities</summary><p>{}</p></details>",
                declared.len(),
                escape(&declared.join(", "))
            )?;
            if !driver.leaks.is_empty() {
                let count = driver.leaks.len();
                writeln!(
                    out,
                    "<details class=\"bad\" open><summary>Leaked on the engine: {count}</summary>\n<ul>"
                )?;
                for leak in &driver.leaks {
                    writeln!(out, "<li>{}</li>", escape(leak))?;
                }
                out.write_str("</ul></details>\n")?;
            }
            out.write_str("</article>\n")?;
        }
        out.write_str("</section>\n")
    }

    fn not_run(&self, out: &mut String) -> Result {
        if self.report.not_run.is_empty() {
            return Ok(());
        }
        out.write_str("<section class=\"not-run\">\n<h2>Drivers that were not run</h2>\n<ul>\n")?;
        for target in &self.report.not_run {
            let must = if target.required {
                " <strong class=\"bad\">Required.</strong>"
            } else {
                ""
            };
            writeln!(
                out,
                "<li><code>{}</code>{must} {}</li>",
                escape(&target.uri),
                escape(&target.reason)
            )?;
        }
        out.write_str("</ul>\n</section>\n")
    }

    /// Writes the controls that filter the checks. The controls are hidden unless the script runs.
    fn filters(&self, out: &mut String) -> Result {
        let all = self.report.summary();
        out.write_str(
            "<form class=\"filters\" role=\"search\" hidden>\n<label>Filter <input type=\"search\" id=\"text\" \
             placeholder=\"part of an id, a rule, a message\"></label>\n",
        )?;
        let mut outcomes: Vec<(String, String)> = all
            .counts()
            .iter()
            .map(|(outcome, count)| (class(*outcome), format!("{} {outcome} {count}", outcome.symbol())))
            .collect();
        let flaky = self.all_checks().filter(|check| check.is_flaky()).count();
        if flaky > 0 {
            outcomes.push(("flaky".to_owned(), format!("flaky {flaky}")));
        }
        chips(out, "Outcome", "outcome", &outcomes)?;
        let levels = [Level::Must, Level::Should, Level::May]
            .into_iter()
            .filter(|level| self.all_checks().any(|check| check.level == *level))
            .map(|level| (level.to_string(), level.to_string()));
        chips(out, "Level", "level", &levels.collect::<Vec<_>>())?;
        let drivers = self.headings.iter().enumerate();
        let drivers = drivers.map(|(index, name)| (index.to_string(), name.clone()));
        chips(out, "Driver", "driver", &drivers.collect::<Vec<_>>())?;
        out.write_str(
            "<p><output id=\"shown\"></output> <button type=\"button\" id=\"open\">Open all</button> \
             <button type=\"button\" id=\"close\">Close all</button> \
             <button type=\"reset\">Reset</button></p>\n</form>\n",
        )
    }

    fn all_checks(&self) -> impl Iterator<Item = &CheckReport> {
        self.report.drivers.iter().flat_map(|driver| &driver.checks)
    }

    fn checks(&self, out: &mut String) -> Result {
        out.write_str("<section class=\"checks\" aria-label=\"Checks\">\n<div class=\"heads row\" aria-hidden=\"true\"><span>check</span>")?;
        for (index, name) in self.headings.iter().enumerate() {
            write!(out, "<span data-driver=\"{index}\">{}</span>", escape(name))?;
        }
        out.write_str("</div>\n")?;
        let rows = matrix::checks(&self.report.drivers);
        for area in matrix::areas(&self.report.drivers) {
            let own: Vec<&CheckRow<'_>> = rows.iter().filter(|row| row.first.area() == area.area).collect();
            self.area(out, &area, &own)?;
        }
        writeln!(
            out,
            "<p class=\"legend\">{}</p>\n</section>",
            escape(&matrix::legend(&self.report.drivers))
        )
    }

    /// Writes the checks of one area. The area is expanded if one of its checks failed, timed out or was
    /// inconclusive.
    fn area(&self, out: &mut String, area: &AreaRow<'_>, rows: &[&CheckRow<'_>]) -> Result {
        let mut checks = area.cells.iter().flatten();
        let open = if checks.any(|check| check.outcome.is_problem()) {
            " open"
        } else {
            ""
        };
        let name = escape(area.area);
        write!(
            out,
            "<details class=\"area\"{open}>\n<summary class=\"row\"><span class=\"name\">{name} <small>{}</small></span>",
            rows.len()
        )?;
        for (index, (cell, heading)) in area.cells.iter().zip(&self.headings).enumerate() {
            let tone = tone_class(matrix::tone(cell));
            write!(
                out,
                "<span class=\"{tone}\" data-driver=\"{index}\"><span aria-hidden=\"true\">{}</span>\
                 <span class=\"spoken\">{}: {}</span></span>",
                escape(&matrix::cell(cell)),
                escape(heading),
                words(&Summary::of(cell.iter().copied()))
            )?;
        }
        write!(
            out,
            "</summary>\n<table>\n<caption class=\"spoken\">{name}</caption>\n<colgroup><col>"
        )?;
        for index in 0..self.headings.len() {
            write!(out, "<col class=\"driver\" data-driver=\"{index}\">")?;
        }
        out.write_str("</colgroup>\n<thead class=\"spoken\"><tr><th scope=\"col\">check</th>")?;
        for (index, name) in self.headings.iter().enumerate() {
            write!(
                out,
                "<th scope=\"col\" data-driver=\"{index}\">{}</th>",
                escape(name)
            )?;
        }
        out.write_str("</tr></thead>\n<tbody>\n")?;
        for row in rows {
            self.check(out, row)?;
        }
        out.write_str("</tbody>\n</table>\n</details>\n")
    }

    fn check(&self, out: &mut String, row: &CheckRow<'_>) -> Result {
        let check = row.first;
        let (id, level) = (escape(&check.id), check.level);
        writeln!(
            out,
            "<tr id=\"{id}\" data-level=\"{level}\"><th scope=\"row\"><details><summary><code>{id}</code> \
             <span class=\"level {level}\">{level}</span> <span class=\"rule\">{}</span></summary>\n<div class=\"body\">",
            code(&check.statement)
        )?;
        if let Some(rationale) = &check.rationale {
            writeln!(out, "<p>{}</p>", code(rationale))?;
        }
        if !check.requires.is_empty() {
            let requires: Vec<String> = check.requires.iter().map(ToString::to_string).collect();
            writeln!(
                out,
                "<p>For drivers that declare {}.</p>",
                escape(&requires.join(", "))
            )?;
        }
        for (driver, cell) in self.report.drivers.iter().zip(&row.cells) {
            if let Some(found) = cell {
                self.found(out, driver, found)?;
            }
        }
        out.write_str("</div></details></th>")?;
        for (index, cell) in row.cells.iter().enumerate() {
            let Some(found) = cell else {
                write!(out, "<td data-driver=\"{index}\"></td>")?;
                continue;
            };
            let flaky = if found.is_flaky() { " flaky" } else { "" };
            write!(
                out,
                "<td data-driver=\"{index}\" class=\"{} {}{flaky}\"><span aria-hidden=\"true\">{}</span> \
                 <span class=\"spoken\">{}{flaky}</span>",
                tone(found),
                class(found.outcome),
                found.symbol(),
                found.outcome
            )?;
            if found.is_flaky() {
                let failed = found.repetitions.iter().filter(|time| time.outcome.is_problem());
                write!(
                    out,
                    " <small>flaky {}/{}</small>",
                    failed.count(),
                    found.repetitions.len()
                )?;
            } else if found.duration_ms > 0 {
                write!(out, " <small>{}</small>", seconds(found.duration_ms))?;
            }
            out.write_str("</td>")?;
        }
        out.write_str("</tr>\n")
    }

    /// Writes the result of one check of one driver.
    fn found(&self, out: &mut String, driver: &DriverReport, check: &CheckReport) -> Result {
        writeln!(
            out,
            "<section class=\"found {}\">\n<h3>{} <strong>{} {}{}</strong> <small>{}, {} assertions</small></h3>",
            tone(check),
            escape(&driver.uri),
            check.symbol(),
            check.outcome,
            if check.is_flaky() { ", flaky" } else { "" },
            seconds(check.duration_ms),
            check.assertions
        )?;
        if !check.repetitions.is_empty() {
            out.write_str("<p class=\"times\">")?;
            for time in &check.repetitions {
                let (outcome, seed) = (time.outcome, time.seed);
                write!(
                    out,
                    "<span title=\"seed {seed}: {outcome} in {}\"><span aria-hidden=\"true\">{}</span>\
                     <span class=\"spoken\">seed {seed}: {outcome};</span></span> ",
                    seconds(time.duration_ms),
                    outcome.symbol()
                )?;
            }
            writeln!(out, "<span>{}</span></p>", escape(&super::pretty::times(check)))?;
        }
        match &check.failure {
            Some(failure) => {
                out.write_str("<dl>\n")?;
                for (name, text) in [
                    ("about", &failure.about),
                    ("expected", &failure.expected),
                    ("actual", &failure.actual),
                ] {
                    writeln!(out, "<dt>{name}</dt><dd><pre>{}</pre></dd>", escape(text))?;
                }
                out.write_str("</dl>\n")?;
            }
            None => {
                if let Some(message) = &check.message {
                    writeln!(out, "<p class=\"message\">{}</p>", escape(message))?;
                }
            }
        }
        steps(out, &check.steps)?;
        if let Some(again) = self.again {
            let command = super::again(again, self.report, driver, check);
            writeln!(out, "<pre class=\"again\">{}</pre>", escape(&command))?;
        }
        out.write_str("</section>\n")
    }
}

/// Renders a sentence of the suite, in which backticks mark code.
fn code(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(index, part)| {
        let part = escape(part);
        if index % 2 == 1 {
            format!("<code>{part}</code>")
        } else {
            part
        }
    });
    parts.collect()
}

fn bar(out: &mut String, summary: &Summary) -> Result {
    write!(
        out,
        "<div class=\"bar\" role=\"img\" aria-label=\"{}\">",
        words(summary)
    )?;
    for (outcome, count) in counts(summary) {
        let tone = tone_class(Tone::of(outcome));
        write!(out, "<span class=\"{tone}\" style=\"flex-grow:{count}\"></span>")?;
    }
    out.write_str("</div>\n")
}

fn chips(out: &mut String, title: &str, kind: &str, chips: &[(String, String)]) -> Result {
    if chips.len() < 2 {
        return Ok(());
    }
    write!(out, "<fieldset><legend>{title}</legend>")?;
    for (value, text) in chips {
        write!(
            out,
            "<button type=\"button\" aria-pressed=\"false\" data-{kind}=\"{}\">{}</button> ",
            escape(value),
            escape(text)
        )?;
    }
    out.write_str("</fieldset>\n")
}

fn steps(out: &mut String, steps: &[Step]) -> Result {
    if steps.is_empty() {
        return Ok(());
    }
    out.write_str("<ol class=\"steps\">\n")?;
    for step in steps {
        let took = step
            .took_ms
            .map_or(String::new(), |took| format!(" ({})", seconds(took)));
        let times = if step.times > 1 {
            format!(" ×{}", step.times)
        } else {
            String::new()
        };
        writeln!(
            out,
            "<li><small>+{}</small> <code>{}</code> → {}<small>{took}{times}</small></li>",
            seconds(step.at_ms),
            escape(&step.call),
            escape(&step.answer)
        )?;
    }
    out.write_str("</ol>\n")
}
