//! Commands in running containers: what to run, and what became of it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::words::Words;
use crate::{Signal, millis};

/// Says what command to run in a container. It has the container's limits and security options, and never
/// more privileges than its main process may have.
///
/// ```
/// use std::time::Duration;
/// use driver_interface_types::ExecConfig;
///
/// let tests = ExecConfig::new(["cargo", "test"])
///     .env("RUST_BACKTRACE", "1")
///     .working_dir("/src")
///     .timeout(Duration::from_secs(300));
/// let shell = ExecConfig::shell("ls -l | wc -l").stdin("input");
/// assert_eq!(shell.argv, ["sh", "-c", "ls -l | wc -l"]);
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExecConfig {
    /// The program and its arguments, passed on word by word and never through a shell.
    pub argv: Vec<String>,
    /// Environment variables, on top of the container's.
    pub env: BTreeMap<String, String>,
    /// The folder it runs in; the container's own without it. It must exist.
    pub working_dir: Option<String>,
    /// Who it runs as, as in [`SecurityOptions::user`](crate::SecurityOptions::user); the container's user
    /// without it.
    pub user: Option<String>,
    /// What it reads from its standard input, which ends after that. Without it the input is empty (and in
    /// [`exec_stream`](crate::ContainerDriver::exec_stream) the session's `stdin`). With a terminal it is typed, and
    /// an end of file (Ctrl-D) after it.
    pub stdin: Option<Bytes>,
    /// A terminal of this size instead of pipes; output and error then are one stream.
    pub tty: Option<TtySize>,
    /// How long it may run. Past it the command and everything it has started is killed, and what was
    /// printed so far is kept.
    pub timeout: Option<Duration>,
    /// How many bytes of each stream are kept; the rest is read and dropped.
    pub output_limit: usize,
}

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TtySize {
    /// Characters a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

impl Default for TtySize {
    /// 80 columns by 24 rows.
    fn default() -> Self {
        Self {
            columns: 80,
            rows: 24,
        }
    }
}

impl ExecConfig {
    /// How many bytes of each stream are kept where nothing else is said: 10 MiB.
    pub const DEFAULT_OUTPUT_LIMIT: usize = 10 * 1024 * 1024;

    /// A program and its arguments.
    pub fn new(argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            env: BTreeMap::new(),
            working_dir: None,
            user: None,
            stdin: None,
            tty: None,
            timeout: None,
            output_limit: Self::DEFAULT_OUTPUT_LIMIT,
        }
    }

    /// A command line for the container's `sh`, which has to be there.
    pub fn shell(line: impl Into<String>) -> Self {
        Self::new(["sh".to_owned(), "-c".to_owned(), line.into()])
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(key.into(), value.into());
        self
    }

    /// Sets the folder it runs in.
    #[must_use]
    pub fn working_dir(mut self, path: impl Into<String>) -> Self {
        self.working_dir = Some(path.into());
        self
    }

    /// Sets who it runs as: `uid`, `uid:gid`, or a name from the image.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Sets what it reads from its standard input.
    #[must_use]
    pub fn stdin(mut self, input: impl Into<Bytes>) -> Self {
        self.stdin = Some(input.into());
        self
    }

    /// Gives it a terminal.
    #[must_use]
    pub fn tty(mut self, size: TtySize) -> Self {
        self.tty = Some(size);
        self
    }

    /// Sets how long it may run.
    #[must_use]
    pub fn timeout(mut self, longest: Duration) -> Self {
        self.timeout = Some(longest);
        self
    }

    /// Sets how many bytes of each stream are kept.
    #[must_use]
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }
}

impl fmt::Debug for ExecConfig {
    /// Shows neither the arguments, nor the values of environment variables, nor the input: they are where secrets
    /// are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecConfig")
            .field("argv", &Words(&self.argv))
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("working_dir", &self.working_dir)
            .field("user", &self.user)
            .field("stdin_bytes", &self.stdin.as_ref().map(Bytes::len))
            .field("tty", &self.tty)
            .field("timeout", &self.timeout)
            .field("output_limit", &self.output_limit)
            .finish()
    }
}

/// How a command ended. What it did is an outcome, never an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ExecOutcome {
    /// It ended by itself, with this exit code.
    Exited(i64),
    /// A signal ended it.
    Signaled(Signal),
    /// It ran longer than its timeout and was killed with everything it had started.
    TimedOut,
    /// It was killed because the container ran out of memory.
    OomKilled,
    /// The container ended or was removed while it ran.
    ContainerGone,
}

impl ExecOutcome {
    /// Whether it ended by itself with exit code 0.
    pub fn success(self) -> bool {
        self == Self::Exited(0)
    }

    /// The exit code a shell would see; none where the command has none of its own.
    pub fn exit_code(self) -> Option<i64> {
        match self {
            Self::Exited(code) => Some(code),
            Self::Signaled(signal) => Some(signal.exit_code()),
            Self::TimedOut | Self::OomKilled | Self::ContainerGone => None,
        }
    }
}

/// What a command printed, and how it ended.
///
/// ```
/// use driver_interface_types::{ExecOutcome, ExecOutput};
///
/// let output = ExecOutput::new(ExecOutcome::Exited(1), "", "no such file\n");
/// assert!(!output.success());
/// assert_eq!(output.stderr_text(), "no such file\n");
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use = "`outcome` says whether the command worked"]
#[non_exhaustive]
pub struct ExecOutput {
    /// What it wrote to its standard output; with a terminal, all it wrote.
    pub stdout: Bytes,
    /// What it wrote to its standard error; with a terminal, nothing.
    pub stderr: Bytes,
    /// Whether some of what it wrote, to either stream, is missing or may be: it wrote more than was kept, the
    /// connection fell silent or broke after the command had exited, a kill cut the output short, or the engine lost
    /// its end (Podman does when a command ends without having read its input, and that is longer than a pipe holds).
    pub truncated: bool,
    /// How it ended.
    pub outcome: ExecOutcome,
}

impl ExecOutput {
    /// Output that was kept as a whole.
    pub fn new(outcome: ExecOutcome, stdout: impl Into<Bytes>, stderr: impl Into<Bytes>) -> Self {
        Self {
            stdout: stdout.into(),
            stderr: stderr.into(),
            truncated: false,
            outcome,
        }
    }

    /// Sets whether some of it is missing.
    pub fn truncated(mut self, yes: bool) -> Self {
        self.truncated = yes;
        self
    }

    /// Whether the command ended by itself with exit code 0.
    pub fn success(&self) -> bool {
        self.outcome.success()
    }

    /// The standard output as text; what is not UTF-8 becomes U+FFFD.
    pub fn stdout_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// The standard error as text; what is not UTF-8 becomes U+FFFD.
    pub fn stderr_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }
}

impl fmt::Debug for ExecOutput {
    /// Shows how much was printed and nothing of it: commands print secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecOutput")
            .field("outcome", &self.outcome)
            .field("stdout_bytes", &self.stdout.len())
            .field("stderr_bytes", &self.stderr.len())
            .field("truncated", &self.truncated)
            .finish()
    }
}

/// Where a detached command is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ExecStatus {
    /// How it ended; none while it runs.
    pub outcome: Option<ExecOutcome>,
    /// When it started, where the engine knows.
    #[serde(with = "millis::optional_time", default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub started_at: Option<SystemTime>,
}

impl ExecStatus {
    /// A command that runs.
    pub fn running() -> Self {
        Self {
            outcome: None,
            started_at: None,
        }
    }

    /// A command that ended.
    pub fn ended(outcome: ExecOutcome) -> Self {
        Self {
            outcome: Some(outcome),
            started_at: None,
        }
    }

    /// Sets when it started.
    #[must_use]
    pub fn started_at(mut self, time: SystemTime) -> Self {
        self.started_at = Some(time);
        self
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.outcome.is_none()
    }
}
