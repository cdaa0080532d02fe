//! Buffers for the output of an interactive exec.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWriteExt, DuplexStream, ReadBuf, duplex};

/// How many bytes of stdout, and of stderr, to buffer while the caller does not read. If the buffer is full, the
/// command blocks.
const HELD: usize = 64 * 1024;
/// How many bytes of stdout, and of stderr, to buffer if the command must no longer block, because it is being killed
/// or has exited. This exceeds what an exiting process can leave in its pipes.
const HELD_AT_END: usize = 4 * 1024 * 1024;

/// The error at the end of an output that was cut off.
#[derive(Clone, Debug)]
pub(super) struct CutOff {
    kind: io::ErrorKind,
    why: String,
}

impl CutOff {
    pub(super) fn new(kind: io::ErrorKind, why: impl Into<String>) -> Self {
        Self {
            kind,
            why: why.into(),
        }
    }
}

/// The driver's end of stdout or stderr, which forwards the data to a [`Receiver`].
pub(super) struct Sender {
    /// The pipe to the receiver, or `None` if the receiver was dropped.
    pipe: Option<DuplexStream>,
    waiting: VecDeque<Bytes>,
    held: usize,
    end: Arc<OnceLock<CutOff>>,
}

/// The caller's end of stdout or stderr. After the last byte, a read returns end of file if the output is complete,
/// or an error if the output was cut off.
pub(super) struct Receiver {
    pipe: DuplexStream,
    end: Arc<OnceLock<CutOff>>,
}

/// Creates the driver's end and the caller's end of an empty output.
pub(super) fn output() -> (Sender, Receiver) {
    let (near, far) = duplex(HELD);
    let end = Arc::new(OnceLock::new());
    let sender = Sender {
        pipe: Some(near),
        waiting: VecDeque::new(),
        held: 0,
        end: Arc::clone(&end),
    };
    (sender, Receiver { pipe: far, end })
}

impl Sender {
    /// Buffers `data`. If the buffer is full, drops `data` and all later data, and the output ends with an error.
    pub(super) fn push(&mut self, data: Bytes) {
        if self.pipe.is_none() {
            return;
        }
        if self.held + data.len() > HELD_AT_END {
            let why = "the output was not read while the command was being stopped, so the rest was dropped";
            self.cut_off(CutOff::new(io::ErrorKind::OutOfMemory, why));
        }
        if self.end.get().is_none() {
            self.held += data.len();
            self.waiting.push_back(data);
        }
    }

    /// Returns whether all buffered output has been forwarded.
    pub(super) fn is_passed_on(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Forwards some of the buffered output to the receiver. Never completes if no output is buffered. Cancel safe:
    /// dropping the future loses no data.
    pub(super) async fn pass_on(&mut self) {
        let (Some(pipe), Some(data)) = (&mut self.pipe, self.waiting.front_mut()) else {
            return pending().await;
        };
        match pipe.write(data).await {
            Ok(written) => {
                data.advance(written);
                self.held -= written;
                if data.is_empty() {
                    self.waiting.pop_front();
                }
            }
            // The receiver was dropped; discard its output so that the command can proceed.
            Err(_) => {
                self.pipe = None;
                self.waiting.clear();
                self.held = 0;
            }
        }
    }

    /// Ends the output with an error, after the data buffered so far.
    pub(super) fn cut_off(&self, why: CutOff) {
        let _ = self.end.set(why);
    }
}

/// Forwards all buffered output of both streams to their receivers.
pub(super) async fn pass_all_on(stdout: &mut Sender, stderr: &mut Sender) {
    while !(stdout.is_passed_on() && stderr.is_passed_on()) {
        tokio::select! {
            () = stdout.pass_on() => {}
            () = stderr.pass_on() => {}
        }
    }
}

impl AsyncRead for Receiver {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let output = self.get_mut();
        let before = into.filled().len();
        ready!(Pin::new(&mut output.pipe).poll_read(context, into))?;
        if into.filled().len() > before || into.capacity() == before {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(match output.end.get() {
            None => Ok(()),
            Some(end) => Err(io::Error::new(end.kind, end.why.clone())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    async fn pass_all_on(mut sender: Sender) {
        while !sender.is_passed_on() {
            sender.pass_on().await;
        }
    }

    #[tokio::test]
    async fn cut_output_ends_with_an_error() {
        for why in [None, Some("the connection was cut")] {
            let (mut sender, mut receiver) = output();
            sender.push(Bytes::from(vec![b'x'; 3 * HELD]));
            if let Some(why) = why {
                sender.cut_off(CutOff::new(io::ErrorKind::ConnectionAborted, why));
            }
            let passing = tokio::spawn(pass_all_on(sender));
            let mut all = Vec::new();
            let read = receiver.read_to_end(&mut all).await;
            assert_eq!(all.len(), 3 * HELD);
            assert_eq!(read.err().map(|error| error.to_string()), why.map(str::to_owned));
            passing.await.unwrap();
        }
    }

    #[tokio::test]
    async fn unread_output_is_bounded_and_loss_is_an_error() {
        let (mut sender, mut receiver) = output();
        for _ in 0..100 {
            sender.push(Bytes::from(vec![b'x'; 64 * 1024]));
        }
        assert_eq!(sender.held, HELD_AT_END);
        let passing = tokio::spawn(pass_all_on(sender));
        let mut all = Vec::new();
        let error = receiver.read_to_end(&mut all).await.unwrap_err();
        assert_eq!(
            (all.len(), error.kind()),
            (HELD_AT_END, io::ErrorKind::OutOfMemory)
        );
        passing.await.unwrap();
    }

    #[tokio::test]
    async fn output_without_reader_is_dropped() {
        let (mut sender, receiver) = output();
        sender.push(Bytes::from_static(b"early"));
        drop(receiver);
        sender.pass_on().await;
        sender.push(Bytes::from_static(b"late"));
        assert!(sender.is_passed_on());
    }
}
