//! Configs as users write them: validity, defaults and output.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use driver_interface_types::{
    ContainerConfig, MountType, NetworkConfig, NetworkMode, ResourceLimits, SecurityOptions, VolumeConfig,
    VolumeMount,
};
use driver_interface_validation::{
    ConfigurationError, ValidationPolicy, parse_container_config, parse_container_config_with,
    parse_network_config, parse_volume_config, validate_container_config, validate_container_config_with,
    validate_network_config, validate_resource_limits, validate_security_options, validate_volume_config,
};
use serde_json::{Value, json};

fn paths(error: &ConfigurationError) -> Vec<&str> {
    error
        .violations()
        .iter()
        .map(|violation| violation.path.as_str())
        .collect()
}

/// Parses a config with a policy that allows its mounts.
fn parsed(json: &str) -> Result<ContainerConfig, ConfigurationError> {
    parse_container_config_with(json, &ValidationPolicy::default().allow_bind_root("/srv"))
}

/// Returns a config with every field of the TypeScript interface.
fn written_in_typescript() -> Value {
    json!({
        "sessionId": "session-123",
        "image": "node:18-alpine",
        "command": ["npm", "start"],
        "env": { "NODE_ENV": "production" },
        "labels": { "app": "web" },
        "resources": { "cpu": 1, "memory": 512, "disk": 1024, "pids": 100 },
        "volumes": [
            { "source": "data", "target": "/data", "readOnly": false, "type": "volume" },
            { "source": "/srv/assets", "target": "/assets", "readOnly": true, "type": "bind" },
            { "source": "cache", "target": "/cache" }
        ],
        "network": "backend",
        "security": {
            "readOnly": true,
            "noNewPrivileges": true,
            "user": "1000:1000",
            "capabilities": { "drop": ["ALL"], "add": ["NET_BIND_SERVICE"] }
        }
    })
}

#[test]
fn complete_container_config_is_accepted() {
    let config = parsed(&written_in_typescript().to_string()).unwrap();
    assert_eq!(config.session_id, "session-123");
    assert_eq!(config.command, ["npm", "start"]);
    assert_eq!(config.volumes[1].kind, Some(MountType::Bind));
    assert_eq!(config.network, NetworkMode::Named("backend".to_owned()));
    assert_eq!(config.security.capabilities.add, ["NET_BIND_SERVICE"]);
}

#[test]
fn minimal_container_config_is_accepted() {
    let config = parse_container_config(r#"{ "sessionId": "s1", "image": "alpine" }"#).unwrap();
    assert_eq!(config, ContainerConfig::new("s1", "alpine"));
}

#[test]
fn session_and_image_are_required() {
    let error = parse_container_config("{}").unwrap_err();
    assert_eq!(paths(&error), ["image", "sessionId"]);
    let error = validate_container_config(&ContainerConfig::new("", "")).unwrap_err();
    assert_eq!(paths(&error), ["image", "sessionId"]);
}

#[test]
fn resource_limits_must_be_positive_and_within_bounds() {
    assert!(
        validate_resource_limits(&ResourceLimits::default().cpu(2.0).memory(2048).disk(1).pids(1)).is_ok()
    );
    let none = ResourceLimits::default().cpu(-1.0).memory(0).disk(0).pids(0);
    assert_eq!(
        paths(&validate_resource_limits(&none).unwrap_err()),
        ["cpu", "disk", "memory", "pids"]
    );
}

#[test]
fn security_options_are_checked_field_by_field() {
    assert!(validate_security_options(&SecurityOptions::default().user("www-data:www-data")).is_ok());
    let wrong = SecurityOptions::default()
        .user("")
        .add_capability("FLYING")
        .drop_capability("cap_chown");
    let error = validate_security_options(&wrong).unwrap_err();
    assert_eq!(
        paths(&error),
        ["capabilities.add[0]", "capabilities.drop[1]", "user"]
    );
}

#[test]
fn volume_configs_are_checked() {
    let config =
        parse_volume_config(r#"{ "name": "data", "driver": "local", "labels": { "a": "b" } }"#).unwrap();
    assert_eq!(config, VolumeConfig::new("data").driver("local").label("a", "b"));
    assert!(validate_volume_config(&VolumeConfig::new("a/b")).is_err());
    assert_eq!(
        paths(&parse_volume_config(r#"{ "driver": "" }"#).unwrap_err()),
        ["name", "driver"]
    );
}

#[test]
fn network_configs_are_checked() {
    let config =
        parse_network_config(r#"{ "name": "backend", "driver": "bridge", "options": { "mtu": "1400" } }"#);
    assert_eq!(
        config.unwrap(),
        NetworkConfig::new("backend")
            .driver("bridge")
            .option("mtu", "1400")
    );
    for name in ["", "host", "none", "default", "bridge", "a b", "-x"] {
        assert!(
            validate_network_config(&NetworkConfig::new(name)).is_err(),
            "{name:?} was accepted"
        );
    }
}

#[test]
fn config_round_trips() {
    let config = parsed(&written_in_typescript().to_string()).unwrap();
    let again = parsed(&serde_json::to_string(&config).unwrap()).unwrap();
    assert_eq!(again, config);
    // The output keeps every field unchanged.
    let out = serde_json::to_value(&config).unwrap();
    for (field, value) in written_in_typescript().as_object().unwrap() {
        let same = match field.as_str() {
            "resources" => out[field]["cpu"] == 1.0 && out[field]["memory"] == 512,
            "volumes" => out[field][2]["readOnly"] == false && out[field][0] == value[0],
            _ => out[field] == *value,
        };
        assert!(same, "{field}: {} became {}", value, out[field]);
    }
}

#[test]
fn defaults_are_safe() {
    let config =
        parse_container_config(r#"{ "sessionId": "s1", "image": "alpine", "resources": { "cpu": 2 } }"#)
            .unwrap();
    let limits = config.resources;
    assert_eq!(
        (limits.cpu, limits.memory, limits.disk, limits.pids),
        (2.0, 512, None, 100)
    );
    assert!(config.security.read_only && config.security.no_new_privileges);
    assert_eq!(config.security.user.as_deref(), Some("1000:1000"));
    assert_eq!(config.security.capabilities.drop, ["ALL"]);
    assert!(config.security.capabilities.add.is_empty());
    assert_eq!(config.network, NetworkMode::Default);
}

#[test]
fn builder_configs_are_valid() {
    let config = ContainerConfig::new("s1", "ghcr.io/org/app:1.2")
        .name("app-1")
        .command(["serve", "--port", "8080", ""])
        .env("GREETING", "two\nlines, 100 % ünicode = fine")
        .label("description", "two\nlines")
        .mount(VolumeMount::volume("data", "/data/"))
        .mount(VolumeMount::bind("/srv/assets", "/assets").read_only(true))
        .network("none")
        .security(SecurityOptions::default().user("0"))
        .operation_key("deploy-7");
    let policy = ValidationPolicy::default().allow_bind_root("/srv");
    validate_container_config_with(&config, &policy).unwrap();
}
