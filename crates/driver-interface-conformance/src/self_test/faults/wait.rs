//! Faults in waiting for the exit.

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
        "wait-cuts-the-code",
        "Every exit code of a wait other than 0 becomes 1.",
        &[WaitContainer(|inside, id, options| {
            cuts_the_code(inside, id, options).boxed()
        })],
        &["wait/exit-code", "wait/many-waiters", "wait/ended-already"],
    ),
    Fault::new(
        "wait-returns-its-own-time",
        "The exit time of a wait is the time of its own return.",
        &[WaitContainer(|inside, id, options| {
            tells_its_own_time(inside, id, options).boxed()
        })],
        &["wait/exit-code", "wait/ended-already", "wait/many-waiters"],
    ),
    Fault::new(
        "wait-expects-another-exit",
        "A wait for an exited container waits for another exit.",
        &[WaitContainer(|inside, id, options| {
            for_the_next_end(inside, id, options).boxed()
        })],
        &["wait/ended-already", "wait/timeout"],
    ),
    Fault::new(
        "wait-for-created-is-zero",
        "A wait for a container that was never started returns 0 immediately.",
        &[WaitContainer(|inside, id, options| {
            zero_while(inside, id, options, ContainerStatus::Created).boxed()
        })],
        &[
            "wait/created-waits-for-a-run",
            "wait/removed-without-a-run",
            "wait/timeout",
        ],
    ),
    Fault::new(
        "wait-takes-a-pause-for-the-end",
        "A wait for a paused container returns 0 immediately.",
        &[WaitContainer(|inside, id, options| {
            zero_while(inside, id, options, ContainerStatus::Paused).boxed()
        })],
        &["wait/paused"],
    ),
    Fault::new(
        "wait-answers-with-the-first-end",
        "A wait during a second run returns the exit of the first.",
        &[
            StartContainer(|inside, id| keep_the_end(inside, id).boxed()),
            WaitContainer(|inside, id, options| with_the_first_end(inside, id, options).boxed()),
        ],
        &["wait/next-run"],
    ),
    Fault::new(
        "wait-loses-the-removed",
        "A wait for a container that is removed meanwhile is not found.",
        &[WaitContainer(|inside, id, options| {
            loses_the_removed(inside, id, options).boxed()
        })],
        &["wait/removed-keeps-the-code"],
    ),
    Fault::new(
        "wait-takes-the-removed-for-ended",
        "A wait for a missing container returns 0.",
        &[WaitContainer(|inside, id, options| {
            removed_is_zero(inside, id, options).boxed()
        })],
        &["wait/removed-without-a-run", "errors/not-found/wait-container"],
    ),
    Fault::new(
        "wait-ignores-the-timeout",
        "A wait lasts a minute, regardless of its timeout.",
        &[WaitContainer(|inside, id, mut options| {
            options.timeout = options.timeout.map(|_| Duration::from_secs(60));
            inside.driver.wait_container(id, options)
        })],
        &["wait/timeout"],
    ),
    Fault::new(
        "wait-blames-the-engine",
        "A wait that exceeds its timeout is reported as an engine timeout.",
        &[Error(|error| match error.code() {
            codes::WAIT_TIMEOUT => TimeoutError::new("wait_container", Duration::from_secs(2)).into(),
            _ => error,
        })],
        &["wait/timeout"],
    ),
    Fault::new(
        "wait-says-nothing-of-its-time",
        "A wait that exceeds its timeout reports another container and timeout.",
        &[Error(|error| match error.code() {
            codes::WAIT_TIMEOUT => WaitTimeoutError::new("?", "exited", Duration::ZERO).into(),
            _ => error,
        })],
        &["wait/timeout"],
    ),
    Fault::new(
        "log-has-no-end",
        "The last lines of a log are empty.",
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
        "wait-kills-at-its-timeout",
        "A wait that exceeds its timeout kills the container.",
        &[WaitContainer(|inside, id, options| {
            kills_at_its_timeout(inside, id, options).boxed()
        })],
        &["wait/timeout"],
    ),
    Fault::new(
        "wait-answers-only-one",
        "Only the first of several waits for a container gets the exit code.",
        &[WaitContainer(|inside, id, options| {
            wake_only_one_waiter(inside, id, options).boxed()
        })],
        &["wait/many-waiters"],
    ),
    Fault::new(
        "wait-has-a-deadline",
        "A wait without a timeout ends at the driver's request deadline.",
        &[WaitContainer(|inside, id, options| {
            with_a_deadline(inside, id, options).boxed()
        })],
        &["wait/outlasts-the-deadline"],
    ),
];

fn zero() -> ExitInfo {
    ExitInfo::new(0, None, SystemTime::now())
}

async fn cuts_the_code(inside: &Inside, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
    let mut exit = inside.driver.wait_container(id, options).await?;
    exit.code = exit.code.min(1);
    Ok(exit)
}

async fn tells_its_own_time(inside: &Inside, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
    let mut exit = inside.driver.wait_container(id, options).await?;
    exit.finished_at = SystemTime::now();
    Ok(exit)
}

async fn for_the_next_end(inside: &Inside, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
    let ended = async || -> Result<bool> {
        let now = inside.driver.get_container(id).await?;
        Ok(now.is_some_and(|now| now.exit.is_some()))
    };
    while ended().await? {
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

async fn keep_the_end(inside: &Inside, id: &ContainerId) -> Result<StartOutcome> {
    let before = inside.driver.get_container(id).await?;
    if let Some(code) = before.and_then(|before| before.exit_code()) {
        inside.memory.note(&format!("end of {id}: {code}"));
    }
    inside.driver.start_container(id).await
}

async fn with_the_first_end(inside: &Inside, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
    let first = inside.memory.latest(&format!("end of {id}: "));
    match first.and_then(|code| code.parse().ok()) {
        Some(code) => Ok(ExitInfo::new(code, Some(false), SystemTime::now())),
        None => inside.driver.wait_container(id, options).await,
    }
}

async fn loses_the_removed(inside: &Inside, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
    let exit = inside.driver.wait_container(id, options).await?;
    // If there is to be a removal, it follows immediately after the exit.
    sleep(Duration::from_millis(500)).await;
    match inside.driver.get_container(id).await? {
        Some(_) => Ok(exit),
        None => Err(ContainerNotFoundError::new(id.as_str()).into()),
    }
}

async fn removed_is_zero(inside: &Inside, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
    match inside.driver.wait_container(id, options).await {
        Err(error) if error.is_not_found() => Ok(zero()),
        result => result,
    }
}

async fn kills_at_its_timeout(inside: &Inside, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
    let result = inside.driver.wait_container(id, options).await;
    if result
        .as_ref()
        .is_err_and(|error| error.code() == codes::WAIT_TIMEOUT)
    {
        inside.driver.stop_container(id, StopOptions::kill()).await?;
    }
    result
}

async fn wake_only_one_waiter(inside: &Inside, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
    let before = inside.memory.note(&format!("wait for {id}"));
    let exit = inside.driver.wait_container(id, options).await?;
    Ok(if before == 0 { exit } else { zero() })
}

async fn with_a_deadline(inside: &Inside, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
    let deadline = Duration::from_secs(60);
    match timeout(deadline, inside.driver.wait_container(id, options)).await {
        Ok(result) => result,
        Err(_) => Err(TimeoutError::new("wait_container", deadline).into()),
    }
}
