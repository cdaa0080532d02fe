//! The whole suite on both mocks: no failures, no leaks. See also `hook.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests report failures by panicking"
)]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use driver_interface::MockTarget;
use driver_interface_conformance::render::Pretty;
use driver_interface_conformance::{Options, Outcome, Report, RunVerdict, Silent, TestImage, run};
use driver_interface_types::{
    Call, ContainerId, Intercepted, Interceptor, Next, Operation, OperationKind, Result, StreamEnd,
};

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
async fn checks_are_independent() {
    assert_conformant(&whole_suite(MockTarget::docker(), 1).await);
    assert_conformant(&whole_suite(MockTarget::docker(), 16).await);
}

/// Forwards every call and records the operations called and the streams ended.
#[derive(Clone, Debug, Default)]
struct Notes {
    called: Arc<Mutex<BTreeSet<Operation>>>,
    ended: Arc<Mutex<BTreeSet<Operation>>>,
}

#[async_trait]
impl Interceptor for Notes {
    async fn around<T: Send + 'static>(&self, call: Call<'_>, mut next: Next<'_, T>) -> Result<T> {
        self.called.lock().unwrap().insert(call.operation);
        next.run().await
    }

    fn stream_ended(&self, operation: Operation, _: Option<&ContainerId>, _: StreamEnd<'_>) {
        self.ended.lock().unwrap().insert(operation);
    }
}

#[tokio::test(start_paused = true)]
async fn interceptor_sees_every_operation() {
    let notes = Notes::default();
    let interceptor = notes.clone();
    let target = MockTarget::wrapped(Arc::new(move |driver| {
        Arc::new(Intercepted::new(driver, interceptor.clone()))
    }));
    assert_conformant(&whole_suite(target, 4).await);
    let all: BTreeSet<Operation> = Operation::ALL.iter().copied().collect();
    assert_eq!(*notes.called.lock().unwrap(), all);
    let streams = all.into_iter().filter(|one| one.kind() == OperationKind::Stream);
    assert_eq!(*notes.ended.lock().unwrap(), streams.collect());
}
