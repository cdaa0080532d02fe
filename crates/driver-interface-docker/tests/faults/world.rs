//! What one case works with: an engine, a driver that reaches it directly, and one that reaches it through a proxy.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use driver_interface_conformance::proxy::{Break, FaultProxy};
use driver_interface_docker::{Deadlines, DockerConfig, DockerDriver};
use driver_interface_types::{
    Bytes, ContainerConfig, ContainerDriver, ContainerInstance, ContainerPath, ExecConfig, Namespace,
    ReadFileOptions, Result, SecurityOptions,
};

use crate::engine::Bench;

/// How long each call of the driver behind the proxy may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(2);

/// For what is not being tested, on a host that has much to do.
pub(crate) const PATIENT: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub bench: Arc<Bench>,
    pub proxy: FaultProxy,
    pub namespace: String,
    /// What looks at the engine as another process would.
    pub direct: DockerDriver,
    /// What is being tested.
    pub driver: DockerDriver,
    /// How long each of its calls may take.
    pub deadline: Duration,
    /// How long the case's own looks at the engine took.
    aside: Mutex<Duration>,
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
            aside: Mutex::default(),
        }
    }

    /// Another driver of the same namespace, behind a proxy of its own.
    pub(crate) async fn beside(&self, deadline: Duration) -> Self {
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
            aside: Mutex::default(),
        }
    }

    pub(crate) fn config(&self, script: &str) -> ContainerConfig {
        self.bench.config(script)
    }

    /// One that was not started, whose files can be written.
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

    /// Running without a network, which is quicker to make.
    pub(crate) async fn alone(&self, script: &str) -> ContainerInstance {
        let config = self.config(script).network("none");
        let created = self.direct.create_container(&config).await.unwrap();
        self.direct.start_container(&created.id).await.unwrap();
        self.now(&created).await.unwrap()
    }

    /// Runs it to its end.
    pub(crate) async fn exited(&self, script: &str) -> ContainerInstance {
        let created = self.alone(script).await;
        let wait = self.direct.wait_container(&created.id, Default::default());
        wait.await.unwrap();
        created
    }

    /// As the engine has it, if it does.
    pub(crate) async fn now(&self, container: &ContainerInstance) -> Option<ContainerInstance> {
        self.direct.get_container(&container.id).await.unwrap()
    }

    /// Does something that is not the driver's, whose time does not count.
    pub(crate) async fn aside<T>(&self, work: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let done = work.await;
        *self.aside.lock().unwrap() += began.elapsed();
        done
    }

    pub(crate) fn time_aside(&self) -> Duration {
        *self.aside.lock().unwrap()
    }

    /// Whether a shell command in a container succeeds.
    pub(crate) async fn succeeds(&self, container: &ContainerInstance, command: &str) -> bool {
        let output = self.direct.exec(&container.id, ExecConfig::shell(command));
        self.aside(output).await.unwrap().success()
    }

    /// A file's content, if there is such a file.
    pub(crate) async fn file(&self, container: &ContainerInstance, path: &str) -> Option<Bytes> {
        let path = ContainerPath::new(path).unwrap();
        let read = self
            .direct
            .read_file(&container.id, &path, ReadFileOptions::default());
        self.aside(read).await.ok()
    }

    /// Connects once more through the proxy.
    pub(crate) async fn connect(&self) -> Result<DockerDriver> {
        connect(&self.proxy.uri(), &self.namespace, Deadlines::all(self.deadline)).await
    }

    /// The link is as it should be again, and what hung on it has been told so.
    pub(crate) fn correct(&self) {
        self.proxy.clear().unwrap();
        self.proxy.break_all(Break::Fin);
    }
}

async fn connect(uri: &str, namespace: &str, deadlines: Deadlines) -> Result<DockerDriver> {
    let config = DockerConfig::for_uri(uri)?
        .namespace(Namespace::new(namespace).unwrap())
        .deadlines(deadlines)
        .without_registry_credentials();
    DockerDriver::connect(config).await
}
