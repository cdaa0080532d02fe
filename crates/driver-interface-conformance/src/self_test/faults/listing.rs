//! Faults in lists, health, and ownership.

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
        "list-leaves-out-what-does-not-run",
        "Without a filter only running containers are listed.",
        &[ListContainers(|inside, filter| {
            those_that_run(inside, filter).boxed()
        })],
        &[
            "listing/every-status",
            "cleanup/session",
            "namespaces/sessions-apart",
        ],
    ),
    Fault::new(
        "list-ignores-status",
        "A list ignores the status of its filter.",
        &[ListContainers(|inside, filter| {
            ask(inside, filter, |filter| filter.status = None).boxed()
        })],
        &["listing/status-and-state", "listing/labels-are-and-ed"],
    ),
    Fault::new(
        "list-ignores-state",
        "A list ignores the state of its filter.",
        &[ListContainers(|inside, filter| {
            ask(inside, filter, |filter| filter.state = None).boxed()
        })],
        &["listing/status-and-state"],
    ),
    Fault::new(
        "list-ignores-session",
        "A list ignores the session of its filter.",
        &[ListContainers(|inside, filter| {
            ask(inside, filter, |filter| filter.session_id = None).boxed()
        })],
        &["listing/session"],
    ),
    Fault::new(
        "sessions-match-by-their-beginning",
        "A filter by session selects all sessions with that prefix.",
        &[ListContainers(|inside, filter| {
            sessions_alike(inside, filter).boxed()
        })],
        &["cleanup/session"],
    ),
    Fault::new(
        "list-ignores-labels",
        "A list ignores the labels of its filter.",
        &[ListContainers(|inside, filter| {
            ask(inside, filter, |filter| filter.labels.clear()).boxed()
        })],
        &[
            "listing/labels-are-and-ed",
            "listing/labels-are-literal",
            "listing/no-match",
        ],
    ),
    Fault::new(
        "empty-labels-match-any-value",
        "An empty label value in a filter matches any value.",
        &[ListContainers(|inside, filter| {
            ask(inside, filter, |filter| {
                filter.labels.retain(|_, value| !value.is_empty())
            })
            .boxed()
        })],
        &["listing/labels-are-literal"],
    ),
    Fault::new(
        "labels-match-by-their-beginning",
        "A label value in a filter matches all values with that prefix.",
        &[ListContainers(|inside, filter| {
            labelled(inside, filter, |has, required| {
                required
                    .iter()
                    .all(|(key, value)| has.get(key).is_some_and(|has| has.starts_with(value)))
            })
            .boxed()
        })],
        &["listing/labels-are-literal"],
    ),
    Fault::new(
        "labels-are-or-ed",
        "One matching label of a filter is enough.",
        &[ListContainers(|inside, filter| {
            labelled(inside, filter, |has, required| {
                required.is_empty() || required.iter().any(|(key, value)| has.get(key) == Some(value))
            })
            .boxed()
        })],
        &["listing/labels-are-and-ed"],
    ),
    Fault::new(
        "empty-list-is-an-error",
        "A filter without matches is an error.",
        &[ListContainers(|inside, filter| something(inside, filter).boxed())],
        &["listing/no-match", "listing/status-and-state", "cleanup/session"],
    ),
    Fault::new(
        "newest-first",
        "A list begins with the latest container.",
        &[ListContainers(|inside, filter| {
            answer(inside, filter, |list| list.reverse()).boxed()
        })],
        &["listing/order"],
    ),
    Fault::new(
        "list-by-start",
        "A list is ordered by start time.",
        &[ListContainers(|inside, filter| {
            answer(inside, filter, |list| {
                list.sort_by_key(|container| container.started_at)
            })
            .boxed()
        })],
        &["listing/order"],
    ),
    Fault::new(
        "list-is-brief",
        "The entries of a list lack the exit.",
        &[ListContainers(|inside, filter| {
            answer(inside, filter, |list| {
                list.iter_mut().for_each(|container| container.exit = None)
            })
            .boxed()
        })],
        &["listing/agrees-with-get"],
    ),
    Fault::new(
        "health-is-slow",
        "A health check measures disk usage, which takes long.",
        &[HealthCheck(|inside| slow_health(inside).boxed())],
        &["health/engine-answers"],
    ),
    Fault::new(
        "health-has-no-engine",
        "A health check does not name the engine.",
        &[HealthCheck(|inside| {
            health(inside, |health| health.engine = None).boxed()
        })],
        &["health/engine-answers"],
    ),
    Fault::new(
        "health-has-the-engines-version",
        "A health check reports the engine's version as the driver's.",
        &[HealthCheck(|inside| {
            health(inside, |health| {
                let engine = health.engine.as_ref();
                health.version = engine.map_or_else(String::new, |engine| engine.version.clone());
            })
            .boxed()
        })],
        &["health/engine-answers"],
    ),
    Fault::new(
        "total-leaves-out-others",
        "The total of a health check is only running plus stopped containers.",
        &[HealthCheck(|inside| {
            health(inside, |health| {
                health.containers.total -= health.containers.others
            })
            .boxed()
        })],
        &["health/counts-add-up", "health/counts-match-the-list"],
    ),
    Fault::new(
        "counts-are-the-engines",
        "A health check counts all containers of the engine.",
        &[HealthCheck(|inside| {
            health(inside, |health| {
                health.containers.total += 1;
                health.containers.running += 1;
            })
            .boxed()
        })],
        &["health/counts-match-the-list", "namespaces/counts-apart"],
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
            "health/container-runs",
            "health/check-passes",
            "health/check-fails",
            "health/check-recovers",
            "health/check-timeout",
            "health/check-start-period",
        ],
    ),
    Fault::new(
        "healthy-while-it-runs",
        "A container is healthy while it runs, regardless of its health check.",
        &[IsContainerHealthy(|inside, id| runs(inside, id).boxed())],
        &[
            "health/check-passes",
            "health/check-fails",
            "health/check-recovers",
            "health/check-timeout",
            "health/check-start-period",
        ],
    ),
    Fault::new(
        "healthy-by-checks-only",
        "A container without a health check is not healthy.",
        &[IsContainerHealthy(|inside, id| {
            passed_a_check(inside, id).boxed()
        })],
        &["health/container-runs", "health/check-none"],
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
            "health/check-fails",
            "health/check-recovers",
            "health/check-timeout",
        ],
    ),
    Fault::new(
        "unhealthy-for-good",
        "An unhealthy container never becomes healthy again.",
        &[GetContainer(|inside, id| unhealthy_for_good(inside, id).boxed())],
        &["health/check-recovers"],
    ),
    Fault::new(
        "health-words-go-through-a-shell",
        "The words of a health check are joined and run by a shell.",
        &[Config(|config| {
            if let Some(check) = &mut config.health_check
                && let HealthTest::Command(words) = &check.test
            {
                check.test = HealthTest::Shell(words.join(" "));
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
            "namespaces/containers-apart",
            "namespaces/volumes-and-networks-apart",
            "namespaces/counts-apart",
            "namespaces/sessions-apart",
            "namespaces/bystanders-untouched",
            "volumes/get",
            "networks/get",
        ],
    ),
    Fault::new(
        "force-ignored",
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
        "driver-lists-only-its-own",
        "A driver lists the containers it has_events_before, not those of the engine.",
        &[
            CreateContainer(|inside, config| remembered(inside, config).boxed()),
            ListContainers(|inside, filter| what_it_created(inside, filter).boxed()),
        ],
        &["cleanup/by-another-process"],
    ),
];

type Labels = BTreeMap<String, String>;

async fn ask(
    inside: &Inside,
    filter: &ContainerFilter,
    change: fn(&mut ContainerFilter),
) -> Result<Vec<ContainerInstance>> {
    let mut changed = filter.clone();
    change(&mut changed);
    inside.driver.list_containers(&changed).await
}

async fn answer(
    inside: &Inside,
    filter: &ContainerFilter,
    change: fn(&mut Vec<ContainerInstance>),
) -> Result<Vec<ContainerInstance>> {
    let mut list = inside.driver.list_containers(filter).await?;
    change(&mut list);
    Ok(list)
}

/// Lists containers with another rule for matching labels.
async fn labelled(
    inside: &Inside,
    filter: &ContainerFilter,
    fit: fn(&Labels, &Labels) -> bool,
) -> Result<Vec<ContainerInstance>> {
    let mut list = ask(inside, filter, |filter| filter.labels.clear()).await?;
    list.retain(|container| fit(&container.labels, &filter.labels));
    Ok(list)
}

async fn sessions_alike(inside: &Inside, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
    let mut list = ask(inside, filter, |filter| filter.session_id = None).await?;
    if let Some(session) = &filter.session_id {
        list.retain(|container| container.session_id.as_str().starts_with(session.as_str()));
    }
    Ok(list)
}

async fn those_that_run(inside: &Inside, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
    let mut list = inside.driver.list_containers(filter).await?;
    if filter.status.is_none() && filter.state.is_none() {
        list.retain(|container| container.state == ContainerState::Running);
    }
    Ok(list)
}

async fn something(inside: &Inside, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
    match inside.driver.list_containers(filter).await?.as_slice() {
        [] => Err(ContainerNotFoundError::new("any").into()),
        list => Ok(list.to_vec()),
    }
}

async fn health(inside: &Inside, change: fn(&mut DriverHealth)) -> Result<DriverHealth> {
    let mut health = inside.driver.health_check().await?;
    change(&mut health);
    Ok(health)
}

async fn slow_health(inside: &Inside) -> Result<DriverHealth> {
    sleep(Duration::from_secs(15)).await;
    inside.driver.health_check().await
}

async fn runs(inside: &Inside, id: &ContainerId) -> Result<bool> {
    let found = inside.driver.get_container(id).await?;
    let found = found.ok_or_else(|| ContainerNotFoundError::new(id.as_str()))?;
    Ok(found.status == ContainerStatus::Running)
}

async fn passed_a_check(inside: &Inside, id: &ContainerId) -> Result<bool> {
    let found = inside.driver.get_container(id).await?;
    let found = found.ok_or_else(|| ContainerNotFoundError::new(id.as_str()))?;
    Ok(found.health.is_some_and(|health| health.is_healthy()))
}

async fn unhealthy_for_good(inside: &Inside, id: &ContainerId) -> Result<Option<ContainerInstance>> {
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

async fn remembered(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let created = inside.driver.create_container(config).await?;
    inside.memory.note(&own(inside, &created.id));
    Ok(created)
}

async fn what_it_created(inside: &Inside, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
    let mut list = inside.driver.list_containers(filter).await?;
    list.retain(|container| inside.memory.has(&own(inside, &container.id)));
    Ok(list)
}

/// Returns the key of an entry that only one driver of the target uses for a container.
fn own(inside: &Inside, id: &ContainerId) -> String {
    format!("{:p} created {id}", Arc::as_ptr(&inside.driver))
}
