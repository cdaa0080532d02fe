//! What happens on the engine.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use http::Method;
use tokio::time::timeout;

use super::Engine;
use crate::quirks;
use crate::translate::event::EventRecord;
use crate::translate::records::ContainerRecord;
use crate::translate::{status, time};
use crate::wire::{EngineError, ObjectStream, Payload, Query};

impl Engine {
    /// Events of containers with these labels, first those since a moment that the engine still has, then those to
    /// come. Podman answers only once there is one.
    pub(crate) async fn events(
        &self,
        labels: Vec<String>,
        since: SystemTime,
    ) -> Result<ObjectStream, EngineError> {
        let filters = HashMap::from([("type", vec!["container".to_owned()]), ("label", labels)]);
        let filters =
            serde_json::to_string(&filters).map_err(|error| EngineError::Garbled(error.to_string()))?;
        let target = Query::new("/events")
            .pair("since", time::query(since))
            .pair("filters", filters);
        let answer = self.wire.open(Method::GET, &target, Payload::Nothing).await?;
        Ok(ObjectStream::new(answer.into_body()))
    }

    /// Whether the engine still has an event from before a moment, whoever's it is: then it has all since.
    pub(crate) async fn remembers(&self, moment: SystemTime) -> Result<bool, EngineError> {
        let target = Query::new("/events")
            .pair("since", "1")
            .pair("until", time::query(moment));
        let answer = self.wire.open(Method::GET, &target, Payload::Nothing).await?;
        let mut events = ObjectStream::new(answer.into_body());
        Ok(events.next::<EventRecord>().await?.is_some())
    }

    /// Whether a container whose record does not say so ran out of memory: where the engine may tell that after the end,
    /// its events are asked. What they say of the kill that ended the run answers it; without a word of either kind,
    /// the engine waits for one until a moment after the end, and no longer than `patience`.
    pub(crate) async fn ran_out_of_memory(&self, container: &ContainerRecord, patience: Duration) -> bool {
        let Some(late) = quirks::late_out_of_memory(self.flavour) else {
            return false;
        };
        let Some((started, finished)) = status::span_of_killed(&container.state) else {
            return false;
        };
        let asked = self.told_of_memory(&container.id, started, finished + late);
        match timeout(patience, asked).await {
            Ok(Ok(told)) => told,
            Ok(Err(failure)) => {
                tracing::debug!(%failure, "the events of a killed container could not be read");
                false
            }
            Err(_) => false,
        }
    }

    async fn told_of_memory(
        &self,
        id: &str,
        since: SystemTime,
        until: SystemTime,
    ) -> Result<bool, EngineError> {
        let filters = serde_json::json!({"container": [id], "event": ["oom", "kill"]});
        let target = Query::new("/events")
            .pair("since", time::query(since))
            .pair("until", time::query(until))
            .pair("filters", filters.to_string());
        let answer = self.wire.open(Method::GET, &target, Payload::Nothing).await?;
        let mut events = ObjectStream::new(answer.into_body());
        while let Some(event) = events.next::<EventRecord>().await? {
            if let Some(out_of_memory) = event.tells_of_memory() {
                return Ok(out_of_memory);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests;
