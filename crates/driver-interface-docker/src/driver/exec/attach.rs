//! Connecting callers to the main processes of containers.

use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use driver_interface_errors::{Result, UnsupportedError};
use driver_interface_types::{AttachControl, AttachSession, ContainerStatus, TtySize};
use tokio::io::{AsyncWrite, split};
use tokio::time::Instant;

use super::input::CommandInput;
use super::output::{CutOff, Sender, output, pass_all_on};
use super::sessions::Flag;
use super::stream::{push, silent};
use crate::driver::containers::not_running;
use crate::driver::inner::Inner;
use crate::driver::task::{located, read};
use crate::engine::ExecReader;
use crate::translate::errors::Operation;
use crate::translate::status;

const OPERATION: &str = "attach_container";

pub(in crate::driver) async fn attach(inner: &Arc<Inner>, requested: &str) -> Result<AttachSession> {
    let connected = read(OPERATION, inner.deadlines.read, async {
        let record = inner.container(requested).await?;
        if !matches!(
            status::status(&record.state),
            ContainerStatus::Created | ContainerStatus::Running | ContainerStatus::Paused
        ) {
            return Err(not_running(requested, &record.state));
        }
        let (stdin, tty) = (record.config.open_stdin, record.config.tty);
        let io = inner.engine.attach(&record.id, stdin).await;
        let io = io.map_err(|failure| inner.error(Operation::InspectContainer, requested, failure))?;
        Ok((record, io, stdin, tty))
    });
    let (record, io, stdin, tty) = connected.await?;
    let (half, write) = split(io);
    let reader = inner.engine.exec_reader(half, tty, stdin);
    let (stdout_end, stdout) = output();
    let (stderr_end, stderr) = output();
    let (exited, closed) = (Arc::new(Flag::default()), Arc::new(Flag::default()));
    let pump = Pump {
        inner: Arc::clone(inner),
        reader,
        stdout: stdout_end,
        stderr: stderr_end,
        draining: inner.sessions.open(&record.id),
        exited: Arc::clone(&exited),
        closed: Arc::clone(&closed),
    };
    tokio::spawn(pump.run());
    let id = record.id.clone();
    let watcher = {
        let inner = Arc::clone(inner);
        tokio::spawn(async move {
            let (id, mut last) = (record.id.clone(), record);
            // An error means that the container or the engine is gone; the output then ends soon, too.
            let _ = inner.run_end(&id, &mut last).await;
            exited.set();
        })
    };
    let stdin: Option<Pin<Box<dyn AsyncWrite + Send>>> = match stdin {
        true => Some(Box::pin(CommandInput::new(write, tty))),
        false => None,
    };
    let control = Control {
        inner: Arc::clone(inner),
        id,
        tty,
        closed,
        watcher: watcher.abort_handle(),
    };
    Ok(AttachSession::new(stdin, stdout, stderr, control))
}

/// Forwards the main process's output as fast as the caller reads it. While the container is being stopped, buffers
/// the output instead.
struct Pump {
    inner: Arc<Inner>,
    reader: ExecReader,
    stdout: Sender,
    stderr: Sender,
    /// Set when the output must be read even if the caller does not read it.
    draining: Arc<Flag>,
    /// Set when the container's run is over. From then on, the output counts as cut off if no data arrives within the
    /// read deadline.
    exited: Arc<Flag>,
    /// Set when the caller has dropped the session.
    closed: Arc<Flag>,
}

impl Pump {
    async fn run(mut self) {
        let dropped = Arc::clone(&self.closed);
        let end = tokio::select! {
            end = self.read() => end,
            () = dropped.wait() => Some(CutOff::new(ErrorKind::ConnectionAborted, "the session was dropped")),
        };
        if let Some(why) = end {
            self.stdout.cut_off(why.clone());
            self.stderr.cut_off(why);
        }
        pass_all_on(&mut self.stdout, &mut self.stderr).await;
    }

    /// Reads to the end of the output. Returns why the output was cut off, or `None` if the output is complete.
    async fn read(&mut self) -> Option<CutOff> {
        let silence = self.inner.deadlines.read;
        let mut last = Instant::now();
        loop {
            let required =
                self.draining.is_set() || (self.stdout.is_passed_on() && self.stderr.is_passed_on());
            tokio::select! {
                frame = self.reader.next(), if required => match frame {
                    Ok(Some(frame)) => {
                        last = Instant::now();
                        push(frame, &mut self.stdout, &mut self.stderr);
                    }
                    Ok(None) => return None,
                    Err(failure) => {
                        let text = format!("the connection to the engine broke: {failure}");
                        return Some(CutOff::new(ErrorKind::ConnectionAborted, text));
                    }
                },
                () = self.stdout.pass_on() => {}
                () = self.stderr.pass_on() => {}
                () = self.draining.wait(), if !self.draining.is_set() => {}
                () = silent(&self.exited, last + silence) => {
                    let text = format!("no data for {silence:?} after the container had exited");
                    return Some(CutOff::new(ErrorKind::TimedOut, text));
                }
            }
        }
    }
}

struct Control {
    inner: Arc<Inner>,
    id: String,
    tty: bool,
    closed: Arc<Flag>,
    watcher: tokio::task::AbortHandle,
}

#[async_trait]
impl AttachControl for Control {
    async fn resize(&self, size: TtySize) -> Result<()> {
        if !self.tty {
            let error = UnsupportedError::new("resize", "the container has no terminal");
            return Err(located(error.into(), OPERATION));
        }
        read(OPERATION, self.inner.deadlines.read, async {
            let resized = self.inner.engine.resize_container(&self.id, size).await;
            resized.map_err(|failure| self.inner.error(Operation::InspectContainer, &self.id, failure))
        })
        .await
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.closed.set();
        self.watcher.abort();
    }
}
