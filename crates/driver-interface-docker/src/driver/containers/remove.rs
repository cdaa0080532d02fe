//! Removing containers.

use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::{ContainerNotFoundError, ContainerRemoveError, Hint, Result};
use driver_interface_types::RemoveOptions;
use tokio::time::{sleep, timeout};

use crate::driver::inner::Inner;
use crate::engine::Removal;
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::labels;
use crate::translate::status;
use crate::wire::EngineError;

/// How long the driver waits, after it has removed a container, for the removal of the container's default network.
const RELEASE: Duration = Duration::from_secs(5);

/// The maximum number of attempts at a forced removal.
const TRIES: usize = 10;

impl Inner {
    pub(in crate::driver) async fn remove(
        self: Arc<Self>,
        requested: String,
        options: RemoveOptions,
    ) -> Result<()> {
        let found = self.container(&requested).await?;
        // If several removals of one container race, Podman lets more than one succeed.
        let _turn = self.removals.lock(&found.id).await;
        let Some(record) = self.find_container(&found.id).await? else {
            return Err(ContainerNotFoundError::new(requested).into());
        };
        if !options.force && status::is_alive(&record.state) {
            let text = format!("it is {}", status::status(&record.state));
            return Err(ContainerRemoveError::new(requested, text)
                .with_hint(Hint::StillRunning)
                .into());
        }
        let how = if options.force {
            Removal::Forced
        } else {
            Removal::IfStopped
        };
        self.sessions.drain(&record.id);
        let mut tries = 0;
        while let Err(failure) = self.engine.remove_container(&record.id, how).await {
            tries += 1;
            // Podman's kill fails if the container exits in the meantime.
            if options.force && tries < TRIES && refused_for(&failure) == Some(Cause::StillRunning) {
                sleep(Duration::from_millis(50)).await;
                continue;
            }
            if failure.effect_unknown() {
                // The container may have been removed. If it was not, `release_default_network` keeps the network.
                let (driver, labels) = (Arc::clone(&self), record.config.labels.clone());
                tokio::spawn(async move {
                    if let Some(network) = labels::default_network(&labels) {
                        driver.release_default_network(network).await;
                    }
                });
            }
            return self.not_removed(&requested, &record.id, failure).await;
        }
        if let Some(network) = labels::default_network(&record.config.labels).cloned() {
            // The container is removed whether or not its network can be.
            let release = tokio::spawn(async move { self.release_default_network(&network).await });
            let _ = timeout(RELEASE, release).await;
        }
        Ok(())
    }

    /// Returns the error for a failed removal of a container. If the engine is already removing the container for
    /// another caller, waits until the container no longer exists, and returns `ContainerNotFoundError`. Also returns
    /// `ContainerNotFoundError` if the engine refused the removal for an unrecognised reason and the container no
    /// longer exists.
    async fn not_removed(&self, requested: &str, id: &str, failure: EngineError) -> Result<()> {
        let Some(found) = refused_for(&failure) else {
            return Err(self.error(Operation::RemoveContainer, requested, failure));
        };
        if found == Cause::RemovalUnderWay {
            while self.find_container(id).await?.is_some() {
                sleep(Duration::from_millis(20)).await;
            }
            return Err(ContainerNotFoundError::new(requested).into());
        }
        // The container no longer exists, perhaps because of this request, so the effect stays unknown.
        if found == Cause::Other && self.find_container(id).await?.is_none() {
            return Err(ContainerNotFoundError::new(requested).with_source(failure).into());
        }
        Err(self.error(Operation::RemoveContainer, requested, failure))
    }
}

fn refused_for(failure: &EngineError) -> Option<Cause> {
    match failure {
        EngineError::Refused(refusal) => Some(cause(Operation::RemoveContainer, refusal)),
        _ => None,
    }
}
