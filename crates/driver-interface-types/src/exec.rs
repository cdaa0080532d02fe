//! Types for running commands in containers (exec): configuration, outcome and status.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::command::pairs;
#[cfg(feature = "schema")]
use crate::rules::{self, many, one};
use crate::words::Words;
use crate::{IntoCommand, Signal, millis};

/// The configuration of a command to run in a container. The container's limits and security options also apply to
/// the command. The command never has more privileges than the container's main process.
///
/// `Debug` omits the arguments, the values of environment variables and the input, because these may contain secrets.
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
#[derive(Clone, derive_more::Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(garde::Validate),
    garde(context(rules::RuleContext))
)]
#[non_exhaustive]
pub struct ExecConfig {
    /// The program, followed by its arguments. Each item is passed to the program as a separate argument, without a
    /// shell.
    #[cfg_attr(feature = "schema", garde(custom(many(rules::names_program))))]
    #[debug("{:?}", Words(argv))]
    pub argv: Vec<String>,
    /// Environment variables of the command, in addition to the container's environment variables.
    #[cfg_attr(feature = "schema", garde(custom(many(rules::env))))]
    #[debug("{:?}", env.keys())]
    pub env: BTreeMap<String, String>,
    /// The working directory of the command. The directory must exist. If `None`, the container's working directory
    /// is used.
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::container_path)))))]
    pub working_dir: Option<String>,
    /// The user that the command runs as, in the form of [`SecurityOptions::user`](crate::SecurityOptions::user). If
    /// `None`, the container's user is used.
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::user)))))]
    pub user: Option<String>,
    /// The complete standard input of the command. If `None`, the caller of
    /// [`exec_stream`](crate::ContainerDriver::exec_stream) writes the input to the session's `stdin`; with all other
    /// operations, the input is empty. If the command has a terminal, the driver sends the input as if a user typed
    /// it, followed by an end of file (Ctrl-D).
    #[cfg_attr(feature = "schema", garde(skip))]
    #[debug("{:?} bytes", stdin.as_ref().map(Bytes::len))]
    pub stdin: Option<Bytes>,
    /// The size of the command's terminal. If `None`, the command has pipes instead of a terminal. With a terminal,
    /// standard output and standard error are one stream.
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::check_size_nonzero)))))]
    pub tty: Option<TtySize>,
    /// The maximum run time of the command. If `None`, the run time is not limited. When the timeout expires, the
    /// driver kills the command and every process that the command has started. The output so far is kept.
    #[cfg_attr(feature = "schema", garde(skip))]
    pub timeout: Option<Duration>,
    /// The maximum number of bytes to keep per stream (standard output and standard error). The driver reads and
    /// discards the rest.
    #[cfg_attr(feature = "schema", garde(skip))]
    pub output_limit: usize,
}

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TtySize {
    /// The width, in characters per line.
    pub columns: u16,
    /// The height, in lines.
    pub rows: u16,
}

impl Default for TtySize {
    /// Returns a size of 80 columns by 24 rows.
    fn default() -> Self {
        Self {
            columns: 80,
            rows: 24,
        }
    }
}

impl ExecConfig {
    /// The default number of bytes to keep per stream (standard output and standard error): 10 MiB.
    pub const DEFAULT_OUTPUT_LIMIT: usize = 10 * 1024 * 1024;

    /// Creates a config from a program and its arguments.
    pub fn new(argv: impl IntoCommand) -> Self {
        Self {
            argv: argv.into_command(),
            env: BTreeMap::new(),
            working_dir: None,
            user: None,
            stdin: None,
            tty: None,
            timeout: None,
            output_limit: Self::DEFAULT_OUTPUT_LIMIT,
        }
    }

    /// Creates a config that runs a command line with the container's `sh`, which must exist.
    pub fn shell(line: impl Into<String>) -> Self {
        Self::new(["sh".to_owned(), "-c".to_owned(), line.into()])
    }

    crate::setters! {
        /// Sets an environment variable.
        env(self, key: impl Into<String>, value: impl Into<String>) {
            self.env.insert(key.into(), value.into());
        }
        /// Sets environment variables, in addition to those already set.
        envs(self, all: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) {
            self.env.extend(pairs(all));
        }
        /// Sets the working directory.
        working_dir(self, path: impl Into<String>) { self.working_dir = Some(path.into()); }
        /// Sets the user that the command runs as: `uid`, `uid:gid`, or a name from the image.
        user(self, user: impl Into<String>) { self.user = Some(user.into()); }
        /// Sets the complete standard input of the command.
        stdin(self, input: impl Into<Bytes>) { self.stdin = Some(input.into()); }
        /// Gives the command a terminal of this size.
        tty(self, size: TtySize) { self.tty = Some(size); }
        /// Sets the maximum run time of the command.
        timeout(self, longest: Duration) { self.timeout = Some(longest); }
        /// Sets the maximum number of bytes to keep per stream (standard output and standard error).
        output_limit(self, bytes: usize) { self.output_limit = bytes; }
    }
}

/// How a command ended. If a command fails, the operation that ran the command returns an outcome, not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ExecOutcome {
    /// The command exited with this exit code.
    Exited(i64),
    /// The command was terminated by a signal.
    Signaled(Signal),
    /// The command exceeded its timeout. The driver killed the command and every process that the command had
    /// started.
    TimedOut,
    /// The command was killed because the container ran out of memory.
    OomKilled,
    /// The container exited or was removed while the command ran.
    ContainerGone,
}

impl ExecOutcome {
    /// Returns whether the command exited with code 0.
    pub fn success(self) -> bool {
        self == Self::Exited(0)
    }

    /// Returns the exit code that a shell would report. For `Exited`, this is the exit code of the command. For
    /// `Signaled`, this is 128 plus the number of the signal. Returns `None` for all other outcomes.
    pub fn exit_code(self) -> Option<i64> {
        match self {
            Self::Exited(code) => Some(code),
            Self::Signaled(signal) => Some(signal.exit_code()),
            Self::TimedOut | Self::OomKilled | Self::ContainerGone => None,
        }
    }
}

/// The output and outcome of a command. `Debug` shows only the size of the output, because commands may print secrets.
///
/// ```
/// use driver_interface_types::{ExecOutcome, ExecOutput};
///
/// let output = ExecOutput::new(ExecOutcome::Exited(1), "", "no such file\n");
/// assert!(!output.success());
/// assert_eq!(output.stderr_text(), "no such file\n");
/// ```
#[derive(Clone, derive_more::Debug, PartialEq, Eq)]
#[must_use = "`outcome` reports whether the command succeeded"]
#[non_exhaustive]
pub struct ExecOutput {
    /// The standard output of the command. If the command has a terminal, this field contains all output.
    #[debug("{} bytes", stdout.len())]
    pub stdout: Bytes,
    /// The standard error of the command. If the command has a terminal, this field is empty.
    #[debug("{} bytes", stderr.len())]
    pub stderr: Bytes,
    /// Whether some standard output or standard error is missing, or may be missing. Possible causes:
    ///
    /// - the command wrote more than the output limit;
    /// - the connection stalled or broke after the command had exited;
    /// - the command was killed, and some output was not received;
    /// - the engine lost the end of the output. This happens with Podman if the input is larger than a pipe buffer
    ///   and the command exits without reading the input.
    pub truncated: bool,
    /// The outcome of the command.
    pub outcome: ExecOutcome,
}

impl ExecOutput {
    /// Creates an `ExecOutput` that is not truncated.
    pub fn new(outcome: ExecOutcome, stdout: impl Into<Bytes>, stderr: impl Into<Bytes>) -> Self {
        Self {
            stdout: stdout.into(),
            stderr: stderr.into(),
            truncated: false,
            outcome,
        }
    }

    /// Sets whether output is missing or may be missing.
    pub fn truncated(mut self, yes: bool) -> Self {
        self.truncated = yes;
        self
    }

    /// Returns whether the command exited with code 0.
    pub fn success(&self) -> bool {
        self.outcome.success()
    }

    /// Returns the standard output as text; bytes that are not UTF-8 become U+FFFD.
    pub fn stdout_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Returns the standard error as text; bytes that are not UTF-8 become U+FFFD.
    pub fn stderr_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }
}

/// The status of a detached exec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ExecStatus {
    /// The outcome of the command; `None` while the command runs.
    pub outcome: Option<ExecOutcome>,
    /// The time at which the command started; `None` if the engine does not report the time.
    #[serde(with = "millis::optional_time", default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub started_at: Option<SystemTime>,
}

impl ExecStatus {
    /// Creates the status of a running command. The start time is `None`.
    pub fn running() -> Self {
        Self {
            outcome: None,
            started_at: None,
        }
    }

    /// Creates the status of a command that has ended with `outcome`. The start time is `None`.
    pub fn exited(outcome: ExecOutcome) -> Self {
        Self {
            outcome: Some(outcome),
            started_at: None,
        }
    }

    /// Sets the time at which the command started.
    #[must_use]
    pub fn started_at(mut self, time: SystemTime) -> Self {
        self.started_at = Some(time);
        self
    }

    /// Returns whether the command is running.
    pub fn is_running(&self) -> bool {
        self.outcome.is_none()
    }
}
