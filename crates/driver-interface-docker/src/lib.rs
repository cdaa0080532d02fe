#![doc = include_str!("../README.md")]

mod config;
mod dialect;
mod driver;
mod engine;
mod translate;
mod wire;

pub use config::DockerConfig;
pub use driver::DockerDriver;
pub use driver_interface_types::Deadlines;
