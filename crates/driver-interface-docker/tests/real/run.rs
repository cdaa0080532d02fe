//! Running a container to its exit.

use std::time::{Duration, Instant};

use driver_interface_types::{ContainerDriverExt, ExecOutcome, RunOptions};
use tokio::time::{sleep, timeout};

use super::engine::on_each;

#[test]
fn run_returns_all_output_and_exit_code() {
    on_each("run", async |bench| {
        let nothing = Vec::<String>::new();
        let script = "head -c 3000000 /dev/zero | tr '\\0' 'x'; echo oops >&2; exit 7";
        let output = bench
            .driver
            .run(&bench.config(script), RunOptions::default())
            .await
            .unwrap();
        assert_eq!(
            (output.stdout.len(), output.stderr_text().as_ref()),
            (3_000_000, "oops\n")
        );
        assert_eq!(
            (output.outcome, output.truncated),
            (ExecOutcome::Exited(7), false)
        );
        assert_eq!(bench.raw.left(&bench.namespace), nothing);
        // Even a very short run returns its output.
        for round in 0..10 {
            let output = bench
                .driver
                .run(&bench.config(&format!("echo {round}")), RunOptions::default())
                .await
                .unwrap();
            assert_eq!(output.stdout_text(), format!("{round}\n"));
        }
        assert_eq!(bench.raw.left(&bench.namespace), nothing);
    });
}

#[test]
fn timed_out_or_dropped_run_leaves_nothing() {
    on_each("run dropped", async |bench| {
        let options = RunOptions::default().timeout(Duration::from_secs(2));
        let config = bench.config("echo begun; trap '' TERM; sleep 600 & wait");
        let output = bench.driver.run(&config, options).await.unwrap();
        assert_eq!(
            (output.stdout_text().as_ref(), output.outcome),
            ("begun\n", ExecOutcome::TimedOut)
        );
        for millis in [0, 30, 100, 300, 1_000] {
            let run = bench.driver.run(&config, RunOptions::default());
            drop(timeout(Duration::from_millis(millis), run).await);
        }
        let began = Instant::now();
        while !bench.raw.left(&bench.namespace).is_empty() && began.elapsed() < Duration::from_secs(60) {
            sleep(Duration::from_millis(200)).await;
        }
        assert_eq!(bench.raw.left(&bench.namespace), Vec::<String>::new());
    });
}
