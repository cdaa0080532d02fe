//! A driver on one engine with a namespace per test, which must be empty at the end.

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use driver_interface_docker::{DockerConfig, DockerDriver};
use driver_interface_types::{
    ContainerConfig, ContainerDriver, ContainerFilter, ContainerInstance, Namespace, RemoveOptions,
    ResourceFilter,
};

use driver_interface_validation::ValidationPolicy;

use super::image::SharedImage;
use super::raw::Raw;

/// The environment of a test.
pub(crate) struct Bench {
    pub driver: DockerDriver,
    pub raw: Raw,
    pub namespace: String,
    pub uri: &'static str,
    pub image: &'static str,
}

impl Bench {
    pub(crate) fn is_podman(&self) -> bool {
        self.driver.engine_info().name == "Podman"
    }

    /// Connects another driver of the same namespace, like another process.
    pub(crate) async fn another(&self) -> DockerDriver {
        self.in_namespace(&self.namespace).await
    }

    pub(crate) async fn in_namespace(&self, namespace: &str) -> DockerDriver {
        let config = DockerConfig::for_uri(self.uri)
            .unwrap()
            .namespace(Namespace::new(namespace).unwrap())
            .keep_default_network(Duration::ZERO);
        DockerDriver::connect(config).await.unwrap()
    }

    /// Connects another driver of the same namespace with a policy.
    pub(crate) async fn with_policy(&self, policy: ValidationPolicy) -> DockerDriver {
        let config = DockerConfig::for_uri(self.uri)
            .unwrap()
            .namespace(Namespace::new(self.namespace.as_str()).unwrap())
            .policy(policy)
            .keep_default_network(Duration::ZERO);
        DockerDriver::connect(config).await.unwrap()
    }

    pub(crate) fn config(&self, script: &str) -> ContainerConfig {
        ContainerConfig::new("s1", self.image)
            .command(["sh", "-c", script])
            .cpu(1.0)
            .memory(64)
    }

    pub(crate) async fn created(&self, script: &str) -> ContainerInstance {
        self.driver.create_container(&self.config(script)).await.unwrap()
    }

    pub(crate) async fn running(&self, script: &str) -> ContainerInstance {
        self.run(&self.config(script)).await
    }

    pub(crate) async fn run(&self, config: &ContainerConfig) -> ContainerInstance {
        let made = self.driver.create_container(config).await.unwrap();
        self.driver.start_container(&made.id).await.unwrap();
        self.driver.get_container(&made.id).await.unwrap().unwrap()
    }

    /// Returns the name of the driver's default network on Docker.
    pub(crate) fn default_network(&self) -> String {
        format!("di{}-{}", self.namespace.len(), self.namespace)
    }

    /// Runs a container to its exit.
    pub(crate) async fn ended(&self, config: &ContainerConfig) -> ContainerInstance {
        let made = self.run(config).await;
        self.until(&made, |now| now.exit.is_some()).await
    }

    pub(crate) async fn until(
        &self,
        container: &ContainerInstance,
        wanted: impl Fn(&ContainerInstance) -> bool,
    ) -> ContainerInstance {
        for _ in 0..600 {
            let now = self.driver.get_container(&container.id).await.unwrap().unwrap();
            if wanted(&now) {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} never came to be as wanted", container.id);
    }

    /// Waits until the container has printed a line `ready`.
    pub(crate) async fn ready(&self, container: &ContainerInstance) {
        for _ in 0..200 {
            let logs = self
                .driver
                .get_container_logs(&container.id, Default::default())
                .await
                .unwrap();
            if logs.lines().any(|line| line == "ready") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} never got ready", container.id);
    }

    pub(crate) async fn clear(&self) {
        for container in self
            .driver
            .list_containers(&ContainerFilter::default())
            .await
            .unwrap()
        {
            let _ = self
                .driver
                .remove_container(&container.id, RemoveOptions::force())
                .await;
        }
        for volume in self
            .driver
            .list_volumes(&ResourceFilter::default())
            .await
            .unwrap()
        {
            let _ = self.driver.remove_volume(&volume.id).await;
        }
        for network in self
            .driver
            .list_networks(&ResourceFilter::default())
            .await
            .unwrap()
        {
            let _ = self.driver.remove_network(&network.id).await;
        }
    }
}

impl Bench {
    /// Waits until the driver has removed the resources of the namespace in the background.
    pub(crate) async fn settled(&self) {
        let left = self.left_at_last().await;
        assert!(left.is_empty(), "left: {left:?}");
    }

    /// Returns the leftovers of the namespace after the driver's background cleanup.
    async fn left_at_last(&self) -> Vec<String> {
        let began = std::time::Instant::now();
        loop {
            let left = self.raw.left(&self.namespace);
            if left.is_empty() || began.elapsed() > Duration::from_secs(15) {
                return left;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Runs a test on each engine found.
pub(crate) fn on_each<F: Future<Output = ()>>(name: &str, test: impl Fn(std::sync::Arc<Bench>) -> F) {
    on_docker(name, &test);
    on_podman(name, &test);
}

pub(crate) fn on_docker<F: Future<Output = ()>>(name: &str, test: impl Fn(std::sync::Arc<Bench>) -> F) {
    on(name, "docker", &DOCKER, &test);
}

pub(crate) fn on_podman<F: Future<Output = ()>>(name: &str, test: impl Fn(std::sync::Arc<Bench>) -> F) {
    on(name, "podman", &PODMAN, &test);
}

static DOCKER: SharedImage = SharedImage::new();
static PODMAN: SharedImage = SharedImage::new();

fn on<F: Future<Output = ()>>(
    name: &str,
    engine: &str,
    image: &'static SharedImage,
    test: &impl Fn(std::sync::Arc<Bench>) -> F,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .subsec_nanos();
    let namespace = format!("t{}-{now}", std::process::id());
    let uri = if engine == "docker" { "docker:" } else { "podman:" };
    let config = DockerConfig::for_uri(uri)
        .unwrap()
        .namespace(Namespace::new(namespace.as_str()).unwrap())
        // The tests verify what is left right after each removal.
        .keep_default_network(Duration::ZERO);
    let wanted = if engine == "docker" { "Docker" } else { "Podman" };
    let driver = match runtime.block_on(DockerDriver::connect(config)) {
        Ok(driver) if driver.engine_info().name == wanted => driver,
        Ok(_) => return absent(name, engine, "the engine found is another one"),
        Err(error) => return absent(name, engine, &error.to_string()),
    };
    let held = image.hold(uri, &runtime);
    runtime.block_on(async {
        let socket = driver.address();
        let bench = std::sync::Arc::new(Bench {
            raw: Raw::new(socket.strip_prefix("unix://").unwrap()),
            driver,
            namespace,
            uri,
            image: held.name(),
        });
        println!("{name} on {engine} {}", bench.driver.engine_info().version);
        let result =
            futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(test(bench.clone()))).await;
        bench.clear().await;
        let left = bench.left_at_last().await;
        if let Err(panic) = result {
            eprintln!("{name} failed on {engine}");
            std::panic::resume_unwind(panic);
        }
        assert!(left.is_empty(), "{name} on {engine} left {left:?}");
    });
}

/// Returns the number of open sockets of this process, including those of other tests.
pub(crate) fn connections() -> usize {
    let files = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let links = files.filter_map(|file| std::fs::read_link(file.path()).ok());
    links
        .filter(|link| link.to_string_lossy().starts_with("socket:"))
        .count()
}

/// Fails the test if a missing engine or registry is required, and otherwise reports it.
pub(crate) fn absent(name: &str, what: &str, why: &str) {
    let required = std::env::var("DRIVER_INTERFACE_REQUIRE").unwrap_or_default();
    assert!(
        !required.split(',').any(|one| one.trim() == what),
        "{name}: not run on {what}, which is required: {why}"
    );
    eprintln!("{name} not run on {what}: {why}");
}
