//! Streaming container logs.

use std::time::{Duration, Instant, SystemTime};

use driver_interface_types::{
    ContainerDriver, ContainerId, ContainerStatus, LogChunk, LogOptions, LogStream, LogStreamOptions,
};
use tokio::time::{sleep, timeout};

use super::engine::{Bench, connections, on_each};
use super::memory;

const WITHIN: Duration = Duration::from_secs(60);

async fn open(bench: &Bench, id: &ContainerId, options: LogStreamOptions) -> LogStream {
    bench.driver.stream_container_logs(id, options).await.unwrap()
}

async fn all(stream: LogStream) -> Vec<LogChunk> {
    timeout(WITHIN, stream.collect_all()).await.unwrap().unwrap()
}

fn text(chunks: &[LogChunk]) -> String {
    chunks.iter().map(|chunk| chunk.text()).collect()
}

#[test]
fn follow_continues_after_a_pause() {
    on_each("follow_continues_after_a_pause", async |bench| {
        let made = bench
            .running("for i in $(seq 60); do echo $i; sleep 0.1; done")
            .await;
        let mut stream = open(&bench, &made.id, LogStreamOptions::default().follow(true)).await;
        let read = async {
            let mut got = String::new();
            while !got.contains("\n35\n") {
                got += &stream.next().await.unwrap().unwrap().text();
            }
            let now = bench.driver.get_container(&made.id).await.unwrap().unwrap();
            assert!(
                now.exit.is_none(),
                "what came after the pauses came only at the end"
            );
            got + &text(&all(stream).await)
        };
        let (got, ()) = tokio::join!(timeout(WITHIN, read), async {
            for _ in 0..2 {
                sleep(Duration::from_secs(1)).await;
                bench.driver.pause_container(&made.id).await.unwrap();
                sleep(Duration::from_millis(1500)).await;
                bench.driver.unpause_container(&made.id).await.unwrap();
            }
        });
        let expected: String = (1..=60).map(|i| format!("{i}\n")).collect();
        assert_eq!(got.unwrap(), expected);
    });
}

#[test]
fn slow_reader_receives_all_until_the_end_time() {
    on_each("slow_reader_receives_all_until_the_end_time", async |bench| {
        let made = bench.running("seq 300000; while :; do sleep 1; done").await;
        let until = SystemTime::now() + Duration::from_secs(4);
        let options = LogStreamOptions::default().follow(true).until(until);
        let mut stream = open(&bench, &made.id, options).await;
        let first = timeout(WITHIN, stream.next()).await.unwrap().unwrap().unwrap();
        sleep(Duration::from_secs(6)).await;
        let got = [vec![first], all(stream).await].concat();
        let expected: String = (1..=300_000).map(|i| format!("{i}\n")).collect();
        assert!(text(&got) == expected);
    });
}

#[test]
fn large_log_streams_in_bounded_memory() {
    on_each("large_log_streams_in_bounded_memory", async |bench| {
        let mib: u64 = std::env::var("DRIVER_INTERFACE_LOG_MIB").map_or(64, |text| text.parse().unwrap());
        let line = "x".repeat(8191);
        let script = format!(
            "head -c {} /dev/zero | tr '\\0' '\\n' | sed 's/$/{line}/'",
            mib * 128
        );
        let made = bench.running(&script).await;
        let options = LogStreamOptions::default().follow(true);
        let mut stream = open(&bench, &made.id, options).await;
        let began = Instant::now();
        let (mut total, mut largest) = (0, 0);
        while let Some(chunk) = stream.next().await {
            let bytes = chunk.unwrap().bytes;
            let wrong = (total..)
                .zip(&bytes)
                .find(|(at, byte)| (at % 8192 == 8191) != (**byte == b'\n'));
            assert_eq!(wrong, None, "bytes are missing before this place");
            total += bytes.len() as u64;
            largest = largest.max(bytes.len());
        }
        println!(
            "{mib} MiB in {:?}, peak {} MiB",
            began.elapsed(),
            memory::peak() / 1024
        );
        assert_eq!(total, mib << 20);
        assert!(largest <= LogChunk::MAX_LEN);
    });
}

#[test]
fn dropped_log_streams_close_their_connections() {
    on_each("dropped_log_streams_close_their_connections", async |bench| {
        let made = bench.running("while :; do echo tick; sleep 0.05; done").await;
        let before = connections();
        for _ in 0..20 {
            let follow = LogStreamOptions::default().follow(true);
            let mut stream = open(&bench, &made.id, follow).await;
            // The stream may or may not have returned a chunk.
            drop(timeout(Duration::from_millis(20), stream.next()).await);
            let follow = LogOptions::default().follow(true);
            let text = bench.driver.get_container_logs(&made.id, follow);
            assert!(timeout(Duration::from_millis(60), text).await.is_err());
        }
        sleep(Duration::from_secs(1)).await;
        // Other tests of this process have connections too, but far fewer than the dropped calls.
        let after = connections();
        assert!(after < before + 20, "{before} sockets were open, now {after} are");
        let now = bench.driver.get_container(&made.id).await.unwrap().unwrap();
        assert_eq!(now.status, ContainerStatus::Running);
    });
}
