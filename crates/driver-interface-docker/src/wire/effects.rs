//! Tracks the changes that one operation has requested from the engine. This decides whether an error says
//! `NotApplied` or `Unknown`.
//!
//! Every request that may change something counts from the moment it is sent until the engine itself rejects it.
//! While the count is not zero, no later failure (a lost response, a failed lookup, a later step) may claim that
//! nothing was applied.

use std::cell::Cell;
use std::future::Future;

use http::Method;

tokio::task_local! {
    static SENT: Cell<usize>;
}

/// Runs one operation and tracks the changes that it requests from the engine.
pub(crate) fn tracked<T>(operation: impl Future<Output = T>) -> impl Future<Output = T> {
    SENT.scope(Cell::new(0), operation)
}

/// Returns whether the current operation has sent a change that the engine has not rejected.
pub(crate) fn may_have_changed() -> bool {
    SENT.try_with(|sent| sent.get() > 0).unwrap_or(false)
}

/// Records that a request that changes something is about to be sent.
pub(super) fn sent() {
    let _ = SENT.try_with(|sent| sent.set(sent.get() + 1));
}

/// Records that the engine itself rejected a counted request.
pub(crate) fn refused() {
    let _ = SENT.try_with(|sent| sent.set(sent.get().saturating_sub(1)));
}

/// Returns whether a request may change a container, image, volume or network. Waiting, resizing a terminal and
/// preparing a command, which does nothing until it is started, also use `POST`.
pub(super) fn changes(method: &Method, path: &str) -> bool {
    let harmless = ["/wait", "/resize", "/exec"];
    !matches!(*method, Method::GET | Method::HEAD) && !harmless.iter().any(|end| path.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_counts_until_the_engine_refuses_it() {
        let seen = tracked(async {
            let before = may_have_changed();
            sent();
            sent();
            refused();
            let one_left = may_have_changed();
            refused();
            (before, one_left, may_have_changed())
        });
        assert_eq!(seen.await, (false, true, false));
        sent();
        assert!(!may_have_changed(), "outside an operation nothing is counted");
    }

    #[test]
    fn only_requests_that_change_something_count() {
        for (method, path, expected) in [
            (Method::GET, "/v1.41/containers/json", false),
            (Method::HEAD, "/v1.41/containers/a/archive", false),
            (Method::POST, "/v1.41/containers/a/wait", false),
            (Method::POST, "/v1.41/containers/a/exec", false),
            (Method::POST, "/v1.41/exec/b/resize", false),
            (Method::POST, "/v1.41/exec/b/start", true),
            (Method::POST, "/v1.41/containers/create", true),
            (Method::PUT, "/v1.41/containers/a/archive", true),
            (Method::DELETE, "/v1.41/networks/n", true),
        ] {
            assert_eq!(changes(&method, path), expected, "{method} {path}");
        }
    }
}
