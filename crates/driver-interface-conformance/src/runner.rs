//! The runner of checks against one target. The checks run in random order, several of them concurrently. After the
//! checks, the runner cleans up.

use std::cmp::Reverse;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use driver_interface_types::{ContainerDriver, DriverError};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use crate::ctx::Shared;
use crate::deviation::{self, DeviationError, Deviations};
use crate::prepare::{self, Image};
use crate::{
    Check, CheckReport, CheckResult, Ctx, DriverReport, Isolation, Observer, Options, Outcome,
    SelectionError, Summary, Target, Verdict, checks, guard, sweep,
};

/// How long a check may take to stop after the suite has aborted it.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// How long the suite waits, after it has aborted a check, for the engine to complete the check's last request. Until
/// then, a resource that the request creates may not be visible.
const SETTLE_TIME: Duration = Duration::from_secs(2);

/// The reason why a run could not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// The selection is invalid or contains no check.
    Selection(SelectionError),
    /// The declared deviations are invalid: a declaration names a check that does not exist, two declarations name
    /// the same check, or a version is not valid.
    Deviation(DeviationError),
    /// The driver could not be connected.
    Unreachable(DriverError),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Selection(error) => error.fmt(f),
            Self::Deviation(error) => error.fmt(f),
            Self::Unreachable(error) => write!(f, "cannot connect: {error:#}"),
        }
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Selection(error) => Some(error),
            Self::Deviation(error) => Some(error),
            Self::Unreachable(error) => Some(error),
        }
    }
}

/// Runs the suite's own checks against a target.
///
/// ```
/// use std::sync::Arc;
/// use async_trait::async_trait;
/// use driver_interface_conformance::{Options, Silent, Target, TestImage, run};
/// use driver_interface_mock::{MockDockerDriver, MockEngine};
/// use driver_interface_types::{ContainerDriver, Namespace, Result};
///
/// struct Mine(MockEngine);
///
/// #[async_trait]
/// impl Target for Mine {
///     fn uri(&self) -> String {
///         "mine:".to_owned()
///     }
///
///     async fn connect(&self, namespace: &Namespace) -> Result<Arc<dyn ContainerDriver>> {
///         Ok(Arc::new(MockDockerDriver::builder().engine(&self.0).namespace(namespace.clone()).build()))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> std::result::Result<(), driver_interface_conformance::RunError> {
/// let mut options = Options::new(TestImage::simulated());
/// options.selection.areas = vec!["creation".to_owned()];
/// let report = run(Arc::new(Mine(MockEngine::new())), &options, Arc::new(Silent)).await?;
/// assert_eq!(report.summary.must_failed, 0, "{:#?}", report.problems().collect::<Vec<_>>());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If no check is selected, a declared deviation is invalid, or the target cannot be reached. The report contains all
/// later problems.
///
/// # Cancel safety
/// Dropping the future leaves the resources of running checks on the engine. Use
/// [`Cancellation`](crate::Cancellation) to end early and clean up.
pub async fn run(
    target: Arc<dyn Target>,
    options: &Options,
    observer: Arc<dyn Observer>,
) -> Result<DriverReport, RunError> {
    run_checks(&checks::all(), target, options, observer).await
}

/// Runs `checks`, which may be the suite's own checks, additional ones, or both. See [`run`].
///
/// # Errors
/// The same as for [`run`].
///
/// # Cancel safety
/// The same as for [`run`].
pub async fn run_checks(
    checks: &[Check],
    target: Arc<dyn Target>,
    options: &Options,
    observer: Arc<dyn Observer>,
) -> Result<DriverReport, RunError> {
    deviation::refuse_unknown(&options.deviations, checks).map_err(RunError::Deviation)?;
    let checks = options.selection.apply(checks).map_err(RunError::Selection)?;
    let once = async |number: usize| {
        let seed = options.seed.wrapping_add(number as u64);
        if options.repeat > 1 {
            observer.repetition_started(number + 1, options.repeat, seed);
        }
        let options = options.clone().seed(seed);
        run_once(&checks, Arc::clone(&target), &options, Arc::clone(&observer)).await
    };
    let mut report = once(0).await?;
    if options.repeat > 1 {
        report.begin_repetitions(options.seed);
    }
    for number in 1..options.repeat {
        if report.cancelled || (options.bail && report.checks.iter().any(CheckReport::is_fatal)) {
            break;
        }
        match once(number).await {
            Ok(next) => report.add(options.seed.wrapping_add(number as u64), next),
            // The results of the repetitions so far are kept.
            Err(error) => {
                report.leaks.push(format!(
                    "the engine became unreachable before repetition {}: {error}",
                    number + 1
                ));
                break;
            }
        }
    }
    Ok(report)
}

async fn run_once(
    checks: &[Check],
    target: Arc<dyn Target>,
    options: &Options,
    observer: Arc<dyn Observer>,
) -> Result<DriverReport, RunError> {
    let session = Session::begin(target, options, observer).await?;
    session.runner.observer.run_started(&session.report, checks);
    let tally = session.runner.run_all(checks, &session.image, options).await;
    Ok(session.end(tally).await)
}

/// A connected target whose test image is prepared.
pub(crate) struct Session {
    /// The report on the driver. It identifies the driver, its engine and its image, but contains no results of
    /// checks yet.
    pub(crate) report: DriverReport,
    runner: Runner,
    image: Image,
    began: std::time::Instant,
}

impl Session {
    pub(crate) async fn begin(
        target: Arc<dyn Target>,
        options: &Options,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, RunError> {
        let began = std::time::Instant::now();
        let run_id = format!("{:08x}", rand::random::<u32>());
        let namespace =
            prepare::namespace_of(&run_id).map_err(|error| RunError::Unreachable(error.into()))?;
        let connected = prepare::connect(&target, &namespace).await;
        let driver = connected.map_err(RunError::Unreachable)?;
        let (mut report, capabilities) = prepare::describe(&*target, &driver).await;
        let deviations = Deviations::of(&options.deviations, &report.version).map_err(RunError::Deviation)?;

        let image = prepare::import(&driver, &capabilities, &options.image, &namespace).await;
        report.image = image.reference().map(str::to_owned);
        let shared = Arc::new(Shared {
            run_id,
            seed: options.seed,
            namespaces: Mutex::new(vec![namespace.clone()]),
            namespace,
            image: image.reference().unwrap_or_default().to_owned(),
            capabilities,
            target,
        });
        let runner = Runner {
            shared,
            driver,
            observer,
            deviations,
            cancellation: options.cancellation.clone(),
            bail: options.bail,
            has_stopped_one: AtomicBool::new(false),
        };
        Ok(Self {
            report,
            runner,
            image,
            began,
        })
    }

    /// Returns the report on a check that cannot run or does not apply to the driver; `None` if the check can run.
    #[cfg(feature = "harness")]
    pub(crate) fn obstacle(&self, check: &Check) -> Option<CheckReport> {
        self.runner.obstacle(check, &self.image)
    }

    /// Runs one check. Returns the check's report, and a description of each resource that the check has left behind.
    #[cfg(feature = "harness")]
    pub(crate) async fn run_one(&self, index: usize, check: Check) -> (CheckReport, Vec<String>) {
        if self.runner.cancellation.is_cancelled() {
            let report = CheckReport::new(&check, Outcome::NotRun).because(CANCELLED);
            return (report, Vec::new());
        }
        match self.obstacle(&check) {
            Some(report) => (report, Vec::new()),
            None => self.runner.run_one(index, check).await,
        }
    }

    /// Finds and removes the resources that the checks have left behind, and returns the complete report.
    pub(crate) async fn end(&self, tally: Tally) -> DriverReport {
        let (mut report, runner) = (self.report.clone(), &self.runner);
        let Tally { mut done, leaks, .. } = tally;
        report.leaks.extend(leaks);
        if runner.has_stopped_one.load(Ordering::Relaxed) {
            sleep(SETTLE_TIME).await;
        }
        let shared = &runner.shared;
        let namespaces = shared
            .namespaces
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        report
            .leaks
            .extend(sweep::leaks(&shared.target, &namespaces).await);
        // This comes after the sweep, because a container that is left would keep the image in use.
        let left = prepare::remove(&runner.driver, &shared.capabilities, &self.image).await;
        report.leaks.extend(left);

        done.sort_by_key(|(index, _)| *index);
        report.checks = done.into_iter().map(|(_, report)| report).collect();
        report.summary = Summary::of(&report.checks);
        report.cancelled = runner.cancellation.is_cancelled();
        report.wall_ms = crate::journal::millis(self.began.elapsed());
        runner.observer.run_finished(&report);
        report
    }
}

const CANCELLED: &str = "the run was cancelled";

/// The results of a run so far.
#[derive(Default)]
pub(crate) struct Tally {
    /// The reports on the checks that have finished, each with the index of its check in the catalogue.
    pub(crate) done: Vec<(usize, CheckReport)>,
    pub(crate) leaks: Vec<String>,
    /// The reason why no further check starts; `None` if checks still start.
    over: Option<String>,
}

struct Runner {
    shared: Arc<Shared>,
    driver: Arc<dyn ContainerDriver>,
    observer: Arc<dyn Observer>,
    deviations: Deviations,
    cancellation: crate::Cancellation,
    bail: bool,
    /// Whether a check was aborted before its function returned.
    has_stopped_one: AtomicBool,
}

impl Runner {
    async fn run_all(&self, checks: &[Check], image: &Image, options: &Options) -> Tally {
        let mut tally = Tally::default();
        let mut waiting = Vec::new();
        for (index, check) in checks.iter().enumerate() {
            match self.obstacle(check, image) {
                Some(report) => self.finish(index, report, &mut tally),
                None => waiting.push((index, *check)),
            }
        }
        waiting.shuffle(&mut StdRng::seed_from_u64(options.seed));
        // Checks with a long time limit start first, so that none of them runs alone at the end.
        waiting.sort_by_key(|(_, check)| Reverse(check.limit));
        let (together, alone): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|(_, check)| check.isolation == Isolation::Parallel);
        for (batch, jobs) in [(together, options.jobs), (alone, 1)] {
            self.run_batch(batch, jobs.max(1), &mut tally).await;
        }
        tally
    }

    fn obstacle(&self, check: &Check, image: &Image) -> Option<CheckReport> {
        let (outcome, reason) = prepare::obstacle(check, &self.shared, image)?;
        Some(CheckReport::new(check, outcome).because(reason))
    }

    fn finish(&self, index: usize, report: CheckReport, tally: &mut Tally) {
        self.observer.check_finished(&report);
        if self.bail && tally.over.is_none() && report.is_fatal() {
            tally.over = Some(format!("the run ended early, after {} did not pass", report.id));
        }
        tally.done.push((index, report));
    }

    async fn run_batch(&self, batch: Vec<(usize, Check)>, jobs: usize, tally: &mut Tally) {
        let mut waiting = batch.into_iter();
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < jobs {
                let Some((index, check)) = waiting.next() else {
                    break;
                };
                if self.cancellation.is_cancelled() {
                    tally.over = Some(CANCELLED.to_owned());
                }
                if let Some(reason) = &tally.over {
                    let report = CheckReport::new(&check, Outcome::NotRun).because(reason);
                    tally.done.push((index, report));
                    continue;
                }
                running.push(async move { (index, self.run_one(index, check).await) });
            }
            let Some((index, (report, left))) = running.next().await else {
                break;
            };
            let left = left.into_iter().map(|leak| format!("{}: {leak}", report.id));
            tally.leaks.extend(left);
            self.finish(index, report, tally);
        }
    }

    /// Runs a check. Returns the check's report, and a description of each resource that the check has left behind.
    /// If the runner itself panics, the report states this.
    async fn run_one(&self, index: usize, check: Check) -> (CheckReport, Vec<String>) {
        let run = AssertUnwindSafe(self.try_run_one(index, check)).catch_unwind();
        run.await.unwrap_or_else(|payload| {
            let message = guard::panic_text(payload.as_ref());
            let report = CheckReport::new(&check, Outcome::Error);
            let report = report.because(format!("the runner itself panicked: {message}"));
            (self.deviations.judge(report), Vec::new())
        })
    }

    async fn try_run_one(&self, index: usize, check: Check) -> (CheckReport, Vec<String>) {
        self.observer.check_started(&check);
        let began = Instant::now();
        let ctx = match Ctx::new(Arc::clone(&self.shared), check, index, Arc::clone(&self.driver)) {
            Ok(ctx) => ctx,
            Err(verdict) => return (judge(&check, Err(verdict), 1), Vec::new()),
        };
        let (report, mut leaks) = self.run_body(&check, &ctx).await;
        let mut report = report.took(began.elapsed());
        report.assertions = ctx.assertions();
        if report.outcome != Outcome::Passed {
            report.steps = ctx.journal().steps();
        }
        leaks.extend(ctx.ledger().clean_up(ctx.target()).await);
        (self.deviations.judge(report), leaks)
    }

    /// Runs the function of a check. Returns the report, and a message if the function could not be stopped.
    async fn run_body(&self, check: &Check, ctx: &Ctx) -> (CheckReport, Vec<String>) {
        let limit = check.limit.mul_f64(self.shared.target.time_scale().max(0.1));
        let (run, given) = (check.run, ctx.clone());
        let mut body = JoinSet::new();
        body.spawn(async move { run(given).await });
        let ended = tokio::select! {
            ended = timeout(limit, body.join_next()) => Some(ended),
            () = self.cancellation.cancelled() => None,
        };
        let is_ended = matches!(ended, Some(Ok(Some(_))));
        self.has_stopped_one.fetch_or(!is_ended, Ordering::Relaxed);
        let pending = ctx.journal().pending();
        let report = match ended {
            Some(Ok(Some(Ok(result)))) => judge(check, result, ctx.assertions()),
            Some(Ok(Some(Err(error)))) => judge_panic(check, ctx, error),
            Some(Ok(None) | Err(_)) => {
                CheckReport::new(check, Outcome::TimedOut).because(late(limit, &pending))
            }
            None => CheckReport::new(check, Outcome::NotRun).because(CANCELLED),
        };
        (report, stop(body).await)
    }
}

/// Aborts the function of a check, and waits until the function is dropped. Returns a message if the function is not
/// dropped in time.
async fn stop(mut body: JoinSet<CheckResult>) -> Vec<String> {
    match timeout(STOP_DEADLINE, body.shutdown()).await {
        Ok(()) => Vec::new(),
        Err(_) => vec![format!(
            "the check is still running and may create resources: it blocks its thread, so it did not end \
             within {STOP_DEADLINE:?}"
        )],
    }
}

fn late(limit: Duration, pending: &[String]) -> String {
    match pending {
        [] => format!("did not end within {limit:?}"),
        calls => format!(
            "did not end within {limit:?}; still waiting for {}",
            calls.join(", ")
        ),
    }
}

fn judge(check: &Check, result: CheckResult, assertions: usize) -> CheckReport {
    match result {
        Ok(()) if assertions == 0 => CheckReport::new(check, Outcome::Error)
            .because("the check asserted nothing: a defect of the suite"),
        Ok(()) => CheckReport::new(check, Outcome::Passed),
        Err(Verdict::Failed(failure)) => {
            let mut report = CheckReport::new(check, Outcome::Failed).because(failure.to_string());
            report.failure = Some(failure);
            report
        }
        Err(Verdict::NotApplicable(reason)) => CheckReport::new(check, Outcome::Skipped).because(reason),
        Err(Verdict::Broken(reason)) => broken(check, None, reason),
    }
}

/// Returns the report on a check that panicked. A panic during a call to the driver is a failure of the driver. Any
/// other panic is an error of the suite.
fn judge_panic(check: &Check, ctx: &Ctx, error: JoinError) -> CheckReport {
    let message = guard::panic_of(error);
    broken(
        check,
        ctx.journal().panicked(),
        format!("the check panicked: {message}"),
    )
}

fn broken(check: &Check, panicked_in: Option<String>, reason: String) -> CheckReport {
    match panicked_in {
        Some(call) => {
            CheckReport::new(check, Outcome::Failed).because(format!("the driver panicked in {call}"))
        }
        None => CheckReport::new(check, Outcome::Error).because(reason),
    }
}
