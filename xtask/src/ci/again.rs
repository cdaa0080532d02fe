//! Reruns of failed tests and checks, one by one. A test or check that fails again makes the run red, that is,
//! failed. A test or check that passes in the rerun is flaky.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result};
use serde_json::Value;

/// The maximum number of flaky tests and checks. If there are more, the run is red.
pub(super) const MAX_FLAKY: usize = 3;
/// The maximum number of failures that are rerun. If there are more, no failure is rerun.
const MOST_FAILED: usize = 12;

/// The result of a CI step.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Tests and checks that failed twice or cannot be rerun.
    pub(super) red: Vec<String>,
    /// Tests and checks that failed at first and passed in the rerun.
    pub(super) flaky: Vec<String>,
    /// The skipped steps that this machine cannot run. The text of each step contains the reason.
    pub(super) not_run: Vec<String>,
    /// Messages that are not about failures.
    pub(super) notices: Vec<String>,
}

impl Verdict {
    fn red(what: impl Into<String>) -> Self {
        Self {
            red: vec![what.into()],
            ..Self::default()
        }
    }

    fn add(&mut self, what: String, passed: bool) {
        if passed {
            self.flaky.push(what);
        } else {
            self.red.push(what);
        }
    }
}

/// Runs a command, and prints each line of output immediately. Returns the exit status and the lines of the output.
pub(super) fn shown(command: &mut Command) -> Result<(ExitStatus, Vec<String>)> {
    let (reader, writer) = std::io::pipe().context("no pipe")?;
    command
        .stdout(writer.try_clone().context("no pipe")?)
        .stderr(writer);
    let mut child = command.spawn().context("cargo did not start")?;
    // `command` still holds the write ends of the pipe, so the reader would not see its end.
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut lines = Vec::new();
    let mut out = std::io::stdout();
    for line in BufReader::new(reader).split(b'\n') {
        let line = String::from_utf8_lossy(&line.context("its output was truncated")?).into_owned();
        // This fails if nothing reads our output any more.
        let _ = writeln!(out, "{line}");
        lines.push(line);
    }
    Ok((child.wait().context("no exit status")?, lines))
}

/// Finds the failed tests in `lines`, the output of `cargo test`, and reruns each failed test by its name.
pub(super) fn tests(lines: &[String], mut run: impl FnMut(&[&str]) -> Result<bool>) -> Result<Verdict> {
    let failed = failed_tests(lines);
    let stopped = lines
        .iter()
        .any(|line| line.starts_with("error: could not compile"));
    let crashed = lines
        .iter()
        .filter(|line| line.contains("process didn't exit successfully"))
        .count();
    let reported = lines
        .iter()
        .filter(|line| line.starts_with("test result: FAILED"))
        .count();
    // If a test binary crashed, it has not reported which test failed, so there is nothing to rerun.
    if stopped || failed.is_empty() || failed.len() > MOST_FAILED || crashed > reported {
        return Ok(Verdict::red(format!("the tests: {} failed", failed.len())));
    }
    let mut verdict = Verdict::default();
    for name in failed {
        println!("==> again: {name}");
        // The name of a doc test cannot be used as an exact filter, so its rerun never counts as a pass. Doc tests do
        // not depend on timing anyway.
        let passed = run(&["test", "--workspace", "--locked", "--", "--exact", &name])?;
        let what = format!("test {name}{}", why(lines, &name));
        verdict.add(what, passed && !name.contains(" - "));
    }
    Ok(verdict)
}

/// Returns the location and the message of a test's first panic, from the output `lines`. Returns an empty text if
/// the output shows no panic of the test.
fn why(lines: &[String], name: &str) -> String {
    let head = format!("thread '{name}'");
    let panicked = lines
        .iter()
        .position(|line| line.starts_with(&head) && line.contains(" panicked at "));
    let said: Vec<&str> = panicked.map_or_else(Vec::new, |at| {
        lines.iter().skip(at).take(2).map(String::as_str).collect()
    });
    truncated(&said.join(" "))
}

fn truncated(text: &str) -> String {
    const MOST: usize = 600;
    match text.char_indices().nth(MOST) {
        _ if text.is_empty() => String::new(),
        Some((end, _)) => format!(": {}…", &text[..end]),
        None => format!(": {text}"),
    }
}

fn failed_tests(lines: &[String]) -> Vec<String> {
    let failed = lines.iter().filter_map(|line| {
        line.strip_prefix("test ")?
            .strip_suffix(" ... FAILED")
            .map(str::to_owned)
    });
    let mut failed: Vec<String> = failed.collect();
    failed.sort();
    failed.dedup();
    failed
}

/// Reruns each check that failed according to a conformance report, on the same driver.
pub(super) fn checks(report: &Path, mut run: impl FnMut(&[&str]) -> Result<bool>) -> Result<Verdict> {
    let Ok(text) = std::fs::read(report) else {
        return Ok(Verdict::red("conformance: no report was written"));
    };
    let report: Value = serde_json::from_slice(&text).context("the report is not JSON")?;
    let failed = failed_checks(&report);
    if failed.is_empty() || failed.len() > MOST_FAILED {
        return Ok(Verdict::red(format!(
            "conformance: {} checks failed",
            failed.len()
        )));
    }
    let mut verdict = Verdict {
        red: other_failures(&report),
        ..Verdict::default()
    };
    for (uri, id, message) in failed {
        println!("==> again: {id} on {uri}");
        let out = "target/conformance-again";
        let passed = run(&[
            "xtask", "conformance", "--driver", &uri, "--filter", &id, "--out", out,
        ])?;
        let why = truncated(&message);
        verdict.add(format!("check {id} on {uri}{why}"), passed);
    }
    Ok(verdict)
}

/// Returns the reasons other than failed checks for which a conformance run failed. A rerun cannot fix these
/// failures.
fn other_failures(report: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for driver in list(report, "drivers") {
        all.extend(list(driver, "leaks").map(|leak| format!("leaked on an engine: {leak}")));
    }
    for target in list(report, "notRun") {
        if target.get("required").and_then(Value::as_bool) == Some(true) {
            all.push(format!("required and not run: {target}"));
        }
    }
    all
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// Returns the driver, the id and the message of each failed check in a conformance report.
fn failed_checks(report: &Value) -> Vec<(String, String, String)> {
    let mut failed = Vec::new();
    for driver in list(report, "drivers") {
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let Some(uri) = text(driver, "uri") else {
            continue;
        };
        for check in list(driver, "checks") {
            let is_must = text(check, "level").is_some_and(|level| level.eq_ignore_ascii_case("must"));
            let outcome = text(check, "outcome").unwrap_or_default();
            if is_must
                && matches!(outcome.as_str(), "failed" | "timedOut" | "error")
                && let Some(id) = text(check, "id")
            {
                failed.push((uri.clone(), id, text(check, "message").unwrap_or_default()));
            }
        }
    }
    failed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn test_that_passes_alone_is_flaky_not_red() {
        let output = lines(
            "test a::b ... ok\ntest c::d ... FAILED\ntest e::f ... FAILED\ntest result: FAILED. 1 passed\n\
             error: test failed\n  process didn't exit successfully: `x` (exit status: 101)",
        );
        let verdict = super::tests(&output, |args| Ok(args.last() == Some(&"c::d"))).unwrap();
        assert_eq!(verdict.flaky, ["test c::d"]);
        assert_eq!(verdict.red, ["test e::f"]);
    }

    #[test]
    fn failure_without_test_name_is_red() {
        for output in [
            "error: could not compile `x`",
            "test a ... FAILED\ntest result: FAILED.\nprocess didn't exit successfully\nprocess didn't exit successfully",
            "",
        ] {
            let verdict = super::tests(&lines(output), |_| Ok(true)).unwrap();
            assert_eq!((verdict.red.len(), verdict.flaky.len()), (1, 0), "{output}");
        }
    }

    #[test]
    fn finds_failed_must_checks() {
        let report = serde_json::json!({"drivers": [{"uri": "docker:", "checks": [
            {"id": "a", "level": "must", "outcome": "passed"}, {"id": "b", "level": "must", "outcome": "timedOut"},
            {"id": "c", "level": "should", "outcome": "failed"}, {"id": "d", "level": "MUST", "outcome": "failed"}]}]});
        let failed: Vec<String> = failed_checks(&report).into_iter().map(|(_, id, _)| id).collect();
        assert_eq!(failed, ["b", "d"]);
    }

    #[test]
    fn verdict_includes_start_of_failure_message() {
        let output = lines(
            "thread 'a::b' (12) panicked at src/x.rs:1:2:\nleft is not right\nstack\ntest a::b ... FAILED\n\
             test result: FAILED.",
        );
        let verdict = super::tests(&output, |_| Ok(true)).unwrap();
        assert_eq!(
            verdict.flaky,
            ["test a::b: thread 'a::b' (12) panicked at src/x.rs:1:2: left is not right"]
        );
    }

    #[test]
    fn leaks_and_missing_drivers_are_red() {
        let report = serde_json::json!({
            "drivers": [{"uri": "docker:", "checks": [], "leaks": ["a: container b"]}],
            "notRun": [{"uri": "podman:", "required": true}, {"uri": "x:", "required": false}]});
        assert_eq!(other_failures(&report).len(), 2);
    }
}
