//! Looking things up: exactly what was asked for, and only what this namespace made.

use driver_interface_errors::{ContainerNotFoundError, NetworkNotFoundError, Result, VolumeNotFoundError};

use super::inner::Inner;
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::labels::DEFAULT_NETWORK;
use crate::translate::records::{ContainerRecord, NetworkRecord, VolumeRecord};
use crate::wire::EngineError;

impl Inner {
    /// The container of exactly that id or name, if we made it.
    pub(super) async fn find_container(&self, asked: &str) -> Result<Option<ContainerRecord>> {
        const OPERATION: Operation = Operation::InspectContainer;
        match self.engine.inspect_container(asked).await {
            Ok(record) => {
                let name = record.plain_name();
                if !record.is_exactly(asked) || !self.maker.made_container(name, &record.config.labels) {
                    return Ok(None);
                }
                Ok(Some(record))
            }
            Err(EngineError::Refused(refusal)) if cause(OPERATION, &refusal) == Cause::NotFound => Ok(None),
            Err(failure) => Err(self.error(OPERATION, asked, failure)),
        }
    }

    /// The same, where a missing one is an error.
    pub(super) async fn container(&self, asked: &str) -> Result<ContainerRecord> {
        let found = self.find_container(asked).await?;
        found.ok_or_else(|| ContainerNotFoundError::new(asked).into())
    }

    pub(super) async fn find_volume(&self, asked: &str) -> Result<Option<VolumeRecord>> {
        const OPERATION: Operation = Operation::InspectVolume;
        match self.engine.inspect_volume(asked).await {
            Ok(record) => {
                Ok(Some(record).filter(|found| found.name == asked && self.maker.made(&found.labels)))
            }
            Err(EngineError::Refused(refusal)) if cause(OPERATION, &refusal) == Cause::NotFound => Ok(None),
            Err(failure) => Err(self.error(OPERATION, asked, failure)),
        }
    }

    pub(super) async fn volume(&self, asked: &str) -> Result<VolumeRecord> {
        self.find_volume(asked)
            .await?
            .ok_or_else(|| VolumeNotFoundError::new(asked).into())
    }

    /// All networks we made, but the driver's own.
    pub(super) async fn own_networks(&self) -> Result<Vec<NetworkRecord>> {
        let found = self.all_own_networks().await?;
        Ok(found
            .into_iter()
            .filter(|network| !network.labels.contains_key(DEFAULT_NETWORK))
            .collect())
    }

    /// All networks we made.
    pub(super) async fn all_own_networks(&self) -> Result<Vec<NetworkRecord>> {
        let listed = self.engine.list_networks("label", self.maker.filters()).await;
        let mut found = listed.map_err(|failure| self.error(Operation::Read, "networks", failure))?;
        found.retain(|network| self.maker.made(&network.labels));
        Ok(found)
    }

    /// The network of exactly that id or name. It is looked for in the list, where twins of one name and names
    /// that are the beginning of another's id do no harm.
    pub(super) async fn network(&self, asked: &str) -> Result<NetworkRecord> {
        let own = self.own_networks().await?;
        let found = own
            .into_iter()
            .find(|network| network.id == asked || network.name == asked);
        found.ok_or_else(|| NetworkNotFoundError::new(asked).into())
    }
}
