//! The optional parts of a config in the engine's create request.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, DeviceMapping as EngineDevice, DeviceRequest, EndpointIpamConfig, EndpointSettings,
    HealthConfig, HostConfig, NetworkingConfig, PortBinding, ResourcesUlimits,
};
use driver_interface_types::{
    ContainerConfig, DeviceMapping, GpuRequest, HealthCheck, HealthTest, NetworkMode, UlimitValue,
};

const MIB: u64 = 1024 * 1024;
/// The driver name in a device request that uses the Container Device Interface.
pub(crate) const CDI: &str = "cdi";
/// A container whose entrypoint consists of this word alone has no entrypoint. An empty list does not work on Podman,
/// because it selects the image's own entrypoint.
const NO_ENTRYPOINT: &str = "";

/// Adds the config's process and environment settings to a request. `network` is the name of the network that the
/// container joins. `other_ulimits` are added if the config sets other ulimits, but not these.
pub(crate) fn add_to(
    body: &mut ContainerCreateBody,
    config: &ContainerConfig,
    network: &str,
    other_ulimits: &[(&str, u64)],
) {
    body.entrypoint = config.entrypoint.as_ref().map(|words| match words.as_slice() {
        [] => vec![NO_ENTRYPOINT.to_owned()],
        words => words.to_vec(),
    });
    body.working_dir = config.working_dir.clone();
    body.hostname = config.hostname.clone();
    body.tty = Some(config.tty);
    body.stop_signal = config.stop_signal.map(|signal| signal.to_string());
    body.healthcheck = config.health_check.as_ref().map(health_check);
    if !config.ports.is_empty() {
        body.exposed_ports = Some(exposed(config));
    }
    if config.network != NetworkMode::None
        && !(config.network_aliases.is_empty() && config.addresses.is_empty())
    {
        let endpoint = endpoint(&config.network_aliases, &config.addresses);
        body.networking_config = Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(network.to_owned(), endpoint)])),
        });
    }
    if let Some(host) = &mut body.host_config {
        add_to_host(host, config, other_ulimits);
    }
}

/// Returns the settings of a container's connection to a network.
pub(crate) fn endpoint(aliases: &[String], addresses: &[IpAddr]) -> EndpointSettings {
    let of = |is_ipv4: bool| {
        let address = addresses.iter().find(|address| address.is_ipv4() == is_ipv4);
        address.map(ToString::to_string)
    };
    EndpointSettings {
        aliases: (!aliases.is_empty()).then(|| aliases.to_vec()),
        ipam_config: (!addresses.is_empty()).then(|| EndpointIpamConfig {
            ipv4_address: of(true),
            ipv6_address: of(false),
            link_local_ips: None,
        }),
        ..EndpointSettings::default()
    }
}

fn add_to_host(host: &mut HostConfig, config: &ContainerConfig, other_ulimits: &[(&str, u64)]) {
    host.shm_size = config.shm_size.map(|mib| signed(mib.saturating_mul(MIB)));
    if !config.ulimits.is_empty() {
        let limits = config.ulimits.iter().map(|limit| ResourcesUlimits {
            name: Some(limit.name.clone()),
            soft: Some(ulimit(limit.soft)),
            hard: Some(ulimit(limit.hard)),
        });
        let mut limits: Vec<_> = limits.collect();
        let has = |name: &str| config.ulimits.iter().any(|limit| limit.name == name);
        for (name, most) in other_ulimits.iter().filter(|(name, _)| !has(name)) {
            limits.push(ResourcesUlimits {
                name: Some((*name).to_owned()),
                soft: Some(signed(*most)),
                hard: Some(signed(*most)),
            });
        }
        host.ulimits = Some(limits);
    }
    if !config.ports.is_empty() {
        host.port_bindings = Some(bindings(config).into_iter().collect());
    }
    if !config.dns.is_empty() {
        host.dns = Some(config.dns.iter().map(ToString::to_string).collect());
    }
    if !config.dns_search.is_empty() {
        host.dns_search = Some(config.dns_search.clone());
    }
    if !config.dns_options.is_empty() {
        host.dns_options = Some(config.dns_options.clone());
    }
    if !config.groups.is_empty() {
        host.group_add = Some(config.groups.clone());
    }
    if !config.sysctls.is_empty() {
        host.sysctls = Some(config.sysctls.clone().into_iter().collect());
    }
    if !config.annotations.is_empty() {
        host.annotations = Some(config.annotations.clone().into_iter().collect());
    }
    if !config.devices.is_empty() {
        host.devices = Some(config.devices.iter().map(device).collect());
    }
    host.device_requests = config.gpus.as_ref().map(|request| vec![gpus(request)]);
    if !config.extra_hosts.is_empty() {
        let hosts = config.extra_hosts.iter();
        host.extra_hosts = Some(hosts.map(|(name, address)| format!("{name}:{address}")).collect());
    }
    if let Some(profile) = &config.security.seccomp_profile {
        host.security_opt
            .get_or_insert_default()
            .push(format!("seccomp={profile}"));
    }
    if let Some(profile) = &config.security.apparmor_profile {
        host.security_opt
            .get_or_insert_default()
            .push(format!("apparmor={profile}"));
    }
    host.runtime = config.runtime.clone();
}

fn device(device: &DeviceMapping) -> EngineDevice {
    EngineDevice {
        path_on_host: Some(device.host_path.clone()),
        path_in_container: Some(device.container_path.clone()),
        cgroup_permissions: Some(device.permissions.clone()),
    }
}

fn gpus(request: &GpuRequest) -> DeviceRequest {
    let has_ids = !request.device_ids.is_empty();
    let is_cdi = request.driver.as_deref() == Some(CDI);
    DeviceRequest {
        driver: request.driver.clone(),
        // -1 requests all devices.
        count: (!has_ids).then(|| request.count.map_or(-1, i64::from)),
        device_ids: has_ids.then(|| request.device_ids.clone()),
        capabilities: (!is_cdi).then(|| vec![vec!["gpu".to_owned()]]),
        options: None,
    }
}

/// Returns a ulimit's value in the engine's form, in which -1 means no limit.
fn ulimit(value: UlimitValue) -> i64 {
    match value {
        UlimitValue::Limited(value) => signed(value),
        UlimitValue::Unlimited => -1,
    }
}

/// Returns the ports to expose. Engines publish a port only if it is exposed, even if it has a binding.
fn exposed(config: &ContainerConfig) -> Vec<String> {
    let ports = config
        .ports
        .iter()
        .map(|port| format!("{}/{}", port.container_port, port.protocol));
    let once: BTreeSet<String> = ports.collect();
    once.into_iter().collect()
}

fn bindings(config: &ContainerConfig) -> BTreeMap<String, Option<Vec<PortBinding>>> {
    let mut bindings: BTreeMap<String, Option<Vec<PortBinding>>> = BTreeMap::new();
    for port in &config.ports {
        let binding = PortBinding {
            host_ip: Some(port.host_ip.to_string()),
            // An empty string lets the engine pick a port.
            host_port: Some(port.host_port.map_or_else(String::new, |port| port.to_string())),
        };
        bindings
            .entry(format!("{}/{}", port.container_port, port.protocol))
            .or_default()
            .get_or_insert_default()
            .push(binding);
    }
    bindings
}

fn health_check(check: &HealthCheck) -> HealthConfig {
    let test = match &check.test {
        HealthTest::Command(words) => std::iter::once("CMD".to_owned())
            .chain(words.iter().cloned())
            .collect(),
        HealthTest::Shell(line) => vec!["CMD-SHELL".to_owned(), line.clone()],
        HealthTest::Disabled => {
            return HealthConfig {
                test: Some(vec!["NONE".to_owned()]),
                ..HealthConfig::default()
            };
        }
    };
    HealthConfig {
        test: Some(test),
        interval: Some(nanos(check.interval)),
        timeout: Some(nanos(check.timeout)),
        retries: Some(i64::from(check.retries)),
        start_period: Some(nanos(check.start_period)),
        start_interval: check.start_interval.map(nanos),
    }
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use driver_interface_types::{PortMapping, Protocol, Signal};
    use serde_json::{Value, json};

    fn request(config: &ContainerConfig) -> Value {
        let mut body = ContainerCreateBody {
            host_config: Some(HostConfig::default()),
            ..ContainerCreateBody::default()
        };
        add_to(&mut body, config, "di", &[]);
        serde_json::to_value(body).unwrap()
    }

    #[test]
    fn omits_unset_fields() {
        assert_eq!(
            request(&ContainerConfig::new("s", "busybox")),
            json!({"Tty": false, "HostConfig": {}})
        );
    }

    #[test]
    fn sets_process_fields() {
        let config = ContainerConfig::new("s", "busybox")
            .entrypoint(["tini", "--"])
            .working_dir("/srv")
            .hostname("web")
            .tty(true)
            .stop_signal(Signal::INT);
        let body = request(&config);
        assert_eq!(body["Entrypoint"], json!(["tini", "--"]));
        assert_eq!(
            (
                &body["WorkingDir"], &body["Hostname"], &body["Tty"], &body["StopSignal"]
            ),
            (&json!("/srv"), &json!("web"), &json!(true), &json!("SIGINT"))
        );
        let bare = ContainerConfig::new("s", "busybox").entrypoint(Vec::<String>::new());
        assert_eq!(request(&bare)["Entrypoint"], json!([""]));
    }

    #[test]
    fn sets_host_config_fields() {
        let config = ContainerConfig::new("s", "busybox")
            .shm_size(8)
            .ulimit("nofile", 64, 128)
            .dns([8, 8, 8, 8])
            .extra_host("db", [10, 0, 0, 7]);
        let host = &request(&config)["HostConfig"];
        assert_eq!(host["ShmSize"], json!(8 << 20));
        assert_eq!(
            host["Ulimits"],
            json!([{"Name": "nofile", "Soft": 64, "Hard": 128}])
        );
        assert_eq!(
            (&host["Dns"], &host["ExtraHosts"]),
            (&json!(["8.8.8.8"]), &json!(["db:10.0.0.7"]))
        );
    }

    #[test]
    fn adds_other_ulimits_where_needed() {
        let limits = |config: &ContainerConfig, others: &[(&str, u64)]| {
            let mut host = HostConfig::default();
            add_to_host(&mut host, config, others);
            let limits = host.ulimits.unwrap_or_default();
            limits
                .into_iter()
                .map(|limit| (limit.name.unwrap(), limit.hard))
                .collect::<Vec<_>>()
        };
        let open = |name: &str, hard| (name.to_owned(), Some(hard));
        let config = ContainerConfig::new("s", "busybox");
        assert_eq!(limits(&config, &[("nproc", 9)]), []);
        let config = config.ulimit("nofile", 1, 2);
        assert_eq!(limits(&config, &[]), [open("nofile", 2)]);
        assert_eq!(
            limits(&config, &[("nproc", 9)]),
            [open("nofile", 2), open("nproc", 9)]
        );
        let config = config.ulimit("nproc", 3, 4);
        assert_eq!(
            limits(&config, &[("nproc", 9)]),
            [open("nofile", 2), open("nproc", 4)]
        );
    }

    #[test]
    fn port_is_exposed_and_bound() {
        let config = ContainerConfig::new("s", "busybox")
            .port(PortMapping::new(80))
            .port(PortMapping::new(80).host_port(8080).host_ip([0, 0, 0, 0]))
            .port(PortMapping::new(53).protocol(Protocol::Udp));
        let body = request(&config);
        assert_eq!(body["ExposedPorts"], json!({"53/udp": {}, "80/tcp": {}}));
        assert_eq!(
            body["HostConfig"]["PortBindings"]["80/tcp"],
            json!([{"HostIp": "127.0.0.1", "HostPort": ""}, {"HostIp": "0.0.0.0", "HostPort": "8080"}])
        );
    }

    #[test]
    fn aliases_belong_to_the_joined_network() {
        let config = ContainerConfig::new("s", "busybox").network_alias("db");
        let endpoints = &request(&config)["NetworkingConfig"]["EndpointsConfig"];
        assert_eq!(endpoints["di"]["Aliases"], json!(["db"]));
    }

    #[test]
    fn health_check_times_are_nanoseconds() {
        let check = HealthCheck::command(["true"]).interval(Duration::from_millis(1500));
        let body = request(&ContainerConfig::new("s", "busybox").health_check(check));
        assert_eq!(body["Healthcheck"]["Test"], json!(["CMD", "true"]));
        assert_eq!(body["Healthcheck"]["Interval"], json!(1_500_000_000));
        assert_eq!(body["Healthcheck"]["Retries"], json!(3));
        let shell = HealthCheck::shell("exit 0");
        let body = request(&ContainerConfig::new("s", "busybox").health_check(shell));
        assert_eq!(body["Healthcheck"]["Test"], json!(["CMD-SHELL", "exit 0"]));
    }
}
