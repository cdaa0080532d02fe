//! Killing a command together with every process it has started.
//!
//! Engines have no API call for this. A process can easily leave its parent, process group and session, but not its
//! environment. Therefore every command has a mark in its environment, and its child processes inherit the mark. To
//! kill them, the driver runs a second command as the same user. That command searches `/proc` for the mark, using
//! only shell builtins.
//!
//! A process escapes if it has cleared its environment, started its own session and lost its marked parent (see the
//! crate's README). Nothing links such a process to the command: all commands share the container's cgroup, and the
//! parent of the process is now the container's first process. Without `sh` in the image, the driver cannot kill a
//! command, so it rejects a timeout up front.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use driver_interface_errors::{DriverError, Effect, ExecFailedError, Result, TimeoutError};
use driver_interface_kit::background;
use driver_interface_types::TtySize;
use tokio::io::split;
use tokio::time::{Instant, sleep, timeout};

use crate::driver::inner::Inner;
use crate::engine::ExecRequest;
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::exec::Phase;
use crate::translate::records::ContainerRecord;
use crate::wire::{EngineError, Stream};

/// The environment variable whose value marks the processes of a command.
pub(super) const MARK: &str = "DRIVER_INTERFACE_EXEC";

/// The maximum time to wait for a command to begin. The driver kills or resizes a command only after this wait.
const BEGINS: Duration = Duration::from_secs(20);
/// How long to keep trying to kill a command in the background.
const IN_BACKGROUND: Duration = Duration::from_secs(60);
/// The maximum number of times to run the kill script while processes of the command remain.
const ROUNDS: usize = 5;
/// How many bytes of a helper script's output to keep.
const HELPER_OUTPUT: usize = 4 * 1024;

/// A shell script that kills the processes of a command. A process belongs to the command if it has the mark, if its
/// parent belongs to the command, or if another process of the command is in its session. The session of the
/// container's first process does not count. The script repeats this until a pass over `/proc` finds no process of
/// the command, and then exits with 0. In each pass, it suspends the processes before it kills them, so that none
/// reacts to the death of another. It never kills itself or the container's first process.
const SCRIPT: &str = r#"
mark=$1
session() { set -- ${1##*) }; parent=$2 session=$4; }
first=0
IFS= read -r line < /proc/1/stat && session "$line" && first=$session
round=0
while [ $round -lt 50 ]; do
  round=$((round + 1)) found=' ' sessions=' ' grown=1
  while [ $grown = 1 ]; do
    grown=0
    for entry in /proc/[0-9]*; do
      pid=${entry#/proc/}
      if [ $pid = 1 ] || [ $pid = $$ ]; then continue; fi
      case $found in *" $pid "*) continue;; esac
      line=
      IFS= read -r line < $entry/stat || continue
      session "$line"
      set -- ${line##*) }
      if [ "$1" = Z ] || [ "$1" = X ]; then continue; fi
      hit=0
      case $found in *" $parent "*) hit=1;; esac
      case $sessions in *" $session "*) hit=1;; esac
      if [ $hit = 0 ]; then
        while IFS= read -r line || [ -n "$line" ]; do
          case $line in *"$mark"*) hit=1; break;; esac
        done < $entry/environ
      fi
      if [ $hit = 1 ]; then
        found="$found$pid " grown=1
        if [ $session != 0 ] && [ $session != $first ]; then sessions="$sessions$session "; fi
      fi
    done
  done
  if [ "$found" = ' ' ]; then exit 0; fi
  kill -STOP $found
  kill -9 $found
done 2>/dev/null
exit 1
"#;

/// A shell script that prints `alive` or `exited`, depending on the command's own process. Its child processes do not
/// count. Only the command's own process has both the mark and a parent outside the container.
const PROBE_SCRIPT: &str = r#"
mark=$1
for directory in /proc/[0-9]*; do
  line=
  IFS= read -r line < $directory/stat || continue
  set -- ${line##*) }
  if [ "$2" != 0 ] || [ "$1" = Z ] || [ "$1" = X ]; then continue; fi
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in *"$mark"*) echo alive; exit 0;; esac
  done < $directory/environ
done 2>/dev/null
echo exited
"#;

/// A command and every process it has started. Dropping a `Tree` kills these processes unless the `Tree` is
/// [disarmed](Self::disarm).
pub(in crate::driver) struct Tree {
    inner: Arc<Inner>,
    requested: String,
    /// The container's record from before the command was started.
    record: ContainerRecord,
    exec: String,
    mark: String,
    user: Option<String>,
    armed: AtomicBool,
}

impl Tree {
    pub(super) fn new(
        inner: Arc<Inner>,
        requested: String,
        record: ContainerRecord,
        exec: String,
        mark: String,
        user: Option<String>,
    ) -> Self {
        Self {
            inner,
            requested,
            record,
            exec,
            mark,
            user,
            armed: AtomicBool::new(true),
        }
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// Returns the container id or name as given by the caller.
    pub(super) fn requested(&self) -> &str {
        &self.requested
    }

    pub(super) fn container(&self) -> &str {
        &self.record.id
    }

    pub(super) fn exec(&self) -> &str {
        &self.exec
    }

    /// Lets the command continue to run when the tree is dropped.
    pub(in crate::driver) fn disarm(&self) {
        self.armed.store(false, Ordering::SeqCst);
    }

    /// Kills the command in the background, unless the tree is disarmed.
    pub(super) fn kill_in_background(&self) {
        if !self.armed.swap(false, Ordering::SeqCst) {
            return;
        }
        let handle = self.unarmed_handle();
        background::spawn(async move {
            let until = Instant::now() + IN_BACKGROUND;
            // Retry, so that a brief connection failure does not leave the command running.
            while let Err(error) = handle.kill_within(IN_BACKGROUND).await {
                if Instant::now() > until {
                    tracing::warn!(container = handle.requested, %error, "a command may still be running");
                    break;
                }
                sleep(Duration::from_secs(1)).await;
            }
        });
    }

    /// Kills the command and its processes, and returns when no such process is left. Meanwhile, the caller must read
    /// the command's output, because an engine that cannot deliver output does not notice that the process has
    /// exited.
    ///
    /// # Errors
    /// `ExecFailedError` with unknown effect: not all processes could be killed within the stop margin.
    pub(super) async fn kill(&self) -> Result<()> {
        self.kill_within(self.inner.deadlines.stop_margin).await
    }

    async fn kill_within(&self, longest: Duration) -> Result<()> {
        let killed = timeout(longest, self.kill_all()).await;
        let text = format!("some of its processes were still running after {longest:?}");
        killed.unwrap_or_else(|_| Err(self.failed(&text)))
    }

    async fn kill_all(&self) -> Result<()> {
        self.wait_started().await?;
        let mut last = None;
        for round in 0..ROUNDS {
            sleep(Duration::from_millis(100 * round as u64)).await;
            match self.helper(SCRIPT, &[&format!("{MARK}={}", self.mark)]).await {
                Ok((0, _)) => return Ok(()),
                Ok((code, _)) => last = Some(self.failed(&format!("the helper exited with code {code}"))),
                Err(error) => last = Some(error),
            }
            // If the container has exited, so has the command.
            if self.container_gone().await? {
                return Ok(());
            }
        }
        Err(last.unwrap_or_else(|| self.failed("it is still running")))
    }

    fn failed(&self, why: &str) -> DriverError {
        ExecFailedError::new(&self.requested, format!("it could not be killed: {why}"))
            .with_effect(Effect::Unknown)
            .into()
    }

    /// Waits until the command has begun or failed to begin, but no longer than [`BEGINS`].
    async fn wait_started(&self) -> Result<()> {
        let began = Instant::now();
        while let Some(Phase::Prepared) = self.phase().await? {
            if began.elapsed() > BEGINS {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Waits until the driver can send input without losing the command's output. Returns whether the command may
    /// still read the input.
    pub(in crate::driver) fn takes_input(&self) -> impl Future<Output = bool> + use<> {
        let tree = self.unarmed_handle();
        async move {
            let Some(pause) = tree.inner.engine.dialect().input_delay else {
                return true;
            };
            let _ = tree.wait_started().await;
            sleep(pause).await;
            // If the phase is unknown, the command may still be running.
            !matches!(tree.phase().await, Ok(Some(Phase::Exited(_)) | None))
        }
    }

    /// Resizes the command's terminal as soon as the command has begun, because engines do not accept a size earlier.
    pub(super) fn resize_once_begun(&self, size: TtySize) -> impl Future<Output = Result<()>> + use<> {
        let tree = self.unarmed_handle();
        async move {
            tree.wait_started().await?;
            tree.resize(size).await
        }
    }

    pub(super) async fn resize(&self, size: TtySize) -> Result<()> {
        let deadline = self.inner.deadlines.read;
        let resized = timeout(deadline, self.inner.engine.resize_exec(&self.exec, size)).await;
        let resized = resized.map_err(|_| TimeoutError::new("resize", deadline))?;
        resized.map_err(|failure| self.inner.error(Operation::Exec, &self.requested, failure))
    }

    /// Returns a handle to the same command. Dropping the handle does not kill the command.
    pub(super) fn unarmed_handle(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            requested: self.requested.clone(),
            record: self.record.clone(),
            exec: self.exec.clone(),
            mark: self.mark.clone(),
            user: self.user.clone(),
            armed: AtomicBool::new(false),
        }
    }

    /// Returns the phase of the command, or `None` if the engine does not know the command.
    pub(super) async fn phase(&self) -> Result<Option<Phase>> {
        let deadline = self.inner.deadlines.read;
        let requested = timeout(deadline, self.inner.engine.inspect_exec(&self.exec)).await;
        let late = |_| TimeoutError::new("exec", deadline);
        let found = requested.map_err(late)?;
        let found = match found {
            // If the container was removed in the meantime, Podman responds with a 500.
            Err(EngineError::Refused(refusal))
                if cause(Operation::InspectContainer, &refusal) == Cause::NotFound =>
            {
                None
            }
            found => found.map_err(|failure| self.unsettled(failure))?,
        };
        Ok(found.map(|record| (self.inner.engine.dialect().exec_phase)(&record)))
    }

    /// Returns the error for a failed inspection of the command. Its effect is unknown, because the command may
    /// already have changed something.
    fn unsettled(&self, failure: EngineError) -> DriverError {
        let error = self.inner.error(Operation::Read, &self.requested, failure);
        error.with_effect(Effect::Unknown)
    }

    /// Returns whether the container run in which the command was started is over.
    pub(super) async fn container_gone(&self) -> Result<bool> {
        use crate::translate::status;
        let deadline = self.inner.deadlines.read;
        let looked = timeout(deadline, self.inner.find_container(&self.record.id)).await;
        let looked = looked.map_err(|_| TimeoutError::new("exec", deadline))?;
        let Some(now) = looked.map_err(|error| error.with_effect(Effect::Unknown))? else {
            return Ok(true);
        };
        Ok(!status::is_alive(&now.state)
            || now.state.status == "stopping"
            || status::started_at(&now.state) != status::started_at(&self.record.state))
    }

    /// Returns whether the command's own process is still running, or `None` if that cannot be determined.
    pub(super) async fn is_process_alive(&self) -> Option<bool> {
        let mark = format!("{MARK}={}", self.mark);
        let (code, output) = self.helper(PROBE_SCRIPT, &[&mark]).await.ok()?;
        match (code, output.trim_ascii()) {
            (0, b"alive") => Some(true),
            (0, b"exited") => Some(false),
            _ => None,
        }
    }

    /// Runs `script` in the container's shell, as the command's user. Returns the script's exit code and the
    /// beginning of its standard output.
    pub(super) async fn helper(&self, script: &str, args: &[&str]) -> Result<(i64, Vec<u8>)> {
        let words = ["sh", "-c", script, "sh"];
        let request = ExecRequest {
            cmd: words.iter().chain(args).map(|word| (*word).to_owned()).collect(),
            env: Vec::new(),
            working_dir: Some("/".to_owned()),
            user: self.user.clone(),
            tty: false,
            attach_stdin: false,
            attach_stdout: true,
            attach_stderr: true,
        };
        let done = timeout(self.inner.deadlines.read, self.run_helper(&request)).await;
        let done = done.map_err(|_| self.failed("the helper did not complete in time"))?;
        done.map_err(|failure| self.inner.error(Operation::Exec, &self.requested, failure))
    }

    async fn run_helper(&self, request: &ExecRequest) -> std::result::Result<(i64, Vec<u8>), EngineError> {
        let engine = &self.inner.engine;
        let exec = engine.create_exec(&self.record.id, request).await?;
        let (half, _open) = split(engine.attach_exec(&exec, false).await?);
        let mut reader = engine.exec_reader(half, false, false);
        let mut output = Vec::new();
        while let Some(frame) = reader.next().await? {
            if frame.stream == Stream::Stdout && output.len() < HELPER_OUTPUT {
                output.extend_from_slice(&frame.data);
            }
        }
        loop {
            let record = engine.inspect_exec(&exec).await?;
            match record.map(|record| (engine.dialect().exec_phase)(&record)) {
                Some(Phase::Exited(exited)) => return Ok((exited.code, output)),
                None => {
                    return Err(EngineError::InvalidResponse(
                        "the helper no longer exists".to_owned(),
                    ));
                }
                Some(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.kill_in_background();
    }
}
