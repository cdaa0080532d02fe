use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use driver_interface_kit::{Labels, belongs, selector, session_of, user_labels};
use driver_interface_types::{
    ContainerConfig, ContainerHealth, ContainerId, ContainerInstance, ContainerStatus, EnforcementReport,
    EventKind, ExecId, ExitInfo, Namespace, Network, NetworkId, PublishedPort, Volume, VolumeId, VolumeOwner,
    Warning,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::Stdin;
use super::addresses::{Address, Subnets};
use super::containers::Containers;
use super::events::EventLog;
use super::exec::ExecRecord;
use super::images::Images;
use super::{Clock, LogStore};
use crate::fs::{Meta, SharedTree, Tree};
use crate::process::{Host, Signal};

/// The complete state of the simulated engine.
#[derive(Debug)]
pub(crate) struct State {
    /// The reason why the engine is unreachable; `None` while it is reachable.
    pub(crate) down: Option<String>,
    pub(crate) containers: Containers,
    pub(crate) volumes: BTreeMap<String, VolumeRecord>,
    pub(crate) networks: BTreeMap<NetworkId, NetworkRecord>,
    /// The directories of the simulated host that containers have mounted, by path.
    pub(crate) host_directories: BTreeMap<String, SharedTree>,
    pub(crate) images: Images,
    pub(crate) events: EventLog,
    subnets: Subnets,
    rng: StdRng,
    last_creation: Option<SystemTime>,
}

#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) id: ContainerId,
    pub(crate) name: String,
    pub(crate) config: ContainerConfig,
    pub(crate) labels: Labels,
    pub(crate) created_at: SystemTime,
    pub(crate) image: u64,
    /// The named networks that the container is attached to. The network of the container's session is not among
    /// them.
    pub(crate) networks: Vec<Attachment>,
    pub(crate) command: Vec<String>,
    /// The environment variables that the image sets.
    pub(crate) env: BTreeMap<String, String>,
    /// The directory in which the container's processes start.
    pub(crate) working_dir: String,
    pub(crate) root: SharedTree,
    pub(crate) logs: Arc<LogStore>,
    /// The standard input of the current run or, if there is no current run, of the next run.
    pub(crate) stdin: Stdin,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) enforcement: EnforcementReport,
    pub(crate) phase: Phase,
    pub(crate) started_at: Option<SystemTime>,
    pub(crate) healthy: bool,
    /// The health check results of the container's last run; `None` if the container has no health check.
    pub(crate) health: Option<ContainerHealth>,
    /// Announces changes of the container. Once the sender is dropped, receivers know that the container was removed.
    pub(crate) changed: watch::Sender<Changes>,
}

/// The changes of a container so far. Receivers can still read them after the container was removed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    /// The number of changes. The value of this counter at the start of a run becomes the run's number.
    pub(crate) count: u64,
    /// The number of runs that have ended.
    pub(crate) ends: u64,
    /// How the most recently ended run exited; `None` before the first exit.
    pub(crate) exit: Option<ExitInfo>,
}

/// A network that a container is attached to, and the container's aliases on that network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attachment {
    pub(crate) network: NetworkId,
    pub(crate) aliases: Vec<String>,
}

#[derive(Debug)]
pub(crate) enum Phase {
    Created,
    Running(Run),
    Exited(ExitInfo),
}

/// A run of a container. Dropping the value ends the run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) number: u64,
    pub(crate) host: Arc<Host>,
    pub(crate) main: Arc<crate::process::Entry>,
    pub(crate) address: Option<Address>,
    /// The records of the detached commands.
    pub(crate) execs: BTreeMap<ExecId, ExecRecord>,
    /// The ports that the run has published on the host.
    pub(crate) ports: Vec<PublishedPort>,
    /// The task that runs the container's health checks.
    pub(crate) checks: Option<AbortHandle>,
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(checks) = &self.checks {
            checks.abort();
        }
        self.host.kill_all();
    }
}

#[derive(Debug)]
pub(crate) struct VolumeRecord {
    pub(crate) volume: Volume,
    pub(crate) labels: Labels,
    pub(crate) tree: SharedTree,
}

#[derive(Debug)]
pub(crate) struct NetworkRecord {
    pub(crate) network: Network,
    pub(crate) labels: Labels,
}

impl State {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            down: None,
            containers: Containers::default(),
            volumes: BTreeMap::new(),
            networks: BTreeMap::new(),
            host_directories: BTreeMap::new(),
            images: Images::stock(),
            events: EventLog::default(),
            subnets: Subnets::default(),
            rng: StdRng::seed_from_u64(seed),
            last_creation: None,
        }
    }

    /// Generates an id of 64 random hex digits.
    pub(crate) fn new_id(&mut self) -> String {
        (0..4)
            .map(|_| format!("{:016x}", self.rng.random::<u64>()))
            .collect()
    }

    /// Returns a creation time that is later than all earlier creation times: the current time, or slightly later if
    /// necessary.
    pub(crate) fn creation_time(&mut self, clock: &Clock) -> SystemTime {
        let now = clock.now();
        let time = self
            .last_creation
            .map_or(now, |last| now.max(last + Duration::from_micros(1)));
        self.last_creation = Some(time);
        time
    }

    /// Returns the container of `namespace` with the full id `id`.
    pub(crate) fn container(&self, namespace: &Namespace, id: &ContainerId) -> Option<&Container> {
        let found = self.containers.get(id);
        found.filter(|container| belongs(&container.labels, namespace))
    }

    /// Returns the container of `namespace` with the name `name`.
    pub(crate) fn named(&self, namespace: &Namespace, name: &str) -> Option<&Container> {
        let found = self.containers.named(name);
        found.filter(|container| belongs(&container.labels, namespace))
    }

    /// Returns the containers of `namespace` that have all of `labels`, in the order of their creation.
    pub(crate) fn labelled(&self, namespace: &Namespace, labels: &[(&str, &str)]) -> Vec<&Container> {
        let required = [&selector(namespace), labels].concat();
        self.containers.labelled(&required)
    }

    pub(crate) fn volume(&self, namespace: &Namespace, id: &str) -> Option<&VolumeRecord> {
        self.volumes
            .get(id)
            .filter(|record| belongs(&record.labels, namespace))
    }

    /// Returns the network of `namespace` with the full id `id`.
    pub(crate) fn network(&self, namespace: &Namespace, id: &NetworkId) -> Option<&NetworkRecord> {
        self.own_networks(namespace)
            .find(|record| record.network.id == *id)
    }

    /// Returns the network of `namespace` whose full id is `text`. If there is no such network, returns the network
    /// whose name is `text`.
    pub(crate) fn named_network(&self, namespace: &Namespace, text: &str) -> Option<&NetworkRecord> {
        let by_id = self
            .own_networks(namespace)
            .find(|record| record.network.id.as_str() == text);
        by_id.or_else(|| {
            self.own_networks(namespace)
                .find(|record| record.network.name == text)
        })
    }

    fn own_networks(&self, namespace: &Namespace) -> impl Iterator<Item = &NetworkRecord> {
        self.networks
            .values()
            .filter(|record| belongs(&record.labels, namespace))
    }

    pub(crate) fn host_directory(&mut self, path: &str) -> SharedTree {
        let directory = self.host_directories.entry(path.to_owned()).or_insert_with(|| {
            let mut tree = Tree::default();
            tree.set_meta("", Meta::SHARED);
            tree.shared()
        });
        Arc::clone(directory)
    }

    /// Allocates an unused address on `network`.
    pub(crate) fn address_on(&mut self, network: &str) -> Address {
        self.subnets.take(network)
    }
}

impl Container {
    pub(crate) fn status(&self) -> ContainerStatus {
        match &self.phase {
            Phase::Created => ContainerStatus::Created,
            Phase::Running(run) if run.host.is_frozen() => ContainerStatus::Paused,
            Phase::Running(_) => ContainerStatus::Running,
            Phase::Exited(exit) => exit.status(),
        }
    }

    pub(crate) fn run(&self) -> Option<&Run> {
        match &self.phase {
            Phase::Running(run) => Some(run),
            Phase::Created | Phase::Exited(_) => None,
        }
    }

    pub(crate) fn run_mut(&mut self) -> Option<&mut Run> {
        match &mut self.phase {
            Phase::Running(run) => Some(run),
            Phase::Created | Phase::Exited(_) => None,
        }
    }

    /// Returns the user of the container's main process, as given in the config; `0` by default.
    pub(crate) fn user(&self) -> &str {
        self.config.security.user.as_deref().unwrap_or("0")
    }

    /// Returns the container's host name: the host name that the config sets or, by default, the first 12 characters
    /// of the container's id.
    pub(crate) fn hostname(&self) -> String {
        let own = || self.id.as_str().chars().take(12).collect();
        self.config.hostname.clone().unwrap_or_else(own)
    }

    /// Returns the signal that a stop sends to the container's main process.
    pub(crate) fn stop_signal(&self) -> Signal {
        let requested = self.config.stop_signal.and_then(Signal::of);
        requested.unwrap_or(Signal::Term)
    }

    pub(crate) fn ip_address(&self) -> Option<IpAddr> {
        Some(self.run()?.address.as_ref()?.ip())
    }

    pub(crate) fn set_phase(&mut self, phase: Phase) {
        let exit = match &phase {
            Phase::Exited(exit) => Some(exit.clone()),
            Phase::Created | Phase::Running(_) => None,
        };
        self.phase = phase;
        self.changed.send_modify(|changes| {
            changes.count += 1;
            if exit.is_some() {
                changes.ends += 1;
                changes.exit = exit;
            }
        });
    }

    /// Ends the current run: completes its log, kills its processes and emits events.
    pub(crate) fn end_run(&mut self, exit: ExitInfo, events: &mut EventLog) {
        self.logs.end_of_run();
        self.stdin = Stdin::new(self.config.stdin, self.config.tty);
        let (code, time, out_of_memory) = (exit.code, exit.finished_at, exit.oom_killed == Some(true));
        self.set_phase(Phase::Exited(exit));
        if out_of_memory {
            events.emit(self, EventKind::OutOfMemory, None, time);
        }
        events.emit(self, EventKind::Stopped, Some(code), time);
    }

    /// Wakes the tasks that wait for a change of this container.
    pub(crate) fn notify(&self) {
        self.changed.send_modify(|changes| changes.count += 1);
    }

    /// Returns the container as drivers report it, or `None` if it is unmanaged.
    pub(crate) fn instance(&self) -> Option<ContainerInstance> {
        let session = session_of(&self.labels)?;
        let image = self.config.image.as_str();
        let mut instance =
            ContainerInstance::new(self.id.clone(), &self.name, session, image, self.created_at)
                .with_status(self.status());
        instance.ip_address = self.ip_address();
        instance.started_at = self.started_at;
        instance.exit = match &self.phase {
            Phase::Exited(exit) => Some(exit.clone()),
            Phase::Created | Phase::Running(_) => None,
        };
        instance.labels = user_labels(&self.labels);
        instance.resources = self.config.resources;
        instance.warnings.clone_from(&self.warnings);
        instance.ports = self.run().map(|run| run.ports.clone()).unwrap_or_default();
        instance.health.clone_from(&self.health);
        instance.enforcement = Some(self.enforcement.clone());
        Some(instance)
    }
}

/// Creates the engine's record of a volume. The volume belongs to root unless `owner` is given.
pub(crate) fn new_volume(
    id: VolumeId,
    labels: Labels,
    owner: Option<VolumeOwner>,
    created_at: SystemTime,
) -> VolumeRecord {
    let mut tree = Tree::default();
    if let Some(VolumeOwner { uid, gid }) = owner {
        let usual = Meta::DIRECTORY;
        tree.set_meta("", Meta { uid, gid, ..usual });
    }
    let mut volume = Volume::new(id, "local", created_at);
    volume.mountpoint = format!("/var/lib/mock-engine/volumes/{}/_data", volume.name);
    volume.owner = owner;
    volume.session_id = session_of(&labels);
    volume.labels = user_labels(&labels);
    VolumeRecord {
        volume,
        labels,
        tree: tree.shared(),
    }
}

/// Creates the engine's record of a network that was created at the time `at`.
pub(crate) fn new_network(
    id: NetworkId,
    name: &str,
    driver: &str,
    labels: Labels,
    at: SystemTime,
) -> NetworkRecord {
    let mut network = Network::new(id, name, driver, at);
    network.session_id = session_of(&labels);
    network.labels = user_labels(&labels);
    NetworkRecord { network, labels }
}
