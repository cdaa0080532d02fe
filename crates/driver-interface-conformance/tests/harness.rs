//! The `cargo test` output that a driver author sees: failures, ignored tests with reasons, exit status.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests report failures by panicking"
)]

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Duration;

use driver_interface::{ConnectionError, ContainerDriver, MockTarget};
use driver_interface_conformance::{
    Cancellation, Check, CheckResult, Ctx, Deviation, Harness, Level, SERVE, TestImage, run,
};
use driver_interface_mock::MockDockerDriver;
use driver_interface_types::Property;

async fn passes(ctx: Ctx) -> CheckResult {
    ctx.equal("one", 1, 1)
}

async fn fails(ctx: Ctx) -> CheckResult {
    ctx.driver().health_check().await?;
    ctx.equal("one", 1, 2)
}

async fn creates_a_container(ctx: Ctx) -> CheckResult {
    ctx.ready(&ctx.script(SERVE)).await?;
    ctx.equal("one", 1, 1)
}

/// Creates a container after its check has been cleaned up.
async fn leaks(ctx: Ctx) -> CheckResult {
    let (driver, config) = (ctx.driver().clone(), ctx.script("true"));
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        driver.create_container(&config).await
    });
    ctx.equal("one", 1, 1)
}

/// Keeps the run alive until the leaked container exists.
async fn sleeps(ctx: Ctx) -> CheckResult {
    tokio::time::sleep(Duration::from_secs(5)).await;
    ctx.equal("one", 1, 1)
}

const CHECKS: &[Check] = &[
    Check::must("mine/passes", "It passes.", run!(passes)),
    Check::must("mine/container", "It creates one.", run!(creates_a_container)).exclusive(),
    Check::must("mine/skipped", "It needs a kernel.", run!(passes)).properties(&[Property::RealProcesses]),
    Check::should("mine/should", "It fails.", run!(fails)),
    Check::must("mine/fails", "It fails.", run!(fails)),
];

/// Runs the checks whose ids contain `filter`. Returns whether the program succeeded, and its output.
fn run_with(harness: Harness, filter: &str, args: &[&str]) -> (bool, String) {
    run_as_configured(harness.image(TestImage::simulated()), filter, args)
}

fn run_as_configured(harness: Harness, filter: &str, args: &[&str]) -> (bool, String) {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut all: Vec<OsString> = vec!["conformance".into(), "--logfile".into(), log.path().into()];
    all.extend(args.iter().map(OsString::from));
    all.push(filter.into());
    let code = harness.paused_clock().run(all);
    let printed = std::fs::read_to_string(log.path()).unwrap();
    (code == ExitCode::SUCCESS, printed)
}

/// Returns the line of one test without its padding.
fn line(printed: &str, id: &str) -> String {
    let line = printed
        .lines()
        .find(|line| line.starts_with("test ") && line.contains(id));
    let words: Vec<&str> = line
        .unwrap_or_else(|| panic!("no {id} in {printed}"))
        .split_whitespace()
        .collect();
    words.join(" ")
}

#[test]
fn each_check_is_a_test_and_only_musts_fail() {
    let (well, printed) = run_with(Harness::of(MockTarget::docker()).checks(CHECKS), "mine/", &[]);
    assert!(!well);
    assert_eq!(line(&printed, "mine/passes"), "test [MUST] mine/passes ... ok");
    assert_eq!(
        line(&printed, "mine/container"),
        "test [MUST] mine/container ... ok"
    );
    assert_eq!(line(&printed, "mine/fails"), "test [MUST] mine/fails ... FAILED");
    assert!(
        line(&printed, "mine/skipped")
            .ends_with("ignored (the driver does not declare properties.real_processes)"),
        "{printed}"
    );
    assert!(
        line(&printed, "mine/should")
            .ends_with("ignored (failed, but only a SHOULD: one: expected 2, got 1)"),
        "{printed}"
    );
    assert!(
        printed.contains("expected  2")
            && printed.contains("actual    1")
            && printed.contains("health_check"),
        "a failure reports all details: {printed}"
    );
    assert!(printed.contains("-- --exact mine/fails"), "{printed}");
    assert!(printed.contains("2 passed; 1 failed; 2 ignored"), "{printed}");
}

#[test]
fn fail_on_should_fails_should_checks() {
    let harness = Harness::of(MockTarget::docker())
        .checks(CHECKS)
        .fail_on(Level::Should);
    let (well, printed) = run_with(harness, "mine/should", &[]);
    assert!(
        !well && line(&printed, "mine/should").ends_with("FAILED"),
        "{printed}"
    );
}

#[test]
fn exact_filter_runs_one_check_and_cleans_up() {
    let target = MockTarget::docker();
    let engine = target.engine().clone();
    let harness = Harness::of(target).checks(CHECKS);
    let (well, printed) = run_with(harness, "mine/container", &["--exact"]);
    assert!(
        well && printed.contains("1 passed; 0 failed; 0 ignored"),
        "{printed}"
    );
    assert!(engine.containers().is_empty());
    assert!(
        engine
            .images()
            .iter()
            .all(|image| !image.as_str().contains("conformance")),
        "{:?}",
        engine.images()
    );
}

#[test]
fn ignored_flag_selects_inapplicable_checks() {
    let harness = Harness::of(MockTarget::docker()).checks(CHECKS);
    let (well, printed) = run_with(harness, "mine/", &["--ignored"]);
    assert!(
        well && printed.contains("0 passed; 0 failed; 1 ignored"),
        "{printed}"
    );
}

#[test]
fn checks_are_ignored_without_image() {
    let harness = || {
        Harness::of(MockTarget::docker())
            .checks(CHECKS)
            .without_image("none here")
    };
    let not_run = "ignored (not run: no test image: none here)";
    let (well, printed) = run_as_configured(harness(), "mine/container", &["--exact"]);
    assert!(
        well && line(&printed, "mine/container").ends_with(not_run),
        "{printed}"
    );
    let (well, printed) = run_as_configured(harness(), "mine/", &["--ignored"]);
    assert!(
        well && printed.contains("0 passed; 0 failed; 5 ignored"),
        "{printed}"
    );
}

#[test]
fn run_with_only_ignored_checks_fails() {
    let harness = || {
        Harness::of(MockTarget::docker())
            .checks(CHECKS)
            .without_image("none here")
    };
    let (well, printed) = run_as_configured(harness(), "mine/", &[]);
    assert!(
        !well && printed.contains("0 passed; 0 failed; 5 ignored"),
        "{printed}"
    );
}

static STOP: LazyLock<Cancellation> = LazyLock::new(Cancellation::default);

async fn interrupts(ctx: Ctx) -> CheckResult {
    STOP.cancel();
    ctx.equal("one", 1, 1)
}

#[test]
fn interrupt_marks_remaining_checks_not_run_and_fails() {
    const CHECKS: &[Check] = &[
        Check::must("mine/1-passes", "It passes.", run!(passes)),
        Check::must("mine/2-interrupts", "It ends the run.", run!(interrupts)),
        Check::must("mine/3-waits", "It waits.", run!(passes)),
    ];
    let harness = Harness::of(MockTarget::docker())
        .checks(CHECKS)
        .cancellation(STOP.clone());
    let (well, printed) = run_with(harness, "mine/", &["--test-threads=1"]);
    assert_eq!(
        line(&printed, "mine/1-passes"),
        "test [MUST] mine/1-passes ... ok"
    );
    assert!(
        line(&printed, "mine/3-waits").ends_with("ignored (not run: the run was cancelled)"),
        "{printed}"
    );
    assert!(!well && !printed.contains("FAILED"), "{printed}");
}

#[test]
fn declared_deviation_holds_until_it_passes_or_expires() {
    let declared = |check, until| {
        let harness = Harness::of(MockTarget::docker()).checks(CHECKS);
        harness.deviation(Deviation::new(check, "acme#1", until))
    };
    let (well, printed) = run_with(declared("mine/fails", "1.0.0"), "mine/fails", &[]);
    assert!(well, "{printed}");
    assert!(
        line(&printed, "mine/fails").contains("deviates as declared: acme#1 (until 1.0.0)"),
        "{printed}"
    );

    // The mock's version is 0.1.0. An expired deviation fails even for a SHOULD.
    for (check, until, why) in [
        (
            "mine/fails",
            "0.1.0",
            "has expired, as the driver is 0.1.0: acme#1",
        ),
        (
            "mine/should",
            "0.0.9",
            "has expired, as the driver is 0.1.0: acme#1",
        ),
        (
            "mine/passes",
            "1.0.0",
            "it passed, but a deviation is declared: acme#1",
        ),
    ] {
        let (well, printed) = run_with(declared(check, until), check, &[]);
        assert!(
            !well && line(&printed, check).ends_with("FAILED") && printed.contains(why),
            "{printed}"
        );
    }

    let (well, _) = run_with(declared("mine/pases", "1.0.0"), "mine/", &[]);
    assert!(!well, "no check has that name");
}

#[test]
fn leak_fails_the_program() {
    const LEAKS: &[Check] = &[
        Check::must("mine/leaks", "It leaks.", run!(leaks)),
        Check::must("mine/sleeps", "It waits.", run!(sleeps)),
    ];
    let target = MockTarget::docker();
    let engine = target.engine().clone();
    let (well, printed) = run_with(Harness::of(target).checks(LEAKS), "mine/", &[]);
    assert!(!well && printed.contains("2 passed; 0 failed"), "{printed}");
    assert!(engine.containers().is_empty(), "what was left is removed");
}

#[test]
fn no_connection_when_no_check_is_selected() {
    let connect = |_| async { Err::<MockDockerDriver, _>(ConnectionError::new("no engine").into()) };
    let (well, printed) = run_with(Harness::new("acme:", connect), "some_other_test", &[]);
    assert!(well && printed.contains("0 passed; 0 failed"), "{printed}");
    let (well, printed) = run_with(Harness::new("acme:", connect), "lifecycle/stop/graceful", &[]);
    assert!(
        !well && printed.contains("cannot connect") && printed.contains("no engine"),
        "{printed}"
    );
}
