//! Concurrent calls.

use std::time::Duration;

use driver_interface_errors::{Hint, codes};
use driver_interface_types::{
    ContainerDriver, ContainerStatus, LogOptions, NetworkConfig, RemoveOptions, ResourceFilter, StartOutcome,
    StopOptions, VolumeConfig,
};
use futures_util::future::join_all;

use super::engine::on_each;

#[test]
fn concurrent_volume_creates_succeed_once() {
    on_each("concurrent_volume_creates_succeed_once", async |bench| {
        let drivers = [bench.another().await, bench.another().await];
        for round in 0..5 {
            let name = format!("{}-race{round}", bench.namespace);
            let configs: Vec<VolumeConfig> = (0..16)
                .map(|at| VolumeConfig::new(name.as_str()).label("number", at.to_string()))
                .collect();
            let made = join_all(
                configs
                    .iter()
                    .enumerate()
                    .map(|(at, one)| drivers[at % 2].create_volume(one)),
            )
            .await;
            let won: Vec<_> = made.iter().filter_map(|one| one.as_ref().ok()).collect();
            assert_eq!(won.len(), 1);
            for error in made.iter().filter_map(|one| one.as_ref().err()) {
                assert_eq!(
                    (error.code(), error.hint()),
                    (codes::VOLUME_CREATION_FAILED, Some(Hint::NameTaken))
                );
                assert!(!error.is_retryable());
            }
            let listed = bench
                .driver
                .list_volumes(&ResourceFilter::default())
                .await
                .unwrap();
            assert_eq!(
                listed.iter().filter(|one| one.name == name).collect::<Vec<_>>(),
                won
            );
        }
    });
}

#[test]
fn concurrent_network_creates_succeed_once() {
    on_each("concurrent_network_creates_succeed_once", async |bench| {
        let drivers = [
            bench.another().await,
            bench.another().await,
            bench.another().await,
        ];
        for round in 0..3 {
            let config = NetworkConfig::new(format!("{}-race{round}", bench.namespace));
            let made = join_all((0..16).map(|at| drivers[at % 3].create_network(&config))).await;
            let won: Vec<_> = made.iter().filter_map(|one| one.as_ref().ok()).collect();
            for error in made.iter().filter_map(|one| one.as_ref().err()) {
                assert_eq!(
                    (error.code(), error.hint()),
                    (codes::NETWORK_CREATION_FAILED, Some(Hint::NameTaken))
                );
            }
            assert_eq!(won.len(), 1, "round {round}");
            let listed = bench
                .driver
                .list_networks(&ResourceFilter::default())
                .await
                .unwrap();
            assert_eq!(listed.iter().filter(|one| one.name == config.name).count(), 1);
            bench.driver.remove_network(&won[0].id).await.unwrap();
        }
    });
}

#[test]
fn concurrent_starts_run_once() {
    on_each("concurrent_starts_run_once", async |bench| {
        let made = bench.created("echo boot; sleep 60").await;
        let outcomes = join_all((0..16).map(|_| bench.driver.start_container(&made.id))).await;
        let started = outcomes
            .iter()
            .filter(|one| *one.as_ref().unwrap() == StartOutcome::Started)
            .count();
        assert_eq!(started, 1);
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(
            bench
                .driver
                .get_container_logs(&made.id, LogOptions::default())
                .await
                .unwrap(),
            "boot\n"
        );
    });
}

#[test]
fn concurrent_start_and_stop_end_consistently() {
    on_each("concurrent_start_and_stop_end_consistently", async |bench| {
        for round in 0..6 {
            let made = bench
                .running("trap 'exit 0' TERM; while :; do sleep 0.05; done")
                .await;
            let pause = tokio::time::sleep(Duration::from_millis(round * 15));
            let firm = StopOptions::kill_after(Duration::from_secs(2));
            let (stopped, (started, ())) = tokio::join!(bench.driver.stop_container(&made.id, firm), async {
                pause.await;
                (bench.driver.start_container(&made.id).await, ())
            });
            stopped.unwrap();
            started.unwrap();
            let now = bench.driver.get_container(&made.id).await.unwrap().unwrap();
            assert!(
                matches!(now.status, ContainerStatus::Running | ContainerStatus::Stopped),
                "{now:?}"
            );
            bench
                .driver
                .remove_container(&made.id, RemoveOptions::force())
                .await
                .unwrap();
        }
    });
}

#[test]
fn concurrent_start_and_remove_leave_nothing() {
    on_each("concurrent_start_and_remove_leave_nothing", async |bench| {
        for round in 0..6 {
            let made = bench.created("sleep 60").await;
            let (started, removed) = tokio::join!(bench.driver.start_container(&made.id), async {
                tokio::time::sleep(Duration::from_millis(round * 20)).await;
                bench
                    .driver
                    .remove_container(&made.id, RemoveOptions::force())
                    .await
            });
            removed.unwrap();
            if let Err(error) = started {
                assert_eq!(error.code(), codes::CONTAINER_NOT_FOUND, "{error:?}");
            }
            assert_eq!(bench.driver.get_container(&made.id).await.unwrap(), None);
        }
    });
}

#[test]
fn default_network_survives_concurrent_use() {
    on_each("default_network_survives_concurrent_use", async |bench| {
        let other = bench.another().await;
        let cycle = async |driver: &driver_interface_docker::DockerDriver| {
            for _ in 0..6 {
                let made = driver.create_container(&bench.config("true")).await.unwrap();
                driver.start_container(&made.id).await.unwrap();
                driver
                    .remove_container(&made.id, RemoveOptions::force())
                    .await
                    .unwrap();
            }
        };
        tokio::join!(cycle(&bench.driver), cycle(&other));
        assert_eq!(bench.raw.left(&bench.namespace), Vec::<String>::new());
    });
}
