//! Reading long responses.
//!
//! Engines send each log entry as a separate chunk of the HTTP response. hyper passes each chunk through a channel
//! from one task to another. Passing a chunk in this way takes longer than all other work for a log entry. Therefore,
//! on a Unix socket, this module reads the response without hyper, and decodes many chunks at a time. Each such
//! response uses a new connection. Reusing connections would save nothing on a Unix socket.

use bytes::{Buf, BytesMut};
use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::{EngineError, Payload, Query, Wire};

/// The part of a response that was not read yet. Dropping this value closes the connection.
pub(crate) enum LongBody {
    #[cfg(unix)]
    Direct(Direct),
    Hyper(Incoming),
}

impl Wire {
    /// Sends a GET request for a long response. Returns as soon as the response's headers are received.
    pub(crate) async fn long(&self, target: &Query) -> Result<LongBody, EngineError> {
        #[cfg(unix)]
        if let super::Address::Unix(path) = self.address() {
            return direct::request(self, path, target).await.map(LongBody::Direct);
        }
        let answer = self.open(Method::GET, target, Payload::Nothing).await?;
        Ok(LongBody::Hyper(answer.into_body()))
    }
}

impl LongBody {
    /// Waits for the next bytes and appends them to `into`. Returns `false` at the end of the response.
    ///
    /// # Cancel safety
    /// If the call is dropped, no bytes are lost.
    pub(crate) async fn read(&mut self, into: &mut BytesMut) -> Result<bool, EngineError> {
        match self {
            #[cfg(unix)]
            Self::Direct(direct) => direct.read(into).await,
            Self::Hyper(body) => {
                let Some(frame) = body.frame().await else {
                    return Ok(false);
                };
                let frame = frame.map_err(|error| EngineError::Broken(Box::new(error)))?;
                if let Ok(data) = frame.into_data() {
                    into.extend_from_slice(&data);
                }
                Ok(true)
            }
        }
    }
}

#[cfg(unix)]
use direct::Direct;

#[cfg(unix)]
mod direct {
    use std::io;
    use std::path::Path;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;

    use super::*;
    use crate::wire::TransportError;
    use crate::wire::call::{MAX_SHORT, refusal};
    use crate::wire::transport::ENGINES_HEADER;

    /// How many bytes to read from the connection at a time.
    const PIECE: usize = 64 * 1024;
    /// The maximum size, in bytes, of the response's headers, of the size line of a chunk, and of the trailers.
    const MAX_HEAD: usize = 64 * 1024;
    const MAX_HEADERS: usize = 64;

    /// A response that is read directly from a Unix socket, without hyper.
    pub(crate) struct Direct {
        stream: UnixStream,
        /// Bytes that were received and are not decoded yet.
        received: BytesMut,
        decoder: Decoder,
    }

    /// Sends a GET request on a new connection to the Unix socket `path`. Returns an error if the response's status
    /// is not 200, or if the response is not from the engine itself.
    pub(super) async fn request(wire: &Wire, path: &Path, target: &Query) -> Result<Direct, EngineError> {
        let uri = wire.versioned(target.as_str());
        let failed = |source| TransportError::Connect {
            address: wire.address().to_string(),
            source,
        };
        let mut stream = UnixStream::connect(path).await.map_err(failed)?;
        let request = format!("GET {uri} HTTP/1.1\r\nhost: engine\r\n\r\n");
        stream.write_all(request.as_bytes()).await.map_err(broken)?;
        let mut received = BytesMut::with_capacity(PIECE);
        let head = loop {
            if let Some(head) = Head::parse(&mut received)? {
                // An informational response precedes the real one.
                if head.status >= 200 {
                    break head;
                }
            } else if stream.read_buf(&mut received).await.map_err(broken)? == 0 {
                return Err(cut_off());
            }
        };
        tracing::debug!(method = "GET", path = uri, status = head.status, "engine call");
        let mut answer = Direct {
            stream,
            received,
            decoder: head.decoder,
        };
        if head.is_engines && head.status == 200 {
            return Ok(answer);
        }
        // It counts as a refusal even if its text cannot be read.
        let mut text = BytesMut::new();
        while text.len() < MAX_SHORT && answer.read(&mut text).await.unwrap_or(false) {}
        Err(refusal(head.is_engines, head.status, &text))
    }

    impl Direct {
        pub(super) async fn read(&mut self, into: &mut BytesMut) -> Result<bool, EngineError> {
            loop {
                let before = into.len();
                let decoded = self.decoder.decode(&mut self.received, into);
                if into.len() > before {
                    // After an error, the decoder returns the error again at the next call.
                    return Ok(true);
                }
                if decoded? {
                    return Ok(false);
                }
                self.received.reserve(PIECE);
                if self.stream.read_buf(&mut self.received).await.map_err(broken)? == 0 {
                    return match self.decoder {
                        Decoder::UntilClose => Ok(false),
                        _ => Err(cut_off()),
                    };
                }
            }
        }
    }

    fn broken(error: io::Error) -> EngineError {
        EngineError::Broken(Box::new(error))
    }

    fn cut_off() -> EngineError {
        broken(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the connection was closed before the end of the response",
        ))
    }

    fn invalid(error: &dyn std::fmt::Display) -> EngineError {
        EngineError::InvalidResponse(error.to_string())
    }

    /// The status line and headers of a response.
    struct Head {
        status: u16,
        /// Whether the engine itself responded, and not a proxy.
        is_engines: bool,
        decoder: Decoder,
    }

    impl Head {
        /// Parses the status line and the headers of a response, and removes them from `received`. Returns `None` if
        /// the headers are not complete yet.
        fn parse(received: &mut BytesMut) -> Result<Option<Self>, EngineError> {
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut response = httparse::Response::new(&mut headers);
            let parsed = response.parse(received).map_err(|error| invalid(&error))?;
            let httparse::Status::Complete(length) = parsed else {
                return match received.len() {
                    0..MAX_HEAD => Ok(None),
                    _ => Err(invalid(&"its headers are too long")),
                };
            };
            let named = |name: &str| {
                let mut named = response
                    .headers
                    .iter()
                    .filter(|header| header.name.eq_ignore_ascii_case(name));
                named.next().map(|header| header.value)
            };
            let decoder = match (named("transfer-encoding"), named("content-length")) {
                (Some(coding), _) if coding.eq_ignore_ascii_case(b"chunked") => Decoder::ChunkSize,
                (Some(_), _) => return Err(invalid(&"it has an unknown transfer encoding")),
                (None, Some(length)) => {
                    let length = std::str::from_utf8(length)
                        .ok()
                        .and_then(|text| text.parse().ok());
                    Decoder::Length(length.ok_or_else(|| invalid(&"it has an invalid length"))?)
                }
                (None, None) => Decoder::UntilClose,
            };
            let head = Self {
                status: response.code.unwrap_or_default(),
                is_engines: named(ENGINES_HEADER).is_some(),
                decoder,
            };
            received.advance(length);
            Ok(Some(head))
        }
    }

    /// A decoder for the body of a response. The variant is the part of the body that comes next.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Decoder {
        /// The size line of a chunk.
        ChunkSize,
        /// `Chunk(left)`: the remaining `left` bytes of a chunk. [`ChunkEnd`](Self::ChunkEnd) follows.
        Chunk(u64),
        /// The line end after a chunk.
        ChunkEnd,
        /// The trailers after the last chunk.
        Trailers,
        /// `Length(left)`: the remaining `left` bytes of a body whose length is in the headers.
        Length(u64),
        /// Bytes until the engine closes the connection.
        UntilClose,
        Over,
    }

    impl Decoder {
        /// Decodes the bytes in `received`, and moves the content of the body to `into`. Returns whether the response
        /// is complete.
        fn decode(&mut self, received: &mut BytesMut, into: &mut BytesMut) -> Result<bool, EngineError> {
            loop {
                match *self {
                    // Without this, a missing size would count as 0, the end of the response.
                    Self::ChunkSize if received.first().is_some_and(|byte| !byte.is_ascii_hexdigit()) => {
                        return Err(invalid(&"it has a chunk without a size"));
                    }
                    Self::ChunkSize => match httparse::parse_chunk_size(received) {
                        Ok(httparse::Status::Complete((length, size))) => {
                            received.advance(length);
                            *self = match size {
                                0 => Self::Trailers,
                                size => Self::Chunk(size),
                            };
                        }
                        Ok(httparse::Status::Partial) if received.len() < MAX_HEAD => return Ok(false),
                        _ => return Err(invalid(&"it has a chunk without a valid size")),
                    },
                    Self::Chunk(left) | Self::Length(left) => {
                        let now = received.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                        into.extend_from_slice(received.get(..now).unwrap_or_default());
                        received.advance(now);
                        let left = left - now as u64;
                        let is_chunk = matches!(self, Self::Chunk(_));
                        *self = match (is_chunk, left) {
                            (true, 0) => Self::ChunkEnd,
                            (true, _) => Self::Chunk(left),
                            (false, 0) => Self::Over,
                            (false, _) => Self::Length(left),
                        };
                        if left > 0 {
                            return Ok(false);
                        }
                    }
                    Self::ChunkEnd => match received.get(..2) {
                        Some(b"\r\n") => {
                            received.advance(2);
                            *self = Self::ChunkSize;
                        }
                        Some(_) => return Err(invalid(&"it has a chunk that is longer than its size")),
                        None => return Ok(false),
                    },
                    Self::Trailers => {
                        let mut trailers = [httparse::EMPTY_HEADER; MAX_HEADERS];
                        let parsed = httparse::parse_headers(received, &mut trailers);
                        match parsed.map_err(|error| invalid(&error))? {
                            httparse::Status::Complete((length, _)) => {
                                received.advance(length);
                                *self = Self::Over;
                            }
                            httparse::Status::Partial if received.len() < MAX_HEAD => return Ok(false),
                            httparse::Status::Partial => return Err(invalid(&"its trailers are too long")),
                        }
                    }
                    Self::UntilClose => {
                        into.extend_from_slice(&received.split());
                        return Ok(false);
                    }
                    Self::Over => return Ok(true),
                }
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use proptest::prelude::*;

        /// Decodes a response that arrives in pieces. Returns the body, and whether the response is over.
        fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<(Vec<u8>, bool), EngineError> {
            let (mut received, mut body) = (BytesMut::new(), BytesMut::new());
            let mut decoder = None;
            let mut is_over = false;
            for piece in pieces {
                received.extend_from_slice(piece);
                if decoder.is_none() {
                    decoder = Head::parse(&mut received)?.map(|head| head.decoder);
                }
                if let Some(decoder) = &mut decoder {
                    is_over = decoder.decode(&mut received, &mut body)?;
                }
            }
            Ok((body.to_vec(), is_over))
        }

        fn chunked(chunks: &[Vec<u8>], end: &[u8]) -> Vec<u8> {
            let mut text =
                b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for chunk in chunks {
                text.extend(format!("{:X};name=value\r\n", chunk.len()).bytes());
                text.extend(chunk);
                text.extend(b"\r\n");
            }
            text.extend(end);
            text
        }

        proptest! {
            #[test]
            fn chunks_are_decoded_at_any_split(
                chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..20),
                cuts in prop::collection::vec(1usize..50, 1..20),
                trailers in any::<bool>(),
            ) {
                let end: &[u8] = if trailers { b"0\r\nX: y\r\n\r\n" } else { b"0\r\n\r\n" };
                let whole = chunked(&chunks, end);
                let mut pieces = Vec::new();
                let mut rest = whole.as_slice();
                for cut in cuts.iter().cycle() {
                    if rest.is_empty() { break }
                    let (piece, later) = rest.split_at((*cut).min(rest.len()));
                    pieces.push(piece);
                    rest = later;
                }
                prop_assert_eq!(decode(pieces).unwrap(), (chunks.concat(), true));
                // No part of the response counts as all of it.
                let (_, is_over) = decode([&whole[..whole.len() - 1]]).unwrap();
                prop_assert!(!is_over);
            }

            #[test]
            fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
                let _ = decode([bytes.as_slice()]);
                let _ = decode([chunked(&[], &bytes).as_slice()]);
            }
        }

        #[test]
        fn length_and_close_also_end_a_response() {
            let whole: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd";
            assert_eq!(decode([whole]).unwrap(), (b"abc".to_vec(), true));
            assert_eq!(
                decode([&whole[..whole.len() - 2]]).unwrap(),
                (b"ab".to_vec(), false)
            );
            let whole: &[u8] = b"HTTP/1.0 200 OK\r\n\r\nabcd";
            assert_eq!(decode([whole]).unwrap(), (b"abcd".to_vec(), false));
        }

        #[test]
        fn invalid_framing_is_an_error() {
            for end in [
                &b"x\r\n"[..],
                b"\r\n\r\n",
                b";x\r\n\r\n",
                b"3\r\nabcd\r\n",
                b"3\r\nabc\n\n",
                b"0\r\n\xff\r\n\r\n",
            ] {
                assert!(decode([chunked(&[], end).as_slice()]).is_err(), "{end:?}");
            }
            let encoded: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n";
            assert!(decode([encoded]).is_err());
            let length: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n";
            assert!(decode([length]).is_err());
        }
    }
}
