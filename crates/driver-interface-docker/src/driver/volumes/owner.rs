//! Helper containers of volumes. On an engine without an option for a volume's owner, they set the owner of a volume.
//!
//! When Docker creates a container, it copies the owner of the image's directory to an empty volume mounted there.
//! The driver imports a helper image that contains only such a directory, creates a helper container from the image,
//! and removes both. The helper container is never started. This method needs no program, registry or permission
//! inside a container, and respects user namespaces.
//!
//! Both helpers have the volume's name in their labels, and exist only while the volume does. If the driver's process
//! is killed, the helpers remain until the volume is removed: each removal of a volume first removes the volume's
//! helpers. The cleanup of idle networks removes helpers whose volume no longer exists. It never affects a process
//! that is creating a volume.

use std::sync::Arc;
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, HostConfig, Mount, MountType as EngineMountType, MountVolumeOptions,
};
use bytes::Bytes;
use driver_interface_errors::{Result, VolumeCreationError};
use driver_interface_kit::repeat_until;
use driver_interface_types::{ContainerStatus, VolumeOwner, label};
use tokio::time::{Instant, sleep};

use crate::driver::inner::Inner;
use crate::engine::Removal;
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::labels::{self, HELPER_OF, HELPER_VOLUME, to_map};
use crate::translate::records::{Labels, VolumeRecord};
use crate::translate::status;
use crate::translate::tar::{self, Rights};
use crate::wire::{EngineError, Refusal, UploadError};

/// The directory in the helper image at which the volume is mounted.
pub(super) const DIRECTORY: &str = "/volume";
/// The mode of a volume's directory.
pub(super) const MODE: u32 = 0o755;

const PAUSE: Duration = Duration::from_millis(100);

/// The beginning of Podman's message about a name that matches several volumes.
const AMBIGUOUS: &str = "more than one result for volume name";

/// The maximum number of attempts if another program, such as `docker image prune`, removes a helper.
pub(super) const TRIES: u32 = 5;

impl Inner {
    /// Sets the owner of a new volume. Returns the volume, and the actual owner of the volume's directory.
    pub(in crate::driver) async fn set_volume_owner(
        self: &Arc<Self>,
        volume: &str,
        operation: &str,
        owner: VolumeOwner,
    ) -> Result<(VolumeRecord, Option<VolumeOwner>)> {
        let failed = |failure| self.error(Operation::CreateVolume, volume, failure);
        let mut tries = 0;
        let given = loop {
            tries += 1;
            let given = self.mount_in_helper(volume, operation, owner).await;
            let removed = self.remove_helpers_of(operation).await;
            if removed.is_err() || given.as_ref().is_err_and(EngineError::effect_unknown) {
                // The engine may still be creating a helper.
                let (driver, operation) = (Arc::clone(self), operation.to_owned());
                tokio::spawn(async move {
                    repeat_until(|| async {
                        let _ = driver.remove_helpers_of(&operation).await;
                        false
                    })
                    .await;
                });
            }
            match given {
                Err(EngineError::Refused(refusal)) if refusal.status == 404 && tries < TRIES => {}
                given => break given.map_err(failed)?,
            }
        };
        // Inspect the volume again: on Docker, its creation time is the time of the directory's last change.
        let now = self.find_volume(volume).await?;
        let is_same = |now: &VolumeRecord| now.labels.get(label::OPERATION).is_some_and(|by| by == operation);
        if let Some(now) = now.filter(is_same) {
            return Ok((now, given));
        }
        // The engine has recreated the volume for the helper.
        self.remove_own_volume(volume, &helper_operation(operation)).await;
        Err(VolumeCreationError::new(volume, "it was removed during its creation").into())
    }

    /// Creates the helpers, and returns the owner that the volume's directory has in the helper container.
    async fn mount_in_helper(
        &self,
        volume: &str,
        operation: &str,
        owner: VolumeOwner,
    ) -> Result<Option<VolumeOwner>, EngineError> {
        let id = self.create_helper(volume, operation, Some(owner)).await?;
        self.engine.owner_of_path(&id, DIRECTORY).await
    }

    /// Creates a helper container with the volume mounted at [`DIRECTORY`], and returns its id. If `owner` is `Some`
    /// and the volume is empty, Docker also makes `owner` the owner of the volume.
    pub(super) async fn create_helper(
        &self,
        volume: &str,
        operation: &str,
        owner: Option<VolumeOwner>,
    ) -> Result<String, EngineError> {
        let labels = labels::helper(&self.ownership, volume, operation);
        let changes: Vec<String> = labels
            .iter()
            .map(|(key, value)| format!("LABEL {key}={value}"))
            .collect();
        self.engine
            .import_image(
                None,
                &changes,
                root_with_directory(operation, owner.unwrap_or(VolumeOwner::ROOT)).into(),
            )
            .await
            .map_err(|error| match error {
                UploadError::Engine(failure) => failure,
                UploadError::Content(error) => EngineError::InvalidResponse(error.to_string()),
            })?;
        // Podman finds no image if several labels are given.
        let label = format!("{}={operation}", label::OPERATION);
        let listed = self.engine.list_labelled_images(&[label]).await?;
        let Some(image) = listed.into_iter().next() else {
            return Err(EngineError::refused(404, "no helper image found".to_owned()));
        };
        // If the volume has been removed, the engine recreates it with these labels.
        let leftover = self
            .ownership
            .labels(&Labels::new(), None, &helper_operation(operation));
        let body = ContainerCreateBody {
            image: Some(image.id),
            // Engines require a command, although this container is never started.
            cmd: Some(vec!["none".to_owned()]),
            labels: Some(to_map(labels)),
            host_config: Some(HostConfig {
                network_mode: Some("none".to_owned()),
                mounts: Some(vec![Mount {
                    target: Some(DIRECTORY.to_owned()),
                    source: Some(volume.to_owned()),
                    typ: Some(EngineMountType::VOLUME),
                    volume_options: Some(MountVolumeOptions {
                        labels: Some(to_map(leftover)),
                        // Copies neither the image's files nor the owner.
                        no_copy: Some(owner.is_none()),
                        ..MountVolumeOptions::default()
                    }),
                    ..Mount::default()
                }]),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let name = format!("{}-volume-{operation}", self.ownership.namespace().name_prefix());
        self.engine.create_container(&name, None, &body).await
    }

    /// Removes a volume and its helpers, whichever process created them.
    pub(in crate::driver) async fn remove_volume_and_helpers(
        &self,
        volume: &VolumeRecord,
    ) -> Result<(), EngineError> {
        let name = volume.name.as_str();
        let until = Instant::now() + self.deadlines.remove / 2;
        self.remove_helpers(name).await?;
        loop {
            match self.engine.remove_volume(name).await {
                // Podman 5.4 ignores case when it removes a volume by name, and refuses if two names match.
                Err(EngineError::Refused(refusal)) if refusal.message.starts_with(AMBIGUOUS) => {
                    return self.remove_volume_by_label(volume, refusal).await;
                }
                // A helper that a killed process requested may still be created, and then uses the volume.
                Err(EngineError::Refused(refusal)) if refusal.status == 409 => {
                    if self.remove_helpers(name).await? {
                        continue;
                    }
                    if until < Instant::now() || !self.is_used_by_unfinished(&refusal.message).await? {
                        return Err(EngineError::Refused(refusal));
                    }
                    sleep(PAUSE).await;
                }
                removed => return removed,
            }
        }
    }

    /// Returns whether `message`, the engine's refusal to remove a volume, names a container that will soon stop
    /// using the volume:
    ///
    /// - a container that cannot be found. On Docker, a new container uses its volumes shortly before it can be
    ///   found, and a removed container still uses them for a short time;
    /// - a container whose removal is in progress;
    /// - a helper container, which has just been created or is being removed by another cleanup.
    async fn is_used_by_unfinished(&self, message: &str) -> Result<bool, EngineError> {
        for id in users(message) {
            match self.engine.inspect_container(id).await {
                Err(EngineError::Refused(refusal)) if refusal.status == 404 => return Ok(true),
                found => {
                    let found = found?;
                    let is_ending = matches!(
                        status::status(&found.state),
                        ContainerStatus::Removing | ContainerStatus::Dead
                    );
                    if is_ending || labels::owns_helper(&self.ownership, &found.config.labels) {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    /// Removes a volume by the label that contains the id of its creation. No other volume has this id.
    async fn remove_volume_by_label(
        &self,
        volume: &VolumeRecord,
        refusal: Refusal,
    ) -> Result<(), EngineError> {
        let Some(operation) = volume.labels.get(label::OPERATION) else {
            return Err(EngineError::Refused(refusal));
        };
        self.engine
            .prune_volumes(format!("{}={operation}", label::OPERATION))
            .await?;
        match self.engine.inspect_volume(&volume.name).await {
            Ok(_) => Err(EngineError::refused(409, "volume is in use")),
            Err(EngineError::Refused(refusal)) if refusal.status == 404 => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Removes the helpers of a volume. Returns whether at least one helper was removed.
    async fn remove_helpers(&self, volume: &str) -> Result<bool, EngineError> {
        let helpers = self.helpers().await?;
        self.remove_helpers_if(helpers, |helper| helper.volume == volume)
            .await
    }

    pub(super) async fn remove_helpers_of(&self, operation: &str) -> Result<bool, EngineError> {
        let helpers = self.helpers().await?;
        self.remove_helpers_if(helpers, |helper| helper.operation == operation)
            .await
    }

    /// Removes the helpers of volumes that no longer exist.
    pub(in crate::driver) async fn remove_orphaned_helpers(&self) -> Result<(), EngineError> {
        // List the helpers before the volumes: a volume exists before its helpers.
        let helpers = self.helpers().await?;
        if helpers.is_empty() {
            return Ok(());
        }
        let volumes = self.engine.list_volumes(self.ownership.filters()).await?;
        self.remove_helpers_if(helpers, |helper| {
            !volumes.iter().any(|volume| volume.name == helper.volume)
        })
        .await?;
        Ok(())
    }

    /// Returns the helpers of this namespace, containers before images.
    async fn helpers(&self) -> Result<Vec<Helper>, EngineError> {
        let filters = [format!("{HELPER_OF}={}", self.ownership.namespace())];
        let containers = self.engine.list_containers(&filters, 0).await?;
        let images = self.engine.list_labelled_images(&filters).await?;
        let containers = containers
            .into_iter()
            .map(|found| (Kind::Container, found.id, found.labels));
        let images = images
            .into_iter()
            .map(|found| (Kind::Image, found.id, found.labels));
        let own = containers
            .chain(images)
            .filter(|(_, _, labels)| labels::owns_helper(&self.ownership, labels));
        Ok(own
            .filter_map(|(kind, id, labels)| {
                let text = |key| labels.get(key).cloned();
                Some(Helper {
                    kind,
                    id,
                    volume: text(HELPER_VOLUME)?,
                    operation: text(label::OPERATION).unwrap_or_default(),
                })
            })
            .collect())
    }

    /// Removes the helpers that `is_unwanted` selects. Returns whether at least one of the selected helpers no longer
    /// exists.
    async fn remove_helpers_if(
        &self,
        helpers: Vec<Helper>,
        is_unwanted: impl Fn(&Helper) -> bool,
    ) -> Result<bool, EngineError> {
        let mut is_any_removed = false;
        for helper in helpers.iter().filter(|helper| is_unwanted(helper)) {
            let removed = match helper.kind {
                Kind::Container => self.engine.remove_container(&helper.id, Removal::Forced).await,
                Kind::Image => self.engine.remove_image(&helper.id).await,
            };
            match removed {
                // Another call is removing this helper.
                Err(EngineError::Refused(refusal)) if refusal.status == 409 => {}
                Err(EngineError::Refused(refusal)) if is_absent(&refusal) => is_any_removed = true,
                removed => {
                    removed?;
                    is_any_removed = true;
                }
            }
        }
        Ok(is_any_removed)
    }
}

/// A helper image or container.
struct Helper {
    kind: Kind,
    id: String,
    volume: String,
    operation: String,
}

enum Kind {
    Container,
    Image,
}

/// Returns whether a helper could not be removed because it no longer exists.
fn is_absent(refusal: &Refusal) -> bool {
    refusal.status == 404 || cause(Operation::RemoveImage, refusal) == Cause::NotFound
}

/// Returns the ids of the containers that `message`, the engine's refusal to remove a volume in use, names.
fn users(message: &str) -> impl Iterator<Item = &str> {
    message
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.len() == 64 && word.chars().all(|c| c.is_ascii_hexdigit()))
}

pub(super) fn helper_operation(operation: &str) -> String {
    format!("{operation}-helper")
}

/// Returns an archive with the directory of the helper image, and with a second directory that makes the image's
/// layer unique. Otherwise, helpers of other volumes that are created and removed concurrently could share the layer.
fn root_with_directory(operation: &str, owner: VolumeOwner) -> Bytes {
    let rights = Rights {
        mode: MODE,
        uid: owner.uid,
        gid: owner.gid,
    };
    let mut archive = tar::directory(DIRECTORY.trim_start_matches('/'), rights);
    archive.extend(tar::directory(operation, rights));
    archive.extend(tar::ending(0));
    archive.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_of_a_volume_are_found_in_the_refusal() {
        let id = "4d5f".repeat(16);
        let message = format!("remove data: volume is in use - [{id}, {id}]");
        assert_eq!(users(&message).collect::<Vec<_>>(), [&id, &id]);
        assert_eq!(users("remove data: volume is in use").count(), 0);
    }
}
