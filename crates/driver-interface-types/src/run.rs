//! Running a container to its exit, like `docker run --rm`.

use std::time::Duration;

use driver_interface_errors::{ContainerRemoveError, DriverError, Effect, Result, UnsupportedError};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use crate::{
    CappedBuffer, ContainerConfig, ContainerDriver, ContainerId, ExecConfig, ExecOutcome, ExecOutput,
    ExitInfo, LogChunk, LogSource, LogStream, LogStreamOptions, Operation, RemoveOptions, StopOptions,
    StopOutcome, WaitOptions,
};

/// The pauses between the attempts to remove the container while the caller waits. Several attempts are made because
/// an engine may be busy for a while.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// The pauses between the attempts to remove the container in the background.
const BACKGROUND_PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];

/// How long to wait for the rest of the output after the container has been killed because of the timeout. If the
/// rest does not arrive in this time, the output counts as truncated.
const REST: Duration = Duration::from_secs(10);

/// The options of [`run`](crate::ContainerDriverExt::run). By default, there is no timeout, and at most 10 MiB each
/// of standard output and standard error are kept.
///
/// ```
/// use std::time::Duration;
/// use driver_interface_types::RunOptions;
///
/// let options = RunOptions::default().timeout(Duration::from_secs(300));
/// assert_eq!(options.output_limit, 10 * 1024 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunOptions {
    /// The maximum time from the start of the container to the container's exit. If `None`, the time is not limited.
    /// When the timeout expires, the container is killed, and the output received so far is kept.
    pub timeout: Option<Duration>,
    /// The maximum number of bytes to keep per stream (standard output and standard error). The driver reads and
    /// discards the rest.
    pub output_limit: usize,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            timeout: None,
            output_limit: ExecConfig::DEFAULT_OUTPUT_LIMIT,
        }
    }
}

impl RunOptions {
    crate::setters! {
        /// Sets the maximum time from the start of the container to its exit.
        timeout(self, longest: Duration) { self.timeout = Some(longest); }
        /// Sets the maximum number of bytes to keep per stream (standard output and standard error).
        output_limit(self, bytes: usize) { self.output_limit = bytes; }
    }
}

/// A container that [`run_streaming`](crate::ContainerDriverExt::run_streaming) has started. The output can be read
/// while the container runs.
///
/// Dropping a `ContainerRun` kills and removes the container in the background. This works only as long as the tokio
/// runtime in which `run_streaming` was called still runs.
#[must_use = "dropping it kills and removes the container"]
pub struct ContainerRun<D: ContainerDriver + Clone + 'static> {
    driver: D,
    id: ContainerId,
    logs: Option<LogStream>,
    is_removed: bool,
    runtime: Option<Handle>,
}

impl<D: ContainerDriver + Clone + 'static> ContainerRun<D> {
    pub(crate) async fn start(driver: D, config: &ContainerConfig) -> Result<Self> {
        let declared = driver.capabilities();
        for operation in [Operation::StreamContainerLogs, Operation::WaitContainer] {
            if !declared.supports(operation) {
                let text = format!("it needs `{operation}`, which this driver does not declare");
                return Err(UnsupportedError::new("run", text).into());
            }
        }
        let created = driver.create_container(config).await?;
        let mut run = Self {
            driver,
            id: created.id,
            logs: None,
            is_removed: false,
            runtime: Handle::try_current().ok(),
        };
        match run.begin().await {
            Ok(()) => Ok(run),
            Err(error) => {
                // If this fails, the container is removed in the background.
                let _ = run.discard().await;
                Err(error)
            }
        }
    }

    async fn begin(&mut self) -> Result<()> {
        // The log stream is opened before the start, so that even a short run loses no output.
        let options = LogStreamOptions::default().follow(true);
        self.logs = Some(self.driver.stream_container_logs(&self.id, options).await?);
        // A retry with the same operation key finds the container of the earlier attempt, which may have run.
        let now = self.driver.get_container(&self.id).await?;
        if now.is_none_or(|now| now.started_at.is_none()) {
            self.driver.start_container(&self.id).await?;
        }
        Ok(())
    }

    /// Returns the container's id, for other operations on the container.
    pub fn id(&self) -> &ContainerId {
        &self.id
    }

    /// Returns the next chunk of output. Returns `None` once the container has exited and all of its output has been
    /// returned.
    ///
    /// # Errors
    /// `ConnectionError`: the connection to the engine broke, and some output is lost. [`finish`](Self::finish) still
    /// returns the container's exit info.
    ///
    /// # Cancel safety
    /// Dropping the future loses no output.
    pub async fn next_chunk(&mut self) -> Option<Result<LogChunk>> {
        self.logs.as_mut()?.next().await
    }

    /// Waits until the container exits, removes the container, and returns its exit info. Output that was not read is
    /// discarded.
    ///
    /// # Errors
    /// - Those of [`wait_container`](ContainerDriver::wait_container).
    /// - `ContainerRemoveError`: the container exited, but could not be removed. The message contains the exit code.
    ///   The removal is tried again in the background.
    ///
    /// # Cancel safety
    /// Dropping the future kills and removes the container in the background.
    pub async fn finish(mut self) -> Result<ExitInfo> {
        self.logs = None;
        let exit = self.exit().await?;
        self.remove(&exit).await?;
        Ok(exit)
    }

    /// Waits for the exit, and removes the container if the wait fails.
    async fn exit(&mut self) -> Result<ExitInfo> {
        let exit = self.driver.wait_container(&self.id, WaitOptions::default()).await;
        match exit {
            Ok(exit) => Ok(exit),
            Err(error) => Err(self.failed(error).await),
        }
    }

    /// Removes the container, and returns `error` with the effect `Unknown`, because the container's command may have
    /// run.
    async fn failed(&mut self, error: DriverError) -> DriverError {
        let _ = self.discard().await;
        error.with_effect(Effect::Unknown)
    }

    /// Removes the container after its exit. Returns whether the container still existed.
    async fn remove(&mut self, exit: &ExitInfo) -> Result<bool> {
        self.discard()
            .await
            .map_err(|error| not_removed(&self.id, exit, error))
    }

    /// Kills and removes the container. Returns whether the container still existed.
    async fn discard(&mut self) -> Result<bool> {
        let was_there = removed(&self.driver, &self.id, PAUSES).await?;
        self.is_removed = true;
        Ok(was_there)
    }
}

/// Kills and removes a container, with the given pauses between the attempts. Returns whether the container still
/// existed.
async fn removed<D: ContainerDriver>(
    driver: &D,
    id: &ContainerId,
    pauses: impl IntoIterator<Item = Duration, IntoIter: Send>,
) -> Result<bool> {
    let mut first = true;
    let mut pauses = pauses.into_iter();
    loop {
        match driver.remove_container(id, RemoveOptions::force()).await {
            Ok(()) => return Ok(true),
            // A failed attempt may still have removed the container.
            Err(error) if error.is_not_found() => return Ok(!first),
            Err(error) => match pauses.next() {
                Some(pause) => sleep(pause).await,
                None => return Err(error),
            },
        }
        first = false;
    }
}

/// Returns the error for a container that exited but was not removed. The container's command has run, so a retry is
/// unsafe.
fn not_removed(id: &ContainerId, exit: &ExitInfo, error: DriverError) -> DriverError {
    let text = format!(
        "it exited with code {} and could not be removed: {}",
        exit.code,
        error.message()
    );
    ContainerRemoveError::new(id.as_str(), text)
        .with_retryable(false)
        .with_effect(Effect::Applied)
        .with_source(error)
        .into()
}

impl<D: ContainerDriver + Clone + 'static> Drop for ContainerRun<D> {
    fn drop(&mut self) {
        if self.is_removed {
            return;
        }
        let Some(runtime) = &self.runtime else { return };
        let (driver, id) = (self.driver.clone(), self.id.clone());
        runtime.spawn(async move {
            // If this fails, the container can be found by its labels.
            let _ = removed(&driver, &id, BACKGROUND_PAUSES).await;
        });
    }
}

impl<D: ContainerDriver + Clone + 'static> std::fmt::Debug for ContainerRun<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContainerRun")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The output of a run, up to the output limit.
struct Output {
    stdout: CappedBuffer,
    stderr: CappedBuffer,
    /// Whether some of the output was not received.
    incomplete: bool,
}

impl Output {
    /// Reads to the end of the container's output, or until the connection breaks.
    async fn read<D: ContainerDriver + Clone + 'static>(&mut self, run: &mut ContainerRun<D>) {
        while let Some(chunk) = run.next_chunk().await {
            match chunk {
                Ok(chunk) if chunk.source == LogSource::Stderr => self.stderr.push(&chunk.bytes),
                Ok(chunk) => self.stdout.push(&chunk.bytes),
                Err(_) => self.incomplete = true,
            }
        }
    }
}

pub(crate) async fn to_exit<D: ContainerDriver + Clone + 'static>(
    driver: D,
    config: &ContainerConfig,
    options: RunOptions,
) -> Result<ExecOutput> {
    let mut run = ContainerRun::start(driver, config).await?;
    let mut output = Output {
        stdout: CappedBuffer::new(options.output_limit),
        stderr: CappedBuffer::new(options.output_limit),
        incomplete: false,
    };
    let whole = async {
        output.read(&mut run).await;
        run.exit().await
    };
    let in_time = match options.timeout {
        Some(limit) => timeout(limit, whole).await.ok(),
        None => Some(whole.await),
    };
    let ended = match in_time {
        Some(exit) => exit.map(|exit| (exit, false)),
        None => {
            let stopped = run.driver.stop_container(&run.id, StopOptions::kill()).await;
            if timeout(REST, output.read(&mut run)).await.is_err() {
                output.incomplete = true;
            }
            match stopped {
                // If the container had already stopped, it exited in time, and only reading its output took longer.
                Ok(stopped) => {
                    let killed = stopped != StopOutcome::AlreadyStopped;
                    run.exit().await.map(|exit| (exit, killed))
                }
                Err(error) => Err(run.failed(error).await),
            }
        }
    };
    let outcome = match ended {
        Ok((exit, killed)) => match exit.oom_killed {
            // Another caller removed the container, and may also have killed it.
            _ if !run.remove(&exit).await? => ExecOutcome::ContainerGone,
            _ if killed => ExecOutcome::TimedOut,
            Some(true) => ExecOutcome::OomKilled,
            _ => ExecOutcome::Exited(exit.code),
        },
        Err(error) if error.is_not_found() => ExecOutcome::ContainerGone,
        Err(error) => return Err(error),
    };
    let (mut stdout, mut stderr) = (output.stdout, output.stderr);
    let gone = outcome == ExecOutcome::ContainerGone;
    let truncated = stdout.is_truncated() || stderr.is_truncated() || output.incomplete || gone;
    Ok(ExecOutput::new(outcome, stdout.take(), stderr.take()).truncated(truncated))
}
