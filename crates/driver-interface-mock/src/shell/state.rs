use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use super::ast::{Command, List};
use super::parser::{ParseError, parse};
use super::traps::Trap;
use crate::process::{Entry, MockProcess};

/// The state of a running shell.
pub(super) struct Shell {
    /// The shell's own process, with the streams and working directory that the next command gets.
    pub(super) process: MockProcess,
    pub(super) name: String,
    pub(super) args: Vec<String>,
    pub(super) variables: BTreeMap<String, Variable>,
    /// For each running function, the variables to restore when that function returns. The innermost function comes
    /// last.
    pub(super) locals: Vec<Vec<(String, Option<Variable>)>>,
    pub(super) functions: BTreeMap<String, Arc<Command>>,
    pub(super) traps: BTreeMap<Trap, String>,
    /// Whether `INT` ends the shell if there is no trap for it.
    pub(super) takes_interrupts: bool,
    pub(super) jobs: Vec<Arc<Entry>>,
    pub(super) last_job: Option<u32>,
    /// `$$`: the process id of the main shell, which is the same in its subshells.
    pub(super) shell_pid: u32,
    /// `$?`: the exit code of the last command.
    pub(super) status: u8,
    pub(super) options: Options,
    /// The number of conditions that contain the running command. In a condition, a failure does not end the shell,
    /// even with `set -e`.
    pub(super) tested: u32,
    pub(super) depth: u32,
    /// The number of loops in the current function that contain the running command.
    pub(super) loops: u32,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Variable {
    pub(super) value: Option<String>,
    pub(super) exported: bool,
    pub(super) read_only: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options {
    pub(super) errexit: bool,
    pub(super) nounset: bool,
    pub(super) noglob: bool,
    pub(super) xtrace: bool,
    pub(super) pipefail: bool,
}

/// The reason why the commands that follow are not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// `break`: leaves this many loops.
    Break(u32),
    /// `continue`: begins the next iteration of the loop that is this many levels up.
    Continue(u32),
    /// `return`: returns from the running function.
    Return,
    /// The shell ends, with `$?` as its exit code.
    Exit,
}

pub(super) type Run = Result<(), Stop>;

/// A future that runs a command. The future is boxed, because commands nest and stacks are small.
pub(super) type Running<'a> = Pin<Box<dyn Future<Output = Run> + Send + 'a>>;

impl Shell {
    pub(super) fn new(process: MockProcess, name: String, args: Vec<String>) -> Self {
        let exported = |value: &String| Variable {
            value: Some(value.clone()),
            exported: true,
            read_only: false,
        };
        let mut variables: BTreeMap<String, Variable> = process
            .env
            .iter()
            .map(|(key, value)| (key.clone(), exported(value)))
            .collect();
        variables.insert("PWD".to_owned(), exported(&process.cwd));
        let parent = Variable {
            value: Some(process.entry.parent.max(1).to_string()),
            ..Variable::default()
        };
        variables.insert("PPID".to_owned(), parent);
        let ifs = Variable {
            value: Some(" \t\n".to_owned()),
            ..Variable::default()
        };
        variables.insert("IFS".to_owned(), ifs);
        let shell_pid = process.pid();
        Self {
            process,
            name,
            args,
            variables,
            locals: Vec::new(),
            functions: BTreeMap::new(),
            traps: BTreeMap::new(),
            takes_interrupts: false,
            jobs: Vec::new(),
            last_job: None,
            shell_pid,
            status: 0,
            options: Options::default(),
            tested: 0,
            depth: 0,
            loops: 0,
        }
    }

    /// Returns a copy of the shell for another process. The copy keeps only those traps that ignore a signal.
    pub(super) fn subshell(&self, process: MockProcess) -> Self {
        let ignored = self.traps.iter().filter(|(_, action)| action.is_empty());
        Self {
            process,
            name: self.name.clone(),
            args: self.args.clone(),
            variables: self.variables.clone(),
            locals: self.locals.clone(),
            functions: self.functions.clone(),
            traps: ignored.map(|(trap, action)| (*trap, action.clone())).collect(),
            takes_interrupts: false,
            jobs: Vec::new(),
            last_job: self.last_job,
            shell_pid: self.shell_pid,
            status: self.status,
            options: self.options,
            tested: self.tested,
            depth: self.depth,
            loops: self.loops,
        }
    }

    pub(super) fn set_flag(&mut self, flag: char, on: bool) -> bool {
        let option = match flag {
            'e' => &mut self.options.errexit,
            'u' => &mut self.options.nounset,
            'f' => &mut self.options.noglob,
            'x' => &mut self.options.xtrace,
            _ => return false,
        };
        *option = on;
        true
    }

    pub(super) async fn run_script(mut self, script: &str) -> u8 {
        if let Some(list) = self.parsed(script).await {
            // The exit code is `$?`, regardless of the reason for stopping.
            let _ = self.run_list(&list).await;
        }
        self.leave().await
    }

    /// Runs the script `text` given by `-c`. If its last command is a program, the program replaces the shell.
    pub(super) async fn run_text(mut self, text: &str) -> u8 {
        let Some(list) = self.parsed(text).await else {
            return self.leave().await;
        };
        let Some((last, before)) = list.split_last().filter(|(last, _)| !last.background) else {
            return self.run_to_end(list).await;
        };
        if self.run_list(before).await.is_err() {
            return self.leave().await;
        }
        self.run_last(&last.command).await
    }

    /// Runs a list and the exit trap, and returns the exit code of the process.
    pub(super) async fn run_to_end(mut self, list: List) -> u8 {
        let _ = self.run_list(&list).await;
        self.leave().await
    }

    /// Parses a script. If that fails, prints the error and returns `None`.
    pub(super) async fn parsed(&mut self, script: &str) -> Option<List> {
        let error = match parse(script) {
            Ok(list) => return Some(list),
            Err(error) => error,
        };
        let message = match error {
            ParseError::Syntax(message) => message,
            ParseError::Unknown(what) => {
                format!(
                    "the mock shell does not support {what}; add a command with MockBuilder::command instead"
                )
            }
        };
        self.complain(&message).await;
        self.status = 2;
        None
    }

    /// Prints an error message that begins with the shell's name.
    pub(super) async fn complain(&self, message: &str) {
        self.process.say(format!("{}: {message}", self.name)).await;
    }
}
