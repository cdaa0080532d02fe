//! `cargo xtask bench`: measures the drivers side by side with other clients, and writes reports.

mod engine;
mod local;
mod measure;
mod page;
mod raw;

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use driver_interface_conformance::TestImage;
use serde::Serialize;

use self::engine::{Engine, Size};
use self::local::{Alone, Growth};
use self::measure::Measured;
use crate::conformance::test_image_cache;
use crate::engines_command::target_dir;
use crate::tidy::workspace;

/// The version of the schema of `target/bench/report.json`. The version increases only if a field changes its meaning
/// or is removed.
const SCHEMA_VERSION: u32 = 1;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Measure less: fewer rounds, containers, lines and bytes.
    #[arg(long)]
    quick: bool,
    /// The engine to measure on: the URI of a driver whose engine has a Unix socket.
    #[arg(long, value_name = "URI", default_value = "docker:")]
    engine: String,
    /// Also measure the docker command and docker-py, if they are installed.
    #[arg(long)]
    peers: bool,
    /// Measure only operations that run in this process. No engine is needed.
    #[arg(long)]
    no_engine: bool,
}

/// The content of `target/bench/report.json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Results {
    schema_version: u32,
    /// The engine's name and version.
    engine: String,
    /// The name of the operating system and the version of its kernel.
    system: String,
    processors: usize,
    quick: bool,
    rows: Vec<Measured>,
    /// The contenders that `--peers` requests but that are not installed.
    absent: Vec<&'static str>,
    alone: Vec<Alone>,
    growth: Vec<Growth>,
}

/// Measures all rows, prints a line for each row, and writes `report.json`, `report.md` and `report.html` to
/// `target/bench`.
///
/// Fails if the ratio of a row is more than a tenth worse than its goal, and chance does not explain the difference.
pub(crate) fn main(args: &Args) -> Result<ExitCode> {
    if cfg!(debug_assertions) {
        return optimised();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let size = if args.quick { Size::QUICK } else { Size::WHOLE };
    let mut results = Results {
        schema_version: SCHEMA_VERSION,
        engine: "no engine".to_owned(),
        system: system(),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        quick: args.quick,
        rows: Vec::new(),
        absent: Vec::new(),
        alone: Vec::new(),
        growth: Vec::new(),
    };
    if !args.no_engine {
        runtime.block_on(on_engine(args, size, &mut results))?;
    }
    let alone = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    results.alone = alone.block_on(local::alone())?;
    results.growth = alone.block_on(local::growth(if args.quick { 10_000 } else { 100_000 }))?;
    for one in &results.alone {
        println!("{:<34}  {:.2} µs", one.name, one.microseconds);
    }
    for at in &results.growth {
        println!(
            "mock of {:<7} containers          create and remove {:.1} µs  list ten {:.1} µs",
            at.containers, at.create_microseconds, at.list_microseconds
        );
    }
    write(&results)?;
    let missed: Vec<&str> = results
        .rows
        .iter()
        .filter(|row| row.goal.as_ref().is_some_and(measure::Goal::is_missed_clearly))
        .map(|row| row.name)
        .collect();
    match missed.is_empty() {
        true => Ok(ExitCode::SUCCESS),
        false => {
            println!("more than a tenth worse than the goal: {}", missed.join(", "));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Builds this program with optimisations, and runs this command again.
fn optimised() -> Result<ExitCode> {
    let status = Command::new(env!("CARGO"))
        .args([
            "run", "--release", "--quiet", "--locked", "--package", "xtask", "--",
        ])
        .args(std::env::args_os().skip(1))
        .current_dir(workspace())
        .status()
        .context("cargo did not start")?;
    Ok(match status.success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

async fn on_engine(args: &Args, size: Size, results: &mut Results) -> Result<()> {
    let image = TestImage::find(&test_image_cache());
    let engine = Engine::prepare(&args.engine, &image, size, args.peers).await?;
    results.engine = engine.describe();
    if args.peers {
        results.absent = engine.absent();
    }
    println!("{}", results.engine);
    let rows = engine.rows(|row| println!("{}", page::line(row))).await;
    let cleared = engine.clear().await;
    results.rows = rows?;
    cleared
}

fn write(results: &Results) -> Result<()> {
    let directory = target_dir().join("bench");
    std::fs::create_dir_all(&directory)?;
    let json = serde_json::to_string_pretty(results)?;
    let files = [
        ("report.json", json),
        ("report.md", page::markdown(results)),
        ("report.html", page::html(results)),
    ];
    for (name, content) in files {
        std::fs::write(directory.join(name), content)?;
    }
    println!("details: {}", directory.join("report.html").display());
    Ok(())
}

fn system() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {}", std::env::consts::OS, release.trim())
}
