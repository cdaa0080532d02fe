//! Inspecting volumes and networks, and connecting containers to networks.

use driver_interface_errors::{NetworkConnectError, NetworkNotFoundError, Result};
use driver_interface_types::{
    ContainerId, Network, NetworkConnectOptions, NetworkId, NetworkMode, Volume, VolumeId,
};
use driver_interface_validation::validate_network_connect_options;

use super::containers::no_such_container;
use super::{Call, MockDriver};
use crate::Operation;
use crate::engine::{Attachment, State};
use crate::profile::Kind;

impl<K: Kind> MockDriver<K> {
    pub(super) async fn find_volume(&self, id: &VolumeId) -> Result<Option<Volume>> {
        let work = async {
            let state = self.core.engine.state();
            let found = state.volume(self.namespace(), id.as_str());
            Ok(found.map(|record| record.volume.clone()))
        };
        self.call(Call::new(Operation::GetVolume).on(id), || Ok(()), work)
            .await
    }

    pub(super) async fn find_network(&self, id: &NetworkId) -> Result<Option<Network>> {
        let work = async {
            let state = self.core.engine.state();
            let found = state.network(self.namespace(), id);
            Ok(found.map(|record| record.network.clone()))
        };
        self.call(Call::new(Operation::GetNetwork).on(id), || Ok(()), work)
            .await
    }

    pub(super) async fn attach(
        &self,
        network: &NetworkId,
        container: &ContainerId,
        options: NetworkConnectOptions,
    ) -> Result<()> {
        let call = Call::new(Operation::ConnectNetwork)
            .on(container)
            .summary(format!("network {network}, {} aliases", options.aliases.len()));
        let check = || Ok(validate_network_connect_options(&options)?);
        let work = async {
            let mut state = self.core.engine.state();
            let (required, found) = self.both(&state, network, container)?;
            let Some(target) = state.containers.get_mut(&found) else {
                return Err(no_such_container(container));
            };
            if target.config.network == NetworkMode::None {
                let reason = "it was created without a network";
                return Err(NetworkConnectError::new(network.as_str(), container.as_str(), reason).into());
            }
            if target
                .networks
                .iter()
                .any(|attached| attached.network == required)
            {
                return Ok(());
            }
            target.networks.push(Attachment {
                network: required.clone(),
                aliases: options.aliases.clone(),
            });
            if target.run().is_some() && target.ip_address().is_none() {
                let address = state.address_on(&format!("network/{required}"));
                let run = state
                    .containers
                    .get_mut(&found)
                    .and_then(|target| target.run_mut());
                if let Some(run) = run {
                    run.address = Some(address);
                }
            }
            Ok(())
        };
        self.call(call, check, work).await
    }

    pub(super) async fn detach(&self, network: &NetworkId, container: &ContainerId) -> Result<()> {
        let work = async {
            let mut state = self.core.engine.state();
            let (required, found) = self.both(&state, network, container)?;
            let Some(target) = state.containers.get_mut(&found) else {
                return Err(no_such_container(container));
            };
            let own = matches!(target.config.network, NetworkMode::Named(_));
            target.networks.retain(|attached| attached.network != required);
            if own
                && target.networks.is_empty()
                && let Some(run) = target.run_mut()
            {
                run.address = None;
            }
            Ok(())
        };
        let call = Call::new(Operation::DisconnectNetwork)
            .on(container)
            .summary(format!("network {network}"));
        self.call(call, || Ok(()), work).await
    }

    /// Returns the full ids of `network` and `container`. Fails unless both exist in this driver's namespace.
    fn both(
        &self,
        state: &State,
        network: &NetworkId,
        container: &ContainerId,
    ) -> Result<(NetworkId, ContainerId)> {
        let found = state
            .network(self.namespace(), network)
            .ok_or_else(|| NetworkNotFoundError::new(network.as_str()))?;
        let target = state
            .container(self.namespace(), container)
            .ok_or_else(|| no_such_container(container))?;
        Ok((found.network.id.clone(), target.id.clone()))
    }
}
