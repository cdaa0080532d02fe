//! Each check can fail, for the reason that it states.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests report failures by panicking"
)]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::MockTarget;
use driver_interface_conformance::self_test::{Fault, FaultyTarget, SelfTest, self_test};
use driver_interface_conformance::{
    DriverReport, Options, Outcome, Silent, Step, Target, TestImage, checks, run,
};
use driver_interface_types::{ContainerDriver, Namespace, ResourceFilter, VolumeConfig};

#[test]
fn every_check_has_a_fault_and_every_fault_a_check() {
    let known: BTreeSet<&str> = checks::all().iter().map(|check| check.id).collect();
    let mut names = BTreeSet::new();
    let mut named = BTreeSet::new();
    for fault in Fault::all() {
        assert!(names.insert(fault.name), "{} stands twice", fault.name);
        assert!(!fault.detected_by.is_empty(), "{} kills nothing", fault.name);
        named.extend(fault.detected_by.iter().copied());
    }
    let unknown: Vec<_> = named.difference(&known).collect();
    assert!(unknown.is_empty(), "there are no checks {unknown:#?}");
    let unproven: Vec<_> = known.difference(&named).collect();
    assert!(unproven.is_empty(), "no fault is there for {unproven:#?}");
}

/// Checks that need real processes are proven by `cargo xtask conformance --self-test`.
#[tokio::test(start_paused = true)]
async fn every_fault_is_detected_by_its_checks() {
    let target = Arc::new(MockTarget::docker());
    let found = self_test(target, &Options::new(TestImage::simulated()).seed(1))
        .await
        .unwrap();
    let missed: Vec<_> = found.survivors().collect();
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(found.attempts.len() > 300, "{}", found.attempts.len());
    assert!(found.is_proof(), "{:#?}", found.unproven());
}

async fn of_one_check(target: MockTarget) -> SelfTest {
    let mut options = Options::new(TestImage::simulated()).seed(1);
    options.selection.globs = vec!["capability/stable-identity".to_owned()];
    self_test(Arc::new(target), &options).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn skipped_check_is_no_proof() {
    let mut found = of_one_check(MockTarget::docker()).await;
    assert!(found.is_proof() && found.survivors().count() == 0, "{found:#?}");

    // A detected fault does not excuse another, undetected one.
    let mut unnoticed = found.attempts[0].clone();
    (unnoticed.fault, unnoticed.outcome) = ("another", Outcome::Skipped);
    found.attempts.push(unnoticed.clone());
    assert!(!found.is_proof(), "{found:#?}");
    unnoticed.outcome = Outcome::Failed;
    found.attempts.push(unnoticed);
    assert!(found.is_proof(), "another target has noticed it");
}

#[tokio::test(start_paused = true)]
async fn unproven_check_is_no_proof() {
    let mut found = of_one_check(MockTarget::docker()).await;
    let others = checks::all();
    let other = others
        .iter()
        .find(|check| check.id == "lifecycle/stop/graceful")
        .unwrap();
    found.checks.push(*other);
    assert!(!found.is_proof(), "no fault was tried on {}", other.id);
    found
        .not_run
        .push((other.id, "skipped: it does not concern the driver".to_owned()));
    assert!(found.is_proof(), "it could not be tried");
    let mut undecided = found.attempts[0].clone();
    (undecided.check, undecided.outcome) = (other.id, Outcome::Error);
    found.attempts.push(undecided);
    assert!(!found.is_proof(), "it was tried, and says nothing");
}

#[tokio::test(start_paused = true)]
async fn check_without_image_is_unproven_with_reason() {
    let mut options = Options::new(TestImage::Missing("none was found".to_owned())).seed(1);
    options.selection.globs = vec!["lifecycle/stop/graceful".to_owned()];
    let found = self_test(Arc::new(MockTarget::docker()), &options).await.unwrap();
    assert_eq!(
        found.unproven(),
        [(
            "lifecycle/stop/graceful",
            "not run: no test image: none was found"
        )]
    );
    assert!(!found.is_proof(), "nothing was proven");
}

#[tokio::test(start_paused = true)]
async fn concurrent_one_namespace_runs_are_isolated() {
    let fault = Fault::all()
        .into_iter()
        .find(|fault| fault.name == "one-namespace")
        .unwrap();
    let target: Arc<dyn Target> = Arc::new(MockTarget::docker());
    let runs = [
        FaultyTarget::new(Arc::clone(&target), fault),
        FaultyTarget::new(target, fault),
    ];
    let connect = async |run: usize, name| runs[run].connect(&Namespace::new(name).unwrap()).await.unwrap();
    let volume = VolumeConfig::new("data");
    connect(0, "a").await.create_volume(&volume).await.unwrap();
    let actual = async |driver: Arc<dyn ContainerDriver>| {
        driver
            .list_volumes(&ResourceFilter::default())
            .await
            .unwrap()
            .len()
    };
    assert_eq!(
        actual(connect(0, "b").await).await,
        1,
        "its drivers share what they make"
    );
    assert_eq!(
        actual(connect(1, "c").await).await,
        0,
        "those of another run do not"
    );
}

async fn mutated(name: &str, checks: &[&str]) -> DriverReport {
    let fault = Fault::all().into_iter().find(|fault| fault.name == name).unwrap();
    let target = Arc::new(FaultyTarget::new(Arc::new(MockTarget::docker()), fault));
    let mut options = Options::new(TestImage::simulated()).seed(1);
    options.selection.globs = checks.iter().map(|id| (*id).to_owned()).collect();
    run(target, &options, Arc::new(Silent)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn failure_reports_expected_and_actual() {
    let report = mutated("stop-kills-immediately", &["lifecycle/stop/graceful"]).await;
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
async fn hanging_call_times_out_and_is_named() {
    let checks = ["health/engine-responds", "creation/ids-are-unique"];
    let report = mutated("health-check-hangs", &checks).await;
    let hung = report.check("health/engine-responds").unwrap();
    assert_eq!(hung.outcome, Outcome::TimedOut);
    let message = hung.message.as_deref().unwrap();
    assert!(message.contains("still waiting for health_check()"), "{message}");
    let other = report.check("creation/ids-are-unique").unwrap();
    assert_eq!(other.outcome, Outcome::Passed);
}

#[tokio::test(start_paused = true)]
async fn driver_panic_fails_only_its_check() {
    let report = mutated("list-panics", &["listing/every-status"]).await;
    let check = &report.checks[0];
    assert_eq!(check.outcome, Outcome::Failed);
    let message = check.message.as_deref().unwrap();
    assert!(message.contains("panicked in list_containers"), "{message}");
}
