//! Starting a container's main process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use driver_interface_errors::{ContainerNotFoundError, ContainerStartError, Effect, Hint, Result};
use driver_interface_kit::{Caller, session_of};
use driver_interface_types::{ContainerStatus, StartOutcome};
use tokio::time::sleep;

use crate::driver::inner::Inner;
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::labels;
use crate::translate::program;
use crate::translate::records::ContainerRecord;
use crate::translate::status;
use crate::wire::EngineError;

/// How long to wait for a container to leave a transitional state.
const MAX_WAIT: Duration = Duration::from_secs(15);

impl Inner {
    pub(in crate::driver) async fn start(
        self: Arc<Self>,
        requested: String,
        caller: Caller,
    ) -> Result<StartOutcome> {
        let record = self.container(&requested).await?;
        if status::status(&record.state) == ContainerStatus::Paused {
            return Err(ContainerStartError::new(requested, "it is paused")
                .with_retryable(false)
                .into());
        }
        // If several starts race, Docker reports to each of them that it started the container.
        let _turn = self.starts.lock(&record.id).await;
        self.refuse_moved_binds(&requested, &record).await?;
        self.refuse_missing_program(&requested, &record).await?;
        let mut repairs = 0;
        let outcome = self
            .start_and_repair(&requested, &record, &caller, &mut repairs)
            .await;
        if outcome.is_err()
            && repairs > 0
            && let Some(network) = labels::default_network(&record.config.labels)
        {
            // The container for which the network was recreated may have been removed.
            self.release_default_network(network).await;
        }
        outcome
    }

    async fn start_and_repair(
        self: &Arc<Self>,
        requested: &str,
        record: &ContainerRecord,
        caller: &Caller,
        repairs: &mut usize,
    ) -> Result<StartOutcome> {
        let began = Instant::now();
        loop {
            // Check this while holding the start lock: a stop that finds the container stopped waits for the lock.
            if !caller.is_here() {
                let text = "the caller dropped the call before the container was started";
                return Err(ContainerStartError::new(requested, text)
                    .with_effect(Effect::NotApplied)
                    .into());
            }
            let failure = match self.engine.start_container(&record.id).await {
                Ok(true) => return Ok(StartOutcome::Started),
                Ok(false) => return Ok(StartOutcome::AlreadyRunning),
                Err(failure) => failure,
            };
            match start_cause(&failure) {
                Cause::NetworkMissing if *repairs < 2 && self.repair_network(record, *repairs).await? => {
                    *repairs += 1
                }
                // Another client is starting, stopping or removing the container; wait for the outcome.
                Cause::WrongState | Cause::RemovalUnderWay if began.elapsed() < MAX_WAIT => {
                    let Some(now) = self.find_container(&record.id).await? else {
                        return Err(ContainerNotFoundError::new(requested).into());
                    };
                    if now.state.status == "running" {
                        return Ok(StartOutcome::AlreadyRunning);
                    }
                    sleep(Duration::from_millis(50)).await;
                }
                _ => return Err(self.error(Operation::StartContainer, requested, failure)),
            }
        }
    }

    /// Returns an error if the container's program is missing or not executable. The engine does not detect this
    /// problem if the container has an init process: the start would succeed, and the caller would only see an exited
    /// container.
    async fn refuse_missing_program(&self, requested: &str, record: &ContainerRecord) -> Result<()> {
        if record.state.running {
            return Ok(());
        }
        let Some((program, locations)) = program::behind_init(record) else {
            return Ok(());
        };
        let (mut why, mut hint) = ("the image has no program", Hint::CommandNotFound);
        for location in locations {
            match self.is_executable(&record.id, &location).await {
                Ok(None) => {}
                Ok(Some(false)) => (why, hint) = ("it is not executable:", Hint::CommandNotExecutable),
                // If the engine cannot stat the file, it cannot start the container either, and will report the
                // reason.
                Ok(Some(true)) | Err(_) => return Ok(()),
            }
        }
        match self.find_container(&record.id).await? {
            None => return Err(ContainerNotFoundError::new(requested).into()),
            // The container may be being removed: a removal deletes the container's files before the container.
            Some(now) if now.state.status != record.state.status => return Ok(()),
            Some(_) => {}
        }
        let message = format!("{why} {program:?}");
        Err(ContainerStartError::new(requested, message)
            .with_hint(hint)
            .into())
    }

    /// Returns whether the file at a path is executable for at least one user, or `None` if there is no such file.
    async fn is_executable(&self, id: &str, path: &str) -> Result<Option<bool>, EngineError> {
        let Some(mut found) = self.engine.stat_path(id, path).await? else {
            return Ok(None);
        };
        if let Some(target) = found.link_target() {
            let Some(end) = self.engine.stat_path(id, target).await? else {
                return Ok(None);
            };
            found = end;
        }
        Ok(Some(found.is_executable()))
    }

    /// Recreates the default network if the container uses that network. `repairs` is the number of earlier repairs
    /// during this start. If it is not 0, also reconnects the container to the network. Returns whether to retry the
    /// start.
    async fn repair_network(self: &Arc<Self>, record: &ContainerRecord, repairs: usize) -> Result<bool> {
        let own = &record.config.labels;
        let (Some(name), Some(session)) = (labels::default_network(own), session_of(own)) else {
            return Ok(false);
        };
        self.ensure_default_network(name, session.as_str()).await?;
        if repairs == 0 {
            // This suffices for a container that has never run. One that has run refers to the old network by id.
            return Ok(true);
        }
        Ok(self.engine.reconnect(&record.id, name).await.is_ok())
    }
}

fn start_cause(failure: &EngineError) -> Cause {
    match failure {
        EngineError::Refused(refusal) => cause(Operation::StartContainer, refusal),
        _ => Cause::Other,
    }
}
