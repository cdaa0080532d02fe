//! Reading container logs. This module uses the `wire` module instead of bollard's client, because that client has
//! two defects. It mistakes a truncated frame for the end of the log, and it decodes output without frames as if the
//! output had frames.

use std::time::SystemTime;

use bytes::BytesMut;

use super::Engine;
use crate::translate::time;
use crate::wire::{Demux, EngineError, Frame, LongBody, Query, Stream};

/// Which part of a log to request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogRequest {
    pub(crate) follow: bool,
    /// Whether the engine puts a timestamp at the start of each entry.
    pub(crate) stamps: bool,
    pub(crate) since: Option<SystemTime>,
    /// The number of entries to read from the end of the log, or `None` for all entries. Engines count the entries of
    /// both streams even if only one stream is requested. Therefore the driver always requests both streams if `tail`
    /// is not `None`.
    pub(crate) tail: Option<u64>,
    pub(crate) streams: (bool, bool),
}

/// A log that is being read. Dropping this value closes the connection.
pub(crate) struct Output {
    body: LongBody,
    /// The decoder of the output's frames. `None` if the container has a terminal: the output of a terminal has no
    /// frames.
    demux: Option<Demux>,
    /// Whether to join consecutive entries of one stream. Entries that start with a timestamp must not be joined.
    joins: bool,
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
        let body = self.wire.long(&target).await?;
        // Only the output of a container without a terminal is framed; the response does not indicate this.
        Ok(Output {
            body,
            demux: (!tty).then(Demux::default),
            joins: !request.stamps,
            ended: false,
        })
    }
}

impl Output {
    /// Returns the output that has arrived since the previous call. If no output has arrived, waits for more output.
    /// Returns `None` at the end of the log.
    ///
    /// # Cancel safety
    /// If the call is dropped, no output is lost.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Frame>>, EngineError> {
        let mut unframed = BytesMut::new();
        loop {
            if let Some(demux) = &mut self.demux {
                let mut frames = Vec::new();
                let decoded = demux.drain(self.joins, &mut frames);
                if !frames.is_empty() {
                    return Ok(Some(frames));
                }
                decoded?;
            } else if !unframed.is_empty() {
                return Ok(Some(vec![Frame {
                    stream: Stream::Stdout,
                    entries: 1,
                    data: unframed.freeze(),
                }]));
            }
            if self.ended {
                return Ok(None);
            }
            let buffer = match &mut self.demux {
                Some(demux) => demux.buffer(),
                None => &mut unframed,
            };
            if !self.body.read(buffer).await? {
                self.ended = true;
                if let Some(demux) = &self.demux {
                    demux.finish()?;
                }
            }
        }
    }
}
