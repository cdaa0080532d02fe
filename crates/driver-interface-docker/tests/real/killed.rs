//! Cleanup after killed processes.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use driver_interface_docker::{DockerConfig, DockerDriver};
use driver_interface_errors::Result;
use driver_interface_types::{
    ContainerConfig, ContainerDriver, ContainerDriverExt, ContainerFilter, ExecConfig, Namespace,
    NetworkConfig, RemoveOptions, StopOptions, VolumeConfig, VolumeMount,
};
use futures_util::future::join_all;
use serde_json::json;
use tokio::time::sleep;

use super::engine::{Bench, on_each};

const SESSIONS: usize = 10;
/// The URI, namespace and image of the worker process.
const WORK: &str = "DRIVER_INTERFACE_KILLED_WORK";
/// Overrides how often the worker process is killed.
const KILLS: &str = "DRIVER_INTERFACE_KILLS";
const AT_WORK: &str = "ten sessions are at work";

#[test]
#[ignore = "not a test by itself: the process that another test kills"]
fn worker_runs_ten_sessions_until_killed() {
    let Ok(work) = std::env::var(WORK) else { return };
    let [uri, namespace, image] = work.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let config = DockerConfig::for_uri(uri)
            .unwrap()
            .namespace(Namespace::new(namespace).unwrap());
        let driver = DockerDriver::connect(config).await.unwrap();
        println!("{AT_WORK}");
        let sessions = (0..SESSIONS).map(|number| session(&driver, namespace, image, number));
        join_all(sessions).await;
    });
}

async fn session(driver: &DockerDriver, namespace: &str, image: &str, number: usize) {
    for round in 0.. {
        // A busy engine may refuse a call. The cleanup removes the leftovers of that round too.
        let _ = work(driver, &format!("{namespace}-{number}-{round}"), image, number).await;
    }
}

async fn work(driver: &DockerDriver, name: &str, image: &str, number: usize) -> Result<()> {
    let session = format!("s{number}");
    let volume = driver
        .create_volume(&VolumeConfig::new(name).session(session.as_str()))
        .await?;
    let mut config = ContainerConfig::new(session.as_str(), image)
        .command(["sleep", "600"])
        .cpu(0.5)
        .memory(32)
        .mount(VolumeMount::volume(name, "/data"));
    // The default address pools allow about 30 networks, and other tests need some.
    let network = match number.is_multiple_of(5) {
        true => Some(
            driver
                .create_network(&NetworkConfig::new(name).session(session.as_str()))
                .await?,
        ),
        false => None,
    };
    if let Some(network) = &network {
        config = config.network(network.name.as_str());
    }
    let made = driver.create_container(&config).await?;
    driver.start_container(&made.id).await?;
    let _ = driver.exec(&made.id, ExecConfig::new(["true"])).await?;
    if number.is_multiple_of(2) {
        driver.stop_container(&made.id, StopOptions::kill()).await?;
    }
    driver.remove_container(&made.id, RemoveOptions::force()).await?;
    if let Some(network) = network {
        driver.remove_network(&network.id).await?;
    }
    driver.remove_volume(&volume.id).await
}

/// Starts the worker process and returns once its sessions are running.
fn started(bench: &Bench) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "real::killed::worker_runs_ten_sessions_until_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(WORK, format!("{} {} {}", bench.uri, bench.namespace, bench.image))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let at_work = lines
        .map_while(std::io::Result::ok)
        .any(|line| line.contains(AT_WORK));
    assert!(at_work, "the process ended before its sessions began");
    child
}

/// Returns the leftovers of the process once the engine has finished its pending requests.
async fn left(bench: &Bench) -> Vec<String> {
    // Engines list resources in no fixed order.
    let look = || BTreeSet::from_iter(bench.raw.left(&bench.namespace));
    let (mut left, mut same) = (look(), 0);
    while same < 4 {
        sleep(Duration::from_millis(500)).await;
        let now = look();
        same = if now == left { same + 1 } else { 0 };
        left = now;
    }
    left.into_iter().collect()
}

#[test]
fn one_cleanup_removes_leftovers_of_killed_process() {
    on_each("one_cleanup_removes_leftovers_of_killed_process", async |bench| {
        let detected_by = std::env::var(KILLS).map_or(2, |count| count.parse().unwrap());
        let others = Others::new(&bench).await;
        let before = others.seen(&bench).await;
        let (mut dirty, mut networks) = (0, 0);
        for kill in 0..detected_by {
            let mut child = started(&bench);
            let moment = Duration::from_millis(rand::random::<u64>() % 2_500);
            sleep(moment).await;
            child.kill().unwrap();
            child.wait().unwrap();
            let left = left(&bench).await;
            dirty += usize::from(!left.is_empty());
            networks += usize::from(left.iter().any(|one| one.contains(&bench.default_network())));
            let (one, another) = (bench.another().await, bench.another().await);
            let failures = if kill % 2 == 0 {
                one.clear_namespace().await.failures
            } else {
                // Concurrent cleanups must not interfere.
                let (mut one, other) = tokio::join!(one.clear_namespace(), another.clear_namespace());
                one.failures.extend(other.failures);
                one.failures
            };
            assert!(failures.is_empty(), "{failures:?} after {moment:?} with {left:?}");
            let after = bench.raw.left(&bench.namespace);
            assert!(
                after.is_empty(),
                "left: {after:?} of {left:?}, killed after {moment:?}"
            );
        }
        println!("{dirty} of {detected_by} kills left something, {networks} of them a default network");
        assert!(dirty > 0, "no kill hit anything");
        assert_eq!(others.seen(&bench).await, before);
        others.remove(&bench).await;
    });
}

/// Resources of another namespace, and unmanaged resources.
struct Others {
    namespace: String,
    driver: DockerDriver,
    name: String,
}

impl Others {
    async fn new(bench: &Bench) -> Self {
        let namespace = format!("{}-others", bench.namespace);
        let driver = bench.in_namespace(&namespace).await;
        let name = format!("{}-plain", bench.namespace);
        // Use the session ids of the namespace that is cleared.
        for (session, script) in [("s1", "sleep 600"), ("s2", "true")] {
            let mut config = bench.config(script);
            config.session_id = session.to_owned();
            let made = driver.create_container(&config).await.unwrap();
            if session == "s1" {
                driver.start_container(&made.id).await.unwrap();
            }
        }
        let volume = VolumeConfig::new(format!("{namespace}-v")).session("s1");
        driver.create_volume(&volume).await.unwrap();
        let network = NetworkConfig::new(format!("{namespace}-n")).session("s1");
        driver.create_network(&network).await.unwrap();
        let plain = json!({"Image": bench.image, "Cmd": ["true"]});
        let path = format!("/containers/create?name={name}");
        assert_eq!(bench.raw.call("POST", &path, Some(&plain)).0, 201);
        let volume = json!({"Name": name});
        assert_eq!(bench.raw.call("POST", "/volumes/create", Some(&volume)).0, 201);
        Self {
            namespace,
            driver,
            name,
        }
    }

    async fn seen(&self, bench: &Bench) -> impl PartialEq + std::fmt::Debug + use<> {
        let containers = self.driver.list_containers(&ContainerFilter::default()).await;
        let mut left = bench.raw.left(&self.namespace);
        left.sort();
        let plain = bench.raw.get(&format!("/containers/{}/json", self.name));
        let volume = bench.raw.get(&format!("/volumes/{}", self.name));
        (
            containers.unwrap(),
            left,
            plain["Id"].clone(),
            volume["CreatedAt"].clone(),
        )
    }

    async fn remove(&self, bench: &Bench) {
        assert!(self.driver.clear_namespace().await.failures.is_empty());
        assert_eq!(bench.raw.left(&self.namespace), Vec::<String>::new());
        for path in [
            format!("/containers/{}", self.name),
            format!("/volumes/{}", self.name),
        ] {
            assert_eq!(bench.raw.call("DELETE", &path, None).0, 204, "{path}");
        }
    }
}

/// Leaves an idle default network: another program removes its container.
async fn orphaned_network(bench: &Bench) {
    let made = bench.created("true").await;
    let path = format!("/containers/{}?force=1", made.id);
    assert_eq!(bench.raw.call("DELETE", &path, None).0, 204);
    let left = bench.raw.left(&bench.namespace);
    assert!(
        left.iter().all(|one| one.starts_with("network ")) && left.len() == 1,
        "{left:?}"
    );
}

#[test]
fn unused_default_network_is_removed() {
    on_each("unused_default_network_is_removed", async |bench| {
        let nothing = Vec::<String>::new();
        orphaned_network(&bench).await;
        let removed = bench.driver.remove_session(&"s1".parse().unwrap()).await;
        assert!(removed.failures.is_empty());
        assert_eq!(bench.raw.left(&bench.namespace), nothing);

        orphaned_network(&bench).await;
        assert_eq!(bench.another().await.remove_idle_networks().await.unwrap(), 1);
        assert_eq!(bench.raw.left(&bench.namespace), nothing);
        assert_eq!(bench.driver.remove_idle_networks().await.unwrap(), 0);

        let used = bench.created("sleep 60").await;
        assert_eq!(bench.driver.remove_idle_networks().await.unwrap(), 0);
        bench.driver.start_container(&used.id).await.unwrap();
    });
}

#[test]
fn default_network_with_unmanaged_container_stays() {
    on_each("default_network_with_unmanaged_container_stays", async |bench| {
        let made = bench.created("true").await;
        let network = bench.raw.left(&bench.namespace);
        let network = network
            .iter()
            .find_map(|one| one.strip_prefix("network "))
            .unwrap();
        let network = network.trim_matches('"');
        let name = format!("{}-guest", bench.namespace);
        let body = json!({"Image": bench.image, "Cmd": ["true"], "HostConfig": {"NetworkMode": network}});
        let path = format!("/containers/create?name={name}");
        assert_eq!(bench.raw.call("POST", &path, Some(&body)).0, 201);
        bench
            .driver
            .remove_container(&made.id, RemoveOptions::default())
            .await
            .unwrap();
        assert_eq!(bench.driver.remove_idle_networks().await.unwrap(), 0);
        assert_eq!(bench.raw.left(&bench.namespace).len(), 1);
        let path = format!("/containers/{name}");
        assert_eq!(bench.raw.call("DELETE", &path, None).0, 204);
        assert_eq!(bench.driver.remove_idle_networks().await.unwrap(), 1);
    });
}

#[test]
fn cleanup_does_not_disturb_concurrent_creates() {
    on_each("cleanup_does_not_disturb_concurrent_creates", async |bench| {
        let (one, other, cleaner) = (
            bench.another().await,
            bench.another().await,
            bench.another().await,
        );
        let cycle = async |driver: &DockerDriver, session: &str| {
            for _ in 0..6 {
                let mut config = bench.config("sleep 60");
                config.session_id = session.to_owned();
                let made = driver.create_container(&config).await.unwrap();
                driver.start_container(&made.id).await.unwrap();
                let now = driver.get_container(&made.id).await.unwrap().unwrap();
                assert!(now.ip_address.is_some(), "{now:?}");
                driver
                    .remove_container(&made.id, RemoveOptions::force())
                    .await
                    .unwrap();
            }
        };
        let cycles = async { tokio::join!(cycle(&one, "s1"), cycle(&other, "s1")) };
        let clean = async {
            loop {
                cleaner.remove_idle_networks().await.unwrap();
            }
        };
        tokio::select! {
            _ = cycles => {}
            () = clean => {}
        }
        cleaner.remove_idle_networks().await.unwrap();
        assert_eq!(bench.raw.left(&bench.namespace), Vec::<String>::new());
    });
}
