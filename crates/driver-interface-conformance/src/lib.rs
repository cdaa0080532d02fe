#![doc = include_str!("../README.md")]

mod busybox;
mod calls;
mod check;
pub mod checks;
mod ctx;
mod deviation;
mod guard;
#[cfg(feature = "harness")]
mod harness;
mod image;
mod inside;
mod journal;
mod ledger;
mod observer;
mod options;
mod outcome;
mod prepare;
#[cfg(unix)]
pub mod proxy;
pub mod render;
mod report;
mod runner;
#[cfg(feature = "self-test")]
pub mod self_test;
mod sweep;
mod target;
mod tracked;
mod verdict;

pub use calls::call;
pub use check::{Check, CheckFuture, Isolation, Level, Need};
pub use ctx::{Ctx, IGNORES_STOP_SIGNAL, SERVE};
pub use deviation::{Deviation, DeviationError};
#[cfg(feature = "harness")]
pub use harness::Harness;
pub use image::{TestImage, is_static_executable};
pub use journal::Step;
pub use observer::{Observer, Silent};
pub use options::{Cancellation, Options, Selection, SelectionError, Shard, areas};
pub use outcome::{CheckResult, Failure, Outcome, Verdict};
pub use report::{
    CheckReport, DriverReport, NotRun, Repetition, Report, RunVerdict, SCHEMA_VERSION, SUITE_VERSION, Summary,
};
pub use runner::{RunError, run, run_checks};
pub use sweep::sweep;
pub use target::{Target, UnmanagedResources, target_fn};
pub use tracked::TrackedDriver;
pub use verdict::DriverVerdict;
