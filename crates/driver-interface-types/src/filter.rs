//! Which objects a listing returns.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ContainerInstance, ContainerState, ContainerStatus, Network, SessionId, Volume};

/// Which containers [`list_containers`](crate::ContainerDriver::list_containers) returns. Everything given
/// must hold; nothing given means all of the driver's namespace.
///
/// ```
/// use driver_interface_types::{ContainerFilter, ContainerStatus, SessionId};
///
/// let filter = ContainerFilter::default()
///     .session(SessionId::new("build-42")?)
///     .status(ContainerStatus::Running)
///     .label("role", "db");
/// # Ok::<(), driver_interface_types::ConfigurationError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ContainerFilter {
    /// Only containers of this session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// Only containers with this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<ContainerStatus>,
    /// Only containers with this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<ContainerState>,
    /// Only containers with all of these labels, each with exactly this value. Nothing in a key or value is
    /// a wildcard.
    #[serde(rename = "label", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl ContainerFilter {
    /// Keeps only containers of a session.
    #[must_use]
    pub fn session(mut self, session: SessionId) -> Self {
        self.session_id = Some(session);
        self
    }

    /// Keeps only containers with a status.
    #[must_use]
    pub fn status(mut self, status: ContainerStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// Keeps only containers with a state.
    #[must_use]
    pub fn state(mut self, state: ContainerState) -> Self {
        self.state = Some(state);
        self
    }

    /// Keeps only containers whose label `key` is exactly `value`.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Whether a container passes. Drivers use it after the engine's own filter, which may be laxer.
    pub fn matches(&self, container: &ContainerInstance) -> bool {
        self.session_id
            .as_ref()
            .is_none_or(|session| *session == container.session_id)
            && self.status.is_none_or(|status| status == container.status)
            && self.state.is_none_or(|state| state == container.state)
            && has_labels(&container.labels, &self.labels)
    }
}

/// Which volumes or networks a listing returns. Everything given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ResourceFilter {
    /// Only those of this session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// Only those with all of these labels, each with exactly this value.
    #[serde(rename = "label", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl ResourceFilter {
    /// Keeps only those of a session.
    #[must_use]
    pub fn session(mut self, session: SessionId) -> Self {
        self.session_id = Some(session);
        self
    }

    /// Keeps only those whose label `key` is exactly `value`.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Whether a volume passes.
    pub fn matches_volume(&self, volume: &Volume) -> bool {
        self.session_fits(volume.session_id.as_ref()) && has_labels(&volume.labels, &self.labels)
    }

    /// Whether a network passes.
    pub fn matches_network(&self, network: &Network) -> bool {
        self.session_fits(network.session_id.as_ref()) && has_labels(&network.labels, &self.labels)
    }

    fn session_fits(&self, session: Option<&SessionId>) -> bool {
        self.session_id.is_none() || self.session_id.as_ref() == session
    }
}

pub(crate) fn has_labels(labels: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}
