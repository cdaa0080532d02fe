//! Conveniences built from the operations alone, so every driver has them.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use driver_interface_errors::Result;

use crate::wait_for::{Watch, wait_ready};
use crate::{
    Capability, ContainerDriver, ContainerFilter, ContainerId, ContainerInstance, ContainerState, LogOptions,
    Network, RecoveredSession, RemoveOptions, RemovedSession, ResourceFilter, SessionId, SessionSummary,
    Volume, WaitFor,
};

/// Conveniences for every driver.
#[async_trait]
pub trait ContainerDriverExt: ContainerDriver {
    /// Waits until a container is as wanted, and returns it as it then is.
    ///
    /// # Errors
    /// - `ContainerNotFoundError`: it does not exist, or was removed meanwhile.
    /// - `WaitTimeoutError`: it was not as wanted within `deadline`. The message says how it was seen last; of one that
    ///   has exited, its exit code and the end of its log, as with [`wait_for`](Self::wait_for).
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
        let watch = Watch::new(self, "wait_until", id);
        let work = async {
            loop {
                let now = watch.look().await?;
                if wanted(&now) {
                    return Ok(now);
                }
                watch.pause().await;
            }
        };
        watch.within(deadline, "become as wanted", work).await
    }

    /// Waits until a container has written `text` to its output or error, and returns all it has written.
    ///
    /// The usual way to know that a program is ready is that it says so.
    ///
    /// # Errors
    /// - `ContainerNotFoundError`: it does not exist, or was removed meanwhile.
    /// - `ContainerStartError`: it exited without having written the text; see [`wait_for`](Self::wait_for).
    /// - `WaitTimeoutError`: it had not written the text within `deadline`.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    async fn wait_for_log(&self, id: &ContainerId, text: &str, deadline: Duration) -> Result<String> {
        let wanted = WaitFor::log(text);
        wait_ready(self, "wait_for_log", id, &wanted, deadline).await?;
        self.get_container_logs(id, LogOptions::default()).await
    }

    /// Waits until a container is ready, and returns it as it was then.
    ///
    /// # Errors
    /// - `ContainerNotFoundError`: it does not exist, or was removed meanwhile.
    /// - `ContainerStartError`: it exited without having become ready. The message has its exit code and the last five
    ///   lines of its log, at most 400 characters of them; the hint is the cause where it is a well-known one (a
    ///   read-only root, a permission, a user, a program, a port, memory). A log is the user's own: what looks like a
    ///   credential is blotted out, but a program that prints secrets prints them into this error too.
    /// - `WaitTimeoutError`: it was not ready within `deadline`. A container that is not started yet is waited for.
    /// - `TimeoutError`: the engine did not answer within `deadline`, or within the driver's own.
    /// - `ConfigurationError`: the path of [`WaitFor::Http`] cannot be asked for.
    /// - `UnsupportedError`: [`WaitFor::Exec`] with a driver that has no [`exec`](ContainerDriver::exec).
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// ```
    /// use std::time::Duration;
    /// use driver_interface_mock::MockDockerDriver;
    /// use driver_interface_types::{ContainerConfig, ContainerDriver, ContainerDriverExt, WaitFor};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> driver_interface_types::Result<()> {
    /// let driver = MockDockerDriver::new();
    /// let config = ContainerConfig::new("demo", "busybox").command(["sh", "-c", "sleep 1; echo ready; sleep 60"]);
    /// let id = driver.create_container(&config).await?.id;
    /// driver.start_container(&id).await?;
    /// driver.wait_for(&id, &WaitFor::log("ready"), Duration::from_secs(10)).await?;
    /// # Ok(())
    /// # }
    /// ```
    async fn wait_for(
        &self,
        id: &ContainerId,
        wanted: &WaitFor,
        deadline: Duration,
    ) -> Result<ContainerInstance> {
        wait_ready(self, "wait_for", id, wanted, deadline).await
    }

    /// Lists the sessions of this driver's namespace that have anything, by their oldest object, then id.
    ///
    /// It goes by the labels of what there is, so it also finds sessions whose programs have ended. Volumes and
    /// networks are counted only with a driver that can list them.
    ///
    /// # Errors
    /// Those of the listings.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    ///
    /// ```
    /// use driver_interface_mock::MockDockerDriver;
    /// use driver_interface_types::{ContainerConfig, ContainerDriver, ContainerDriverExt};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> driver_interface_types::Result<()> {
    /// let driver = MockDockerDriver::new();
    /// driver.create_container(&ContainerConfig::new("build-42", "busybox")).await?;
    /// let sessions = driver.list_sessions().await?;
    /// assert_eq!((sessions.len(), sessions[0].containers, sessions[0].running), (1, 1, 0));
    ///
    /// let session = driver.recover_session(&sessions[0].session_id).await?;
    /// assert_eq!(session.containers[0].session_id.as_str(), "build-42");
    /// # Ok(())
    /// # }
    /// ```
    async fn list_sessions(&self) -> Result<Vec<SessionSummary>> {
        let mut found = Sessions::default();
        for container in self.list_containers(&ContainerFilter::default()).await? {
            let summary = found.of(Some(&container.session_id), container.created_at);
            summary.into_iter().for_each(|summary| {
                summary.containers += 1;
                summary.running += usize::from(container.state == ContainerState::Running);
            });
        }
        let all = ResourceFilter::default();
        for volume in listed_volumes(self, &all).await? {
            let summary = found.of(volume.session_id.as_ref(), volume.created_at);
            summary.into_iter().for_each(|summary| summary.volumes += 1);
        }
        for network in listed_networks(self, &all).await? {
            let summary = found.of(network.session_id.as_ref(), network.created_at);
            summary.into_iter().for_each(|summary| summary.networks += 1);
        }
        Ok(found.sorted())
    }

    /// Finds everything of a session again, from labels alone: after a crash, or in another process.
    ///
    /// A session that has nothing is an empty one. Volumes and networks are found only with a driver that can
    /// list them.
    ///
    /// # Errors
    /// Those of the listings.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    async fn recover_session(&self, session: &SessionId) -> Result<RecoveredSession> {
        let mut found = RecoveredSession::new(session.clone());
        let filter = ContainerFilter::default().session(session.clone());
        found.containers = self.list_containers(&filter).await?;
        let filter = ResourceFilter::default().session(session.clone());
        found.volumes = listed_volumes(self, &filter).await?;
        found.networks = listed_networks(self, &filter).await?;
        Ok(found)
    }

    /// Removes everything of a session: containers (in every status), then volumes, then networks.
    ///
    /// It goes on past what it cannot remove and reports it. Volumes and networks are found only with a
    /// driver that can list them. Networks of the driver's own that no container uses are removed too, where the driver
    /// [can](ContainerDriver::remove_idle_networks), and not counted. Removing a session that has nothing is fine.
    ///
    /// # Cancel safety
    /// What was removed is gone; calling it again goes on with the rest.
    async fn remove_session(&self, session: &SessionId) -> RemovedSession {
        let containers = ContainerFilter::default().session(session.clone());
        let resources = ResourceFilter::default().session(session.clone());
        remove_all(self, &containers, &resources).await
    }

    /// Removes everything of this driver's namespace: the containers, volumes and networks of all sessions, those of no
    /// session, and the driver's own networks that no container uses.
    ///
    /// It is the clean-up after a crash, and works as [`remove_session`](Self::remove_session) does. Other namespaces and
    /// what other programs made are untouched. Images stay. What an engine is still creating for a process that was
    /// killed appears when it is done: call this again then.
    ///
    /// # Cancel safety
    /// What was removed is gone; calling it again goes on with the rest.
    ///
    /// ```
    /// use driver_interface_mock::MockDockerDriver;
    /// use driver_interface_types::{ContainerConfig, ContainerDriver, ContainerDriverExt, VolumeConfig};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> driver_interface_types::Result<()> {
    /// let driver = MockDockerDriver::new();
    /// driver.create_container(&ContainerConfig::new("build-42", "busybox")).await?;
    /// driver.create_volume(&VolumeConfig::new("of-no-session")).await?;
    /// let removed = driver.clear_namespace().await;
    /// assert_eq!((removed.containers, removed.volumes, removed.failures.len()), (1, 1, 0));
    /// # Ok(())
    /// # }
    /// ```
    async fn clear_namespace(&self) -> RemovedSession {
        remove_all(self, &ContainerFilter::default(), &ResourceFilter::default()).await
    }
}

impl<D: ContainerDriver + ?Sized> ContainerDriverExt for D {}

async fn remove_all<D: ContainerDriver + ?Sized>(
    driver: &D,
    containers: &ContainerFilter,
    resources: &ResourceFilter,
) -> RemovedSession {
    let mut done = RemovedSession::default();
    for container in done
        .note(driver.list_containers(containers).await)
        .unwrap_or_default()
    {
        let removed = driver
            .remove_container(&container.id, RemoveOptions::force())
            .await;
        done.containers += done.note_removal(removed);
    }
    for volume in done
        .note(listed_volumes(driver, resources).await)
        .unwrap_or_default()
    {
        let removed = driver.remove_volume(&volume.id).await;
        done.volumes += done.note_removal(removed);
    }
    for network in done
        .note(listed_networks(driver, resources).await)
        .unwrap_or_default()
    {
        let removed = driver.remove_network(&network.id).await;
        done.networks += done.note_removal(removed);
    }
    if driver.capabilities().supports(Capability::NetworkCleanup) {
        done.note(driver.remove_idle_networks().await);
    }
    done
}

async fn listed_volumes<D: ContainerDriver + ?Sized>(
    driver: &D,
    filter: &ResourceFilter,
) -> Result<Vec<Volume>> {
    match driver.capabilities().supports(Capability::VolumeList) {
        true => driver.list_volumes(filter).await,
        false => Ok(Vec::new()),
    }
}

async fn listed_networks<D: ContainerDriver + ?Sized>(
    driver: &D,
    filter: &ResourceFilter,
) -> Result<Vec<Network>> {
    match driver.capabilities().supports(Capability::NetworkList) {
        true => driver.list_networks(filter).await,
        false => Ok(Vec::new()),
    }
}

/// Sessions while they are counted.
#[derive(Default)]
struct Sessions(BTreeMap<SessionId, SessionSummary>);

impl Sessions {
    /// The summary of an object's session, if it has one, now that the object is known.
    fn of(&mut self, session: Option<&SessionId>, created_at: SystemTime) -> Option<&mut SessionSummary> {
        let session = session?;
        let summary = self
            .0
            .entry(session.clone())
            .or_insert_with(|| SessionSummary::new(session.clone(), created_at));
        summary.created_at = summary.created_at.min(created_at);
        Some(summary)
    }

    fn sorted(self) -> Vec<SessionSummary> {
        let mut all: Vec<SessionSummary> = self.0.into_values().collect();
        // Stable, and the map was in the order of ids.
        all.sort_by_key(|summary| summary.created_at);
        all
    }
}
