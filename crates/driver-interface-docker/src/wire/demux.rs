use bytes::{Buf, Bytes, BytesMut};
use driver_interface_types::LogSource;

use super::EngineError;

/// The output stream that bytes belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// Some bytes of one stream. A frame longer than [`Demux::MAX_PIECE`] is split into several pieces, of which only
/// the first is marked as the frame's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) stream: Stream,
    pub(crate) starts: bool,
    pub(crate) data: Bytes,
}

impl Frame {
    /// Returns the source of a frame of a log. The output of a terminal is a single stream.
    pub(crate) fn source(&self, tty: bool) -> LogSource {
        match self.stream {
            _ if tty => LogSource::Tty,
            Stream::Stdout => LogSource::Stdout,
            Stream::Stderr => LogSource::Stderr,
        }
    }
}

/// A decoder for the engine's multiplexed output. Each frame has an eight-byte header (stream, three zero bytes,
/// length) and its content. The transport may split the data anywhere.
///
/// Long frames are returned in pieces, so that a whole frame need not be buffered.
#[derive(Debug, Default)]
pub(crate) struct Demux {
    buffer: BytesMut,
    current: Option<Open>,
}

#[derive(Debug)]
struct Open {
    stream: Stream,
    left: usize,
    started: bool,
}

const HEADER: usize = 8;

impl Demux {
    /// The maximum number of bytes in one [`Frame`]; longer frames of the engine are split.
    pub(crate) const MAX_PIECE: usize = 64 * 1024;

    /// Adds bytes received from the transport.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next piece, or `None` if more data is needed first.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, EngineError> {
        let Some(open) = &mut self.current else {
            let Some(open) = header(&mut self.buffer)? else {
                return Ok(None);
            };
            self.current = Some(open);
            return self.next();
        };
        let piece = open.left.min(Self::MAX_PIECE);
        if self.buffer.len() < piece {
            return Ok(None);
        }
        let frame = Frame {
            stream: open.stream,
            starts: !open.started,
            data: self.buffer.split_to(piece).freeze(),
        };
        open.left -= piece;
        open.started = true;
        if open.left == 0 {
            self.current = None;
        }
        Ok(Some(frame))
    }

    /// Checks that the data received so far does not end inside a frame.
    pub(crate) fn finish(&self) -> Result<(), EngineError> {
        if self.buffer.is_empty() && self.current.is_none() {
            Ok(())
        } else {
            Err(EngineError::InvalidResponse(
                "the output ends inside a frame".to_owned(),
            ))
        }
    }
}

/// The maximum length of a frame that any engine sends: 1 GiB. Most send 32 KiB; Podman sends a whole line of a
/// log as one frame.
const MAX_FRAME: u32 = 1 << 30;

fn header(buffer: &mut BytesMut) -> Result<Option<Open>, EngineError> {
    loop {
        let Some(&[kind, 0, 0, 0, a, b, c, d]) = buffer.first_chunk::<HEADER>() else {
            return match buffer.len() {
                0..HEADER => Ok(None),
                _ => Err(EngineError::InvalidResponse(
                    "the output has an invalid frame header".to_owned(),
                )),
            };
        };
        let stream = match kind {
            // 0 means standard input, but engines only use it for standard output.
            0 | 1 => Stream::Stdout,
            2 => Stream::Stderr,
            other => {
                return Err(EngineError::InvalidResponse(format!(
                    "the output has an unknown stream {other}"
                )));
            }
        };
        buffer.advance(HEADER);
        let left = u32::from_be_bytes([a, b, c, d]);
        if left > MAX_FRAME {
            return Err(EngineError::InvalidResponse(format!(
                "the output has a frame of {left} bytes, which is too long"
            )));
        }
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        if left > 0 {
            return Ok(Some(Open {
                stream,
                left,
                started: false,
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(kind: u8, data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 0, 0, 0];
        bytes.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        bytes.extend(data);
        bytes
    }

    fn drain(demux: &mut Demux) -> Vec<Frame> {
        std::iter::from_fn(|| demux.next().unwrap()).collect()
    }

    proptest! {
        #[test]
        fn frames_are_independent_of_chunking(
            frames in prop::collection::vec((1u8..=2, prop::collection::vec(any::<u8>(), 0..200)), 0..20),
            cuts in prop::collection::vec(1usize..64, 1..40),
        ) {
            let whole: Vec<u8> = frames.iter().flat_map(|(kind, data)| encode(*kind, data)).collect();
            let mut demux = Demux::default();
            let (mut rest, mut got) = (whole.as_slice(), Vec::new());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                demux.push(now);
                got.extend(drain(&mut demux));
                rest = later;
            }
            prop_assert!(demux.finish().is_ok());
            let expected: Vec<Frame> = frames.iter().filter(|(_, data)| !data.is_empty()).map(|(kind, data)| Frame {
                stream: if *kind == 2 { Stream::Stderr } else { Stream::Stdout },
                starts: true,
                data: Bytes::copy_from_slice(data),
            }).collect();
            prop_assert_eq!(got, expected);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut demux = Demux::default();
            demux.push(&bytes);
            while let Ok(Some(_)) = demux.next() {}
            let _ = demux.finish();
        }
    }

    #[test]
    fn truncated_frame_is_an_error() {
        for whole in [encode(1, b"hello"), encode(2, b"x")] {
            for end in 1..whole.len() {
                let mut demux = Demux::default();
                demux.push(&whole[..end]);
                while demux.next().unwrap().is_some() {}
                assert!(demux.finish().is_err(), "cut at {end}");
            }
        }
    }

    #[test]
    fn huge_frame_is_streamed_in_pieces() {
        let mut demux = Demux::default();
        demux.push(&[1, 0, 0, 0, 0x40, 0, 0, 0]);
        demux.push(&vec![b'x'; Demux::MAX_PIECE + 10]);
        let first = demux.next().unwrap().unwrap();
        assert_eq!((first.data.len(), first.starts), (Demux::MAX_PIECE, true));
        assert_eq!(demux.next().unwrap(), None);
        assert_eq!(demux.buffer.len(), 10);
    }

    #[test]
    fn rejects_invalid_frame_header() {
        for bytes in [
            [3, 0, 0, 0, 0, 0, 0, 1],
            [1, 1, 0, 0, 0, 0, 0, 1],
            [1, 0, 0, 0, 0x40, 0, 0, 1],
        ] {
            let mut demux = Demux::default();
            demux.push(&bytes);
            assert!(demux.next().is_err());
        }
    }
}
