use std::sync::Mutex;
use std::time::Duration;

use driver_interface_errors::{ConnectionError, DriverError, Effect};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::Operation;
use crate::sync::lock;

/// Scripted faults. Each fault applies to one operation. If several faults match a call, the fault that was scripted
/// first is used.
///
/// ```
/// use driver_interface_errors::ContainerStartError;
/// use driver_interface_mock::{MockDockerDriver, Operation};
/// use driver_interface_types::{ContainerConfig, ContainerDriver};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> driver_interface_types::Result<()> {
/// let driver = MockDockerDriver::new();
/// driver.faults().fail_next(Operation::StartContainer, ContainerStartError::new("web", "no more memory"));
/// let id = driver.create_container(&ContainerConfig::new("demo", "busybox")).await?.id;
/// assert!(driver.start_container(&id).await.is_err());
/// assert!(driver.start_container(&id).await.is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Faults(Mutex<Script>);

#[derive(Debug)]
struct Script {
    seed: u64,
    rng: StdRng,
    faults: Vec<Fault>,
    delays: Vec<(Operation, Duration)>,
}

#[derive(Debug)]
struct Fault {
    operation: Operation,
    when: When,
    what: Failure,
}

#[derive(Debug)]
enum When {
    /// `After(calls)`: skips this many calls of the operation, and then applies to one call.
    After(u64),
    /// `Rate(probability)`: applies to each call of the operation with this probability.
    Rate(f64),
}

/// How a faulty call fails.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The call changes nothing and returns the error.
    Instead(DriverError),
    /// The call has its full effect, and then returns the error.
    Afterwards(DriverError),
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(Script {
            seed,
            rng: StdRng::seed_from_u64(seed),
            faults: Vec::new(),
            delays: Vec::new(),
        }))
    }

    /// Makes the next call of `operation` fail without changing anything. If scripted twice, the next two calls fail.
    pub fn fail_next(&self, operation: Operation, error: impl Into<DriverError>) {
        let position = lock(&self.0).next_free(operation);
        self.add(operation, When::After(position), Failure::Instead(error.into()));
    }

    /// Makes the `n`-th call of `operation` from now on fail without changing anything. The next call has number 1.
    pub fn fail_nth(&self, operation: Operation, n: u64, error: impl Into<DriverError>) {
        self.add(
            operation,
            When::After(n.saturating_sub(1)),
            Failure::Instead(error.into()),
        );
    }

    /// Makes each call of `operation` fail with this probability, without changing anything. The driver's seed
    /// determines which calls fail.
    pub fn fail_rate(&self, operation: Operation, probability: f64, error: impl Into<DriverError>) {
        let probability = if probability.is_nan() {
            0.0
        } else {
            probability.clamp(0.0, 1.0)
        };
        self.add(operation, When::Rate(probability), Failure::Instead(error.into()));
    }

    /// Loses the response of the next call of `operation`. The call has its full effect, and then fails with a
    /// `ConnectionError` whose effect is unknown.
    pub fn drop_next_response(&self, operation: Operation) {
        let error = ConnectionError::new("the connection was closed before the response arrived")
            .with_effect(Effect::Unknown);
        let position = lock(&self.0).next_free(operation);
        self.add(
            operation,
            When::After(position),
            Failure::Afterwards(error.into()),
        );
    }

    /// Delays the next call of `operation` by `time`. If scripted twice, the next two calls are delayed.
    pub fn delay_next(&self, operation: Operation, time: Duration) {
        lock(&self.0).delays.push((operation, time));
    }

    /// Removes every scripted fault and delay.
    pub fn clear(&self) {
        let mut script = lock(&self.0);
        script.faults.clear();
        script.delays.clear();
    }

    pub(crate) fn reset(&self) {
        self.clear();
        let mut script = lock(&self.0);
        script.rng = StdRng::seed_from_u64(script.seed);
    }

    fn add(&self, operation: Operation, when: When, what: Failure) {
        lock(&self.0).faults.push(Fault {
            operation,
            when,
            what,
        });
    }

    /// Returns the delay and the failure that are scripted for a call of `operation` that begins now. A delay or
    /// failure that is scripted for a single call is removed from the script.
    pub(crate) fn draw(&self, operation: Operation) -> (Duration, Option<Failure>) {
        let mut script = lock(&self.0);
        let script = &mut *script;
        let delayed = script.delays.iter().position(|(of, _)| *of == operation);
        let delay = delayed.map_or(Duration::ZERO, |at| script.delays.remove(at).1);
        let mut failure = None;
        script.faults.retain_mut(|fault| {
            if fault.operation != operation {
                return true;
            }
            let (fits, keep) = match &mut fault.when {
                When::After(0) => (true, false),
                When::After(calls) => {
                    *calls -= 1;
                    (false, true)
                }
                When::Rate(probability) => (script.rng.random_bool(*probability), true),
            };
            if fits && failure.is_none() {
                failure = Some(fault.what.clone());
            }
            keep
        });
        (delay, failure)
    }
}

impl Script {
    /// Finds the next call of `operation` that has no scripted fault, and returns its position. The position of the
    /// next call is 0.
    fn next_free(&self, operation: Operation) -> u64 {
        let waiting = self.faults.iter().filter(|fault| fault.operation == operation);
        let taken: Vec<u64> = waiting
            .filter_map(|fault| match fault.when {
                When::After(calls) => Some(calls),
                When::Rate(_) => None,
            })
            .collect();
        (0..).find(|position| !taken.contains(position)).unwrap_or(0)
    }
}
