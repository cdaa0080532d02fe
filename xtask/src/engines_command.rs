//! `cargo xtask engines up|down|status`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::engines::{self, Engine};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
    /// The directory for the engines' data, configuration and logs.
    #[arg(long, global = true, value_name = "DIR", default_value_os_t = default_state_dir())]
    state_dir: PathBuf,
}

#[derive(Subcommand)]
enum Action {
    /// Start engines. An engine that is already running is used as it is.
    Up {
        /// The engines to start. If no engine is named: docker, podman and registry.
        engines: Vec<Engine>,
        /// Install missing programs from the distribution's packages.
        #[arg(long)]
        install: bool,
    },
    /// Stop the engines that `up` started, and remove their data.
    Down,
    /// Show which engines respond.
    Status,
}

pub(crate) fn main(args: &Args) -> Result<ExitCode> {
    match &args.action {
        Action::Up {
            engines: names,
            install,
        } => {
            let required: Vec<Engine> = match names.as_slice() {
                [] => Engine::USUAL.to_vec(),
                names => names.to_vec(),
            };
            for started in engines::up(&required, *install, &args.state_dir)? {
                anstream::println!("{started}");
            }
        }
        Action::Down => {
            let ended = engines::down(&args.state_dir)?;
            if ended.is_empty() {
                anstream::println!("nothing was started from {}", args.state_dir.display());
            }
            for engine in ended {
                anstream::println!("{engine} ended");
            }
        }
        Action::Status => {
            for status in engines::status(&args.state_dir) {
                anstream::println!("{status}");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the default state directory: `target/engines` in this workspace, regardless of the working directory.
pub(crate) fn default_state_dir() -> PathBuf {
    target_dir().join("engines")
}

/// Returns the workspace's `target` directory.
pub(crate) fn target_dir() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."));
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from)
}
