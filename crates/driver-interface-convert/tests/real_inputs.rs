//! Six inputs in the style of real projects, each with its complete conversion.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what fails here fails the test"
)]

use driver_interface_convert::{Conversion, ConvertOptions};
use driver_interface_validation::{
    ValidationPolicy, validate_container_config_with, validate_network_config, validate_volume_config,
};
use serde_json::{Value, json};

/// Compares the fields of the config that the input sets, the resources to create and the list of settings without a
/// counterpart, and validates all configs.
fn compare(conversion: &Conversion, config: Value, resources: Value, not_carried_over: &[&str]) {
    let mut found = serde_json::to_value(&conversion.config).unwrap();
    // Fields that are always written are omitted if they have their default.
    let default = serde_json::to_value(driver_interface_types::ContainerConfig::new("s", "i")).unwrap();
    let set = found.as_object_mut().unwrap();
    set.retain(|key, value| default.get(key) != Some(value));
    assert_eq!(found, config);
    let owner = |volume: &driver_interface_types::VolumeConfig| volume.effective_owner().unwrap().to_string();
    let volumes: Vec<String> = conversion
        .volumes
        .iter()
        .map(|volume| format!("{} {}", volume.name, owner(volume)))
        .collect();
    let networks: Vec<&str> = conversion
        .networks
        .iter()
        .map(|network| network.name.as_str())
        .collect();
    assert_eq!(json!({"volumes": volumes, "networks": networks}), resources);
    let listed: Vec<String> = conversion
        .not_carried_over
        .iter()
        .map(ToString::to_string)
        .collect();
    let settings: Vec<&str> = listed
        .iter()
        .map(|text| text.split(": ").next().unwrap())
        .collect();
    assert_eq!(settings, not_carried_over, "{listed:#?}");

    let policy = ValidationPolicy::default()
        .allow_any_bind()
        .allow_dangerous_bind("/etc/timezone");
    validate_container_config_with(&conversion.config, &policy).unwrap();
    conversion
        .volumes
        .iter()
        .for_each(|volume| validate_volume_config(volume).unwrap());
    conversion
        .networks
        .iter()
        .for_each(|network| validate_network_config(network).unwrap());
}

#[test]
fn postgres_service() {
    let options = ConvertOptions::default()
        .variable("DB_PASSWORD", "pw")
        .directory("/srv/shop");
    let conversion = options
        .compose("s1", include_str!("inputs/postgres.yaml"), "db")
        .unwrap();
    compare(
        &conversion,
        json!({
            "sessionId": "s1",
            "image": "postgres:17",
            "name": "shop-db",
            "env": {
                "POSTGRES_USER": "shop",
                "POSTGRES_PASSWORD": "pw",
                "POSTGRES_DB": "shop",
                "PGDATA": "/var/lib/postgresql/data/pgdata",
            },
            "volumes": [
                {"source": "shop_pgdata", "target": "/var/lib/postgresql/data", "readOnly": false, "type": "volume"},
                {"source": "/srv/shop/initdb", "target": "/docker-entrypoint-initdb.d", "readOnly": true, "type": "bind"},
            ],
            "network": "shop_backend",
            "networkAliases": ["db"],
            "shmSize": 256,
            "ports": [{"containerPort": 5432, "protocol": "tcp", "hostIp": "127.0.0.1", "hostPort": 5432}],
            "healthCheck": {
                "test": "pg_isready -U ${POSTGRES_USER} -d ${POSTGRES_DB}",
                "interval": 10_000,
                "timeout": 5_000,
                "retries": 5,
                "startPeriod": 30_000,
            },
            "restartPolicy": "unless-stopped",
            "logDriver": {"name": "json-file", "options": {"max-size": "10m", "max-file": "3"}},
        }),
        json!({"volumes": ["shop_pgdata 1000:1000"], "networks": ["shop_backend"]}),
        &[],
    );
    assert!(conversion.networks[0].internal);
    assert_eq!(conversion.stop_timeout.unwrap().as_secs(), 60);

    // The image starts as root, so it needs Docker's defaults.
    let options = options.docker_defaults();
    let conversion = options
        .compose("s1", include_str!("inputs/postgres.yaml"), "db")
        .unwrap();
    assert_eq!(conversion.config.security.user, None);
    assert_eq!(conversion.volumes[0].owner.unwrap().to_string(), "0:0");
    assert!(conversion.config.volumes[0].copy && !conversion.config.volumes[1].copy);
    validate_container_config_with(&conversion.config, &ValidationPolicy::default().allow_any_bind())
        .unwrap();
}

#[test]
fn redis_service() {
    let options = ConvertOptions::default();
    let conversion = options
        .compose("s1", include_str!("inputs/redis.yaml"), "cache")
        .unwrap();
    compare(
        &conversion,
        json!({
            "sessionId": "s1",
            "image": "redis:7-alpine",
            "command": ["redis-server", "--save", "", "--maxmemory", "192mb", "--maxmemory-policy", "allkeys-lru"],
            "resources": {"cpu": 0.5, "memory": 256, "pids": 50},
            "network": "s1_default",
            "networkAliases": ["cache"],
            "security": {
                "readOnly": true,
                "noNewPrivileges": true,
                "user": "999:1000",
                "capabilities": {"drop": ["ALL"], "add": []},
            },
            "tmpfs": [{"target": "/data", "size": 64, "mode": 0o770, "exec": false}],
            "ulimits": [{"name": "nofile", "soft": 10_032, "hard": 20_000}],
            "healthCheck": {
                "test": "redis-cli ping | grep PONG",
                "interval": 5_000,
                "timeout": 30_000,
                "retries": 3,
                "startPeriod": 0,
            },
            "sysctls": {"net.core.somaxconn": "1024"},
            "restartPolicy": "always",
        }),
        json!({"volumes": [], "networks": ["s1_default"]}),
        &["services.cache.expose 6379"],
    );
    assert_eq!(
        conversion.differences,
        [
            "an init process runs as PID 1 if the engine has one; Docker's default is none",
            "the container cannot swap; Docker's default allows it",
        ]
    );
}

#[test]
fn gitea_service() {
    let options = ConvertOptions::default()
        .variable("GITEA_DB_PASSWORD", "pw")
        .file(
            "gitea.env",
            "# mail\nGITEA__mailer__ENABLED=true\nUSER_UID=2000\n",
        );
    let conversion = options
        .compose("s1", include_str!("inputs/gitea.yaml"), "server")
        .unwrap();
    compare(
        &conversion,
        json!({
            "sessionId": "s1",
            "image": "docker.io/gitea/gitea:1.22",
            "env": {
                "USER_UID": "1000",
                "USER_GID": "1000",
                "GITEA__database__DB_TYPE": "postgres",
                "GITEA__database__HOST": "db:5432",
                "GITEA__database__PASSWD": "pw",
                "GITEA__mailer__ENABLED": "true",
            },
            "labels": {
                "traefik.enable": "true",
                "traefik.http.routers.gitea.rule": "Host(`git.example.com`)",
            },
            "volumes": [
                {"source": "s1_gitea", "target": "/data", "readOnly": false, "type": "volume"},
                {"source": "/etc/timezone", "target": "/etc/timezone", "readOnly": true, "type": "bind"},
                {"source": "gitea-backups", "target": "/backups", "readOnly": false, "type": "volume"},
            ],
            "network": "s1_internal",
            "networkAliases": ["server", "gitea"],
            "networks": {"s1_proxy": {"aliases": ["server"]}},
            "hostname": "git.example.com",
            "ports": [
                {"containerPort": 3000, "protocol": "tcp", "hostIp": "127.0.0.1", "hostPort": 3000},
                {"containerPort": 22, "protocol": "tcp", "hostIp": "127.0.0.1", "hostPort": 2222},
            ],
            "extraHosts": {"ldap.example.com": "10.20.0.5", "host.docker.internal": "host-gateway"},
            "dnsSearch": ["example.com"],
            "logDriver": {"name": "local", "options": {"max-size": "20m"}},
            "restartPolicy": "always",
        }),
        json!({
            "volumes": ["s1_gitea 1000:1000", "gitea-backups 1000:1000"],
            "networks": ["s1_internal", "s1_proxy"],
        }),
        &[
            "services.server.depends_on db",
            "services.server.environment GITEA__mailer__PASSWD",
            "services.server.secrets runner_token",
        ],
    );
    assert_eq!(conversion.volumes[1].labels["keep"], "yes");
}

#[test]
fn command_line_with_many_flags() {
    let line = include_str!("inputs/many-flags.sh");
    assert!(line.matches(" -").count() >= 25);
    let options = ConvertOptions::default()
        .variable("RUNNER_TOKEN", "t 1")
        .directory("/srv/ci")
        .file("runner.env", "QUEUES=4\nCI=false\n");
    let conversion = options.docker_run("s1", line).unwrap();
    compare(
        &conversion,
        json!({
            "sessionId": "s1",
            "image": "registry.local:5000/ci/runner:2.4",
            "name": "build-runner",
            "command": ["run", "--queue", "default jobs"],
            "env": {"CI": "true", "GREETING": "hello world", "TOKEN": "t 1", "QUEUES": "4"},
            "labels": {"team": "core", "stage": ""},
            "resources": {
                "cpu": 1.5, "memory": 768, "pids": 200, "swap": 256, "memoryReservation": 256, "cpuShares": 512,
            },
            "volumes": [
                {"source": "runner-cache", "target": "/cache", "readOnly": false, "type": "volume"},
                {"source": "/srv/ci/jobs", "target": "/jobs", "readOnly": true, "type": "bind"},
            ],
            "network": "ci",
            "security": {
                "readOnly": true,
                "noNewPrivileges": true,
                "user": "1001:1001",
                "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
            },
            "pullPolicy": "never",
            "workingDir": "/work",
            "hostname": "runner-7",
            "tty": true,
            "stopSignal": "SIGINT",
            "init": true,
            "tmpfs": [
                {"target": "/scratch", "size": 32, "mode": 0o1777, "exec": false},
                {"target": "/run", "size": 8, "exec": false},
            ],
            "shmSize": 128,
            "ulimits": [
                {"name": "nofile", "soft": 4096, "hard": 8192},
                {"name": "core", "soft": 0, "hard": 0},
            ],
            "ports": [
                {"containerPort": 8080, "protocol": "tcp", "hostIp": "127.0.0.1", "hostPort": 8080},
                {"containerPort": 9000, "protocol": "tcp", "hostIp": "127.0.0.1", "hostPort": 9000},
                {"containerPort": 9001, "protocol": "tcp", "hostIp": "127.0.0.1", "hostPort": 9001},
                {"containerPort": 5353, "protocol": "udp", "hostIp": "127.0.0.1"},
            ],
            "networkAliases": ["runner"],
            "dns": ["10.0.0.2"],
            "extraHosts": {"registry.local": "10.0.0.9"},
            "healthCheck": {
                "test": "test -f /run/ready",
                "interval": 15_000,
                "timeout": 3_000,
                "retries": 4,
                "startPeriod": 0,
            },
            "stdin": true,
            "groups": ["44"],
            "dnsSearch": ["corp.example"],
            "dnsOptions": ["ndots:2"],
            "sysctls": {"net.ipv4.ip_unprivileged_port_start": "0"},
            "restartPolicy": "on-failure:5",
            "logDriver": {"name": "json-file", "options": {"max-size": "5m"}},
            "cpuset": "0",
        }),
        json!({"volumes": ["runner-cache 1001:1001"], "networks": ["ci"]}),
        &["--oom-score-adj -500", "--blkio-weight 300", "--pid host"],
    );
    assert!(conversion.detach && !conversion.auto_remove);
    assert_eq!(conversion.stop_timeout.unwrap().as_secs(), 45);
}

#[test]
fn mcp_server() {
    let settings: Value = serde_json::from_str(include_str!("inputs/mcp-server.json")).unwrap();
    let server = &settings["mcpServers"]["github"];
    let words = server["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap());
    let env = server["env"].as_object().unwrap().iter();
    let options = ConvertOptions::default().variables(env.map(|(key, value)| (key, value.as_str().unwrap())));
    let conversion = options.docker_words("s1", words).unwrap();
    compare(
        &conversion,
        json!({
            "sessionId": "s1",
            "image": "ghcr.io/github/github-mcp-server",
            "command": ["stdio"],
            "env": {"GITHUB_PERSONAL_ACCESS_TOKEN": "ghp_example", "GITHUB_TOOLSETS": "repos,issues"},
            "pullPolicy": "always",
            "stdin": true,
        }),
        json!({"volumes": [], "networks": []}),
        &[],
    );
    assert!(conversion.auto_remove && !conversion.detach);
}

#[test]
fn training_job_with_gpus() {
    let options = ConvertOptions::default();
    let conversion = options
        .compose("s1", include_str!("inputs/ml-training.yaml"), "train")
        .unwrap();
    compare(
        &conversion,
        json!({
            "sessionId": "s1",
            "image": "lab/train:cuda12",
            "command": ["python", "-m", "train", "--epochs", "10"],
            "env": {"NVIDIA_VISIBLE_DEVICES": "all", "OMP_NUM_THREADS": "4", "HF_HOME": "/models"},
            "resources": {"cpu": 2.0, "memory": 4096, "pids": 512, "memoryReservation": 1024},
            "volumes": [{"source": "models", "target": "/models", "readOnly": false, "type": "volume"}],
            "network": "s1_default",
            "networkAliases": ["train"],
            "workingDir": "/workspace",
            "tty": true,
            "init": true,
            "tmpfs": [{"target": "/scratch", "size": 256, "exec": false}],
            "shmSize": 8192,
            "ulimits": [
                {"name": "memlock", "soft": "unlimited", "hard": "unlimited"},
                {"name": "stack", "soft": 67_108_864, "hard": 67_108_864},
            ],
            "devices": [{
                "hostPath": "/dev/infiniband/uverbs0",
                "containerPath": "/dev/infiniband/uverbs0",
                "permissions": "rwm",
            }],
            "gpus": {"count": 1, "driver": "nvidia"},
            "stdin": true,
            "groups": ["video"],
            "restartPolicy": "on-failure:3",
        }),
        json!({"volumes": [], "networks": ["s1_default"]}),
        &[
            "services.train.build",
            "services.train.ipc host",
            "services.train.x-owner",
            "services.train.deploy.resources.reservations.devices[0] utility",
            "services.train.deploy.restart_policy.delay 5s",
        ],
    );
}
