//! Faults in sending signals, and in pausing and restarting containers.

use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::{ContainerNotRunningError, ContainerStopError, codes};
use driver_interface_types::{
    ContainerDriver as _, ContainerId, ContainerState, ContainerStatus, PauseOutcome, RestartOutcome, Result,
    Signal, StopOptions, StopOutcome, UnpauseOutcome,
};
use futures_util::FutureExt as _;
use tokio::time::sleep;

use super::calls::detached;
use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{
    Error, Instance, KillContainer, PauseContainer, RestartContainer, StopContainer, UnpauseContainer,
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "kill-always-sends-sigterm",
        "Every kill sends `SIGTERM`.",
        &[KillContainer(|inside, id, _| {
            inside.driver.kill_container(id, Signal::TERM)
        })],
        &["kill/terminates", "kill/signal-delivered", "kill/paused"],
    ),
    Fault::new(
        "kill-always-sends-sigkill",
        "Every kill sends `SIGKILL`.",
        &[KillContainer(|inside, id, _| {
            inside.driver.kill_container(id, Signal::KILL)
        })],
        &["kill/terminates", "kill/signal-delivered", "kill/paused"],
    ),
    Fault::new(
        "kill-twice",
        "Each signal is sent twice.",
        &[KillContainer(|inside, id, signal| {
            kill_twice(inside, id, signal).boxed()
        })],
        &["kill/signal-delivered"],
    ),
    Fault::new(
        "kill-of-exited-succeeds",
        "A signal to a container that is not running succeeds.",
        &[KillContainer(|inside, id, signal| {
            kill_exited_succeeds(inside, id, signal).boxed()
        })],
        &["kill/not-running", "kill/paused"],
    ),
    Fault::new(
        "not-running-retryable",
        "Errors of containers that are not running are retryable.",
        &[Error(|error| match error.code() {
            codes::CONTAINER_NOT_RUNNING => error.with_retryable(true),
            _ => error,
        })],
        &[
            "kill/not-running", "pause/not-running", "pause/unpause-not-running",
        ],
    ),
    Fault::new(
        "pause-does-nothing",
        "A pause returns `Paused` without effect.",
        &[PauseContainer(|inside, id| {
            pause_does_nothing(inside, id).boxed()
        })],
        &[
            "pause/round-trip", "pause/processes-frozen", "pause/already-paused", "pause/stop-and-remove",
        ],
    ),
    Fault::new(
        "paused-reported-as-running",
        "A paused container has status `running`.",
        &[Instance(|container| {
            if container.status == ContainerStatus::Paused {
                container.status = ContainerStatus::Running;
            }
        })],
        &["pause/round-trip", "pause/already-paused", "kill/paused"],
    ),
    Fault::new(
        "pause-again-fails",
        "Pausing a paused container returns an error.",
        &[PauseContainer(|inside, id| pause_again_fails(inside, id).boxed())],
        &["pause/already-paused", "concurrency/pause"],
    ),
    Fault::new(
        "pause-always-returns-paused",
        "Pausing a paused container returns `Paused`.",
        &[PauseContainer(|inside, id| {
            pause_always_returns_paused(inside, id).boxed()
        })],
        &["pause/already-paused", "concurrency/pause"],
    ),
    Fault::new(
        "pause-of-exited-succeeds",
        "Pausing a container that is not running succeeds.",
        &[PauseContainer(|inside, id| {
            pause_of_exited_succeeds(inside, id).boxed()
        })],
        &["pause/not-running"],
    ),
    Fault::new(
        "unpause-of-running-fails",
        "Unpausing a running container returns an error.",
        &[UnpauseContainer(|inside, id| {
            unpause_of_running_fails(inside, id).boxed()
        })],
        &["pause/unpause-running"],
    ),
    Fault::new(
        "unpause-starts",
        "Unpausing a container that is not running starts it.",
        &[UnpauseContainer(|inside, id| unpause_starts(inside, id).boxed())],
        &["pause/unpause-not-running"],
    ),
    Fault::new(
        "stop-of-paused-fails",
        "A paused container cannot be stopped.",
        &[StopContainer(|inside, id, options| {
            stop_of_paused_fails(inside, id, options).boxed()
        })],
        &["pause/stop-and-remove"],
    ),
    Fault::new(
        "restart-kills-immediately",
        "A restart kills immediately without sending the stop signal.",
        &[RestartContainer(|inside, id, _| {
            inside.driver.restart_container(id, StopOptions::kill())
        })],
        &[
            "restart/new-run",
            "restart/grace-expires-without-force",
            "cancellation/restart",
        ],
    ),
    Fault::new(
        "restart-kills-after-grace",
        "A restart without force kills after its grace period.",
        &[RestartContainer(|inside, id, mut options| {
            options.force = true;
            inside.driver.restart_container(id, options)
        })],
        &["restart/grace-expires-without-force"],
    ),
    Fault::new(
        "restart-does-nothing",
        "A restart reports success without effect.",
        &[RestartContainer(|inside, id, _| {
            restart_does_nothing(inside, id).boxed()
        })],
        &["restart/new-run", "restart/starts-stopped", "restart/by-force"],
    ),
    Fault::new(
        "restart-only-of-running",
        "Restarting a container that is not running returns an error.",
        &[RestartContainer(|inside, id, options| {
            restart_only_of_running(inside, id, options).boxed()
        })],
        &["restart/starts-stopped"],
    ),
    Fault::new(
        "restart-outcome-constant",
        "A restart always returns `Stopped`.",
        &[RestartContainer(|inside, id, options| {
            restart_always_stops(inside, id, options).boxed()
        })],
        &["restart/starts-stopped", "restart/by-force"],
    ),
    Fault::new(
        "restart-ignores-force",
        "A restart with force does not kill a process that ignores the stop signal.",
        &[RestartContainer(|inside, id, mut options| {
            options.force = false;
            inside.driver.restart_container(id, options)
        })],
        &["restart/by-force"],
    ),
    Fault::new(
        "dropped-restart-continues",
        "A dropped restart still starts the container, a second later.",
        &[RestartContainer(|inside, id, options| {
            let (driver, id) = (Arc::clone(&inside.driver), id.clone());
            detached(async move {
                let stopped = driver.stop_container(&id, options).await?;
                sleep(Duration::from_secs(1)).await;
                driver.start_container(&id).await?;
                Ok(stopped.into())
            })
            .boxed()
        })],
        &["restart/dropped-then-stopped"],
    ),
];

async fn kill_twice(inside: &Inside, id: &ContainerId, signal: Signal) -> Result<()> {
    inside.driver.kill_container(id, signal).await?;
    inside.driver.kill_container(id, signal).await
}

/// Returns `result`. If `result` is the error that the container is not running, returns `instead`.
fn replace_not_running<T>(result: Result<T>, instead: T) -> Result<T> {
    match result {
        Err(error) if error.code() == codes::CONTAINER_NOT_RUNNING => Ok(instead),
        result => result,
    }
}

async fn kill_exited_succeeds(inside: &Inside, id: &ContainerId, signal: Signal) -> Result<()> {
    replace_not_running(inside.driver.kill_container(id, signal).await, ())
}

/// Returns an error if the container does not exist. This function is called by faulty operations that otherwise do
/// nothing.
async fn must_exist(inside: &Inside, id: &ContainerId) -> Result<()> {
    inside.driver.is_container_healthy(id).await.map(drop)
}

async fn pause_does_nothing(inside: &Inside, id: &ContainerId) -> Result<PauseOutcome> {
    must_exist(inside, id).await?;
    Ok(PauseOutcome::Paused)
}

async fn pause_again_fails(inside: &Inside, id: &ContainerId) -> Result<PauseOutcome> {
    match inside.driver.pause_container(id).await? {
        PauseOutcome::AlreadyPaused => Err(ContainerNotRunningError::new(id.as_str(), "it is paused").into()),
        outcome => Ok(outcome),
    }
}

async fn pause_always_returns_paused(inside: &Inside, id: &ContainerId) -> Result<PauseOutcome> {
    inside.driver.pause_container(id).await?;
    Ok(PauseOutcome::Paused)
}

async fn pause_of_exited_succeeds(inside: &Inside, id: &ContainerId) -> Result<PauseOutcome> {
    replace_not_running(
        inside.driver.pause_container(id).await,
        PauseOutcome::AlreadyPaused,
    )
}

async fn unpause_of_running_fails(inside: &Inside, id: &ContainerId) -> Result<UnpauseOutcome> {
    match inside.driver.unpause_container(id).await? {
        UnpauseOutcome::AlreadyRunning => {
            Err(ContainerNotRunningError::new(id.as_str(), "it is not paused").into())
        }
        outcome => Ok(outcome),
    }
}

async fn unpause_starts(inside: &Inside, id: &ContainerId) -> Result<UnpauseOutcome> {
    inside.driver.start_container(id).await?;
    inside.driver.unpause_container(id).await
}

async fn stop_of_paused_fails(
    inside: &Inside,
    id: &ContainerId,
    options: StopOptions,
) -> Result<StopOutcome> {
    let now = inside.driver.get_container(id).await?;
    if now.is_some_and(|now| now.status == ContainerStatus::Paused) {
        return Err(ContainerStopError::new(id.as_str(), "it is paused").into());
    }
    inside.driver.stop_container(id, options).await
}

async fn restart_does_nothing(inside: &Inside, id: &ContainerId) -> Result<RestartOutcome> {
    must_exist(inside, id).await?;
    Ok(RestartOutcome::Stopped)
}

async fn restart_always_stops(
    inside: &Inside,
    id: &ContainerId,
    options: StopOptions,
) -> Result<RestartOutcome> {
    inside.driver.restart_container(id, options).await?;
    Ok(RestartOutcome::Stopped)
}

async fn restart_only_of_running(
    inside: &Inside,
    id: &ContainerId,
    options: StopOptions,
) -> Result<RestartOutcome> {
    let now = inside.driver.get_container(id).await?;
    if now.is_some_and(|now| now.state != ContainerState::Running) {
        return Err(ContainerNotRunningError::new(id.as_str(), "there is nothing to restart").into());
    }
    inside.driver.restart_container(id, options).await
}
