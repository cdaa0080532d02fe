//! The streams that drivers return and accept: bytes, log chunks, events, stats and progress.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use driver_interface_errors::{DriverError, FileSystemError, FileSystemErrorKind, InternalError, Result};
use futures_util::Stream;
use tokio::io::{AsyncRead, ReadBuf};

use crate::{BuildProgress, ContainerStats, Event, ImageInfo, LogChunk, PullProgress, PushProgress};

/// A stream of items from a driver. No item follows an error.
///
/// A `DriverStream` is a [`futures` stream](futures_util::Stream). The method [`next`](Self::next) works without
/// importing a trait. Dropping the stream stops its source, including the connection to the engine. A slow reader
/// slows down the source (backpressure), so that unread items do not fill the memory.
///
/// ```
/// use driver_interface_types::{Bytes, ByteStream, DriverStream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> driver_interface_types::Result<()> {
/// let mut numbers = DriverStream::of_items([1, 2, 3]);
/// assert_eq!(numbers.next().await.transpose()?, Some(1));
/// assert_eq!(numbers.collect_all().await?, [2, 3]);
///
/// let archive = ByteStream::from(Bytes::from_static(b"a tar archive"));
/// assert_eq!(archive.read_all(1024).await?, "a tar archive");
/// # Ok(())
/// # }
/// ```
pub struct DriverStream<T> {
    inner: Pin<Box<dyn Stream<Item = Result<T>> + Send>>,
    ended: bool,
}

/// A stream of bytes in chunks: the content of a file, or an archive.
pub type ByteStream = DriverStream<Bytes>;
/// An uncompressed tar archive, as a stream of bytes.
pub type TarStream = ByteStream;
/// A stream of a container's output, in chunks.
pub type LogStream = DriverStream<LogChunk>;
/// A stream of container events, as they occur.
pub type EventStream = DriverStream<Event>;
/// A stream of a container's resource usage, about one sample per second.
pub type StatsStream = DriverStream<ContainerStats>;
/// A stream of the progress of a pull. The last item of a successful pull is [`PullProgress::Done`].
pub type PullStream = DriverStream<PullProgress>;
/// A stream of the output of a build. The last item of a successful build is [`BuildProgress::Done`].
pub type BuildStream = DriverStream<BuildProgress>;
/// A stream of the progress of a push. The last item of a successful push is [`PushProgress::Done`].
pub type PushStream = DriverStream<PushProgress>;

impl<T> DriverStream<T> {
    /// Creates a `DriverStream` from `stream`. The `DriverStream` ends after the first error.
    pub fn new(stream: impl Stream<Item = Result<T>> + Send + 'static) -> Self {
        Self {
            inner: Box::pin(stream),
            ended: false,
        }
    }

    /// Creates a stream of items that are already available.
    pub fn of_items<I>(items: I) -> Self
    where
        T: Send + 'static,
        I: IntoIterator<Item = T>,
        I::IntoIter: Send + 'static,
    {
        Self::new(futures_util::stream::iter(items.into_iter().map(Ok)))
    }

    /// Returns the next item. Returns `None` once the stream has ended.
    ///
    /// # Cancel safety
    /// Dropping the future loses no item.
    pub async fn next(&mut self) -> Option<Result<T>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Reads the stream to its end and returns all items. Use this method only for streams that are known to be
    /// finite and small.
    ///
    /// # Errors
    /// The first error that the stream returns.
    pub async fn collect_all(mut self) -> Result<Vec<T>> {
        let mut items = Vec::new();
        while let Some(item) = self.next().await {
            items.push(item?);
        }
        Ok(items)
    }
}

impl<T> Stream for DriverStream<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let polled = self.inner.as_mut().poll_next(context);
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.ended = true;
        }
        polled
    }
}

impl<T> fmt::Debug for DriverStream<T> {
    /// Shows no items. Items may be secret, and reading them would remove them from the stream.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DriverStream")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl ByteStream {
    /// The maximum number of bytes that [`from_reader`](Self::from_reader) reads at a time.
    pub const PIECE: usize = 64 * 1024;

    /// Creates a stream from a file, a socket or another reader. The stream reads chunk by chunk, only as fast as the
    /// caller consumes the chunks.
    ///
    /// A read error becomes a `FileSystemError` whose path is `what`.
    pub fn from_reader(what: impl Into<String>, reader: impl AsyncRead + Send + 'static) -> Self {
        let start = (Box::pin(reader), what.into());
        Self::new(futures_util::stream::try_unfold(
            start,
            |(mut reader, what)| async {
                let mut piece = vec![0; Self::PIECE];
                let mut buffer = ReadBuf::new(&mut piece);
                let read = poll_fn(|context| reader.as_mut().poll_read(context, &mut buffer)).await;
                read.map_err(|error| DriverError::from(FileSystemError::from_io(&what, error)))?;
                let length = buffer.filled().len();
                piece.truncate(length);
                Ok((length > 0).then(|| (Bytes::from(piece), (reader, what))))
            },
        ))
    }

    /// Reads the stream to its end and returns all bytes. The stream may have at most `limit` bytes.
    ///
    /// # Errors
    /// - `FileSystemError`: the stream has more than `limit` bytes. The bytes that were already read are discarded.
    /// - The first error that the stream returns.
    pub async fn read_all(mut self, limit: usize) -> Result<Bytes> {
        let mut all = BytesMut::new();
        while let Some(piece) = self.next().await {
            let piece = piece?;
            if all.len() + piece.len() > limit {
                let message = format!("exceeds the limit of {limit} bytes");
                return Err(
                    FileSystemError::new("stream", FileSystemErrorKind::FileTooLarge, message).into(),
                );
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }
}

impl From<Bytes> for ByteStream {
    fn from(bytes: Bytes) -> Self {
        Self::of_items(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

impl From<Vec<u8>> for ByteStream {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Bytes::from(bytes))
    }
}

macro_rules! finish {
    ($($Stream:ident: $Progress:ident, $call:literal, $image:literal;)+) => {
        $(impl $Stream {
            #[doc = concat!("Reads the stream to its end and returns the ", $image, " image.")]
            ///
            /// # Errors
            #[doc = concat!("- Those of the ", $call, ".")]
            /// - `InternalError`: the stream ended without a result, because of a bug in the driver.
            pub async fn finish(mut self) -> Result<ImageInfo> {
                let mut done = None;
                // Read to the very end, so that a wrapper that watches the stream sees it complete.
                while let Some(progress) = self.next().await {
                    if let $Progress::Done(image) = progress? {
                        done = Some(image);
                    }
                }
                let missing = || InternalError::new(concat!("the ", $call, " stream ended without a result"));
                Ok(done.ok_or_else(missing)?)
            }
        })+
    };
}

finish! {
    PullStream: PullProgress, "pull", "pulled";
    BuildStream: BuildProgress, "build", "built";
    PushStream: PushProgress, "push", "pushed";
}
