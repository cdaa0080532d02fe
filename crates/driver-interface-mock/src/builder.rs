use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use driver_interface_types::{ImageRef, Namespace};
use driver_interface_validation::ValidationPolicy;

use crate::driver::{DriverOptions, MockDriver};
use crate::profile::Kind;
use crate::{Latency, MockCommand, MockEngine};

/// The default deadline of a call, not counting the grace period of a stop and the following of logs.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(60);

/// A builder for mock drivers.
///
/// ```
/// use driver_interface_mock::{Latency, MockDockerDriver};
///
/// let driver = MockDockerDriver::builder().latency(Latency::Off).seed(7).build();
/// # let _ = driver;
/// ```
#[derive(Clone)]
pub struct MockBuilder<K> {
    options: DriverOptions,
    engine: Option<MockEngine>,
    images: Vec<ImageRef>,
    registry: Vec<ImageRef>,
    commands: Vec<(String, Arc<dyn MockCommand>)>,
    kind: PhantomData<K>,
}

impl<K: Kind> MockBuilder<K> {
    pub(crate) fn new() -> Self {
        let options = DriverOptions {
            latency: Latency::default(),
            seed: 0,
            namespace: Namespace::default(),
            policy: ValidationPolicy::default(),
            deadline: DEFAULT_DEADLINE,
        };
        Self {
            options,
            engine: None,
            images: Vec::new(),
            registry: Vec::new(),
            commands: Vec::new(),
            kind: PhantomData,
        }
    }

    /// Sets the latency of operations, in tokio's time. The default is the latency of the kind of driver.
    #[must_use]
    pub fn latency(mut self, latency: Latency) -> Self {
        self.options.latency = latency;
        self
    }

    /// Sets the seed of everything random; 0 by default. An engine passed to [`engine`](Self::engine) has its own
    /// seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self
    }

    /// Sets the namespace whose resources the driver sees and changes.
    #[must_use]
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        self.options.namespace = namespace;
        self
    }

    /// Connects the driver to a shared engine. By default each driver gets its own.
    #[must_use]
    pub fn engine(mut self, engine: &MockEngine) -> Self {
        self.engine = Some(engine.clone());
        self
    }

    /// Sets which bind mounts are accepted.
    #[must_use]
    pub fn policy(mut self, policy: ValidationPolicy) -> Self {
        self.options.policy = policy;
        self
    }

    /// Sets how long a call may take before it fails with `TimeoutError`; 60 s by default. The grace period of a
    /// stop is added to it, and following logs has a deadline of an hour.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = deadline;
        self
    }

    /// Adds an image that the engine has from the start.
    #[must_use]
    pub fn image(mut self, image: ImageRef) -> Self {
        self.images.push(image);
        self
    }

    /// Adds an image to the registries, which from then on contain only the images added. Without this call they
    /// contain every image [except those whose name says otherwise](crate#images).
    #[must_use]
    pub fn registry_image(mut self, image: ImageRef) -> Self {
        self.registry.push(image);
        self
    }

    /// Adds a program that every container of the engine can run, or replaces one.
    #[must_use]
    pub fn command(mut self, name: impl Into<String>, command: impl MockCommand) -> Self {
        self.commands.push((name.into(), Arc::new(command)));
        self
    }

    /// Builds the driver.
    pub fn build(self) -> MockDriver<K> {
        let engine = self
            .engine
            .unwrap_or_else(|| MockEngine::with_seed(self.options.seed));
        for image in self.images {
            engine.add_image(image);
        }
        for image in self.registry {
            engine.add_registry_image(image);
        }
        for (name, command) in self.commands {
            engine.add_command(&name, command);
        }
        MockDriver::with_options(engine, self.options)
    }
}

impl<K: Kind> std::fmt::Debug for MockBuilder<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MockBuilder")
            .field("driver", &K::PROFILE.name)
            .field("options", &self.options)
            .field("images", &self.images)
            .field("registry", &self.registry)
            .field(
                "commands",
                &self.commands.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            )
            .finish_non_exhaustive()
    }
}
