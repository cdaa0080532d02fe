//! The stream of container events.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use driver_interface_errors::{ConfigurationError, DriverError, Result};
use driver_interface_kit::Ownership;
use driver_interface_types::{Event, EventFilter, EventStream};
use driver_interface_validation::{codes, validate_event_filter};
use futures_util::future::BoxFuture;
use futures_util::stream;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::inner::Inner;
use super::task::located;
use crate::engine::Engine;
use crate::translate::errors::{self, Operation};
use crate::translate::event::{EventRecord, Position};
use crate::wire::{EngineError, ObjectStream};
use driver_interface_types::Deadlines;

const OPERATION: &str = "events";
/// The maximum time, as a multiple of the connect deadline, that an engine may be unreachable or send invalid
/// responses. After that, the stream ends with an error.
const MAX_WAIT: u32 = 6;
/// How long to search the engine's past events for the event at the cursor. This is also the maximum time by which
/// events can arrive out of order, because the engine timestamps an event before it queues the event.
const CURSOR_SEARCH_TIMEOUT: Duration = Duration::from_secs(2);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(2);

impl Inner {
    pub(super) async fn events(&self, filter: &EventFilter) -> Result<EventStream> {
        validate_event_filter(filter)?;
        let position = match (&filter.after, filter.since) {
            (Some(cursor), _) => Position::parse(cursor).ok_or_else(|| {
                let text = format!("must be a cursor of this driver; got {:?}", cursor.as_str());
                ConfigurationError::single("after", codes::INVALID_CURSOR, text)
            })?,
            (None, Some(since)) => Position::from_time(since),
            (None, None) => Position::from_time(self.engine_time().await?),
        };
        let is_new = filter.after.is_none() && filter.since.is_none();
        let mut feed = Feed::new(
            self.engine.clone(),
            self.ownership.clone(),
            filter.clone(),
            position,
        );
        feed.max_wait = self.deadlines.connect * MAX_WAIT;
        feed.begin(is_new)
            .await
            .map_err(|failure| self.error(Operation::Read, OPERATION, failure))?;
        Ok(EventStream::new(stream::try_unfold(
            feed,
            |mut feed| async move {
                let event = feed.next().await.map_err(|error| located(error, OPERATION))?;
                Ok(Some((event, feed)))
            },
        )))
    }

    /// Returns the current time of the engine's clock. The engine may run on another host.
    async fn engine_time(&self) -> Result<SystemTime> {
        let time = self.engine.time().await;
        time.map_err(|failure| self.error(Operation::Read, OPERATION, failure))
    }
}

type Opening = BoxFuture<'static, std::result::Result<ObjectStream, EngineError>>;

enum Connection {
    None,
    /// The stream was requested, but the engine has not responded yet. Podman responds only once there is an event.
    Opening(Opening),
    Open(ObjectStream),
}

/// The events of one namespace from a position on, across reconnections.
struct Feed {
    engine: Engine,
    ownership: Ownership,
    filter: EventFilter,
    /// The position of the last event received. Before the first event, the position that the caller requested.
    position: Position,
    connection: Connection,
    /// Events from before this time, in nanoseconds since the epoch, are dropped.
    floor: u64,
    /// The time until which the feed searches the engine's past events for the event at `position`.
    seeking: Option<Instant>,
    /// The events received while `seeking` is set.
    held: Vec<EventRecord>,
    ready: VecDeque<Event>,
    /// The time since which no connection could be established, or `None` if the engine is reachable.
    unreachable: Option<Instant>,
    max_wait: Duration,
    pause: Duration,
}

impl Feed {
    fn new(engine: Engine, ownership: Ownership, filter: EventFilter, position: Position) -> Self {
        Self {
            engine,
            ownership,
            filter,
            position,
            connection: Connection::None,
            floor: position.key.map_or(position.nanos, |_| 0),
            seeking: None,
            held: Vec::new(),
            ready: VecDeque::new(),
            unreachable: None,
            max_wait: Deadlines::default().connect * MAX_WAIT,
            pause: FIRST_PAUSE,
        }
    }

    /// Connects for the first time. `is_new` is `true` if the caller requested only new events.
    async fn begin(&mut self, is_new: bool) -> std::result::Result<(), EngineError> {
        self.open();
        if !self.engine.dialect().sends_event_headers_early {
            return Ok(());
        }
        if let Connection::Opening(opening) = &mut self.connection {
            self.connection = Connection::Open(opening.await?);
        }
        // An earlier check would miss events that the engine discards before the stream is open.
        if is_new { Ok(()) } else { self.check_gap().await }
    }

    /// Queues a gap event if the engine may have discarded events after `position`.
    async fn check_gap(&mut self) -> std::result::Result<(), EngineError> {
        if self.position.key.is_some() || !self.engine.dialect().discards_events {
            return Ok(());
        }
        // If `position` is in the future, the engine only responds then; it has discarded no events in that case.
        let has_events_before = timeout(
            CURSOR_SEARCH_TIMEOUT,
            self.engine.has_events_before(self.position.time()),
        )
        .await;
        if !has_events_before.unwrap_or(Ok(true))? {
            self.ready.extend(self.position.gap());
        }
        Ok(())
    }

    fn open(&mut self) {
        let engine = self.engine.clone();
        let labels = self.ownership.filters();
        let early = self
            .position
            .key
            .map_or(Duration::ZERO, |_| CURSOR_SEARCH_TIMEOUT);
        let since = self.position.time() - early;
        self.connection = Connection::Opening(Box::pin(async move { engine.events(labels, since).await }));
        // A cursor's event must be received before later events count. A point in time has no such event.
        self.seeking = self.position.key.map(|_| Instant::now() + CURSOR_SEARCH_TIMEOUT);
        self.held.clear();
    }

    async fn next(&mut self) -> Result<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let record = match self.seeking {
                None => self.receive().await,
                Some(until) => match timeout_at(until, self.receive()).await {
                    Ok(record) => record,
                    Err(_) => {
                        self.give_up();
                        continue;
                    }
                },
            };
            match record {
                Ok(Some(record)) => self.take(record),
                Ok(None) => self.reconnect(None).await?,
                Err(failure) => self.reconnect(Some(failure)).await?,
            }
        }
    }

    /// Returns the next event of the connection, or `None` at the end of the connection. Cancel safe: dropping the
    /// future loses no event.
    async fn receive(&mut self) -> std::result::Result<Option<EventRecord>, EngineError> {
        loop {
            match &mut self.connection {
                Connection::None => return Ok(None),
                Connection::Opening(opening) => {
                    let opened = opening.await;
                    self.connection = Connection::None;
                    self.connection = Connection::Open(opened?);
                }
                Connection::Open(events) => {
                    let event = events.next().await;
                    // An engine that sends invalid responses counts as unreachable.
                    if !matches!(event, Err(EngineError::InvalidResponse(_))) {
                        self.unreachable = None;
                    }
                    return event;
                }
            }
        }
    }

    fn take(&mut self, record: EventRecord) {
        self.pause = FIRST_PAUSE;
        let found = record.position();
        if self.seeking.is_some() {
            if found == self.position {
                self.seeking = None;
                self.held.clear();
                return;
            }
            if found.time() <= self.position.time() + CURSOR_SEARCH_TIMEOUT {
                self.held.push(record);
                return;
            }
            self.give_up();
        }
        if found.nanos >= self.floor {
            self.deliver(&record);
        }
    }

    /// Ends the search for the event at the cursor, because the engine no longer has that event. Queues a gap event,
    /// and then the held events that are later than the cursor.
    fn give_up(&mut self) {
        self.seeking = None;
        self.ready.extend(self.position.gap());
        let last = self.position.nanos;
        for record in std::mem::take(&mut self.held) {
            if record.position().nanos > last {
                self.deliver(&record);
            }
        }
    }

    fn deliver(&mut self, record: &EventRecord) {
        self.position = record.position();
        if let Some(event) = record.event(&self.ownership)
            && self.filter.matches(&event)
        {
            self.ready.push_back(event);
        }
    }

    /// Reconnects after `failure` or, if that is `None`, after a regular end of the stream. Retries for up to
    /// `max_wait`, because the engine may be restarting.
    async fn reconnect(&mut self, failure: Option<EngineError>) -> Result<()> {
        self.connection = Connection::None;
        let mut failure = failure;
        loop {
            let since = *self.unreachable.get_or_insert_with(Instant::now);
            if let Some(failure) = failure.take() {
                tracing::debug!(%failure, "the connection of the event stream broke");
                if since.elapsed() > self.max_wait || is_final(&failure) {
                    return Err(unreachable(failure));
                }
            }
            sleep(self.pause).await;
            self.pause = (self.pause * 2).min(LAST_PAUSE);
            match self.check_gap().await {
                Ok(()) => {
                    self.open();
                    return Ok(());
                }
                Err(broken) => failure = Some(broken),
            }
        }
    }
}

/// Returns whether the engine rejected the request, so that a retry is useless. A 5xx status does not count, because
/// the engine may only not be ready yet.
fn is_final(failure: &EngineError) -> bool {
    matches!(failure, EngineError::Refused(refusal) if refusal.status < 500)
}

fn unreachable(failure: EngineError) -> DriverError {
    errors::error(Operation::Read, OPERATION, failure)
}

#[cfg(test)]
mod tests;
