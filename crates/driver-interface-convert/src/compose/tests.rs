use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{Conversion, ConvertOptions, from_compose};

const TOP: &str = "\
volumes:
  data: {}
  fast: { driver: local, driver_opts: { type: tmpfs, device: tmpfs }, labels: [tier=hot] }
  old: { external: true, name: old-data }
networks:
  front: {}
  back: { internal: true, ipam: { config: [{ subnet: 10.1.0.0/24, gateway: 10.1.0.1 }] } }
  shared: { external: true }
";

/// Converts a service that has `keys`, one key per line.
fn convert(keys: &str) -> Conversion {
    try_convert(keys).unwrap_or_else(|error| panic!("{keys}: {error}"))
}

fn try_convert(keys: &str) -> Result<Conversion, driver_interface_errors::ConfigurationError> {
    let keys = keys.replace('\n', "\n    ");
    let yaml = format!("services:\n  web:\n    image: nginx\n    {keys}\n{TOP}");
    let options = ConvertOptions::default()
        .variable("TAG", "7")
        .variable("YES", "true");
    options.compose("s", &yaml, "web")
}

/// Each row: keys of a service, the JSON pointer of the config field that these keys set, and the expected value of
/// that field.
#[test]
fn keys_set_fields() {
    let rows: &[(&str, &str, Value)] = &[
        ("annotations: { a: b }", "/annotations", json!({"a": "b"})),
        (
            "cap_add: [NET_BIND_SERVICE]",
            "/security/capabilities/add",
            json!(["NET_BIND_SERVICE"]),
        ),
        (
            "cap_drop:\n  - ALL",
            "/security/capabilities/drop",
            json!(["ALL"]),
        ),
        (
            "command: sh -c 'echo hi'",
            "/command",
            json!(["sh", "-c", "echo hi"]),
        ),
        ("command: [a, 1, true]", "/command", json!(["a", "1", "true"])),
        ("command:", "/command", json!([])),
        ("container_name: web-1", "/name", json!("web-1")),
        ("cpu_quota: 50000", "/resources/cpu", json!(0.5)),
        ("cpu_shares: 73", "/resources/cpuShares", json!(73)),
        ("cpus: '1.5'", "/resources/cpu", json!(1.5)),
        ("cpuset: 0,1", "/cpuset", json!("0,1")),
        (
            "deploy: { resources: { limits: { cpus: '0.50', memory: 50M, pids: 10 } } }",
            "/resources",
            json!({"cpu": 0.5, "memory": 50, "pids": 10}),
        ),
        (
            "deploy: { resources: { reservations: { memory: 20M } } }",
            "/resources/memoryReservation",
            json!(20),
        ),
        (
            "deploy: { resources: { reservations: { devices: [{ driver: nvidia, count: 1, capabilities: [gpu] }] } } }",
            "/gpus",
            json!({"count": 1, "driver": "nvidia"}),
        ),
        (
            "deploy: { restart_policy: { condition: on-failure, max_attempts: 3 } }",
            "/restartPolicy",
            json!("on-failure:3"),
        ),
        (
            "deploy: { restart_policy: { condition: any } }",
            "/restartPolicy",
            json!("always"),
        ),
        (
            "devices: ['/dev/ttyUSB0:/dev/ttyUSB0:rw']",
            "/devices/0/permissions",
            json!("rw"),
        ),
        (
            "devices: [{ source: /dev/a, target: /dev/b }]",
            "/devices/0/containerPath",
            json!("/dev/b"),
        ),
        ("dns: 8.8.8.8", "/dns", json!(["8.8.8.8"])),
        ("dns_opt: [use-vc]", "/dnsOptions", json!(["use-vc"])),
        (
            "dns_search: [a.com, b.com]",
            "/dnsSearch",
            json!(["a.com", "b.com"]),
        ),
        (
            "entrypoint: /start.sh --now",
            "/entrypoint",
            json!(["/start.sh", "--now"]),
        ),
        ("entrypoint: []", "/entrypoint", json!([])),
        (
            "environment: { A: 1, B: true, C: '', D: x=y, E: on, F: 1.50 }",
            "/env",
            json!({"A": "1", "B": "true", "C": "", "D": "x=y", "E": "on", "F": "1.5"}),
        ),
        (
            "environment:\n  - A=1\n  - B=$TAG",
            "/env",
            json!({"A": "1", "B": "7"}),
        ),
        (
            "extra_hosts: ['db:10.0.0.7', 'v6=::1']",
            "/extraHosts",
            json!({"db": "10.0.0.7", "v6": "::1"}),
        ),
        (
            "extra_hosts: { host.docker.internal: host-gateway }",
            "/extraHosts",
            json!({"host.docker.internal": "host-gateway"}),
        ),
        ("gpus: all", "/gpus", json!({})),
        (
            "gpus: [{ driver: nvidia, device_ids: ['0', '3'] }]",
            "/gpus/deviceIds",
            json!(["0", "3"]),
        ),
        ("group_add: [mail, 44]", "/groups", json!(["mail", "44"])),
        (
            "healthcheck: { test: [CMD, curl, -f, localhost], interval: 1m30s, timeout: 10s, retries: 5, start_period: 40s, start_interval: 5s }",
            "/healthCheck",
            json!({"test": ["curl", "-f", "localhost"], "interval": 90_000, "timeout": 10_000, "retries": 5, "startPeriod": 40_000, "startInterval": 5_000}),
        ),
        (
            "healthcheck: { test: [CMD-SHELL, 'a || b'] }",
            "/healthCheck/test",
            json!("a || b"),
        ),
        (
            "healthcheck: { test: a || b }",
            "/healthCheck/test",
            json!("a || b"),
        ),
        ("healthcheck: { disable: true }", "/healthCheck/retries", json!(3)),
        ("healthcheck: { test: [NONE] }", "/healthCheck/test", Value::Null),
        ("hostname: web", "/hostname", json!("web")),
        ("image: redis:${TAG:-6}", "/image", json!("redis:7")),
        ("init: true", "/init", json!(true)),
        ("labels: { a: 1, b: }", "/labels", json!({"a": "1", "b": ""})),
        ("labels: [a=1, b]", "/labels", json!({"a": "1", "b": ""})),
        (
            "logging: { driver: local, options: { max-size: 10m, max-file: 3 } }",
            "/logDriver",
            json!({"name": "local", "options": {"max-size": "10m", "max-file": "3"}}),
        ),
        ("mem_limit: 1g", "/resources/memory", json!(1024)),
        ("mem_limit: 536870912", "/resources/memory", json!(512)),
        ("mem_limit: 1g\ndeploy: {}", "/resources/memory", json!(1024)),
        ("mem_limit: 1g\nmemswap_limit: 2g", "/resources/swap", json!(1024)),
        ("mem_reservation: 64m", "/resources/memoryReservation", json!(64)),
        ("network_mode: none", "/network", json!("none")),
        ("network_mode: bridge", "/network", json!("default")),
        ("networks: [front]", "/network", json!("s_front")),
        (
            "networks: { front: { aliases: [www] } }",
            "/networkAliases",
            json!(["web", "www"]),
        ),
        (
            "networks: { front: , back: { ipv4_address: 10.1.0.7, priority: 10 } }",
            "/addresses",
            json!(["10.1.0.7"]),
        ),
        (
            "networks: { front: , back: { priority: 10 } }",
            "/networks",
            json!({"s_front": {"aliases": ["web"]}}),
        ),
        ("networks: [shared]", "/network", json!("shared")),
        ("pids_limit: -1", "/resources/pids", json!(4_194_304)),
        ("platform: linux/amd64", "/platform", json!("linux/amd64")),
        (
            "ports: ['8080:80', 53/udp, 90]",
            "/ports/1/protocol",
            json!("udp"),
        ),
        (
            "ports: [{ target: 80, published: '8080', host_ip: 0.0.0.0, protocol: tcp, mode: ingress }]",
            "/ports",
            json!([{"containerPort": 80, "protocol": "tcp", "hostIp": "0.0.0.0", "hostPort": 8080}]),
        ),
        (
            "ports: [{ target: 80, host_ip: '::1' }]",
            "/ports/0/hostIp",
            json!("::1"),
        ),
        ("ports: ['3000-3002']", "/ports/2/containerPort", json!(3002)),
        ("pull_policy: if_not_present", "/pullPolicy", json!("missing")),
        ("read_only: false", "/security/readOnly", json!(false)),
        (
            "restart: unless-stopped",
            "/restartPolicy",
            json!("unless-stopped"),
        ),
        ("restart: 'no'", "/restartPolicy", Value::Null),
        ("runtime: runsc", "/runtime", json!("runsc")),
        (
            "security_opt: ['no-new-privileges:false']",
            "/security/noNewPrivileges",
            json!(false),
        ),
        ("shm_size: 64M", "/shmSize", json!(64)),
        ("stdin_open: true", "/stdin", json!(true)),
        ("stop_signal: SIGUSR1", "/stopSignal", json!("SIGUSR1")),
        ("storage_opt: { size: 1G }", "/resources/disk", json!(1024)),
        (
            "sysctls: { net.core.somaxconn: 1024 }",
            "/sysctls",
            json!({"net.core.somaxconn": "1024"}),
        ),
        (
            "sysctls: [net.ipv4.tcp_syncookies=0]",
            "/sysctls",
            json!({"net.ipv4.tcp_syncookies": "0"}),
        ),
        ("tmpfs: /run", "/tmpfs/0/target", json!("/run")),
        ("tmpfs:\n  - /run:size=4m\n  - /tmp", "/tmpfs/0/size", json!(4)),
        ("tty: ${YES}", "/tty", json!(true)),
        (
            "ulimits: { nproc: 65535, nofile: { soft: 20000, hard: 40000 } }",
            "/ulimits",
            json!([{"name": "nofile", "soft": 20_000, "hard": 40_000}, {"name": "nproc", "soft": 65_535, "hard": 65_535}]),
        ),
        ("ulimits: { memlock: -1 }", "/ulimits/0/soft", json!("unlimited")),
        ("user: '33'", "/security/user", json!("33")),
        ("user: 33", "/security/user", json!("33")),
        (
            "volumes: ['data:/data:ro']",
            "/volumes/0",
            json!({"source": "s_data", "target": "/data", "readOnly": true, "type": "volume"}),
        ),
        ("volumes: ['/srv:/srv:Z']", "/volumes/0/selinux", json!("private")),
        ("volumes: [/cache]", "/volumes/0/source", json!("s-web-cache")),
        ("volumes: ['old:/old']", "/volumes/0/source", json!("old-data")),
        (
            "volumes: [{ type: volume, source: data, target: /d, volume: { subpath: a, nocopy: true } }]",
            "/volumes/0/subpath",
            json!("a"),
        ),
        (
            "volumes: [{ type: bind, source: /a, target: /b, read_only: true, bind: { propagation: rslave, create_host_path: true } }]",
            "/volumes/0",
            json!({"source": "/a", "target": "/b", "readOnly": true, "type": "bind", "propagation": "rslave"}),
        ),
        (
            "volumes: [{ type: tmpfs, target: /t, tmpfs: { size: 16777216, mode: 01770 } }]",
            "/tmpfs/0",
            json!({"target": "/t", "size": 16, "mode": 0o1770, "exec": false}),
        ),
        ("working_dir: /srv", "/workingDir", json!("/srv")),
    ];
    for (keys, pointer, expected) in rows {
        // A second `image` would be a duplicate.
        let conversion = if keys.starts_with("image") {
            let yaml = format!("services:\n  web:\n    {keys}\n");
            ConvertOptions::default()
                .variable("TAG", "7")
                .compose("s", &yaml, "web")
                .unwrap()
        } else {
            convert(keys)
        };
        let config = serde_json::to_value(&conversion.config).unwrap();
        let found = config.pointer(pointer).unwrap_or(&Value::Null);
        assert_eq!(found, expected, "{keys}");
        assert_eq!(conversion.not_carried_over, [], "{keys}");
    }
}

#[test]
fn volumes_and_networks_are_those_to_create() {
    let conversion = convert(
        "volumes: ['data:/d', 'data:/e', 'fast:/f', 'old:/o']\nnetworks: [back, shared]\nstop_grace_period: 1m30s",
    );
    let volumes: Vec<&str> = conversion
        .volumes
        .iter()
        .map(|volume| volume.name.as_str())
        .collect();
    assert_eq!(volumes, ["s_data", "s_fast"]);
    assert_eq!(conversion.volumes[0].session_id, None);
    assert_eq!(conversion.volumes[1].options["type"], "tmpfs");
    assert_eq!(conversion.volumes[1].labels["tier"], "hot");
    let networks: Vec<&str> = conversion
        .networks
        .iter()
        .map(|network| network.name.as_str())
        .collect();
    assert_eq!(networks, ["s_back"]);
    assert!(conversion.networks[0].internal);
    assert_eq!(conversion.networks[0].subnets[0].range, "10.1.0.0/24");
    assert_eq!(conversion.stop_timeout, Some(Duration::from_secs(90)));
    assert!(conversion.detach && !conversion.auto_remove);

    let plain = convert("");
    assert_eq!(plain.networks[0].name, "s_default");
    assert_eq!(plain.config.network_aliases, ["web"]);
}

#[test]
fn names_begin_with_the_project() {
    let yaml = "{ name: shop, services: { web: { build: ., volumes: ['d:/d'] } }, volumes: { d: } }";
    let conversion = from_compose("s", yaml, "web").unwrap();
    assert_eq!(
        (
            conversion.config.image.as_str(),
            conversion.volumes[0].name.as_str()
        ),
        ("shop-web", "shop_d")
    );
    let conversion = ConvertOptions::default()
        .project("other")
        .compose("s", yaml, "web")
        .unwrap();
    assert_eq!(conversion.volumes[0].name, "other_d");
}

/// Each row: keys of a service, then the setting and the value that the conversion lists as not carried over.
#[test]
fn keys_without_a_field_are_listed() {
    let rows: &[(&str, &str, Option<&str>)] = &[
        ("build: { context: ., args: { TOKEN: secret } }", "build", None),
        ("build: ./app", "build", Some("./app")),
        ("depends_on: [db, cache]", "depends_on", Some("db, cache")),
        (
            "depends_on: { db: { condition: service_healthy } }",
            "depends_on",
            Some("db"),
        ),
        ("deploy: { replicas: 3 }", "deploy.replicas", Some("3")),
        (
            "deploy: { placement: { constraints: [a] } }",
            "deploy.placement",
            Some("constraints"),
        ),
        (
            "deploy: { resources: { reservations: { cpus: '0.5' } } }",
            "deploy.resources.reservations.cpus",
            Some("0.5"),
        ),
        ("environment: [TOKEN]", "environment", Some("TOKEN")),
        ("environment: { TOKEN: }", "environment", Some("TOKEN")),
        ("env_file: .env", "env_file", Some(".env")),
        (
            "env_file: [{ path: ./a.env, required: false }]",
            "env_file",
            Some("./a.env"),
        ),
        ("expose: [8080]", "expose", Some("8080")),
        ("healthcheck: { interval: 5s }", "healthcheck.interval", None),
        ("links: [db]", "links", Some("db")),
        (
            "networks: { front: { mac_address: a } }",
            "networks.front.mac_address",
            Some("a"),
        ),
        ("network_mode: host", "network_mode", Some("host")),
        ("network_mode: service:db", "network_mode", Some("service:db")),
        ("pid: host", "pid", Some("host")),
        ("privileged: true", "privileged", Some("true")),
        ("profiles: [dev]", "profiles", Some("dev")),
        ("pull_policy: daily", "pull_policy", Some("daily")),
        ("secrets: [token]", "secrets", Some("token")),
        ("volumes: ['./data:/data']", "volumes[0]", Some("./data")),
        (
            "volumes: [{ type: npipe, source: a, target: /b }]",
            "volumes[0]",
            Some("/b"),
        ),
        ("x-custom: { password: secret }", "x-custom", None),
        ("imaeg: nginx", "imaeg", None),
    ];
    for (keys, setting, value) in rows {
        let listed = convert(keys).not_carried_over;
        let found: Vec<_> = listed
            .iter()
            .map(|one| (one.setting.as_str(), one.value.as_deref()))
            .collect();
        assert_eq!(
            found,
            [(format!("services.web.{setting}").as_str(), *value)],
            "{keys}"
        );
        assert!(
            !format!("{listed:?}").contains("secret") || setting == &"secrets",
            "{keys}"
        );
    }
    for off in [
        "privileged: false",
        "depends_on: {}",
        "deploy: { replicas: 1, placement: {} }",
        "secrets:",
    ] {
        assert_eq!(convert(off).not_carried_over, [], "{off}");
    }
}

#[test]
fn invalid_values_are_reported_by_path() {
    let violations = |keys: &str| -> Vec<String> {
        let error = try_convert(keys).unwrap_err();
        error.violations().iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        violations(
            "ports: ['80', 'x:y']\nmem_limit: lots\ntty: maybe\nuser: [a]\nvolumes: ['none:/x']\nnetworks: [gone]"
        ),
        [
            "services.web.mem_limit: must be a size, such as `512m`; got \"lots\"",
            "services.web.ports[1]: must have the form of one port, with ranges such as `8000-8010` of equal length; got \"x:y\"",
            "services.web.tty: must be `true` or `false`; got \"maybe\"",
            "services.web.user: must be a text, a number or a boolean",
            "services.web.volumes[0]: names the volume `none`, which is not in the top-level section `volumes`",
            "services.web.networks.gone: is not in the top-level section `networks`",
        ]
    );
    assert_eq!(
        violations("environment: { A: $NONE }\ncommand: ['${OTHER:?set it}']"),
        [
            "services.web.command[0]: the variable `OTHER` is not set: set it with `ConvertOptions::variable`: set it",
            "services.web.environment.A: the variable `NONE` is not set: set it with `ConvertOptions::variable`",
        ]
    );
    for (yaml, part) in [
        (
            "services: { web: { image: a } }",
            "has no service `db`; it has: web",
        ),
        ("services: { db: {} }", "has neither `image` nor `build`"),
        ("services: { db: }", "must be a mapping"),
        ("services: [db]", "services: must be a mapping"),
        ("include: [a.yaml]", "included files are not read"),
        ("- a", "file: must be a mapping"),
        ("a: b: secret", "file: is not valid YAML at line 1"),
        ("services: { db: { image: a, image: b } }", "is not valid YAML"),
    ] {
        let error = from_compose("s", yaml, "db").unwrap_err().to_string();
        assert!(
            error.contains(part) && !error.contains("secret"),
            "{yaml}: {error}"
        );
    }
}

#[test]
fn anchors_and_merge_keys_are_expanded() {
    let yaml = "
x-base: &base
  image: redis
  restart: always
  environment: &env { A: '1', B: '2' }
services:
  web:
    <<: *base
    restart: 'no'
    environment: { <<: *env, B: '3' }
  unused: { image: $NONE }
";
    let conversion = from_compose("s", yaml, "web").unwrap();
    let config = serde_json::to_value(&conversion.config).unwrap();
    assert_eq!(
        (&config["image"], &config["env"]),
        (&json!("redis"), &json!({"A": "1", "B": "3"}))
    );
    assert_eq!(config.get("restartPolicy"), None);
    assert_eq!(conversion.not_carried_over, []);
}

#[test]
fn aliases_cannot_exhaust_the_memory() {
    let mut yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        yaml.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    assert!(from_compose("s", &yaml, "web").is_err());
    assert!(from_compose("s", &"[".repeat(100_000), "web").is_err());
}

#[test]
fn env_files_are_read_from_the_options() {
    let yaml = "services: { web: { image: a, env_file: [a.env, b.env], environment: { C: '3' } } }";
    let options = ConvertOptions::default()
        .file("a.env", "A=\"1 2\"\nB=1 # one\nC=0\n")
        .file("b.env", "export B='2'\n");
    let config = options.compose("s", yaml, "web").unwrap().config;
    let env: Vec<String> = config
        .env
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(env, ["A=1 2", "B=2", "C=3"]);
}

#[test]
fn output_of_docker_compose_config_is_read() {
    let yaml = "
name: shop
services:
  web:
    command: null
    entrypoint: null
    deploy: { resources: { limits: { cpus: 0.5, memory: '134217728' } }, placement: {} }
    image: nginx:1.27
    networks: { default: null }
    ports: [{ mode: ingress, target: 80, published: '8080', protocol: tcp }]
    volumes:
      - { type: volume, source: data, target: /data, volume: {} }
      - { type: bind, source: /srv/shop/conf, target: /conf, read_only: true, bind: { create_host_path: true } }
networks: { default: { name: shop_default } }
volumes: { data: { name: shop_data } }
";
    let conversion = from_compose("s", yaml, "web").unwrap();
    assert_eq!(conversion.not_carried_over, []);
    assert_eq!(conversion.networks[0].name, "shop_default");
    assert_eq!(conversion.volumes[0].name, "shop_data");
    assert_eq!(
        (
            conversion.config.resources.memory,
            conversion.config.command.len()
        ),
        (128, 0)
    );
}

/// The keys of a service for which `no_value_panics` tries arbitrary values.
const KEYS: &str = "annotations build cap_add command cpus deploy devices dns entrypoint env_file environment extra_hosts \
                    gpus healthcheck image labels logging mem_limit network_mode networks ports tmpfs ulimits volumes";

proptest! {
    #[test]
    fn no_text_panics(yaml in ".*") {
        let _ = from_compose("s", &yaml, "web");
    }

    #[test]
    fn no_value_panics(key in 0..24_usize, value in "\\PC*|[-a-z0-9=:,./\"{}$ \\[\\]]*") {
        let key = KEYS.split_whitespace().nth(key).unwrap();
        let _ = from_compose("s", &format!("services: {{ web: {{ {key}: {value} }} }}"), "web");
        let text = serde_json::to_string(&value).unwrap();
        let _ = from_compose("s", &format!("services: {{ web: {{ {key}: [{text}] }} }}"), "web");
        let _ = from_compose("s", &format!("services: {{ web: {{ {key}: {{ a: {text} }} }} }}"), "web");
    }
}
