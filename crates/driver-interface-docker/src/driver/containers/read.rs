//! Inspecting and listing containers.

use driver_interface_errors::Result;
use driver_interface_kit::session_of;
use driver_interface_types::{ContainerFilter, ContainerInstance};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::driver::inner::Inner;
use crate::translate::errors::Operation;
use crate::translate::records::SummaryRecord;
use crate::translate::{instance, labels};

/// The maximum number of containers that a listing inspects concurrently.
const CONCURRENCY: usize = 8;

impl Inner {
    pub(in crate::driver) async fn get(&self, requested: &str) -> Result<Option<ContainerInstance>> {
        let Some(record) = self.find_container(requested).await? else {
            return Ok(None);
        };
        let instance = instance::of(&record, &self.features);
        instance
            .map(Some)
            .map_err(|failure| self.error(Operation::InspectContainer, requested, failure))
    }

    /// Lists the matching containers. Inspects each candidate, because a summary has no exit information.
    pub(in crate::driver) async fn list(&self, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
        let summaries = self.own_summaries().await?;
        let chosen: Vec<SummaryRecord> = summaries
            .into_iter()
            .filter(|summary| may_match(summary, filter))
            .collect();
        let looked_up = stream::iter(chosen).map(|summary| async move { self.get(&summary.id).await });
        let found: Vec<Option<ContainerInstance>> =
            looked_up.buffer_unordered(CONCURRENCY).try_collect().await?;
        let mut found: Vec<ContainerInstance> = found.into_iter().flatten().collect();
        found.retain(|container| filter.matches(container));
        found.sort_by(|a, b| a.created_at.cmp(&b.created_at).then_with(|| a.id.cmp(&b.id)));
        Ok(found)
    }

    pub(in crate::driver) async fn own_summaries(&self) -> Result<Vec<SummaryRecord>> {
        let listed = self.engine.list_containers(&self.ownership.filters(), 0).await;
        let mut own = listed.map_err(|failure| self.error(Operation::Read, "containers", failure))?;
        own.retain(|summary| self.owns(summary));
        Ok(own)
    }

    pub(in crate::driver) fn owns(&self, summary: &SummaryRecord) -> bool {
        let names = summary
            .names
            .iter()
            .map(|name| name.strip_prefix('/').unwrap_or(name));
        names
            .into_iter()
            .any(|name| labels::owns_container(&self.ownership, name, &summary.labels))
    }

    pub(in crate::driver) async fn is_healthy(&self, requested: &str) -> Result<bool> {
        self.container(requested)
            .await
            .map(|record| instance::is_healthy(&record))
    }
}

/// Returns whether a container may match the filter, judging by its names and labels.
fn may_match(summary: &SummaryRecord, filter: &ContainerFilter) -> bool {
    let session = session_of(&summary.labels);
    let own = labels::of_config(&summary.labels);
    let named = |name: &String| {
        summary
            .names
            .iter()
            .any(|own| own.trim_start_matches('/') == name)
    };
    filter.name.as_ref().is_none_or(named)
        && filter
            .session_id
            .as_ref()
            .is_none_or(|required| session.as_ref() == Some(required))
        && filter
            .labels
            .iter()
            .all(|(key, value)| own.get(key) == Some(value))
}
