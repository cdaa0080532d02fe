//! A warm pool: containers that are started before they are needed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use driver_interface::{
    ContainerConfig, ContainerDriver, ContainerDriverExt, ContainerId, RemoveOptions, RemovedSession, Result,
    SessionId,
};

/// Keeps `size` containers of one config running and ready.
///
/// A container serves one borrower and is then removed: what one has written, the next never sees. All belong
/// to the config's session, so whatever happens to this program, `remove_session` finds them.
#[derive(Debug)]
pub(crate) struct WarmPool {
    driver: Arc<dyn ContainerDriver>,
    config: ContainerConfig,
    size: usize,
    ready: Mutex<VecDeque<ContainerId>>,
    /// One at a time fills the pool, or two would fill it twice.
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

    /// How many wait for a borrower.
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

    /// Hands out a container that runs: a ready one, or a new one when there is none. One that died while
    /// it waited is removed, and the next one is taken.
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

    /// Takes a container back: removes it and fills its place.
    pub(crate) async fn release(&self, container: &ContainerId) -> Result<()> {
        self.discard(container).await?;
        self.replenish().await
    }

    /// Removes everything the pool has made, borrowed containers too.
    pub(crate) async fn close(self) -> Result<RemovedSession> {
        let session = SessionId::new(&*self.config.session_id)?;
        Ok(self.driver.remove_session(&session).await)
    }

    async fn start_one(&self) -> Result<ContainerId> {
        let container = self.driver.create_container(&self.config).await?.id;
        match self.driver.start_container(&container).await {
            Ok(_) => Ok(container),
            Err(error) => {
                // Why it did not start matters more than whether it could be removed.
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
