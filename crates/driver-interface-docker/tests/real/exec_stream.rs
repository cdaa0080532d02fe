//! The end of exec sessions.

use std::time::{Duration, Instant};

use driver_interface_types::{ContainerDriver, ExecConfig, ExecOutcome, RemoveOptions, Signal};
use tokio::io::AsyncReadExt;
use tokio::time::sleep;

use super::engine::on_each;
use super::exec::{IDLE, count, exec};

#[test]
fn ended_session_kills_its_process_tree() {
    on_each("ended_session_kills_its_process_tree", async |bench| {
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
fn session_ends_with_its_container() {
    on_each("session_ends_with_its_container", async |bench| {
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
