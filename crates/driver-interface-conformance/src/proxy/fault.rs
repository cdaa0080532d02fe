//! The faults that a proxy can inject into a connection.

use std::fmt;
use std::time::Duration;

use super::{Answer, Endpoint};

/// A fault in a request, in the response to the request, or in the byte stream that follows the response.
///
/// A fault displays as a short phrase, such as `cut (RST) in chunk 2`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// `Delay(stage, time)` waits for `time` each time the connection reaches `stage`.
    Delay(Stage, Duration),
    /// Limits the transfer to this number of bytes per second in each direction.
    Throttle(u64),
    /// Suspends the transfer once, in the response's body.
    Pause {
        /// The number of bytes of the body that are transferred before the pause.
        after: u64,
        /// The duration of the pause.
        time: Duration,
    },
    /// `Break(position, how)` breaks the connection at `position` in the way `how`.
    Break(Position, Break),
    /// Closes the connection to the engine for writing as soon as the engine has the whole request.
    CloseWrite,
    /// `Answer(when, answer)` sends `answer` to the driver in place of the engine's response. `when` states whether
    /// the engine receives the request.
    Answer(When, Answer),
    /// Forwards the engine's response, but with this HTTP status.
    Status(u16),
    /// Adds a header field to the engine's response. The value of the field has this many bytes.
    HugeHeader(usize),
    /// Forwards the engine's response, but adds this number to the value of the `Content-Length` field.
    Length(i64),
    /// `ChunkLength(index, extra)` forwards the engine's response, but adds `extra` to the length that is sent for
    /// the chunk with the index `index`, counted from 0.
    ChunkLength(usize, u64),
    /// `Frame(index, field)` changes a field in the header of the Docker frame with the index `index`, counted from
    /// 0.
    Frame(usize, FrameField),
    /// Puts the proxy's listening socket into this state, and then forwards the request.
    Endpoint(Endpoint),
}

/// The stage of a request at which the proxy waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Before the proxy sends the request to the engine.
    BeforeRequest,
    /// Before the proxy sends the response to the driver.
    BeforeResponse,
    /// Before the proxy sends each chunk of the response. If the body is not chunked, before the proxy sends each
    /// part of the body that arrives.
    EachChunk,
}

/// The place at which a connection breaks. Chunks and frames are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Position {
    /// After the proxy has received the request's header. The engine receives nothing of the request.
    BeforeRequest,
    /// After the engine has received this many bytes of the request's body.
    InRequest(u64),
    /// After the engine has received the whole request.
    AfterRequest,
    /// After the engine has responded, but before the driver gets any of the response.
    BeforeResponse,
    /// In the middle of the response's header.
    InHead,
    /// After the response's header.
    AfterHead,
    /// In the middle of the line that gives the size of the chunk with this index.
    InChunkHead(usize),
    /// In the middle of the chunk with this index. If the chunk arrives in several parts, in the middle of the first
    /// part.
    InChunk(usize),
    /// After the chunk with this index.
    AfterChunk(usize),
    /// Before the empty chunk that ends the body.
    BeforeLastChunk,
    /// In the middle of the header of the Docker frame with this index.
    InFrameHead(usize),
    /// In the middle of the content of the Docker frame with this index.
    InFrame(usize),
    /// After the Docker frame with this index.
    AfterFrame(usize),
    /// After this many bytes of the response's body. If a byte stream follows the response, after this many bytes of
    /// the stream.
    AfterBytes(u64),
    /// At this time after the engine has received the whole request.
    After(Duration),
}

/// How the proxy breaks a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Break {
    /// The connection is closed in both directions, as by a program that exited cleanly.
    Fin,
    /// The connection is reset, as by a host that has lost the connection's state.
    Reset,
    /// The connection stays open, but no more data passes in either direction. The engine does not notice.
    Silence,
    /// The driver sees the end of the connection. The connection stays open for data from the driver. If the break is
    /// in the response, the proxy passes this data on; otherwise, the proxy discards the data.
    HalfClose,
}

/// Whether the engine receives a request to which the proxy responds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum When {
    /// The engine never receives the request.
    Instead,
    /// The engine has received the request and responded. The proxy discards the engine's response.
    AfterEffect,
}

/// A change of one field in the header of a Docker frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameField {
    /// Sets the stream number: 1 is stdout, 2 is stderr.
    Stream(u8),
    /// Sets the length of the content, in bytes.
    Length(u32),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay(stage, time) => write!(f, "delay of {time:?} {stage}"),
            Self::Throttle(rate) => write!(f, "throttle to {rate} B/s"),
            Self::Pause { after, time } => write!(f, "pause of {time:?} after {after} bytes"),
            Self::Break(position, how) => write!(f, "{how} {position}"),
            Self::CloseWrite => f.write_str("write side towards the engine closed after the request"),
            Self::Answer(When::Instead, answer) => write!(f, "{answer} instead of the engine"),
            Self::Answer(When::AfterEffect, answer) => write!(f, "{answer} after the engine acted"),
            Self::Status(status) => write!(f, "status {status} on the engine's response"),
            Self::HugeHeader(size) => write!(f, "a header of {size} bytes"),
            Self::Length(by) => write!(f, "Content-Length off by {by:+}"),
            Self::ChunkLength(chunk, by) => write!(f, "length of chunk {chunk} off by +{by}"),
            Self::Frame(frame, FrameField::Stream(kind)) => write!(f, "stream type {kind} in frame {frame}"),
            Self::Frame(frame, FrameField::Length(length)) => write!(f, "length {length} in frame {frame}"),
            Self::Endpoint(endpoint) => write!(f, "{endpoint} from this request on"),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeforeRequest => "before the request",
            Self::BeforeResponse => "before the response",
            Self::EachChunk => "before each chunk",
        })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeforeRequest => f.write_str("before the request"),
            Self::InRequest(bytes) => write!(f, "after {bytes} bytes of the request's body"),
            Self::AfterRequest => f.write_str("after the request"),
            Self::BeforeResponse => f.write_str("before the response, after the engine acted"),
            Self::InHead => f.write_str("in the response header"),
            Self::AfterHead => f.write_str("after the response header"),
            Self::InChunkHead(chunk) => write!(f, "in the header of chunk {chunk}"),
            Self::InChunk(chunk) => write!(f, "in chunk {chunk}"),
            Self::AfterChunk(chunk) => write!(f, "after chunk {chunk}"),
            Self::BeforeLastChunk => f.write_str("before the last chunk"),
            Self::InFrameHead(frame) => write!(f, "in the header of frame {frame}"),
            Self::InFrame(frame) => write!(f, "in frame {frame}"),
            Self::AfterFrame(frame) => write!(f, "after frame {frame}"),
            Self::AfterBytes(bytes) => write!(f, "after {bytes} bytes of the response"),
            Self::After(time) => write!(f, "{time:?} after the request"),
        }
    }
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fin => "cut (FIN)",
            Self::Reset => "cut (RST)",
            Self::Silence => "silence",
            Self::HalfClose => "half-close",
        })
    }
}
