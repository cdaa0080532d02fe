//! What happens to containers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::filter::has_labels;
use crate::{ContainerId, EventCursor, SessionId, millis};

macro_rules! kinds {
    ($($(#[$docs:meta])+ $name:ident = $text:literal,)+) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[non_exhaustive]
        pub enum EventKind {
            $($(#[$docs])+ #[serde(rename = $text)] $name,)+
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name on the wire.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

kinds! {
    /// A container was made.
    Created = "container:created",
    /// Its main process runs.
    Started = "container:started",
    /// Its main process ended, for whatever reason; the event has the exit code.
    Stopped = "container:stopped",
    /// It was removed.
    Removed = "container:removed",
    /// Its health check passes (again).
    Healthy = "container:healthy",
    /// Its health check has failed as often as it may.
    Unhealthy = "container:unhealthy",
    /// It ran out of memory.
    OutOfMemory = "container:oom",
    /// It was frozen.
    Paused = "container:paused",
    /// It goes on.
    Unpaused = "container:unpaused",
    /// A command was started in it.
    Exec = "container:exec",
    /// Events may be missing here, because the engine did not keep them: list what there is.
    Gap = "events:gap",
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that happened to a container of the driver's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// When, by the engine's clock.
    #[serde(with = "millis::time")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub time: SystemTime,
    /// Where in the stream it stands, for [`EventFilter::after`].
    pub cursor: EventCursor,
    /// The container. Only a gap has none.
    pub container_id: Option<ContainerId>,
    /// The container's name.
    pub name: Option<String>,
    /// The session it belongs to.
    pub session_id: Option<SessionId>,
    /// The labels its config gave it, without the drivers' own.
    pub labels: BTreeMap<String, String>,
    /// How its main process ended: with [`EventKind::Stopped`] only.
    pub exit_code: Option<i64>,
}

impl Event {
    /// An event of which only kind and place are known. Drivers fill in the rest.
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

/// Which events [`events`](crate::ContainerDriver::events) gives. Everything given must hold; nothing given
/// means all from now on.
///
/// To go on where an earlier stream stopped, keep the [cursor](Event::cursor) of the last event that was dealt
/// with: what comes after it is given once, and what came up to it is not given again.
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct EventFilter {
    /// Only events of this session's containers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// Only events of this container, by whole id or exact name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerId>,
    /// Only these kinds; all where there are none. Gaps are always given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<EventKind>,
    /// Only containers with all of these labels, each with exactly this value.
    #[serde(rename = "label", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// From this time on, what has happened already included. Whole milliseconds on the wire, so a stream that
    /// goes on from a time may give events of that millisecond twice; a cursor does not.
    #[serde(with = "millis::optional_time", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub since: Option<SystemTime>,
    /// After this event. Not together with `since`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<EventCursor>,
}

impl EventFilter {
    /// Keeps only events of a session's containers.
    #[must_use]
    pub fn session(mut self, session: SessionId) -> Self {
        self.session_id = Some(session);
        self
    }

    /// Keeps only events of a container.
    #[must_use]
    pub fn container(mut self, id: ContainerId) -> Self {
        self.container = Some(id);
        self
    }

    /// Keeps events of one more kind, and only those that are named.
    #[must_use]
    pub fn kind(mut self, kind: EventKind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// Keeps only events of containers whose label `key` is exactly `value`.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Begins at `time`.
    #[must_use]
    pub fn since(mut self, time: SystemTime) -> Self {
        (self.since, self.after) = (Some(time), None);
        self
    }

    /// Begins after the event of a cursor.
    #[must_use]
    pub fn after(mut self, cursor: EventCursor) -> Self {
        (self.since, self.after) = (None, Some(cursor));
        self
    }

    /// Whether an event passes, wherever in the stream it stands.
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
