//! What happens on the engine.

use std::collections::HashMap;
use std::time::SystemTime;

use http::Method;

use super::Engine;
use crate::translate::event::EventRecord;
use crate::translate::time;
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
}
