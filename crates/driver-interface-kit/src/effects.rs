//! Tracks the changes that one operation has requested from the engine. These changes decide whether an error has the
//! effect `NotApplied` or `Unknown`.
//!
//! Every request that may change something is counted from the moment it is sent. The count is reduced only if the
//! engine itself rejects the request. While the count is above zero, a later failure (such as a lost response or a
//! failed lookup) must not be reported as `NotApplied`.
//!
//! The driver calls [`request_sent`] and [`request_refused`] where it sends requests, and [`qualify`] where it
//! creates errors. [`Runner::change`](crate::Runner::change) runs each operation in [`track`].

use std::cell::Cell;
use std::future::Future;

use driver_interface_errors::{DriverError, Effect, Hint, Result};

tokio::task_local! {
    static SENT: Cell<usize>;
}

/// Runs one operation and tracks the changes that it requests from the engine.
///
/// # Errors
/// The errors of the operation. If a resource is not found after the operation has requested a change, the change may
/// be the reason. The error's effect is then `Unknown`.
///
/// # Cancel safety
/// Dropping the future drops the operation.
pub async fn track<T>(operation: impl Future<Output = Result<T>>) -> Result<T> {
    let operation = async {
        operation.await.map_err(|error| {
            if error.is_not_found() && may_have_changed() {
                error.with_effect(Effect::Unknown)
            } else {
                error
            }
        })
    };
    SENT.scope(Cell::new(0), operation).await
}

/// Returns whether the current operation has requested a change that the engine has not rejected.
pub fn may_have_changed() -> bool {
    SENT.try_with(|sent| sent.get() > 0).unwrap_or(false)
}

/// Records that the driver is about to send a request that changes something.
pub fn request_sent() {
    let _ = SENT.try_with(|sent| sent.set(sent.get() + 1));
}

/// Records that the engine itself rejected a request that [`request_sent`] recorded.
pub fn request_refused() {
    let _ = SENT.try_with(|sent| sent.set(sent.get().saturating_sub(1)));
}

/// If the current operation may have changed something, changes the error's effect from `NotApplied` to `Unknown`. An
/// error changed in this way also gets the hint `VerifyFirst`, unless the error already has a hint.
pub fn qualify(error: DriverError) -> DriverError {
    if error.effect() != Effect::NotApplied || !may_have_changed() {
        return error;
    }
    let error = error.with_effect(Effect::Unknown);
    match error.hint() {
        None => error.with_hint(Hint::VerifyFirst),
        Some(_) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn change_counts_until_refused() {
        let seen = track(async {
            let before = may_have_changed();
            request_sent();
            request_sent();
            request_refused();
            let one_left = may_have_changed();
            request_refused();
            Ok((before, one_left, may_have_changed()))
        });
        assert_eq!(seen.await.unwrap(), (false, true, false));
        request_sent();
        assert!(!may_have_changed(), "outside an operation nothing is counted");
    }
}
