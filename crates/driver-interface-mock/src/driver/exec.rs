//! Running commands in containers, either with captured output or detached.

use std::sync::Arc;

use bytes::Bytes;
use driver_interface_errors::{DriverError, Effect, ExecFailedError, Hint, Result};
use driver_interface_types::{CappedBuffer, ContainerId, ExecConfig, ExecId, ExecOutput, ExecStatus};
use driver_interface_validation::{validate_detached_exec_config, validate_exec_config};
use tokio::sync::mpsc;

use super::answer::Refusal;
use super::containers::no_such_container;
use super::wait::{not_running, paused};
use super::{Call, MockDriver};
use crate::Operation;
use crate::engine::{Exec, ExecProblem, ExecRequest, State};
use crate::process::{Client, Input, Output, Terminal};
use crate::profile::Kind;

/// One output stream of a command. The buffer `bytes` keeps at most a given number of bytes of the output.
struct Kept {
    chunks: mpsc::Receiver<Bytes>,
    ended: bool,
    bytes: CappedBuffer,
}

impl<K: Kind> MockDriver<K> {
    pub(super) async fn run_exec(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecOutput> {
        let call = call_of(Operation::Exec, id, &config).unbounded();
        let work = async {
            let terminal = config.tty.map(|size| Arc::new(Terminal::new(size)));
            let (screen, out) = Client::new(terminal.clone());
            let (stderr, err) = Client::new(None);
            let (mut out, mut err) = (
                Kept::new(out, config.output_limit),
                Kept::new(err, config.output_limit),
            );
            let stdin = config.stdin.as_deref().map_or(Input::Null, Input::bytes);
            let stdout = Output::Client(screen.clone());
            let request = request(&config, terminal, stdin, stdout, Output::Client(stderr));
            let exec = self.start_command(&mut self.core.engine.state(), id, request)?;
            let outcome = {
                let mut end = std::pin::pin!(exec.wait());
                let mut typing = std::pin::pin!(exec.type_all(config.stdin.as_deref(), screen));
                let mut is_typed = false;
                loop {
                    tokio::select! {
                        biased;
                        () = out.take(), if !out.ended => {}
                        () = err.take(), if !err.ended => {}
                        () = &mut typing, if !is_typed => is_typed = true,
                        outcome = &mut end => break outcome,
                    }
                }
            };
            // All of the command's own output has arrived by now. Output that other processes still write to its
            // streams does not count.
            out.drain();
            err.drain();
            let truncated = out.bytes.is_truncated() || err.bytes.is_truncated();
            Ok(ExecOutput::new(outcome, out.bytes.take(), err.bytes.take()).truncated(truncated))
        };
        self.call(call, || check(&config), work).await
    }

    pub(super) async fn detach_exec(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecId> {
        let work = async {
            let request = request(&config, None, Input::Null, Output::Null, Output::Null);
            let mut state = self.core.engine.state();
            let exec = self.start_command(&mut state, id, request)?;
            let number = ExecId::new(state.new_id())?;
            let record = exec.detach();
            let found = state
                .container(self.namespace(), id)
                .map(|container| container.id.clone());
            let container = found.and_then(|found| state.containers.get_mut(&found));
            if let Some(run) = container.and_then(|container| container.run_mut()) {
                run.execs.insert(number.clone(), record);
            }
            Ok(number)
        };
        let check = || Ok(validate_detached_exec_config(&config)?);
        self.call(call_of(Operation::ExecDetached, id, &config), check, work)
            .await
    }

    pub(super) async fn exec_status_of(&self, id: &ContainerId, exec: &ExecId) -> Result<Option<ExecStatus>> {
        let work = async {
            let state = self.core.engine.state();
            let container = state
                .container(self.namespace(), id)
                .ok_or_else(|| no_such_container(id))?;
            let record = container.run().and_then(|run| run.execs.get(exec));
            Ok(record.map(|record| record.status()))
        };
        let call = Call::new(Operation::ExecStatus).on(id).summary(exec);
        self.call(call, || Ok(()), work).await
    }

    /// Starts a command in the container `id`, which must belong to this driver's namespace.
    pub(super) fn start_command(
        &self,
        state: &mut State,
        id: &ContainerId,
        request: ExecRequest,
    ) -> Result<Exec> {
        let found = state
            .container(self.namespace(), id)
            .ok_or_else(|| no_such_container(id))?
            .id
            .clone();
        self.core
            .engine
            .start_exec(state, &found, request)
            .map_err(|problem| exec_failed::<K>(id, problem))
    }
}

impl Kept {
    fn new(chunks: mpsc::Receiver<Bytes>, limit: usize) -> Self {
        Self {
            chunks,
            ended: false,
            bytes: CappedBuffer::new(limit),
        }
    }

    /// Waits for the next chunk and adds it to `bytes`. At the end of the output, sets `ended`.
    async fn take(&mut self) {
        match self.chunks.recv().await {
            Some(chunk) => self.bytes.push(&chunk),
            None => self.ended = true,
        }
    }

    /// Adds the chunks that have already arrived to `bytes`.
    fn drain(&mut self) {
        while let Ok(chunk) = self.chunks.try_recv() {
            self.bytes.push(&chunk);
        }
    }
}

/// Returns the call to record when a command is run. The call's summary contains the program's name, but neither the
/// program's arguments nor the values of environment variables.
pub(super) fn call_of(operation: Operation, id: &ContainerId, config: &ExecConfig) -> Call {
    let program = config.argv.first().map_or("", String::as_str);
    let program = program.rsplit('/').next().unwrap_or(program);
    let more = config.argv.len().saturating_sub(1);
    let summary = format!(
        "command {program} and {more} more words, {} environment variables",
        config.env.len()
    );
    Call::new(operation).on(id).summary(summary)
}

/// Returns the exec request for `config`. If `terminal` is set, the command reads its input from the terminal, and
/// its standard error goes to `stdout`.
pub(super) fn request(
    config: &ExecConfig,
    terminal: Option<Arc<Terminal>>,
    stdin: Input,
    stdout: Output,
    stderr: Output,
) -> ExecRequest {
    let (stdin, stderr) = match &terminal {
        Some(terminal) => (terminal.input(), stdout.clone()),
        None => (stdin, stderr),
    };
    ExecRequest {
        argv: config.argv.clone(),
        env: config.env.clone().into_iter().collect(),
        working_dir: config.working_dir.clone(),
        user: config.user.clone(),
        timeout: config.timeout,
        stdin,
        stdout,
        stderr,
        terminal,
        reported: true,
    }
}

pub(super) fn check(config: &ExecConfig) -> Result<()> {
    Ok(validate_exec_config(config)?)
}

fn exec_failed<K: Kind>(id: &ContainerId, problem: ExecProblem) -> DriverError {
    let (message, hint, answer) = match problem {
        ExecProblem::NotRunning => return not_running(id),
        ExecProblem::Paused => return paused(id),
        ExecProblem::NoSuchDirectory(directory) => (
            format!("no such directory: `{directory}`"),
            Hint::WorkingDirNotFound,
            Refusal::NoSuchDirectory(directory),
        ),
        ExecProblem::TooManyProcesses => {
            return ExecFailedError::new(id.as_str(), "it has reached its limit of processes")
                .with_effect(Effect::NotApplied)
                .into();
        }
        ExecProblem::Start(problem) => super::containers::explained(problem),
    };
    ExecFailedError::new(id.as_str(), message)
        .with_hint(hint)
        .with_source(answer.answer::<K>())
        .into()
}
