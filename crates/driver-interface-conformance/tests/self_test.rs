//! Each check can fail, and for the reason it names.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a panic is how a failure is told"
)]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::{Kind, MockTarget};
use driver_interface_conformance::self_test::{Fault, self_test};
use driver_interface_conformance::{Options, TestImage, checks};

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
    let target = Arc::new(MockTarget::new(Kind::Docker));
    let found = self_test(target, &Options::new(TestImage::simulated()).seed(1))
        .await
        .unwrap();
    let missed: Vec<_> = found.survivors().collect();
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(found.attempts.len() > 300, "{}", found.attempts.len());
}
