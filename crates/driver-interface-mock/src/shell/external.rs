//! Programs that the shell runs.

use std::sync::Arc;
use std::time::Duration;

use super::state::{Run, Running, Shell, Stop};
use crate::process::MockProcess;

/// The CPU time of starting a program.
const SPAWN_COST: Duration = Duration::from_millis(1);

impl Shell {
    /// Runs a program: as a child, or in the place of the shell when nothing comes after it.
    pub(super) fn run_external<'a>(
        &'a mut self,
        words: Vec<String>,
        assignments: Vec<(String, String)>,
        last: bool,
    ) -> Running<'a> {
        Box::pin(async move {
            let name = words.first().cloned().unwrap_or_default();
            let Some(command) = self.process.host.commands.find(&name) else {
                self.not_found(&name, "").await;
                return Ok(());
            };
            self.process.work(SPAWN_COST).await;
            let mut env = self.environment();
            env.extend(assignments);
            if last {
                let process = self.replaced(words, env);
                self.status = command.run(process).await;
                return Err(Stop::Exit);
            }
            let mut process = match self.process.fork(words) {
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

    /// `exec`: a program takes over, and no trap runs any more.
    pub(super) async fn exec(&mut self, words: &[String]) -> Run {
        let Some(name) = words.first() else {
            self.status = 0;
            return Ok(());
        };
        let Some(command) = self.process.host.commands.find(name) else {
            self.not_found(name, "exec: line 0: ").await;
            return Err(Stop::Exit);
        };
        let env = self.environment();
        let process = self.replaced(words.to_vec(), env);
        self.status = command.run(process).await;
        Err(Stop::Exit)
    }

    /// The process of this shell with another program in it.
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

    /// Says that there is no such program, or that what there is is none.
    pub(super) async fn not_found(&mut self, name: &str, place: &str) {
        let is_there = name.contains('/') && self.process.node(name).is_some();
        let (status, problem) = if is_there {
            (126, "Permission denied")
        } else {
            (127, "not found")
        };
        self.complain(&format!("{place}{name}: {problem}")).await;
        self.status = status;
    }
}
