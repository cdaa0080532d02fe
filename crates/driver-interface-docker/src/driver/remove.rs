//! Removing containers.

use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::{ContainerNotFoundError, ContainerRemoveError, Hint, Result};
use driver_interface_types::RemoveOptions;
use tokio::time::{sleep, timeout};

use super::inner::Inner;
use crate::engine::Removal;
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::labels;
use crate::translate::status;
use crate::wire::EngineError;

/// How long a removal waits for the default network to follow.
const RELEASE: Duration = Duration::from_secs(5);

/// How often a forced removal is tried.
const TRIES: usize = 10;

impl Inner {
    pub(super) async fn remove(self: Arc<Self>, asked: String, options: RemoveOptions) -> Result<()> {
        let found = self.container(&asked).await?;
        // Podman lets several removals of one container succeed.
        let _turn = self.removals.lock(&found.id).await;
        let Some(record) = self.find_container(&found.id).await? else {
            return Err(ContainerNotFoundError::new(asked).into());
        };
        if !options.force && status::lives(&record.state) {
            let text = format!("it is {}", status::status(&record.state));
            return Err(ContainerRemoveError::new(asked, text)
                .with_hint(Hint::StillRunning)
                .into());
        }
        let how = if options.force {
            Removal::Forced
        } else {
            Removal::Gentle
        };
        self.sessions.drain(&record.id);
        let mut tries = 0;
        while let Err(failure) = self.engine.remove_container(&record.id, how).await {
            tries += 1;
            // Podman's kill does not take it that the container ended by itself meanwhile.
            if options.force && tries < TRIES && refused_for(&failure) == Some(Cause::StillRunning) {
                sleep(Duration::from_millis(50)).await;
                continue;
            }
            if failure.effect_unknown() {
                // Should the container be gone, its network follows; if not, that is seen.
                let (driver, labels) = (Arc::clone(&self), record.config.labels.clone());
                tokio::spawn(async move {
                    if let Some(network) = labels::default_network(&labels) {
                        driver.release_default_network(network).await;
                    }
                });
            }
            return self.not_removed(&asked, &record.id, failure).await;
        }
        if let Some(network) = labels::default_network(&record.config.labels).cloned() {
            // The container is gone, whatever becomes of the network.
            let release = tokio::spawn(async move { self.release_default_network(&network).await });
            let _ = timeout(RELEASE, release).await;
        }
        Ok(())
    }

    /// Who did not remove it may still be waiting for another who does, and then finds nothing.
    async fn not_removed(&self, asked: &str, id: &str, failure: EngineError) -> Result<()> {
        let Some(found) = refused_for(&failure) else {
            return Err(self.error(Operation::RemoveContainer, asked, failure));
        };
        if found == Cause::RemovalUnderWay {
            while self.find_container(id).await?.is_some() {
                sleep(Duration::from_millis(20)).await;
            }
            return Err(ContainerNotFoundError::new(asked).into());
        }
        // Gone, and perhaps by this very request: the effect is then unknown.
        if found == Cause::Other && self.find_container(id).await?.is_none() {
            return Err(ContainerNotFoundError::new(asked).with_source(failure).into());
        }
        Err(self.error(Operation::RemoveContainer, asked, failure))
    }
}

fn refused_for(failure: &EngineError) -> Option<Cause> {
    match failure {
        EngineError::Refused(refusal) => Some(cause(Operation::RemoveContainer, refusal)),
        _ => None,
    }
}
