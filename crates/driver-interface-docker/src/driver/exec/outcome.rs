//! What became of a command.

use std::time::Duration;

use driver_interface_errors::{DriverError, Effect, Hint, NetworkError, Result, TimeoutError};
use driver_interface_types::ExecOutcome;
use tokio::time::{Instant, sleep, timeout};

use super::kill::Tree;
use crate::translate::exec::{Ended, Phase};
use crate::wire::EngineError;

/// How long after the end of its output a command may still run. It may have closed its streams on purpose, so
/// this only paces the looks at it.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long after a command was killed the engine may take to notice that its container was.
const CONTAINER_ENDS: Duration = Duration::from_secs(4);

/// Prints how often the kernel has killed for memory in the container, from the file that this version of control groups
/// has. The other one is missing, which is no failure.
const OOM_KILLS: &str = "for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do \
    if [ -r $file ]; then while read -r key value; do \
    if [ \"$key\" = oom_kill ]; then echo $value; fi; done < $file; fi; done; exit 0";

/// The code that Docker records of a command whose connection broke, in place of the command's own.
const BROKEN: i64 = 126;

impl Tree {
    /// How the command exited, once its output has ended; none if it ended with its container.
    ///
    /// Engines end the output when the command has exited, also where the command has closed it itself. Output that ends
    /// while the command runs was cut off, by whatever is between us and the engine.
    ///
    /// # Errors
    /// `NetworkError`: the connection was cut. What the command printed after that is lost, and Docker may record another
    /// exit code than the command's own.
    pub(in crate::driver) async fn exit_after_output(
        &self,
        broken: Option<EngineError>,
    ) -> Result<Option<Ended>> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(5);
        loop {
            match self.phase().await? {
                Some(Phase::Ended(ended)) => {
                    return match broken {
                        Some(failure) => Err(self.cut_off(&failure)),
                        None => self.own_exit(ended).await.map(Some),
                    };
                }
                Some(Phase::Runs | Phase::Prepared) => {
                    // An engine that stopped in between never records an exit.
                    if self.container_gone().await? {
                        return Ok(None);
                    }
                    if let Some(failure) = broken {
                        return Err(self.cut_off(&failure));
                    }
                    // The engine may be about to record the exit of a process that is no more.
                    if self.process_lives().await == Some(true)
                        || began.elapsed() > self.inner().deadlines.read
                    {
                        return Err(self.cut_off(&"the connection ended while the command ran"));
                    }
                }
                None if self.container_gone().await? => return Ok(None),
                // A container that is being removed is still there for a while.
                None if began.elapsed() < CONTAINER_ENDS => {}
                None => return Err(self.lost()),
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// A recorded exit, if its code is the command's own.
    ///
    /// # Errors
    /// `NetworkError`: the engine could not send all of the output.
    pub(super) async fn own_exit(&self, ended: Ended) -> Result<Ended> {
        match self.is_own_code(ended).await? {
            true => Ok(ended),
            false => Err(self.cut_off(&"the engine could not send all of it")),
        }
    }

    /// Whether a recorded code is the command's own. Docker records 126 where it could not send the output, and the
    /// command's own code in its event alone.
    async fn is_own_code(&self, ended: Ended) -> Result<bool> {
        if ended.code != BROKEN || ended.begun != Some(true) {
            return Ok(true);
        }
        let deadline = self.inner().deadlines.read;
        let told = timeout(
            deadline,
            self.inner().engine.exec_exit_event(self.container(), self.exec()),
        )
        .await;
        let told = told.map_err(|_| TimeoutError::new("exec", deadline))?;
        Ok(told.is_ok_and(|code| code == Some(BROKEN)))
    }

    pub(super) fn cut_off(&self, why: &dyn std::fmt::Display) -> DriverError {
        NetworkError::new(format!("the output of the command was cut off: {why}"))
            .with_effect(Effect::Unknown)
            .with_hint(Hint::VerifyFirst)
            .into()
    }

    /// How the command ended, once it has; none if it ended with its container.
    pub(in crate::driver) async fn ended(&self) -> Result<Option<Ended>> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(5);
        loop {
            match self.phase().await? {
                Some(Phase::Ended(ended)) => return Ok(Some(ended)),
                Some(Phase::Runs | Phase::Prepared) => {
                    if pause >= LONGEST_PAUSE && self.container_gone().await? {
                        return Ok(None);
                    }
                }
                None if self.container_gone().await? => return Ok(None),
                None if began.elapsed() < CONTAINER_ENDS => {}
                None => return Err(self.lost()),
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn lost(&self) -> DriverError {
        NetworkError::new("the engine no longer knows the command, so what became of it is not known")
            .with_effect(Effect::Unknown)
            .into()
    }

    /// What an end amounts to. Somebody else may have killed the command: the container's end, or the kernel.
    pub(super) async fn outcome(&self, ended: Option<Ended>) -> Result<ExecOutcome> {
        let Some(ended) = ended else {
            return Ok(ExecOutcome::ContainerGone);
        };
        if !ended.is_suspicious() {
            return Ok(ended.outcome());
        }
        let began = Instant::now();
        let killed_for_memory = self.ran_out_of_memory().await;
        loop {
            if self.container_gone().await? {
                return Ok(ExecOutcome::ContainerGone);
            }
            if killed_for_memory == Some(true) {
                return Ok(ExecOutcome::OomKilled);
            }
            // Where the helper ran, the container did too.
            if killed_for_memory.is_some() || began.elapsed() > CONTAINER_ENDS {
                return Ok(ended.outcome());
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether the kernel has killed for memory in the container; none when it could not be found out.
    async fn ran_out_of_memory(&self) -> Option<bool> {
        let (code, output) = self.helper(OOM_KILLS, &[]).await.ok()?;
        let text = String::from_utf8_lossy(&output);
        let counts: Vec<u64> = text.lines().filter_map(|line| line.trim().parse().ok()).collect();
        match code {
            // Without a count it was cut short, whatever the engine says of its end.
            0 if !counts.is_empty() => Some(counts.iter().sum::<u64>() > 0),
            // There is no shell: not known, but the container runs. Of a container that ends the same codes come, with
            // another text.
            126 | 127 if text.contains("executable file not found") => Some(false),
            _ => None,
        }
    }

    /// The error for a command that the engine could not begin, by what it says of that.
    pub(in crate::driver) async fn not_begun(&self, text: String) -> DriverError {
        // As the engine would answer to a request that it refuses before it hands the connection over.
        let refusal = EngineError::refused(400, text);
        self.inner()
            .not_begun(self.asked(), self.container(), refusal)
            .await
    }
}
