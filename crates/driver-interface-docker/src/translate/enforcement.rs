//! Which limits and security options this engine enforces.

use driver_interface_types::{ContainerConfig, Enforcement, EnforcementReport, NetworkMode};

use super::capabilities::EngineFeatures;
use super::labels;
use super::records::ContainerRecord;

/// The properties of a container that determine, together with the engine, whether its limits are enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Whether the container has a disk limit.
    pub(crate) disk_limit: bool,
    /// Whether the container is attached to the default network.
    pub(crate) default_network: bool,
    /// Whether the container is not attached to any network.
    pub(crate) no_network: bool,
    /// Whether the container has a custom seccomp profile.
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

/// Returns the report for a container: the engine's guarantees, adjusted to the container's properties in `facts`.
pub(crate) fn report(features: &EngineFeatures, facts: Facts) -> EnforcementReport {
    let mut report = features.capabilities.guarantees.clone();
    if !facts.disk_limit {
        report.disk = Enforcement::Enforced;
    }
    if facts.own_filter {
        report.seccomp = Enforcement::Enforced;
    }
    if facts.default_network || facts.no_network {
        report.network = Enforcement::Enforced;
    }
    if !facts.default_network {
        report.sessions = Enforcement::Enforced;
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use crate::engine::ApiVersion;
    use crate::engine::SystemRecord;

    /// The API version of Docker 20.10.
    const OLD: ApiVersion = ApiVersion::new(1, 41);

    fn of(dialect: &'static Dialect, facts: Facts) -> EnforcementReport {
        report(
            &EngineFeatures::of(&SystemRecord::default(), dialect, OLD, None),
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
    fn reports_unsupported_and_weakened_guarantees() {
        let docker = of(Dialect::DOCKER, PLAIN);
        assert!(matches!(docker.disk, Enforcement::Unsupported(_)));
        assert!(docker.network.holds() && docker.sessions.holds());
        let podman = of(Dialect::PODMAN, PLAIN);
        assert!(matches!(podman.sessions, Enforcement::Weakened(_)) && podman.network.holds());
    }

    #[test]
    fn unrequested_guarantees_hold() {
        let facts = Facts {
            disk_limit: false,
            default_network: false,
            no_network: true,
            own_filter: true,
        };
        let podman = of(Dialect::PODMAN, facts);
        assert!(
            podman.network.holds()
                && podman.sessions.holds()
                && podman.seccomp.holds()
                && podman.disk.holds()
        );
    }

    #[test]
    fn weak_network_isolation_warns_once() {
        for (dialect, isolates) in [(Dialect::DOCKER, true), (Dialect::PODMAN, false)] {
            for (default_network, no_network) in [(true, false), (false, false), (false, true)] {
                let facts = Facts {
                    default_network,
                    no_network,
                    ..PLAIN
                };
                let warnings = of(dialect, facts).warnings();
                let count = warnings
                    .iter()
                    .filter(|warning| warning.path == "network")
                    .count();
                assert_eq!(
                    count,
                    usize::from(!isolates && !no_network),
                    "{} {facts:?}",
                    dialect.product
                );
            }
        }
    }
}
