//! Lookups by exact id or name within this namespace.

use driver_interface_errors::{ContainerNotFoundError, NetworkNotFoundError, Result, VolumeNotFoundError};

use super::inner::Inner;
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::labels::{DEFAULT_NETWORK, owns_container};
use crate::translate::records::{ContainerRecord, NetworkRecord, VolumeRecord};
use crate::wire::EngineError;

impl Inner {
    /// Returns the container whose id is exactly `requested`, or `None` if this namespace has no such container.
    pub(super) async fn find_container(&self, requested: &str) -> Result<Option<ContainerRecord>> {
        let found = self.find_own(requested).await?;
        Ok(found.filter(|record| record.id == requested))
    }

    /// Returns the container whose name is exactly `name`, or `None` if this namespace has no such container.
    pub(super) async fn find_named(&self, name: &str) -> Result<Option<ContainerRecord>> {
        let found = self.find_own(name).await?;
        Ok(found.filter(|record| record.plain_name() == name))
    }

    /// Returns the container that the engine finds for `requested`: an id, an id prefix or a name. Returns `None` if
    /// there is no such container, or if it does not belong to this namespace.
    async fn find_own(&self, requested: &str) -> Result<Option<ContainerRecord>> {
        const OPERATION: Operation = Operation::InspectContainer;
        match self.engine.inspect_container(requested).await {
            Ok(record) => {
                let is_own = owns_container(&self.ownership, record.plain_name(), &record.config.labels);
                Ok(Some(record).filter(|_| is_own))
            }
            Err(EngineError::Refused(refusal)) if cause(OPERATION, &refusal) == Cause::NotFound => Ok(None),
            Err(failure) => Err(self.error(OPERATION, requested, failure)),
        }
    }

    /// Returns the container whose id is exactly `requested`, or an error if this namespace has no such container.
    pub(super) async fn container(&self, requested: &str) -> Result<ContainerRecord> {
        let found = self.find_container(requested).await?;
        found.ok_or_else(|| ContainerNotFoundError::new(requested).into())
    }

    pub(super) async fn find_volume(&self, requested: &str) -> Result<Option<VolumeRecord>> {
        const OPERATION: Operation = Operation::InspectVolume;
        match self.engine.inspect_volume(requested).await {
            Ok(record) => Ok(
                Some(record).filter(|found| found.name == requested && self.ownership.owns(&found.labels))
            ),
            Err(EngineError::Refused(refusal)) if cause(OPERATION, &refusal) == Cause::NotFound => Ok(None),
            Err(failure) => Err(self.error(OPERATION, requested, failure)),
        }
    }

    pub(super) async fn volume(&self, requested: &str) -> Result<VolumeRecord> {
        self.find_volume(requested)
            .await?
            .ok_or_else(|| VolumeNotFoundError::new(requested).into())
    }

    /// Returns all networks of this namespace except its default networks.
    pub(super) async fn own_networks(&self) -> Result<Vec<NetworkRecord>> {
        let found = self.all_own_networks().await?;
        Ok(found
            .into_iter()
            .filter(|network| !network.labels.contains_key(DEFAULT_NETWORK))
            .collect())
    }

    /// Returns all networks of this namespace.
    pub(super) async fn all_own_networks(&self) -> Result<Vec<NetworkRecord>> {
        let listed = self.engine.list_networks("label", self.ownership.filters()).await;
        let mut found = listed.map_err(|failure| self.error(Operation::Read, "networks", failure))?;
        found.retain(|network| self.ownership.owns(&network.labels));
        Ok(found)
    }

    /// Returns the network of this namespace whose id is exactly `requested`. Searches the list, because an
    /// inspection would also accept names and id prefixes.
    pub(super) async fn network(&self, requested: &str) -> Result<NetworkRecord> {
        let own = self.own_networks().await?;
        let found = own.into_iter().find(|network| network.id == requested);
        found.ok_or_else(|| NetworkNotFoundError::new(requested).into())
    }
}
