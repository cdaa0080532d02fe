//! `cargo xtask ci`: runs the same steps as CI, on any machine.

mod again;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::docs;
use crate::engines::{self, Engine};
use crate::require;
use crate::tidy::workspace;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run every check on every engine. This takes about two hours.
    #[arg(long)]
    all: bool,
}

/// One step: the name of the step, and the arguments of the program that the step runs.
type Step<'a> = (&'static str, &'a [&'a str]);

/// Steps that need no engine. Quick steps come first.
const STATIC: &[Step<'_>] = &[
    ("format", &["fmt", "--all", "--check"]),
    (
        "clippy",
        &[
            "clippy", "--workspace", "--all-targets", "--all-features", "--locked", "--", "-D", "warnings",
        ],
    ),
    (
        "clippy without features",
        &[
            "clippy", "-p", "driver-interface-docker", "--no-default-features", "--locked", "--", "-D",
            "warnings",
        ],
    ),
    (
        DOCS,
        &["doc", "--workspace", "--no-deps", "--all-features", "--locked"],
    ),
    ("tidy", &["xtask", "tidy"]),
    (
        "package",
        &[
            "package", "--workspace", "--exclude", "xtask", "--no-verify", "--allow-dirty", "--quiet",
        ],
    ),
];

const DOCS: &str = "docs";
const MSRV: &str = "oldest Rust";
const TESTS: &str = "tests and doc tests";
const CONFORMANCE: &str = "conformance";
const CONFORMANCE_OLDER: &str = "conformance of older engines";
const CONFORMANCE_VM: &str = "conformance on cgroup v2";

/// The areas in which engines differ. Without `--all`, older engines are checked only in these areas, and the newest
/// engines in all areas.
const ENGINE_AREAS: &[&str] = &[
    "attach", "creation", "events", "exec", "exec-detached", "images", "limits", "log-stream", "networks",
    "removal", "settings", "setup", "stats", "times",
];
/// The areas that depend on the version of cgroups. Without `--all`, the virtual machine is checked only in these
/// areas.
const CGROUP_AREAS: &[&str] = &["limits", "stats"];

/// Steps that use engines, if engines are available.
const DYNAMIC: &[Step<'_>] = &[
    (TESTS, &["test", "--workspace", "--locked", "--no-fail-fast"]),
    (CONFORMANCE, &["xtask", "conformance"]),
    ("screenshots", &["xtask", "screenshots"]),
    ("self-test", &["xtask", "conformance", "--self-test"]),
    ("examples", &["xtask", "examples"]),
];

/// The number of faults that one run injects into the connection to an engine. The injection of all these faults
/// takes about three minutes.
const FAULTS: &str = "300";

/// The number of tests that run at the same time. A test of an engine mostly waits for the engine.
const TEST_THREADS: &str = "4";

/// Runs every step, continues after failures, and reports the failed steps at the end.
///
/// A failed test or check is rerun once, alone. If the rerun fails, the whole run fails. If the rerun passes, the
/// test or check is listed as flaky. The whole run also fails if more than three tests or checks are flaky.
///
/// First installs and starts the engines listed in `DRIVER_INTERFACE_REQUIRE`, and a registry from which they pull
/// images. Engines that already run are used as they are. At the end, stops the engines that this function has
/// started.
///
/// Fails if an engine is unavailable, and names the steps that failed.
pub(crate) fn main(args: &Args) -> Result<ExitCode> {
    let root = &workspace();
    let mut required = required()?;
    if args.all {
        required = Engine::ALL.to_vec();
    }
    let mut results: Vec<(&str, bool, Duration)> = Vec::new();
    let mut second = again::Verdict::default();
    for step in STATIC {
        results.push(timed(root, step, &required, &mut second)?);
    }
    results.extend(oldest_rust(root, &required, &mut second)?);
    let state = root.join("target/engines");
    let ready = start_engines(&required, &state);
    let mut with_engines = || {
        for step in DYNAMIC {
            if step.0 != CONFORMANCE || required.is_empty() {
                results.push(timed(root, step, &required, &mut second)?);
                continue;
            }
            for (name, options) in conformance(&required, args.all) {
                let options: Vec<&str> = step
                    .1
                    .iter()
                    .copied()
                    .chain(options.iter().map(String::as_str))
                    .collect();
                results.push(timed(root, &(name, &options), &required, &mut second)?);
            }
            second.notices.extend(stale_capabilities(root)?);
        }
        results.extend(disk_limits(root, &required, &state, &mut second)?);
        anyhow::Ok(())
    };
    let ran = if ready.is_ok() { with_engines() } else { Ok(()) };
    let stopped = engines::down(&state);
    summary(&results, &second);
    ready.context("the engines could not be started")?;
    ran?;
    stopped.context("the engines could not be stopped")?;
    let failed: Vec<&str> = results
        .iter()
        .filter(|(_, passed, _)| !passed)
        .map(|(name, ..)| *name)
        .collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    if second.flaky.len() > again::MAX_FLAKY {
        bail!(
            "{} tests and checks passed only on the second attempt",
            second.flaky.len()
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn required() -> Result<Vec<Engine>> {
    let names = require::names();
    let mut engines = names
        .iter()
        .map(|name| Engine::from_str(name, false).map_err(anyhow::Error::msg))
        .collect::<Result<Vec<Engine>>>()?;
    if !engines.is_empty() && !engines.contains(&Engine::Registry) {
        engines.push(Engine::Registry);
    }
    Ok(engines)
}

/// Returns the runs of the conformance suite on the required engines. Each run consists of the name of the CI step,
/// and the command-line options.
fn conformance(required: &[Engine], all: bool) -> Vec<(&'static str, Vec<String>)> {
    let out = |name: &str| vec!["--out".to_owned(), out_dir(name)];
    let add = |options: &mut Vec<String>, option: &str, values: &[&str]| {
        options.extend(
            values
                .iter()
                .flat_map(|value| [option.to_owned(), (*value).to_owned()]),
        );
    };
    let mut whole = out(CONFORMANCE);
    add(&mut whole, "--driver", &["mock-docker:", "mock-local:"]);
    let mut older = out(CONFORMANCE_OLDER);
    let mut machine = out(CONFORMANCE_VM);
    for engine in required {
        match engine {
            Engine::Registry | Engine::DockerQuota => {}
            Engine::Vm => add(&mut machine, "--engine", &[engine.name()]),
            Engine::Docker | Engine::Podman | Engine::Docker26 | Engine::Podman54 => {
                add(&mut older, "--engine", &[engine.name()]);
            }
            engine => add(&mut whole, "--engine", &[engine.name()]),
        }
    }
    let named = |options: &[String], option: &str| options.iter().any(|one| one == option);
    let mut runs = Vec::new();
    if named(&older, "--engine") {
        // Some engine must run every check.
        if !all && named(&whole, "--engine") {
            add(&mut older, "--area", ENGINE_AREAS);
        }
        runs.push((CONFORMANCE_OLDER, older));
    }
    if named(&machine, "--engine") {
        if !all {
            add(&mut machine, "--area", CGROUP_AREAS);
        }
        runs.push((CONFORMANCE_VM, machine));
    }
    runs.insert(0, (CONFORMANCE, whole));
    runs
}

/// Returns the directory for the reports of a step.
fn out_dir(step: &str) -> String {
    format!("target/{}", step.replace(' ', "-"))
}

fn start_engines(required: &[Engine], state: &Path) -> Result<()> {
    if required.is_empty() {
        return Ok(());
    }
    println!("==> engines");
    for started in engines::up(required, true, state)? {
        println!("{} {} at {}", started.engine, started.version, started.endpoint);
    }
    Ok(())
}

/// Returns the oldest Rust version that the library crates support, as stated in the workspace's manifest.
fn supported_rust() -> Result<&'static str> {
    let stated = include_str!("../../Cargo.toml")
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"'));
    stated.context("the workspace's manifest states no rust-version")
}

/// Compiles the facade crate, and thus every library crate, with the oldest Rust version that the workspace supports.
fn oldest_rust(
    root: &Path,
    required: &[Engine],
    second: &mut again::Verdict,
) -> Result<Option<(&'static str, bool, Duration)>> {
    let version = supported_rust()?;
    let install = [
        "toolchain", "install", version, "--profile", "minimal", "--no-self-update",
    ];
    let installed = Command::new("rustup")
        .args(install)
        .output()
        .map_err(|error| error.to_string())
        .and_then(|output| match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        });
    if let Err(reason) = installed {
        println!("==> {MSRV}: not run, because Rust {version} cannot be installed here: {reason}");
        second
            .not_run
            .push(format!("{MSRV}: Rust {version} cannot be installed here"));
        return Ok(None);
    }
    let check = [
        "run", version, "cargo", "check", "-p", "driver-interface", "--all-features", "--locked",
    ];
    timed(root, &(MSRV, &check), required, second).map(Some)
}

/// Tests disk limits on an engine whose data directory is a separate file system. If this machine does not allow such
/// an engine, the step is listed as not run.
fn disk_limits(
    root: &Path,
    required: &[Engine],
    state: &Path,
    second: &mut again::Verdict,
) -> Result<Vec<(&'static str, bool, Duration)>> {
    if required.is_empty() {
        return Ok(Vec::new());
    }
    let endpoint = match engines::up(&[Engine::DockerQuota], true, state) {
        Ok(started) => started.first().context("nothing was started")?.endpoint.clone(),
        Err(reason) if required.contains(&Engine::DockerQuota) => return Err(reason),
        Err(reason) => {
            println!("==> disk limits: not run, because no engine supports them on this host: {reason:#}");
            second
                .not_run
                .push("disk limits: no engine supports them on this host".to_owned());
            return Ok(Vec::new());
        }
    };
    let out = root.join("target/conformance-disk");
    let out = out.to_str().context("the path of the workspace is not UTF-8")?;
    let on_it = [
        "xtask", "conformance", "--driver", &endpoint, "--out", out, "--filter",
    ];
    let steps = [
        ("disk limits", [&on_it[..], &["limits/*"]].concat()),
        (
            "disk self-test",
            [&on_it[..], &["limits/disk-enforced", "--self-test"]].concat(),
        ),
    ];
    steps
        .iter()
        .map(|(name, args)| timed(root, &(*name, args), required, second))
        .collect()
}

/// Returns a notice if the capabilities of the local engines differ from the table in the README. If the local engine
/// versions and the kernel are those of CI, the README is out of date.
fn stale_capabilities(root: &Path) -> Result<Option<String>> {
    let read = |path: &str| std::fs::read_to_string(root.join(path)).with_context(|| path.to_owned());
    let (report, readme) = (read("target/conformance/report.md")?, read("README.md")?);
    // The page has more engines than this run covers.
    let page = docs::declared(&readme);
    let same = docs::declared(&report)
        .into_iter()
        .all(|(capability, here)| page.get(&capability).is_none_or(|there| *there == here));
    let notice = "README: capabilities of the local engines differ from the table; regenerate docs/CONFORMANCE.md \
                  and run `cargo xtask docs`";
    Ok((!same).then(|| notice.to_owned()))
}

fn timed(
    root: &Path,
    (name, args): &Step<'_>,
    required: &[Engine],
    second: &mut again::Verdict,
) -> Result<(&'static str, bool, Duration)> {
    // The engine with disk limits has a step of its own, which names the engine.
    let required = required.iter().filter(|engine| **engine != Engine::DockerQuota);
    let required: Vec<&str> = required.map(|engine| engine.name()).collect();
    let (program, shown) = match *name {
        MSRV => ("rustup", "rustup"),
        _ => (env!("CARGO"), "cargo"),
    };
    let cargo = |args: &[&str]| {
        let mut command = Command::new(program);
        command
            .args(args)
            .env(require::VARIABLE, required.join(","))
            .env("DRIVER_INTERFACE_FAULTS", FAULTS)
            .env("DRIVER_INTERFACE_FAULT_FRESH", fresh_seed())
            .current_dir(root);
        match *name {
            TESTS => command.env("RUST_TEST_THREADS", TEST_THREADS),
            DOCS => command.env("RUSTDOCFLAGS", "--deny warnings"),
            MSRV => command.env("CARGO_TARGET_DIR", root.join("target/oldest-rust")),
            _ => &mut command,
        };
        command
    };
    let run = |args: &[&str]| {
        let status = cargo(args).status().context("cargo did not start")?;
        anyhow::Ok(status.success())
    };
    println!("==> {name}: {shown} {}", args.join(" "));
    if matches!(*name, CONFORMANCE | CONFORMANCE_OLDER | CONFORMANCE_VM) {
        // If the run ends without a report, an earlier one must not be taken for its own.
        let _ = std::fs::remove_file(root.join(out_dir(name)).join("report.json"));
    }
    let began = Instant::now();
    let verdict = match *name {
        TESTS => {
            let (status, lines) = again::shown(&mut cargo(args))?;
            match status.success() {
                true => again::Verdict::default(),
                false => again::tests(&lines, run)?,
            }
        }
        _ if run(args)? => again::Verdict::default(),
        step @ (CONFORMANCE | CONFORMANCE_OLDER | CONFORMANCE_VM) => {
            again::checks(&root.join(out_dir(step)).join("report.json"), run)?
        }
        name => again::Verdict {
            red: vec![name.to_owned()],
            ..again::Verdict::default()
        },
    };
    let passed = verdict.red.is_empty();
    second.red.extend(verdict.red);
    second.flaky.extend(verdict.flaky);
    Ok((name, passed, began.elapsed()))
}

/// Returns the seed of the injected faults. The seed differs between runs of `cargo xtask ci`. Within one run, the
/// seed is fixed, so that the rerun of a failed check gets the same faults.
fn fresh_seed() -> String {
    static SEED: OnceLock<String> = OnceLock::new();
    let draw = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.unwrap_or_default().as_micros().to_string()
    };
    SEED.get_or_init(draw).clone()
}

fn summary(results: &[(&str, bool, Duration)], second: &again::Verdict) {
    println!("==> summary");
    for (name, passed, took) in results {
        let verdict = if *passed { "ok" } else { "FAILED" };
        println!("{verdict:>6}  {:>5.0} s  {name}", took.as_secs_f64());
    }
    for what in &second.red {
        println!("   RED  {what}");
    }
    for what in &second.not_run {
        println!(" not run  {what}");
    }
    for what in &second.notices {
        println!("  NOTICE  {what}");
    }
    for what in &second.flaky {
        println!(" FLAKY  failed, then passed alone: {what}");
    }
}
