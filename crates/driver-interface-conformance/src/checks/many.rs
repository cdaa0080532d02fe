//! Checks with many resources of one kind: no list, stream or config is truncated, for example after a first page of
//! results.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use driver_interface_types::{
    ContainerDriver, ContainerDriverExt as _, ContainerId, ContainerStatus, EventKind, ExecConfig, LogChunk,
    LogOptions, LogStreamOptions, Operation, ResourceFilter,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::archives::{Entry, get, pack, put};
use super::events::{next, own};
use super::files::writable;
use super::logs::first_difference;
use super::values::same_text;
use crate::{Check, CheckResult, Ctx, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "many/containers",
        "All of 105 containers are listed once and in order, counted, and reported by events.",
        run!(containers),
    )
    .because("APIs return long lists in pages, often of a hundred entries")
    .limit(480),
    Check::must(
        "many/volumes",
        "All of 105 volumes are listed once and in order.",
        run!(volumes),
    )
    .requires(&[Operation::ListVolumes])
    .without_image(),
    Check::must(
        "many/log-lines",
        "All of 12,000 log lines are returned, as text and as a stream, and so is a long tail.",
        run!(log_lines),
    ),
    Check::must(
        "many/archive-entries",
        "An archive of 1,200 files is unpacked and packed completely.",
        run!(archive_entries),
    )
    .requires(&[Operation::CopyIntoContainer, Operation::CopyFromContainer]),
    Check::must(
        "many/config-values",
        "A container has all of its 200 labels, 200 variables and 1,000 arguments.",
        run!(config_values),
    ),
];

/// The number of resources that a check creates. If an engine lists 100 entries per page, the resources need a second
/// page.
const COUNT: usize = 105;
/// The number of resources that are created concurrently.
const PARALLEL: usize = 6;

/// Asserts that `listed` contains each of the ids in `created` exactly once.
fn each_once<T: Ord + std::fmt::Debug>(
    ctx: &Ctx,
    about: &str,
    listed: &[T],
    created: &BTreeSet<T>,
) -> CheckResult {
    let known = listed
        .iter()
        .filter(|id| created.contains(id))
        .collect::<BTreeSet<_>>()
        .len();
    ctx.equal(
        format!("{about}: entries, and those that were created"),
        (listed.len(), known),
        (created.len(), created.len()),
    )
}

async fn containers(ctx: Ctx) -> CheckResult {
    let driver = ctx.driver();
    let mut reported = None;
    if ctx.declares(Operation::Events) {
        let mut events = driver.events(&own(&ctx).kind(EventKind::Created)).await?;
        let ctx = ctx.clone();
        // The events are read while they are emitted, because engines drop events for slow readers.
        reported = Some(tokio::spawn(async move {
            let mut ids = Vec::new();
            while ids.len() < COUNT {
                ids.extend(next(&ctx, &mut events).await?.container_id().cloned());
            }
            CheckResult::Ok(ids)
        }));
    }
    let create = |number: usize| {
        let config = ctx
            .program(["true"])
            .network("none")
            .label("half", (number % 2).to_string());
        async move { driver.create_container(&config).await.map(|created| created.id) }
    };
    let created: BTreeSet<ContainerId> = stream::iter(0..COUNT)
        .map(create)
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    ctx.equal("containers with distinct ids", created.len(), COUNT)?;
    let listed = driver.list_containers(&ctx.session_filter()).await?;
    let order: Vec<_> = listed
        .iter()
        .map(|one| (one.created_at, one.id.clone()))
        .collect();
    ctx.ensure(
        "the list is in the order of creation",
        order.is_sorted(),
        order.len(),
    )?;
    let ids: Vec<ContainerId> = listed.into_iter().map(|listed| listed.id).collect();
    each_once(&ctx, "the list", &ids, &created)?;
    let in_status = driver
        .list_containers(&ctx.session_filter().status(ContainerStatus::Created))
        .await?;
    ctx.equal("containers with the status", in_status.len(), COUNT)?;
    let half = driver
        .list_containers(&ctx.session_filter().label("half", "1"))
        .await?;
    ctx.equal("containers with the label", half.len(), COUNT / 2)?;
    let total = driver.health_check().await?.containers.total;
    ctx.ensure("the health check counts them", total >= COUNT as u64, total)?;
    let sessions = driver.list_sessions().await?;
    let session = sessions
        .iter()
        .find(|summary| summary.session_id == *ctx.session());
    ctx.equal(
        "the containers of the session's summary",
        session.map(|one| one.containers),
        Some(COUNT),
    )?;
    if let Some(reported) = reported {
        let reported = ctx.completes("the events", reported).await?;
        let reported = reported.map_err(|error| crate::Verdict::Broken(error.to_string()))??;
        each_once(&ctx, "the events", &reported, &created)?;
    }
    Ok(())
}

async fn volumes(ctx: Ctx) -> CheckResult {
    let driver = ctx.driver();
    let create = |_| {
        let config = ctx.volume();
        async move { driver.create_volume(&config).await.map(|created| created.name) }
    };
    let created: BTreeSet<String> = stream::iter(0..COUNT)
        .map(create)
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    let filter = ResourceFilter::default().session(ctx.session().clone());
    let listed = driver.list_volumes(&filter).await?;
    let order: Vec<_> = listed
        .iter()
        .map(|one| (one.created_at, one.name.clone()))
        .collect();
    ctx.ensure(
        "the list is in the order of creation and name",
        order.is_sorted(),
        order.len(),
    )?;
    let names: Vec<String> = listed.into_iter().map(|listed| listed.name).collect();
    each_once(&ctx, "the list", &names, &created)
}

async fn log_lines(ctx: Ctx) -> CheckResult {
    const LINES: usize = 12_000;
    const TAIL: usize = 11_000;
    let (exited, logs) = ctx.finished(&ctx.script(&format!("seq 1 {LINES}"))).await?;
    let lines = |from: usize| -> String { (from..=LINES).map(|number| format!("{number}\n")).collect() };
    let same = |about: &str, actual: &str, from| {
        let expected = lines(from);
        ctx.ensure(
            format!("{about} is complete"),
            actual == expected,
            first_difference(actual, &expected),
        )
    };
    same("the text", &logs, 1)?;
    let tail = LogOptions::default().tail(TAIL as u64);
    same(
        "the tail",
        &ctx.driver().get_container_logs(&exited.id, tail).await?,
        LINES - TAIL + 1,
    )?;
    if ctx.declares(Operation::StreamContainerLogs) {
        let options = LogStreamOptions::default();
        for (about, options, from) in [
            ("the stream", options, 1),
            (
                "the stream of a tail",
                options.tail(TAIL as u64),
                LINES - TAIL + 1,
            ),
        ] {
            let stream = ctx.driver().stream_container_logs(&exited.id, options).await?;
            let chunks = ctx.completes(about, stream.collect_all()).await??;
            let text: String = chunks.iter().map(LogChunk::text).collect();
            same(about, &text, from)?;
        }
    }
    Ok(())
}

async fn archive_entries(ctx: Ctx) -> CheckResult {
    let id = ctx.driver().create_container(&writable(&ctx, SERVE)).await?.id;
    let directory = |name: &str| -> Entry { (name.to_owned(), tar::EntryType::Directory, 0o755, Vec::new()) };
    let mut entries = vec![directory("tree")];
    for number in 0..1200_u32 {
        let (name, content) = (format!("tree/file-{number:04}"), number.to_string());
        entries.push((name, tar::EntryType::Regular, 0o644, content.into_bytes()));
    }
    put(&ctx, &id, "/home", pack(&entries)?).await?;
    let actual = get(&ctx, &id, "/home/tree").await?;
    ctx.equal("entries", actual.len(), entries.len())?;
    ctx.ensure("they are the same", actual == entries, actual.len())
}

async fn config_values(ctx: Ctx) -> CheckResult {
    const ENTRIES: usize = 200;
    const ARGUMENTS: usize = 1000;
    let map: BTreeMap<String, String> = (0..ENTRIES)
        .map(|number| (format!("NAME_{number:03}"), format!("value {number}")))
        .collect();
    let script = "env | grep ^NAME_ | sort; printf '%s\\n' \"$@\"";
    let args = || {
        let head = ["sh", "-c", script, "sh"].map(str::to_owned);
        head.into_iter()
            .chain((0..ARGUMENTS).map(|number| format!("word {number}")))
    };
    let variables = map.iter().map(|(name, value)| format!("{name}={value}\n"));
    let expected: String = variables
        .chain((0..ARGUMENTS).map(|number| format!("word {number}\n")))
        .collect();
    let mut config = ctx.program(args());
    (config.env, config.labels) = (map.clone(), map.clone());
    let (exited, logs) = ctx.finished(&config).await?;
    ctx.equal("the labels", &exited.labels, &map)?;
    same_text(&ctx, "arguments received by a command", &logs, &expected)?;
    if ctx.declares(Operation::Exec) {
        let running = ctx.ready(&ctx.script(SERVE)).await?;
        let mut exec = ExecConfig::new(args().collect::<Vec<_>>()).timeout(Duration::from_secs(30));
        exec.env = map;
        let output = ctx.driver().exec(&running.id, exec).await?;
        same_text(
            &ctx,
            "arguments received by an exec",
            &output.stdout_text(),
            &expected,
        )?;
    }
    Ok(())
}
