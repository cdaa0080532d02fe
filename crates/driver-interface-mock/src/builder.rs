use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use driver_interface_types::{ImageRef, Namespace};
use driver_interface_validation::ValidationPolicy;

use crate::driver::{DriverOptions, MockDriver};
use crate::profile::Kind;
use crate::{Latency, MockCommand, MockEngine};

/// The default deadline of a call. A stop gets its grace period in addition, and a call that follows logs gets an
/// hour in addition.
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

    driver_interface_types::setters! {
        /// Sets the latency of operations, measured on tokio's clock. The default depends on the kind of driver.
        latency(self, latency: Latency) { self.options.latency = latency; }
        /// Sets the seed of all randomness; 0 by default. An engine passed to [`engine`](Self::engine) has its
        /// own seed.
        seed(self, seed: u64) { self.options.seed = seed; }
        /// Sets the namespace whose resources the driver sees and changes.
        namespace(self, namespace: Namespace) { self.options.namespace = namespace; }
        /// Connects the driver to the engine `engine`, which other drivers may share. By default, each driver gets a
        /// new engine.
        engine(self, engine: &MockEngine) { self.engine = Some(engine.clone()); }
        /// Sets the policy for validating configs. The policy determines which bind mounts are accepted.
        policy(self, policy: ValidationPolicy) { self.options.policy = policy; }
        /// Sets the deadline of a call, after which the call fails with `TimeoutError`; 60 s by default. A stop gets
        /// its grace period in addition, and a call that follows logs gets an hour in addition.
        deadline(self, deadline: Duration) { self.options.deadline = deadline; }
        /// Adds an image to the engine's initial images.
        image(self, image: ImageRef) { self.images.push(image); }
        /// Adds an image to the registries. After the first call, the registries contain only the added images.
        /// Without such a call, the registries contain every image, [with few exceptions](crate#images).
        registry_image(self, image: ImageRef) { self.registry.push(image); }
        /// Adds a program that every container of the engine can run. If there is already a program with this name,
        /// the new program replaces it.
        command(self, name: impl Into<String>, command: impl MockCommand) {
            self.commands.push((name.into(), Arc::new(command)));
        }
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
