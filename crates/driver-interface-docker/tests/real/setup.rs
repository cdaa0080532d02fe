//! What a config says of the process and its surroundings, seen from inside the container and from its host.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use driver_interface_errors::Hint;
use driver_interface_types::{
    ContainerConfig, ContainerDriver, ContainerHealthStatus, HealthCheck, NetworkMode, PortMapping, Signal,
    StopOptions, StopOutcome,
};

use super::engine::{Bench, on_each};

async fn printed(bench: &Bench, config: &ContainerConfig) -> String {
    let ended = bench.ended(config).await;
    let logs = bench.driver.get_container_logs(&ended.id, Default::default());
    logs.await.unwrap()
}

#[test]
fn the_process_is_set_up_as_the_config_says() {
    on_each("process setup", |bench| async move {
        let config = bench
            .config("pwd; hostname; ulimit -n; test -t 1 && echo terminal; df -m /scratch /dev/shm | awk '{print $2}'; touch /scratch/x && echo written")
            .working_dir("/etc")
            .hostname("chosen")
            .tty(true)
            .ulimit("nofile", 64, 64)
            // Without one of the container's own, Podman asks for more than an unprivileged service may give.
            .ulimit("nproc", 4096, 4096)
            .tmpfs("/scratch", 3)
            .shm_size(5);
        let text = printed(&bench, &config).await.replace('\r', "");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..4], ["/etc", "chosen", "64", "terminal"], "{text}");
        assert!(
            lines.contains(&"3") && lines.contains(&"5") && lines.contains(&"written"),
            "{text}"
        );
    });
}

#[test]
fn an_entrypoint_comes_before_the_command() {
    on_each("entrypoint", |bench| async move {
        let config = bench.config("").command(["two"]).entrypoint(["echo", "one"]);
        assert_eq!(printed(&bench, &config).await, "one two\n");
        let bare = bench.config("echo plain").entrypoint(Vec::<String>::new());
        assert_eq!(printed(&bench, &bare).await, "plain\n");
    });
}

#[test]
fn the_first_process_is_the_config_s_own_without_init() {
    on_each("init", |bench| async move {
        let with = printed(&bench, &bench.config("echo $$")).await;
        let without = printed(&bench, &bench.config("echo $$").init(false)).await;
        assert_eq!(without, "1\n");
        if bench.driver.plan(&bench.config("x")).await.unwrap().config.init == Some(true) {
            assert_ne!(with, "1\n");
        }
    });
}

#[test]
fn a_stop_sends_the_config_s_signal() {
    on_each("stop signal", |bench| async move {
        let script = "trap 'echo usr1; exit 3' USR1; echo ready; while :; do sleep 0.1; done";
        let running = bench.run(&bench.config(script).stop_signal(Signal::USR1)).await;
        bench.ready(&running).await;
        let outcome = bench
            .driver
            .stop_container(&running.id, StopOptions::default())
            .await
            .unwrap();
        assert_eq!(outcome, StopOutcome::Stopped);
        let now = bench.driver.get_container(&running.id).await.unwrap().unwrap();
        assert_eq!(now.exit_code(), Some(3));
    });
}

#[test]
fn a_port_is_reached_on_loopback_at_a_port_that_is_read_back() {
    on_each("ports", |bench| async move {
        let script = "while :; do echo hello | nc -l -p 8080; done";
        let config = bench.config(script).port(PortMapping::new(8080));
        let made = bench.driver.create_container(&config).await.unwrap();
        assert!(made.ports.is_empty());
        bench.driver.start_container(&made.id).await.unwrap();
        let running = bench.driver.get_container(&made.id).await.unwrap().unwrap();
        let address = running.endpoint(8080).unwrap();
        assert!(address.ip().is_loopback() && address.port() > 0, "{address}");
        let text = tokio::task::spawn_blocking(move || fetch(address)).await.unwrap();
        assert_eq!(text, "hello\n");
        let elsewhere = SocketAddr::new([127, 0, 0, 2].into(), address.port());
        assert!(TcpStream::connect_timeout(&elsewhere, Duration::from_secs(1)).is_err());
    });
}

fn fetch(address: SocketAddr) -> String {
    for _ in 0..50 {
        let mut text = String::new();
        if let Ok(mut stream) = TcpStream::connect(address) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
            let _ = stream.write_all(b"x\n");
            let _ = stream.read_to_string(&mut text);
        }
        if !text.is_empty() {
            return text;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    String::new()
}

#[test]
fn a_taken_port_is_named_as_the_cause() {
    on_each("port taken", |bench| async move {
        let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = holder.local_addr().unwrap().port();
        let config = bench
            .config("sleep 60")
            .port(PortMapping::new(80).host_port(port));
        let made = bench.driver.create_container(&config).await.unwrap();
        let error = bench.driver.start_container(&made.id).await.unwrap_err();
        assert_eq!(
            (error.code(), error.hint()),
            ("CONTAINER_START_FAILED", Some(Hint::PortInUse)),
            "{error:?}"
        );
    });
}

#[test]
fn names_are_resolved_as_the_config_says() {
    on_each("names", |bench| async move {
        let server = bench
            .config("while :; do echo hello | nc -l -p 8080; done")
            .network_alias("backend");
        let network = driver_interface_types::NetworkConfig::new(format!("{}-net", bench.namespace));
        bench.driver.create_network(&network).await.unwrap();
        let on = NetworkMode::Named(network.name.clone());
        bench.run(&server.network(on.clone())).await;
        let script = "cat /etc/hosts; for i in 1 2 3 4 5 6 7 8 9; do nc backend 8080 </dev/null && break; sleep 0.3; done";
        let client = bench
            .config(script)
            .network(on)
            .extra_host("fixed", [10, 9, 8, 7]);
        let text = printed(&bench, &client).await;
        assert!(text.contains("10.9.8.7") && text.contains("fixed"), "{text}");
        assert!(text.contains("hello"), "{text}");
        let config = bench
            .config("cat /etc/resolv.conf")
            .dns([192, 0, 2, 53])
            .network(NetworkMode::None);
        let made = bench.driver.create_container(&config).await.unwrap();
        let record = bench.raw.get(&format!("/containers/{}/json", made.id));
        assert_eq!(record["HostConfig"]["Dns"][0], "192.0.2.53");
    });
}

#[test]
fn a_health_check_shows_in_the_instance_with_its_reason() {
    on_each("health check", |bench| async move {
        let check = HealthCheck::shell("echo no; test -e /tmp/well")
            .interval(Duration::from_millis(200))
            .retries(2);
        let config = bench
            .config("sleep 2; touch /tmp/well; sleep 60")
            .health_check(check);
        if !bench
            .driver
            .capabilities()
            .supports(driver_interface_types::ConfigFeature::HealthCheck)
        {
            let error = bench.driver.create_container(&config).await.unwrap_err();
            assert_eq!(error.code(), "UNSUPPORTED_OPERATION");
            return;
        }
        let running = bench.run(&config).await;
        assert_eq!(
            running.health.as_ref().unwrap().status,
            ContainerHealthStatus::Starting
        );
        let sick = |now: &driver_interface_types::ContainerInstance| {
            now.health.as_ref().unwrap().status == ContainerHealthStatus::Unhealthy
        };
        let now = bench.until(&running, sick).await;
        let health = now.health.unwrap();
        assert!(health.reason.unwrap().contains("exit code 1"));
        assert_eq!(health.last_output.as_deref(), Some("no\n"));
        assert!(!bench.driver.is_container_healthy(&running.id).await.unwrap());
        bench
            .until(&running, |now| now.health.as_ref().unwrap().is_healthy())
            .await;
        assert!(bench.driver.is_container_healthy(&running.id).await.unwrap());
    });
}

#[test]
fn a_runtime_is_taken_only_if_the_engine_knows_it() {
    on_each("runtime", |bench| async move {
        let known = bench.config("echo ran").runtime("runc");
        if !bench
            .driver
            .capabilities()
            .supports(driver_interface_types::ConfigFeature::Runtime)
        {
            let error = bench.driver.create_container(&known).await.unwrap_err();
            assert_eq!(error.code(), "UNSUPPORTED_OPERATION");
            return;
        }
        assert_eq!(printed(&bench, &known).await, "ran\n");
        let unknown = bench.config("echo ran").runtime("nonesuch");
        let error = bench.driver.create_container(&unknown).await.unwrap_err();
        assert_eq!(error.hint(), Some(Hint::UnknownRuntime), "{error:?}");
    });
}

#[test]
fn a_seccomp_profile_of_the_config_s_own_holds() {
    on_each("seccomp", |bench| async move {
        let profile = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}"#;
        let mut config = bench.config("mkdir /tmp/x && echo made; echo done");
        config.security.seccomp_profile = Some(profile.to_owned());
        if !bench
            .driver
            .capabilities()
            .supports(driver_interface_types::ConfigFeature::SeccompProfile)
        {
            let error = bench.driver.create_container(&config).await.unwrap_err();
            assert_eq!(error.code(), "UNSUPPORTED_OPERATION");
            return;
        }
        let text = printed(&bench, &config).await;
        assert!(text.contains("done") && !text.contains("made"), "{text}");
    });
}

#[test]
fn a_platform_is_the_image_s_or_is_refused() {
    on_each("platform", |bench| async move {
        let own = bench.raw.get(&format!("/images/{}/json", bench.image));
        let platform = format!("linux/{}", own["Architecture"].as_str().unwrap());
        let config = bench.config("echo ran").platform(platform);
        assert_eq!(printed(&bench, &config).await, "ran\n");
        let config = bench.config("echo ran").platform("linux/s390x");
        let error = bench.driver.create_container(&config).await.unwrap_err();
        assert!(error.code().starts_with("IMAGE"), "{error:?}");
    });
}
