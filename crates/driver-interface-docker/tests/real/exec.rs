//! Commands in running containers.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use driver_interface_errors::{Hint, codes};
use driver_interface_types::{
    ContainerDriver, ContainerInstance, ExecConfig, ExecOutcome, ExecOutput, Operation, TtySize,
};

use super::engine::{Bench, on_each};

pub(crate) const IDLE: &str = "while :; do sleep 1; done";

pub(crate) async fn exec(bench: &Bench, container: &ContainerInstance, config: ExecConfig) -> ExecOutput {
    bench.driver.exec(&container.id, config).await.unwrap()
}

/// Returns the number of processes in the container with this text in their command lines.
pub(crate) async fn count(bench: &Bench, container: &ContainerInstance, text: &str) -> usize {
    let script =
        "for f in /proc/[0-9]*; do [ $f = /proc/$$ ] || tr '\\0' ' ' < $f/cmdline; echo; done 2>/dev/null";
    let listed = exec(bench, container, ExecConfig::shell(script)).await;
    listed
        .stdout_text()
        .lines()
        .filter(|line| line.trim_end() == text)
        .count()
}

#[test]
fn timeout_kills_only_the_process_tree() {
    on_each("timeout_kills_only_the_process_tree", async |bench| {
        let made = bench.running("sleep 4711 & while :; do sleep 1; done").await;
        let spawn = "echo begun; echo err >&2; setsid sleep 1000 & (sh -c 'sleep 1000 & :'); env -i sleep 1000 & sleep 1000";
        let other = ExecConfig::new(["sleep", "6"]);
        let other = exec(&bench, &made, other);
        let timed = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let began = Instant::now();
            let config = ExecConfig::shell(spawn).timeout(Duration::from_secs(1));
            let run = exec(&bench, &made, config);
            let witness = async {
                tokio::time::sleep(Duration::from_millis(600)).await;
                count(&bench, &made, "sleep 1000").await
            };
            let (output, seen) = tokio::join!(run, witness);
            println!("back after {:?}", began.elapsed());
            assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
            assert!(seen >= 4, "only {seen} were there to be killed");
            output
        };
        let (other, output) = tokio::join!(other, timed);
        assert_eq!(output.outcome, ExecOutcome::TimedOut);
        assert_eq!(
            (output.stdout_text().as_ref(), output.stderr_text().as_ref()),
            ("begun\n", "err\n")
        );
        assert_eq!(other.outcome, ExecOutcome::Exited(0));
        assert_eq!(count(&bench, &made, "sleep 1000").await, 0);
        assert_eq!(count(&bench, &made, "sleep 4711").await, 1);
        let next = exec(&bench, &made, ExecConfig::shell("echo next")).await;
        assert_eq!(next.stdout_text(), "next\n");
    });
}

#[test]
fn missing_program_is_reported_by_every_exec_kind() {
    on_each("missing_program_is_reported_by_every_exec_kind", async |bench| {
        let (driver, made) = (&bench.driver, bench.running(IDLE).await);
        let missing = || ExecConfig::new(["nosuchprogram"]);
        let mut errors = vec![
            driver
                .exec(&made.id, missing().tty(TtySize::default()))
                .await
                .err(),
            driver.exec_stream(&made.id, missing()).await.err(),
        ];
        if driver.capabilities().supports(Operation::ExecDetached) {
            errors.push(driver.exec_detached(&made.id, missing()).await.err());
        }
        for error in errors {
            let error = error.unwrap();
            assert_eq!(
                (error.code(), error.hint(), error.is_retryable()),
                (codes::EXEC_FAILED, Some(Hint::CommandNotFound), false),
                "{error:?}"
            );
        }
    });
}

#[test]
fn background_process_outlives_the_command() {
    on_each("background_process_outlives_the_command", async |bench| {
        let made = bench.running(IDLE).await;
        let began = Instant::now();
        let output = exec(&bench, &made, ExecConfig::shell("sleep 3000 & echo done; exit 3")).await;
        assert_eq!(
            (output.stdout_text().as_ref(), output.outcome),
            ("done\n", ExecOutcome::Exited(3))
        );
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(count(&bench, &made, "sleep 3000").await, 1);
    });
}

#[test]
fn terminal_output_has_no_frames() {
    on_each("terminal_output_has_no_frames", async |bench| {
        let made = bench.running(IDLE).await;
        // Bytes that look like a frame header are output.
        let script = "printf '\\001\\000\\000\\000\\000\\000\\000\\003bin'; echo err >&2";
        let config = ExecConfig::shell(script).tty(TtySize::default());
        let output = exec(&bench, &made, config).await;
        assert_eq!(output.stdout_text(), "\u{1}\0\0\0\0\0\0\u{3}binerr\r\n");
        assert!(output.stderr.is_empty() && output.success());
    });
}

#[test]
fn unread_input_does_not_change_output() {
    on_each("unread_input_does_not_change_output", async |bench| {
        let made = bench.running(IDLE).await;
        for round in 0..40 {
            let input = vec![b'x'; 1 + round * 1000];
            let config = ExecConfig::shell("echo out; echo mine >&2; exit 3").stdin(input);
            let output = exec(&bench, &made, config).await;
            assert_eq!(
                printed(&output),
                ("out\n".into(), "mine\n".into()),
                "round {round}"
            );
            assert_eq!(
                (output.outcome, output.truncated),
                (ExecOutcome::Exited(3), false)
            );
        }
        // If the input exceeds the pipe, Podman loses the last output, but adds nothing to it.
        for round in 0..10 {
            let config = ExecConfig::shell("head -c 3; echo mine >&2").stdin(vec![b'x'; 500_000]);
            let output = exec(&bench, &made, config).await;
            if !output.truncated || !bench.is_podman() {
                assert_eq!(printed(&output), ("xxx".into(), "mine\n".into()), "round {round}");
            }
            assert!("xxx".starts_with(&*output.stdout_text()), "round {round}");
            assert!("mine\n".starts_with(&*output.stderr_text()), "round {round}");
            assert_eq!(output.outcome, ExecOutcome::Exited(0));
        }
    });
}

fn printed(output: &ExecOutput) -> (Cow<'_, str>, Cow<'_, str>) {
    (output.stdout_text(), output.stderr_text())
}
