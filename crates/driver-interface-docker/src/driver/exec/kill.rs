//! Killing a command with everything it has started.
//!
//! Engines have no call for it, and a process can leave its parent, group and session. It cannot easily leave its
//! environment: every command gets a mark there, which its children inherit, and a second command, of the same
//! user, looks for it in `/proc` with nothing but the shell's own means.
//!
//! What escapes: a process that has cleared its environment, started a session of its own and lost its parent among
//! the others. Nothing that an engine or the kernel shows from outside ties such a process to the command: commands share
//! the container's control group, and its parent is now the container's first process. The crate's README declares it.
//! In an image without `sh` nothing can be killed, so a timeout is refused there beforehand.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use driver_interface_errors::{DriverError, Effect, ExecError, Result, TimeoutError};
use driver_interface_types::TtySize;
use tokio::io::split;
use tokio::time::{Instant, sleep, timeout};

use crate::driver::background;
use crate::driver::inner::Inner;
use crate::engine::ExecRequest;
use crate::quirks;
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::exec::Phase;
use crate::translate::records::ContainerRecord;
use crate::wire::{EngineError, Stream};

/// The variable that holds the mark.
pub(super) const MARK: &str = "DRIVER_INTERFACE_EXEC";

/// How long a command that was asked for may take to begin, so that it can be killed.
const BEGINS: Duration = Duration::from_secs(20);
/// How long a command is tried to be killed while nobody waits for that.
const IN_BACKGROUND: Duration = Duration::from_secs(60);
/// How often the tree is looked for when something of it is still there.
const ROUNDS: usize = 5;
/// More output of a helper is not kept.
const HELPER_OUTPUT: usize = 4 * 1024;

/// Kills, until a look finds none: every process with the mark, every child of one, and every process of the
/// session of one. They are stopped first, so that none goes on because another one is gone. It leaves alone the first process with its session, and itself. It ends with 0 when none is left.
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
    for folder in /proc/[0-9]*; do
      pid=${folder#/proc/}
      if [ $pid = 1 ] || [ $pid = $$ ]; then continue; fi
      case $found in *" $pid "*) continue;; esac
      line=
      IFS= read -r line < $folder/stat || continue
      session "$line"
      set -- ${line##*) }
      if [ "$1" = Z ] || [ "$1" = X ]; then continue; fi
      hit=0
      case $found in *" $parent "*) hit=1;; esac
      case $sessions in *" $session "*) hit=1;; esac
      if [ $hit = 0 ]; then
        while IFS= read -r line || [ -n "$line" ]; do
          case $line in *"$mark"*) hit=1; break;; esac
        done < $folder/environ
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

/// Prints whether a process with the mark runs whose parent is outside the container: that is the command itself, and
/// not something it has started.
const LIVES: &str = r#"
mark=$1
for directory in /proc/[0-9]*; do
  line=
  IFS= read -r line < $directory/stat || continue
  set -- ${line##*) }
  if [ "$2" != 0 ] || [ "$1" = Z ] || [ "$1" = X ]; then continue; fi
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in *"$mark"*) echo lives; exit 0;; esac
  done < $directory/environ
done 2>/dev/null
echo gone
"#;

/// A command with everything it has started. Unless it is [disarmed](Self::disarm), dropping it kills them.
pub(in crate::driver) struct Tree {
    inner: Arc<Inner>,
    asked: String,
    /// The container's record from before the command.
    record: ContainerRecord,
    exec: String,
    mark: String,
    user: Option<String>,
    armed: AtomicBool,
}

impl Tree {
    pub(super) fn new(
        inner: Arc<Inner>,
        asked: String,
        record: ContainerRecord,
        exec: String,
        mark: String,
        user: Option<String>,
    ) -> Self {
        Self {
            inner,
            asked,
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

    /// The container as the caller named it.
    pub(super) fn asked(&self) -> &str {
        &self.asked
    }

    pub(super) fn container(&self) -> &str {
        &self.record.id
    }

    pub(super) fn exec(&self) -> &str {
        &self.exec
    }

    /// The command has ended, or shall be left alone.
    pub(in crate::driver) fn disarm(&self) {
        self.armed.store(false, Ordering::SeqCst);
    }

    /// Kills in the background what was not disarmed.
    pub(super) fn fire(&self) {
        if !self.armed.swap(false, Ordering::SeqCst) {
            return;
        }
        let again = self.witness();
        background::spawn(async move {
            let until = Instant::now() + IN_BACKGROUND;
            // A link that is down for a moment leaves nothing running.
            while let Err(error) = again.kill_within(IN_BACKGROUND).await {
                if Instant::now() > until {
                    tracing::warn!(container = again.asked, %error, "a command may have been left running");
                    break;
                }
                sleep(Duration::from_secs(1)).await;
            }
        });
    }

    /// Kills all of it and returns when none is left. The command's output has to be read meanwhile: an engine that
    /// cannot get rid of output does not notice that its process has exited.
    ///
    /// # Errors
    /// `ExecError`, effect unknown: that did not succeed within what a stop may take beyond its grace.
    pub(super) async fn kill(&self) -> Result<()> {
        self.kill_within(self.inner.deadlines.stop_margin).await
    }

    async fn kill_within(&self, longest: Duration) -> Result<()> {
        let killed = timeout(longest, self.kill_all()).await;
        killed.unwrap_or_else(|_| Err(self.failed(&format!("something of it was left after {longest:?}"))))
    }

    async fn kill_all(&self) -> Result<()> {
        self.begun().await?;
        let mut last = None;
        for round in 0..ROUNDS {
            sleep(Duration::from_millis(100 * round as u64)).await;
            match self.helper(SCRIPT, &[&format!("{MARK}={}", self.mark)]).await {
                Ok((0, _)) => return Ok(()),
                Ok((code, _)) => last = Some(self.failed(&format!("the helper ended with {code}"))),
                Err(error) => last = Some(error),
            }
            // A container that is over has taken the command with it.
            if self.container_gone().await? {
                return Ok(());
            }
        }
        Err(last.unwrap_or_else(|| self.failed("it goes on")))
    }

    fn failed(&self, why: &str) -> DriverError {
        ExecError::new(&self.asked, format!("it could not be killed: {why}"))
            .with_effect(Effect::Unknown)
            .into()
    }

    /// Returns when the command has begun, or will not.
    async fn begun(&self) -> Result<()> {
        let began = Instant::now();
        while let Some(Phase::Prepared) = self.phase().await? {
            if began.elapsed() > BEGINS {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Whether the command still takes input, once the engine may be given any.
    pub(in crate::driver) fn takes_input(&self) -> impl Future<Output = bool> + use<> {
        let tree = self.witness();
        async move {
            let Some(pause) = quirks::input_waits(tree.inner.engine.flavour()) else {
                return true;
            };
            let _ = tree.begun().await;
            sleep(pause).await;
            // Where it is not known, there may be somebody to read it.
            !matches!(tree.phase().await, Ok(Some(Phase::Ended(_)) | None))
        }
    }

    /// Gives the command's terminal its size, as soon as it has begun: engines take it no earlier.
    pub(super) fn resize_once_begun(&self, size: TtySize) -> impl Future<Output = Result<()>> + use<> {
        let tree = self.witness();
        async move {
            tree.begun().await?;
            tree.resize(size).await
        }
    }

    pub(super) async fn resize(&self, size: TtySize) -> Result<()> {
        let deadline = self.inner.deadlines.read;
        let resized = timeout(deadline, self.inner.engine.resize_exec(&self.exec, size)).await;
        let resized = resized.map_err(|_| TimeoutError::new("resize", deadline))?;
        resized.map_err(|failure| self.inner.error(Operation::Exec, &self.asked, failure))
    }

    /// The same command, for who must not kill it by leaving.
    pub(super) fn witness(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            asked: self.asked.clone(),
            record: self.record.clone(),
            exec: self.exec.clone(),
            mark: self.mark.clone(),
            user: self.user.clone(),
            armed: AtomicBool::new(false),
        }
    }

    /// Where the command is in its life; none when the engine knows nothing of it.
    pub(super) async fn phase(&self) -> Result<Option<Phase>> {
        let deadline = self.inner.deadlines.read;
        let asked = timeout(deadline, self.inner.engine.inspect_exec(&self.exec)).await;
        let late = |_| TimeoutError::new("exec", deadline);
        let found = asked.map_err(late)?;
        let found = match found {
            // Podman's answer when the container was removed meanwhile is a 500.
            Err(EngineError::Refused(refusal))
                if cause(Operation::InspectContainer, &refusal) == Cause::NotFound =>
            {
                None
            }
            found => found.map_err(|failure| self.unsettled(failure))?,
        };
        Ok(found.map(|record| record.phase(self.inner.engine.flavour())))
    }

    /// The error for a look that failed: the command was asked for, so whatever it does may have been done.
    fn unsettled(&self, failure: EngineError) -> DriverError {
        let error = self.inner.error(Operation::Read, &self.asked, failure);
        error.with_effect(Effect::Unknown)
    }

    /// Whether the run of the container in which the command was started is over.
    pub(super) async fn container_gone(&self) -> Result<bool> {
        use crate::translate::status;
        let deadline = self.inner.deadlines.read;
        let looked = timeout(deadline, self.inner.find_container(&self.record.id)).await;
        let looked = looked.map_err(|_| TimeoutError::new("exec", deadline))?;
        let Some(now) = looked.map_err(|error| error.with_effect(Effect::Unknown))? else {
            return Ok(true);
        };
        Ok(!status::lives(&now.state)
            || now.state.status == "stopping"
            || status::started_at(&now.state) != status::started_at(&self.record.state))
    }

    /// Whether the command's own process still runs; none where that cannot be found out.
    pub(super) async fn process_lives(&self) -> Option<bool> {
        let mark = format!("{MARK}={}", self.mark);
        let (code, output) = self.helper(LIVES, &[&mark]).await.ok()?;
        match (code, output.trim_ascii()) {
            (0, b"lives") => Some(true),
            (0, b"gone") => Some(false),
            _ => None,
        }
    }

    /// Runs a script in the container's shell as the command's user; its exit code and the beginning of its output.
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
        let done = done.map_err(|_| self.failed("the helper took too long"))?;
        done.map_err(|failure| self.inner.error(Operation::Exec, &self.asked, failure))
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
            match record.map(|record| record.phase(engine.flavour())) {
                Some(Phase::Ended(ended)) => return Ok((ended.code, output)),
                None => return Err(EngineError::Garbled("the helper is gone".to_owned())),
                Some(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.fire();
    }
}
