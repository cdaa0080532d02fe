//! Volumes.

mod owner;
mod transfer;

use std::sync::Arc;

use bollard::models::VolumeCreateRequest;
use driver_interface_errors::{DriverError, Effect, Hint, Result, UnsupportedError, VolumeCreationError};
use driver_interface_kit::{Rollback, repeat_until};
use driver_interface_types::{ResourceFilter, Volume, VolumeConfig, VolumeOwner, label};
use driver_interface_validation::validate_volume_config_with;

use super::inner::{Inner, unique};
use super::task::change;
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::labels::{self, to_map};
use crate::translate::records::VolumeRecord;
use crate::translate::resource;
use crate::wire::EngineError;

pub(super) use transfer::{export, import};

const CREATE: &str = "create_volume";

pub(super) async fn create(driver: &Arc<Inner>, config: &VolumeConfig) -> Result<Volume> {
    change(
        CREATE,
        driver.deadlines.create,
        Arc::clone(driver).create_volume(config.clone()),
    )
    .await
    .map(Rollback::keep)
}

impl Inner {
    async fn create_volume(self: Arc<Self>, config: VolumeConfig) -> Result<Rollback<Volume>> {
        validate_volume_config_with(&config, &self.policy)?;
        config.require(&self.features.capabilities)?;
        let operation = unique();
        let owner = config.effective_owner();
        let options = owner.and_then(|owner| self.engine.dialect().volume_options(owner));
        let request = VolumeCreateRequest {
            name: Some(config.name.clone()),
            driver: config.driver.clone(),
            driver_opts: match &options {
                Some(options) => Some(options.clone().map(|(key, value)| (key.to_owned(), value)).into()),
                None => (!config.options.is_empty()).then(|| config.options.clone().into_iter().collect()),
            },
            labels: Some(to_map(labels::volume(&self.ownership, &config, &operation))),
            ..VolumeCreateRequest::default()
        };
        let record = match self.engine.create_volume(request).await {
            Ok(record) => record,
            Err(failure) => self.not_created_volume(&config.name, &operation, failure).await?,
        };
        // If the name is taken, the engine returns the existing volume, which does not carry this operation's label.
        if record.labels.get(label::OPERATION) != Some(&operation) {
            return Err(taken(&config.name).into());
        }
        let undo = Arc::clone(&self).roll_back_volume(record.name.clone(), operation.clone());
        let given = match owner {
            None => Ok((record, None)),
            // A new volume of the engine's own driver belongs to root.
            Some(VolumeOwner::ROOT) if options.is_none() && record.driver == "local" => Ok((record, owner)),
            Some(owner) if options.is_none() => self.set_volume_owner(&record.name, &operation, owner).await,
            Some(_) => {
                let reported = record.reported_owner();
                Ok((record, reported))
            }
        };
        let created = given.and_then(|(record, given)| match owner {
            Some(owner) if given != Some(owner) => Err(owner_not_applied(&record, owner, given)),
            _ => resource::volume(&record)
                .map_err(|failure| self.error(Operation::CreateVolume, &config.name, failure)),
        });
        match created {
            Ok(created) => Ok(Rollback::new(created, async {
                let _ = undo.await;
            })),
            Err(error) => Err(match undo.await {
                true => error,
                false => error.with_effect(Effect::Unknown),
            }),
        }
    }

    /// Rolls back a volume creation that failed or was dropped. Returns whether the volume was removed. If it was
    /// not, retries in the background.
    async fn roll_back_volume(self: Arc<Self>, name: String, operation: String) -> bool {
        let is_removed = self.remove_own_volume(&name, &operation).await;
        if !is_removed {
            tokio::spawn(async move { repeat_until(|| self.remove_own_volume(&name, &operation)).await });
        }
        is_removed
    }

    async fn not_created_volume(
        self: &Arc<Self>,
        name: &str,
        operation: &str,
        failure: EngineError,
    ) -> Result<VolumeRecord> {
        if let EngineError::Refused(refusal) = &failure
            && cause(Operation::CreateVolume, refusal) == Cause::NameTaken
        {
            // If several creations race, Podman returns this error to all but the successful one, and sometimes
            // even to the successful one.
            let found = self.find_volume(name).await?;
            return found.ok_or_else(|| taken(name).with_source(failure).into());
        }
        if failure.effect_unknown() {
            let (driver, name, operation) = (Arc::clone(self), name.to_owned(), operation.to_owned());
            tokio::spawn(async move { repeat_until(|| driver.remove_own_volume(&name, &operation)).await });
        }
        Err(self.error(Operation::CreateVolume, name, failure))
    }

    /// Removes the volume `name` if the creation with the id `operation` created it. Returns whether the volume was
    /// removed.
    pub(super) async fn remove_own_volume(&self, name: &str, operation: &str) -> bool {
        match self.find_volume(name).await {
            Ok(Some(record))
                if record
                    .labels
                    .get(label::OPERATION)
                    .is_some_and(|created_by| created_by == operation) =>
            {
                self.remove_volume_and_helpers(&record).await.is_ok()
            }
            _ => false,
        }
    }

    pub(super) async fn get_volume(&self, id: &str) -> Result<Option<Volume>> {
        let Some(record) = self.find_volume(id).await? else {
            return Ok(None);
        };
        let volume = resource::volume(&record);
        volume
            .map(Some)
            .map_err(|failure| self.error(Operation::Read, id, failure))
    }

    pub(super) async fn list_volumes(&self, filter: &ResourceFilter) -> Result<Vec<Volume>> {
        let listed = self.engine.list_volumes(self.ownership.filters()).await;
        let listed = listed.map_err(|failure| self.error(Operation::Read, "volumes", failure))?;
        let own = listed.iter().filter(|record| self.ownership.owns(&record.labels));
        let found: Result<Vec<Volume>, EngineError> = own.map(resource::volume).collect();
        let mut found = found.map_err(|failure| self.error(Operation::Read, "volumes", failure))?;
        found.retain(|volume| filter.matches_volume(volume));
        found.sort_by(|a, b| a.created_at.cmp(&b.created_at).then_with(|| a.name.cmp(&b.name)));
        Ok(found)
    }

    pub(super) async fn remove_volume(self: Arc<Self>, id: String) -> Result<()> {
        let volume = self.volume(&id).await?;
        let removed = self.remove_volume_and_helpers(&volume).await;
        removed.map_err(|failure| self.error(Operation::RemoveVolume, &id, failure))
    }
}

fn taken(name: &str) -> VolumeCreationError {
    VolumeCreationError::new(name, "the name is taken").with_hint(Hint::NameTaken)
}

/// Returns the error for a volume whose owner is `found` instead of `owner`.
fn owner_not_applied(record: &VolumeRecord, owner: VolumeOwner, found: Option<VolumeOwner>) -> DriverError {
    let found = found.map_or_else(|| "unknown".to_owned(), |found| found.to_string());
    let reason = format!(
        "the engine did not set the owner of volume `{}` of driver `{}` to {owner}: its owner is {found}",
        record.name, record.driver
    );
    UnsupportedError::new(CREATE, reason).into()
}
