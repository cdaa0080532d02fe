//! Faults in starting and stopping containers, and in reporting their exits.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use driver_interface_errors::{ContainerStartError, ContainerStopError, codes};
use driver_interface_types::{
    ContainerDriver as _, ContainerFilter, ContainerId, ContainerInstance, ContainerStatus, ExitInfo,
    LogOptions, RestartOutcome, Result, StartOutcome, StopOptions, StopOutcome, WaitOptions,
};
use futures_util::FutureExt as _;
use tokio::time::sleep;

use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{
    Error, GetContainerLogs, Instance, ListContainers, RestartContainer, StartContainer, StopContainer,
    WaitContainer,
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "start-again-fails",
        "Starting a running container returns an error.",
        &[StartContainer(|inside, id| start_again_fails(inside, id).boxed())],
        &[
            "lifecycle/start/idempotent", "concurrency/start", "lifecycle/state/random-walk",
        ],
    ),
    Fault::new(
        "start-always-returns-started",
        "Starting a running container returns `Started`.",
        &[StartContainer(|inside, id| {
            always_returns_started(inside, id).boxed()
        })],
        &["lifecycle/start/idempotent", "lifecycle/state/random-walk"],
    ),
    Fault::new(
        "start-again-restarts",
        "Starting a running container restarts it.",
        &[StartContainer(|inside, id| restarts_running(inside, id).boxed())],
        &["lifecycle/start/idempotent", "concurrency/start"],
    ),
    Fault::new(
        "start-returns-early",
        "A start returns before the container runs.",
        &[StartContainer(|inside, id| starts_later(inside, id).boxed())],
        &[
            "lifecycle/start/runs", "lifecycle/start/endpoint", "lifecycle/state/random-walk",
        ],
    ),
    Fault::new(
        "start-time-is-creation-time",
        "The start time is always the creation time.",
        &[Instance(|container| {
            container.started_at = container.started_at.map(|_| container.created_at);
        })],
        &[
            "lifecycle/start/restart-after-exit",
            "restart/new-run",
            "restart/starts-stopped",
            "restart/by-force",
        ],
    ),
    Fault::new(
        "missing-program-succeeds",
        "Starting a container with a missing program succeeds.",
        &[StartContainer(|inside, id| {
            missing_program_succeeds(inside, id).boxed()
        })],
        &["lifecycle/start/no-such-program"],
    ),
    Fault::new(
        "missing-program-retryable",
        "Starting a container with a missing program returns a retryable error.",
        &[Error(|error| match error.code() {
            codes::CONTAINER_START_FAILED => error.with_retryable(true),
            _ => error,
        })],
        &["lifecycle/start/no-such-program"],
    ),
    Fault::new(
        "address-lost",
        "A container's address on its network is not reported.",
        &[Instance(|container| container.ip_address = None)],
        &["lifecycle/start/endpoint"],
    ),
    Fault::new(
        "address-kept-after-exit",
        "An exited container still has an address.",
        &[Instance(|container| {
            if container.exit.is_some() {
                container.ip_address = Some([172, 17, 0, 2].into());
            }
        })],
        &["lifecycle/start/endpoint"],
    ),
    Fault::new(
        "zero-times-reported",
        "The engine's zero times are reported as start and exit times.",
        &[Instance(|container| {
            let never = SystemTime::UNIX_EPOCH;
            container.started_at.get_or_insert(never);
            container
                .exit
                .get_or_insert_with(|| ExitInfo::new(0, None, never));
        })],
        &[
            "creation/created-not-started",
            "lifecycle/start/runs",
            "lifecycle/start/restart-after-exit",
            "restart/new-run",
        ],
    ),
    Fault::new(
        "exit-codes-lost",
        "Every exit code other than 0 becomes 1.",
        &[Instance(|container| {
            if let Some(exit) = &mut container.exit {
                exit.code = exit.code.min(1);
            }
        })],
        &[
            "lifecycle/exit/codes", "lifecycle/exit/immediate", "lifecycle/exit/killed",
        ],
    ),
    Fault::new(
        "failed-reported-as-stopped",
        "A container that exited with an error is `stopped`.",
        &[Instance(|container| {
            if container.status == ContainerStatus::Exited {
                set_status(container, ContainerStatus::Stopped);
            }
        })],
        &[
            "lifecycle/exit/codes", "lifecycle/exit/no-restart", "kill/terminates",
        ],
    ),
    Fault::new(
        "killed-reported-as-success",
        "A killed container has exit code 0.",
        &[Instance(|container| {
            if let Some(exit) = container.exit.as_mut().filter(|exit| exit.code == 137) {
                (exit.code, exit.signal) = (0, None);
            }
        })],
        &[
            "lifecycle/exit/killed",
            "lifecycle/start/restart-after-exit",
            "lifecycle/stop/force-without-grace",
        ],
    ),
    Fault::new(
        "killed-reported-as-out-of-memory",
        "A killed container is reported as out of memory.",
        &[Instance(|container| {
            if let Some(exit) = &mut container.exit {
                exit.oom_killed = Some(exit.code == 137);
            }
        })],
        &["lifecycle/exit/killed"],
    ),
    Fault::new(
        "interrupted-reported-as-failed",
        "A container with exit code 130 is `exited`, as after an error.",
        &[Instance(|container| {
            if container.exit_code() == Some(130) {
                set_status(container, ContainerStatus::Exited);
            }
        })],
        &["lifecycle/exit/stop-signal-codes"],
    ),
    Fault::new(
        "out-of-memory-always-false",
        "A wait always reports `false` for out of memory.",
        &[WaitContainer(|inside, id, options| {
            out_of_memory_false(inside, id, options).boxed()
        })],
        &["lifecycle/exit/out-of-memory"],
    ),
    Fault::new(
        "exit-time-zero",
        "The exit time is the engine's zero time.",
        &[Instance(|container| {
            if let Some(exit) = &mut container.exit {
                exit.finished_at = SystemTime::UNIX_EPOCH;
            }
        })],
        &[
            "lifecycle/exit/immediate",
            "lifecycle/stop/exit-visible-on-return",
        ],
    ),
    Fault::new(
        "failed-container-restarted",
        "A failed container is restarted after a second.",
        &[StartContainer(|inside, id| restarts_failed(inside, id).boxed())],
        &["lifecycle/exit/no-restart"],
    ),
    Fault::new(
        "exited-reported-as-created",
        "An exited container is `created` again.",
        &[Instance(|container| {
            if container.exit.is_some() {
                set_status(container, ContainerStatus::Created);
            }
        })],
        &["lifecycle/state/legal-sequence", "lifecycle/state/random-walk"],
    ),
    Fault::new(
        "list-without-start-times",
        "A list lacks the start times that `get_container` returns.",
        &[ListContainers(|inside, filter| {
            list_without_start_times(inside, filter).boxed()
        })],
        &[
            "lifecycle/state/consistent-across-drivers",
            "listing/consistent-with-get",
        ],
    ),
    Fault::new(
        "stop-kills-immediately",
        "A stop kills immediately without sending the stop signal.",
        &[StopContainer(|inside, id, _| {
            inside.driver.stop_container(id, StopOptions::kill())
        })],
        &[
            "lifecycle/stop/graceful",
            "lifecycle/stop/default-options",
            "lifecycle/stop/grace-expires-without-force",
            "lifecycle/stop/force-after-grace",
            "lifecycle/stop/force-with-graceful-exit",
        ],
    ),
    Fault::new(
        "stop-kills-by-default",
        "A stop with default options kills.",
        &[StopContainer(|inside, id, options| {
            let plain = options == StopOptions::default();
            let options = if plain { StopOptions::kill() } else { options };
            inside.driver.stop_container(id, options)
        })],
        &["lifecycle/stop/default-options"],
    ),
    Fault::new(
        "stop-kills-after-grace",
        "A stop without force kills after its grace period.",
        &[StopContainer(|inside, id, mut options| {
            options.force = true;
            options.timeout = options.timeout.or(Some(StopOptions::DEFAULT_GRACE));
            inside.driver.stop_container(id, options)
        })],
        &["lifecycle/stop/grace-expires-without-force"],
    ),
    Fault::new(
        "stop-failure-not-retryable",
        "A stop whose grace period was too short is not retryable.",
        &[Error(|error| match error.code() {
            codes::CONTAINER_STOP_FAILED => error.with_retryable(false),
            _ => error,
        })],
        &["lifecycle/stop/grace-expires-without-force"],
    ),
    Fault::new(
        "force-waits-default-grace",
        "A stop with force and no grace period waits for the default one.",
        &[StopContainer(|inside, id, mut options| {
            options.timeout = options.timeout.or(Some(StopOptions::DEFAULT_GRACE));
            inside.driver.stop_container(id, options)
        })],
        &["lifecycle/stop/force-without-grace"],
    ),
    Fault::new(
        "force-ignores-grace",
        "A stop with force kills immediately, regardless of its grace period.",
        &[StopContainer(|inside, id, mut options| {
            options.timeout = options.timeout.filter(|_| !options.force);
            inside.driver.stop_container(id, options)
        })],
        &[
            "lifecycle/stop/force-after-grace",
            "lifecycle/stop/force-with-graceful-exit",
            "concurrency/stop",
        ],
    ),
    Fault::new(
        "grace-always-default",
        "A stop always waits for the default grace period.",
        &[StopContainer(|inside, id, mut options| {
            options.timeout = options.timeout.map(|_| StopOptions::DEFAULT_GRACE);
            inside.driver.stop_container(id, options)
        })],
        &["lifecycle/stop/force-with-graceful-exit"],
    ),
    Fault::new(
        "force-skips-stop-signal",
        "A stop with force kills after its grace period without sending the stop signal.",
        &[StopContainer(|inside, id, options| {
            skips_stop_signal(inside, id, options).boxed()
        })],
        &[
            "lifecycle/stop/force-after-grace",
            "lifecycle/stop/force-with-graceful-exit",
        ],
    ),
    Fault::new(
        "stop-returns-early",
        "A stop returns before the process has exited.",
        &[StopContainer(|inside, id, options| {
            stops_later(inside, id, options).boxed()
        })],
        &[
            "lifecycle/stop/exit-visible-on-return",
            "lifecycle/stop/logs-complete-on-return",
            "lifecycle/stop/graceful",
        ],
    ),
    Fault::new(
        "last-line-lost",
        "The last line that a process prints before it exits is lost.",
        &[GetContainerLogs(|inside, id, options| {
            last_line_lost(inside, id, options).boxed()
        })],
        &[
            "lifecycle/stop/logs-complete-on-return",
            "lifecycle/stop/graceful",
        ],
    ),
    Fault::new(
        "logs-of-latest-run-only",
        "Only the logs of the latest run are kept.",
        &[
            StartContainer(|inside, id| start_with_new_logs(inside, id).boxed()),
            RestartContainer(|inside, id, options| restart_with_new_logs(inside, id, options).boxed()),
            GetContainerLogs(|inside, id, options| new_logs(inside, id, options).boxed()),
        ],
        &["restart/new-run", "logs/all-runs"],
    ),
    Fault::new(
        "stop-again-fails",
        "Stopping a container that is not running returns an error.",
        &[StopContainer(|inside, id, options| {
            stop_again_fails(inside, id, options).boxed()
        })],
        &["lifecycle/stop/idempotent", "lifecycle/state/random-walk"],
    ),
];

fn set_status(container: &mut ContainerInstance, status: ContainerStatus) {
    (container.status, container.state) = (status, status.state());
}

async fn start_again_fails(inside: &Inside, id: &ContainerId) -> Result<StartOutcome> {
    match inside.driver.start_container(id).await? {
        StartOutcome::AlreadyRunning => {
            Err(ContainerStartError::new(id.as_str(), "it is already running").into())
        }
        outcome => Ok(outcome),
    }
}

async fn always_returns_started(inside: &Inside, id: &ContainerId) -> Result<StartOutcome> {
    inside.driver.start_container(id).await?;
    Ok(StartOutcome::Started)
}

async fn restarts_running(inside: &Inside, id: &ContainerId) -> Result<StartOutcome> {
    let outcome = inside.driver.start_container(id).await?;
    if outcome == StartOutcome::AlreadyRunning {
        inside.driver.restart_container(id, StopOptions::kill()).await?;
    }
    Ok(outcome)
}

async fn starts_later(inside: &Inside, id: &ContainerId) -> Result<StartOutcome> {
    let (driver, id) = (Arc::clone(&inside.driver), id.clone());
    tokio::spawn(async move {
        sleep(Duration::from_secs(1)).await;
        driver.start_container(&id).await
    });
    Ok(StartOutcome::Started)
}

async fn missing_program_succeeds(inside: &Inside, id: &ContainerId) -> Result<StartOutcome> {
    match inside.driver.start_container(id).await {
        Err(error) if error.code() == codes::CONTAINER_START_FAILED => Ok(StartOutcome::Started),
        result => result,
    }
}

async fn out_of_memory_false(inside: &Inside, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
    let mut exit = inside.driver.wait_container(id, options).await?;
    exit.oom_killed = Some(false);
    Ok(exit)
}

async fn restarts_failed(inside: &Inside, id: &ContainerId) -> Result<StartOutcome> {
    let outcome = inside.driver.start_container(id).await?;
    let (driver, id) = (Arc::clone(&inside.driver), id.clone());
    tokio::spawn(async move {
        sleep(Duration::from_secs(1)).await;
        if let Ok(Some(now)) = driver.get_container(&id).await
            && now.status == ContainerStatus::Exited
        {
            // The faulty driver does not report the result.
            let _ = driver.start_container(&id).await;
        }
    });
    Ok(outcome)
}

async fn list_without_start_times(
    inside: &Inside,
    filter: &ContainerFilter,
) -> Result<Vec<ContainerInstance>> {
    let mut all = inside.driver.list_containers(filter).await?;
    for container in &mut all {
        container.started_at = None;
    }
    Ok(all)
}

async fn skips_stop_signal(inside: &Inside, id: &ContainerId, options: StopOptions) -> Result<StopOutcome> {
    if !options.force {
        return inside.driver.stop_container(id, options).await;
    }
    sleep(options.timeout.unwrap_or_default()).await;
    inside.driver.stop_container(id, StopOptions::kill()).await
}

async fn stops_later(inside: &Inside, id: &ContainerId, options: StopOptions) -> Result<StopOutcome> {
    let (driver, id) = (Arc::clone(&inside.driver), id.clone());
    tokio::spawn(async move {
        sleep(Duration::from_secs(2)).await;
        driver.stop_container(&id, options).await
    });
    Ok(StopOutcome::Stopped)
}

async fn last_line_lost(inside: &Inside, id: &ContainerId, options: LogOptions) -> Result<String> {
    let logs = inside.driver.get_container_logs(id, options).await?;
    let now = inside.driver.get_container(id).await?;
    if now.is_none_or(|now| now.exit.is_none()) {
        return Ok(logs);
    }
    let mut lines: Vec<&str> = logs.split_inclusive('\n').collect();
    lines.pop();
    Ok(lines.concat())
}

async fn mark_logs_old(inside: &Inside, id: &ContainerId) -> Result<()> {
    let logs = inside
        .driver
        .get_container_logs(id, LogOptions::default())
        .await?;
    inside.memory.note(&format!("old logs of {id}: {}", logs.len()));
    Ok(())
}

async fn start_with_new_logs(inside: &Inside, id: &ContainerId) -> Result<StartOutcome> {
    mark_logs_old(inside, id).await?;
    inside.driver.start_container(id).await
}

async fn restart_with_new_logs(
    inside: &Inside,
    id: &ContainerId,
    options: StopOptions,
) -> Result<RestartOutcome> {
    mark_logs_old(inside, id).await?;
    inside.driver.restart_container(id, options).await
}

async fn new_logs(inside: &Inside, id: &ContainerId, options: LogOptions) -> Result<String> {
    let logs = inside.driver.get_container_logs(id, options).await?;
    let old = inside.memory.latest(&format!("old logs of {id}: "));
    let old = old.and_then(|length| length.parse().ok()).unwrap_or(0);
    Ok(logs.get(old..).unwrap_or_default().to_owned())
}

async fn stop_again_fails(inside: &Inside, id: &ContainerId, options: StopOptions) -> Result<StopOutcome> {
    match inside.driver.stop_container(id, options).await? {
        StopOutcome::AlreadyStopped => Err(ContainerStopError::new(id.as_str(), "it is not running").into()),
        outcome => Ok(outcome),
    }
}
