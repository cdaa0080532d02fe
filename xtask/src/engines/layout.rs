//! The directories and files of an engine.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Engine;
use super::http::Address;

/// The directory for short-lived files of engines. This directory is not in the state directory, because its path
/// must be short. The path of a Unix socket is limited to 107 bytes, and Podman rejects a run root of more than 50
/// bytes.
const RUN: &str = "/run/xtask-engines";

/// The directories and files of one engine.
pub(super) struct Layout {
    /// The engine that the directories belong to.
    pub(super) engine: Engine,
    home: PathBuf,
    run: PathBuf,
}

impl Layout {
    /// Creates the layout of an engine in the state directory `state_dir`, which must be an absolute path.
    pub(super) fn new(engine: Engine, state_dir: &Path) -> Self {
        // Each state directory has its own run directory, so that `down` in one checkout does not affect the engines of
        // another checkout.
        let run = Path::new(RUN)
            .join(format!("{:08x}", short_hash(state_dir)))
            .join(engine.name());
        Self {
            engine,
            home: state_dir.join(engine.name()),
            run,
        }
    }

    /// Creates the layout of an engine whose directories are inside the directories of the layout `other`.
    pub(super) fn beside(engine: Engine, other: &Self) -> Self {
        Self {
            engine,
            home: other.home.join(engine.name()),
            run: other.run.join(engine.name()),
        }
    }

    /// Returns the directory for all files of the engine except the files in the run directory.
    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// Returns the directory for sockets, pid files and other files that have no meaning after the engine's processes
    /// have exited.
    pub(super) fn run(&self) -> &Path {
        &self.run
    }

    /// Returns the directory for the engine's images, containers and volumes.
    pub(super) fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Returns the directory for the configuration files that `up` generates for the engine.
    pub(super) fn config(&self) -> PathBuf {
        self.home.join("config")
    }

    /// Returns the path of the file that contains the engine's output.
    pub(super) fn log(&self) -> PathBuf {
        self.home.join("log")
    }

    /// Returns the path of the file that contains the record of the engine's process.
    pub(super) fn record(&self) -> PathBuf {
        self.home.join("process.json")
    }

    /// Returns the address at which the engine is started, and at which a running engine is expected.
    pub(super) fn usual_address(&self) -> Address {
        match self.engine {
            Engine::Docker => Address::Unix("/var/run/docker.sock".into()),
            Engine::Podman => Address::Unix("/run/podman/podman.sock".into()),
            Engine::Registry => Address::Loopback(registry_port()),
            // No program expects these engines at a fixed address, so each state directory can have its own.
            _ => Address::Unix(self.run.join("engine.sock")),
        }
    }
}

/// Returns the port of the registry: the value of `XTASK_REGISTRY_PORT`, or 5000.
pub(crate) fn registry_port() -> u16 {
    env::var("XTASK_REGISTRY_PORT")
        .ok()
        .and_then(|port| port.parse().ok())
        .unwrap_or(5000)
}

/// Returns the version of the installed registry program. The registry's API does not report this version.
pub(super) fn registry_version() -> String {
    let output = Command::new("docker-registry").arg("--version").output();
    let text = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    text.split_whitespace().last().unwrap_or("unknown").to_owned()
}

/// Returns the FNV-1a hash of a path. This hash needs no crate and, unlike the hashes of the standard library, is the
/// same in every build.
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
    fn run_directories_are_short_and_unique() {
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
