//! An engine with endless responses: every operation returns a typed error in bounded memory.
//!
//! The test measures the memory of the whole process, so it has a binary of its own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

use std::time::Duration;

use driver_interface_conformance::call;
use driver_interface_conformance::proxy::{Answer, FaultProxy, Request};
use driver_interface_docker::{Deadlines, DockerConfig, DockerDriver};
use driver_interface_errors::{DriverError, codes};
use driver_interface_types::{ContainerDriver, ContainerId, LogOptions, Operation, OperationKind};
use serde_json::json;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const PEAK_KIB: u64 = 64 * 1024;

/// Which responses are endless.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Every response after the connection.
    Everything,
    /// All except lookups.
    Behind,
    /// As `Behind`, with an error status.
    Errors,
}

fn script(kind: Kind) -> impl Fn(&Request) -> Answer + Send + Sync + 'static {
    move |request| {
        let answer = |status: u16| Answer::new(status).header("Api-Version", "1.41");
        let path = request.path.strip_prefix("/v1.41").unwrap_or(&request.path);
        let is_lookup = path == format!("/containers/{ID}/json")
            || (path.starts_with("/images/") && path.ends_with("/json"));
        match path {
            "/version" => answer(200).json(&json!({"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12",
                "Components": [{"Name": "Engine"}]})),
            "/info" => answer(200).json(&json!({"Driver": "overlay2", "NCPU": 2, "MemTotal": 4_000_000_000_u64,
                "SystemTime": "2026-11-24T08:11:04Z", "DockerRootDir": "/var/lib/docker"})),
            _ if is_lookup && !matches!(kind, Kind::Everything) => answer(200).json(&json!({
                "Id": ID, "Name": "/web", "Created": "2026-11-24T08:11:04Z",
                "State": {"Status": "running", "Running": true, "StartedAt": "2026-11-24T08:11:05Z"},
                "Config": {"Image": "box", "Labels": {
                    "io.driver-interface.managed-by": "driver-interface", "io.driver-interface.namespace": "default",
                    "io.driver-interface.session": "s", "io.driver-interface.name": "web", "io.driver-interface.fingerprint": "f", "io.driver-interface.operation": "o"}}})),
            _ => match kind {
                Kind::Everything | Kind::Behind => answer(200).endless("[\"", "x".repeat(16 * 1024)),
                Kind::Errors => answer(500).endless("{\"message\":\"", "x".repeat(16 * 1024)),
            },
        }
    }
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

type Outcome = Result<(), DriverError>;

/// Runs every operation to the end of its result.
async fn operations(driver: &DockerDriver) -> Vec<(&'static str, Outcome)> {
    let mut done = Vec::new();
    for operation in Operation::ALL {
        // New resources need a name, existing ones an id.
        let creates = operation.kind() == OperationKind::Create || *operation == Operation::Plan;
        let name = if creates { "web-2" } else { ID };
        let ended = tokio::time::timeout(Duration::from_secs(40), call(driver, *operation, name)).await;
        let ended = ended.unwrap_or_else(|_| panic!("{operation} never ended"));
        done.push((operation.as_str(), ended));
    }
    let tail = LogOptions::default().tail(5);
    let id = ContainerId::new(ID).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), driver.get_container_logs(&id, tail)).await;
    done.push((
        "tail",
        ended.unwrap_or_else(|_| panic!("the tail never ended")).map(drop),
    ));
    done
}

/// Operations that need no endless response.
fn answered(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Everything => &["health_check"],
        _ => &[
            "health_check", "get_container", "is_container_healthy", "get_image", "unpause_container", "plan",
        ],
    }
}

#[test]
fn endless_responses_are_typed_errors_in_bounded_memory() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for kind in [Kind::Everything, Kind::Behind, Kind::Errors] {
        let proxy = FaultProxy::scripted(script(kind)).unwrap();
        let brief = Duration::from_secs(2);
        let deadlines = Deadlines::default()
            .connect(Duration::from_secs(2))
            .read(brief)
            .create(brief)
            .start(brief)
            .stop_margin(brief)
            .remove(brief)
            .pull(brief)
            .transfer(brief)
            .logs(brief);
        let config = DockerConfig::for_uri(&format!("docker:{}", proxy.uri()))
            .unwrap()
            .deadlines(deadlines);
        let done = runtime.block_on(async {
            let driver = DockerDriver::connect(config).await.unwrap();
            operations(&driver).await
        });
        for (name, outcome) in done {
            match outcome {
                // A health check reports an unhealthy engine, and single inspections succeed.
                Ok(()) => assert!(
                    answered(kind).contains(&name),
                    "{kind:?} {name} takes it for an answer"
                ),
                Err(error) => assert_ne!(error.code(), codes::INTERNAL_ERROR, "{kind:?} {name}: {error:?}"),
            }
        }
        println!("{kind:?}: peak {} MiB", peak_kib() / 1024);
        assert!(peak_kib() < PEAK_KIB, "{kind:?}: {} KiB", peak_kib());
    }
}
