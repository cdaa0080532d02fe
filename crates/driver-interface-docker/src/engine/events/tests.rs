use super::*;
use crate::dialect::Dialect;
use crate::engine::ApiVersion;
use crate::wire::{Address, Wire};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

const MAX_WAIT: Duration = Duration::from_millis(500);

fn event(action: &str, signal: &str) -> String {
    let actor = serde_json::json!({"ID": "a".repeat(64), "Attributes": {"signal": signal}});
    serde_json::json!({"Type": "container", "Action": action, "Actor": actor, "timeNano": 1}).to_string()
}

/// The events that a scripted engine still has.
#[derive(Clone, Default)]
struct Events {
    of_the_run: Vec<String>,
    /// Whether the engine still has an event from before the container's run.
    earlier: bool,
    /// Whether the engine keeps the event stream open.
    stays_open: bool,
}

/// Asks the driver whether a killed run ran out of memory. Returns the driver's result, and the requests that the
/// scripted engine received.
async fn requested(dialect: &'static Dialect, events: Events) -> (Option<bool>, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("engine.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let served = tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 8192];
            let read = stream.read(&mut head).await.unwrap();
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let is_of_the_run = head.contains("oom");
            let lines = match is_of_the_run {
                true => events.of_the_run.clone(),
                false => events.earlier.then(|| event("create", "")).into_iter().collect(),
            };
            seen.lock().unwrap().push(head);
            let body = format!("HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n\r\n{}", lines.join("\n"));
            stream.write_all(body.as_bytes()).await.unwrap();
            if is_of_the_run && events.stays_open {
                open.push(stream);
            }
        }
    });
    let engine = Engine::new(
        &Wire::new(Address::Unix(socket)).unwrap(),
        &ApiVersion::new(1, 41),
        dialect,
    );
    let at = |text: &str| time::parse(text).unwrap();
    let (started, finished) = (at("2026-11-25T23:37:01.25Z"), at("2026-11-25T23:37:02.5Z"));
    let reported = engine
        .memory_ran_out(&"a".repeat(64), started, finished, MAX_WAIT)
        .await;
    served.abort();
    let heads = heads.lock().unwrap().clone();
    (reported, heads)
}

#[tokio::test]
async fn oom_event_of_the_run_is_found() {
    let events = Events {
        of_the_run: vec![event("kill", "15"), event("oom", "")],
        stays_open: true,
        ..Events::default()
    };
    let (reported, heads) = requested(Dialect::DOCKER, events).await;
    assert_eq!(reported, Some(true));
    for part in [
        "since=1795649821.25",
        "until=1795649823.5",
        "oom",
        "kill",
        &"a".repeat(64),
    ] {
        assert!(heads[0].contains(part), "{part} in {heads:?}");
    }
}

#[tokio::test]
async fn requested_kill_is_known_at_once_with_full_history() {
    let events = Events {
        of_the_run: vec![event("kill", "9"), event("oom", "")],
        earlier: true,
        stays_open: true,
    };
    let began = Instant::now();
    assert_eq!(requested(Dialect::DOCKER, events).await.0, Some(false));
    assert!(began.elapsed() < MAX_WAIT);
}

#[tokio::test]
async fn lost_events_leave_oom_unknown() {
    for of_the_run in [vec![event("kill", "9")], Vec::new()] {
        let events = |earlier| Events {
            of_the_run: of_the_run.clone(),
            earlier,
            stays_open: false,
        };
        assert_eq!(requested(Dialect::DOCKER, events(false)).await.0, None);
        let was_killed = !of_the_run.is_empty();
        assert_eq!(
            requested(Dialect::DOCKER, events(true)).await.0,
            was_killed.then_some(false)
        );
    }
}

#[tokio::test]
async fn unresponsive_engine_leaves_oom_unknown() {
    let events = Events {
        earlier: true,
        stays_open: true,
        ..Events::default()
    };
    assert_eq!(requested(Dialect::DOCKER, events).await.0, None);
}

#[tokio::test]
async fn podman_is_not_queried_for_oom_events() {
    let events = Events {
        of_the_run: vec![event("oom", "")],
        ..Events::default()
    };
    assert_eq!(requested(Dialect::PODMAN, events).await, (None, Vec::new()));
}
