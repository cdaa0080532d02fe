//! Conveniences built from the operations alone, so every driver has them.

use std::time::Duration;

use async_trait::async_trait;
use driver_interface_errors::{
    ContainerNotFoundError, ContainerStartError, DriverError, Result, TimeoutError,
};
use tokio::time::{sleep, timeout};

use crate::{
    Capability, ContainerDriver, ContainerFilter, ContainerId, ContainerInstance, LogOptions, NetworkId,
    RemoveOptions, ResourceFilter, SessionId,
};

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// What [`ContainerDriverExt::remove_session`] did.
#[derive(Debug, Default)]
#[must_use = "`failures` says what of the session is left"]
#[non_exhaustive]
pub struct RemovedSession {
    /// How many containers it removed.
    pub containers: usize,
    /// How many volumes it removed.
    pub volumes: usize,
    /// How many networks it removed.
    pub networks: usize,
    /// What could not be removed, and why. Empty means that nothing of the session is left.
    pub failures: Vec<DriverError>,
}

/// Conveniences for every driver.
#[async_trait]
pub trait ContainerDriverExt: ContainerDriver {
    /// Waits until a container is as wanted, and returns it as it then is.
    ///
    /// # Errors
    /// - `ContainerNotFoundError`: it does not exist, or was removed meanwhile.
    /// - `TimeoutError`: it was not as wanted within `deadline`.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// ```
    /// use std::time::Duration;
    /// use driver_interface_mock::MockDockerDriver;
    /// use driver_interface_types::{ContainerConfig, ContainerDriver, ContainerDriverExt};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> driver_interface_types::Result<()> {
    /// let driver = MockDockerDriver::new();
    /// let config = ContainerConfig::new("demo", "busybox").command(["sh", "-c", "exit 3"]);
    /// let id = driver.create_container(&config).await?.id;
    /// driver.start_container(&id).await?;
    /// let ended = driver.wait_until(&id, Duration::from_secs(10), |now| now.exit.is_some()).await?;
    /// assert_eq!(ended.exit_code(), Some(3));
    /// # Ok(())
    /// # }
    /// ```
    async fn wait_until(
        &self,
        id: &ContainerId,
        deadline: Duration,
        wanted: impl for<'a> Fn(&'a ContainerInstance) -> bool + Send + Sync,
    ) -> Result<ContainerInstance> {
        let poll = async {
            let mut pause = FIRST_PAUSE;
            loop {
                let Some(now) = self.get_container(id).await? else {
                    return Err(ContainerNotFoundError::new(id.as_str()).into());
                };
                if wanted(&now) {
                    return Ok(now);
                }
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        };
        timeout(deadline, poll)
            .await
            .unwrap_or_else(|_| Err(TimeoutError::new("wait_until", deadline).into()))
    }

    /// Waits until a container has written `text` to its output or error, and returns all it has written.
    ///
    /// The usual way to know that a program is ready is that it says so.
    ///
    /// # Errors
    /// - `ContainerNotFoundError`: it does not exist, or was removed meanwhile.
    /// - `ContainerStartError`: it ended without having written the text; the message has its exit code.
    /// - `TimeoutError`: it had not written the text within `deadline`.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    async fn wait_for_log(&self, id: &ContainerId, text: &str, deadline: Duration) -> Result<String> {
        let poll = async {
            let mut pause = FIRST_PAUSE;
            loop {
                // The state is read before the logs, so that what a container wrote last is not missed.
                let Some(now) = self.get_container(id).await? else {
                    return Err(ContainerNotFoundError::new(id.as_str()).into());
                };
                let logs = self.get_container_logs(id, LogOptions::default()).await?;
                if logs.contains(text) {
                    return Ok(logs);
                }
                if let Some(code) = now.exit_code() {
                    let message = format!("it ended with exit code {code} before it wrote {text:?}");
                    return Err(ContainerStartError::new(id.as_str(), message)
                        .with_retryable(false)
                        .into());
                }
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        };
        timeout(deadline, poll)
            .await
            .unwrap_or_else(|_| Err(TimeoutError::new("wait_for_log", deadline).into()))
    }

    /// Removes everything of a session: containers (running ones too), then volumes, then networks.
    ///
    /// It goes on past what it cannot remove and reports it. Volumes and networks are found only with a
    /// driver that can list them. Removing a session that has nothing is fine.
    ///
    /// # Cancel safety
    /// What was removed is gone; calling it again goes on with the rest.
    async fn remove_session(&self, session: &SessionId) -> RemovedSession {
        let mut done = RemovedSession::default();
        let filter = ContainerFilter::default().session(session.clone());
        for container in done.note(self.list_containers(&filter).await).unwrap_or_default() {
            let removed = self.remove_container(&container.id, RemoveOptions::force()).await;
            done.containers += done.note_removal(removed);
        }
        let filter = ResourceFilter::default().session(session.clone());
        if self.capabilities().supports(Capability::VolumeList) {
            for volume in done.note(self.list_volumes(&filter).await).unwrap_or_default() {
                let removed = self.remove_volume(&volume.id).await;
                done.volumes += done.note_removal(removed);
            }
        }
        if self.capabilities().supports(Capability::NetworkList) {
            for network in done.note(self.list_networks(&filter).await).unwrap_or_default() {
                let id: &NetworkId = &network.id;
                let removed = self.remove_network(id).await;
                done.networks += done.note_removal(removed);
            }
        }
        done
    }
}

impl<D: ContainerDriver + ?Sized> ContainerDriverExt for D {}

impl RemovedSession {
    fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.failures.push(error)).ok()
    }

    /// Counts a removal. What is already gone is no failure: somebody else removed it.
    fn note_removal(&mut self, result: Result<()>) -> usize {
        match result {
            Ok(()) => 1,
            Err(error) if error.is_not_found() => 0,
            Err(error) => {
                self.failures.push(error);
                0
            }
        }
    }
}
