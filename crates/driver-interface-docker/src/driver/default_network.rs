//! The driver's own network: made when its first container is, removed after its last.

use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::{Hint, NetworkCreationError, Result, TimeoutError};
use tokio::time::{sleep, timeout};

use super::inner::{Inner, unique};
use super::network::Settled;
use crate::engine::NetworkPlan;
use crate::quirks;
use crate::translate::labels::DEFAULT_NETWORK;
use crate::translate::records::NetworkRecord;

/// How often, and how long apart, the network is removed that still holds on to a container that has gone.
const RELEASES: u32 = 5;
const RELEASE_PAUSE: Duration = Duration::from_millis(200);

impl Inner {
    /// The name of the default network of a session: on Docker one for the whole namespace.
    pub(super) fn default_network_name(&self, session: &str) -> String {
        if quirks::network_per_session(self.engine.flavour()) {
            format!("{}-{session}", self.network)
        } else {
            self.network.clone()
        }
    }

    /// Makes the default network unless it is there. An engine that never answers must not keep others from trying,
    /// so this gives up: what it may have made is the one that the next finds.
    pub(super) async fn ensure_default_network(self: &Arc<Self>, name: &str, session: &str) -> Result<()> {
        let deadline = self.deadlines.create;
        let made = timeout(deadline, self.make_default_network(name, session)).await;
        made.unwrap_or_else(|_| Err(TimeoutError::new("create_network", deadline).into()))
    }

    async fn make_default_network(self: &Arc<Self>, name: &str, session: &str) -> Result<()> {
        let _section = self.networks.section.lock().await;
        if self.default_networks(name).await?.is_empty() {
            let per_session = quirks::network_per_session(self.engine.flavour());
            let operation = unique();
            let (key, value) = quirks::default_network_option(self.engine.flavour());
            let plan = NetworkPlan {
                name: name.to_owned(),
                driver: "bridge".to_owned(),
                labels: self
                    .maker
                    .default_network(per_session.then_some(session), &operation),
                options: [(key.to_owned(), value.to_owned())].into(),
                internal: false,
            };
            match self.create_network_once(&plan).await? {
                Settled::Won(_) => {}
                // Another process was first: its network will do, if it is one of ours.
                Settled::Lost if !self.default_networks(name).await?.is_empty() => {}
                Settled::Lost => {
                    let text = "something else has the name of the driver's own network";
                    return Err(NetworkCreationError::new(name, text)
                        .with_hint(Hint::NameTaken)
                        .into());
                }
            }
        }
        Ok(())
    }

    /// Removes the default network if no container of ours uses it or is about to. A failure is left to the next
    /// one who tries, or to a sweep.
    pub(super) async fn release_default_network(&self, name: &str) {
        if timeout(self.deadlines.remove, self.remove_default_network(name))
            .await
            .is_err()
        {
            tracing::debug!(network = name, "the default network was not removed in time");
        }
    }

    async fn remove_default_network(&self, name: &str) {
        for _ in 0..RELEASES {
            if self.is_released(name).await {
                return;
            }
            sleep(RELEASE_PAUSE).await;
        }
    }

    /// Tries once to remove the default network; says whether there is nothing more to do about it.
    async fn is_released(&self, name: &str) -> bool {
        let _section = self.networks.section.lock().await;
        if self.networks.is_awaited(name) {
            return true;
        }
        let mut filters = self.maker.filters();
        filters.push(format!("{DEFAULT_NETWORK}={name}"));
        match self.engine.list_containers(&filters, 1).await {
            Ok(users) if users.is_empty() => {}
            _ => return true,
        }
        let mut released = true;
        for network in self.default_networks(name).await.unwrap_or_default() {
            if let Err(error) = self.engine.remove_network(&network.id).await {
                tracing::debug!(network = name, %error, "the default network was not removed");
                released = false;
            }
        }
        released
    }

    async fn default_networks(&self, name: &str) -> Result<Vec<NetworkRecord>> {
        let mut own = self.all_own_networks().await?;
        own.retain(|network| network.name == name && network.labels.contains_key(DEFAULT_NETWORK));
        Ok(own)
    }
}
