//! The drivers' own runtime: one thread, which all drivers of a process share. The thread completes work that a
//! driver has begun on an engine, even if the caller's runtime shuts down. Work on this thread must not block.
//!
//! The engine carries out a request even if no task waits for the response. A task on the caller's runtime would be
//! dropped when that runtime shuts down. The driver would then not learn what to roll back or kill.

use std::future::{Future, pending};
use std::sync::OnceLock;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;

/// Spawns work that outlives the caller's runtime. May be called outside of any runtime.
///
/// If the background thread cannot be started, the work runs on the caller's runtime. If there is no such runtime
/// either, the work is dropped, and `None` is returned.
pub fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Option<JoinHandle<T>> {
    static OWN: OnceLock<Option<Handle>> = OnceLock::new();
    let own = OWN.get_or_init(start);
    let runtime = own.clone().or_else(|| Handle::try_current().ok());
    if runtime.is_none() {
        tracing::warn!("no thread for background work, and no runtime: cleanup was skipped");
    }
    Some(runtime?.spawn(work))
}

fn start() -> Option<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.inspect_err(|error| tracing::warn!(%error, "no runtime for background work"));
    let runtime = runtime.ok()?;
    let handle = runtime.handle().clone();
    let thread = thread::Builder::new().name("driver-interface".to_owned());
    let started = thread.spawn(move || runtime.block_on(pending::<()>()));
    started
        .inspect_err(|error| tracing::warn!(%error, "no thread for background work"))
        .ok()?;
    Some(handle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn work_continues_without_the_caller_runtime() {
        let (done, finished) = mpsc::channel();
        let begin = |name: &'static str| {
            let done = done.clone();
            spawn(async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                done.send(name)
            });
        };
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { begin("inside") });
        drop(runtime);
        begin("outside");
        let mut names: Vec<_> = finished.iter().take(2).collect();
        names.sort_unstable();
        assert_eq!(names, ["inside", "outside"]);
    }
}
