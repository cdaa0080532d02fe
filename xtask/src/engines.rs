//! Real engines for the tests: `cargo xtask engines up|down|status [ENGINE…]`.
//!
//! [`up`] makes each requested engine available at its usual address. If an engine already responds at this address,
//! [`up`] uses that engine unchanged. Otherwise, [`up`] starts the engine from the distribution's packages, with all
//! its files in the state directory. [`down`] stops exactly the engines that [`up`] has started. Both functions work
//! on a bare machine without systemd, where the user is root. They also work if killed engines have left processes
//! and files behind.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use clap::builder::PossibleValue;

pub(crate) use self::layout::registry_port;

use self::http::Address;
use self::layout::Layout;
use self::process::Record;
use self::root::Release;

mod host;
mod http;
mod install;
mod launch;
mod layout;
mod packet_filter;
mod process;
mod quota;
pub(crate) mod root;
mod stop;
pub(crate) mod vm;

/// How long an engine may take to respond after its start.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// The time between two polls of a starting engine. On an idle machine, Docker and Podman respond within a third of a
/// second.
const START_POLL: Duration = Duration::from_millis(50);
/// The number of lines of an engine's log that are shown if the engine fails.
const LOG_TAIL: usize = 20;

/// An engine or registry that the tests use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Engine {
    /// Docker Engine on `/var/run/docker.sock`.
    Docker,
    /// Podman's API service on `/run/podman/podman.sock`.
    Podman,
    /// A plain HTTP image registry on a loopback port: 5000, or the value of `XTASK_REGISTRY_PORT`.
    Registry,
    /// A second Docker Engine that can enforce disk limits, on a socket that [`up`] reports. This engine needs a
    /// kernel with btrfs and loop devices. Its networks are isolated from the host's networks and have no outside
    /// access.
    DockerQuota,
    /// Docker Engine 28, in a root directory with packages of a newer Debian release.
    Docker28,
    /// Docker Engine 28 with containerd's image store, the default of Docker 29.
    Docker28Containerd,
    /// Docker Engine 26.
    Docker26,
    /// Podman 5.8 or newer.
    Podman5,
    /// Podman 5.4.
    Podman54,
    /// A virtual machine with cgroup v2 and systemd, which runs Docker Engine 28 and Podman 5.8. The machine boots
    /// for each run of the suite.
    Vm,
}

impl Engine {
    /// All engines, in the order in which they are started.
    pub(crate) const ALL: [Self; 10] = [
        Self::Registry,
        Self::Docker,
        Self::Podman,
        Self::DockerQuota,
        Self::Docker28,
        Self::Docker28Containerd,
        Self::Docker26,
        Self::Podman5,
        Self::Podman54,
        Self::Vm,
    ];
    /// The engines that are used if no engine is named. These engines run on any machine that can run containers.
    pub(crate) const USUAL: [Self; 3] = [Self::Registry, Self::Docker, Self::Podman];

    /// Returns the engine's name on the command line. The engine's directory in the state directory has the same
    /// name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Registry => "registry",
            Self::DockerQuota => "docker-quota",
            Self::Docker28 => "docker-28",
            Self::Docker28Containerd => "docker-28-containerd",
            Self::Docker26 => "docker-26",
            Self::Podman5 => "podman-5",
            Self::Podman54 => "podman-5.4",
            Self::Vm => "vm",
        }
    }

    /// Returns the engine with this name, if the engine runs in its own root directory. Otherwise, returns `None`.
    pub(crate) fn in_root(name: &str) -> Option<Self> {
        // The report names the two engines in the machine.
        let name = if name.starts_with("vm-") { "vm" } else { name };
        let found = Self::from_str(name, false).ok();
        found.filter(|engine| engine.release().is_some())
    }

    /// Returns the Debian release in whose root directory the engine runs; `None` if the engine runs directly on the
    /// host.
    fn release(self) -> Option<Release> {
        match self {
            Self::Docker28 | Self::Docker28Containerd | Self::Podman5 => Some(Release::Forky),
            Self::Docker26 | Self::Podman54 => Some(Release::Trixie),
            Self::Vm => Some(Release::ForkyVm),
            Self::Docker | Self::Podman | Self::Registry | Self::DockerQuota => None,
        }
    }

    /// Returns the prefix that the engine's reported version must have. The version is checked, because a Debian
    /// release may get newer packages.
    fn version(self) -> &'static str {
        match self {
            Self::Docker28 | Self::Docker28Containerd => "28.",
            Self::Docker26 => "26.",
            Self::Podman5 => "5.",
            Self::Podman54 => "5.4.",
            Self::Docker | Self::Podman | Self::Registry | Self::DockerQuota | Self::Vm => "",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl ValueEnum for Engine {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

/// An engine that is running and responds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Started {
    /// The engine.
    pub(crate) engine: Engine,
    /// The engine's endpoint: `unix:///…`, or `http://127.0.0.1:…` for the registry.
    pub(crate) endpoint: String,
    /// Whether [`up`] started the engine from this state directory. If so, [`down`] will stop the engine.
    pub(crate) owned: bool,
    /// The version that the engine reports.
    pub(crate) version: String,
}

impl fmt::Display for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = if self.owned {
            "started by xtask"
        } else {
            "was already running"
        };
        write!(
            f,
            "{:<12}  {}  {}  {whose}",
            self.engine, self.endpoint, self.version
        )
    }
}

/// The status of one engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    /// The engine.
    pub(crate) engine: Engine,
    /// The engine's endpoint, even if the engine does not respond.
    pub(crate) endpoint: String,
    /// The version that the engine reports; `None` if nothing responds at the endpoint.
    pub(crate) version: Option<String>,
    /// Whether a process that [`up`] has started from this state directory is alive.
    pub(crate) owned: bool,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = self.version.as_deref().unwrap_or("does not respond");
        let whose = if self.owned { "  started by xtask" } else { "" };
        write!(f, "{:<12}  {}  {answer}{whose}", self.engine, self.endpoint)
    }
}

/// Makes every engine in `required` available. Starts the engines that do not respond.
///
/// A started engine keeps its data, configuration and log in `state_dir/<name>`, and runs on after this process has
/// exited. An engine that responds is not changed. An engine that was killed is started again with the same images.
/// If another process is executing this function or [`down`], the call waits for that process.
///
/// # Errors
///
/// - A program is missing, and `install` is false or the packages cannot be installed. The installation requires root
///   on Debian or a derivative.
/// - Another program occupies the address.
/// - An engine does not respond within 60 s. The error then contains the last lines of the engine's log.
///
/// Engines that were started before the failure keep running.
pub(crate) fn up(required: &[Engine], install: bool, state_dir: &Path) -> Result<Vec<Started>> {
    fs::create_dir_all(state_dir).with_context(|| format!("cannot create {}", state_dir.display()))?;
    let state_dir = absolute(state_dir)?;
    let _lock = host::lock()?;
    Engine::ALL
        .into_iter()
        .filter(|engine| required.contains(engine))
        .map(|engine| up_one(engine, install, &state_dir).with_context(|| format!("{engine} did not start")))
        .collect()
}

/// Returns the path of an engine's own network namespace. The path does not exist if the engine uses the host's
/// network namespace.
pub(crate) fn network_namespace(engine: Engine, state_dir: &Path) -> Result<PathBuf> {
    Ok(root::namespace(&Layout::new(engine, &absolute(state_dir)?)))
}

/// Stops the engines that [`up`] has started from `state_dir`, removes their containers and networks, and deletes their
/// data.
///
/// Returns the engines of which a process or files were found. Engines that were running before [`up`] are not
/// stopped. A process that has reused the pid of a former engine is not stopped either. A killed engine is started
/// once more before it is stopped, because only the engine knows which networks and firewall rules it had created.
/// Docker's bridge `docker0` and its empty firewall chains remain, as after every exit of Docker. A second call does
/// nothing.
///
/// # Errors
///
/// A process survives `SIGKILL`, or a mount or directory cannot be removed. The other engines are still stopped.
pub(crate) fn down(state_dir: &Path) -> Result<Vec<Engine>> {
    if !state_dir.exists() {
        return Ok(Vec::new());
    }
    let state_dir = absolute(state_dir)?;
    let _lock = host::lock()?;
    let mut ended = Vec::new();
    let mut failed = Vec::new();
    // The registry is stopped last: an engine that is still pulling an image from it would log errors.
    for engine in Engine::ALL.into_iter().rev() {
        let layout = Layout::new(engine, &state_dir);
        match stop::stop(&layout) {
            Ok(true) => ended.push(engine),
            Ok(false) => {}
            Err(error) => failed.push(format!("{engine}: {error:#}")),
        }
    }
    ensure!(
        failed.is_empty(),
        "not everything could be stopped: {}",
        failed.join("; ")
    );
    Ok(ended)
}

/// Returns the status of every engine except the virtual machine. `cargo xtask engines status` prints this status.
pub(crate) fn status(state_dir: &Path) -> Vec<Status> {
    // If there is no state directory, `xtask` has started none of the engines.
    let state_dir = absolute(state_dir).unwrap_or_else(|_| state_dir.to_path_buf());
    Engine::ALL
        .into_iter()
        .filter(|engine| *engine != Engine::Vm)
        .map(|engine| {
            let layout = Layout::new(engine, &state_dir);
            let record = Record::load(&layout.record()).filter(Record::is_alive);
            let address = address_of(&layout, record.as_ref());
            Status {
                engine,
                endpoint: address.to_string(),
                version: ask_version(engine, &address).ok().flatten(),
                owned: record.is_some(),
            }
        })
        .collect()
}

fn up_one(engine: Engine, install: bool, state_dir: &Path) -> Result<Started> {
    if let (Engine::Vm, Some(release)) = (engine, engine.release()) {
        install::ensure_programs(engine, install)?;
        root::ensure_root(release, install)?;
        return Ok(Started {
            engine,
            endpoint: "boots for each run of the suite".to_owned(),
            owned: true,
            version: "prepared".to_owned(),
        });
    }
    let layout = Layout::new(engine, state_dir);
    let mut record = Record::load(&layout.record()).filter(Record::is_alive);
    let address = address_of(&layout, record.as_ref());
    let found = |version, owned| Started {
        engine,
        endpoint: address.to_string(),
        owned,
        version,
    };
    if let Some(version) = ask_version(engine, &address)? {
        return Ok(found(version, record.is_some()));
    }
    let mut child = None;
    if record.is_none() {
        install::ensure_programs(engine, install)?;
        // The package's service may have been started by the installation, although the policy file forbids it.
        if let Some(version) = ask_version(engine, &address)? {
            return Ok(found(version, false));
        }
        host::require_root(&format!("{engine} is not running and starting it needs root"))?;
        let process = launch::launch(&layout, &address)?;
        record = Record::load(&layout.record());
        child = Some(process);
    }
    match wait_until_it_answers(&layout, &address, child) {
        Ok(version) if version.starts_with(engine.version()) => Ok(found(version, true)),
        Ok(version) => {
            bail!("the packages are those of version {version}; remove the root to renew it, or change xtask")
        }
        Err(error) => {
            // An engine that does not respond is of no use, and another one could not be started.
            if let Some(record) = record {
                record.end(Duration::from_secs(10))?;
            }
            Err(error)
        }
    }
}

/// Returns the address of the engine's running process, or the usual address if there is no such process.
fn address_of(layout: &Layout, record: Option<&Record>) -> Address {
    record
        .and_then(|record| record.endpoint.parse().ok())
        .unwrap_or_else(|| layout.usual_address())
}

/// Returns the version that the engine reports, or `None` if the engine is not listening or not responding yet.
///
/// Fails if the engine will not respond later either, for example because the socket permits no access.
fn ask_version(engine: Engine, address: &Address) -> Result<Option<String>> {
    let ping = if engine == Engine::Registry {
        "/v2/"
    } else {
        "/_ping"
    };
    let answer = match address.request("GET", ping, Duration::from_secs(5)) {
        Ok(answer) => answer,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            bail!("no permission to use {address}: run this as root or as a member of the socket's group")
        }
        Err(_) => return Ok(None),
    };
    if engine == Engine::Registry {
        let is_registry = answer.header("docker-distribution-api-version").is_some();
        ensure!(is_registry, "the listener on {address} is not an image registry");
        return Ok(Some(layout::registry_version()));
    }
    if answer.status != 200 {
        return Ok(None);
    }
    let Ok(answer) = address.request("GET", "/version", Duration::from_secs(10)) else {
        return Ok(None);
    };
    let version = answer
        .json()
        .ok()
        .and_then(|json| Some(json.get("Version")?.as_str()?.to_owned()));
    Ok(version)
}

fn wait_until_it_answers(layout: &Layout, address: &Address, mut child: Option<Child>) -> Result<String> {
    let deadline = Instant::now() + START_DEADLINE;
    loop {
        if let Some(version) = ask_version(layout.engine, address)? {
            return Ok(version);
        }
        // `try_wait` also reaps the exited child, so that it does not stay a zombie of this process.
        let exited = child.as_mut().and_then(|child| child.try_wait().ok().flatten());
        let why = match exited {
            Some(exit) => format!("it exited immediately ({exit})"),
            None if Instant::now() > deadline => {
                format!(
                    "it does not respond on {address} after {} s",
                    START_DEADLINE.as_secs()
                )
            }
            None => {
                thread::sleep(START_POLL);
                continue;
            }
        };
        bail!(
            "{why}; the end of {}:\n{}",
            layout.log().display(),
            log_tail(&layout.log())
        );
    }
}

fn log_tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(LOG_TAIL);
    lines.get(from..).unwrap_or_default().join("\n")
}

/// Returns a path in absolute form. Engines only get absolute paths, because they do not run in this program's
/// working directory.
fn absolute(path: &Path) -> Result<PathBuf> {
    path.canonicalize()
        .with_context(|| format!("cannot resolve {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engine_name_round_trips() {
        for engine in Engine::ALL {
            assert_eq!(Engine::from_str(engine.name(), false).unwrap(), engine);
        }
        assert!(Engine::from_str("Docker", false).is_err());
    }

    #[test]
    fn down_without_engines_does_nothing() {
        let nowhere = Path::new("/nonexistent/engines");
        assert_eq!(down(nowhere).unwrap(), []);
        assert!(status(nowhere).iter().all(|engine| !engine.owned));
    }
}
