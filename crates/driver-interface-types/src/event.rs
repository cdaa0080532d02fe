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
            /// All kinds of events.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Returns the name of the kind on the wire.
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
    /// The container's main process exited, for any reason; the event has the exit code.
    Stopped = "container:stopped",
    /// The container was removed.
    Removed = "container:removed",
    /// The container's health check passes (again).
    Healthy = "container:healthy",
    /// The container's health check has failed too many times in a row.
    Unhealthy = "container:unhealthy",
    /// The container ran out of memory.
    OutOfMemory = "container:oom",
    /// The container was paused.
    Paused = "container:paused",
    /// The container was resumed.
    Unpaused = "container:unpaused",
    /// A command was started in the container.
    Exec = "container:exec",
    /// Events may be missing at this point because the engine did not keep them; list the containers to resynchronise.
    Gap = "events:gap",
}

text_form!(EventKind, "event kind");

/// The kind of an event, with the data of that kind. In JSON, the field `kind` contains the name of the
/// [`EventKind`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind")]
#[non_exhaustive]
pub enum EventData {
    /// A container was created.
    #[serde(rename = "container:created")]
    Created(EventContainer),
    /// The container's main process started.
    #[serde(rename = "container:started")]
    Started(EventContainer),
    /// The container's main process exited, for any reason.
    #[serde(rename = "container:stopped", rename_all = "camelCase")]
    Stopped {
        /// The container whose main process exited.
        #[serde(flatten)]
        container: EventContainer,
        /// The exit code; `None` if the engine does not report it.
        exit_code: Option<i64>,
    },
    /// The container was removed.
    #[serde(rename = "container:removed")]
    Removed(EventContainer),
    /// The container's health check passes (again).
    #[serde(rename = "container:healthy")]
    Healthy(EventContainer),
    /// The container's health check has failed too many times in a row.
    #[serde(rename = "container:unhealthy")]
    Unhealthy(EventContainer),
    /// The container ran out of memory.
    #[serde(rename = "container:oom")]
    OutOfMemory(EventContainer),
    /// The container was paused.
    #[serde(rename = "container:paused")]
    Paused(EventContainer),
    /// The container was resumed.
    #[serde(rename = "container:unpaused")]
    Unpaused(EventContainer),
    /// A command was started in the container.
    #[serde(rename = "container:exec")]
    Exec(EventContainer),
    /// Events may be missing at this point; see [`EventKind::Gap`].
    #[serde(rename = "events:gap")]
    Gap,
}

/// The container that an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EventContainer {
    /// The container's id.
    #[serde(rename = "containerId")]
    pub id: ContainerId,
    /// The container's name, if the engine reports it.
    pub name: Option<String>,
    /// The session that the container belongs to; `None` if the engine does not report it.
    pub session_id: Option<SessionId>,
    /// The labels from the container's config, without the labels that the driver adds.
    pub labels: BTreeMap<String, String>,
}

impl EventContainer {
    /// Creates an `EventContainer` with only the container's id set. Drivers fill in the other fields.
    pub fn new(id: ContainerId) -> Self {
        Self {
            id,
            name: None,
            session_id: None,
            labels: BTreeMap::new(),
        }
    }
}

impl EventData {
    /// Creates the data of an event of the kind `kind` about `container`. `exit_code` is used only for
    /// [`EventKind::Stopped`]; `container` is not used for [`EventKind::Gap`].
    pub fn of_container(kind: EventKind, container: EventContainer, exit_code: Option<i64>) -> Self {
        match kind {
            EventKind::Created => Self::Created(container),
            EventKind::Started => Self::Started(container),
            EventKind::Stopped => Self::Stopped { container, exit_code },
            EventKind::Removed => Self::Removed(container),
            EventKind::Healthy => Self::Healthy(container),
            EventKind::Unhealthy => Self::Unhealthy(container),
            EventKind::OutOfMemory => Self::OutOfMemory(container),
            EventKind::Paused => Self::Paused(container),
            EventKind::Unpaused => Self::Unpaused(container),
            EventKind::Exec => Self::Exec(container),
            EventKind::Gap => Self::Gap,
        }
    }

    /// Returns the kind of the event and its container.
    fn parts(&self) -> (EventKind, Option<&EventContainer>) {
        match self {
            Self::Created(container) => (EventKind::Created, Some(container)),
            Self::Started(container) => (EventKind::Started, Some(container)),
            Self::Stopped { container, .. } => (EventKind::Stopped, Some(container)),
            Self::Removed(container) => (EventKind::Removed, Some(container)),
            Self::Healthy(container) => (EventKind::Healthy, Some(container)),
            Self::Unhealthy(container) => (EventKind::Unhealthy, Some(container)),
            Self::OutOfMemory(container) => (EventKind::OutOfMemory, Some(container)),
            Self::Paused(container) => (EventKind::Paused, Some(container)),
            Self::Unpaused(container) => (EventKind::Unpaused, Some(container)),
            Self::Exec(container) => (EventKind::Exec, Some(container)),
            Self::Gap => (EventKind::Gap, None),
        }
    }
}

/// An event in the driver's namespace.
///
/// ```
/// use driver_interface_types::{Event, EventData};
///
/// fn log(event: &Event) {
///     match &event.data {
///         EventData::Stopped { container, exit_code } => println!("{} exited with {exit_code:?}", container.id),
///         EventData::Gap => println!("events may be missing"),
///         _ => println!("{}", event.kind()),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Event {
    /// When the event happened, by the engine's clock.
    #[serde(with = "millis::time")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub time: SystemTime,
    /// The position of the event in the event stream, to pass to [`EventFilter::after`].
    pub cursor: EventCursor,
    /// The event's kind and the data of that kind.
    #[serde(flatten)]
    pub data: EventData,
}

impl Event {
    /// Creates an `Event` value from its time, cursor and data.
    pub fn new(time: SystemTime, cursor: EventCursor, data: EventData) -> Self {
        Self { time, cursor, data }
    }

    /// Returns the kind of the event.
    pub fn kind(&self) -> EventKind {
        self.data.parts().0
    }

    /// Returns the container that the event is about; `None` only for a gap.
    pub fn container(&self) -> Option<&EventContainer> {
        self.data.parts().1
    }

    /// Returns the id of the container that the event is about; `None` only for a gap.
    pub fn container_id(&self) -> Option<&ContainerId> {
        self.container().map(|container| &container.id)
    }

    /// Returns the main process's exit code; `None` if the event is not of the kind [`EventKind::Stopped`], or if the
    /// exit code is unknown.
    pub fn exit_code(&self) -> Option<i64> {
        match self.data {
            EventData::Stopped { exit_code, .. } => exit_code,
            _ => None,
        }
    }
}

/// Selects the events that [`events`](crate::ContainerDriver::events) returns. An event must match every field
/// that is set; the default matches all events from now on.
///
/// To resume where an earlier stream stopped, keep the [cursor](Event::cursor) of the last event that was handled,
/// and pass it to [`after`](Self::after). The new stream then returns every event after the cursor exactly once.
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
    /// Only events of this container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerId>,
    /// Only events of these kinds; all kinds if empty. Gaps are always returned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<EventKind>,
    /// Only events of containers with all of these labels, each with exactly the given value.
    #[serde(rename = "label", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Only events from this time on, even if the time is in the past. The time has millisecond precision on the
    /// wire, so a stream that resumes from a time may repeat events of that millisecond. To avoid this, use `after`.
    #[serde(with = "millis::optional_time", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub since: Option<SystemTime>,
    /// Only events after this cursor. Cannot be combined with `since`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(custom(one(|_: &Option<EventCursor>| rules::one_start(self)))))]
    pub after: Option<EventCursor>,
}

impl EventFilter {
    crate::setters! {
        /// Selects events of the containers of this session.
        session(self, session: SessionId) { self.session_id = Some(session); }
        /// Selects events of the container with this id.
        container(self, id: ContainerId) { self.container = Some(id); }
        /// Adds a kind of event to select; other kinds are excluded unless added too.
        kind(self, kind: EventKind) { self.kinds.push(kind); }
        /// Selects events of containers whose label `key` is exactly `value`.
        label(self, key: impl Into<String>, value: impl Into<String>) {
            self.labels.insert(key.into(), value.into());
        }
        /// Selects events from `time` on, and unsets `after`.
        since(self, time: SystemTime) { (self.since, self.after) = (Some(time), None); }
        /// Selects events after `cursor`, and unsets `since`.
        after(self, cursor: EventCursor) { (self.since, self.after) = (None, Some(cursor)); }
    }

    /// Returns whether an event matches this filter. `since` and `after` are ignored, and a gap always matches.
    pub fn matches(&self, event: &Event) -> bool {
        let (kind, container) = event.data.parts();
        let Some(container) = container else {
            return true;
        };
        self.container.as_ref().is_none_or(|id| *id == container.id)
            && (self.session_id.is_none() || self.session_id == container.session_id)
            && (self.kinds.is_empty() || self.kinds.contains(&kind))
            && has_labels(&container.labels, &self.labels)
    }
}
