//! The mocks on several threads in real time.

use std::time::Duration;

use driver_interface_types::{ContainerDriver, LogOptions, RemoveOptions, StopOptions, StopOutcome};

use super::support::{instant_driver, logs, ready, script};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_containers_run_concurrently_on_threads() {
    let driver = instant_driver();
    let text = "trap 'echo bye; exit 0' TERM; for i in 1 2 3; do echo $i | cat; sleep 0.01; done; \
                (exit 3) & wait $!; echo $?; echo ready; while true; do sleep 100 & wait $!; done";
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let driver = driver.clone();
            tokio::spawn(async move {
                let id = ready(&driver, &script(text).name(format!("c-{number}"))).await;
                while !logs(&driver, &id).await.contains("ready") {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                let outcome = driver.stop_container(&id, StopOptions::default()).await.unwrap();
                assert_eq!(outcome, StopOutcome::Stopped);
                let followed = LogOptions::default().follow(true);
                let logs = driver.get_container_logs(&id, followed).await.unwrap();
                assert_eq!(logs, "1\n2\n3\n3\nready\nbye\n");
                driver
                    .remove_container(&id, RemoveOptions::default())
                    .await
                    .unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(driver.engine().containers().is_empty());
}
