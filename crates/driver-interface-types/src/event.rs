//! Container events.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::filter::has_labels;
#[cfg(feature = "schema")]
use crate::rules::{self, one};
use crate::text_enum::text_form;
use crate::{ContainerId, EventCursor, SessionId, millis};

macro_rules! kinds {
    ($($(#[$docs:meta])+ $name:ident = $text:literal,)+) => {
        /// The kind of an event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[non_exhaustive]
        pub enum EventKind {
            $($(#[$docs])+ #[serde(rename = $text)] $name,)+
        }

        impl EventKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Returns the name on the wire.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

kinds! {
    /// A container was created.
    Created = "container:created",
    /// The container's main process started.
    Started = "container:started",
    /// The container's main process exited, for whatever reason; the event has the exit code.
    Stopped = "container:stopped",
    /// The container was removed.
    Removed = "container:removed",
    /// The container's health check passes (again).
    Healthy = "container:healthy",
    /// The container's health check has failed as many times in a row as allowed.
    Unhealthy = "container:unhealthy",
    /// The container ran out of memory.
    OutOfMemory = "container:oom",
    /// The container was paused.
    Paused = "container:paused",
    /// The container was resumed.
    Unpaused = "container:unpaused",
    /// A command was started in the container.
    Exec = "container:exec",
    /// Events may be missing at this point because the engine did not keep them; list the containers to
    /// resynchronise.
    Gap = "events:gap",
}

text_form!(EventKind, "event kind");

/// An event of a container in the driver's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Event {
    /// The kind of the event.
    pub kind: EventKind,
    /// When it happened, by the engine's clock.
    #[serde(with = "millis::time")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub time: SystemTime,
    /// The position in the event stream, for [`EventFilter::after`].
    pub cursor: EventCursor,
    /// The container's id; `None` only for a gap.
    pub container_id: Option<ContainerId>,
    /// The container's name.
    pub name: Option<String>,
    /// The session that the container belongs to.
    pub session_id: Option<SessionId>,
    /// The labels from the container's config, without the driver's own.
    pub labels: BTreeMap<String, String>,
    /// The exit code of the main process; only with [`EventKind::Stopped`].
    pub exit_code: Option<i64>,
}

impl Event {
    /// Creates an event from its kind, time and cursor. Drivers fill in the rest.
    pub fn new(kind: EventKind, time: SystemTime, cursor: EventCursor) -> Self {
        Self {
            kind,
            time,
            cursor,
            container_id: None,
            name: None,
            session_id: None,
            labels: BTreeMap::new(),
            exit_code: None,
        }
    }
}

/// Selects the events that [`events`](crate::ContainerDriver::events) returns. An event must match every field
/// that is set; the default matches all events from now on.
///
/// To resume where an earlier stream stopped, keep the [cursor](Event::cursor) of the last event that was handled:
/// later events are returned once, and events up to the cursor are not repeated.
///
/// ```
/// use driver_interface_types::{EventFilter, EventKind, SessionId};
///
/// let ends = EventFilter::default()
///     .session(SessionId::new("build-42")?)
///     .kind(EventKind::Stopped)
///     .kind(EventKind::OutOfMemory);
/// # Ok::<(), driver_interface_types::ConfigurationError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(
    feature = "schema",
    garde(context(rules::RuleContext)),
    garde(allow_unvalidated)
)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct EventFilter {
    /// Only events of this session's containers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// Only events of this container, by full id or exact name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerId>,
    /// Only events of these kinds; all kinds if empty. Gaps are always returned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<EventKind>,
    /// Only events of containers with all of these labels, each with exactly this value.
    #[serde(rename = "label", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Only events from this time on, including past events. The time has millisecond precision on the wire, so a
    /// stream that resumes from a time may repeat events of that millisecond; a cursor avoids this.
    #[serde(with = "millis::optional_time", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub since: Option<SystemTime>,
    /// Only events after this one. Cannot be combined with `since`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(custom(one(|_: &Option<EventCursor>| rules::one_start(self)))))]
    pub after: Option<EventCursor>,
}

impl EventFilter {
    /// Selects events of a session's containers.
    #[must_use]
    pub fn session(mut self, session: SessionId) -> Self {
        self.session_id = Some(session);
        self
    }

    /// Selects events of a container.
    #[must_use]
    pub fn container(mut self, id: ContainerId) -> Self {
        self.container = Some(id);
        self
    }

    /// Adds a kind of event to select; other kinds are excluded unless added too.
    #[must_use]
    pub fn kind(mut self, kind: EventKind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// Selects events of containers whose label `key` is exactly `value`.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Starts at `time`.
    #[must_use]
    pub fn since(mut self, time: SystemTime) -> Self {
        (self.since, self.after) = (Some(time), None);
        self
    }

    /// Starts after the event of a cursor.
    #[must_use]
    pub fn after(mut self, cursor: EventCursor) -> Self {
        (self.since, self.after) = (None, Some(cursor));
        self
    }

    /// Returns whether an event matches, regardless of its position in the stream.
    pub fn matches(&self, event: &Event) -> bool {
        if event.kind == EventKind::Gap {
            return true;
        }
        let of_container = |wanted: &ContainerId| {
            event.container_id.as_ref() == Some(wanted) || event.name.as_deref() == Some(wanted.as_str())
        };
        self.container.as_ref().is_none_or(of_container)
            && (self.session_id.is_none() || self.session_id == event.session_id)
            && (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && has_labels(&event.labels, &self.labels)
    }
}
