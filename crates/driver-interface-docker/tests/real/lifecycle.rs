//! Containers paused by another program, and starts that fail.

use std::time::Duration;

use driver_interface_errors::{Hint, codes};
use driver_interface_types::{
    ContainerDriver, ContainerState, ContainerStatus, RemoveOptions, StopOptions, StopOutcome,
};

use super::engine::on_each;

#[test]
fn paused_container_cannot_start_but_can_stop() {
    on_each("paused_container_cannot_start_but_can_stop", async |bench| {
        let driver = &bench.driver;
        for options in [
            StopOptions::graceful(Duration::from_secs(10)),
            StopOptions::kill(),
        ] {
            let made = bench
                .running("trap 'exit 3' TERM; echo ready; while :; do sleep 0.1; done")
                .await;
            bench.ready(&made).await;
            assert_eq!(
                bench
                    .raw
                    .call("POST", &format!("/containers/{}/pause", made.id), None)
                    .0,
                204
            );
            let paused = driver.get_container(&made.id).await.unwrap().unwrap();
            assert_eq!(
                (paused.status, paused.state),
                (ContainerStatus::Paused, ContainerState::Running)
            );
            assert!(!driver.is_container_healthy(&made.id).await.unwrap());
            let error = driver.start_container(&made.id).await.unwrap_err();
            assert_eq!(
                (error.code(), error.is_retryable()),
                (codes::CONTAINER_START_FAILED, false)
            );
            let error = driver
                .remove_container(&made.id, RemoveOptions::default())
                .await
                .unwrap_err();
            assert_eq!(error.code(), codes::CONTAINER_REMOVE_FAILED);
            let outcome = driver.stop_container(&made.id, options).await.unwrap();
            let ended = driver.get_container(&made.id).await.unwrap().unwrap();
            let expected = if options.force {
                (StopOutcome::Killed, 137)
            } else {
                (StopOutcome::Stopped, 3)
            };
            assert_eq!((outcome, ended.exit_code()), (expected.0, Some(expected.1)));
        }
        let made = bench.running("sleep 60").await;
        bench
            .raw
            .call("POST", &format!("/containers/{}/pause", made.id), None);
        driver
            .remove_container(&made.id, RemoveOptions::force())
            .await
            .unwrap();
        assert_eq!(driver.get_container(&made.id).await.unwrap(), None);
    });
}

#[test]
fn failed_start_reports_the_reason() {
    on_each("failed_start_reports_the_reason", async |bench| {
        let driver = &bench.driver;
        let base = bench.config("");
        let unknown = driver_interface_types::SecurityOptions::default().user("nobody-here");
        for (config, hint) in [
            (base.clone().command(["/etc"]), Hint::CommandNotExecutable),
            // Exceeds the kernel's limit for any process.
            (
                base.clone()
                    .command(["true"])
                    .ulimit("nofile", 99_999_999, 99_999_999),
                Hint::UlimitRefused,
            ),
            // Program names that look like engine errors, without an init process.
            (
                base.clone().command(["/x: permission denied"]).init(false),
                Hint::CommandNotFound,
            ),
            (
                base.clone()
                    .command(["cannot start a paused container"])
                    .init(false),
                Hint::CommandNotFound,
            ),
            (
                base.clone().command(["true"]).security(unknown),
                Hint::UserNotFound,
            ),
        ] {
            let made = driver.create_container(&config).await.unwrap();
            let error = driver.start_container(&made.id).await.unwrap_err();
            assert_eq!(
                (error.code(), error.hint()),
                (codes::CONTAINER_START_FAILED, Some(hint)),
                "{error:?}"
            );
            assert!(!error.is_retryable());
            let now = driver.get_container(&made.id).await.unwrap().unwrap();
            assert_eq!(
                (now.status, now.exit),
                (ContainerStatus::Created, None),
                "{:?}",
                config.command
            );
            driver
                .remove_container(&made.id, RemoveOptions::default())
                .await
                .unwrap();
        }
    });
}
