//! Volumes, networks, images and the engine's health.

use bytes::Bytes;
use driver_interface_errors::{Hint, codes};
use driver_interface_types::{
    ContainerDriver, ContainerDriverExt, ContainerFilter, ImageRef, LogOptions, NetworkConfig, NetworkId,
    NetworkMode, PullPolicy, RemoveOptions, ResourceFilter, SessionId, VolumeConfig, VolumeId, VolumeMount,
    VolumeOwner,
};

use serde_json::json;

use super::engine::{Bench, absent, on_docker, on_each};

#[test]
fn volumes_are_made_listed_kept_while_used_and_removed() {
    on_each(
        "volumes_are_made_listed_kept_while_used_and_removed",
        async |bench| {
            let driver = &bench.driver;
            let name = format!("{}-vol", bench.namespace);
            let config = VolumeConfig::new(name.as_str())
                .session("s1")
                .label("team", "core")
                .label("empty", "");
            let made = driver.create_volume(&config).await.unwrap();
            assert_eq!(
                (made.name.as_str(), &made.labels),
                (name.as_str(), &config.labels)
            );
            assert_eq!(made.session_id, Some(SessionId::new("s1").unwrap()));
            let error = driver
                .create_volume(&VolumeConfig::new(name.as_str()).label("team", "other"))
                .await
                .unwrap_err();
            assert_eq!(
                (error.code(), error.hint()),
                (codes::VOLUME_CREATION_FAILED, Some(Hint::NameTaken))
            );
            let list = async |filter: ResourceFilter| driver.list_volumes(&filter).await.unwrap();
            assert_eq!(list(ResourceFilter::default()).await, vec![made.clone()]);
            assert_eq!(
                list(ResourceFilter::default().label("team", "core")).await,
                vec![made.clone()]
            );
            assert!(
                list(ResourceFilter::default().session(SessionId::new("s2").unwrap()))
                    .await
                    .is_empty()
            );

            let user = bench
                .config("true")
                .mount(VolumeMount::volume(name.as_str(), "/data"));
            let user = driver.create_container(&user).await.unwrap();
            let error = driver.remove_volume(&made.id).await.unwrap_err();
            assert_eq!(
                (error.code(), error.hint()),
                (codes::VOLUME_REMOVE_FAILED, Some(Hint::InUse))
            );
            driver
                .remove_container(&user.id, RemoveOptions::default())
                .await
                .unwrap();
            driver.remove_volume(&made.id).await.unwrap();
            let error = driver.remove_volume(&made.id).await.unwrap_err();
            assert_eq!(error.code(), codes::VOLUME_NOT_FOUND);
            let error = driver
                .remove_volume(&VolumeId::new("nosuch").unwrap())
                .await
                .unwrap_err();
            assert_eq!(error.code(), codes::VOLUME_NOT_FOUND);
            let unknown = VolumeConfig::new(format!("{name}2")).driver("nosuch");
            let error = driver.create_volume(&unknown).await.unwrap_err();
            assert_eq!(
                (error.code(), error.is_retryable()),
                (codes::VOLUME_CREATION_FAILED, false)
            );
        },
    );
}

#[test]
fn a_container_with_safe_defaults_writes_to_a_new_volume_whatever_the_image_has_there() {
    on_each("new_volume", async |bench| {
        let name = format!("{}-vol", bench.namespace);
        let made = bench
            .driver
            .create_volume(&VolumeConfig::new(&name))
            .await
            .unwrap();
        assert_eq!(made.owner, Some(VolumeOwner::DEFAULT));
        // The image has only one of the directories, and it belongs to root.
        for target in ["/root", "/data"] {
            let script = format!("echo x > {target}/f && ls {target} && rm {target}/f");
            let config = bench.config(&script).mount(VolumeMount::volume(&name, target));
            let ended = bench.ended(&config).await;
            let logs = bench
                .driver
                .get_container_logs(&ended.id, LogOptions::default())
                .await;
            assert_eq!(logs.unwrap(), "f\n", "{target}");
        }
    });
}

/// Creates what a process leaves that is killed while it sets the owner of a volume.
fn leave_helpers(bench: &Bench, volume: &str) {
    let labels = json!({
        "io.driver-interface.helper-of": bench.namespace,
        "io.driver-interface.helper-volume": volume,
    });
    let mount = json!({"Type": "volume", "Source": volume, "Target": "/volume"});
    let body = json!({
        "Image": bench.image, "Cmd": ["none"], "Labels": labels, "HostConfig": {"Mounts": [mount]},
    });
    let (status, answer) = bench.raw.call("POST", "/containers/create", Some(&body));
    assert_eq!(status, 201, "{answer}");
}

#[test]
fn helpers_of_a_killed_process_go_with_their_volume_or_after_it() {
    on_docker("helpers", async |bench| {
        let driver = &bench.driver;
        let name = format!("{}-vol", bench.namespace);
        let made = driver.create_volume(&VolumeConfig::new(&name)).await.unwrap();
        leave_helpers(&bench, &name);
        assert_eq!(
            driver.list_containers(&ContainerFilter::default()).await.unwrap(),
            []
        );
        driver.remove_idle_networks().await.unwrap();
        assert_eq!(
            bench.raw.left(&bench.namespace).len(),
            2,
            "its volume still exists"
        );
        driver.remove_volume(&made.id).await.unwrap();
        assert_eq!(bench.raw.left(&bench.namespace), Vec::<String>::new());

        // The engine completes the helper late, and so creates the volume again.
        leave_helpers(&bench, &name);
        driver.remove_idle_networks().await.unwrap();
        assert_eq!(bench.raw.left(&bench.namespace), Vec::<String>::new());
        assert_eq!(bench.raw.call("DELETE", &format!("/volumes/{name}"), None).0, 204);
    });
}

#[test]
fn networks_are_made_listed_kept_while_used_and_removed() {
    on_each(
        "networks_are_made_listed_kept_while_used_and_removed",
        async |bench| {
            let driver = &bench.driver;
            let name = format!("{}-net", bench.namespace);
            let config = NetworkConfig::new(name.as_str())
                .session("s1")
                .label("team", "core");
            let made = driver.create_network(&config).await.unwrap();
            assert_eq!(
                (made.name.as_str(), &made.labels, made.driver.as_str()),
                (name.as_str(), &config.labels, "bridge")
            );
            let error = driver.create_network(&config).await.unwrap_err();
            assert_eq!(
                (error.code(), error.hint()),
                (codes::NETWORK_CREATION_FAILED, Some(Hint::NameTaken))
            );
            let listed = driver
                .list_networks(&ResourceFilter::default().session(SessionId::new("s1").unwrap()))
                .await
                .unwrap();
            assert_eq!(listed, vec![made.clone()]);

            let attached = bench.config("sleep 60").network(NetworkMode::Named(name.clone()));
            for started in [false, true] {
                let user = driver.create_container(&attached).await.unwrap();
                if started {
                    driver.start_container(&user.id).await.unwrap();
                }
                let by_name = NetworkId::new(name.as_str()).unwrap();
                let error = driver.remove_network(&by_name).await.unwrap_err();
                assert_eq!(
                    (error.code(), error.hint()),
                    (codes::NETWORK_REMOVE_FAILED, Some(Hint::InUse)),
                    "{started}"
                );
                driver
                    .remove_container(&user.id, RemoveOptions::force())
                    .await
                    .unwrap();
            }
            driver.remove_network(&made.id).await.unwrap();
            assert_eq!(
                driver.remove_network(&made.id).await.unwrap_err().code(),
                codes::NETWORK_NOT_FOUND
            );
            let error = driver
                .create_network(&NetworkConfig::new(format!("{name}2")).driver("nosuch"))
                .await
                .unwrap_err();
            assert_eq!(
                (error.code(), error.is_retryable()),
                (codes::CONFIGURATION_ERROR, false),
                "{error:?}"
            );
        },
    );
}

#[test]
fn a_session_is_removed_as_a_whole() {
    on_each("a_session_is_removed_as_a_whole", async |bench| {
        let driver = &bench.driver;
        let volume = VolumeConfig::new(format!("{}-all", bench.namespace)).session("s1");
        let network = NetworkConfig::new(format!("{}-all", bench.namespace)).session("s1");
        driver.create_volume(&volume).await.unwrap();
        driver.create_network(&network).await.unwrap();
        let config = bench
            .config("sleep 60")
            .mount(VolumeMount::volume(volume.name.as_str(), "/data"));
        bench
            .run(&config.network(NetworkMode::Named(network.name.clone())))
            .await;
        bench.running("sleep 60").await;
        let removed = bench
            .another()
            .await
            .remove_session(&SessionId::new("s1").unwrap())
            .await;
        assert!(removed.failures.is_empty(), "{removed:?}");
        assert_eq!((removed.containers, removed.volumes, removed.networks), (2, 1, 1));
        assert_eq!(bench.raw.left(&bench.namespace), Vec::<String>::new());
    });
}

/// The archive of a root file system with one empty file.
fn archive() -> Bytes {
    let mut header = vec![0u8; 512];
    header[..6].copy_from_slice(b"marker");
    header[100..107].copy_from_slice(b"0000644");
    header[108..115].copy_from_slice(b"0000000");
    header[116..123].copy_from_slice(b"0000000");
    header[124..135].copy_from_slice(b"00000000000");
    header[136..147].copy_from_slice(b"00000000000");
    header[148..156].copy_from_slice(b"        ");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header.extend([0u8; 1024]);
    Bytes::from(header)
}

#[test]
fn images_are_imported_used_and_removed() {
    on_each("images_are_imported_used_and_removed", async |bench| {
        let driver = &bench.driver;
        let prefix = if bench.is_podman() { "localhost/" } else { "" };
        let image = ImageRef::new(format!("{prefix}{}/import:1", bench.namespace)).unwrap();
        driver.import_image(&image, archive().into()).await.unwrap();
        let first = driver.get_image(&image).await.unwrap().unwrap();
        driver.import_image(&image, archive().into()).await.unwrap();
        let second = driver.get_image(&image).await.unwrap().unwrap();
        // Nothing has the first one any more, so nobody could remove it.
        assert!(first.id == second.id || bench.raw.image(&first.id) == 404);
        let mut config = bench
            .config("")
            .command(["/marker"])
            .pull_policy(PullPolicy::Never);
        config.image = image.to_string();
        let made = driver.create_container(&config).await.unwrap();
        assert!(made.labels.is_empty(), "{:?}", made.labels);
        let error = driver.remove_image(&image).await.unwrap_err();
        assert_eq!(
            (error.code(), error.hint()),
            (codes::IMAGE_PULL_FAILED, Some(Hint::InUse))
        );
        let other = bench.in_namespace(&format!("{}-o", bench.namespace)).await;
        assert_eq!(
            other.remove_image(&image).await.unwrap_err().code(),
            codes::IMAGE_NOT_FOUND
        );
        driver
            .remove_container(&made.id, RemoveOptions::default())
            .await
            .unwrap();
        driver.remove_image(&image).await.unwrap();
        assert_eq!(
            driver.remove_image(&image).await.unwrap_err().code(),
            codes::IMAGE_NOT_FOUND
        );
        let stock = ImageRef::new(bench.image).unwrap();
        assert_eq!(
            driver.remove_image(&stock).await.unwrap_err().code(),
            codes::IMAGE_NOT_FOUND
        );
        let junk = Bytes::from(vec![b'x'; 4096]);
        let error = driver.import_image(&image, junk.into()).await.unwrap_err();
        assert_eq!(error.code(), codes::IMAGE_PULL_FAILED);
    });
}

#[test]
fn a_healthy_engine_says_what_it_is_and_counts_our_containers() {
    on_each(
        "a_healthy_engine_says_what_it_is_and_counts_our_containers",
        async |bench| {
            bench.running("sleep 60").await;
            bench.created("true").await;
            bench.ended(&bench.config("exit 3")).await;
            let health = bench.driver.health_check().await.unwrap();
            assert!(health.is_healthy());
            let counts = health.containers;
            assert_eq!(
                (counts.total, counts.running, counts.stopped, counts.others),
                (3, 1, 1, 1)
            );
            let engine = health.engine.unwrap();
            assert_eq!(&engine, bench.driver.engine_info());
            assert!(engine.api_version.unwrap().starts_with("1."));
            assert_eq!(bench.driver.name(), "docker");
            assert_eq!(bench.driver.capabilities(), bench.another().await.capabilities());
        },
    );
}

#[test]
fn a_registry_s_images_are_pulled_and_its_refusals_told_apart() {
    on_each(
        "a_registry_s_images_are_pulled_and_its_refusals_told_apart",
        async |bench| {
            const REGISTRY: &str = "127.0.0.1:5000";
            if let Err(error) = std::net::TcpStream::connect(REGISTRY) {
                return absent("pulling", "registry", &error.to_string());
            }
            let driver = &bench.driver;
            let mut config = bench.config("true").pull_policy(PullPolicy::Always);
            let repository = format!("{REGISTRY}/{}", bench.namespace);
            config.image = format!("{repository}:1");
            bench.raw.push(bench.image, &repository, "1");
            assert_eq!(
                bench.raw.image(&config.image),
                404,
                "what was pushed is only there"
            );
            let made = driver.create_container(&config).await.unwrap();
            assert_eq!(made.image, config.image);
            driver
                .remove_container(&made.id, RemoveOptions::default())
                .await
                .unwrap();
            bench.raw.untag(&config.image);
            let digest = format!("{repository}@sha256:{}", "a".repeat(64));
            for missing in [
                format!("{repository}:nosuch"),
                format!("{REGISTRY}/nosuch"),
                digest,
            ] {
                config.image = missing;
                let error = driver.create_container(&config).await.unwrap_err();
                assert_eq!(
                    (error.code(), error.is_retryable()),
                    (codes::IMAGE_NOT_FOUND, false),
                    "{error:?}"
                );
            }
        },
    );
}
