//! The stream of container events.

use driver_interface_errors::{ConfigurationError, Result};
use driver_interface_types::{Event, EventFilter, EventKind, EventStream, Namespace};
use driver_interface_validation::{codes, validate_event_filter};
use futures_util::stream;
use tokio::sync::watch;

use super::{Call, MockDriver};
use crate::engine::Position;
use crate::profile::Kind;
use crate::{MockEngine, Operation};

/// A reader of the engine's events. The field `position` states the next event to read.
struct Reader {
    engine: MockEngine,
    namespace: Namespace,
    filter: EventFilter,
    position: Position,
    arrived: watch::Receiver<u64>,
}

impl<K: Kind> MockDriver<K> {
    pub(super) async fn follow_events(&self, filter: &EventFilter) -> Result<EventStream> {
        let work = async {
            let engine = self.core.engine.clone();
            let state = engine.state();
            let position = match (&filter.after, filter.since) {
                (Some(cursor), _) => Position::after(cursor)
                    .filter(|position| state.events.has(*position))
                    .ok_or_else(|| {
                        let message =
                            format!("must be the cursor of an event of this engine; got {cursor:?}");
                        ConfigurationError::single("after", codes::INVALID_CURSOR, message)
                    })?,
                (None, Some(since)) => state.events.at(since),
                (None, None) => state.events.now(),
            };
            let arrived = state.events.watch();
            drop(state);
            let reader = Reader {
                engine,
                namespace: self.namespace().clone(),
                filter: filter.clone(),
                position,
                arrived,
            };
            Ok(EventStream::new(stream::unfold(reader, |mut reader| async {
                let event = reader.next().await?;
                Some((Ok(event), reader))
            })))
        };
        self.call(
            Call::new(Operation::Events),
            || Ok(validate_event_filter(filter)?),
            work,
        )
        .await
    }
}

impl Reader {
    /// Returns the next event that matches the filter, or `None` once the engine is reset.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let found = {
                let now = self.engine.clock().now();
                let state = self.engine.state();
                let (event, position) = state.events.next(self.position, &self.namespace, now);
                self.position = position;
                event
            };
            match found {
                Some(event) if self.passes(&event) => return Some(event),
                Some(_) => {}
                // The receiver was last marked as seen before the query above, so no event is missed.
                None => self.arrived.changed().await.ok()?,
            }
        }
    }

    fn passes(&self, event: &Event) -> bool {
        let in_time = self.filter.since.is_none_or(|since| event.time >= since);
        self.filter.matches(event) && (in_time || event.kind() == EventKind::Gap)
    }
}
