//! Checks of container events as they happen.

use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_types::{
    ContainerDriver, ContainerId, Event, EventCursor, EventFilter, EventKind, EventStream, Operation,
    RemoveOptions, StopOptions, label,
};
use futures_util::future::try_join_all;
use tokio::time::{sleep, timeout};

use crate::{Check, CheckResult, Ctx, Failure, Need, SERVE, run};

const NEEDS: &[Operation] = &[Operation::Events];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "events/life",
        "A container's lifecycle is reported in order, each step once: created, started, stopped, removed.",
        run!(life),
    )
    .requires(NEEDS),
    Check::must(
        "events/exit-code",
        "Events of exits have the exit code, and no other event has one.",
        run!(exit_code),
    )
    .requires(NEEDS),
    Check::must(
        "events/who",
        "Events name the container, its session and its labels, regardless of which driver acted.",
        run!(who),
    )
    .requires(NEEDS),
    Check::must(
        "events/filter",
        "Filters by session, container, kind and label select exactly the matching events.",
        run!(filter),
    )
    .requires(NEEDS),
    Check::must(
        "events/since",
        "With `since`, past events from that time on come first, then new ones.",
        run!(since),
    )
    .because("engines keep a few hundred events, so the check needs the engine to itself")
    .exclusive()
    .requires(NEEDS),
    Check::must(
        "events/after-without-gap-or-twin",
        "After a cursor, every later event is reported exactly once, also those that no stream received.",
        run!(after),
    )
    .because("engines keep a few hundred events, so the check needs the engine to itself")
    .exclusive()
    .requires(NEEDS),
    Check::must(
        "events/bad-cursor",
        "A cursor that no driver returned, or a cursor together with `since`, is `ConfigurationError`.",
        run!(bad_cursor),
    )
    .requires(NEEDS)
    .without_image(),
    Check::must(
        "events/only-own",
        "Events of other namespaces and of other programs are not reported.",
        run!(only_own),
    )
    .requires(NEEDS),
    Check::must(
        "events/only-own-of-others",
        "Containers of other programs produce no events, whatever their labels claim.",
        run!(unmanaged_resource),
    )
    .needs(&[Need::Image, Need::UnmanagedResources])
    .exclusive()
    .requires(NEEDS),
];

pub(super) fn own(ctx: &Ctx) -> EventFilter {
    EventFilter::default().session(ctx.session().clone())
}

pub(super) async fn next(ctx: &Ctx, stream: &mut EventStream) -> CheckResult<Event> {
    let item = ctx
        .completes("the next event", stream.next())
        .await?
        .transpose()?;
    Ok(item.ok_or_else(|| Failure::new("the next event", "one", "the stream has ended"))?)
}

/// Reads events up to and including the first of a kind.
pub(super) async fn up_to(ctx: &Ctx, stream: &mut EventStream, kind: EventKind) -> CheckResult<Vec<Event>> {
    let mut events = Vec::new();
    loop {
        let event = next(ctx, stream).await?;
        let last = event.kind() == kind;
        events.push(event);
        if last {
            return Ok(events);
        }
    }
}

/// Asserts that no further event arrives for a while.
pub(super) async fn silence(ctx: &Ctx, about: &str, stream: &mut EventStream) -> CheckResult {
    let more = timeout(Duration::from_secs(3), stream.next()).await;
    ctx.ensure(about, more.is_err(), more)
}

/// Asserts the same of several streams concurrently.
async fn silence_of_all(ctx: &Ctx, streams: Vec<(String, EventStream)>) -> CheckResult {
    let waits = streams
        .into_iter()
        .map(|(about, mut stream)| async move { silence(ctx, &about, &mut stream).await });
    try_join_all(waits).await.map(drop)
}

pub(super) fn kinds(events: &[Event]) -> Vec<EventKind> {
    events.iter().map(|event| event.kind()).collect()
}

/// Creates a container, runs it until it exits, and removes it.
pub(super) async fn lived(ctx: &Ctx, script: &str) -> CheckResult<ContainerId> {
    let (exited, _) = ctx.finished(&ctx.script(script)).await?;
    ctx.driver()
        .remove_container(&exited.id, RemoveOptions::default())
        .await?;
    Ok(exited.id)
}

const LIFE: [EventKind; 4] = [
    EventKind::Created,
    EventKind::Started,
    EventKind::Stopped,
    EventKind::Removed,
];

async fn life(ctx: Ctx) -> CheckResult {
    let mut stream = ctx.driver().events(&own(&ctx)).await?;
    let id = lived(&ctx, "exit 0").await?;
    let events = up_to(&ctx, &mut stream, EventKind::Removed).await?;
    ctx.equal("the reported events", kinds(&events), LIFE.to_vec())?;
    let of_it = events.iter().all(|event| event.container_id() == Some(&id));
    ctx.ensure("it is of the container", of_it, &events)?;
    let times: Vec<_> = events.iter().map(|event| event.time).collect();
    ctx.ensure("times do not go back", times.is_sorted(), times)?;
    silence(&ctx, "no further event", &mut stream).await?;

    // Each run is reported, and a forced removal reports the exit.
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    ctx.driver()
        .stop_container(&running.id, StopOptions::kill())
        .await?;
    ctx.driver().start_container(&running.id).await?;
    ctx.driver()
        .remove_container(&running.id, RemoveOptions::force())
        .await?;
    let events = up_to(&ctx, &mut stream, EventKind::Removed).await?;
    let expected = [&LIFE[..3], &LIFE[1..]].concat();
    ctx.equal("two runs and a removal by force", kinds(&events), expected)
}

async fn exit_code(ctx: Ctx) -> CheckResult {
    let mut stream = ctx.driver().events(&own(&ctx)).await?;
    for code in [0, 3, 255] {
        let id = lived(&ctx, &format!("exit {code}")).await?;
        let mut reported = false;
        // A busy engine may report the previous container's exit only now.
        while !reported {
            let event = next(&ctx, &mut stream).await?;
            if event.kind() != EventKind::Stopped {
                ctx.equal(format!("the code in {}", event.kind()), event.exit_code(), None)?;
            } else if event.container_id() == Some(&id) {
                ctx.equal("the code", event.exit_code(), Some(code))?;
                reported = true;
            }
        }
    }
    Ok(())
}

async fn who(ctx: Ctx) -> CheckResult {
    let second = ctx.second_driver().await?;
    let mut here = ctx.driver().events(&own(&ctx)).await?;
    let mut there = second.events(&own(&ctx)).await?;
    let config = ctx.script("true").label("role", "db").label("empty", "");
    let created = second.create_container(&config).await?;
    let reported = [next(&ctx, &mut here).await?, next(&ctx, &mut there).await?];
    for event in &reported {
        ctx.equal("kind", event.kind(), EventKind::Created)?;
        ctx.equal("container", event.container_id(), Some(&created.id))?;
        let container = event.container();
        let name = container.and_then(|container| container.name.as_deref());
        ctx.equal("name", name, Some(created.name.as_str()))?;
        let session = container.and_then(|container| container.session_id.as_ref());
        ctx.equal("session", session, Some(ctx.session()))?;
        let labels = container.map(|container| &container.labels);
        ctx.equal("labels", labels, Some(&config.labels))?;
    }
    let [one, other] = reported;
    ctx.equal("the cursor, for both", one.cursor, other.cursor)
}

async fn filter(ctx: Ctx) -> CheckResult {
    let marked = ctx.script("exit 0").label("role", "db");
    let plain = ctx.script("exit 0");
    let mut elsewhere = ctx.script("exit 0").label("role", "db");
    elsewhere.session_id = ctx.new_session()?.to_string();
    let filters = [
        ("by label", own(&ctx).label("role", "db"), 3),
        (
            "by a different value of the label",
            own(&ctx).label("role", "d"),
            0,
        ),
        ("by session", own(&ctx), 6),
        ("by kind", own(&ctx).kind(EventKind::Stopped), 2),
        (
            "by two kinds",
            own(&ctx).kind(EventKind::Stopped).kind(EventKind::Created),
            4,
        ),
    ];
    let mut streams = Vec::new();
    for (about, filter, count) in filters {
        streams.push((about, ctx.driver().events(&filter).await?, filter, count));
    }
    for config in [&marked, &plain, &elsewhere] {
        ctx.finished(config).await?;
    }
    let mut reported = Vec::new();
    for (about, mut stream, filter, count) in streams {
        for _ in 0..count {
            let event = next(&ctx, &mut stream).await?;
            ctx.ensure(format!("{about}: it passes"), filter.matches(&event), &event)?;
        }
        reported.push((format!("{about}: no other event"), stream));
    }
    silence_of_all(&ctx, reported).await?;
    // The id is known only once the container exists.
    let created = ctx.driver().create_container(&ctx.script("exit 0")).await?;
    let by_id = EventFilter::default().container(created.id.clone());
    let mut stream = ctx.driver().events(&by_id).await?;
    ctx.finished(&ctx.script("exit 0")).await?;
    ctx.driver().start_container(&created.id).await?;
    let reported = up_to(&ctx, &mut stream, EventKind::Stopped).await?;
    ctx.equal(
        "by id",
        kinds(&reported),
        vec![EventKind::Started, EventKind::Stopped],
    )
}

async fn since(ctx: Ctx) -> CheckResult {
    let mut live = ctx.driver().events(&own(&ctx)).await?;
    let first = lived(&ctx, "exit 0").await?;
    let actual = up_to(&ctx, &mut live, EventKind::Removed).await?;
    let Some(began) = actual.first().map(|event| event.time) else {
        return Err(Failure::new("the first event", "one", "none").into());
    };
    // Some engines record whole seconds.
    sleep(Duration::from_secs(3)).await;
    let mut replay = ctx
        .driver()
        .events(&own(&ctx).since(began - Duration::from_secs(1)))
        .await?;
    let reported = up_to(&ctx, &mut replay, EventKind::Removed).await?;
    ctx.equal("past events", kinds(&reported), LIFE.to_vec())?;
    ctx.ensure(
        "it is of the first",
        reported.iter().all(|event| event.container_id() == Some(&first)),
        &reported,
    )?;
    let mut late = ctx
        .driver()
        .events(&own(&ctx).since(began + Duration::from_secs(3600)))
        .await;
    let second = lived(&ctx, "exit 0").await?;
    let reported = up_to(&ctx, &mut replay, EventKind::Removed).await?;
    ctx.equal("later events", kinds(&reported), LIFE.to_vec())?;
    ctx.ensure(
        "it is of the second",
        reported.iter().all(|event| event.container_id() == Some(&second)),
        &reported,
    )?;
    // A future time either skips all events until then or is refused.
    if let Ok(stream) = &mut late {
        silence(&ctx, "no event before `since`", stream).await?;
    }
    Ok(())
}

async fn after(ctx: Ctx) -> CheckResult {
    let mut live = ctx.driver().events(&own(&ctx)).await?;
    lived(&ctx, "exit 1").await?;
    let mut actual = up_to(&ctx, &mut live, EventKind::Removed).await?;
    drop(live);
    // No stream is open.
    lived(&ctx, "exit 2").await?;
    let second = ctx.second_driver().await?;
    // Each cursor in the first container's events yields the rest of them and the second container's, once
    // each.
    let mut streams = Vec::new();
    for (position, event) in actual.iter().enumerate() {
        let mut stream = second.events(&own(&ctx).after(event.cursor.clone())).await?;
        let mut reported = if position + 1 < LIFE.len() {
            up_to(&ctx, &mut stream, EventKind::Removed).await?
        } else {
            Vec::new()
        };
        reported.extend(up_to(&ctx, &mut stream, EventKind::Removed).await?);
        let expected = [LIFE.get(position + 1..).unwrap_or_default(), &LIFE].concat();
        ctx.equal(format!("after {}", event.kind()), kinds(&reported), expected)?;
        streams.push((format!("after {}: no event is repeated", event.kind()), stream));
    }
    silence_of_all(&ctx, streams).await?;
    // The last cursor yields the events that follow.
    let Some(last) = actual.pop() else {
        return Ok(());
    };
    let mut stream = second.events(&own(&ctx).after(last.cursor)).await?;
    up_to(&ctx, &mut stream, EventKind::Removed).await?;
    lived(&ctx, "exit 3").await?;
    let reported = up_to(&ctx, &mut stream, EventKind::Removed).await?;
    ctx.equal("later events", kinds(&reported), LIFE.to_vec())
}

async fn bad_cursor(ctx: Ctx) -> CheckResult {
    for cursor in ["nonsense", "0-0-0-0", "9"] {
        let filter = own(&ctx).after(EventCursor::new(cursor)?);
        let result = ctx.driver().events(&filter).await;
        ctx.refused(
            format!("cursor {cursor:?}"),
            result,
            &[codes::CONFIGURATION_ERROR],
        )?;
    }
    let mut both = own(&ctx).after(EventCursor::new("nonsense")?);
    both.since = Some(std::time::SystemTime::now());
    let result = ctx.driver().events(&both).await;
    ctx.refused("a cursor and a time", result, &[codes::CONFIGURATION_ERROR])?;
    Ok(())
}

async fn only_own(ctx: Ctx) -> CheckResult {
    let other_namespace = ctx.other_namespace().await?;
    let mut stream = ctx.driver().events(&own(&ctx)).await?;
    let mut theirs = other_namespace.events(&own(&ctx)).await?;
    let created = other_namespace.create_container(&ctx.script("exit 0")).await?;
    other_namespace.start_container(&created.id).await?;
    let reported = next(&ctx, &mut theirs).await?;
    ctx.equal(
        "the control: the other namespace reports it",
        reported.container_id(),
        Some(&created.id),
    )?;
    silence(&ctx, "no event of another namespace", &mut stream).await?;
    let own = ctx.driver().create_container(&ctx.script("exit 0")).await?;
    let reported = next(&ctx, &mut stream).await?;
    ctx.equal(
        "the control: the driver reports its own container",
        reported.container_id(),
        Some(&own.id),
    )
}

async fn unmanaged_resource(ctx: Ctx) -> CheckResult {
    let mut stream = ctx.driver().events(&own(&ctx)).await?;
    let unmanaged_resources = ctx.unmanaged_resources()?;
    let (session, unmanaged) = (ctx.session().to_string(), ctx.unmanaged_namespace());
    let labels = [
        (label::MANAGED_BY, label::MANAGED_BY_VALUE),
        (label::SESSION, session.as_str()),
        (label::NAMESPACE, &unmanaged),
    ];
    let added = unmanaged_resources
        .add_container(&ctx.name(), ctx.image(), &labels)
        .await;
    let reported = silence(&ctx, "no event of an unmanaged container", &mut stream).await;
    let cleaned = unmanaged_resources.remove_all().await;
    ctx.ensure("the unmanaged container has been created", added.is_ok(), &added)?;
    ctx.ensure("and removed it", cleaned.is_ok(), &cleaned)?;
    reported
}
