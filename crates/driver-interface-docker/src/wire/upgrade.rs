use http::header::{CONNECTION, CONTENT_TYPE, UPGRADE};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde::Serialize;

use super::call::answered;
use super::{EngineError, Query, Wire};

/// A connection that has become a pair of byte streams. Shutting it down ends what we send and nothing else;
/// dropping it closes it.
pub(crate) type Duplex = TokioIo<Upgraded>;

impl Wire {
    /// Makes a call after which the connection belongs to the two ends.
    pub(crate) async fn upgrade(&self, target: &Query, body: &impl Serialize) -> Result<Duplex, EngineError> {
        let body = serde_json::to_vec(body).map_err(|error| EngineError::Garbled(error.to_string()))?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(target.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "tcp")
            .body(Full::new(bytes::Bytes::from(body)))
            .map_err(|error| EngineError::Garbled(error.to_string()))?;
        let answer = self.send(request).await?;
        let status = answer.status();
        if status == StatusCode::SWITCHING_PROTOCOLS {
            let upgraded = hyper::upgrade::on(answer).await;
            return upgraded
                .map(TokioIo::new)
                .map_err(|error| EngineError::Broken(Box::new(error)));
        }
        let answer = answered(answer).await?;
        // What follows could be read and not answered.
        Err(EngineError::Garbled(format!(
            "status {} where the connection was to be handed over",
            answer.status()
        )))
    }
}
