//! Conversion of the engine's events, and cursors into the event stream.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use driver_interface_kit::{Ownership, session_of};
use driver_interface_types::{ContainerId, Event, EventContainer, EventCursor, EventData, EventKind};
use serde::Deserialize;

use super::labels;
use super::records::{Labels, nullable};

/// An event as sent by the engine.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EventRecord {
    #[serde(rename = "Action", deserialize_with = "nullable")]
    action: String,
    #[serde(rename = "Actor", deserialize_with = "nullable")]
    actor: ActorRecord,
    #[serde(rename = "timeNano", deserialize_with = "nullable")]
    nanos: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ActorRecord {
    #[serde(rename = "ID", deserialize_with = "nullable")]
    id: String,
    /// The container's labels and name, and the attributes of the event.
    #[serde(deserialize_with = "nullable")]
    attributes: Labels,
}

/// A position in the event stream: after an event, or before all events since a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// Nanoseconds since the epoch, by the engine's clock.
    pub(crate) nanos: u64,
    /// A number that distinguishes the event from other events with the same time. `None` if the position is a point
    /// in time.
    pub(crate) key: Option<u32>,
}

/// The reason why a container's process was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    OutOfMemory,
    /// A client requested that the engine kill the process.
    Killed,
}

const FROM: &str = "from";

impl Position {
    /// Returns the position before all events since a point in time.
    pub(crate) fn from_time(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            nanos: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX),
            key: None,
        }
    }

    pub(crate) fn parse(cursor: &EventCursor) -> Option<Self> {
        let (nanos, key) = cursor.as_str().split_once('-')?;
        let key = match key {
            FROM => None,
            key => Some(u32::from_str_radix(key, 16).ok()?),
        };
        Some(Self {
            nanos: nanos.parse().ok()?,
            key,
        })
    }

    pub(crate) fn time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.nanos)
    }

    fn cursor(self) -> Option<EventCursor> {
        let text = match self.key {
            None => format!("{}-{FROM}", self.nanos),
            Some(key) => format!("{}-{key:08x}", self.nanos),
        };
        EventCursor::new(text).ok()
    }

    /// Returns the event that reports a gap in the event stream at this position.
    pub(crate) fn gap(self) -> Option<Event> {
        Some(Event::new(self.time(), self.cursor()?, EventData::Gap))
    }
}

impl EventRecord {
    pub(crate) fn position(&self) -> Position {
        let words = [self.actor.id.as_bytes(), b" ", self.action.as_bytes()].concat();
        Position {
            nanos: self.nanos,
            key: Some(fingerprint(&words)),
        }
    }

    /// Returns why a process was killed, or `None` for any other event.
    pub(crate) fn reason(&self) -> Option<Reason> {
        let signal = self.actor.attributes.get("signal").map(String::as_str);
        match self.action.as_str() {
            "oom" => Some(Reason::OutOfMemory),
            "kill" if signal == Some("9") => Some(Reason::Killed),
            _ => None,
        }
    }

    /// Converts an event of a container of this namespace. Returns `None` for other containers, and for events
    /// that the interface does not report.
    pub(crate) fn event(&self, ownership: &Ownership) -> Option<Event> {
        let attributes = &self.actor.attributes;
        let name = attributes.get("name").map_or("", String::as_str);
        if !labels::owns_container(ownership, name, attributes) {
            return None;
        }
        let position = self.position();
        let mut container = EventContainer::new(ContainerId::new(self.actor.id.as_str()).ok()?);
        container.name = attributes.get("name").cloned();
        container.session_id = session_of(attributes);
        container.labels = labels::of_config(attributes);
        let code = attributes
            .get("exitCode")
            .or_else(|| attributes.get("containerExitCode"));
        let code = code.and_then(|code| code.parse().ok());
        let data = EventData::of_container(kind(&self.action, attributes)?, container, code);
        Some(Event::new(position.time(), position.cursor()?, data))
    }
}

/// Computes the FNV-1a hash. The hash is the same in every program, and sufficient to distinguish events of the same
/// nanosecond.
fn fingerprint(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash: u32, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

/// Returns the kind of event for an engine's action, or `None` if the interface does not report such events. Podman's
/// actions `died` and `remove` correspond to Docker's `die` and `destroy`.
fn kind(action: &str, attributes: &Labels) -> Option<EventKind> {
    let (word, detail) = match action.split_once(':') {
        Some((word, detail)) => (word, detail.trim()),
        None => (action, ""),
    };
    Some(match word {
        "create" => EventKind::Created,
        "start" => EventKind::Started,
        "die" | "died" => EventKind::Stopped,
        "destroy" | "remove" => EventKind::Removed,
        "pause" => EventKind::Paused,
        "unpause" => EventKind::Unpaused,
        "oom" => EventKind::OutOfMemory,
        "exec_start" | "exec" => EventKind::Exec,
        "health_status" => {
            let reported = attributes.get("health_status").map(String::as_str);
            match if detail.is_empty() {
                reported.unwrap_or("")
            } else {
                detail
            } {
                "healthy" => EventKind::Healthy,
                "unhealthy" => EventKind::Unhealthy,
                _ => return None,
            }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::labels::tests::{labels_of, ownership};
    use driver_interface_types::ContainerConfig;

    fn record(action: &str, more: &[(&str, &str)]) -> EventRecord {
        let config = ContainerConfig::new("s1", "busybox").label("team", "core");
        let mut attributes = labels_of(&ownership("a"), &config, "web", None);
        attributes.insert("name".to_owned(), "web".to_owned());
        attributes.insert("image".to_owned(), "busybox".to_owned());
        for (key, value) in more {
            attributes.insert((*key).to_owned(), (*value).to_owned());
        }
        EventRecord {
            action: action.to_owned(),
            actor: ActorRecord {
                id: "a".repeat(64),
                attributes,
            },
            nanos: 1_795_615_643_264_591_576,
        }
    }

    #[test]
    fn both_engines_map_to_the_same_kinds() {
        use EventKind::*;
        for (action, expected) in [
            ("create", Some(Created)),
            ("start", Some(Started)),
            ("die", Some(Stopped)),
            ("died", Some(Stopped)),
            ("destroy", Some(Removed)),
            ("remove", Some(Removed)),
            ("exec_start: sh -c x", Some(Exec)),
            ("health_status: healthy", Some(Healthy)),
            ("health_status: unhealthy", Some(Unhealthy)),
            ("health_status: starting", None),
            ("oom", Some(OutOfMemory)),
            ("kill", None),
            ("init", None),
            ("exec_die", None),
        ] {
            let event = record(action, &[]).event(&ownership("a"));
            assert_eq!(event.map(|event| event.kind()), expected, "{action}");
        }
    }

    #[test]
    fn event_has_container_and_exit_code() {
        let event = record("die", &[("exitCode", "137")])
            .event(&ownership("a"))
            .unwrap();
        let container = event.container().unwrap();
        assert_eq!(
            (event.exit_code(), container.name.as_deref()),
            (Some(137), Some("web"))
        );
        assert_eq!(container.session_id.as_ref().unwrap().as_str(), "s1");
        assert_eq!(container.labels.get("team").map(String::as_str), Some("core"));
        assert_eq!(container.labels.len(), 1);
    }

    #[test]
    fn events_of_other_namespaces_are_ignored() {
        assert!(record("start", &[]).event(&ownership("b")).is_none());
    }

    #[test]
    fn cursor_round_trips_position() {
        let event = record("start", &[]).event(&ownership("a")).unwrap();
        assert_eq!(
            Position::parse(&event.cursor),
            Some(record("start", &[]).position())
        );
        let from = Position::from_time(UNIX_EPOCH + Duration::from_secs(7));
        assert_eq!(Position::parse(&from.gap().unwrap().cursor), Some(from));
        for text in ["x", "1", "1-zz", "-1", "x-from"] {
            let cursor = EventCursor::new(text);
            assert!(
                cursor.is_err() || Position::parse(&cursor.unwrap()).is_none(),
                "{text}"
            );
        }
    }
}
