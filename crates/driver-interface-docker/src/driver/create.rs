//! Making containers, without leaks and without twins.

mod binds;
mod parts;
mod undo;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use driver_interface_errors::{
    ConfigurationError, ContainerCreationError, DriverError, Hint, NetworkNotFoundError, Result,
    TimeoutError, UnsupportedError,
};
use driver_interface_types::{ContainerConfig, ContainerInstance, ImageRef, MountType, NetworkMode, label};
use tokio::sync::OwnedMutexGuard;
use tokio::time::{sleep, timeout};

pub(super) use self::binds::HostFiles;
use super::inner::{Inner, unique};
use super::locks::NetworkUse;
use super::task::{Made, change, located, read};
use crate::quirks;
use crate::translate::container::{network_mode, request};
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::instance;
use crate::translate::records::Labels;
use crate::wire::EngineError;

const OPERATION: &str = "create_container";

/// How often a creation is tried whose network vanished under it.
const ATTEMPTS: usize = 4;

/// When a container is looked for whose name is taken, in milliseconds: Podman takes the name first, and shows the
/// container when it has made it.
const NAME_PAUSES: [u64; 6] = [0, 50, 100, 250, 500, 1_000];

/// What makes one creation recognisable.
#[derive(Clone)]
struct Key {
    text: String,
    /// Whether the caller gave it, and so expects to find what an earlier try has made.
    given: bool,
}

impl Key {
    fn of(config: &ContainerConfig) -> Self {
        match &config.operation_key {
            Some(text) => Self {
                text: text.clone(),
                given: true,
            },
            None => Self {
                text: unique(),
                given: false,
            },
        }
    }
}

/// What happened to a request for a container.
enum Requested {
    Made(String),
    /// An earlier try with the same key has made it.
    Found(String),
}

pub(super) async fn create(driver: &Arc<Inner>, config: &ContainerConfig) -> Result<ContainerInstance> {
    let deadline = driver.deadlines.create;
    read(OPERATION, deadline, checked(driver, config)).await?;
    let key = Key::of(config);
    let lock = if key.given {
        Some(lock(driver, &key, deadline).await?)
    } else {
        None
    };
    if key.given
        && let Some(found) = read(OPERATION, deadline, driver.earlier(config, &key)).await?
    {
        return Ok(found);
    }
    read(OPERATION, deadline, driver.check_parts(config)).await?;
    let image = ImageRef::new(config.image.as_str()).map_err(|error| located(error.into(), OPERATION))?;
    read(
        OPERATION,
        driver.deadlines.pull,
        driver.ensure_image(&image, config.pull_policy, config.platform.as_deref()),
    )
    .await?;
    let work = Arc::clone(driver).make(config.clone(), key, lock);
    change(OPERATION, deadline, work).await.map(Made::keep)
}

/// Everything that can be refused without asking the engine.
async fn checked(driver: &Inner, config: &ContainerConfig) -> Result<()> {
    let violations = driver.violations(config).await;
    if !violations.is_empty() {
        return Err(ConfigurationError::new(violations).into());
    }
    config.require(&driver.abilities.capabilities)?;
    driver.abilities.check_runtime(config)?;
    if config.init == Some(true) && !driver.uses_init() {
        return Err(no_init().into());
    }
    driver.abilities.check_tmpfs(config)?;
    driver.abilities.check_limits(&config.resources)?;
    driver.abilities.check_strictness(config)
}

async fn lock(driver: &Inner, key: &Key, deadline: Duration) -> Result<OwnedMutexGuard<()>> {
    let lock = timeout(deadline, driver.keys.lock(&key.text)).await;
    lock.map_err(|_| located(TimeoutError::new(OPERATION, deadline).into(), OPERATION))
}

impl Inner {
    /// The container that an earlier creation with this key has made.
    async fn earlier(&self, config: &ContainerConfig, key: &Key) -> Result<Option<ContainerInstance>> {
        let mut filters = self.maker.filters();
        filters.push(format!("{}={}", label::OPERATION, key.text));
        let listed = self.engine.list_containers(&filters, 0).await;
        let listed = listed.map_err(|failure| self.error(Operation::Read, &key.text, failure))?;
        for summary in listed.iter().filter(|summary| self.made(summary)) {
            if summary.labels.get(label::OPERATION) == Some(&key.text) {
                self.same_config(config, key, &summary.labels)?;
                if let Some(record) = self.find_container(&summary.id).await? {
                    let found = instance::of(&record, &self.abilities);
                    return found
                        .map(Some)
                        .map_err(|failure| self.error(Operation::Read, &summary.id, failure));
                }
            }
        }
        Ok(None)
    }

    /// Refuses to take a container for another config's.
    fn same_config(&self, config: &ContainerConfig, key: &Key, labels: &Labels) -> Result<()> {
        if labels.get(label::FINGERPRINT) == Some(&config.fingerprint()) {
            return Ok(());
        }
        let problem = format!(
            "`{}` was used for another config; give each creation a key of its own",
            key.text
        );
        Err(ConfigurationError::single("operationKey", "key-reused", problem).into())
    }

    /// Makes the container. Runs to its end whatever becomes of the caller.
    async fn make(
        self: Arc<Self>,
        config: ContainerConfig,
        key: Key,
        lock: Option<OwnedMutexGuard<()>>,
    ) -> Result<Made<ContainerInstance>> {
        let (network, awaited) = self.join(&config).await?;
        let result = self.request_container(&config, &key, &network).await;
        let id = match result {
            Ok(Requested::Made(id)) => id,
            Ok(Requested::Found(id)) => {
                let record = self.container(&id).await?;
                let found = instance::of(&record, &self.abilities);
                return found
                    .map(Made::found)
                    .map_err(|failure| self.error(Operation::Read, &id, failure));
            }
            Err(error) => {
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
            Some(_) if !quirks::creation_needs_network(self.engine.flavour()) => {
                self.ensure_default_network(&network, &config.session_id).await
            }
            _ => Ok(()),
        };
        drop(awaited);
        if let Err(error) = joined {
            undo.await;
            return Err(no_network(error));
        }
        match self.complete(&id, &config, &key).await {
            Ok(instance) => Ok(Made::new(instance, undo).holding(lock)),
            Err(error) => {
                drop(Made::new((), undo).holding(lock));
                Err(error)
            }
        }
    }

    /// The name of the network to join. A default network is made before the container where the engine needs it
    /// for that. Other engines are told the name alone, and it is made after: once there is a container that uses
    /// it, no clean-up of another process removes it.
    async fn join(self: &Arc<Self>, config: &ContainerConfig) -> Result<(String, Option<NetworkUse>)> {
        match network_mode(&config.network) {
            Some(name) => Ok((name.to_owned(), None)),
            None => {
                let name = self.default_network_name(&config.session_id);
                let awaited = self.networks.begin(&name);
                if quirks::creation_needs_network(self.engine.flavour()) {
                    self.ensure_default_network(&name, &config.session_id)
                        .await
                        .map_err(no_network)?;
                }
                Ok((name, Some(awaited)))
            }
        }
    }

    async fn request_container(
        self: &Arc<Self>,
        config: &ContainerConfig,
        key: &Key,
        network: &str,
    ) -> Result<Requested> {
        let name = self.container_name(config, key);
        let labels = self.maker.container(config, &name, &key.text, Some(network));
        let platform = config.platform.as_deref();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let init = config.init.unwrap_or_else(|| self.uses_init());
            let real = self.with_real_sources(config).await?;
            let body = request(&real, labels.clone(), network, &self.abilities, init);
            let failure = match self.engine.create_container(&name, platform, &body).await {
                Ok(id) => return Ok(Requested::Made(id)),
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
                    if init && quirks::lacks_init(self.engine.flavour(), &refusal.message) =>
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

    /// The name is taken: by an earlier try of the same creation, or by something else.
    async fn name_taken(
        &self,
        config: &ContainerConfig,
        key: &Key,
        name: &str,
        failure: EngineError,
    ) -> Result<Requested> {
        for pause in NAME_PAUSES {
            if !key.given {
                break;
            }
            sleep(Duration::from_millis(pause)).await;
            let Some(record) = self.find_container(name).await? else {
                continue;
            };
            if record.config.labels.get(label::OPERATION) == Some(&key.text) {
                self.same_config(config, key, &record.config.labels)?;
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

    /// Looks the new container up, after making sure that it got what it was promised.
    async fn complete(&self, id: &str, config: &ContainerConfig, key: &Key) -> Result<ContainerInstance> {
        for mount in config
            .volumes
            .iter()
            .filter(|mount| mount.mount_type() != MountType::Bind)
        {
            self.check_volume_stayed(&mount.source, &key.text).await?;
        }
        self.check_tmpfs_modes(id, config).await?;
        let record = self.container(id).await?;
        instance::of(&record, &self.abilities)
            .map_err(|failure| self.error(Operation::CreateContainer, id, failure))
    }

    fn container_name(&self, config: &ContainerConfig, key: &Key) -> String {
        config
            .name
            .clone()
            .unwrap_or_else(|| format!("{}-{}", self.maker.namespace.name_prefix(), key.text))
    }
}

fn no_init() -> UnsupportedError {
    UnsupportedError::new(
        OPERATION,
        "`init` asks for an init process, and the engine has no program for it",
    )
}

/// A container's error for a default network that could not be made.
fn no_network(error: DriverError) -> DriverError {
    let (hint, retryable) = (error.hint(), error.is_retryable());
    let wrapped = ContainerCreationError::new(format!("its network could not be made: {}", error.message()))
        .with_retryable(retryable)
        .with_source(error);
    match hint {
        Some(hint) => wrapped.with_hint(hint).into(),
        None => wrapped.into(),
    }
}
