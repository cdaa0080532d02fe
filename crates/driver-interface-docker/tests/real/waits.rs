//! Waiting for exits and readiness.

use std::time::{Duration, Instant};

use driver_interface_errors::{Hint, codes};
use driver_interface_types::{
    ContainerDriver, ContainerDriverExt, ContainerId, ContainerStatus, RemoveOptions, SecurityOptions,
    StopOptions, WaitFor, WaitOptions,
};

use super::engine::{Bench, on_each};

const WITHIN: Duration = Duration::from_secs(20);

async fn wait(bench: &Bench, id: &ContainerId) -> driver_interface_errors::Result<i64> {
    let ended = bench
        .driver
        .wait_container(id, WaitOptions::at_most(WITHIN))
        .await?;
    Ok(ended.code)
}

#[test]
fn concurrent_waits_survive_removal_by_the_first() {
    on_each("concurrent_waits_survive_removal_by_the_first", async |bench| {
        let made = bench.running("sleep 1; exit 5").await;
        let remove_first = async {
            let code = wait(&bench, &made.id).await;
            let removed = bench.driver.remove_container(&made.id, RemoveOptions::default());
            removed.await.unwrap();
            code
        };
        let (first, second, third) =
            tokio::join!(remove_first, wait(&bench, &made.id), wait(&bench, &made.id));
        assert_eq!((first.unwrap(), second.unwrap(), third.unwrap()), (5, 5, 5));
    });
}

#[test]
fn early_exit_reports_log_and_cause() {
    on_each("early_exit_reports_log_and_cause", async |bench| {
        let plain = |script: &str| bench.config(script);
        let user = |script: &str| plain(script).security(SecurityOptions::default().user("1234:1234"));
        let mut cases = vec![
            (user("cat /proc/slabinfo"), "code 1", Some(Hint::PermissionDenied)),
            (plain("nosuchserver"), "code 127", Some(Hint::CommandNotFound)),
            (
                plain("nc -l -p 8080 & sleep 1; nc -l -p 8080"),
                "code 1",
                Some(Hint::PortInUse),
            ),
        ];
        // Podman adds a passwd entry for an unknown user.
        if !bench.is_podman() {
            cases.push((user("whoami"), "code 1", Some(Hint::UserNotFound)));
        }
        for (config, says, hint) in cases {
            let made = bench.driver.create_container(&config).await.unwrap();
            bench.driver.start_container(&made.id).await.unwrap();
            let begun = Instant::now();
            // Engines and programs never print this text.
            let ready = WaitFor::log("it listens");
            let error = bench.driver.wait_for(&made.id, &ready, WITHIN).await.unwrap_err();
            assert_eq!(
                (error.code(), error.hint()),
                (codes::CONTAINER_START_FAILED, hint),
                "{error}"
            );
            assert!(error.to_string().contains(says), "{error}");
            assert!(error.to_string().contains("its log ends with: "), "{error}");
            assert!(begun.elapsed() < WITHIN / 2, "{error}");
        }
    });
}

#[test]
fn only_wait_rules_out_an_oom_kill() {
    on_each("only_wait_rules_out_an_oom_kill", async |bench| {
        let made = bench.running("sleep 60").await;
        bench
            .driver
            .stop_container(&made.id, StopOptions::kill())
            .await
            .unwrap();
        let now = bench.driver.get_container(&made.id).await.unwrap().unwrap();
        assert_eq!(now.exit.as_ref().unwrap().oom_killed, None);
        let waited = bench
            .driver
            .wait_container(&made.id, WaitOptions::at_most(WITHIN))
            .await
            .unwrap();
        // Podman has no events for OOM kills.
        let known = (!bench.is_podman()).then_some(false);
        assert_eq!((waited.code, waited.oom_killed), (137, known));
        assert_eq!(now.status, ContainerStatus::Stopped);
    });
}
