use std::time::Duration;

use crate::leaf::{about, category, leaf};
use crate::text::{clean, joined};

category! {
    /// Errors of operations on containers: finding, creating, starting, stopping, removing and waiting, and operations
    /// that require a running container.
    pub enum ContainerError {
        /// There is no such container.
        NotFound(ContainerNotFoundError),
        /// The container could not be created.
        Creation(ContainerCreationError),
        /// The container could not be started.
        Start(ContainerStartError),
        /// The container was not stopped and is still running.
        Stop(ContainerStopError),
        /// The container was not removed.
        Remove(ContainerRemoveError),
        /// The container is not running, and the call requires a running container.
        NotRunning(ContainerNotRunningError),
        /// The container did not reach the awaited condition in time.
        WaitTimeout(WaitTimeoutError),
    }
}

leaf! {
    /// The error returned if no container of this driver has the given id or name.
    ///
    /// A container of another namespace, or an unmanaged container, counts as not found.
    pub struct ContainerNotFoundError(String);
    code: CONTAINER_NOT_FOUND,
    category: "container",
    retryable: false,
    effect: NotApplied,
    hint: NotFoundHere,
    user: |_| "The container does not exist.".to_owned(),
}

impl ContainerNotFoundError {
    /// Creates an error from the requested id or name of the container.
    pub fn new(container: impl Into<String>) -> Self {
        let container = container.into();
        Self::build(
            format!("container `{}` not found", clean(&container)),
            container.clone(),
        )
        .with_context("container", container)
    }

    /// Returns the requested id or name of the container.
    pub fn container(&self) -> &str {
        &self.body.data
    }
}

leaf! {
    /// The error returned if a container could not be created.
    ///
    /// The effect is unknown, unless the driver knows that the engine did nothing. A creation that fails half-way may
    /// leave resources, so check for leftover resources before a retry.
    pub struct ContainerCreationError(());
    code: CONTAINER_CREATION_FAILED,
    category: "container",
    retryable: true,
    effect: Unknown,
    user: |()| "The container could not be created.".to_owned(),
}

impl ContainerCreationError {
    /// Creates an error from the reason.
    pub fn new(message: impl Into<String>) -> Self {
        Self::build(joined("container could not be created", &message.into()), ())
    }
}

leaf! {
    /// The error returned if a container's main process could not be started.
    ///
    /// The engine has reported the failure, and no process is running. (If the engine's response was lost, the
    /// error is a [`TimeoutError`](crate::TimeoutError) or a [`ConnectionError`](crate::ConnectionError).)
    pub struct ContainerStartError(String);
    code: CONTAINER_START_FAILED,
    category: "container",
    retryable: true,
    effect: NotApplied,
    user: |_| "The container could not be started.".to_owned(),
}

about!(
    ContainerStartError,
    container,
    "the id or name of the container",
    "container `{}` could not be started"
);

leaf! {
    /// The error returned if a container did not exit within its grace period. The container keeps running.
    ///
    /// Another stop, with a longer grace period or with force, may succeed.
    pub struct ContainerStopError(String);
    code: CONTAINER_STOP_FAILED,
    category: "container",
    retryable: true,
    effect: NotApplied,
    user: |_| "The container could not be stopped and is still running.".to_owned(),
}

about!(
    ContainerStopError,
    container,
    "the id or name of the container",
    "container `{}` could not be stopped"
);

leaf! {
    /// The error returned if a container was not removed. Nothing has changed.
    ///
    /// Usually the container is running or paused; the hint is then [`StillRunning`](crate::Hint::StillRunning).
    pub struct ContainerRemoveError(String);
    code: CONTAINER_REMOVE_FAILED,
    category: "container",
    retryable: false,
    effect: NotApplied,
    user: |_| "The container could not be removed.".to_owned(),
}

about!(
    ContainerRemoveError,
    container,
    "the id or name of the container",
    "container `{}` could not be removed"
);

leaf! {
    /// The error returned if a call requires a running container and the container is not running or is paused.
    /// Nothing has changed.
    ///
    /// Start (or unpause) the container and repeat the call.
    pub struct ContainerNotRunningError(String);
    code: CONTAINER_NOT_RUNNING,
    category: "container",
    retryable: false,
    effect: NotApplied,
    user: |_| "The container is not running.".to_owned(),
}

impl ContainerNotRunningError {
    /// Creates an error from the container's id or name and its actual state, such as `it is paused`.
    pub fn new(container: impl Into<String>, message: impl Into<String>) -> Self {
        let container = container.into();
        let prefix = format!("container `{}` is not running", clean(&container));
        Self::build(joined(&prefix, &message.into()), container.clone()).with_context("container", container)
    }

    /// Returns the id or name of the container.
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
    /// The error returned if the timeout set by the caller has expired before the container reached the awaited
    /// condition.
    ///
    /// The engine has responded, so a circuit breaker ignores this error. (An engine that hangs causes a
    /// [`TimeoutError`](crate::TimeoutError).) The error is not retryable, because only the caller can extend the
    /// timeout.
    pub struct WaitTimeoutError(Wait);
    code: WAIT_TIMEOUT,
    category: "container",
    retryable: false,
    effect: NotApplied,
    user: |_| "The container was not ready in time.".to_owned(),
}

impl WaitTimeoutError {
    /// Creates an error from the container's id or name, the awaited condition (a phrase that follows "had not", such
    /// as `exited` or ``written `ready` ``), and the timeout set by the caller.
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

    /// Adds the container's last observed state to the message, such as `it was paused`.
    #[must_use]
    pub fn with_last_seen(mut self, last: impl AsRef<str>) -> Self {
        let common = &mut self.body.common;
        common.message = joined(&common.message, last.as_ref());
        self
    }

    /// Returns the id or name of the container.
    pub fn container(&self) -> &str {
        &self.body.data.container
    }

    /// Returns the timeout set by the caller.
    pub fn timeout(&self) -> Duration {
        self.body.data.timeout
    }
}
