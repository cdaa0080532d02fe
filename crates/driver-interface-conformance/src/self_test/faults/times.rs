//! Faults in times and durations: values truncated to whole seconds, zero treated as a missing value, and times from
//! another clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use driver_interface_types::{
    ContainerDriver as _, ContainerId, ContainerInstance, EventFilter, EventStream, LogOptions, LogStream,
    LogStreamOptions, Result,
};
use futures_util::FutureExt as _;

use super::streams::changed;
use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{
    Command, Config, ContainerStats, CreateNetwork, CreateVolume, Events, GetContainerLogs, Instance,
    ListContainers, RestartContainer, StopContainer, StreamContainerLogs, WaitContainer,
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "stop-grace-in-whole-seconds",
        "A stop truncates its grace period to whole seconds.",
        &[StopContainer(|inside, id, mut options| {
            options.timeout = options.timeout.map(whole);
            inside.driver.stop_container(id, options)
        })],
        &["times/subsecond-timeouts"],
    ),
    Fault::new(
        "restart-grace-in-whole-seconds",
        "A restart truncates its grace period to whole seconds.",
        &[RestartContainer(|inside, id, mut options| {
            options.timeout = options.timeout.map(whole);
            inside.driver.restart_container(id, options)
        })],
        &["times/subsecond-timeouts"],
    ),
    Fault::new(
        "wait-timeout-in-whole-seconds",
        "A wait truncates its timeout to whole seconds.",
        &[WaitContainer(|inside, id, mut options| {
            options.timeout = options.timeout.map(whole);
            inside.driver.wait_container(id, options)
        })],
        &["times/subsecond-timeouts"],
    ),
    Fault::new(
        "exec-timeout-in-whole-seconds",
        "An exec truncates its timeout to whole seconds.",
        &[Command(|config| config.timeout = config.timeout.map(whole))],
        &["times/subsecond-timeouts"],
    ),
    Fault::new(
        "zero-grace-is-default",
        "A stop with a grace period of zero waits for the default grace period.",
        &[StopContainer(|inside, id, mut options| {
            options.timeout = options.timeout.filter(|grace| !grace.is_zero());
            inside.driver.stop_container(id, options)
        })],
        &["times/zero-is-not-unset"],
    ),
    Fault::new(
        "zero-wait-timeout-is-none",
        "A wait with a timeout of zero waits for the exit.",
        &[WaitContainer(|inside, id, mut options| {
            options.timeout = options.timeout.filter(|timeout| !timeout.is_zero());
            inside.driver.wait_container(id, options)
        })],
        &["times/zero-is-not-unset"],
    ),
    Fault::new(
        "zero-exec-timeout-is-none",
        "An exec with a timeout of zero has none.",
        &[Command(|config| {
            config.timeout = config.timeout.filter(|timeout| !timeout.is_zero());
        })],
        &["times/zero-is-not-unset"],
    ),
    Fault::new(
        "zero-output-limit-is-default",
        "An output limit of zero is replaced with the default.",
        &[Command(|config| {
            if config.output_limit == 0 {
                config.output_limit = driver_interface_types::ExecConfig::DEFAULT_OUTPUT_LIMIT;
            }
        })],
        &["times/zero-is-not-unset"],
    ),
    Fault::new(
        "log-stream-until-zero-is-unset",
        "A log stream with `until` at the epoch returns everything.",
        &[StreamContainerLogs(|inside, id, mut options| {
            options.until = options.until.filter(|time| *time > UNIX_EPOCH);
            inside.driver.stream_container_logs(id, options)
        })],
        &["times/zero-is-not-unset"],
    ),
    Fault::new(
        "container-times-in-whole-seconds",
        "The times of containers are truncated to whole seconds.",
        &[Instance(|container| {
            each_time(container, second);
        })],
        &["times/timestamps"],
    ),
    Fault::new(
        "listed-times-in-whole-seconds",
        "The creation times in a list are truncated to whole seconds.",
        &[ListContainers(|inside, filter| {
            async move {
                let mut all = inside.driver.list_containers(filter).await?;
                all.iter_mut()
                    .for_each(|one| one.created_at = second(one.created_at));
                Ok(all)
            }
            .boxed()
        })],
        &["times/timestamps"],
    ),
    Fault::new(
        "event-times-in-whole-seconds",
        "The times of events are truncated to whole seconds.",
        &[Events(|inside, filter| events(inside, filter, second).boxed())],
        &["times/timestamps"],
    ),
    Fault::new(
        "stats-times-in-whole-seconds",
        "The times of stats are truncated to whole seconds.",
        &[ContainerStats(|inside, id| {
            async move {
                let mut stats = inside.driver.container_stats(id).await?;
                stats.time = second(stats.time);
                Ok(stats)
            }
            .boxed()
        })],
        &["times/timestamps"],
    ),
    Fault::new(
        "log-times-in-whole-seconds",
        "The times of log lines are truncated to whole seconds.",
        &[GetContainerLogs(|inside, id, options| {
            log_times(inside, id, options, second).boxed()
        })],
        &["times/logs-subsecond-timestamps"],
    ),
    Fault::new(
        "log-stream-times-in-whole-seconds",
        "The times of log chunks are truncated to whole seconds.",
        &[StreamContainerLogs(|inside, id, options| {
            chunk_times(inside, id, options, second).boxed()
        })],
        &["times/logs-subsecond-timestamps"],
    ),
    Fault::new(
        "logs-since-in-whole-seconds",
        "`since` of logs is truncated to whole seconds.",
        &[GetContainerLogs(|inside, id, mut options| {
            options.since = options.since.map(second);
            inside.driver.get_container_logs(id, options)
        })],
        &["times/logs-subsecond-filters"],
    ),
    Fault::new(
        "logs-since-rounded-up",
        "`since` of logs is rounded up to whole seconds.",
        &[GetContainerLogs(|inside, id, mut options| {
            options.since = options.since.map(|time| second(time) + Duration::from_secs(1));
            inside.driver.get_container_logs(id, options)
        })],
        &["times/logs-subsecond-filters"],
    ),
    Fault::new(
        "logs-since-is-exclusive",
        "`since` of logs excludes a line of exactly that time.",
        &[GetContainerLogs(|inside, id, mut options| {
            options.since = options.since.map(|time| time + Duration::from_nanos(1));
            inside.driver.get_container_logs(id, options)
        })],
        &["times/logs-subsecond-filters"],
    ),
    Fault::new(
        "log-stream-since-and-until-in-whole-seconds",
        "`since` and `until` of a log stream are truncated to whole seconds.",
        &[StreamContainerLogs(|inside, id, mut options| {
            options.since = options.since.map(second);
            options.until = options.until.map(second);
            inside.driver.stream_container_logs(id, options)
        })],
        &["times/logs-subsecond-filters"],
    ),
    Fault::new(
        "log-stream-until-rounded-up",
        "`until` of a log stream is rounded up to whole seconds.",
        &[StreamContainerLogs(|inside, id, mut options| {
            options.until = options.until.map(|time| second(time) + Duration::from_secs(1));
            inside.driver.stream_container_logs(id, options)
        })],
        &["times/logs-subsecond-filters"],
    ),
    Fault::new(
        "events-since-in-whole-seconds",
        "`since` of events is truncated to whole seconds.",
        &[Events(|inside, filter| {
            async move {
                let mut filter = filter.clone();
                filter.since = filter.since.map(second);
                inside.driver.events(&filter).await
            }
            .boxed()
        })],
        &["times/events-subsecond-since"],
    ),
    Fault::new(
        "container-times-from-wrong-clock",
        "The times of containers come from a clock that is a minute ahead.",
        &[Instance(|container| each_time(container, ahead))],
        &["times/engine-clock"],
    ),
    Fault::new(
        "event-times-from-wrong-clock",
        "The times of events come from a clock that is a minute ahead.",
        &[Events(|inside, filter| events(inside, filter, ahead).boxed())],
        &["times/engine-clock"],
    ),
    Fault::new(
        "log-times-from-wrong-clock",
        "The times of log lines come from a clock that is a minute ahead.",
        &[GetContainerLogs(|inside, id, options| {
            log_times(inside, id, options, ahead).boxed()
        })],
        &["times/engine-clock"],
    ),
    Fault::new(
        "log-stream-times-from-wrong-clock",
        "The times of log chunks come from a clock that is a minute ahead.",
        &[StreamContainerLogs(|inside, id, options| {
            chunk_times(inside, id, options, ahead).boxed()
        })],
        &["times/engine-clock"],
    ),
    Fault::new(
        "log-since-from-wrong-clock",
        "`since` of logs comes from a clock that is a minute behind.",
        &[GetContainerLogs(|inside, id, mut options| {
            options.since = options.since.map(|time| time - MINUTE);
            inside.driver.get_container_logs(id, options)
        })],
        &["times/engine-clock"],
    ),
    Fault::new(
        "stats-times-from-wrong-clock",
        "The times of stats come from a clock that is a minute ahead.",
        &[ContainerStats(|inside, id| {
            async move {
                let mut stats = inside.driver.container_stats(id).await?;
                stats.time = ahead(stats.time);
                Ok(stats)
            }
            .boxed()
        })],
        &["times/engine-clock"],
    ),
    Fault::new(
        "volume-times-from-wrong-clock",
        "The creation times of volumes come from a clock that is a minute ahead.",
        &[CreateVolume(|inside, config| {
            async move {
                let mut volume = inside.driver.create_volume(config).await?;
                volume.created_at = ahead(volume.created_at);
                Ok(volume)
            }
            .boxed()
        })],
        &["times/engine-clock"],
    ),
    Fault::new(
        "network-times-from-wrong-clock",
        "The creation times of networks come from a clock that is a minute ahead.",
        &[CreateNetwork(|inside, config| {
            async move {
                let mut network = inside.driver.create_network(config).await?;
                network.created_at = ahead(network.created_at);
                Ok(network)
            }
            .boxed()
        })],
        &["times/engine-clock"],
    ),
    Fault::new(
        "health-interval-in-whole-seconds",
        "The interval of a health check is truncated to whole seconds, and zero is the default.",
        &[Config(|config| {
            if let Some(check) = config.health_check.take() {
                let interval = Some(whole(check.interval)).filter(|interval| !interval.is_zero());
                let interval = interval.unwrap_or(driver_interface_types::HealthCheck::DEFAULT_INTERVAL);
                config.health_check = Some(check.interval(interval));
            }
        })],
        &["times/subsecond-health-check"],
    ),
    Fault::new(
        "health-timeout-in-whole-seconds",
        "The timeout of a health check is truncated to whole seconds, and zero is the default.",
        &[Config(|config| {
            if let Some(check) = config.health_check.take() {
                let timeout = Some(whole(check.timeout)).filter(|timeout| !timeout.is_zero());
                let timeout = timeout.unwrap_or(driver_interface_types::HealthCheck::DEFAULT_TIMEOUT);
                config.health_check = Some(check.timeout(timeout));
            }
        })],
        &["times/subsecond-health-check"],
    ),
];

const MINUTE: Duration = Duration::from_secs(60);

fn whole(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs())
}

fn second(time: SystemTime) -> SystemTime {
    UNIX_EPOCH + whole(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn ahead(time: SystemTime) -> SystemTime {
    time + MINUTE
}

fn each_time(container: &mut ContainerInstance, change: fn(SystemTime) -> SystemTime) {
    container.created_at = change(container.created_at);
    container.started_at = container.started_at.map(change);
    if let Some(exit) = &mut container.exit {
        exit.finished_at = change(exit.finished_at);
    }
}

async fn events(
    inside: &Inside,
    filter: &EventFilter,
    change: fn(SystemTime) -> SystemTime,
) -> Result<EventStream> {
    let stream = inside.driver.events(filter).await?;
    Ok(changed(stream, move |mut event| {
        event.time = change(event.time);
        Some(event)
    }))
}

async fn log_times(
    inside: &Inside,
    id: &ContainerId,
    options: LogOptions,
    change: fn(SystemTime) -> SystemTime,
) -> Result<String> {
    let logs = inside.driver.get_container_logs(id, options).await?;
    if !options.timestamps {
        return Ok(logs);
    }
    let line = |line: &str| {
        let (time, text) = line.split_once(' ').unwrap_or((line, ""));
        match humantime::parse_rfc3339(time) {
            Ok(time) => format!("{} {text}", humantime::format_rfc3339(change(time))),
            Err(_) => line.to_owned(),
        }
    };
    Ok(logs.split_inclusive('\n').map(line).collect())
}

async fn chunk_times(
    inside: &Inside,
    id: &ContainerId,
    options: LogStreamOptions,
    change: fn(SystemTime) -> SystemTime,
) -> Result<LogStream> {
    let stream = inside.driver.stream_container_logs(id, options).await?;
    Ok(changed(stream, move |mut chunk| {
        chunk.timestamp = chunk.timestamp.map(change);
        Some(chunk)
    }))
}
