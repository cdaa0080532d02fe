//! Where everything of an engine is.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Engine;
use super::http::Address;

/// Short-lived files are kept here and not in the state directory: their paths name Unix sockets, which may have
/// 107 bytes, and Podman refuses a run root of more than 50.
const RUN: &str = "/run/xtask-engines";

/// The directories of one engine.
pub(super) struct Layout {
    /// Whose they are.
    pub(super) engine: Engine,
    home: PathBuf,
    run: PathBuf,
}

impl Layout {
    /// `state_dir` must be absolute.
    pub(super) fn new(engine: Engine, state_dir: &Path) -> Self {
        // Each state directory has its own run directory: going down in one checkout must not touch another's.
        let run = Path::new(RUN)
            .join(format!("{:08x}", short_hash(state_dir)))
            .join(engine.name());
        Self {
            engine,
            home: state_dir.join(engine.name()),
            run,
        }
    }

    /// What outlives the engine: all of its state but the run directory.
    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// Sockets, pid files and other things that mean nothing once the engine's processes are gone.
    pub(super) fn run(&self) -> &Path {
        &self.run
    }

    /// Images, containers and volumes.
    pub(super) fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Generated configuration.
    pub(super) fn config(&self) -> PathBuf {
        self.home.join("config")
    }

    /// The engine's output.
    pub(super) fn log(&self) -> PathBuf {
        self.home.join("log")
    }

    /// Which process was started.
    pub(super) fn record(&self) -> PathBuf {
        self.home.join("process.json")
    }

    /// Where the engine is looked for and started.
    pub(super) fn usual_address(&self) -> Address {
        match self.engine {
            Engine::Docker => Address::Unix("/var/run/docker.sock".into()),
            // Nobody else would look for it: each state directory has its own.
            Engine::DockerQuota => Address::Unix(self.run.join("docker.sock")),
            Engine::Podman => Address::Unix("/run/podman/podman.sock".into()),
            Engine::Registry => Address::Loopback(registry_port()),
        }
    }
}

/// The port of the registry: `XTASK_REGISTRY_PORT`, or 5000.
pub(crate) fn registry_port() -> u16 {
    env::var("XTASK_REGISTRY_PORT")
        .ok()
        .and_then(|port| port.parse().ok())
        .unwrap_or(5000)
}

/// The version of the installed registry; its API does not tell.
pub(super) fn registry_version() -> String {
    let output = Command::new("docker-registry").arg("--version").output();
    let text = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    text.split_whitespace().last().unwrap_or("unknown").to_owned()
}

/// FNV-1a: needs no crate and gives the same in every build, unlike the standard library's hashers.
fn short_hash(path: &Path) -> u32 {
    path.as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0x811c_9dc5, |hash: u32, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_directories_are_short_and_differ_between_state_directories() {
        let long = format!("/{}", "x".repeat(300));
        let layouts = [Path::new("/a"), Path::new("/b"), Path::new(&long)];
        let runs = layouts.map(|state| Layout::new(Engine::Podman, state).run().to_path_buf());
        assert!(
            runs.iter().all(|run| run.join("root").as_os_str().len() <= 50),
            "{runs:?}"
        );
        assert!(runs[0] != runs[1] && runs[1] != runs[2], "{runs:?}");
    }
}
