//! Images.

use bollard::query_parameters::RemoveImageOptionsBuilder;
use bytes::Bytes;
use http::Method;
use serde::Deserialize;

use super::Engine;
use crate::translate::records::{ImageRecord, rerecord};
use crate::wire::{EngineError, Payload, Query};

/// What a stream of progress told, once it ended without breaking.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Done,
    /// It reported an error, with status 200 (Podman always, Docker once the pull has begun).
    Failed(String),
}

impl Engine {
    pub(crate) async fn inspect_image(&self, image: &str) -> Result<ImageRecord, EngineError> {
        rerecord(&self.docker.inspect_image(image).await?)
    }

    /// Pulls one image. Dropping the future ends the pull.
    pub(crate) async fn pull_image(
        &self,
        name: &str,
        tag: &str,
        platform: Option<&str>,
    ) -> Result<Progress, EngineError> {
        let mut target = Query::new("/images/create")
            .pair("fromImage", name)
            .pair("tag", tag);
        if let Some(platform) = platform {
            target = target.pair("platform", platform);
        }
        let answer = self.wire.call(Method::POST, &target, Payload::Nothing).await?;
        progress(&answer.body)
    }

    /// Makes an image from the tar archive of a root file system.
    pub(crate) async fn import_image(
        &self,
        name: &str,
        changes: &[String],
        root: Bytes,
    ) -> Result<Progress, EngineError> {
        let mut target = Query::new("/images/create")
            .pair("fromSrc", "-")
            .pair("repo", name);
        for change in changes {
            target = target.pair("changes", change);
        }
        let answer = self.wire.call(Method::POST, &target, Payload::Tar(root)).await?;
        progress(&answer.body)
    }

    pub(crate) async fn remove_image(&self, image: &str) -> Result<(), EngineError> {
        let options = RemoveImageOptionsBuilder::default().build();
        self.docker
            .remove_image(image, Some(options), None)
            .await
            .map(drop)
            .map_err(EngineError::from)
    }
}

/// Reads a stream of progress reports: JSON objects, one after the other.
fn progress(body: &[u8]) -> Result<Progress, EngineError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Report {
        error: Option<String>,
        error_detail: Option<Detail>,
    }
    #[derive(Deserialize)]
    struct Detail {
        message: Option<String>,
    }
    for report in serde_json::Deserializer::from_slice(body).into_iter::<Report>() {
        let report = report.map_err(|error| EngineError::Garbled(error.to_string()))?;
        if let Some(message) = report
            .error
            .or(report.error_detail.and_then(|detail| detail.message))
        {
            return Ok(Progress::Failed(message));
        }
    }
    Ok(Progress::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_inside_the_progress_is_found() {
        let done =
            "{\"status\":\"Pulling from busybox\",\"id\":\"1\"}\r\n{\"status\":\"Digest: sha256:03\"}\r\n";
        assert_eq!(progress(done.as_bytes()).unwrap(), Progress::Done);
        let failed = "{\"status\":\"x\"}\n{\"progressDetail\":{},\"errorDetail\":{\"message\":\"manifest unknown\"},\
                      \"error\":\"manifest unknown\"}\n";
        assert_eq!(
            progress(failed.as_bytes()).unwrap(),
            Progress::Failed("manifest unknown".to_owned())
        );
        assert_eq!(progress(b"").unwrap(), Progress::Done);
        assert!(progress(b"{\"status\":").is_err());
    }
}
