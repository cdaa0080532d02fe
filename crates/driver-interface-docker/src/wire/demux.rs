use bytes::{Buf, Bytes, BytesMut};
use driver_interface_types::LogSource;

use super::EngineError;

/// One of the two output streams of a container or command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// Consecutive bytes of one output stream. Usually these bytes are one frame from the engine. If a frame from the
/// engine is longer than [`Demux::MAX_PIECE`], the decoder splits the frame into several values of this type. The
/// decoder can also join short frames into one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) stream: Stream,
    /// The number of frames from the engine that start in `data`. The number is 0 if `data` only continues a long
    /// frame, and greater than 1 if `data` contains joined frames.
    pub(crate) entries: u64,
    pub(crate) data: Bytes,
}

impl Frame {
    /// Returns the log source of this frame. If `tty` is `true`, the source is always `Tty`, because the output of a
    /// terminal is a single stream.
    pub(crate) fn source(&self, tty: bool) -> LogSource {
        match self.stream {
            _ if tty => LogSource::Tty,
            Stream::Stdout => LogSource::Stdout,
            Stream::Stderr => LogSource::Stderr,
        }
    }
}

/// A decoder for the engine's multiplexed output. The output is a sequence of frames. Each frame consists of an
/// eight-byte header (stream, three zero bytes, length) and the content. The data that the decoder receives at a time
/// may end anywhere in a frame.
///
/// The decoder returns a long frame in pieces. Therefore the decoder need not buffer the whole frame.
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
    /// The maximum number of bytes that [`next`](Self::next) returns at a time. Longer frames from the engine are
    /// split into pieces.
    pub(crate) const MAX_PIECE: usize = 64 * 1024;

    /// Adds bytes received from the transport.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next frame, or the next piece of a long frame. Returns `None` if the decoder must receive more
    /// data first.
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
            entries: u64::from(!open.started),
            data: self.buffer.split_to(piece).freeze(),
        };
        open.left -= piece;
        open.started = true;
        if open.left == 0 {
            self.current = None;
        }
        Ok(Some(frame))
    }

    /// Returns the decoder's buffer, to which received bytes can be appended.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Decodes all data that was received, and appends the decoded frames to `frames`. If `joins` is `true`,
    /// consecutive frames of one stream are joined. A joined frame has at most twice as many bytes as
    /// [`MAX_PIECE`](Self::MAX_PIECE).
    ///
    /// If a frame is invalid, the frames before this frame are still appended, and then an error is returned.
    pub(crate) fn drain(&mut self, joins: bool, frames: &mut Vec<Frame>) -> Result<(), EngineError> {
        let mut joined = None::<Joined>;
        let done = loop {
            let frame = match self.next() {
                Ok(Some(frame)) => frame,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            if !joins {
                frames.push(frame);
                continue;
            }
            match &mut joined {
                Some(open) if open.takes(&frame) => open.add(&frame),
                _ => frames.extend(joined.replace(Joined::new(frame)).map(Joined::finish)),
            }
        };
        frames.extend(joined.map(Joined::finish));
        done
    }

    /// Returns an error if the received data ends inside a frame. Call this function only after all received frames
    /// were decoded.
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

/// Consecutive frames of one stream that are being joined.
struct Joined {
    first: Frame,
    /// The content of all frames that were joined so far. `data` is empty as long as `first` is the only frame.
    data: BytesMut,
}

impl Joined {
    fn new(first: Frame) -> Self {
        Self {
            first,
            data: BytesMut::new(),
        }
    }

    fn takes(&self, frame: &Frame) -> bool {
        self.first.stream == frame.stream && self.data.len() < Demux::MAX_PIECE
    }

    fn add(&mut self, frame: &Frame) {
        if self.data.is_empty() {
            self.data.extend_from_slice(&self.first.data);
        }
        self.data.extend_from_slice(&frame.data);
        self.first.entries += frame.entries;
    }

    fn finish(mut self) -> Frame {
        if !self.data.is_empty() {
            self.first.data = self.data.freeze();
        }
        self.first
    }
}

/// The maximum length of a frame from the engine, in bytes: 1 GiB. A longer frame is an error. The limit is this high
/// because Podman sends a whole log line as one frame. Most engines send frames of up to 32 KiB.
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
        let left = u32::from_be_bytes([a, b, c, d]);
        // An invalid header stays in the buffer, so that nothing after it is decoded.
        if left > MAX_FRAME {
            return Err(EngineError::InvalidResponse(format!(
                "the output has a frame of {left} bytes, which is too long"
            )));
        }
        buffer.advance(HEADER);
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
                entries: 1,
                data: Bytes::copy_from_slice(data),
            }).collect();
            prop_assert_eq!(&got, &expected);

            let mut demux = Demux::default();
            demux.push(&whole);
            let mut joined = Vec::new();
            demux.drain(true, &mut joined).unwrap();
            let both_streams = |frames: &[Frame]| [Stream::Stdout, Stream::Stderr].map(|stream| {
                let own = frames.iter().filter(|frame| frame.stream == stream);
                own.flat_map(|frame| frame.data.to_vec()).collect::<Vec<u8>>()
            });
            prop_assert_eq!(both_streams(&joined), both_streams(&expected));
            prop_assert!(joined.windows(2).all(|pair| pair[0].stream != pair[1].stream));
            let entries: u64 = joined.iter().map(|frame| frame.entries).sum();
            prop_assert_eq!(entries, expected.len() as u64);
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
        assert_eq!((first.data.len(), first.entries), (Demux::MAX_PIECE, 1));
        assert_eq!(demux.next().unwrap(), None);
        assert_eq!(demux.buffer.len(), 10);
    }

    #[test]
    fn frames_before_an_invalid_one_are_returned_first() {
        for invalid in [
            &encode(7, b"c")[..],
            &[1, 0, 0, 0, 0x40, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, b'x'],
        ] {
            let mut demux = Demux::default();
            demux.push(&[&encode(1, b"a")[..], &encode(1, b"b"), invalid].concat());
            let mut frames = Vec::new();
            assert!(demux.drain(true, &mut frames).is_err());
            assert_eq!(frames.len(), 1);
            assert_eq!((frames[0].data.as_ref(), frames[0].entries), (b"ab".as_ref(), 2));
            // The error remains: what follows is not decoded.
            assert!(demux.drain(true, &mut frames).is_err());
            assert_eq!(frames.len(), 1);
        }
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
