//! Removing containers, and stopping them without the driver.

use std::time::Duration;

use driver_interface_types::{
    ContainerDriver, ContainerInstance, ContainerStatus, RemoveOptions, StopOptions, WaitOptions,
};

use super::engine::{Bench, on_each};

/// Creates an image that declares a volume, and returns its name.
async fn image_with_volume(bench: &Bench) -> String {
    let made = bench.created("true").await;
    let name = format!("localhost/{}", bench.namespace);
    let path = format!(
        "/commit?container={}&repo={name}&tag=volume&changes=VOLUME%20/data",
        made.id
    );
    // Podman requires a body.
    let body = bench.is_podman().then(|| serde_json::json!({}));
    let (status, answer) = bench.raw.call("POST", &path, body.as_ref());
    assert_eq!(status, 201, "{answer}");
    bench
        .driver
        .remove_container(&made.id, RemoveOptions::default())
        .await
        .unwrap();
    format!("{name}:volume")
}

fn anonymous_volume(bench: &Bench, container: &ContainerInstance) -> String {
    let record = bench.raw.get(&format!("/containers/{}/json", container.id));
    let mounts = record["Mounts"].as_array().unwrap();
    let volume = mounts
        .iter()
        .find(|mount| mount["Destination"] == "/data")
        .unwrap();
    volume["Name"].as_str().unwrap().to_owned()
}

#[test]
fn remove_deletes_volumes_without_stop_signal() {
    on_each("remove_deletes_volumes_without_stop_signal", async |bench| {
        let image = image_with_volume(&bench).await;
        let mut config = bench.config("trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done");
        config.image = image.clone();
        let driver = &bench.driver;
        for status in [
            ContainerStatus::Created,
            ContainerStatus::Running,
            ContainerStatus::Paused,
            ContainerStatus::Stopped,
        ] {
            let made = driver.create_container(&config).await.unwrap();
            if status != ContainerStatus::Created {
                driver.start_container(&made.id).await.unwrap();
                bench.ready(&made).await;
            }
            match status {
                ContainerStatus::Paused => drop(driver.pause_container(&made.id).await.unwrap()),
                ContainerStatus::Stopped => {
                    driver
                        .stop_container(&made.id, StopOptions::kill())
                        .await
                        .unwrap();
                }
                _ => {}
            }
            let now = driver.get_container(&made.id).await.unwrap().unwrap();
            assert_eq!(now.status, status);
            let volume = anonymous_volume(&bench, &made);
            let is_there = || bench.raw.call("GET", &format!("/volumes/{volume}"), None).0 == 200;
            assert!(is_there());
            let lives = matches!(status, ContainerStatus::Running | ContainerStatus::Paused);
            let (waiter, id) = (driver.clone(), made.id.clone());
            let wait = tokio::spawn(async move {
                waiter
                    .wait_container(&id, WaitOptions::at_most(Duration::from_secs(30)))
                    .await
            });
            tokio::time::sleep(Duration::from_millis(300)).await;
            let options = match lives {
                true => RemoveOptions::force(),
                false => RemoveOptions::default(),
            };
            driver.remove_container(&made.id, options).await.unwrap();
            assert!(!is_there(), "{status}: its volume stays");
            if lives {
                // A stop signal would give 7.
                assert_eq!(wait.await.unwrap().unwrap().code, 137, "{status}");
            }
        }
        let (status, answer) = bench.raw.call("DELETE", &format!("/images/{image}"), None);
        assert_eq!(status, 200, "{answer}");
    });
}

#[test]
fn external_stop_honours_the_grace() {
    on_each("external_stop_honours_the_grace", async |bench| {
        let script = "trap 'sleep 1; exit 7' TERM; echo ready; while :; do sleep 0.1; done";
        let made = bench.running(script).await;
        bench.ready(&made).await;
        let path = format!("/containers/{}/stop", made.id);
        assert_eq!(bench.raw.call("POST", &path, None).0, 204);
        let ended = bench.until(&made, |now| now.exit.is_some()).await;
        assert_eq!(ended.exit_code(), Some(7));
    });
}
