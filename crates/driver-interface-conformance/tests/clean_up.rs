//! Driver calls outside of any check: panics, hangs and refusals lose no report and do not stop the cleanup.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests report failures by panicking"
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use driver_interface::{ConnectionError, MockTarget, TarStream};
use driver_interface_conformance::self_test::{SelfTest, self_test};
use driver_interface_conformance::{
    Cancellation, Check, CheckResult, Ctx, DriverReport, Need, Observer, Options, Outcome, RunError, SERVE,
    Silent, Target, TestImage, UnmanagedResources, render, run, run_checks, sweep,
};
use driver_interface_mock::MockEngine;
use driver_interface_types::{
    Capabilities, ContainerDriver, ContainerFilter, ContainerId, ContainerInstance, DriverHealth, ImageRef,
    LayeredDriver, Namespace, RemoveOptions, ResourceFilter, Result, Volume,
};

async fn passes(ctx: Ctx) -> CheckResult {
    ctx.equal("one", 1, 1)
}

async fn creates(ctx: Ctx) -> CheckResult {
    ctx.ready(&ctx.script(SERVE)).await?;
    ctx.ready(&ctx.script(SERVE)).await?;
    ctx.driver().create_volume(&ctx.volume()).await?;
    ctx.equal("one", 1, 1)
}

const PASSES: Check = Check::must("a/passes", "It passes.", run!(passes));
const CREATES: Check = Check::must("a/creates", "It cleans up.", run!(creates));

/// How a faulty driver fails an operation.
#[derive(Clone, Copy, Debug)]
enum Instead {
    Panics,
    Hangs,
    Refuses,
}

impl Instead {
    async fn happens(self) -> Result<()> {
        match self {
            Self::Panics => panic!("oops"),
            Self::Hangs => std::future::pending().await,
            Self::Refuses => Err(ConnectionError::new("not now").into()),
        }
    }
}

/// A driver that fails some operations.
#[derive(Debug)]
struct Broken {
    inner: Arc<dyn ContainerDriver>,
    instead: Instead,
    operations: &'static [&'static str],
}

impl Broken {
    async fn happens(&self, operation: &str) -> Result<()> {
        if self.operations.contains(&operation) {
            return self.instead.happens().await;
        }
        Ok(())
    }

    fn panics(&self, operation: &str) {
        assert!(!self.operations.contains(&operation), "oops");
    }
}

#[async_trait]
impl LayeredDriver for Broken {
    fn inner(&self) -> &dyn ContainerDriver {
        &self.inner
    }

    fn name(&self) -> &str {
        self.panics("name");
        self.inner().name()
    }

    fn capabilities(&self) -> Capabilities {
        self.panics("capabilities");
        self.inner().capabilities()
    }

    async fn health_check(&self) -> Result<DriverHealth> {
        self.happens("health_check").await?;
        self.inner().health_check().await
    }

    async fn import_image(&self, image: &ImageRef, root: TarStream) -> Result<()> {
        let done = self.inner().import_image(image, root).await;
        // The image was imported, but the response is lost.
        self.happens("import_image").await?;
        done
    }

    async fn remove_image(&self, image: &ImageRef) -> Result<()> {
        self.happens("remove_image").await?;
        self.inner().remove_image(image).await
    }

    async fn list_containers(&self, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
        self.happens("list_containers").await?;
        self.inner().list_containers(filter).await
    }

    async fn list_volumes(&self, filter: &ResourceFilter) -> Result<Vec<Volume>> {
        self.happens("list_volumes").await?;
        self.inner().list_volumes(filter).await
    }

    async fn remove_container(&self, id: &ContainerId, options: RemoveOptions) -> Result<()> {
        self.happens("remove_container").await?;
        let found = self.inner().get_container(id).await?;
        if found.is_some_and(|found| found.name.ends_with("-0")) {
            self.happens("remove_first_container").await?;
        }
        self.inner().remove_container(id, options).await
    }
}

fn broken(instead: Instead, operations: &'static [&'static str]) -> Arc<MockTarget> {
    Arc::new(MockTarget::wrapped(Arc::new(move |inner| {
        Arc::new(Broken {
            inner,
            instead,
            operations,
        })
    })))
}

async fn report_on(target: Arc<dyn Target>, checks: &[Check]) -> DriverReport {
    let options = Options::new(TestImage::simulated()).jobs(1);
    run_checks(checks, target, &options, Arc::new(Silent))
        .await
        .unwrap()
}

fn leaked(report: &DriverReport, parts: &[&str]) -> bool {
    let mut leaks = report.leaks.iter();
    leaks.any(|leak| parts.iter().all(|part| leak.contains(part)))
}

#[tokio::test(start_paused = true)]
async fn cleanup_panic_does_not_lose_the_report() {
    let target = broken(Instead::Panics, &["remove_container"]);
    let report = report_on(target.clone(), &[CREATES, PASSES]).await;
    assert_eq!(report.summary.passed, 2, "{report:#?}");
    let of_the_check = ["a/creates: container conf-", "the driver panicked: oops"];
    assert!(leaked(&report, &of_the_check), "{:?}", report.leaks);
    let of_the_sweep = ["could not be swept: container conf-", "the driver panicked: oops"];
    assert!(leaked(&report, &of_the_sweep), "{:?}", report.leaks);
    assert!(target.engine().volumes().is_empty(), "the rest is removed");
}

#[tokio::test(start_paused = true)]
async fn driver_panic_outside_checks_does_not_lose_the_report() {
    for (operation, reported) in [
        ("name", "reading its name and version: the driver panicked: oops"),
        (
            "capabilities",
            "reading its capabilities: the driver panicked: oops",
        ),
        ("health_check", "checking its health: the driver panicked: oops"),
        (
            "list_containers",
            "its containers could not be listed: the driver panicked: oops",
        ),
        ("remove_image", "image localhost/driver-interface-conformance:"),
    ] {
        let operations: &[&str] = Vec::leak(vec![operation]);
        let report = report_on(broken(Instead::Panics, operations), &[PASSES.without_image()]).await;
        assert_eq!(report.summary.passed, 1, "{operation}: {report:#?}");
        assert!(leaked(&report, &[reported]), "{operation}: {:?}", report.leaks);
    }
}

#[tokio::test(start_paused = true)]
async fn failed_import_leaves_no_image() {
    for instead in [Instead::Panics, Instead::Hangs, Instead::Refuses] {
        let target = broken(instead, &["import_image"]);
        let before = target.engine().images();
        let report = report_on(target.clone(), &[PASSES]).await;
        assert_eq!((report.summary.errors, report.leaks.len()), (1, 0), "{report:#?}");
        assert_eq!(target.engine().images(), before, "{instead:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn connect_panic_or_hang_is_unreachable() {
    struct Connects(Instead);

    #[async_trait]
    impl Target for Connects {
        fn uri(&self) -> String {
            "broken:".to_owned()
        }

        async fn connect(&self, _: &Namespace) -> Result<Arc<dyn ContainerDriver>> {
            self.0.happens().await?;
            panic!("it connects")
        }
    }

    for (instead, reported) in [
        (Instead::Panics, "the driver panicked: oops"),
        (Instead::Hangs, "connect"),
    ] {
        let target = Arc::new(Connects(instead));
        let options = Options::new(TestImage::simulated());
        let run = run_checks(&[PASSES], target.clone(), &options, Arc::new(Silent));
        let limit = Duration::from_secs(300);
        let error = tokio::time::timeout(limit, run).await.unwrap().unwrap_err();
        assert!(matches!(error, RunError::Unreachable(_)), "{error}");
        assert!(error.to_string().contains(reported), "{error}");
        let namespaces = [Namespace::new("conf-00000001").unwrap()];
        let swept = tokio::time::timeout(limit, sweep(target, &namespaces))
            .await
            .unwrap();
        assert!(swept.unwrap_err().contains(reported));
    }
}

#[tokio::test(start_paused = true)]
async fn removal_failure_does_not_block_other_removals() {
    for (instead, reported) in [
        (Instead::Panics, "the driver panicked: oops"),
        (Instead::Hangs, "timed out after"),
        (Instead::Refuses, "not now"),
    ] {
        let target = broken(instead, &["remove_first_container", "list_volumes"]);
        let report = report_on(target.clone(), &[CREATES, PASSES]).await;
        assert_eq!(report.summary.passed, 2, "{report:#?}");
        assert!(
            leaked(&report, &["a/creates: container conf-", reported]),
            "{:?}",
            report.leaks
        );
        assert!(
            leaked(&report, &["its volumes could not be listed", reported]),
            "{:?}",
            report.leaks
        );
        let engine = target.engine();
        assert_eq!((engine.containers().len(), engine.volumes().len()), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn sweep_continues_after_failures_and_reports_them() {
    let target = broken(Instead::Refuses, &["remove_first_container"]);
    let namespaces = ["conf-00000001", "conf-00000002"].map(|name| Namespace::new(name).unwrap());
    for namespace in &namespaces {
        let driver = target.connect(namespace).await.unwrap();
        for number in 0..3 {
            let config = driver_interface_types::ContainerConfig::new("session", "busybox");
            let config = config.name(format!("{namespace}-{number}"));
            driver.create_container(&config).await.unwrap();
        }
    }
    let problems = sweep(target.clone(), &namespaces).await.unwrap_err();
    for namespace in &namespaces {
        assert!(
            problems.contains(&format!("container {namespace}-0 (created) could not be removed")),
            "{problems}"
        );
    }
    let left: Vec<String> = target
        .engine()
        .containers()
        .into_iter()
        .map(|left| left.name)
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn runner_panic_is_an_error_and_other_checks_run() {
    struct PanicsAt(&'static str);

    impl Observer for PanicsAt {
        fn check_started(&self, check: &Check) {
            assert_ne!(check.id, self.0, "oops");
        }
    }

    let options = Options::new(TestImage::simulated());
    let checks = [PASSES, CREATES];
    let target = Arc::new(MockTarget::docker());
    let report = run_checks(&checks, target, &options, Arc::new(PanicsAt(CREATES.id)))
        .await
        .unwrap();
    assert_eq!((report.summary.total, report.summary.passed), (2, 1));
    let failed = report.check(CREATES.id).unwrap();
    assert_eq!(failed.outcome, Outcome::Error);
    assert!(failed.message.as_deref().unwrap().contains("oops"), "{failed:?}");
}

/// Blocks the check's thread until the sender is dropped.
static BLOCKED: Mutex<Option<std::sync::mpsc::Receiver<()>>> = Mutex::new(None);

async fn blocks(_: Ctx) -> CheckResult {
    let blocked = BLOCKED.lock().unwrap().take().unwrap();
    let _ = blocked.recv();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn blocking_check_does_not_delay_the_run() {
    const BLOCKS: Check = Check::must("b/blocks", "It blocks.", run!(blocks)).limit(1);
    let (end, blocked) = std::sync::mpsc::channel();
    *BLOCKED.lock().unwrap() = Some(blocked);
    let run = report_on(Arc::new(MockTarget::docker()), &[BLOCKS, PASSES]);
    let report = tokio::time::timeout(Duration::from_secs(60), run).await;
    drop(end);
    let report = report.unwrap();
    assert_eq!((report.summary.timed_out, report.summary.passed), (1, 1));
    assert!(
        leaked(&report, &["b/blocks: the check is still running"]),
        "{:?}",
        report.leaks
    );
}

/// A target that counts unmanaged resources.
struct OtherResources {
    mock: MockTarget,
    there: Arc<AtomicUsize>,
}

/// The unmanaged resources of one check.
struct Counted {
    there: Arc<AtomicUsize>,
    own: AtomicUsize,
}

#[async_trait]
impl Target for OtherResources {
    fn uri(&self) -> String {
        self.mock.uri()
    }

    async fn connect(&self, namespace: &Namespace) -> Result<Arc<dyn ContainerDriver>> {
        self.mock.connect(namespace).await
    }

    fn unmanaged_resources(&self) -> Option<Arc<dyn UnmanagedResources>> {
        Some(Arc::new(Counted {
            there: Arc::clone(&self.there),
            own: AtomicUsize::new(0),
        }))
    }
}

#[async_trait]
impl UnmanagedResources for Counted {
    async fn add_container(
        &self,
        name: &str,
        _: &str,
        _: &[(&str, &str)],
    ) -> std::result::Result<String, String> {
        self.add_volume(name).await?;
        Ok(name.to_owned())
    }

    async fn add_volume(&self, _: &str) -> std::result::Result<(), String> {
        self.there.fetch_add(1, Ordering::Relaxed);
        self.own.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn add_network(&self, name: &str) -> std::result::Result<(), String> {
        self.add_volume(name).await
    }

    async fn inventory(&self) -> std::result::Result<Vec<String>, String> {
        Ok(vec![self.own.load(Ordering::Relaxed).to_string()])
    }

    async fn remove_all(&self) -> std::result::Result<(), String> {
        let own = self.own.swap(0, Ordering::Relaxed);
        self.there.fetch_sub(own, Ordering::Relaxed);
        Ok(())
    }
}

async fn has_resources(ctx: Ctx) -> CheckResult {
    ctx.unmanaged_resources()?.add_volume("theirs").await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    ctx.equal(
        "each has its own",
        ctx.unmanaged_resources()?.inventory().await.unwrap(),
        vec!["1".to_owned()],
    )
}

async fn hangs_with_resources(ctx: Ctx) -> CheckResult {
    ctx.unmanaged_resources()?.add_volume("theirs").await.unwrap();
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn unmanaged_resources_are_always_removed() {
    const CHECKS: &[Check] = &[
        Check::must("c/one", "It has unmanaged resources.", run!(has_resources))
            .needs(&[Need::UnmanagedResources]),
        Check::must("c/two", "It has unmanaged resources.", run!(has_resources))
            .needs(&[Need::UnmanagedResources]),
        Check::must("c/hangs", "It hangs.", run!(hangs_with_resources)).needs(&[Need::UnmanagedResources]),
    ];
    for cancelled_after in [None, Some(5), Some(30)] {
        let there = Arc::new(AtomicUsize::new(0));
        let target = Arc::new(OtherResources {
            mock: MockTarget::docker(),
            there: Arc::clone(&there),
        });
        let cancellation = Cancellation::default();
        let options = Options::new(TestImage::simulated()).cancellation(cancellation.clone());
        if let Some(seconds) = cancelled_after {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                cancellation.cancel();
            });
        }
        let report = run_checks(CHECKS, target, &options, Arc::new(Silent))
            .await
            .unwrap();
        let passed = if cancelled_after == Some(5) { 0 } else { 2 };
        assert_eq!(
            (report.summary.passed, report.leaks.len()),
            (passed, 0),
            "{report:#?}"
        );
        assert_eq!(
            there.load(Ordering::Relaxed),
            0,
            "cancelled after {cancelled_after:?}"
        );
    }
}

/// Invokes a callback at the start of each run, with the number of earlier runs.
struct AtEachRun<F> {
    mock: MockTarget,
    runs: Mutex<Vec<Namespace>>,
    call: F,
}

#[async_trait]
impl<F: Fn(usize) -> Result<()> + Send + Sync> Target for AtEachRun<F> {
    fn uri(&self) -> String {
        self.mock.uri()
    }

    async fn connect(&self, namespace: &Namespace) -> Result<Arc<dyn ContainerDriver>> {
        let began = {
            let mut runs = self.runs.lock().unwrap();
            let is_new = namespace.as_str().starts_with("conf-") && !runs.contains(namespace);
            is_new.then(|| {
                runs.push(namespace.clone());
                runs.len() - 1
            })
        };
        if let Err(error) = began.map_or(Ok(()), &self.call) {
            // The loss of an engine is detected late.
            tokio::time::sleep(Duration::from_secs(1)).await;
            return Err(error);
        }
        self.mock.connect(namespace).await
    }
}

const JOBS: usize = 4;

/// Runs a self-test with a callback at the start of each run. Also returns the number of runs.
async fn self_test_with(
    cancellation: Cancellation,
    call: impl Fn(usize) -> Result<()> + Send + Sync + 'static,
) -> (std::result::Result<SelfTest, RunError>, MockEngine, usize) {
    let mut options = Options::new(TestImage::simulated())
        .seed(1)
        .jobs(JOBS)
        .cancellation(cancellation);
    options.selection.areas = vec!["lifecycle".to_owned()];
    let target = Arc::new(AtEachRun {
        mock: MockTarget::docker(),
        runs: Mutex::default(),
        call,
    });
    let found = self_test(target.clone(), &options).await;
    let runs = target.runs.lock().unwrap().len();
    (found, target.mock.engine().clone(), runs)
}

#[tokio::test(start_paused = true)]
async fn cancelled_self_test_lists_untried_faults() {
    let (whole, _, all) = self_test_with(Cancellation::default(), |_| Ok(())).await;
    let whole = whole.unwrap();
    assert!(whole.not_tried.is_empty() && all > 20, "{all}");

    let cancellation = Cancellation::default();
    let switch = cancellation.clone();
    let (found, engine, runs) = self_test_with(cancellation, move |number| {
        if number == 10 {
            switch.cancel();
        }
        Ok(())
    })
    .await;
    let found = found.unwrap();
    assert!(runs <= 10 + JOBS, "{runs} faults were tried");
    assert!(engine.containers().is_empty(), "{:?}", engine.containers());
    assert!(!found.attempts.is_empty());
    for attempt in &whole.attempts {
        let mut tried = found.attempts.iter();
        assert!(
            tried.any(|tried| (tried.fault, tried.check) == (attempt.fault, attempt.check))
                || found.not_tried.contains(&attempt.fault),
            "{attempt:?}"
        );
    }
    let text = render::self_test(&found, false);
    assert!(
        text.contains("Faults that were not tried") && text.contains(found.not_tried[0]),
        "{text}"
    );
    let unproven = found.unproven();
    assert!(
        !unproven.is_empty() && unproven.iter().all(|(_, reason)| reason.contains("cancelled")),
        "{unproven:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn self_test_stops_when_engine_is_lost() {
    let images = MockEngine::new().images();
    for at in 6..12 {
        let (found, engine, runs) = self_test_with(Cancellation::default(), move |number| {
            if number == at {
                return Err(ConnectionError::new("gone").into());
            }
            Ok(())
        })
        .await;
        assert!(matches!(found, Err(RunError::Unreachable(_))), "{found:?}");
        assert!(runs <= at + JOBS, "{runs} faults were tried");
        assert!(engine.containers().is_empty(), "{:?}", engine.containers());
        assert_eq!(engine.images(), images, "the runs under way have ended");
    }
}
