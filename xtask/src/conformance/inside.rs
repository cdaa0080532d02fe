//! Running the suite where it can reach the published ports of an engine's containers: in the engine's network
//! namespace or in the virtual machine.

use std::fs::{self, File};
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use driver_interface::kit::lock;
use driver_interface_conformance::{DriverReport, NotRun, Report, TestImage};

use super::Args;
use super::output::Output;
use crate::engines::{self, Engine, root, vm};
use crate::engines_command::default_state_dir;
use crate::require;

/// How long the suite may take in the virtual machine, in total for its two engines.
const VM_DEADLINE: Duration = Duration::from_secs(60 * 60);
/// How many checks run concurrently in the virtual machine, which has one processor.
const VM_JOBS: usize = 3;
/// The engines in the virtual machine. Each has its name in the report, and its address in the machine.
const VM_ENGINES: [(&str, &str); 2] = [
    ("vm-docker-28", "unix:///var/run/docker.sock"),
    ("vm-podman-5", "unix:///run/podman/podman.sock"),
];

/// How many engines are checked at the same time. A check mostly waits for its engine.
const AT_ONCE: usize = 2;

/// Checks the engines, [`AT_ONCE`] of them at the same time, and adds the results to `report` in the order of
/// `engines`. `over` returns why no further engine is checked.
pub(super) fn check_all(
    engines: &[Engine],
    args: &Args,
    seed: u64,
    output: &Output,
    report: Report,
    over: impl Fn(&Report) -> Option<&'static str> + Sync,
) -> Report {
    let report = Mutex::new(report);
    let next = AtomicUsize::new(0);
    let worker = || {
        while let Some(engine) = engines.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(reason) = over(&lock(&report)) {
                lock(&report)
                    .not_run
                    .push(NotRun::new(uri(*engine), reason, true));
                continue;
            }
            match check(*engine, args, seed, output, engines.len() > 1) {
                Ok(checked) => {
                    let mut report = lock(&report);
                    report.drivers.extend(checked.drivers);
                    report.not_run.extend(checked.not_run);
                }
                // An error of this driver must not discard the results of the others.
                Err(error) => {
                    let target = NotRun::new(uri(*engine), format!("{error:#}"), true);
                    output.absent(&target);
                    lock(&report).not_run.push(target);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(worker);
        }
    });
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    let place = |driver: &DriverReport| {
        let mut engines = engines.iter();
        engines.position(|engine| match engine {
            Engine::Vm => VM_ENGINES.iter().any(|(name, _)| *name == driver.uri),
            engine => uri(*engine) == driver.uri,
        })
    };
    // The sort is stable, and the drivers that are none of the engines come first.
    report.drivers.sort_by_key(place);
    report
}

/// Returns the name of an engine in reports. It is also the value of `--driver` for running a check again.
fn uri(engine: Engine) -> String {
    match engine {
        Engine::Docker | Engine::Podman => format!("{engine}:"),
        engine => engine.name().to_owned(),
    }
}

/// Checks a running engine in a child process, and returns the report of that process. The report has the engine's name
/// in place of the driver's URI. If `is_one_of_several`, the progress is printed at the end and not as it happens.
fn check(engine: Engine, args: &Args, seed: u64, output: &Output, is_one_of_several: bool) -> Result<Report> {
    if engine == Engine::Vm {
        return check_vm(args, seed, output);
    }
    let state = default_state_dir();
    let status = engines::status(&state)
        .into_iter()
        .find(|status| status.engine == engine);
    let Some(status) = status.filter(|status| status.version.is_some()) else {
        bail!("{engine} is not running; start it with `cargo xtask engines up --install {engine}`");
    };
    if args.image.is_none() {
        // The program of the test image may have to be downloaded, which the child's network may not allow.
        let _ = TestImage::find(&super::test_image_cache());
    }
    let program = std::env::current_exe().context("the path of this program is unknown")?;
    let namespace = engines::network_namespace(engine, &state)?;
    let mut command = match namespace.exists() {
        true => root::enter(&namespace),
        false => Command::new("env"),
    };
    command
        .arg(program)
        .args(options(args, &status.endpoint, seed, args.jobs));
    let directory = output.directory().join(engine.name());
    command.arg("--out").arg(&directory);
    let progress = directory.join("progress.txt");
    if is_one_of_several {
        fs::create_dir_all(&directory)?;
        command.stderr(File::create(&progress)?);
        output.say(&format!("{engine}: checking"));
    }
    // The requirements apply to this process, not to the child.
    let mut child = command
        .env_remove(require::VARIABLE)
        .stdout(Stdio::piped())
        .spawn()
        .context("the suite could not be started in the network namespace")?;
    let mut json = String::new();
    child
        .stdout
        .take()
        .context("it has no output")?
        .read_to_string(&mut json)?;
    let exit = child.wait()?;
    if is_one_of_several {
        output.say(&fs::read_to_string(&progress)?);
    }
    let mut report: Report = serde_json::from_str(&json)
        .with_context(|| format!("the suite on {engine} wrote no report ({exit})"))?;
    name(&mut report, &uri(engine));
    Ok(report)
}

/// Boots the virtual machine and checks both of its engines.
fn check_vm(args: &Args, seed: u64, output: &Output) -> Result<Report> {
    let share = output.directory().join(Engine::Vm.name());
    if share.exists() {
        fs::remove_dir_all(&share)?;
    }
    fs::create_dir_all(&share)?;
    let share = share.canonicalize()?;
    fs::copy(std::env::current_exe()?, share.join("xtask")).context("cannot copy this program")?;
    let mut script = "cd /host; systemctl start docker-registry docker podman.socket || exit 1\n".to_owned();
    for (name, address) in VM_ENGINES {
        let options = options(args, address, seed, args.jobs.min(VM_JOBS));
        let quoted: Vec<String> = options.iter().map(|option| format!("'{option}'")).collect();
        script += &format!(
            "./xtask {} --out /host/{name} > /host/{name}.json 2> /host/{name}.log\n",
            quoted.join(" ")
        );
    }
    script += "exit 0\n";
    vm::run(&script, &share, VM_DEADLINE)?;
    let mut whole = Report::new(seed, false);
    for (engine, _) in VM_ENGINES {
        let json = fs::read_to_string(share.join(format!("{engine}.json")))?;
        let log = || {
            let log = fs::read_to_string(share.join(format!("{engine}.log"))).unwrap_or_default();
            format!("the suite on {engine} wrote no report: {log}")
        };
        let mut report: Report = serde_json::from_str(&json).with_context(log)?;
        name(&mut report, engine);
        whole.drivers.append(&mut report.drivers);
        whole.not_run.append(&mut report.not_run);
    }
    Ok(whole)
}

/// Returns the command-line options for another process that checks the engine at `address` with the selection of
/// `args`.
fn options(args: &Args, address: &str, seed: u64, jobs: usize) -> Vec<String> {
    let mut options: Vec<String> = ["conformance", "--format", "json", "--driver", address]
        .map(str::to_owned)
        .into();
    for (option, values) in [("--area", &args.areas), ("--filter", &args.filters)] {
        options.extend(values.iter().flat_map(|value| [option.to_owned(), value.clone()]));
    }
    let single = [
        ("--level", args.level.map(|level| level.to_string())),
        ("--shard", args.shard.map(|shard| shard.to_string())),
        ("--image", args.image.clone()),
        ("--seed", Some(seed.to_string())),
        ("--jobs", Some(jobs.to_string())),
        ("--repeat", Some(args.repeat.to_string())),
    ];
    options.extend(
        single
            .into_iter()
            .filter_map(|(option, value)| Some([option.to_owned(), value?]))
            .flatten(),
    );
    options.extend(args.bail.then(|| "--bail".to_owned()));
    options
}

/// Replaces the driver's URI in a report by the engine's name, and marks targets that were not run as required.
fn name(report: &mut Report, engine: &str) {
    for driver in &mut report.drivers {
        engine.clone_into(&mut driver.uri);
    }
    for target in &mut report.not_run {
        engine.clone_into(&mut target.uri);
        target.required = true;
    }
}
