//! Runs the suite in the network namespace of an engine, where the ports of its containers are reachable.

use std::io::Read;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use driver_interface_conformance::Report;

use super::Args;
use super::output::Output;
use crate::engines::{self, Engine, root};
use crate::engines_command::default_state_dir;
use crate::require;

/// Checks a running engine in a separate process, and returns that process's report with the engine's name as the
/// driver.
pub(super) fn check(engine: Engine, args: &Args, seed: u64, output: &Output) -> Result<Report> {
    let state = default_state_dir();
    let status = engines::status(&state)
        .into_iter()
        .find(|status| status.engine == engine);
    let Some(status) = status.filter(|status| status.version.is_some()) else {
        bail!("{engine} is not running; start it with `cargo xtask engines up --install {engine}`");
    };
    let program = std::env::current_exe().context("the path of this program is unknown")?;
    let namespace = engines::network_namespace(engine, &state)?;
    let mut command = match namespace.exists() {
        true => root::enter(&namespace),
        false => std::process::Command::new("env"),
    };
    command
        .arg(program)
        .args(["conformance", "--format", "json", "--driver", &status.endpoint]);
    command.arg("--out").arg(output.directory().join(engine.name()));
    let named = [("--area", &args.areas), ("--filter", &args.filters)];
    for (option, values) in named {
        command.args(values.iter().flat_map(|value| [option, value]));
    }
    let single = [
        ("--level", args.level.map(|level| level.to_string())),
        ("--shard", args.shard.map(|shard| shard.to_string())),
        ("--image", args.image.clone()),
        ("--seed", Some(seed.to_string())),
        ("--jobs", Some(args.jobs.to_string())),
        ("--repeat", Some(args.repeat.to_string())),
    ];
    for (option, value) in single {
        command.args(value.iter().flat_map(|value| [option, value]));
    }
    command.args(args.bail.then_some("--bail"));
    // This process checks the requirements; the child does not.
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
    let mut report: Report = serde_json::from_str(&json)
        .with_context(|| format!("the suite on {engine} wrote no report ({exit})"))?;
    for driver in &mut report.drivers {
        driver.uri = engine.name().to_owned();
    }
    for target in &mut report.not_run {
        target.uri = engine.name().to_owned();
        target.required = true;
    }
    Ok(report)
}
