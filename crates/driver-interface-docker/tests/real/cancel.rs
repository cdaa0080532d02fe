//! Dropped calls.

use std::time::Duration;

use driver_interface_types::{ContainerDriver, NetworkConfig, RemoveOptions, VolumeConfig};

use super::engine::{Bench, on_each};

/// Checks only after the whole time: a busy engine may create a resource long after the call, and the driver
/// then removes it.
async fn nothing_left(bench: &Bench, after: Duration) {
    tokio::time::sleep(after).await;
    bench.settled().await;
}

#[test]
fn dropped_create_leaves_nothing() {
    on_each("dropped_create_leaves_nothing", async |bench| {
        let mut finished = 0;
        for moment in 0..50u64 {
            let mut config = bench.config("sleep 60");
            config.session_id = format!("s{}", moment % 5);
            let creation = bench.driver.create_container(&config);
            let deadline = Duration::from_micros(moment * 1500);
            if let Ok(made) = tokio::time::timeout(deadline, creation).await {
                finished += 1;
                bench
                    .driver
                    .remove_container(&made.unwrap().id, RemoveOptions::default())
                    .await
                    .unwrap();
            }
        }
        println!("{finished} of 50 creations were in time");
        assert!(finished < 50);
        nothing_left(&bench, Duration::from_secs(5)).await;
    });
}

#[test]
fn dropped_volume_or_network_create_leaves_nothing() {
    on_each("dropped_volume_or_network_create_leaves_nothing", async |bench| {
        for moment in 0..20u64 {
            let volume = VolumeConfig::new(format!("{}-v{moment}", bench.namespace));
            let network = NetworkConfig::new(format!("{}-n{moment}", bench.namespace));
            // On Docker, setting the owner of a volume takes a few hundred milliseconds.
            let late = Duration::from_micros(moment * moment * 1000);
            if let Ok(made) = tokio::time::timeout(late, bench.driver.create_volume(&volume)).await {
                bench.driver.remove_volume(&made.unwrap().id).await.unwrap();
            }
            let late = Duration::from_millis(moment * 3);
            if let Ok(made) = tokio::time::timeout(late, bench.driver.create_network(&network)).await {
                bench.driver.remove_network(&made.unwrap().id).await.unwrap();
            }
            // The default address pools allow about 30 networks, and other tests need some.
            if moment % 5 == 4 {
                bench.settled().await;
            }
        }
        nothing_left(&bench, Duration::from_secs(5)).await;
    });
}

#[test]
fn retried_create_creates_one_container() {
    on_each("retried_create_creates_one_container", async |bench| {
        for moment in 0..10u64 {
            let config = bench.config("true").operation_key(format!("again-{moment}"));
            let late = Duration::from_millis(moment * 5);
            let _ = tokio::time::timeout(late, bench.driver.create_container(&config)).await;
            let made = bench.driver.create_container(&config).await.unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(
                bench.driver.get_container(&made.id).await.unwrap().is_some(),
                "moment {moment}"
            );
            bench
                .driver
                .remove_container(&made.id, RemoveOptions::default())
                .await
                .unwrap();
        }
        nothing_left(&bench, Duration::from_secs(5)).await;
    });
}

#[test]
fn dropped_start_and_remove_leave_nothing() {
    on_each("dropped_start_and_remove_leave_nothing", async |bench| {
        for moment in 0..8u64 {
            let made = bench.created("sleep 60").await;
            let late = Duration::from_millis(moment * 20);
            let _ = tokio::time::timeout(late, bench.driver.start_container(&made.id)).await;
            let _ = bench.driver.start_container(&made.id).await.unwrap();
            let removal = bench.driver.remove_container(&made.id, RemoveOptions::force());
            let _ = tokio::time::timeout(late, removal).await;
            let _ = bench
                .driver
                .remove_container(&made.id, RemoveOptions::force())
                .await;
        }
        nothing_left(&bench, Duration::from_secs(10)).await;
    });
}
