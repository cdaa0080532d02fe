//! Several at once.

use std::time::{Duration, Instant};

use driver_interface_errors::{Hint, codes};
use driver_interface_types::{
    ContainerDriver, ContainerFilter, ContainerStatus, ExecConfig, ExecOutcome, LogOptions, NetworkConfig,
    RemoveOptions, ResourceFilter, StartOutcome, StopOptions, StopOutcome, VolumeConfig,
};
use futures_util::future::join_all;

use super::engine::on_each;

#[test]
fn one_of_sixteen_creations_of_a_name_wins() {
    on_each("one_of_sixteen_creations_of_a_name_wins", async |bench| {
        let config = bench.config("true").name(format!("{}-race", bench.namespace));
        let drivers = [bench.another().await, bench.another().await];
        let made = join_all((0..16).map(|at| drivers[at % 2].create_container(&config))).await;
        assert_eq!(made.iter().filter(|one| one.is_ok()).count(), 1);
        for error in made.iter().filter_map(|one| one.as_ref().err()) {
            assert_eq!(
                (error.code(), error.hint()),
                (codes::CONTAINER_CREATION_FAILED, Some(Hint::NameTaken))
            );
        }
    });
}

#[test]
fn one_of_sixteen_creators_of_a_volume_wins() {
    on_each("one_of_sixteen_creators_of_a_volume_wins", async |bench| {
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
fn one_of_sixteen_creators_of_a_network_wins() {
    on_each("one_of_sixteen_creators_of_a_network_wins", async |bench| {
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
fn sixteen_starts_run_it_once() {
    on_each("sixteen_starts_run_it_once", async |bench| {
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
fn sixteen_stops_all_succeed_in_the_time_of_one() {
    on_each("sixteen_stops_all_succeed_in_the_time_of_one", async |bench| {
        let made = bench
            .running("trap '' TERM; echo ready; while :; do sleep 0.1; done")
            .await;
        bench.ready(&made).await;
        let began = Instant::now();
        let firm = StopOptions::kill_after(Duration::from_secs(2));
        let outcomes = join_all((0..16).map(|_| bench.driver.stop_container(&made.id, firm))).await;
        assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
        assert!(
            outcomes
                .iter()
                .all(|one| *one.as_ref().unwrap() != StopOutcome::Stopped),
            "{outcomes:?}"
        );
        let now = bench.driver.get_container(&made.id).await.unwrap().unwrap();
        assert_eq!(now.exit_code(), Some(137));
    });
}

#[test]
fn one_of_sixteen_removals_wins() {
    on_each("one_of_sixteen_removals_wins", async |bench| {
        for _ in 0..3 {
            let made = bench.running("sleep 60").await;
            let removed =
                join_all((0..16).map(|_| bench.driver.remove_container(&made.id, RemoveOptions::force())))
                    .await;
            for error in removed.iter().filter_map(|one| one.as_ref().err()) {
                assert_eq!(error.code(), codes::CONTAINER_NOT_FOUND, "{error:?}");
            }
            assert_eq!(removed.iter().filter(|one| one.is_ok()).count(), 1);
            assert_eq!(bench.driver.get_container(&made.id).await.unwrap(), None);
        }
    });
}

#[test]
fn start_against_stop_ends_in_one_of_two_states() {
    on_each("start_against_stop_ends_in_one_of_two_states", async |bench| {
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
fn a_command_against_a_stop_ends_as_itself_or_with_its_container_or_is_refused() {
    on_each("exec against stop", |bench| async move {
        for millis in [0, 50, 100, 200] {
            let made = bench.running("while :; do sleep 1; done").await;
            let commands = (0..8).map(|_| bench.driver.exec(&made.id, ExecConfig::shell("exit 3")));
            let stop = async {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                bench.driver.stop_container(&made.id, StopOptions::kill()).await
            };
            let (answers, stopped) = tokio::join!(join_all(commands), stop);
            stopped.unwrap();
            for answer in answers {
                match answer {
                    Ok(output) => assert!(
                        matches!(
                            output.outcome,
                            ExecOutcome::Exited(3) | ExecOutcome::ContainerGone
                        ),
                        "{output:?}"
                    ),
                    Err(error) => assert_eq!(error.code(), "CONTAINER_NOT_RUNNING", "{error}"),
                }
            }
        }
    });
}

#[test]
fn start_against_remove_never_leaves_a_container() {
    on_each("start_against_remove_never_leaves_a_container", async |bench| {
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
fn a_list_made_while_others_come_and_go_is_whole() {
    on_each("a_list_made_while_others_come_and_go_is_whole", async |bench| {
        let kept = [bench.created("true").await.id, bench.created("true").await.id];
        let end = Instant::now() + Duration::from_secs(3);
        let churn = async {
            while Instant::now() < end {
                let made = bench.created("true").await;
                bench
                    .driver
                    .remove_container(&made.id, RemoveOptions::default())
                    .await
                    .unwrap();
            }
        };
        let look = async {
            while Instant::now() < end {
                let listed = bench
                    .driver
                    .list_containers(&ContainerFilter::default())
                    .await
                    .unwrap();
                for id in &kept {
                    assert!(listed.iter().any(|one| one.id == *id));
                }
            }
        };
        tokio::join!(churn, async { tokio::join!(churn_twice(&bench, end), look) });
    });
}

async fn churn_twice(bench: &super::engine::Bench, end: Instant) {
    while Instant::now() < end {
        let made = bench.created("true").await;
        bench
            .driver
            .remove_container(&made.id, RemoveOptions::force())
            .await
            .unwrap();
    }
}

#[test]
fn the_default_network_survives_first_and_last_containers_that_meet() {
    on_each(
        "the_default_network_survives_first_and_last_containers_that_meet",
        async |bench| {
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
        },
    );
}
