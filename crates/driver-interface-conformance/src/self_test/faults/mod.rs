//! Everything that can be wrong, by what it is wrong about.

mod capability;
mod errors;
mod lifecycle;
mod listing;
mod resources;
mod security;
mod setup;

use super::Fault;

pub(super) fn all() -> Vec<&'static Fault> {
    [
        capability::FAULTS,
        capability::ONLY_DECLARED,
        errors::FAULTS,
        errors::SWALLOWED,
        lifecycle::FAULTS,
        listing::FAULTS,
        resources::FAULTS,
        security::FAULTS,
        setup::FAULTS,
    ]
    .into_iter()
    .flatten()
    .collect()
}
