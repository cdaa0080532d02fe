//! A warm pool: containers that are started before they are needed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use driver_interface::{
    ContainerConfig, ContainerDriver, ContainerDriverExt, ContainerId, RemoveOptions, RemovedSession, Result,
    SessionId,
};

/// Keeps `size` containers of one config running and ready.
///
/// A container serves one borrower and is then removed, so borrowers never share data. All containers belong
/// to the config's session, so `remove_session` finds them even after a crash.
#[derive(Debug)]
pub(crate) struct WarmPool {
    driver: Arc<dyn ContainerDriver>,
    config: ContainerConfig,
    size: usize,
    ready: Mutex<VecDeque<ContainerId>>,
    /// Serialises `replenish`, or two calls would fill the pool twice.
    filling: tokio::sync::Mutex<()>,
}

impl WarmPool {
    pub(crate) fn new(driver: Arc<dyn ContainerDriver>, config: ContainerConfig, size: usize) -> Self {
        Self {
            driver,
            config,
            size,
            ready: Mutex::default(),
            filling: tokio::sync::Mutex::default(),
        }
    }

    /// Returns the number of available containers.
    pub(crate) fn ready(&self) -> usize {
        self.with_ready(|ready| ready.len())
    }

    /// Starts containers until the pool is full.
    pub(crate) async fn replenish(&self) -> Result<()> {
        let _turn = self.filling.lock().await;
        while self.ready() < self.size {
            let container = self.start_one().await?;
            self.with_ready(|ready| ready.push_back(container));
        }
        Ok(())
    }

    /// Returns a running container: an available one, or else a new one. Containers that died in the pool are
    /// removed and skipped.
    pub(crate) async fn acquire(&self) -> Result<ContainerId> {
        while let Some(container) = self.with_ready(VecDeque::pop_front) {
            match self.driver.is_container_healthy(&container).await {
                Ok(true) => return Ok(container),
                Ok(false) => self.discard(&container).await?,
                Err(error) if error.is_not_found() => {}
                Err(error) => {
                    self.with_ready(|ready| ready.push_front(container));
                    return Err(error);
                }
            }
        }
        self.start_one().await
    }

    /// Removes a container and replaces it.
    pub(crate) async fn release(&self, container: &ContainerId) -> Result<()> {
        self.discard(container).await?;
        self.replenish().await
    }

    /// Removes all containers of the pool, including borrowed ones.
    pub(crate) async fn close(self) -> Result<RemovedSession> {
        let session = SessionId::new(&*self.config.session_id)?;
        Ok(self.driver.remove_session(&session).await)
    }

    async fn start_one(&self) -> Result<ContainerId> {
        let container = self.driver.create_container(&self.config).await?.id;
        match self.driver.start_container(&container).await {
            Ok(_) => Ok(container),
            Err(error) => {
                // The start error matters more than a failed removal.
                self.discard(&container).await.ok();
                Err(error)
            }
        }
    }

    async fn discard(&self, container: &ContainerId) -> Result<()> {
        match self
            .driver
            .remove_container(container, RemoveOptions::force())
            .await
        {
            Err(error) if error.is_not_found() => Ok(()),
            other => other,
        }
    }

    fn with_ready<T>(&self, change: impl FnOnce(&mut VecDeque<ContainerId>) -> T) -> T {
        change(&mut self.ready.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
