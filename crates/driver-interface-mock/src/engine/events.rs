//! The recent history of container events.

use std::collections::VecDeque;
use std::time::SystemTime;

use driver_interface_kit::{belongs, session_of, user_labels};
use driver_interface_types::{Event, EventContainer, EventCursor, EventData, EventKind, Namespace, label};
use tokio::sync::watch;

use super::state::Container;

/// The maximum number of events kept. Older events are discarded, as in a real engine.
const KEPT: usize = 1024;
/// The prefix of an event's cursor. The event's number follows it.
const CURSOR_PREFIX: &str = "mock-";

/// The latest events of an engine. All events are numbered from 0.
#[derive(Debug, Default)]
pub(crate) struct EventLog {
    kept: VecDeque<Record>,
    /// The number of discarded events. The oldest event kept has this number.
    dropped: u64,
    arrived: watch::Sender<u64>,
}

#[derive(Debug)]
struct Record {
    event: Event,
    /// The namespace of the event's container; `None` for an unmanaged container.
    namespace: Option<String>,
}

/// The position of a reader: the number of the next event to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position(u64);

impl Position {
    /// Returns the position after the event that has this cursor, or `None` if the cursor is not from a mock driver.
    pub(crate) fn after(cursor: &EventCursor) -> Option<Self> {
        let number = cursor.as_str().strip_prefix(CURSOR_PREFIX)?;
        number.parse::<u64>().ok()?.checked_add(1).map(Self)
    }

    fn cursor(number: u64) -> Option<EventCursor> {
        EventCursor::new(format!("{CURSOR_PREFIX}{number}")).ok()
    }
}

impl EventLog {
    /// Records an event of the kind `kind` for a container.
    pub(crate) fn emit(
        &mut self,
        container: &Container,
        kind: EventKind,
        exit_code: Option<i64>,
        time: SystemTime,
    ) {
        let Some(cursor) = Position::cursor(self.end()) else {
            return;
        };
        // No event may be earlier than its predecessor.
        let last = self.kept.back().map_or(time, |record| record.event.time);
        let mut subject = EventContainer::new(container.id.clone());
        subject.name = Some(container.name.clone());
        subject.session_id = session_of(&container.labels);
        subject.labels = user_labels(&container.labels);
        let data = EventData::of_container(kind, subject, exit_code);
        let event = Event::new(time.max(last), cursor, data);
        let namespace = container.labels.get(label::NAMESPACE).filter(|namespace| {
            Namespace::new(namespace.as_str()).is_ok_and(|namespace| belongs(&container.labels, &namespace))
        });
        self.kept.push_back(Record {
            event,
            namespace: namespace.cloned(),
        });
        if self.kept.len() > KEPT {
            self.kept.pop_front();
            self.dropped += 1;
        }
        self.arrived.send_replace(self.end());
    }

    fn end(&self) -> u64 {
        self.dropped + self.kept.len() as u64
    }

    /// Returns whether a position is valid. A position is invalid if it is after the next event to be recorded.
    pub(crate) fn has(&self, position: Position) -> bool {
        position.0 <= self.end()
    }

    /// Returns the position of the next event to be recorded.
    pub(crate) fn now(&self) -> Position {
        Position(self.end())
    }

    /// Returns the position of the first event at or after `time`. If even the oldest event kept is at or after
    /// `time`, returns position 0. From there, the reader first gets a gap if any events were discarded.
    pub(crate) fn at(&self, time: SystemTime) -> Position {
        let earlier = self.kept.iter().take_while(|record| record.event.time < time);
        match earlier.count() as u64 {
            0 => Position(0),
            count => Position(self.dropped + count),
        }
    }

    /// Returns a receiver that is notified when an event is recorded.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.arrived.subscribe()
    }

    /// Returns the next event of `namespace` at or after position `from`, and the position at which to continue.
    /// Returns a gap first if events at or after `from` were discarded.
    pub(crate) fn next(
        &self,
        from: Position,
        namespace: &Namespace,
        now: SystemTime,
    ) -> (Option<Event>, Position) {
        if from.0 < self.dropped {
            let time = self.kept.front().map_or(now, |record| record.event.time);
            let cursor = self.dropped.checked_sub(1).and_then(Position::cursor);
            let gap = cursor.map(|cursor| Event::new(time, cursor, EventData::Gap));
            return (gap, Position(self.dropped));
        }
        let skipped = usize::try_from(from.0 - self.dropped).unwrap_or(usize::MAX);
        let mut later = self.kept.iter().skip(skipped).zip(from.0..);
        let own = later.find(|(record, _)| record.namespace.as_deref() == Some(namespace.as_str()));
        match own {
            Some((record, number)) => (Some(record.event.clone()), Position(number + 1)),
            None => (None, Position(self.end().max(from.0))),
        }
    }
}
