//! The report as JSON for other programs, with the verdict on each driver.

use serde::Serialize;

use crate::{DriverReport, DriverVerdict, NotRun, Report};

/// The content of `report.json`: the fields of a [`Report`], and the verdict on each driver, which is computed from
/// the other fields.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonReport<'a> {
    schema_version: u32,
    suite_version: &'a str,
    started_at: u64,
    seed: u64,
    partial: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    selection: Option<&'a str>,
    drivers: Vec<JsonDriver<'a>>,
    not_run: &'a [NotRun],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonDriver<'a> {
    verdict: DriverVerdict,
    verdict_text: String,
    #[serde(flatten)]
    driver: &'a DriverReport,
}

/// Renders the report as `report.json`, indented, with a final newline.
///
/// # Errors
/// No known case: every field of a report has a JSON form.
pub fn json(report: &Report) -> serde_json::Result<String> {
    let Report {
        schema_version,
        suite_version,
        started_at,
        seed,
        partial,
        selection,
        drivers,
        not_run,
    } = report;
    let drivers = drivers.iter().map(|driver| JsonDriver {
        verdict: driver.verdict(*partial),
        verdict_text: driver.verdict_text(*partial),
        driver,
    });
    let reported = JsonReport {
        schema_version: *schema_version,
        suite_version,
        started_at: *started_at,
        seed: *seed,
        partial: *partial,
        selection: selection.as_deref(),
        drivers: drivers.collect(),
        not_run,
    };
    let mut text = serde_json::to_string_pretty(&reported)?;
    text.push('\n');
    Ok(text)
}
