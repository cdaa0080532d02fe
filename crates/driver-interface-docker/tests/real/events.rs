//! What happens to containers, as the engine tells it.

use std::time::{Duration, SystemTime};

use driver_interface_types::{
    ContainerDriver, Event, EventCursor, EventFilter, EventKind, EventStream, HealthCheck, RemoveOptions,
    SessionId,
};

use super::engine::on_each;

/// Events up to the first one of a kind.
async fn until(stream: &mut EventStream, kind: EventKind) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let next = tokio::time::timeout(Duration::from_secs(20), stream.next()).await;
        let event = next
            .unwrap_or_else(|_| panic!("no {kind} after {events:?}"))
            .unwrap()
            .unwrap();
        let last = event.kind() == kind;
        events.push(event);
        if last {
            return events;
        }
    }
}

fn kinds(events: &[Event]) -> Vec<EventKind> {
    events
        .iter()
        .map(|event| event.kind())
        .filter(|kind| *kind != EventKind::Gap)
        .collect()
}

const LIFE: [EventKind; 4] = [
    EventKind::Created,
    EventKind::Started,
    EventKind::Stopped,
    EventKind::Removed,
];

#[test]
fn a_life_is_told_in_order_once_and_only_to_its_namespace() {
    on_each("events", |bench| async move {
        let mut stream = bench.driver.events(&EventFilter::default()).await.unwrap();
        let name = format!("{}-other", bench.namespace);
        let stranger = bench.in_namespace(&name).await;
        let foreign = stranger.create_container(&bench.config("true")).await.unwrap();
        stranger
            .remove_container(&foreign.id, RemoveOptions::default())
            .await
            .unwrap();
        let ended = bench.ended(&bench.config("exit 7").label("team", "core")).await;
        bench
            .driver
            .remove_container(&ended.id, RemoveOptions::default())
            .await
            .unwrap();
        let events = until(&mut stream, EventKind::Removed).await;
        assert_eq!(kinds(&events), LIFE);
        assert_eq!(events.len(), 4, "{events:?}");
        for event in &events {
            assert_eq!(event.container_id(), Some(&ended.id));
            let container = event.container().unwrap();
            assert_eq!(container.name.as_deref(), Some(ended.name.as_str()));
            assert_eq!(container.session_id, Some(SessionId::new("s1").unwrap()));
            assert_eq!(container.labels.get("team").map(String::as_str), Some("core"));
        }
        assert_eq!(events[2].exit_code(), Some(7));
        assert!(events.windows(2).all(|pair| pair[0].time <= pair[1].time));
    });
}

#[test]
fn one_goes_on_behind_a_cursor_without_gap_or_twin() {
    on_each("event cursor", |bench| async move {
        let before = SystemTime::now();
        let first = bench.ended(&bench.config("true")).await;
        bench
            .driver
            .remove_container(&first.id, RemoveOptions::default())
            .await
            .unwrap();
        let mut all = bench
            .driver
            .events(&EventFilter::default().since(before))
            .await
            .unwrap();
        let events = until(&mut all, EventKind::Removed).await;
        assert_eq!(kinds(&events), LIFE);
        for at in 0..events.len() {
            if events[at].kind() == EventKind::Gap {
                continue;
            }
            let after = EventFilter::default().after(events[at].cursor.clone());
            let mut rest = bench.another().await.events(&after).await.unwrap();
            if at + 1 == events.len() {
                let more = tokio::time::timeout(Duration::from_millis(2500), rest.next()).await;
                assert!(more.is_err(), "{more:?}");
                continue;
            }
            let got = until(&mut rest, EventKind::Removed).await;
            assert_eq!(got, events[at + 1..], "behind {:?}", events[at]);
        }
    });
}

#[test]
fn filters_choose() {
    on_each("event filters", |bench| async move {
        let only = EventFilter::default()
            .session(SessionId::new("s2").unwrap())
            .kind(EventKind::Created);
        let mut stream = bench.driver.events(&only).await.unwrap();
        bench.created("true").await;
        let mut config = bench.config("true");
        config.session_id = "s2".to_owned();
        let wanted = bench.driver.create_container(&config).await.unwrap();
        let events = until(&mut stream, EventKind::Created).await;
        assert_eq!((events.len(), events[0].container_id()), (1, Some(&wanted.id)));
        let foreign = EventFilter::default().after(EventCursor::new("nonsense").unwrap());
        let error = bench.driver.events(&foreign).await.unwrap_err();
        assert_eq!(error.code(), "CONFIGURATION_ERROR");
    });
}

#[test]
fn health_is_told() {
    on_each("event health", |bench| async move {
        if !bench
            .driver
            .capabilities()
            .supports(driver_interface_types::ConfigFeature::HealthCheck)
        {
            return;
        }
        let mut stream = bench.driver.events(&EventFilter::default()).await.unwrap();
        let check = HealthCheck::shell("test -e /tmp/well")
            .interval(Duration::from_millis(200))
            .retries(1);
        bench
            .run(
                &bench
                    .config("sleep 1; touch /tmp/well; sleep 60")
                    .health_check(check),
            )
            .await;
        until(&mut stream, EventKind::Unhealthy).await;
        until(&mut stream, EventKind::Healthy).await;
    });
}
