//! Creating containers, without leaking resources or creating duplicates.

mod binds;
pub(in crate::driver) mod parts;
mod undo;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use driver_interface_errors::{
    ConfigurationError, ContainerCreationError, DriverError, Effect, Hint, NetworkNotFoundError, Result,
    UnsupportedError,
};
use driver_interface_kit::{CreationKey, Rollback, within};
use driver_interface_types::{ContainerConfig, ContainerInstance, ImageRef, MountType, NetworkMode, label};
use tokio::sync::OwnedMutexGuard;
use tokio::time::sleep;

pub(in crate::driver) use self::binds::HostFiles;
use crate::driver::inner::{Inner, unique};
use crate::driver::networks::{NetworkUse, is_attached};
use crate::driver::task::{change, located, read};
use crate::translate::container::{network_mode, request};
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::setup::endpoint;
use crate::translate::{instance, labels};
use crate::wire::EngineError;

const OPERATION: &str = "create_container";

/// Podman's init program. Its arguments are `--` and the container's command.
const PODMAN_INIT: &str = "/run/podman-init";

/// The maximum number of attempts to create a container if its default network disappears during an attempt.
const ATTEMPTS: usize = 4;

/// The pauses, in milliseconds, before each attempt to find the container that already has the requested name.
/// Several attempts are needed because Podman reserves a name before the container becomes visible.
const NAME_PAUSES: [u64; 6] = [0, 50, 100, 250, 500, 1_000];

/// The result of a create request, with the id of the container.
enum Requested {
    Created(String),
    /// An earlier attempt with the same creation key created the container.
    Found(String),
}

pub(in crate::driver) async fn create(
    driver: &Arc<Inner>,
    config: &ContainerConfig,
) -> Result<ContainerInstance> {
    let deadline = driver.deadlines.create;
    read(OPERATION, deadline, checked(driver, config)).await?;
    let key = CreationKey::of(config, unique);
    let lock = if key.is_given() {
        Some(lock(driver, &key, deadline).await?)
    } else {
        None
    };
    if key.is_given()
        && let Some(found) = read(OPERATION, deadline, driver.earlier(config, &key)).await?
    {
        return Ok(found);
    }
    let network = read(OPERATION, deadline, driver.check_parts(config)).await?;
    let image = ImageRef::new(config.image.as_str()).map_err(|error| located(error.into(), OPERATION))?;
    read(
        OPERATION,
        driver.deadlines.pull,
        driver.ensure_image(&image, config.pull_policy, config.platform.as_deref()),
    )
    .await?;
    let mut config = config.clone();
    if let Some(name) = network {
        config.network = NetworkMode::Named(name);
    }
    let work = Arc::clone(driver).create_container(config, key, lock);
    change(OPERATION, deadline, work).await.map(Rollback::keep)
}

/// Returns an error if the engine cannot apply the config. The driver calls this before it creates anything.
async fn checked(driver: &Inner, config: &ContainerConfig) -> Result<()> {
    let violations = driver.violations(config).await;
    if !violations.is_empty() {
        return Err(ConfigurationError::new(violations).into());
    }
    config.require(&driver.features.capabilities)?;
    driver.features.check_runtime(config)?;
    if config.init == Some(true) && !driver.uses_init() {
        return Err(no_init().into());
    }
    driver.features.check_tmpfs(config)?;
    driver.features.check_limits(&config.resources)?;
    driver.features.check_strictness(config)
}

async fn lock(driver: &Inner, key: &CreationKey, deadline: Duration) -> Result<OwnedMutexGuard<()>> {
    let lock = async { Ok(driver.keys.lock(key.as_str()).await) };
    within(OPERATION, deadline, lock)
        .await
        .map_err(|error| located(error, OPERATION))
}

impl Inner {
    /// Returns the container that an earlier creation with this key created, or `None` if there is no such container.
    /// Before it returns the container, connects it to those further networks of its config to which it is not
    /// connected yet.
    async fn earlier(
        &self,
        config: &ContainerConfig,
        key: &CreationKey,
    ) -> Result<Option<ContainerInstance>> {
        let mut filters = self.ownership.filters();
        filters.push(format!("{}={}", label::OPERATION, key.as_str()));
        let listed = self.engine.list_containers(&filters, 0).await;
        let listed = listed.map_err(|failure| self.error(Operation::Read, key.as_str(), failure))?;
        for summary in listed.iter().filter(|summary| self.owns(summary)) {
            if key.is_on(&summary.labels) {
                key.check_config(config, &summary.labels)?;
                self.join_further(&summary.id, config).await?;
                if let Some(record) = self.find_container(&summary.id).await? {
                    let found = instance::of(&record, &self.features);
                    return found
                        .map(Some)
                        .map_err(|failure| self.error(Operation::Read, &summary.id, failure));
                }
            }
        }
        Ok(None)
    }

    /// Creates the container. Dropping the returned `Rollback` removes the container. Even if the caller drops its
    /// call, this function runs to completion.
    async fn create_container(
        self: Arc<Self>,
        config: ContainerConfig,
        key: CreationKey,
        lock: Option<OwnedMutexGuard<()>>,
    ) -> Result<Rollback<ContainerInstance>> {
        let (network, awaited) = match self.join(&config).await {
            Ok(joined) => joined,
            Err(error) => {
                // The network may be one that was kept for this container.
                self.release_if_default(&config, &self.default_network_name(&config.session_id))
                    .await;
                return Err(error);
            }
        };
        let result = self.request_container(&config, &key, &network).await;
        let id = match result {
            Ok(Requested::Created(id)) => id,
            Ok(Requested::Found(id)) => {
                self.join_further(&id, &config).await?;
                let record = self.container(&id).await?;
                let found = instance::of(&record, &self.features);
                return found
                    .map(Rollback::existing)
                    .map_err(|failure| self.error(Operation::Read, &id, failure));
            }
            Err(error) => {
                drop(awaited);
                self.clear_after(&error, config, key, network, lock).await;
                return Err(error);
            }
        };
        let undo = Arc::clone(&self).undo(
            id.clone(),
            network.clone(),
            config.network == NetworkMode::Default,
        );
        let joined = match &awaited {
            Some(_) if !self.engine.dialect().creation_needs_network => self
                .ensure_default_network(&network, &config.session_id)
                .await
                .map_err(no_network),
            _ => Ok(()),
        };
        drop(awaited);
        let created = match joined {
            Ok(()) => self.complete(&id, &config, &key).await,
            Err(error) => Err(error),
        };
        match created {
            Ok(instance) => {
                let undo = async {
                    let _ = undo.await;
                };
                Ok(Rollback::new(instance, undo).holding(lock))
            }
            Err(error) => Err(match undo.await {
                true => error,
                false => error.with_effect(Effect::Unknown).with_hint(Hint::VerifyFirst),
            }),
        }
    }

    /// Returns the name of the network to join and, for the default network, a mark that keeps that network from
    /// being removed. Creates the default network only if the engine cannot create a container without that network.
    /// Otherwise the driver creates the network later, after the container, because no other process removes a
    /// network that a container uses.
    async fn join(self: &Arc<Self>, config: &ContainerConfig) -> Result<(String, Option<NetworkUse>)> {
        match network_mode(&config.network) {
            Some(name) => Ok((name.to_owned(), None)),
            None => {
                let name = self.default_network_name(&config.session_id);
                let awaited = self.networks.begin(&name);
                let ready = match self.engine.dialect().creation_needs_network {
                    true => self.ensure_default_network(&name, &config.session_id).await,
                    // A container must never join an unmanaged network of that name.
                    false => self.refuse_network_of_others(&name).await,
                };
                ready.map_err(no_network)?;
                Ok((name, Some(awaited)))
            }
        }
    }

    async fn request_container(
        self: &Arc<Self>,
        config: &ContainerConfig,
        key: &CreationKey,
        network: &str,
    ) -> Result<Requested> {
        let name = key.container_name(config, self.ownership.namespace());
        let labels = labels::container(&self.ownership, config, &name, key, Some(network));
        let platform = config.platform.as_deref();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let init = config.init.unwrap_or_else(|| self.uses_init());
            let real = self.with_real_sources(config).await?;
            let mut body = request(&real, labels.clone(), network, &self.features, init);
            let proxies = self
                .proxies
                .iter()
                .filter(|(name, _)| !config.env.contains_key(name));
            body.env
                .get_or_insert_default()
                .extend(proxies.map(|(name, value)| format!("{name}={value}")));
            let failure = match self.engine.create_container(&name, platform, &body).await {
                Ok(id) => return Ok(Requested::Created(id)),
                Err(failure) => failure,
            };
            let found = match &failure {
                EngineError::Refused(refusal) => cause(Operation::CreateContainer, refusal),
                _ => Cause::Other,
            };
            match (found, &failure) {
                (Cause::NameTaken, _) => return self.name_taken(config, key, &name, failure).await,
                (Cause::NetworkMissing, _)
                    if config.network == NetworkMode::Default && attempt < ATTEMPTS =>
                {
                    self.ensure_default_network(network, &config.session_id)
                        .await
                        .map_err(no_network)?;
                }
                (Cause::NetworkMissing, _) => {
                    return Err(NetworkNotFoundError::new(network).with_source(failure).into());
                }
                (_, EngineError::Refused(refusal))
                    if init && self.engine.dialect().lacks_init(&refusal.message) =>
                {
                    self.no_init.store(true, Ordering::Relaxed);
                    if config.init == Some(true) {
                        return Err(no_init().with_source(failure).into());
                    }
                }
                _ => {
                    let subject = if found == Cause::ImageMissing {
                        &config.image
                    } else {
                        &name
                    };
                    return Err(self.error(Operation::CreateContainer, subject, failure));
                }
            }
        }
    }

    /// Returns the container that has `name` if an earlier attempt with this key created it, and otherwise an error.
    async fn name_taken(
        &self,
        config: &ContainerConfig,
        key: &CreationKey,
        name: &str,
        failure: EngineError,
    ) -> Result<Requested> {
        for pause in NAME_PAUSES {
            if !key.is_given() {
                break;
            }
            sleep(Duration::from_millis(pause)).await;
            let Some(record) = self.find_named(name).await? else {
                continue;
            };
            if key.is_on(&record.config.labels) {
                key.check_config(config, &record.config.labels)?;
                return Ok(Requested::Found(record.id));
            }
            break;
        }
        let text = format!("the name `{name}` is taken");
        Err(ContainerCreationError::new(text)
            .with_hint(Hint::NameTaken)
            .with_source(failure)
            .into())
    }

    /// Connects a container to those further networks of its config to which it is not connected yet.
    async fn join_further(&self, id: &str, config: &ContainerConfig) -> Result<()> {
        let further = self.further_networks(config).await?;
        if further.is_empty() {
            return Ok(());
        }
        let record = self.container(id).await?;
        for (network, options) in further {
            if is_attached(&record, &network) {
                continue;
            }
            let endpoint = endpoint(&options.aliases, &options.addresses);
            let joined = self.engine.connect_network(&network.id, id, endpoint).await;
            joined.map_err(|failure| {
                let text = format!(
                    "it could not be connected to network `{}`: {failure}",
                    network.name
                );
                ContainerCreationError::new(text).with_source(failure)
            })?;
        }
        Ok(())
    }

    /// Connects the new container to its further networks, checks its volumes, tmpfs modes and command, and returns its
    /// instance.
    async fn complete(
        &self,
        id: &str,
        config: &ContainerConfig,
        key: &CreationKey,
    ) -> Result<ContainerInstance> {
        self.join_further(id, config).await?;
        for mount in config
            .volumes
            .iter()
            .filter(|mount| mount.mount_type() != MountType::Bind)
        {
            self.check_volume_not_recreated(&mount.source, key.as_str())
                .await?;
        }
        self.check_tmpfs_modes(id, config).await?;
        let record = self.container(id).await?;
        // Podman 5 creates a container that has no command, and only fails to start it.
        if record.path.is_empty() || (record.path == PODMAN_INIT && record.args == ["--", ""]) {
            return Err(
                ContainerCreationError::new("neither the config nor the image has a command")
                    .with_hint(Hint::NoCommand)
                    .into(),
            );
        }
        instance::of(&record, &self.features)
            .map_err(|failure| self.error(Operation::CreateContainer, id, failure))
    }
}

fn no_init() -> UnsupportedError {
    UnsupportedError::new(
        OPERATION,
        "`init` requires an init program, but the engine has none",
    )
}

/// Converts `error`, the failure to create the default network, to a `ContainerCreationError`.
fn no_network(error: DriverError) -> DriverError {
    let (hint, retryable) = (error.hint(), error.is_retryable());
    let wrapped =
        ContainerCreationError::new(format!("its network could not be created: {}", error.message()))
            .with_retryable(retryable)
            .with_source(error);
    match hint {
        Some(hint) => wrapped.with_hint(hint).into(),
        None => wrapped.into(),
    }
}
