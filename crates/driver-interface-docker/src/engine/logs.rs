//! Container logs. These calls use the wire module directly: bollard treats truncated frames as a clean end, and
//! unframed output as frames.

use std::time::SystemTime;

use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::Engine;
use crate::translate::time;
use crate::wire::{Demux, EngineError, Frame, Payload, Query, Stream};

/// Which part of a log to request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogRequest {
    pub(crate) follow: bool,
    /// Whether each entry is to start with its timestamp.
    pub(crate) stamps: bool,
    pub(crate) since: Option<SystemTime>,
    /// The number of entries to read from the end of the log, or `None` for all. Engines count the entries of both
    /// streams even if only one is requested, so the driver then requests both.
    pub(crate) tail: Option<u64>,
    pub(crate) streams: (bool, bool),
}

/// A log that is being read. Dropping this closes the connection.
pub(crate) struct Output {
    body: Incoming,
    demux: Option<Demux>,
    ended: bool,
}

impl Engine {
    pub(crate) async fn logs(
        &self,
        id: &str,
        tty: bool,
        request: &LogRequest,
    ) -> Result<Output, EngineError> {
        let both = request.tail.is_some();
        let (stdout, stderr) = request.streams;
        let mut target = Query::new(format!("/containers/{id}/logs"))
            .flag("stdout", stdout || both)
            .flag("stderr", stderr || both)
            .flag("follow", request.follow)
            .flag("timestamps", request.stamps);
        if let Some(since) = request.since {
            target = target.pair("since", time::since(since));
        }
        target = match request.tail {
            Some(entries) => target.pair("tail", entries.to_string()),
            None => target.pair("tail", "all"),
        };
        let answer = self.wire.open(Method::GET, &target, Payload::Nothing).await?;
        // Only the output of a container without a terminal is framed; the response does not indicate this.
        Ok(Output {
            body: answer.into_body(),
            demux: (!tty).then(Demux::default),
            ended: false,
        })
    }
}

impl Output {
    /// Returns the next chunk of output, or `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>, EngineError> {
        loop {
            if let Some(demux) = &mut self.demux
                && let Some(frame) = demux.next()?
            {
                return Ok(Some(frame));
            }
            if self.ended {
                return Ok(None);
            }
            let Some(chunk) = self.body.frame().await else {
                self.ended = true;
                if let Some(demux) = &self.demux {
                    demux.finish()?;
                }
                return Ok(None);
            };
            let Ok(data) = chunk
                .map_err(|error| EngineError::Broken(Box::new(error)))?
                .into_data()
            else {
                continue;
            };
            match &mut self.demux {
                Some(demux) => demux.push(&data),
                None => {
                    return Ok(Some(Frame {
                        stream: Stream::Stdout,
                        starts: true,
                        data,
                    }));
                }
            }
        }
    }
}
