//! Internal networks, networks attached before the start, and plans.

use driver_interface_types::{ContainerDriver, CreationPlan, Enforcement, NetworkConfig, VolumeMount};

use super::engine::on_each;

#[test]
fn internal_network_is_internal_on_the_engine() {
    on_each("internal", |bench| async move {
        let name = format!("{}-in", bench.namespace);
        let network = NetworkConfig::new(&name).internal(true);
        bench.driver.create_network(&network).await.unwrap();
        let record = bench.raw.get(&format!("/networks/{name}"));
        assert_eq!(record["Internal"], true);
    });
}

#[test]
fn network_connected_before_start_is_an_interface() {
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
    });
}

#[test]
fn plan_reports_enforcement_and_missing_volumes() {
    on_each("plan", |bench| async move {
        let config = bench.config("true").disk(64);
        let plan = bench.driver.plan(&config).await.unwrap();
        let made = bench.driver.create_container(&config).await.unwrap();
        assert_eq!(made.warnings, plan.warnings);
        assert_eq!(made.enforcement, Some(plan.enforcement.clone()));
        if bench.is_podman() {
            assert!(matches!(plan.enforcement.sessions, Enforcement::Weakened(_)));
        }
        let paths = |plan: CreationPlan| -> Vec<String> {
            plan.refusals.into_iter().map(|refusal| refusal.path).collect()
        };
        let mut bad = config.cpu(-1.0).mount(VolumeMount::volume("nonesuch", "/data"));
        // The driver validates a config before it inspects volumes.
        assert_eq!(paths(bench.driver.plan(&bad).await.unwrap()), ["resources.cpu"]);
        bad.resources.cpu = 1.0;
        assert_eq!(
            paths(bench.driver.plan(&bad).await.unwrap()),
            ["volumes[0].source"]
        );
    });
}
