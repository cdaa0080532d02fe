//! Functions that run the driver's operations with the kit's `Runner`. The `Runner` adds the driver's name to errors.

use std::future::Future;
use std::time::Duration;

use driver_interface_errors::{DriverError, Result};
use driver_interface_kit::{Caller, Runner};

/// The driver's name in errors and in the public API.
pub(super) const DRIVER: &str = "docker";

const RUNNER: Runner = Runner::new(DRIVER);

/// Runs an operation that changes nothing; see [`Runner::read`].
pub(super) async fn read<T>(
    operation: &'static str,
    deadline: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    RUNNER.read(operation, deadline, work).await
}

/// Runs an operation that changes something; see [`Runner::change`].
pub(super) async fn change<T: Send + 'static>(
    operation: &'static str,
    deadline: Duration,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    RUNNER.change(operation, deadline, work).await
}

/// Runs an operation that changes something, and passes a [`Caller`] to `work`; see [`Runner::change_for`].
pub(super) async fn change_for<T: Send + 'static, F>(
    operation: &'static str,
    deadline: Duration,
    work: impl FnOnce(Caller) -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>> + Send + 'static,
{
    RUNNER.change_for(operation, deadline, work).await
}

pub(super) fn located(error: DriverError, operation: &'static str) -> DriverError {
    RUNNER.located(error, operation)
}
