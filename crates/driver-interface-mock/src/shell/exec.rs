//! Running the commands of a script.

use std::time::Duration;

use super::ast::{Command, Compound, Item, Join, List, Simple, Word};
use super::glob;
use super::state::{Run, Running, Shell, Stop};

/// The CPU time that a builtin uses.
const BUILTIN_COST: Duration = Duration::from_micros(2);
/// The maximum nesting depth of running commands and functions.
const MAX_DEPTH: u32 = 64;

impl Shell {
    pub(super) fn run_list<'a>(&'a mut self, list: &'a [Item]) -> Running<'a> {
        Box::pin(async move {
            for item in list {
                if item.background {
                    self.start_job(&item.command).await?;
                } else {
                    self.run(&item.command).await?;
                }
            }
            Ok(())
        })
    }

    /// Runs a command. Then runs the traps of the signals that the shell received during the command.
    pub(super) fn run<'a>(&'a mut self, command: &'a Command) -> Running<'a> {
        Box::pin(async move {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                self.complain("the mock shell does not nest commands this deep")
                    .await;
                self.status = 2;
                return Err(Stop::Exit);
            }
            let result = self.run_inner(command).await;
            self.depth -= 1;
            result?;
            self.run_traps().await
        })
    }

    async fn run_inner(&mut self, command: &Command) -> Run {
        match command {
            Command::Simple(simple) => {
                self.process.work(BUILTIN_COST).await;
                self.run_simple(simple).await?;
                self.check_errexit()
            }
            Command::Pipeline(stages) => {
                self.run_pipeline(stages).await?;
                self.check_errexit()
            }
            Command::Not(inner) => {
                self.run_tested(inner).await?;
                self.status = u8::from(self.status == 0);
                Ok(())
            }
            Command::Chain(first, rest) => self.run_chain(first, rest).await,
            Command::Function(name, body) => {
                self.functions.insert(name.clone(), body.clone());
                self.status = 0;
                Ok(())
            }
            Command::Compound(compound, redirects) => {
                let Some(saved) = self.redirect(redirects).await? else {
                    return self.check_errexit();
                };
                let result = self.run_compound(compound).await;
                self.restore(saved);
                result
            }
        }
    }

    async fn run_chain(&mut self, first: &Command, rest: &[(Join, Command)]) -> Run {
        // With `set -e`, only the last command of the chain can end the shell. The others may fail.
        self.run_tested(first).await?;
        for (index, (join, command)) in rest.iter().enumerate() {
            if (*join == Join::And) != (self.status == 0) {
                continue;
            }
            if index + 1 < rest.len() {
                self.run_tested(command).await?;
            } else {
                self.run(command).await?;
            }
        }
        Ok(())
    }

    fn check_errexit(&self) -> Run {
        if self.options.errexit && self.tested == 0 && self.status != 0 {
            Err(Stop::Exit)
        } else {
            Ok(())
        }
    }

    async fn run_tested(&mut self, command: &Command) -> Run {
        self.tested += 1;
        let result = self.run(command).await;
        self.tested -= 1;
        result
    }

    async fn test_list(&mut self, list: &List) -> Result<bool, Stop> {
        self.tested += 1;
        let result = self.run_list(list).await;
        self.tested -= 1;
        result.map(|()| self.status == 0)
    }

    fn run_compound<'a>(&'a mut self, compound: &'a Compound) -> Running<'a> {
        Box::pin(async move {
            match compound {
                Compound::Group(list) => self.run_list(list).await,
                Compound::Subshell(list) => {
                    self.run_subshell(list).await?;
                    self.check_errexit()
                }
                Compound::If { branches, otherwise } => {
                    for (condition, body) in branches {
                        if self.test_list(condition).await? {
                            return self.run_list(body).await;
                        }
                    }
                    self.status = 0;
                    match otherwise {
                        Some(body) => self.run_list(body).await,
                        None => Ok(()),
                    }
                }
                Compound::Loop {
                    until,
                    condition,
                    body,
                } => {
                    self.loops += 1;
                    let result = self.run_loop(*until, condition, body).await;
                    self.loops -= 1;
                    result
                }
                Compound::For {
                    variable,
                    words,
                    body,
                } => {
                    self.loops += 1;
                    let result = self.run_for(variable, words.as_deref(), body).await;
                    self.loops -= 1;
                    result
                }
                Compound::Case { subject, arms } => self.run_case(subject, arms).await,
            }
        })
    }

    async fn run_loop(&mut self, until: bool, condition: &List, body: &List) -> Run {
        let mut status = 0;
        loop {
            // A loop whose condition and body do nothing must take time, too.
            self.process.work(BUILTIN_COST).await;
            match self.test_list(condition).await {
                Ok(holds) if holds != until => {}
                Ok(_) => break,
                Err(stop) if leaves_loop(Err(stop))? => break,
                Err(_) => continue,
            }
            let result = self.run_list(body).await;
            status = self.status;
            if leaves_loop(result)? {
                break;
            }
        }
        self.status = status;
        Ok(())
    }

    async fn run_for(&mut self, variable: &str, words: Option<&[Word]>, body: &List) -> Run {
        let values = match words {
            Some(words) => self.expand_all(words).await?,
            None => self.args.clone(),
        };
        self.status = 0;
        for value in values {
            self.process.work(BUILTIN_COST).await;
            self.assign(variable, value).await?;
            let result = self.run_list(body).await;
            if leaves_loop(result)? {
                break;
            }
        }
        Ok(())
    }

    async fn run_case(&mut self, subject: &Word, arms: &[(Vec<Word>, List)]) -> Run {
        let text: Vec<char> = self.expand_text(subject).await?.chars().collect();
        for (patterns, body) in arms {
            for pattern in patterns {
                let pattern = self.expand_pattern(pattern).await?;
                if glob::fits(&pattern, &text) {
                    self.status = 0;
                    return self.run_list(body).await;
                }
            }
        }
        self.status = 0;
        Ok(())
    }

    /// Runs the last command of this process. If the command is a program, the program replaces the shell.
    pub(super) async fn run_last(mut self, command: &Command) -> u8 {
        // The exit code is `$?`, regardless of the reason for stopping.
        let _ = match command {
            // A shell with traps is not replaced, because it must run them.
            Command::Simple(simple) if self.traps.is_empty() => {
                self.process.work(BUILTIN_COST).await;
                match self.run_simple_as(simple, true).await {
                    Ok(()) => self.run_traps().await,
                    stopped => stopped,
                }
            }
            other => self.run(other).await,
        };
        self.leave().await
    }

    pub(super) async fn run_simple(&mut self, simple: &Simple) -> Run {
        self.run_simple_as(simple, false).await
    }

    fn run_simple_as<'a>(&'a mut self, simple: &'a Simple, last: bool) -> Running<'a> {
        Box::pin(async move {
            let words = self.expand_all(&simple.words).await?;
            let Some(name) = words.first().cloned() else {
                // If the assignments contain a command substitution, its status becomes the status of the command.
                self.status = 0;
                return self.run_assignments(simple).await;
            };
            let mut assignments = Vec::new();
            for (key, word) in &simple.assignments {
                assignments.push((key.clone(), self.expand_text(word).await?));
            }
            if self.options.xtrace {
                self.process.say(format!("+ {}", words.join(" "))).await;
            }
            let Some(saved) = self.redirect(&simple.redirects).await? else {
                return Ok(());
            };
            let keep = name == "exec" && words.len() == 1;
            let result = self.dispatch(&name, words, assignments, last).await;
            if !keep {
                self.restore(saved);
            }
            result
        })
    }

    async fn run_assignments(&mut self, simple: &Simple) -> Run {
        for (key, word) in &simple.assignments {
            let value = self.expand_text(word).await?;
            self.assign(key, value).await?;
        }
        if let Some(saved) = self.redirect(&simple.redirects).await? {
            self.restore(saved);
        }
        Ok(())
    }

    async fn dispatch(
        &mut self,
        name: &str,
        words: Vec<String>,
        assignments: Vec<(String, String)>,
        last: bool,
    ) -> Run {
        if let Some(body) = self.functions.get(name).cloned() {
            return self.call_function(&body, words, assignments).await;
        }
        if Self::is_builtin(name) {
            let saved = self.assign_for_a_while(assignments).await?;
            let result = self.run_builtin(name, &words).await;
            self.put_back(saved);
            return result;
        }
        self.run_external(words, assignments, last).await
    }

    fn call_function<'a>(
        &'a mut self,
        body: &'a Command,
        words: Vec<String>,
        assignments: Vec<(String, String)>,
    ) -> Running<'a> {
        Box::pin(async move {
            let saved = self.assign_for_a_while(assignments).await?;
            let args = words.into_iter().skip(1).collect();
            let outer_args = std::mem::replace(&mut self.args, args);
            self.locals.push(Vec::new());
            let outer_loops = std::mem::take(&mut self.loops);
            let result = self.run(body).await;
            self.loops = outer_loops;
            let locals = self.locals.pop().unwrap_or_default();
            self.put_back(locals);
            self.args = outer_args;
            self.put_back(saved);
            match result {
                Err(Stop::Return) => Ok(()),
                other => other,
            }
        })
    }
}

/// Returns whether a loop ends after its body returned `result`. Returns an error if the `Stop` in `result` also
/// concerns the code around the loop.
fn leaves_loop(result: Run) -> Result<bool, Stop> {
    match result {
        Ok(()) | Err(Stop::Continue(0 | 1)) => Ok(false),
        Err(Stop::Break(0 | 1)) => Ok(true),
        Err(Stop::Break(loops)) => Err(Stop::Break(loops - 1)),
        Err(Stop::Continue(loops)) => Err(Stop::Continue(loops - 1)),
        Err(stop) => Err(stop),
    }
}
