use std::sync::{Arc, Mutex};

use driver_interface_errors::DriverError;
use driver_interface_kit::lock;
use driver_interface_types::ByteStream;
use futures_util::StreamExt;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{Method, Request, Response, request};
use http_body_util::StreamBody;
use hyper::body::{Frame, Incoming};

use super::call::{Answer, answered};
use super::{EngineError, Query, Wire};

/// The reason why an upload failed.
#[derive(Debug)]
pub(crate) enum UploadError {
    /// The call to the engine failed.
    Engine(EngineError),
    /// The content to send ended with this error.
    Content(DriverError),
}

impl Wire {
    /// Sends a stream as fast as the engine reads it, and returns the response. Dropping the future aborts
    /// the upload.
    pub(crate) async fn upload(
        &self,
        method: Method,
        target: &Query,
        length: Option<u64>,
        content: ByteStream,
    ) -> Result<Answer, UploadError> {
        let mut request = Request::builder().method(method).uri(target.as_str());
        if let Some(length) = length {
            request = request.header(CONTENT_LENGTH, length);
        }
        let answer = self.upload_with(request, content).await?;
        Answer::whole(answer).await.map_err(UploadError::Engine)
    }

    /// Like [`upload`](Self::upload), sends a stream, but returns the response with its body unread.
    pub(crate) async fn upload_with(
        &self,
        request: request::Builder,
        content: ByteStream,
    ) -> Result<Response<Incoming>, UploadError> {
        let broken = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&broken);
        // hyper only keeps the text of an error that ends the body, so the error itself is stored here.
        let frames = content.map(move |piece| match piece {
            Ok(data) => Ok(Frame::data(data)),
            Err(error) => {
                *lock(&keep) = Some(error);
                Err(std::io::Error::other("the content ended with an error"))
            }
        });
        let request = request
            .header(CONTENT_TYPE, "application/x-tar")
            .body(StreamBody::new(frames))
            .map_err(|error| UploadError::Engine(EngineError::InvalidResponse(error.to_string())))?;
        let sent = match self.send(request).await {
            Ok(answer) => answered(answer).await,
            Err(failure) => Err(failure.into()),
        };
        let content_error = lock(&broken).take();
        match (sent, content_error) {
            (_, Some(error)) => Err(UploadError::Content(error)),
            (sent, None) => sent.map_err(UploadError::Engine),
        }
    }
}
