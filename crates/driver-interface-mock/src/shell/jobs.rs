//! Child processes of the shell: subshells, pipelines and background jobs.

use std::sync::Arc;

use super::ast::{Command, List};
use super::state::{Run, Running, Shell, Stop};
use crate::process::{Entry, Exit, Input, MockProcess, Output, Signal, SignalAction, pipe};

/// The maximum number of bytes that are read at once from a substituted command.
const CHUNK: usize = 64 * 1024;

impl Shell {
    /// Creates a child process, and returns a copy of this shell that runs in the child process.
    pub(super) async fn fork(&mut self) -> Result<Self, Stop> {
        match self.process.fork(vec![self.name.clone()]) {
            Ok(process) => Ok(self.subshell(process)),
            Err(errno) => {
                self.complain(&format!("can't fork: {errno}")).await;
                self.status = 2;
                Err(Stop::Exit)
            }
        }
    }

    pub(super) fn run_subshell<'a>(&'a mut self, list: &'a List) -> Running<'a> {
        Box::pin(async move {
            let child = self.fork().await?;
            let (host, entry) = (Arc::clone(&child.process.host), Arc::clone(&child.process.entry));
            let exit = host.supervise(&entry, child.run_to_end(Arc::clone(list))).await;
            self.note_exit(exit).await;
            Ok(())
        })
    }

    /// Sets `$?` to the exit code of a child. If a signal ended the child, prints a message.
    pub(super) async fn note_exit(&mut self, exit: Exit) {
        self.status = exit.code;
        if let Some(description) = exit.signal.and_then(Signal::description) {
            self.process.say(description).await;
        }
    }

    pub(super) async fn start_job(&mut self, command: &Command) -> Run {
        let mut child = self.fork().await?;
        child.process.stdin = Input::Null;
        child.process.on_signal(Signal::Int, SignalAction::Ignore);
        child.process.on_signal(Signal::Quit, SignalAction::Ignore);
        let entry = spawn(child, command.clone());
        self.last_job = Some(entry.pid);
        self.jobs.push(entry);
        self.status = 0;
        Ok(())
    }

    pub(super) fn run_pipeline<'a>(&'a mut self, stages: &'a [Command]) -> Running<'a> {
        Box::pin(async move {
            let mut entries = Vec::new();
            let mut input: Option<Input> = None;
            for (index, stage) in stages.iter().enumerate() {
                let mut child = self.fork().await?;
                if let Some(input) = input.take() {
                    child.process.stdin = input;
                }
                if index + 1 < stages.len() {
                    let (output, next) = pipe();
                    child.process.stdout = output;
                    input = Some(next);
                }
                entries.push(spawn(child, stage.clone()));
            }
            let mut failed = 0;
            for entry in entries {
                let exit = entry.ended().await;
                if exit.code != 0 {
                    failed = exit.code;
                }
                self.note_exit(exit).await;
            }
            if self.options.pipefail && self.status == 0 {
                self.status = failed;
            }
            Ok(())
        })
    }

    /// Implements `$(…)`: runs `list` and returns its output without trailing line feeds.
    pub(super) async fn substitute(&mut self, list: &List) -> Result<String, Stop> {
        let mut child = self.fork().await?;
        let (output, input) = pipe();
        child.process.stdout = output;
        let (host, entry) = (Arc::clone(&child.process.host), Arc::clone(&child.process.entry));
        let (process, list) = (Arc::clone(&entry), Arc::clone(list));
        tokio::spawn(async move { host.supervise(&process, child.run_to_end(list)).await });
        let mut bytes = Vec::new();
        loop {
            let chunk = input.read(CHUNK).await;
            if chunk.is_empty() {
                break;
            }
            bytes.extend(chunk.into_iter().filter(|byte| *byte != 0));
            self.process.use_memory(bytes.len() as u64);
        }
        self.process.use_memory(0);
        let exit = entry.ended().await;
        self.note_exit(exit).await;
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.trim_end_matches('\n').to_owned())
    }

    /// Waits for the jobs `pids`, or for all jobs if `pids` is empty. A signal that has a trap ends the wait.
    pub(super) async fn wait_for(&mut self, pids: &[u32]) -> Run {
        let required: Vec<Arc<Entry>> = if pids.is_empty() {
            self.jobs.clone()
        } else {
            self.jobs
                .iter()
                .filter(|job| pids.contains(&job.pid))
                .cloned()
                .collect()
        };
        self.status = if pids.is_empty() || !required.is_empty() {
            0
        } else {
            127
        };
        for job in required {
            let shell = Arc::clone(&self.process.entry);
            let exit = tokio::select! {
                biased;
                () = shell.signal_arrived() => None,
                exit = job.ended() => Some(exit),
            };
            match exit {
                Some(exit) => {
                    self.jobs.retain(|other| other.pid != job.pid);
                    self.note_exit(exit).await;
                    if pids.is_empty() {
                        self.status = 0;
                    }
                }
                None => {
                    self.status = shell.first_signal().map_or(0, Signal::exit_code);
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// Runs a command in the process of the shell `child`, and returns that process.
fn spawn(child: Shell, command: Command) -> Arc<Entry> {
    let (host, entry) = (Arc::clone(&child.process.host), Arc::clone(&child.process.entry));
    let process = Arc::clone(&entry);
    tokio::spawn(async move { host.supervise(&process, child.run_last(&command)).await });
    entry
}

impl Shell {
    /// Returns the shell's process with the arguments `args`, for running a builtin.
    pub(super) fn as_process(&self, args: &[String]) -> MockProcess {
        let mut process = self.process.clone();
        process.args = args.into();
        process
    }

    /// Returns the standard output of the shell.
    pub(super) fn stdout(&self) -> &Output {
        &self.process.stdout
    }
}
