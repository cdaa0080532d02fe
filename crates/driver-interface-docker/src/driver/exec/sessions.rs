//! The interactive exec sessions of this process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use driver_interface_kit::lock;
use tokio::sync::Notify;

/// The open exec sessions of each container.
///
/// If an engine cannot deliver a command's output, it does not notice that the command's process has exited. The
/// engine then cannot stop, kill or remove the container. Therefore the driver tells the sessions to drain their
/// output before each of these operations.
#[derive(Default)]
pub(in crate::driver) struct Sessions {
    open: Mutex<Vec<(String, Weak<Flag>)>>,
}

/// A flag that can be set and is never cleared. At most one task waits for it.
#[derive(Default)]
pub(super) struct Flag {
    on: AtomicBool,
    changed: Notify,
}

impl Sessions {
    /// Tells the open sessions of a container to read all further output, even if their callers do not.
    pub(in crate::driver) fn drain(&self, container: &str) {
        for (id, session) in lock(&self.open).iter() {
            if id == container
                && let Some(session) = session.upgrade()
            {
                session.set();
            }
        }
    }

    /// Registers a session of a container. The returned flag is set when the session must drain its output.
    pub(super) fn open(&self, container: &str) -> Arc<Flag> {
        let draining = Arc::new(Flag::default());
        let mut open = lock(&self.open);
        open.retain(|(_, session)| session.strong_count() > 0);
        open.push((container.to_owned(), Arc::downgrade(&draining)));
        draining
    }
}

impl Flag {
    pub(super) fn set(&self) {
        self.on.store(true, Ordering::SeqCst);
        // This stores a permit if the task is not waiting yet.
        self.changed.notify_one();
    }

    pub(super) fn is_set(&self) -> bool {
        self.on.load(Ordering::SeqCst)
    }

    /// Waits until the flag is set.
    pub(super) async fn wait(&self) {
        while !self.is_set() {
            self.changed.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn drain_affects_only_open_sessions_of_the_container() {
        let sessions = Sessions::default();
        let (first, other, exited) = (sessions.open("a"), sessions.open("b"), sessions.open("a"));
        drop(exited);
        sessions.drain("a");
        first.wait().await;
        assert!(!other.is_set());
        drop(sessions.open("c"));
        let _last = sessions.open("d");
        assert_eq!(sessions.open.lock().unwrap().len(), 3);
    }
}
