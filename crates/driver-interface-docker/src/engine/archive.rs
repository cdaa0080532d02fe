//! Files of containers, which engines transfer as tar archives.

use std::time::Duration;

use bytes::Bytes;
use driver_interface_types::tar::{TarKind, TarPart, TarReader};
use driver_interface_types::{ByteStream, VolumeOwner};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use tokio::time::timeout;

use super::Engine;
use crate::dialect::is_pattern;
use crate::translate::path_stat::PathStat;
use crate::wire::{EngineError, Payload, Query, UploadError, answered};

/// The maximum time to wait for more data while the driver searches an archive.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(30);

/// A download in progress. Dropping it closes the connection.
pub(crate) struct Download {
    body: Incoming,
    /// How long to wait for more data before the download fails.
    max_wait: Duration,
}

impl Engine {
    /// Returns the description of the file at a path. For a link, the description includes the link's target. Returns
    /// `None` if there is no such file.
    pub(crate) async fn stat_path(&self, id: &str, path: &str) -> Result<Option<PathStat>, EngineError> {
        let requested = self.dialect.exact_path(path);
        let Some(mut stat) = self.stat_as(id, &requested).await? else {
            // Podman only recognizes a mount point, which is never a link, by its plain path.
            return match requested == path || is_pattern(path) {
                true => Ok(None),
                false => self.stat_as(id, path).await,
            };
        };
        if stat.is_link() && requested != path {
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
            .map_err(|error| EngineError::InvalidResponse(error.to_string()))?;
        let answer = self.wire.send(request).await?;
        match answer.status() {
            // Podman responds with 404 for a dangling link, but still describes the link.
            StatusCode::NOT_FOUND => PathStat::found(answer.headers()),
            status if status.is_success() => described(&answer).map(Some),
            _ => Err(self.with_message(&target, answered(answer).await.err()).await),
        }
    }

    /// Returns the error of a failed stat, with the engine's message if possible. The response to a stat has no body.
    /// Therefore this function requests the file's content, and the engine refuses that request with a message.
    async fn with_message(&self, target: &Query, failure: Option<EngineError>) -> EngineError {
        let text = self.wire.open(Method::GET, target, Payload::Nothing).await.err();
        match (text, failure) {
            (Some(EngineError::Refused(refusal)), _) => EngineError::Refused(refusal),
            (_, Some(failure)) => failure,
            (Some(failure), None) => failure,
            (None, None) => {
                EngineError::InvalidResponse("inspecting a path failed without a reason".to_owned())
            }
        }
    }

    /// Returns the target that Podman reports for a link, with all further links resolved, or `None` if it reports no
    /// target. Podman reports no target if the path is a pattern. If the container is not running, Podman reports no
    /// target for some links.
    async fn evaluated(&self, id: &str, path: &str) -> Option<String> {
        if is_pattern(path) {
            return None;
        }
        let stat = self.stat_as(id, path).await.ok()??;
        let target = stat.link_target_or_self()?;
        (target != path).then(|| target.to_owned())
    }

    /// Returns a link's target as recorded in an archive of its directory, or `None` if the link is not in the
    /// archive.
    async fn link_in_archive(&self, id: &str, path: &str) -> Result<Option<String>, EngineError> {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let (above, required) = match above.rsplit_once('/') {
            Some((_, directory)) => (above, format!("{directory}/{name}")),
            None => ("/", name.to_owned()),
        };
        let mut download = self.get_archive(id, above, SEARCH_TIMEOUT).await?;
        let mut reader = TarReader::default();
        while let Some(data) = download.next().await? {
            reader.push(&data);
            while let Some(part) = reader
                .next()
                .map_err(|why| EngineError::InvalidResponse(why.to_owned()))?
            {
                let TarPart::Entry(entry) = part else { continue };
                if entry.kind == TarKind::Symlink && entry.name == required {
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

    /// Returns the owner of the file at a path. Requires an engine whose archives contain the files' owners.
    pub(crate) async fn owner_of_path(
        &self,
        id: &str,
        path: &str,
    ) -> Result<Option<VolumeOwner>, EngineError> {
        let mut download = self.get_archive(id, path, SEARCH_TIMEOUT).await?;
        let mut reader = TarReader::default();
        while let Some(data) = download.next().await? {
            reader.push(&data);
            let part = reader.next();
            let part = part.map_err(|why| EngineError::InvalidResponse(why.to_owned()))?;
            if let Some(TarPart::Entry(entry)) = part {
                return Ok(Some(VolumeOwner::new(entry.uid, entry.gid)));
            }
        }
        Ok(None)
    }

    /// Downloads an archive of the file or directory at a path. The download fails if no data arrives for the time
    /// `max_wait`.
    pub(crate) async fn get_archive(
        &self,
        id: &str,
        path: &str,
        max_wait: Duration,
    ) -> Result<Download, EngineError> {
        let target = archive_of(id, &self.dialect.pattern_of(path));
        let answer = self.wire.open(Method::GET, &target, Payload::Nothing).await?;
        described(&answer)?;
        Ok(Download::new(answer.into_body(), max_wait))
    }

    /// Unpacks an archive into a directory. A directory never replaces a file, and a file never replaces a directory.
    pub(crate) async fn put_archive(
        &self,
        id: &str,
        directory: &str,
        archive: ByteStream,
    ) -> Result<(), UploadError> {
        // Podman interprets this path literally.
        let target = archive_of(id, directory).flag("noOverwriteDirNonDir", true);
        let answer = self.wire.upload(Method::PUT, &target, None, archive).await?;
        answer.done().map_err(UploadError::Engine)
    }
}

/// Parses the description of a path that engines send in the response headers.
fn described(answer: &Response<Incoming>) -> Result<PathStat, EngineError> {
    let missing = || EngineError::InvalidResponse("it has no description of the path".to_owned());
    PathStat::found(answer.headers())?.ok_or_else(missing)
}

fn archive_of(id: &str, path: &str) -> Query {
    Query::new(format!("/containers/{id}/archive")).pair("path", path)
}

impl Download {
    pub(super) fn new(body: Incoming, max_wait: Duration) -> Self {
        Self { body, max_wait }
    }

    /// Returns the next bytes of the download, or `None` at the end of the download.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, EngineError> {
        loop {
            let Ok(frame) = timeout(self.max_wait, self.body.frame()).await else {
                let silence = format!("no data for {:?}", self.max_wait);
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
