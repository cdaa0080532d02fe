use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex};

use bytes::Bytes;
use driver_interface_types::LogSource;
use tokio::sync::{Mutex, mpsc};

use super::Terminal;
use crate::engine::LogStore;
use crate::fs::{Errno, SharedTree};
use crate::sync::lock;

/// The number of chunks that a pipe buffers. Further writes wait.
const PIPE_CHUNKS: usize = 16;
/// The number of bytes that programs read from a pipe at once through the C library.
const STDIO_BLOCK: u64 = 4096;
/// The maximum number of bytes that a read of an endless source returns.
const CHUNK: usize = 64 * 1024;

/// Where a process writes its output.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    Null,
    /// `/dev/full`, to which every write fails.
    Full,
    Log(Arc<LogStore>, LogSource),
    File(FileOutput),
    Pipe(mpsc::Sender<Bytes>),
    Client(Client),
}

/// The connection to a reader outside of the container. Once the reader stops reading, output to it is discarded.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    chunks: mpsc::Sender<Bytes>,
    /// The terminal through which the output goes to the reader, if any.
    terminal: Option<Arc<Terminal>>,
}

impl Client {
    /// Creates a connection to a reader. A write waits while too many chunks have not been read.
    pub(crate) fn new(terminal: Option<Arc<Terminal>>) -> (Self, mpsc::Receiver<Bytes>) {
        let (chunks, receiver) = mpsc::channel(PIPE_CHUNKS);
        (Self { chunks, terminal }, receiver)
    }

    pub(crate) async fn write(&self, bytes: &[u8]) {
        let terminal = self.terminal.as_ref();
        let is_processed = terminal.is_some_and(|terminal| terminal.modes().processes_output);
        for chunk in bytes.chunks(CHUNK) {
            let chunk = if is_processed {
                Bytes::from(with_carriage_returns(chunk))
            } else {
                Bytes::copy_from_slice(chunk)
            };
            if self.chunks.send(chunk).await.is_err() {
                return;
            }
        }
    }
}

/// Converts line feeds to carriage return and line feed, as a terminal does.
pub(crate) fn with_carriage_returns(bytes: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if *byte == b'\n' {
            shown.push(b'\r');
        }
        shown.push(*byte);
    }
    shown
}

#[derive(Clone, Debug)]
pub(crate) struct FileOutput {
    tree: SharedTree,
    path: String,
    /// The write position in the file, shared by all processes that inherit the output; `None` in append mode.
    offset: Option<Arc<AtomicU64>>,
}

impl FileOutput {
    pub(crate) fn new(tree: SharedTree, path: String, append: bool) -> Self {
        Self {
            tree,
            path,
            offset: (!append).then(Arc::default),
        }
    }
}

impl Output {
    /// Returns whether the output is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        match self {
            Self::Log(_, stream) => *stream == LogSource::Tty,
            Self::Client(client) => client.terminal.is_some(),
            Self::Null | Self::Full | Self::File(_) | Self::Pipe(_) => false,
        }
    }

    pub(crate) async fn write(&self, bytes: &[u8]) -> Result<(), Errno> {
        match self {
            Self::Null => Ok(()),
            Self::Full => Err(Errno::NoSpace),
            Self::Log(store, LogSource::Tty) => {
                store.write(LogSource::Tty, &with_carriage_returns(bytes));
                Ok(())
            }
            Self::Log(store, stream) => {
                store.write(*stream, bytes);
                Ok(())
            }
            Self::File(file) => {
                let offset = file.offset.as_ref().map(|offset| offset.load(Ordering::Relaxed));
                let end = lock(&file.tree).write(&file.path, offset, bytes)?;
                if let Some(offset) = &file.offset {
                    offset.store(end, Ordering::Relaxed);
                }
                Ok(())
            }
            Self::Client(client) => {
                client.write(bytes).await;
                Ok(())
            }
            Self::Pipe(_) if bytes.is_empty() => Ok(()),
            Self::Pipe(pipe) => {
                for chunk in bytes.chunks(CHUNK) {
                    pipe.send(Bytes::copy_from_slice(chunk))
                        .await
                        .map_err(|_| Errno::BrokenPipe)?;
                }
                Ok(())
            }
        }
    }
}

/// Where a process reads its input. Clones share the source: each byte is read by only one of the clones.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Null,
    Zero,
    Random(Arc<StdMutex<u64>>),
    Stream(Arc<Mutex<Reader>>),
    Terminal(Arc<Mutex<Reader>>),
}

#[derive(Debug)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    /// The number of bytes of `buffer` that were already read.
    taken: usize,
    pipe: Option<mpsc::Receiver<Bytes>>,
}

/// Creates the input of a terminal, and the sender of the typed bytes. An empty chunk means end of file.
pub(super) fn keyboard() -> (mpsc::Sender<Bytes>, Input) {
    let (keys, receiver) = mpsc::channel(PIPE_CHUNKS);
    (keys, Input::Terminal(Reader::of(receiver)))
}

/// Creates a pipe. Writes wait while the pipe is full, and fail once it has no readers. Reads return end of file once
/// it has no writers.
pub(crate) fn pipe() -> (Output, Input) {
    let (sender, receiver) = mpsc::channel(PIPE_CHUNKS);
    (Output::Pipe(sender), Input::Stream(Reader::of(receiver)))
}

impl Input {
    pub(crate) fn bytes(data: &[u8]) -> Self {
        let reader = Reader {
            buffer: data.to_vec(),
            taken: 0,
            pipe: None,
        };
        Self::Stream(Arc::new(Mutex::new(reader)))
    }

    /// Returns whether the input is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self, Self::Terminal(_))
    }

    pub(crate) fn random(seed: u64) -> Self {
        Self::Random(Arc::new(StdMutex::new(seed | 1)))
    }

    /// Reads up to `max` bytes. An empty result means the end of the input.
    pub(crate) async fn read(&self, max: usize) -> Vec<u8> {
        match self {
            Self::Null => Vec::new(),
            Self::Zero => vec![0; max.min(CHUNK)],
            Self::Random(state) => {
                let mut state = lock(state);
                (0..max.min(CHUNK)).map(|_| next_random(&mut state)).collect()
            }
            Self::Stream(reader) | Self::Terminal(reader) => {
                let mut reader = reader.lock().await;
                while reader.rest().is_empty() && reader.more().await {}
                let count = max.min(reader.rest().len());
                reader.take(count)
            }
        }
    }

    /// Discards input that the C library would have buffered. The C library reads a pipe or terminal in whole blocks.
    /// A program that uses only `used` bytes therefore loses the rest of the last block.
    pub(crate) async fn drop_block(&self, used: u64) {
        let (Self::Stream(reader) | Self::Terminal(reader)) = self else {
            return;
        };
        let mut reader = reader.lock().await;
        if reader.pipe.is_some() {
            let left = STDIO_BLOCK - used % STDIO_BLOCK;
            let count = reader
                .rest()
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            reader.take(count);
        }
    }

    /// Reads up to and including the next line feed. If there is no line feed, reads the rest of the input. An empty
    /// result means the end of the input.
    pub(crate) async fn read_line(&self) -> Vec<u8> {
        let (Self::Stream(reader) | Self::Terminal(reader)) = self else {
            return Vec::new();
        };
        let mut reader = reader.lock().await;
        let mut seen = 0;
        loop {
            let rest = reader.rest();
            let found = rest.iter().skip(seen).position(|byte| *byte == b'\n');
            if let Some(at) = found {
                return reader.take(seen + at + 1);
            }
            seen = rest.len();
            if !reader.more().await {
                return reader.take(seen);
            }
        }
    }
}

impl Reader {
    fn of(pipe: mpsc::Receiver<Bytes>) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            buffer: Vec::new(),
            taken: 0,
            pipe: Some(pipe),
        }))
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.taken..).unwrap_or_default()
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let part = self.rest().get(..count).unwrap_or_default().to_vec();
        self.taken += part.len();
        part
    }

    async fn more(&mut self) -> bool {
        let Some(pipe) = &mut self.pipe else { return false };
        match pipe.recv().await {
            Some(chunk) if chunk.is_empty() => false,
            Some(chunk) => {
                // Removes read bytes only now, so that reading line by line does not move the rest each time.
                self.buffer.drain(..self.taken);
                self.taken = 0;
                self.buffer.extend_from_slice(&chunk);
                true
            }
            None => {
                self.pipe = None;
                false
            }
        }
    }
}

/// Returns the next byte of a xorshift random number generator.
fn next_random(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 24) as u8
}
