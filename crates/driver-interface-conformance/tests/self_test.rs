//! Each check can fail, and for the reason it names.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test a panic is how a failure is told"
)]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::MockTarget;
use driver_interface_conformance::self_test::{Fault, Saboteur, self_test};
use driver_interface_conformance::{DriverReport, Options, Outcome, Silent, Step, TestImage, checks, run};

#[test]
fn faults_name_checks_that_exist_and_each_check_has_one() {
    let known: BTreeSet<&str> = checks::all().iter().map(|check| check.id).collect();
    let mut names = BTreeSet::new();
    let mut named = BTreeSet::new();
    for fault in Fault::all() {
        assert!(names.insert(fault.name), "{} stands twice", fault.name);
        assert!(!fault.kills.is_empty(), "{} kills nothing", fault.name);
        named.extend(fault.kills.iter().copied());
    }
    let unknown: Vec<_> = named.difference(&known).collect();
    assert!(unknown.is_empty(), "there are no checks {unknown:#?}");
    let unproven: Vec<_> = known.difference(&named).collect();
    assert!(unproven.is_empty(), "no fault is there for {unproven:#?}");
}

/// The checks that only an engine with real processes can pass are proven by `cargo xtask conformance --self-test`.
#[tokio::test(start_paused = true)]
async fn every_fault_is_noticed_by_the_checks_that_are_about_it() {
    let target = Arc::new(MockTarget::docker());
    let found = self_test(target, &Options::new(TestImage::simulated()).seed(1))
        .await
        .unwrap();
    let missed: Vec<_> = found.survivors().collect();
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(found.attempts.len() > 300, "{}", found.attempts.len());
}

async fn sabotaged(name: &str, checks: &[&str]) -> DriverReport {
    let fault = Fault::all().into_iter().find(|fault| fault.name == name).unwrap();
    let target = Arc::new(Saboteur::new(Arc::new(MockTarget::docker()), fault));
    let mut options = Options::new(TestImage::simulated()).seed(1);
    options.selection.globs = checks.iter().map(|id| (*id).to_owned()).collect();
    run(target, &options, Arc::new(Silent)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_failure_says_what_was_expected_and_what_happened() {
    let report = sabotaged("stop-kills-at-once", &["lifecycle/stop/graceful"]).await;
    let check = &report.checks[0];
    let failure = check.failure.as_ref().unwrap();
    assert_eq!(
        (failure.expected.as_str(), failure.actual.as_str()),
        ("Stopped", "Killed")
    );
    let stopped = |step: &Step| step.call.starts_with("stop_container");
    assert!(check.steps.iter().any(stopped), "{:?}", check.steps);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_times_out_and_is_named() {
    let checks = ["health/engine-answers", "creation/ids-are-unique"];
    let report = sabotaged("health-check-hangs", &checks).await;
    let hung = report.check("health/engine-answers").unwrap();
    assert_eq!(hung.outcome, Outcome::TimedOut);
    let message = hung.message.as_deref().unwrap();
    assert!(message.contains("still waiting for health_check()"), "{message}");
    let other = report.check("creation/ids-are-unique").unwrap();
    assert_eq!(other.outcome, Outcome::Passed);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_driver_is_its_failure_and_not_the_suites() {
    let report = sabotaged("list-panics", &["listing/every-status"]).await;
    let check = &report.checks[0];
    assert_eq!(check.outcome, Outcome::Failed);
    let message = check.message.as_deref().unwrap();
    assert!(message.contains("panicked in list_containers"), "{message}");
}
