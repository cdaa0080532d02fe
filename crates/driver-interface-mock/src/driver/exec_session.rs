//! Interactive exec sessions.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use driver_interface_errors::{Result, UnsupportedError};
use driver_interface_types::{ContainerId, ExecConfig, ExecControl, ExecOutcome, ExecSession, TtySize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::sync::mpsc;

use super::MockDriver;
use super::exec::{call_of, check, request};
use crate::Operation;
use crate::engine::Exec;
use crate::process::{Client, Input, Output, Terminal, pipe};
use crate::profile::Kind;

/// The maximum number of input bytes that are buffered.
pub(super) const BUFFER: usize = 64 * 1024;

/// A reader of one output stream of a command or main process.
pub(super) struct Reader<C> {
    chunks: C,
    rest: Bytes,
}

/// The source of a reader's chunks.
pub(super) trait Chunks: Unpin {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>>;
}

impl Chunks for mpsc::Receiver<Bytes> {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.poll_recv(context)
    }
}

impl Chunks for mpsc::UnboundedReceiver<Bytes> {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.poll_recv(context)
    }
}

struct Control(Arc<Exec>);

type Stdin = Pin<Box<dyn AsyncWrite + Send>>;

impl<K: Kind> MockDriver<K> {
    pub(super) async fn open_exec(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecSession> {
        let work = async {
            let terminal = config.tty.map(|size| Arc::new(Terminal::new(size)));
            let has_terminal = terminal.is_some();
            let (screen, out) = Client::new(terminal.clone());
            let (stderr, err) = Client::new(None);
            let (input, sink) = match &config.stdin {
                Some(bytes) => (Input::bytes(bytes), None),
                None => {
                    let (sink, input) = pipe();
                    (input, Some(sink))
                }
            };
            let stdout = Output::Client(screen.clone());
            let request = request(&config, terminal, input, stdout, Output::Client(stderr));
            let exec = Arc::new(self.start_command(&mut self.core.engine.state(), id, request)?);
            let keys = if has_terminal {
                Keys::Terminal(screen)
            } else {
                // Without a terminal, nothing is echoed, and this sender would keep the output open.
                drop(screen);
                Keys::Pipe(sink)
            };
            let stdin = match &config.stdin {
                Some(bytes) => {
                    tokio::spawn(type_all(bytes.clone(), keys, Arc::downgrade(&exec)));
                    None
                }
                None => {
                    let (near, far) = duplex(BUFFER);
                    tokio::spawn(pass_on(far, keys, Arc::downgrade(&exec)));
                    Some(Box::pin(near) as Stdin)
                }
            };
            Ok(ExecSession::new(
                stdin,
                Reader::new(out),
                Reader::new(err),
                Control(exec),
            ))
        };
        let call = call_of(Operation::ExecStream, id, &config);
        self.call(call, || check(&config), work).await
    }
}

/// The destination of an exec session's input.
enum Keys {
    /// A pipe that the command reads; `None` if the config already contains the whole input.
    Pipe(Option<Output>),
    /// The command's terminal. The client receives the terminal's echo of the input.
    Terminal(Client),
}

impl Keys {
    /// Writes `bytes` to the destination. Returns `false` if nothing can read the input any more.
    async fn pass(&self, bytes: &[u8], exec: &Exec) -> bool {
        match self {
            Self::Pipe(Some(sink)) => sink.write(bytes).await.is_ok(),
            Self::Pipe(None) => false,
            Self::Terminal(screen) => {
                exec.type_in(bytes, screen).await;
                true
            }
        }
    }

    async fn end(&self, exec: &Exec) {
        if let Self::Terminal(screen) = self {
            exec.type_end(screen).await;
        }
    }
}

/// Waits until a command has exited. Returns immediately if the command's `Exec` was already dropped.
async fn ended(exec: &Weak<Exec>) {
    if let Some(exec) = exec.upgrade() {
        exec.wait().await;
    }
}

/// Forwards the session's input to the command until the input ends or the command exits.
async fn pass_on(mut from: DuplexStream, to: Keys, exec: Weak<Exec>) {
    let mut piece = vec![0; BUFFER];
    let pass = async {
        loop {
            let count = from.read(&mut piece).await.unwrap_or_default();
            let Some(exec) = exec.upgrade() else { return };
            let bytes = piece.get(..count).unwrap_or_default();
            if bytes.is_empty() {
                return to.end(&exec).await;
            }
            if !to.pass(bytes, &exec).await {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        () = pass => {}
        () = ended(&exec) => {}
    }
}

/// Sends `bytes` as the whole input of the command, followed by the end of input.
async fn type_all(bytes: Bytes, to: Keys, exec: Weak<Exec>) {
    let pass = async {
        if let Some(exec) = exec.upgrade()
            && to.pass(&bytes, &exec).await
        {
            to.end(&exec).await;
        }
    };
    tokio::select! {
        biased;
        () = pass => {}
        () = ended(&exec) => {}
    }
}

impl<C> Reader<C> {
    pub(super) fn new(chunks: C) -> Self {
        Self {
            chunks,
            rest: Bytes::new(),
        }
    }
}

impl<C: Chunks> AsyncRead for Reader<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            match self.chunks.poll_chunk(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Ready(Some(chunk)) => self.rest = chunk,
            }
        }
        let count = self.rest.len().min(buffer.remaining());
        buffer.put_slice(self.rest.get(..count).unwrap_or_default());
        self.rest.advance(count);
        Poll::Ready(Ok(()))
    }
}

#[async_trait]
impl ExecControl for Control {
    async fn resize(&self, size: TtySize) -> Result<()> {
        if self.0.resize(size) {
            return Ok(());
        }
        Err(UnsupportedError::new("resize", "the command has no terminal").into())
    }

    async fn wait(&self) -> Result<ExecOutcome> {
        Ok(self.0.wait().await)
    }

    async fn kill(&self) -> Result<()> {
        self.0.kill();
        Ok(())
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
