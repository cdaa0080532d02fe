//! Forwarding of requests to the engine and of responses to the driver, with faults.

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::endpoint::Command;
use super::engine::Engine;
use super::http::{Framing, Head, Inlet, Splitter};
use super::rule::Injected;
use super::shape::{Pace, Shape};
use super::stream::Stream;
use super::{Break, Endpoint, Exchange, Fault, Position, Stage, When};

/// How long the proxy waits for the rest of a response that it discards.
const DRAIN: Duration = Duration::from_secs(2);

/// The maximum length, in bytes, of a response body that the proxy sends with another `Content-Length`.
const MAX_REWRITTEN: usize = 64 * 1024 * 1024;

/// The state that the connections of a proxy share.
#[derive(Debug)]
pub(super) struct Relay {
    engine: Engine,
    rules: Mutex<Vec<Injected>>,
    exchanges: Mutex<Vec<Exchange>>,
    /// The number of calls of `cut_all`, and how the latest call breaks connections. Each change of this value breaks
    /// all open connections.
    cuts: watch::Sender<(u64, Break)>,
    commands: mpsc::UnboundedSender<Command>,
}

impl Relay {
    pub(super) fn new(engine: Engine, commands: mpsc::UnboundedSender<Command>) -> Self {
        Self {
            engine,
            rules: Mutex::default(),
            exchanges: Mutex::default(),
            cuts: watch::Sender::new((0, Break::Fin)),
            commands,
        }
    }

    pub(super) fn rules(&self) -> MutexGuard<'_, Vec<Injected>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn exchanges(&self) -> MutexGuard<'_, Vec<Exchange>> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn cut_all(&self, how: Break) {
        self.cuts
            .send_modify(|(count, last)| (*count, *last) = (count.wrapping_add(1), how));
    }

    pub(super) fn connections(&self) -> usize {
        self.cuts.receiver_count()
    }

    fn claim(&self, method: &str, path: &str) -> Option<Injected> {
        let rules = self.rules();
        rules.iter().find(|rule| rule.takes(method, path)).cloned()
    }

    /// Requests a new state of the listening socket. `done` is called with the result of the change.
    pub(super) fn request_endpoint(
        &self,
        endpoint: Endpoint,
        done: impl FnOnce(io::Result<()>) + Send + 'static,
    ) {
        // If the listener has ended, `done` is never called.
        let _ = self.commands.send((endpoint, Box::new(done)));
    }

    fn log(&self, exchange: Exchange) -> usize {
        let mut exchanges = self.exchanges();
        exchanges.push(exchange);
        exchanges.len() - 1
    }

    fn note(&self, index: usize, change: impl FnOnce(&mut Exchange)) {
        if let Some(exchange) = self.exchanges().get_mut(index) {
            change(exchange);
        }
    }
}

/// How a connection continues after an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Another request may follow.
    Request,
    Close(Break),
}

/// Serves a connection from a driver until the connection ends.
pub(super) async fn serve(relay: Arc<Relay>, client: Stream) {
    let mut cuts = relay.cuts.subscribe();
    cuts.mark_unchanged();
    let how = {
        let mut talk = pin!(converse(&relay, &client));
        tokio::select! {
            how = &mut talk => how,
            changed = cuts.changed() => {
                let how = cuts.borrow().1;
                match (changed, how) {
                    // The engine must not notice the break, so its connection is kept open.
                    (Ok(()), Break::Silence) => {
                        client.ignore().await;
                        Break::Fin
                    }
                    (Ok(()), Break::HalfClose) => {
                        client.finish();
                        talk.await
                    }
                    (_, how) => how,
                }
            }
        }
    };
    if how == Break::Reset {
        client.reset();
    }
}

async fn converse(relay: &Relay, client: &Stream) -> Break {
    let mut inlet = Inlet::new(client);
    let mut engine = None;
    loop {
        match exchange(relay, client, &mut inlet, &mut engine).await {
            Ok(Next::Request) => {}
            Ok(Next::Close(how)) => return how,
            // One side has disconnected or does not speak HTTP. The other side's connection is closed.
            Err(_) => return Break::Fin,
        }
    }
}

/// Waits until the engine closes a connection on which no request is in progress.
async fn closed(engine: Option<&Stream>) {
    match engine {
        Some(engine) => drop(engine.read(&mut [0]).await),
        None => std::future::pending().await,
    }
}

async fn exchange(
    relay: &Relay,
    client: &Stream,
    inlet: &mut Inlet<'_>,
    engine: &mut Option<Stream>,
) -> io::Result<Next> {
    let head = tokio::select! {
        biased;
        head = inlet.head() => head?,
        () = closed(engine.as_ref()) => None,
    };
    let Some(head) = head else {
        return Ok(Next::Close(Break::Fin));
    };
    let (method, target) = head.words();
    let path = target.split('?').next().unwrap_or_default().to_owned();
    let claim = relay.claim(&method, &path);
    let index = relay.log(Exchange::new(&method, &path));
    let exchange = Transfer {
        relay,
        client,
        claim: claim.as_ref(),
        index,
        method,
    };
    match exchange.fault() {
        Some(Fault::Delay(Stage::BeforeRequest, time)) => {
            exchange.hit();
            sleep(*time).await;
        }
        Some(Fault::Break(Position::BeforeRequest, how)) => {
            exchange.hit();
            return exchange.broken(*how).await;
        }
        Some(Fault::Answer(When::Instead, answer)) => {
            let mut body = Splitter::new(head.request_body());
            while body.next(inlet).await?.is_some() {}
            exchange.hit();
            answer.send(client, exchange.method == "HEAD").await?;
            return exchange.broken(answer.end()).await;
        }
        Some(Fault::Endpoint(endpoint)) => {
            let (done, changed) = oneshot::channel();
            relay.request_endpoint(*endpoint, move |changed| drop(done.send(changed)));
            if matches!(changed.await, Ok(Ok(()))) {
                exchange.hit();
            }
        }
        _ => {}
    }
    let engine = match engine {
        Some(engine) => engine,
        None => engine.insert(relay.engine.connect().await?),
    };
    exchange.carry(engine, head, inlet).await
}

/// A request that is being forwarded, and its response.
struct Transfer<'a> {
    relay: &'a Relay,
    client: &'a Stream,
    claim: Option<&'a Injected>,
    index: usize,
    method: String,
}

impl<'a> Transfer<'a> {
    fn fault(&self) -> Option<&'a Fault> {
        self.claim.and_then(Injected::fault)
    }

    fn hit(&self) {
        if let Some(claim) = self.claim {
            claim.hit();
        }
    }

    /// Starts to break the driver's connection in the way `how`. The caller must then close the connection as the
    /// returned value says. [`Break::Silence`] and [`Break::HalfClose`] last until the driver disconnects. In these
    /// two cases, the function returns only after the disconnect.
    async fn broken(&self, how: Break) -> io::Result<Next> {
        match how {
            Break::Silence => self.client.ignore().await,
            Break::HalfClose => {
                self.client.finish();
                self.client.ignore().await;
            }
            Break::Fin | Break::Reset => return Ok(Next::Close(how)),
        }
        Ok(Next::Close(Break::Fin))
    }

    async fn carry(&self, engine: &Stream, head: Head, inlet: &mut Inlet<'_>) -> io::Result<Next> {
        if Pace::of(self.fault()).is_slow() {
            self.hit();
        }
        let progress = Progress::default();
        let how = {
            let mut up = pin!(self.request(engine, &head, inlet, &progress));
            let mut down = pin!(self.answer(engine, &progress));
            let mut timer = pin!(self.timer(&progress));
            loop {
                tokio::select! {
                    biased;
                    how = &mut up, if !progress.up_ended() => match how? {
                        Some(how) => break how,
                        // From here on, only the response is forwarded.
                        None => progress.end_up(),
                    },
                    next = &mut down, if !progress.down_ended() => match next? {
                        Carried::Broken(Break::HalfClose) => {
                            self.client.finish();
                            progress.end_down();
                        }
                        Carried::Broken(how) => break how,
                        // The driver may still send data on the upgraded connection.
                        Carried::Upgraded => progress.end_down(),
                        Carried::Whole => {
                            let again = progress.is_sent() && !progress.is_last();
                            return Ok(if again { Next::Request } else { Next::Close(Break::Fin) });
                        }
                    },
                    how = &mut timer => break how,
                }
                if progress.up_ended() && progress.down_ended() {
                    return Ok(Next::Close(Break::Fin));
                }
            }
        };
        self.broken(how).await
    }

    /// If the fault breaks the connection at a given time after the request, waits for that time and returns the way
    /// to break the connection. For any other fault, waits forever.
    async fn timer(&self, progress: &Progress) -> Break {
        let Some(Fault::Break(Position::After(time), how)) = self.fault() else {
            return std::future::pending().await;
        };
        progress.sent.notified().await;
        sleep(*time).await;
        self.hit();
        *how
    }

    /// Forwards the request to the engine. After the connection is upgraded, also forwards everything that the driver
    /// sends.
    async fn request(
        &self,
        engine: &Stream,
        head: &Head,
        inlet: &mut Inlet<'_>,
        progress: &Progress,
    ) -> io::Result<Option<Break>> {
        let mut pace = Pace::of(self.fault());
        pace.send(engine, head.bytes()).await?;
        let mut body = Splitter::new(head.request_body());
        let mut passed = 0u64;
        let limit = match self.fault() {
            Some(Fault::Break(Position::InRequest(bytes), how)) => Some((*bytes, *how)),
            _ => None,
        };
        while let Some(piece) = body.next(inlet).await? {
            if let Some((limit, how)) = limit {
                let room = usize::try_from(limit - passed).unwrap_or(usize::MAX);
                if let Some(first) = piece.bytes().get(..room) {
                    engine.write_all(first).await?;
                    self.hit();
                    return Ok(Some(how));
                }
            }
            passed += piece.bytes().len() as u64;
            // This fails if the engine has closed the connection after its response. It need not read the rest.
            if pace.send(engine, piece.bytes()).await.is_err() {
                return Ok(None);
            }
        }
        progress.request_is_sent();
        match self.fault() {
            Some(Fault::Break(Position::AfterRequest, how)) => {
                self.hit();
                return Ok(Some(*how));
            }
            Some(Fault::CloseWrite) => {
                self.hit();
                engine.finish();
            }
            _ => {}
        }
        self.input(engine, inlet, progress, &mut pace).await?;
        Ok(None)
    }

    /// Waits until the driver disconnects. If the connection is upgraded, forwards the data that the driver sends
    /// before it disconnects.
    async fn input(
        &self,
        engine: &Stream,
        inlet: &mut Inlet<'_>,
        progress: &Progress,
        pace: &mut Pace,
    ) -> io::Result<()> {
        let mut more = true;
        let mut upgraded = false;
        while more || inlet.buffered() > 0 {
            if upgraded {
                let bytes = inlet.take();
                if !matches!(self.fault(), Some(Fault::CloseWrite)) {
                    pace.send(engine, &bytes).await?;
                }
            }
            tokio::select! {
                () = progress.upgraded.notified(), if !upgraded => upgraded = true,
                filled = inlet.fill(), if more => more = filled?,
            }
            if !more && !upgraded && inlet.buffered() == 0 {
                break;
            }
        }
        engine.finish();
        Ok(())
    }

    async fn answer(&self, engine: &Stream, progress: &Progress) -> io::Result<Carried> {
        let mut inlet = Inlet::new(engine);
        let head = loop {
            let Some(head) = inlet.head().await? else {
                return Ok(Carried::Broken(Break::Fin));
            };
            match head.status() {
                100 | 102..=199 => self.client.write_all(head.bytes()).await?,
                _ => break head,
            }
        };
        let framing = head.answer_body(&self.method);
        self.relay
            .note(self.index, |exchange| exchange.answered(head.status(), framing));
        match self.fault() {
            Some(Fault::Delay(Stage::BeforeResponse, time)) => {
                self.hit();
                sleep(*time).await;
            }
            Some(Fault::Break(Position::BeforeResponse, how)) => {
                drain(framing, &mut inlet).await;
                self.hit();
                return Ok(Carried::Broken(*how));
            }
            Some(Fault::Answer(When::AfterEffect, answer)) => {
                drain(framing, &mut inlet).await;
                self.hit();
                answer.send(self.client, self.method == "HEAD").await?;
                return Ok(Carried::Broken(answer.end()));
            }
            Some(Fault::Length(by)) => return self.with_length(&head, *by, framing, &mut inlet).await,
            _ => {}
        }
        if framing == Framing::UntilClose
            || head
                .header("connection")
                .is_some_and(|value| value.eq_ignore_ascii_case("close"))
        {
            progress.is_last.store(true, Ordering::SeqCst);
        }
        if framing == Framing::Upgraded {
            progress.upgraded.notify_one();
        }
        let mut shape = Shape::new(self.client, self.claim);
        let mut broken = shape.head(&head).await?;
        let mut body = Splitter::new(framing);
        while broken.is_none() {
            let Some(piece) = body.next(&mut inlet).await? else {
                break;
            };
            let length = piece.bytes().len() as u64;
            broken = shape.pass(piece).await?;
            self.relay.note(self.index, |exchange| exchange.bytes += length);
        }
        Ok(match broken {
            Some(how) => Carried::Broken(how),
            None if framing == Framing::Upgraded => {
                self.client.finish();
                Carried::Upgraded
            }
            None => Carried::Whole,
        })
    }

    async fn with_length(
        &self,
        head: &Head,
        by: i64,
        framing: Framing,
        inlet: &mut Inlet<'_>,
    ) -> io::Result<Carried> {
        let mut splitter = Splitter::new(framing);
        let mut whole = Vec::new();
        while let Some(piece) = splitter.next(inlet).await? {
            if let super::http::Piece::Data(bytes) = piece {
                whole.extend_from_slice(&bytes);
            }
            if whole.len() > MAX_REWRITTEN {
                return Err(io::Error::other(
                    "the body is too long to be sent with a different length",
                ));
            }
        }
        let said = (whole.len() as u64).saturating_add_signed(by);
        let head = head
            .without(&["content-length", "transfer-encoding"])
            .with("Content-Length", &said.to_string());
        self.hit();
        self.client.write_all(head.bytes()).await?;
        self.client.write_all(&whole).await?;
        Ok(Carried::Broken(Break::Fin))
    }
}

/// Reads and discards the rest of a response, so that the engine can complete the request.
async fn drain(framing: Framing, inlet: &mut Inlet<'_>) {
    if framing == Framing::Upgraded {
        return;
    }
    let mut body = Splitter::new(framing);
    let rest = async { while let Ok(Some(_)) = body.next(inlet).await {} };
    // If the response is endless, its request took effect long ago, so a timeout is harmless.
    let _ = timeout(DRAIN, rest).await;
}

enum Carried {
    Whole,
    Upgraded,
    Broken(Break),
}

/// The progress of an exchange.
#[derive(Debug, Default)]
struct Progress {
    sent: Notify,
    is_sent: AtomicBool,
    upgraded: Notify,
    is_last: AtomicBool,
    up_ended: AtomicBool,
    down_ended: AtomicBool,
}

impl Progress {
    fn request_is_sent(&self) {
        self.is_sent.store(true, Ordering::SeqCst);
        self.sent.notify_one();
    }

    fn is_sent(&self) -> bool {
        self.is_sent.load(Ordering::SeqCst)
    }

    fn is_last(&self) -> bool {
        self.is_last.load(Ordering::SeqCst)
    }

    fn end_up(&self) {
        self.up_ended.store(true, Ordering::SeqCst);
    }

    fn up_ended(&self) -> bool {
        self.up_ended.load(Ordering::SeqCst)
    }

    fn end_down(&self) {
        self.down_ended.store(true, Ordering::SeqCst);
    }

    fn down_ended(&self) -> bool {
        self.down_ended.load(Ordering::SeqCst)
    }
}
