use http::header::{CONNECTION, CONTENT_TYPE, UPGRADE};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;

use super::call::answered;
use super::{EngineError, Payload, Query, Wire};

/// An upgraded HTTP connection, which carries a byte stream in each direction. Shutting it down ends only the sending
/// direction. Dropping it closes the connection.
pub(crate) type Duplex = TokioIo<Upgraded>;

impl Wire {
    /// Sends a request after which the connection becomes a raw byte stream.
    pub(crate) async fn upgrade(&self, target: &Query, payload: Payload) -> Result<Duplex, EngineError> {
        let body = match payload {
            Payload::Nothing => Vec::new(),
            Payload::Json(body) => body,
        };
        let request = Request::builder()
            .method(Method::POST)
            .uri(target.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "tcp")
            .body(Full::new(bytes::Bytes::from(body)))
            .map_err(|error| EngineError::InvalidResponse(error.to_string()))?;
        let answer = self.send(request).await?;
        let status = answer.status();
        if status == StatusCode::SWITCHING_PROTOCOLS {
            let upgraded = hyper::upgrade::on(answer).await;
            return upgraded
                .map(TokioIo::new)
                .map_err(|error| EngineError::Broken(Box::new(error)));
        }
        let answer = answered(answer).await?;
        // Output would be readable, but no input could be sent.
        Err(EngineError::InvalidResponse(format!(
            "status {} instead of a connection upgrade",
            answer.status()
        )))
    }
}
