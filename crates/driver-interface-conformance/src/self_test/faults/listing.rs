//! Faults in lists, in the health of containers, and in the ownership of resources.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::ContainerNotFoundError;
use driver_interface_types::{
    ContainerConfig, ContainerDriver as _, ContainerFilter, ContainerHealth, ContainerHealthStatus,
    ContainerId, ContainerInstance, ContainerState, ContainerStatus, DriverHealth, HealthTest, RemoveOptions,
    Result,
};
use futures_util::FutureExt as _;
use tokio::time::sleep;

use crate::ctx::UNMANAGED;
use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{
    Config, CreateContainer, GetContainer, HealthCheck, Instance, IsContainerHealthy, ListContainers,
    Namespace, RemoveContainer,
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "list-running-only",
        "Without a filter only running containers are listed.",
        &[ListContainers(|inside, filter| {
            running_only(inside, filter).boxed()
        })],
        &[
            "listing/every-status", "cleanup/session", "namespaces/sessions-isolated",
        ],
    ),
    Fault::new(
        "list-ignores-status",
        "A list ignores the status of its filter.",
        &[ListContainers(|inside, filter| {
            with_filter(inside, filter, |filter| filter.status = None).boxed()
        })],
        &["listing/status-and-state", "listing/all-labels-must-match"],
    ),
    Fault::new(
        "list-ignores-state",
        "A list ignores the state of its filter.",
        &[ListContainers(|inside, filter| {
            with_filter(inside, filter, |filter| filter.state = None).boxed()
        })],
        &["listing/status-and-state"],
    ),
    Fault::new(
        "list-ignores-session",
        "A list ignores the session of its filter.",
        &[ListContainers(|inside, filter| {
            with_filter(inside, filter, |filter| filter.session_id = None).boxed()
        })],
        &["listing/session"],
    ),
    Fault::new(
        "sessions-match-by-prefix",
        "A filter by session selects all sessions with that prefix.",
        &[ListContainers(|inside, filter| {
            sessions_by_prefix(inside, filter).boxed()
        })],
        &["cleanup/session"],
    ),
    Fault::new(
        "list-ignores-labels",
        "A list ignores the labels of its filter.",
        &[ListContainers(|inside, filter| {
            with_filter(inside, filter, |filter| filter.labels.clear()).boxed()
        })],
        &[
            "listing/all-labels-must-match",
            "listing/labels-are-literal",
            "listing/no-match",
        ],
    ),
    Fault::new(
        "empty-labels-match-any-value",
        "An empty label value in a filter matches any value.",
        &[ListContainers(|inside, filter| {
            with_filter(inside, filter, |filter| {
                filter.labels.retain(|_, value| !value.is_empty())
            })
            .boxed()
        })],
        &["listing/labels-are-literal"],
    ),
    Fault::new(
        "labels-match-by-prefix",
        "A label value in a filter matches all values with that prefix.",
        &[ListContainers(|inside, filter| {
            matching_labels(inside, filter, |has, required| {
                required
                    .iter()
                    .all(|(key, value)| has.get(key).is_some_and(|has| has.starts_with(value)))
            })
            .boxed()
        })],
        &["listing/labels-are-literal"],
    ),
    Fault::new(
        "any-label-matches",
        "One matching label of a filter is enough.",
        &[ListContainers(|inside, filter| {
            matching_labels(inside, filter, |has, required| {
                required.is_empty() || required.iter().any(|(key, value)| has.get(key) == Some(value))
            })
            .boxed()
        })],
        &["listing/all-labels-must-match"],
    ),
    Fault::new(
        "empty-list-is-an-error",
        "A filter without matches returns an error.",
        &[ListContainers(|inside, filter| {
            fails_if_empty(inside, filter).boxed()
        })],
        &["listing/no-match", "listing/status-and-state", "cleanup/session"],
    ),
    Fault::new(
        "newest-first",
        "A list begins with the latest container.",
        &[ListContainers(|inside, filter| {
            with_result(inside, filter, |list| list.reverse()).boxed()
        })],
        &["listing/order"],
    ),
    Fault::new(
        "list-ordered-by-start",
        "A list is ordered by start time.",
        &[ListContainers(|inside, filter| {
            with_result(inside, filter, |list| {
                list.sort_by_key(|container| container.started_at)
            })
            .boxed()
        })],
        &["listing/order"],
    ),
    Fault::new(
        "list-without-exits",
        "The entries of a list lack the exit.",
        &[ListContainers(|inside, filter| {
            with_result(inside, filter, |list| {
                list.iter_mut().for_each(|container| container.exit = None)
            })
            .boxed()
        })],
        &["listing/consistent-with-get"],
    ),
    Fault::new(
        "health-is-slow",
        "A health check takes 15 seconds.",
        &[HealthCheck(|inside| slow_health(inside).boxed())],
        &["health/engine-responds"],
    ),
    Fault::new(
        "health-without-engine",
        "A health check does not name the engine.",
        &[HealthCheck(|inside| {
            with_health(inside, |health| health.engine = None).boxed()
        })],
        &["health/engine-responds"],
    ),
    Fault::new(
        "health-with-engine-version",
        "A health check reports the engine's version as the driver's.",
        &[HealthCheck(|inside| {
            with_health(inside, |health| {
                let engine = health.engine.as_ref();
                health.version = engine.map_or_else(String::new, |engine| engine.version.clone());
            })
            .boxed()
        })],
        &["health/engine-responds"],
    ),
    Fault::new(
        "total-excludes-others",
        "The total of a health check is only running plus stopped containers.",
        &[HealthCheck(|inside| {
            with_health(inside, |health| {
                health.containers.total -= health.containers.others
            })
            .boxed()
        })],
        &["health/counts-add-up", "health/counts-match-list"],
    ),
    Fault::new(
        "counts-include-unmanaged",
        "A health check counts all containers of the engine.",
        &[HealthCheck(|inside| {
            with_health(inside, |health| {
                health.containers.total += 1;
                health.containers.running += 1;
            })
            .boxed()
        })],
        &["health/counts-match-list", "namespaces/counts-isolated"],
    ),
    Fault::new(
        "always-healthy",
        "Every container is healthy.",
        &[IsContainerHealthy(|inside, id| {
            inside
                .driver
                .is_container_healthy(id)
                .map(|healthy| healthy.map(|_| true))
                .boxed()
        })],
        &[
            "health/healthy-while-running", "health/check-passes", "health/check-fails",
            "health/check-recovers", "health/check-timeout", "health/check-start-period",
        ],
    ),
    Fault::new(
        "health-check-ignored",
        "A container is healthy while it runs, regardless of its health check.",
        &[IsContainerHealthy(|inside, id| is_running(inside, id).boxed())],
        &[
            "health/check-passes", "health/check-fails", "health/check-recovers", "health/check-timeout",
            "health/check-start-period",
        ],
    ),
    Fault::new(
        "healthy-by-checks-only",
        "A container without a health check is not healthy.",
        &[IsContainerHealthy(|inside, id| {
            passed_a_check(inside, id).boxed()
        })],
        &["health/healthy-while-running", "health/check-none"],
    ),
    Fault::new(
        "failing-streak-lost",
        "The failing streak of a health check is not reported.",
        &[Instance(|container| {
            if let Some(health) = &mut container.health {
                health.failing_streak = 0;
            }
        })],
        &["health/check-fails"],
    ),
    Fault::new(
        "health-output-lost",
        "The output of a health check is not reported.",
        &[Instance(|container| {
            if let Some(health) = &mut container.health {
                health.last_output = None;
            }
        })],
        &["health/check-fails"],
    ),
    Fault::new(
        "retries-ignored",
        "The retries of a health check are ignored.",
        &[Config(|config| {
            if let Some(check) = &mut config.health_check {
                check.retries = 1000;
            }
        })],
        &[
            "health/check-fails", "health/check-recovers", "health/check-timeout",
        ],
    ),
    Fault::new(
        "unhealthy-forever",
        "An unhealthy container never becomes healthy again.",
        &[GetContainer(|inside, id| unhealthy_forever(inside, id).boxed())],
        &["health/check-recovers"],
    ),
    Fault::new(
        "health-command-through-shell",
        "The arguments of a health check are joined and run by a shell.",
        &[Config(|config| {
            if let Some(check) = &mut config.health_check
                && let HealthTest::Command(args) = &check.test
            {
                check.test = HealthTest::Shell(args.join(" "));
            }
        })],
        &["health/check-command"],
    ),
    Fault::new(
        "health-timeout-lost",
        "The timeout of a health check is ignored.",
        &[Config(|config| {
            if let Some(check) = &mut config.health_check {
                check.timeout = Duration::from_secs(3600);
            }
        })],
        &["health/check-timeout"],
    ),
    Fault::new(
        "start-period-lost",
        "Failures in the start period count.",
        &[Config(|config| {
            if let Some(check) = &mut config.health_check {
                check.start_period = Duration::ZERO;
            }
        })],
        &["health/check-start-period"],
    ),
    Fault::new(
        "health-without-a-check",
        "A container without a health check has the health status `starting`.",
        &[Instance(|container| {
            let starting = ContainerHealth::new(ContainerHealthStatus::Starting);
            container.health.get_or_insert(starting);
        })],
        &["health/check-none"],
    ),
    Fault::new(
        "one-namespace",
        "All drivers of an engine share one namespace.",
        &[Namespace(UNMANAGED)],
        &[
            "namespaces/containers-isolated",
            "namespaces/volumes-and-networks-isolated",
            "namespaces/counts-isolated",
            "namespaces/sessions-isolated",
            "namespaces/unmanaged-untouched",
            "volumes/get",
            "networks/get",
        ],
    ),
    Fault::new(
        "forced-removal-refused",
        "A forced removal of a running container is refused.",
        &[RemoveContainer(|inside, id, options| {
            refused_while_it_runs(inside, id, options).boxed()
        })],
        &[
            "cleanup/session",
            "cleanup/session-with-volumes-and-networks",
            "cleanup/by-another-process",
        ],
    ),
    Fault::new(
        "list-created-by-driver-only",
        "A driver lists only the containers that it created.",
        &[
            CreateContainer(|inside, config| records_creator(inside, config).boxed()),
            ListContainers(|inside, filter| created_by_driver(inside, filter).boxed()),
        ],
        &["cleanup/by-another-process"],
    ),
];

type Labels = BTreeMap<String, String>;

async fn with_filter(
    inside: &Inside,
    filter: &ContainerFilter,
    change: fn(&mut ContainerFilter),
) -> Result<Vec<ContainerInstance>> {
    let mut changed = filter.clone();
    change(&mut changed);
    inside.driver.list_containers(&changed).await
}

async fn with_result(
    inside: &Inside,
    filter: &ContainerFilter,
    change: fn(&mut Vec<ContainerInstance>),
) -> Result<Vec<ContainerInstance>> {
    let mut list = inside.driver.list_containers(filter).await?;
    change(&mut list);
    Ok(list)
}

/// Returns the containers that match `filter`. `fit` returns whether a container's labels match the labels of the
/// filter.
async fn matching_labels(
    inside: &Inside,
    filter: &ContainerFilter,
    fit: fn(&Labels, &Labels) -> bool,
) -> Result<Vec<ContainerInstance>> {
    let mut list = with_filter(inside, filter, |filter| filter.labels.clear()).await?;
    list.retain(|container| fit(&container.labels, &filter.labels));
    Ok(list)
}

async fn sessions_by_prefix(inside: &Inside, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
    let mut list = with_filter(inside, filter, |filter| filter.session_id = None).await?;
    if let Some(session) = &filter.session_id {
        list.retain(|container| container.session_id.as_str().starts_with(session.as_str()));
    }
    Ok(list)
}

async fn running_only(inside: &Inside, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
    let mut list = inside.driver.list_containers(filter).await?;
    if filter.status.is_none() && filter.state.is_none() {
        list.retain(|container| container.state == ContainerState::Running);
    }
    Ok(list)
}

async fn fails_if_empty(inside: &Inside, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
    match inside.driver.list_containers(filter).await?.as_slice() {
        [] => Err(ContainerNotFoundError::new("any").into()),
        list => Ok(list.to_vec()),
    }
}

async fn with_health(inside: &Inside, change: fn(&mut DriverHealth)) -> Result<DriverHealth> {
    let mut health = inside.driver.health_check().await?;
    change(&mut health);
    Ok(health)
}

async fn slow_health(inside: &Inside) -> Result<DriverHealth> {
    sleep(Duration::from_secs(15)).await;
    inside.driver.health_check().await
}

async fn is_running(inside: &Inside, id: &ContainerId) -> Result<bool> {
    let found = inside.driver.get_container(id).await?;
    let found = found.ok_or_else(|| ContainerNotFoundError::new(id.as_str()))?;
    Ok(found.status == ContainerStatus::Running)
}

async fn passed_a_check(inside: &Inside, id: &ContainerId) -> Result<bool> {
    let found = inside.driver.get_container(id).await?;
    let found = found.ok_or_else(|| ContainerNotFoundError::new(id.as_str()))?;
    Ok(found.health.is_some_and(|health| health.is_healthy()))
}

async fn unhealthy_forever(inside: &Inside, id: &ContainerId) -> Result<Option<ContainerInstance>> {
    let mut found = inside.driver.get_container(id).await?;
    if let Some(health) = found.as_mut().and_then(|container| container.health.as_mut()) {
        if health.status == ContainerHealthStatus::Unhealthy {
            inside.memory.note(id.as_str());
        }
        if inside.memory.has(id.as_str()) {
            health.status = ContainerHealthStatus::Unhealthy;
        }
    }
    Ok(found)
}

async fn refused_while_it_runs(inside: &Inside, id: &ContainerId, _: RemoveOptions) -> Result<()> {
    inside.driver.remove_container(id, RemoveOptions::default()).await
}

async fn records_creator(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let created = inside.driver.create_container(config).await?;
    inside.memory.note(&own(inside, &created.id));
    Ok(created)
}

async fn created_by_driver(inside: &Inside, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
    let mut list = inside.driver.list_containers(filter).await?;
    list.retain(|container| inside.memory.has(&own(inside, &container.id)));
    Ok(list)
}

/// Returns the text of the memory entry which records that the driver has created the container `id`.
fn own(inside: &Inside, id: &ContainerId) -> String {
    format!("{:p} created {id}", Arc::as_ptr(&inside.driver))
}
