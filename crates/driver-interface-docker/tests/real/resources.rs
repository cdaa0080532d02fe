//! Volumes, networks, images, and the engine's health.

use bytes::Bytes;
use driver_interface_errors::codes;
use driver_interface_types::{
    ContainerDriver, ContainerFilter, ImageRef, LogOptions, NetworkConfig, PullPolicy, RemoveOptions,
    VolumeConfig, VolumeMount, VolumeOwner,
};

use serde_json::json;

use super::engine::{Bench, absent, on_docker, on_each};

#[test]
fn unknown_resource_drivers_are_not_retryable() {
    on_each("unknown drivers", async |bench| {
        let name = format!("{}-unknown", bench.namespace);
        let volume = VolumeConfig::new(&name).driver("nosuch");
        let network = NetworkConfig::new(&name).driver("nosuch");
        for (error, code) in [
            (
                bench.driver.create_volume(&volume).await.err(),
                codes::VOLUME_CREATION_FAILED,
            ),
            (
                bench.driver.create_network(&network).await.err(),
                codes::CONFIGURATION_ERROR,
            ),
        ] {
            let error = error.unwrap();
            assert_eq!((error.code(), error.is_retryable()), (code, false), "{error:?}");
        }
        let made = bench.driver.create_network(&NetworkConfig::new(&name)).await;
        assert_eq!(made.unwrap().driver, "bridge");
    });
}

#[test]
fn default_user_can_write_to_a_new_volume() {
    on_each("default_user_can_write_to_a_new_volume", async |bench| {
        let name = format!("{}-vol", bench.namespace);
        let made = bench
            .driver
            .create_volume(&VolumeConfig::new(&name))
            .await
            .unwrap();
        assert_eq!(made.owner, Some(VolumeOwner::DEFAULT));
        // The image has only one of the directories, owned by root.
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

/// Creates the leftovers of a process that is killed while it sets the owner of a volume.
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
fn leftover_volume_helpers_are_removed() {
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

        // A helper that the engine creates late recreates the volume.
        leave_helpers(&bench, &name);
        driver.remove_idle_networks().await.unwrap();
        assert_eq!(bench.raw.left(&bench.namespace), Vec::<String>::new());
        assert_eq!(bench.raw.call("DELETE", &format!("/volumes/{name}"), None).0, 204);
    });
}

/// Returns an archive of a root filesystem with one empty file.
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
fn import_replaces_image_removable_only_by_its_namespace() {
    on_each("imported images", async |bench| {
        let driver = &bench.driver;
        let prefix = if bench.is_podman() { "localhost/" } else { "" };
        let image = ImageRef::new(format!("{prefix}{}/import:1", bench.namespace)).unwrap();
        driver.import_image(&image, archive().into()).await.unwrap();
        let first = driver.get_image(&image).await.unwrap().unwrap();
        driver.import_image(&image, archive().into()).await.unwrap();
        let second = driver.get_image(&image).await.unwrap().unwrap();
        // The first image must be gone: without a name, no driver could remove it.
        assert!(first.id == second.id || bench.raw.image(&first.id) == 404);
        let mut config = bench.config("").command(["/marker"]);
        config.image = image.to_string();
        let made = driver.create_container(&config).await.unwrap();
        assert!(made.labels.is_empty(), "{:?}", made.labels);
        let removed = driver.remove_container(&made.id, RemoveOptions::default());
        removed.await.unwrap();
        let other = bench.in_namespace(&format!("{}-o", bench.namespace)).await;
        let stock = ImageRef::new(bench.image).unwrap();
        for removed in [
            other.remove_image(&image).await,
            driver.remove_image(&stock).await,
        ] {
            assert_eq!(removed.unwrap_err().code(), codes::IMAGE_NOT_FOUND);
        }
        driver.remove_image(&image).await.unwrap();
    });
}

#[test]
fn health_check_names_the_engine() {
    on_each("health", async |bench| {
        let health = bench.driver.health_check().await.unwrap();
        let engine = health.engine.unwrap();
        assert_eq!(&engine, bench.driver.engine_info());
        assert!(engine.api_version.unwrap().starts_with("1."));
        assert_eq!(bench.driver.name(), "docker");
    });
}

#[test]
fn pulls_images_and_distinguishes_refusals() {
    on_each("pulls_images_and_distinguishes_refusals", async |bench| {
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
    });
}
