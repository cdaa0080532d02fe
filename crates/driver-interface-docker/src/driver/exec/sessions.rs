//! The commands of this process that somebody is connected to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Notify;

/// Who is connected to commands of which container.
///
/// An engine that cannot get rid of a command's output does not notice that its process has exited, and neither stops,
/// kills nor removes its container. So whoever is about to do one of these tells the sessions to take all output.
#[derive(Default)]
pub(in crate::driver) struct Sessions {
    open: Mutex<Vec<(String, Weak<Flag>)>>,
}

/// Something that becomes true once, and that one task waits for.
#[derive(Default)]
pub(super) struct Flag {
    on: AtomicBool,
    changed: Notify,
}

impl Sessions {
    /// Takes the output of all commands of a container from now on.
    pub(in crate::driver) fn drain(&self, container: &str) {
        for (id, session) in self.open.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if id == container
                && let Some(session) = session.upgrade()
            {
                session.set();
            }
        }
    }

    /// A further session of a container; what is returned is set once its output is to be taken.
    pub(super) fn open(&self, container: &str) -> Arc<Flag> {
        let draining = Arc::new(Flag::default());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(_, session)| session.strong_count() > 0);
        open.push((container.to_owned(), Arc::downgrade(&draining)));
        draining
    }
}

impl Flag {
    pub(super) fn set(&self) {
        self.on.store(true, Ordering::SeqCst);
        // A permit is kept for a task that does not wait at this moment.
        self.changed.notify_one();
    }

    pub(super) fn is_set(&self) -> bool {
        self.on.load(Ordering::SeqCst)
    }

    /// Returns when it is set.
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
    async fn only_the_sessions_of_a_container_are_drained_and_those_that_ended_are_forgotten() {
        let sessions = Sessions::default();
        let (first, other, ended) = (sessions.open("a"), sessions.open("b"), sessions.open("a"));
        drop(ended);
        sessions.drain("a");
        first.wait().await;
        assert!(!other.is_set());
        drop(sessions.open("c"));
        let _last = sessions.open("d");
        assert_eq!(sessions.open.lock().unwrap().len(), 3);
    }
}
