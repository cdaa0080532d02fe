//! Everything that can be wrong, by what it is wrong about.

mod calls;
mod exec;
mod exec_sessions;
mod lifecycle;
mod log_streams;
mod logs;
mod setup;
mod streams;

use super::Fault;

pub(super) fn all() -> Vec<&'static Fault> {
    [
        lifecycle::FAULTS,
        setup::FAULTS,
        exec::FAULTS,
        exec_sessions::FAULTS,
        logs::FAULTS,
        log_streams::FAULTS,
    ]
    .into_iter()
    .flatten()
    .collect()
}
