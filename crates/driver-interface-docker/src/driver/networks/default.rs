//! The driver's default network. The driver creates this network together with the first container that uses the
//! network, and removes the network some time after the removal of the last such container.

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

/// The maximum number of attempts to remove a default network. The driver tries again after an error and after
/// [`Release::Unsettled`].
const RELEASES: u32 = 5;
const RELEASE_PAUSE: Duration = Duration::from_millis(200);

/// How long the removal of the kept default networks may take after the last clone of the driver was dropped.
const CLOSE: Duration = Duration::from_secs(5);

/// The result of an attempt to remove a default network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Release {
    Removed,
    /// A container of this namespace uses the network or is about to use it, or the network no longer exists.
    Stays,
    /// The network exists, but another attempt may remove it. Either the engine reports the network as in use
    /// although no container of this namespace uses it, or a container for this network was created during the
    /// removal. In the second case, the driver has created the network again.
    Unsettled,
}

impl Inner {
    /// Returns the name of a session's default network. On Docker, all sessions of the namespace have the same
    /// default network.
    pub(in crate::driver) fn default_network_name(&self, session: &str) -> String {
        if self.engine.dialect().network_per_session {
            format!("{}-{session}", self.network)
        } else {
            self.network.clone()
        }
    }

    /// Creates the default network if it does not exist. The creation has a deadline, because an engine that never
    /// responds must not block other callers. If the engine creates the network after the deadline, the next caller
    /// finds that network.
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

    /// Creates the default network if it does not exist. The caller must hold the lock `section`. Other processes may
    /// create the network and remove it again in the meantime. The function then tries again, as often as necessary.
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

    /// Returns an error if networks named `name` exist, but none of these networks is a default network of this
    /// namespace. Containers must not join another network in place of their default network.
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

    /// Removes the default network, unless a container uses the network or is about to use it. The removal happens now,
    /// or after the time for which the network is kept.
    pub(in crate::driver) async fn release_default_network(self: &Arc<Self>, name: &str) {
        if !self.keep_default_network(name) {
            self.remove_default_network(name).await;
        }
    }

    /// Removes the default network that was kept for later containers, unless a container uses the network. Called after
    /// the last clone of the driver was dropped: this driver can then create no further container.
    pub(in crate::driver) async fn close_networks(self: Arc<Self>) {
        let _ = timeout(CLOSE, self.remove_default_network(&self.network)).await;
    }

    /// Removes the default network, unless a container uses the network or is about to use it. Returns whether the
    /// network needs no further attempt, because it was removed or is used. Logs errors and does not return them: the
    /// next release or cleanup of the network tries again.
    pub(super) async fn remove_default_network(self: &Arc<Self>, name: &str) -> bool {
        match timeout(self.deadlines.remove, self.remove_if_idle(name)).await {
            Ok(Ok(release)) => return release != Release::Unsettled,
            Ok(Err(error)) => tracing::debug!(network = name, %error, "the default network was not removed"),
            Err(_) => tracing::debug!(network = name, "the default network was not removed in time"),
        }
        false
    }

    /// Removes every default network of this namespace that no container uses, including networks that other
    /// processes created. Also removes helper containers and helper images whose volume no longer exists. Returns how
    /// many networks were removed. If a removal fails, the function still tries the other removals, and then returns
    /// the first error.
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
                Ok(release) => removed += usize::from(release == Release::Removed),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        let helpers = self.remove_orphaned_helpers().await;
        let helpers = helpers.map_err(|failure| self.error(Operation::RemoveVolume, "helpers", failure));
        failure.or(helpers.err()).map_or(Ok(removed), Err)
    }

    /// Removes the default network, unless a container uses the network or is about to use it. Returns whether the
    /// network was removed.
    async fn remove_if_idle(self: &Arc<Self>, name: &str) -> Result<Release> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_to_remove(name).await {
                Ok(Release::Unsettled) | Err(_) if tries < RELEASES => sleep(RELEASE_PAUSE).await,
                Ok(release) => return Ok(release),
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

    /// Returns whether a container of this namespace, in any state, was created to use the default network `name`.
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
