//! Conversion of the engine's container record to the interface's instance.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::SystemTime;

use driver_interface_kit::session_of;
use driver_interface_types::{
    ContainerHealth, ContainerHealthStatus, ContainerId, ContainerInstance, ContainerStatus, Protocol,
    PublishedPort,
};

use super::capabilities::EngineFeatures;
use super::enforcement::{self, Facts};
use super::records::{BindingRecord, ContainerRecord, HealthRecord};
use super::{labels, status, time};
use crate::wire::EngineError;

/// Converts the record of a container of this namespace to an instance.
pub(crate) fn of(
    record: &ContainerRecord,
    features: &EngineFeatures,
) -> Result<ContainerInstance, EngineError> {
    let own = &record.config.labels;
    let incomplete = |name: &str| EngineError::InvalidResponse(format!("a container without a valid {name}"));
    let id = ContainerId::new(record.id.as_str()).map_err(|_| incomplete("id"))?;
    let session = session_of(own).ok_or_else(|| incomplete("session"))?;
    let image = own.get(labels::IMAGE).unwrap_or(&record.config.image);
    let created_at = time::parse(&record.created).unwrap_or(SystemTime::UNIX_EPOCH);
    let state = &record.state;
    let status = status::status(state);
    let mut instance = ContainerInstance::new(id, record.plain_name(), session, image.as_str(), created_at)
        .with_status(status);
    instance.started_at = status::started_at(state).filter(|_| status != ContainerStatus::Created);
    instance.exit = status::exit(state, created_at);
    instance.ip_address = status::is_alive(state).then(|| address(record)).flatten();
    instance.labels = labels::of_config(own);
    instance.resources = labels::resources(own);
    if status::is_alive(state) {
        instance.ports = ports(&record.network_settings.ports);
    }
    instance.health = state.health.as_ref().and_then(health);
    let facts = Facts::of_container(record);
    let report = enforcement::report(features, facts);
    instance.warnings = report.warnings();
    instance.enforcement = Some(report);
    Ok(instance)
}

/// Returns whether a container is running and its health check, if it has one, passes.
pub(crate) fn is_healthy(record: &ContainerRecord) -> bool {
    let checked = record
        .state
        .health
        .as_ref()
        .map_or("", |health| health.status.as_str());
    status::status(&record.state) == ContainerStatus::Running && matches!(checked, "" | "none" | "healthy")
}

/// Returns the published ports. Omits exposed ports without a binding, and bindings with an invalid host address.
fn ports(records: &BTreeMap<String, Option<Vec<BindingRecord>>>) -> Vec<PublishedPort> {
    let mut ports = Vec::new();
    for (inside, bindings) in records {
        let Some((number, protocol)) = inside.split_once('/') else {
            continue;
        };
        let protocol = match protocol {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => continue,
        };
        let Ok(number) = number.parse() else {
            continue;
        };
        for binding in bindings.iter().flatten() {
            let host_ip = match binding.host_ip.as_str() {
                "" => Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
                text => text.parse(),
            };
            if let (Ok(host_ip), Ok(host_port)) = (host_ip, binding.host_port.parse()) {
                ports.push(PublishedPort::new(number, protocol, host_ip, host_port));
            }
        }
    }
    ports
}

/// Returns the health check results, or `None` if the container has no health check.
fn health(record: &HealthRecord) -> Option<ContainerHealth> {
    let status = match record.status.as_str() {
        "starting" => ContainerHealthStatus::Starting,
        "healthy" => ContainerHealthStatus::Healthy,
        "unhealthy" => ContainerHealthStatus::Unhealthy,
        _ => return None,
    };
    let mut health = ContainerHealth::new(status);
    health.failing_streak = record.failing_streak;
    let last = record.log.last();
    health.last_output = last.map(|check| check.output.clone());
    health.reason = match (status, last) {
        (ContainerHealthStatus::Healthy, _) => None,
        (_, Some(last)) if last.exit_code < 0 => Some(format!(
            "the last {} checks failed; the most recent one timed out or could not be run",
            record.failing_streak
        )),
        (_, Some(last)) if record.failing_streak > 0 => Some(format!(
            "the last {} checks failed, the most recent one with exit code {}",
            record.failing_streak, last.exit_code
        )),
        _ => Some("no check has passed yet".to_owned()),
    };
    Some(health)
}

fn address(record: &ContainerRecord) -> Option<IpAddr> {
    let ends = record.network_settings.networks.values();
    let texts = ends.flat_map(|end| [end.ip_address.as_str(), end.ipv6_address.as_str()]);
    texts.into_iter().find_map(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use crate::engine::ApiVersion;
    use crate::engine::SystemRecord;
    use crate::translate::labels::tests::{labels_of, ownership};
    use driver_interface_types::ContainerConfig;

    /// The API version of Docker 20.10.
    const OLD: ApiVersion = ApiVersion::new(1, 41);

    fn record(state: &str) -> ContainerRecord {
        let text = format!(
            r#"{{"Id":"{}","Name":"/web","Created":"2026-11-24T08:11:04.5Z","State":{state},
                "Config":{{"Image":"busybox:latest","Labels":null,"Env":["SECRET=x"],"StopSignal":2}},
                "NetworkSettings":{{"Networks":{{"di":{{"IPAddress":"172.18.0.2","GlobalIPv6Address":""}}}}}}}}"#,
            "a".repeat(64)
        );
        let mut record: ContainerRecord = serde_json::from_str(&text).unwrap();
        let config = ContainerConfig::new("s", "busybox").cpu(0.1 + 0.2).disk(64);
        record.config.labels = labels_of(&ownership("a"), &config, "web", Some("di"));
        record
    }

    fn instance(state: &str) -> ContainerInstance {
        of(
            &record(state),
            &EngineFeatures::of(&SystemRecord::default(), Dialect::DOCKER, OLD, None),
        )
        .unwrap()
    }

    #[test]
    fn config_values_round_trip() {
        let instance = instance(r#"{"Status":"created","StartedAt":"0001-01-01T00:00:00Z"}"#);
        assert_eq!(
            (instance.name.as_str(), instance.image.as_str()),
            ("web", "busybox")
        );
        assert_eq!(instance.resources.cpu, 0.1 + 0.2);
        assert_eq!(
            (instance.started_at, instance.exit, instance.ip_address),
            (None, None, None)
        );
        assert!(
            instance
                .warnings
                .iter()
                .any(|warning| warning.path == "resources.disk")
        );
    }

    #[test]
    fn short_run_does_not_finish_before_it_started() {
        let instance = instance(
            r#"{"Status":"exited","ExitCode":7,"StartedAt":"2026-11-24T08:12:38.276857621Z",
                "FinishedAt":"2026-11-24T08:12:38.275845108Z"}"#,
        );
        let exit = instance.exit.unwrap();
        assert_eq!(exit.code, 7);
        assert_eq!(Some(exit.finished_at), instance.started_at);
        assert_eq!(instance.ip_address, None);
    }

    #[test]
    fn running_container_has_an_address() {
        let instance = instance(r#"{"Status":"running","Running":true,"StartedAt":"2026-11-24T08:12:38Z"}"#);
        assert_eq!(instance.ip_address, Some([172, 18, 0, 2].into()));
    }

    #[test]
    fn reports_published_ports() {
        let mut found = record(r#"{"Status":"running","Running":true,"StartedAt":"2026-11-24T08:12:38Z"}"#);
        let ports = r#"{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"49153"}],"53/udp":[{"HostIp":"","HostPort":"53"}],"81/tcp":null,"x":[]}"#;
        found.network_settings.ports = serde_json::from_str(ports).unwrap();
        let features = EngineFeatures::of(&SystemRecord::default(), Dialect::DOCKER, OLD, None);
        let instance = of(&found, &features).unwrap();
        assert_eq!(
            instance.ports,
            [
                PublishedPort::new(53, Protocol::Udp, [0, 0, 0, 0].into(), 53),
                PublishedPort::new(80, Protocol::Tcp, [127, 0, 0, 1].into(), 49153)
            ]
        );
    }

    #[test]
    fn failed_health_check_has_a_reason() {
        let state = r#"{"Status":"running","StartedAt":"2026-11-24T08:12:38Z","Health":{"Status":"unhealthy","FailingStreak":3,
            "Log":[{"ExitCode":0,"Output":""},{"ExitCode":1,"Output":"no"}]}}"#;
        let health = instance(state).health.unwrap();
        assert_eq!(
            (health.failing_streak, health.last_output.as_deref()),
            (3, Some("no"))
        );
        assert!(health.reason.unwrap().contains("exit code 1"));
        let none = r#"{"Status":"running","StartedAt":"2026-11-24T08:12:38Z","Health":{"Status":""}}"#;
        assert_eq!(instance(none).health, None);
    }

    #[test]
    fn healthy_requires_running_and_passed_check() {
        for (state, expected) in [
            (r#"{"Status":"running"}"#, true),
            (r#"{"Status":"running","Health":{"Status":""}}"#, true),
            (r#"{"Status":"running","Health":{"Status":"healthy"}}"#, true),
            (r#"{"Status":"running","Health":{"Status":"starting"}}"#, false),
            (r#"{"Status":"running","Health":{"Status":"unhealthy"}}"#, false),
            (r#"{"Status":"paused","Health":{"Status":"healthy"}}"#, false),
            (r#"{"Status":"exited"}"#, false),
        ] {
            assert_eq!(is_healthy(&record(state)), expected, "{state}");
        }
    }
}
