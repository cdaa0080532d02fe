//! Signals, freezing and running again.

use std::sync::Arc;

use driver_interface_errors::{ContainerNotRunningError, DriverError, Effect, Result};
use driver_interface_types::{ContainerStatus, PauseOutcome, Signal, StopOptions, UnpauseOutcome};

use super::caller::Caller;
use super::inner::Inner;
use crate::translate::errors::{self, Cause, Operation, cause};
use crate::translate::records::{ContainerRecord, StateRecord};
use crate::translate::status;
use crate::wire::EngineError;

impl Inner {
    pub(super) async fn send_signal(self: Arc<Self>, asked: String, signal: Signal) -> Result<()> {
        let record = self.container(&asked).await?;
        let frozen = status::status(&record.state) == ContainerStatus::Paused;
        if !status::lives(&record.state) || (frozen && signal != Signal::KILL) {
            return Err(not_running(&asked, &record.state));
        }
        if signal == Signal::KILL {
            self.sessions.drain(&record.id);
        }
        // By number: engines do not know every signal's name.
        let number = signal.number().to_string();
        let sent = self.engine.signal_container(&record.id, &number);
        let sent = if signal == Signal::KILL {
            // Podman answers a kill once the container does not run, and never when it is started again at once.
            tokio::select! {
                sent = sent => sent,
                () = self.wait_for_end(&record) => Ok(()),
            }
        } else {
            sent.await
        };
        if let Err(failure) = sent {
            return Err(self.not_signalled(&asked, &record, failure).await?);
        }
        if frozen {
            // Docker lets a frozen process run by itself when it is killed, Podman does not.
            let _ = self.engine.unpause_container(&record.id).await;
        }
        Ok(())
    }

    async fn not_signalled(
        &self,
        asked: &str,
        record: &ContainerRecord,
        failure: EngineError,
    ) -> Result<DriverError> {
        let EngineError::Refused(refusal) = &failure else {
            return Ok(self.error(Operation::StopContainer, asked, failure));
        };
        let now = self.container(&record.id).await?;
        let found = cause(Operation::StopContainer, refusal);
        let state = matches!(found, Cause::NotRunning | Cause::WrongState);
        if state {
            return Ok(not_running(asked, &now.state));
        }
        if !status::lives(&now.state) {
            // By this very signal, perhaps.
            let error = not_running(asked, &now.state);
            return Ok(match failure.effect_unknown() {
                true => error.with_effect(Effect::Unknown),
                false => error,
            });
        }
        Ok(self.error(Operation::StopContainer, asked, failure))
    }

    pub(super) async fn pause(self: Arc<Self>, asked: String) -> Result<PauseOutcome> {
        let record = self.container(&asked).await?;
        match status::status(&record.state) {
            ContainerStatus::Paused => return Ok(PauseOutcome::AlreadyPaused),
            ContainerStatus::Running => {}
            _ => return Err(not_running(&asked, &record.state)),
        }
        let Err(failure) = self.engine.pause_container(&record.id).await else {
            return Ok(PauseOutcome::Paused);
        };
        // Engines say no for every state that does not fit; which it is decides.
        let refused = errors::is_refusal(Operation::PauseContainer, &failure);
        let now = self.container(&record.id).await?;
        match status::status(&now.state) {
            ContainerStatus::Paused if !refused => Ok(PauseOutcome::Paused),
            ContainerStatus::Paused => Ok(PauseOutcome::AlreadyPaused),
            ContainerStatus::Running => Err(self.error(Operation::PauseContainer, &asked, failure)),
            _ => Err(not_running(&asked, &now.state)),
        }
    }

    pub(super) async fn unpause(self: Arc<Self>, asked: String) -> Result<UnpauseOutcome> {
        let record = self.container(&asked).await?;
        match status::status(&record.state) {
            ContainerStatus::Running => return Ok(UnpauseOutcome::AlreadyRunning),
            ContainerStatus::Paused => {}
            _ => return Err(not_running(&asked, &record.state)),
        }
        let Err(failure) = self.engine.unpause_container(&record.id).await else {
            return Ok(UnpauseOutcome::Unpaused);
        };
        let refused = errors::is_refusal(Operation::PauseContainer, &failure);
        let now = self.container(&record.id).await?;
        match status::status(&now.state) {
            ContainerStatus::Running if !refused => Ok(UnpauseOutcome::Unpaused),
            ContainerStatus::Running => Ok(UnpauseOutcome::AlreadyRunning),
            ContainerStatus::Paused => Err(self.error(Operation::PauseContainer, &asked, failure)),
            _ => Err(not_running(&asked, &now.state)),
        }
    }

    /// Without its caller, it ends where it is: a stop by somebody else that has returned stays true.
    pub(super) async fn restart(
        self: Arc<Self>,
        asked: String,
        options: StopOptions,
        caller: Caller,
    ) -> Result<()> {
        Arc::clone(&self).stop(asked.clone(), options).await?;
        self.start(asked, caller).await.map(drop)
    }
}

/// The error for a container in a state in which it runs nothing.
pub(super) fn not_running(asked: &str, state: &StateRecord) -> DriverError {
    let text = match status::status(state) {
        // It ended when the engine looked and runs again now, or the other way round.
        ContainerStatus::Running => "its state was changing".to_owned(),
        status => format!("it is {status}"),
    };
    ContainerNotRunningError::new(asked, text).into()
}
