use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::transport::is_engines;
use super::{EngineError, Query, Wire};

/// The longest list that is read: some eight thousand containers.
const MAX_LIST: usize = 12 * 1024 * 1024;
/// The longest answer about one thing: a container with its environment and labels.
const MAX_OBJECT: usize = 4 * 1024 * 1024;
/// The longest answer to a change: an id, a word, or nothing.
const MAX_SHORT: usize = 64 * 1024;
/// By how much the memory for a long answer grows. What it grows from is mapped anew and not copied.
const GROWTH: usize = 1024 * 1024;
/// More of an error's text helps nobody.
const MAX_ERROR_TEXT: usize = 4 * 1024;

/// What a request carries.
pub(crate) enum Payload {
    Nothing,
    Json(Vec<u8>),
    Tar(Bytes),
}

impl Payload {
    pub(crate) fn json(value: &impl Serialize) -> Result<Self, EngineError> {
        serde_json::to_vec(value)
            .map(Self::Json)
            .map_err(|error| EngineError::Garbled(error.to_string()))
    }
}

/// A whole answer whose status is no error.
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

    /// Checks that the answer says "done" and nothing else. Podman puts a word or an empty line where Docker puts
    /// nothing; anything longer is not an answer to a change.
    pub(crate) fn done(self) -> Result<(), EngineError> {
        match self.body.trim_ascii() {
            b"" | b"OK" => Ok(()),
            other => Err(EngineError::Garbled(format!(
                "status {} with a body where none belongs: {}",
                self.status,
                message(other)
            ))),
        }
    }

    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, EngineError> {
        serde_json::from_slice(&self.body).map_err(|error| EngineError::Garbled(error.to_string()))
    }
}

impl Wire {
    /// Makes a call and reads the whole answer.
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

    /// Reads a list.
    pub(crate) async fn list(&self, target: &Query) -> Result<Answer, EngineError> {
        Answer::read(self.open(Method::GET, target, Payload::Nothing).await?, MAX_LIST).await
    }

    /// Makes a call that changes something and is answered with nothing.
    pub(crate) async fn change(&self, method: Method, target: &Query) -> Result<(), EngineError> {
        self.call(method, target, Payload::Nothing).await?.done()
    }

    /// Makes a call and returns its answer with the body still to be read, once the status is no error.
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
            Payload::Tar(bytes) => {
                request = request.header(CONTENT_TYPE, "application/x-tar");
                bytes
            }
        };
        let request = request
            .body(Full::new(body))
            .map_err(|error| EngineError::Garbled(error.to_string()))?;
        answered(self.send(request).await?).await
    }
}

/// The answer, unless its status is an error or it is not the engine's own.
pub(crate) async fn answered(answer: Response<Incoming>) -> Result<Response<Incoming>, EngineError> {
    let status = answer.status();
    let engines = is_engines(&answer);
    if engines && (status.is_success() || status == StatusCode::NOT_MODIFIED) {
        return Ok(answer);
    }
    // It is a refusal whatever becomes of its text.
    let body = Limited::new(answer.into_body(), MAX_SHORT).collect().await;
    let text = body.map(|whole| message(&whole.to_bytes())).unwrap_or_default();
    Err(if engines {
        EngineError::refused(status.as_u16(), text)
    } else {
        EngineError::Garbled(format!(
            "status {status} from something that is not the engine: {text}"
        ))
    })
}

async fn read(mut body: Incoming, limit: usize) -> Result<Bytes, EngineError> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| EngineError::Broken(Box::new(error)))?;
        if let Ok(data) = frame.into_data() {
            if whole.len() + data.len() > limit {
                return Err(EngineError::Garbled(format!("it is longer than {limit} bytes")));
            }
            // A large one does not take twice its size.
            if whole.capacity() - whole.len() < data.len() {
                whole.reserve_exact(data.len().max(whole.len()).min(GROWTH).max(data.len()));
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.into())
}

/// The text of an error answer: its `message` if it is JSON, else the beginning of what came. Other JSON is not shown: it
/// may be an answer under a wrong status, with environment variables in it.
fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Message {
        message: String,
    }
    let text = match serde_json::from_slice::<Message>(body) {
        Ok(Message { message }) => message,
        Err(_) if matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) => {
            "it gave JSON without a message".to_owned()
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
    fn an_error_text_is_the_message_or_the_beginning_of_the_body() {
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
