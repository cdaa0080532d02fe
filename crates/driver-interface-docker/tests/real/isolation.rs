//! Who can reach and see whom.

use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_types::{
    ContainerDriver, ContainerFilter, ContainerId, LogOptions, NetworkConfig, NetworkMode, RemoveOptions,
    ResourceFilter, StopOptions, Strictness, VolumeConfig, VolumeId, Warning,
};
use serde_json::json;

use super::engine::{Bench, on_each};

const SERVE: &str = "echo ready; while :; do nc -l -p 7000 -e echo hello; done";

/// What a client of a session gets from a server's port.
async fn ask(bench: &Bench, session: &str, network: NetworkMode, address: &str) -> String {
    let mut config = bench
        .config(&format!("nc -w 3 {address} 7000 </dev/null; echo end"))
        .network(network);
    config.session_id = session.to_owned();
    let done = bench.ended(&config).await;
    bench
        .driver
        .get_container_logs(&done.id, LogOptions::default().only_stdout())
        .await
        .unwrap()
}

#[test]
fn a_network_that_does_not_keep_others_out_is_warned_of_and_refused_when_it_must() {
    on_each("a named network that is not kept apart", async |bench| {
        let network = NetworkConfig::new(format!("{}-own", bench.namespace));
        bench.driver.create_network(&network).await.unwrap();
        let config = bench
            .config("true")
            .network(NetworkMode::Named(network.name.clone()));
        let weak = !bench
            .driver
            .capabilities()
            .supports(driver_interface_types::Guarantee::Network);
        let warned = |warnings: &[Warning]| warnings.iter().any(|warning| warning.path == "network");
        let made = bench.driver.create_container(&config).await.unwrap();
        assert_eq!(warned(&made.warnings), weak);
        let strict = bench
            .driver
            .plan(&config.strictness(Strictness::Require))
            .await
            .unwrap();
        assert_eq!(warned(&strict.refusals), weak);
    });
}

#[test]
fn sessions_cannot_reach_each_other() {
    on_each("sessions_cannot_reach_each_other", async |bench| {
        let network = NetworkConfig::new(format!("{}-open", bench.namespace));
        bench.driver.create_network(&network).await.unwrap();
        let open = NetworkMode::Named(network.name.clone());
        // The control: on a network of their own they can, so the port and the tool work.
        let control = bench.run(&bench.config(SERVE).network(open.clone())).await;
        bench.ready(&control).await;
        let name = control.name.as_str();
        assert_eq!(
            ask(
                &bench,
                "s1",
                open.clone(),
                &control.ip_address.unwrap().to_string()
            )
            .await,
            "hello\nend\n"
        );
        assert_eq!(ask(&bench, "s1", open, name).await, "hello\nend\n", "by name");

        let server = bench.running(SERVE).await;
        bench.ready(&server).await;
        let address = server.ip_address.unwrap().to_string();
        if !bench
            .driver
            .capabilities()
            .supports(driver_interface_types::Guarantee::Sessions)
        {
            assert!(server.warnings.iter().any(|warning| warning.path == "network"));
            eprintln!("that sessions are apart was not tried: the driver does not promise it on this engine");
            return;
        }
        assert_eq!(ask(&bench, "s2", NetworkMode::Default, &address).await, "end\n");
        assert_eq!(
            ask(
                &bench,
                "s2",
                NetworkMode::Default,
                &control.ip_address.unwrap().to_string()
            )
            .await,
            "end\n"
        );
    });
}

#[test]
fn a_default_network_that_is_gone_is_made_anew() {
    on_each("a_default_network_that_is_gone_is_made_anew", async |bench| {
        let made = bench.created("true").await;
        let names: Vec<String> = bench
            .raw
            .left(&bench.namespace)
            .into_iter()
            .filter(|one| one.starts_with("network"))
            .collect();
        assert_eq!(names.len(), 1);
        assert!(
            bench
                .driver
                .list_networks(&ResourceFilter::default())
                .await
                .unwrap()
                .is_empty()
        );
        let name = names[0]
            .trim_start_matches("network ")
            .trim_matches('"')
            .to_owned();
        let remove = || bench.raw.call("DELETE", &format!("/networks/{name}"), None).0;
        for _ in 0..2 {
            // Podman does not remove it while a container refers to it.
            assert_eq!(remove(), if bench.is_podman() { 500 } else { 204 });
            bench.driver.start_container(&made.id).await.unwrap();
            bench.until(&made, |now| now.exit.is_some()).await;
        }
        bench
            .driver
            .remove_container(&made.id, RemoveOptions::default())
            .await
            .unwrap();
        assert_eq!(bench.raw.left(&bench.namespace), Vec::<String>::new());
    });
}

#[test]
fn what_is_made_from_a_snapshot_of_ours_is_not_ours() {
    on_each(
        "what_is_made_from_a_snapshot_of_ours_is_not_ours",
        async |bench| {
            let ours = bench.created("true").await;
            let image = format!("localhost/{}-snapshot", bench.namespace);
            let commit = format!("/commit?container={}&repo={image}&tag=1", ours.id);
            let (status, answer) = bench.raw.call("POST", &commit, Some(&json!({})));
            assert_eq!(status, 201, "{answer}");
            let name = format!("{}-copy", bench.namespace);
            let body = json!({"Image": format!("{image}:1"), "Cmd": ["sleep", "60"]});
            let (status, made) =
                bench
                    .raw
                    .call("POST", &format!("/containers/create?name={name}"), Some(&body));
            assert_eq!(status, 201, "{made}");
            let id = made["Id"].as_str().unwrap().to_owned();
            let labels = bench.raw.get(&format!("/containers/{id}/json"))["Config"]["Labels"].clone();
            let seen = bench.driver.list_containers(&ContainerFilter::default()).await;
            let copy = ContainerId::new(id.as_str()).unwrap();
            let removed = bench.driver.remove_container(&copy, RemoveOptions::force()).await;
            bench
                .raw
                .call("DELETE", &format!("/containers/{id}?force=1"), None);
            bench.raw.untag(&format!("{image}:1"));
            assert_eq!(
                labels["io.driver-interface.namespace"],
                json!(bench.namespace),
                "it has our labels"
            );
            let seen: Vec<_> = seen.unwrap().into_iter().map(|one| one.id).collect();
            assert_eq!(seen, [ours.id]);
            assert_eq!(removed.unwrap_err().code(), codes::CONTAINER_NOT_FOUND);
        },
    );
}

#[test]
fn what_others_made_is_neither_seen_nor_touched() {
    on_each("what_others_made_is_neither_seen_nor_touched", async |bench| {
        let name = format!("{}-stranger", bench.namespace);
        let labels = json!({"io.driver-interface.managed-by": "driver-interface", "io.driver-interface.namespace": "x"});
        let body = json!({"Image": bench.image, "Cmd": ["sleep", "60"], "Labels": labels});
        let (status, made) = bench
            .raw
            .call("POST", &format!("/containers/create?name={name}"), Some(&body));
        assert_eq!(status, 201);
        let id = made["Id"].as_str().unwrap().to_owned();
        bench.raw.call("POST", &format!("/containers/{id}/start"), None);
        bench
            .raw
            .call("POST", "/volumes/create", Some(&json!({"Name": name})));
        let outcome = tokio::spawn({
            let (bench, name, id) = (bench.clone(), name.clone(), id.clone());
            async move { touch(&bench, &name, &id).await }
        });
        let outcome = outcome.await;
        let state = bench.raw.get(&format!("/containers/{id}/json"))["State"]["Status"].clone();
        let volume = bench.raw.get(&format!("/volumes/{name}"))["Name"].clone();
        bench
            .raw
            .call("DELETE", &format!("/containers/{id}?force=1&v=1"), None);
        bench.raw.call("DELETE", &format!("/volumes/{name}"), None);
        outcome.unwrap();
        assert_eq!((state, volume), (json!("running"), json!(name)));
    });
}

async fn touch(bench: &Bench, name: &str, id: &str) {
    let driver = &bench.driver;
    for asked in [name, id] {
        let asked = ContainerId::new(asked).unwrap();
        assert_eq!(driver.get_container(&asked).await.unwrap(), None);
        let errors = [
            driver.start_container(&asked).await.err(),
            driver.stop_container(&asked, StopOptions::kill()).await.err(),
            driver
                .remove_container(&asked, RemoveOptions::force())
                .await
                .err(),
            driver
                .get_container_logs(&asked, LogOptions::default())
                .await
                .err(),
        ];
        assert!(
            errors
                .iter()
                .all(|error| error.as_ref().unwrap().code() == codes::CONTAINER_NOT_FOUND)
        );
    }
    assert!(
        driver
            .list_containers(&ContainerFilter::default())
            .await
            .unwrap()
            .is_empty()
    );
    let error = driver
        .remove_volume(&VolumeId::new(name).unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.code(), codes::VOLUME_NOT_FOUND);
    let error = driver.create_volume(&VolumeConfig::new(name)).await.unwrap_err();
    assert_eq!(
        (error.code(), error.is_retryable()),
        (codes::VOLUME_CREATION_FAILED, false)
    );
    let error = driver
        .create_container(&bench.config("true").name(name))
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.is_retryable()),
        (codes::CONTAINER_CREATION_FAILED, false)
    );
    let predefined = driver_interface_types::NetworkId::new("bridge").unwrap();
    assert_eq!(
        driver.remove_network(&predefined).await.unwrap_err().code(),
        codes::NETWORK_NOT_FOUND
    );
}

#[test]
fn namespaces_do_not_see_each_other() {
    on_each("namespaces_do_not_see_each_other", async |bench| {
        let made = bench.running("sleep 60").await;
        let other = bench.in_namespace(&format!("{}-other", bench.namespace)).await;
        assert_eq!(other.get_container(&made.id).await.unwrap(), None);
        assert!(
            other
                .remove_container(&made.id, RemoveOptions::force())
                .await
                .is_err()
        );
        assert_eq!(other.health_check().await.unwrap().containers.total, 0);
        assert_eq!(bench.driver.health_check().await.unwrap().containers.running, 1);
    });
}

#[test]
fn a_part_of_an_id_is_not_an_id() {
    on_each("a_part_of_an_id_is_not_an_id", async |bench| {
        let made = bench.running("sleep 60").await;
        let id = made.id.as_str();
        for length in [2, 3, 4, 12, 32, 63] {
            let part = ContainerId::new(&id[..length]).unwrap();
            assert_eq!(bench.driver.get_container(&part).await.unwrap(), None);
            let error = bench
                .driver
                .remove_container(&part, RemoveOptions::force())
                .await
                .unwrap_err();
            assert_eq!(error.code(), codes::CONTAINER_NOT_FOUND);
            let error = bench
                .driver
                .stop_container(&part, StopOptions::kill())
                .await
                .unwrap_err();
            assert_eq!(error.code(), codes::CONTAINER_NOT_FOUND);
        }
        // A container whose name is another's short id is that name's, and leaves the other alone.
        let decoy = bench
            .driver
            .create_container(&bench.config("true").name(&id[..12]))
            .await
            .unwrap();
        let short = ContainerId::new(&id[..12]).unwrap();
        assert_eq!(
            bench.driver.get_container(&short).await.unwrap().unwrap().id,
            decoy.id
        );
        bench
            .driver
            .remove_container(&short, RemoveOptions::force())
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(bench.driver.is_container_healthy(&made.id).await.unwrap());
    });
}
