//! All faults of the self-test, with one module for each topic.

mod attach;
mod calls;
mod capability;
mod config;
mod creation;
mod dropped;
mod errors;
mod events;
mod exec;
mod exec_sessions;
mod failing;
mod files;
mod images;
mod lifecycle;
mod link;
mod listing;
mod log_streams;
mod logs;
mod many;
mod plan;
mod processes;
mod removal;
mod resources;
mod security;
mod settings;
mod setup;
mod signals;
mod stats;
mod streams;
mod times;
mod transfers;
mod value_calls;
mod values;
mod volume_owners;
mod wait;

use super::Fault;

pub(super) fn all() -> Vec<&'static Fault> {
    [
        creation::FAULTS,
        config::FAULTS,
        setup::FAULTS,
        settings::FAULTS,
        plan::FAULTS,
        lifecycle::FAULTS,
        wait::FAULTS,
        signals::FAULTS,
        processes::FAULTS,
        removal::FAULTS,
        failing::FAULTS,
        exec::FAULTS,
        exec_sessions::FAULTS,
        attach::FAULTS,
        logs::FAULTS,
        log_streams::FAULTS,
        files::FAULTS,
        images::FAULTS,
        transfers::FAULTS,
        stats::FAULTS,
        events::FAULTS,
        dropped::FAULTS,
        link::FAULTS,
        capability::FAULTS,
        capability::ONLY_DECLARED,
        errors::FAULTS,
        errors::SWALLOWED,
        listing::FAULTS,
        resources::FAULTS,
        volume_owners::FAULTS,
        security::FAULTS,
        times::FAULTS,
        values::FAULTS,
        value_calls::FAULTS,
        many::FAULTS,
    ]
    .into_iter()
    .flatten()
    .collect()
}
