//! The simulated engine: its resources and processes, and the test interface that needs no driver.

mod addresses;
mod clock;
mod containers;
mod dockerfile;
mod events;
mod exec;
mod health;
mod images;
mod inspect;
mod load;
mod logs;
mod mounts;
mod names;
mod ports;
mod run;
mod save;
mod state;
mod stdin;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use driver_interface_types::ImageRef;

pub(crate) use clock::Clock;
pub(crate) use dockerfile::{Instruction, Recipe, change_setting, expand, paths};
pub(crate) use events::Position;
pub(crate) use exec::{Exec, ExecProblem, ExecRequest};
pub(crate) use images::{IDLE, Image, PullRefusal};
pub use inspect::EngineObject;
pub(crate) use load::read_images;
pub(crate) use logs::{LogSelection, LogStore, Next};
pub(crate) use names::{address_of, host_address};
pub(crate) use run::StartProblem;
pub(crate) use save::saved;
pub(crate) use state::{Attachment, Changes, Container, Phase, Run, State, new_network, new_volume};
pub(crate) use stdin::Stdin;

use crate::commands::stock_commands;
use crate::process::{CommandTable, MockCommand};
use crate::sync::lock;

/// A simulated engine. All drivers of an engine, of either kind, see the same resources, like processes that share a
/// real engine. A clone is another handle to the same engine.
///
/// ```
/// use driver_interface_mock::{MockDockerDriver, MockEngine, MockLocalDriver};
///
/// let engine = MockEngine::new();
/// let one = MockDockerDriver::builder().engine(&engine).build();
/// let other = MockLocalDriver::builder().engine(&engine).build();
/// # let _ = (one, other);
/// assert!(engine.containers().is_empty());
/// ```
#[derive(Clone)]
pub struct MockEngine(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    clock: Clock,
    setup: Mutex<Setup>,
    /// The number of drivers that were created on this engine.
    drivers: AtomicU64,
}

/// The settings from which a reset restores the engine.
struct Setup {
    seed: u64,
    commands: CommandTable,
    images: Vec<ImageRef>,
    registry: Vec<ImageRef>,
}

impl MockEngine {
    /// Creates an engine with seed 0 whose clock starts at the real time.
    pub fn new() -> Self {
        Self::with_seed(0)
    }

    /// Creates an engine that derives its ids from `seed`.
    pub fn with_seed(seed: u64) -> Self {
        Self::start(seed, None)
    }

    /// Creates an engine that derives its ids from `seed` and whose clock starts at `time`. With tokio's clock paused,
    /// the engine's times are the same in every run.
    pub fn with_seed_and_time(seed: u64, time: SystemTime) -> Self {
        Self::start(seed, Some(time))
    }

    fn start(seed: u64, epoch: Option<SystemTime>) -> Self {
        let setup = Setup {
            seed,
            commands: stock_commands(),
            images: Vec::new(),
            registry: Vec::new(),
        };
        Self(Arc::new(Shared {
            state: Mutex::new(State::new(seed)),
            clock: Clock::starting_at(epoch),
            setup: Mutex::new(setup),
            drivers: AtomicU64::new(0),
        }))
    }

    /// Returns the number of a new driver. The first driver of the engine has number 0.
    pub(crate) fn next_driver(&self) -> u64 {
        self.0.drivers.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the time of the engine's wall clock: its start time plus the time passed on tokio's clock.
    pub fn now(&self) -> SystemTime {
        self.0.clock.now()
    }

    pub(crate) fn add_command(&self, name: &str, command: Arc<dyn MockCommand>) {
        lock(&self.0.setup).commands.add_shared(name, command);
    }

    pub(crate) fn add_image(&self, image: ImageRef) {
        self.state().images.add_stock(&image);
        lock(&self.0.setup).images.push(image);
    }

    pub(crate) fn add_registry_image(&self, image: ImageRef) {
        self.state().images.offer(&image);
        lock(&self.0.setup).registry.push(image);
    }

    pub(crate) fn commands(&self) -> CommandTable {
        lock(&self.0.setup).commands.clone()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    fn fresh_state(&self) -> State {
        let setup = lock(&self.0.setup);
        let mut state = State::new(setup.seed);
        for image in &setup.images {
            state.images.add_stock(image);
        }
        for image in &setup.registry {
            state.images.offer(image);
        }
        state
    }
}

impl Default for MockEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MockEngine {
    /// Prints only the number of resources, because container configs may contain secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("MockEngine")
            .field("down", &state.down)
            .field("containers", &state.containers.len())
            .field("volumes", &state.volumes.len())
            .field("networks", &state.networks.len())
            .finish_non_exhaustive()
    }
}
