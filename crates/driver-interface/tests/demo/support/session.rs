//! Sessions with a limit: one user's containers, counted where they really are.

use std::sync::Arc;

use driver_interface::{
    ContainerConfig, ContainerDriver, ContainerDriverExt, ContainerFilter, ContainerInstance, RemovedSession,
    ResourceLimitError, Result, SessionId,
};
use tokio::sync::Mutex;

/// One session on a driver, with at most so many containers.
///
/// It keeps no list of its own: the engine's answer counts what another process made or removed too, and is
/// still right after a crash.
#[derive(Debug)]
pub(crate) struct Session {
    driver: Arc<dyn ContainerDriver>,
    id: SessionId,
    limit: usize,
    /// Counting and creating belong together, or two tasks would both take the last place.
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

    /// A config for a container of this session.
    pub(crate) fn config(&self, image: &str) -> ContainerConfig {
        ContainerConfig::new(&self.id, image)
    }

    /// Creates a container unless the session has reached its share.
    pub(crate) async fn create(&self, config: &ContainerConfig) -> Result<ContainerInstance> {
        let _turn = self.turn.lock().await;
        let expected = self.containers().await?.len() + 1;
        if expected > self.limit {
            let error = ResourceLimitError::new("containers", self.limit as f64, expected as f64);
            return Err(error.with_context("session", &self.id).into());
        }
        self.driver.create_container(config).await
    }

    /// What the session has, in every status.
    pub(crate) async fn containers(&self) -> Result<Vec<ContainerInstance>> {
        let mine = ContainerFilter::default().session(self.id.clone());
        self.driver.list_containers(&mine).await
    }

    /// Ends the session and everything in it.
    pub(crate) async fn close(self) -> RemovedSession {
        self.driver.remove_session(&self.id).await
    }
}
