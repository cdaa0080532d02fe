//! Which limits and security options hold on this engine.

use driver_interface_types::{ContainerConfig, Enforcement, EnforcementReport, NetworkMode};

use super::capabilities::Abilities;
use super::labels;
use super::records::ContainerRecord;

/// What of a container decides, beside the engine, whether its limits hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// It is on the driver's own network.
    pub(crate) default_network: bool,
    /// It is on no network.
    pub(crate) no_network: bool,
    /// It has a system call filter of its own.
    pub(crate) own_filter: bool,
}

impl Facts {
    pub(crate) fn of_config(config: &ContainerConfig) -> Self {
        Self {
            default_network: config.network == NetworkMode::Default,
            no_network: config.network == NetworkMode::None,
            own_filter: config.security.seccomp_profile.is_some(),
        }
    }

    pub(crate) fn of_container(record: &ContainerRecord) -> Self {
        let options = &record.host_config.security_opt;
        Self {
            default_network: labels::default_network(&record.config.labels).is_some(),
            no_network: record.host_config.network_mode == "none",
            own_filter: options.iter().any(|option| option.starts_with("seccomp")),
        }
    }
}

/// The report for a container: what the engine does is the same for all, what is asked for is not.
pub(crate) fn report(abilities: &Abilities, facts: Facts) -> EnforcementReport {
    let can = &abilities.capabilities;
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
    report.disk = holds(can.disk_limit);
    report.capabilities = holds(can.capability_drop);
    report.no_new_privileges = holds(can.no_new_privileges);
    report.seccomp = holds(can.seccomp || facts.own_filter);
    report.user = holds(can.user);
    report.read_only = holds(can.read_only_root);
    if facts.default_network && !can.session_isolation {
        report.network = Enforcement::weakened(
            "containers of different sessions have networks of their own, which this engine does not reliably \
             keep apart",
        );
    } else if !facts.no_network && !can.network_isolation {
        report.network =
            Enforcement::weakened("the engine does not reliably keep containers of different networks apart");
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Flavour, SystemRecord};

    fn of(flavour: Flavour, facts: Facts) -> EnforcementReport {
        report(&Abilities::of(&SystemRecord::default(), flavour, None), facts)
    }

    const PLAIN: Facts = Facts {
        default_network: true,
        no_network: false,
        own_filter: false,
    };

    #[test]
    fn what_the_engine_cannot_do_is_unsupported_and_what_it_does_in_part_is_weakened() {
        let docker = of(Flavour::Docker, PLAIN);
        assert_eq!(
            (docker.disk, docker.network),
            (Enforcement::Unsupported, Enforcement::Enforced)
        );
        assert!(matches!(
            of(Flavour::Podman, PLAIN).network,
            Enforcement::Weakened(_)
        ));
    }

    #[test]
    fn what_is_not_asked_for_holds() {
        let facts = Facts {
            default_network: false,
            no_network: true,
            own_filter: true,
        };
        let podman = of(Flavour::Podman, facts);
        assert!(podman.network.holds() && podman.seccomp.holds());
    }
    #[test]
    fn whoever_is_told_that_a_network_does_not_hold_is_warned_of_it() {
        for flavour in [Flavour::Docker, Flavour::Podman] {
            let abilities = Abilities::of(&SystemRecord::default(), flavour, None);
            for (default_network, no_network) in [(true, false), (false, false), (false, true)] {
                let facts = Facts {
                    default_network,
                    no_network,
                    own_filter: false,
                };
                let warned = abilities.warnings(facts);
                let warned = warned.iter().filter(|warning| warning.path == "network").count();
                let weak = !report(&abilities, facts).network.holds();
                assert_eq!(warned, usize::from(weak), "{flavour:?} {facts:?}");
            }
        }
    }
}
