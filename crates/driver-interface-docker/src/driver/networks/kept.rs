//! The default network that is kept for a while after its last container was removed.

use std::sync::{Arc, Mutex};

use driver_interface_kit::{background, lock};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::driver::inner::Inner;

/// The namespace's default network while it is kept for the next container. Only Docker's network is kept, because it
/// serves all sessions.
#[derive(Debug, Default)]
pub(super) struct KeptNetwork {
    state: Mutex<State>,
    /// Wakes the watching task when the driver is closed.
    closing: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    /// The time at which the network is removed, unless a container uses it by then. `None` if the network is not kept.
    until: Option<Instant>,
    /// The task that removes the network.
    watcher: Option<AbortHandle>,
    /// Whether the last clone of the driver was dropped. No network is kept any more.
    is_closed: bool,
}

impl KeptNetwork {
    /// Keeps the network until the time `until`. Returns `false` if the driver is closed: the caller must then remove
    /// the network itself. If no task watches the network, `watch` starts one.
    fn keep(&self, until: Instant, watch: impl FnOnce() -> Option<AbortHandle>) -> bool {
        let mut state = lock(&self.state);
        if state.is_closed {
            return false;
        }
        state.until = Some(until);
        if state.watcher.as_ref().is_none_or(AbortHandle::is_finished) {
            state.watcher = watch();
        }
        true
    }

    /// Returns the time until which the network is kept. If this is `None`, the watching task must end.
    fn until(&self) -> Option<Instant> {
        let mut state = lock(&self.state);
        if state.until.is_none() {
            state.watcher = None;
        }
        state.until
    }

    /// Records that the removal that was due at `due` was tried. `again` is the time of the next attempt, or `None` if
    /// the network needs no further attempt. Has no effect if the network was kept again in the meantime.
    fn tried(&self, due: Instant, again: Option<Instant>) {
        let mut state = lock(&self.state);
        if state.until == Some(due) {
            state.until = again;
        }
    }

    /// Ends the keeping of networks. Returns whether a network is kept or is being removed.
    pub(super) fn close(&self) -> bool {
        let mut state = lock(&self.state);
        state.is_closed = true;
        self.closing.notify_one();
        state.until.take().is_some()
    }
}

impl Inner {
    /// Keeps the default network for the time `keep_network`, and then removes it unless a container uses it. Returns
    /// `false` if the network is not kept, so that the caller must remove it.
    pub(super) fn keep_default_network(self: &Arc<Self>, name: &str) -> bool {
        let is_kept = !self.keep_network.is_zero() && name == self.network;
        is_kept
            && !self.engine.dialect().network_per_session
            && self
                .networks
                .kept
                .keep(Instant::now() + self.keep_network, || self.watch_kept_network())
    }

    /// Starts the task that removes the kept network. While the task waits, it does not keep the driver alive.
    fn watch_kept_network(self: &Arc<Self>) -> Option<AbortHandle> {
        let driver = Arc::downgrade(self);
        let closing = Arc::clone(&self.networks.kept.closing);
        let task = background::spawn(async move {
            while let Some(driver) = driver.upgrade() {
                let Some(due) = driver.networks.kept.until() else {
                    return;
                };
                if due <= Instant::now() {
                    let is_settled = driver.remove_default_network(&driver.network).await;
                    let again = (!is_settled).then(|| Instant::now() + driver.keep_network);
                    driver.networks.kept.tried(due, again);
                    continue;
                }
                drop(driver);
                tokio::select! {
                    () = sleep_until(due) => {}
                    () = closing.notified() => {}
                }
            }
        });
        task.map(|task| task.abort_handle())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn network_is_kept_until_its_last_use_and_not_after_the_close() {
        let kept = KeptNetwork::default();
        let now = Instant::now();
        let (soon, later) = (now + Duration::from_secs(1), now + Duration::from_secs(2));
        let started = std::cell::Cell::new(0);
        let watch = || {
            started.set(started.get() + 1);
            Some(tokio::spawn(std::future::pending::<()>()).abort_handle())
        };
        assert!(kept.keep(soon, watch) && kept.keep(later, watch));
        assert_eq!((kept.until(), started.get()), (Some(later), 1));
        kept.tried(soon, None);
        assert_eq!(kept.until(), Some(later), "it was used again");
        kept.tried(later, None);
        assert_eq!(kept.until(), None);
        assert!(kept.keep(soon, watch));
        assert_eq!(started.get(), 2, "the first task ends");
        assert!(kept.close());
        assert_eq!(kept.until(), None);
        assert!(!kept.keep(later, watch), "it would never be removed");
        assert!(!kept.close());
    }
}
