//! What a proxy can do to a connection.

use std::fmt;
use std::time::Duration;

use super::{Answer, Endpoint};

/// One thing that goes wrong with a request, its answer, or the stream behind it.
///
/// Printed, it is one short phrase: `cut (RST) in chunk 2`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// Waits for so long at each such moment.
    Delay(Stage, Duration),
    /// Carries at most so many bytes a second, in each direction.
    Throttle(u64),
    /// Carries nothing for so long, once, after so many bytes of the answer's body.
    Pause {
        /// Bytes of the body that pass before.
        after: u64,
        /// How long nothing is carried.
        time: Duration,
    },
    /// Ends the connection at this place.
    Break(Place, Break),
    /// Says to the engine that no more bytes come, as soon as it has the whole request.
    EndInput,
    /// Answers in the engine's place.
    Answer(When, Answer),
    /// Passes the engine's answer on with another status.
    Status(u16),
    /// Adds a header with a value of so many bytes to the engine's answer.
    HugeHeader(usize),
    /// Passes the engine's answer on with a `Content-Length` that is so much more, or less, than the truth.
    Length(i64),
    /// Passes the engine's answer on with this chunk, counted from 0, said to be so much longer than it is.
    ChunkLength(usize, u64),
    /// Changes the head of a frame, counted from 0, of a stream with Docker's frames.
    Frame(usize, FrameField),
    /// Lets the request pass, after doing this to the socket at which the proxy listens.
    Endpoint(Endpoint),
}

/// When to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Before the engine is sent the request.
    BeforeRequest,
    /// Before the driver is sent the answer.
    BeforeAnswer,
    /// Before each chunk of the answer; for other bodies, before each piece as it comes.
    EachChunk,
}

/// Where a connection is to end. What is counted is counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// When the head of the request is there, of which the engine sees nothing.
    BeforeRequest,
    /// When the engine has so many bytes of the request's body.
    InRequest(u64),
    /// When the engine has the whole request.
    AfterRequest,
    /// When the engine has answered, of which the driver sees nothing.
    BeforeAnswer,
    /// In the middle of the answer's head.
    InHead,
    /// Behind the answer's head.
    AfterHead,
    /// In the middle of the line before a chunk.
    InChunkHead(usize),
    /// In the middle of a chunk, or of the part of it that came first.
    InChunk(usize),
    /// Behind a chunk.
    AfterChunk(usize),
    /// Where the chunk that ends the body would begin.
    BeforeLastChunk,
    /// In the middle of the head of one of Docker's frames.
    InFrameHead(usize),
    /// In the middle of the content of one of Docker's frames.
    InFrame(usize),
    /// Behind one of Docker's frames.
    AfterFrame(usize),
    /// When so many bytes of the answer's body, or of the stream behind it, have passed.
    AfterBytes(u64),
    /// So long after the engine has the whole request.
    After(Duration),
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Break {
    /// Closed in both directions, as by a program that ended well.
    Fin,
    /// Reset, as by a host that has forgotten the connection.
    Reset,
    /// Open, with nothing carried any more in either direction. The engine does not learn of it.
    Silence,
    /// Closed towards the driver; what the driver sends still reaches the engine.
    HalfClose,
}

/// Whether the engine acts on a request that the proxy answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum When {
    /// The engine never sees the request.
    Instead,
    /// The engine has answered, and its answer is thrown away.
    AfterEffect,
}

/// A part of the head of one of Docker's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameField {
    /// Which stream it is of: 1 and 2 are the known ones.
    Stream(u8),
    /// How many bytes follow.
    Length(u32),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay(stage, time) => write!(f, "delay of {time:?} {stage}"),
            Self::Throttle(rate) => write!(f, "throttle to {rate} B/s"),
            Self::Pause { after, time } => write!(f, "pause of {time:?} after {after} bytes"),
            Self::Break(place, how) => write!(f, "{how} {place}"),
            Self::EndInput => f.write_str("end of input for the engine after the request"),
            Self::Answer(When::Instead, answer) => write!(f, "{answer} instead of the engine"),
            Self::Answer(When::AfterEffect, answer) => write!(f, "{answer} after the engine acted"),
            Self::Status(status) => write!(f, "status {status} on the engine's answer"),
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
            Self::BeforeAnswer => "before the answer",
            Self::EachChunk => "before each chunk",
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeforeRequest => f.write_str("before the request"),
            Self::InRequest(bytes) => write!(f, "after {bytes} bytes of the request's body"),
            Self::AfterRequest => f.write_str("after the request"),
            Self::BeforeAnswer => f.write_str("before the answer, after the engine acted"),
            Self::InHead => f.write_str("in the answer's head"),
            Self::AfterHead => f.write_str("after the answer's head"),
            Self::InChunkHead(chunk) => write!(f, "in the head of chunk {chunk}"),
            Self::InChunk(chunk) => write!(f, "in chunk {chunk}"),
            Self::AfterChunk(chunk) => write!(f, "after chunk {chunk}"),
            Self::BeforeLastChunk => f.write_str("before the last chunk"),
            Self::InFrameHead(frame) => write!(f, "in the head of frame {frame}"),
            Self::InFrame(frame) => write!(f, "in frame {frame}"),
            Self::AfterFrame(frame) => write!(f, "after frame {frame}"),
            Self::AfterBytes(bytes) => write!(f, "after {bytes} bytes of the answer"),
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
