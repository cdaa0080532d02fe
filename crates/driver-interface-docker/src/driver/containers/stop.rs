//! Stopping a container's main process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use driver_interface_errors::{ContainerNotFoundError, ContainerStopError, Effect, Hint, Result};
use driver_interface_types::{ContainerStatus, StopOptions, StopOutcome};
use tokio::time::{sleep, timeout};

use crate::driver::inner::Inner;
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::records::{ContainerRecord, StateRecord};
use crate::translate::status;
use crate::wire::EngineError;

/// The exit code of a process that was killed with SIGKILL.
const KILLED: i64 = 137;
/// The interval between inspections of a container that should exit. The driver inspects the container in addition to
/// waiting for the exit.
const RECHECK: Duration = Duration::from_secs(1);
const KILL: &str = "SIGKILL";
const DEFAULT_SIGNAL: &str = "SIGTERM";

/// Whether a signal was delivered to the process.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signalled {
    Yes,
    /// The process had already exited.
    Exited,
}

/// Returns the grace period of a stop: the time that the process has to exit before the driver kills the process or
/// gives up.
pub(in crate::driver) fn grace(options: StopOptions) -> Duration {
    match options {
        StopOptions {
            timeout: Some(grace), ..
        } => grace,
        StopOptions { force: true, .. } => Duration::ZERO,
        _ => StopOptions::DEFAULT_GRACE,
    }
}

impl Inner {
    pub(in crate::driver) async fn stop(
        self: Arc<Self>,
        requested: String,
        options: StopOptions,
    ) -> Result<StopOutcome> {
        let mut record = self.container(&requested).await?;
        if !status::is_alive(&record.state) {
            // If a start is in progress, wait for it, even if its caller dropped the call, before reporting that the
            // container is not running.
            drop(self.starts.lock(&record.id).await);
            let Some(now) = self.find_container(&record.id).await? else {
                return Err(ContainerNotFoundError::new(requested).into());
            };
            record = now;
        }
        if !status::is_alive(&record.state) {
            return Ok(StopOutcome::AlreadyStopped);
        }
        self.sessions.drain(&record.id);
        if options.force && options.timeout.is_none() {
            return self.kill(&requested, &record).await;
        }
        let grace = grace(options);
        let signal = match record.config.stop_signal.as_str() {
            "" => DEFAULT_SIGNAL,
            signal => signal,
        };
        if self.signal(&requested, &record, signal).await? == Signalled::Yes {
            let _ = timeout(grace, self.wait_for_end(&record)).await;
        }
        match self.run_ended(&requested, &record).await? {
            Some(state) => Ok(outcome(&state)),
            None if options.force => self.kill(&requested, &record).await,
            None => {
                let text = format!("it was still running {grace:?} after the stop signal");
                Err(ContainerStopError::new(requested, text)
                    .with_hint(Hint::StillRunning)
                    .into())
            }
        }
    }

    async fn kill(&self, requested: &str, record: &ContainerRecord) -> Result<StopOutcome> {
        let max_wait = self.deadlines.stop_margin / 2;
        let killed = async {
            // Podman responds only once the container is not running: never, if the container is restarted immediately.
            tokio::select! {
                sent = self.signal(requested, record, KILL) => {
                    sent?;
                    self.wait_for_end(record).await;
                }
                () = self.wait_for_end(record) => {}
            }
            Ok::<(), driver_interface_errors::DriverError>(())
        };
        timeout(max_wait, killed).await.unwrap_or(Ok(()))?;
        match self.run_ended(requested, record).await? {
            Some(state) => Ok(outcome(&state)),
            None => Err(
                ContainerStopError::new(requested, "it was killed but has not exited")
                    .with_effect(Effect::Unknown)
                    .with_hint(Hint::VerifyFirst)
                    .into(),
            ),
        }
    }

    /// Sends a signal. If the container is paused, also unpauses it, so that the process can handle the signal.
    async fn signal(&self, requested: &str, record: &ContainerRecord, signal: &str) -> Result<Signalled> {
        let sent = self.engine.signal_container(&record.id, signal).await;
        let signalled = self.accepted(requested, record, sent).await?;
        if status::status(&record.state) == ContainerStatus::Paused {
            // Docker unpauses the container when it is signalled; Podman does not.
            let thawed = self.engine.unpause_container(&record.id).await;
            self.accepted(requested, record, thawed).await?;
        }
        Ok(signalled)
    }

    /// Interprets `done`, the engine's response to a signal or to unpausing. Returns whether the process was still
    /// running. An exited process or a container that is not paused is not an error.
    async fn accepted(
        &self,
        requested: &str,
        record: &ContainerRecord,
        done: std::result::Result<(), EngineError>,
    ) -> Result<Signalled> {
        let Err(failure) = done else {
            return Ok(Signalled::Yes);
        };
        let found = match &failure {
            EngineError::Refused(refusal) => cause(Operation::StopContainer, refusal),
            _ => return Err(self.error(Operation::StopContainer, requested, failure)),
        };
        if matches!(found, Cause::NotRunning | Cause::WrongState) {
            return Ok(Signalled::Exited);
        }
        // A run that has exited needs no signal, whatever the engine's error.
        match self.run_ended(requested, record).await? {
            Some(_) => Ok(Signalled::Exited),
            None => Err(self.error(Operation::StopContainer, requested, failure)),
        }
    }

    /// Waits until the engine's records show that the run that `record` describes is over. The engine's wait request
    /// is not enough, because on Podman it returns slightly before the records show the exit.
    pub(in crate::driver) async fn wait_for_end(&self, record: &ContainerRecord) {
        loop {
            // The engine's wait does not return if the container is restarted immediately.
            let waited = timeout(RECHECK, self.engine.wait_container(&record.id)).await;
            match self.find_container(&record.id).await {
                Ok(Some(now)) if !is_over(&record.state, &now.state) => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::debug!(id = record.id, %error, "inspecting a stopping container failed")
                }
            }
            let pause = if matches!(waited, Ok(Err(_))) { 200 } else { 20 };
            sleep(Duration::from_millis(pause)).await;
        }
    }

    /// Returns the container's state after the run that `record` describes, or `None` if that run is not over. If the
    /// engine is still recording the exit, waits for the record, but not longer than a quarter of the stop margin.
    async fn run_ended(&self, requested: &str, record: &ContainerRecord) -> Result<Option<StateRecord>> {
        let began = Instant::now();
        loop {
            let Some(now) = self.find_container(&record.id).await? else {
                return Err(ContainerNotFoundError::new(requested).into());
            };
            if is_over(&record.state, &now.state) {
                return Ok(Some(now.state));
            }
            if now.state.status != "stopping" || began.elapsed() > self.deadlines.stop_margin / 4 {
                return Ok(None);
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Compares the container's earlier state `then` with its current state `now`. Returns whether the run that `then`
/// describes is over: the container is not running, or a later run has started.
fn is_over(then: &StateRecord, now: &StateRecord) -> bool {
    !status::is_alive(now) || status::started_at(now) != status::started_at(then)
}

fn outcome(state: &StateRecord) -> StopOutcome {
    if !status::is_alive(state) && state.exit_code == KILLED {
        StopOutcome::Killed
    } else {
        StopOutcome::Stopped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grace_depends_on_force_and_timeout() {
        let ten = Duration::from_secs(10);
        assert_eq!(grace(StopOptions::default()), ten);
        assert_eq!(grace(StopOptions::graceful(Duration::ZERO)), Duration::ZERO);
        assert_eq!(grace(StopOptions::kill()), Duration::ZERO);
        assert_eq!(grace(StopOptions::kill_after(ten)), ten);
    }

    #[test]
    fn newer_run_means_the_earlier_one_is_over() {
        let run = |word: &str, started: &str| StateRecord {
            status: word.to_owned(),
            started_at: started.to_owned(),
            ..StateRecord::default()
        };
        let first = run("running", "2026-11-24T08:11:04Z");
        assert!(!is_over(&first, &first));
        assert!(!is_over(&first, &run("stopping", "2026-11-24T08:11:04Z")));
        assert!(is_over(&first, &run("exited", "2026-11-24T08:11:04Z")));
        assert!(is_over(&first, &run("running", "2026-11-24T08:11:05Z")));
    }
}
