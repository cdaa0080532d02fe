//! Signalling, pausing, unpausing and restarting containers.

use std::sync::Arc;

use driver_interface_errors::{ContainerNotRunningError, DriverError, Effect, Result};
use driver_interface_kit::Caller;
use driver_interface_types::{
    ContainerStatus, PauseOutcome, RestartOutcome, Signal, StopOptions, UnpauseOutcome,
};

use crate::driver::inner::Inner;
use crate::translate::errors::{self, Cause, Operation, cause};
use crate::translate::records::{ContainerRecord, StateRecord};
use crate::translate::status;
use crate::wire::EngineError;

impl Inner {
    pub(in crate::driver) async fn send_signal(
        self: Arc<Self>,
        requested: String,
        signal: Signal,
    ) -> Result<()> {
        let record = self.container(&requested).await?;
        let frozen = status::status(&record.state) == ContainerStatus::Paused;
        if !status::is_alive(&record.state) || (frozen && signal != Signal::KILL) {
            return Err(not_running(&requested, &record.state));
        }
        if signal == Signal::KILL {
            self.sessions.drain(&record.id);
        }
        // Send the number, because engines do not know every signal's name.
        let number = signal.number().to_string();
        let sent = self.engine.signal_container(&record.id, &number);
        let sent = if signal == Signal::KILL {
            // Podman responds only once the container is not running: never, if the container is restarted immediately.
            tokio::select! {
                sent = sent => sent,
                () = self.wait_for_end(&record) => Ok(()),
            }
        } else {
            sent.await
        };
        if let Err(failure) = sent {
            return Err(self.not_signalled(&requested, &record, failure).await?);
        }
        if frozen {
            // Docker unpauses a paused container when it is killed; Podman does not.
            let _ = self.engine.unpause_container(&record.id).await;
        }
        Ok(())
    }

    async fn not_signalled(
        &self,
        requested: &str,
        record: &ContainerRecord,
        failure: EngineError,
    ) -> Result<DriverError> {
        let EngineError::Refused(refusal) = &failure else {
            return Ok(self.error(Operation::StopContainer, requested, failure));
        };
        let now = self.container(&record.id).await?;
        let found = cause(Operation::StopContainer, refusal);
        let state = matches!(found, Cause::NotRunning | Cause::WrongState);
        if state {
            return Ok(not_running(requested, &now.state));
        }
        if !status::is_alive(&now.state) {
            // This signal may have caused the exit.
            let error = not_running(requested, &now.state);
            return Ok(match failure.effect_unknown() {
                true => error.with_effect(Effect::Unknown),
                false => error,
            });
        }
        Ok(self.error(Operation::StopContainer, requested, failure))
    }

    pub(in crate::driver) async fn pause(self: Arc<Self>, requested: String) -> Result<PauseOutcome> {
        let record = self.container(&requested).await?;
        match status::status(&record.state) {
            ContainerStatus::Paused => return Ok(PauseOutcome::AlreadyPaused),
            ContainerStatus::Running => {}
            _ => return Err(not_running(&requested, &record.state)),
        }
        let Err(failure) = self.engine.pause_container(&record.id).await else {
            return Ok(PauseOutcome::Paused);
        };
        // Engines reject the request in every unsuitable state; the current state decides which error to return.
        let refused = errors::is_refusal(Operation::PauseContainer, &failure);
        let now = self.container(&record.id).await?;
        match status::status(&now.state) {
            ContainerStatus::Paused if !refused => Ok(PauseOutcome::Paused),
            ContainerStatus::Paused => Ok(PauseOutcome::AlreadyPaused),
            ContainerStatus::Running => Err(self.error(Operation::PauseContainer, &requested, failure)),
            _ => Err(not_running(&requested, &now.state)),
        }
    }

    pub(in crate::driver) async fn unpause(self: Arc<Self>, requested: String) -> Result<UnpauseOutcome> {
        let record = self.container(&requested).await?;
        match status::status(&record.state) {
            ContainerStatus::Running => return Ok(UnpauseOutcome::AlreadyRunning),
            ContainerStatus::Paused => {}
            _ => return Err(not_running(&requested, &record.state)),
        }
        let Err(failure) = self.engine.unpause_container(&record.id).await else {
            return Ok(UnpauseOutcome::Unpaused);
        };
        let refused = errors::is_refusal(Operation::PauseContainer, &failure);
        let now = self.container(&record.id).await?;
        match status::status(&now.state) {
            ContainerStatus::Running if !refused => Ok(UnpauseOutcome::Unpaused),
            ContainerStatus::Running => Ok(UnpauseOutcome::AlreadyRunning),
            ContainerStatus::Paused => Err(self.error(Operation::PauseContainer, &requested, failure)),
            _ => Err(not_running(&requested, &now.state)),
        }
    }

    /// Stops a container and starts it again. If the caller drops the call before the start, the container stays
    /// stopped, because another caller may have requested a stop in the meantime.
    pub(in crate::driver) async fn restart(
        self: Arc<Self>,
        requested: String,
        options: StopOptions,
        caller: Caller,
    ) -> Result<RestartOutcome> {
        let stopped = Arc::clone(&self).stop(requested.clone(), options).await?;
        self.start(requested, caller).await?;
        Ok(stopped.into())
    }
}

/// Returns the error for an operation that requires a running container. `state` is the container's actual state.
pub(in crate::driver) fn not_running(requested: &str, state: &StateRecord) -> DriverError {
    let text = match status::status(state) {
        // The state changed between the engine's check and the inspection.
        ContainerStatus::Running => "its state changed during the call".to_owned(),
        status => format!("it is {status}"),
    };
    ContainerNotRunningError::new(requested, text).into()
}
