//! Operations on containers, except commands, files and logs.

mod create;
mod plan;
mod read;
mod remove;
mod signal;
mod start;
mod stats;
mod stop;
mod wait;

pub(super) use create::{HostFiles, create};
pub(super) use signal::not_running;
pub(super) use stop::grace;
pub(super) use wait::wait;
