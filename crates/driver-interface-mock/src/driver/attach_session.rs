//! Connecting callers to the main processes of containers.

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use driver_interface_errors::{ContainerNotRunningError, Result, UnsupportedError};
use driver_interface_types::{AttachControl, AttachSession, ContainerId, LogSource, TtySize};
use tokio::io::{AsyncReadExt, AsyncWrite, DuplexStream, duplex};

use super::containers::no_such_container;
use super::exec_session::{BUFFER, Reader};
use super::{Call, MockDriver};
use crate::engine::{LogStore, Phase};
use crate::process::{Client, Output, Terminal};
use crate::profile::Kind;
use crate::{MockEngine, Operation};

struct Control {
    terminal: Option<Arc<Terminal>>,
}

impl<K: Kind> MockDriver<K> {
    pub(super) async fn attach_main(&self, id: &ContainerId) -> Result<AttachSession> {
        let work = async {
            let state = self.core.engine.state();
            let container = state
                .container(self.namespace(), id)
                .ok_or_else(|| no_such_container(id))?;
            if let Phase::Exited(_) = container.phase {
                let status = format!("it is {}", container.status());
                return Err(ContainerNotRunningError::new(id.as_str(), status).into());
            }
            let logs = &container.logs;
            let terminal = container.stdin.terminal.clone();
            let stdin = container.config.stdin.then(|| {
                let (near, far) = duplex(BUFFER);
                let keys = match &terminal {
                    Some(terminal) => Keys::Terminal(Arc::clone(terminal), Arc::clone(logs)),
                    None => Keys::Pipe(container.stdin.take_writer()),
                };
                let main = (self.core.engine.clone(), container.id.clone());
                tokio::spawn(pass_on(far, keys, main));
                Box::pin(near) as Pin<Box<dyn AsyncWrite + Send>>
            });
            let out = logs.attach(&[LogSource::Stdout, LogSource::Tty]);
            let err = logs.attach(&[LogSource::Stderr]);
            Ok(AttachSession::new(
                stdin,
                Reader::new(out),
                Reader::new(err),
                Control { terminal },
            ))
        };
        let call = Call::new(Operation::AttachContainer).on(id);
        self.call(call, || Ok(()), work).await
    }
}

/// The destination of a session's input.
enum Keys {
    /// The pipe that the main process reads; `None` if another session has already taken the pipe.
    Pipe(Option<Output>),
    /// The container's terminal, and the log that receives the terminal's echo of the input.
    Terminal(Arc<Terminal>, Arc<LogStore>),
}

/// Forwards the session's input until the input ends or no process can read it. Keys such as Ctrl-C send signals to
/// the main process of the container in `main`.
async fn pass_on(mut from: DuplexStream, to: Keys, main: (MockEngine, ContainerId)) {
    let signal = |signal| {
        let state = main.0.state();
        if let Some(run) = state
            .containers
            .get(&main.1)
            .and_then(|container| container.run())
        {
            run.main.send(signal);
        }
    };
    let mut piece = vec![0; BUFFER];
    loop {
        let count = from.read(&mut piece).await.unwrap_or_default();
        let bytes = piece.get(..count).unwrap_or_default();
        match &to {
            Keys::Pipe(Some(sink)) if !bytes.is_empty() => {
                if sink.write(bytes).await.is_err() {
                    return;
                }
            }
            Keys::Pipe(_) => return,
            Keys::Terminal(terminal, logs) => {
                let (screen, mut shown) = Client::new(None);
                let typed = async {
                    match bytes {
                        [] => terminal.end(&screen).await,
                        bytes => terminal.type_in(bytes, &screen, signal).await,
                    }
                    drop(screen);
                };
                let echo = async {
                    while let Some(bytes) = shown.recv().await {
                        logs.write(LogSource::Tty, &bytes);
                    }
                };
                tokio::join!(typed, echo);
                if bytes.is_empty() {
                    return;
                }
            }
        }
    }
}

#[async_trait]
impl AttachControl for Control {
    async fn resize(&self, size: TtySize) -> Result<()> {
        match &self.terminal {
            Some(terminal) => {
                terminal.resize(size);
                Ok(())
            }
            None => Err(UnsupportedError::new("resize", "the container has no terminal").into()),
        }
    }
}
