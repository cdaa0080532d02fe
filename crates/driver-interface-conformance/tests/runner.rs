//! The runner: checks that panic, hang, leak or assert nothing, cancelled runs, unreachable targets.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests report failures by panicking"
)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driver_interface::MockTarget;
use driver_interface_conformance::{
    Cancellation, Check, CheckReport, CheckResult, Ctx, DriverReport, DriverVerdict, Failure, Need, Observer,
    Options, Outcome, RunError, SERVE, Silent, Target, TestImage, run, run_checks, sweep, target_fn,
};
use driver_interface_mock::MockDockerDriver;
use driver_interface_types::{ContainerDriver, DriverError, Namespace, Property, Result};

async fn passes(ctx: Ctx) -> CheckResult {
    ctx.equal("one", 1, 1)
}

async fn fails(ctx: Ctx) -> CheckResult {
    ctx.driver().health_check().await?;
    ctx.equal("one", 1, 2)
}

async fn panics(_: Ctx) -> CheckResult {
    panic!("oops")
}

async fn hangs(ctx: Ctx) -> CheckResult {
    ctx.ready(&ctx.script(SERVE)).await?;
    std::future::pending().await
}

async fn asserts_nothing(_: Ctx) -> CheckResult {
    Ok(())
}

/// Creates a container after its check has been cleaned up.
async fn leaks(ctx: Ctx) -> CheckResult {
    let (driver, config) = (ctx.driver().clone(), ctx.script("true"));
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        driver.create_container(&config).await
    });
    ctx.equal("one", 1, 1)
}

async fn sleeps(ctx: Ctx) -> CheckResult {
    tokio::time::sleep(Duration::from_secs(5)).await;
    ctx.equal("one", 1, 1)
}

async fn creates(ctx: Ctx) -> CheckResult {
    ctx.ready(&ctx.script(SERVE)).await?;
    let volume = ctx.driver().create_volume(&ctx.volume()).await?;
    ctx.driver().create_network(&ctx.network()).await?;
    ctx.ensure("made", !volume.name.is_empty(), volume)
}

async fn claims_to_be_unsupported(ctx: Ctx) -> CheckResult {
    ctx.equal("one", 1, 1)?;
    Err(DriverError::from(driver_interface_errors::UnsupportedError::new(
        "list_volumes", "not today",
    ))
    .into())
}

const HANG_LIMIT: u64 = 60;

const CHECKS: &[Check] = &[
    Check::must("a/passes", "It passes.", run!(passes)),
    Check::must("a/fails", "It fails.", run!(fails)),
    Check::must("b/panics", "It panics.", run!(panics)),
    Check::must("b/hangs", "It hangs.", run!(hangs)).limit(HANG_LIMIT),
    Check::should("c/asserts-nothing", "It asserts nothing.", run!(asserts_nothing)),
    Check::must("c/creates", "It cleans up.", run!(creates)),
    Check::must("d/real", "It needs a kernel.", run!(passes)).properties(&[Property::RealProcesses]),
    Check::must(
        "d/unsupported",
        "It does what it declares.",
        run!(claims_to_be_unsupported),
    ),
];

fn check(id: &str) -> Check {
    *CHECKS.iter().find(|check| check.id == id).unwrap()
}

async fn report_on(checks: &[Check], options: Options) -> DriverReport {
    run_checks(checks, Arc::new(MockTarget::docker()), &options, Arc::new(Silent))
        .await
        .unwrap()
}

async fn one(id: &str) -> CheckReport {
    let report = report_on(&[check(id)], Options::new(TestImage::simulated())).await;
    assert!(report.leaks.is_empty(), "{:?}", report.leaks);
    report.checks.into_iter().next().unwrap()
}

#[tokio::test(start_paused = true)]
async fn assertions_decide_the_outcome() {
    assert_eq!(one("a/passes").await.outcome, Outcome::Passed);
    let failed = one("a/fails").await;
    assert_eq!(failed.outcome, Outcome::Failed);
    assert_eq!(failed.failure, Some(Failure::new("one", "2", "1")));
    assert_eq!(failed.steps.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn panicking_check_is_an_error_and_others_run() {
    let report = report_on(CHECKS, Options::new(TestImage::simulated())).await;
    let panicked = report.check("b/panics").unwrap();
    assert_eq!(panicked.outcome, Outcome::Error);
    assert_eq!(panicked.message.as_deref(), Some("the check panicked: oops"));
    assert_eq!(report.check("a/passes").unwrap().outcome, Outcome::Passed);
    assert_eq!(report.checks.len(), CHECKS.len());
    let order: Vec<&str> = report.checks.iter().map(|check| check.id.as_str()).collect();
    let catalogue: Vec<&str> = CHECKS.iter().map(|check| check.id).collect();
    assert_eq!(
        order, catalogue,
        "reports are in the catalogue's order, whatever order they ran in"
    );
}

#[tokio::test(start_paused = true)]
async fn hanging_check_times_out_and_is_cleaned_up() {
    let hung = one("b/hangs").await;
    assert_eq!(hung.outcome, Outcome::TimedOut);
    assert!(hung.duration_ms >= HANG_LIMIT * 1000, "{}", hung.duration_ms);
}

#[tokio::test(start_paused = true)]
async fn check_without_assertions_is_an_error() {
    assert_eq!(one("c/asserts-nothing").await.outcome, Outcome::Error);
}

#[tokio::test(start_paused = true)]
async fn unsupported_error_is_a_failure_not_a_skip() {
    assert_eq!(one("d/unsupported").await.outcome, Outcome::Failed);
}

#[tokio::test(start_paused = true)]
async fn inapplicable_check_is_skipped_with_reason() {
    let skipped = one("d/real").await;
    assert_eq!(skipped.outcome, Outcome::Skipped);
    assert_eq!(
        skipped.message.as_deref(),
        Some("the driver does not declare properties.real_processes")
    );
}

fn no_image() -> Options {
    Options::new(TestImage::Missing("none was found; name one".to_owned()))
}

#[tokio::test(start_paused = true)]
async fn run_without_image_passes_in_part_with_count() {
    const NEEDS_NONE: Check = Check::must("a/needs-none", "It passes.", run!(passes)).without_image();
    let report = report_on(&[check("a/passes"), check("d/real"), NEEDS_NONE], no_image()).await;
    let lacking = report.check("a/passes").unwrap();
    assert_eq!(lacking.outcome, Outcome::NotRun);
    assert_eq!(
        lacking.message.as_deref(),
        Some("no test image: none was found; name one")
    );
    assert_eq!(
        report.check("d/real").unwrap().outcome,
        Outcome::Skipped,
        "what the driver does not declare needs no image"
    );
    assert_eq!(report.verdict(false), DriverVerdict::PassedInPart);
    assert_eq!(
        report.verdict_text(false),
        "passed in part: 1 checks not run (no test image: none was found; name one)"
    );
    assert_eq!(
        report.without_image(),
        Some((1, "no test image: none was found; name one"))
    );

    let nothing = report_on(&[check("a/passes"), check("d/real")], no_image()).await;
    assert_eq!(nothing.verdict(false), DriverVerdict::NotChecked);
}

#[tokio::test(start_paused = true)]
async fn unavailable_image_counts_as_missing() {
    let named = |image| Options::new(TestImage::existing(image).unwrap());
    let report = report_on(&[check("c/creates")], named("registry.invalid/none:1")).await;
    let lacking = &report.checks[0];
    assert_eq!(lacking.outcome, Outcome::NotRun);
    let message = lacking.message.as_deref().unwrap();
    assert!(
        message.starts_with("no test image: registry.invalid/none:1 is not available: IMAGE_"),
        "{message}"
    );
    let report = report_on(&[check("c/creates")], named("busybox")).await;
    assert_eq!(report.summary.passed, 1, "{:?}", report.checks[0]);
    assert!(report.leaks.is_empty(), "{:?}", report.leaks);
}

#[tokio::test(start_paused = true)]
async fn registry_checks_need_a_registry() {
    const PULLS: Check = Check::must("f/pulls", "It pulls.", run!(passes)).needs(&[Need::Registry]);
    const ALONE: Check = Check::must("f/alone", "It passes.", run!(passes));
    let target = target_fn("alone:", |namespace| async {
        Ok(MockDockerDriver::builder().namespace(namespace).build())
    });
    let options = Options::new(TestImage::simulated());
    let report = run_checks(&[PULLS, ALONE], Arc::new(target), &options, Arc::new(Silent))
        .await
        .unwrap();
    assert_eq!(report.check("f/pulls").unwrap().outcome, Outcome::NotRun);
    assert_eq!(report.verdict(false), DriverVerdict::PassedInPart);
    assert_eq!(report.without_image(), None, "it has one");
}

#[tokio::test(start_paused = true)]
async fn resources_of_a_check_are_removed() {
    let target = Arc::new(MockTarget::docker());
    let options = Options::new(TestImage::simulated());
    let run = run_checks(&[check("c/creates")], target.clone(), &options, Arc::new(Silent))
        .await
        .unwrap();
    assert_eq!((run.summary.passed, run.leaks), (1, Vec::new()));
    let engine = target.engine();
    assert!(engine.containers().is_empty() && engine.volumes().is_empty() && engine.networks().is_empty());
    assert!(
        engine
            .images()
            .iter()
            .all(|image| !image.as_str().contains("conformance")),
        "{:?}",
        engine.images()
    );
}

#[tokio::test(start_paused = true)]
async fn leaks_are_reported_and_removed() {
    const LEAKS: Check = Check::must("e/leaks", "It leaks.", run!(leaks));
    const SLOW: Check = Check::must("e/sleeps", "It waits.", run!(sleeps));
    let target = Arc::new(MockTarget::docker());
    let options = Options::new(TestImage::simulated());
    let run = run_checks(&[LEAKS, SLOW], target.clone(), &options, Arc::new(Silent))
        .await
        .unwrap();
    assert_eq!((run.summary.passed, run.leaks.len()), (2, 1), "{:?}", run.leaks);
    assert!(run.leaks[0].starts_with("container conf-"), "{:?}", run.leaks);
    assert!(target.engine().containers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn cancelled_run_cleans_up_and_lists_checks_not_run() {
    struct CancelAtFirst(Cancellation);

    impl Observer for CancelAtFirst {
        fn check_started(&self, _: &Check) {
            let cancellation = self.0.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(3)).await;
                cancellation.cancel();
            });
        }
    }

    let cancellation = Cancellation::default();
    let options = Options::new(TestImage::simulated())
        .jobs(1)
        .cancellation(cancellation.clone());
    let target = Arc::new(MockTarget::docker());
    let checks = [
        check("b/hangs"),
        Check::must("b/hangs-too", "It hangs.", run!(hangs)),
    ];
    let observer = Arc::new(CancelAtFirst(cancellation));
    let run = run_checks(&checks, target.clone(), &options, observer)
        .await
        .unwrap();
    assert!(run.cancelled);
    assert_eq!(run.summary.not_run, 2);
    assert!(target.engine().containers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn seed_determines_the_order() {
    #[derive(Default)]
    struct Order(std::sync::Mutex<Vec<&'static str>>);

    impl Observer for Order {
        fn check_started(&self, check: &Check) {
            self.0.lock().unwrap().push(check.id);
        }
    }

    let order_of = async |seed| {
        let options = Options::new(TestImage::simulated()).jobs(1).seed(seed);
        let order = Arc::new(Order::default());
        let target = Arc::new(MockTarget::docker());
        run_checks(CHECKS, target, &options, order.clone()).await.unwrap();
        order.0.lock().unwrap().clone()
    };
    assert_eq!(order_of(7).await, order_of(7).await);
    let others: Vec<_> = [order_of(1).await, order_of(2).await, order_of(3).await].into();
    let seven = order_of(7).await;
    assert!(others.iter().any(|order| *order != seven));
}

#[tokio::test(start_paused = true)]
async fn invalid_selection_lists_the_areas() {
    let target = || Arc::new(MockTarget::docker());
    let mut options = Options::new(TestImage::simulated());
    options.selection.areas = vec!["lifecicle".to_owned()];
    let error = run(target(), &options, Arc::new(Silent)).await.unwrap_err();
    assert!(matches!(error, RunError::Selection(_)));
    assert!(
        error.to_string().contains("lifecycle") && error.to_string().contains("lifecicle"),
        "{error}"
    );
    options.selection.areas.clear();
    options.selection.globs = vec!["nothing/**".to_owned()];
    let error = run(target(), &options, Arc::new(Silent))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("nothing/**") && error.contains("the areas are"),
        "{error}"
    );
    // A matching pattern must not hide one that matches nothing.
    options.selection.globs = vec!["keys/*".to_owned(), "kyes/*".to_owned()];
    let error = run(target(), &options, Arc::new(Silent)).await.unwrap_err();
    assert!(
        error.to_string().contains("no check matches filter \"kyes/*\""),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn unmanaged_resource_checks_are_skipped_without_support() {
    struct Alone(MockTarget);

    #[async_trait]
    impl Target for Alone {
        fn uri(&self) -> String {
            "alone:".to_owned()
        }

        async fn connect(&self, namespace: &Namespace) -> Result<Arc<dyn ContainerDriver>> {
            self.0.connect(namespace).await
        }
    }

    const NEEDS: Check =
        Check::must("f/needs", "It needs others.", run!(passes)).needs(&[Need::UnmanagedResources]);
    let target = Arc::new(Alone(MockTarget::docker()));
    let options = Options::new(TestImage::simulated());
    let run = run_checks(&[NEEDS], target, &options, Arc::new(Silent))
        .await
        .unwrap();
    assert_eq!(run.summary.skipped, 1);
}

/// Fails at odd seeds: a reproducible flaky check.
async fn fails_at_odd_seeds(ctx: Ctx) -> CheckResult {
    // Consecutive run seeds give a check consecutive seeds.
    ctx.ensure("even", ctx.seed().is_multiple_of(2), ctx.seed())
}

#[tokio::test(start_paused = true)]
async fn repeated_run_reports_every_repetition() {
    #[derive(Default)]
    struct Seeds(std::sync::Mutex<Vec<(usize, usize, u64)>>);

    impl Observer for Seeds {
        fn repetition_started(&self, number: usize, times: usize, seed: u64) {
            self.0.lock().unwrap().push((number, times, seed));
        }
    }

    const FLAKY: Check = Check::must("g/flaky", "It holds at times.", run!(fails_at_odd_seeds));
    let observer = Arc::new(Seeds::default());
    let options = Options::new(TestImage::simulated()).seed(7).repeat(4);
    let target = Arc::new(MockTarget::docker());
    let report = run_checks(&[check("a/passes"), FLAKY], target, &options, observer.clone())
        .await
        .unwrap();
    assert_eq!(
        *observer.0.lock().unwrap(),
        [(1, 4, 7), (2, 4, 8), (3, 4, 9), (4, 4, 10)]
    );
    assert_eq!(report.seeds, [7, 8, 9, 10]);
    assert_eq!(
        (report.summary.passed, report.summary.failed),
        (1, 1),
        "each check counts once"
    );

    let steady = report.check("a/passes").unwrap();
    assert!(steady.repetitions.len() == 4 && !steady.is_flaky(), "{steady:#?}");
    let flaky = report.check("g/flaky").unwrap();
    assert!(flaky.is_flaky() && flaky.failure.is_some(), "{flaky:#?}");
    let failed = |outcome| {
        flaky
            .repetitions
            .iter()
            .filter(|time| time.outcome == outcome)
            .count()
    };
    assert_eq!((failed(Outcome::Passed), failed(Outcome::Failed)), (2, 2));
    let first = flaky
        .repetitions
        .iter()
        .find(|time| time.outcome == Outcome::Failed);
    assert_eq!(
        flaky.seed(),
        first.map(|time| time.seed),
        "the report is about a time that failed"
    );
}

#[tokio::test(start_paused = true)]
async fn bail_starts_no_check_after_a_failure() {
    let checks = [
        check("a/fails"),
        check("a/passes"),
        check("c/creates"),
        check("d/unsupported"),
    ];
    let ends = async |bail| {
        // Find a seed that runs the failing check first.
        let seeds = 0..100;
        for seed in seeds {
            let options = Options::new(TestImage::simulated())
                .jobs(1)
                .seed(seed)
                .bail(bail)
                .repeat(2);
            let report = report_on(&checks, options).await;
            if !bail || report.summary.not_run == 3 {
                return report;
            }
        }
        panic!("no seed begins with a failure");
    };
    let report = ends(true).await;
    assert!(
        !report.cancelled && report.summary.must_failed == 1,
        "{:?}",
        report.summary
    );
    assert_eq!(report.seeds.len(), 1, "nothing is repeated after a failure");
    let waiting = report.check("a/passes").unwrap();
    let failed = report
        .problems()
        .find(|check| check.outcome == Outcome::Failed)
        .unwrap();
    assert_eq!(
        waiting.message,
        Some(format!("the run ended early, after {} did not pass", failed.id))
    );
    assert_eq!(ends(false).await.summary.not_run, 0);
}

#[tokio::test(start_paused = true)]
async fn should_failure_does_not_bail() {
    const SHOULD: Check = Check::should("a/fails", "It fails.", run!(fails));
    let options = Options::new(TestImage::simulated()).jobs(1).bail(true);
    let report = report_on(&[SHOULD, check("a/passes"), check("c/creates")], options).await;
    assert_eq!((report.summary.failed, report.summary.not_run), (1, 0));
}

#[test]
fn shards_partition_the_selection() {
    let all = driver_interface_conformance::checks::all();
    let ids = |checks: &[Check]| checks.iter().map(|check| check.id).collect::<Vec<_>>();
    let part = |shard: &str, checks: &[Check]| {
        let mut options = Options::new(TestImage::simulated());
        options.selection.areas = vec!["logs".to_owned(), "creation".to_owned()];
        options.selection.shard = Some(shard.parse().unwrap());
        ids(&options.selection.apply(checks).unwrap())
    };
    let parts = ["1/3", "2/3", "3/3"].map(|shard| part(shard, &all));
    let sizes: Vec<usize> = parts.iter().map(Vec::len).collect();
    assert!(
        sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1,
        "{sizes:?}"
    );
    let mut together = parts.concat();
    together.sort_unstable();
    let mut expected = part("1/1", &all);
    expected.sort_unstable();
    assert_eq!(together, expected);
    let mut reversed = all.clone();
    reversed.reverse();
    let mut again = part("2/3", &reversed);
    again.reverse();
    assert_eq!(again, parts[1], "the order of the checks does not matter");
    for nonsense in ["0/3", "4/3", "1/0", "1", "a/b", "-1/3", ""] {
        assert!(
            nonsense.parse::<driver_interface_conformance::Shard>().is_err(),
            "{nonsense:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn sweep_removes_only_leftovers_of_killed_run() {
    struct Noting(MockTarget, std::sync::Mutex<Vec<Namespace>>);

    #[async_trait]
    impl Target for Noting {
        fn uri(&self) -> String {
            self.0.uri()
        }

        async fn connect(&self, namespace: &Namespace) -> Result<Arc<dyn ContainerDriver>> {
            self.1.lock().unwrap().push(namespace.clone());
            self.0.connect(namespace).await
        }
    }

    let target = Arc::new(Noting(MockTarget::docker(), std::sync::Mutex::default()));
    let engine = target.0.engine().clone();
    let images_before = engine.images();
    for _ in 0..2 {
        let options = Options::new(TestImage::simulated());
        let checks = [check("b/hangs")];
        let run = run_checks(&checks, target.clone(), &options, Arc::new(Silent));
        // Dropping the run acts like a kill: no cleanup happens.
        let killed = tokio::time::timeout(Duration::from_secs(5), run).await;
        assert!(killed.is_err());
    }
    let namespaces = target.1.lock().unwrap().clone();
    assert_eq!((namespaces.len(), engine.containers().len()), (2, 2));
    let found = sweep(target.clone(), &namespaces[..1]).await.unwrap();
    assert_eq!(found.len(), 2, "a container and an image: {found:?}");
    assert_eq!(engine.containers().len(), 1, "the other run still has its own");
    assert_eq!(sweep(target.clone(), &namespaces[..1]).await, Ok(Vec::new()));
    sweep(target.clone(), &namespaces[1..]).await.unwrap();
    assert!(engine.containers().is_empty());
    assert_eq!(engine.images(), images_before);
}
