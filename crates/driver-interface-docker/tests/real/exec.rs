//! Commands in running containers.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use driver_interface_errors::{Hint, codes};
use driver_interface_types::{
    ContainerDriver, ContainerInstance, ExecConfig, ExecOutcome, ExecOutput, RemoveOptions, Signal,
    StopOptions, TtySize,
};

use super::engine::{Bench, on_each};

pub(crate) const IDLE: &str = "while :; do sleep 1; done";

pub(crate) async fn exec(bench: &Bench, container: &ContainerInstance, config: ExecConfig) -> ExecOutput {
    bench.driver.exec(&container.id, config).await.unwrap()
}

/// How many processes of the container have this command line.
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
fn a_command_s_words_environment_folder_and_user_are_its_own() {
    on_each(
        "a_command_s_words_environment_folder_and_user_are_its_own",
        async |bench| {
            let made = bench.running(IDLE).await;
            let words = [
                "sh",
                "-c",
                "printf '%s|' \"$@\"",
                "sh",
                "a b",
                "",
                "$HOME",
                "\u{e9}\n'\"",
            ];
            let output = exec(&bench, &made, ExecConfig::new(words)).await;
            assert_eq!(output.outcome, ExecOutcome::Exited(0));
            assert_eq!(output.stdout_text(), "a b||$HOME|\u{e9}\n'\"|");
            let script = "echo \"$KEY\"; pwd; id -u; id -g; echo oops >&2; exit 42";
            let config = ExecConfig::shell(script)
                .env("KEY", "a=b\nc")
                .working_dir("/proc")
                .user("1234:4321");
            let output = exec(&bench, &made, config).await;
            assert_eq!(output.stdout_text(), "a=b\nc\n/proc\n1234\n4321\n");
            assert_eq!(output.stderr_text(), "oops\n");
            assert_eq!(
                (output.outcome, output.truncated),
                (ExecOutcome::Exited(42), false)
            );
            let killed = exec(&bench, &made, ExecConfig::shell("kill -TERM $$")).await;
            assert_eq!(killed.outcome, ExecOutcome::Signaled(Signal::TERM));
            let killed = exec(&bench, &made, ExecConfig::shell("kill -KILL $$")).await;
            assert_eq!(killed.outcome, ExecOutcome::Signaled(Signal::KILL));
            let none = exec(&bench, &made, ExecConfig::new(["cat"])).await;
            assert_eq!((none.stdout_text().as_ref(), none.success()), ("", true));
        },
    );
}

#[test]
fn input_of_any_size_and_kind_reaches_the_command() {
    on_each("input_of_any_size_and_kind_reaches_the_command", async |bench| {
        let made = bench.running(IDLE).await;
        let output = exec(&bench, &made, ExecConfig::new(["cat"]).stdin("hello")).await;
        assert_eq!(output.stdout_text(), "hello");
        let binary: Vec<u8> = (0..4_000_000_u32).map(|i| (i * 7 + i / 251) as u8).collect();
        let output = exec(&bench, &made, ExecConfig::new(["cat"]).stdin(binary.clone())).await;
        assert!(output.stdout == binary, "{output:?}");
        // Nobody reads the input, and the command does not wait for that.
        let output = exec(&bench, &made, ExecConfig::new(["true"]).stdin(binary)).await;
        assert!(output.success());
    });
}

#[test]
fn output_beyond_the_limit_is_dropped_and_told() {
    on_each("output_beyond_the_limit_is_dropped_and_told", async |bench| {
        let made = bench.running(IDLE).await;
        let script = "head -c 3000000 /dev/zero; echo short >&2";
        let output = exec(&bench, &made, ExecConfig::shell(script).output_limit(1000)).await;
        assert_eq!((output.stdout.len(), output.truncated), (1000, true));
        assert_eq!(
            (output.stderr_text().as_ref(), output.success()),
            ("short\n", true)
        );
        let whole = exec(&bench, &made, ExecConfig::shell(script)).await;
        assert_eq!((whole.stdout.len(), whole.truncated), (3_000_000, false));
    });
}

#[test]
fn a_timeout_kills_the_whole_tree_and_nothing_else() {
    on_each("a_timeout_kills_the_whole_tree_and_nothing_else", async |bench| {
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
fn dropping_the_future_kills_the_tree() {
    on_each("dropping_the_future_kills_the_tree", async |bench| {
        let made = bench.running(IDLE).await;
        for after in [5, 30, 80, 150, 600] {
            let config = ExecConfig::shell("setsid sleep 2000 & sleep 2000");
            let call = bench.driver.exec(&made.id, config);
            assert!(
                tokio::time::timeout(Duration::from_millis(after), call)
                    .await
                    .is_err()
            );
        }
        let mut left = usize::MAX;
        for _ in 0..50 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            left = count(&bench, &made, "sleep 2000").await;
            if left == 0 {
                break;
            }
        }
        // Also what was begun late is gone by now.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!((left, count(&bench, &made, "sleep 2000").await), (0, 0));
    });
}

#[test]
fn what_cannot_be_run_is_an_error_and_not_output() {
    on_each("what_cannot_be_run_is_an_error_and_not_output", async |bench| {
        let made = bench.running(IDLE).await;
        let fail = async |config: ExecConfig| bench.driver.exec(&made.id, config).await.unwrap_err();
        for (config, hint) in [
            (ExecConfig::new(["nosuchprogram"]), Some(Hint::CommandNotFound)),
            (ExecConfig::new(["/nosuch/program"]), Some(Hint::CommandNotFound)),
            (ExecConfig::new(["/etc/passwd"]), Some(Hint::CommandNotExecutable)),
            (
                ExecConfig::new(["true"]).user("nosuchuser"),
                Some(Hint::UserNotFound),
            ),
            (
                ExecConfig::new(["true"]).working_dir("/nosuch: permission denied"),
                Some(Hint::WorkingDirNotFound),
            ),
            (
                ExecConfig::new(["nosuchprogram"]).tty(TtySize::default()),
                Some(Hint::CommandNotFound),
            ),
        ] {
            let error = fail(config.clone()).await;
            assert_eq!(
                (error.code(), error.hint(), error.is_retryable()),
                (codes::EXEC_FAILED, hint, false),
                "{config:?}: {error:?}"
            );
        }
        // The shell's own error message is output.
        let shell = exec(&bench, &made, ExecConfig::shell("nosuchprogram")).await;
        assert_eq!(shell.outcome, ExecOutcome::Exited(127));
        assert!(shell.stderr_text().contains("nosuchprogram"));
        assert_eq!(
            fail(ExecConfig::new([""])).await.code(),
            codes::CONFIGURATION_ERROR
        );
    });
}

#[test]
fn a_command_needs_a_running_container() {
    on_each("a_command_needs_a_running_container", async |bench| {
        let made = bench.created(IDLE).await;
        let code = async || {
            let done = bench.driver.exec(&made.id, ExecConfig::new(["true"])).await;
            done.unwrap_err().code()
        };
        assert_eq!(code().await, codes::CONTAINER_NOT_RUNNING);
        bench.driver.start_container(&made.id).await.unwrap();
        bench.driver.pause_container(&made.id).await.unwrap();
        assert_eq!(code().await, codes::CONTAINER_NOT_RUNNING);
        bench
            .driver
            .stop_container(&made.id, StopOptions::kill())
            .await
            .unwrap();
        assert_eq!(code().await, codes::CONTAINER_NOT_RUNNING);
        bench
            .driver
            .remove_container(&made.id, RemoveOptions::default())
            .await
            .unwrap();
        assert_eq!(code().await, codes::CONTAINER_NOT_FOUND);
    });
}

#[test]
fn a_command_whose_container_ends_is_told_so() {
    on_each("a_command_whose_container_ends_is_told_so", async |bench| {
        for remove in [false, true] {
            let made = bench.running(IDLE).await;
            let end = async {
                tokio::time::sleep(Duration::from_millis(700)).await;
                if remove {
                    bench
                        .driver
                        .remove_container(&made.id, RemoveOptions::force())
                        .await
                        .unwrap();
                } else {
                    bench.driver.kill_container(&made.id, Signal::KILL).await.unwrap();
                }
            };
            let began = Instant::now();
            let run = exec(&bench, &made, ExecConfig::shell("echo first; sleep 100"));
            let (output, ()) = tokio::join!(run, end);
            assert_eq!(output.outcome, ExecOutcome::ContainerGone, "removed: {remove}");
            assert_eq!(output.stdout_text(), "first\n");
            assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
        }
    });
}

#[test]
fn a_command_that_is_killed_for_memory_is_told_so() {
    on_each("a_command_that_is_killed_for_memory_is_told_so", async |bench| {
        let made = bench.running(IDLE).await;
        let hog = ExecConfig::shell("a=xxxxxxxx; while :; do a=$a$a; done");
        let output = exec(&bench, &made, hog).await;
        assert_eq!(output.outcome, ExecOutcome::OomKilled);
        assert!(exec(&bench, &made, ExecConfig::new(["true"])).await.success());
    });
}

#[test]
fn what_a_command_leaves_behind_neither_holds_it_up_nor_dies() {
    on_each(
        "what_a_command_leaves_behind_neither_holds_it_up_nor_dies",
        async |bench| {
            let made = bench.running(IDLE).await;
            let began = Instant::now();
            let output = exec(&bench, &made, ExecConfig::shell("sleep 3000 & echo done; exit 3")).await;
            assert_eq!(
                (output.stdout_text().as_ref(), output.outcome),
                ("done\n", ExecOutcome::Exited(3))
            );
            assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
            assert_eq!(count(&bench, &made, "sleep 3000").await, 1);
        },
    );
}

#[test]
fn a_terminal_has_its_size_and_one_output() {
    on_each("a_terminal_has_its_size_and_one_output", async |bench| {
        let made = bench.running(IDLE).await;
        let script = "sleep 0.7; stty size; printf '\\001\\002bin'; echo err >&2";
        let size = TtySize {
            columns: 132,
            rows: 43,
        };
        let output = exec(&bench, &made, ExecConfig::shell(script).tty(size)).await;
        assert_eq!(output.stdout_text(), "43 132\r\n\u{1}\u{2}binerr\r\n");
        assert!(output.stderr.is_empty() && output.success());
    });
}

#[test]
fn many_commands_at_once_keep_their_output_apart() {
    on_each("many_commands_at_once_keep_their_output_apart", async |bench| {
        let made = bench.running(IDLE).await;
        let runs = (0..8).map(|i| {
            let (bench, made) = (&bench, &made);
            async move {
                let output = exec(bench, made, ExecConfig::shell(format!("echo {i}; exit {i}"))).await;
                assert_eq!(output.stdout_text(), format!("{i}\n"));
                assert_eq!(output.outcome, ExecOutcome::Exited(i));
            }
        });
        futures_util::future::join_all(runs).await;
    });
}

#[test]
fn input_that_nobody_reads_adds_nothing_to_the_output() {
    on_each(
        "input_that_nobody_reads_adds_nothing_to_the_output",
        async |bench| {
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
            // Of more than the pipe holds Podman loses what was printed last, but never says so in the output.
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
        },
    );
}

fn printed(output: &ExecOutput) -> (Cow<'_, str>, Cow<'_, str>) {
    (output.stdout_text(), output.stderr_text())
}
