//! Each check can fail, and for the reason it names: a driver with one thing wrong fails the checks that are
//! about it. That the same checks pass without the fault is what `suite_on_mocks` shows.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test a panic is how a failure is told"
)]

mod common;
#[path = "common/saboteur.rs"]
mod saboteur;

use std::sync::Arc;

use common::MockTarget;
use driver_interface_conformance::{DriverReport, Options, Outcome, Silent, TestImage, run};
use saboteur::{Fault, Saboteur};

/// A fault and the checks that have to fail for it.
const EXPECTED: &[(Fault, &[&str])] = &[
    (
        Fault::StartAgainFails,
        &[
            "lifecycle/start/idempotent",
            "concurrency/start",
            "lifecycle/state/random-walk",
        ],
    ),
    (Fault::StartAlwaysSaysStarted, &["lifecycle/start/idempotent"]),
    (
        Fault::CreateAlsoStarts,
        &[
            "creation/created-not-started",
            "creation/does-not-run",
            "logs/before-start",
        ],
    ),
    (
        Fault::TakenNameGivesTheOther,
        &["creation/name-taken", "concurrency/create-same-name"],
    ),
    (Fault::EmptyLabelsAreLost, &["creation/config-recorded"]),
    (
        Fault::MissingNetworkFallsBack,
        &["creation/network-missing", "errors/no-effect"],
    ),
    (Fault::MissingImageIsRetryable, &["creation/image-missing"]),
    (Fault::OneViolationAtATime, &["config/all-violations-at-once"]),
    (Fault::SecretsInErrors, &["config/secrets-stay-out-of-errors"]),
    (
        Fault::KeysAreForgotten,
        &[
            "keys/same-key-same-container",
            "keys/other-config-refused",
            "keys/concurrent",
        ],
    ),
    (
        Fault::DroppedCreateGoesOn,
        &[
            "cancellation/create-dropped-at-once",
            "cancellation/create-dropped-in-time",
        ],
    ),
    (
        Fault::StopKillsAtOnce,
        &[
            "lifecycle/stop/graceful",
            "lifecycle/stop/gives-up-and-leaves-it-running",
        ],
    ),
    (
        Fault::StopKillsWhatOutlivesIt,
        &["lifecycle/stop/gives-up-and-leaves-it-running"],
    ),
    (
        Fault::StopReturnsEarly,
        &[
            "lifecycle/stop/settled-on-return",
            "lifecycle/stop/keeps-the-logs",
        ],
    ),
    (
        Fault::StopAgainFails,
        &["lifecycle/stop/idempotent", "lifecycle/state/random-walk"],
    ),
    (
        Fault::RemoveTakesRunningOnes,
        &["removal/running-refused", "errors/no-effect"],
    ),
    (
        Fault::NotFoundIsSwallowed,
        &[
            "removal/twice",
            "errors/not-found/remove-container",
            "concurrency/remove-container",
        ],
    ),
    (
        Fault::NotFoundHasAnotherCode,
        &["errors/not-found/start-container", "removal/gone-everywhere"],
    ),
    (Fault::PrefixesAreIds, &["errors/prefix-is-not-an-id"]),
    (
        Fault::ListIgnoresLabels,
        &[
            "listing/labels-are-and-ed",
            "listing/labels-are-literal",
            "listing/no-match",
        ],
    ),
    (Fault::ListIgnoresStatus, &["listing/status-and-state"]),
    (Fault::ListIsUnordered, &["listing/order"]),
    (
        Fault::ExitCodesAreLost,
        &[
            "lifecycle/exit/codes",
            "lifecycle/exit/instant",
            "lifecycle/exit/killed",
        ],
    ),
    (Fault::LogsIgnoreTail, &["logs/tail"]),
    (Fault::LogsMergeStreams, &["logs/streams", "logs/order"]),
    (
        Fault::FollowDoesNotWait,
        &["logs/follow-waits-for-start", "logs/follow-ends"],
    ),
    (
        Fault::TakenVolumeIsFine,
        &["volumes/name-taken", "concurrency/create-volume"],
    ),
    (
        Fault::CountsAreWrong,
        &["health/counts-add-up", "health/counts-match-the-list"],
    ),
    (
        Fault::UndeclaredWorks,
        &["capability/undeclared-operations-refuse"],
    ),
    (Fault::PanicsInList, &["listing/every-status"]),
    (
        Fault::WaitLosesTheCode,
        &["wait/exit-code", "wait/many-waiters", "wait/next-run"],
    ),
    (
        Fault::WaitDoesNotWait,
        &["wait/created-waits-for-a-run", "wait/timeout"],
    ),
    (Fault::WaitForgetsRemoved, &["wait/removed-keeps-the-code"]),
    (Fault::WaitIgnoresTimeout, &["wait/timeout"]),
    (
        Fault::KillSendsTerm,
        &["kill/ends", "kill/signal-reaches-the-process", "kill/paused"],
    ),
    (Fault::KillOfEndedIsFine, &["kill/not-running", "kill/paused"]),
    (Fault::KillTwice, &["kill/signal-reaches-the-process"]),
    (
        Fault::PauseIsIgnored,
        &["pause/round-trip", "pause/processes-stand-still"],
    ),
    (Fault::PauseAgainFails, &["pause/already", "concurrency/pause"]),
    (Fault::UnpauseOfEndedIsFine, &["pause/unpause-not-running"]),
    (
        Fault::RestartKills,
        &[
            "restart/new-run",
            "restart/stubborn-keeps-running",
            "cancellation/restart",
        ],
    ),
    (
        Fault::RestartDoesNothing,
        &["restart/new-run", "restart/stopped-starts", "restart/by-force"],
    ),
    (Fault::ExecLosesErrors, &["exec/output", "concurrency/exec"]),
    (
        Fault::ExecExitCodesAreLost,
        &["exec/exit-code", "concurrency/exec"],
    ),
    (Fault::ExecIsText, &["exec/output-is-binary-safe"]),
    (Fault::ExecIgnoresInput, &["exec/stdin", "exec/output-large"]),
    (Fault::ExecIgnoresLimit, &["exec/output-limit"]),
    (Fault::ExecIgnoresEnvironment, &["exec/environment"]),
    (Fault::ExecMissingProgramIsOutput, &["exec/no-such-program"]),
    (
        Fault::ExecTimeoutIgnored,
        &["exec/timeout-keeps-the-output", "exec/timeout-kills-children"],
    ),
    (
        Fault::ExecLetsItRunOn,
        &[
            "exec/timeout-kills-children",
            "exec/timeout-kills-stubborn",
            "cancellation/exec",
            "cancellation/exec-at-once",
        ],
    ),
    (Fault::ExecStreamIgnoresTimeout, &["exec-stream/timeout"]),
    (Fault::ExecStreamMergesStreams, &["exec-stream/conversation"]),
    (
        Fault::ExecStatusIsAlwaysEmpty,
        &[
            "exec-detached/status",
            "exec-detached/runs-on",
            "exec-detached/unknown-id",
        ],
    ),
    (Fault::ExecDetachedTakesTimeouts, &["exec-detached/refusals"]),
    (Fault::LogStreamIsText, &["log-stream/not-utf8"]),
    (Fault::LogStreamIgnoresTail, &["log-stream/tail"]),
    (
        Fault::LogStreamDoesNotFollow,
        &[
            "log-stream/follow-live",
            "log-stream/follow-ends",
            "log-stream/follow-waits-for-start",
        ],
    ),
    (Fault::LogStreamHasNoTimes, &["log-stream/timestamps"]),
    (Fault::ReadFileCuts, &["files/limit"]),
    (
        Fault::ReadFileMissingIsEmpty,
        &["files/no-such-file", "files/folder-is-no-file"],
    ),
    (Fault::WriteFileAppends, &["files/replaced"]),
    (Fault::WriteFileForgetsMode, &["files/mode-and-owner"]),
    (Fault::WriteFileMakesFolders, &["files/parents"]),
    (Fault::CopyInLosesLinks, &["files/archive-round-trip"]),
    (Fault::ImagesHaveNoFilter, &["images/list-filter"]),
    (Fault::ImageIsAlwaysThere, &["images/get-missing"]),
    (Fault::LoadNamesNothing, &["images/load"]),
    (Fault::PullTellsNothing, &["images/pull"]),
    (Fault::StatsOfEndedAreZero, &["stats/not-running"]),
    (Fault::StatsStreamGoesOn, &["stats/stream-ends"]),
    (Fault::StatsForgetLimits, &["stats/limits"]),
    (
        Fault::EventsComeTwice,
        &["events/life", "events/filter", "events/after-without-gap-or-twin"],
    ),
    (Fault::EventsLoseCodes, &["events/exit-code"]),
    (Fault::EventsIgnoreFilter, &["events/filter"]),
    (
        Fault::EventsIgnoreCursor,
        &["events/after-without-gap-or-twin", "events/bad-cursor"],
    ),
    (
        Fault::VolumesAreNeverFound,
        &["volumes/get", "capability/volume-inspect"],
    ),
    (
        Fault::NetworksAreFoundAnywhere,
        &["networks/get", "errors/not-found/get-network"],
    ),
    (Fault::ConnectAgainFails, &["networks/connect-twice"]),
    (
        Fault::DisconnectDoesNothing,
        &[
            "networks/connect",
            "networks/disconnect-twice",
            "errors/not-found/disconnect-network",
        ],
    ),
    (Fault::PlanCreates, &["plan/no-side-effects"]),
    (
        Fault::PlanAcceptsAnything,
        &["plan/refusals", "plan/beyond-the-driver"],
    ),
    (
        Fault::HealthIsAlwaysGood,
        &[
            "health/check-passes",
            "health/check-fails",
            "health/container-runs",
        ],
    ),
    (Fault::StopSignalIsForgotten, &["setup/stop-signal"]),
    (Fault::WorkingDirIsForgotten, &["setup/working-dir"]),
    (
        Fault::PortsAreForgotten,
        &["ports/recorded", "ports/picked-apart"],
    ),
];

async fn sabotaged(fault: Fault, checks: &[&str]) -> DriverReport {
    let target = MockTarget::wrapped(Arc::new(move |driver| Arc::new(Saboteur::new(driver, fault))));
    let mut options = Options::new(TestImage::simulated()).seed(1);
    options.selection.globs = checks.iter().map(|id| (*id).to_owned()).collect();
    run(Arc::new(target), &options, Arc::new(Silent)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_fault_is_caught_by_the_checks_that_are_about_it() {
    let mut missed = Vec::new();
    for (fault, checks) in EXPECTED {
        let report = sabotaged(*fault, checks).await;
        assert_eq!(
            report.checks.len(),
            checks.len(),
            "{fault:?} names a check that does not exist"
        );
        let passed = report
            .checks
            .iter()
            .filter(|check| check.outcome != Outcome::Failed);
        missed.extend(
            passed.map(|check| format!("{fault:?}: {} {} {:?}", check.id, check.outcome, check.message)),
        );
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_says_what_was_expected_and_what_happened() {
    let report = sabotaged(Fault::StopKillsAtOnce, &["lifecycle/stop/graceful"]).await;
    let check = &report.checks[0];
    let failure = check.failure.as_ref().unwrap();
    assert_eq!(
        (failure.expected.as_str(), failure.actual.as_str()),
        ("Stopped", "Killed")
    );
    assert!(
        check
            .steps
            .iter()
            .any(|step| step.call.starts_with("stop_container")),
        "{:?}",
        check.steps
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_times_out_and_is_named() {
    let report = sabotaged(
        Fault::HangsInHealth,
        &["health/engine-answers", "creation/ids-are-unique"],
    )
    .await;
    let hung = report.check("health/engine-answers").unwrap();
    assert_eq!(hung.outcome, Outcome::TimedOut);
    assert!(
        hung.message
            .as_ref()
            .unwrap()
            .contains("still waiting for health_check()"),
        "{:?}",
        hung.message
    );
    assert_eq!(
        report.check("creation/ids-are-unique").unwrap().outcome,
        Outcome::Passed
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_driver_is_its_failure_and_not_the_suites() {
    let report = sabotaged(Fault::PanicsInList, &["listing/every-status"]).await;
    let check = &report.checks[0];
    assert_eq!(check.outcome, Outcome::Failed);
    assert!(
        check
            .message
            .as_ref()
            .unwrap()
            .contains("panicked in list_containers"),
        "{:?}",
        check.message
    );
}
