//! Formats the results as pages: as Markdown for the documentation, and as HTML with charts.

use std::fmt::Write;

use super::Results;
use super::measure::{Goal, Measured, Ratio, US};

/// Returns the results as a Markdown page for the documentation.
pub(super) fn markdown(results: &Results) -> String {
    let mut page = format!(
        "# Performance\n\nMeasured with `cargo xtask bench` on {}, {}, {} processors. Run it on your machine: ratios are \
         similar there, times are not. Raw HTTP is the floor: the same requests, written plainly on the engine's \
         socket.\n\n## On the engine\n\nThe contenders take turns. Each time is the median of one operation; \
         each ratio is our time divided by the other's, with its confidence interval of 95 %.\n\n\
         | work | contender | median | 95th percentile | we take |\n| --- | --- | --- | --- | --- |\n",
        results.engine, results.system, results.processors
    );
    for row in &results.rows {
        for one in &row.contenders {
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} | {} |",
                row.name,
                one.name,
                milliseconds(one.median_ms),
                milliseconds(one.p95_ms),
                one.ratio.map(shown).unwrap_or_default()
            );
        }
    }
    page += "\n| goal | at most | measured | met |\n| --- | --- | --- | --- |\n";
    for (row, goal) in goals(&results.rows) {
        let _ = writeln!(
            page,
            "| {} against {} | {} | {} | {} |",
            row.name,
            goal.against,
            goal.at_most,
            goal.ratio.map_or_else(|| "not measured".to_owned(), shown),
            met(goal.is_met())
        );
    }
    if !results.absent.is_empty() {
        let _ = writeln!(
            page,
            "\nNot measured, because they are not there: {}.",
            results.absent.join(", ")
        );
    }
    page += "\n## In the process\n\n| operation | time | goal | met |\n| --- | --- | --- | --- |\n";
    for one in &results.alone {
        let goal = one.goal.map_or_else(String::new, |goal| format!("{goal:.2} µs"));
        let is_met = one.goal.map(|goal| one.microseconds <= goal);
        let _ = writeln!(
            page,
            "| {} | {:.2} µs | {goal} | {} |",
            one.name,
            one.microseconds,
            met(is_met)
        );
    }
    page += "\n## Growth of the mock\n\n| containers | create and remove | list ten of them |\n| --- | --- | --- |\n";
    for at in &results.growth {
        let _ = writeln!(
            page,
            "| {} | {:.1} µs | {:.1} µs |",
            at.containers, at.create_microseconds, at.list_microseconds
        );
    }
    page
}

/// Returns an HTML page with a chart for each row. The page needs no other file.
pub(super) fn html(results: &Results) -> String {
    let mut page = format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>Performance</title>\n<style>\
         body{{font:15px system-ui;max-width:60em;margin:2em auto;padding:0 1em}}\
         .bar{{fill:#9ab}}.us{{fill:#274}}text{{font:13px system-ui}}\
         @media(prefers-color-scheme:dark){{body{{background:#111;color:#ddd}}text{{fill:#ddd}}}}\
         </style>\n<h1>Performance</h1>\n<p>{}, {}, {} processors</p>\n",
        escaped(&results.engine),
        escaped(&results.system),
        results.processors
    );
    for row in &results.rows {
        page += &chart(row);
    }
    page
}

fn chart(row: &Measured) -> String {
    const HEIGHT: usize = 26;
    let longest = row
        .contenders
        .iter()
        .map(|one| one.median_ms)
        .fold(f64::MIN_POSITIVE, f64::max);
    let mut chart = format!(
        "<h2>{}</h2>\n<svg width=\"100%\" viewBox=\"0 0 800 {}\" role=\"img\" aria-label=\"{}\">\n",
        escaped(row.name),
        row.contenders.len() * HEIGHT,
        escaped(row.name)
    );
    for (index, one) in row.contenders.iter().enumerate() {
        let y = index * HEIGHT;
        let width = one.median_ms / longest * 420.0;
        let class = if one.name == US { "us" } else { "bar" };
        let _ = writeln!(
            chart,
            "<text x=\"0\" y=\"{}\">{}</text><rect class=\"{class}\" x=\"160\" y=\"{}\" width=\"{width:.1}\" \
             height=\"18\"/><text x=\"{:.1}\" y=\"{}\">{} {}</text>",
            y + 16,
            escaped(one.name),
            y + 2,
            168.0 + width,
            y + 16,
            milliseconds(one.median_ms),
            one.ratio
                .map(shown)
                .map(|ratio| format!("(we take {ratio})"))
                .unwrap_or_default()
        );
    }
    chart += "</svg>\n";
    chart
}

/// Returns the results of a row as one line for the terminal.
pub(super) fn line(row: &Measured) -> String {
    let mut line = format!("{:<34}", row.name);
    for one in &row.contenders {
        let _ = write!(line, "  {} {}", one.name, milliseconds(one.median_ms));
    }
    if let Some(goal) = &row.goal {
        let ratio = goal.ratio.map_or_else(|| "not measured".to_owned(), shown);
        let _ = write!(
            line,
            "\n{:<34}  {ratio} of {}, goal {}: {}",
            "",
            goal.against,
            goal.at_most,
            met(goal.is_met())
        );
    }
    line
}

fn goals(rows: &[Measured]) -> impl Iterator<Item = (&Measured, &Goal)> {
    rows.iter().filter_map(|row| Some((row, row.goal.as_ref()?)))
}

fn met(is_met: Option<bool>) -> &'static str {
    match is_met {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "–",
    }
}

fn shown(ratio: Ratio) -> String {
    format!("{:.2} ({:.2}–{:.2})", ratio.value, ratio.low, ratio.high)
}

fn milliseconds(time: f64) -> String {
    match time {
        time if time < 10.0 => format!("{time:.3} ms"),
        time if time < 1_000.0 => format!("{time:.0} ms"),
        time => format!("{:.2} s", time / 1_000.0),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
