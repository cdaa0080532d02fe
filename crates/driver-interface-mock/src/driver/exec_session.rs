//! Commands that one talks to.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
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
use crate::process::{Client, Input, Output, Signal, pipe};
use crate::profile::Kind;

/// How much of the input may be on its way.
const BUFFER: usize = 64 * 1024;
/// What ends the input of a terminal.
const END_OF_INPUT: u8 = 4;
/// What interrupts the programs of a terminal.
const INTERRUPT: u8 = 3;

/// What a command writes.
struct Reader {
    chunks: mpsc::Receiver<Bytes>,
    rest: Bytes,
}

struct Control(Arc<Exec>);

type Stdin = Pin<Box<dyn AsyncWrite + Send>>;

impl<K: Kind> MockDriver<K> {
    pub(super) async fn open_exec(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecSession> {
        let work = async {
            let terminal = config.tty.is_some();
            let (stdout, out) = Client::new(terminal);
            let (stderr, err) = Client::new(terminal);
            let (input, source) = match &config.stdin {
                Some(bytes) => (Input::bytes(bytes), None),
                None => {
                    let (sink, input) = pipe();
                    (input, Some(sink))
                }
            };
            // A terminal shows what is typed. Only while somebody types is its output kept open by that.
            let echo = (terminal && source.is_some()).then(|| stdout.clone());
            let request = request(&config, input, Output::Client(stdout), Output::Client(stderr));
            let exec = Arc::new(self.start_command(&mut self.core.engine.state(), id, request)?);
            let stdin = source.map(|sink| -> Stdin {
                let (near, far) = duplex(BUFFER);
                tokio::spawn(pass_on(far, sink, echo, Arc::downgrade(&exec)));
                Box::pin(near)
            });
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

/// Passes what is written to the session on to the command, until either has ended.
async fn pass_on(mut from: DuplexStream, to: Output, echo: Option<Client>, exec: std::sync::Weak<Exec>) {
    let mut piece = vec![0; BUFFER];
    let mut at_line_start = true;
    loop {
        let read = {
            let ended = async {
                match exec.upgrade() {
                    Some(exec) => exec.wait().await,
                    None => ExecOutcome::ContainerGone,
                }
            };
            tokio::select! {
                biased;
                read = from.read(&mut piece) => read,
                _ = ended => return,
            }
        };
        let Ok(count @ 1..) = read else { return };
        let bytes = piece.get(..count).unwrap_or_default();
        let Some(echo) = &echo else {
            if to.write(bytes).await.is_err() {
                return;
            }
            continue;
        };
        let mut typed = Vec::with_capacity(count);
        let mut ends = false;
        for byte in bytes {
            match *byte {
                END_OF_INPUT => {
                    ends = at_line_start;
                    if ends {
                        break;
                    }
                }
                INTERRUPT => {
                    if let Some(exec) = exec.upgrade() {
                        exec.signal(Signal::Int);
                    }
                }
                byte => {
                    let byte = if byte == b'\r' { b'\n' } else { byte };
                    at_line_start = byte == b'\n';
                    typed.push(byte);
                }
            }
        }
        echo.write(&typed).await;
        if to.write(&typed).await.is_err() || ends {
            return;
        }
    }
}

impl Reader {
    fn new(chunks: mpsc::Receiver<Bytes>) -> Self {
        Self {
            chunks,
            rest: Bytes::new(),
        }
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            match self.chunks.poll_recv(context) {
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
