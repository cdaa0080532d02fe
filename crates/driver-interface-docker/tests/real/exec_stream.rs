//! Interactive and detached exec.

use std::time::{Duration, Instant};

use driver_interface_errors::{Hint, codes};
use driver_interface_types::{
    ContainerDriver, ExecConfig, ExecId, ExecOutcome, RemoveOptions, Signal, TtySize,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::{sleep, timeout};

use super::engine::on_each;
use super::exec::{IDLE, count, exec};

#[test]
fn a_conversation_ends_with_the_input() {
    on_each("a_conversation_ends_with_the_input", async |bench| {
        let made = bench.running(IDLE).await;
        let script = "while read -r line; do echo \"got $line\"; done; echo over; echo err >&2; exit 9";
        let config = ExecConfig::shell(script);
        let mut session = bench.driver.exec_stream(&made.id, config).await.unwrap();
        let mut stdin = session.stdin.take().unwrap();
        let mut lines = BufReader::new(session.stdout).lines();
        for word in ["one", "two"] {
            stdin.write_all(format!("{word}\n").as_bytes()).await.unwrap();
            stdin.flush().await.unwrap();
            assert_eq!(lines.next_line().await.unwrap().unwrap(), format!("got {word}"));
        }
        stdin.shutdown().await.unwrap();
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "over");
        assert_eq!(lines.next_line().await.unwrap(), None);
        let mut stderr = String::new();
        session.stderr.read_to_string(&mut stderr).await.unwrap();
        assert_eq!(stderr, "err\n");
        assert_eq!(session.control.wait().await.unwrap(), ExecOutcome::Exited(9));
        assert_eq!(session.control.wait().await.unwrap(), ExecOutcome::Exited(9));
        session.control.kill().await.unwrap();
        let error = session.control.resize(TtySize::default()).await.unwrap_err();
        assert_eq!(error.code(), codes::UNSUPPORTED_OPERATION);
    });
}

#[test]
fn a_terminal_is_resized_while_it_is_used() {
    on_each("a_terminal_is_resized_while_it_is_used", async |bench| {
        let made = bench.running(IDLE).await;
        let script = "stty size; read x; stty size";
        let size = TtySize {
            columns: 100,
            rows: 30,
        };
        let config = ExecConfig::shell(format!("sleep 0.5; {script}")).tty(size);
        let mut session = bench.driver.exec_stream(&made.id, config).await.unwrap();
        let mut stdin = session.stdin.take().unwrap();
        let mut lines = BufReader::new(session.stdout).lines();
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "30 100");
        let larger = TtySize {
            columns: 120,
            rows: 50,
        };
        session.control.resize(larger).await.unwrap();
        stdin.write_all(b"x\n").await.unwrap();
        // A terminal shows what is typed.
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "x");
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "50 120");
        assert_eq!(session.control.wait().await.unwrap(), ExecOutcome::Exited(0));
    });
}

#[test]
fn a_slow_reader_holds_the_command_up_and_loses_nothing() {
    on_each(
        "a_slow_reader_holds_the_command_up_and_loses_nothing",
        async |bench| {
            let made = bench.running(IDLE).await;
            let script = "head -c 20000000 /dev/zero; echo done >&2";
            let session = bench
                .driver
                .exec_stream(&made.id, ExecConfig::shell(script))
                .await
                .unwrap();
            let (mut stdout, mut stderr) = (session.stdout, session.stderr);
            let early = timeout(Duration::from_secs(1), session.control.wait()).await;
            assert!(early.is_err(), "it ended although nobody read: {early:?}");
            let mut all = Vec::new();
            let mut last = String::new();
            let (read, _) = tokio::join!(stdout.read_to_end(&mut all), stderr.read_to_string(&mut last));
            assert_eq!((read.unwrap(), last.as_str()), (20_000_000, "done\n"));
            assert_eq!(session.control.wait().await.unwrap(), ExecOutcome::Exited(0));
        },
    );
}

#[test]
fn dropping_or_killing_a_session_kills_the_tree() {
    on_each("dropping_or_killing_a_session_kills_the_tree", async |bench| {
        let made = bench.running(IDLE).await;
        let config = ExecConfig::shell("setsid sleep 5000 & echo up; sleep 5000");
        for how in ["kill", "drop", "timeout"] {
            let config = match how {
                "timeout" => config.clone().timeout(Duration::from_secs(2)),
                _ => config.clone(),
            };
            let mut session = bench.driver.exec_stream(&made.id, config).await.unwrap();
            let mut up = [0; 3];
            session.stdout.read_exact(&mut up).await.unwrap();
            sleep(Duration::from_millis(200)).await;
            assert_eq!(count(&bench, &made, "sleep 5000").await, 2, "{how}");
            match how {
                "kill" => {
                    session.kill().await.unwrap();
                    let outcome = session.wait().await.unwrap();
                    assert_eq!(outcome, ExecOutcome::Signaled(Signal::KILL));
                }
                "drop" => {
                    drop(session);
                    sleep(Duration::from_millis(1500)).await;
                }
                _ => assert_eq!(session.wait().await.unwrap(), ExecOutcome::TimedOut),
            }
            assert_eq!(count(&bench, &made, "sleep 5000").await, 0, "{how}");
        }
        assert!(exec(&bench, &made, ExecConfig::new(["true"])).await.success());
    });
}

#[test]
fn a_session_that_cannot_begin_is_an_error() {
    on_each("a_session_that_cannot_begin_is_an_error", async |bench| {
        let made = bench.running(IDLE).await;
        let config = ExecConfig::new(["nosuchprogram"]);
        let error = bench.driver.exec_stream(&made.id, config).await.unwrap_err();
        assert_eq!(
            (error.code(), error.hint()),
            (codes::EXEC_FAILED, Some(Hint::CommandNotFound))
        );
        // A command's own failure of the same code is its own.
        let config = ExecConfig::shell("echo mine >&2; exit 127").stdin("x");
        let mut session = bench.driver.exec_stream(&made.id, config).await.unwrap();
        assert!(session.stdin.is_none());
        let mut text = String::new();
        session.stderr.read_to_string(&mut text).await.unwrap();
        assert_eq!(
            (text.as_str(), session.wait().await.unwrap()),
            ("mine\n", ExecOutcome::Exited(127))
        );
    });
}

#[test]
fn a_session_ends_with_its_container() {
    on_each("a_session_ends_with_its_container", async |bench| {
        let made = bench.running(IDLE).await;
        let mut session = bench
            .driver
            .exec_stream(&made.id, ExecConfig::new(["sleep", "100"]))
            .await
            .unwrap();
        let began = Instant::now();
        bench
            .driver
            .remove_container(&made.id, RemoveOptions::force())
            .await
            .unwrap();
        assert_eq!(session.wait().await.unwrap(), ExecOutcome::ContainerGone);
        let mut rest = Vec::new();
        session.stdout.read_to_end(&mut rest).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    });
}

#[test]
fn a_detached_command_runs_on_and_its_end_is_known() {
    on_each("a_detached_command_runs_on_and_its_end_is_known", async |bench| {
        let driver = &bench.driver;
        let made = bench.running(IDLE).await;
        let run = async |config: ExecConfig| driver.exec_detached(&made.id, config).await;
        if !driver
            .capabilities()
            .supports(driver_interface_types::Operation::ExecDetached)
        {
            let refused = run(ExecConfig::new(["true"])).await.unwrap_err();
            assert_eq!(refused.code(), codes::UNSUPPORTED_OPERATION);
            return;
        }
        let id = run(ExecConfig::shell("sleep 1; exit 6")).await.unwrap();
        let now = driver.exec_status(&made.id, &id).await.unwrap().unwrap();
        assert!(now.is_running());
        sleep(Duration::from_millis(1500)).await;
        let ended = bench
            .another()
            .await
            .exec_status(&made.id, &id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(ended.outcome, Some(ExecOutcome::Exited(6)));
        let unknown = ExecId::new("0123456789abcdef").unwrap();
        assert_eq!(driver.exec_status(&made.id, &unknown).await.unwrap(), None);
        let other = bench.running(IDLE).await;
        assert_eq!(driver.exec_status(&other.id, &id).await.unwrap(), None);
        let refused = run(ExecConfig::new(["true"])
            .timeout(Duration::from_secs(1))
            .stdin("x"))
        .await;
        assert_eq!(refused.unwrap_err().code(), codes::CONFIGURATION_ERROR);
        let missing = run(ExecConfig::new(["nosuchprogram"])).await.unwrap_err();
        assert_eq!(
            (missing.code(), missing.hint()),
            (codes::EXEC_FAILED, Some(Hint::CommandNotFound))
        );
    });
}
