//! Waiting for the end of a run.

use std::time::{Duration, Instant};

use driver_interface_errors::{Effect, Hint, codes};
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
fn a_wait_returns_how_the_run_ended_before_and_after_its_end() {
    on_each(
        "a_wait_returns_how_the_run_ended_before_and_after_its_end",
        async |bench| {
            let made = bench.running("sleep 1; exit 42").await;
            let began = Instant::now();
            let waits = (0..10).map(|_| wait(&bench, &made.id));
            let codes = futures_util::future::join_all(waits).await;
            assert!(
                codes.iter().all(|code| *code.as_ref().unwrap() == 42),
                "{codes:?}"
            );
            assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
            let later = bench.driver.wait_container(&made.id, WaitOptions::default());
            let now = bench.driver.get_container(&made.id).await.unwrap().unwrap();
            assert_eq!(Some(later.await.unwrap()), now.exit);
        },
    );
}

#[test]
fn a_wait_for_a_created_container_is_for_the_end_of_its_run() {
    on_each(
        "a_wait_for_a_created_container_is_for_the_end_of_its_run",
        async |bench| {
            let made = bench.created("exit 7").await;
            let short = WaitOptions::at_most(Duration::from_millis(700));
            let early = bench.driver.wait_container(&made.id, short).await.unwrap_err();
            assert_eq!(
                (early.code(), early.effect()),
                (codes::WAIT_TIMEOUT, Effect::NotApplied)
            );
            let (code, started) = tokio::join!(wait(&bench, &made.id), async {
                tokio::time::sleep(Duration::from_millis(500)).await;
                bench.driver.start_container(&made.id).await
            });
            started.unwrap();
            assert_eq!(code.unwrap(), 7);
        },
    );
}

#[test]
fn a_wait_keeps_the_code_of_a_container_that_is_removed() {
    on_each(
        "a_wait_keeps_the_code_of_a_container_that_is_removed",
        async |bench| {
            let made = bench.running("sleep 300").await;
            let (code, removed) = tokio::join!(wait(&bench, &made.id), async {
                tokio::time::sleep(Duration::from_millis(500)).await;
                bench
                    .driver
                    .remove_container(&made.id, RemoveOptions::force())
                    .await
            });
            removed.unwrap();
            assert_eq!(code.unwrap(), 137);
            // Removed as soon as one waiter knows that it ended: the others know too.
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
        },
    );
}

#[test]
fn a_container_removed_without_a_run_has_no_code() {
    on_each("a_container_removed_without_a_run_has_no_code", async |bench| {
        let made = bench.created("exit 7").await;
        let (code, removed) = tokio::join!(wait(&bench, &made.id), async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            bench
                .driver
                .remove_container(&made.id, RemoveOptions::default())
                .await
        });
        removed.unwrap();
        assert_eq!(code.unwrap_err().code(), codes::CONTAINER_NOT_FOUND);
        let gone = wait(&bench, &made.id).await.unwrap_err();
        assert_eq!(gone.code(), codes::CONTAINER_NOT_FOUND);
    });
}

#[test]
fn an_exit_before_readiness_is_told_with_the_last_words_and_their_cause() {
    on_each(
        "an_exit_before_readiness_is_told_with_the_last_words_and_their_cause",
        async |bench| {
            let plain = |script: &str| bench.config(script);
            let user = |script: &str| plain(script).security(SecurityOptions::default().user("1234:1234"));
            let mut cases = vec![
                (plain("echo one; echo two >&2; exit 4"), "code 4", None),
                (plain("touch /etc/x"), "code 1", Some(Hint::ReadOnlyRoot)),
                (user("cat /proc/slabinfo"), "code 1", Some(Hint::PermissionDenied)),
                (plain("nosuchserver"), "code 127", Some(Hint::CommandNotFound)),
                (
                    plain("nc -l -p 8080 & sleep 1; nc -l -p 8080"),
                    "code 1",
                    Some(Hint::PortInUse),
                ),
            ];
            // Podman adds an entry for a user that the image does not know.
            if !bench.is_podman() {
                cases.push((user("whoami"), "code 1", Some(Hint::UserNotFound)));
            }
            for (config, says, hint) in cases {
                let made = bench.driver.create_container(&config).await.unwrap();
                bench.driver.start_container(&made.id).await.unwrap();
                let begun = Instant::now();
                // What engines and programs say ("already in use") must not be taken for it.
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
        },
    );
}

#[test]
fn only_a_wait_says_that_memory_did_not_run_out() {
    on_each("only_a_wait_says_that_memory_did_not_run_out", async |bench| {
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
        // Podman has no events that would say so.
        let known = (!bench.is_podman()).then_some(false);
        assert_eq!((waited.code, waited.oom_killed), (137, known));
        assert_eq!(now.status, ContainerStatus::Stopped);
    });
}
