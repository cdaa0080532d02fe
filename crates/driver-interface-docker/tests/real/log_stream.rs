//! What containers print, as a stream.

use std::time::{Duration, Instant, SystemTime};

use driver_interface_errors::codes;
use driver_interface_types::{
    ContainerDriver, ContainerId, LogChunk, LogSource, LogStream, LogStreamOptions, RemoveOptions, Signal,
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

fn bytes(chunks: &[LogChunk], source: LogSource) -> Vec<u8> {
    let of_source = chunks.iter().filter(|chunk| chunk.source == source);
    of_source.flat_map(|chunk| chunk.bytes.to_vec()).collect()
}

fn text(chunks: &[LogChunk], source: LogSource) -> String {
    String::from_utf8(bytes(chunks, source)).unwrap()
}

#[test]
fn a_stream_has_every_byte_of_both_outputs() {
    on_each("a_stream_has_every_byte_of_both_outputs", async |bench| {
        let script = "for i in $(seq 2000); do echo o$i; echo e$i >&2; done; printf open";
        let done = bench.ended(&bench.config(script)).await;
        let lines = |mark: &str| (1..=2000).map(|i| format!("{mark}{i}\n")).collect::<String>();
        for follow in [false, true] {
            let options = LogStreamOptions::default().follow(follow);
            let got = all(open(&bench, &done.id, options).await).await;
            assert!(
                text(&got, LogSource::Stdout) == lines("o") + "open",
                "follow: {follow}"
            );
            assert!(text(&got, LogSource::Stderr) == lines("e"), "follow: {follow}");
        }
        let only = LogStreamOptions::default().only_stderr();
        let got = all(open(&bench, &done.id, only).await).await;
        assert!(bytes(&got, LogSource::Stdout).is_empty() && text(&got, LogSource::Stderr) == lines("e"));
        for (tail, expected) in [(0, ""), (1, "open"), (3, "o1999\no2000\nopen")] {
            let options = LogStreamOptions::default().only_stdout().tail(tail);
            let got = all(open(&bench, &done.id, options).await).await;
            assert_eq!(text(&got, LogSource::Stdout), expected, "tail {tail}");
        }
        let mut none = LogStreamOptions::default();
        (none.stdout, none.stderr) = (false, false);
        let error = bench
            .driver
            .stream_container_logs(&done.id, none)
            .await
            .unwrap_err();
        assert_eq!(error.code(), codes::CONFIGURATION_ERROR);
    });
}

#[test]
fn following_waits_for_the_start_and_ends_with_the_run() {
    on_each(
        "following_waits_for_the_start_and_ends_with_the_run",
        async |bench| {
            let made = bench
                .created("echo first; sleep 1; echo second; sleep 1; echo last")
                .await;
            let began = Instant::now();
            let mut stream = open(&bench, &made.id, LogStreamOptions::default().follow(true)).await;
            assert!(began.elapsed() < Duration::from_secs(5));
            assert!(timeout(Duration::from_millis(500), stream.next()).await.is_err());
            bench.driver.start_container(&made.id).await.unwrap();
            let first = timeout(WITHIN, stream.next()).await.unwrap().unwrap().unwrap();
            assert_eq!(first.text(), "first\n");
            let now = bench.driver.get_container(&made.id).await.unwrap().unwrap();
            assert!(now.exit.is_none(), "the first line came only at the end");
            assert_eq!(text(&all(stream).await, LogSource::Stdout), "second\nlast\n");
        },
    );
}

#[test]
fn following_from_the_end_has_only_what_comes() {
    on_each("following_from_the_end_has_only_what_comes", async |bench| {
        let made = bench
            .running("trap 'echo new; exit 0' USR1; echo old; echo older >&2; sleep 0.5; echo ready; while :; do sleep 0.1; done")
            .await;
        bench.ready(&made).await;
        let options = LogStreamOptions::default().follow(true).tail(0);
        let stream = open(&bench, &made.id, options).await;
        let (got, ()) = tokio::join!(all(stream), async {
            sleep(Duration::from_secs(1)).await;
            bench.driver.kill_container(&made.id, Signal::USR1).await.unwrap();
        });
        assert_eq!(
            (
                text(&got, LogSource::Stdout).as_str(),
                bytes(&got, LogSource::Stderr).len()
            ),
            ("new\n", 0)
        );
    });
}

#[test]
fn following_ends_with_the_removal_and_at_the_time_asked_for() {
    on_each(
        "following_ends_with_the_removal_and_at_the_time_asked_for",
        async |bench| {
            let made = bench.running("while :; do echo beat; sleep 0.2; done").await;
            let until = SystemTime::now() + Duration::from_secs(2);
            let options = LogStreamOptions::default().follow(true).until(until);
            let began = Instant::now();
            let got = all(open(&bench, &made.id, options).await).await;
            assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
            assert!(!got.is_empty());
            let stream = open(&bench, &made.id, LogStreamOptions::default().follow(true)).await;
            let (got, ()) = tokio::join!(all(stream), async {
                sleep(Duration::from_secs(1)).await;
                bench
                    .driver
                    .remove_container(&made.id, RemoveOptions::force())
                    .await
                    .unwrap();
            });
            assert!(!got.is_empty());
            let gone = bench
                .driver
                .stream_container_logs(&made.id, LogStreamOptions::default())
                .await;
            assert_eq!(gone.unwrap_err().code(), codes::CONTAINER_NOT_FOUND);
        },
    );
}

#[test]
fn following_goes_on_after_a_pause() {
    on_each("following_goes_on_after_a_pause", async |bench| {
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
            got + &text(&all(stream).await, LogSource::Stdout)
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
fn a_slow_reader_has_all_up_to_the_time_asked_for() {
    on_each("a_slow_reader_has_all_up_to_the_time_asked_for", async |bench| {
        let made = bench.running("seq 300000; while :; do sleep 1; done").await;
        let until = SystemTime::now() + Duration::from_secs(4);
        let options = LogStreamOptions::default().follow(true).until(until);
        let mut stream = open(&bench, &made.id, options).await;
        let first = timeout(WITHIN, stream.next()).await.unwrap().unwrap().unwrap();
        sleep(Duration::from_secs(6)).await;
        let got = [vec![first], all(stream).await].concat();
        let expected: String = (1..=300_000).map(|i| format!("{i}\n")).collect();
        assert!(text(&got, LogSource::Stdout) == expected);
    });
}

#[test]
fn lines_have_times_and_are_chosen_by_them() {
    on_each("lines_have_times_and_are_chosen_by_them", async |bench| {
        let began = SystemTime::now() - Duration::from_secs(2);
        let done = bench.ended(&bench.config("echo one; sleep 3; echo two")).await;
        let options = LogStreamOptions::default().timestamps(true);
        let got = all(open(&bench, &done.id, options).await).await;
        assert_eq!(text(&got, LogSource::Stdout), "one\ntwo\n");
        let times: Vec<SystemTime> = got.iter().map(|chunk| chunk.timestamp.unwrap()).collect();
        assert!(
            times[0] > began && times[1] > times[0] + Duration::from_secs(1),
            "{times:?}"
        );
        let between = times[0] + Duration::from_millis(1500);
        for (options, expected) in [
            (LogStreamOptions::default().since(between), "two\n"),
            (LogStreamOptions::default().until(between), "one\n"),
        ] {
            let got = all(open(&bench, &done.id, options).await).await;
            assert_eq!(text(&got, LogSource::Stdout), expected);
            assert!(got.iter().all(|chunk| chunk.timestamp.is_none()));
        }
    });
}

#[test]
fn a_large_log_is_streamed_with_bounded_memory() {
    on_each("a_large_log_is_streamed_with_bounded_memory", async |bench| {
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
fn dropping_a_stream_closes_its_connections() {
    on_each("dropping_a_stream_closes_its_connections", async |bench| {
        let made = bench.running("while :; do sleep 1; done").await;
        let before = connections();
        let follow = LogStreamOptions::default().follow(true);
        for _ in 0..20 {
            let mut stream = open(&bench, &made.id, follow).await;
            assert!(timeout(Duration::from_millis(20), stream.next()).await.is_err());
            drop(stream);
        }
        sleep(Duration::from_millis(200)).await;
        // Other tests of this process have connections too, but far fewer than these streams had.
        let after = connections();
        assert!(after < before + 15, "{before} sockets were open, now {after} are");
    });
}
