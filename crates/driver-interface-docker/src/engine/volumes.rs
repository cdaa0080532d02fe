//! Volumes.

use bollard::models::VolumeCreateRequest;
use http::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Engine, filters};
use crate::translate::records::{VolumeRecord, nullable};
use crate::wire::{EngineError, Payload, Query};

impl Engine {
    /// Creates a volume, or returns the existing volume with the requested name. The engine's response does not show
    /// which of the two happened.
    pub(crate) async fn create_volume(
        &self,
        request: VolumeCreateRequest,
    ) -> Result<VolumeRecord, EngineError> {
        let target = Query::new("/volumes/create");
        let payload = Payload::json(&request)?;
        self.wire.call(Method::POST, &target, payload).await?.json()
    }

    pub(crate) async fn inspect_volume(&self, name: &str) -> Result<VolumeRecord, EngineError> {
        self.ask(&Query::new(format!("/volumes/{name}"))).await?.json()
    }

    pub(crate) async fn list_volumes(&self, labels: Vec<String>) -> Result<Vec<VolumeRecord>, EngineError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Listed {
            #[serde(deserialize_with = "nullable")]
            volumes: Vec<VolumeRecord>,
        }
        let target = Query::new("/volumes").pair("filters", filters("label", &labels));
        self.ask_list(&target)
            .await?
            .json::<Listed>()
            .map(|listed| listed.volumes)
    }

    pub(crate) async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        let target = Query::new(format!("/volumes/{name}"));
        self.wire.change(Method::DELETE, &target).await
    }

    /// Removes the volumes that have the label `label` and that no container uses.
    pub(crate) async fn prune_volumes(&self, label: String) -> Result<(), EngineError> {
        let target = Query::new("/volumes/prune").pair("filters", filters("label", &[label]));
        let answer = self.wire.call(Method::POST, &target, Payload::Nothing).await?;
        answer.json::<IgnoredAny>().map(drop)
    }
}
