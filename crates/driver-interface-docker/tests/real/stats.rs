//! Memory stats.

use driver_interface_types::ContainerDriver;

use super::engine::on_each;

#[test]
fn memory_stats_exclude_file_cache() {
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
        // Podman's API does not report the cache.
        if !bench.is_podman() {
            assert!(stats.memory_bytes < 20 << 20, "{stats:?}");
        }
    });
}
