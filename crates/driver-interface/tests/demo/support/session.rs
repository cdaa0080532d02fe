//! Sessions with a limit on containers, counted on the engine.

use std::sync::Arc;

use driver_interface::{
    ContainerConfig, ContainerDriver, ContainerDriverExt, ContainerFilter, ContainerInstance, RemovedSession,
    ResourceLimitError, Result, SessionId,
};
use tokio::sync::Mutex;

/// A session with a maximum number of containers.
///
/// It counts on the engine, which includes containers of other processes and survives crashes.
#[derive(Debug)]
pub(crate) struct Session {
    driver: Arc<dyn ContainerDriver>,
    id: SessionId,
    limit: usize,
    /// Makes count and creation atomic, or two tasks could both take the last place.
    turn: Mutex<()>,
}

impl Session {
    pub(crate) fn open(driver: Arc<dyn ContainerDriver>, id: SessionId, limit: usize) -> Self {
        Self {
            driver,
            id,
            limit,
            turn: Mutex::new(()),
        }
    }

    /// Returns a config for a container of this session.
    pub(crate) fn config(&self, image: &str) -> ContainerConfig {
        ContainerConfig::new(&self.id, image)
    }

    /// Creates a container unless the session has reached its limit.
    pub(crate) async fn create(&self, config: &ContainerConfig) -> Result<ContainerInstance> {
        let _turn = self.turn.lock().await;
        let expected = self.containers().await?.len() + 1;
        if expected > self.limit {
            let error = ResourceLimitError::new("containers", self.limit as f64, expected as f64);
            return Err(error.with_context("session", &self.id).into());
        }
        self.driver.create_container(config).await
    }

    /// Returns the session's containers in every status.
    pub(crate) async fn containers(&self) -> Result<Vec<ContainerInstance>> {
        let mine = ContainerFilter::default().session(self.id.clone());
        self.driver.list_containers(&mine).await
    }

    /// Removes the session and all its resources.
    pub(crate) async fn close(self) -> RemovedSession {
        self.driver.remove_session(&self.id).await
    }
}
