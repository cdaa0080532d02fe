//! The outcome of a command.

use std::time::Duration;

use driver_interface_errors::{ConnectionError, DriverError, Effect, Hint, Result, TimeoutError};
use driver_interface_types::ExecOutcome;
use tokio::time::{Instant, sleep, timeout};

use super::kill::Tree;
use crate::translate::exec::{Exited, Phase};
use crate::wire::EngineError;

/// The maximum pause between inspections of a command whose exit the driver waits for.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long the engine may still report a container as running after the container and its commands were killed.
const CONTAINER_EXIT_LAG: Duration = Duration::from_secs(4);

/// A script that prints the number of out-of-memory kills in the container. The script reads the files of cgroup v2
/// and v1.
const OOM_KILLS: &str = "for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do \
    if [ -r $file ]; then while read -r key value; do \
    if [ \"$key\" = oom_kill ]; then echo $value; fi; done < $file; fi; done; exit 0";

/// The exit code that Docker records instead of the command's own exit code if the connection to the command broke.
const BROKEN: i64 = 126;

impl Tree {
    /// Returns how the command exited, once its output has ended. Returns `None` if the whole container exited.
    ///
    /// Engines end the output when the command has exited, even if the command closed its streams earlier. The
    /// connection was cut if the output ended while the command was running, or if it ended with the error `broken`.
    ///
    /// # Errors
    /// `ConnectionError`: the connection was cut. The rest of the output is lost, and Docker may record a wrong exit
    /// code.
    pub(in crate::driver) async fn exit_after_output(
        &self,
        broken: Option<EngineError>,
    ) -> Result<Option<Exited>> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(5);
        loop {
            match self.phase().await? {
                Some(Phase::Exited(exited)) => {
                    return match broken {
                        Some(failure) => Err(self.cut_off(&failure)),
                        None => self.own_exit(exited).await.map(Some),
                    };
                }
                Some(Phase::Runs | Phase::Prepared) => {
                    // If the engine stopped in the meantime, it never records an exit.
                    if self.container_gone().await? {
                        return Ok(None);
                    }
                    if let Some(failure) = broken {
                        return Err(self.cut_off(&failure));
                    }
                    // The process may have exited although the engine has not recorded it yet.
                    if self.is_process_alive().await == Some(true)
                        || began.elapsed() > self.inner().deadlines.read
                    {
                        return Err(self.cut_off(&"the connection closed while the command was running"));
                    }
                }
                None if self.container_gone().await? => return Ok(None),
                // A container that is being removed remains visible for a while.
                None if began.elapsed() < CONTAINER_EXIT_LAG => {}
                None => return Err(self.lost()),
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Returns `exited` if it contains the command's own exit code.
    ///
    /// # Errors
    /// `ConnectionError`: the engine could not deliver all of the output.
    pub(super) async fn own_exit(&self, exited: Exited) -> Result<Exited> {
        match self.is_own_code(exited).await? {
            true => Ok(exited),
            false => Err(self.cut_off(&"the engine could not deliver all of it")),
        }
    }

    /// Returns whether the exit code in `exited` is the command's own. If Docker could not deliver the output, it
    /// records the code 126 instead. Only the event of the command's exit then has the command's own code.
    async fn is_own_code(&self, exited: Exited) -> Result<bool> {
        if exited.code != BROKEN || exited.started != Some(true) {
            return Ok(true);
        }
        let deadline = self.inner().deadlines.read;
        let reported = timeout(
            deadline,
            self.inner().engine.exec_exit_event(self.container(), self.exec()),
        )
        .await;
        let reported = reported.map_err(|_| TimeoutError::new("exec", deadline))?;
        Ok(reported.is_ok_and(|code| code == Some(BROKEN)))
    }

    pub(super) fn cut_off(&self, why: &dyn std::fmt::Display) -> DriverError {
        ConnectionError::new(format!("the output of the command was cut off: {why}"))
            .with_effect(Effect::Unknown)
            .with_hint(Hint::VerifyFirst)
            .into()
    }

    /// Waits until the command has exited, and returns how it exited. Returns `None` if the whole container exited.
    pub(in crate::driver) async fn exited(&self) -> Result<Option<Exited>> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(5);
        loop {
            match self.phase().await? {
                Some(Phase::Exited(exited)) => return Ok(Some(exited)),
                Some(Phase::Runs | Phase::Prepared) => {
                    if pause >= LONGEST_PAUSE && self.container_gone().await? {
                        return Ok(None);
                    }
                }
                None if self.container_gone().await? => return Ok(None),
                None if began.elapsed() < CONTAINER_EXIT_LAG => {}
                None => return Err(self.lost()),
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn lost(&self) -> DriverError {
        ConnectionError::new("the engine no longer has a record of the command, so its outcome is unknown")
            .with_effect(Effect::Unknown)
            .into()
    }

    /// Converts an exit to the command's outcome. If `exited` is `None`, the whole container exited. If the exit code
    /// suggests a kill, finds out whether the reason was the container's exit or a lack of memory.
    pub(super) async fn outcome(&self, exited: Option<Exited>) -> Result<ExecOutcome> {
        let Some(exited) = exited else {
            return Ok(ExecOutcome::ContainerGone);
        };
        if !exited.is_suspicious() {
            return Ok(exited.outcome());
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
            // If the helper ran, the container was running.
            if killed_for_memory.is_some() || began.elapsed() > CONTAINER_EXIT_LAG {
                return Ok(exited.outcome());
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Returns whether the kernel has killed a process in the container because the container ran out of memory, or
    /// `None` if that cannot be determined.
    async fn ran_out_of_memory(&self) -> Option<bool> {
        let (code, output) = self.helper(OOM_KILLS, &[]).await.ok()?;
        let text = String::from_utf8_lossy(&output);
        let counts: Vec<u64> = text.lines().filter_map(|line| line.trim().parse().ok()).collect();
        match code {
            // Without a count, the output was cut off, regardless of the exit code.
            0 if !counts.is_empty() => Some(counts.iter().sum::<u64>() > 0),
            // Without a shell, the count is unknown, but the container is running. A container that is
            // exiting yields the same codes with a different message.
            126 | 127 if text.contains("executable file not found") => Some(false),
            _ => None,
        }
    }

    /// Returns the error for a command that the engine could not start. `text` is the engine's message.
    pub(in crate::driver) async fn start_error(&self, text: String) -> DriverError {
        // Treat the message like that of a rejected request.
        let refusal = EngineError::refused(400, text);
        self.inner()
            .refused_start(self.requested(), self.container(), refusal)
            .await
    }
}
