//! The mock drivers. Both kinds share one implementation over the simulated engine.

mod answer;
mod attach;
mod attach_session;
mod build;
mod containers;
mod contract;
mod create;
mod events;
mod exec;
mod exec_session;
mod files;
mod images;
mod log_stream;
mod logs;
mod plan;
mod publish;
mod pull;
mod resources;
mod stats;
mod stop;
mod wait;

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use driver_interface_errors::{ConnectionError, DriverError, Effect, Hint, Result};
use driver_interface_kit::within;
use driver_interface_types::{
    Capabilities, ConfigFeature, Enforcement, EnforcementReport, Namespace, Property,
};
use driver_interface_validation::ValidationPolicy;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep};

use crate::calls::Recorder;
use crate::faults::Failure;
use crate::profile::{Docker, Kind, Local};
use crate::sync::lock;
use crate::{Faults, Latency, MockBuilder, MockEngine, Operation, RecordedCall};

/// A driver over a simulated engine that behaves like a driver for Docker.
///
/// The driver's name is `mock-docker`. Containers get at most 4 cores, operations take 100 to 200 ms, and a
/// graceful stop without a timeout has a grace period of 10 s. Its errors carry the response that Docker's engine
/// would have sent.
pub type MockDockerDriver = MockDriver<Docker>;

/// A driver over a simulated engine that behaves like a driver that runs containers directly, without Docker.
///
/// The driver's name is `mock-local`. Containers get at most 2 cores, operations take 200 to 300 ms, and a graceful
/// stop without a timeout has a grace period of 15 s. A container with a read-only root file system must not have
/// writable mounts: they are rejected with `ConfigurationError` at `volumes[n].readOnly`.
pub type MockLocalDriver = MockDriver<Local>;

/// A mock driver; see [`MockDockerDriver`] and [`MockLocalDriver`]. A clone is another handle to the same driver.
pub struct MockDriver<K> {
    core: Arc<Core>,
    kind: PhantomData<K>,
}

#[derive(Clone, Debug)]
pub(crate) struct DriverOptions {
    pub(crate) latency: Latency,
    pub(crate) seed: u64,
    pub(crate) namespace: Namespace,
    pub(crate) policy: ValidationPolicy,
    pub(crate) deadline: Duration,
}

#[derive(Debug)]
struct Core {
    engine: MockEngine,
    options: DriverOptions,
    capabilities: Capabilities,
    recorder: Recorder,
    faults: Faults,
    rng: Mutex<StdRng>,
    /// The initial seed of `rng`. It differs between the drivers of an engine, so that no two drivers generate the same
    /// keys.
    rng_seed: u64,
    connected_at: Instant,
}

/// The additional time for a call that follows logs, on top of the normal deadline.
const FOLLOW_DEADLINE: Duration = Duration::from_secs(3600);

impl<K: Kind> MockDriver<K> {
    /// Creates a driver with its own engine and default settings.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder for a driver.
    pub fn builder() -> MockBuilder<K> {
        MockBuilder::new()
    }

    pub(crate) fn with_options(engine: MockEngine, options: DriverOptions) -> Self {
        let rng_seed = options.seed.wrapping_add(engine.next_driver() << 32);
        let core = Core {
            engine,
            recorder: Recorder::default(),
            faults: Faults::new(options.seed),
            rng: Mutex::new(StdRng::seed_from_u64(rng_seed)),
            rng_seed,
            connected_at: Instant::now(),
            options,
            capabilities: Self::declared(),
        };
        Self {
            core: Arc::new(core),
            kind: PhantomData,
        }
    }

    /// Returns the engine that the driver uses.
    pub fn engine(&self) -> &MockEngine {
        &self.core.engine
    }

    /// Returns the calls that the driver has received, including those in progress, in the order in which they began.
    pub fn calls(&self) -> Vec<RecordedCall> {
        self.core.recorder.all()
    }

    /// Clears the recorded calls.
    pub fn clear_calls(&self) {
        self.core.recorder.clear();
    }

    /// Returns the driver's scripted faults.
    pub fn faults(&self) -> &Faults {
        &self.core.faults
    }

    /// Resets the driver and its [engine](MockEngine::reset) to their initial state: no resources, no calls, no
    /// faults, and all randomness restarts from the seed.
    pub fn reset(&self) {
        self.core.engine.reset();
        self.core.recorder.clear();
        self.core.faults.reset();
        *lock(&self.core.rng) = StdRng::seed_from_u64(self.core.rng_seed);
    }

    fn namespace(&self) -> &Namespace {
        &self.core.options.namespace
    }

    /// Runs one operation: records the call, simulates its latency, and applies scripted faults and the deadline. An
    /// operation other than a health check fails if the engine is unreachable. An error gets the names of the driver
    /// and the operation.
    ///
    /// `check` validates the input first, which takes no time. `work` starts after the latency. Dropping the future
    /// before `work` starts has no effect on the engine.
    async fn call<T>(
        &self,
        call: Call,
        check: impl FnOnce() -> Result<()>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Call {
            operation,
            target,
            summary,
            extra_time,
            unbounded,
        } = call;
        let open = self.core.recorder.begin(operation, target, summary);
        let deadline = self.core.options.deadline.saturating_add(extra_time);
        let first = async {
            check()?;
            let (delay, failure) = self.core.faults.draw(operation);
            self.simulate_latency(delay).await;
            if let Some(Failure::Instead(error)) = failure {
                return Err(error);
            }
            if operation != Operation::HealthCheck {
                self.reach_engine()?;
            }
            Ok(failure)
        };
        let then = async |failure| {
            let done = work.await?;
            match failure {
                Some(Failure::Afterwards(error)) => Err(error),
                _ => Ok(done),
            }
        };
        let result = if unbounded {
            match within(operation.as_str(), deadline, first).await {
                Ok(failure) => then(failure).await,
                Err(error) => Err(error),
            }
        } else {
            let steps = async { then(first.await?).await };
            within(operation.as_str(), deadline, steps).await
        };
        let result = result.map_err(|error| {
            error
                .with_driver(K::PROFILE.name)
                .with_operation(operation.as_str())
        });
        open.end(&result);
        result
    }

    async fn simulate_latency(&self, delay: Duration) {
        let own = {
            let mut rng = lock(&self.core.rng);
            self.core
                .options
                .latency
                .sample(&K::PROFILE.operation_millis, &mut *rng)
        };
        let time = own.saturating_add(delay);
        if time.is_zero() {
            // Yield even without latency, so that a caller that polls in a loop lets the containers run.
            tokio::task::yield_now().await;
        } else {
            sleep(time).await;
        }
    }

    fn reach_engine(&self) -> Result<()> {
        match &self.core.engine.state().down {
            None => Ok(()),
            Some(reason) => Err(unreachable_engine(reason)),
        }
    }

    /// Returns a random string of 16 hex digits. The drivers of an engine generate different strings.
    fn random_text(&self) -> String {
        format!("{:016x}", lock(&self.core.rng).random::<u64>())
    }

    /// Returns the capabilities of a mock driver. Resource limits are declared as enforced, because simulated
    /// processes cannot evade them.
    fn declared() -> Capabilities {
        let mut can = Capabilities::minimal();
        can.operations.extend(Operation::ALL);
        can.config.extend([
            ConfigFeature::ImagePull,
            ConfigFeature::ProcessSetup,
            ConfigFeature::TmpfsMount,
            ConfigFeature::BindMount,
            ConfigFeature::PortPublish,
            ConfigFeature::NameResolution,
            ConfigFeature::InternalNetwork,
            ConfigFeature::VolumeOwner,
            ConfigFeature::HealthCheck,
            ConfigFeature::Stdin,
            ConfigFeature::HostGateway,
            ConfigFeature::UnsetEnv,
            ConfigFeature::FurtherNetworks,
        ]);
        can.guarantees = Self::guarantees();
        can.bounds.max_cpu = Some(K::PROFILE.max_cpu);
        can.bounds.min_memory = driver_interface_validation::limits::MIN_MEMORY;
        can.properties.extend(Property::ALL);
        can.properties.remove(&Property::RealProcesses);
        can
    }

    fn guarantees() -> EnforcementReport {
        let mut report = EnforcementReport::default();
        report.disk = Enforcement::unsupported("a simulated engine has no disk");
        report
    }
}

fn unreachable_engine(reason: &str) -> DriverError {
    ConnectionError::new(reason)
        .with_hint(Hint::EngineNotRunning)
        .with_effect(Effect::NotApplied)
        .into()
}

/// The data to record about a call, and the call's time limits.
struct Call {
    operation: Operation,
    target: Option<String>,
    summary: String,
    extra_time: Duration,
    /// Whether the deadline applies only until the work begins, so that the work itself may take any time.
    unbounded: bool,
}

impl Call {
    fn new(operation: Operation) -> Self {
        Self {
            operation,
            target: None,
            summary: String::new(),
            extra_time: Duration::ZERO,
            unbounded: false,
        }
    }

    fn on(mut self, target: impl fmt::Display) -> Self {
        self.target = Some(target.to_string());
        self
    }

    fn summary(mut self, summary: impl fmt::Display) -> Self {
        self.summary = summary.to_string();
        self
    }

    fn unbounded(mut self) -> Self {
        self.unbounded = true;
        self
    }

    fn extra_time(mut self, time: Duration) -> Self {
        self.extra_time = time;
        self
    }
}

impl<K: Kind> Default for MockDriver<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> Clone for MockDriver<K> {
    fn clone(&self) -> Self {
        Self {
            core: Arc::clone(&self.core),
            kind: PhantomData,
        }
    }
}

impl<K: Kind> fmt::Debug for MockDriver<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockDriver")
            .field("name", &K::PROFILE.name)
            .field("options", &self.core.options)
            .finish_non_exhaustive()
    }
}
