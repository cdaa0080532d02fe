//! Faults in container events.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use driver_interface_errors::codes;
use driver_interface_types::{
    ContainerDriver, ContainerId, Event, EventContainer, EventCursor, EventData, EventFilter, EventKind,
    EventStream, Result,
};
use futures_util::{FutureExt as _, StreamExt as _};

use super::streams::changed;
use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{CreateContainer, Events};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "events-duplicated",
        "Each event is reported twice.",
        &[Events(|inside, filter| {
            async move {
                let stream = inside.driver.events(filter).await?;
                Ok(EventStream::new(stream.flat_map(|event| {
                    let copy = event.as_ref().ok().cloned().map(Ok);
                    futures_util::stream::iter([Some(event), copy].into_iter().flatten())
                })))
            }
            .boxed()
        })],
        &[
            "events/lifecycle",
            "events/filter",
            "events/cursor-without-gaps-or-duplicates",
            "events/health",
            "events/pause",
        ],
    ),
    Fault::new(
        "exit-events-delayed",
        "The exit of a container is reported after the next event.",
        &[Events(|inside, filter| {
            async move {
                let mut held = None;
                let stream = inside.driver.events(filter).await?;
                Ok(EventStream::new(stream.flat_map(move |event| {
                    let is_exit = event
                        .as_ref()
                        .is_ok_and(|event| event.kind() == EventKind::Stopped);
                    let reported = if is_exit {
                        [held.replace(event), None]
                    } else {
                        [Some(event), held.take()]
                    };
                    futures_util::stream::iter(reported.into_iter().flatten())
                })))
            }
            .boxed()
        })],
        &["events/lifecycle"],
    ),
    Fault::new(
        "events-of-own-driver-only",
        "A driver reports only events of containers that it created itself.",
        &[
            CreateContainer(|inside, config| {
                async move {
                    let created = inside.driver.create_container(config).await?;
                    inside.memory.note(&created_by(&inside.driver, &created.id));
                    Ok(created)
                }
                .boxed()
            }),
            Events(|inside, filter| {
                let (driver, memory) = (Arc::clone(&inside.driver), inside.memory.clone());
                reported(inside, filter, move |event| {
                    let own = |id: &ContainerId| memory.count(&created_by(&driver, id)) > 0;
                    Some(event).filter(|event| event.container_id().is_none_or(own))
                })
                .boxed()
            }),
        ],
        &["events/event-fields"],
    ),
    Fault::new(
        "creation-events-lost",
        "The creation of a container is not reported.",
        &[Events(|inside, filter| {
            reported(inside, filter, |event| {
                Some(event).filter(|event| event.kind() != EventKind::Created)
            })
            .boxed()
        })],
        &[
            "events/lifecycle",
            "events/since",
            "events/event-fields",
            "events/cursor-without-gaps-or-duplicates",
        ],
    ),
    Fault::new(
        "events-without-exit-codes",
        "Exit events have no exit code.",
        &[Events(|inside, filter| {
            reported(inside, filter, |event| Some(with_code(event, None))).boxed()
        })],
        &["events/exit-code"],
    ),
    Fault::new(
        "events-with-exit-code-zero",
        "Exit events always have exit code 0.",
        &[Events(|inside, filter| {
            reported(inside, filter, |event| Some(with_code(event, Some(0)))).boxed()
        })],
        &["events/exit-code"],
    ),
    Fault::new(
        "events-without-labels",
        "Events lack the container's labels.",
        &[Events(|inside, filter| {
            reported(inside, filter, |event| {
                Some(with_container(event, |container| container.labels.clear()))
            })
            .boxed()
        })],
        &["events/event-fields", "events/filter"],
    ),
    Fault::new(
        "events-without-sessions",
        "Events lack the session.",
        &[Events(|inside, filter| {
            reported(inside, filter, |event| {
                Some(with_container(event, |container| container.session_id = None))
            })
            .boxed()
        })],
        &["events/event-fields", "events/filter"],
    ),
    Fault::new(
        "events-ignore-labels",
        "A filter by label selects all events.",
        &[Events(|inside, filter| {
            filtered(inside, filter, |filter| filter.labels.clear()).boxed()
        })],
        &["events/filter"],
    ),
    Fault::new(
        "events-ignore-kinds",
        "A filter by kind selects all events.",
        &[Events(|inside, filter| {
            filtered(inside, filter, |filter| filter.kinds.clear()).boxed()
        })],
        &["events/filter"],
    ),
    Fault::new(
        "events-ignore-session",
        "A filter by session also selects events of other sessions.",
        &[Events(|inside, filter| {
            filtered(inside, filter, |filter| filter.session_id = None).boxed()
        })],
        &["events/filter"],
    ),
    Fault::new(
        "events-ignore-container",
        "A filter by container also selects events of other containers.",
        &[Events(|inside, filter| {
            filtered(inside, filter, |filter| filter.container = None).boxed()
        })],
        &["events/filter"],
    ),
    Fault::new(
        "events-first-kind-only",
        "Only the first of several kinds in a filter is selected.",
        &[Events(|inside, filter| {
            filtered(inside, filter, |filter| filter.kinds.truncate(1)).boxed()
        })],
        &["events/filter", "events/health"],
    ),
    Fault::new(
        "events-ignore-since",
        "`since` is ignored: only new events are reported.",
        &[Events(|inside, filter| {
            filtered(inside, filter, |filter| filter.since = None).boxed()
        })],
        &["events/since"],
    ),
    Fault::new(
        "events-since-end-early",
        "With `since`, past events are reported and no new ones.",
        &[Events(|inside, filter| {
            async move {
                let stream = inside.driver.events(filter).await?;
                if filter.since.is_none() {
                    return Ok(stream);
                }
                let reported = Box::pin(tokio::time::sleep(Duration::from_secs(2)));
                Ok(EventStream::new(stream.take_until(reported)))
            }
            .boxed()
        })],
        &["events/since"],
    ),
    Fault::new(
        "events-ignore-cursors",
        "A cursor is ignored: only new events are reported.",
        &[Events(|inside, filter| {
            filtered(inside, filter, |filter| filter.after = None).boxed()
        })],
        &[
            "events/cursor-without-gaps-or-duplicates",
            "events/invalid-cursor",
        ],
    ),
    Fault::new(
        "events-accept-invalid-cursors",
        "An invalid cursor is ignored.",
        &[Events(|inside, filter| {
            async move {
                match inside.driver.events(filter).await {
                    Err(error) if error.code() == codes::CONFIGURATION_ERROR => {
                        filtered(inside, filter, |filter| filter.after = None).await
                    }
                    result => result,
                }
            }
            .boxed()
        })],
        &["events/invalid-cursor"],
    ),
    Fault::new(
        "events-of-unmanaged",
        "Events of unmanaged containers are reported too.",
        &[Events(|inside, filter| {
            async move {
                let stream = inside.driver.events(filter).await?;
                let theirs = futures_util::stream::once(unmanaged_event());
                Ok(EventStream::new(futures_util::stream::select(stream, theirs)))
            }
            .boxed()
        })],
        &["events/other-namespaces-excluded", "events/unmanaged-excluded"],
    ),
    Fault::new(
        "events-lifecycle-only",
        "Only creation, start, exit and removal of a container are reported.",
        &[Events(|inside, filter| {
            reported(inside, filter, |event| {
                Some(event).filter(|event| {
                    [
                        EventKind::Created,
                        EventKind::Started,
                        EventKind::Stopped,
                        EventKind::Removed,
                    ]
                    .contains(&event.kind())
                })
            })
            .boxed()
        })],
        &["events/pause", "events/exec", "events/health", "events/oom"],
    ),
];

/// Returns the text of the memory entry which records that `driver` has created the container `id`.
fn created_by(driver: &Arc<dyn ContainerDriver>, id: &ContainerId) -> String {
    format!("{id} of {:p}", Arc::as_ptr(driver))
}

async fn reported(
    inside: &Inside,
    filter: &EventFilter,
    change: impl FnMut(Event) -> Option<Event> + Send + 'static,
) -> Result<EventStream> {
    Ok(changed(inside.driver.events(filter).await?, change))
}

async fn filtered(
    inside: &Inside,
    filter: &EventFilter,
    change: impl FnOnce(&mut EventFilter),
) -> Result<EventStream> {
    let mut filter = filter.clone();
    change(&mut filter);
    inside.driver.events(&filter).await
}

/// Returns an event of an unmanaged container after a delay of two seconds.
async fn unmanaged_event() -> Result<Event> {
    tokio::time::sleep(Duration::from_secs(2)).await;
    let cursor = EventCursor::new("another")?;
    let data = EventData::Created(EventContainer::new(ContainerId::new("another")?));
    Ok(Event::new(SystemTime::now(), cursor, data))
}

pub(super) fn with_container(event: Event, change: impl FnOnce(&mut EventContainer)) -> Event {
    rebuilt(event, |container, _| change(container))
}

fn with_code(event: Event, code: Option<i64>) -> Event {
    rebuilt(event, |_, reported| *reported = code)
}

fn rebuilt(event: Event, change: impl FnOnce(&mut EventContainer, &mut Option<i64>)) -> Event {
    let (kind, mut code) = (event.kind(), event.exit_code());
    let Some(mut container) = event.container().cloned() else {
        return event;
    };
    change(&mut container, &mut code);
    let data = EventData::of_container(kind, container, code);
    Event::new(event.time, event.cursor, data)
}
