//! Files of containers, which engines move as tar archives.

use std::time::Duration;

use bytes::Bytes;
use driver_interface_types::ByteStream;
use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::Engine;
use crate::wire::{EngineError, Payload, Query, UploadError};

/// Bytes that are being received. Dropping it closes the connection.
pub(crate) struct Download {
    body: Incoming,
    /// How long nothing may come.
    patience: Duration,
}

impl Engine {
    /// Packs what is at a path.
    pub(crate) async fn get_archive(
        &self,
        id: &str,
        path: &str,
        patience: Duration,
    ) -> Result<Download, EngineError> {
        let target = Query::new(format!("/containers/{id}/archive")).pair("path", path);
        let answer = self.wire.open(Method::GET, &target, Payload::Nothing).await?;
        Ok(Download {
            body: answer.into_body(),
            patience,
        })
    }

    /// Unpacks an archive into a folder. No folder takes the place of a file, nor the other way round.
    pub(crate) async fn put_archive(
        &self,
        id: &str,
        folder: &str,
        archive: ByteStream,
    ) -> Result<(), UploadError> {
        let target = Query::new(format!("/containers/{id}/archive"))
            .pair("path", folder)
            .flag("noOverwriteDirNonDir", true);
        let answer = self.wire.upload(Method::PUT, &target, None, archive).await?;
        answer.done().map_err(UploadError::Engine)
    }
}

impl Download {
    /// The next bytes; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, EngineError> {
        loop {
            let Ok(frame) = timeout(self.patience, self.body.frame()).await else {
                let silence = format!("nothing came for {:?}", self.patience);
                return Err(EngineError::Broken(silence.into()));
            };
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(EngineError::Broken(Box::new(error))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}
