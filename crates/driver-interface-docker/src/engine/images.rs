//! Images.

use std::time::Duration;

use bytes::Bytes;
use driver_interface_types::{ByteStream, ImageRef};
use http::{HeaderValue, Method, Request};
use http_body_util::Empty;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{Download, Engine, filters};
use crate::translate::image::pull_parts;
use crate::translate::records::{ImageRecord, ImageSummaryRecord};
use crate::wire::{EngineError, ObjectStream, Payload, Query, UploadError, answered};

/// The header for an empty set of credentials: `{}` in base64.
const NO_CREDENTIALS: &str = "e30=";

impl Engine {
    pub(crate) async fn inspect_image(&self, image: &str) -> Result<ImageRecord, EngineError> {
        let target = Query::new(format!("/images/{image}/json"));
        self.wire
            .call(Method::GET, &target, Payload::Nothing)
            .await?
            .json()
    }

    /// Begins to pull an image. Dropping the returned stream ends the pull. `auth` is the header with the registry
    /// credentials.
    pub(crate) async fn pull_image(
        &self,
        name: &str,
        tag: &str,
        platform: Option<&str>,
        auth: Option<HeaderValue>,
    ) -> Result<ObjectStream, EngineError> {
        let mut target = Query::new("/images/create")
            .pair("fromImage", name)
            .pair("tag", tag);
        if let Some(platform) = platform {
            target = target.pair("platform", platform);
        }
        let mut request = Request::builder().method(Method::POST).uri(target.as_str());
        if let Some(auth) = auth {
            request = request.header("x-registry-auth", auth);
        }
        let request = request
            .body(Empty::<Bytes>::new())
            .map_err(|error| EngineError::InvalidResponse(error.to_string()))?;
        let answer = answered(self.wire.send(request).await?).await?;
        Ok(ObjectStream::new(answer.into_body()))
    }

    /// Lists all images, including those that have no name any more.
    pub(crate) async fn list_images(&self) -> Result<Vec<ImageSummaryRecord>, EngineError> {
        self.ask_list(&Query::new("/images/json")).await?.json()
    }

    /// Lists the images with all of these labels.
    pub(crate) async fn list_labelled_images(
        &self,
        labels: &[String],
    ) -> Result<Vec<ImageSummaryRecord>, EngineError> {
        let target = Query::new("/images/json").pair("filters", filters("label", labels));
        self.ask_list(&target).await?.json()
    }

    /// Loads images from an archive, and returns the engine's reports.
    pub(crate) async fn load_images(&self, archive: ByteStream) -> Result<Bytes, UploadError> {
        let target = Query::new("/images/load").flag("quiet", true);
        let answer = self.wire.upload(Method::POST, &target, None, archive).await?;
        Ok(answer.body)
    }

    /// Creates an image from an archive of a root file system. If `name` is `None`, the image has no name. `changes`
    /// are Dockerfile instructions.
    pub(crate) async fn import_image(
        &self,
        name: Option<&str>,
        changes: &[String],
        root: ByteStream,
    ) -> Result<(), UploadError> {
        let mut target = Query::new("/images/create").pair("fromSrc", "-");
        if let Some(name) = name {
            target = target.pair("repo", name);
        }
        for change in changes {
            target = target.pair("changes", change);
        }
        let answer = self.wire.upload(Method::POST, &target, None, root).await?;
        progress(&answer.body).map_err(UploadError::Engine)
    }

    /// Gives an image the additional name `new`. `image` is the image's id or a current name.
    pub(crate) async fn tag_image(&self, image: &str, new: &ImageRef) -> Result<(), EngineError> {
        let (name, tag) = pull_parts(new);
        let target = Query::new(format!("/images/{image}/tag"))
            .pair("repo", name)
            .pair("tag", tag);
        self.wire.change(Method::POST, &target).await
    }

    /// Begins to push an image. Dropping the returned stream ends the push. `auth` is the header with the registry
    /// credentials.
    pub(crate) async fn push_image(
        &self,
        image: &ImageRef,
        auth: Option<HeaderValue>,
    ) -> Result<ObjectStream, EngineError> {
        let (name, tag) = pull_parts(image);
        let target = Query::new(format!("/images/{name}/push")).pair("tag", tag);
        // Docker requires the header even without credentials.
        let auth = auth.unwrap_or(HeaderValue::from_static(NO_CREDENTIALS));
        let request = Request::builder()
            .method(Method::POST)
            .uri(target.as_str())
            .header("x-registry-auth", auth)
            .body(Empty::<Bytes>::new())
            .map_err(|error| EngineError::InvalidResponse(error.to_string()))?;
        let answer = answered(self.wire.send(request).await?).await?;
        Ok(ObjectStream::new(answer.into_body()))
    }

    /// Downloads an archive of an image. The download fails if no data arrives for the time `max_wait`.
    pub(crate) async fn save_image(&self, image: &str, max_wait: Duration) -> Result<Download, EngineError> {
        let target = Query::new(format!("/images/{image}/get"));
        let answer = self.wire.open(Method::GET, &target, Payload::Nothing).await?;
        Ok(Download::new(answer.into_body(), max_wait))
    }

    /// Uploads a build's context, and begins to build. Dropping the returned stream cancels the build. `auth` is the
    /// header with the registries' credentials.
    pub(crate) async fn build_image(
        &self,
        target: &Query,
        auth: Option<HeaderValue>,
        context: ByteStream,
    ) -> Result<ObjectStream, UploadError> {
        let mut request = Request::builder().method(Method::POST).uri(target.as_str());
        if let Some(auth) = auth {
            request = request.header("x-registry-config", auth);
        }
        let answer = self.wire.upload_with(request, context).await?;
        Ok(ObjectStream::new(answer.into_body()))
    }

    /// Creates an image from a container.
    pub(crate) async fn commit(&self, target: &Query) -> Result<(), EngineError> {
        // Podman requires a body. An empty config changes nothing.
        let payload = Payload::json(&serde_json::Map::new())?;
        let answer = self.wire.call(Method::POST, target, payload).await?;
        answer.json::<IgnoredAny>().map(drop)
    }

    pub(crate) async fn remove_image(&self, image: &str) -> Result<(), EngineError> {
        let target = Query::new(format!("/images/{image}"));
        let answer = self.wire.call(Method::DELETE, &target, Payload::Nothing).await?;
        // The response lists the removed names and layers, which the driver does not use.
        answer.json::<Vec<IgnoredAny>>().map(drop)
    }
}

/// One report of a pull, push, build, load or import.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Report {
    /// The layer that the report is about.
    pub(crate) id: Option<String>,
    pub(crate) status: Option<String>,
    /// On a load, the report about one image. On a build, a part of the build's output.
    pub(crate) stream: Option<String>,
    /// The result of the operation. The result of a build is an object with the image's id.
    pub(crate) aux: Option<Value>,
    pub(crate) progress_detail: Option<ProgressDetail>,
    error: Option<String>,
    error_detail: Option<ErrorDetail>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ProgressDetail {
    pub(crate) current: Option<u64>,
    pub(crate) total: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorDetail {
    message: Option<String>,
}

impl Report {
    /// Returns the error that the report contains, or `None` if there is none.
    pub(crate) fn failure(self) -> Option<String> {
        self.error.or(self.error_detail.and_then(|detail| detail.message))
    }
}

/// Returns the error that `body` contains, if any. `body` is a sequence of progress reports as JSON objects. A
/// response with an error has HTTP status 200: always on Podman, and on Docker once the work has begun.
fn progress(body: &[u8]) -> Result<(), EngineError> {
    for report in serde_json::Deserializer::from_slice(body).into_iter::<Report>() {
        let report = report.map_err(|error| EngineError::InvalidResponse(error.to_string()))?;
        if let Some(message) = report.failure() {
            return Err(EngineError::refused(200, message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_error_in_pull_progress() {
        let done =
            "{\"status\":\"Pulling from busybox\",\"id\":\"1\"}\r\n{\"status\":\"Digest: sha256:03\"}\r\n";
        progress(done.as_bytes()).unwrap();
        let failed = "{\"status\":\"x\"}\n{\"progressDetail\":{},\"errorDetail\":{\"message\":\"manifest unknown\"},\
                      \"error\":\"manifest unknown\"}\n";
        match progress(failed.as_bytes()) {
            Err(EngineError::Refused(refusal)) => {
                assert_eq!(
                    (refusal.status, refusal.message.as_str()),
                    (200, "manifest unknown")
                );
            }
            other => panic!("{other:?}"),
        }
        progress(b"").unwrap();
        assert!(matches!(
            progress(b"{\"status\":"),
            Err(EngineError::InvalidResponse(_))
        ));
    }
}
