//! Creating containers: validation first, then creation once or not at all.

use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::{Effect, Hint, codes};
use driver_interface_mock::{Latency, MockDockerDriver, MockEngine, MockLocalDriver};
use driver_interface_types::{
    ContainerConfig, ContainerDriver, ContainerFilter, Namespace, PullPolicy, Strictness, VolumeMount,
};
use driver_interface_validation::ValidationPolicy;
use tokio::time::Instant;

use super::support::{instant_driver, script};

fn both() -> [Arc<dyn ContainerDriver>; 2] {
    [
        Arc::new(MockDockerDriver::new()),
        Arc::new(MockLocalDriver::new()),
    ]
}

#[tokio::test(start_paused = true)]
async fn name_is_unique_across_the_engine() {
    let engine = MockEngine::new();
    let builder = || MockDockerDriver::builder().engine(&engine);
    let ours = builder().build();
    let theirs = builder().namespace(Namespace::new("other").unwrap()).build();
    ours.create_container(&script("true").name("web")).await.unwrap();
    engine.add_unmanaged_container("db", &[]).unwrap();
    for (driver, name) in [(&ours, "web"), (&theirs, "web"), (&ours, "db")] {
        let error = driver
            .create_container(&script("true").name(name))
            .await
            .unwrap_err();
        assert_eq!(error.code(), codes::CONTAINER_CREATION_FAILED);
        assert_eq!(
            (error.hint(), error.effect()),
            (Some(Hint::NameTaken), Effect::NotApplied)
        );
        assert!(!error.is_retryable());
        // The first source is the remedy.
        let remedy = std::error::Error::source(&error).unwrap();
        let docker_says = remedy.source().unwrap().to_string();
        assert!(
            docker_says.contains("Conflict. The container name \"/"),
            "{docker_says}"
        );
    }
    assert_eq!(
        theirs.list_containers(&ContainerFilter::default()).await.unwrap(),
        []
    );
    assert_eq!(engine.containers().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn operation_key_returns_the_same_container() {
    let driver = instant_driver();
    let config = script("true").operation_key("op-1");
    let first = driver.create_container(&config).await.unwrap();
    assert_eq!(driver.create_container(&config).await.unwrap(), first);
    let error = driver
        .create_container(&config.clone().label("a", "b"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), codes::CONFIGURATION_ERROR);
    assert!(error.to_string().contains("operationKey"), "{error}");
    let other = driver
        .create_container(&config.operation_key("op-2"))
        .await
        .unwrap();
    assert_ne!((&other.id, &other.name), (&first.id, &first.name));
}

#[tokio::test(start_paused = true)]
async fn concurrent_creates_of_a_name_or_key_create_one() {
    let driver = MockDockerDriver::new();
    let create = |config: ContainerConfig| {
        let driver = driver.clone();
        tokio::spawn(async move { driver.create_container(&config).await })
    };
    let by_name: Vec<_> = (0..8).map(|_| create(script("true").name("one"))).collect();
    let by_key: Vec<_> = (0..8)
        .map(|_| create(ContainerConfig::new("s", "to/pull").operation_key("k")))
        .collect();
    let mut created = 0;
    for task in by_name {
        created += usize::from(task.await.unwrap().is_ok());
    }
    assert_eq!(created, 1);
    let mut ids = std::collections::BTreeSet::new();
    for task in by_key {
        ids.insert(task.await.unwrap().unwrap().id);
    }
    assert_eq!(ids.len(), 1);
    assert_eq!(driver.engine().containers().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn dropped_create_leaves_nothing() {
    let driver = MockDockerDriver::new();
    for millis in 0..100 {
        let config = script("true").name("dropped");
        let creation = driver.create_container(&config);
        let done = tokio::time::timeout(Duration::from_millis(millis), creation).await;
        assert!(done.is_err());
        assert!(driver.engine().containers().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn cpu_limit_depends_on_the_driver() {
    for (driver, most) in both().into_iter().zip([4.0, 2.0]) {
        assert_eq!(driver.capabilities().bounds.max_cpu, Some(most));
        driver.create_container(&script("true").cpu(most)).await.unwrap();
        let error = driver
            .create_container(&script("true").cpu(most + 0.5))
            .await
            .unwrap_err();
        assert_eq!(error.code(), codes::RESOURCE_LIMIT_EXCEEDED);
        assert!(
            error.to_string().contains(&format!("the limit is {most}")),
            "{error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_config_lists_every_violation() {
    for driver in both() {
        let config = ContainerConfig::new("", "Not An Image")
            .name("-x")
            .cpu(f64::NAN)
            .env("A=B", "secret-value");
        let start = Instant::now();
        let error = driver.create_container(&config).await.unwrap_err();
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(error.code(), codes::CONFIGURATION_ERROR);
        assert_eq!(error.to_report().violations.len(), 5, "{error}");
        assert!(!format!("{error:?}").contains("secret-value"));
    }
}

#[tokio::test(start_paused = true)]
async fn unenforced_disk_limit_warns_or_is_refused() {
    for driver in both() {
        assert!(
            !driver
                .capabilities()
                .supports(driver_interface_types::Guarantee::Disk)
        );
        let strict = || script("true").strictness(Strictness::Require);
        assert_eq!(driver.create_container(&strict()).await.unwrap().warnings, []);
        let limited = script("true").disk(64);
        let created = driver.create_container(&limited).await.unwrap();
        let paths: Vec<&str> = created
            .warnings
            .iter()
            .map(|warning| warning.path.as_str())
            .collect();
        assert_eq!(paths, ["resources.disk"]);
        let error = driver.create_container(&strict().disk(64)).await.unwrap_err();
        assert_eq!(error.code(), codes::UNSUPPORTED_OPERATION);
        assert!(error.to_string().contains("resources.disk"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_mock_local_refuses_writable_mounts() {
    let policy = || ValidationPolicy::default().allow_bind_root("/srv");
    let docker = MockDockerDriver::builder().policy(policy()).build();
    let local = MockLocalDriver::builder().policy(policy()).build();
    let writable = script("true").mount(VolumeMount::bind("/srv/data", "/data"));
    let [closed, _] = both();
    let error = closed.create_container(&writable).await.unwrap_err();
    assert!(error.to_string().contains("allow_bind_root"), "{error}");
    docker.create_container(&writable).await.unwrap();
    let error = local.create_container(&writable).await.unwrap_err();
    assert_eq!(error.code(), codes::CONFIGURATION_ERROR);
    assert_eq!(error.to_report().violations[0].path, "volumes[0].readOnly");
    local
        .create_container(&script("true").mount(VolumeMount::bind("/srv/data", "/data").read_only(true)))
        .await
        .unwrap();
    let mut open = writable;
    open.security.read_only = false;
    local.create_container(&open).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn pull_policy_is_honoured() {
    let driver = instant_driver();
    let create = |image: &str, policy| {
        let config = ContainerConfig::new("s", image).pull_policy(policy);
        let driver = driver.clone();
        async move { driver.create_container(&config).await }
    };
    create("busybox", PullPolicy::Never).await.unwrap();
    let error = create("nginx:1.27", PullPolicy::Never).await.unwrap_err();
    assert_eq!(
        (error.code(), error.is_retryable()),
        (codes::IMAGE_NOT_FOUND, false)
    );
    create("nginx:1.27", PullPolicy::Missing).await.unwrap();
    create("docker.io/library/nginx:1.27", PullPolicy::Never)
        .await
        .unwrap();
    create("nginx:1.27", PullPolicy::Always).await.unwrap();
    for (image, code) in [
        ("missing-image", codes::IMAGE_NOT_FOUND),
        ("registry.invalid/app", codes::IMAGE_NOT_FOUND),
        ("localhost:5000/app", codes::IMAGE_NOT_FOUND),
        ("denied/app", codes::IMAGE_PULL_FAILED),
    ] {
        let error = create(image, PullPolicy::Missing).await.unwrap_err();
        assert_eq!((error.code(), error.is_retryable()), (code, false), "{image}");
    }
    assert!(
        driver
            .engine()
            .images()
            .iter()
            .any(|image| image.as_str() == "nginx:1.27")
    );
}

#[tokio::test(start_paused = true)]
async fn drivers_generate_different_operation_keys() {
    let engine = MockEngine::new();
    let create = async || {
        let driver = MockDockerDriver::builder()
            .engine(&engine)
            .latency(Latency::Off)
            .build();
        driver.create_container(&script("true")).await.unwrap();
    };
    create().await;
    create().await;
    assert_eq!(engine.containers().len(), 2);
}
