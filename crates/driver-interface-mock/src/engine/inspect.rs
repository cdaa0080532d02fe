//! The test interface of the engine: functions that inspect and change the engine without a driver.

use std::collections::BTreeMap;
use std::sync::Arc;

use driver_interface_kit::Labels;
use driver_interface_types::{
    ConfigurationError, ContainerConfig, ContainerId, ContainerStatus, EnforcementReport, ImageRef,
    NetworkId, VolumeId, label,
};
use tokio::sync::watch;

use super::Stdin;
use super::state::{Container, Phase, new_network, new_volume};
use super::{LogStore, MockEngine};
use crate::fs::SharedTree;
use crate::sync::lock;

/// A container, volume or network on the engine, whether or not a driver manages it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineObject {
    /// The id of the resource. A volume's id is its name.
    pub id: String,
    /// The name of the resource.
    pub name: String,
    /// The labels, including those that drivers add.
    pub labels: BTreeMap<String, String>,
    /// The status of a container; `None` for other resources.
    pub status: Option<ContainerStatus>,
}

impl EngineObject {
    /// Returns whether the resource is unmanaged, that is, not created by a driver of this interface.
    pub fn is_unmanaged(&self) -> bool {
        self.labels
            .get(label::MANAGED_BY)
            .is_none_or(|creator| creator != label::MANAGED_BY_VALUE)
    }
}

impl MockEngine {
    /// Returns all containers, sorted by id.
    pub fn containers(&self) -> Vec<EngineObject> {
        let state = self.state();
        let all = state.containers.values().map(|container| EngineObject {
            id: container.id.to_string(),
            name: container.name.clone(),
            labels: container.labels.clone(),
            status: Some(container.status()),
        });
        all.collect()
    }

    /// Returns all volumes, sorted by name.
    pub fn volumes(&self) -> Vec<EngineObject> {
        let state = self.state();
        let all = state.volumes.values().map(|record| EngineObject {
            id: record.volume.id.to_string(),
            name: record.volume.name.clone(),
            labels: record.labels.clone(),
            status: None,
        });
        all.collect()
    }

    /// Returns all networks except the engine's own, sorted by id.
    pub fn networks(&self) -> Vec<EngineObject> {
        let state = self.state();
        let all = state.networks.values().map(|record| EngineObject {
            id: record.network.id.to_string(),
            name: record.network.name.clone(),
            labels: record.labels.clone(),
            status: None,
        });
        all.collect()
    }

    /// Returns the names of the engine's images, as given when the images were added.
    pub fn images(&self) -> Vec<ImageRef> {
        self.state()
            .images
            .all()
            .map(|image| image.reference.clone())
            .collect()
    }

    /// Adds an unmanaged container, which never runs. No driver lists or changes the container, but drivers cannot
    /// use its name. The container may have any labels, even ones that resemble the drivers' labels.
    ///
    /// # Errors
    /// `ConfigurationError` if the name is invalid or taken.
    pub fn add_unmanaged_container(
        &self,
        name: &str,
        labels: &[(&str, &str)],
    ) -> Result<ContainerId, ConfigurationError> {
        ContainerId::new(name)?;
        let mut state = self.state();
        if state.containers.named(name).is_some() {
            return Err(taken(name));
        }
        let id = ContainerId::new(state.new_id())?;
        let container = Container {
            id: id.clone(),
            name: name.to_owned(),
            config: ContainerConfig::new("unmanaged", "busybox"),
            labels: owned(labels),
            created_at: state.creation_time(self.clock()),
            image: 0,
            networks: Vec::new(),
            command: Vec::new(),
            env: BTreeMap::new(),
            working_dir: "/".to_owned(),
            root: SharedTree::default(),
            logs: Arc::new(LogStore::new(self.clock().clone())),
            stdin: Stdin::new(false, false),
            warnings: Vec::new(),
            phase: Phase::Created,
            started_at: None,
            healthy: true,
            health: None,
            enforcement: EnforcementReport::default(),
            changed: watch::Sender::default(),
        };
        state.containers.insert(container);
        Ok(id)
    }

    /// Adds an unmanaged volume.
    ///
    /// # Errors
    /// `ConfigurationError` if the name is invalid or taken.
    pub fn add_unmanaged_volume(
        &self,
        name: &str,
        labels: &[(&str, &str)],
    ) -> Result<VolumeId, ConfigurationError> {
        let id = VolumeId::new(name)?;
        let mut state = self.state();
        if state.volumes.contains_key(name) {
            return Err(taken(name));
        }
        let created_at = state.creation_time(self.clock());
        state.volumes.insert(
            name.to_owned(),
            new_volume(id.clone(), owned(labels), None, created_at),
        );
        Ok(id)
    }

    /// Adds an unmanaged network. Engines allow several networks with the same name.
    ///
    /// # Errors
    /// `ConfigurationError` if the name is invalid.
    pub fn add_unmanaged_network(
        &self,
        name: &str,
        labels: &[(&str, &str)],
    ) -> Result<NetworkId, ConfigurationError> {
        NetworkId::new(name)?;
        let mut state = self.state();
        let id = NetworkId::new(state.new_id())?;
        let created_at = state.creation_time(self.clock());
        state.networks.insert(
            id.clone(),
            new_network(id.clone(), name, "bridge", owned(labels), created_at),
        );
        Ok(id)
    }

    /// Overrides the health of a container. If `healthy` is `false`, `is_container_healthy` returns `false` for the
    /// container, whatever the image's health check reports. If `healthy` is `true`, which is the default, there is
    /// no override. Returns whether the container exists.
    pub fn set_container_healthy(&self, id: &ContainerId, healthy: bool) -> bool {
        let mut state = self.state();
        let container = state.containers.get_mut(id);
        container.map(|container| container.healthy = healthy).is_some()
    }

    /// Makes the engine unreachable: every operation fails with `ConnectionError`, and `health_check` reports the
    /// reason. Containers keep running.
    pub fn stop_engine(&self) {
        let mut state = self.state();
        state.down = Some("the simulated engine is not running".to_owned());
        for container in state.containers.values() {
            container.notify();
        }
    }

    /// Makes the engine reachable again.
    pub fn start_engine(&self) {
        self.state().down = None;
    }

    /// Resets the engine to its initial state, in which it has only the stock images and the images that builders
    /// added. The sequence of generated ids starts over.
    pub fn reset(&self) {
        let fresh = self.fresh_state();
        let old = std::mem::replace(&mut *lock(&self.shared().state), fresh);
        // Dropping the old state kills the processes of its runs, which should not happen while the lock is held.
        drop(old);
    }
}

fn taken(name: &str) -> ConfigurationError {
    ConfigurationError::single(
        "name",
        "name-taken",
        format!("must be unused on the engine; `{name}` is taken"),
    )
}

fn owned(labels: &[(&str, &str)]) -> Labels {
    labels
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}
