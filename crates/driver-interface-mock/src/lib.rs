#![doc = include_str!("../README.md")]

mod builder;
mod calls;
mod commands;
mod driver;
mod engine;
mod faults;
mod fs;
mod latency;
mod process;
mod profile;
mod shell;
mod sync;

pub use builder::MockBuilder;
pub use calls::{CallOutcome, RecordedCall};
pub use driver::{MockDockerDriver, MockDriver, MockLocalDriver};
/// The operations for which faults can be scripted and calls are recorded.
pub use driver_interface_types::Operation;
pub use engine::{EngineObject, MockEngine};
pub use faults::Faults;
pub use latency::Latency;
pub use process::{MockCommand, MockProcess, Signal, SignalAction};
pub use profile::{Docker, Kind, Local, Profile};
