//! The default `/tmp`, the init process, and OOM kills.

use driver_interface_types::{ContainerDriver, ContainerStatus, WaitOptions};

use super::engine::on_each;

#[test]
fn tmp_is_safe_and_init_runs_the_command() {
    on_each("tmp and init", async |bench| {
        let script = "grep ' /tmp ' /proc/mounts; cat /proc/1/comm";
        let done = bench.ended(&bench.config(script)).await;
        let logs = bench.driver.get_container_logs(&done.id, Default::default());
        let logs = logs.await.unwrap();
        let (tmp, first) = logs.trim_end().split_once('\n').unwrap();
        for option in ["tmpfs", "nosuid", "nodev", "size=65536k"] {
            assert!(tmp.contains(option), "{option} in {tmp}");
        }
        assert!(!tmp.contains("noexec"), "{tmp}");
        assert_ne!(first, "sh", "the command is the first process");
    });
}

#[test]
fn out_of_memory_kill_is_reported() {
    on_each("out_of_memory_kill_is_reported", async |bench| {
        // Engines start to watch memory shortly after the container's start.
        let config = bench.config("sleep 0.5; exec tail /dev/zero").memory(16);
        let done = bench.ended(&config).await;
        let exit = done.exit.clone().unwrap();
        assert_eq!(exit.code, 137, "{done:?}");
        assert_ne!(exit.oom_killed, Some(false));
        assert_eq!(done.status, ContainerStatus::of_exit(137, exit.oom_killed));
        let waited = bench.driver.wait_container(&done.id, WaitOptions::default());
        let known = waited.await.unwrap().oom_killed;
        // Docker's record may lack the OOM kill, its events do not. On cgroup v1, Podman reports it nowhere.
        if bench.is_podman() {
            assert_ne!(known, Some(false));
        } else {
            assert_eq!(known, Some(true));
        }
    });
}
