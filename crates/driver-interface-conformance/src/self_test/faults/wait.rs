//! Faults in waiting for a container's exit.

use std::time::{Duration, SystemTime};

use driver_interface_errors::{ContainerNotFoundError, TimeoutError, WaitTimeoutError, codes};
use driver_interface_types::{
    ContainerDriver as _, ContainerId, ContainerStatus, ExitInfo, Result, StartOutcome, StopOptions,
    WaitOptions,
};
use futures_util::FutureExt as _;
use tokio::time::{sleep, timeout};

use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{Error, GetContainerLogs, StartContainer, WaitContainer};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "wait-exit-codes-lost",
        "Every exit code of a wait other than 0 becomes 1.",
        &[WaitContainer(|inside, id, options| {
            loses_exit_code(inside, id, options).boxed()
        })],
        &["wait/exit-code", "wait/many-waiters", "wait/already-exited"],
    ),
    Fault::new(
        "wait-returns-own-time",
        "The exit time of a wait is the time of its own return.",
        &[WaitContainer(|inside, id, options| {
            returns_own_time(inside, id, options).boxed()
        })],
        &["wait/exit-code", "wait/already-exited", "wait/many-waiters"],
    ),
    Fault::new(
        "wait-for-next-exit",
        "A wait for an exited container waits for another exit.",
        &[WaitContainer(|inside, id, options| {
            for_next_exit(inside, id, options).boxed()
        })],
        &["wait/already-exited", "wait/timeout"],
    ),
    Fault::new(
        "wait-before-start-returns-zero",
        "A wait for a container that was never started returns 0 immediately.",
        &[WaitContainer(|inside, id, options| {
            zero_while(inside, id, options, ContainerStatus::Created).boxed()
        })],
        &["wait/before-start", "wait/removed-before-start", "wait/timeout"],
    ),
    Fault::new(
        "wait-for-paused-returns-zero",
        "A wait for a paused container returns 0 immediately.",
        &[WaitContainer(|inside, id, options| {
            zero_while(inside, id, options, ContainerStatus::Paused).boxed()
        })],
        &["wait/paused"],
    ),
    Fault::new(
        "wait-returns-first-exit",
        "A wait during a second run returns the exit of the first.",
        &[
            StartContainer(|inside, id| record_exit(inside, id).boxed()),
            WaitContainer(|inside, id, options| returns_first_exit(inside, id, options).boxed()),
        ],
        &["wait/second-run"],
    ),
    Fault::new(
        "wait-for-removed-not-found",
        "A wait for a container that is removed meanwhile returns `ContainerNotFoundError`.",
        &[WaitContainer(|inside, id, options| {
            removed_not_found(inside, id, options).boxed()
        })],
        &["wait/exit-code-after-removal"],
    ),
    Fault::new(
        "wait-for-missing-returns-zero",
        "A wait for a missing container returns 0.",
        &[WaitContainer(|inside, id, options| {
            missing_returns_zero(inside, id, options).boxed()
        })],
        &["wait/removed-before-start", "errors/not-found/wait-container"],
    ),
    Fault::new(
        "wait-ignores-timeout",
        "A wait lasts a minute, regardless of its timeout.",
        &[WaitContainer(|inside, id, mut options| {
            options.timeout = options.timeout.map(|_| Duration::from_secs(60));
            inside.driver.wait_container(id, options)
        })],
        &["wait/timeout"],
    ),
    Fault::new(
        "wait-timeout-reported-as-engine-timeout",
        "A wait that exceeds its timeout is reported as an engine timeout.",
        &[Error(|error| match error.code() {
            codes::WAIT_TIMEOUT => TimeoutError::new("wait_container", Duration::from_secs(2)).into(),
            _ => error,
        })],
        &["wait/timeout"],
    ),
    Fault::new(
        "wait-timeout-without-details",
        "A wait that exceeds its timeout reports another container and timeout.",
        &[Error(|error| match error.code() {
            codes::WAIT_TIMEOUT => WaitTimeoutError::new("?", "exited", Duration::ZERO).into(),
            _ => error,
        })],
        &["wait/timeout"],
    ),
    Fault::new(
        "log-tail-empty",
        "The tail of a log is empty.",
        &[GetContainerLogs(|inside, id, options| {
            async move {
                let log = inside.driver.get_container_logs(id, options).await?;
                Ok(if options.tail.is_some() {
                    String::new()
                } else {
                    log
                })
            }
            .boxed()
        })],
        &["wait/exits-before-ready", "logs/tail"],
    ),
    Fault::new(
        "wait-kills-at-timeout",
        "A wait that exceeds its timeout kills the container.",
        &[WaitContainer(|inside, id, options| {
            kills_at_timeout(inside, id, options).boxed()
        })],
        &["wait/timeout"],
    ),
    Fault::new(
        "wait-first-waiter-only",
        "Only the first of several waits for a container gets the exit code.",
        &[WaitContainer(|inside, id, options| {
            first_waiter_only(inside, id, options).boxed()
        })],
        &["wait/many-waiters"],
    ),
    Fault::new(
        "wait-ends-at-request-deadline",
        "A wait without a timeout ends at the driver's request deadline.",
        &[WaitContainer(|inside, id, options| {
            ends_at_deadline(inside, id, options).boxed()
        })],
        &["wait/outlasts-request-deadline"],
    ),
];

fn zero() -> ExitInfo {
    ExitInfo::new(0, None, SystemTime::now())
}

async fn loses_exit_code(inside: &Inside, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
    let mut exit = inside.driver.wait_container(id, options).await?;
    exit.code = exit.code.min(1);
    Ok(exit)
}

async fn returns_own_time(inside: &Inside, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
    let mut exit = inside.driver.wait_container(id, options).await?;
    exit.finished_at = SystemTime::now();
    Ok(exit)
}

async fn for_next_exit(inside: &Inside, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
    let exited = async || -> Result<bool> {
        let now = inside.driver.get_container(id).await?;
        Ok(now.is_some_and(|now| now.exit.is_some()))
    };
    while exited().await? {
        sleep(Duration::from_secs(1)).await;
    }
    inside.driver.wait_container(id, options).await
}

async fn zero_while(
    inside: &Inside,
    id: &ContainerId,
    options: WaitOptions,
    status: ContainerStatus,
) -> Result<ExitInfo> {
    let now = inside.driver.get_container(id).await?;
    if now.is_some_and(|now| now.status == status) {
        return Ok(zero());
    }
    inside.driver.wait_container(id, options).await
}

async fn record_exit(inside: &Inside, id: &ContainerId) -> Result<StartOutcome> {
    let before = inside.driver.get_container(id).await?;
    if let Some(code) = before.and_then(|before| before.exit_code()) {
        inside.memory.note(&format!("exit of {id}: {code}"));
    }
    inside.driver.start_container(id).await
}

async fn returns_first_exit(inside: &Inside, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
    let first = inside.memory.latest(&format!("exit of {id}: "));
    match first.and_then(|code| code.parse().ok()) {
        Some(code) => Ok(ExitInfo::new(code, Some(false), SystemTime::now())),
        None => inside.driver.wait_container(id, options).await,
    }
}

async fn removed_not_found(inside: &Inside, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
    let exit = inside.driver.wait_container(id, options).await?;
    // If the container is removed, that follows its exit immediately.
    sleep(Duration::from_millis(500)).await;
    match inside.driver.get_container(id).await? {
        Some(_) => Ok(exit),
        None => Err(ContainerNotFoundError::new(id.as_str()).into()),
    }
}

async fn missing_returns_zero(inside: &Inside, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
    match inside.driver.wait_container(id, options).await {
        Err(error) if error.is_not_found() => Ok(zero()),
        result => result,
    }
}

async fn kills_at_timeout(inside: &Inside, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
    let result = inside.driver.wait_container(id, options).await;
    if result
        .as_ref()
        .is_err_and(|error| error.code() == codes::WAIT_TIMEOUT)
    {
        inside.driver.stop_container(id, StopOptions::kill()).await?;
    }
    result
}

async fn first_waiter_only(inside: &Inside, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
    let before = inside.memory.note(&format!("wait for {id}"));
    let exit = inside.driver.wait_container(id, options).await?;
    Ok(if before == 0 { exit } else { zero() })
}

async fn ends_at_deadline(inside: &Inside, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
    let deadline = Duration::from_secs(60);
    match timeout(deadline, inside.driver.wait_container(id, options)).await {
        Ok(result) => result,
        Err(_) => Err(TimeoutError::new("wait_container", deadline).into()),
    }
}
