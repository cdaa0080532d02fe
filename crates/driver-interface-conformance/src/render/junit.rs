//! The report as JUnit XML for build servers, with one suite for each area of each driver.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use super::escape::xml;
use crate::{CheckReport, DriverReport, Outcome, Report};

/// Renders the report as JUnit XML. A check that did not pass has a `<failure>`, `<error>` or `<skipped>`
/// element. Leftover resources and required targets that did not run are errors in separate suites.
///
/// # Errors
/// No known case: characters that XML does not allow are replaced.
pub fn junit(report: &Report) -> Result<String, quick_junit::SerializeError> {
    let mut junit = Junit::new("driver-interface-conformance");
    for driver in &report.drivers {
        for area in super::matrix::areas(std::slice::from_ref(driver)) {
            let mut suite = TestSuite::new(xml(&format!("{} {}", driver.uri, area.area)));
            suite.add_property(("driver", xml(&driver.title()).as_str()));
            suite.add_property(("seed", report.seed.to_string().as_str()));
            let verdict = driver.verdict_text(report.partial);
            suite.add_property(("verdict", xml(&verdict).as_str()));
            let checks = driver.checks.iter().filter(|check| check.area() == area.area);
            suite.add_test_cases(checks.map(|check| case(driver, check)));
            junit.add_test_suite(suite);
        }
        if !driver.leaks.is_empty() {
            let mut suite = TestSuite::new(xml(&format!("{} leaks", driver.uri)));
            suite.add_test_cases(driver.leaks.iter().map(|leak| {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
                status
                    .set_message("resources were leaked on the engine")
                    .set_type("leak")
                    .set_description(xml(leak));
                let mut case = TestCase::new("leaks", status);
                case.set_classname(xml(&format!("{}.leaks", driver.name)));
                case
            }));
            junit.add_test_suite(suite);
        }
    }
    if !report.not_run.is_empty() {
        let mut suite = TestSuite::new("targets");
        suite.add_test_cases(report.not_run.iter().map(|target| {
            let mut status = if target.required {
                TestCaseStatus::non_success(NonSuccessKind::Error)
            } else {
                TestCaseStatus::skipped()
            };
            status.set_message(xml(&target.reason));
            TestCase::new(xml(&target.uri), status)
        }));
        junit.add_test_suite(suite);
    }
    junit.to_string()
}

fn case(driver: &DriverReport, check: &CheckReport) -> TestCase {
    let message = xml(check.message.as_deref().unwrap_or_default());
    let mut status = match check.outcome {
        Outcome::Passed => TestCaseStatus::success(),
        Outcome::Deviates | Outcome::Skipped | Outcome::NotRun => TestCaseStatus::skipped(),
        Outcome::Failed | Outcome::TimedOut => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Outcome::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
    };
    if check.outcome != Outcome::Passed {
        status.set_message(message.clone());
        let mut details = format!("rule: {}\n{message}\n", check.statement);
        for time in &check.repetitions {
            details.push_str(&format!("with seed {}: {}\n", time.seed, time.outcome));
        }
        for step in &check.steps {
            details.push_str(&format!("+{} ms {} -> {}\n", step.at_ms, step.call, step.answer));
        }
        status
            .set_type(format!("{} {}", check.level, check.outcome))
            .set_description(xml(&details));
    }
    let mut case = TestCase::new(xml(&check.id), status);
    case.set_classname(xml(&format!("{}.{}", driver.name, check.area())));
    case.set_time(Duration::from_millis(check.duration_ms));
    case
}
