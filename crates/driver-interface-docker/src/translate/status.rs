//! Conversion of the engine's container states.

use std::time::SystemTime;

use driver_interface_types::{ContainerStatus, ExitInfo};

use super::records::StateRecord;
use super::time;

/// Returns when the last run started, or `None` if the container has never run.
pub(crate) fn started_at(state: &StateRecord) -> Option<SystemTime> {
    time::parse(&state.started_at)
}

/// Returns the container status for any state that an engine may report.
pub(crate) fn status(state: &StateRecord) -> ContainerStatus {
    let ran = started_at(state).is_some();
    let ended = || ContainerStatus::of_exit(state.exit_code, oom_killed(state));
    match state.status.as_str() {
        "running" | "restarting" | "stopping" => ContainerStatus::Running,
        "paused" => ContainerStatus::Paused,
        "removing" => ContainerStatus::Removing,
        "dead" => ContainerStatus::Dead,
        "exited" | "stopped" => ended(),
        // Podman also uses these states while it prepares a later run.
        "created" | "initialized" | "configured" if !ran => ContainerStatus::Created,
        "created" | "initialized" | "configured" => ended(),
        _ if state.paused => ContainerStatus::Paused,
        _ if state.running || state.restarting => ContainerStatus::Running,
        _ if state.dead => ContainerStatus::Dead,
        _ if ran => ended(),
        _ => ContainerStatus::Created,
    }
}

/// Returns how the last run exited, or `None` if the container is still running or has never run.
pub(crate) fn exit(state: &StateRecord, created_at: SystemTime) -> Option<ExitInfo> {
    let over = match status(state) {
        ContainerStatus::Stopped | ContainerStatus::Exited => true,
        ContainerStatus::Dead | ContainerStatus::Removing => started_at(state).is_some(),
        _ => false,
    };
    over.then(|| {
        let started = started_at(state).unwrap_or(created_at);
        let finished = finished_at(state, started).unwrap_or(started);
        ExitInfo::new(state.exit_code.clamp(-1, 255), oom_killed(state), finished)
    })
}

/// Returns `Some(true)` if the engine recorded that the last run ran out of memory. Otherwise returns `None`, which
/// means unknown: Docker may record a lack of memory too late, and Podman does not record it on cgroup v1.
fn oom_killed(state: &StateRecord) -> Option<bool> {
    state.oom_killed.then_some(true)
}

/// Returns when the last run exited. Never returns a time before `started`, although Docker may report such a time
/// for a short run.
fn finished_at(state: &StateRecord, started: SystemTime) -> Option<SystemTime> {
    time::parse(&state.finished_at).map(|finished| finished.max(started))
}

/// Returns whether the main process is alive, as far as the engine knows.
pub(crate) fn is_alive(state: &StateRecord) -> bool {
    matches!(status(state), ContainerStatus::Running | ContainerStatus::Paused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn state(word: &str, started: &str, code: i64) -> StateRecord {
        StateRecord {
            status: word.to_owned(),
            started_at: started.to_owned(),
            finished_at: started.to_owned(),
            exit_code: code,
            ..StateRecord::default()
        }
    }

    const NEVER: &str = "0001-01-01T00:00:00Z";
    const ONCE: &str = "2026-11-24T08:11:04.698071369Z";

    #[test]
    fn every_engine_state_maps_to_a_status() {
        use ContainerStatus::*;
        for (word, started, code, expected) in [
            ("created", NEVER, 0, Created),
            ("created", NEVER, 127, Created),
            ("initialized", NEVER, 0, Created),
            ("configured", NEVER, 0, Created),
            ("initialized", ONCE, 3, Exited),
            ("running", ONCE, 0, Running),
            ("restarting", ONCE, 1, Running),
            ("stopping", ONCE, 0, Running),
            ("paused", ONCE, 0, Paused),
            ("exited", ONCE, 0, Stopped),
            ("exited", ONCE, 143, Stopped),
            ("exited", ONCE, 137, Stopped),
            ("exited", ONCE, 1, Exited),
            ("stopped", ONCE, 0, Stopped),
            ("stopped", ONCE, 2, Exited),
            ("removing", ONCE, 0, Removing),
            ("dead", ONCE, 0, Dead),
        ] {
            assert_eq!(
                status(&state(word, started, code)),
                expected,
                "{word} {started} {code}"
            );
        }
    }

    #[test]
    fn kill_is_an_error_only_if_oom_killed() {
        let of = |oom_killed, code| {
            let record = StateRecord {
                oom_killed,
                ..state("exited", ONCE, code)
            };
            let exit = exit(&record, SystemTime::UNIX_EPOCH).unwrap();
            assert_eq!(exit.status(), status(&record));
            (exit.oom_killed, exit.status())
        };
        assert_eq!(of(true, 137), (Some(true), ContainerStatus::Exited));
        assert_eq!(of(false, 137), (None, ContainerStatus::Stopped));
        assert_eq!(of(true, 143), (Some(false), ContainerStatus::Stopped));
        assert_eq!(of(false, 0), (Some(false), ContainerStatus::Stopped));
    }

    proptest! {
        #[test]
        fn mapping_is_total_and_consistent(
            word in prop_oneof![".*", "created|initialized|running|paused|stopping|stopped|exited|removing|dead"],
            started in prop_oneof![Just(NEVER), Just(ONCE), Just(""), Just("garbage")],
            finished in prop_oneof![Just(NEVER), Just("2020-01-01T00:00:00Z"), Just(ONCE)],
            code in any::<i64>(), flags in any::<[bool; 5]>(),
        ) {
            let [running, paused, restarting, dead, oom_killed] = flags;
            let record = StateRecord {
                status: word, running, paused, restarting, dead, oom_killed, exit_code: code,
                started_at: started.to_owned(), finished_at: finished.to_owned(), health: None,
            };
            let status = status(&record);
            let exit = exit(&record, SystemTime::UNIX_EPOCH);
            prop_assert!(!(is_alive(&record) && exit.is_some()));
            if status == ContainerStatus::Created {
                prop_assert!(exit.is_none());
            }
            if let (Some(exit), Some(started)) = (exit, started_at(&record)) {
                prop_assert!(exit.finished_at >= started);
            }
        }
    }
}
