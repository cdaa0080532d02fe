//! The effects of a config: process, ports, names, health checks, plans.

use std::time::Duration;

use driver_interface_errors::{Hint, codes};
use driver_interface_mock::MockLocalDriver;
use driver_interface_types::{
    ConfigFeature, ContainerConfig, ContainerDriver, ContainerDriverExt as _, ContainerHealthStatus,
    ContainerId, Enforcement, EventFilter, EventKind, ExecConfig, HealthCheck, NetworkConfig,
    NetworkConnectOptions, Operation, PortMapping, Protocol, PullPolicy, Signal, StopOptions, StopOutcome,
    Strictness, VolumeConfig, VolumeId, VolumeMount, WaitOptions,
};
use tokio::time::sleep;

use super::support::{instant_driver, logs, ready, run, script, server, started};

const SECOND: Duration = Duration::from_secs(1);

async fn sh(driver: &dyn ContainerDriver, id: &ContainerId, line: &str) -> String {
    driver
        .exec(id, ExecConfig::shell(line))
        .await
        .unwrap()
        .stdout_text()
        .into_owned()
}

#[tokio::test(start_paused = true)]
async fn process_options_are_applied() {
    let config = ContainerConfig::new("s", "busybox")
        .entrypoint([
            "sh",
            "-c",
            "pwd; hostname; cat /etc/hostname; ulimit -n; ulimit -Hn; echo $0 $1",
        ])
        .command(["zero", "one"])
        .working_dir("/made/for/it")
        .hostname("box")
        .ulimit("nofile", 100, 200);
    let ran = run(&config).await;
    assert_eq!(ran.stdout, "/made/for/it\nbox\nbox\n100\n200\nzero one\n");
    let only = ContainerConfig::new("s", "busybox").entrypoint(["echo", "only"]);
    assert_eq!(
        run(&only).await.stdout,
        "only\n",
        "the image's command is left out"
    );
}

#[tokio::test(start_paused = true)]
async fn configured_stop_signal_is_used() {
    let driver = instant_driver();
    let config = script("trap 'exit 3' USR1; trap '' TERM; echo ready; while true; do sleep 1; done");
    let id = ready(&driver, &config.stop_signal(Signal::USR1)).await;
    assert_eq!(
        driver.stop_container(&id, StopOptions::default()).await.unwrap(),
        StopOutcome::Stopped
    );
    assert_eq!(
        driver.get_container(&id).await.unwrap().unwrap().exit_code(),
        Some(3)
    );
}

#[tokio::test(start_paused = true)]
async fn main_process_is_pid_1_without_init() {
    let driver = instant_driver();
    let id = ready(
        &driver,
        &script("echo $$; while true; do sleep 1; done").init(false),
    )
    .await;
    assert_eq!(logs(&driver, &id).await, "1\n");
    assert!(
        driver
            .stop_container(&id, StopOptions::graceful(SECOND))
            .await
            .is_err()
    );
    let with = ready(
        &driver,
        &script("echo $$; while true; do sleep 1; done").init(true),
    )
    .await;
    assert_ne!(logs(&driver, &with).await, "1\n");
    driver
        .stop_container(&with, StopOptions::graceful(SECOND))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn ports_are_allocated_and_conflicts_refused() {
    let driver = instant_driver();
    let config = server()
        .port(PortMapping::new(80))
        .port(PortMapping::new(53).protocol(Protocol::Udp).host_port(5353));
    let created = driver.create_container(&config).await.unwrap();
    assert!(created.ports.is_empty());
    driver.start_container(&created.id).await.unwrap();
    let first = driver.get_container(&created.id).await.unwrap().unwrap();
    assert!(first.endpoint(80).unwrap().port() >= 49_153);
    assert_eq!(first.ports[1].host_port, 5353);

    let second = driver.create_container(&config).await.unwrap().id;
    let error = driver.start_container(&second).await.unwrap_err();
    assert_eq!(
        (error.code(), error.hint()),
        (codes::CONTAINER_START_FAILED, Some(Hint::PortInUse))
    );
    driver
        .stop_container(&created.id, StopOptions::default())
        .await
        .unwrap();
    assert!(
        driver
            .get_container(&created.id)
            .await
            .unwrap()
            .unwrap()
            .ports
            .is_empty()
    );
    driver.start_container(&second).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn names_resolve_on_shared_networks() {
    let driver = instant_driver();
    for name in ["front", "back"] {
        driver
            .create_network(&NetworkConfig::new(name).internal(name == "back"))
            .await
            .unwrap();
    }
    let back = driver.find_network("back").await.unwrap().unwrap();
    assert!(back.internal);
    let db = ready(
        &driver,
        &server().name("db").network("back").network_alias("postgres"),
    )
    .await;
    let web = ready(
        &driver,
        &server()
            .name("web")
            .network("front")
            .dns([9, 9, 9, 9])
            .extra_host("fixed", [10, 1, 2, 3]),
    )
    .await;
    assert_eq!(
        sh(&driver, &web, "getent hosts fixed").await,
        "10.1.2.3        fixed\n"
    );
    assert_eq!(
        sh(&driver, &web, "cat /etc/resolv.conf").await,
        "nameserver 9.9.9.9\n"
    );
    let finds = async |name: &str| {
        !sh(&driver, &web, &format!("getent hosts {name}"))
            .await
            .is_empty()
    };
    assert!(!finds("db").await && !finds("postgres").await);
    driver
        .connect_network(&back.id, &web, NetworkConnectOptions::default())
        .await
        .unwrap();
    driver
        .connect_network(&back.id, &web, NetworkConnectOptions::default())
        .await
        .unwrap();
    assert!(finds("db").await && finds("postgres").await);
    let options = NetworkConnectOptions::default().alias("late");
    let front = driver.find_network("front").await.unwrap().unwrap().id;
    driver.connect_network(&front, &db, options).await.unwrap();
    assert!(finds("late").await);
    assert!(driver.remove_network(&back.id).await.is_err());
    for _ in 0..2 {
        driver.disconnect_network(&front, &db).await.unwrap();
        driver.disconnect_network(&back.id, &db).await.unwrap();
    }
    assert!(!finds("db").await);
    driver.disconnect_network(&back.id, &web).await.unwrap();
    driver.remove_network(&back.id).await.unwrap();
    assert_eq!(driver.get_network(&back.id).await.unwrap(), None);

    let lonely = driver
        .create_container(&server().network("none"))
        .await
        .unwrap()
        .id;
    let error = driver
        .connect_network(&front, &lonely, NetworkConnectOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.code(), codes::NETWORK_CONNECT_FAILED);
    let error = driver.disconnect_network(&back.id, &web).await.unwrap_err();
    assert_eq!(error.code(), codes::NETWORK_NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn get_volume_returns_the_volume() {
    let driver = instant_driver();
    let created = driver
        .create_volume(&VolumeConfig::new("data").label("a", "b"))
        .await
        .unwrap();
    assert_eq!(driver.get_volume(&created.id).await.unwrap(), Some(created));
    assert_eq!(
        driver.get_volume(&VolumeId::new("none").unwrap()).await.unwrap(),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn health_check_runs_its_command() {
    let driver = instant_driver();
    let mut events = driver
        .events(
            &EventFilter::default()
                .kind(EventKind::Healthy)
                .kind(EventKind::Unhealthy)
                .kind(EventKind::Exec),
        )
        .await
        .unwrap();
    let check = HealthCheck::shell("test -f /tmp/ok || { echo no file; exit 1; }")
        .interval(2 * SECOND)
        .retries(2);
    let id = started(&driver, &server().health_check(check)).await;
    let health = async || driver.get_container(&id).await.unwrap().unwrap().health.unwrap();
    assert_eq!(health().await.status, ContainerHealthStatus::Starting);
    assert!(!driver.is_container_healthy(&id).await.unwrap());
    sleep(3 * SECOND).await;
    let once = health().await;
    assert_eq!(
        (once.status, once.failing_streak),
        (ContainerHealthStatus::Starting, 1)
    );
    sleep(2 * SECOND).await;
    let twice = health().await;
    assert_eq!(
        (twice.status, twice.last_output.as_deref()),
        (ContainerHealthStatus::Unhealthy, Some("no file\n"))
    );
    assert_eq!(events.next().await.unwrap().unwrap().kind(), EventKind::Unhealthy);
    sh(&driver, &id, "touch /tmp/ok").await;
    sleep(3 * SECOND).await;
    assert!(health().await.is_healthy() && driver.is_container_healthy(&id).await.unwrap());
    assert_eq!(events.next().await.unwrap().unwrap().kind(), EventKind::Exec);
    assert_eq!(events.next().await.unwrap().unwrap().kind(), EventKind::Healthy);
}

#[tokio::test(start_paused = true)]
async fn slow_health_check_fails_after_the_start_period() {
    let driver = instant_driver();
    let slow = HealthCheck::command(["sleep", "60"])
        .interval(SECOND)
        .timeout(SECOND)
        .retries(1);
    let id = started(
        &driver,
        &server().health_check(slow.clone().start_period(10 * SECOND)),
    )
    .await;
    sleep(5 * SECOND).await;
    let health = driver.get_container(&id).await.unwrap().unwrap().health.unwrap();
    assert_eq!(
        (health.status, health.failing_streak),
        (ContainerHealthStatus::Starting, 0)
    );
    sleep(10 * SECOND).await;
    let health = driver.get_container(&id).await.unwrap().unwrap().health.unwrap();
    assert_eq!(health.status, ContainerHealthStatus::Unhealthy);
    assert!(health.last_output.unwrap().contains("longer than 1s"));
    let listed = sh(&driver, &id, "ps").await;
    assert!(
        !listed.contains("sleep\n") || listed.matches("sleep\n").count() <= 2,
        "{listed}"
    );
}

#[tokio::test(start_paused = true)]
async fn plan_predicts_create_without_side_effects() {
    let driver = instant_driver();
    let config = ContainerConfig::new("s", "not-pulled-yet")
        .name("planned")
        .disk(64);
    let plan = driver.plan(&config).await.unwrap();
    assert!(plan.is_accepted());
    assert!(matches!(plan.enforcement.disk, Enforcement::Unsupported(_)));
    assert_eq!(plan.enforcement.cpu, Enforcement::Enforced);
    assert!(driver.engine().containers().is_empty() && driver.engine().images().len() == 2);
    let created = driver.create_container(&config).await.unwrap();
    assert_eq!(
        (created.warnings, created.enforcement),
        (plan.warnings, Some(plan.enforcement))
    );

    let mut wrong = config
        .clone()
        .cpu(100.0)
        .mount(VolumeMount::volume("none", "/x"))
        .network("none-such");
    let paths = async |config: &ContainerConfig| -> Vec<String> {
        let refusals = driver.plan(config).await.unwrap().refusals;
        assert_eq!(
            driver.create_container(config).await.is_err(),
            !refusals.is_empty()
        );
        refusals.into_iter().map(|refusal| refusal.path).collect()
    };
    assert_eq!(paths(&wrong).await, ["resources.cpu"]);
    wrong = wrong.cpu(1.0);
    assert_eq!(paths(&wrong).await, ["name", "volumes[0].source", "network"]);
    let strict = ContainerConfig::new("s", "busybox")
        .strictness(Strictness::Require)
        .disk(64)
        .platform("linux/arm64");
    assert_eq!(paths(&strict).await, ["platform", "resources.disk"]);
    let never = ContainerConfig::new("s", "elsewhere").pull_policy(PullPolicy::Never);
    assert_eq!(paths(&never).await, ["image"]);
    assert_eq!(
        paths(&ContainerConfig::new("bad session", "Bad Image"))
            .await
            .len(),
        2
    );
}

#[tokio::test(start_paused = true)]
async fn undeclared_features_are_refused() {
    let driver = MockLocalDriver::new();
    let config = server().runtime("runsc");
    assert!(!driver.capabilities().supports(ConfigFeature::Runtime));
    assert_eq!(
        driver.create_container(&config).await.unwrap_err().code(),
        codes::UNSUPPORTED_OPERATION
    );
    assert_eq!(
        driver.calls().last().unwrap().operation,
        Operation::CreateContainer
    );
    let id = started(&driver, &script("exit 0")).await;
    assert_eq!(
        driver
            .wait_container(&id, WaitOptions::default())
            .await
            .unwrap()
            .code,
        0
    );
}
