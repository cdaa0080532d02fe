//! Faults in removing containers, and in concurrent calls.

use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::{ContainerNotFoundError, ContainerStartError, ContainerStopError, codes};
use driver_interface_types::{
    ContainerDriver as _, ContainerFilter, ContainerId, ContainerInstance, ContainerStatus, ExecConfig,
    ExecOutcome, ExecOutput, RemoveOptions, Result, StartOutcome, StopOptions, StopOutcome, VolumeId,
};
use futures_util::FutureExt as _;
use tokio::time::sleep;

use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{
    Error, Exec, ListContainers, RemoveContainer, RemoveVolume, StartContainer, StopContainer,
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "removal-of-created-is-not-found",
        "Removing a container that was never started returns `ContainerNotFoundError`.",
        &[RemoveContainer(|inside, id, options| {
            created_is_not_found(inside, id, options).boxed()
        })],
        &["removal/not-running"],
    ),
    Fault::new(
        "removal-of-running-without-force",
        "A removal without force removes a running container.",
        &[RemoveContainer(|inside, id, _| {
            inside.driver.remove_container(id, RemoveOptions::force())
        })],
        &[
            "removal/running-refused", "errors/no-effect", "pause/stop-and-remove",
            "lifecycle/state/random-walk",
        ],
    ),
    Fault::new(
        "refused-removal-retryable",
        "A refused removal of a running container is retryable.",
        &[Error(|error| match error.code() {
            codes::CONTAINER_REMOVE_FAILED => error.with_retryable(true),
            _ => error,
        })],
        &["removal/running-refused"],
    ),
    Fault::new(
        "forced-removal-stops-gracefully",
        "A forced removal waits for a container that ignores the stop signal.",
        &[RemoveContainer(|inside, id, options| {
            stops_gracefully(inside, id, options).boxed()
        })],
        &["removal/running-forced"],
    ),
    Fault::new(
        "removal-of-removed-succeeds",
        "Removing a missing container succeeds.",
        &[RemoveContainer(|inside, id, options| {
            missing_succeeds(inside, id, options).boxed()
        })],
        &[
            "removal/twice",
            "errors/not-found/remove-container",
            "concurrency/remove-container",
        ],
    ),
    Fault::new(
        "removal-returns-early",
        "A removal returns before the container is removed.",
        &[RemoveContainer(|inside, id, options| {
            removes_later(inside, id, options).boxed()
        })],
        &[
            "removal/complete-on-return", "removal/not-running", "removal/running-forced",
        ],
    ),
    Fault::new(
        "start-of-missing-is-start-failure",
        "Starting a missing container returns `ContainerStartError`.",
        &[StartContainer(|inside, id| {
            missing_as_start_failure(inside, id).boxed()
        })],
        &["errors/not-found/start-container", "removal/complete-on-return"],
    ),
    Fault::new(
        "volume-removal-of-removed-succeeds",
        "Removing a missing volume succeeds.",
        &[RemoveVolume(|inside, id| {
            missing_volume_succeeds(inside, id).boxed()
        })],
        &["concurrency/remove-volume", "errors/not-found/remove-volume"],
    ),
    Fault::new(
        "stops-serialized",
        "Concurrent stops of one container run one after another, each for its whole grace period.",
        &[StopContainer(|inside, id, options| {
            serialized(inside, id, options).boxed()
        })],
        &["concurrency/stop"],
    ),
    Fault::new(
        "stop-during-start-fails",
        "A stop during a start returns an error.",
        &[
            StartContainer(|inside, id| records_start(inside, id).boxed()),
            StopContainer(|inside, id, options| stop_during_start(inside, id, options).boxed()),
        ],
        &["concurrency/start-stop-race"],
    ),
    Fault::new(
        "removal-during-start-is-lost",
        "A removal during a start has no effect.",
        &[
            StartContainer(|inside, id| records_start(inside, id).boxed()),
            RemoveContainer(|inside, id, options| removal_during_start(inside, id, options).boxed()),
        ],
        &["concurrency/start-remove-race"],
    ),
    Fault::new(
        "list-fails-during-removal",
        "A list fails if one of its containers is removed concurrently.",
        &[ListContainers(|inside, filter| {
            fails_during_removal(inside, filter).boxed()
        })],
        &["concurrency/list-during-churn"],
    ),
    Fault::new(
        "exec-input-for-first-only",
        "Only the first of several commands in a container gets its input.",
        &[Exec(|inside, id, config| {
            input_for_first_only(inside, id, config).boxed()
        })],
        &["concurrency/exec"],
    ),
    Fault::new(
        "exec-hangs-after-exit",
        "A command whose container exits never returns.",
        &[Exec(|inside, id, config| {
            hangs_after_exit(inside, id, config).boxed()
        })],
        &["concurrency/exec-stop-race"],
    ),
];

async fn created_is_not_found(inside: &Inside, id: &ContainerId, options: RemoveOptions) -> Result<()> {
    let now = inside.driver.get_container(id).await?;
    if !options.force && now.is_some_and(|now| now.status == ContainerStatus::Created) {
        return Err(ContainerNotFoundError::new(id.as_str()).into());
    }
    inside.driver.remove_container(id, options).await
}

async fn stops_gracefully(inside: &Inside, id: &ContainerId, options: RemoveOptions) -> Result<()> {
    if options.force {
        let grace = StopOptions::kill_after(StopOptions::DEFAULT_GRACE);
        inside.driver.stop_container(id, grace).await?;
    }
    inside.driver.remove_container(id, options).await
}

async fn missing_succeeds(inside: &Inside, id: &ContainerId, options: RemoveOptions) -> Result<()> {
    match inside.driver.remove_container(id, options).await {
        Err(error) if error.is_not_found() => Ok(()),
        result => result,
    }
}

async fn removes_later(inside: &Inside, id: &ContainerId, options: RemoveOptions) -> Result<()> {
    let (driver, id) = (Arc::clone(&inside.driver), id.clone());
    tokio::spawn(async move {
        sleep(Duration::from_secs(1)).await;
        driver.remove_container(&id, options).await
    });
    Ok(())
}

async fn missing_as_start_failure(inside: &Inside, id: &ContainerId) -> Result<StartOutcome> {
    match inside.driver.start_container(id).await {
        Err(error) if error.is_not_found() => {
            Err(ContainerStartError::new(id.as_str(), error.message()).into())
        }
        result => result,
    }
}

async fn missing_volume_succeeds(inside: &Inside, id: &VolumeId) -> Result<()> {
    match inside.driver.remove_volume(id).await {
        Err(error) if error.is_not_found() => Ok(()),
        result => result,
    }
}

async fn serialized(inside: &Inside, id: &ContainerId, options: StopOptions) -> Result<StopOutcome> {
    let before = inside.memory.note(&format!("stop of {id}"));
    for _ in 0..before {
        sleep(options.timeout.unwrap_or_default()).await;
    }
    inside.driver.stop_container(id, options).await
}

async fn records_start(inside: &Inside, id: &ContainerId) -> Result<StartOutcome> {
    inside.memory.note(&format!("start of {id} begins"));
    let result = inside.driver.start_container(id).await;
    inside.memory.note(&format!("start of {id} ends"));
    result
}

/// Returns whether the container is being started. The start may come from another caller.
async fn is_starting(inside: &Inside, id: &ContainerId) -> bool {
    sleep(Duration::from_millis(20)).await;
    let latest = inside.memory.latest(&format!("start of {id} "));
    latest.as_deref() == Some("begins")
}

async fn stop_during_start(inside: &Inside, id: &ContainerId, options: StopOptions) -> Result<StopOutcome> {
    if is_starting(inside, id).await {
        return Err(ContainerStopError::new(id.as_str(), "it is being started").into());
    }
    inside.driver.stop_container(id, options).await
}

async fn removal_during_start(inside: &Inside, id: &ContainerId, options: RemoveOptions) -> Result<()> {
    if is_starting(inside, id).await {
        return Ok(());
    }
    inside.driver.remove_container(id, options).await
}

async fn fails_during_removal(inside: &Inside, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
    let all = inside.driver.list_containers(filter).await?;
    for container in &all {
        let id = &container.id;
        if inside.driver.get_container(id).await?.is_none() {
            return Err(ContainerNotFoundError::new(id.as_str()).into());
        }
    }
    Ok(all)
}

async fn input_for_first_only(
    inside: &Inside,
    id: &ContainerId,
    mut config: ExecConfig,
) -> Result<ExecOutput> {
    if inside.memory.note(&format!("exec in {id}")) > 0 {
        config.stdin = None;
    }
    inside.driver.exec(id, config).await
}

async fn hangs_after_exit(inside: &Inside, id: &ContainerId, config: ExecConfig) -> Result<ExecOutput> {
    let output = inside.driver.exec(id, config).await?;
    if output.outcome == ExecOutcome::ContainerGone {
        std::future::pending::<()>().await;
    }
    Ok(output)
}
