//! Running containers: from a config to a simulated kernel with a main process, and its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use driver_interface_types::{
    ContainerHealth, ContainerHealthStatus, ContainerId, EventKind, ExitInfo, NetworkMode,
};

use super::mounts::mounts_of;
use super::ports::ports_of;
use super::state::{Container, Phase, Run, State};
use super::{LogStream, MockEngine};
use crate::fs::{FileSystem, Node, absolute};
use crate::process::{Entry, Exit, Host, MockCommand, MockProcess, Output, Signal, User};
use crate::sync::lock;

/// Why a container did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StartProblem {
    NoSuchProgram(String),
    NotExecutable(String),
    NoSuchUser(String),
    PortInUse(u16),
}

/// Where programs are looked for when the environment does not say.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl MockEngine {
    /// Starts a container that does not run. The caller holds the state, so this is one step for all others.
    pub(crate) fn start_run(&self, state: &mut State, id: &ContainerId) -> Result<(), StartProblem> {
        let endpoint_network = state.containers.get(id).map(network_of);
        let Some(container) = state.containers.get(id) else {
            return Ok(());
        };
        let user = find_user(&container.config.security.user, container)?;
        let mounts = mounts_of(state, id, user.caller());
        let endpoint = endpoint_network
            .flatten()
            .map(|network| state.address_on(&network));
        let ports = ports_of(state, id)?;
        let now = self.clock().now();
        let Some(container) = state.containers.get_mut(id) else {
            return Ok(());
        };

        let files = FileSystem::new(mounts, user.caller());
        let commands = self.commands();
        let program = container.command.first().cloned().unwrap_or_default();
        let Some(command) = commands.find(&program) else {
            let as_path = absolute("/", &program);
            let is_there = program.contains('/') && files.node(&as_path).is_some();
            let problem = if is_there {
                StartProblem::NotExecutable
            } else {
                StartProblem::NoSuchProgram
            };
            return Err(problem(program));
        };

        let hostname = container.hostname();
        let working_dir = absolute("/", &container.working_dir);
        // The runtime makes it where it is missing.
        lock(&container.root).mkdir_all(working_dir.trim_start_matches('/'));
        let env = environment(container, &user, &hostname);
        let config = container.config.clone();
        let host = Arc::new(Host::new(
            commands,
            files,
            hostname,
            user,
            config.clone(),
            self.clock().clone(),
            (Arc::downgrade(self.shared()), id.clone()),
        ));
        // The first process of a kernel is never one too many.
        let Ok(main) = host.spawn(None, &program) else {
            return Ok(());
        };
        let logs = &container.logs;
        let output = |stream| {
            let stream = if config.tty { LogStream::Tty } else { stream };
            Output::Log(Arc::clone(logs), stream)
        };
        let mut process = MockProcess::new(
            Arc::clone(&host),
            Arc::clone(&main),
            container.command.clone(),
            env,
            output(LogStream::Stdout),
            output(LogStream::Stderr),
        );
        process.cwd = working_dir;
        if config.tty {
            process.terminal = Some(Arc::default());
        }
        // Every change of phase counts up, so no two runs have the same number.
        let number = container.changed.borrow().count;
        let run = Run {
            number,
            host: Arc::clone(&host),
            main: Arc::clone(&main),
            endpoint,
            execs: BTreeMap::new(),
            ports,
            checks: self.start_checks(id, number, config.health_check.as_ref()),
        };
        logs.begin_run();
        container.started_at = Some(now);
        container.health = config
            .health_check
            .as_ref()
            .map(|_| ContainerHealth::new(ContainerHealthStatus::Starting));
        container.set_phase(Phase::Running(run));
        state.events.emit(container, EventKind::Started, None, now);

        let ending = Ending {
            engine: Arc::downgrade(self.shared()),
            id: id.clone(),
            number,
            exit: None,
        };
        tokio::spawn(async move {
            // The whole of it has to live in the task, for it to be dropped with it.
            let mut ending = ending;
            ending.exit = Some(run_main(&host, &main, command, process).await);
        });
        Ok(())
    }
}

async fn run_main(
    host: &Arc<Host>,
    main: &Arc<Entry>,
    command: Arc<dyn MockCommand>,
    process: MockProcess,
) -> Exit {
    host.supervise(main, command.run(process)).await
}

/// Tells the engine that a run has ended, also when the runtime drops the run's task.
struct Ending {
    engine: std::sync::Weak<super::Shared>,
    id: ContainerId,
    number: u64,
    exit: Option<Exit>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Some(shared) = self.engine.upgrade() else {
            return;
        };
        let mut state = lock(&shared.state);
        let state = &mut *state;
        let Some(container) = state.containers.get_mut(&self.id) else {
            return;
        };
        let Some(run) = container.run().filter(|run| run.number == self.number) else {
            return;
        };
        let exit = self.exit.unwrap_or(Exit::signal(Signal::Kill));
        let out_of_memory = run.host.ran_out_of_memory();
        let info = ExitInfo::new(i64::from(exit.code), Some(out_of_memory), shared.clock.now());
        container.end_run(info, &mut state.events);
    }
}

/// The network a container gets an address on. Sessions have one each, which keeps them apart.
pub(crate) fn network_of(container: &Container) -> Option<String> {
    match &container.config.network {
        NetworkMode::None => None,
        NetworkMode::Named(_) => container
            .networks
            .first()
            .map(|attached| format!("network/{}", attached.network)),
        _ => Some(format!("session/{}", container.config.session_id)),
    }
}

pub(super) fn environment(container: &Container, user: &User, hostname: &str) -> BTreeMap<String, String> {
    let home = if user.uid == 0 { "/root" } else { "/" };
    let mut env: BTreeMap<String, String> = [("PATH", DEFAULT_PATH), ("HOSTNAME", hostname), ("HOME", home)]
        .map(|(k, v)| (k.into(), v.into()))
        .into();
    env.extend(container.env.clone());
    env.extend(container.config.env.clone());
    env
}

/// Finds who to run as: numbers as they are, names in the image's `/etc/passwd` and `/etc/group`.
pub(super) fn find_user(text: &str, container: &Container) -> Result<User, StartProblem> {
    let root = lock(&container.root);
    let table = |path: &str| match root.node(path) {
        Some(Node::File(data)) => String::from_utf8_lossy(&data).into_owned(),
        Some(Node::Dir | Node::Link(_)) | None => String::new(),
    };
    let (passwd, group) = (table("etc/passwd"), table("etc/group"));
    let missing = || StartProblem::NoSuchUser(text.to_owned());
    let (user, wanted_group) = text
        .split_once(':')
        .map_or((text, None), |(user, group)| (user, Some(group)));
    let entry = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&user) || fields.get(2) == Some(&user));
    let number = |fields: &[&str], at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok());
    let uid = user
        .parse()
        .ok()
        .or_else(|| number(entry.as_ref()?, 2))
        .ok_or_else(missing)?;
    let gid = match wanted_group {
        None => entry.as_ref().and_then(|fields| number(fields, 3)).unwrap_or(0),
        Some(wanted) => {
            let named = || {
                let mut lines = group.lines().map(|line| line.split(':').collect::<Vec<_>>());
                number(&lines.find(|fields| fields.first() == Some(&wanted))?, 2)
            };
            wanted.parse().ok().or_else(named).ok_or_else(missing)?
        }
    };
    let name = entry.and_then(|fields| fields.first().map(|name| (*name).to_owned()));
    Ok(User { uid, gid, name })
}
