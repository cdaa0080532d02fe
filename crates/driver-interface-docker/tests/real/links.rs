//! Exec over connections that are slow, pause, break or fall silent.
//!
//! `DRIVER_INTERFACE_CASES` multiplies the number of cases.

use std::sync::Arc;
use std::time::{Duration, Instant};

use driver_interface_conformance::proxy::{Break, Fault, FaultProxy, Injected, Position, Rule};
use driver_interface_docker::{Deadlines, DockerConfig, DockerDriver};
use driver_interface_errors::{Effect, codes};
use driver_interface_types::{
    ContainerDriver, ContainerInstance, ExecConfig, ExecOutcome, Namespace, RemoveOptions, Signal,
    StopOptions, TtySize,
};
use futures_util::StreamExt;
use tokio::io::AsyncReadExt;
use tokio::time::{sleep, timeout};

use super::engine::{Bench, on_each};
use super::exec::{IDLE, count};

fn rounds() -> usize {
    let given = std::env::var("DRIVER_INTERFACE_CASES").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// A driver behind a proxy that injects faults into exec connections.
struct Link {
    driver: DockerDriver,
    proxy: FaultProxy,
}

impl Link {
    async fn new(bench: &Bench) -> Self {
        let address = bench.driver.address();
        let proxy = FaultProxy::start(&address).unwrap();
        let scheme = if bench.is_podman() { "podman" } else { "docker" };
        let config = DockerConfig::for_uri(&format!("{scheme}:{}", proxy.uri()))
            .unwrap()
            // On a busy host, Podman is slow to answer the first request.
            .deadlines(
                Deadlines::default()
                    .connect(Duration::from_secs(60))
                    .read(Duration::from_secs(8)),
            )
            .namespace(Namespace::new(bench.namespace.as_str()).unwrap())
            .keep_default_network(Duration::ZERO);
        let driver = DockerDriver::connect(config).await.unwrap();
        Self { driver, proxy }
    }

    /// Injects a fault into the next command only, not into the driver's own commands.
    fn fault(&self, fault: Fault) -> Injected {
        self.proxy
            .inject(Rule::on("POST */exec/*/start").times(1).fault(fault))
    }
}

/// Prints for four seconds, then exits with 7.
const PACED: &str = "i=0; while [ $i -lt 40 ]; do echo line $i; i=$((i+1)); sleep 0.1; done; exit 7";

fn paced_output(newline: &str) -> String {
    (0..40).map(|i| format!("line {i}{newline}")).collect()
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Exec,
    Stream,
    Tty,
}

/// Returns the output of a command, or an error if it is incomplete.
async fn outcome(link: &Link, made: &ContainerInstance, how: How) -> Result<String, String> {
    let config = ExecConfig::shell(PACED);
    match how {
        How::Exec | How::Tty => {
            let config = if how == How::Tty {
                config.tty(TtySize::default())
            } else {
                config
            };
            let output = link.driver.exec(&made.id, config).await;
            let output = output.map_err(|error| {
                assert_eq!(
                    (error.code(), error.effect()),
                    (codes::CONNECTION_ERROR, Effect::Unknown),
                    "{error:?}"
                );
                error.to_string()
            })?;
            assert_eq!(output.outcome, ExecOutcome::Exited(7));
            if output.truncated {
                return Err("marked".to_owned());
            }
            Ok(output.stdout_text().into_owned())
        }
        How::Stream => {
            let mut session = link
                .driver
                .exec_stream(&made.id, config)
                .await
                .map_err(|error| error.to_string())?;
            let mut text = String::new();
            let read = session.stdout.read_to_string(&mut text).await;
            let waited = session.wait().await;
            match read {
                Ok(_) => {
                    assert_eq!(waited.unwrap(), ExecOutcome::Exited(7));
                    Ok(text)
                }
                Err(error) => Err(error.to_string()),
            }
        }
    }
}

#[test]
fn cut_output_is_never_reported_complete() {
    on_each("cut_output_is_never_reported_complete", async |bench| {
        let made = bench.running(IDLE).await;
        let mut cases = Vec::new();
        for round in 0..rounds() {
            for how in [How::Exec, How::Stream, How::Tty] {
                for cut in [Break::Fin, Break::Reset] {
                    for position in [
                        Position::After(Duration::from_millis(300 + 40 * round as u64)),
                        Position::AfterBytes(100 + 3 * round as u64),
                        Position::AfterBytes(101 + 5 * round as u64),
                        Position::AfterFrame(round % 30),
                        Position::InFrame(round % 20),
                        Position::InFrameHead(round % 20),
                    ] {
                        let has_frames = how != How::Tty;
                        if has_frames || matches!(position, Position::After(_) | Position::AfterBytes(_)) {
                            cases.push((how, Fault::Break(position, cut)));
                        }
                    }
                }
            }
        }
        let total = cases.len();
        let (bench, made) = (&*bench, &made);
        let done = futures_util::stream::iter(cases).map(|(how, fault)| async move {
            let link = Link::new(bench).await;
            let case = format!("{how:?}: {fault}");
            let rule = link.fault(fault);
            let came = timeout(Duration::from_secs(25), outcome(&link, made, how)).await;
            let came = came.unwrap_or_else(|_| panic!("{case}: no end"));
            assert_eq!(rule.hits(), 1, "{case}: was not tried");
            came.is_ok_and(|text| {
                let newline = if how == How::Tty { "\r\n" } else { "\n" };
                println!(
                    "{case}: {} of {} bytes taken for whole",
                    text.len(),
                    paced_output(newline).len()
                );
                true
            })
        });
        let wrong: Vec<bool> = done.buffer_unordered(6).collect().await;
        let wrong = wrong.into_iter().filter(|wrong| *wrong).count();
        println!("{wrong} of {total} taken for whole");
        assert_eq!(wrong, 0);
    });
}

#[test]
fn output_over_a_slow_link_is_complete() {
    on_each("output_over_a_slow_link_is_complete", async |bench| {
        let made = bench.running(IDLE).await;
        let mut cases = Vec::new();
        for round in 0..rounds() {
            for rate in [20_000, 50_000, 100_000] {
                cases.push(Fault::Throttle(rate + round as u64));
            }
            for tenths in [5, 12, 30, 50] {
                cases.push(Fault::Pause {
                    after: 20_000 + 5_000 * (round as u64 % 16),
                    time: Duration::from_millis(100 * tenths),
                });
            }
        }
        let (bench, made) = (&*bench, &made);
        let total = cases.len();
        let done = futures_util::stream::iter(cases).map(|fault| async move {
            let link = Link::new(bench).await;
            let case = fault.to_string();
            let rule = link.fault(fault);
            let config = ExecConfig::new(["head", "-c", "108894", "/dev/zero"]);
            let output = link.driver.exec(&made.id, config).await.unwrap();
            assert_eq!(rule.hits(), 1, "{case}: was not tried");
            assert_eq!(
                (output.stdout.len(), output.truncated, output.outcome),
                (108_894, false, ExecOutcome::Exited(0)),
                "{case}"
            );
        });
        let whole = done.buffer_unordered(6).count().await;
        println!("{whole} of {total} whole");
    });
}

#[test]
fn command_with_closed_output_is_awaited() {
    on_each("command_with_closed_output_is_awaited", async |bench| {
        let made = bench.running(IDLE).await;
        for script in [
            "echo x; exec >&- 2>&-; sleep 2; exit 9",
            "echo x; exec >/dev/null 2>&1; sleep 1; exit 9",
        ] {
            let output = super::exec::exec(&bench, &made, ExecConfig::shell(script)).await;
            assert_eq!(
                (output.stdout_text().as_ref(), output.outcome, output.truncated),
                ("x\n", ExecOutcome::Exited(9), false),
                "{script}"
            );
        }
        // Docker also records this code for a broken connection.
        let output = super::exec::exec(&bench, &made, ExecConfig::shell("echo x; exit 126")).await;
        assert_eq!(
            (output.stdout_text().as_ref(), output.outcome, output.truncated),
            ("x\n", ExecOutcome::Exited(126), false)
        );
    });
}

#[test]
fn silent_connection_marks_output_truncated() {
    on_each("silent_connection_marks_output_truncated", async |bench| {
        let made = bench.running(IDLE).await;
        let link = Link::new(&bench).await;
        let script = "echo first; sleep 2; echo last; exit 3";
        // The frame header and the first line.
        let silence = Fault::Break(Position::AfterBytes(8 + 6), Break::Silence);
        let rule = link.fault(silence.clone());
        let output = timeout(
            Duration::from_secs(20),
            link.driver.exec(&made.id, ExecConfig::shell(script)),
        );
        let output = output.await.unwrap().unwrap();
        assert_eq!(rule.hits(), 1);
        assert_eq!(
            (output.stdout_text().as_ref(), output.truncated, output.outcome),
            ("first\n", true, ExecOutcome::Exited(3))
        );
        let rule = link.fault(silence);
        let mut session = link
            .driver
            .exec_stream(&made.id, ExecConfig::shell(script))
            .await
            .unwrap();
        let mut came = Vec::new();
        let read = timeout(Duration::from_secs(20), session.stdout.read_to_end(&mut came));
        let error = read.await.unwrap().unwrap_err();
        assert_eq!((rule.hits(), came.as_slice()), (1, &b"first\n"[..]), "{error}");
        assert_eq!(session.wait().await.unwrap(), ExecOutcome::Exited(3));
    });
}

#[test]
fn endless_output_ends_at_the_timeout() {
    on_each("endless_output_ends_at_the_timeout", async |bench| {
        let made = bench.running(IDLE).await;
        let took = |what: &str, began: Instant, beyond: u64| {
            println!("{what}: {:?}", began.elapsed());
            assert!(
                began.elapsed() < Duration::from_secs(beyond + 5),
                "{what}: {:?}",
                began.elapsed()
            );
        };
        let yes = ExecConfig::new(["yes"]);
        let began = Instant::now();
        let output = super::exec::exec(&bench, &made, yes.clone().timeout(Duration::from_secs(2))).await;
        assert_eq!((output.outcome, output.truncated), (ExecOutcome::TimedOut, true));
        took("exec with a timeout", began, 2);
        // Sessions whose output is never read.
        let began = Instant::now();
        let mut session = bench
            .driver
            .exec_stream(&made.id, yes.clone().timeout(Duration::from_secs(2)))
            .await
            .unwrap();
        assert_eq!(session.wait().await.unwrap(), ExecOutcome::TimedOut);
        took("exec_stream with a timeout", began, 2);
        let mut session = bench.driver.exec_stream(&made.id, yes.clone()).await.unwrap();
        sleep(Duration::from_millis(500)).await;
        let began = Instant::now();
        session.kill().await.unwrap();
        assert_eq!(session.wait().await.unwrap(), ExecOutcome::Signaled(Signal::KILL));
        took("kill of the session", began, 0);
        for what in ["stop", "kill", "remove"] {
            let made = bench
                .running("trap 'exit 0' TERM; while :; do sleep 0.1; done")
                .await;
            let session = bench.driver.exec_stream(&made.id, yes.clone()).await.unwrap();
            sleep(Duration::from_millis(500)).await;
            let began = Instant::now();
            match what {
                "stop" => drop(
                    bench
                        .driver
                        .stop_container(&made.id, StopOptions::default())
                        .await
                        .unwrap(),
                ),
                "kill" => bench.driver.kill_container(&made.id, Signal::KILL).await.unwrap(),
                _ => bench
                    .driver
                    .remove_container(&made.id, RemoveOptions::force())
                    .await
                    .unwrap(),
            }
            took(what, began, 0);
            assert_eq!(
                session.control.wait().await.unwrap(),
                ExecOutcome::ContainerGone,
                "{what}"
            );
            took("the session's end", began, 2);
        }
        assert_eq!(count(&bench, &made, "yes").await, 0);
    });
}

#[test]
fn session_dropped_with_its_runtime_kills_the_command() {
    on_each(
        "session_dropped_with_its_runtime_kills_the_command",
        async |bench| {
            let made = bench.running(IDLE).await;
            let rounds = 5 * rounds();
            for round in 0..rounds {
                let (bench, id) = (Arc::clone(&bench), made.id.clone());
                let lives_on = std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap();
                    let config = ExecConfig::new(["sleep", "7654"]);
                    if round % 2 == 0 {
                        let session = runtime.block_on(bench.driver.exec_stream(&id, config)).unwrap();
                        drop(runtime);
                        // Drop the session outside of any runtime.
                        drop(session);
                    } else {
                        let run = async {
                            timeout(Duration::from_millis(300), bench.driver.exec(&id, config)).await
                        };
                        assert!(runtime.block_on(run).is_err());
                        drop(runtime);
                    }
                });
                lives_on.join().unwrap();
            }
            let mut left = usize::MAX;
            for _ in 0..100 {
                left = count(&bench, &made, "sleep 7654").await;
                if left == 0 {
                    break;
                }
                sleep(Duration::from_millis(200)).await;
            }
            println!("{left} of {rounds} left");
            assert_eq!(left, 0);
        },
    );
}
