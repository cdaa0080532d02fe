//! create → start → stop → remove, and what each step promises.

use std::time::{Duration, Instant};

use driver_interface_docker::DockerDriver;
use driver_interface_errors::{Hint, codes};
use driver_interface_types::{
    ContainerDriver, ContainerId, ContainerState, ContainerStatus, LogOptions, RemoveOptions, StartOutcome,
    StopOptions, StopOutcome,
};

use super::engine::on_each;

#[test]
fn a_container_s_whole_life() {
    on_each("a_container_s_whole_life", async |bench| {
        let driver: &DockerDriver = &bench.driver;
        let config =
            bench.config("echo hello; echo oops >&2; trap 'exit 0' TERM; echo ready; sleep 60 & wait");
        let made = driver
            .create_container(&config.name(format!("{}-life", bench.namespace)))
            .await
            .unwrap();
        assert_eq!(
            (made.status, made.state),
            (ContainerStatus::Created, ContainerState::Terminated)
        );
        assert_eq!(
            (made.started_at, made.exit.clone(), made.ip_address),
            (None, None, None)
        );
        assert_eq!(made.image, bench.image);
        assert_eq!(
            driver
                .get_container_logs(&made.id, LogOptions::default())
                .await
                .unwrap(),
            ""
        );

        assert_eq!(
            driver.start_container(&made.id).await.unwrap(),
            StartOutcome::Started
        );
        assert_eq!(
            driver.start_container(&made.id).await.unwrap(),
            StartOutcome::AlreadyRunning
        );
        bench.ready(&made).await;
        let running = driver.get_container(&made.id).await.unwrap().unwrap();
        assert_eq!(
            (running.status, running.state),
            (ContainerStatus::Running, ContainerState::Running)
        );
        assert!(
            running.started_at.is_some() && running.ip_address.is_some(),
            "{running:?}"
        );
        assert!(driver.is_container_healthy(&made.id).await.unwrap());

        let refused = driver
            .remove_container(&made.id, RemoveOptions::default())
            .await
            .unwrap_err();
        assert_eq!(
            (refused.code(), refused.hint()),
            (codes::CONTAINER_REMOVE_FAILED, Some(Hint::StillRunning))
        );

        let stop = StopOptions::graceful(Duration::from_secs(10));
        let began = Instant::now();
        assert_eq!(
            driver.stop_container(&made.id, stop).await.unwrap(),
            StopOutcome::Stopped
        );
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        let stopped = driver.get_container(&made.id).await.unwrap().unwrap();
        assert_eq!(
            (stopped.status, stopped.exit_code()),
            (ContainerStatus::Stopped, Some(0))
        );
        assert_eq!(stopped.ip_address, None);
        assert_eq!(
            driver.stop_container(&made.id, stop).await.unwrap(),
            StopOutcome::AlreadyStopped
        );
        let logs = driver
            .get_container_logs(&made.id, LogOptions::default())
            .await
            .unwrap();
        assert!(logs.contains("hello\n") && logs.contains("oops\n"), "{logs:?}");

        let by_name = ContainerId::new(stopped.name.as_str()).unwrap();
        driver
            .remove_container(&by_name, RemoveOptions::default())
            .await
            .unwrap();
        assert_eq!(driver.get_container(&made.id).await.unwrap(), None);
        let again = driver
            .remove_container(&made.id, RemoveOptions::default())
            .await
            .unwrap_err();
        assert_eq!(again.code(), codes::CONTAINER_NOT_FOUND);
    });
}

#[test]
fn a_patient_process_is_left_alone_by_a_graceful_stop() {
    on_each(
        "a_patient_process_is_left_alone_by_a_graceful_stop",
        async |bench| {
            let driver = &bench.driver;
            let made = bench
                .running("trap 'echo got TERM' TERM; echo ready; while :; do sleep 0.1; done")
                .await;
            bench.ready(&made).await;
            let began = Instant::now();
            let error = driver
                .stop_container(&made.id, StopOptions::graceful(Duration::from_secs(1)))
                .await
                .unwrap_err();
            assert_eq!(
                (error.code(), error.hint()),
                (codes::CONTAINER_STOP_FAILED, Some(Hint::StillRunning))
            );
            assert!(error.is_retryable());
            assert!(began.elapsed() >= Duration::from_secs(1) && began.elapsed() < Duration::from_secs(4));
            let still = driver.get_container(&made.id).await.unwrap().unwrap();
            assert_eq!(still.status, ContainerStatus::Running);
            assert!(
                driver
                    .get_container_logs(&made.id, LogOptions::default())
                    .await
                    .unwrap()
                    .contains("got TERM")
            );

            let began = Instant::now();
            let firm = StopOptions::kill_after(Duration::from_secs(1));
            assert_eq!(
                driver.stop_container(&made.id, firm).await.unwrap(),
                StopOutcome::Killed
            );
            assert!(began.elapsed() >= Duration::from_secs(1) && began.elapsed() < Duration::from_secs(5));
            let killed = driver.get_container(&made.id).await.unwrap().unwrap();
            assert_eq!(
                (killed.status, killed.exit_code()),
                (ContainerStatus::Stopped, Some(137))
            );
        },
    );
}

#[test]
fn a_kill_is_at_once_and_a_handler_s_exit_code_is_kept() {
    on_each(
        "a_kill_is_at_once_and_a_handler_s_exit_code_is_kept",
        async |bench| {
            let driver = &bench.driver;
            let made = bench.running("sleep 60").await;
            let began = Instant::now();
            assert_eq!(
                driver
                    .stop_container(&made.id, StopOptions::kill())
                    .await
                    .unwrap(),
                StopOutcome::Killed
            );
            assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());

            let made = bench
                .running("trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done")
                .await;
            bench.ready(&made).await;
            let firm = StopOptions::kill_after(Duration::from_secs(10));
            assert_eq!(
                driver.stop_container(&made.id, firm).await.unwrap(),
                StopOutcome::Stopped
            );
            let ended = driver.get_container(&made.id).await.unwrap().unwrap();
            assert_eq!(
                (ended.status, ended.state, ended.exit_code()),
                (ContainerStatus::Exited, ContainerState::Error, Some(7))
            );
            assert_eq!(
                driver.start_container(&made.id).await.unwrap(),
                StartOutcome::Started
            );
            let again = driver.get_container(&made.id).await.unwrap().unwrap();
            assert_eq!(
                (again.status, again.exit.clone()),
                (ContainerStatus::Running, None)
            );
            assert!(again.started_at > ended.started_at);
        },
    );
}

#[test]
fn what_never_ran_is_stopped_already() {
    on_each("what_never_ran_is_stopped_already", async |bench| {
        let made = bench.created("sleep 60").await;
        for options in [
            StopOptions::default(),
            StopOptions::kill(),
            StopOptions::kill_after(Duration::from_secs(1)),
        ] {
            let outcome = bench.driver.stop_container(&made.id, options).await.unwrap();
            assert_eq!(outcome, StopOutcome::AlreadyStopped);
        }
        let now = bench.driver.get_container(&made.id).await.unwrap().unwrap();
        assert_eq!(now.status, ContainerStatus::Created);
        assert!(!bench.driver.is_container_healthy(&made.id).await.unwrap());
    });
}

#[test]
fn a_paused_container_is_shown_refused_and_stopped() {
    on_each("a_paused_container_is_shown_refused_and_stopped", async |bench| {
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
fn a_start_that_cannot_succeed_says_why() {
    on_each("a_start_that_cannot_succeed_says_why", async |bench| {
        let driver = &bench.driver;
        let base = bench.config("");
        let unknown = driver_interface_types::SecurityOptions::default().user("nobody-here");
        for (config, hint) in [
            (base.clone().command(["nosuch-program"]), Hint::CommandNotFound),
            (base.clone().command(["/nosuch/program"]), Hint::CommandNotFound),
            (base.clone().command(["/etc/passwd"]), Hint::CommandNotExecutable),
            (base.clone().command(["/etc"]), Hint::CommandNotExecutable),
            // More than the kernel grants to any process.
            (
                base.clone()
                    .command(["true"])
                    .ulimit("nofile", 99_999_999, 99_999_999),
                Hint::UlimitRefused,
            ),
            // Programs called like what engines say; some of them through an init process, some not.
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
                base.clone().command(["/no such container: is a directory"]),
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

#[test]
fn exit_codes_are_exact() {
    on_each("exit_codes_are_exact", async |bench| {
        for code in [0, 1, 42, 125, 126, 127, 255] {
            let ended = bench.ended(&bench.config(&format!("exit {code}"))).await;
            assert_eq!(ended.exit_code(), Some(code));
            assert_eq!(ended.status, ContainerStatus::of_exit(code, None));
            let exit = ended.exit.unwrap();
            assert!(exit.finished_at >= ended.started_at.unwrap());
        }
    });
}

#[test]
fn what_is_not_there_is_not_found() {
    on_each("what_is_not_there_is_not_found", async |bench| {
        let driver = &bench.driver;
        let id = ContainerId::new("nosuch").unwrap();
        assert_eq!(driver.get_container(&id).await.unwrap(), None);
        let errors = [
            driver.start_container(&id).await.err(),
            driver.stop_container(&id, StopOptions::default()).await.err(),
            driver.remove_container(&id, RemoveOptions::force()).await.err(),
            driver.get_container_logs(&id, LogOptions::default()).await.err(),
            driver.is_container_healthy(&id).await.err(),
        ];
        for error in errors {
            let error = error.unwrap();
            assert_eq!(
                (error.code(), error.is_retryable()),
                (codes::CONTAINER_NOT_FOUND, false)
            );
            assert_eq!(error.context().get("container"), Some("nosuch"));
        }
    });
}
