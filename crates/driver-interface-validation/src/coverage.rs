//! Tests that the JSON reader covers every field of a config. The validation rules need no such test: a type with
//! garde's derive compiles only if each field has a rule or `skip`.

use std::collections::BTreeSet;
use std::time::Duration;

use driver_interface_types::{
    ContainerConfig, DeviceMapping, GpuRequest, HealthCheck, LinuxCapabilities, LogDriver, NetworkConfig,
    NetworkConnectOptions, PortMapping, PullPolicy, ResourceLimits, RestartPolicy, SecurityOptions, Signal,
    Strictness, Subnet, TmpfsMount, UlimitValue, VolumeConfig, VolumeMount, VolumeOwner,
};
use serde_json::{Value, json};

use crate::{
    ConfigurationError, codes, json_schemas, parse_container_config, parse_network_config,
    parse_volume_config,
};

fn full_container_config() -> ContainerConfig {
    ContainerConfig::new("s1", "alpine:3.20")
        .name("web-1")
        .command(["sh", "-c", "exit 0"])
        .env("LANG", "C.UTF-8")
        .label("team", "core")
        .resources(
            ResourceLimits::default()
                .cpu(1.5)
                .memory(256)
                .disk(2048)
                .pids(50)
                .swap(64)
                .memory_reservation(128)
                .cpu_shares(512),
        )
        .mount(
            VolumeMount::volume("cache", "/cache")
                .read_only(true)
                .subpath("a/b")
                .copy(true),
        )
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
        .ulimit("memlock", UlimitValue::Unlimited, UlimitValue::Unlimited)
        .port(PortMapping::new(80).host_port(8080))
        .network_alias("www")
        .dns([1, 1, 1, 1])
        .extra_host("db.internal", [10, 0, 0, 7])
        .health_check(
            HealthCheck::command(["true"])
                .start_period(Duration::from_secs(1))
                .start_interval(Duration::from_secs(2)),
        )
        .platform("linux/arm64")
        .runtime("runsc")
        .device(DeviceMapping::new("/dev/fuse"))
        .gpus(GpuRequest::devices(["GPU-1"]).driver("nvidia"))
        .stdin(true)
        .unset_env("LC_ALL")
        .group("audio")
        .also_network(
            "front",
            NetworkConnectOptions::default()
                .alias("www")
                .address([10, 0, 0, 7]),
        )
        .address([10, 0, 1, 7])
        .dns_search("internal")
        .dns_option("ndots:1")
        .sysctl("net.core.somaxconn", "512")
        .annotation("run.oci.keep_original_groups", "1")
        .restart_policy(RestartPolicy::OnFailure { max_retries: Some(3) })
        .log_driver(LogDriver::rotated(10, 3))
        .cpuset("0-1")
}

/// Returns the full config, but with a number of GPUs instead of GPU ids. No config can have both.
fn other_container_config() -> ContainerConfig {
    full_container_config()
        .gpus(GpuRequest::count(1))
        .health_check(HealthCheck::disabled())
}

fn full_volume_config() -> VolumeConfig {
    VolumeConfig::new("cache")
        .session("s1")
        .driver("local")
        .owner(VolumeOwner::new(7, 8))
        .label("team", "core")
}

/// Returns the full config, but with options instead of an owner. No config can have both.
fn other_volume_config() -> VolumeConfig {
    let mut config = full_volume_config();
    config.owner = None;
    config.option("type", "tmpfs").option("device", "tmpfs")
}

fn full_network_config() -> NetworkConfig {
    NetworkConfig::new("backend")
        .session("s1")
        .driver("bridge")
        .label("team", "core")
        .option("mtu", "1400")
        .internal(true)
        .subnet(Subnet::new("10.89.7.0/24").gateway([10, 89, 7, 1]))
        .ipv6(true)
}

/// Adds the path of every field of a type to `into`. The index `[0]` stands for the items of a list. The entries of
/// maps are left out.
fn fields_of(schema: &Value, root: &Value, path: &str, into: &mut BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        fields_of(root.pointer(&reference[1..]).unwrap(), root, path, into);
    }
    for choice in schema["anyOf"].as_array().into_iter().flatten() {
        fields_of(choice, root, path, into);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let dot = if path.is_empty() { "" } else { "." };
        let path = format!("{path}{dot}{name}");
        into.insert(path.clone());
        fields_of(property, root, &path, into);
    }
    if schema["items"].is_object() {
        fields_of(&schema["items"], root, &format!("{path}[0]"), into);
    }
}

/// Returns an object that contains only the field at `path`, with the value `value`. The path may be nested, such as
/// `a.b`.
fn only(path: &str, value: Value) -> Value {
    path.rsplit('.')
        .fold(value, |value, step| match step.strip_suffix("[0]") {
            Some(list) => json!({ list: [value] }),
            None => json!({ step: value }),
        })
}

#[test]
fn parser_reads_serde_output() {
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
    for volume in [full_volume_config(), other_volume_config()] {
        assert_eq!(parse_volume_config(&json!(volume).to_string()).unwrap(), volume);
    }
    let network = full_network_config();
    assert_eq!(
        parse_network_config(&json!(network).to_string()).unwrap(),
        network
    );
}

/// A function that parses a config and returns only the error.
type Reader = fn(&str) -> Result<(), ConfigurationError>;

#[test]
fn parser_checks_the_type_of_every_field() {
    let readers: [(&str, Reader); 3] = [
        ("ContainerConfig", |json| parse_container_config(json).map(drop)),
        ("NetworkConfig", |json| parse_network_config(json).map(drop)),
        ("VolumeConfig", |json| parse_volume_config(json).map(drop)),
    ];
    let schemas = json_schemas();
    for (type_name, read) in readers {
        let mut fields = BTreeSet::new();
        fields_of(&schemas[type_name], &schemas[type_name], "", &mut fields);
        assert!(fields.len() > 3, "{fields:?}");
        for field in fields {
            // No field accepts a list of lists.
            let error = read(&only(&field, json!([[]])).to_string()).unwrap_err();
            let is_found = |path: &str| {
                let mut violations = error.violations().iter();
                violations.any(|found| found.path == path && found.code == codes::WRONG_TYPE)
            };
            assert!(
                is_found(&field) || is_found(&format!("{field}[0]")),
                "{field}: {error}"
            );
        }
    }
}
