//! The parts of HTTP/1.1 that a proxy must understand: where headers, bodies and chunks start and end.

use std::io;

use bytes::{Bytes, BytesMut};

use super::stream::Stream;

/// The maximum length of a message's header, in bytes.
const MAX_HEAD: usize = 1024 * 1024;

/// A reader of the bytes that arrive from one peer. The reader keeps the bytes that were received but not yet used.
#[derive(Debug)]
pub(super) struct Inlet<'a> {
    stream: &'a Stream,
    buffer: BytesMut,
}

impl<'a> Inlet<'a> {
    pub(super) fn new(stream: &'a Stream) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }

    /// Receives more bytes. Returns `false` at the end of the stream. Cancel safe.
    pub(super) async fn fill(&mut self) -> io::Result<bool> {
        let mut received = vec![0; 64 * 1024];
        let count = self.stream.read(&mut received).await?;
        self.buffer
            .extend_from_slice(received.get(..count).unwrap_or_default());
        Ok(count > 0)
    }

    pub(super) fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Returns the bytes that were received but not yet used, and marks them as used.
    pub(super) fn take(&mut self) -> Bytes {
        self.buffer.split().freeze()
    }

    /// Reads the header of the next message. Returns `None` if the stream ends before the first byte of the header.
    pub(super) async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                return Ok(Some(Head::new(self.buffer.split_to(end).freeze())));
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(io::Error::other("the header is too long"));
            }
            if !self.fill().await? {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }
}

/// The header of a message: everything before the body, exactly as the peer sent it.
#[derive(Clone, Debug)]
pub(super) struct Head {
    bytes: Bytes,
}

impl Head {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self { bytes }
    }

    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }

    /// Returns the first two words of the first line: the method and target of a request, or the protocol and status of
    /// a response.
    pub(super) fn words(&self) -> (String, String) {
        let text = self.text();
        let line = text.lines().next().unwrap_or_default();
        let mut words = line.split(' ').map(str::to_owned);
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    pub(super) fn status(&self) -> u16 {
        self.words().1.parse().unwrap_or_default()
    }

    pub(super) fn header(&self, condition: &str) -> Option<String> {
        let text = self.text();
        text.lines().skip(1).find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(condition)
                .then(|| value.trim().to_owned())
        })
    }

    /// Returns the header without the fields whose names are in `names`.
    pub(super) fn without(&self, names: &[&str]) -> Self {
        let text = self.text();
        let kept = text.split_inclusive("\r\n").filter(|line| {
            let name = line.split(':').next().unwrap_or_default();
            !names.iter().any(|unwanted| name.eq_ignore_ascii_case(unwanted))
        });
        Self::new(Bytes::from(kept.collect::<String>()))
    }

    /// Returns the header with a field added after its first line.
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let text = self.text();
        let (first, rest) = text.split_once("\r\n").unwrap_or_default();
        Self::new(Bytes::from(format!("{first}\r\n{name}: {value}\r\n{rest}")))
    }

    /// Returns the header with its HTTP status replaced by `status`.
    pub(super) fn with_status(&self, status: u16) -> Self {
        let text = self.text();
        let (_, rest) = text.split_once("\r\n").unwrap_or_default();
        Self::new(Bytes::from(format!("HTTP/1.1 {status} Replaced\r\n{rest}")))
    }

    /// Returns how the body of a request with this header is delimited.
    pub(super) fn request_body(&self) -> Framing {
        self.delimited().unwrap_or(Framing::Empty)
    }

    /// Returns how the body of a response with this header is delimited. `method` is the method of the request.
    pub(super) fn answer_body(&self, method: &str) -> Framing {
        match self.status() {
            101 => Framing::Upgraded,
            100..=199 | 204 | 304 => Framing::Empty,
            _ if method == "HEAD" => Framing::Empty,
            _ => self.delimited().unwrap_or(Framing::UntilClose),
        }
    }

    fn delimited(&self) -> Option<Framing> {
        let chunked = self
            .header("transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        if chunked {
            return Some(Framing::Chunked);
        }
        let length = self.header("content-length")?.parse().ok()?;
        Some(if length == 0 {
            Framing::Empty
        } else {
            Framing::Length(length)
        })
    }
}

/// How the body of a message is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    Empty,
    /// The body has this many bytes.
    Length(u64),
    /// The body consists of chunks. An empty chunk ends it.
    Chunked,
    /// The body ends when the connection ends.
    UntilClose,
    /// There is no body: the connection has become a pair of byte streams.
    Upgraded,
}

/// A part of a body as transmitted. All pieces together are exactly the transmitted body.
#[derive(Debug)]
pub(super) enum Piece {
    /// The line that gives the size of a chunk.
    ChunkHead(Bytes),
    /// Content of the body.
    Data(Bytes),
    /// The line break after the content of a chunk.
    ChunkTail(Bytes),
    /// The empty chunk that ends the body, including trailers.
    LastChunk(Bytes),
}

impl Piece {
    pub(super) fn bytes(&self) -> &Bytes {
        match self {
            Self::ChunkHead(bytes) | Self::Data(bytes) | Self::ChunkTail(bytes) | Self::LastChunk(bytes) => {
                bytes
            }
        }
    }
}

/// Splits a body into pieces as its bytes arrive.
#[derive(Debug)]
pub(super) struct Splitter {
    framing: Framing,
    state: State,
}

#[derive(Debug)]
enum State {
    Data(u64),
    ChunkHead,
    ChunkTail,
    Done,
}

impl Splitter {
    pub(super) fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Empty => State::Done,
            Framing::Length(length) => State::Data(length),
            Framing::Chunked => State::ChunkHead,
            Framing::UntilClose | Framing::Upgraded => State::Data(u64::MAX),
        };
        Self { framing, state }
    }

    /// Returns the next piece, or `None` at the end of the body. Fails if the stream ends before the end of the body.
    /// Cancel safe.
    pub(super) async fn next(&mut self, inlet: &mut Inlet<'_>) -> io::Result<Option<Piece>> {
        loop {
            if matches!(self.state, State::Done) {
                return Ok(None);
            }
            if let Some(piece) = self.split(&mut inlet.buffer)? {
                return Ok(Some(piece));
            }
            if !inlet.fill().await? {
                return match self.framing {
                    Framing::UntilClose | Framing::Upgraded => Ok(None),
                    _ => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }

    fn split(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Piece>> {
        match self.state {
            State::Done => Ok(None),
            State::Data(left) => {
                if buffer.is_empty() {
                    return Ok(None);
                }
                let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
                let left = if left == u64::MAX {
                    left
                } else {
                    left - count as u64
                };
                self.state = match (left, self.framing) {
                    (0, Framing::Chunked) => State::ChunkTail,
                    (0, _) => State::Done,
                    _ => State::Data(left),
                };
                Ok(Some(Piece::Data(buffer.split_to(count).freeze())))
            }
            State::ChunkTail => {
                if buffer.len() < 2 {
                    return Ok(None);
                }
                self.state = State::ChunkHead;
                Ok(Some(Piece::ChunkTail(buffer.split_to(2).freeze())))
            }
            State::ChunkHead => {
                let Some(end) = find(buffer, b"\r\n") else {
                    return Ok(None);
                };
                let line = buffer.get(..end).unwrap_or_default();
                let size = chunk_size(line).ok_or_else(|| io::Error::other("invalid chunk size"))?;
                if size > 0 {
                    self.state = State::Data(size);
                    return Ok(Some(Piece::ChunkHead(buffer.split_to(end).freeze())));
                }
                // If there are no trailers, the empty line follows immediately.
                let rest = buffer.get(end..).unwrap_or_default();
                let trailers = if rest.starts_with(b"\r\n") {
                    Some(2)
                } else {
                    find(rest, b"\r\n\r\n")
                };
                let Some(trailers) = trailers else {
                    return Ok(None);
                };
                self.state = State::Done;
                Ok(Some(Piece::LastChunk(buffer.split_to(end + trailers).freeze())))
            }
        }
    }
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line).ok()?;
    let digits = text.split([';', '\r']).next()?.trim();
    u64::from_str_radix(digits, 16).ok()
}

/// Returns the position after the first occurrence of `condition` in `text`.
fn find(text: &[u8], condition: &[u8]) -> Option<usize> {
    text.windows(condition.len())
        .position(|window| window == condition)
        .map(|start| start + condition.len())
}
