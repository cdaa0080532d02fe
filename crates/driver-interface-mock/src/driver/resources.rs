//! Creating, listing and removing volumes and networks.

use driver_interface_errors::{
    Effect, Hint, NetworkCreationError, NetworkNotFoundError, NetworkRemoveError, Result,
    VolumeCreationError, VolumeNotFoundError, VolumeRemoveError,
};
use driver_interface_kit::belongs;
use driver_interface_types::{
    MountType, Network, NetworkConfig, NetworkId, ResourceFilter, Volume, VolumeConfig, VolumeId,
};
use driver_interface_validation::{validate_network_config, validate_volume_config};

use super::answer::Refusal;
use super::{Call, MockDriver};
use crate::Operation;
use crate::engine::{Container, new_network, new_volume};
use crate::profile::Kind;

/// The engine's only volume driver.
const VOLUME_DRIVER: &str = "local";
/// The engine's only network driver.
const NETWORK_DRIVER: &str = "bridge";

impl<K: Kind> MockDriver<K> {
    pub(super) async fn make_volume(&self, config: &VolumeConfig) -> Result<Volume> {
        let work = async {
            let name = &config.name;
            let id = VolumeId::new(name)?;
            if let Some(plugin) = config.driver.as_ref().filter(|driver| *driver != VOLUME_DRIVER) {
                return Err(VolumeCreationError::new(
                    name,
                    format!("the engine has no volume driver `{plugin}`"),
                )
                .with_retryable(false)
                .with_effect(Effect::NotApplied)
                .with_source(Refusal::NoSuchPlugin(plugin.clone()).answer::<K>())
                .into());
            }
            let engine = &self.core.engine;
            let mut state = engine.state();
            if state.volumes.contains_key(name) {
                return Err(VolumeCreationError::new(name, "the name is taken")
                    .with_hint(Hint::NameTaken)
                    .into());
            }
            let labels =
                self.ownership()
                    .labels(&config.labels, config.session_id.as_deref(), &self.random_text());
            let record = new_volume(
                id,
                labels,
                config.effective_owner(),
                state.creation_time(engine.clock()),
            );
            let volume = record.volume.clone();
            state.volumes.insert(name.clone(), record);
            Ok(volume)
        };
        let call = Call::new(Operation::CreateVolume).on(&config.name);
        let check = || {
            validate_volume_config(config)?;
            Ok(config.require(&self.core.capabilities)?)
        };
        self.call(call, check, work).await
    }

    pub(super) async fn drop_volume(&self, id: &VolumeId) -> Result<()> {
        let work = async {
            let mut state = self.core.engine.state();
            if state.volume(self.namespace(), id.as_str()).is_none() {
                return Err(VolumeNotFoundError::new(id.as_str()).into());
            }
            let uses = |container: &&Container| {
                let mut mounts = container.config.volumes.iter();
                mounts.any(|mount| mount.mount_type() == MountType::Volume && mount.source == id.as_str())
            };
            if let Some(user) = state.containers.values().find(uses) {
                let by = user.id.to_string();
                let answer = Refusal::VolumeInUse {
                    volume: id.to_string(),
                    by,
                }
                .answer::<K>();
                return Err(VolumeRemoveError::new(
                    id.as_str(),
                    format!("container `{}` uses it", user.name),
                )
                .with_hint(Hint::InUse)
                .with_source(answer)
                .into());
            }
            state.volumes.remove(id.as_str());
            Ok(())
        };
        self.call(Call::new(Operation::RemoveVolume).on(id), || Ok(()), work)
            .await
    }

    pub(super) async fn volumes(&self, filter: &ResourceFilter) -> Result<Vec<Volume>> {
        let work = async {
            let state = self.core.engine.state();
            let own = state
                .volumes
                .values()
                .filter(|record| belongs(&record.labels, self.namespace()));
            let mut found: Vec<Volume> = own
                .map(|record| record.volume.clone())
                .filter(|volume| filter.matches_volume(volume))
                .collect();
            found.sort_by(|a, b| (a.created_at, &a.name).cmp(&(b.created_at, &b.name)));
            Ok(found)
        };
        self.call(Call::new(Operation::ListVolumes), || Ok(()), work)
            .await
    }

    pub(super) async fn make_network(&self, config: &NetworkConfig) -> Result<Network> {
        let work = async {
            let name = &config.name;
            let driver = config.driver.as_deref().unwrap_or(NETWORK_DRIVER);
            let engine = &self.core.engine;
            let mut state = engine.state();
            if state.named_network(self.namespace(), name).is_some() {
                return Err(NetworkCreationError::new(name, "the name is taken")
                    .with_hint(Hint::NameTaken)
                    .with_source(Refusal::NetworkNameTaken(name.clone()).answer::<K>())
                    .into());
            }
            let id = NetworkId::new(state.new_id())?;
            let labels =
                self.ownership()
                    .labels(&config.labels, config.session_id.as_deref(), &self.random_text());
            let created_at = state.creation_time(engine.clock());
            let mut record = new_network(id.clone(), name, driver, labels, created_at);
            record.network.internal = config.internal;
            let network = record.network.clone();
            state.networks.insert(id, record);
            Ok(network)
        };
        let call = Call::new(Operation::CreateNetwork).on(&config.name);
        let check = || {
            validate_network_config(config)?;
            Ok(config.require(&self.core.capabilities)?)
        };
        self.call(call, check, work).await
    }

    pub(super) async fn drop_network(&self, id: &NetworkId) -> Result<()> {
        let work = async {
            let mut state = self.core.engine.state();
            let missing = || NetworkNotFoundError::new(id.as_str());
            let found = state
                .network(self.namespace(), id)
                .ok_or_else(missing)?
                .network
                .id
                .clone();
            let user = state.containers.values().find(|container| {
                container
                    .networks
                    .iter()
                    .any(|attached| attached.network == found)
            });
            if let Some(user) = user {
                let by = user.id.to_string();
                let answer = Refusal::NetworkInUse {
                    network: id.to_string(),
                    by,
                }
                .answer::<K>();
                return Err(NetworkRemoveError::new(
                    id.as_str(),
                    format!("container `{}` is attached", user.name),
                )
                .with_hint(Hint::InUse)
                .with_source(answer)
                .into());
            }
            state.networks.remove(&found);
            Ok(())
        };
        self.call(Call::new(Operation::RemoveNetwork).on(id), || Ok(()), work)
            .await
    }

    /// Removes nothing and returns 0: a simulated session network disappears with its last container.
    pub(super) async fn drop_idle_networks(&self) -> Result<usize> {
        self.call(Call::new(Operation::RemoveIdleNetworks), || Ok(()), async {
            Ok(0)
        })
        .await
    }

    pub(super) async fn networks(&self, filter: &ResourceFilter) -> Result<Vec<Network>> {
        let work = async {
            let state = self.core.engine.state();
            let own = state
                .networks
                .values()
                .filter(|record| belongs(&record.labels, self.namespace()));
            let mut found: Vec<Network> = own
                .map(|record| record.network.clone())
                .filter(|network| filter.matches_network(network))
                .collect();
            found.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
            Ok(found)
        };
        self.call(Call::new(Operation::ListNetworks), || Ok(()), work)
            .await
    }
}
