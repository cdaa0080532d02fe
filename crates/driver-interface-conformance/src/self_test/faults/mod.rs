//! Everything that can be wrong, by what it is wrong about.

mod config;
mod creation;
mod failing;
mod lifecycle;
mod plan;
mod removal;
mod setup;
mod signals;
mod wait;

use super::Fault;

pub(super) fn all() -> Vec<&'static Fault> {
    [
        creation::FAULTS,
        config::FAULTS,
        setup::FAULTS,
        plan::FAULTS,
        lifecycle::FAULTS,
        wait::FAULTS,
        signals::FAULTS,
        removal::FAULTS,
        failing::FAULTS,
    ]
    .into_iter()
    .flatten()
    .collect()
}
