//! Tests of the renderers, with a report that uses every feature and contains hostile text.

use driver_interface_types::Operation;

use super::{Pretty, catalogue, html, json, junit, markdown};
use crate::{
    CheckReport, Deviation, DriverReport, DriverVerdict, Failure, Level, NotRun, Outcome, Repetition, Report,
    RunVerdict, Step, Summary, checks,
};

const HOSTILE: &str = "a\u{1b}[31mb\u{202e}c\0d\r\ne]]>f|g`h<script>&\u{fffe}";

fn check(id: &str, level: Level, outcome: Outcome) -> CheckReport {
    let message = (outcome != Outcome::Passed).then(|| format!("{outcome}: {HOSTILE}"));
    let failure = (outcome == Outcome::Failed).then(|| Failure::new("the stop", "Stopped", HOSTILE));
    let step = Step {
        at_ms: 20,
        took_ms: Some(3),
        call: HOSTILE.to_owned(),
        answer: "x".repeat(1 << 14),
        times: 2,
    };
    CheckReport {
        id: id.to_owned(),
        level,
        statement: "A rule holds.".to_owned(),
        rationale: Some("users expect it".to_owned()),
        deviation: None,
        outcome,
        duration_ms: 1500,
        assertions: 3,
        message,
        failure,
        steps: if outcome == Outcome::Passed {
            Vec::new()
        } else {
            vec![step]
        },
        requires: Vec::new(),
        repetitions: Vec::new(),
    }
}

fn driver(uri: &str, outcomes: &[(&str, Level, Outcome)]) -> DriverReport {
    let mut driver = DriverReport::new(uri.to_owned());
    driver.name = uri.trim_end_matches(':').to_owned();
    driver.version = "1.2.3".to_owned();
    driver.capabilities.operations.insert(Operation::ListVolumes);
    driver.checks = outcomes
        .iter()
        .map(|(id, level, outcome)| check(id, *level, *outcome))
        .collect();
    driver.summary = Summary::of(&driver.checks);
    driver
}

fn report() -> Report {
    use Level::{May, Must, Should};
    use Outcome::{Error, Failed, NotRun as Waiting, Passed, Skipped, TimedOut};
    let mut report = Report::new(7, false);
    report.drivers.push(driver(
        "good:",
        &[
            ("a/one", Must, Passed),
            ("a/two", Should, Passed),
            ("b/three", May, Passed),
            ("c/five", Must, Passed),
        ],
    ));
    report.drivers.push(driver(
        "bad:",
        &[
            ("a/one", Must, Failed),
            ("a/two", Should, Failed),
            ("b/three", May, Skipped),
            ("b/four", Must, TimedOut),
            ("b/six", Must, Error),
            ("c/five", Must, Waiting),
        ],
    ));
    if let Some(bad) = report.drivers.last_mut() {
        bad.leaks.push(format!("container {HOSTILE}"));
    }
    report.not_run.push(NotRun::new("absent:", HOSTILE, true));
    report
}

#[test]
fn pretty_report_starts_with_failures_and_ends_with_counts() {
    let text = Pretty::new(false)
        .again("run {uri} {id} {seed}")
        .render(&report());
    assert!(
        !text.contains('\u{1b}') && !text.contains('\u{202e}') && !text.contains('\0'),
        "{text}"
    );
    assert!(text.contains("FAILED  a/one   MUST   bad:   1.50 s"), "{text}");
    assert!(text.contains("expected  Stopped"), "{text}");
    assert!(text.contains("again     run bad: a/one 7"), "{text}");
    assert!(
        text.contains("Checks that were not run") && text.contains("Leaked on the engine by bad:"),
        "{text}"
    );
    assert!(text.contains("absent: (required)"), "{text}");
    let last = text.lines().last();
    assert_eq!(
        last,
        Some("4 passed, 2 failed, 1 skipped, 1 timed out, 1 errors, 1 not run")
    );
    assert!(text.find("FAILED").unwrap() < text.find("not conformant").unwrap());
}

#[test]
fn matrix_aligns_areas_and_drivers() {
    let text = Pretty::new(false).render(&report());
    let line = |start: &str| {
        text.lines()
            .find(|line| line.trim_start().starts_with(start))
            .unwrap()
            .trim()
    };
    assert_eq!(line("a  "), "a          2           0 · 1 ✘ · 1 △");
    assert_eq!(line("c  "), "c          1           0 · 1 ○");
    assert_eq!(line("b  "), "b          1           0 · 1 ◷ · 1 ! · 1 –");
    assert_eq!(line("result"), "result     conformant  not conformant");
}

#[test]
fn legend_explains_every_symbol_used() {
    let signs = "✔ passed, ✘ failed, ◷ timed out, ! error, △ failed a SHOULD or MAY, – not applicable to this driver, ○ not run";
    let report = report();
    assert!(Pretty::new(false).render(&report).contains(signs));
    let markdown = markdown(&report);
    assert!(
        markdown.contains(signs) && markdown.contains("| `a/two` SHOULD | ✔ | △ |"),
        "{markdown}"
    );
    assert!(html(&report, None).contains(signs));
    assert!(
        !super::matrix::legend(&report.drivers[..1]).contains('△'),
        "only those that occur"
    );
}

/// Returns the report on a driver that passes every check that needs no image.
fn without_image() -> Report {
    let mut report = Report::new(7, false);
    let outcomes = [
        ("a/one", Level::Must, Outcome::Passed),
        ("a/two", Level::Must, Outcome::NotRun),
        ("a/three", Level::Must, Outcome::NotRun),
    ];
    let mut driver = driver("bare:", &outcomes);
    for check in driver.checks.iter_mut().skip(1) {
        check.message = Some("no test image: name one".to_owned());
    }
    report.drivers.push(driver);
    report
}

#[test]
fn run_without_image_is_never_called_conformant() {
    let report = without_image();
    let words = "passed in part: 2 checks not run (no test image: name one)";
    let text = Pretty::new(false).render(&report);
    assert!(
        text.contains("passed in part") && text.contains("  2  no test image: name one  bare:"),
        "{text}"
    );
    assert!(
        text.ends_with("1 passed, 0 failed, 0 skipped, 2 not run\n"),
        "{text}"
    );
    let text = json(&report).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["drivers"][0]["verdict"], "passedInPart");
    assert_eq!(value["drivers"][0]["verdictText"], words);
    for form in [
        junit(&report).unwrap(),
        markdown(&report),
        html(&report, None),
        text,
    ] {
        let form = form.replace("driver-interface-conformance", "").to_lowercase();
        let form = form
            .replace("# conformance", "")
            .replace("conformance:", "")
            .replace(">conformance<", "");
        assert!(!form.contains("conform"), "{form}");
        assert!(
            form.contains(words) || form.contains(&words.replace('(', "&#40;")),
            "{form}"
        );
    }
}

#[test]
fn unchecked_driver_breaks_the_run() {
    use Level::Must;
    let outcomes = [("a/one", Must, Outcome::Passed)];
    let mut report = Report::new(7, false);
    report.drivers.push(driver("good:", &outcomes));
    report
        .drivers
        .push(driver("bare:", &[("a/one", Must, Outcome::NotRun)]));
    assert_eq!(report.verdict(), RunVerdict::Broken);
    report.drivers[1] = driver("other:", &[("a/one", Must, Outcome::Skipped)]);
    assert_eq!(report.verdict(), RunVerdict::Broken);
    report.partial = true;
    assert_eq!(
        report.verdict(),
        RunVerdict::Ok,
        "the selection is about other drivers"
    );
    assert_eq!(report.drivers[1].verdict(true), DriverVerdict::NotChecked);
}

#[test]
fn colours_are_opt_in() {
    assert!(Pretty::new(true).render(&report()).contains("\u{1b}[1;31mFAILED"));
    assert!(!catalogue(&checks::all(), false).contains('\u{1b}'));
}

#[test]
fn junit_round_trips_and_marks_non_passing_checks() {
    let text = junit(&report()).unwrap();
    assert!(
        text.chars().all(|c| c >= ' ' || c == '\n'),
        "no character that XML does not have"
    );
    assert!(!text.contains("<script>"), "{text}");
    let read = quick_junit::Report::deserialize_from_str(&text).unwrap();
    let names: Vec<&str> = read.test_suites.iter().map(|suite| suite.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "good: a", "good: b", "good: c", "bad: a", "bad: b", "bad: c", "bad: leaks", "targets"
        ]
    );
    let bad = &read.test_suites[3];
    assert_eq!((bad.tests, bad.failures, bad.errors), (2, 2, 0));
    let mixed = &read.test_suites[4];
    assert_eq!((mixed.tests, mixed.failures, mixed.errors), (3, 1, 1));
    assert_eq!(text.matches("<skipped").count(), 2);
}

#[test]
fn hostile_text_does_not_break_markdown_tables() {
    let text = markdown(&report());
    assert!(!text.contains("<script>") && !text.contains('\0'), "{text}");
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).collect();
    let cells = |row: &str| row.replace("\\|", "").matches('|').count();
    let areas: Vec<&str> = rows
        .iter()
        .take_while(|row| !row.contains("driver and engine"))
        .copied()
        .collect();
    assert!(areas.iter().all(|row| cells(row) == 4), "{areas:#?}");
    assert!(text.contains("| `a/one` MUST | ✔ | ✘ |"), "{text}");
    assert!(
        !text.contains("| `c/five` MUST | ✔ | ✔ |"),
        "passing rows are omitted"
    );
}

/// Returns the tags of an HTML page and the names of their attributes. Untrusted text must not change these tags and
/// names.
fn skeleton(page: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some((_, tag)) = rest.split_once('<') {
        let (tag, after) = tag.split_once('>').unwrap();
        let names = tag.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
        tags.push(names);
        rest = after;
    }
    tags
}

/// Returns the report with harmless text in place of all text from drivers.
fn harmless(report: &Report) -> Report {
    let text = json(report).unwrap();
    let hostile = serde_json::to_string(HOSTILE).unwrap();
    let text = text.replace(hostile.trim_matches('"'), "text");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn hostile_text_does_not_change_page_markup() {
    let mut report = report();
    report.selection = Some(HOSTILE.to_owned());
    report.partial = true;
    for driver in &mut report.drivers {
        driver.uri.push_str(HOSTILE);
        driver.name.push_str(HOSTILE);
        driver.version.push_str(HOSTILE);
        for check in &mut driver.checks {
            check.id.push_str(HOSTILE);
            check.statement.push_str(HOSTILE);
        }
    }
    // The renderer turns a backtick into code markup, so an unpaired one in untrusted text would change the page.
    let markup = |report: &Report| {
        let page = html(report, Some("run {uri} {id} {seed}"))
            .replace("<code>", "")
            .replace("</code>", "");
        let (before, after) = page.split_once("<script>").unwrap();
        assert!(
            after.trim_end().ends_with("</script>\n</body>\n</html>"),
            "{after}"
        );
        (skeleton(before.split_once("</style>").unwrap().1), page.clone())
    };
    let ((hostile, page), (plain, _)) = (markup(&report), markup(&harmless(&report)));
    assert_eq!(hostile, plain);
    assert_eq!(page.matches("<script").count(), 1, "the page's own");
    assert!(
        !page.contains(['\u{1b}', '\u{202e}', '\0']) && page.contains("\\u{1b}[31mb"),
        "control characters are shown"
    );
    assert!(page.contains("&lt;script&gt;&amp;"), "{page}");
}

#[test]
fn page_is_self_contained_and_complete() {
    let page = html(&report(), Some("run {uri} {id} {seed}"));
    for outside in ["src=", "href=", "url(", "@import", "fetch(", "http"] {
        let own = page.replace("http-equiv", "");
        assert!(!own.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src 'none'"), "nothing may be loaded");
    for reported in [
        "run bad: a/one 7",
        "<dt>expected</dt><dd><pre>Stopped</pre></dd>",
        "users expect it",
        "Required.",
        "Leaked on the engine: 1",
        "not conformant",
    ] {
        assert!(page.contains(reported), "{reported}");
    }
    let class = |class: &str| page.matches(&format!(" {class}\"><span aria-hidden")).count();
    assert_eq!((class("passed"), class("failed"), class("timed-out")), (4, 2, 1));
}

#[test]
fn flaky_check_is_reported_as_flaky() {
    let mut report = report();
    report.drivers[1].seeds = vec![7, 8, 9];
    report.drivers[1].checks[0].repetitions =
        [(7, Outcome::Passed), (8, Outcome::Failed), (9, Outcome::Passed)]
            .map(|(seed, outcome)| Repetition {
                seed,
                outcome,
                duration_ms: 5,
            })
            .into();
    let text = Pretty::new(false).again("run {uri} {id} {seed}").render(&report);
    assert!(text.contains("FAILED (FLAKY)  a/one"), "{text}");
    assert!(text.contains("times     1 failed (seed 8), 2 passed"), "{text}");
    assert!(
        text.contains("again     run bad: a/one 8"),
        "the seed that fails: {text}"
    );
    let page = html(&report, None);
    assert!(
        page.contains("data-outcome=\"flaky\"") && page.contains("flaky 1/3"),
        "{page}"
    );
    assert!(junit(&report).unwrap().contains("with seed 8: failed"));
    assert!(markdown(&report).contains("failed (of 3 times 1 failed (seed 8), 2 passed): "));
    let value: serde_json::Value = serde_json::from_str(&json(&report).unwrap()).unwrap();
    let check = &value["drivers"][1]["checks"][0];
    assert_eq!(check["repetitions"][1]["outcome"], "failed");
    assert_eq!(value["drivers"][1]["seeds"][2], 9);
}

#[test]
fn long_text_wraps_with_indent() {
    let mut report = report();
    report.drivers[1].checks[0].statement = "word ".repeat(30);
    let text = Pretty::new(false).render(&report);
    let lines = text.lines().skip_while(|line| !line.starts_with("  rule"));
    let rule: Vec<&str> = lines.take(3).collect();
    assert!(rule[1].starts_with("            word"), "{rule:?}");
    assert!(rule.iter().all(|line| line.chars().count() <= 80), "{rule:?}");
}

#[test]
fn json_round_trips() {
    let report = report();
    let text = json(&report).unwrap();
    let back: Report = serde_json::from_str(&text).unwrap();
    assert_eq!(back, report);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["schemaVersion"], 2);
    assert_eq!(value["drivers"][1]["checks"][0]["durationMs"], 1500);
    assert_eq!(value["drivers"][1]["summary"]["mustFailed"], 2);
    assert_eq!(value["notRun"][0]["uri"], "absent:");
}

#[test]
fn declared_deviation_is_reported_and_expires() {
    use Level::{Must, Should};
    let mut report = Report::new(7, false);
    report.drivers.push(driver(
        "one:",
        &[
            ("a/good", Must, Outcome::Passed),
            ("a/known", Must, Outcome::Deviates),
        ],
    ));
    assert_eq!(report.verdict(), RunVerdict::Ok);
    assert_eq!(report.drivers[0].problems().count(), 0);
    let text = Pretty::new(false).render(&report);
    assert!(
        text.contains("Declared deviations of one:") && text.contains("a/known"),
        "{text}"
    );
    assert!(
        text.ends_with("1 passed, 0 failed, 0 skipped, 1 deviate as declared\n"),
        "{text}"
    );
    let text = markdown(&report);
    assert!(text.contains("**conformant but for deviations**"), "{text}");
    assert!(text.contains("| `a/known` MUST | ≠ |"), "{text}");
    assert_eq!(junit(&report).unwrap().matches("<skipped").count(), 1);

    let mut stale = driver("two:", &[("a/known", Should, Outcome::Failed)]);
    stale.checks[0].deviation = Some(Deviation::new("a/known", "two#1", "1.0.0"));
    stale.summary = Summary::of(&stale.checks);
    report.drivers.push(stale);
    assert_eq!(report.verdict(), RunVerdict::NotConformant);
}

#[test]
fn verdict_is_the_worst_outcome() {
    use Level::{Must, Should};
    let of = |outcomes: &[(&str, Level, Outcome)]| {
        let mut report = Report::new(7, false);
        report.drivers.push(driver("one:", outcomes));
        report
    };
    let good = ("a/good", Must, Outcome::Passed);
    assert_eq!(of(&[good]).verdict(), RunVerdict::Ok);
    assert_eq!(
        of(&[good, ("a/b", Should, Outcome::Failed)]).verdict(),
        RunVerdict::Ok
    );
    assert_eq!(
        of(&[good, ("a/b", Must, Outcome::TimedOut)]).verdict(),
        RunVerdict::NotConformant
    );
    assert_eq!(
        of(&[good, ("a/b", Must, Outcome::Error)]).verdict(),
        RunVerdict::Broken
    );
    assert_eq!(
        of(&[("a/b", Must, Outcome::Skipped)]).verdict(),
        RunVerdict::Broken,
        "no command was executed"
    );
    assert_eq!(Report::new(7, false).verdict(), RunVerdict::Broken);
    let mut absent = of(&[good]);
    absent.not_run.push(NotRun::new("docker:", "no engine", false));
    assert_eq!(absent.verdict(), RunVerdict::Ok);
    absent.not_run.push(NotRun::new("podman:", "no engine", true));
    assert_eq!(absent.verdict(), RunVerdict::NotConformant);
    let mut leaked = of(&[good]);
    leaked.drivers[0].leaks.push("container x".to_owned());
    assert_eq!(leaked.verdict(), RunVerdict::Leaked);
    assert_eq!(leaked.verdict().exit_code(), 4);
}
