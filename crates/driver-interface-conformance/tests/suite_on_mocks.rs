//! The whole suite on both mocks: nothing fails, nothing is left. See `hook.rs` also.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test a panic is how a failure is told"
)]

use std::sync::Arc;

use driver_interface::MockTarget;
use driver_interface_conformance::render::Pretty;
use driver_interface_conformance::{Options, Outcome, Report, RunVerdict, Silent, TestImage, run};

async fn whole_suite(target: MockTarget, jobs: usize) -> Report {
    let options = Options::new(TestImage::simulated()).jobs(jobs);
    let mut report = Report::new(options.seed, false);
    let driver = run(Arc::new(target), &options, Arc::new(Silent)).await.unwrap();
    report.drivers.push(driver);
    report
}

fn assert_conformant(report: &Report) {
    assert_eq!(
        report.verdict(),
        RunVerdict::Ok,
        "{}",
        Pretty::default().render(report)
    );
    let driver = &report.drivers[0];
    let problems: Vec<_> = driver.problems().map(|check| &check.id).collect();
    assert!(problems.is_empty(), "{problems:?}");
    assert!(driver.summary.passed >= 60, "{}", driver.summary.line());
    for check in driver
        .checks
        .iter()
        .filter(|check| check.outcome == Outcome::Skipped)
    {
        assert!(
            check.message.is_some(),
            "{} was skipped without a reason",
            check.id
        );
    }
}

#[tokio::test(start_paused = true)]
async fn mock_local_is_conformant() {
    assert_conformant(&whole_suite(MockTarget::local(), 4).await);
}

#[tokio::test(start_paused = true)]
async fn checks_do_not_depend_on_one_another() {
    assert_conformant(&whole_suite(MockTarget::docker(), 1).await);
    assert_conformant(&whole_suite(MockTarget::docker(), 16).await);
}
