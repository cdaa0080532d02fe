//! The last stage of a response on its way to the driver. In this stage, the proxy alters the response or breaks the
//! connection.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, sleep, sleep_until};

use super::http::{Head, Piece};
use super::rule::Injected;
use super::stream::Stream;
use super::{Break, Fault, FrameField, Position, Stage};

/// The length of a Docker frame's header: one byte for the stream, three zero bytes, and four bytes for the length of
/// the content. The content follows the header.
const FRAME_HEAD: u64 = 8;

pub(super) struct Shape<'a> {
    client: &'a Stream,
    claim: Option<&'a Injected>,
    /// The number of content bytes that were sent.
    passed: u64,
    chunk: usize,
    in_chunk: bool,
    frames: Frames,
    pace: Pace,
}

impl<'a> Shape<'a> {
    pub(super) fn new(client: &'a Stream, claim: Option<&'a Injected>) -> Self {
        Self {
            client,
            claim,
            passed: 0,
            chunk: 0,
            in_chunk: false,
            frames: Frames {
                next: FRAME_HEAD,
                ..Frames::default()
            },
            pace: Pace::of(claim.and_then(Injected::fault)),
        }
    }

    fn fault(&self) -> Option<&'a Fault> {
        self.claim.and_then(Injected::fault)
    }

    fn hit(&self) {
        if let Some(claim) = self.claim {
            claim.hit();
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.pace.send(self.client, bytes).await
    }

    /// Sends the header. If the fault breaks the connection in the header or directly after it, returns the way to
    /// break the connection. Otherwise returns `None`.
    pub(super) async fn head(&mut self, head: &Head) -> io::Result<Option<Break>> {
        let changed = match self.fault() {
            Some(Fault::Status(status)) => head.with_status(*status),
            Some(Fault::HugeHeader(size)) => head.with("X-Huge", &"x".repeat(*size)),
            Some(Fault::Break(Position::InHead, how)) => {
                let half = head.bytes().len() / 2;
                self.send(head.bytes().get(..half).unwrap_or_default()).await?;
                self.hit();
                return Ok(Some(*how));
            }
            Some(Fault::Break(Position::AfterHead | Position::AfterBytes(0), how)) => {
                self.send(head.bytes()).await?;
                self.hit();
                return Ok(Some(*how));
            }
            Some(Fault::Pause { after: 0, time }) => {
                self.send(head.bytes()).await?;
                self.hit();
                sleep(*time).await;
                return Ok(None);
            }
            _ => return self.send(head.bytes()).await.map(|()| None),
        };
        self.hit();
        self.send(changed.bytes()).await.map(|()| None)
    }

    /// Sends a piece of the body. If the fault breaks the connection in the piece or directly after it, returns the
    /// way to break the connection. Otherwise returns `None`.
    pub(super) async fn pass(&mut self, piece: Piece) -> io::Result<Option<Break>> {
        if let Some(how) = self.breaks_at(&piece) {
            // Only half of a piece is sent if the connection breaks in the middle of it.
            let half = piece.bytes().len() / 2;
            let sent = match piece {
                Piece::LastChunk(_) => 0,
                _ => half,
            };
            self.send(piece.bytes().get(..sent).unwrap_or_default()).await?;
            self.hit();
            return Ok(Some(how));
        }
        match piece {
            Piece::ChunkHead(line) => {
                self.in_chunk = true;
                self.wait().await;
                self.send(&self.chunk_head(line)).await?;
                Ok(None)
            }
            Piece::ChunkTail(bytes) => {
                self.send(&bytes).await?;
                let behind = self.chunk;
                self.chunk += 1;
                self.in_chunk = false;
                Ok(self.broken_if(|position| position == Position::AfterChunk(behind)))
            }
            Piece::LastChunk(bytes) => self.send(&bytes).await.map(|()| None),
            Piece::Data(bytes) => {
                if !self.in_chunk {
                    self.wait().await;
                }
                self.data(bytes).await
            }
        }
    }

    /// If the fault breaks the connection in this piece, returns the way to break the connection. Considers only
    /// positions that depend on the kind and number of a piece.
    fn breaks_at(&self, piece: &Piece) -> Option<Break> {
        let Some(Fault::Break(position, how)) = self.fault() else {
            return None;
        };
        let here = match piece {
            Piece::ChunkHead(_) => *position == Position::InChunkHead(self.chunk),
            Piece::Data(_) => self.in_chunk && *position == Position::InChunk(self.chunk),
            Piece::LastChunk(_) => *position == Position::BeforeLastChunk,
            Piece::ChunkTail(_) => false,
        };
        here.then_some(*how)
    }

    fn broken_if(&self, here: impl Fn(Position) -> bool) -> Option<Break> {
        match self.fault() {
            Some(Fault::Break(position, how)) if here(*position) => {
                self.hit();
                Some(*how)
            }
            _ => None,
        }
    }

    async fn wait(&self) {
        if let Some(Fault::Delay(Stage::EachChunk, time)) = self.fault() {
            self.hit();
            sleep(*time).await;
        }
    }

    fn chunk_head(&self, line: Bytes) -> Bytes {
        let Some(Fault::ChunkLength(chunk, by)) = self.fault() else {
            return line;
        };
        let text = String::from_utf8_lossy(&line);
        let size = u64::from_str_radix(text.split([';', '\r']).next().unwrap_or_default().trim(), 16);
        match size {
            Ok(size) if *chunk == self.chunk => {
                self.hit();
                Bytes::from(format!("{:x}\r\n", size.saturating_add(*by)))
            }
            _ => line,
        }
    }

    /// Sends content of the body. If the fault breaks the connection at a point within `bytes`, sends only the bytes
    /// before that point, and returns the way to break the connection. In a stream of frames, the point is not known
    /// until the frame arrives.
    async fn data(&mut self, bytes: Bytes) -> io::Result<Option<Break>> {
        let mut bytes = BytesMut::from(&bytes[..]);
        while !bytes.is_empty() {
            let step = self.step(bytes.len());
            let mut now = bytes.split_to(step);
            self.change(&mut now);
            if self.follows_frames() {
                self.frames.see(&now);
            }
            self.passed += now.len() as u64;
            self.send(&now).await?;
            match self.fault() {
                Some(Fault::Pause { after, time }) if *after == self.passed => {
                    self.hit();
                    sleep(*time).await;
                }
                Some(Fault::Break(position, how)) if self.offset(*position) == Some(self.passed) => {
                    self.hit();
                    return Ok(Some(*how));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Returns the number of bytes that can be sent in one step. A step ends at the end of a frame's header or
    /// content. If the fault takes effect before that end, the step ends at the point of the fault.
    fn step(&self, available: usize) -> usize {
        let mut end = self.passed.saturating_add(available as u64);
        let target = match self.fault() {
            Some(Fault::Break(position, _)) => self.offset(*position),
            Some(Fault::Pause { after, .. }) => Some(*after),
            _ => None,
        };
        for stop in [target, self.follows_frames().then_some(self.frames.next)] {
            if let Some(stop) = stop.filter(|stop| *stop > self.passed) {
                end = end.min(stop);
            }
        }
        usize::try_from(end - self.passed).unwrap_or(available)
    }

    fn follows_frames(&self) -> bool {
        matches!(
            self.fault(),
            Some(
                Fault::Frame(..)
                    | Fault::Break(
                        Position::InFrameHead(_) | Position::InFrame(_) | Position::AfterFrame(_),
                        _
                    )
            )
        )
    }

    /// Converts `position`, at which the connection breaks, to an offset in the content. Returns `None` while the
    /// offset is not known.
    fn offset(&self, position: Position) -> Option<u64> {
        let frames = &self.frames;
        match position {
            Position::AfterBytes(bytes) => Some(bytes),
            Position::InFrameHead(frame) if frame == frames.index => Some(frames.start + FRAME_HEAD / 2),
            Position::InFrame(frame) if frame == frames.index => {
                Some(frames.start + FRAME_HEAD + frames.length? / 2)
            }
            Position::AfterFrame(frame) if frame + 1 == frames.index => Some(frames.start),
            _ => None,
        }
    }

    /// If the fault changes a field in the header of the current frame, applies this change to `bytes`. `bytes` may
    /// contain only a part of the header.
    fn change(&self, bytes: &mut BytesMut) {
        let Some(Fault::Frame(frame, field)) = self.fault() else {
            return;
        };
        if *frame != self.frames.index {
            return;
        }
        let (at, new) = match field {
            FrameField::Stream(kind) => (0, vec![*kind]),
            FrameField::Length(length) => (4, length.to_be_bytes().to_vec()),
        };
        for (number, value) in (self.frames.start + at..).zip(new) {
            let position = number.checked_sub(self.passed);
            let byte = position.and_then(|position| bytes.get_mut(usize::try_from(position).ok()?));
            if let Some(byte) = byte {
                *byte = value;
                if number == self.frames.start + at {
                    self.hit();
                }
            }
        }
    }
}

/// The position of the current Docker frame in the content.
#[derive(Debug, Default)]
struct Frames {
    index: usize,
    start: u64,
    head: Vec<u8>,
    /// The length of the frame's content; `None` until the frame's header is complete.
    length: Option<u64>,
    /// The offset at which the frame's header ends. After the header is complete, the offset at which the frame's
    /// content ends.
    next: u64,
    seen: u64,
}

impl Frames {
    /// Tracks the frame boundaries in `bytes`, which must not extend beyond `next`.
    fn see(&mut self, bytes: &[u8]) {
        self.seen += bytes.len() as u64;
        if self.length.is_none() {
            self.head.extend_from_slice(bytes);
            let Some(length) = self.head.get(4..8).and_then(|bytes| bytes.try_into().ok()) else {
                return;
            };
            let length = u64::from(u32::from_be_bytes(length));
            self.length = Some(length);
            self.next = self.start + FRAME_HEAD + length;
        }
        if self.seen >= self.next {
            self.index += 1;
            self.start = self.next;
            self.next = self.start + FRAME_HEAD;
            self.head.clear();
            self.length = None;
        }
    }
}

/// Sends bytes at a limited rate.
pub(super) struct Pace {
    rate: Option<u64>,
    due: Instant,
    woke: Instant,
}

impl Pace {
    /// Creates the limiter for a fault. Only [`Fault::Throttle`] limits the rate.
    pub(super) fn of(fault: Option<&Fault>) -> Self {
        let now = Instant::now();
        Self {
            rate: match fault {
                Some(Fault::Throttle(rate)) => Some(*rate),
                _ => None,
            },
            due: now,
            woke: now,
        }
    }

    pub(super) fn is_slow(&self) -> bool {
        self.rate.is_some()
    }

    pub(super) async fn send(&mut self, to: &Stream, bytes: &[u8]) -> io::Result<()> {
        let Some(rate) = self.rate else {
            return to.write_all(bytes).await;
        };
        // The bytes are sent in portions, of which there are twenty per second.
        let portion = usize::try_from(rate / 20).unwrap_or(usize::MAX).max(1);
        for part in bytes.chunks(portion) {
            let micros = (part.len() as u64)
                .saturating_mul(1_000_000)
                .div_ceil(rate.max(1));
            // Delays of the timer are compensated; otherwise, many small pieces would be slower than the rate. Time in
            // which nothing was sent is not compensated.
            self.due += self.woke.elapsed() + Duration::from_micros(micros);
            // Sleep before sending, so that the last portion is not sent too early.
            sleep_until(self.due).await;
            self.woke = Instant::now();
            to.write_all(part).await?;
        }
        Ok(())
    }
}
