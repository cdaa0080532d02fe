//! Networks that containers are attached to later, and plans.

use driver_interface_types::{
    ContainerDriver, ContainerId, Enforcement, NetworkConfig, NetworkConnectOptions, NetworkId, NetworkMode,
    RemoveOptions, Strictness, VolumeConfig, VolumeId, VolumeMount,
};

use super::engine::on_each;

#[test]
fn a_volume_and_a_network_are_looked_up_by_their_exact_names() {
    on_each("lookup", |bench| async move {
        let name = format!("{}-x", bench.namespace);
        let volume = bench
            .driver
            .create_volume(&VolumeConfig::new(&name))
            .await
            .unwrap();
        let network = bench
            .driver
            .create_network(&NetworkConfig::new(&name).internal(true))
            .await
            .unwrap();
        assert!(network.internal);
        let stranger = bench.in_namespace("somebody-else").await;
        assert_eq!(
            bench.driver.get_volume(&volume.id).await.unwrap(),
            Some(volume.clone())
        );
        assert_eq!(stranger.get_volume(&volume.id).await.unwrap(), None);
        for id in [network.id.clone(), NetworkId::new(name.as_str()).unwrap()] {
            assert_eq!(
                bench.driver.get_network(&id).await.unwrap(),
                Some(network.clone())
            );
            assert_eq!(stranger.get_network(&id).await.unwrap(), None);
        }
        let prefix = NetworkId::new(&network.id.as_str()[..12]).unwrap();
        assert_eq!(bench.driver.get_network(&prefix).await.unwrap(), None);
        let none = VolumeId::new("nonesuch").unwrap();
        assert_eq!(bench.driver.get_volume(&none).await.unwrap(), None);
    });
}

#[test]
fn containers_of_an_internal_network_reach_each_other() {
    on_each("internal", |bench| async move {
        let name = format!("{}-in", bench.namespace);
        let network = NetworkConfig::new(&name).internal(true);
        bench.driver.create_network(&network).await.unwrap();
        let witness = bench.raw.get(&format!("/networks/{name}"));
        assert_eq!(witness["Internal"], true);
        let script = "while :; do echo hello | nc -l -p 8080; done";
        let on = NetworkMode::Named(name);
        bench
            .run(&bench.config(script).network(on.clone()).network_alias("inside"))
            .await;
        let script =
            "for i in 1 2 3 4 5 6 7 8 9; do nc inside 8080 </dev/null && exit 0; sleep 0.3; done; exit 9";
        let client = bench.config(script).network(on);
        assert_eq!(bench.ended(&client).await.exit_code(), Some(0));
    });
}

#[test]
fn a_container_is_found_on_the_networks_it_is_attached_to() {
    on_each("attach", |bench| async move {
        let name = format!("{}-late", bench.namespace);
        let network = bench
            .driver
            .create_network(&NetworkConfig::new(&name))
            .await
            .unwrap();
        let server = bench
            .running("while :; do echo hello | nc -l -p 8080; done")
            .await;
        let options = NetworkConnectOptions::default().alias("late");
        bench
            .driver
            .connect_network(&network.id, &server.id, options.clone())
            .await
            .unwrap();
        bench
            .driver
            .connect_network(&network.id, &server.id, options)
            .await
            .unwrap();
        let script =
            "for i in 1 2 3 4 5 6 7 8 9; do nc late 8080 </dev/null && exit 0; sleep 0.3; done; exit 9";
        let client = bench.config(script).network(NetworkMode::Named(name.clone()));
        assert_eq!(bench.ended(&client).await.exit_code(), Some(0));
        bench
            .driver
            .disconnect_network(&network.id, &server.id)
            .await
            .unwrap();
        bench
            .driver
            .disconnect_network(&network.id, &server.id)
            .await
            .unwrap();
        let gone = client.command(["sh", "-c", "nc -w 1 late 8080 </dev/null; test $? != 0"]);
        assert_eq!(bench.ended(&gone).await.exit_code(), Some(0));
    });
}

#[test]
fn networks_are_changed_while_a_container_does_not_run() {
    on_each("attach created", |bench| async move {
        let name = format!("{}-cold", bench.namespace);
        let network = bench
            .driver
            .create_network(&NetworkConfig::new(&name))
            .await
            .unwrap();
        let made = bench.created("ip -o -4 addr | grep -vc 127.0.0.1").await;
        bench
            .driver
            .connect_network(&network.id, &made.id, Default::default())
            .await
            .unwrap();
        bench.driver.start_container(&made.id).await.unwrap();
        let ended = bench.until(&made, |now| now.exit.is_some()).await;
        let logs = bench
            .driver
            .get_container_logs(&ended.id, Default::default())
            .await
            .unwrap();
        assert_eq!(logs, "2\n");
        bench
            .driver
            .disconnect_network(&network.id, &made.id)
            .await
            .unwrap();
        bench.driver.remove_network(&network.id).await.unwrap();
    });
}

#[test]
fn what_cannot_be_attached_is_a_typed_error() {
    on_each("attach errors", |bench| async move {
        let network = bench
            .driver
            .create_network(&NetworkConfig::new(format!("{}-n", bench.namespace)))
            .await
            .unwrap();
        let alone = bench
            .driver
            .create_container(&bench.config("x").network(NetworkMode::None))
            .await
            .unwrap();
        let (no_network, no_container) = (
            NetworkId::new("nonesuch").unwrap(),
            ContainerId::new("nonesuch").unwrap(),
        );
        let driver = &bench.driver;
        let error = driver
            .connect_network(&network.id, &alone.id, Default::default())
            .await
            .unwrap_err();
        assert_eq!(error.code(), "NETWORK_CONNECT_FAILED");
        let error = driver
            .connect_network(&no_network, &alone.id, Default::default())
            .await
            .unwrap_err();
        assert_eq!(error.code(), "NETWORK_NOT_FOUND");
        let error = driver
            .connect_network(&network.id, &no_container, Default::default())
            .await
            .unwrap_err();
        assert_eq!(error.code(), "CONTAINER_NOT_FOUND");
        let error = driver
            .disconnect_network(&network.id, &no_container)
            .await
            .unwrap_err();
        assert_eq!(error.code(), "CONTAINER_NOT_FOUND");
        driver
            .remove_container(&alone.id, RemoveOptions::default())
            .await
            .unwrap();
    });
}

#[test]
fn a_plan_says_what_a_creation_would_do_and_does_nothing() {
    on_each("plan", |bench| async move {
        let config = bench.config("true").disk(64);
        let plan = bench.driver.plan(&config).await.unwrap();
        assert!(plan.is_accepted(), "{:?}", plan.refusals);
        assert!(
            bench
                .driver
                .list_containers(&Default::default())
                .await
                .unwrap()
                .is_empty()
        );
        let made = bench.driver.create_container(&config).await.unwrap();
        assert_eq!(made.warnings, plan.warnings);
        assert_eq!(made.enforcement, Some(plan.enforcement.clone()));
        assert_eq!(
            plan.enforcement.disk.holds(),
            bench
                .driver
                .capabilities()
                .supports(driver_interface_types::Guarantee::Disk)
        );
        if bench.is_podman() {
            assert!(matches!(plan.enforcement.network, Enforcement::Weakened(_)));
        }
        let mut bad = config
            .clone()
            .cpu(-1.0)
            .mount(VolumeMount::volume("nonesuch", "/data"));
        let paths = |plan: &driver_interface_types::CreationPlan| -> Vec<String> {
            plan.refusals.iter().map(|refusal| refusal.path.clone()).collect()
        };
        assert_eq!(paths(&bench.driver.plan(&bad).await.unwrap()), ["resources.cpu"]);
        bad.resources.cpu = 1.0;
        assert_eq!(
            paths(&bench.driver.plan(&bad).await.unwrap()),
            ["volumes[0].source"]
        );
        let strict = bench
            .driver
            .plan(&config.strictness(Strictness::Require))
            .await
            .unwrap();
        assert_eq!(
            paths(&strict),
            plan.warnings
                .iter()
                .map(|warning| warning.path.clone())
                .collect::<Vec<_>>()
        );
    });
}
