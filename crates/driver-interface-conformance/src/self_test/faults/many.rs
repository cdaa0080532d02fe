//! Faults in reading results page by page: only the first page is returned, or a page is returned twice.

use driver_interface_types::{
    ContainerDriver as _, ContainerFilter, ContainerId, ContainerInstance, LogOptions, LogStream,
    LogStreamOptions, Result, TarStream,
};
use futures_util::{FutureExt as _, StreamExt as _};

use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{
    Command, Config, CopyFromContainer, CopyIntoContainer, Events, GetContainerLogs, HealthCheck,
    ListContainers, ListVolumes, StreamContainerLogs,
};

/// The number of entries on a page.
const PAGE: usize = 100;

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "containers-first-page-only",
        "Only the first page of containers is listed.",
        &[ListContainers(|inside, filter| {
            listed(inside, filter, |all| all.truncate(PAGE)).boxed()
        })],
        &["many/containers"],
    ),
    Fault::new(
        "containers-first-page-repeated",
        "The second page of containers repeats the first.",
        &[ListContainers(|inside, filter| {
            listed(inside, filter, |all| {
                let again: Vec<ContainerInstance> =
                    all.iter().take(all.len().saturating_sub(PAGE)).cloned().collect();
                all.truncate(PAGE);
                all.extend(again);
            })
            .boxed()
        })],
        &["many/containers"],
    ),
    Fault::new(
        "filter-first-page-only",
        "A filter selects from the first page of containers only.",
        &[ListContainers(|inside, filter| {
            async move {
                let mut session = ContainerFilter::default();
                session.session_id = filter.session_id.clone();
                let mut all = inside.driver.list_containers(&session).await?;
                if !filter.labels.is_empty() || filter.status.is_some() {
                    all.truncate(PAGE);
                }
                all.retain(|one| filter.matches(one));
                Ok(all)
            }
            .boxed()
        })],
        &["many/containers"],
    ),
    Fault::new(
        "health-counts-first-page-only",
        "The health check counts one page of containers.",
        &[HealthCheck(|inside| {
            async move {
                let mut health = inside.driver.health_check().await?;
                health.containers.total = health.containers.total.min(PAGE as u64);
                Ok(health)
            }
            .boxed()
        })],
        &["many/containers"],
    ),
    Fault::new(
        "events-first-page-only",
        "An event stream reports nothing after one page.",
        &[Events(|inside, filter| {
            async move {
                let stream = inside.driver.events(filter).await?;
                let page = stream.take(PAGE).chain(futures_util::stream::pending());
                Ok(driver_interface_types::EventStream::new(page))
            }
            .boxed()
        })],
        &["many/containers"],
    ),
    Fault::new(
        "volumes-first-page-only",
        "Only the first page of volumes is listed.",
        &[ListVolumes(|inside, filter| {
            async move {
                let mut all = inside.driver.list_volumes(filter).await?;
                all.truncate(PAGE);
                Ok(all)
            }
            .boxed()
        })],
        &["many/volumes"],
    ),
    Fault::new(
        "logs-limited-to-10000-lines",
        "Logs have at most ten thousand lines.",
        &[GetContainerLogs(|inside, id, mut options| {
            options.tail = Some(options.tail.unwrap_or(u64::MAX).min(10_000));
            inside.driver.get_container_logs(id, options)
        })],
        &["many/log-lines"],
    ),
    Fault::new(
        "tail-limited-to-10000-lines",
        "A tail has at most ten thousand lines.",
        &[GetContainerLogs(|inside, id, options: LogOptions| {
            let mut options = options;
            options.tail = options.tail.map(|lines| lines.min(10_000));
            inside.driver.get_container_logs(id, options)
        })],
        &["many/log-lines"],
    ),
    Fault::new(
        "log-streams-limited-to-1000-lines",
        "A log stream ends after a thousand lines.",
        &[StreamContainerLogs(|inside, id, options| {
            first_thousand_lines(inside, id, options).boxed()
        })],
        &["many/log-lines"],
    ),
    Fault::new(
        "unpack-limited-to-1000-entries",
        "Only the first thousand entries of an archive are unpacked.",
        &[CopyIntoContainer(|inside, id, directory, archive| {
            async move {
                let archive = first_entries(archive).await?;
                inside.driver.copy_into_container(id, directory, archive).await
            }
            .boxed()
        })],
        &["many/archive-entries"],
    ),
    Fault::new(
        "pack-limited-to-1000-entries",
        "A packed archive has at most a thousand entries.",
        &[CopyFromContainer(|inside, id, path| {
            async move { first_entries(inside.driver.copy_from_container(id, path).await?).await }.boxed()
        })],
        &["many/archive-entries"],
    ),
    Fault::new(
        "labels-limited-to-100",
        "A container has at most a hundred labels.",
        &[Config(|config| {
            config.labels = std::mem::take(&mut config.labels)
                .into_iter()
                .take(PAGE)
                .collect()
        })],
        &["many/config-values"],
    ),
    Fault::new(
        "variables-limited-to-100",
        "A container has at most a hundred variables.",
        &[Config(|config| {
            config.env = std::mem::take(&mut config.env).into_iter().take(PAGE).collect()
        })],
        &["many/config-values"],
    ),
    Fault::new(
        "arguments-limited-to-512",
        "A command has at most 512 arguments.",
        &[Config(|config| config.command.truncate(512))],
        &["many/config-values"],
    ),
    Fault::new(
        "exec-arguments-limited-to-512",
        "An exec has at most 512 arguments.",
        &[Command(|config| config.argv.truncate(512))],
        &["many/config-values"],
    ),
    Fault::new(
        "exec-variables-limited-to-100",
        "An exec has at most a hundred variables.",
        &[Command(|config| {
            config.env = std::mem::take(&mut config.env).into_iter().take(PAGE).collect()
        })],
        &["many/config-values"],
    ),
];

async fn listed(
    inside: &Inside,
    filter: &ContainerFilter,
    change: fn(&mut Vec<ContainerInstance>),
) -> Result<Vec<ContainerInstance>> {
    let mut all = inside.driver.list_containers(filter).await?;
    change(&mut all);
    Ok(all)
}

async fn first_thousand_lines(
    inside: &Inside,
    id: &ContainerId,
    options: LogStreamOptions,
) -> Result<LogStream> {
    let chunks = inside
        .driver
        .stream_container_logs(id, options)
        .await?
        .collect_all()
        .await?;
    let mut lines = 0;
    let first_chunks = chunks.into_iter().take_while(move |chunk| {
        lines += chunk.bytes.iter().filter(|byte| **byte == b'\n').count();
        lines <= 1000
    });
    Ok(LogStream::of_items(first_chunks.collect::<Vec<_>>()))
}

async fn first_entries(archive: TarStream) -> Result<TarStream> {
    let archive = archive.read_all(usize::MAX).await?;
    let repack = || -> std::io::Result<Vec<u8>> {
        let mut packed = tar::Builder::new(Vec::new());
        for entry in tar::Archive::new(archive.as_ref()).entries()?.take(1000) {
            let entry = entry?;
            let (mut header, path) = (entry.header().clone(), entry.path()?.into_owned());
            packed.append_data(&mut header, path, entry)?;
        }
        packed.into_inner()
    };
    Ok(repack().map_or_else(|_| archive.clone().into(), Into::into))
}
