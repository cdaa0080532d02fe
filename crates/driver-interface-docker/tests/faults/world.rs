//! The environment of one case: an engine, a direct driver, and a driver behind a proxy.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use driver_interface_conformance::proxy::{Break, FaultProxy};
use driver_interface_docker::{Deadlines, DockerConfig, DockerDriver};
use driver_interface_types::{
    Bytes, ContainerConfig, ContainerDriver, ContainerInstance, ContainerPath, ExecConfig, Namespace,
    ReadFileOptions, Result, SecurityOptions,
};

use crate::engine::Bench;

/// The deadline of each call through the proxy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(2);

/// The deadline of calls that are not under test, long enough for a busy host.
pub(crate) const PATIENT: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub bench: Arc<Bench>,
    pub proxy: FaultProxy,
    pub namespace: String,
    /// Reaches the engine directly, to set up and observe.
    pub direct: DockerDriver,
    /// The driver under test.
    pub driver: DockerDriver,
    pub deadline: Duration,
    /// The time spent on the case's own calls.
    untimed: Mutex<Duration>,
}

impl World {
    pub(crate) async fn new(bench: Arc<Bench>, number: usize, deadline: Duration) -> Self {
        let namespace = format!("{}-{number}", bench.namespace);
        let engine = bench.driver.address();
        let proxy = FaultProxy::start(&engine).unwrap();
        let direct = connect(&engine, &namespace, Deadlines::all(PATIENT))
            .await
            .unwrap();
        let driver = connect(
            &proxy.uri(),
            &namespace,
            Deadlines::all(deadline).connect(PATIENT),
        )
        .await
        .unwrap();
        Self {
            bench,
            proxy,
            namespace,
            direct,
            driver,
            deadline,
            untimed: Mutex::default(),
        }
    }

    /// Connects another driver of the same namespace through a second proxy.
    pub(crate) async fn sibling(&self, deadline: Duration) -> Self {
        let proxy = FaultProxy::start(&self.bench.driver.address()).unwrap();
        let deadlines = Deadlines::all(deadline).connect(PATIENT);
        let driver = connect(&proxy.uri(), &self.namespace, deadlines).await.unwrap();
        Self {
            bench: self.bench.clone(),
            proxy,
            namespace: self.namespace.clone(),
            direct: self.direct.clone(),
            driver,
            deadline,
            untimed: Mutex::default(),
        }
    }

    pub(crate) fn config(&self, script: &str) -> ContainerConfig {
        self.bench.config(script)
    }

    /// Creates, but does not start, a container with a writable root.
    pub(crate) async fn writable(&self) -> ContainerInstance {
        let security = SecurityOptions::default().read_only(false);
        let config = self.config("true").network("none").security(security);
        self.direct.create_container(&config).await.unwrap()
    }

    pub(crate) async fn created(&self, script: &str) -> ContainerInstance {
        self.direct.create_container(&self.config(script)).await.unwrap()
    }

    pub(crate) async fn running(&self, script: &str) -> ContainerInstance {
        let created = self.created(script).await;
        self.direct.start_container(&created.id).await.unwrap();
        self.now(&created).await.unwrap()
    }

    /// Starts a container without a network, which is faster.
    pub(crate) async fn offline(&self, script: &str) -> ContainerInstance {
        let config = self.config(script).network("none");
        let created = self.direct.create_container(&config).await.unwrap();
        self.direct.start_container(&created.id).await.unwrap();
        self.now(&created).await.unwrap()
    }

    /// Runs a container to its exit.
    pub(crate) async fn exited(&self, script: &str) -> ContainerInstance {
        let created = self.offline(script).await;
        let wait = self.direct.wait_container(&created.id, Default::default());
        wait.await.unwrap();
        created
    }

    pub(crate) async fn now(&self, container: &ContainerInstance) -> Option<ContainerInstance> {
        self.direct.get_container(&container.id).await.unwrap()
    }

    /// Runs work whose time does not count towards the deadline.
    pub(crate) async fn untimed<T>(&self, work: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let done = work.await;
        *self.untimed.lock().unwrap() += began.elapsed();
        done
    }

    pub(crate) fn untimed_total(&self) -> Duration {
        *self.untimed.lock().unwrap()
    }

    /// Returns whether a shell command succeeds in the container.
    pub(crate) async fn succeeds(&self, container: &ContainerInstance, command: &str) -> bool {
        let output = self.direct.exec(&container.id, ExecConfig::shell(command));
        self.untimed(output).await.unwrap().success()
    }

    /// Returns a file's content, or `None` if it cannot be read.
    pub(crate) async fn file(&self, container: &ContainerInstance, path: &str) -> Option<Bytes> {
        let path = ContainerPath::new(path).unwrap();
        let read = self
            .direct
            .read_file(&container.id, &path, ReadFileOptions::default());
        self.untimed(read).await.ok()
    }

    /// Connects another driver through the proxy.
    pub(crate) async fn connect(&self) -> Result<DockerDriver> {
        connect(&self.proxy.uri(), &self.namespace, Deadlines::all(self.deadline)).await
    }

    /// Removes all faults and closes the open connections.
    pub(crate) fn correct(&self) {
        self.proxy.clear().unwrap();
        self.proxy.break_all(Break::Fin);
    }
}

async fn connect(uri: &str, namespace: &str, deadlines: Deadlines) -> Result<DockerDriver> {
    let config = DockerConfig::for_uri(uri)?
        .namespace(Namespace::new(namespace).unwrap())
        .deadlines(deadlines)
        .keep_default_network(Duration::ZERO)
        .without_registry_credentials();
    DockerDriver::connect(config).await
}
