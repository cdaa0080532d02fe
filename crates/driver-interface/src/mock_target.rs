//! Conformance targets for the mocks.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use driver_interface_conformance::{Target, UnmanagedResources};
use driver_interface_mock::{MockDockerDriver, MockEngine, MockLocalDriver};
use driver_interface_types::{ContainerDriver, ImageRef, Namespace, Result};

/// A conformance target for a mock, with its own simulated engine.
///
/// Use this target to try your own checks. To see your checks fail, wrap the mock in a faulty driver with
/// [`wrapped`](Self::wrapped).
///
/// ```
/// use std::sync::Arc;
/// use driver_interface::MockTarget;
/// use driver_interface::conformance::{Options, Silent, TestImage, run};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), driver_interface::conformance::RunError> {
/// let mut options = Options::new(TestImage::simulated());
/// options.selection.areas = vec!["keys".to_owned()];
/// let report = run(Arc::new(MockTarget::local()), &options, Arc::new(Silent)).await?;
/// assert_eq!(report.summary.must_failed, 0);
/// # Ok(())
/// # }
/// ```
pub struct MockTarget {
    engine: MockEngine,
    kind: Kind,
    wrap: Option<Wrap>,
}

/// A function that wraps a driver before the suite uses it.
type Wrap = Arc<dyn Fn(Arc<dyn ContainerDriver>) -> Arc<dyn ContainerDriver> + Send + Sync>;

#[derive(Clone, Copy)]
enum Kind {
    Docker,
    Local,
}

impl MockTarget {
    /// Creates a target for `MockDockerDriver`, named `mock-docker:`.
    pub fn docker() -> Self {
        Self::new(Kind::Docker)
    }

    /// Creates a target for `MockLocalDriver`, named `mock-local:`.
    pub fn local() -> Self {
        Self::new(Kind::Local)
    }

    /// Creates a target for `MockDockerDriver` whose drivers are wrapped by `wrap`.
    pub fn wrapped(wrap: Wrap) -> Self {
        Self {
            wrap: Some(wrap),
            ..Self::docker()
        }
    }

    /// Returns the simulated engine.
    pub fn engine(&self) -> &MockEngine {
        &self.engine
    }

    fn new(kind: Kind) -> Self {
        Self {
            engine: MockEngine::new(),
            kind,
            wrap: None,
        }
    }
}

#[async_trait]
impl Target for MockTarget {
    fn uri(&self) -> String {
        match self.kind {
            Kind::Docker => "mock-docker:".to_owned(),
            Kind::Local => "mock-local:".to_owned(),
        }
    }

    async fn connect(&self, namespace: &Namespace) -> Result<Arc<dyn ContainerDriver>> {
        let (engine, namespace) = (&self.engine, namespace.clone());
        let driver: Arc<dyn ContainerDriver> = match self.kind {
            Kind::Docker => Arc::new(
                MockDockerDriver::builder()
                    .engine(engine)
                    .namespace(namespace)
                    .build(),
            ),
            Kind::Local => Arc::new(
                MockLocalDriver::builder()
                    .engine(engine)
                    .namespace(namespace)
                    .build(),
            ),
        };
        Ok(match &self.wrap {
            Some(wrap) => wrap(driver),
            None => driver,
        })
    }

    fn registry_image(&self) -> Option<ImageRef> {
        // Simulated registries contain every possible image.
        ImageRef::new("registry.example/team/app:1").ok()
    }

    fn unmanaged_resources(&self) -> Option<Arc<dyn UnmanagedResources>> {
        Some(Arc::new(MockUnmanagedResources {
            engine: self.engine.clone(),
            names: Mutex::default(),
        }))
    }
}

/// Unmanaged resources on a simulated engine.
struct MockUnmanagedResources {
    engine: MockEngine,
    names: Mutex<Vec<String>>,
}

impl MockUnmanagedResources {
    fn remember(&self, name: &str) {
        self.names
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(name.to_owned());
    }
}

#[async_trait]
impl UnmanagedResources for MockUnmanagedResources {
    async fn add_container(
        &self,
        name: &str,
        _image: &str,
        labels: &[(&str, &str)],
    ) -> Result<String, String> {
        self.remember(name);
        let added = self.engine.add_unmanaged_container(name, labels);
        added.map(|id| id.to_string()).map_err(|error| error.to_string())
    }

    async fn add_volume(&self, name: &str) -> Result<(), String> {
        self.remember(name);
        self.engine
            .add_unmanaged_volume(name, &[])
            .map(drop)
            .map_err(|error| error.to_string())
    }

    async fn add_network(&self, name: &str) -> Result<(), String> {
        self.remember(name);
        self.engine
            .add_unmanaged_network(name, &[])
            .map(drop)
            .map_err(|error| error.to_string())
    }

    async fn inventory(&self) -> Result<Vec<String>, String> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let all = [
            self.engine.containers(),
            self.engine.volumes(),
            self.engine.networks(),
        ]
        .concat();
        let own = all.into_iter().filter(|object| names.contains(&object.name));
        Ok(own.map(|object| format!("{object:?}")).collect())
    }

    async fn remove_all(&self) -> Result<(), String> {
        // The engine is dropped with the target.
        Ok(())
    }
}
