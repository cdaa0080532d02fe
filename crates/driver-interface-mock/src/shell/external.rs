//! Running programs that are not builtins.

use std::sync::Arc;
use std::time::Duration;

use super::state::{Run, Running, Shell, Stop};
use crate::process::{LaunchError, Launcher, MockProcess, Program};

/// The CPU time that it takes to start a program.
const SPAWN_COST: Duration = Duration::from_millis(1);

impl Shell {
    /// Runs a program in a child process or, if `last` is set, in place of the shell.
    pub(super) fn run_external<'a>(
        &'a mut self,
        words: Vec<String>,
        assignments: Vec<(String, String)>,
        last: bool,
    ) -> Running<'a> {
        Box::pin(async move {
            let name = words.first().cloned().unwrap_or_default();
            let Program { command, argv } = match self.load(&name, &words) {
                Ok(program) => program,
                Err(problem) => {
                    self.cannot_run(&name, "", problem).await;
                    return Ok(());
                }
            };
            self.process.work(SPAWN_COST).await;
            let mut env = self.environment();
            env.extend(assignments);
            if last {
                let process = self.replaced(argv, env);
                self.status = command.run(process).await;
                return Err(Stop::Exit);
            }
            let mut process = match self.process.fork(argv) {
                Ok(process) => process,
                Err(errno) => {
                    self.complain(&format!("can't fork: {errno}")).await;
                    self.status = 2;
                    return Err(Stop::Exit);
                }
            };
            process.env = Arc::new(env);
            let (host, entry) = (Arc::clone(&process.host), Arc::clone(&process.entry));
            let exit = host.supervise(&entry, command.run(process)).await;
            self.note_exit(exit).await;
            Ok(())
        })
    }

    /// Implements `exec`: the program replaces the shell. The shell's traps are not run any more.
    pub(super) async fn exec(&mut self, words: &[String]) -> Run {
        let Some(name) = words.first() else {
            self.status = 0;
            return Ok(());
        };
        let Program { command, argv } = match self.load(name, words) {
            Ok(program) => program,
            Err(problem) => {
                self.cannot_run(name, "exec: line 0: ", problem).await;
                return Err(Stop::Exit);
            }
        };
        let env = self.environment();
        let process = self.replaced(argv, env);
        self.status = command.run(process).await;
        Err(Stop::Exit)
    }

    /// Prepares the shell's process to run another program with the arguments `words`, and returns the prepared
    /// process.
    fn replaced(
        &mut self,
        words: Vec<String>,
        env: std::collections::BTreeMap<String, String>,
    ) -> MockProcess {
        self.traps.clear();
        self.process.entry.reset_caught();
        self.process
            .entry
            .rename(words.first().map_or("", String::as_str));
        let mut process = self.process.clone();
        process.args = words.into();
        process.env = Arc::new(env);
        process
    }

    fn load(&self, name: &str, words: &[String]) -> Result<Program, LaunchError> {
        self.launcher().load_as_script(name, words)
    }

    /// Returns the launcher of the shell's process, with the shell's current value of `PATH`.
    pub(super) fn launcher(&self) -> Launcher<'_> {
        let path = self.variables.get("PATH");
        Launcher {
            path: path.and_then(|variable| variable.value.as_deref()),
            ..self.process.launcher()
        }
    }

    /// Prints why the program `name` cannot be run, and sets `$?`.
    async fn cannot_run(&mut self, name: &str, location: &str, problem: LaunchError) {
        let reason = match problem {
            LaunchError::NotFound => "not found".to_owned(),
            other => other.to_string(),
        };
        self.complain(&format!("{location}{name}: {reason}")).await;
        self.status = problem.exit_code();
    }
}
