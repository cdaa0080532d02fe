//! Checks of container events.

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
        "events/lifecycle",
        "A container's lifecycle is reported in order, each step once: created, started, stopped, removed.",
        run!(lifecycle),
    )
    .requires(NEEDS),
    Check::must(
        "events/exit-code",
        "Exit events have the exit code, and no other event has one.",
        run!(exit_code),
    )
    .requires(NEEDS),
    Check::must(
        "events/event-fields",
        "Events name the container, its session and its labels, regardless of which driver acted.",
        run!(event_fields),
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
        "events/cursor-without-gaps-or-duplicates",
        "After a cursor, every later event is reported exactly once, including those that no stream \
         received.",
        run!(after),
    )
    .because("engines keep a few hundred events, so the check needs the engine to itself")
    .exclusive()
    .requires(NEEDS),
    Check::must(
        "events/invalid-cursor",
        "An invalid cursor, or a cursor together with `since`, returns `ConfigurationError`.",
        run!(bad_cursor),
    )
    .requires(NEEDS)
    .without_image(),
    Check::must(
        "events/other-namespaces-excluded",
        "Events of other namespaces are not reported.",
        run!(only_own),
    )
    .requires(NEEDS),
    Check::must(
        "events/unmanaged-excluded",
        "Unmanaged containers produce no events, even if their labels claim to be managed.",
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
    Ok(item.ok_or_else(|| Failure::new("the next event", "an event", "the stream has ended"))?)
}

/// Reads events up to and including the first event of the kind `kind`.
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

/// Asserts that a stream yields no further event within three seconds.
pub(super) async fn assert_no_event(ctx: &Ctx, about: &str, stream: &mut EventStream) -> CheckResult {
    let more = timeout(Duration::from_secs(3), stream.next()).await;
    ctx.ensure(about, more.is_err(), more)
}

/// Asserts that none of several streams yields a further event within three seconds.
async fn assert_no_events(ctx: &Ctx, streams: Vec<(String, EventStream)>) -> CheckResult {
    let waits = streams
        .into_iter()
        .map(|(about, mut stream)| async move { assert_no_event(ctx, &about, &mut stream).await });
    try_join_all(waits).await.map(drop)
}

pub(super) fn kinds(events: &[Event]) -> Vec<EventKind> {
    events.iter().map(|event| event.kind()).collect()
}

/// Runs `script` in a new container. Waits until the container has exited, and then removes the container.
pub(super) async fn run_and_remove(ctx: &Ctx, script: &str) -> CheckResult<ContainerId> {
    let (exited, _) = ctx.finished(&ctx.script(script)).await?;
    ctx.driver()
        .remove_container(&exited.id, RemoveOptions::default())
        .await?;
    Ok(exited.id)
}

const LIFECYCLE: [EventKind; 4] = [
    EventKind::Created,
    EventKind::Started,
    EventKind::Stopped,
    EventKind::Removed,
];

async fn lifecycle(ctx: Ctx) -> CheckResult {
    let mut stream = ctx.driver().events(&own(&ctx)).await?;
    let id = run_and_remove(&ctx, "exit 0").await?;
    let events = up_to(&ctx, &mut stream, EventKind::Removed).await?;
    ctx.equal("the reported events", kinds(&events), LIFECYCLE.to_vec())?;
    let belong = events.iter().all(|event| event.container_id() == Some(&id));
    ctx.ensure("all belong to the container", belong, &events)?;
    let times: Vec<_> = events.iter().map(|event| event.time).collect();
    ctx.ensure("the times never decrease", times.is_sorted(), times)?;
    assert_no_event(&ctx, "no further event", &mut stream).await?;

    // Each run has its own events. A forced removal also emits the event of the exit.
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    ctx.driver()
        .stop_container(&running.id, StopOptions::kill())
        .await?;
    ctx.driver().start_container(&running.id).await?;
    ctx.driver()
        .remove_container(&running.id, RemoveOptions::force())
        .await?;
    let events = up_to(&ctx, &mut stream, EventKind::Removed).await?;
    let expected = [&LIFECYCLE[..3], &LIFECYCLE[1..]].concat();
    ctx.equal("two runs and a forced removal", kinds(&events), expected)
}

async fn exit_code(ctx: Ctx) -> CheckResult {
    let mut stream = ctx.driver().events(&own(&ctx)).await?;
    for code in [0, 3, 255] {
        let id = run_and_remove(&ctx, &format!("exit {code}")).await?;
        let mut reported = false;
        // If the engine is busy, it may report the exit of the previous container only now.
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

async fn event_fields(ctx: Ctx) -> CheckResult {
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
    ctx.equal("the cursor of both", one.cursor, other.cursor)
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
            ctx.ensure(format!("{about}: it matches"), filter.matches(&event), &event)?;
        }
        reported.push((format!("{about}: no other event"), stream));
    }
    assert_no_events(&ctx, reported).await?;
    // This container is created first, because the filter needs its id.
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
    let first = run_and_remove(&ctx, "exit 0").await?;
    let actual = up_to(&ctx, &mut live, EventKind::Removed).await?;
    let Some(began) = actual.first().map(|event| event.time) else {
        return Err(Failure::new("the first event", "an event", "none").into());
    };
    // Some engines record times in whole seconds.
    sleep(Duration::from_secs(3)).await;
    let mut replay = ctx
        .driver()
        .events(&own(&ctx).since(began - Duration::from_secs(1)))
        .await?;
    let reported = up_to(&ctx, &mut replay, EventKind::Removed).await?;
    ctx.equal("past events", kinds(&reported), LIFECYCLE.to_vec())?;
    ctx.ensure(
        "all belong to the first container",
        reported.iter().all(|event| event.container_id() == Some(&first)),
        &reported,
    )?;
    let mut late = ctx
        .driver()
        .events(&own(&ctx).since(began + Duration::from_secs(3600)))
        .await;
    let second = run_and_remove(&ctx, "exit 0").await?;
    let reported = up_to(&ctx, &mut replay, EventKind::Removed).await?;
    ctx.equal("later events", kinds(&reported), LIFECYCLE.to_vec())?;
    ctx.ensure(
        "all belong to the second container",
        reported.iter().all(|event| event.container_id() == Some(&second)),
        &reported,
    )?;
    // The driver may reject a time in the future. If it does not, the stream must omit all events before that time.
    if let Ok(stream) = &mut late {
        assert_no_event(&ctx, "no event before `since`", stream).await?;
    }
    Ok(())
}

async fn after(ctx: Ctx) -> CheckResult {
    let mut live = ctx.driver().events(&own(&ctx)).await?;
    run_and_remove(&ctx, "exit 1").await?;
    let mut actual = up_to(&ctx, &mut live, EventKind::Removed).await?;
    drop(live);
    // No stream is open during this run.
    run_and_remove(&ctx, "exit 2").await?;
    let second = ctx.second_driver().await?;
    // The cursor of each event yields the first container's later events and all of the second container's, once each.
    let mut streams = Vec::new();
    for (position, event) in actual.iter().enumerate() {
        let mut stream = second.events(&own(&ctx).after(event.cursor.clone())).await?;
        let mut reported = if position + 1 < LIFECYCLE.len() {
            up_to(&ctx, &mut stream, EventKind::Removed).await?
        } else {
            Vec::new()
        };
        reported.extend(up_to(&ctx, &mut stream, EventKind::Removed).await?);
        let expected = [LIFECYCLE.get(position + 1..).unwrap_or_default(), &LIFECYCLE].concat();
        ctx.equal(format!("after {}", event.kind()), kinds(&reported), expected)?;
        streams.push((format!("after {}: no event is repeated", event.kind()), stream));
    }
    assert_no_events(&ctx, streams).await?;
    // The last cursor yields only the events that come after it.
    let Some(last) = actual.pop() else {
        return Ok(());
    };
    let mut stream = second.events(&own(&ctx).after(last.cursor)).await?;
    up_to(&ctx, &mut stream, EventKind::Removed).await?;
    run_and_remove(&ctx, "exit 3").await?;
    let reported = up_to(&ctx, &mut stream, EventKind::Removed).await?;
    ctx.equal("later events", kinds(&reported), LIFECYCLE.to_vec())
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
    assert_no_event(&ctx, "no event of another namespace", &mut stream).await?;
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
    let reported = assert_no_event(&ctx, "no event of an unmanaged container", &mut stream).await;
    let cleaned = unmanaged_resources.remove_all().await;
    ctx.ensure("the unmanaged container has been created", added.is_ok(), &added)?;
    ctx.ensure(
        "the unmanaged container has been removed",
        cleaned.is_ok(),
        &cleaned,
    )?;
    reported
}
