//! Inspecting networks, attaching containers to them and detaching containers from them.

use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::{NetworkConnectError, Result};
use driver_interface_types::{Network, NetworkConnectOptions};
use driver_interface_validation::validate_network_connect_options;

use tokio::time::{sleep, timeout};

use crate::driver::inner::Inner;
use crate::translate::errors::Operation;
use crate::translate::records::{ContainerRecord, NetworkRecord};
use crate::translate::setup::endpoint;
use crate::translate::{resource, status};
use crate::wire::EngineError;

impl Inner {
    pub(in crate::driver) async fn get_network(&self, requested: &str) -> Result<Option<Network>> {
        let record = match self.network(requested).await {
            Ok(record) => record,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let network = resource::network(&record);
        network
            .map(Some)
            .map_err(|failure| self.error(Operation::Read, requested, failure))
    }

    pub(in crate::driver) async fn connect_network(
        self: Arc<Self>,
        requested: String,
        container: String,
        options: NetworkConnectOptions,
    ) -> Result<()> {
        validate_network_connect_options(&options)?;
        options.require(&self.features.capabilities)?;
        let network = self.network(&requested).await?;
        let record = self.container(&container).await?;
        if is_attached(&record, &network) {
            return Ok(());
        }
        if record.host_config.network_mode == "none" {
            let text = "the container was created without a network";
            return Err(NetworkConnectError::new(requested, container, text).into());
        }
        let joined = self
            .engine
            .connect_network(
                &network.id,
                &record.id,
                endpoint(&options.aliases, &options.addresses),
            )
            .await;
        match joined {
            Ok(()) => Ok(()),
            Err(failure) => {
                self.not_changed(&requested, &container, &network, &record, true, failure)
                    .await
            }
        }
    }

    pub(in crate::driver) async fn disconnect_network(
        self: Arc<Self>,
        requested: String,
        container: String,
    ) -> Result<()> {
        let network = self.network(&requested).await?;
        let record = self.container(&container).await?;
        if !is_attached(&record, &network) {
            return Ok(());
        }
        self.wait_until_cleared(&record).await;
        match self.engine.disconnect_network(&network.id, &record.id).await {
            Ok(()) => Ok(()),
            Err(failure) => {
                self.not_changed(&requested, &container, &network, &record, false, failure)
                    .await
            }
        }
    }

    /// If the container has exited, waits until the engine has cleaned up after the container, but at most for half
    /// of the deadline `remove`. If Podman detaches a container from a network before this cleanup, Podman can no
    /// longer inspect the container.
    async fn wait_until_cleared(&self, record: &ContainerRecord) {
        let cleared = async {
            while !status::is_alive(&record.state)
                && matches!(self.engine.is_cleared(&record.id).await, Ok(false))
            {
                sleep(Duration::from_millis(50)).await;
            }
        };
        // A container that is not cleaned up by then never will be.
        let _ = timeout(self.deadlines.remove / 2, cleared).await;
    }

    /// Returns the result of a request to attach (`attach` is `true`) or detach a container that failed with
    /// `failure`. If the engine refused the request, but the container is now attached or detached as requested, the
    /// result is success: another process has made the change. Otherwise the result is an error.
    async fn not_changed(
        &self,
        requested: &str,
        container: &str,
        network: &NetworkRecord,
        record: &ContainerRecord,
        attach: bool,
        failure: EngineError,
    ) -> Result<()> {
        let EngineError::Refused(refusal) = &failure else {
            return Err(self.error(Operation::CreateNetwork, requested, failure));
        };
        self.network(requested).await?;
        let now = self.container(&record.id).await?;
        if is_attached(&now, network) == attach {
            return Ok(());
        }
        let text = refusal.message.clone();
        Err(NetworkConnectError::new(requested, container, text)
            .with_source(failure)
            .into())
    }
}

pub(in crate::driver) fn is_attached(container: &ContainerRecord, network: &NetworkRecord) -> bool {
    let endpoints = &container.network_settings.networks;
    endpoints
        .iter()
        .any(|(name, endpoint)| *name == network.name || endpoint.network_id == network.id)
}
