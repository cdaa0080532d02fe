//! The suite as a test program for `cargo test` and nextest, with one test per check.

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

/// The environment variable that contains a seed. With the seed of an earlier run, the run repeats that run's random
/// choices.
const SEED: &str = "DRIVER_INTERFACE_SEED";
/// The exit code of a `cargo test` program in which a test failed.
const FAILED: u8 = 101;
/// The exit code of this program after an interrupt.
const INTERRUPTED: i32 = 130;

/// The suite as a test program, with a test for each check. Use it in the `main` function of a `tests/conformance.rs`
/// whose `[[test]]` section has `harness = false`.
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
/// All standard test arguments work, such as `cargo test --test conformance lifecycle/stop`. nextest works too
/// and runs each check in its own process. A test's name consists of the check's level and id.
///
/// | check | test |
/// |---|---|
/// | passed | pass |
/// | failed or timed out (MUST, or another level that [`fail_on`](Self::fail_on) includes) | fail |
/// | failed or timed out (other levels) | ignored, with the reason |
/// | [declared deviation](Self::deviation) | ignored, with the reason |
/// | declared deviation that passed or has expired | fail |
/// | not applicable to the driver | ignored, with the reason |
/// | not run: no image, or an interrupted run | ignored, with the reason |
/// | leaked resources, or inconclusive | fail |
///
/// nextest shows the checks that do not apply to the driver as skipped. It shows the other ignored checks as passed,
/// because only a run shows that they are ignored. `--success-output final` prints the reasons why they were ignored.
///
/// Each process connects when its first check starts. After its last check, the process cleans up and looks for
/// leaked resources, even after an interrupt. To reproduce an earlier run, set `DRIVER_INTERFACE_SEED` to the seed of
/// that run.
///
/// The last line of output is the driver's [verdict](crate::DriverVerdict). If checks lacked an image, the verdict is
/// at best "passed in part", with the number of those checks. The verdict "conformant" requires an
/// [`image`](Self::image).
///
/// The program fails if a test fails. It also fails in these cases:
/// - Resources were left on the engine.
/// - The run was interrupted.
/// - Several checks were requested, and none of them ran.
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
    /// Creates a harness for the drivers that `connect` returns. `connect` gets the namespace of each driver. All
    /// drivers must reach the same engine. Reports show `uri` as the name of the target.
    pub fn new<C, F, D>(uri: impl Into<String>, connect: C) -> Self
    where
        C: Fn(Namespace) -> F + Send + Sync + 'static,
        F: Future<Output = DriverResult<D>> + Send + 'static,
        D: ContainerDriver,
    {
        Self::of(target_fn(uri, connect))
    }

    /// Creates a harness for a target. A [`Target`] has more options than [`new`](Self::new) can set.
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

    /// Sets the image that containers are created from. Defaults to the result of [`TestImage::find`].
    pub fn image(mut self, image: TestImage) -> Self {
        self.image = Some(image);
        self
    }

    /// Declares that the driver has no image to run programs from. The checks that need an image are not run. Reports
    /// state `reason` as the reason why these checks were not run. The driver's verdict is at best "passed in part".
    pub fn without_image(self, reason: impl Into<String>) -> Self {
        self.image(TestImage::Missing(reason.into()))
    }

    /// Declares a known deviation: a rule that the driver is known to break.
    pub fn deviation(mut self, deviation: Deviation) -> Self {
        self.deviations.push(deviation);
        self
    }

    /// Sets the least strict level at which a failed check fails the run. With SHOULD, failed checks of the levels
    /// MUST and SHOULD fail the run. Defaults to MUST.
    pub fn fail_on(mut self, level: Level) -> Self {
        self.fail_on = level;
        self
    }

    /// Adds `checks` to the suite's own checks.
    pub fn checks(mut self, checks: &[Check]) -> Self {
        self.checks.extend_from_slice(checks);
        self
    }

    /// Uses tokio's paused clock, so that waiting takes no real time. Only suitable for a driver that simulates its
    /// engine.
    pub fn paused_clock(mut self) -> Self {
        self.paused = true;
        self
    }

    /// Sets a switch that can stop the run. An interrupt can also stop the run.
    pub fn cancellation(mut self, cancellation: Cancellation) -> Self {
        self.cancellation = cancellation;
        self
    }

    /// Runs the tests that the program's arguments select.
    pub fn main(self) -> ExitCode {
        self.run(std::env::args_os())
    }

    /// Runs the tests that `args` select; the first argument is the program's name. If the arguments are invalid, the
    /// program exits.
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

    /// Runs the tests. Returns whether the run succeeded.
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
        // A single-threaded runtime needs a thread that drives it while a test waits for its task on the runtime.
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

/// Runs the tests that `args` select, and cleans up. Returns whether the run succeeded.
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
        // If the arguments select the ignored tests, the suite must know which these are before any test runs.
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
    let report = ended.ok_or("the cleanup failed, so resources may be leaked on the engine")?;
    // If the arguments select one check or the ignored checks, it is no error if none of them can run.
    let must_run = !args.exact && !args.ignored;
    let well = report.is_none_or(|report| args.list || conclude(&report, whole, must_run));
    Ok(well && !conclusion.has_failed())
}

/// Prints the verdict on the driver. `whole` states whether the arguments selected all checks. Returns `false` if
/// resources were left on the engine, if the run was interrupted, or if `must_run` is true and no check ran.
fn conclude(report: &DriverReport, whole: bool, must_run: bool) -> bool {
    let nothing_ran = must_run && !report.has_run();
    eprintln!(
        "conformance suite {SUITE_VERSION}: {}  {}: {}, {}",
        one_line(&report.uri),
        one_line(&report.title()),
        report.summary.line(),
        one_line(&report.verdict_text(!whole))
    );
    for leak in &report.leaks {
        eprintln!("leaked on the engine: {}", one_line(leak));
    }
    if nothing_ran {
        eprintln!("no check was run, so nothing is known about the driver");
    }
    if report.cancelled {
        eprintln!("the run was interrupted, so nothing is known about checks that did not run");
    }
    report.leaks.is_empty() && !nothing_ran && !report.cancelled
}

/// Runs a future in the runtime of `handle` and waits for its output. The caller must be a thread outside of that
/// runtime. Returns `None` if the future panicked.
fn wait_for<T: Send + 'static>(handle: &Handle, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
    let (done, result) = mpsc::sync_channel(1);
    handle.spawn(async move {
        let _ = done.send(work.await);
    });
    result.recv().ok()
}

/// Handles interrupts. The first interrupt ends the running checks and starts the cleanup. The second interrupt exits
/// the program.
async fn on_interrupt(cancellation: Cancellation) {
    interrupt().await;
    eprintln!("interrupted: cleaning up; press again to exit immediately");
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

/// The state that the tests of this process share.
struct Run {
    target: Arc<dyn Target>,
    image: Option<TestImage>,
    options: Options,
    fail_on: Level,
    /// The session with the driver. The first test that needs a session creates it.
    session: OnceCell<Result<Session, String>>,
    /// A lock for exclusive checks. A check that must run alone locks it for writing. Every other check locks it for
    /// reading.
    turn: RwLock<()>,
    tally: Mutex<Tally>,
}

impl Run {
    fn new(harness: &Harness) -> Result<Self, String> {
        // The image is set when it is first needed, because finding it may take a while.
        let mut options = Options::new(TestImage::Missing(String::new()));
        options.deviations.clone_from(&harness.deviations);
        options.cancellation = harness.cancellation.clone();
        if let Some(seed) = std::env::var_os(SEED) {
            let number = seed.to_str().and_then(|seed| seed.parse().ok());
            options.seed = number.ok_or_else(|| format!("{SEED} is {seed:?}, which is not a number"))?;
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
            let began = Session::begin(Arc::clone(&self.target), &options, Arc::new(Silent)).await;
            began.map_err(|error| error.to_string())
        };
        self.session.get_or_init(begin).await
    }

    /// Returns whether a check does not apply to the driver or lacks the test image that it needs. Returns `false` if
    /// the driver cannot be reached. The test of the check then runs and reports that problem.
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

    /// Returns the result of a test, given the check's report and the resources that the check has left behind.
    fn verdict(
        &self,
        check: &CheckReport,
        leaks: &[String],
        driver: &DriverReport,
    ) -> Result<Completion, Failed> {
        if !leaks.is_empty() {
            return Err(format!("leaked on the engine: {}", one_line(&leaks.join(", "))).into());
        }
        let message = one_line(check.message.as_deref().unwrap_or("no reason given"));
        match check.outcome {
            Outcome::Passed => Ok(Completion::Completed),
            Outcome::Skipped => Ok(Completion::ignored_with(message)),
            Outcome::NotRun => Ok(Completion::ignored_with(format!("not run: {message}"))),
            Outcome::Deviates => Ok(Completion::ignored_with(format!("deviates {message}"))),
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

    /// Cleans up and returns the final report. Returns `None` if no session was created.
    async fn end(&self) -> Option<DriverReport> {
        let session = self.session.get()?.as_ref().ok()?;
        let tally = std::mem::take(&mut *self.tally.lock().unwrap_or_else(PoisonError::into_inner));
        Some(session.end(tally).await)
    }
}

/// Returns the directory for a downloaded busybox. The directory is next to the test program.
fn cache() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_else(|_| std::env::temp_dir());
    program.with_file_name("busybox-static")
}

/// Returns the template of the command that reruns a single check.
fn again() -> String {
    let program = std::env::current_exe().ok();
    let stem = program.as_ref().and_then(|program| program.file_stem()?.to_str());
    // Cargo appends a hash to the name of a test program.
    let name = stem
        .and_then(|stem| stem.rsplit_once('-'))
        .map_or("conformance", |(name, _)| name);
    format!("{SEED}={{seed}} cargo test --test {name} -- --exact {{id}}")
}
