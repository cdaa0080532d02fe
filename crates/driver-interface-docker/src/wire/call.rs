use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::transport::is_engines;
use super::{EngineError, Query, Wire};

/// The maximum size, in bytes, of a response with a list. It suffices for about eight thousand containers.
const MAX_LIST: usize = 12 * 1024 * 1024;
/// The maximum size, in bytes, of a response about one object, such as a container with its environment and labels.
const MAX_OBJECT: usize = 4 * 1024 * 1024;
/// The maximum size, in bytes, of the response to a change: an id, a word, or nothing.
pub(super) const MAX_SHORT: usize = 64 * 1024;
/// The number of bytes by which the buffer for a long response grows. When a buffer of at least this size grows, the
/// allocator remaps it instead of copying it.
const GROWTH: usize = 1024 * 1024;
/// The maximum number of bytes of an error's text to keep.
const MAX_ERROR_TEXT: usize = 4 * 1024;

/// The body of a request.
pub(crate) enum Payload {
    Nothing,
    Json(Vec<u8>),
}

impl Payload {
    pub(crate) fn json(value: &impl Serialize) -> Result<Self, EngineError> {
        serde_json::to_vec(value)
            .map(Self::Json)
            .map_err(|error| EngineError::InvalidResponse(error.to_string()))
    }
}

/// A complete response whose status is not an error.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(super) async fn whole(answer: Response<Incoming>) -> Result<Self, EngineError> {
        Self::read(answer, MAX_OBJECT).await
    }

    async fn read(answer: Response<Incoming>, limit: usize) -> Result<Self, EngineError> {
        let status = answer.status();
        let body = read(answer.into_body(), limit).await?;
        Ok(Self { status, body })
    }

    /// Checks that the body is empty, as expected in the response to a change. Also accepts `OK` and an empty line,
    /// which Podman may send.
    pub(crate) fn done(self) -> Result<(), EngineError> {
        match self.body.trim_ascii() {
            b"" | b"OK" => Ok(()),
            other => Err(EngineError::InvalidResponse(format!(
                "status {} with an unexpected body: {}",
                self.status,
                message(other)
            ))),
        }
    }

    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, EngineError> {
        serde_json::from_slice(&self.body).map_err(|error| EngineError::InvalidResponse(error.to_string()))
    }
}

impl Wire {
    /// Sends a request and reads the whole response.
    pub(crate) async fn call(
        &self,
        method: Method,
        target: &Query,
        payload: Payload,
    ) -> Result<Answer, EngineError> {
        let limit = match method {
            Method::GET => MAX_OBJECT,
            _ => MAX_SHORT,
        };
        Answer::read(self.open(method, target, payload).await?, limit).await
    }

    /// Requests a list and reads the whole response.
    pub(crate) async fn list(&self, target: &Query) -> Result<Answer, EngineError> {
        Answer::read(self.open(Method::GET, target, Payload::Nothing).await?, MAX_LIST).await
    }

    /// Sends a request that changes something and whose response is empty.
    pub(crate) async fn change(&self, method: Method, target: &Query) -> Result<(), EngineError> {
        self.call(method, target, Payload::Nothing).await?.done()
    }

    /// Sends a request, and returns the response with its body unread. Returns an error if the status is an error.
    pub(crate) async fn open(
        &self,
        method: Method,
        target: &Query,
        payload: Payload,
    ) -> Result<Response<Incoming>, EngineError> {
        let mut request = Request::builder().method(method).uri(target.as_str());
        let body = match payload {
            Payload::Nothing => Bytes::new(),
            Payload::Json(text) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Bytes::from(text)
            }
        };
        let request = request
            .body(Full::new(body))
            .map_err(|error| EngineError::InvalidResponse(error.to_string()))?;
        answered(self.send(request).await?).await
    }
}

/// Returns the response unchanged if the engine itself sent it and its status is no error. Otherwise returns an
/// error.
pub(crate) async fn answered(answer: Response<Incoming>) -> Result<Response<Incoming>, EngineError> {
    let status = answer.status();
    let engines = is_engines(&answer);
    if engines && (status.is_success() || status == StatusCode::NOT_MODIFIED) {
        return Ok(answer);
    }
    // It counts as a refusal even if its text cannot be read.
    let body = Limited::new(answer.into_body(), MAX_SHORT).collect().await;
    let text = body.map(Collected::to_bytes).unwrap_or_default();
    Err(refusal(engines, status.as_u16(), &text))
}

/// Returns the error for a response with an error status, or for a response that is not from the engine itself.
/// `body` is the body of the response.
pub(super) fn refusal(is_engines: bool, status: u16, body: &[u8]) -> EngineError {
    let text = message(body);
    match is_engines {
        true => EngineError::refused(status, text),
        false => EngineError::InvalidResponse(format!(
            "status {status} from a server that is not the engine: {text}"
        )),
    }
}

async fn read(mut body: Incoming, limit: usize) -> Result<Bytes, EngineError> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| EngineError::Broken(Box::new(error)))?;
        if let Ok(data) = frame.into_data() {
            if whole.len() + data.len() > limit {
                return Err(EngineError::InvalidResponse(format!(
                    "it is longer than {limit} bytes"
                )));
            }
            // Avoids doubling the buffer of a large response.
            if whole.capacity() - whole.len() < data.len() {
                whole.reserve_exact(data.len().max(whole.len()).min(GROWTH).max(data.len()));
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.into())
}

/// Returns the text of an error response: its field `message` if the body is JSON, otherwise the beginning of the
/// body. If the body is JSON without that field, the text contains nothing of the body, because the body may be a
/// regular response with a wrong status. Such a response can contain environment variables.
fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Message {
        message: String,
    }
    let text = match serde_json::from_slice::<Message>(body) {
        Ok(Message { message }) => message,
        Err(_) if matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) => {
            "JSON without a message".to_owned()
        }
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    let end = text
        .char_indices()
        .map(|(at, _)| at)
        .take_while(|at| *at <= MAX_ERROR_TEXT)
        .last()
        .unwrap_or(0);
    if text.len() > MAX_ERROR_TEXT {
        text.get(..end).unwrap_or_default().to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_text_is_message_or_start_of_body() {
        assert_eq!(
            message(br#"{"message":"no such container"}"#),
            "no such container"
        );
        assert_eq!(message(b"<html>"), "<html>");
        let record = message(br#" {"Id":"1","Config":{"Env":["TOKEN=hunter2"]}}"#);
        assert!(!record.contains("hunter2"), "{record}");
        assert_eq!(message(&[0xff]), "\u{fffd}");
        assert!(message("\u{e9}".repeat(9000).as_bytes()).len() <= MAX_ERROR_TEXT);
    }
}
