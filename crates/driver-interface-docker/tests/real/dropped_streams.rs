//! Dropped copies and event streams.

use std::sync::Arc;
use std::time::Duration;

use driver_interface_types::{
    ByteStream, Bytes, ContainerDriver, ContainerInstance, ContainerStatus, EventFilter, ExecConfig,
    ReadFileOptions, SecurityOptions, TarStream, WriteFile,
};
use futures_util::{StreamExt, stream};
use tokio::time::{sleep, timeout};

use super::engine::{Bench, connections, on_each};
use super::exec::exec;
use super::files::{MIB, path, plain};

/// A directory that the engine can access, and a tmpfs that Docker itself cannot access.
const DIRECTORIES: [&str; 2] = ["/srv", "/tmp"];

async fn writable(bench: &Bench) -> ContainerInstance {
    let config = bench
        .config("echo ready; sleep 600")
        .security(SecurityOptions::default().read_only(false).user("0:0"));
    let made = bench.run(&config).await;
    bench.ready(&made).await;
    for folder in DIRECTORIES {
        let file = WriteFile::new("").create_parents(true);
        let own = path(&format!("{folder}/own"));
        bench.driver.write_file(&made.id, &own, file).await.unwrap();
    }
    made
}

/// Returns the number of processes in the container.
fn processes(bench: &Bench, container: &ContainerInstance) -> usize {
    let top = bench.raw.get(&format!("/containers/{}/top", container.id));
    top["Processes"].as_array().map_or(0, Vec::len)
}

/// Waits until a condition holds.
async fn settles(about: &str, is_settled: impl Fn() -> bool) {
    for _ in 0..150 {
        if is_settled() {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("{about}");
}

/// Runs calls that are dropped and asserts that they leave no processes, connections or resources.
async fn dropping(bench: &Bench, made: &ContainerInstance, calls: impl Future<Output = ()>) {
    let (programs, before) = (processes(bench, made), connections());
    let things = bench.raw.left(&bench.namespace);
    calls.await;
    settles("programs go on in the container", || {
        processes(bench, made) == programs
    })
    .await;
    // Other tests of this process open and close connections too.
    settles("connections stay", || connections() < before + 15).await;
    let now = bench.driver.get_container(&made.id).await.unwrap().unwrap();
    assert_eq!(now.status, ContainerStatus::Running);
    assert_eq!(bench.raw.left(&bench.namespace), things);
}

/// Returns an archive that stalls in the middle of a large file. Dropping it drops `held`.
fn stalled(held: Arc<()>) -> TarStream {
    let mut archive = plain("large", &vec![b'x'; MIB]);
    archive.truncate(512 + MIB / 2);
    let start = stream::iter([Ok(Bytes::from(archive))]);
    ByteStream::new(start.chain(stream::pending()).inspect(move |_| {
        let _ = &held;
    }))
}

#[test]
fn dropped_copy_into_container_ends() {
    on_each("dropped_copy_into_container_ends", async |bench| {
        let made = writable(&bench).await;
        let held = Arc::new(());
        dropping(&bench, &made, async {
            for (moment, folder) in
                (0..20).flat_map(|moment| DIRECTORIES.map(|folder| (moment, path(folder))))
            {
                let archive = stalled(Arc::clone(&held));
                let copy = bench.driver.copy_into_container(&made.id, &folder, archive);
                let late = Duration::from_millis(moment * 15);
                assert!(timeout(late, copy).await.is_err(), "{folder}");
            }
            settles("archives are still read", || Arc::strong_count(&held) == 1).await;
        })
        .await;
        for folder in DIRECTORIES {
            let listed = exec(&bench, &made, ExecConfig::new(["ls", "-A", folder])).await;
            let listed = listed.stdout_text();
            assert!(
                ["own\n", "large\nown\n"].contains(&listed.as_ref()),
                "{folder} has {listed:?}"
            );
            let (at, archive) = (path(folder), plain("small", b"whole"));
            let copy = bench.driver.copy_into_container(&made.id, &at, archive.into());
            copy.await.unwrap();
            let small = path(&format!("{folder}/small"));
            let read = bench
                .driver
                .read_file(&made.id, &small, ReadFileOptions::default());
            assert_eq!(read.await.unwrap(), "whole");
        }
    });
}

#[test]
fn dropped_copy_from_container_ends() {
    on_each("dropped_copy_from_container_ends", async |bench| {
        let made = writable(&bench).await;
        for folder in DIRECTORIES {
            let file = WriteFile::new(vec![b'x'; 8 * MIB]);
            let large = path(&format!("{folder}/large"));
            bench.driver.write_file(&made.id, &large, file).await.unwrap();
        }
        dropping(&bench, &made, async {
            for (moment, folder) in
                (0..20).flat_map(|moment| DIRECTORIES.map(|folder| (moment, path(folder))))
            {
                let copy = bench.driver.copy_from_container(&made.id, &folder);
                let _ = timeout(Duration::from_millis(moment * 5), copy).await;
                let copy = bench.driver.copy_from_container(&made.id, &folder);
                let mut archive = copy.await.unwrap();
                for _ in 0..moment {
                    archive.next().await.unwrap().unwrap();
                }
            }
        })
        .await;
        for folder in DIRECTORIES {
            let folder = path(folder);
            let copy = bench.driver.copy_from_container(&made.id, &folder);
            let whole = copy.await.unwrap().read_all(16 * MIB).await.unwrap();
            assert!(whole.len() > 8 * MIB, "{folder}");
        }
    });
}

#[test]
fn dropped_event_streams_close_their_connections() {
    on_each("dropped_event_streams_close_their_connections", async |bench| {
        let made = writable(&bench).await;
        dropping(&bench, &made, async {
            for moment in 0..40 {
                let late = Duration::from_millis(moment);
                let events = timeout(late, bench.driver.events(&EventFilter::default())).await;
                if let Ok(events) = events {
                    let mut events = events.unwrap();
                    assert!(timeout(late, events.next()).await.is_err());
                }
            }
        })
        .await;
        let mut events = bench.driver.events(&EventFilter::default()).await.unwrap();
        bench.created("true").await;
        let event = timeout(Duration::from_secs(20), events.next()).await.unwrap();
        event.unwrap().unwrap();
    });
}
