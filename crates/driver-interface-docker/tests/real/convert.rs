//! Six inputs in the style of real projects, converted from `docker run` and compose and run on the engine.
//!
//! There is no registry, so each image is replaced by the suite's own and the command by a script that prints the settings
//! as they are inside the container. Names get the test's namespace, because they are unique on the engine.

use std::time::Duration;

use driver_interface_convert::{Conversion, ConvertOptions};
use driver_interface_types::{
    AttachSession, ConfigFeature, ContainerConfig, ContainerDriver, ContainerInstance, HostAddress,
    LogOptions, NetworkMode, RestartPolicy, Ulimit, UlimitValue, VolumeConfig, WaitOptions,
};
use driver_interface_validation::ValidationPolicy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::engine::{Bench, on_each};

const INPUTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../driver-interface-convert/tests/inputs"
);

fn input(name: &str) -> String {
    std::fs::read_to_string(format!("{INPUTS}/{name}")).unwrap()
}

/// Removes the settings that the engine does not have, and reports them.
fn reduce(bench: &Bench, config: &mut ContainerConfig) {
    let capabilities = bench.driver.capabilities();
    if bench.is_podman()
        && config
            .log_driver
            .as_ref()
            .is_some_and(|driver| driver.name == "local")
    {
        println!("{} has no log driver `local`: it is left out", bench.uri);
        config.log_driver = None;
    }
    for (path, feature) in config.needs() {
        if capabilities.supports(feature) {
            continue;
        }
        println!("{} has no {feature}: {path} is left out", bench.uri);
        match path {
            "gpus" => config.gpus = None,
            "devices" => config.devices.clear(),
            "healthCheck" => config.health_check = None,
            "logDriver" => config.log_driver = None,
            "restartPolicy" => config.restart_policy = RestartPolicy::Never,
            "healthCheck.startInterval" => {
                if let Some(check) = &mut config.health_check {
                    check.start_interval = None;
                }
            }
            "volumes[].copy" => config.volumes.iter_mut().for_each(|mount| mount.copy = false),
            "extraHosts" => config
                .extra_hosts
                .retain(|_, address| *address != HostAddress::HostGateway),
            "resources.swap" => config.resources.swap = None,
            "resources.memoryReservation" => config.resources.memory_reservation = None,
            "resources.cpuShares" => config.resources.cpu_shares = None,
            "cpuset" => config.cpuset = None,
            _ => panic!("{path} is needed"),
        }
    }
}

/// Replaces the image, the command and the names, and creates the volumes and networks.
async fn prepare(bench: &Bench, conversion: Conversion, script: &str) -> ContainerConfig {
    let prefix = format!("{}-", bench.namespace);
    let Conversion {
        mut config,
        volumes,
        networks,
        ..
    } = conversion;
    config.image = bench.image.to_owned();
    config = config.shell(script).pull_policy(Default::default());
    config.name = config.name.map(|name| prefix.clone() + &name);
    // Other programs of the host may use these ports.
    config.ports.iter_mut().for_each(|port| port.host_port = None);
    for mut volume in volumes {
        volume.name.insert_str(0, &prefix);
        bench.driver.create_volume(&volume).await.unwrap();
    }
    for mount in config
        .volumes
        .iter_mut()
        .filter(|mount| !mount.source.starts_with('/'))
    {
        mount.source.insert_str(0, &prefix);
    }
    for mut network in networks {
        network.name.insert_str(0, &prefix);
        bench.driver.create_network(&network).await.unwrap();
    }
    if let NetworkMode::Named(name) = &mut config.network {
        name.insert_str(0, &prefix);
    }
    let others = std::mem::take(&mut config.networks).into_iter();
    config.networks = others
        .map(|(name, options)| (prefix.clone() + &name, options))
        .collect();
    reduce(bench, &mut config);
    config
}

/// Runs a converted config, and returns the lines that its script prints before `ready`.
async fn run(bench: &Bench, conversion: Conversion, script: &str) -> (ContainerInstance, Vec<String>) {
    // A restart policy starts the container again after an exit, so the script keeps running.
    let script = format!("{script}\necho ready\nsleep 600");
    let config = prepare(bench, conversion, &script).await;
    let driver = bench
        .with_policy(ValidationPolicy::default().allow_any_bind())
        .await;
    let made = driver.create_container(&config).await.unwrap();
    driver.start_container(&made.id).await.unwrap();
    bench.ready(&made).await;
    let logs = driver
        .get_container_logs(&made.id, LogOptions::default())
        .await
        .unwrap();
    let lines = logs.lines().map(|line| line.trim_end().to_owned());
    let lines = lines.take_while(|line| line != "ready").collect();
    (driver.get_container(&made.id).await.unwrap().unwrap(), lines)
}

#[test]
fn converted_postgres_service_runs() {
    on_each("convert postgres", async |bench| {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("initdb")).unwrap();
        std::fs::write(directory.path().join("initdb/schema.sql"), "").unwrap();
        let options = ConvertOptions::default()
            .variable("DB_PASSWORD", "pw")
            .directory(directory.path().to_str().unwrap())
            .docker_defaults();
        let conversion = options.compose("s1", &input("postgres.yaml"), "db").unwrap();
        let script = "
            echo user $(id -u), $POSTGRES_DB, $POSTGRES_PASSWORD, $PGDATA
            touch /written && echo root file system writable
            mkdir -p $PGDATA && chown 999:999 $PGDATA && echo volume writable
            ls /docker-entrypoint-initdb.d
            touch /docker-entrypoint-initdb.d/x 2>/dev/null || echo bind mount read-only
            grep ' /dev/shm ' /proc/mounts | grep -o 'size=[0-9]*k'";
        let (instance, lines) = run(&bench, conversion, script).await;
        assert_eq!(
            lines,
            [
                "user 0, shop, pw, /var/lib/postgresql/data/pgdata",
                "root file system writable",
                "volume writable",
                "schema.sql",
                "bind mount read-only",
                "size=262144k",
            ]
        );
        assert_eq!(instance.name, format!("{}-shop-db", bench.namespace));
        let network = bench
            .raw
            .get(&format!("/networks/{}-shop_backend", bench.namespace));
        assert_eq!(network["Internal"], true);
    });
}

#[test]
fn converted_redis_service_runs() {
    on_each("convert redis", async |bench| {
        let conversion = ConvertOptions::default()
            .compose("s1", &input("redis.yaml"), "cache")
            .unwrap();
        let script = "
            id -u; id -g
            grep -E 'CapEff|NoNewPrivs' /proc/self/status | tr -s '\\t' ' '
            touch /x 2>/dev/null || echo root file system read-only
            touch /data/x && echo data writable
            grep ' /data ' /proc/mounts | grep -o 'size=[0-9]*k'
            ulimit -Sn; ulimit -Hn
            cat /proc/sys/net/core/somaxconn";
        let (_, lines) = run(&bench, conversion, script).await;
        assert_eq!(
            lines,
            [
                "999", "1000", "CapEff: 0000000000000000", "NoNewPrivs: 1", "root file system read-only",
                "data writable", "size=65536k", "10032", "20000", "1024",
            ]
        );
    });
}

#[test]
fn converted_web_service_runs() {
    on_each("convert gitea", async |bench| {
        let options = ConvertOptions::default()
            .variable("GITEA_DB_PASSWORD", "pw")
            .file("gitea.env", "GITEA__mailer__ENABLED=true\n")
            .docker_defaults();
        let mut conversion = options.compose("s1", &input("gitea.yaml"), "server").unwrap();
        // The engine's host may have no such file.
        let directory = tempfile::tempdir().unwrap();
        let timezone = directory.path().join("timezone");
        std::fs::write(&timezone, "Europe/Berlin\n").unwrap();
        let mounts = conversion.config.volumes.iter_mut();
        for mount in mounts.filter(|mount| mount.source == "/etc/timezone") {
            mount.source = timezone.to_str().unwrap().to_owned();
        }
        let script = "
            hostname; echo $USER_UID $GITEA__database__PASSWD $GITEA__mailer__ENABLED
            cat /etc/timezone
            touch /data/x /backups/x && echo volumes writable
            grep -o '10.20.0.5.*ldap.example.com' /etc/hosts | tr -s '\\t ' ' '
            grep -c host.docker.internal /etc/hosts
            grep -o 'search example.com' /etc/resolv.conf
            ls /sys/class/net | grep -c eth";
        let (instance, lines) = run(&bench, conversion, script).await;
        let has_gateway = bench.driver.capabilities().supports(ConfigFeature::HostGateway);
        let gateways = if has_gateway { "1" } else { "0" };
        assert_eq!(
            lines,
            [
                "git.example.com", "1000 pw true", "Europe/Berlin", "volumes writable",
                "10.20.0.5 ldap.example.com", gateways, "search example.com", "2",
            ]
        );
        assert_eq!(instance.labels["traefik.enable"], "true");
        let ports: Vec<u16> = instance.ports.iter().map(|port| port.container_port).collect();
        assert!(ports.contains(&3000) && ports.contains(&22), "{ports:?}");
    });
}

#[test]
fn converted_command_line_with_many_flags_runs() {
    on_each("convert flags", async |bench| {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("jobs")).unwrap();
        std::fs::write(directory.path().join("jobs/job"), "job 1\n").unwrap();
        let options = ConvertOptions::default()
            .variable("RUNNER_TOKEN", "t 1")
            .directory(directory.path().to_str().unwrap())
            .file("runner.env", "QUEUES=4\nCI=false\n");
        let conversion = options.docker_run("s1", &input("many-flags.sh")).unwrap();
        let script = "
            id -u; id -G; pwd; hostname
            echo $CI, $GREETING, $TOKEN, $QUEUES
            test -t 1 && echo terminal
            ulimit -Sn; ulimit -Hn; ulimit -c
            for mount in /dev/shm /scratch /run; do grep \" $mount \" /proc/mounts | grep -o 'size=[0-9]*k'; done
            touch /x 2>/dev/null || echo root file system read-only
            touch /cache/x && cat /jobs/job
            touch /jobs/x 2>/dev/null || echo jobs read-only
            grep -o '10.0.0.9.*registry.local' /etc/hosts | tr -s '\\t ' ' '
            grep -o 'corp.example' /etc/resolv.conf; grep -o 'ndots:2' /etc/resolv.conf
            cat /proc/sys/net/ipv4/ip_unprivileged_port_start
            grep NoNewPrivs /proc/self/status | tr -s '\\t' ' '
            grep Cpus_allowed_list /proc/self/status | tr -s '\\t' ' '";
        let (instance, lines) = run(&bench, conversion, script).await;
        assert_eq!(
            lines,
            [
                "1001", "1001 44", "/work", "runner-7", "true, hello world, t 1, 4", "terminal", "4096",
                "8192", "0", "size=131072k", "size=32768k", "size=8192k", "root file system read-only",
                "job 1", "jobs read-only", "10.0.0.9 registry.local", "corp.example", "ndots:2", "0",
                "NoNewPrivs: 1", "Cpus_allowed_list: 0",
            ]
        );
        assert_eq!(instance.labels["team"], "core");
        let ports: Vec<u16> = instance.ports.iter().map(|port| port.container_port).collect();
        assert!(
            [8080, 9000, 9001, 5353].iter().all(|port| ports.contains(port)),
            "{ports:?}"
        );
    });
}

#[test]
fn converted_mcp_server_answers() {
    on_each("convert mcp", async |bench| {
        let settings: serde_json::Value = serde_json::from_str(&input("mcp-server.json")).unwrap();
        let server = &settings["mcpServers"]["github"];
        let words = server["args"]
            .as_array()
            .unwrap()
            .iter()
            .map(|word| word.as_str().unwrap());
        let env = server["env"].as_object().unwrap().iter();
        let options =
            ConvertOptions::default().variables(env.map(|(key, value)| (key, value.as_str().unwrap())));
        let conversion = options.docker_words("s1", words).unwrap();
        let script =
            "read request; echo answer to $request with $GITHUB_PERSONAL_ACCESS_TOKEN, $GITHUB_TOOLSETS; cat";
        let config = prepare(&bench, conversion, script).await;
        let made = bench.driver.create_container(&config).await.unwrap();
        let mut session: AttachSession = bench.driver.attach_container(&made.id).await.unwrap();
        bench.driver.start_container(&made.id).await.unwrap();
        let stdin = session.stdin.as_mut().unwrap();
        stdin.write_all(b"initialize\nrest\n").await.unwrap();
        session.close_stdin().await.unwrap();
        let mut answer = String::new();
        let read = session.stdout.read_to_string(&mut answer);
        tokio::time::timeout(Duration::from_secs(30), read)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            answer,
            "answer to initialize with ghp_example, repos,issues\nrest\n"
        );
        let exit = bench
            .driver
            .wait_container(&made.id, WaitOptions::default())
            .await
            .unwrap();
        assert_eq!(exit.code, 0);
    });
}

#[test]
fn converted_training_job_runs() {
    on_each("convert training", async |bench| {
        let mut conversion = ConvertOptions::default()
            .compose("s1", &input("ml-training.yaml"), "train")
            .unwrap();
        // The external volume exists before.
        conversion.volumes.push(VolumeConfig::new("models"));
        // The host has no such device, and the suite's image no such group.
        conversion.config.devices.clear();
        conversion.config.groups = vec!["44".to_owned()];
        // An engine that runs in a container itself cannot raise its limits, and Podman sets some of its own.
        let limits = &mut conversion.config.ulimits;
        assert!(limits.iter().any(|limit| limit.hard == UlimitValue::Unlimited));
        limits.retain(|limit| limit.name != "memlock");
        limits.push(Ulimit::new("memlock", 32_768, 32_768));
        limits.push(Ulimit::new("nofile", 1024, 1024));
        let script = "
            pwd; id -G
            echo $OMP_NUM_THREADS, $HF_HOME
            touch /models/x && echo models writable
            test -t 0 && echo terminal
            for mount in /dev/shm /scratch; do grep \" $mount \" /proc/mounts | grep -o 'size=[0-9]*k'; done
            ulimit -l; ulimit -s
            cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null";
        let (_, lines) = run(&bench, conversion, script).await;
        let mut expected = vec![
            "/workspace", "1000 44", "4, /models", "models writable", "terminal", "size=8388608k",
            "size=262144k", "32", "65536",
        ];
        // An engine of another root directory may show no control group.
        expected.extend(Some("4294967296").filter(|_| lines.len() > expected.len()));
        assert_eq!(lines, expected);
    });
}
