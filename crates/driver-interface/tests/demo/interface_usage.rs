//! Everyday use: connect, run a container, validate a config, volumes and networks.

use std::sync::Arc;
use std::time::Duration;

use driver_interface::prelude::*;
use driver_interface::{ConfigurationError, InputError, MockDockerDriver};

use crate::support::{drivers, list_all, lookup, run, script, server};

mod driver_initialisation {
    use driver_interface::mock::MockEngine;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn connects_to_any_driver_by_uri() -> Result<()> {
        for (uri, name) in [("mock-docker:", "mock-docker"), ("mock-local:", "mock-local")] {
            let driver: Arc<dyn ContainerDriver> = connect(uri).await?;
            assert_eq!(driver.name(), name);
            let health = driver.health_check().await?;
            assert!(health.is_healthy(), "{health:?}");
            assert_eq!(health.version, driver.version());
            assert_eq!(health.containers.total, 0);
        }
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn health_check_reports_a_stopped_engine() -> Result<()> {
        let engine = MockEngine::new();
        let driver = MockDockerDriver::builder().engine(&engine).build();
        engine.stop_engine();
        let health = driver.health_check().await?;
        assert!(!health.is_healthy());
        assert!(health.error.is_some_and(|reason| !reason.is_empty()));

        engine.start_engine();
        assert!(driver.health_check().await?.is_healthy());
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_tasks_share_one_driver() -> Result<()> {
        let driver: Arc<dyn ContainerDriver> = Arc::new(MockDockerDriver::new());
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..5 {
            let driver = driver.clone();
            let config = server("shared").name(format!("server-{number}"));
            tasks.spawn(async move { driver.create_container(&config).await });
        }
        let created: Result<Vec<_>> = tasks.join_all().await.into_iter().collect();
        assert_eq!(created?.len(), 5);
        let mut names: Vec<_> = list_all(&driver).await.into_iter().map(|one| one.name).collect();
        names.sort();
        assert_eq!(
            names,
            ["server-0", "server-1", "server-2", "server-3", "server-4"]
        );
        Ok(())
    }
}

mod container_lifecycle {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn container_is_created_started_stopped_and_removed() -> Result<()> {
        let driver = MockDockerDriver::new();
        let created = driver.create_container(&server("life").name("web")).await?;
        assert_eq!(
            (created.status, created.state),
            (ContainerStatus::Created, ContainerState::Terminated)
        );
        assert!(created.started_at.is_none() && created.exit.is_none());

        assert_eq!(driver.start_container(&created.id).await?, StartOutcome::Started);
        let running = lookup(&driver, &created.id).await;
        assert_eq!(
            (running.status, running.state),
            (ContainerStatus::Running, ContainerState::Running)
        );
        assert!(driver.is_container_healthy(&created.id).await?);

        let stopped = driver.stop_container(&created.id, StopOptions::default()).await?;
        assert_eq!(stopped, StopOutcome::Stopped);
        let exited = lookup(&driver, &created.id).await;
        assert_eq!(
            (exited.status, exited.state),
            (ContainerStatus::Stopped, ContainerState::Terminated)
        );
        assert!(!driver.is_container_healthy(&created.id).await?);

        driver
            .remove_container(&created.id, RemoveOptions::default())
            .await?;
        assert!(driver.get_container(&created.id).await?.is_none());
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn repeated_start_and_stop_report_already() -> Result<()> {
        let driver = MockDockerDriver::new();
        let id = run(&driver, &server("twice")).await;
        let first_start = lookup(&driver, &id).await.started_at;
        assert_eq!(driver.start_container(&id).await?, StartOutcome::AlreadyRunning);
        assert_eq!(lookup(&driver, &id).await.started_at, first_start);

        driver.stop_container(&id, StopOptions::default()).await?;
        let first_exit = lookup(&driver, &id).await.exit;
        let again = driver.stop_container(&id, StopOptions::default()).await?;
        assert_eq!(again, StopOutcome::AlreadyStopped);
        assert_eq!(lookup(&driver, &id).await.exit, first_exit);
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn finished_job_keeps_output_and_exit_code() -> Result<()> {
        let driver = MockDockerDriver::new();
        let id = run(&driver, &script("job", "echo working; echo broken >&2; exit 3")).await;
        let exited = driver
            .wait_until(&id, Duration::from_secs(10), |now| now.exit.is_some())
            .await?;
        assert_eq!(exited.exit_code(), Some(3));
        assert_eq!(
            (exited.status, exited.state),
            (ContainerStatus::Exited, ContainerState::Error)
        );

        let output = LogOptions::default().only_stdout();
        assert_eq!(driver.get_container_logs(&id, output).await?, "working\n");
        let errors = LogOptions::default().only_stderr();
        assert_eq!(driver.get_container_logs(&id, errors).await?, "broken\n");
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn restarted_container_appends_to_its_logs() -> Result<()> {
        let driver = MockDockerDriver::new();
        let id = run(&driver, &script("again", "echo hello")).await;
        let limit = Duration::from_secs(10);
        let first = driver.wait_until(&id, limit, |now| now.exit.is_some()).await?;

        assert_eq!(driver.start_container(&id).await?, StartOutcome::Started);
        let second = driver.wait_until(&id, limit, |now| now.exit.is_some()).await?;
        assert!(second.started_at > first.started_at);
        let logs = driver.get_container_logs(&id, LogOptions::default()).await?;
        assert_eq!(logs, "hello\nhello\n");
        let last = LogOptions::default().tail(1);
        assert_eq!(driver.get_container_logs(&id, last).await?, "hello\n");
        Ok(())
    }
}

mod configuration_validation {
    use serde_json::json;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn defaults_are_safe() -> Result<()> {
        let config = ContainerConfig::new("defaults", "busybox");
        assert_eq!((config.resources.cpu, config.resources.memory), (0.5, 512));
        assert_eq!((config.resources.disk, config.resources.pids), (None, 100));
        assert!(config.security.read_only && config.security.no_new_privileges);
        assert_eq!(config.security.user.as_deref(), Some("1000:1000"));
        assert_eq!(config.security.capabilities.drop, ["ALL"]);

        let created = MockDockerDriver::new().create_container(&config).await?;
        assert_eq!(
            created.resources, config.resources,
            "the engine got the same limits"
        );
        Ok(())
    }

    #[test]
    fn config_file_equals_builder_and_rejects_unknown_fields() {
        let built = server("build-42")
            .env("LANG", "C.UTF-8")
            .cpu(1.5)
            .mount(VolumeMount::volume("cache", "/cache"))
            .security(SecurityOptions::default().user("33:33"));
        let text = json!({
            "sessionId": "build-42", "image": "busybox", "command": ["sleep", "3600"],
            "env": {"LANG": "C.UTF-8"}, "resources": {"cpu": 1.5},
            "volumes": [{"source": "cache", "target": "/cache", "type": "volume"}],
            "security": {"user": "33:33"},
        });
        let read: ContainerConfig = serde_json::from_value(text).unwrap();
        assert_eq!(read, built);

        let misspelt = json!({"sessionId": "build-42", "image": "busybox", "resources": {"memroy": 64}});
        let refused = serde_json::from_value::<ContainerConfig>(misspelt).unwrap_err();
        assert!(refused.to_string().contains("memroy"), "{refused}");
    }

    #[tokio::test(start_paused = true)]
    async fn invalid_config_lists_every_violation() {
        let driver = MockDockerDriver::new();
        let config = ContainerConfig::new("bad session!", "busybox")
            .cpu(-1.0)
            .mount(VolumeMount::volume("cache", "not/absolute"));
        let error = driver.create_container(&config).await.unwrap_err();
        let paths = match &error {
            DriverError::Configuration(InputError::Configuration(refused)) => paths(refused),
            other => panic!("not a configuration error: {other:?}"),
        };
        for path in ["sessionId", "resources.cpu", "volumes[0].target"] {
            assert!(paths.contains(&path), "{path} is not among {paths:?}");
        }
        assert_eq!(list_all(&driver).await, []);
    }

    fn paths(error: &ConfigurationError) -> Vec<&str> {
        error
            .violations()
            .iter()
            .map(|violation| &*violation.path)
            .collect()
    }
}

mod resource_management {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn containers_share_data_through_a_volume() -> Result<()> {
        let driver = MockDockerDriver::new();
        let volume = driver
            .create_volume(&VolumeConfig::new("handover").session("data"))
            .await?;
        let mount = VolumeMount::volume(&volume.name, "/data");
        let limit = Duration::from_secs(10);

        let writer = script("data", "echo kept > /data/note").mount(mount.clone());
        let writer = run(&driver, &writer).await;
        let written = driver
            .wait_until(&writer, limit, |now| now.exit.is_some())
            .await?;
        assert_eq!(written.exit_code(), Some(0));
        driver.remove_container(&writer, RemoveOptions::default()).await?;

        let reader = script("data", "cat /data/note").mount(mount.read_only(true));
        let reader = run(&driver, &reader).await;
        driver
            .wait_until(&reader, limit, |now| now.exit.is_some())
            .await?;
        let logs = driver.get_container_logs(&reader, LogOptions::default()).await?;
        assert_eq!(logs, "kept\n");
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn volume_and_network_in_use_cannot_be_removed() -> Result<()> {
        let driver = MockDockerDriver::new();
        let volume = driver.create_volume(&VolumeConfig::new("cache")).await?;
        let network = driver.create_network(&NetworkConfig::new("backend")).await?;
        let config = server("use")
            .mount(VolumeMount::volume("cache", "/cache"))
            .network("backend");
        let container = driver.create_container(&config).await?.id;

        let error = driver.remove_volume(&volume.id).await.unwrap_err();
        assert_eq!(error.code(), "VOLUME_REMOVE_FAILED");
        let error = driver.remove_network(&network.id).await.unwrap_err();
        assert_eq!(error.code(), "NETWORK_REMOVE_FAILED");
        driver.start_container(&container).await?;

        driver
            .remove_container(&container, RemoveOptions::force())
            .await?;
        driver.remove_volume(&volume.id).await?;
        driver.remove_network(&network.id).await?;
        assert!(driver.remove_volume(&volume.id).await.unwrap_err().is_not_found());
        assert!(
            driver
                .remove_network(&network.id)
                .await
                .unwrap_err()
                .is_not_found()
        );
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn missing_volume_or_network_prevents_creation() {
        let driver = MockDockerDriver::new();
        let config = server("missing").mount(VolumeMount::volume("nowhere", "/data"));
        let error = driver.create_container(&config).await.unwrap_err();
        assert_eq!(error.code(), "VOLUME_NOT_FOUND");
        let error = driver
            .create_container(&server("missing").network("nowhere"))
            .await
            .unwrap_err();
        assert_eq!(error.code(), "NETWORK_NOT_FOUND");
        assert_eq!(list_all(&driver).await, []);
    }
}

mod cross_driver_consistency {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn same_program_behaves_alike_on_every_driver() -> Result<()> {
        for driver in drivers() {
            assert_eq!(
                story(&driver).await?,
                [
                    "created", "Started running", "AlreadyRunning", "at work", "Stopped stopped 143",
                    "removed", "CONTAINER_NOT_FOUND",
                ],
                "{}",
                driver.name(),
            );
        }
        Ok(())
    }

    /// Runs a container through its lifecycle and returns the observed steps.
    async fn story(driver: &dyn ContainerDriver) -> Result<Vec<String>> {
        let mut reported = Vec::new();
        let config = script("story", "echo at work; sleep 3600").label("role", "hero");
        let id: ContainerId = driver.create_container(&config).await?.id;
        reported.push(lookup(driver, &id).await.status.to_string());

        let outcome = driver.start_container(&id).await?;
        reported.push(format!("{outcome:?} {}", lookup(driver, &id).await.status));
        reported.push(format!("{:?}", driver.start_container(&id).await?));
        let heroes = ContainerFilter::default()
            .label("role", "hero")
            .status(ContainerStatus::Running);
        let found = driver.list_containers(&heroes).await?;
        let logs = driver
            .get_container_logs(&found[0].id, LogOptions::default())
            .await?;
        reported.push(logs.trim_end().to_owned());

        let outcome = driver.stop_container(&id, StopOptions::default()).await?;
        let exited = lookup(driver, &id).await;
        reported.push(format!(
            "{outcome:?} {} {}",
            exited.status,
            exited.exit_code().unwrap_or(-1)
        ));
        driver.remove_container(&id, RemoveOptions::default()).await?;
        reported.push(
            driver
                .get_container(&id)
                .await?
                .map_or("removed".to_owned(), |left| left.name),
        );
        let error = driver.start_container(&id).await.unwrap_err();
        reported.push(error.code().to_owned());
        Ok(reported)
    }
}
