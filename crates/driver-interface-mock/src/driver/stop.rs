//! Stopping containers: the driver sends the stop signal, waits, and kills the container if that was requested.

use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::{ContainerStopError, Hint, Result};
use driver_interface_types::{ContainerId, EventKind, RestartOutcome, StopOptions, StopOutcome};
use tokio::sync::watch;
use tokio::time::timeout;

use super::containers::no_such_container;
use super::{Call, MockDriver};
use crate::Operation;
use crate::engine::{Changes, Container, Run};
use crate::process::{Entry, Signal};
use crate::profile::Kind;

/// The exit code of a main process that the signal `KILL` has ended.
const KILLED: i64 = 137;

/// The run of a container that a call stops.
struct Target {
    id: ContainerId,
    number: u64,
    main: Arc<Entry>,
    stop_signal: Signal,
    changed: watch::Receiver<Changes>,
}

impl<K: Kind> MockDriver<K> {
    pub(super) async fn stop(&self, id: &ContainerId, options: StopOptions) -> Result<StopOutcome> {
        let grace = grace_of::<K>(options);
        let how = if options.force { "force" } else { "graceful" };
        let call = Call::new(Operation::StopContainer)
            .on(id)
            .summary(format!("{how}, grace {grace:?}"))
            .extra_time(grace);
        let work = self.end_run(id, options, grace);
        self.call(call, || Ok(()), work).await
    }

    /// Stops the current run, if there is one, and starts a new one.
    pub(super) async fn restart(&self, id: &ContainerId, options: StopOptions) -> Result<RestartOutcome> {
        let grace = grace_of::<K>(options);
        let how = if options.force { "force" } else { "graceful" };
        let call = Call::new(Operation::RestartContainer)
            .on(id)
            .summary(format!("{how}, grace {grace:?}"))
            .extra_time(grace);
        let work = async {
            let stopped = self.end_run(id, options, grace).await?;
            self.start_now(id)?;
            Ok(stopped.into())
        };
        self.call(call, || Ok(()), work).await
    }

    async fn end_run(&self, id: &ContainerId, options: StopOptions, grace: Duration) -> Result<StopOutcome> {
        let Some(mut target) = self.running(id)? else {
            return Ok(StopOutcome::AlreadyStopped);
        };
        let kill_at_once = options.force && options.timeout.is_none();
        if !kill_at_once {
            target.main.send(target.stop_signal);
            self.thaw(&target);
            if let Ok(over) = timeout(grace, self.over(&mut target)).await {
                return over.map(|()| self.outcome(&target.id));
            }
            if !options.force {
                let message = format!("it was still running {grace:?} after the stop signal");
                return Err(ContainerStopError::new(id.as_str(), message)
                    .with_hint(Hint::StillRunning)
                    .into());
            }
        }
        target.main.send(Signal::Kill);
        self.over(&mut target).await.map(|()| StopOutcome::Killed)
    }

    /// Returns `Killed` if the container exited with the exit code of a killed process, otherwise `Stopped`. The stop
    /// itself need not have killed the container: another call may have done so.
    fn outcome(&self, id: &ContainerId) -> StopOutcome {
        let state = self.core.engine.state();
        let container = state.containers.get(id).and_then(Container::instance);
        match container.and_then(|container| container.exit_code()) {
            Some(KILLED) => StopOutcome::Killed,
            _ => StopOutcome::Stopped,
        }
    }

    /// Unpauses the run if it is paused, so that its main process can handle the stop signal.
    fn thaw(&self, target: &Target) {
        let mut state = self.core.engine.state();
        let state = &mut *state;
        let Some(container) = state.containers.get(&target.id) else {
            return;
        };
        let frozen = |run: &&Run| run.number == target.number && run.host.is_frozen();
        if let Some(run) = container.run().filter(frozen) {
            run.host.freeze(false);
            container.notify();
            let now = self.core.engine.clock().now();
            state.events.emit(container, EventKind::Unpaused, None, now);
        }
    }

    fn running(&self, id: &ContainerId) -> Result<Option<Target>> {
        let state = self.core.engine.state();
        let container = state
            .container(self.namespace(), id)
            .ok_or_else(|| no_such_container(id))?;
        Ok(container.run().map(|run| Target {
            id: container.id.clone(),
            number: run.number,
            main: Arc::clone(&run.main),
            stop_signal: container.stop_signal(),
            changed: container.changed.subscribe(),
        }))
    }

    /// Waits until the run `target` has ended. Another caller may already have started the container again by then.
    /// Fails if the container was removed.
    async fn over(&self, target: &mut Target) -> Result<()> {
        loop {
            {
                let state = self.core.engine.state();
                let Some(container) = state.containers.get(&target.id) else {
                    return Err(no_such_container(&target.id));
                };
                if container.run().is_none_or(|run| run.number != target.number) {
                    return Ok(());
                }
            }
            if target.changed.changed().await.is_err() {
                return Err(no_such_container(&target.id));
            }
        }
    }
}

/// Returns the grace period: the caller's timeout, if there is one. Otherwise, the grace period is 0 for a forced
/// stop, and the driver's default for a graceful stop.
fn grace_of<K: Kind>(options: StopOptions) -> Duration {
    let default = if options.force {
        Duration::ZERO
    } else {
        K::PROFILE.default_grace
    };
    options.timeout.unwrap_or(default)
}
