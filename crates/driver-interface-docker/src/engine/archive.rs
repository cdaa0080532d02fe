//! Files of containers, which engines move as tar archives.

use std::time::Duration;

use bytes::Bytes;
use driver_interface_types::ByteStream;
use driver_interface_types::tar::{TarKind, TarPart, TarReader};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use tokio::time::timeout;

use super::Engine;
use crate::quirks;
use crate::translate::path_stat::PathStat;
use crate::wire::{EngineError, Payload, Query, UploadError, answered};

/// How long an archive that is searched for a link may pause.
const SEARCH_PATIENCE: Duration = Duration::from_secs(30);

/// Bytes that are being received. Dropping it closes the connection.
pub(crate) struct Download {
    body: Incoming,
    /// How long nothing may come.
    patience: Duration,
}

impl Engine {
    /// Returns what is at a path, and of a link where it leads; none where there is nothing.
    pub(crate) async fn stat_path(&self, id: &str, path: &str) -> Result<Option<PathStat>, EngineError> {
        let asked = quirks::exact_path(self.flavour, path);
        let Some(mut stat) = self.stat_as(id, &asked).await? else {
            // Where something is mounted, which is no link, Podman knows the place by nothing but its plain path.
            return match asked == path || quirks::is_pattern(path) {
                true => Ok(None),
                false => self.stat_as(id, path).await,
            };
        };
        if stat.is_link() && asked != path {
            let target = match self.evaluated(id, path).await {
                Some(target) => Some(target),
                None => self.link_in_archive(id, path).await?,
            };
            stat.set_link_target(target.unwrap_or_default());
        }
        Ok(Some(stat))
    }

    async fn stat_as(&self, id: &str, path: &str) -> Result<Option<PathStat>, EngineError> {
        let target = archive_of(id, path);
        let request = Request::builder()
            .method(Method::HEAD)
            .uri(target.as_str())
            .body(Empty::<Bytes>::new())
            .map_err(|error| EngineError::Garbled(error.to_string()))?;
        let answer = self.wire.send(request).await?;
        match answer.status() {
            // Podman answers so for a link that leads to nothing, and describes the link all the same.
            StatusCode::NOT_FOUND => PathStat::found(answer.headers()),
            status if status.is_success() => described(&answer).map(Some),
            _ => Err(self.explained(&target, answered(answer).await.err()).await),
        }
    }

    /// An answer to a look at a path has no body. The same question for the content is refused with a text.
    async fn explained(&self, target: &Query, failure: Option<EngineError>) -> EngineError {
        let text = self.wire.open(Method::GET, target, Payload::Nothing).await.err();
        match (text, failure) {
            (Some(EngineError::Refused(refusal)), _) => EngineError::Refused(refusal),
            (_, Some(failure)) => failure,
            (Some(failure), None) => failure,
            (None, None) => EngineError::Garbled("a look at a path failed without a reason".to_owned()),
        }
    }

    /// Where Podman says that a link leads, with all further links followed. It says so only where the path is no
    /// pattern, and not of every link of a container that does not run.
    async fn evaluated(&self, id: &str, path: &str) -> Option<String> {
        if quirks::is_pattern(path) {
            return None;
        }
        let stat = self.stat_as(id, path).await.ok()??;
        let target = stat.link_target_or_self()?;
        (target != path).then(|| target.to_owned())
    }

    /// Where a link leads, as an archive of its directory has it.
    async fn link_in_archive(&self, id: &str, path: &str) -> Result<Option<String>, EngineError> {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let (above, wanted) = match above.rsplit_once('/') {
            Some((_, directory)) => (above, format!("{directory}/{name}")),
            None => ("/", name.to_owned()),
        };
        let mut download = self.get_archive(id, above, SEARCH_PATIENCE).await?;
        let mut reader = TarReader::default();
        while let Some(data) = download.next().await? {
            reader.push(&data);
            while let Some(part) = reader
                .next()
                .map_err(|why| EngineError::Garbled(why.to_owned()))?
            {
                let TarPart::Entry(entry) = part else { continue };
                if entry.kind == TarKind::Symlink && entry.name == wanted {
                    let target = entry.link;
                    return Ok(Some(match target.starts_with('/') {
                        true => target,
                        false => format!("{above}/{target}"),
                    }));
                }
            }
        }
        Ok(None)
    }

    /// Packs what is at a path.
    pub(crate) async fn get_archive(
        &self,
        id: &str,
        path: &str,
        patience: Duration,
    ) -> Result<Download, EngineError> {
        let target = archive_of(id, &quirks::pattern_of(self.flavour, path));
        let answer = self.wire.open(Method::GET, &target, Payload::Nothing).await?;
        described(&answer)?;
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
        // Podman takes this path as it is.
        let target = archive_of(id, folder).flag("noOverwriteDirNonDir", true);
        let answer = self.wire.upload(Method::PUT, &target, None, archive).await?;
        answer.done().map_err(UploadError::Engine)
    }
}

/// What an engine says of every path in the head of its answer.
fn described(answer: &Response<Incoming>) -> Result<PathStat, EngineError> {
    let missing = || EngineError::Garbled("it does not describe the path".to_owned());
    PathStat::found(answer.headers())?.ok_or_else(missing)
}

fn archive_of(id: &str, path: &str) -> Query {
    Query::new(format!("/containers/{id}/archive")).pair("path", path)
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
