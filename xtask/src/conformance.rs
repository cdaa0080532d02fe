//! `cargo xtask conformance`: runs the conformance suite on drivers and writes reports.

mod inside;
mod killed;
mod output;
mod prove;
mod registry;
mod targets;
mod unmanaged_resources;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use driver_interface::{InternalError, codes};
use driver_interface_conformance::render::catalogue;
use driver_interface_conformance::{
    Cancellation, CheckReport, DriverReport, Level, NotRun, Options, Report, RunError, SUITE_VERSION,
    Selection, Shard, TestImage, checks,
};

use self::output::Output;
use self::targets::{Clock, Subject};
use crate::engines::{Engine, registry_port};
use crate::engines_command::target_dir;
use crate::require;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A driver to check, such as `mock-docker:`, `docker:` or `unix:///run/podman/podman.sock`. Default: both
    /// mocks and every engine that responds.
    #[arg(long = "driver", value_name = "URI")]
    drivers: Vec<String>,
    /// An engine of `cargo xtask engines` to check, such as `docker-28`. The engine must be running, and is checked
    /// in its network namespace.
    #[arg(long = "engine", value_name = "ENGINE")]
    engines: Vec<Engine>,
    /// Run only checks of this area.
    #[arg(long = "area", value_name = "AREA")]
    areas: Vec<String>,
    /// Run only checks whose id matches, such as `lifecycle/stop/*`.
    #[arg(long = "filter", value_name = "GLOB")]
    filters: Vec<String>,
    /// Run only checks of this level or of a stricter level: must, should or may.
    #[arg(long)]
    level: Option<Level>,
    /// Run only this shard of the selected checks, such as 1/3. Three machines with the shards 1/3, 2/3 and 3/3
    /// together run each check once.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Print the checks instead of running them.
    #[arg(long)]
    list: bool,
    /// Test the checks themselves: inject faults into drivers that pass, and verify that the checks detect the
    /// faults.
    #[arg(long)]
    self_test: bool,
    /// The format of the report that is printed at the end.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The directory for `report.json` and for the report in the other formats.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// A `report.json` of another run, for example of a run on another machine. The drivers of that report are added
    /// to this report. If no driver is named, no driver is checked, and the reports are only combined.
    #[arg(long = "add", value_name = "REPORT")]
    added: Vec<PathBuf>,
    /// The image that containers are created from, instead of the suite's own image.
    #[arg(long, value_name = "REF")]
    image: Option<String>,
    /// The seed of an earlier run, to reproduce the order and the random choices of that run.
    #[arg(long)]
    seed: Option<u64>,
    /// How many checks run concurrently on a real engine.
    #[arg(long, default_value_t = 6)]
    jobs: usize,
    /// Run every check this many times on each driver, each time with a different seed, to find intermittent
    /// failures.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    repeat: u16,
    /// Multiply the time limits of the checks by this factor, for a slow engine.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    time_scale: f64,
    /// Start no further check after the first failed check of level MUST, and report which checks were not run.
    #[arg(long)]
    bail: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Human-readable text.
    #[default]
    Pretty,
    /// The report as JSON.
    Json,
    /// JUnit XML, for build servers.
    Junit,
    /// The matrix for the documentation.
    Markdown,
    /// An HTML page with every detail.
    Html,
}

/// The exit code of this program if an interrupt has stopped the run.
const INTERRUPTED: u8 = 130;

pub(crate) fn main(args: &Args) -> Result<ExitCode> {
    let mut selection = Selection::default();
    selection.areas.clone_from(&args.areas);
    selection.globs.clone_from(&args.filters);
    selection.level = args.level;
    selection.shard = args.shard;
    // If no check is selected, this fails before any driver is used.
    let selected = selection.apply(&checks::all())?;
    let output = Output::new(args.format, args.out.clone());
    if args.list {
        output.print(&catalogue(&selected, output.color()));
        return Ok(ExitCode::SUCCESS);
    }

    let cancellation = Cancellation::default();
    on_interrupt(&cancellation)?;
    if args.self_test {
        ensure!(
            args.engines.is_empty(),
            "--self-test takes --driver, not --engine"
        );
        return prove::prove(args, &selected, &output, cancellation);
    }
    let added = args
        .added
        .iter()
        .map(|path| earlier(path))
        .collect::<Result<Vec<Report>>>()?;
    let seed = args.seed.unwrap_or_else(targets::random_seed);
    let mut report = Report::new(seed, !selection.is_everything());
    report.selection = report.partial.then(|| selection.describe());
    output.begin(seed);
    let is_default = args.drivers.is_empty() && args.engines.is_empty() && args.added.is_empty();
    let required = required()?;
    let drivers: Vec<&String> = args
        .drivers
        .iter()
        .filter(|name| Engine::in_root(name).is_none())
        .collect();
    let named = args.drivers.iter().chain(required.iter().filter(|_| is_default));
    let named = named.filter_map(|name| Engine::in_root(name));
    let engines: Vec<Engine> = args.engines.iter().copied().chain(named).collect();
    let (subjects, absent) = match is_default || !drivers.is_empty() {
        true => subjects(&drivers, &required, args.time_scale)?,
        false => Default::default(),
    };
    for target in &absent {
        output.absent(target);
    }
    if subjects.iter().all(|subject| subject.clock == Clock::Simulated) && !absent.is_empty() {
        output.no_engine();
    }
    report.not_run.extend(absent);

    for subject in subjects {
        if let Some(reason) = over(&report, args.bail, &cancellation) {
            let target = NotRun::new(subject.uri(), reason, subject.required);
            output.absent(&target);
            report.not_run.push(target);
            continue;
        }
        let options = Options::new(image_for(&subject, args.image.as_deref())?)
            .selection(selection.clone())
            .seed(seed)
            .jobs(args.jobs)
            .repeat(args.repeat.into())
            .bail(args.bail)
            .cancellation(cancellation.clone());
        match run(&subject, &options, &output) {
            Ok(driver) => {
                if let Some(target) = imageless(&driver, subject.required) {
                    output.absent(&target);
                    report.not_run.push(target);
                }
                report.drivers.push(driver);
            }
            // An invalid URI is an error in the command line, so the whole run fails.
            Err(RunError::Unreachable(error)) if error.code() == codes::CONFIGURATION_ERROR => {
                bail!("--driver {}: {error:#}", subject.uri());
            }
            Err(RunError::Unreachable(error)) => {
                let target = NotRun::new(
                    subject.uri(),
                    format!("cannot connect: {error:#}"),
                    subject.required,
                );
                output.absent(&target);
                report.not_run.push(target);
            }
            Err(error) => bail!(error),
        }
    }

    report = inside::check_all(&engines, args, seed, &output, report, |report| {
        over(report, args.bail, &cancellation)
    });
    for other in added {
        add(&mut report, other)?;
    }
    output.finish(&report)?;
    if cancellation.is_cancelled() {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(ExitCode::from(report.verdict().exit_code()))
}

/// Reads the report of an earlier run.
fn earlier(path: &Path) -> Result<Report> {
    let text = std::fs::read_to_string(path).with_context(|| format!("--add {}", path.display()))?;
    let report: Report = serde_json::from_str(&text)
        .with_context(|| format!("--add {}: it is not a report of this suite", path.display()))?;
    ensure!(
        report.suite_version == SUITE_VERSION,
        "--add {}: it is a report of suite {}, and this is suite {SUITE_VERSION}",
        path.display(),
        report.suite_version
    );
    Ok(report)
}

/// Adds the drivers of another run to `report`.
fn add(report: &mut Report, other: Report) -> Result<()> {
    let twice = other
        .drivers
        .iter()
        .find(|new| report.drivers.iter().any(|old| old.uri == new.uri));
    if let Some(driver) = twice {
        bail!("--add: {} is in two of the reports", driver.uri);
    }
    report.partial |= other.partial;
    report.selection = report.selection.take().or(other.selection);
    report.drivers.extend(other.drivers);
    report.not_run.extend(other.not_run);
    Ok(())
}

/// Returns an entry for the list of targets that were not run. The driver gets an entry if it is required, and some
/// of its checks were not run because there was no test image.
fn imageless(driver: &DriverReport, required: bool) -> Option<NotRun> {
    let (count, reason) = driver.without_image()?;
    required.then(|| {
        NotRun::new(
            &driver.uri,
            format!("{count} of its checks were not run: {reason}"),
            true,
        )
    })
}

/// Returns the reason why the run checks no further driver. Returns `None` if the run continues.
fn over(report: &Report, bail: bool, cancellation: &Cancellation) -> Option<&'static str> {
    let failed = || {
        report
            .drivers
            .iter()
            .flat_map(|driver| &driver.checks)
            .any(CheckReport::is_fatal)
    };
    if cancellation.is_cancelled() {
        Some("the run was cancelled")
    } else if bail && failed() {
        Some("the run ended early, after a failure")
    } else {
        None
    }
}

fn run(subject: &Subject, options: &Options, output: &Output) -> Result<DriverReport, RunError> {
    let target = Arc::clone(&subject.target);
    let run = driver_interface_conformance::run(target, options, output.observer());
    // If the run was cancelled, the effect of an interrupted request may appear only after the run's own cleanup.
    in_its_time(subject, output, run, |report| {
        report.leaks.is_empty() && !report.cancelled
    })
}

/// Runs `work` to completion in a runtime with the subject's clock. Records the namespaces that `work` uses on an
/// engine, so that the next run can find leftover resources. Deletes the record if `cleared` returns `true` for the
/// result of `work`.
fn in_its_time<T>(
    subject: &Subject,
    output: &Output,
    work: impl Future<Output = Result<T, RunError>>,
    cleared: impl Fn(&T) -> bool,
) -> Result<T, RunError> {
    let runtime = match subject.clock {
        Clock::Simulated => tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build(),
        Clock::Real => tokio::runtime::Builder::new_multi_thread().enable_all().build(),
    };
    let failed = |message: String| RunError::Unreachable(InternalError::new(message).into());
    let runtime = runtime.map_err(|error| failed(format!("the runtime could not be created: {error}")))?;
    let records = target_dir().join("conformance/runs");
    if let Some(engine) = &subject.engine {
        let (found, problems) = runtime.block_on(engine.clean_up_killed_runs(&records));
        output.cleared_up(&subject.uri(), &found, &problems);
        engine
            .begin_record(&records)
            .map_err(|error| failed(format!("{error:#}")))?;
    }
    let done = runtime.block_on(work);
    // If the record is kept, the next run removes the resources that this run could not remove.
    if let Some(engine) = &subject.engine
        && done.as_ref().is_ok_and(cleared)
    {
        engine.end_record();
    }
    // The program exits without waiting for background work of dropped calls.
    runtime.shutdown_background();
    done
}

fn image_for(subject: &Subject, named: Option<&str>) -> Result<TestImage> {
    match (named, subject.clock) {
        (Some(reference), _) => TestImage::existing(reference)
            .with_context(|| format!("--image {reference:?} is not an image reference")),
        (None, Clock::Simulated) => Ok(TestImage::simulated()),
        (None, Clock::Real) => Ok(TestImage::find(&test_image_cache())),
    }
}

/// Returns the directory to which the program of the test image is downloaded if the program is not installed.
pub(crate) fn test_image_cache() -> PathBuf {
    target_dir().join("conformance/busybox-static")
}

/// A driver that can be used on this machine.
pub(crate) struct Driver {
    pub(crate) uri: String,
    /// Whether the driver only simulates containers. Such a driver needs neither an engine nor an image.
    pub(crate) simulated: bool,
    pub(crate) required: bool,
}

/// Returns the drivers with the URIs in `named`, or the default drivers if `named` is empty. Also returns the drivers
/// that are unavailable.
pub(crate) fn drivers(named: &[String]) -> Result<(Vec<Driver>, Vec<NotRun>)> {
    let named: Vec<&String> = named.iter().collect();
    let (subjects, absent) = targets::find(&named, &required()?, 1.0)?;
    let drivers = subjects.iter().map(|subject| Driver {
        uri: subject.uri(),
        simulated: subject.clock == Clock::Simulated,
        required: subject.required,
    });
    Ok((drivers.collect(), absent))
}

/// Returns the drivers to check, and the unavailable targets, including the registry from which images are pulled.
fn subjects(named: &[&String], required: &[String], time_scale: f64) -> Result<(Vec<Subject>, Vec<NotRun>)> {
    let (subjects, mut absent) = targets::find(named, required, time_scale)?;
    absent.extend(targets::missing_registry(required, registry_port()));
    Ok((subjects, absent))
}

/// Returns the names of the required drivers. The run fails if a required driver is unavailable.
fn required() -> Result<Vec<String>> {
    let names = require::names();
    if let Some(unknown) = names.iter().find(|name| !targets::is_known(name)) {
        bail!(
            "{} names {unknown:?}; known are {}",
            require::VARIABLE,
            targets::KNOWN.join(", ")
        );
    }
    Ok(names)
}

/// Handles interrupts. The first interrupt stops the run, which then cleans up. The second interrupt exits the
/// program.
fn on_interrupt(cancellation: &Cancellation) -> Result<()> {
    let cancellation = cancellation.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                if tokio::signal::ctrl_c().await.is_ok() {
                    anstream::eprintln!("\ninterrupted: cleaning up; press again to exit immediately");
                    cancellation.cancel();
                }
                if tokio::signal::ctrl_c().await.is_ok() {
                    std::process::exit(INTERRUPTED.into());
                }
            });
        })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use driver_interface::MockTarget;
    use driver_interface_conformance::{RunVerdict, Silent};

    use super::*;

    /// Returns the report of a run on a mock without a test image.
    fn report(required: bool) -> Report {
        let mut selection = Selection::default();
        selection.areas = vec!["creation".to_owned()];
        let options = Options::new(TestImage::Missing("none was found".to_owned())).selection(selection);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let run =
            driver_interface_conformance::run(Arc::new(MockTarget::docker()), &options, Arc::new(Silent));
        let driver = runtime.block_on(run).unwrap();
        let mut report = Report::new(1, true);
        report.not_run.extend(imageless(&driver, required));
        report.drivers.push(driver);
        report
    }

    #[test]
    fn required_driver_fails_without_image() {
        assert_eq!(report(false).verdict(), RunVerdict::Ok);
        let report = report(true);
        assert_eq!(report.verdict(), RunVerdict::NotConformant);
        assert!(
            report.not_run[0]
                .reason
                .ends_with("no test image: none was found"),
            "{:?}",
            report.not_run
        );
    }
}
