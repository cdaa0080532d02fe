//! Running containers: starting the main process on a simulated kernel, and reporting its exit.

use std::collections::BTreeMap;
use std::sync::Arc;

use driver_interface_types::{
    ContainerHealth, ContainerHealthStatus, ContainerId, EventKind, ExitInfo, LogSource, NetworkMode,
};

use super::MockEngine;
use super::mounts::mounts_of;
use super::ports::ports_of;
use super::state::{Container, Phase, Run, State};
use crate::fs::{FileSystem, Node, absolute};
use crate::process::{
    DEFAULT_PATH, Entry, Exit, Host, LaunchError, Launcher, MockCommand, MockProcess, Output, Program,
    Signal, User,
};
use crate::sync::lock;

/// The reason why a container did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StartProblem {
    NoSuchProgram(String),
    NotExecutable(String),
    NoSuchUser(String),
    PortInUse(u16),
}

impl MockEngine {
    /// Starts a container that is not running. The start is atomic, because the caller holds the lock of `state`.
    pub(crate) fn start_run(&self, state: &mut State, id: &ContainerId) -> Result<(), StartProblem> {
        let its_network = state.containers.get(id).map(network_of);
        let Some(container) = state.containers.get(id) else {
            return Ok(());
        };
        let user = find_user(container.user(), container)?;
        let mounts = mounts_of(state, id, user.caller(&container.config.security));
        let address = its_network.flatten().map(|network| state.address_on(&network));
        let ports = ports_of(state, id)?;
        let now = self.clock().now();
        let Some(container) = state.containers.get_mut(id) else {
            return Ok(());
        };

        let files = FileSystem::new(mounts, user.caller(&container.config.security));
        let commands = self.commands();
        let hostname = container.hostname();
        let working_dir = absolute("/", &container.working_dir);
        // The runtime creates the working directory if it is missing.
        lock(&container.root).mkdir_all(working_dir.trim_start_matches('/'));
        let env = environment(container, &user, &hostname);
        let launcher = Launcher {
            commands: &commands,
            files: &files,
            cwd: &working_dir,
            path: env.get("PATH").map(String::as_str),
        };
        let has_init = container.config.init != Some(false);
        let Program { command, argv } = launch(&launcher, &container.command, has_init)?;
        let program = container.command.first().cloned().unwrap_or_default();
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
        // The first process of a kernel cannot exceed the process limit, so this never fails.
        let Ok(main) = host.spawn(None, &program) else {
            return Ok(());
        };
        let logs = &container.logs;
        let output = |stream| {
            let stream = if config.tty { LogSource::Tty } else { stream };
            Output::Log(Arc::clone(logs), stream)
        };
        let mut process = MockProcess::new(
            Arc::clone(&host),
            Arc::clone(&main),
            argv,
            env,
            output(LogSource::Stdout),
            output(LogSource::Stderr),
        );
        process.cwd = working_dir;
        process.stdin = container.stdin.take_reader();
        process.terminal = container.stdin.terminal.clone();
        // Every change of phase increments the count, so no two runs have the same number.
        let number = container.changed.borrow().count;
        let run = Run {
            number,
            host: Arc::clone(&host),
            main: Arc::clone(&main),
            address,
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
            // Move the whole value into the task, so that it is dropped with the task.
            let mut ending = ending;
            ending.exit = Some(run_main(&host, &main, command, process).await);
        });
        Ok(())
    }
}

/// Loads the program of a container or an exec. Fails if the program is missing or not executable. An executable
/// program may still have an unknown format or a missing interpreter. In this case, returns a program that prints the
/// error message of the init process or the runtime, and exits.
pub(super) fn launch(
    launcher: &Launcher<'_>,
    words: &[String],
    has_init: bool,
) -> Result<Program, StartProblem> {
    let name = words.first().map_or("", String::as_str);
    let located = launcher.locate(name).map_err(|problem| match problem {
        LaunchError::NotFound => StartProblem::NoSuchProgram(name.to_owned()),
        _ => StartProblem::NotExecutable(name.to_owned()),
    })?;
    let loaded = if has_init {
        launcher.load_as_script(name, words)
    } else {
        launcher.load(located, words)
    };
    Ok(loaded.unwrap_or_else(|problem| {
        let message = if has_init {
            format!("[FATAL tini (7)] exec {name} failed: {problem}")
        } else {
            format!("exec {name}: {}", problem.to_string().to_lowercase())
        };
        let is_own_code = has_init && problem != LaunchError::TooManyLinks;
        let code = if is_own_code { problem.exit_code() } else { 1 };
        let failed = move |process: MockProcess| {
            let message = message.clone();
            async move {
                process.say(message).await;
                code
            }
        };
        Program {
            command: Arc::new(failed),
            argv: words.to_vec(),
        }
    }))
}

async fn run_main(
    host: &Arc<Host>,
    main: &Arc<Entry>,
    command: Arc<dyn MockCommand>,
    process: MockProcess,
) -> Exit {
    host.supervise(main, command.run(process)).await
}

/// A guard that reports the exit of a run to the engine when it is dropped. The exit is thus reported even if the
/// async runtime drops the run's task.
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

/// Returns the network on which a container gets its address, or `None` if the container has no network. Each session
/// has its own network.
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
    env.retain(|key, _| !container.config.unset_env.contains(key));
    env.extend(container.config.env.clone());
    env
}

/// Returns the user that `text` gives as `USER[:GROUP]`. Names are looked up in the container's `/etc/passwd` and
/// `/etc/group`.
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
    let group_id = |selection: &str| {
        let named = || {
            let mut lines = group.lines().map(|line| line.split(':').collect::<Vec<_>>());
            number(&lines.find(|fields| fields.first() == Some(&selection))?, 2)
        };
        selection.parse().ok().or_else(named).ok_or_else(missing)
    };
    let gid = match wanted_group {
        None => entry.as_ref().and_then(|fields| number(fields, 3)).unwrap_or(0),
        Some(selection) => group_id(selection)?,
    };
    let groups: Result<Vec<u32>, StartProblem> = container
        .config
        .groups
        .iter()
        .map(|group| group_id(group))
        .collect();
    let name = entry.and_then(|fields| fields.first().map(|name| (*name).to_owned()));
    Ok(User {
        uid,
        gid,
        groups: groups?,
        name,
    })
}
