//! What happens to containers, as it happens.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use driver_interface_errors::{ConfigurationError, DriverError, Result};
use driver_interface_types::{Event, EventFilter, EventStream};
use futures_util::future::BoxFuture;
use futures_util::stream;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::inner::Inner;
use super::task::located;
use crate::Deadlines;
use crate::engine::{Engine, Flavour};
use crate::translate::errors::{self, Operation};
use crate::translate::event::{EventRecord, Position};
use crate::translate::labels::Maker;
use crate::wire::{EngineError, ObjectStream};

const OPERATION: &str = "events";
/// How long an engine may be out of reach, or make no sense, before the stream ends with that: so many times as long as
/// connecting may take.
const PATIENCE: u32 = 6;
/// How long the event that one goes on behind may take to show up among those the engine still has, and how far from
/// the order of their times engines tell events: each takes its time before it waits for its turn.
const SEEKING: Duration = Duration::from_secs(2);
/// Engines read times as floating-point numbers, which are off by less than this.
const BLUR: Duration = Duration::from_micros(1);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(2);

impl Inner {
    pub(super) async fn events(&self, filter: &EventFilter) -> Result<EventStream> {
        let position = match (&filter.after, filter.since) {
            (Some(_), Some(_)) => {
                let text = "must not be given together with `after`";
                return Err(ConfigurationError::single("since", "contradiction", text).into());
            }
            (Some(cursor), None) => Position::parse(cursor).ok_or_else(|| {
                let text = format!("must be a cursor of this driver; got {:?}", cursor.as_str());
                ConfigurationError::single("after", "invalid-cursor", text)
            })?,
            (None, Some(since)) => Position::from_time(since),
            (None, None) => Position::from_time(self.engine_time().await?),
        };
        let is_new = filter.after.is_none() && filter.since.is_none();
        let mut feed = Feed::new(self.engine.clone(), self.maker.clone(), filter.clone(), position);
        feed.patience = self.deadlines.connect * PATIENCE;
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

    /// The time by the engine's clock, which may be another host's.
    async fn engine_time(&self) -> Result<SystemTime> {
        let time = self.engine.time().await;
        time.map_err(|failure| self.error(Operation::Read, OPERATION, failure))
    }
}

type Opening = BoxFuture<'static, std::result::Result<ObjectStream, EngineError>>;

enum Connection {
    None,
    /// Asked for; Podman answers with the first event.
    Opening(Opening),
    Open(ObjectStream),
}

/// The events of one namespace from some position on, over as many connections as it takes.
struct Feed {
    engine: Engine,
    maker: Maker,
    filter: EventFilter,
    /// Behind the last event that came.
    position: Position,
    connection: Connection,
    /// Before this nothing is wanted, in nanoseconds since the epoch.
    floor: u64,
    /// Until when the event at the position is looked for among those the engine still has.
    seeking: Option<Instant>,
    /// What came while it was looked for.
    held: Vec<EventRecord>,
    ready: VecDeque<Event>,
    /// Since when no connection has come about.
    unreachable: Option<Instant>,
    patience: Duration,
    pause: Duration,
}

impl Feed {
    fn new(engine: Engine, maker: Maker, filter: EventFilter, position: Position) -> Self {
        Self {
            engine,
            maker,
            filter,
            position,
            connection: Connection::None,
            floor: position.key.map_or(position.nanos, |_| 0),
            seeking: None,
            held: Vec::new(),
            ready: VecDeque::new(),
            unreachable: None,
            patience: Deadlines::default().connect * PATIENCE,
            pause: FIRST_PAUSE,
        }
    }

    /// Connects for the first time. `is_new` says that nothing from before is asked for.
    async fn begin(&mut self, is_new: bool) -> std::result::Result<(), EngineError> {
        self.open();
        if self.engine.flavour() == Flavour::Podman {
            // It keeps what happens until it is asked, and would not answer before something happens.
            return Ok(());
        }
        if let Connection::Opening(opening) = &mut self.connection {
            self.connection = Connection::Open(opening.await?);
        }
        // Not before: what it forgets until it has sent the rest would go unnoticed.
        if is_new { Ok(()) } else { self.check_memory().await }
    }

    /// Tells of a gap where the engine may have forgotten what happened since the position. Docker keeps a few
    /// hundred events, and none over its own restart; Podman keeps all for long.
    async fn check_memory(&mut self) -> std::result::Result<(), EngineError> {
        if self.position.key.is_some() || self.engine.flavour() != Flavour::Docker {
            return Ok(());
        }
        // Of a moment that is still to come nothing is forgotten; the engine would wait for it.
        let remembers = timeout(SEEKING, self.engine.remembers(self.position.time())).await;
        if !remembers.unwrap_or(Ok(true))? {
            self.ready.extend(self.position.gap());
        }
        Ok(())
    }

    fn open(&mut self) {
        let engine = self.engine.clone();
        let labels = self.maker.filters();
        let since = self.position.time() - self.position.key.map_or(BLUR, |_| SEEKING);
        self.connection = Connection::Opening(Box::pin(async move { engine.events(labels, since).await }));
        // Behind an event it has to come first; before all from a moment on there is nothing to look for.
        self.seeking = self.position.key.map(|_| Instant::now() + SEEKING);
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

    /// The next event of the connection; none at its end. Dropping the future loses none.
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
                    // An engine that makes no sense is as good as none.
                    if !matches!(event, Err(EngineError::Garbled(_))) {
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
            if found.time() <= self.position.time() + SEEKING {
                self.held.push(record);
                return;
            }
            self.give_up();
        }
        if found.nanos >= self.floor {
            self.tell(&record);
        }
    }

    /// The event to go on behind is not among what the engine still has: goes on with what is later.
    fn give_up(&mut self) {
        self.seeking = None;
        self.ready.extend(self.position.gap());
        let last = self.position.nanos;
        for record in std::mem::take(&mut self.held) {
            if record.position().nanos > last {
                self.tell(&record);
            }
        }
    }

    fn tell(&mut self, record: &EventRecord) {
        self.position = record.position();
        if let Some(event) = record.event(&self.maker)
            && self.filter.matches(&event)
        {
            self.ready.push_back(event);
        }
    }

    /// Connects again, for as long as the engine may be restarting.
    async fn reconnect(&mut self, failure: Option<EngineError>) -> Result<()> {
        self.connection = Connection::None;
        let mut failure = failure;
        loop {
            let since = *self.unreachable.get_or_insert_with(Instant::now);
            if let Some(failure) = failure.take() {
                tracing::debug!(%failure, "the events' connection broke");
                if since.elapsed() > self.patience || is_final(&failure) {
                    return Err(unreachable(failure));
                }
            }
            sleep(self.pause).await;
            self.pause = (self.pause * 2).min(LAST_PAUSE);
            match self.check_memory().await {
                Ok(()) => {
                    self.open();
                    return Ok(());
                }
                Err(broken) => failure = Some(broken),
            }
        }
    }
}

/// Whether the engine said no, and not that it is not ready.
fn is_final(failure: &EngineError) -> bool {
    matches!(failure, EngineError::Refused(refusal) if refusal.status < 500)
}

fn unreachable(failure: EngineError) -> DriverError {
    errors::error(Operation::Read, OPERATION, failure)
}

#[cfg(test)]
mod tests;
