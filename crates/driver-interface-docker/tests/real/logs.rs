//! Reading container logs.

use std::time::Duration;

use driver_interface_types::{ContainerDriver, LogOptions, LogStreamOptions, RemoveOptions};

use super::engine::{Bench, on_each};

async fn logs(bench: &Bench, id: &driver_interface_types::ContainerId, options: LogOptions) -> String {
    bench.driver.get_container_logs(id, options).await.unwrap()
}

#[test]
fn tail_counts_lines() {
    on_each("tail_counts_lines", async |bench| {
        // Engines read stdout and stderr independently, so pauses are needed for a fixed order.
        let script = "echo a; echo e1 >&2; sleep 0.5; echo b; x=$(yes | head -c 60000 | tr -d '\\n'); echo $x; \
                      sleep 0.5; echo e2 >&2; sleep 0.5; echo c; printf tail";
        let done = bench.ended(&bench.config(script)).await;
        let long = "y".repeat(30_000);
        let all = LogOptions::default();
        for (tail, expected) in [
            (0, String::new()),
            (1, "tail".to_owned()),
            (2, "c\ntail".to_owned()),
            (3, "e2\nc\ntail".to_owned()),
            (4, format!("{long}\ne2\nc\ntail")),
        ] {
            assert!(
                logs(&bench, &done.id, all.tail(tail)).await == expected,
                "tail {tail}"
            );
        }
        for tail in [7, 8, 1000, u64::MAX] {
            assert!(
                logs(&bench, &done.id, all.tail(tail)).await == logs(&bench, &done.id, all).await,
                "tail {tail}"
            );
        }
        assert_eq!(logs(&bench, &done.id, all.only_stderr().tail(1)).await, "e2\n");
        for (tail, expected) in [(1, "tail".to_owned()), (3, format!("{long}\nc\ntail"))] {
            assert!(
                logs(&bench, &done.id, all.only_stdout().tail(tail)).await == expected,
                "tail {tail}"
            );
            let options = LogStreamOptions::default().only_stdout().tail(tail);
            let stream = bench.driver.stream_container_logs(&done.id, options).await;
            let chunks = stream.unwrap().collect_all().await.unwrap();
            let streamed: String = chunks.iter().map(|chunk| chunk.text()).collect();
            assert!(streamed == expected, "tail {tail} of a stream");
        }
    });
}

#[test]
fn tail_of_a_long_log_is_exact() {
    on_each("tail_of_a_long_log_is_exact", async |bench| {
        let done = bench
            .ended(&bench.config("echo once >&2; sleep 0.5; seq 20000"))
            .await;
        let last: String = (19_001..=20_000).map(|i| format!("{i}\n")).collect();
        assert!(logs(&bench, &done.id, LogOptions::default().tail(1000)).await == last);
        assert_eq!(
            logs(&bench, &done.id, LogOptions::default().only_stderr().tail(5)).await,
            "once\n"
        );
    });
}

#[test]
fn long_line_is_not_split() {
    on_each("long_line_is_not_split", async |bench| {
        // With 3-byte characters, every split at a power of two is inside a character. Docker's log files
        // lose such characters, so Docker gets single bytes.
        let (bytes, wanted) = if bench.is_podman() {
            ("\\342\\202\\254", '\u{20ac}')
        } else {
            ("x", 'x')
        };
        let script = format!(
            "x=$(printf '{bytes}'); while [ ${{#x}} -lt 300000 ]; do x=$x$x; done; echo $x; echo next"
        );
        let done = bench.ended(&bench.config(&script).memory(256)).await;
        for options in [LogOptions::default(), LogOptions::default().timestamps(true)] {
            let got = logs(&bench, &done.id, options).await;
            let lines: Vec<&str> = got.lines().collect();
            assert_eq!(lines.len(), 2);
            let text = if options.timestamps {
                lines[0].split_once(' ').unwrap().1
            } else {
                lines[0]
            };
            assert!(
                text.len() >= 300_000 && text.chars().all(|c| c == wanted),
                "{} bytes",
                text.len()
            );
        }
    });
}

#[test]
fn terminal_lines_support_timestamps_and_tail() {
    on_each("terminal_lines_support_timestamps_and_tail", async |bench| {
        let config = bench.config("echo one; echo two >&2; echo three").tty(true);
        let done = bench.ended(&config).await;
        let all = LogOptions::default();
        let stamped = logs(&bench, &done.id, all.timestamps(true)).await;
        let lines = stamped
            .split_inclusive('\n')
            .map(|line| line.split_once(' ').unwrap());
        let (stamps, texts): (Vec<&str>, Vec<&str>) = lines.unzip();
        assert_eq!(texts, ["one\r\n", "two\r\n", "three\r\n"]);
        assert!(stamps.iter().all(|stamp| stamp.ends_with('Z')), "{stamps:?}");
        assert_eq!(logs(&bench, &done.id, all.tail(2)).await, "two\r\nthree\r\n");
        let only = all.only_stderr().follow(true).tail(2);
        assert_eq!(logs(&bench, &done.id, only).await, "two\r\nthree\r\n");
    });
}

#[test]
fn follow_returns_all_of_a_large_log() {
    on_each("follow_returns_all_of_a_large_log", async |bench| {
        let line = "x".repeat(8191);
        let script = format!("head -c 4096 /dev/zero | tr '\\0' '\\n' | sed 's/$/{line}/'");
        let made = bench.running(&script).await;
        let got = logs(&bench, &made.id, LogOptions::default().follow(true)).await;
        assert_eq!(got.len(), 32 << 20);
        assert!(
            got.split_terminator('\n').all(|one| one == line),
            "entries are missing"
        );
    });
}

#[test]
fn follow_ends_on_removal() {
    on_each("follow_ends_on_removal", async |bench| {
        for started in [false, true] {
            let made = bench.created("echo ready; sleep 600").await;
            if started {
                bench.driver.start_container(&made.id).await.unwrap();
                bench.ready(&made).await;
            }
            let driver = bench.driver.clone();
            let id = made.id.clone();
            let following = tokio::spawn(async move {
                driver
                    .get_container_logs(&id, LogOptions::default().follow(true))
                    .await
            });
            tokio::time::sleep(Duration::from_millis(500)).await;
            bench
                .driver
                .remove_container(&made.id, RemoveOptions::force())
                .await
                .unwrap();
            let got = tokio::time::timeout(Duration::from_secs(5), following)
                .await
                .unwrap()
                .unwrap()
                .unwrap();
            assert_eq!(got, if started { "ready\n" } else { "" });
        }
    });
}
