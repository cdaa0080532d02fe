//! Limits and security, seen from inside.

use driver_interface_types::{ContainerDriver, ContainerStatus, NetworkMode, SecurityOptions, WaitOptions};

use super::engine::on_each;

#[test]
fn the_defaults_are_safe_from_the_inside() {
    on_each("the_defaults_are_safe_from_the_inside", async |bench| {
        let script = "id -u; id -g; grep -E 'Cap(Eff|Prm|Inh|Amb|Bnd)|NoNewPrivs|Seccomp:' /proc/self/status; \
                      touch /x /etc/x /root/x 2>/dev/null && echo WRITABLE; touch /tmp/x && echo tmp; \
                      grep ' /tmp ' /proc/mounts; cat /proc/1/comm";
        let done = bench.ended(&bench.config(script)).await;
        let logs = bench
            .driver
            .get_container_logs(&done.id, Default::default())
            .await
            .unwrap();
        let lines: Vec<&str> = logs.lines().collect();
        assert_eq!(&lines[..2], ["1000", "1000"], "{logs}");
        for set in ["CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"] {
            assert!(
                logs.contains(&format!("{set}:\t0000000000000000")),
                "{set} in {logs}"
            );
        }
        assert!(
            logs.contains("NoNewPrivs:\t1") && logs.contains("Seccomp:\t2"),
            "{logs}"
        );
        assert!(!logs.contains("WRITABLE") && logs.contains("\ntmp\n"), "{logs}");
        let tmp = lines.iter().find(|line| line.contains(" /tmp ")).unwrap();
        for option in ["tmpfs", "nosuid", "nodev", "size=65536k"] {
            assert!(tmp.contains(option), "{option} in {tmp}");
        }
        assert!(!tmp.contains("noexec"), "{tmp}");
        assert_ne!(
            lines.last(),
            Some(&"sh"),
            "the command is the first process: {logs}"
        );
        assert!(
            bench
                .driver
                .capabilities()
                .supports(driver_interface_types::Guarantee::Seccomp)
        );
    });
}

#[test]
fn root_without_capabilities_is_possible_too() {
    on_each("root_without_capabilities_is_possible_too", async |bench| {
        let script = "id -u; grep CapBnd /proc/self/status; touch /etc/x && echo writable";
        let security = SecurityOptions::default()
            .user("0:0")
            .read_only(false)
            .add_capability("NET_BIND_SERVICE");
        let done = bench.ended(&bench.config(script).security(security)).await;
        let logs = bench
            .driver
            .get_container_logs(&done.id, Default::default())
            .await
            .unwrap();
        assert_eq!(logs, "0\nCapBnd:\t0000000000000400\nwritable\n");
    });
}

#[test]
fn too_much_memory_ends_the_process_and_is_told() {
    on_each("too_much_memory_ends_the_process_and_is_told", async |bench| {
        // Engines begin to watch a container's memory just after its start.
        let config = bench.config("sleep 0.5; exec tail /dev/zero").memory(16);
        let done = bench.ended(&config).await;
        let exit = done.exit.clone().unwrap();
        assert_eq!(exit.code, 137, "{done:?}");
        assert_ne!(exit.oom_killed, Some(false));
        assert_eq!(done.status, ContainerStatus::of_exit(137, exit.oom_killed));
        let waited = bench.driver.wait_container(&done.id, WaitOptions::default());
        let known = waited.await.unwrap().oom_killed;
        // Docker's record may lack it; its events do not. Podman has it nowhere on cgroup v1.
        if bench.is_podman() {
            assert_ne!(known, Some(false));
        } else {
            assert_eq!(known, Some(true));
        }
    });
}

#[test]
fn processes_are_limited() {
    on_each("processes_are_limited", async |bench| {
        let script = "for i in $(seq 40); do sleep 3 & done; wait";
        let done = bench.ended(&bench.config(script).pids(20)).await;
        let logs = bench
            .driver
            .get_container_logs(&done.id, Default::default())
            .await
            .unwrap();
        assert!(logs.contains("can't fork"), "{logs}");
        let control = bench.ended(&bench.config(script).pids(60)).await;
        let logs = bench
            .driver
            .get_container_logs(&control.id, Default::default())
            .await
            .unwrap();
        assert_eq!(logs, "");
    });
}

#[test]
fn cpu_time_is_limited() {
    on_each("cpu_time_is_limited", async |bench| {
        let script = "i=0; end=$(($(date +%s)+3)); while [ $(date +%s) -lt $end ]; do i=$((i+1)); done; \
                      cat /sys/fs/cgroup/cpu,cpuacct/cpu.stat /sys/fs/cgroup/cpu/cpu.stat /sys/fs/cgroup/cpu.stat 2>/dev/null";
        let done = bench.ended(&bench.config(script).cpu(0.2)).await;
        let logs = bench
            .driver
            .get_container_logs(&done.id, Default::default())
            .await
            .unwrap();
        let throttled = logs
            .lines()
            .find_map(|line| line.strip_prefix("nr_throttled "))
            .expect(&logs);
        assert!(throttled.parse::<u64>().unwrap() > 0, "{logs}");
    });
}

#[test]
fn no_network_means_only_loopback() {
    on_each("no_network_means_only_loopback", async |bench| {
        let config = bench
            .config("cat /proc/net/dev | grep -c :; cat /proc/net/route | wc -l")
            .network(NetworkMode::None);
        let done = bench.ended(&config).await;
        let logs = bench
            .driver
            .get_container_logs(&done.id, Default::default())
            .await
            .unwrap();
        assert!(logs.starts_with("1\n"), "{logs}");
        assert!(done.warnings.iter().all(|warning| warning.path != "network"));
    });
}
