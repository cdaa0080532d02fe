//! Cleanup after creations that failed or were dropped.

use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::{DriverError, Effect};
use driver_interface_kit::{CreationKey, repeat_until};
use driver_interface_types::{ContainerConfig, NetworkMode, label};
use tokio::sync::OwnedMutexGuard;
use tokio::time::sleep;

use crate::driver::inner::Inner;
use crate::engine::Removal;
use crate::translate::labels;
use crate::wire::EngineError;

impl Inner {
    /// Removes a container whose creation failed or was dropped, and the volumes that the engine created for the
    /// container. If `is_default`, also removes `network`, unless the network is in use. Returns whether the
    /// container no longer exists.
    pub(super) async fn undo(self: Arc<Self>, id: String, network: String, is_default: bool) -> bool {
        let mut is_removed = false;
        let implicit_volumes = self.implicit_volumes(&id).await;
        for pause in [0, 200, 1_000, 3_000] {
            sleep(Duration::from_millis(pause)).await;
            match self.engine.remove_container(&id, Removal::Forced).await {
                Ok(()) => is_removed = true,
                Err(EngineError::Refused(refusal)) if refusal.status == 404 => is_removed = true,
                Err(error) => tracing::debug!(id, %error, "an abandoned container was not removed"),
            }
            if is_removed {
                break;
            }
        }
        for volume in implicit_volumes {
            let _ = self.engine.remove_volume(&volume).await;
        }
        if is_default {
            self.release_default_network(&network).await;
        }
        is_removed
    }

    /// Returns the names of the volumes that the engine itself created for a container.
    async fn implicit_volumes(&self, id: &str) -> Vec<String> {
        let Ok(record) = self.engine.inspect_container(id).await else {
            return Vec::new();
        };
        let Some(operation) = record.config.labels.get(label::OPERATION) else {
            return Vec::new();
        };
        let mut filters = self.ownership.filters();
        filters.push(format!("{}={operation}", label::OPERATION));
        let listed = self.engine.list_volumes(filters).await.unwrap_or_default();
        let implicit_volumes = listed.into_iter().filter(|volume| {
            self.ownership.owns(&volume.labels)
                && volume.labels.get(label::OPERATION) == Some(operation)
                && volume.labels.contains_key(labels::RESOURCES)
        });
        implicit_volumes.map(|volume| volume.name).collect()
    }

    /// Cleans up after a failed creation. If the engine may still create the container, a background task waits for the
    /// container and removes it, and keeps the creation key locked until then.
    pub(super) async fn clear_after(
        self: &Arc<Self>,
        error: &DriverError,
        config: ContainerConfig,
        key: CreationKey,
        network: String,
        lock: Option<OwnedMutexGuard<()>>,
    ) {
        let driver = Arc::clone(self);
        if error.effect() == Effect::NotApplied {
            return driver.release_if_default(&config, &network).await;
        }
        tokio::spawn(async move {
            // Release the network now too: the program may exit before it is known whether the container was
            // created.
            driver.release_if_default(&config, &network).await;
            driver
                .remove_lost(&key.container_name(&config, driver.ownership.namespace()), &key)
                .await;
            driver.release_if_default(&config, &network).await;
            drop(lock);
        });
    }

    /// Removes the container of a creation whose response was lost. The container may not exist yet, so this function
    /// waits for it.
    async fn remove_lost(&self, name: &str, key: &CreationKey) {
        repeat_until(|| async {
            let Ok(Some(record)) = self.find_named(name).await else {
                return false;
            };
            !key.is_on(&record.config.labels)
                || self
                    .engine
                    .remove_container(&record.id, Removal::Forced)
                    .await
                    .is_ok()
        })
        .await;
    }

    pub(super) async fn release_if_default(self: &Arc<Self>, config: &ContainerConfig, network: &str) {
        if config.network == NetworkMode::Default {
            self.release_default_network(network).await;
        }
    }
}
