#![doc = include_str!("../README.md")]

mod config;
mod driver;
mod engine;
mod quirks;
mod translate;
mod wire;

pub use config::{Deadlines, DockerConfig};
pub use driver::DockerDriver;
