//! Everything that can be wrong, by what it is wrong about.

mod lifecycle;
mod setup;

use super::Fault;

pub(super) fn all() -> Vec<&'static Fault> {
    [lifecycle::FAULTS, setup::FAULTS].into_iter().flatten().collect()
}
