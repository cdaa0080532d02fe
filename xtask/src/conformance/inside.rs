//! Runs the suite in the engine's network namespace or in the virtual machine, because only there can the suite reach
//! the published ports of the engine's containers.

use std::fs::{self, File};
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use driver_interface::kit::lock;
use driver_interface_conformance::{NotRun, Report, TestImage};

use super::Args;
use super::output::Output;
use crate::engines::{self, Engine, root, vm};
use crate::engines_command::default_state_dir;
use crate::require;

/// How long the whole suite may take in a virtual machine.
const VM_DEADLINE: Duration = Duration::from_secs(90 * 60);
/// The number of checks that run concurrently in a virtual machine. The machine has one processor.
const VM_JOBS: usize = 3;
/// The factor by which the checks' time limits are multiplied in a virtual machine. The machine is several times slower
/// than its host.
const VM_TIME_SCALE: f64 = 3.0;

/// An engine to check.
#[derive(Clone, Copy)]
enum Place {
    /// A running engine on this host.
    Host(Engine),
    /// An engine in a virtual machine. The machine is booted for this engine.
    Vm {
        /// The engine's name in the report.
        name: &'static str,
        /// The systemd unit that starts the engine.
        unit: &'static str,
        /// The engine's address in the machine.
        address: &'static str,
    },
}

/// The engines that the virtual machine has.
const IN_VM: [Place; 2] = [
    Place::Vm {
        name: "vm-docker-28",
        unit: "docker",
        address: "unix:///var/run/docker.sock",
    },
    Place::Vm {
        name: "vm-podman-5",
        unit: "podman.socket",
        address: "unix:///run/podman/podman.sock",
    },
];

impl Place {
    fn all(engines: &[Engine]) -> Vec<Self> {
        let places = engines.iter().map(|engine| match engine {
            Engine::Vm => IN_VM.to_vec(),
            engine => vec![Self::Host(*engine)],
        });
        places.flatten().collect()
    }

    /// Returns the engine's name in reports. For an engine on the host, the name is also the value of `--driver` for
    /// rerunning a check.
    fn name(self) -> String {
        match self {
            Self::Host(engine @ (Engine::Docker | Engine::Podman)) => format!("{engine}:"),
            Self::Host(engine) => engine.name().to_owned(),
            Self::Vm { name, .. } => name.to_owned(),
        }
    }
}

/// How many engines are checked at the same time. A check mostly waits for its engine.
const AT_ONCE: usize = 2;

/// Checks the engines, up to [`AT_ONCE`] engines at the same time, and adds the results to `report` in the order of
/// `engines`. Before each engine, `over` is called. If `over` returns a reason, the engine is not checked.
pub(super) fn check_all(
    engines: &[Engine],
    args: &Args,
    seed: u64,
    output: &Output,
    report: Report,
    over: impl Fn(&Report) -> Option<&'static str> + Sync,
) -> Report {
    let places = Place::all(engines);
    let report = Mutex::new(report);
    let next = AtomicUsize::new(0);
    let worker = || {
        while let Some(place) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(reason) = over(&lock(&report)) {
                lock(&report)
                    .not_run
                    .push(NotRun::new(place.name(), reason, true));
                continue;
            }
            let is_one_of_several = places.len() > 1;
            let checked = match *place {
                Place::Host(engine) => check(engine, args, seed, output, is_one_of_several),
                Place::Vm { name, unit, address } => check_vm(name, unit, address, args, seed, output),
            };
            match checked {
                Ok(mut checked) => {
                    rename(&mut checked, &place.name());
                    let mut report = lock(&report);
                    report.drivers.extend(checked.drivers);
                    report.not_run.extend(checked.not_run);
                }
                // An error of this driver must not discard the results of the others.
                Err(error) => {
                    let target = NotRun::new(place.name(), format!("{error:#}"), true);
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
    // The sort is stable, and the drivers that are none of the engines come first.
    report
        .drivers
        .sort_by_key(|driver| places.iter().position(|place| place.name() == driver.uri));
    report
}

/// Checks a running engine in a child process, and returns the report of that process. If `is_one_of_several` is
/// `true`, the progress is printed only after the child process has exited.
fn check(engine: Engine, args: &Args, seed: u64, output: &Output, is_one_of_several: bool) -> Result<Report> {
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
        .args(options(args, &status.endpoint, seed, args.jobs, args.time_scale));
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
    serde_json::from_str(&json).with_context(|| format!("the suite on {engine} wrote no report ({exit})"))
}

/// Boots a virtual machine, starts the systemd unit `unit` in the machine, and checks the engine at `address`.
fn check_vm(
    name: &str,
    unit: &str,
    address: &str,
    args: &Args,
    seed: u64,
    output: &Output,
) -> Result<Report> {
    let share = output.directory().join(name);
    if share.exists() {
        fs::remove_dir_all(&share)?;
    }
    fs::create_dir_all(&share)?;
    let share = share.canonicalize()?;
    fs::copy(std::env::current_exe()?, share.join("xtask")).context("cannot copy this program")?;
    let time_scale = args.time_scale * VM_TIME_SCALE;
    let options = options(args, address, seed, args.jobs.min(VM_JOBS), time_scale);
    let quoted: Vec<String> = options.iter().map(|option| format!("'{option}'")).collect();
    let script = format!(
        "cd /host; systemctl start docker-registry {unit} || exit 1\n\
         for try in $(seq 300); do bash -c '</dev/tcp/127.0.0.1/5000' && break; sleep 0.2; done\n\
         ./xtask {} --out /host/report > /host/report.json 2> /host/progress.txt\n\
         exit 0\n",
        quoted.join(" ")
    );
    output.say(&format!("{name}: booting a virtual machine and checking"));
    let ran = vm::run(&script, &share, VM_DEADLINE);
    let progress = fs::read_to_string(share.join("progress.txt")).unwrap_or_default();
    output.say(&progress);
    ran?;
    let json = fs::read_to_string(share.join("report.json"))?;
    serde_json::from_str(&json).with_context(|| format!("the suite on {name} wrote no report: {progress}"))
}

/// Returns the command-line options for another process that checks the engine at `address` with the selection of
/// `args`.
fn options(args: &Args, address: &str, seed: u64, jobs: usize, time_scale: f64) -> Vec<String> {
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
        ("--time-scale", Some(time_scale.to_string())),
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

/// Replaces the driver's URI in a report by the engine's name. In the list of targets that were not run, marks each
/// target as required.
fn rename(report: &mut Report, engine: &str) {
    for driver in &mut report.drivers {
        engine.clone_into(&mut driver.uri);
    }
    for target in &mut report.not_run {
        engine.clone_into(&mut target.uri);
        target.required = true;
    }
}
