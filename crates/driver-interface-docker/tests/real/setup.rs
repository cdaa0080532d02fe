//! Published ports, runtimes, seccomp profiles and platforms.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use driver_interface_errors::Hint;
use driver_interface_types::{ContainerConfig, ContainerDriver, PortMapping};

use super::engine::{Bench, on_each};

async fn printed(bench: &Bench, config: &ContainerConfig) -> String {
    let ended = bench.ended(config).await;
    let logs = bench.driver.get_container_logs(&ended.id, Default::default());
    logs.await.unwrap()
}

#[test]
fn published_port_is_reachable_on_loopback_only() {
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
fn port_in_use_is_the_reported_cause() {
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
fn unknown_runtime_is_refused() {
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
fn custom_seccomp_profile_is_enforced() {
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
fn mismatched_platform_is_refused() {
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
