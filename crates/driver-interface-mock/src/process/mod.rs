//! Simulated processes, and what their programs can see and do.

mod command;
mod entry;
mod host;
mod io;
mod open;
mod program;
mod signal;
mod terminal;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(crate) use command::CommandTable;
pub use command::MockCommand;
pub(crate) use entry::{Entry, Exit};
pub(crate) use host::{Host, User};
use io::keyboard;
pub(crate) use io::{Client, FileOutput, Input, Output, pipe};
pub(crate) use program::{DEFAULT_PATH, LaunchError, Launcher, Located, Program};
pub use signal::{Signal, SignalAction};
pub(crate) use terminal::{Modes, Terminal};

use crate::fs::{Errno, FileSystem, absolute};

/// A simulated process, as its program sees it: with arguments, environment, streams, files, signals and time.
///
/// A clone is another handle to the same process, and is cheap to create.
#[derive(Clone)]
pub struct MockProcess {
    pub(crate) host: Arc<Host>,
    pub(crate) entry: Arc<Entry>,
    pub(crate) args: Arc<[String]>,
    pub(crate) env: Arc<BTreeMap<String, String>>,
    pub(crate) cwd: String,
    pub(crate) user: Arc<User>,
    pub(crate) files: FileSystem,
    /// The process's terminal, if it has one.
    pub(crate) terminal: Option<Arc<Terminal>>,
    pub(crate) stdin: Input,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    /// The CPU time, in microseconds, that the process has used but not yet slept for. Short times are accumulated,
    /// because timers have a resolution of a millisecond.
    unslept_cpu: Arc<AtomicU64>,
}

/// The minimum time to sleep for used CPU time. Shorter times are accumulated.
const MIN_CPU_SLEEP: Duration = Duration::from_millis(1);

impl MockProcess {
    pub(crate) fn new(
        host: Arc<Host>,
        entry: Arc<Entry>,
        args: Vec<String>,
        env: BTreeMap<String, String>,
        stdout: Output,
        stderr: Output,
    ) -> Self {
        let (args, env, cwd) = (args.into(), Arc::new(env), "/".to_owned());
        Self {
            user: Arc::new(host.user.clone()),
            files: host.files.clone(),
            terminal: None,
            host,
            entry,
            args,
            env,
            cwd,
            stdin: Input::Null,
            stdout,
            stderr,
            unslept_cpu: Arc::default(),
        }
    }

    /// Creates a child process with the same streams and the arguments `args`.
    pub(crate) fn fork(&self, args: Vec<String>) -> Result<Self, Errno> {
        let name = args.first().map_or("sh", String::as_str);
        let entry = self.host.spawn(Some(&self.entry), name)?;
        Ok(Self {
            entry,
            args: args.into(),
            unslept_cpu: Arc::default(),
            ..self.clone()
        })
    }

    /// Returns the launcher that finds programs for this process.
    pub(crate) fn launcher(&self) -> Launcher<'_> {
        Launcher {
            commands: &self.host.commands,
            files: &self.files,
            cwd: &self.cwd,
            path: self.env("PATH"),
        }
    }

    /// Returns the process id in the container.
    pub fn pid(&self) -> u32 {
        self.entry.pid
    }

    /// Returns the program's name and its arguments, as in `argv`.
    pub fn args(&self) -> &[String] {
        &self.args
    }

    /// Returns the value of an environment variable, or `None` if the variable is not set.
    pub fn env(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str)
    }

    /// Returns the UID and GID of the process.
    pub fn user(&self) -> (u32, u32) {
        (self.user.uid, self.user.gid)
    }

    /// Writes to the process's standard output.
    ///
    /// # Errors
    /// If the output is a pipe without readers, or the file system is full.
    pub async fn print(&self, text: impl AsRef<[u8]> + Send) -> std::io::Result<()> {
        Ok(self.stdout.write(text.as_ref()).await?)
    }

    /// Writes to the process's standard error.
    ///
    /// # Errors
    /// If the output is a pipe without readers, or the file system is full.
    pub async fn eprint(&self, text: impl AsRef<[u8]> + Send) -> std::io::Result<()> {
        Ok(self.stderr.write(text.as_ref()).await?)
    }

    /// Reads a line of the process's standard input, including its line feed. Returns `None` at the end of the input.
    pub async fn read_line(&self) -> Option<String> {
        let line = self.stdin.read_line().await;
        (!line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned())
    }

    /// Sleeps for `time`.
    pub async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Uses CPU time. This takes `time`, or longer if the container's CPU limit is exceeded.
    pub async fn work(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let unslept_cpu = Duration::from_micros(
            self.unslept_cpu
                .fetch_add(micros, Ordering::Relaxed)
                .saturating_add(micros),
        );
        if unslept_cpu >= MIN_CPU_SLEEP {
            self.unslept_cpu.store(0, Ordering::Relaxed);
            self.host.use_cpu(&self.entry, unslept_cpu).await;
        }
    }

    /// Sets the process's memory usage in bytes. If the processes of the container together exceed its memory limit,
    /// this process is killed.
    pub fn use_memory(&self, bytes: u64) {
        self.host.use_memory(&self.entry, bytes);
    }

    /// Sets the action for a signal. [`Signal::Kill`] ends the process regardless of its action.
    pub fn on_signal(&self, signal: Signal, action: SignalAction) {
        self.entry.set_action(signal, action);
    }

    /// Waits for the next signal that is [caught](SignalAction::Catch).
    pub async fn next_signal(&self) -> Signal {
        loop {
            self.entry.signal_arrived().await;
            if let Some(signal) = self.entry.take_signal() {
                return signal;
            }
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If the file does not exist or is a directory.
    pub fn read_file(&self, path: &str) -> std::io::Result<Vec<u8>> {
        Ok(self.files.read(&self.path(path))?.to_vec())
    }

    /// Writes `content` to a file. Creates the file if it is missing, and replaces existing content.
    ///
    /// # Errors
    /// If the directory does not exist, the file system is read-only or full, or the user lacks permission.
    pub fn write_file(&self, path: &str, content: &[u8]) -> std::io::Result<()> {
        let (tree, location) = self.files.create(&self.path(path), true)?;
        crate::sync::lock(&tree).write(&location, Some(0), content)?;
        Ok(())
    }

    /// Resolves `path` against the process's working directory and returns an absolute path.
    pub(crate) fn path(&self, path: &str) -> String {
        absolute(&self.cwd, path)
    }

    pub(crate) async fn say(&self, text: impl fmt::Display + Send) {
        // If this fails, there is no caller to report it to.
        let _ = self.stderr.write(format!("{text}\n").as_bytes()).await;
    }

    /// Writes the bytes to standard output. Returns 0, or the exit code for a failed write.
    pub(crate) async fn answer(&self, bytes: impl AsRef<[u8]>) -> u8 {
        match self.stdout.write(bytes.as_ref()).await {
            Ok(()) => 0,
            Err(errno) => self.write_failed(errno).await,
        }
    }

    /// Returns the exit code after a failed write. If the cause is a broken pipe, first sends `PIPE` to the process.
    pub(crate) async fn write_failed(&self, errno: Errno) -> u8 {
        // Builtins report errors under the name of the shell.
        let name = self.args.first().map_or("sh", String::as_str);
        let name = if crate::commands::builtin_command(name).is_some() {
            "sh"
        } else {
            name
        };
        if errno == Errno::BrokenPipe {
            self.entry.send(Signal::Pipe);
            return Signal::Pipe.exit_code();
        }
        self.say(format!("{name}: write error: {errno}")).await;
        1
    }
}

impl fmt::Debug for MockProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockProcess")
            .field("pid", &self.pid())
            .field("args", &self.args.len())
            .finish_non_exhaustive()
    }
}
