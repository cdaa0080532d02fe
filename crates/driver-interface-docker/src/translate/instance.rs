//! The engine's record of a container as the interface's instance.

use std::time::SystemTime;

use driver_interface_types::{ContainerId, ContainerInstance, ContainerStatus};

use super::capabilities::Abilities;
use super::records::ContainerRecord;
use super::{labels, status, time};
use crate::wire::EngineError;

/// The instance that a record of one of our containers stands for.
pub(crate) fn of(record: &ContainerRecord, abilities: &Abilities) -> Result<ContainerInstance, EngineError> {
    let own = &record.config.labels;
    let incomplete = |what: &str| EngineError::Garbled(format!("a container without a usable {what}"));
    let id = ContainerId::new(record.id.as_str()).map_err(|_| incomplete("id"))?;
    let session = labels::session(own).ok_or_else(|| incomplete("session"))?;
    let image = own.get(labels::IMAGE).unwrap_or(&record.config.image);
    let created_at = time::parse(&record.created).unwrap_or(SystemTime::UNIX_EPOCH);
    let state = &record.state;
    let status = status::status(state);
    let mut instance = ContainerInstance::new(id, record.plain_name(), session, image.as_str(), created_at)
        .with_status(status);
    instance.started_at = status::started_at(state).filter(|_| status != ContainerStatus::Created);
    instance.exit = status::exit(state, created_at);
    instance.endpoint = status::lives(state).then(|| address(record)).flatten();
    instance.labels = labels::of_config(own);
    instance.resources = labels::resources(own);
    instance.warnings = abilities.warnings(labels::default_network(own).is_some());
    Ok(instance)
}

/// Whether a container runs and its health check, where there is one, passes.
pub(crate) fn is_healthy(record: &ContainerRecord) -> bool {
    let checked = record
        .state
        .health
        .as_ref()
        .map_or("", |health| health.status.as_str());
    status::status(&record.state) == ContainerStatus::Running && matches!(checked, "" | "none" | "healthy")
}

fn address(record: &ContainerRecord) -> Option<String> {
    let ends = record.network_settings.networks.values();
    let texts = ends.flat_map(|end| [end.ip_address.as_str(), end.ipv6_address.as_str()]);
    texts.into_iter().find(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Flavour, SystemRecord};
    use crate::translate::labels::Maker;
    use driver_interface_types::{ContainerConfig, Namespace};

    fn record(state: &str) -> ContainerRecord {
        let text = format!(
            r#"{{"Id":"{}","Name":"/web","Created":"2026-11-24T08:11:04.5Z","State":{state},
                "Config":{{"Image":"busybox:latest","Labels":null,"Env":["SECRET=x"],"StopSignal":2}},
                "NetworkSettings":{{"Networks":{{"di":{{"IPAddress":"172.18.0.2","GlobalIPv6Address":""}}}}}}}}"#,
            "a".repeat(64)
        );
        let mut record: ContainerRecord = serde_json::from_str(&text).unwrap();
        let maker = Maker {
            namespace: Namespace::default(),
            owner: "o".to_owned(),
        };
        record.config.labels = maker.container(
            &ContainerConfig::new("s", "busybox").cpu(0.1 + 0.2),
            "web",
            "op",
            Some("di"),
        );
        record
    }

    fn instance(state: &str) -> ContainerInstance {
        of(
            &record(state),
            &Abilities::of(&SystemRecord::default(), Flavour::Docker, None),
        )
        .unwrap()
    }

    #[test]
    fn what_the_config_said_comes_back_as_it_was() {
        let instance = instance(r#"{"Status":"created","StartedAt":"0001-01-01T00:00:00Z"}"#);
        assert_eq!(
            (instance.name.as_str(), instance.image.as_str()),
            ("web", "busybox")
        );
        assert_eq!(instance.resources.cpu, 0.1 + 0.2);
        assert_eq!(
            (instance.started_at, instance.exit, instance.endpoint),
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
    fn a_short_run_does_not_end_before_it_started() {
        let instance = instance(
            r#"{"Status":"exited","ExitCode":7,"StartedAt":"2026-11-24T08:12:38.276857621Z",
                "FinishedAt":"2026-11-24T08:12:38.275845108Z"}"#,
        );
        let exit = instance.exit.unwrap();
        assert_eq!(exit.code, 7);
        assert_eq!(Some(exit.finished_at), instance.started_at);
        assert_eq!(instance.endpoint, None);
    }

    #[test]
    fn an_address_is_given_while_it_runs() {
        let instance = instance(r#"{"Status":"running","Running":true,"StartedAt":"2026-11-24T08:12:38Z"}"#);
        assert_eq!(instance.endpoint.as_deref(), Some("172.18.0.2"));
    }

    #[test]
    fn health_needs_a_running_process_and_a_passed_check() {
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
