//! Volumes, networks and images.

use bytes::Bytes;
use driver_interface_errors::{Effect, Hint, codes};
use driver_interface_mock::{Latency, MockDockerDriver, MockEngine};
use driver_interface_types::{
    ContainerConfig, ContainerDriver, ContainerDriverExt as _, ImageRef, Namespace, NetworkConfig,
    PullPolicy, RemoveOptions, ResourceFilter, VolumeConfig,
};

use super::support::{instant_driver, run_on, script, started};

#[tokio::test(start_paused = true)]
async fn concurrent_creates_across_drivers_succeed_once() {
    let engine = MockEngine::new();
    let drivers = ["a", "b"].map(|name| {
        MockDockerDriver::builder()
            .engine(&engine)
            .namespace(Namespace::new(name).unwrap())
            .build()
    });
    let tasks: Vec<_> = (0..16)
        .map(|number| {
            let driver = drivers[number % 2].clone();
            tokio::spawn(async move { driver.create_volume(&VolumeConfig::new("one")).await })
        })
        .collect();
    let mut created = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => created += 1,
            Err(error) => {
                assert_eq!(
                    (error.hint(), error.effect()),
                    (Some(Hint::NameTaken), Effect::NotApplied)
                );
            }
        }
    }
    assert_eq!(created, 1);
}

#[tokio::test(start_paused = true)]
async fn network_in_use_is_kept_and_assigns_addresses() {
    let driver = instant_driver();
    let config = script("sleep 600").network("backend");
    let missing = driver.create_container(&config).await.unwrap_err();
    assert_eq!(
        (missing.code(), missing.hint()),
        (codes::NETWORK_NOT_FOUND, Some(Hint::MissingNetwork))
    );
    let network = driver
        .create_network(&NetworkConfig::new("backend").label("a", "b"))
        .await
        .unwrap();
    let taken = driver
        .create_network(&NetworkConfig::new("backend"))
        .await
        .unwrap_err();
    assert_eq!(
        (taken.code(), taken.hint()),
        (codes::NETWORK_CREATION_FAILED, Some(Hint::NameTaken))
    );
    let one = started(&driver, &config).await;
    let other = started(&driver, &config).await;
    let endpoint = async |id| {
        driver
            .get_container(id)
            .await
            .unwrap()
            .unwrap()
            .ip_address
            .unwrap()
            .to_string()
    };
    let (one_address, other_address) = (endpoint(&one).await, endpoint(&other).await);
    let subnet = |address: &str| address.rsplit_once('.').unwrap().0.to_owned();
    assert_ne!(one_address, other_address);
    assert_eq!(subnet(&one_address), subnet(&other_address));
    let error = driver.remove_network(&network.id).await.unwrap_err();
    assert_eq!(
        (error.code(), error.hint()),
        (codes::NETWORK_REMOVE_FAILED, Some(Hint::InUse))
    );
    for id in [&one, &other] {
        driver.remove_container(id, RemoveOptions::force()).await.unwrap();
    }
    let backend = driver.find_network("backend").await.unwrap().unwrap();
    driver.remove_network(&backend.id).await.unwrap();
    assert_eq!(
        driver.list_networks(&ResourceFilter::default()).await.unwrap(),
        []
    );
}

#[tokio::test(start_paused = true)]
async fn each_session_has_its_own_network() {
    let driver = instant_driver();
    let mut subnets = Vec::new();
    for session in ["one", "one", "two"] {
        let id = started(&driver, &ContainerConfig::new(session, "busybox")).await;
        let address = driver
            .get_container(&id)
            .await
            .unwrap()
            .unwrap()
            .ip_address
            .unwrap()
            .to_string();
        subnets.push(address.rsplit_once('.').unwrap().0.to_owned());
    }
    assert_eq!(subnets[0], subnets[1]);
    assert_ne!(subnets[0], subnets[2]);
    let id = started(&driver, &script("sleep 600").network("none")).await;
    assert_eq!(driver.get_container(&id).await.unwrap().unwrap().ip_address, None);
}

#[tokio::test(start_paused = true)]
async fn unknown_resource_drivers_are_not_retryable() {
    let driver = instant_driver();
    let volume = driver
        .create_volume(&VolumeConfig::new("v1").driver("nfs"))
        .await
        .unwrap_err();
    let network = driver
        .create_network(&NetworkConfig::new("n1").driver("macvlan"))
        .await
        .unwrap_err();
    for (error, code) in [
        (volume, codes::VOLUME_CREATION_FAILED),
        (network, codes::CONFIGURATION_ERROR),
    ] {
        assert_eq!(
            (error.code(), error.is_retryable(), error.effect()),
            (code, false, Effect::NotApplied)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn only_registered_images_can_be_pulled() {
    let image = |name: &str| ImageRef::new(name).unwrap();
    let driver = MockDockerDriver::builder()
        .latency(Latency::Off)
        .image(image("local/app:1"))
        .registry_image(image("team/app:2"))
        .build();
    for (name, policy, found) in [
        ("local/app:1", PullPolicy::Never, true),
        ("local/app:1", PullPolicy::Always, false),
        ("team/app:2", PullPolicy::Never, false),
        ("team/app:2", PullPolicy::Missing, true),
        ("nginx", PullPolicy::Missing, false),
    ] {
        let result = driver
            .create_container(&ContainerConfig::new("s", name).pull_policy(policy))
            .await;
        assert_eq!(result.is_ok(), found, "{name}");
    }
}

/// A tar archive of one file.
fn archive(path: &str, content: &[u8]) -> Bytes {
    let mut header = [0_u8; 512];
    header[..path.len()].copy_from_slice(path.as_bytes());
    header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    header[156] = b'0';
    header[257..262].copy_from_slice(b"ustar");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut bytes = header.to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().div_ceil(512) * 512 + 1024, 0);
    Bytes::from(bytes)
}

#[tokio::test(start_paused = true)]
async fn imported_image_has_files_but_no_command() {
    let driver = instant_driver();
    let image = ImageRef::new("localhost/own:1").unwrap();
    driver
        .import_image(&image, archive("opt/hello.txt", b"hello\n").into())
        .await
        .unwrap();
    let config = ContainerConfig::new("s", image.as_str()).pull_policy(PullPolicy::Never);
    let ran = run_on(&driver, &config.clone().command(["cat", "/opt/hello.txt"])).await;
    assert_eq!(ran.stdout, "hello\n");
    let error = driver.create_container(&config).await.unwrap_err();
    assert_eq!(
        (error.code(), error.is_retryable()),
        (codes::CONTAINER_CREATION_FAILED, false)
    );
    let error = driver.remove_image(&image).await.unwrap_err();
    assert_eq!(
        (error.code(), error.hint()),
        (codes::IMAGE_REMOVE_FAILED, Some(Hint::InUse))
    );
    driver
        .remove_container(&ran.instance.id, RemoveOptions::default())
        .await
        .unwrap();
    driver.remove_image(&image).await.unwrap();
    for gone in [&image, &ImageRef::new("busybox").unwrap()] {
        assert_eq!(
            driver.remove_image(gone).await.unwrap_err().code(),
            codes::IMAGE_NOT_FOUND
        );
    }
}

#[tokio::test(start_paused = true)]
async fn import_rejects_invalid_archives() {
    let driver = instant_driver();
    let image = ImageRef::new("localhost/own:1").unwrap();
    let good = archive("a", b"b");
    for bytes in [
        Bytes::new(),
        Bytes::from_static(b"nonsense"),
        good.slice(1..),
        good.slice(..512),
        Bytes::from(vec![7; 2048]),
    ] {
        let error = driver.import_image(&image, bytes.into()).await.unwrap_err();
        assert_eq!(
            (error.code(), error.is_retryable()),
            (codes::IMAGE_IMPORT_FAILED, false)
        );
    }
    assert!(!driver.engine().images().contains(&image));
}
