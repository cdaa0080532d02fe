//! Tests that every field of a config is covered, both by its schema and by the JSON parser.

use std::collections::BTreeSet;
use std::time::Duration;

use driver_interface_types::{
    ContainerConfig, DeviceMapping, GpuRequest, HealthCheck, LinuxCapabilities, NetworkConfig, PortMapping,
    PullPolicy, ResourceLimits, SecurityOptions, Signal, Strictness, TmpfsMount, VolumeConfig, VolumeMount,
    VolumeOwner,
};
use serde_json::{Value, json};

use super::{ContainerConfigSchema, NetworkConfigSchema, VolumeConfigSchema};
use crate::{codes, json_schemas, parse_container_config, parse_network_config, parse_volume_config};

fn full_container_config() -> ContainerConfig {
    ContainerConfig::new("s1", "alpine:3.20")
        .name("web-1")
        .command(["sh", "-c", "exit 0"])
        .env("LANG", "C.UTF-8")
        .label("team", "core")
        .resources(ResourceLimits::default().cpu(1.5).memory(256).disk(2048).pids(50))
        .mount(VolumeMount::volume("cache", "/cache").read_only(true))
        .network("backend")
        .security(
            SecurityOptions::default()
                .capabilities(LinuxCapabilities::new(["ALL"], ["NET_BIND_SERVICE"]))
                .seccomp_profile("{}")
                .apparmor_profile("docker-default"),
        )
        .pull_policy(PullPolicy::Never)
        .strictness(Strictness::Require)
        .operation_key("op-1")
        .entrypoint(["/entry", "--fast"])
        .working_dir("/srv")
        .hostname("web")
        .tty(true)
        .stop_signal(Signal::QUIT)
        .init(true)
        .tmpfs_mount(
            TmpfsMount::new("/run", 16)
                .mode(0o750)
                .uid(7)
                .gid(8)
                .exec(false)
                .suid(true)
                .dev(true),
        )
        .shm_size(128)
        .ulimit("nofile", 1024, 4096)
        .port(PortMapping::new(80).host_port(8080))
        .network_alias("www")
        .dns([1, 1, 1, 1])
        .extra_host("db.internal", [10, 0, 0, 7])
        .health_check(HealthCheck::command(["true"]).start_period(Duration::from_secs(1)))
        .platform("linux/arm64")
        .runtime("runsc")
        .device(DeviceMapping::new("/dev/fuse"))
        .gpus(GpuRequest::devices(["GPU-1"]).driver("nvidia"))
}

/// A config with the alternatives that the full config excludes.
fn other_container_config() -> ContainerConfig {
    full_container_config().gpus(GpuRequest::count(1))
}

fn full_volume_config() -> VolumeConfig {
    VolumeConfig::new("cache")
        .session("s1")
        .driver("local")
        .owner(VolumeOwner::new(7, 8))
        .label("team", "core")
}

fn full_network_config() -> NetworkConfig {
    NetworkConfig::new("backend")
        .session("s1")
        .driver("bridge")
        .label("team", "core")
        .option("mtu", "1400")
        .internal(true)
}

/// Collects every field of a JSON value with its path. List items are `[]`, and user-defined maps are not
/// descended into.
fn fields_of(value: &Value, path: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) if !["env", "labels", "options", "extraHosts"].contains(&path) => {
            for (name, value) in fields {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                into.insert(path.clone());
                fields_of(value, &path, into);
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| fields_of(item, &format!("{path}[]"), into)),
        _ => {}
    }
}

/// Does the same for a type's JSON Schema, which also has the fields that are omitted when empty.
fn fields_of_schema(schema: &Value, definitions: &Value, path: &str, into: &mut BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        fields_of_schema(&definitions[name], definitions, path, into);
    }
    for choice in schema["anyOf"].as_array().into_iter().flatten() {
        fields_of_schema(choice, definitions, path, into);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        into.insert(path.clone());
        fields_of_schema(property, definitions, &path, into);
    }
    if schema["items"].is_object() {
        fields_of_schema(&schema["items"], definitions, &format!("{path}[]"), into);
    }
}

fn assert_mirrors(type_name: &str, pairs: &[(Value, Value)]) {
    let (mut covered, mut declared) = (BTreeSet::new(), BTreeSet::new());
    for (config, mirror) in pairs {
        assert_eq!(mirror, config, "{type_name}: the schema differs from the config");
        fields_of(mirror, "", &mut covered);
    }
    let json_schema = &json_schemas()[type_name];
    fields_of_schema(json_schema, &json_schema["$defs"], "", &mut declared);
    assert_eq!(
        covered, declared,
        "{type_name}: left: the fields of the schema, right: the fields of the type"
    );
}

#[test]
fn the_schemas_cover_every_field() {
    let pair = |config: &ContainerConfig| (json!(config), json!(ContainerConfigSchema::from(config)));
    let containers = [full_container_config(), other_container_config()];
    assert_mirrors("ContainerConfig", &containers.each_ref().map(pair));
    let volume = full_volume_config();
    assert_mirrors(
        "VolumeConfig",
        &[(json!(volume), json!(VolumeConfigSchema::from(&volume)))],
    );
    let network = full_network_config();
    assert_mirrors(
        "NetworkConfig",
        &[(json!(network), json!(NetworkConfigSchema::from(&network)))],
    );
}

#[test]
fn the_reader_knows_every_field() {
    let container = other_container_config();
    assert_eq!(
        parse_container_config(&json!(container).to_string()).unwrap(),
        container
    );
    let container = full_container_config();
    assert_eq!(
        parse_container_config(&json!(container).to_string()).unwrap(),
        container
    );
    let volume = full_volume_config();
    assert_eq!(parse_volume_config(&json!(volume).to_string()).unwrap(), volume);
    let network = full_network_config();
    assert_eq!(
        parse_network_config(&json!(network).to_string()).unwrap(),
        network
    );
}

#[test]
fn the_reader_checks_the_type_of_every_field() {
    let config = json!(full_container_config());
    let mut fields = BTreeSet::new();
    fields_of(&config, "", &mut fields);
    assert!(fields.len() > 25, "{fields:?}");
    for field in fields {
        let pointer = format!("/{}", field.replace("[]", ".0").replace('.', "/"));
        // No field accepts a list of lists.
        let mut broken = config.clone();
        *broken.pointer_mut(&pointer).unwrap() = json!([[]]);
        let error = parse_container_config(&broken.to_string()).unwrap_err();
        let found: Vec<(&str, &str)> = error
            .violations()
            .iter()
            .map(|violation| (violation.path.as_str(), violation.code.as_str()))
            .collect();
        let path = field.replace("[]", "[0]");
        let item = format!("{path}[0]");
        assert!(
            found == [(path.as_str(), codes::WRONG_TYPE)] || found == [(item.as_str(), codes::WRONG_TYPE)],
            "{field}: {found:?}"
        );
    }
}

#[test]
fn the_debug_form_of_a_schema_shows_no_value_of_the_environment_and_no_argument() {
    let secret = || ["login", "hunter2"];
    let config = full_container_config()
        .env("PASSWORD", "hunter2")
        .command(secret())
        .entrypoint(secret())
        .health_check(HealthCheck::command(secret()));
    let debug = format!("{:?}", ContainerConfigSchema::from(&config));
    assert!(
        debug.contains("PASSWORD") && !debug.contains("hunter2"),
        "{debug}"
    );
}
