//! The shell's builtin commands.

use super::state::{Run, Running, Shell, Stop};
use super::traps::Trap;
use crate::commands::{self, BuiltinCommand};
use crate::process::Located;

const BUILTINS: [&str; 30] = [
    ".", ":", "break", "cd", "command", "continue", "eval", "exec", "exit", "export", "jobs", "let", "local",
    "pwd", "read", "readonly", "return", "set", "shift", "source", "times", "trap", "type", "umask", "unset",
    "wait", "hash", "true", "false", "builtin",
];

impl Shell {
    pub(super) fn is_builtin(name: &str) -> bool {
        BUILTINS.contains(&name) || commands::builtin_command(name).is_some()
    }

    pub(super) fn run_builtin<'a>(&'a mut self, name: &'a str, words: &'a [String]) -> Running<'a> {
        Box::pin(async move {
            let args = words.get(1..).unwrap_or_default();
            if let Some(command) = commands::builtin_command(name) {
                return self.run_shared(command, words).await;
            }
            let first = args.first().map(String::as_str);
            self.status = match name {
                "cd" => self.cd(first).await,
                "pwd" => self.print(&format!("{}\n", self.process.cwd)).await,
                "export" => self.export(args).await?,
                "readonly" => self.mark_read_only(args).await?,
                "local" => self.local(args).await?,
                "unset" => self.unset(args),
                "set" => self.set(args).await?,
                "shift" => self.shift(first),
                "read" => self.read(args).await?,
                "trap" => self.trap(args).await,
                "type" => self.describe(args, true).await,
                "times" => self.times().await,
                "umask" => self.print("0022\n").await,
                "let" => return self.let_(args).await,
                "false" => 1,
                "exec" => return self.exec(args).await,
                "eval" => return self.eval(&args.join(" ")).await,
                "." | "source" => return self.source(first).await,
                "wait" => {
                    let pids: Vec<u32> = args.iter().filter_map(|arg| self.job_pid(arg)).collect();
                    if pids.is_empty() && !args.is_empty() {
                        self.status = 127;
                        return Ok(());
                    }
                    return self.wait_for(&pids).await;
                }
                "command" => return self.command(args).await,
                "builtin" => return self.run_without_functions(args).await,
                "break" | "continue" if self.loops == 0 => 0,
                "break" | "continue" => {
                    let loops = first
                        .and_then(|text| text.parse::<u32>().ok())
                        .unwrap_or(1)
                        .min(self.loops);
                    self.status = 0;
                    let stop = if name == "break" {
                        Stop::Break
                    } else {
                        Stop::Continue
                    };
                    return Err(stop(loops));
                }
                "return" | "exit" => {
                    if let Some(text) = first {
                        self.status = self.exit_code(name, text).await?;
                    }
                    return Err(if name == "return" {
                        Stop::Return
                    } else {
                        Stop::Exit
                    });
                }
                _ => 0,
            };
            Ok(())
        })
    }

    async fn run_shared(&mut self, command: BuiltinCommand, words: &[String]) -> Run {
        let mut process = self.as_process(words);
        if words.first().is_some_and(|name| name == "kill") {
            // Only the shell knows its jobs, so job numbers become process ids.
            process.args = words.iter().map(|word| self.job_text(word)).collect();
        }
        self.status = command(process).await;
        Ok(())
    }

    fn job_text(&self, word: &str) -> String {
        let pid = word.strip_prefix('%').and_then(|_| self.job_pid(word));
        pid.map_or_else(|| word.to_owned(), |pid| pid.to_string())
    }

    fn job_pid(&self, word: &str) -> Option<u32> {
        match word.strip_prefix('%') {
            Some(number) => self
                .jobs
                .get(number.parse::<usize>().ok()?.checked_sub(1)?)
                .map(|job| job.pid),
            None => word.parse().ok(),
        }
    }

    pub(super) async fn print(&self, text: &str) -> u8 {
        match self.stdout().write(text.as_bytes()).await {
            Ok(()) => 0,
            Err(errno) => self.process.write_failed(errno).await,
        }
    }

    async fn exit_code(&mut self, name: &str, text: &str) -> Result<u8, Stop> {
        match text.parse::<u64>() {
            Ok(code) => Ok((code & 0xff) as u8),
            Err(_) => {
                self.complain(&format!("{name}: line 0: Illegal number: {text}"))
                    .await;
                self.status = 2;
                Err(Stop::Exit)
            }
        }
    }

    async fn trap(&mut self, args: &[String]) -> u8 {
        let args: Vec<&str> = args
            .iter()
            .map(String::as_str)
            .filter(|arg| *arg != "--")
            .collect();
        let (action, names) = match args.as_slice() {
            [] => {
                let lines = self.traps.iter().map(|(trap, action)| match trap {
                    Trap::Exit => format!("trap -- '{action}' EXIT\n"),
                    Trap::Signal(signal) => format!("trap -- '{action}' {signal}\n"),
                });
                let text: String = lines.collect();
                return self.print(&text).await;
            }
            ["-", names @ ..] => (None, names),
            [only] => (None, std::slice::from_ref(only)),
            [action, names @ ..] => (Some(*action), names),
        };
        let mut status = 0;
        for name in names {
            match Trap::parse(name) {
                Some(trap) => self.set_trap(trap, action),
                None => {
                    self.complain(&format!("trap: line 0: {name}: invalid signal specification"))
                        .await;
                    status = 1;
                }
            }
        }
        status
    }

    async fn eval(&mut self, script: &str) -> Run {
        match self.parsed(script).await {
            Some(list) => {
                self.status = 0;
                self.run_list(&list).await
            }
            None => Err(Stop::Exit),
        }
    }

    async fn source(&mut self, file: Option<&str>) -> Run {
        let file = file.unwrap_or_default();
        match self.process.read_path(&self.process.path(file)) {
            Ok(text) => self.eval(&String::from_utf8_lossy(&text)).await,
            Err(_) => {
                self.complain(&format!(
                    ".: line 0: can't open '{file}': No such file or directory"
                ))
                .await;
                self.status = 2;
                Err(Stop::Exit)
            }
        }
    }

    async fn let_(&mut self, args: &[String]) -> Run {
        let mut value = 0;
        for arg in args {
            value = match super::arith::evaluate(arg, self) {
                Ok(value) => value,
                Err(_) => {
                    self.complain("arithmetic syntax error").await;
                    self.status = 2;
                    return Err(Stop::Exit);
                }
            };
        }
        self.status = u8::from(value == 0);
        Ok(())
    }

    async fn command(&mut self, args: &[String]) -> Run {
        match args.first().map(String::as_str) {
            Some("-v") => {
                self.status = self.describe(args.get(1..).unwrap_or_default(), false).await;
                Ok(())
            }
            _ => self.run_without_functions(args).await,
        }
    }

    async fn run_without_functions(&mut self, words: &[String]) -> Run {
        match words.first() {
            None => Ok(()),
            Some(name) if Self::is_builtin(name) => self.run_builtin(name, words).await,
            Some(_) => self.run_external(words.to_vec(), Vec::new(), false).await,
        }
    }

    /// Implements `type` and `command -v`: prints what each name refers to. If `in_words` is set, prints a sentence
    /// such as `cd is a shell builtin`.
    async fn describe(&mut self, names: &[String], in_words: bool) -> u8 {
        let mut status = 0;
        for name in names {
            let program = match self.launcher().locate(name) {
                Ok(Located::File(path)) => Some(path),
                Ok(Located::Command(_)) if name.contains('/') => Some(name.clone()),
                Ok(Located::Command(_)) => Some(format!("/bin/{name}")),
                Err(_) => None,
            };
            let line = match (
                in_words,
                self.functions.contains_key(name),
                Self::is_builtin(name),
            ) {
                (true, true, _) => format!("{name} is a function\n"),
                (true, _, true) => format!("{name} is a shell builtin\n"),
                (false, function, builtin) if function || builtin => format!("{name}\n"),
                (in_words, ..) => match (in_words, program) {
                    (true, Some(path)) => format!("{name} is {path}\n"),
                    (false, Some(path)) => format!("{path}\n"),
                    (in_words, None) => {
                        status = 127;
                        if in_words {
                            format!("{name}: not found\n")
                        } else {
                            String::new()
                        }
                    }
                },
            };
            self.print(&line).await;
        }
        status
    }

    async fn times(&mut self) -> u8 {
        let used = self.process.host.cpu_used();
        let text =
            |time: std::time::Duration| format!("{}m{:.3}s", time.as_secs() / 60, time.as_secs_f64() % 60.0);
        let none = text(std::time::Duration::ZERO);
        self.print(&format!("{} {none}\n{none} {none}\n", text(used)))
            .await
    }
}
