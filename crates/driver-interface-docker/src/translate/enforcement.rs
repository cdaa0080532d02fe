//! Which limits and security options this engine enforces.

use driver_interface_types::{ContainerConfig, Enforcement, EnforcementReport, NetworkMode};

use super::capabilities::EngineFeatures;
use super::labels;
use super::records::ContainerRecord;

/// The properties of a container that, besides the engine, determine whether its limits are enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// It has a disk limit.
    pub(crate) disk_limit: bool,
    /// It is attached to the default network.
    pub(crate) default_network: bool,
    /// It is not attached to any network.
    pub(crate) no_network: bool,
    /// It has a custom seccomp profile.
    pub(crate) own_filter: bool,
}

impl Facts {
    pub(crate) fn of_config(config: &ContainerConfig) -> Self {
        Self {
            disk_limit: config.resources.disk.is_some(),
            default_network: config.network == NetworkMode::Default,
            no_network: config.network == NetworkMode::None,
            own_filter: config.security.seccomp_profile.is_some(),
        }
    }

    pub(crate) fn of_container(record: &ContainerRecord) -> Self {
        let options = &record.host_config.security_opt;
        Self {
            disk_limit: labels::resources(&record.config.labels).disk.is_some(),
            default_network: labels::default_network(&record.config.labels).is_some(),
            no_network: record.host_config.network_mode == "none",
            own_filter: options.iter().any(|option| option.starts_with("seccomp")),
        }
    }
}

/// Returns the report for a container. The engine's part is the same for all containers, the requested part is
/// not.
pub(crate) fn report(features: &EngineFeatures, facts: Facts) -> EnforcementReport {
    let can = &features.capabilities;
    let holds = |yes: bool| {
        if yes {
            Enforcement::Enforced
        } else {
            Enforcement::Unsupported
        }
    };
    let mut report = EnforcementReport::default();
    report.cpu = holds(can.cpu_limit);
    report.memory = holds(can.memory_limit);
    report.pids = holds(can.pids_limit);
    report.disk = holds(can.disk_limit || !facts.disk_limit);
    report.capabilities = holds(can.capability_drop);
    report.no_new_privileges = holds(can.no_new_privileges);
    report.seccomp = holds(can.seccomp || facts.own_filter);
    report.user = holds(can.user);
    report.read_only = holds(can.read_only_root);
    if facts.default_network && !can.session_isolation {
        report.network = Enforcement::weakened(
            "containers of different sessions are on separate networks, which this engine does not reliably \
             isolate",
        );
    } else if !facts.no_network && !can.network_isolation {
        report.network =
            Enforcement::weakened("the engine does not reliably isolate containers of different networks");
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use crate::engine::SystemRecord;

    fn of(dialect: &'static Dialect, facts: Facts) -> EnforcementReport {
        report(
            &EngineFeatures::of(&SystemRecord::default(), dialect, None),
            facts,
        )
    }

    const PLAIN: Facts = Facts {
        disk_limit: true,
        default_network: true,
        no_network: false,
        own_filter: false,
    };

    #[test]
    fn what_the_engine_cannot_do_is_unsupported_and_what_it_does_in_part_is_weakened() {
        let docker = of(Dialect::DOCKER, PLAIN);
        assert_eq!(
            (docker.disk, docker.network),
            (Enforcement::Unsupported, Enforcement::Enforced)
        );
        assert!(matches!(
            of(Dialect::PODMAN, PLAIN).network,
            Enforcement::Weakened(_)
        ));
    }

    #[test]
    fn what_is_not_asked_for_holds() {
        let facts = Facts {
            disk_limit: false,
            default_network: false,
            no_network: true,
            own_filter: true,
        };
        let podman = of(Dialect::PODMAN, facts);
        assert!(podman.network.holds() && podman.seccomp.holds() && podman.disk.holds());
    }
    #[test]
    fn whoever_is_told_that_a_network_does_not_hold_is_warned_of_it() {
        for dialect in [Dialect::DOCKER, Dialect::PODMAN] {
            let features = EngineFeatures::of(&SystemRecord::default(), dialect, None);
            for (default_network, no_network) in [(true, false), (false, false), (false, true)] {
                let facts = Facts {
                    default_network,
                    no_network,
                    ..PLAIN
                };
                let warned = features.warnings(facts);
                let warned = warned.iter().filter(|warning| warning.path == "network").count();
                let weak = !report(&features, facts).network.holds();
                assert_eq!(warned, usize::from(weak), "{} {facts:?}", dialect.product);
            }
        }
    }
}
