//! Volumes.

use std::collections::HashMap;

use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::{ListVolumesOptionsBuilder, RemoveVolumeOptions};

use super::Engine;
use crate::translate::records::{VolumeRecord, rerecord};
use crate::wire::EngineError;

impl Engine {
    /// Makes a volume, or returns the one that has the name already: engines answer both alike.
    pub(crate) async fn create_volume(
        &self,
        request: VolumeCreateRequest,
    ) -> Result<VolumeRecord, EngineError> {
        rerecord(&self.docker.create_volume(request).await?)
    }

    pub(crate) async fn inspect_volume(&self, name: &str) -> Result<VolumeRecord, EngineError> {
        rerecord(&self.docker.inspect_volume(name).await?)
    }

    pub(crate) async fn list_volumes(&self, labels: Vec<String>) -> Result<Vec<VolumeRecord>, EngineError> {
        let filters = HashMap::from([("label".to_owned(), labels)]);
        let options = ListVolumesOptionsBuilder::default().filters(&filters).build();
        let answer = self.docker.list_volumes(Some(options)).await?;
        rerecord(&answer.volumes.unwrap_or_default())
    }

    pub(crate) async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        self.docker
            .remove_volume(name, None::<RemoveVolumeOptions>)
            .await
            .map_err(EngineError::from)
    }
}
