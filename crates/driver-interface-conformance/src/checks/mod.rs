//! The checks of the suite, grouped by area.

mod archives;
mod attach;
mod builds;
mod cancellation;
mod capability;
mod cleanup;
mod concurrency;
mod concurrent_exec;
mod config;
mod connections;
mod creation;
mod dropped;
mod dropped_transfers;
mod errors;
mod event_kinds;
mod events;
mod exec;
mod exec_detached;
mod exec_limits;
mod exec_refusals;
mod exec_stream;
mod exec_tty;
mod exit;
mod file_writes;
mod files;
mod follow;
mod health;
mod health_checks;
mod host;
mod images;
mod keys;
mod limits;
#[cfg(unix)]
mod link;
mod listing;
mod log_stream;
mod logs;
mod main_process;
mod many;
mod model;
mod names;
mod namespaces;
mod networks;
mod not_found;
mod operations;
mod overwritten;
mod pause;
mod plans;
mod ports;
mod publish;
mod pulls;
mod removal;
mod restart;
mod security;
mod settings;
mod setup;
mod signals;
mod start;
mod stats;
mod stop;
mod times;
mod tmpfs;
mod value_calls;
mod values;
mod volume_owners;
mod volume_transfer;
mod volumes;
mod wait;

use crate::Check;

/// The checks of each module, in the order of the report. Modules with checks of the same area are adjacent.
const FILES: &[&[Check]] = &[
    capability::CHECKS,
    operations::CHECKS,
    creation::CHECKS,
    config::CHECKS,
    host::CHECKS,
    setup::CHECKS,
    tmpfs::CHECKS,
    names::CHECKS,
    settings::CHECKS,
    ports::CHECKS,
    plans::CHECKS,
    start::CHECKS,
    exit::CHECKS,
    stop::CHECKS,
    main_process::CHECKS,
    model::CHECKS,
    wait::CHECKS,
    signals::CHECKS,
    pause::CHECKS,
    restart::CHECKS,
    exec::CHECKS,
    exec_refusals::CHECKS,
    exec_limits::CHECKS,
    exec_tty::CHECKS,
    exec_stream::CHECKS,
    exec_detached::CHECKS,
    attach::CHECKS,
    removal::CHECKS,
    errors::CHECKS,
    not_found::CHECKS,
    concurrency::CHECKS,
    concurrent_exec::CHECKS,
    keys::CHECKS,
    cancellation::CHECKS,
    dropped::CHECKS,
    dropped_transfers::CHECKS,
    listing::CHECKS,
    logs::CHECKS,
    follow::CHECKS,
    log_stream::CHECKS,
    files::CHECKS,
    file_writes::CHECKS,
    archives::CHECKS,
    overwritten::CHECKS,
    images::CHECKS,
    pulls::CHECKS,
    builds::CHECKS,
    publish::CHECKS,
    stats::CHECKS,
    events::CHECKS,
    event_kinds::CHECKS,
    health::CHECKS,
    health_checks::CHECKS,
    #[cfg(unix)]
    link::CHECKS,
    volumes::CHECKS,
    volume_owners::CHECKS,
    volume_transfer::CHECKS,
    networks::CHECKS,
    connections::CHECKS,
    namespaces::CHECKS,
    limits::CHECKS,
    security::CHECKS,
    times::CHECKS,
    values::CHECKS,
    value_calls::CHECKS,
    many::CHECKS,
    cleanup::CHECKS,
];

/// Returns every check of the suite.
pub fn all() -> Vec<Check> {
    FILES.concat()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn check_ids_are_unique_and_lowercase() {
        let mut actual = HashSet::new();
        for check in all() {
            assert!(actual.insert(check.id), "{} is a duplicate", check.id);
            let words: Vec<&str> = check.id.split('/').collect();
            assert!(words.len() >= 2, "{} has no area", check.id);
            for word in words {
                let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                assert!(
                    !word.is_empty() && word.chars().all(plain),
                    "{} is not a valid id",
                    check.id
                );
            }
        }
    }

    #[test]
    fn every_statement_is_a_sentence() {
        for check in all() {
            let starts_well = check
                .statement
                .starts_with(|c: char| c.is_uppercase() || c == '`');
            assert!(
                starts_well && check.statement.ends_with('.'),
                "{}: {:?}",
                check.id,
                check.statement
            );
            assert!(!check.limit.is_zero(), "{} has no time limit", check.id);
        }
    }

    #[test]
    fn every_check_file_is_registered() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/checks");
        let files = std::fs::read_dir(directory).unwrap().count();
        assert_eq!(files - 1, FILES.len(), "a file of {directory} is not in FILES");
        assert!(FILES.iter().all(|file| !file.is_empty()));
    }

    #[test]
    fn checks_are_grouped_by_area() {
        let checks = all();
        let mut order: Vec<&str> = checks.iter().map(Check::area).collect();
        order.dedup();
        assert_eq!(order, crate::areas(&checks));
    }
}
