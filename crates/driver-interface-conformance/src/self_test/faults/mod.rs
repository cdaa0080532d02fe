//! Everything that can be wrong, by what it is wrong about.

mod calls;
mod dropped;
mod events;
mod exec;
mod exec_sessions;
mod files;
mod images;
mod lifecycle;
mod log_streams;
mod logs;
mod setup;
mod stats;
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
        files::FAULTS,
        images::FAULTS,
        stats::FAULTS,
        events::FAULTS,
        dropped::FAULTS,
    ]
    .into_iter()
    .flatten()
    .collect()
}
