//! Creating, listing and removing networks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use driver_interface_errors::{Effect, Hint, NetworkCreationError, NetworkRemoveError, Result};
use driver_interface_kit::{Rollback, repeat_until};
use driver_interface_types::{Network, NetworkConfig, ResourceFilter, label};
use driver_interface_validation::validate_network_config;
use tokio::time::sleep;

use crate::driver::inner::{Inner, unique};
use crate::driver::task::change;
use crate::engine::NetworkPlan;
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::records::NetworkRecord;
use crate::translate::resource;
use crate::wire::EngineError;

const CREATE: &str = "create_network";

/// The maximum time to wait after several processes have created a network with the same name. The process whose
/// network has the lowest id waits until the other processes have removed their networks.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// The maximum number of attempts to create a network. The driver tries again only if a race condition inside the
/// engine made the request fail.
const TRIES: u32 = 5;

/// The outcome of creating a network whose name other processes may request at the same time.
pub(in crate::driver) enum Settled {
    Won(NetworkRecord),
    Lost,
    /// The network was created, but then another process removed the network.
    Gone,
}

pub(in crate::driver) async fn create(driver: &Arc<Inner>, config: &NetworkConfig) -> Result<Network> {
    change(
        CREATE,
        driver.deadlines.create,
        Arc::clone(driver).create_network(config.clone()),
    )
    .await
    .map(Rollback::keep)
}

impl Inner {
    async fn create_network(self: Arc<Self>, config: NetworkConfig) -> Result<Rollback<Network>> {
        validate_network_config(&config)?;
        config.require(&self.features.capabilities)?;
        let operation = unique();
        let mut options = config.options.clone();
        let driver = config.driver.clone().unwrap_or_else(|| "bridge".to_owned());
        if let Some((key, value)) = self
            .engine
            .dialect()
            .isolation_option
            .filter(|_| driver == "bridge")
        {
            options.entry(key.to_owned()).or_insert_with(|| value.to_owned());
        }
        let labels = self
            .ownership
            .labels(&config.labels, config.session_id.as_deref(), &operation);
        let plan = NetworkPlan {
            name: config.name.clone(),
            driver,
            labels,
            options,
            internal: config.internal,
            subnets: config.subnets.clone(),
            ipv6: config.ipv6,
        };
        match self.create_network_once(&plan).await? {
            Settled::Won(record) => {
                let created = resource::network(&record);
                let created =
                    created.map_err(|failure| self.error(Operation::CreateNetwork, &config.name, failure))?;
                let undo = async move {
                    let _ = self.engine.remove_network(&record.id).await;
                };
                Ok(Rollback::new(created, undo))
            }
            Settled::Lost => Err(taken(&config.name).into()),
            Settled::Gone => Err(removed(&config.name).into()),
        }
    }

    /// Creates a network. If several processes race for the name, at most one process succeeds.
    ///
    /// The engine may create several networks with the same name despite its check for duplicates. Therefore, after
    /// the creation, the driver lists the networks that have the name:
    /// - If the list has only the driver's own network, the driver has won. A process that creates a duplicate later
    ///   finds both networks in its list.
    /// - If another network has a lower id, the driver removes its own network and has lost.
    /// - If the driver's network has the lowest id, the driver waits until the other networks are removed. If they
    ///   still exist after `MAX_WAIT`, the driver removes its own network and has lost.
    pub(in crate::driver) async fn create_network_once(
        self: &Arc<Self>,
        plan: &NetworkPlan,
    ) -> Result<Settled> {
        let mut tries = 0;
        let id = loop {
            tries += 1;
            match self.engine.create_network(plan).await {
                Ok(id) => break id,
                Err(EngineError::Refused(refusal))
                    if tries < TRIES && cause(Operation::CreateNetwork, &refusal) == Cause::Transient =>
                {
                    sleep(Duration::from_millis(50) * tries).await;
                }
                Err(failure) => return self.not_created(plan, failure).await,
            }
        };
        let began = Instant::now();
        loop {
            let duplicates = match self.networks_called(&plan.name).await {
                Ok(duplicates) => duplicates,
                Err(error) => {
                    let (driver, plan) = (Arc::clone(self), plan.clone());
                    tokio::spawn(async move { driver.remove_lost_network(&plan).await });
                    return Err(error.with_effect(Effect::Unknown).with_hint(Hint::VerifyFirst));
                }
            };
            if !duplicates.iter().any(|duplicate| duplicate.id == id) {
                return Ok(Settled::Gone);
            }
            let lowest = duplicates.iter().all(|duplicate| id <= duplicate.id);
            if let [only] = duplicates.as_slice()
                && only.id == id
            {
                return Ok(Settled::Won(only.clone()));
            }
            if !lowest || began.elapsed() > MAX_WAIT {
                let _ = self.engine.remove_network(&id).await;
                return Ok(Settled::Lost);
            }
            sleep(Duration::from_millis(30)).await;
        }
    }

    async fn not_created(self: &Arc<Self>, plan: &NetworkPlan, failure: EngineError) -> Result<Settled> {
        if let EngineError::Refused(refusal) = &failure
            && cause(Operation::CreateNetwork, refusal) == Cause::NameTaken
        {
            return Ok(Settled::Lost);
        }
        if failure.effect_unknown() {
            let (driver, plan) = (Arc::clone(self), plan.clone());
            tokio::spawn(async move { driver.remove_lost_network(&plan).await });
        }
        Err(self.error(Operation::CreateNetwork, &plan.name, failure))
    }

    async fn remove_lost_network(&self, plan: &NetworkPlan) {
        let operation = plan.labels.get(label::OPERATION);
        repeat_until(|| async {
            let duplicates = self.networks_called(&plan.name).await.unwrap_or_default();
            match duplicates
                .iter()
                .find(|duplicate| operation.is_some() && duplicate.labels.get(label::OPERATION) == operation)
            {
                Some(lost) => self.engine.remove_network(&lost.id).await.is_ok(),
                None => false,
            }
        })
        .await;
    }

    /// Returns all networks whose name is exactly `name`, including unmanaged networks.
    pub(in crate::driver) async fn networks_called(&self, name: &str) -> Result<Vec<NetworkRecord>> {
        let listed = self.engine.list_networks("name", vec![name.to_owned()]).await;
        let mut found = listed.map_err(|failure| self.error(Operation::Read, name, failure))?;
        found.retain(|network| network.name == name);
        Ok(found)
    }

    pub(in crate::driver) async fn list_networks(&self, filter: &ResourceFilter) -> Result<Vec<Network>> {
        let own = self.own_networks().await?;
        let found: Result<Vec<Network>, EngineError> = own.iter().map(resource::network).collect();
        let mut found = found.map_err(|failure| self.error(Operation::Read, "networks", failure))?;
        found.retain(|network| filter.matches_network(network));
        found.sort_by(|a, b| a.created_at.cmp(&b.created_at).then_with(|| a.id.cmp(&b.id)));
        Ok(found)
    }

    pub(in crate::driver) async fn remove_network(self: Arc<Self>, requested: String) -> Result<()> {
        let network = self.network(&requested).await?;
        if self.has_containers(&network).await? {
            let text = "a container is attached to it";
            return Err(NetworkRemoveError::new(requested, text)
                .with_hint(Hint::InUse)
                .into());
        }
        let removed = self.engine.remove_network(&network.id).await;
        removed.map_err(|failure| self.error(Operation::RemoveNetwork, &requested, failure))
    }

    /// Returns whether a container is attached to the network, running or not. Docker itself refuses to remove a
    /// network only if a running container is attached.
    pub(in crate::driver) async fn has_containers(&self, network: &NetworkRecord) -> Result<bool> {
        for value in [&network.id, &network.name] {
            let listed = self.engine.containers_on_network(value).await;
            let found = listed.map_err(|failure| self.error(Operation::Read, &network.name, failure))?;
            if !found.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn removed(name: &str) -> NetworkCreationError {
    NetworkCreationError::new(name, "it was removed right after it was created").with_retryable(true)
}

fn taken(name: &str) -> NetworkCreationError {
    NetworkCreationError::new(name, "the name is taken").with_hint(Hint::NameTaken)
}
