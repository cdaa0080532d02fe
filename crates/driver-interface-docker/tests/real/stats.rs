//! What containers use.

use driver_interface_types::{ContainerDriver, ContainerId, RemoveOptions, StopOptions};

use super::engine::on_each;

#[test]
fn a_busy_container_is_measured() {
    on_each("stats", |bench| async move {
        let config = bench
            .config("echo ready; while :; do :; done")
            .cpu(0.5)
            .memory(64)
            .pids(20);
        let running = bench.run(&config).await;
        bench.ready(&running).await;
        let stats = bench.driver.container_stats(&running.id).await.unwrap();
        assert!((0.02..0.8).contains(&stats.cpu_cores), "{stats:?}");
        assert!(stats.cpu_time.as_millis() > 100);
        assert!((1..8 << 20).contains(&stats.memory_bytes), "{stats:?}");
        assert_eq!(stats.memory_limit_bytes, Some(64 << 20));
        assert!(
            (1..4).contains(&stats.pids) && stats.pids_limit == Some(20),
            "{stats:?}"
        );
        assert!(stats.network_received_bytes.is_some() && stats.network_sent_bytes.is_some());
        bench
            .driver
            .remove_container(&running.id, RemoveOptions::force())
            .await
            .unwrap();
    });
}

#[test]
fn memory_that_is_used_shows_and_the_file_cache_does_not() {
    on_each("stats memory", |bench| async move {
        let script = "dd if=/dev/zero of=/big bs=1M count=24 2>/dev/null; echo ready; sleep 60";
        let config = bench.config(script).memory(128).security(
            driver_interface_types::SecurityOptions::default()
                .read_only(false)
                .user("0:0")
                .add_capability("DAC_OVERRIDE"),
        );
        let running = bench.run(&config).await;
        bench.ready(&running).await;
        let stats = bench.driver.container_stats(&running.id).await.unwrap();
        println!(
            "memory with 24 MiB of file cache: {} KiB",
            stats.memory_bytes / 1024
        );
        // Podman's API does not say what is cache.
        if !bench.is_podman() {
            assert!(stats.memory_bytes < 20 << 20, "{stats:?}");
        }
    });
}

#[test]
fn a_stream_of_measurements_ascends_and_ends_with_the_container() {
    on_each("stats stream", |bench| async move {
        let running = bench.running("while :; do :; done").await;
        let mut stream = bench.driver.stream_container_stats(&running.id).await.unwrap();
        let first = stream.next().await.unwrap().unwrap();
        let second = stream.next().await.unwrap().unwrap();
        assert!(second.time > first.time && second.cpu_time > first.cpu_time);
        bench
            .driver
            .stop_container(&running.id, StopOptions::kill())
            .await
            .unwrap();
        assert!(stream.next().await.is_none());
        let mut again = bench.driver.stream_container_stats(&running.id).await;
        assert_eq!(again.as_mut().unwrap_err().code(), "CONTAINER_NOT_RUNNING");
    });
}

#[test]
fn what_does_not_run_is_not_measured() {
    on_each("stats errors", |bench| async move {
        let made = bench.created("true").await;
        let error = bench.driver.container_stats(&made.id).await.unwrap_err();
        assert_eq!(error.code(), "CONTAINER_NOT_RUNNING");
        let gone = ContainerId::new("nonesuch").unwrap();
        let error = bench.driver.container_stats(&gone).await.unwrap_err();
        assert_eq!(error.code(), "CONTAINER_NOT_FOUND");
    });
}
