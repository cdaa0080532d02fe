//! The driver's default network: created with its first container, removed after its last.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::{Hint, NetworkCreationError, Result, TimeoutError};
use driver_interface_kit::session_of;
use tokio::time::{sleep, timeout};

use super::create::Settled;
use crate::driver::inner::{Inner, unique};
use crate::engine::NetworkPlan;
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::labels::{self, DEFAULT_NETWORK};
use crate::translate::records::NetworkRecord;
use crate::wire::EngineError;

/// The maximum number of attempts to remove a network to which a removed container still seems attached.
const RELEASES: u32 = 5;
const RELEASE_PAUSE: Duration = Duration::from_millis(200);

/// The result of an attempt to remove a default network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Release {
    Removed,
    /// The network is in use, or another process has removed it.
    Stays,
    /// The engine reports the network as in use although no container of this namespace uses it, or a container has
    /// just begun to use it.
    Unsettled,
}

impl Inner {
    /// Returns the name of a session's default network. On Docker, one network serves the whole namespace.
    pub(in crate::driver) fn default_network_name(&self, session: &str) -> String {
        if self.engine.dialect().network_per_session {
            format!("{}-{session}", self.network)
        } else {
            self.network.clone()
        }
    }

    /// Creates the default network unless it exists. The creation has a deadline, because an engine that never responds
    /// must not block other callers. If the engine creates the network after that, the next caller finds it.
    pub(in crate::driver) async fn ensure_default_network(
        self: &Arc<Self>,
        name: &str,
        session: &str,
    ) -> Result<()> {
        let deadline = self.deadlines.create;
        let created = timeout(deadline, async {
            let _section = self.networks.section.lock().await;
            self.create_default_network(name, session).await
        });
        created
            .await
            .unwrap_or_else(|_| Err(TimeoutError::new("create_network", deadline).into()))
    }

    /// Creates the default network unless it exists; the caller must hold `section`. Retries for as long as other
    /// processes create the network and remove it again.
    async fn create_default_network(self: &Arc<Self>, name: &str, session: &str) -> Result<()> {
        while self.default_networks(name).await?.is_empty() {
            let per_session = self.engine.dialect().network_per_session;
            let operation = unique();
            let (key, value) = self.engine.dialect().default_network_option;
            let plan = NetworkPlan {
                name: name.to_owned(),
                driver: "bridge".to_owned(),
                labels: labels::on_default_network(
                    &self.ownership,
                    per_session.then_some(session),
                    &operation,
                ),
                options: [(key.to_owned(), value.to_owned())].into(),
                internal: false,
                subnets: Vec::new(),
                ipv6: false,
            };
            if let Settled::Won(_) = self.create_network_once(&plan).await? {
                break;
            }
            // Another process of this namespace may have created the network and already removed it.
            self.refuse_network_of_others(name).await?;
            sleep(RELEASE_PAUSE).await;
        }
        Ok(())
    }

    /// Returns an error if an unmanaged network has the name of the default network: containers of this namespace must
    /// never join such a network.
    pub(in crate::driver) async fn refuse_network_of_others(&self, name: &str) -> Result<()> {
        let same_name = self.networks_called(name).await?;
        if same_name.is_empty() || same_name.iter().any(|network| self.is_default(network)) {
            return Ok(());
        }
        let text = "another network has the name of the driver's default network";
        Err(NetworkCreationError::new(name, text)
            .with_hint(Hint::NameTaken)
            .into())
    }

    /// Removes the default network unless a container uses it or is about to use it. Only logs errors: the next release
    /// or cleanup retries.
    pub(in crate::driver) async fn release_default_network(self: &Arc<Self>, name: &str) {
        match timeout(self.deadlines.remove, self.remove_if_idle(name)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(network = name, %error, "the default network was not removed"),
            Err(_) => tracing::debug!(network = name, "the default network was not removed in time"),
        }
    }

    /// Removes every default network that no container uses, whichever process created it, and the orphaned helpers of
    /// volumes. Returns how many networks were removed or, after trying all of them, the first error.
    pub(in crate::driver) async fn remove_idle_networks(self: Arc<Self>) -> Result<usize> {
        let networks = self.all_own_networks().await?;
        let containers = self.own_summaries().await?;
        let used: BTreeSet<&String> = containers
            .iter()
            .filter_map(|container| labels::default_network(&container.labels))
            .collect();
        let unused: BTreeSet<String> = networks
            .into_iter()
            .filter(|network| network.labels.contains_key(DEFAULT_NETWORK) && !used.contains(&network.name))
            .map(|network| network.name)
            .collect();
        let (mut removed, mut failure) = (0, None);
        for name in unused {
            match self.remove_if_idle(&name).await {
                Ok(done) => removed += usize::from(done),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        let helpers = self.remove_orphaned_helpers().await;
        let helpers = helpers.map_err(|failure| self.error(Operation::RemoveVolume, "helpers", failure));
        failure.or(helpers.err()).map_or(Ok(removed), Err)
    }

    /// Removes the default network unless a container uses it or is about to. Returns whether the network was removed.
    async fn remove_if_idle(self: &Arc<Self>, name: &str) -> Result<bool> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_to_remove(name).await {
                Ok(Release::Unsettled) | Err(_) if tries < RELEASES => sleep(RELEASE_PAUSE).await,
                Ok(release) => return Ok(release == Release::Removed),
                Err(error) => return Err(error),
            }
        }
    }

    async fn try_to_remove(self: &Arc<Self>, name: &str) -> Result<Release> {
        let _section = self.networks.section.lock().await;
        if self.networks.is_awaited(name) || self.has_users(name).await? {
            return Ok(Release::Stays);
        }
        let mut release = Release::Stays;
        let mut session = None;
        for network in self.default_networks(name).await? {
            // An unmanaged container may have been attached to the network.
            if self.has_containers(&network).await? {
                return Ok(Release::Unsettled);
            }
            session = session_of(&network.labels);
            let Err(failure) = self.engine.remove_network(&network.id).await else {
                release = Release::Removed;
                continue;
            };
            match &failure {
                EngineError::Refused(refusal) => match cause(Operation::RemoveNetwork, refusal) {
                    Cause::NotFound => {}
                    Cause::InUse => return Ok(Release::Unsettled),
                    _ => return Err(self.error(Operation::RemoveNetwork, name, failure)),
                },
                _ => return Err(self.error(Operation::RemoveNetwork, name, failure)),
            }
        }
        // Another process may have created a container on the network between the check and the removal.
        if release == Release::Removed && self.has_users(name).await? {
            let session = session.map_or_else(String::new, |session| session.to_string());
            // This has a deadline, because other tasks wait for `section`.
            let created = timeout(self.deadlines.create, self.create_default_network(name, &session)).await;
            created.map_err(|_| TimeoutError::new("create_network", self.deadlines.create))??;
            return Ok(Release::Unsettled);
        }
        Ok(release)
    }

    /// Returns whether any container, in any state, was created to use the default network of this name.
    async fn has_users(&self, name: &str) -> Result<bool> {
        let mut filters = self.ownership.filters();
        filters.push(format!("{DEFAULT_NETWORK}={name}"));
        let users = self.engine.list_containers(&filters, 1).await;
        let users = users.map_err(|failure| self.error(Operation::Read, name, failure))?;
        Ok(!users.is_empty())
    }

    async fn default_networks(&self, name: &str) -> Result<Vec<NetworkRecord>> {
        let mut own = self.all_own_networks().await?;
        own.retain(|network| network.name == name && self.is_default(network));
        Ok(own)
    }

    fn is_default(&self, network: &NetworkRecord) -> bool {
        self.ownership.owns(&network.labels) && network.labels.contains_key(DEFAULT_NETWORK)
    }
}
