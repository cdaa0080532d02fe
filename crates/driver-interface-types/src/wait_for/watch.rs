//! Polling a container until the caller's deadline.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use driver_interface_errors::{
    ContainerNotFoundError, ContainerStartError, DriverError, Effect, Result, TimeoutError, WaitTimeoutError,
};
use tokio::time::{sleep, timeout};

use super::early_exit::EarlyExit;
use super::{FIRST_PAUSE, LONGEST_PAUSE};
use crate::{ContainerDriver, ContainerId, ContainerInstance, ContainerStatus, ExitInfo};

/// Polls a container for a caller that waits for a condition.
pub(crate) struct Watch<'a, D: ?Sized> {
    driver: &'a D,
    operation: &'static str,
    id: &'a ContainerId,
    observed: Mutex<Observed>,
}

struct Observed {
    last: Option<ContainerInstance>,
    pause: Duration,
}

impl<'a, D: ContainerDriver + ?Sized> Watch<'a, D> {
    pub(crate) fn new(driver: &'a D, operation: &'static str, id: &'a ContainerId) -> Self {
        Self {
            driver,
            operation,
            id,
            observed: Mutex::new(Observed {
                last: None,
                pause: FIRST_PAUSE,
            }),
        }
    }

    /// Reads the container from the engine and returns it. The last result is kept for error messages.
    pub(crate) async fn poll(&self) -> Result<ContainerInstance> {
        let found = self.driver.get_container(self.id).await?;
        let now = found.ok_or_else(|| ContainerNotFoundError::new(self.id.as_str()))?;
        self.observed().last = Some(now.clone());
        Ok(now)
    }

    /// Waits between two polls. Each wait is longer than the previous one, up to a maximum.
    pub(crate) async fn pause(&self) {
        let pause = {
            let mut observed = self.observed();
            let pause = observed.pause;
            observed.pause = (pause * 2).min(LONGEST_PAUSE);
            pause
        };
        sleep(pause).await;
    }

    /// Runs `work`, which polls the container, for no longer than `deadline`. After the deadline, the error message
    /// says what the container "had not" done. `awaited` is the phrase that follows "had not", such as "become
    /// healthy".
    pub(crate) async fn within<T>(
        &self,
        deadline: Duration,
        awaited: &str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        match timeout(deadline, work).await {
            Ok(done) => done.map_err(|error| self.located(error)),
            Err(_) => Err(self.located(self.overdue(deadline, awaited).await)),
        }
    }

    /// Returns the error for a container that exited before `condition` held.
    pub(crate) async fn exited(
        &self,
        now: &ContainerInstance,
        exit: &ExitInfo,
        condition: &super::WaitFor,
    ) -> DriverError {
        let early = EarlyExit::read(self.driver, now, exit).await;
        let message = format!("it {} before {condition}{}", early.how(), early.log());
        let error = ContainerStartError::new(self.id.as_str(), message).with_retryable(false);
        self.located(match early.hint() {
            Some(hint) => error.with_hint(hint).into(),
            None => error.into(),
        })
    }

    async fn overdue(&self, deadline: Duration, awaited: &str) -> DriverError {
        // If the engine has not reported the container's state even once, the engine is hanging.
        let Some(last) = self.observed().last.take() else {
            return TimeoutError::new(self.operation, deadline)
                .with_effect(Effect::NotApplied)
                .into();
        };
        let error = WaitTimeoutError::new(self.id.as_str(), awaited, deadline);
        let Some(exit) = &last.exit else {
            return match last.status {
                ContainerStatus::Running => error.into(),
                other => error.with_last_seen(format!("it was {}", other.as_str())).into(),
            };
        };
        let early = EarlyExit::read(self.driver, &last, exit).await;
        let error = error.with_last_seen(format!("it had {}{}", early.how(), early.log()));
        match early.hint() {
            Some(hint) => error.with_hint(hint).into(),
            None => error.into(),
        }
    }

    fn located(&self, error: DriverError) -> DriverError {
        error
            .with_driver(self.driver.name())
            .with_operation(self.operation)
    }

    fn observed(&self) -> std::sync::MutexGuard<'_, Observed> {
        self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
