//! Commands that are run in running containers.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use driver_interface_types::{ContainerId, EventKind, ExecOutcome, ExecStatus, Signal};
use tokio::sync::watch;

use super::run::{StartProblem, environment, find_user, launch};
use super::state::State;
use super::{MockEngine, Shared};
use crate::fs::{Node, absolute};
use crate::process::{
    Client, Entry, Exit, Host, Input, Launcher, MockProcess, Output, Program, Terminal, User,
};
use crate::sync::lock;

/// A command to run, and its input and outputs.
pub(crate) struct ExecRequest {
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) working_dir: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) stdin: Input,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    pub(crate) terminal: Option<Arc<Terminal>>,
    /// Whether the start of the command emits an event. The commands of health checks emit none.
    pub(crate) reported: bool,
}

/// The reason why a command was not started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ExecProblem {
    NotRunning,
    Paused,
    Start(StartProblem),
    NoSuchDirectory(String),
    TooManyProcesses,
}

/// A started command. Dropping the value while the command runs kills the command and every process it has started.
#[derive(Debug)]
pub(crate) struct Exec {
    host: Arc<Host>,
    entry: Arc<Entry>,
    terminal: Option<Arc<Terminal>>,
    record: ExecRecord,
    detached: bool,
}

/// The start time and the outcome of a command, which the engine keeps after the command has exited.
#[derive(Clone, Debug)]
pub(crate) struct ExecRecord {
    started_at: SystemTime,
    outcome: watch::Receiver<Option<ExecOutcome>>,
}

impl ExecRecord {
    pub(crate) fn status(&self) -> ExecStatus {
        let status = match *self.outcome.borrow() {
            None => ExecStatus::running(),
            Some(outcome) => ExecStatus::exited(outcome),
        };
        status.started_at(self.started_at)
    }
}

impl Exec {
    /// Waits until the command has exited, and returns its outcome.
    pub(crate) async fn wait(&self) -> ExecOutcome {
        let mut outcome = self.record.outcome.clone();
        let ended = outcome.wait_for(Option::is_some).await;
        // There is no outcome only if the container's runtime has shut down before the task could record it.
        ended
            .ok()
            .and_then(|outcome| *outcome)
            .unwrap_or(ExecOutcome::ContainerGone)
    }

    /// Kills the command and every process it has started.
    pub(crate) fn kill(&self) {
        self.host.kill_exec(self.entry.pid);
    }

    /// Sends a signal to the command and every process it has started.
    pub(crate) fn signal(&self, signal: crate::process::Signal) {
        self.host.signal_exec(self.entry.pid, signal);
    }

    /// Resizes the command's terminal. Returns `false` if the command has no terminal.
    pub(crate) fn resize(&self, size: driver_interface_types::TtySize) -> bool {
        let Some(terminal) = &self.terminal else {
            return false;
        };
        terminal.resize(size);
        self.signal(crate::process::Signal::Winch);
        true
    }

    /// Types `bytes` on the command's terminal, if it has one; `screen` gets the echo. Keys such as Ctrl-C send signals
    /// to the command and every process that it has started.
    pub(crate) async fn type_in(&self, bytes: &[u8], screen: &Client) {
        if let Some(terminal) = &self.terminal {
            terminal
                .type_in(bytes, screen, |signal| self.signal(signal))
                .await;
        }
    }

    /// Types end of file on the command's terminal, if it has one; `screen` gets the echo.
    pub(crate) async fn type_end(&self, screen: &Client) {
        if let Some(terminal) = &self.terminal {
            terminal.end(screen).await;
        }
    }

    /// Types `input` followed by end of file on the command's terminal. Does nothing without an input or a terminal.
    pub(crate) async fn type_all(&self, input: Option<&[u8]>, screen: Client) {
        if let Some(input) = input {
            self.type_in(input, &screen).await;
            self.type_end(&screen).await;
        }
    }

    /// If the command is still running, kills it and every process it has started.
    pub(crate) fn abandon(&self) {
        if self.record.outcome.borrow().is_none() {
            self.kill();
        }
    }

    /// Detaches the command: the command keeps running when this value is dropped. Returns the command's record.
    pub(crate) fn detach(mut self) -> ExecRecord {
        self.detached = true;
        self.record.clone()
    }
}

impl Drop for Exec {
    fn drop(&mut self) {
        if !self.detached {
            self.abandon();
        }
    }
}

impl MockEngine {
    /// Starts a command in a running container. The start is atomic, because the caller holds the lock of `state`.
    pub(crate) fn start_exec(
        &self,
        state: &mut State,
        id: &ContainerId,
        request: ExecRequest,
    ) -> Result<Exec, ExecProblem> {
        let container = state.containers.get(id).ok_or(ExecProblem::NotRunning)?;
        let run = container.run().ok_or(ExecProblem::NotRunning)?;
        let host = &run.host;
        if host.is_frozen() {
            return Err(ExecProblem::Paused);
        }
        let user = request.user.as_deref().unwrap_or(container.user());
        let user: User = find_user(user, container).map_err(ExecProblem::Start)?;
        let files = host.files.as_caller(user.caller(&host.security));
        let directory = request
            .working_dir
            .unwrap_or_else(|| container.working_dir.clone());
        if !matches!(files.node(&absolute("/", &directory)), Some(Node::Dir)) {
            return Err(ExecProblem::NoSuchDirectory(directory));
        }
        let mut env = environment(container, &user, &host.hostname);
        env.extend(request.env);
        let cwd = absolute("/", &directory);
        let launcher = Launcher {
            commands: &host.commands,
            files: &files,
            cwd: &cwd,
            path: env.get("PATH").map(String::as_str),
        };
        let Program { command, argv } =
            launch(&launcher, &request.argv, false).map_err(ExecProblem::Start)?;
        let program = request.argv.first().cloned().unwrap_or_default();
        if request.terminal.is_some() {
            env.entry("TERM".to_owned()).or_insert_with(|| "xterm".to_owned());
        }
        let entry = host
            .spawn_exec(&user, &program)
            .map_err(|_| ExecProblem::TooManyProcesses)?;
        let mut process = MockProcess::new(
            Arc::clone(host),
            Arc::clone(&entry),
            argv,
            env,
            request.stdout,
            request.stderr,
        );
        process.cwd = cwd;
        process.stdin = request.stdin;
        process.files = files;
        process.user = Arc::new(user);
        process.terminal.clone_from(&request.terminal);

        let (sender, outcome) = watch::channel(None);
        let now = self.clock().now();
        let exec = Exec {
            host: Arc::clone(host),
            entry: Arc::clone(&entry),
            terminal: request.terminal,
            record: ExecRecord {
                started_at: now,
                outcome,
            },
            detached: false,
        };
        if request.reported {
            state.events.emit(container, EventKind::Exec, None, now);
        }
        let (host, id) = (Arc::clone(host), container.id.clone());
        let engine = Arc::downgrade(self.shared());
        let limit = request.timeout;
        tokio::spawn(async move {
            let body = command.run(process);
            let (exit, timed_out) = run_within(&host, &entry, body, limit).await;
            let outcome = outcome_of(&host, &entry, exit, timed_out);
            if let (ExecOutcome::OomKilled, Some(shared)) = (outcome, engine.upgrade()) {
                emit_out_of_memory(&shared, &id);
            }
            sender.send_replace(Some(outcome));
        });
        Ok(exec)
    }
}

/// Runs a command. If the command runs longer than `limit`, kills it and every process it has started. Returns how
/// the command exited, and whether it exceeded `limit`.
async fn run_within(
    host: &Arc<Host>,
    entry: &Arc<Entry>,
    body: impl Future<Output = u8>,
    limit: Option<Duration>,
) -> (Exit, bool) {
    let mut run = std::pin::pin!(host.supervise(entry, body));
    let Some(limit) = limit else {
        return (run.await, false);
    };
    match tokio::time::timeout(limit, &mut run).await {
        Ok(exit) => (exit, false),
        Err(_) => {
            host.kill_exec(entry.pid);
            (run.await, true)
        }
    }
}

fn outcome_of(host: &Host, entry: &Entry, exit: Exit, timed_out: bool) -> ExecOutcome {
    let killed = exit.signal == Some(crate::process::Signal::Kill);
    if timed_out {
        return ExecOutcome::TimedOut;
    }
    // A shell whose child ran out of memory exits with the child's code.
    if entry.ran_out_of_memory() || exit.code == 137 && host.exec_ran_out_of_memory(entry.pid) {
        return ExecOutcome::OomKilled;
    }
    if killed && host.is_over() {
        return ExecOutcome::ContainerGone;
    }
    let signal = exit.signal.map(|signal| i64::from(signal.number()));
    match signal.and_then(Signal::from_number) {
        Some(signal) => ExecOutcome::Signaled(signal),
        None => ExecOutcome::Exited(i64::from(exit.code)),
    }
}

fn emit_out_of_memory(shared: &Shared, id: &ContainerId) {
    let mut state = lock(&shared.state);
    let state = &mut *state;
    if let Some(container) = state.containers.get(id) {
        let now = shared.clock.now();
        state.events.emit(container, EventKind::OutOfMemory, None, now);
    }
}
