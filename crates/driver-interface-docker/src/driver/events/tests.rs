use super::*;
use crate::dialect::Dialect;
use crate::engine::ApiVersion;
use crate::translate::labels::tests::{labels_of, ownership};
use crate::wire::{Address, Wire};
use driver_interface_types::{ContainerConfig, EventKind};
use serde_json::json;
use std::path::PathBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

/// A scripted engine's reaction to a connection.
enum Step {
    /// Sends events, and closes the connection.
    Ends(Vec<String>),
    /// Sends events, and keeps the connection open.
    Stays(Vec<String>),
    /// Breaks the connection in the middle of an event.
    Breaks(Vec<String>),
    /// Refuses the connection, like an engine that is still starting.
    Drops,
}

fn event(nanos: u64, action: &str) -> String {
    let config = ContainerConfig::new("s1", "busybox");
    let mut attributes = labels_of(&ownership("a"), &config, "web", None);
    attributes.insert("name".to_owned(), "web".to_owned());
    let actor = json!({"ID": "a".repeat(64), "Attributes": attributes});
    json!({"Type": "container", "Action": action, "Actor": actor, "timeNano": nanos}).to_string()
}

/// Starts a fake engine that performs one of `steps` per connection. The returned task returns the request targets
/// that the engine received.
fn engine(
    directory: &tempfile::TempDir,
    dialect: &'static Dialect,
    steps: Vec<Step>,
) -> (Engine, JoinHandle<Vec<String>>) {
    let socket: PathBuf = directory.path().join("engine.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let served = tokio::spawn(async move {
        let (mut requested, mut open) = (Vec::new(), Vec::new());
        for step in steps {
            let (mut stream, _) = listener.accept().await.unwrap();
            if matches!(step, Step::Drops) {
                continue;
            }
            let mut head = vec![0; 8192];
            let read = stream.read(&mut head).await.unwrap();
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            requested.push(head.split(' ').nth(1).unwrap().to_owned());
            let (events, cut) = match &step {
                Step::Ends(events) | Step::Stays(events) => (events.join("\n"), ""),
                Step::Breaks(events) => (events.join("\n"), "{\"Type\":"),
                Step::Drops => continue,
            };
            let body = format!("HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n\r\n{events}{cut}");
            stream.write_all(body.as_bytes()).await.unwrap();
            if matches!(step, Step::Stays(_)) {
                open.push(stream);
            }
        }
        // Keep the last connections open until the end of the test.
        std::mem::forget(open);
        requested
    });
    let engine = Engine::new(
        &Wire::new(Address::Unix(socket)).unwrap(),
        &ApiVersion::new(1, 41),
        dialect,
    );
    (engine, served)
}

async fn take(feed: &mut Feed, count: usize) -> Vec<(EventKind, u64)> {
    let mut taken = Vec::new();
    for _ in 0..count {
        let event = feed.next().await.unwrap();
        let position = Position::parse(&event.cursor).unwrap();
        taken.push((event.kind(), position.nanos));
    }
    taken
}

fn feed(engine: Engine, position: Position) -> Feed {
    Feed::new(engine, ownership("a"), EventFilter::default(), position)
}

const START: Position = Position {
    nanos: 5_000,
    key: None,
};

#[tokio::test]
async fn reconnects_without_gap_or_duplicate() {
    let directory = tempfile::tempdir().unwrap();
    let steps = vec![
        Step::Ends(vec![event(10_000, "create"), event(20_000, "start")]),
        Step::Drops,
        // The engine resends the events that it still has.
        Step::Breaks(vec![
            event(10_000, "create"),
            event(20_000, "start"),
            event(30_000, "pause"),
        ]),
        Step::Stays(vec![
            event(30_000, "pause"),
            event(30_000, "unpause"),
            event(40_000, "die"),
        ]),
    ];
    let (engine, served) = engine(&directory, Dialect::DOCKER, steps);
    let mut feed = feed(engine, START);
    feed.begin(true).await.unwrap();
    use EventKind::*;
    assert_eq!(
        take(&mut feed, 5).await,
        [
            (Created, 10_000),
            (Started, 20_000),
            (Paused, 30_000),
            (Unpaused, 30_000),
            (Stopped, 40_000)
        ]
    );
    let requested = served.await.unwrap();
    assert!(
        requested[0].contains("/events?since=0.000004000&"),
        "{requested:?}"
    );
    // The new request starts well before the last event, so that event must be resent.
    assert!(requested[1].contains("since=0.000000000&"), "{requested:?}");
}

#[tokio::test]
async fn out_of_order_timestamps_lose_no_event() {
    let directory = tempfile::tempdir().unwrap();
    let (early, late) = (event(20_000, "start"), event(30_000, "pause"));
    let steps = vec![
        Step::Ends(vec![event(10_000, "create"), late.clone(), early.clone()]),
        Step::Stays(vec![
            event(10_000, "create"),
            late,
            early,
            event(25_000, "unpause"),
            event(40_000, "die"),
        ]),
    ];
    let (engine, _served) = engine(&directory, Dialect::DOCKER, steps);
    let mut feed = feed(engine, START);
    feed.begin(true).await.unwrap();
    use EventKind::*;
    assert_eq!(
        take(&mut feed, 5).await,
        [
            (Created, 10_000),
            (Paused, 30_000),
            (Started, 20_000),
            (Unpaused, 25_000),
            (Stopped, 40_000)
        ]
    );
}

#[tokio::test]
async fn lost_history_reports_a_gap() {
    let directory = tempfile::tempdir().unwrap();
    let steps = vec![
        Step::Ends(vec![event(10_000, "create")]),
        Step::Stays(vec![event(50_000, "die")]),
    ];
    let (engine, _served) = engine(&directory, Dialect::DOCKER, steps);
    let mut feed = feed(engine, START);
    feed.begin(true).await.unwrap();
    use EventKind::*;
    assert_eq!(
        take(&mut feed, 3).await,
        [(Created, 10_000), (Gap, 10_000), (Stopped, 50_000)]
    );
}

#[tokio::test]
async fn lost_history_of_idle_engine_reports_a_gap() {
    let directory = tempfile::tempdir().unwrap();
    let steps = vec![Step::Ends(vec![event(10_000, "create")]), Step::Stays(vec![])];
    let (engine, _served) = engine(&directory, Dialect::DOCKER, steps);
    let mut feed = feed(engine, START);
    feed.begin(true).await.unwrap();
    assert_eq!(
        take(&mut feed, 2).await,
        [(EventKind::Created, 10_000), (EventKind::Gap, 10_000)]
    );
}

#[tokio::test]
async fn since_reports_a_gap_unless_history_reaches_back() {
    for (memory, gaps) in [(vec![event(1_000, "create")], 0), (vec![], 1)] {
        let directory = tempfile::tempdir().unwrap();
        let steps = vec![Step::Stays(vec![event(10_000, "die")]), Step::Ends(memory)];
        let (engine, _served) = engine(&directory, Dialect::DOCKER, steps);
        let mut feed = feed(engine, START);
        feed.begin(false).await.unwrap();
        let taken = take(&mut feed, gaps + 1).await;
        assert_eq!(taken[0].0 == EventKind::Gap, gaps == 1);
        assert_eq!(taken.last(), Some(&(EventKind::Stopped, 10_000)));
    }
}

#[tokio::test(start_paused = true)]
async fn unreachable_engine_ends_the_stream() {
    let directory = tempfile::tempdir().unwrap();
    let gone = Address::Unix(directory.path().join("nothing.sock"));
    let engine = Engine::new(
        &Wire::new(gone).unwrap(),
        &ApiVersion::new(1, 41),
        Dialect::PODMAN,
    );
    let mut feed = feed(engine, START);
    feed.begin(true).await.unwrap();
    let error = feed.next().await.unwrap_err();
    assert_eq!(error.code(), "CONNECTION_ERROR");
}
