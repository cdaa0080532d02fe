//! The suite as tests of `cargo test` and nextest: one for each check.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use driver_interface_types::{ContainerDriver, Namespace, Result as DriverResult};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::runtime::{Builder, Handle};
use tokio::sync::{OnceCell, RwLock, oneshot};

use crate::render::{Pretty, one_line};
use crate::runner::{Session, Tally};
use crate::{
    Cancellation, Check, CheckReport, Deviation, DriverReport, Isolation, Level, Options, Outcome, Report,
    SUITE_VERSION, Silent, Target, TestImage, checks, deviation, target_fn,
};

/// Repeats the random choices of an earlier run.
const SEED: &str = "DRIVER_INTERFACE_SEED";
/// What `cargo test` expects of a test program that failed.
const FAILED: u8 = 101;
/// The exit code of a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// Runs the suite as a test program of its own, with a test for each check: the `main` of a
/// `tests/conformance.rs` whose `[[test]]` has `harness = false`.
///
/// ```no_run
/// use std::process::ExitCode;
/// use driver_interface_conformance::Harness;
/// # use driver_interface_mock::MockDockerDriver;
/// # use driver_interface_types::{Namespace, Result};
/// # struct AcmeDriver;
/// # impl AcmeDriver {
/// #     async fn connect(namespace: Namespace) -> Result<MockDockerDriver> {
/// #         Ok(MockDockerDriver::builder().namespace(namespace).build())
/// #     }
/// # }
///
/// fn main() -> ExitCode {
///     Harness::new("acme:", AcmeDriver::connect).main()
/// }
/// ```
///
/// Every argument of a test program works, so `cargo test --test conformance lifecycle/stop` does, and so does
/// nextest, which runs each check in a process of its own. A test is named by the check's level and id.
///
/// | a check | its test |
/// |---|---|
/// | passed | is ok |
/// | of level MUST failed or timed out | failed; so did one of a less strict level that [`fail_on`](Self::fail_on) names |
/// | of another level failed or timed out, or deviates as [declared](Self::deviation) | is ignored, and says so |
/// | is declared to deviate but passed, or the declaration has expired | failed |
/// | does not concern the driver | is ignored, with the reason |
/// | is not run, for want of an image or because the run was interrupted | is ignored, as not run, with the reason |
/// | left something on the engine, or could not find out | failed |
///
/// nextest shows as skipped what does not concern the driver, and as passed the other ignored ones, since it
/// learns of them too late; `--success-output final` has it tell why.
///
/// Each process connects when its first check begins, and cleans up and looks for leaks when its last one has
/// ended, also after an interrupt. `DRIVER_INTERFACE_SEED` repeats an earlier run.
///
/// The last line is the driver's [verdict](crate::DriverVerdict). Where checks had no image it is "passed in part", which
/// names their number; it takes an [`image`](Self::image) to be conformant. The program fails, whatever its tests
/// say, when something was left on the engine, when it was interrupted, and when several checks were asked for of
/// which none was run.
#[must_use = "nothing runs before `main`"]
pub struct Harness {
    target: Arc<dyn Target>,
    image: Option<TestImage>,
    checks: Vec<Check>,
    deviations: Vec<Deviation>,
    fail_on: Level,
    paused: bool,
    cancellation: Cancellation,
}

impl Harness {
    /// The suite on the drivers that `connect` makes, each in the namespace it is given. All of them must reach
    /// the same engine. The URI names them in reports.
    pub fn new<C, F, D>(uri: impl Into<String>, connect: C) -> Self
    where
        C: Fn(Namespace) -> F + Send + Sync + 'static,
        F: Future<Output = DriverResult<D>> + Send + 'static,
        D: ContainerDriver,
    {
        Self::of(target_fn(uri, connect))
    }

    /// The suite on a target that has more to say than how to connect.
    pub fn of(target: impl Target + 'static) -> Self {
        Self {
            target: Arc::new(target),
            image: None,
            checks: checks::all(),
            deviations: Vec::new(),
            fail_on: Level::Must,
            paused: false,
            cancellation: Cancellation::default(),
        }
    }

    /// Sets the image that containers are made from. Without it, it is what [`TestImage::find`] finds.
    pub fn image(mut self, image: TestImage) -> Self {
        self.image = Some(image);
        self
    }

    /// Says that the driver has no image to run programs from: the checks that need one are not run, for this
    /// reason, and the driver passes in part at best.
    pub fn without_image(self, reason: impl Into<String>) -> Self {
        self.image(TestImage::Missing(reason.into()))
    }

    /// Declares a rule that the driver is known to break.
    pub fn deviation(mut self, deviation: Deviation) -> Self {
        self.deviations.push(deviation);
        self
    }

    /// Sets the least strict level whose failures are failures of the run: MUST unless set.
    pub fn fail_on(mut self, level: Level) -> Self {
        self.fail_on = level;
        self
    }

    /// Adds checks of your own.
    pub fn checks(mut self, checks: &[Check]) -> Self {
        self.checks.extend_from_slice(checks);
        self
    }

    /// Runs on tokio's paused clock, for a driver that only simulates its engine: all waiting takes no time.
    pub fn paused_clock(mut self) -> Self {
        self.paused = true;
        self
    }

    /// Sets what can stop the run, beside an interrupt.
    pub fn cancellation(mut self, cancellation: Cancellation) -> Self {
        self.cancellation = cancellation;
        self
    }

    /// Does what the program's arguments say.
    pub fn main(self) -> ExitCode {
        self.run(std::env::args_os())
    }

    /// Does what these arguments say, of which the first is the program's name. Wrong ones end the program.
    pub fn run(self, args: impl IntoIterator<Item = OsString>) -> ExitCode {
        match self.try_run(&mut Arguments::from_iter(args)) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(FAILED),
            Err(problem) => {
                eprintln!("error: {problem}");
                ExitCode::from(FAILED)
            }
        }
    }

    /// Whether all is well.
    fn try_run(self, args: &mut Arguments) -> Result<bool, String> {
        deviation::refuse_unknown(&self.deviations, &self.checks).map_err(|error| error.to_string())?;
        let mut builder = if self.paused {
            Builder::new_current_thread()
        } else {
            Builder::new_multi_thread()
        };
        let runtime = builder.enable_all().start_paused(self.paused).build();
        let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
        let handle = runtime.handle().clone();
        // Somebody has to drive a runtime of one thread while tests wait for what they gave it.
        let (stop, stopped) = oneshot::channel::<()>();
        let driving = std::thread::spawn(move || {
            let _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        });
        let run = Arc::new(Run::new(&self)?);
        let ended = run_trials(&self.checks, &run, &handle, args);
        let _ = stop.send(());
        let _ = driving.join();
        ended
    }
}

/// Runs the tests that the arguments ask for, and cleans up. Whether all is well.
fn run_trials(
    checks: &[Check],
    run: &Arc<Run>,
    handle: &Handle,
    args: &mut Arguments,
) -> Result<bool, String> {
    handle.spawn(on_interrupt(run.options.cancellation.clone()));
    args.test_threads.get_or_insert(run.options.jobs);
    let mut trials = Vec::with_capacity(checks.len());
    for (index, check) in checks.iter().copied().enumerate() {
        // Who asks for those that are ignored has to know them before any runs.
        let ignored = args.ignored && {
            let run = Arc::clone(run);
            wait_for(handle, async move { run.is_skipped(&check).await }).unwrap_or(false)
        };
        let (run, own) = (Arc::clone(run), handle.clone());
        let trial = Trial::ignorable_test(check.id, move || {
            let work = async move { run.run_one(index, check).await };
            wait_for(&own, work).unwrap_or_else(|| Err("the suite itself failed".into()))
        });
        trials.push(trial.with_kind(check.level.as_str()).with_ignored_flag(ignored));
    }
    let conclusion = libtest_mimic::run(args, trials);
    let run = Arc::clone(run);
    let whole = conclusion.num_filtered_out == 0;
    let ended = wait_for(handle, async move { run.end().await });
    let report = ended.ok_or("the clean-up failed, so something may be left on the engine")?;
    // Who asks for one check, or for those that are ignored, may find none to be run.
    let must_run = !args.exact && !args.ignored;
    let well = report.is_none_or(|report| args.list || conclude(&report, whole, must_run));
    Ok(well && !conclusion.has_failed())
}

/// Says what a run amounts to. Whether that is well.
fn conclude(report: &DriverReport, whole: bool, must_run: bool) -> bool {
    let nothing_ran = must_run && !report.has_run();
    eprintln!(
        "conformance suite {SUITE_VERSION}: {}  {}: {}, {}",
        one_line(&report.uri),
        one_line(&report.title()),
        report.summary.line(),
        one_line(&report.verdict_in_words(!whole))
    );
    for leak in &report.leaks {
        eprintln!("left on the engine: {}", one_line(leak));
    }
    if nothing_ran {
        eprintln!("no check was run, so nothing is known about the driver");
    }
    if report.cancelled {
        eprintln!("the run was interrupted, so it says nothing of what was not run");
    }
    report.leaks.is_empty() && !nothing_ran && !report.cancelled
}

/// Waits outside of the runtime for what is done in it; none if it panicked.
fn wait_for<T: Send + 'static>(handle: &Handle, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
    let (done, result) = mpsc::sync_channel(1);
    handle.spawn(async move {
        let _ = done.send(work.await);
    });
    result.recv().ok()
}

/// The first interrupt ends the checks under way and cleans up; a second one ends the program.
async fn on_interrupt(cancellation: Cancellation) {
    interrupt().await;
    eprintln!("interrupted: cleaning up; once more to leave at once");
    cancellation.cancel();
    interrupt().await;
    std::process::exit(INTERRUPTED);
}

async fn interrupt() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = terminate.recv() => return,
            Ok(()) = tokio::signal::ctrl_c() => return,
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

/// What the tests of one process share.
struct Run {
    target: Arc<dyn Target>,
    image: Option<TestImage>,
    options: Options,
    fail_on: Level,
    /// Begun by the first who needs it.
    session: OnceCell<Result<Session, String>>,
    /// Held alone by a check that must run alone.
    turn: RwLock<()>,
    tally: Mutex<Tally>,
}

impl Run {
    fn new(harness: &Harness) -> Result<Self, String> {
        // The image is put there when it is needed: to find one may take a while.
        let mut options = Options::new(TestImage::Missing(String::new()));
        options.deviations.clone_from(&harness.deviations);
        options.cancellation = harness.cancellation.clone();
        if let Some(seed) = std::env::var_os(SEED) {
            let number = seed.to_str().and_then(|seed| seed.parse().ok());
            options.seed = number.ok_or_else(|| format!("{SEED} is {seed:?}, which is no number"))?;
        }
        Ok(Self {
            target: Arc::clone(&harness.target),
            image: harness.image.clone(),
            options,
            fail_on: harness.fail_on,
            session: OnceCell::new(),
            turn: RwLock::new(()),
            tally: Mutex::default(),
        })
    }

    async fn session(&self) -> &Result<Session, String> {
        let begin = async || {
            let mut options = self.options.clone();
            options.image = match &self.image {
                Some(image) => image.clone(),
                None => tokio::task::spawn_blocking(|| TestImage::find(&cache()))
                    .await
                    .unwrap_or_else(|error| TestImage::Missing(error.to_string())),
            };
            let begun = Session::begin(Arc::clone(&self.target), &options, Arc::new(Silent)).await;
            begun.map_err(|error| error.to_string())
        };
        self.session.get_or_init(begin).await
    }

    /// Whether a check does not concern the driver, or has no image; not if the driver is not there, so that its absence is told.
    async fn is_skipped(&self, check: &Check) -> bool {
        let session = self.session().await.as_ref();
        let obstacle = session.ok().and_then(|session| session.obstacle(check));
        obstacle.is_some_and(|report| matches!(report.outcome, Outcome::Skipped | Outcome::NotRun))
    }

    async fn run_one(&self, index: usize, check: Check) -> Result<Completion, Failed> {
        let session = self.session().await.as_ref()?;
        let (report, leaks) = if check.isolation == Isolation::Exclusive {
            let _alone = self.turn.write().await;
            session.run_one(index, check).await
        } else {
            let _together = self.turn.read().await;
            session.run_one(index, check).await
        };
        let verdict = self.verdict(&report, &leaks, &session.report);
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.leaks.extend(leaks);
        tally.done.push((index, report));
        verdict
    }

    /// What a check's report and what it left mean for its test.
    fn verdict(
        &self,
        check: &CheckReport,
        leaks: &[String],
        driver: &DriverReport,
    ) -> Result<Completion, Failed> {
        if !leaks.is_empty() {
            return Err(format!("left on the engine: {}", one_line(&leaks.join(", "))).into());
        }
        let message = one_line(check.message.as_deref().unwrap_or("no reason given"));
        match check.outcome {
            Outcome::Passed => Ok(Completion::Completed),
            Outcome::Skipped => Ok(Completion::ignored_with(message)),
            Outcome::NotRun => Ok(Completion::ignored_with(format!("not run: {message}"))),
            Outcome::Deviates => Ok(Completion::ignored_with(format!("it deviates {message}"))),
            _ if check.is_fatal() || check.level <= self.fail_on => {
                let report = Report::new(self.options.seed, true);
                Err(Pretty::new(false)
                    .again(again())
                    .one(&report, driver, check)
                    .into())
            }
            outcome => Ok(Completion::ignored_with(format!(
                "{outcome}, but only a {}: {message}",
                check.level
            ))),
        }
    }

    /// Cleans up if anything was begun, and sums up.
    async fn end(&self) -> Option<DriverReport> {
        let session = self.session.get()?.as_ref().ok()?;
        let tally = std::mem::take(&mut *self.tally.lock().unwrap_or_else(PoisonError::into_inner));
        Some(session.end(tally).await)
    }
}

/// Where a busybox that was downloaded is kept: beside the test program.
fn cache() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_else(|_| std::env::temp_dir());
    program.with_file_name("busybox-static")
}

/// How one check is run again.
fn again() -> String {
    let program = std::env::current_exe().ok();
    let stem = program.as_ref().and_then(|program| program.file_stem()?.to_str());
    // Cargo puts a hash behind the name of a test program.
    let name = stem
        .and_then(|stem| stem.rsplit_once('-'))
        .map_or("conformance", |(name, _)| name);
    format!("{SEED}={{seed}} cargo test --test {name} -- --exact {{id}}")
}
