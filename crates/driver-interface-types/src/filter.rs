//! Filters for the list operations.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ContainerInstance, ContainerState, ContainerStatus, Network, SessionId, Volume};

/// Selects the containers that [`list_containers`](crate::ContainerDriver::list_containers) returns. A container must
/// match every field that is set. The default filter matches all containers of the driver's namespace.
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
    /// If set, only the container with exactly this name matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// If set, only containers of this session match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// If set, only containers with this status match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<ContainerStatus>,
    /// If set, only containers with this state match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<ContainerState>,
    /// Only containers that have all of these labels, with exactly these values, match. Keys and values cannot
    /// contain wildcards.
    #[serde(rename = "label", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl ContainerFilter {
    crate::setters! {
        /// Selects the container with exactly this name.
        name(self, name: impl Into<String>) { self.name = Some(name.into()); }
        /// Selects containers of this session.
        session(self, session: SessionId) { self.session_id = Some(session); }
        /// Selects containers with this status.
        status(self, status: ContainerStatus) { self.status = Some(status); }
        /// Selects containers with this state.
        state(self, state: ContainerState) { self.state = Some(state); }
        /// Selects containers whose label `key` is exactly `value`.
        label(self, key: impl Into<String>, value: impl Into<String>) {
            self.labels.insert(key.into(), value.into());
        }
    }

    /// Returns whether a container matches this filter. Drivers call this method even if the engine has already
    /// filtered the containers, because the engine's filter may be less strict than this filter.
    pub fn matches(&self, container: &ContainerInstance) -> bool {
        self.name.as_ref().is_none_or(|name| *name == container.name)
            && self
                .session_id
                .as_ref()
                .is_none_or(|session| *session == container.session_id)
            && self.status.is_none_or(|status| status == container.status)
            && self.state.is_none_or(|state| state == container.state)
            && has_labels(&container.labels, &self.labels)
    }
}

/// Selects the volumes or networks that a list operation returns. A volume or network must match every field that is
/// set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ResourceFilter {
    /// If set, only the volume or network with exactly this name matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// If set, only volumes or networks of this session match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// Only volumes or networks that have all of these labels, with exactly these values, match.
    #[serde(rename = "label", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl ResourceFilter {
    crate::setters! {
        /// Selects the volume or network with exactly this name.
        name(self, name: impl Into<String>) { self.name = Some(name.into()); }
        /// Selects volumes or networks of this session.
        session(self, session: SessionId) { self.session_id = Some(session); }
        /// Selects volumes or networks whose label `key` is exactly `value`.
        label(self, key: impl Into<String>, value: impl Into<String>) {
            self.labels.insert(key.into(), value.into());
        }
    }

    /// Returns whether a volume matches this filter.
    pub fn matches_volume(&self, volume: &Volume) -> bool {
        self.fits(&volume.name, volume.session_id.as_ref()) && has_labels(&volume.labels, &self.labels)
    }

    /// Returns whether a network matches this filter.
    pub fn matches_network(&self, network: &Network) -> bool {
        self.fits(&network.name, network.session_id.as_ref()) && has_labels(&network.labels, &self.labels)
    }

    fn fits(&self, name: &str, session: Option<&SessionId>) -> bool {
        self.name.as_ref().is_none_or(|required| required == name)
            && (self.session_id.is_none() || self.session_id.as_ref() == session)
    }
}

pub(crate) fn has_labels(labels: &BTreeMap<String, String>, required: &BTreeMap<String, String>) -> bool {
    required.iter().all(|(key, value)| labels.get(key) == Some(value))
}
