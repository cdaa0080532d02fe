//! Engine events.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use http::Method;
use tokio::time::timeout;

use super::Engine;
use crate::translate::event::{EventRecord, Reason};
use crate::translate::time;
use crate::wire::{EngineError, ObjectStream, Payload, Query};

impl Engine {
    /// Streams the events of the containers that have all of `labels`. The stream begins with those past events since
    /// the time `since` that the engine still has. New events follow. Podman only responds once there is an event.
    pub(crate) async fn events(
        &self,
        labels: Vec<String>,
        since: SystemTime,
    ) -> Result<ObjectStream, EngineError> {
        let filters = HashMap::from([("type", vec!["container".to_owned()]), ("label", labels)]);
        let filters = serde_json::to_string(&filters)
            .map_err(|error| EngineError::InvalidResponse(error.to_string()))?;
        let target = Query::new("/events")
            .pair("since", time::since(since))
            .pair("filters", filters);
        let answer = self.wire.open(Method::GET, &target, Payload::Nothing).await?;
        Ok(ObjectStream::new(answer.into_body()))
    }

    /// Returns whether the engine still has an event from before `moment`. If so, the engine also still has all later
    /// events.
    pub(crate) async fn has_events_before(&self, moment: SystemTime) -> Result<bool, EngineError> {
        let target = Query::new("/events")
            .pair("since", "1")
            .pair("until", time::query(moment));
        let answer = self.wire.open(Method::GET, &target, Payload::Nothing).await?;
        let mut events = ObjectStream::new(answer.into_body());
        Ok(events.next::<EventRecord>().await?.is_some())
    }

    /// Returns whether a killed run ran out of memory according to the engine's events. The driver calls this if the
    /// container's record does not show the reason for the kill. Returns `None` if the engine never reports a lack of
    /// memory after the exit, if it no longer has all events of the run, if the events show neither a lack of memory nor
    /// a kill, or if the engine does not respond within `max_wait`. Waits until no such event can arrive any more.
    pub(crate) async fn memory_ran_out(
        &self,
        id: &str,
        started: SystemTime,
        finished: SystemTime,
        max_wait: Duration,
    ) -> Option<bool> {
        let late = self.dialect.late_out_of_memory?;
        let requested = async {
            Ok::<_, EngineError>(
                match self.first_oom_or_kill(id, started, finished + late).await? {
                    Some(Reason::OutOfMemory) => Some(true),
                    // The absence of an earlier event only counts if the engine has discarded none.
                    Some(Reason::Killed) => self.has_events_before(started).await?.then_some(false),
                    // The engine may have missed the lack of memory, or something else than the engine killed the run.
                    None => None,
                },
            )
        };
        match timeout(max_wait, requested).await {
            Ok(Ok(reported)) => reported,
            Ok(Err(failure)) => {
                tracing::debug!(%failure, "the events of a killed container could not be read");
                None
            }
            Err(_) => None,
        }
    }

    async fn first_oom_or_kill(
        &self,
        id: &str,
        since: SystemTime,
        until: SystemTime,
    ) -> Result<Option<Reason>, EngineError> {
        let filters = serde_json::json!({"container": [id], "event": ["oom", "kill"]});
        let target = Query::new("/events")
            .pair("since", time::query(since))
            .pair("until", time::query(until))
            .pair("filters", filters.to_string());
        let answer = self.wire.open(Method::GET, &target, Payload::Nothing).await?;
        let mut events = ObjectStream::new(answer.into_body());
        while let Some(event) = events.next::<EventRecord>().await? {
            if let Some(reason) = event.reason() {
                return Ok(Some(reason));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
