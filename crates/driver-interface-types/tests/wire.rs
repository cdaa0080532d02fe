//! The wire format: serialisation, parsing and rejected input.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use driver_interface_types::{
    Capabilities, Capability, ConfigFeature, ContainerConfig, ContainerDriver, ContainerFilter, ContainerId,
    ContainerInstance, ContainerStatus, EnforcementReport, ExitInfo, Guarantee, LogOptions, MountType,
    NetworkMode, Operation, Property, ResourceLimits, SecurityOptions, SessionId, StopOptions, VolumeMount,
};
use serde_json::json;

#[test]
fn parses_typescript_package_config() {
    let text = r#"{
        "sessionId": "session-1", "image": "nginx:alpine", "command": ["nginx", "-g", "daemon off;"],
        "env": {"PORT": "8080"}, "labels": {"app": "web"},
        "resources": {"cpu": 2, "memory": 2048, "disk": 4096, "pids": 200},
        "volumes": [
            {"source": "data", "target": "/data"},
            {"source": "/srv", "target": "/srv", "readOnly": true, "type": "bind"}
        ],
        "network": "backend",
        "security": {"readOnly": true, "noNewPrivileges": true, "user": "app",
                     "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}
    }"#;
    let config: ContainerConfig = serde_json::from_str(text).unwrap();
    let expected = ContainerConfig::new("session-1", "nginx:alpine")
        .command(["nginx", "-g", "daemon off;"])
        .env("PORT", "8080")
        .label("app", "web")
        .resources(
            ResourceLimits::default()
                .cpu(2.0)
                .memory(2048)
                .disk(4096)
                .pids(200),
        )
        .mount(serde_json::from_value(json!({"source": "data", "target": "/data"})).unwrap())
        .mount(VolumeMount::bind("/srv", "/srv").read_only(true))
        .network("backend")
        .security(
            SecurityOptions::default()
                .user("app")
                .add_capability("NET_BIND_SERVICE"),
        );
    assert_eq!(config, expected);
    assert_eq!(config.volumes[0].mount_type(), MountType::Volume);
    assert_eq!(config.network, NetworkMode::Named("backend".to_owned()));
}

#[test]
fn omitted_fields_have_safe_defaults() {
    let config: ContainerConfig =
        serde_json::from_value(json!({"sessionId": "s", "image": "alpine"})).unwrap();
    assert_eq!(config, ContainerConfig::new("s", "alpine"));
    let limits = config.resources;
    assert_eq!(
        (limits.cpu, limits.memory, limits.disk, limits.pids),
        (0.5, 512, None, 100)
    );
    let security = config.security;
    assert!(security.read_only && security.no_new_privileges);
    assert_eq!(security.user.as_deref(), Some("1000:1000"));
    assert_eq!(security.capabilities.drop, ["ALL"]);
    assert!(security.capabilities.add.is_empty());
    assert_eq!(config.network, NetworkMode::Default);
}

#[test]
fn unknown_fields_are_rejected_at_every_depth() {
    for input in [
        json!({"sessionId": "s", "image": "alpine", "privileged": true}),
        json!({"sessionId": "s", "image": "alpine", "resources": {"gpu": 1}}),
        json!({"sessionId": "s", "image": "alpine", "security": {"privileged": true}}),
        json!({"sessionId": "s", "image": "alpine", "security": {"capabilities": {"keep": []}}}),
        json!({"sessionId": "s", "image": "alpine", "volumes": [{"source": "a", "target": "/a", "mode": "z"}]}),
    ] {
        let refused = serde_json::from_value::<ContainerConfig>(input.clone());
        assert!(
            refused.unwrap_err().to_string().contains("unknown field"),
            "{input}"
        );
    }
}

#[test]
fn config_round_trips() {
    let config = ContainerConfig::new("s", "alpine@sha256:".to_owned() + &"0".repeat(64))
        .name("web-1")
        .command(["", "a b", "\"quoted\"", "$HOME"])
        .env("EMPTY", "")
        .network("none")
        .operation_key("key-1");
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<ContainerConfig>(&text).unwrap(), config);
}

#[test]
fn times_are_milliseconds_on_the_wire() {
    let options = StopOptions::kill_after(Duration::from_millis(2500));
    assert_eq!(
        serde_json::to_value(options).unwrap(),
        json!({"timeout": 2500, "force": true})
    );
    let since = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
    let logs = serde_json::to_value(LogOptions::default().since(since)).unwrap();
    assert_eq!(logs["since"], json!(1_700_000_000_123_u64));
    assert_eq!(
        serde_json::from_value::<LogOptions>(logs).unwrap().since,
        Some(since)
    );
}

#[test]
fn instance_round_trips() {
    let id = ContainerId::new("a".repeat(64)).unwrap();
    let created = UNIX_EPOCH + Duration::from_millis(1_000);
    let session = SessionId::new("s").unwrap();
    let mut instance =
        ContainerInstance::new(id, "web", session, "alpine", created).with_status(ContainerStatus::Exited);
    instance.exit = Some(ExitInfo::new(3, None, created + Duration::from_secs(1)));
    let value = serde_json::to_value(&instance).unwrap();
    assert_eq!(value["status"], "exited");
    assert_eq!(value["state"], "error");
    assert_eq!(value["createdAt"], 1000);
    assert_eq!(value["startedAt"], json!(null));
    assert_eq!(
        serde_json::from_value::<ContainerInstance>(value).unwrap(),
        instance
    );
}

#[test]
fn filter_uses_interface_names() {
    let input = json!({"sessionId": "s", "status": "running", "state": "running", "label": {"app": "web"}});
    let filter: ContainerFilter = serde_json::from_value(input.clone()).unwrap();
    let expected = ContainerFilter::default()
        .session(SessionId::new("s").unwrap())
        .status(ContainerStatus::Running)
        .state(ContainerStatus::Running.state())
        .label("app", "web");
    assert_eq!(filter, expected);
    assert_eq!(serde_json::to_value(filter).unwrap(), input);
}

#[test]
fn debug_hides_environment_values() {
    let config = ContainerConfig::new("s", "alpine").env("TOKEN", "hunter2");
    let printed = format!("{config:?}");
    assert!(
        printed.contains("TOKEN") && !printed.contains("hunter2"),
        "{printed}"
    );
}

#[test]
fn fingerprint_ignores_only_the_operation_key() {
    let config = ContainerConfig::new("s", "alpine");
    let fingerprint = config.fingerprint();
    assert_eq!(fingerprint, config.clone().operation_key("k").fingerprint());
    for other in [
        config.clone().name("web"),
        config.clone().env("A", "1"),
        config.clone().memory(513),
        config.clone().command(["true"]),
        config.clone().network("none"),
    ] {
        assert_ne!(fingerprint, other.fingerprint(), "{other:?}");
        assert!(!other.has_fingerprint(&fingerprint), "{other:?}");
    }
    assert!(config.has_fingerprint(&fingerprint));
    // A fingerprint of an unknown version matches any config.
    for old in ["0123456789abcdef0123456789abcdef", "0-0123456789abcdef"] {
        assert!(config.has_fingerprint(old), "{old}");
    }
}

#[test]
fn capability_names_round_trip() {
    for capability in Capability::all() {
        assert_eq!(capability.to_string().parse::<Capability>().unwrap(), capability);
        assert_eq!(serde_json::to_value(capability).unwrap(), capability.to_string());
    }
    for wrong in [
        "exec", "operations", "operations.teleport", "config.exec", "operations.exec.now",
    ] {
        assert!(wrong.parse::<Capability>().is_err(), "{wrong}");
    }
}

#[test]
fn reads_capabilities_of_newer_versions() {
    let mut capabilities = Capabilities::minimal();
    capabilities.operations.insert(Operation::Exec);
    capabilities.config.insert(ConfigFeature::Gpus);
    capabilities.properties.insert(Property::RealProcesses);
    capabilities.guarantees = EnforcementReport::default();
    let mut json = serde_json::to_value(&capabilities).unwrap();
    assert_eq!(
        serde_json::from_value::<Capabilities>(json.clone()).unwrap(),
        capabilities
    );
    json["operations"].as_array_mut().unwrap().push(json!("teleport"));
    json["moods"] = json!(["sunny"]);
    assert_eq!(
        serde_json::from_value::<Capabilities>(json.clone()).unwrap(),
        capabilities
    );
    // Capabilities missing in older output are not declared.
    json.as_object_mut().unwrap().remove("properties");
    json["guarantees"].as_object_mut().unwrap().remove("cpu");
    let older: Capabilities = serde_json::from_value(json).unwrap();
    assert!(!older.supports(Property::RealProcesses) && !older.supports(Guarantee::Cpu));
    assert!(older.supports(Guarantee::Memory) && older.supports(Operation::Exec));
    let names: Vec<String> = capabilities.differences(&older);
    assert_eq!(
        names,
        [
            "guarantees.cpu: enforced -> unsupported: not reported",
            "properties.real_processes: yes -> no"
        ]
    );
}

#[test]
fn driver_is_object_safe_and_thread_safe() {
    fn shared<T: Send + Sync + ?Sized + 'static>() {}
    shared::<dyn ContainerDriver>();
    shared::<Arc<dyn ContainerDriver>>();
    fn is_driver<D: ContainerDriver>() {}
    is_driver::<Arc<dyn ContainerDriver>>();
}
