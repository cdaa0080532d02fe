//! Networks that are weakly isolated, and unmanaged resources on the same engine.

use std::time::Duration;

use driver_interface_docker::{DockerConfig, DockerDriver};
use driver_interface_errors::codes;
use driver_interface_types::{
    ContainerDriver, ContainerFilter, ContainerId, Namespace, NetworkConfig, NetworkId, NetworkMode,
    RemoveOptions, ResourceFilter, StopOptions, Strictness, VolumeConfig, Warning,
};
use serde_json::json;

use super::engine::{Bench, on_docker, on_each, on_podman};

#[test]
fn weak_isolation_warns_or_is_refused() {
    on_each("weak_isolation_warns_or_is_refused", async |bench| {
        let network = NetworkConfig::new(format!("{}-own", bench.namespace));
        bench.driver.create_network(&network).await.unwrap();
        let config = bench
            .config("true")
            .network(NetworkMode::Named(network.name.clone()));
        let weak = !bench
            .driver
            .capabilities()
            .supports(driver_interface_types::Guarantee::Network);
        let warned = |warnings: &[Warning]| warnings.iter().any(|warning| warning.path == "network");
        let made = bench.driver.create_container(&config).await.unwrap();
        assert_eq!(warned(&made.warnings), weak);
        let strict = config.clone().strictness(Strictness::Require);
        let strict = bench.driver.plan(&strict).await.unwrap();
        assert_eq!(warned(&strict.refusals), weak);
        let alone = bench.driver.plan(&config.network(NetworkMode::None)).await;
        assert!(!warned(&alone.unwrap().warnings));
    });
}

/// Returns the networks of the bench's namespace on the engine.
fn networks(bench: &Bench) -> Vec<String> {
    let left = bench.raw.left(&bench.namespace).into_iter();
    left.filter(|one| one.starts_with("network")).collect()
}

async fn keeping(bench: &Bench, period: Duration) -> DockerDriver {
    let config = DockerConfig::for_uri(bench.uri)
        .unwrap()
        .namespace(Namespace::new(bench.namespace.as_str()).unwrap())
        .keep_default_network(period);
    DockerDriver::connect(config).await.unwrap()
}

async fn create_and_remove(bench: &Bench, driver: &DockerDriver) {
    let made = driver.create_container(&bench.config("true")).await.unwrap();
    let remove = driver.remove_container(&made.id, RemoveOptions::default());
    remove.await.unwrap();
}

#[test]
fn default_network_is_kept_for_a_while() {
    on_docker("default_network_is_kept_for_a_while", async |bench| {
        let driver = keeping(&bench, Duration::from_secs(3600)).await;
        create_and_remove(&bench, &driver).await;
        let kept = networks(&bench);
        assert_eq!(kept.len(), 1);
        create_and_remove(&bench, &driver).await;
        assert_eq!(networks(&bench), kept);
        assert_eq!(bench.driver.remove_idle_networks().await.unwrap(), 1);
        assert_eq!(networks(&bench).len(), 0);

        // The network does not outlive the last clone of the driver.
        create_and_remove(&bench, &driver).await;
        let clone = driver.clone();
        drop(driver);
        assert_eq!(networks(&bench).len(), 1);
        drop(clone);
        bench.settled().await;

        // Unless it is used again, the network is removed when the time has come, and not before.
        let driver = keeping(&bench, Duration::from_secs(1)).await;
        create_and_remove(&bench, &driver).await;
        let used = driver.create_container(&bench.config("true")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(networks(&bench).len(), 1);
        let remove = driver.remove_container(&used.id, RemoveOptions::default());
        remove.await.unwrap();
        bench.settled().await;
        drop(driver);
    });
}

#[test]
fn podman_network_is_removed_with_its_last_container() {
    on_podman(
        "podman_network_is_removed_with_its_last_container",
        async |bench| {
            let driver = keeping(&bench, Duration::from_secs(3600)).await;
            create_and_remove(&bench, &driver).await;
            assert_eq!(networks(&bench).len(), 0);
        },
    );
}

#[test]
fn creation_dropped_with_its_driver_leaves_no_network() {
    on_each(
        "creation_dropped_with_its_driver_leaves_no_network",
        async |bench| {
            for pause in [1, 20, 60, 150, 400] {
                let driver = keeping(&bench, Duration::from_secs(3600)).await;
                let pause = Duration::from_millis(pause);
                let config = bench.config("true");
                if let Ok(made) = tokio::time::timeout(pause, driver.create_container(&config)).await {
                    let made = made.unwrap();
                    let remove = driver.remove_container(&made.id, RemoveOptions::default());
                    let _ = tokio::time::timeout(pause, remove).await;
                }
                drop(driver);
                bench.settled().await;
            }
        },
    );
}

#[test]
fn program_that_returns_from_main_leaves_no_network() {
    on_docker(
        "program_that_returns_from_main_leaves_no_network",
        async |bench| {
            for (is_dropped_inside, has_idle_thread) in [(true, false), (true, true), (false, false)] {
                let program = std::sync::Arc::clone(&bench);
                let main = std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap();
                    let driver = runtime.block_on(keeping(&program, Duration::from_secs(3600)));
                    let outside = runtime.block_on(async move {
                        create_and_remove(&program, &driver).await;
                        if has_idle_thread {
                            tokio::task::spawn_blocking(|| ()).await.unwrap();
                        }
                        (!is_dropped_inside).then_some(driver)
                    });
                    drop(outside);
                });
                main.join().unwrap();
                assert_eq!(networks(&bench).len(), 0, "{is_dropped_inside} {has_idle_thread}");
            }
        },
    );
}

#[test]
fn missing_default_network_is_recreated() {
    on_each("missing_default_network_is_recreated", async |bench| {
        let made = bench.created("true").await;
        let names = networks(&bench);
        assert_eq!(names.len(), 1);
        assert!(
            bench
                .driver
                .list_networks(&ResourceFilter::default())
                .await
                .unwrap()
                .is_empty()
        );
        let name = names[0]
            .trim_start_matches("network ")
            .trim_matches('"')
            .to_owned();
        let remove = || bench.raw.call("DELETE", &format!("/networks/{name}"), None).0;
        for _ in 0..2 {
            // Podman does not remove it while a container refers to it.
            assert_eq!(remove(), if bench.is_podman() { 500 } else { 204 });
            bench.driver.start_container(&made.id).await.unwrap();
            bench.until(&made, |now| now.exit.is_some()).await;
        }
        bench
            .driver
            .remove_container(&made.id, RemoveOptions::default())
            .await
            .unwrap();
        assert_eq!(bench.raw.left(&bench.namespace), Vec::<String>::new());
    });
}

#[test]
fn container_from_our_snapshot_is_unmanaged() {
    on_each("container_from_our_snapshot_is_unmanaged", async |bench| {
        let ours = bench.created("true").await;
        let image = format!("localhost/{}-snapshot", bench.namespace);
        let commit = format!("/commit?container={}&repo={image}&tag=1", ours.id);
        let (status, answer) = bench.raw.call("POST", &commit, Some(&json!({})));
        assert_eq!(status, 201, "{answer}");
        let name = format!("{}-copy", bench.namespace);
        let body = json!({"Image": format!("{image}:1"), "Cmd": ["sleep", "60"]});
        let (status, made) = bench
            .raw
            .call("POST", &format!("/containers/create?name={name}"), Some(&body));
        assert_eq!(status, 201, "{made}");
        let id = made["Id"].as_str().unwrap().to_owned();
        let labels = bench.raw.get(&format!("/containers/{id}/json"))["Config"]["Labels"].clone();
        let seen = bench.driver.list_containers(&ContainerFilter::default()).await;
        let copy = ContainerId::new(id.as_str()).unwrap();
        let removed = bench.driver.remove_container(&copy, RemoveOptions::force()).await;
        bench
            .raw
            .call("DELETE", &format!("/containers/{id}?force=1"), None);
        bench.raw.untag(&format!("{image}:1"));
        assert_eq!(
            labels["io.driver-interface.namespace"],
            json!(bench.namespace),
            "it has our labels"
        );
        let seen: Vec<_> = seen.unwrap().into_iter().map(|one| one.id).collect();
        assert_eq!(seen, [ours.id]);
        assert_eq!(removed.unwrap_err().code(), codes::CONTAINER_NOT_FOUND);
    });
}

#[test]
fn unmanaged_volumes_and_networks_are_untouched() {
    on_each("unmanaged volumes and networks", async |bench| {
        let name = format!("{}-stranger", bench.namespace);
        let made = bench
            .raw
            .call("POST", "/volumes/create", Some(&json!({"Name": name})));
        assert_eq!(made.0, 201);
        let created = bench.driver.create_volume(&VolumeConfig::new(&name)).await;
        let (status, _) = bench.raw.call("DELETE", &format!("/volumes/{name}"), None);
        let error = created.unwrap_err();
        assert_eq!(
            (error.code(), error.is_retryable()),
            (codes::VOLUME_CREATION_FAILED, false)
        );
        assert_eq!(status, 204, "it still exists");
        // Each engine has a network of this name.
        let record = bench.raw.get("/networks/bridge");
        for id in ["bridge", record["Id"].as_str().unwrap()] {
            let removed = bench.driver.remove_network(&NetworkId::new(id).unwrap()).await;
            assert_eq!(removed.unwrap_err().code(), codes::NETWORK_NOT_FOUND, "{id}");
        }
    });
}

#[test]
fn name_equal_to_id_prefix_is_not_an_id() {
    on_each("name_equal_to_id_prefix_is_not_an_id", async |bench| {
        let made = bench.running("sleep 60").await;
        let short = &made.id.as_str()[..12];
        let lookalike = bench.config("true").name(short);
        let lookalike = bench.driver.create_container(&lookalike).await.unwrap();
        let id = ContainerId::new(short).unwrap();
        assert_eq!(bench.driver.get_container(&id).await.unwrap(), None);
        for error in [
            bench.driver.stop_container(&id, StopOptions::kill()).await.err(),
            bench
                .driver
                .remove_container(&id, RemoveOptions::force())
                .await
                .err(),
        ] {
            assert_eq!(error.unwrap().code(), codes::CONTAINER_NOT_FOUND);
        }
        assert!(bench.driver.is_container_healthy(&made.id).await.unwrap());
        assert!(bench.driver.get_container(&lookalike.id).await.unwrap().is_some());
    });
}
