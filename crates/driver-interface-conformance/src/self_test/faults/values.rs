//! Faults in which config values are truncated, trimmed, lower-cased, or left over from an earlier resource.

use std::collections::BTreeMap;

use driver_interface_types::{
    ContainerConfig, ContainerDriver as _, ContainerFilter, ContainerId, ContainerInstance, CreationPlan,
    EventContainer, HealthTest, LogOptions, MountType, NetworkConfig, RemoveOptions, ResourceFilter, Result,
    UlimitValue, VolumeConfig,
};
use futures_util::FutureExt as _;

use super::events::with_container;
use super::streams::changed;
use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{
    Command, Config, ContainerStats, CreateContainer, CreateNetwork, CreateVolume, Events, GetContainerLogs,
    Instance, ListContainers, ListNetworks, ListVolumes, Plan, RemoveContainer,
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "arguments-cut-at-newlines",
        "A command's arguments are cut at their first newline.",
        &[Config(|config| config.command.iter_mut().for_each(cut))],
        &["values/command", "values/plan"],
    ),
    Fault::new(
        "arguments-trimmed",
        "A command's arguments are trimmed.",
        &[Config(|config| config.command.iter_mut().for_each(trim))],
        &["values/command"],
    ),
    Fault::new(
        "entrypoint-cut-at-newlines",
        "An entrypoint's arguments are cut at their first newline.",
        &[Config(|config| {
            config.entrypoint.iter_mut().flatten().for_each(cut)
        })],
        &["values/command", "values/plan"],
    ),
    Fault::new(
        "variables-cut-at-newlines",
        "Values of variables are cut at their first newline.",
        &[Config(|config| config.env.values_mut().for_each(cut))],
        &["values/command", "values/plan"],
    ),
    Fault::new(
        "variables-trimmed",
        "Values of variables are trimmed.",
        &[Config(|config| config.env.values_mut().for_each(trim))],
        &["values/command"],
    ),
    Fault::new(
        "variables-lose-backslashes",
        "Values of variables are unescaped.",
        &[Config(|config| {
            config
                .env
                .values_mut()
                .for_each(|value| *value = value.replace(r"\\", r"\"));
        })],
        &["values/command"],
    ),
    Fault::new(
        "empty-variables-dropped",
        "Variables with empty values are dropped.",
        &[Config(|config| config.env.retain(|_, value| !value.is_empty()))],
        &["values/command"],
    ),
    Fault::new(
        "long-variables-cut",
        "Values of variables are cut at 4 KiB.",
        &[Config(|config| config.env.values_mut().for_each(shorten))],
        &["values/command"],
    ),
    Fault::new(
        "container-labels-cut-at-newlines",
        "Labels of containers are cut at their first newline.",
        &[Config(|config| config.labels.values_mut().for_each(cut))],
        &["values/labels"],
    ),
    Fault::new(
        "volume-labels-cut-at-newlines",
        "Labels of volumes are cut at their first newline.",
        &[CreateVolume(|inside, config| {
            volume(inside, config, |config| config.labels.values_mut().for_each(cut)).boxed()
        })],
        &["values/labels"],
    ),
    Fault::new(
        "network-labels-cut-at-newlines",
        "Labels of networks are cut at their first newline.",
        &[CreateNetwork(|inside, config| {
            network(inside, config, |config| config.labels.values_mut().for_each(cut)).boxed()
        })],
        &["values/labels"],
    ),
    Fault::new(
        "container-filters-cut-at-newlines",
        "Filters of containers compare the first line of a label.",
        &[ListContainers(|inside, filter| {
            let mut filter = filter.clone();
            filter.labels.values_mut().for_each(cut);
            async move { inside.driver.list_containers(&filter).await }.boxed()
        })],
        &["values/labels"],
    ),
    Fault::new(
        "container-filters-ignore-case",
        "Filters of containers ignore the case of label values.",
        &[ListContainers(|inside, filter| {
            labels_ignore_case(inside, filter).boxed()
        })],
        &["values/labels"],
    ),
    Fault::new(
        "volume-filters-cut-at-newlines",
        "Filters of volumes compare the first line of a label.",
        &[ListVolumes(|inside, filter| {
            let filter = cut_filter(filter);
            async move { inside.driver.list_volumes(&filter).await }.boxed()
        })],
        &["values/labels"],
    ),
    Fault::new(
        "network-filters-cut-at-newlines",
        "Filters of networks compare the first line of a label.",
        &[ListNetworks(|inside, filter| {
            let filter = cut_filter(filter);
            async move { inside.driver.list_networks(&filter).await }.boxed()
        })],
        &["values/labels"],
    ),
    Fault::new(
        "event-labels-cut-at-newlines",
        "Labels in events are cut at their first newline.",
        &[Events(|inside, filter| {
            async move {
                let stream = inside.driver.events(filter).await?;
                Ok(changed(stream, |event| {
                    let cut_all =
                        |container: &mut EventContainer| container.labels.values_mut().for_each(cut);
                    Some(with_container(event, cut_all))
                }))
            }
            .boxed()
        })],
        &["values/labels"],
    ),
    Fault::new(
        "event-filters-cut-at-newlines",
        "Filters of events compare the first line of a label.",
        &[Events(|inside, filter| {
            let mut filter = filter.clone();
            filter.labels.values_mut().for_each(cut);
            async move { inside.driver.events(&filter).await }.boxed()
        })],
        &["values/labels"],
    ),
    Fault::new(
        "container-label-keys-lower-cased",
        "Keys of container labels are lower-cased.",
        &[Config(|config| lower_keys(&mut config.labels))],
        &["values/labels", "values/case"],
    ),
    Fault::new(
        "volume-label-keys-lower-cased",
        "Keys of volume labels are lower-cased.",
        &[CreateVolume(|inside, config| {
            volume(inside, config, |config| lower_keys(&mut config.labels)).boxed()
        })],
        &["values/labels", "values/case"],
    ),
    Fault::new(
        "network-label-keys-lower-cased",
        "Keys of network labels are lower-cased.",
        &[CreateNetwork(|inside, config| {
            network(inside, config, |config| lower_keys(&mut config.labels)).boxed()
        })],
        &["values/labels", "values/case"],
    ),
    Fault::new(
        "variable-names-lower-cased",
        "Names of a container's variables are lower-cased.",
        &[Config(|config| lower_keys(&mut config.env))],
        &["values/case"],
    ),
    Fault::new(
        "exec-variable-names-lower-cased",
        "Names of an exec's variables are lower-cased.",
        &[Command(|config| lower_keys(&mut config.env))],
        &["values/case"],
    ),
    Fault::new(
        "container-names-lower-cased",
        "Names of containers are lower-cased.",
        &[Config(|config| {
            config
                .name
                .iter_mut()
                .for_each(|name| name.make_ascii_lowercase());
        })],
        &["values/case"],
    ),
    Fault::new(
        "names-found-case-insensitively",
        "A container is found by its name in any case.",
        &[ListContainers(|inside, filter| {
            names_ignore_case(inside, filter).boxed()
        })],
        &["values/case"],
    ),
    Fault::new(
        "sessions-match-case-insensitively",
        "Filters by session ignore case.",
        &[ListContainers(|inside, filter| {
            sessions_ignore_case(inside, filter).boxed()
        })],
        &["values/case"],
    ),
    Fault::new(
        "operation-keys-lower-cased",
        "Operation keys are lower-cased.",
        &[Config(|config| {
            config
                .operation_key
                .iter_mut()
                .for_each(|key| key.make_ascii_lowercase());
        })],
        &["values/case"],
    ),
    Fault::new(
        "volume-names-lower-cased",
        "Names of volumes are lower-cased.",
        &[CreateVolume(|inside, config| {
            volume(inside, config, |config| config.name.make_ascii_lowercase()).boxed()
        })],
        &["values/case"],
    ),
    Fault::new(
        "network-names-lower-cased",
        "Names of networks are lower-cased.",
        &[CreateNetwork(|inside, config| {
            network(inside, config, |config| config.name.make_ascii_lowercase()).boxed()
        })],
        &["values/case"],
    ),
    Fault::new(
        "working-dir-spaces-collapsed",
        "Double spaces in a working directory become one.",
        &[Config(|config| {
            config
                .working_dir
                .iter_mut()
                .for_each(|directory| *directory = directory.replace("  ", " "));
        })],
        &["values/paths"],
    ),
    Fault::new(
        "mount-targets-trimmed",
        "The target of a volume is trimmed.",
        &[Config(|config| {
            config
                .volumes
                .iter_mut()
                .for_each(|mount| trim(&mut mount.target));
        })],
        &["values/paths"],
    ),
    Fault::new(
        "inner-mounts-hidden",
        "A mount below another mount is hidden by it.",
        &[Config(|config| {
            let outer: Vec<String> = config
                .volumes
                .iter()
                .map(|mount| format!("{}/", mount.target))
                .collect();
            config.volumes.retain(|mount| {
                mount.mount_type() != MountType::Volume
                    || !outer.iter().any(|outer| mount.target.starts_with(outer))
            });
        })],
        &["values/paths"],
    ),
    Fault::new(
        "health-arguments-cut-at-newlines",
        "The arguments of a health check are cut at their first newline.",
        &[Config(|config| {
            if let Some(HealthTest::Command(args)) = config.health_check.as_mut().map(|check| &mut check.test)
            {
                args.iter_mut().for_each(cut);
            }
        })],
        &["values/health-check"],
    ),
    Fault::new(
        "health-script-first-line-only",
        "Only the first line of a health check runs.",
        &[Config(|config| {
            if let Some(HealthTest::Shell(line)) = config.health_check.as_mut().map(|check| &mut check.test) {
                cut(line);
            }
        })],
        &["values/health-check"],
    ),
    Fault::new(
        "ipv6-extra-hosts-lost",
        "An extra host with an IPv6 address does not resolve.",
        &[Config(|config| {
            config
                .extra_hosts
                .retain(|_, address| !address.to_string().contains(':'))
        })],
        &["values/extra-hosts"],
    ),
    Fault::new(
        "one-extra-host",
        "Only the first of several extra hosts resolves.",
        &[Config(|config| {
            let first = config.extra_hosts.pop_first();
            config.extra_hosts = first.into_iter().collect();
        })],
        &["values/extra-hosts"],
    ),
    Fault::new(
        "memory-in-32-bits",
        "Memory limits are truncated to 32 bits.",
        &[Config(|config| config.resources.memory %= 4096)],
        &["values/large-limits"],
    ),
    Fault::new(
        "processes-in-16-bits",
        "Process limits are truncated to 16 bits.",
        &[Config(|config| config.resources.pids %= 65_536)],
        &["values/large-limits", "values/plan"],
    ),
    Fault::new(
        "cores-rounded",
        "CPU limits are rounded to hundredths.",
        &[Config(|config| {
            config.resources.cpu = (config.resources.cpu * 100.0).round() / 100.0
        })],
        &["values/large-limits", "values/plan"],
    ),
    Fault::new(
        "reported-memory-in-32-bits",
        "The memory limit of an instance is reported in 32 bits.",
        &[Instance(|container| container.resources.memory %= 4096)],
        &["values/large-limits"],
    ),
    Fault::new(
        "stats-limits-in-32-bits",
        "The memory limit in stats is reported in 32 bits.",
        &[ContainerStats(|inside, id| {
            async move {
                let mut stats = inside.driver.container_stats(id).await?;
                stats.memory_limit_bytes = stats.memory_limit_bytes.map(|bytes| bytes % (1 << 32));
                Ok(stats)
            }
            .boxed()
        })],
        &["values/large-limits"],
    ),
    Fault::new(
        "ulimits-in-32-bits",
        "Ulimits are truncated to 32 bits.",
        &[Config(|config| {
            for limit in &mut config.ulimits {
                for value in [&mut limit.soft, &mut limit.hard] {
                    if let UlimitValue::Limited(value) = value {
                        *value %= 1 << 32;
                    }
                }
            }
        })],
        &["values/large-ulimits"],
    ),
    Fault::new(
        "plan-cuts-labels",
        "The labels in a plan are cut at their first newline.",
        &[Plan(|inside, config| {
            planned(inside, config, |plan| {
                plan.config.labels.values_mut().for_each(cut)
            })
            .boxed()
        })],
        &["values/plan"],
    ),
    Fault::new(
        "plan-cuts-times",
        "The health check times in a plan are truncated to whole seconds.",
        &[Plan(|inside, config| {
            planned(inside, config, |plan| {
                if let Some(check) = &mut plan.config.health_check {
                    check.interval = std::time::Duration::from_secs(check.interval.as_secs());
                }
            })
            .boxed()
        })],
        &["values/plan"],
    ),
    Fault::new(
        "labels-of-previous-container",
        "A container also has the labels of an earlier container of its name.",
        &[CreateContainer(|inside, config| {
            left_over(inside, config, Left::Labels).boxed()
        })],
        &["values/no-state-from-previous-container"],
    ),
    Fault::new(
        "variables-of-previous-container",
        "A container also has the variables of an earlier container of its name.",
        &[CreateContainer(|inside, config| {
            left_over(inside, config, Left::Variables).boxed()
        })],
        &["values/no-state-from-previous-container"],
    ),
    Fault::new(
        "limits-of-previous-container",
        "A container has the limits of an earlier container of its name.",
        &[CreateContainer(|inside, config| {
            left_over(inside, config, Left::Limits).boxed()
        })],
        &["values/no-state-from-previous-container"],
    ),
    Fault::new(
        "logs-of-previous-container",
        "A container's logs begin with those of an earlier container of its name.",
        &[
            RemoveContainer(|inside, id, options| removed_with_logs(inside, id, options).boxed()),
            GetContainerLogs(|inside, id, options| logs_of_both(inside, id, options).boxed()),
        ],
        &["values/no-state-from-previous-container"],
    ),
];

pub(super) fn cut(text: &mut String) {
    text.truncate(text.find('\n').unwrap_or(text.len()));
}

pub(super) fn trim(text: &mut String) {
    *text = text.trim().to_owned();
}

fn shorten(text: &mut String) {
    let kept = text.char_indices().map(|(at, _)| at).find(|at| *at >= 4096);
    text.truncate(kept.unwrap_or(text.len()));
}

fn lower_keys(map: &mut BTreeMap<String, String>) {
    let lower = std::mem::take(map)
        .into_iter()
        .map(|(key, value)| (key.to_lowercase(), value));
    *map = lower.collect();
}

async fn volume(
    inside: &Inside,
    config: &VolumeConfig,
    change: fn(&mut VolumeConfig),
) -> Result<driver_interface_types::Volume> {
    let mut config = config.clone();
    change(&mut config);
    inside.driver.create_volume(&config).await
}

async fn network(
    inside: &Inside,
    config: &NetworkConfig,
    change: fn(&mut NetworkConfig),
) -> Result<driver_interface_types::Network> {
    let mut config = config.clone();
    change(&mut config);
    inside.driver.create_network(&config).await
}

fn cut_filter(filter: &ResourceFilter) -> ResourceFilter {
    let mut filter = filter.clone();
    filter.labels.values_mut().for_each(cut);
    filter
}

/// Returns the containers that match the filter, with label values compared case-insensitively.
async fn labels_ignore_case(inside: &Inside, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
    let mut any = filter.clone();
    any.labels.clear();
    let mut all = inside.driver.list_containers(&any).await?;
    all.retain(|one| {
        let has = |(key, value): (&String, &String)| {
            one.labels
                .get(key)
                .is_some_and(|other| other.to_lowercase() == value.to_lowercase())
        };
        filter.labels.iter().all(has)
    });
    Ok(all)
}

async fn names_ignore_case(inside: &Inside, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
    let mut any = filter.clone();
    let name = any.name.take();
    let mut all = inside.driver.list_containers(&any).await?;
    if let Some(name) = name {
        all.retain(|container| container.name.eq_ignore_ascii_case(&name));
    }
    Ok(all)
}

async fn sessions_ignore_case(inside: &Inside, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
    let mut any = filter.clone();
    let session = any.session_id.take();
    let mut all = inside.driver.list_containers(&any).await?;
    if let Some(session) = session {
        all.retain(|one| one.session_id.as_str().eq_ignore_ascii_case(session.as_str()));
    }
    Ok(all)
}

async fn planned(
    inside: &Inside,
    config: &ContainerConfig,
    change: fn(&mut CreationPlan),
) -> Result<CreationPlan> {
    let mut plan = inside.driver.plan(config).await?;
    change(&mut plan);
    Ok(plan)
}

#[derive(Clone, Copy)]
enum Left {
    Labels,
    Variables,
    Limits,
}

async fn left_over(inside: &Inside, config: &ContainerConfig, left: Left) -> Result<ContainerInstance> {
    let mut config = config.clone();
    let key = format!("config {} ", config.name.as_deref().unwrap_or_default());
    let last = inside.memory.latest(&key);
    inside.memory.note(&format!(
        "{key}{}",
        serde_json::to_string(&config).unwrap_or_default()
    ));
    let last: Option<ContainerConfig> = last.and_then(|last| serde_json::from_str(&last).ok());
    if let Some(last) = last {
        match left {
            Left::Labels => config.labels = last.labels.into_iter().chain(config.labels).collect(),
            Left::Variables => config.env = last.env.into_iter().chain(config.env).collect(),
            Left::Limits => config.resources = last.resources,
        }
    }
    inside.driver.create_container(&config).await
}

/// Returns the prefix of the memory entry that contains the logs of a container. The prefix depends only on the
/// container's name.
async fn key_of_logs(inside: &Inside, id: &ContainerId) -> Result<String> {
    let name = inside.driver.get_container(id).await?.map(|found| found.name);
    Ok(format!("logs {} ", name.unwrap_or_default()))
}

async fn removed_with_logs(inside: &Inside, id: &ContainerId, options: RemoveOptions) -> Result<()> {
    let key = key_of_logs(inside, id).await?;
    if let Ok(logs) = inside.driver.get_container_logs(id, LogOptions::default()).await {
        inside.memory.note(&format!("{key}{logs}"));
    }
    inside.driver.remove_container(id, options).await
}

async fn logs_of_both(inside: &Inside, id: &ContainerId, options: LogOptions) -> Result<String> {
    let key = key_of_logs(inside, id).await?;
    let logs = inside.driver.get_container_logs(id, options).await?;
    Ok(inside.memory.latest(&key).unwrap_or_default() + &logs)
}
