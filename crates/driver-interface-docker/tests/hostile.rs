//! An engine whose answers never end, on each operation: typed errors, in bounded memory.
//!
//! The measurement is of the whole process, so this test is alone in it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

use std::time::Duration;

use driver_interface_conformance::proxy::{Answer, FaultProxy, Request};
use driver_interface_docker::{Deadlines, DockerConfig, DockerDriver};
use driver_interface_errors::{DriverError, codes};
use driver_interface_types::{
    ContainerConfig, ContainerDriver, ContainerFilter, ContainerId, ContainerPath, EventFilter, ExecConfig,
    ImageFilter, ImageRef, LogOptions, LogStreamOptions, NetworkConfig, NetworkConnectOptions, NetworkId,
    PullOptions, ReadFileOptions, RemoveOptions, ResourceFilter, Signal, StopOptions, VolumeConfig, VolumeId,
    VolumeMount, WaitOptions, WriteFile,
};
use serde_json::json;
use tokio::io::AsyncReadExt;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const PEAK_KIB: u64 = 64 * 1024;

/// What an endless answer is made of.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Every answer, from the first lookup on.
    Everything,
    /// Lookups are answered well; what is behind them never ends.
    Behind,
    /// As `Behind`, with an error status.
    Errors,
}

fn script(kind: Kind) -> impl Fn(&Request) -> Answer + Send + Sync + 'static {
    move |request| {
        let answer = |status: u16| Answer::new(status).header("Api-Version", "1.41");
        let path = request.path.strip_prefix("/v1.41").unwrap_or(&request.path);
        let is_lookup = path == format!("/containers/{ID}/json") || path.starts_with("/images/box");
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

/// Every operation, to the end of what it returns.
async fn operations(driver: &DockerDriver) -> Vec<(&'static str, Outcome)> {
    let id = &ContainerId::new(ID).unwrap();
    let (volume, network) = (&VolumeId::new("vol").unwrap(), &NetworkId::new("net").unwrap());
    let image = &ImageRef::new("box").unwrap();
    let path = &ContainerPath::new("/a").unwrap();
    let container = ContainerConfig::new("s", "box").mount(VolumeMount::volume("vol", "/data"));
    let mut done = Vec::new();
    macro_rules! run {
        ($($name:literal: $call:expr,)+) => {
            $({
                let ended = tokio::time::timeout(Duration::from_secs(20), async { $call }).await;
                done.push(($name, ended.unwrap_or_else(|_| panic!("{} never ended", $name))));
            })+
        };
    }
    macro_rules! drained {
        ($call:expr) => {
            match $call.await {
                Err(error) => Err(error),
                Ok(mut stream) => loop {
                    match stream.next().await {
                        Some(Ok(_)) => {}
                        Some(Err(error)) => break Err(error),
                        None => break Ok(()),
                    }
                },
            }
        };
    }
    run! {
        "create_container": driver.create_container(&container).await.map(drop),
        "start_container": driver.start_container(id).await.map(drop),
        "stop_container": driver.stop_container(id, StopOptions::kill()).await.map(drop),
        "restart_container": driver.restart_container(id, StopOptions::kill()).await.map(drop),
        "kill_container": driver.kill_container(id, Signal::TERM).await,
        "pause_container": driver.pause_container(id).await.map(drop),
        "unpause_container": driver.unpause_container(id).await.map(drop),
        "remove_container": driver.remove_container(id, RemoveOptions::force()).await,
        "get_container": driver.get_container(id).await.map(drop),
        "list_containers": driver.list_containers(&ContainerFilter::default()).await.map(drop),
        "wait_container": driver.wait_container(id, WaitOptions::at_most(Duration::from_secs(4))).await.map(drop),
        "get_container_logs": driver.get_container_logs(id, LogOptions::default()).await.map(drop),
        "tail": driver.get_container_logs(id, LogOptions::default().tail(5)).await.map(drop),
        "stream_container_logs": drained!(driver.stream_container_logs(id, LogStreamOptions::default())),
        "health_check": driver.health_check().await.map(drop),
        "is_container_healthy": driver.is_container_healthy(id).await.map(drop),
        "exec": driver.exec(id, ExecConfig::new(["true"])).await.map(drop),
        "exec_stream": match driver.exec_stream(id, ExecConfig::new(["true"])).await {
            Ok(mut session) => { let _ = session.stdout.read_to_end(&mut Vec::new()).await; session.wait().await.map(drop) }
            Err(error) => Err(error),
        },
        "exec_detached": driver.exec_detached(id, ExecConfig::new(["true"])).await.map(drop),
        "create_volume": driver.create_volume(&VolumeConfig::new("vol")).await.map(drop),
        "remove_volume": driver.remove_volume(volume).await,
        "get_volume": driver.get_volume(volume).await.map(drop),
        "list_volumes": driver.list_volumes(&ResourceFilter::default()).await.map(drop),
        "create_network": driver.create_network(&NetworkConfig::new("net")).await.map(drop),
        "remove_network": driver.remove_network(network).await,
        "get_network": driver.get_network(network).await.map(drop),
        "list_networks": driver.list_networks(&ResourceFilter::default()).await.map(drop),
        "connect_network": driver.connect_network(network, id, NetworkConnectOptions::default()).await,
        "disconnect_network": driver.disconnect_network(network, id).await,
        "plan": driver.plan(&container).await.map(drop),
        "read_file": driver.read_file(id, path, ReadFileOptions::default()).await.map(drop),
        "read_file_stream": drained!(driver.read_file_stream(id, path)),
        "write_file": driver.write_file(id, path, WriteFile::new("x")).await,
        "copy_from_container": drained!(driver.copy_from_container(id, path)),
        "copy_into_container": driver.copy_into_container(id, path, vec![0_u8; 1024].into()).await,
        "pull_image": drained!(driver.pull_image(image, PullOptions::default())),
        "list_images": driver.list_images(&ImageFilter::default()).await.map(drop),
        "get_image": driver.get_image(image).await.map(drop),
        "load_image": driver.load_image(vec![0_u8; 1024].into()).await.map(drop),
        "import_image": driver.import_image(image, vec![0_u8; 1024].into()).await,
        "remove_image": driver.remove_image(image).await,
        "container_stats": driver.container_stats(id).await.map(drop),
        "stream_container_stats": drained!(driver.stream_container_stats(id)),
        "events": drained!(driver.events(&EventFilter::default())),
    }
    done
}

/// What needs nothing that never ends.
fn answered(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Everything => &["health_check"],
        _ => &[
            "health_check",
            "get_container",
            "is_container_healthy",
            "get_image",
            "unpause_container",
        ],
    }
}

#[test]
fn answers_that_never_end_are_typed_errors_in_bounded_memory() {
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
                // A health check answers that the engine is not healthy, and single lookups are answered well.
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
