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

            /// Returns the name of the kind in JSON, such as `container:started`.
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
    /// The container's main process exited, for any reason. The event contains the exit code if the engine reports
    /// one.
    Stopped = "container:stopped",
    /// The container was removed.
    Removed = "container:removed",
    /// The container is healthy: its health check passed for the first time, or passed again.
    Healthy = "container:healthy",
    /// The container is unhealthy: too many health checks in a row failed.
    Unhealthy = "container:unhealthy",
    /// The container ran out of memory.
    OutOfMemory = "container:oom",
    /// The container was paused.
    Paused = "container:paused",
    /// The container was resumed.
    Unpaused = "container:unpaused",
    /// A command was started in the container.
    Exec = "container:exec",
    /// Events may be missing at this point of the stream, because the engine did not keep them. To resynchronise,
    /// list the containers.
    Gap = "events:gap",
}

text_form!(EventKind, "event kind");

/// The kind of an event, and the data that events of this kind have. In JSON, the field `kind` contains the name of
/// the [`EventKind`].
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
        /// The exit code of the main process; `None` if the engine does not report the exit code.
        exit_code: Option<i64>,
    },
    /// The container was removed.
    #[serde(rename = "container:removed")]
    Removed(EventContainer),
    /// The container is healthy: its health check passed for the first time, or passed again.
    #[serde(rename = "container:healthy")]
    Healthy(EventContainer),
    /// The container is unhealthy: too many health checks in a row failed.
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
    /// Events may be missing at this point of the stream; see [`EventKind::Gap`].
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
    /// The container's name; `None` if the engine does not report the name.
    pub name: Option<String>,
    /// The session that the container belongs to; `None` if the engine does not report the session.
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
    /// Creates the data of an event about `container`. The event has the kind `kind`. `exit_code` is used only for
    /// [`EventKind::Stopped`]. `container` is ignored for [`EventKind::Gap`].
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

    /// Returns the kind of the event, and the container that the event is about; `None` for a gap.
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

/// An event about a container in the driver's namespace, or a gap in the event stream.
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
    /// The time of the event, according to the engine's clock.
    #[serde(with = "millis::time")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub time: SystemTime,
    /// The position of the event in the event stream. To resume the stream after this event, pass the cursor to
    /// [`EventFilter::after`].
    pub cursor: EventCursor,
    /// The event's kind and the data of that kind.
    #[serde(flatten)]
    pub data: EventData,
}

impl Event {
    /// Creates an `Event` value from a time, a cursor and event data.
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

/// Selects the events that [`events`](crate::ContainerDriver::events) returns. An event must match every field that
/// is set. The default filter matches all events that happen after the call of `events`.
///
/// To resume where an earlier stream stopped, keep the [cursor](Event::cursor) of the last event that the program has
/// handled. Pass the cursor to [`after`](Self::after) in the filter of the new stream. The new stream returns every
/// event after the cursor exactly once.
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
    /// If set, only events of this session's containers match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// If set, only events of this container match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerId>,
    /// If not empty, only events of these kinds match. If empty, events of all kinds match. Gaps always match.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<EventKind>,
    /// Only events of containers that have all of these labels, with exactly these values, match.
    #[serde(rename = "label", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// If set, only events at or after this time match. The time may be in the past. In JSON, the time has
    /// millisecond precision. Therefore a stream that resumes from the time of an event may repeat other events of
    /// the same millisecond. To avoid repeated events, use `after` instead.
    #[serde(with = "millis::optional_time", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub since: Option<SystemTime>,
    /// If set, only events after this cursor match. Cannot be combined with `since`.
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
        /// Adds `kind` to the kinds of events that are selected. Kinds that are not added are excluded.
        kind(self, kind: EventKind) { self.kinds.push(kind); }
        /// Selects events of containers whose label `key` is exactly `value`.
        label(self, key: impl Into<String>, value: impl Into<String>) {
            self.labels.insert(key.into(), value.into());
        }
        /// Selects events at or after `time`, and sets `after` to `None`.
        since(self, time: SystemTime) { (self.since, self.after) = (Some(time), None); }
        /// Selects events after `cursor`, and sets `since` to `None`.
        after(self, cursor: EventCursor) { (self.since, self.after) = (None, Some(cursor)); }
    }

    /// Returns whether an event matches this filter. The fields `since` and `after` are ignored. A gap always
    /// matches.
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
