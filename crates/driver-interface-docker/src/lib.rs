#![doc = include_str!("../README.md")]

mod config;
mod dialect;
mod driver;
mod engine;
mod translate;
mod wire;

pub use config::{Deadlines, DockerConfig};
pub use driver::DockerDriver;
