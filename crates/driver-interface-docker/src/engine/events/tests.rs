use super::*;
use crate::engine::{ApiVersion, Flavour};
use crate::translate::records::StateRecord;
use crate::wire::Address;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

const STARTED: &str = "2026-11-25T23:37:01.25Z";
const PATIENCE: Duration = Duration::from_millis(500);

fn killed() -> ContainerRecord {
    ContainerRecord {
        id: "a".repeat(64),
        state: StateRecord {
            status: "exited".to_owned(),
            exit_code: 137,
            started_at: STARTED.to_owned(),
            finished_at: "2026-11-25T23:37:02.5Z".to_owned(),
            ..StateRecord::default()
        },
        ..ContainerRecord::default()
    }
}

fn event(action: &str, signal: &str) -> String {
    let actor = serde_json::json!({"ID": "a".repeat(64), "Attributes": {"signal": signal}});
    serde_json::json!({"Type": "container", "Action": action, "Actor": actor, "timeNano": 1}).to_string()
}

/// What is made of a record when the engine answers with these events, and what it was asked for, if it was.
async fn asked(
    flavour: Flavour,
    record: &ContainerRecord,
    events: &[String],
    stays_open: bool,
) -> (bool, Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let body = format!(
        "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n\r\n{}",
        events.join("\n")
    );
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 8192];
        let read = stream.read(&mut head).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        let open = stays_open.then_some(stream);
        (String::from_utf8_lossy(&head[..read]).into_owned(), open)
    });
    let engine = Engine::new(Address::Unix(socket), &ApiVersion::new(1, 41), flavour);
    let told = engine.ran_out_of_memory(record, PATIENCE).await;
    let head = timeout(PATIENCE / 5, served).await.ok();
    (told, head.map(|served| served.unwrap().0))
}

#[tokio::test]
async fn memory_that_ran_out_is_found_in_the_events_of_the_run() {
    let told = [event("kill", "15"), event("oom", "")];
    let (out, head) = asked(Flavour::Docker, &killed(), &told, true).await;
    assert!(out);
    let head = head.unwrap();
    for part in [
        "since=1795649821.25",
        "until=1795649823.5",
        "oom",
        "kill",
        &"a".repeat(64),
    ] {
        assert!(head.contains(part), "{part} in {head}");
    }
}

#[tokio::test]
async fn a_kill_that_somebody_wanted_is_not_waited_about() {
    let began = Instant::now();
    let (out, _) = asked(Flavour::Docker, &killed(), &[event("kill", "9")], true).await;
    assert!(!out && began.elapsed() < PATIENCE);
}

#[tokio::test]
async fn without_a_word_it_is_not_taken_for_memory() {
    assert!(!asked(Flavour::Docker, &killed(), &[], false).await.0);
    assert!(
        !asked(Flavour::Docker, &killed(), &[], true).await.0,
        "and an engine that says nothing is left"
    );
}

#[tokio::test]
async fn only_a_killed_run_of_which_nothing_is_known_is_asked_about() {
    let out = [event("oom", "")];
    let with = |change: fn(&mut StateRecord)| {
        let mut record = killed();
        change(&mut record.state);
        record
    };
    for record in [
        with(|state| state.exit_code = 1),
        with(|state| state.oom_killed = true),
        with(|state| state.status = "running".to_owned()),
        with(|state| state.finished_at = "0001-01-01T00:00:00Z".to_owned()),
    ] {
        assert_eq!(asked(Flavour::Docker, &record, &out, false).await, (false, None));
    }
    assert_eq!(
        asked(Flavour::Podman, &killed(), &out, false).await,
        (false, None)
    );
}
