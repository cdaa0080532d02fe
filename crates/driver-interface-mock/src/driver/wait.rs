//! Waiting for a container's exit, sending signals to it, and pausing it.

use driver_interface_errors::{
    ContainerNotRunningError, DriverError, Result, UnsupportedError, WaitTimeoutError,
};
use driver_interface_types::{
    ContainerId, EventKind, ExitInfo, PauseOutcome, Signal, UnpauseOutcome, WaitOptions,
};
use tokio::time::timeout;

use super::containers::no_such_container;
use super::{Call, MockDriver, unreachable_engine};
use crate::Operation;
use crate::engine::{Phase, Run};
use crate::process;
use crate::profile::Kind;

impl<K: Kind> MockDriver<K> {
    pub(super) async fn wait(&self, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
        let mut call = Call::new(Operation::WaitContainer).on(id).unbounded();
        if let Some(longest) = options.timeout {
            call = call.summary(format!("at most {longest:?}"));
        }
        let work = async {
            let Some(longest) = options.timeout else {
                return self.exit_of(id).await;
            };
            timeout(longest, self.exit_of(id))
                .await
                .unwrap_or_else(|_| Err(WaitTimeoutError::new(id.as_str(), "exited", longest).into()))
        };
        self.call(call, || Ok(()), work).await
    }

    async fn exit_of(&self, id: &ContainerId) -> Result<ExitInfo> {
        let mut changes = {
            let state = self.core.engine.state();
            let container = state
                .container(self.namespace(), id)
                .ok_or_else(|| no_such_container(id))?;
            if let Phase::Exited(exit) = &container.phase {
                return Ok(exit.clone());
            }
            container.changed.subscribe()
        };
        let ends = changes.borrow_and_update().ends;
        loop {
            let gone = changes.changed().await.is_err();
            {
                let seen = changes.borrow_and_update();
                if let Some(exit) = seen.exit.as_ref().filter(|_| seen.ends > ends) {
                    return Ok(exit.clone());
                }
            }
            if gone {
                return Err(no_such_container(id));
            }
            if let Some(reason) = &self.core.engine.state().down {
                return Err(unreachable_engine(reason));
            }
        }
    }

    pub(super) async fn kill(&self, id: &ContainerId, signal: Signal) -> Result<()> {
        let work = async {
            let state = self.core.engine.state();
            let container = state
                .container(self.namespace(), id)
                .ok_or_else(|| no_such_container(id))?;
            let run = container.run().ok_or_else(|| not_running(id))?;
            if run.host.is_frozen() && signal != Signal::KILL {
                return Err(paused(id));
            }
            let known = process::Signal::of(signal).ok_or_else(|| {
                UnsupportedError::new(
                    Operation::KillContainer.as_str(),
                    format!("simulated processes do not support {signal}"),
                )
            })?;
            run.main.send(known);
            Ok(())
        };
        let call = Call::new(Operation::KillContainer).on(id).summary(signal);
        self.call(call, || Ok(()), work).await
    }

    pub(super) async fn pause(&self, id: &ContainerId) -> Result<PauseOutcome> {
        let work = async {
            let done = self.freeze(id, true)?;
            Ok(if done {
                PauseOutcome::Paused
            } else {
                PauseOutcome::AlreadyPaused
            })
        };
        self.call(Call::new(Operation::PauseContainer).on(id), || Ok(()), work)
            .await
    }

    pub(super) async fn unpause(&self, id: &ContainerId) -> Result<UnpauseOutcome> {
        let work = async {
            let done = self.freeze(id, false)?;
            Ok(if done {
                UnpauseOutcome::Unpaused
            } else {
                UnpauseOutcome::AlreadyRunning
            })
        };
        self.call(Call::new(Operation::UnpauseContainer).on(id), || Ok(()), work)
            .await
    }

    /// Pauses the container if `yes` is set, otherwise unpauses it. Returns whether the container's state changed.
    fn freeze(&self, id: &ContainerId, yes: bool) -> Result<bool> {
        let mut state = self.core.engine.state();
        let container = state
            .container(self.namespace(), id)
            .ok_or_else(|| no_such_container(id))?;
        let found = container.id.clone();
        let state = &mut *state;
        let Some(container) = state.containers.get(&found) else {
            return Err(no_such_container(id));
        };
        let run: &Run = container.run().ok_or_else(|| not_running(id))?;
        if run.host.is_frozen() == yes {
            return Ok(false);
        }
        run.host.freeze(yes);
        container.notify();
        let kind = if yes {
            EventKind::Paused
        } else {
            EventKind::Unpaused
        };
        let now = self.core.engine.clock().now();
        state.events.emit(container, kind, None, now);
        Ok(true)
    }
}

pub(super) fn not_running(id: &ContainerId) -> DriverError {
    ContainerNotRunningError::new(id.as_str(), "it was not started, or has exited").into()
}

pub(super) fn paused(id: &ContainerId) -> DriverError {
    ContainerNotRunningError::new(id.as_str(), "it is paused").into()
}
