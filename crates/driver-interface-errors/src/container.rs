use std::time::Duration;

use crate::leaf::{category, leaf};
use crate::text::{clean, joined};

category! {
    /// Groups what can go wrong with a container's life: find, create, start, stop, remove, wait, and what needs it running.
    pub enum ContainerError {
        /// There is no such container.
        NotFound(ContainerNotFoundError),
        /// It could not be created.
        Creation(ContainerCreationError),
        /// It could not be started.
        Start(ContainerStartError),
        /// It still runs.
        Stop(ContainerStopError),
        /// It was not removed.
        Remove(ContainerRemoveError),
        /// It does not run, and what was asked for needs a running one.
        NotRunning(ContainerNotRunningError),
        /// It had not come as far as the caller was ready to wait for.
        WaitTimeout(WaitTimeoutError),
    }
}

leaf! {
    /// Says that no container of this driver has that id or name.
    ///
    /// A container that somebody else made counts as not found.
    pub struct ContainerNotFoundError(String);
    code: CONTAINER_NOT_FOUND,
    category: "container",
    retryable: false,
    effect: NotApplied,
    hint: NotFoundHere,
    user: |_| "The container does not exist.".to_owned(),
}

impl ContainerNotFoundError {
    /// Makes one from the id or name that was asked for.
    pub fn new(container: impl Into<String>) -> Self {
        let container = container.into();
        Self::build(
            format!("container `{}` not found", clean(&container)),
            container.clone(),
        )
        .with_context("container", container)
    }

    /// The id or name that was asked for.
    pub fn container(&self) -> &str {
        &self.body.data
    }
}

leaf! {
    /// Says that a container could not be created.
    ///
    /// Its effect is unknown unless the cause is known to come before the work: a creation has several
    /// steps, and one that failed half-way may have left something. So a retry looks for it first.
    pub struct ContainerCreationError(());
    code: CONTAINER_CREATION_FAILED,
    category: "container",
    retryable: true,
    effect: Unknown,
    user: |()| "The container could not be created.".to_owned(),
}

impl ContainerCreationError {
    /// Makes one from the reason.
    pub fn new(message: impl Into<String>) -> Self {
        Self::build(joined("container could not be created", &message.into()), ())
    }
}

leaf! {
    /// Says that a container's main process could not be started.
    ///
    /// It means that the engine answered so, and nothing runs. (A start whose answer was lost is a
    /// [`TimeoutError`](crate::TimeoutError) or a [`NetworkError`](crate::NetworkError).)
    pub struct ContainerStartError(String);
    code: CONTAINER_START_FAILED,
    category: "container",
    retryable: true,
    effect: NotApplied,
    user: |_| "The container could not be started.".to_owned(),
}

impl ContainerStartError {
    /// Makes one from the container's id or name and the reason.
    pub fn new(container: impl Into<String>, message: impl Into<String>) -> Self {
        let container = container.into();
        let prefix = format!("container `{}` could not be started", clean(&container));
        Self::build(joined(&prefix, &message.into()), container.clone()).with_context("container", container)
    }

    /// The id or name of the container.
    pub fn container(&self) -> &str {
        &self.body.data
    }
}

leaf! {
    /// Says that a container did not end in the time it was given, and keeps running.
    ///
    /// Stopping it again, with more time or by force, may succeed.
    pub struct ContainerStopError(String);
    code: CONTAINER_STOP_FAILED,
    category: "container",
    retryable: true,
    effect: NotApplied,
    user: |_| "The container could not be stopped and is still running.".to_owned(),
}

impl ContainerStopError {
    /// Makes one from the container's id or name and the reason.
    pub fn new(container: impl Into<String>, message: impl Into<String>) -> Self {
        let container = container.into();
        let prefix = format!("container `{}` could not be stopped", clean(&container));
        Self::build(joined(&prefix, &message.into()), container.clone()).with_context("container", container)
    }

    /// The id or name of the container.
    pub fn container(&self) -> &str {
        &self.body.data
    }
}

leaf! {
    /// Says that a container was not removed, and that nothing changed.
    ///
    /// Most often it runs or is paused; then the hint is [`StillRunning`](crate::Hint::StillRunning).
    pub struct ContainerRemoveError(String);
    code: CONTAINER_REMOVE_FAILED,
    category: "container",
    retryable: false,
    effect: NotApplied,
    user: |_| "The container could not be removed.".to_owned(),
}

impl ContainerRemoveError {
    /// Makes one from the container's id or name and the reason.
    pub fn new(container: impl Into<String>, message: impl Into<String>) -> Self {
        let container = container.into();
        let prefix = format!("container `{}` could not be removed", clean(&container));
        Self::build(joined(&prefix, &message.into()), container.clone()).with_context("container", container)
    }

    /// The id or name of the container.
    pub fn container(&self) -> &str {
        &self.body.data
    }
}

leaf! {
    /// Says that a call needs a running container and this one is not (or is paused), and that nothing changed.
    ///
    /// Start it (or unpause it) and call again.
    pub struct ContainerNotRunningError(String);
    code: CONTAINER_NOT_RUNNING,
    category: "container",
    retryable: false,
    effect: NotApplied,
    user: |_| "The container is not running.".to_owned(),
}

impl ContainerNotRunningError {
    /// Makes one from the container's id or name and what it is instead, such as `it is paused`.
    pub fn new(container: impl Into<String>, message: impl Into<String>) -> Self {
        let container = container.into();
        let prefix = format!("container `{}` is not running", clean(&container));
        Self::build(joined(&prefix, &message.into()), container.clone()).with_context("container", container)
    }

    /// The id or name of the container.
    pub fn container(&self) -> &str {
        &self.body.data
    }
}

/// The data of a [`WaitTimeoutError`].
#[derive(Clone)]
pub(crate) struct Wait {
    container: String,
    timeout: Duration,
}

leaf! {
    /// Says that the time is over which a caller had set for a wait, and that the container was not that far yet.
    ///
    /// It speaks of the container and of the caller's patience, never of the engine, which has answered: an engine
    /// that hangs is a [`TimeoutError`](crate::TimeoutError). So it says nothing to a circuit breaker, and it is not
    /// retryable: only the caller can give it more time.
    pub struct WaitTimeoutError(Wait);
    code: WAIT_TIMEOUT,
    category: "container",
    retryable: false,
    effect: NotApplied,
    user: |_| "The container was not ready in time.".to_owned(),
}

impl WaitTimeoutError {
    /// Makes one from the container's id or name, what it had not done yet (to be read after "had not", such as
    /// `exited` or ``written `ready` ``), and the time that the caller had set.
    ///
    /// ```
    /// use std::time::Duration;
    /// use driver_interface_errors::WaitTimeoutError;
    ///
    /// let error = WaitTimeoutError::new("web", "exited", Duration::from_secs(2));
    /// assert_eq!(error.to_string(), "container `web` had not exited within 2s");
    /// ```
    pub fn new(container: impl Into<String>, awaited: impl AsRef<str>, timeout: Duration) -> Self {
        let container = container.into();
        let message = format!(
            "container `{}` had not {} within {timeout:?}",
            clean(&container),
            clean(awaited.as_ref())
        );
        let wait = Wait {
            container: container.clone(),
            timeout,
        };
        Self::build(message, wait).with_context("container", container)
    }

    /// Adds how the container was seen last, such as `it was paused`.
    #[must_use]
    pub fn with_last_seen(mut self, last: impl AsRef<str>) -> Self {
        let common = &mut self.body.common;
        common.message = joined(&common.message, last.as_ref());
        self
    }

    /// The id or name of the container.
    pub fn container(&self) -> &str {
        &self.body.data.container
    }

    /// The time that the caller had set.
    pub fn timeout(&self) -> Duration {
        self.body.data.timeout
    }
}
