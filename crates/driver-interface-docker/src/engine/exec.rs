//! Commands in containers. These calls use the wire module directly, because the request contains the environment and
//! the caller takes over the connection.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use driver_interface_types::TtySize;
use http::Method;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, ReadHalf};

use super::Engine;
use crate::dialect::Dialect;
use crate::translate::exec::ExecRecord;
use crate::translate::time;
use crate::wire::{Address, Demux, Duplex, EngineError, Frame, ObjectStream, Payload, Query, Stream};

/// The command to run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ExecRequest {
    pub(crate) cmd: Vec<String>,
    pub(crate) env: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) working_dir: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    pub(crate) tty: bool,
    pub(crate) attach_stdin: bool,
    pub(crate) attach_stdout: bool,
    pub(crate) attach_stderr: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Start {
    detach: bool,
    tty: bool,
}

/// How long after the end of a command's output the event of the command's exit may arrive.
const EVENT_LATE: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ExecEvent {
    actor: ExecActor,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ExecActor {
    attributes: ExecFacts,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ExecFacts {
    #[serde(rename = "execID")]
    exec: String,
    #[serde(rename = "exitCode")]
    code: String,
}

/// The size of the read buffer, in bytes.
const PIECE: usize = 32 * 1024;

/// A reader of a command's output. Dropping the reader closes the reading half of the connection.
pub(crate) struct ExecReader {
    half: ReadHalf<Duplex>,
    dialect: &'static Dialect,
    /// Whether a connection reset counts as end of file. If the engine closes a Unix connection without reading all
    /// input, the kernel reports a reset, but only after all output has been delivered.
    reset_ends: bool,
    demux: Option<Demux>,
    piece: Vec<u8>,
    ended: bool,
    /// Whether the engine reported that it may have lost some of the output.
    lost: bool,
}

impl Engine {
    /// Prepares a command without starting it, and returns its id.
    pub(crate) async fn create_exec(
        &self,
        container: &str,
        request: &ExecRequest,
    ) -> Result<String, EngineError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Created {
            id: String,
        }
        let target = Query::new(format!("/containers/{container}/exec"));
        let answer = self
            .wire
            .call(Method::POST, &target, Payload::json(request)?)
            .await?;
        answer.json::<Created>().map(|created| created.id)
    }

    /// Starts a prepared command and returns its streams. The command may begin after this returns.
    pub(crate) async fn attach_exec(&self, exec: &str, tty: bool) -> Result<Duplex, EngineError> {
        let target = Query::new(format!("/exec/{exec}/start"));
        let start = Payload::json(&Start { detach: false, tty })?;
        self.wire.upgrade(&target, start).await
    }

    /// Connects to the output of a container's main process and, if `stdin` is `true`, to its input.
    pub(crate) async fn attach(&self, container: &str, stdin: bool) -> Result<Duplex, EngineError> {
        let target = Query::new(format!("/containers/{container}/attach"))
            .pair("stream", "true")
            .pair("stdin", stdin.to_string())
            .pair("stdout", "true")
            .pair("stderr", "true");
        self.wire.upgrade(&target, Payload::Nothing).await
    }

    pub(crate) async fn resize_container(&self, container: &str, size: TtySize) -> Result<(), EngineError> {
        self.resize(&format!("/containers/{container}/resize"), size)
            .await
    }

    /// Creates a reader of a command's output. `input` is `true` if the connection also carries the command's input.
    pub(crate) fn exec_reader(&self, half: ReadHalf<Duplex>, tty: bool, input: bool) -> ExecReader {
        ExecReader {
            half,
            dialect: self.dialect,
            reset_ends: input && matches!(self.wire.address(), Address::Unix(_)),
            demux: (!tty).then(Demux::default),
            piece: vec![0; PIECE],
            ended: false,
            lost: false,
        }
    }

    /// Starts a prepared command without attaching to its streams. The command has begun when this returns.
    pub(crate) async fn detach_exec(&self, exec: &str) -> Result<(), EngineError> {
        let target = Query::new(format!("/exec/{exec}/start"));
        let start = Payload::json(&Start {
            detach: true,
            tty: false,
        })?;
        self.wire.call(Method::POST, &target, start).await?.done()
    }

    /// Returns the engine's record of a command, or `None` if the engine does not know the command.
    pub(crate) async fn inspect_exec(&self, exec: &str) -> Result<Option<ExecRecord>, EngineError> {
        let target = Query::new(format!("/exec/{exec}/json"));
        match self.ask(&target).await {
            Ok(answer) => answer.json().map(Some),
            Err(EngineError::Refused(refusal)) if refusal.status == 404 => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Returns the exit code from the engine's event of a command's exit, or `None` if the engine no longer has
    /// the event. Waits up to a second for a late event.
    pub(crate) async fn exec_exit_event(
        &self,
        container: &str,
        exec: &str,
    ) -> Result<Option<i64>, EngineError> {
        let until = self.time().await? + EVENT_LATE;
        let filters = serde_json::json!({"container": [container], "event": ["exec_die"]});
        let target = Query::new("/events")
            .pair("since", "1")
            .pair("until", time::query(until))
            .pair("filters", filters.to_string());
        let answer = self.wire.open(Method::GET, &target, Payload::Nothing).await?;
        let mut events = ObjectStream::new(answer.into_body());
        while let Some(event) = events.next::<ExecEvent>().await? {
            let facts = event.actor.attributes;
            if facts.exec == exec {
                return Ok(facts.code.parse().ok());
            }
        }
        Ok(None)
    }

    pub(crate) async fn resize_exec(&self, exec: &str, size: TtySize) -> Result<(), EngineError> {
        self.resize(&format!("/exec/{exec}/resize"), size).await
    }

    async fn resize(&self, path: &str, size: TtySize) -> Result<(), EngineError> {
        let target = Query::new(path)
            .pair("h", size.rows.to_string())
            .pair("w", size.columns.to_string());
        self.wire
            .call(Method::POST, &target, Payload::Nothing)
            .await
            .map(drop)
    }
}

impl ExecReader {
    /// Returns whether the engine may have lost some of the output.
    pub(crate) fn lost(&self) -> bool {
        self.lost
    }

    /// Returns the next chunk of output without the engine's own messages, or `None` at the end of the output. Cancel
    /// safe: dropping the future loses no data.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>, EngineError> {
        while let Some(mut frame) = self.piece().await? {
            let Some(own) = self.dialect.engine_error(&frame.data) else {
                return Ok(Some(frame));
            };
            self.lost = true;
            frame.data.truncate(own);
            if !frame.data.is_empty() {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    async fn piece(&mut self) -> Result<Option<Frame>, EngineError> {
        loop {
            if let Some(demux) = &mut self.demux
                && let Some(frame) = demux.next()?
            {
                return Ok(Some(frame));
            }
            if self.ended {
                return Ok(None);
            }
            let length = match self.half.read(&mut self.piece).await {
                Ok(length) => length,
                Err(error) if self.reset_ends && error.kind() == io::ErrorKind::ConnectionReset => 0,
                Err(error) => return Err(EngineError::Broken(Box::new(error))),
            };
            let data = self.piece.get(..length).unwrap_or_default();
            match &mut self.demux {
                _ if data.is_empty() => {
                    self.ended = true;
                    if let Some(demux) = &self.demux {
                        demux.finish()?;
                    }
                }
                Some(demux) => demux.push(data),
                None => {
                    return Ok(Some(Frame {
                        stream: Stream::Stdout,
                        entries: 1,
                        data: Bytes::copy_from_slice(data),
                    }));
                }
            }
        }
    }
}
