//! Helper methods that every driver has, because they use only the operations of [`ContainerDriver`].

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use driver_interface_errors::Result;

use crate::run::{self, ContainerRun};
use crate::wait_for::{Watch, wait_ready};
use crate::{
    ContainerConfig, ContainerDriver, ContainerFilter, ContainerId, ContainerInstance, ContainerState,
    ExecOutput, LogOptions, Network, Operation, RecoveredSession, RemoveOptions, RemovedSession,
    ResourceFilter, RunOptions, SessionId, SessionSummary, Volume, WaitFor,
};

/// Convenience methods for every driver.
#[async_trait]
pub trait ContainerDriverExt: ContainerDriver {
    /// Returns the container with exactly this name, or `None` if the driver's namespace has no such container.
    ///
    /// # Errors
    /// Those of [`list_containers`](ContainerDriver::list_containers).
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
    /// let created = driver.create_container(&ContainerConfig::new("demo", "busybox").name("web-1")).await?;
    /// assert_eq!(driver.find_container("web-1").await?, Some(created));
    /// assert_eq!(driver.find_container("web").await?, None);
    /// # Ok(())
    /// # }
    /// ```
    async fn find_container(&self, name: &str) -> Result<Option<ContainerInstance>> {
        let found = self
            .list_containers(&ContainerFilter::default().name(name))
            .await?;
        Ok(found.into_iter().next())
    }

    /// Returns the network with exactly this name, or `None` if the driver's namespace has no such network.
    ///
    /// # Errors
    /// Those of [`list_networks`](ContainerDriver::list_networks).
    ///
    /// # Cancel safety
    /// Nothing to undo.
    async fn find_network(&self, name: &str) -> Result<Option<Network>> {
        let found = self.list_networks(&ResourceFilter::default().name(name)).await?;
        Ok(found.into_iter().next())
    }

    /// Waits until the state of a container satisfies `condition`, and returns that state.
    ///
    /// # Errors
    /// - `ContainerNotFoundError`: the container does not exist, or was removed during the wait.
    /// - `WaitTimeoutError`: the container did not satisfy the condition within `deadline`. The message contains the
    ///   container's last observed state. If the container has exited, the message also contains the exit code and
    ///   the end of the log, as described for [`wait_for`](Self::wait_for).
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
        condition: impl for<'a> Fn(&'a ContainerInstance) -> bool + Send + Sync,
    ) -> Result<ContainerInstance> {
        let watch = Watch::new(self, "wait_until", id);
        let work = async {
            loop {
                let now = watch.poll().await?;
                if condition(&now) {
                    return Ok(now);
                }
                watch.pause().await;
            }
        };
        watch.within(deadline, "satisfied the condition", work).await
    }

    /// Waits until a container has written `text` to standard output or standard error. Returns all output that the
    /// container has written so far.
    ///
    /// A log line is the usual way for a program to announce that it is ready.
    ///
    /// # Errors
    /// - `ContainerNotFoundError`: the container does not exist, or was removed during the wait.
    /// - `ContainerStartError`: the container exited before it wrote the text; see [`wait_for`](Self::wait_for).
    /// - `WaitTimeoutError`: the container had not written the text within `deadline`.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    async fn wait_for_log(&self, id: &ContainerId, text: &str, deadline: Duration) -> Result<String> {
        let condition = WaitFor::log(text);
        wait_ready(self, "wait_for_log", id, &condition, deadline).await?;
        self.get_container_logs(id, LogOptions::default()).await
    }

    /// Waits until a container satisfies the readiness condition `condition`, and then returns the container's state.
    ///
    /// # Errors
    /// - `ContainerNotFoundError`: the container does not exist, or was removed during the wait.
    /// - `ContainerStartError`: the container exited before it satisfied the condition. The message contains the exit
    ///   code and the last five lines of the log, but at most 400 characters of log text. If the cause is well known,
    ///   the hint names the cause (such as a read-only root file system, a missing permission, user or program, a
    ///   port in use, or a lack of memory). In the log text, the message redacts text that looks like a credential.
    ///   Other secrets that the program prints are not redacted.
    /// - `WaitTimeoutError`: the container did not satisfy the condition within `deadline`. This also happens if
    ///   nobody starts the container within `deadline`.
    /// - `TimeoutError`: the engine did not respond within `deadline`, or within the driver's own deadline.
    /// - `ConfigurationError`: the path of [`WaitFor::Http`] is invalid.
    /// - `UnsupportedError`: the condition is [`WaitFor::Exec`], and the driver does not support
    ///   [`exec`](ContainerDriver::exec).
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
        condition: &WaitFor,
        deadline: Duration,
    ) -> Result<ContainerInstance> {
        wait_ready(self, "wait_for", id, condition, deadline).await
    }

    /// Creates a container, runs the container until it exits, and removes it. Returns the output and the outcome.
    ///
    /// The call works like `docker run --rm`. The driver must be cloneable, such as `DockerDriver` or
    /// `Arc<dyn ContainerDriver>`, because a clone of the driver removes the container. To read the output while the
    /// container runs, use [`run_streaming`](Self::run_streaming).
    ///
    /// The output comes from the container's log. Therefore bytes that are not UTF-8 may be replaced (see
    /// [`stream_container_logs`](ContainerDriver::stream_container_logs)). With a [`tty`](ContainerConfig::tty), all
    /// output is in `stdout`. The outcome is never [`ExecOutcome::Signaled`](crate::ExecOutcome::Signaled): a
    /// container that is terminated by a signal exits with the exit code 128 plus the signal number.
    ///
    /// If the config has an [operation key](ContainerConfig::operation_key), a retry uses the container that an
    /// earlier attempt created. If that container has already been started, the retry does not start the container
    /// again, and returns the result of the earlier start. Two runs with the same key must not overlap, because they
    /// share one container. The run that ends first removes the container. The outcome of the other run is then
    /// `ContainerGone`.
    ///
    /// The driver must support [`stream_container_logs`](ContainerDriver::stream_container_logs) and
    /// [`wait_container`](ContainerDriver::wait_container).
    ///
    /// # Errors
    /// - Those of [`create_container`](ContainerDriver::create_container),
    ///   [`start_container`](ContainerDriver::start_container) and [`wait_container`](ContainerDriver::wait_container).
    /// - `ContainerRemoveError`: the container exited, but several attempts to remove the container failed. The
    ///   message contains the exit code. The removal is tried again in the background.
    ///
    /// If the call fails, the container is removed before the call returns, if the engine allows the removal. An
    /// error after the start of the container has the effect `Unknown` or `Applied`, because the command may have
    /// run. If the command fails, the call does not return an error; see
    /// [`ExecOutput::success`](crate::ExecOutput::success).
    ///
    /// # Cancel safety
    /// If the future is dropped, the container is killed and removed in the background. This happens only while the
    /// tokio runtime still runs.
    ///
    /// ```
    /// use driver_interface_mock::MockDockerDriver;
    /// use driver_interface_types::{ContainerConfig, ContainerDriver, ContainerDriverExt, RunOptions};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> driver_interface_types::Result<()> {
    /// let driver = MockDockerDriver::new();
    /// let config = ContainerConfig::new("demo", "busybox").shell("echo hello; exit 3");
    /// let output = driver.run(&config, RunOptions::default()).await?;
    /// assert_eq!((output.stdout_text().as_ref(), output.outcome.exit_code()), ("hello\n", Some(3)));
    /// assert!(driver.list_containers(&Default::default()).await?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    async fn run(&self, config: &ContainerConfig, options: RunOptions) -> Result<ExecOutput>
    where
        Self: Clone + 'static,
    {
        run::to_exit(self.clone(), config, options).await
    }

    /// Creates and starts a container and streams its output. [`ContainerRun::finish`] removes the container.
    ///
    /// See [`run`](Self::run) for the required operations and the errors.
    ///
    /// # Cancel safety
    /// If the future or the [`ContainerRun`] is dropped, the container is killed and removed in the background. This
    /// happens only while the tokio runtime still runs.
    ///
    /// ```
    /// use driver_interface_mock::MockDockerDriver;
    /// use driver_interface_types::{ContainerConfig, ContainerDriverExt};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> driver_interface_types::Result<()> {
    /// let driver = MockDockerDriver::new();
    /// let config = ContainerConfig::new("demo", "busybox").shell("echo one; sleep 1; echo two");
    /// let mut run = driver.run_streaming(&config).await?;
    /// while let Some(chunk) = run.next_chunk().await {
    ///     print!("{}", chunk?.text());
    /// }
    /// assert_eq!(run.finish().await?.code, 0);
    /// # Ok(())
    /// # }
    /// ```
    async fn run_streaming(&self, config: &ContainerConfig) -> Result<ContainerRun<Self>>
    where
        Self: Clone + 'static,
    {
        ContainerRun::start(self.clone(), config).await
    }

    /// Lists the sessions of this driver's namespace that have at least one resource. The sessions are sorted by the
    /// creation time of their oldest resource, then by id.
    ///
    /// The call finds sessions by the labels of existing resources. Therefore the list includes sessions whose
    /// programs have exited. Volumes and networks are counted only if the driver can list them.
    ///
    /// # Errors
    /// Those of the list operations.
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

    /// Finds all resources of a session by their labels, and returns the resources. The call also works after a crash
    /// of the program, and in another process.
    ///
    /// If the session has no resources, the result is empty. Volumes and networks are included only if the driver can
    /// list them.
    ///
    /// # Errors
    /// Those of the list operations.
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

    /// Removes all resources of a session: containers (in every status), then volumes, then networks.
    ///
    /// If a resource cannot be listed or removed, the call records the error in
    /// [`failures`](RemovedSession::failures) and continues. Volumes and networks are removed only if the driver can
    /// list them. If the driver supports [`remove_idle_networks`](ContainerDriver::remove_idle_networks), the call
    /// also removes the driver's own networks that no container uses. These networks are not counted. If the session
    /// has no resources, the call succeeds.
    ///
    /// # Cancel safety
    /// Removed resources stay removed. Another call removes the remaining resources.
    async fn remove_session(&self, session: &SessionId) -> RemovedSession {
        let containers = ContainerFilter::default().session(session.clone());
        let resources = ResourceFilter::default().session(session.clone());
        remove_all(self, &containers, &resources).await
    }

    /// Removes all resources of this driver's namespace: all containers, volumes and networks, with or without a
    /// session, and the driver's own networks that no container uses.
    ///
    /// Use this call to clean up after a crash. Failures and unsupported operations are handled as in
    /// [`remove_session`](Self::remove_session). Other namespaces and unmanaged resources are untouched. Images are
    /// kept. If a process was killed while the engine was creating a resource, the call may not find this resource
    /// yet. To remove the resource too, call `clear_namespace` again later.
    ///
    /// # Cancel safety
    /// Removed resources stay removed. Another call removes the remaining resources.
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
    if driver.capabilities().supports(Operation::RemoveIdleNetworks) {
        done.note(driver.remove_idle_networks().await);
    }
    done
}

async fn listed_volumes<D: ContainerDriver + ?Sized>(
    driver: &D,
    filter: &ResourceFilter,
) -> Result<Vec<Volume>> {
    match driver.capabilities().supports(Operation::ListVolumes) {
        true => driver.list_volumes(filter).await,
        false => Ok(Vec::new()),
    }
}

async fn listed_networks<D: ContainerDriver + ?Sized>(
    driver: &D,
    filter: &ResourceFilter,
) -> Result<Vec<Network>> {
    match driver.capabilities().supports(Operation::ListNetworks) {
        true => driver.list_networks(filter).await,
        false => Ok(Vec::new()),
    }
}

/// The summary of each session, by session id. The summaries are updated for each resource that is listed.
#[derive(Default)]
struct Sessions(BTreeMap<SessionId, SessionSummary>);

impl Sessions {
    /// Returns the summary of `session`; creates the summary if it is missing. If `created_at` is earlier than the
    /// summary's creation time, the summary gets the creation time `created_at`. Returns `None` if `session` is
    /// `None`.
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
        // The sort is stable and the map is ordered by id, so ties are ordered by id.
        all.sort_by_key(|summary| summary.created_at);
        all
    }
}
