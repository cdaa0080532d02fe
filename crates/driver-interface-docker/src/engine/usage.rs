//! Resource usage of containers.

use http::Method;

use super::Engine;
use crate::translate::usage::UsageRecord;
use crate::wire::{EngineError, Payload, Query};

impl Engine {
    /// Measures the resource usage of a container once. Returns `None` if the response is empty. Podman's response is
    /// empty for a container that has exited.
    pub(crate) async fn usage(&self, id: &str) -> Result<Option<UsageRecord>, EngineError> {
        let target = Query::new(format!("/containers/{id}/stats"))
            .pair("stream", "false")
            .pair("one-shot", "true");
        let answer = self.wire.call(Method::GET, &target, Payload::Nothing).await?;
        if answer.body.is_empty() {
            return Ok(None);
        }
        answer.json().map(Some)
    }
}
