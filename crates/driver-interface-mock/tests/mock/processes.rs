//! The environment of simulated processes: users, files, limits, signals.

use std::time::Duration;

use driver_interface_mock::{Latency, MockDockerDriver, MockProcess, Signal, SignalAction};
use driver_interface_types::{
    ContainerConfig, ContainerDriver, ContainerStatus, RemoveOptions, SecurityOptions, StopOptions,
    StopOutcome, VolumeConfig, VolumeMount,
};
use driver_interface_validation::ValidationPolicy;

use super::support::{instant_driver, logs, ready, run, run_on, run_script, script};

fn as_root(text: &str) -> ContainerConfig {
    script(text).security(SecurityOptions::default().user("0:0"))
}

#[tokio::test(start_paused = true)]
async fn arguments_and_environment_are_unchanged() {
    let words = ["printf", "<%s>", "a b", "", "$HOME", "*", "'\"\\", "größe"];
    let ran = run(&ContainerConfig::new("s", "busybox").command(words)).await;
    assert_eq!(ran.stdout, "<a b><><$HOME><*><'\"\\><größe>");
    let config = ContainerConfig::new("s", "busybox")
        .command(["env"])
        .env("X", "a=b c")
        .env("EMPTY", "");
    let env = run(&config).await.stdout;
    for line in ["X=a=b c", "EMPTY=", "HOSTNAME=", "PATH="] {
        assert!(
            env.lines().any(|other| other.starts_with(line)),
            "{line} is not in {env}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn process_runs_as_the_configured_user() {
    assert_eq!(run_script("id -u; id -g").await.stdout, "1000\n1000\n");
    for (user, ids) in [
        ("0", "0 0"),
        ("33:44", "33 44"),
        ("www-data", "33 33"),
        ("nobody:root", "65534 0"),
    ] {
        let config = script("echo $(id -u) $(id -g)").security(SecurityOptions::default().user(user));
        assert_eq!(run(&config).await.stdout.trim_end(), ids, "{user}");
    }
}

#[tokio::test(start_paused = true)]
async fn read_only_root_allows_writing_only_to_tmp() {
    let text =
        "for d in / /bin /etc /home /usr /var /tmp; do touch $d/probe 2>/dev/null && echo $d; done; true";
    assert_eq!(run(&as_root(text)).await.stdout, "/tmp\n");
    let writable = |user: &str| script(text).security(SecurityOptions::default().user(user).read_only(false));
    assert_eq!(run(&writable("0:0")).await.stdout.lines().count(), 7);
    assert_eq!(run(&writable("1000:1000")).await.stdout, "/tmp\n");
    let ran = run(&as_root("echo x > /etc/x")).await;
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (1, "sh: can't create /etc/x: Read-only file system\n")
    );
}

#[tokio::test(start_paused = true)]
async fn proc_shows_security_options() {
    let status = run_script("grep -E '^Cap|^No' /proc/self/status").await;
    assert!(
        status.stdout.contains("CapBnd:\t0000000000000000"),
        "{}",
        status.stdout
    );
    assert!(status.stdout.contains("NoNewPrivs:\t1"), "{}", status.stdout);
    let mut config = ContainerConfig::new("s", "busybox").command(["cat", "/proc/self/status"]);
    config.security = SecurityOptions::default()
        .user("0:0")
        .add_capability("NET_BIND_SERVICE")
        .no_new_privileges(false);
    let status = run(&config).await.stdout;
    assert!(status.contains("CapEff:\t0000000000000400"), "{status}");
    assert!(status.contains("NoNewPrivs:\t0"), "{status}");
}

#[tokio::test(start_paused = true)]
async fn tmp_is_limited_and_empty_in_every_run() {
    let fill =
        |mib: u64| format!("dd if=/dev/zero of=/tmp/f bs=1M count={mib} status=none && echo ok || echo full");
    assert_eq!(
        run_script(&fill(SecurityOptions::TMP_SIZE_MIB)).await.stdout,
        "ok\n"
    );
    let ran = run_script(&fill(SecurityOptions::TMP_SIZE_MIB + 1)).await;
    assert_eq!(
        (ran.stdout.as_str(), ran.stderr.as_str()),
        ("full\n", "dd: error writing: No space left on device\n")
    );
    let driver = instant_driver();
    let ran = run_on(&driver, &script("ls /tmp; touch /tmp/mark")).await;
    driver.start_container(&ran.instance.id).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(logs(&driver, &ran.instance.id).await, "");
}

#[tokio::test(start_paused = true)]
async fn exceeding_memory_limit_is_an_oom_kill() {
    let tail = ContainerConfig::new("s", "busybox")
        .command(["tail", "/dev/zero"])
        .memory(32);
    let ran = run(&tail).await;
    assert_eq!((ran.code, ran.instance.status), (137, ContainerStatus::Exited));
    assert_eq!(ran.instance.exit.unwrap().oom_killed, Some(true));
    // The OOM kill of a child does not end the container.
    let ran = run(&script("tail /dev/zero; echo $?").memory(32)).await;
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (0, "137\n", "Killed\n")
    );
    assert_eq!(ran.instance.status, ContainerStatus::Stopped);
    assert_eq!(ran.instance.exit.unwrap().oom_killed, Some(false));
    let ran = run(&script("head -c 8388608 /dev/zero | tail -c 1 | wc -c").memory(32)).await;
    assert_eq!(ran.stdout, "1\n");
}

#[tokio::test(start_paused = true)]
async fn pids_limit_is_enforced() {
    let text = "i=0; while [ $i -lt 40 ]; do sleep 60 & i=$((i+1)); echo $i; done; echo all";
    let ran = run(&script(text).pids(20)).await;
    assert!(!ran.stdout.contains("all"));
    assert!(
        ran.stderr
            .contains("can't fork: Resource temporarily unavailable"),
        "{}",
        ran.stderr
    );
    let ran = run(&script(text).pids(100)).await;
    assert!(ran.stdout.ends_with("all\n"));
}

#[tokio::test(start_paused = true)]
async fn cpu_limit_slows_down_processes() {
    let text = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; times | head -n 1 | cut -d' ' -f1";
    let (whole, tenth) = (
        run(&script(text).cpu(1.0)).await,
        run(&script(text).cpu(0.1)).await,
    );
    let ratio = tenth.time.as_secs_f64() / whole.time.as_secs_f64();
    assert!((8.0..12.0).contains(&ratio), "{:?} {:?}", whole.time, tenth.time);
    let cpu = |text: &str| {
        text.trim()
            .trim_start_matches("0m")
            .trim_end_matches('s')
            .parse::<f64>()
            .unwrap()
    };
    assert!(
        (cpu(&whole.stdout) - cpu(&tenth.stdout)).abs() < 0.01,
        "{} {}",
        whole.stdout,
        tenth.stdout
    );
}

#[tokio::test(start_paused = true)]
async fn volumes_are_shared_and_outlive_containers() {
    let driver = instant_driver();
    driver.create_volume(&VolumeConfig::new("data")).await.unwrap();
    let with = |text: &str| script(text).mount(VolumeMount::volume("data", "/data"));
    let ran = run_on(
        &driver,
        &with("mkdir -p /data/a/b; echo kept > /data/a/b/f; ls /"),
    )
    .await;
    assert!(ran.stdout.lines().any(|line| line == "data"), "{}", ran.stdout);
    driver
        .remove_container(&ran.instance.id, RemoveOptions::default())
        .await
        .unwrap();
    assert_eq!(run_on(&driver, &with("cat /data/a/b/f")).await.stdout, "kept\n");
    let read_only = script("echo x > /data/f").mount(VolumeMount::volume("data", "/data").read_only(true));
    assert_eq!(
        run_on(&driver, &read_only).await.stderr,
        "sh: can't create /data/f: Read-only file system\n"
    );
    // Root has no capabilities by default.
    let by_root = as_root("echo x > /data/f").mount(VolumeMount::volume("data", "/data"));
    assert_eq!(
        run_on(&driver, &by_root).await.stderr,
        "sh: can't create /data/f: Permission denied\n"
    );
    let policy = ValidationPolicy::default().allow_bind_root("/srv");
    let driver = MockDockerDriver::builder()
        .latency(Latency::Off)
        .policy(policy)
        .build();
    let bind = |text: &str| script(text).mount(VolumeMount::bind("/srv/x", "/x"));
    run_on(&driver, &bind("echo shared > /x/f")).await;
    assert_eq!(run_on(&driver, &bind("cat /x/f")).await.stdout, "shared\n");
}

#[tokio::test(start_paused = true)]
async fn all_processes_end_with_the_main_process() {
    let driver = instant_driver();
    driver.create_volume(&VolumeConfig::new("beat")).await.unwrap();
    let mount = VolumeMount::volume("beat", "/beat");
    let config =
        script("while true; do echo x >> /beat/f; sleep 1; done & sleep 5; exit 3").mount(mount.clone());
    assert_eq!(run_on(&driver, &config).await.code, 3);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let count = run_on(&driver, &script("wc -l < /beat/f").mount(mount))
        .await
        .stdout;
    assert!(count.trim().parse::<u32>().unwrap() <= 6, "{count}");
}

#[tokio::test(start_paused = true)]
async fn custom_command_runs_like_any_other() {
    async fn service(process: MockProcess) -> u8 {
        process.on_signal(Signal::Term, SignalAction::Catch);
        let name = process.env("NAME").unwrap_or("nobody").to_owned();
        process
            .print(format!("{name} {:?} {}\n", process.args(), process.pid()))
            .await
            .unwrap();
        process.write_file("/tmp/pid", b"7").unwrap();
        let signal = process.next_signal().await;
        process.eprint(format!("got {signal}\n")).await.unwrap();
        process.sleep(Duration::from_secs(2)).await;
        5
    }
    async fn shout(process: MockProcess) -> u8 {
        while let Some(line) = process.read_line().await {
            process.print(line.to_uppercase()).await.unwrap();
        }
        0
    }
    let driver = MockDockerDriver::builder()
        .latency(Latency::Off)
        .command("service", service)
        .command("shout", shout)
        .build();
    let config = ContainerConfig::new("s", "app")
        .command(["service", "--fast"])
        .env("NAME", "web");
    let id = ready(&driver, &config).await;
    let outcome = driver.stop_container(&id, StopOptions::default()).await.unwrap();
    assert_eq!(outcome, StopOutcome::Stopped);
    assert_eq!(
        driver.get_container(&id).await.unwrap().unwrap().exit_code(),
        Some(5)
    );
    assert_eq!(
        logs(&driver, &id).await,
        "web [\"service\", \"--fast\"] 7\ngot TERM\n"
    );
    let ran = run_on(
        &driver,
        &script("printf 'a\\nb\\n' | shout | cat; /usr/bin/shout < /etc/hostname; type shout"),
    )
    .await;
    assert!(ran.stdout.starts_with("A\nB\n"), "{}", ran.stdout);
}

#[tokio::test(start_paused = true)]
async fn kill_cannot_be_ignored() {
    let driver = MockDockerDriver::builder()
        .latency(Latency::Off)
        .command("forever", |process: MockProcess| async move {
            for signal in Signal::ALL {
                process.on_signal(signal, SignalAction::Ignore);
            }
            process.print("ready\n").await.unwrap();
            std::future::pending().await
        })
        .build();
    let id = ready(&driver, &ContainerConfig::new("s", "app").command(["forever"])).await;
    assert!(driver.stop_container(&id, StopOptions::default()).await.is_err());
    assert_eq!(
        driver.stop_container(&id, StopOptions::kill()).await.unwrap(),
        StopOutcome::Killed
    );
}

#[tokio::test(start_paused = true)]
async fn root_is_limited_to_container_capabilities() {
    let text = "chown 5 /tmp/f && echo gave; cat /tmp/secret && echo read; ping localhost && echo pinged";
    let line = format!("touch /tmp/f; echo x > /tmp/secret; chmod 000 /tmp/secret; {text}; true");
    let without = run(&as_root(&line)).await;
    assert_eq!(without.stdout, "PING localhost (127.0.0.1): 56 data bytes\n");
    for said in [
        "chown: /tmp/f: Operation not permitted",
        "cat: can't open '/tmp/secret': Permission denied",
        "ping: permission denied (are you root?)",
    ] {
        assert!(
            without.stderr.contains(said),
            "{said} is not in {}",
            without.stderr
        );
    }
    let mut capable = as_root(&line);
    for capability in ["CHOWN", "DAC_OVERRIDE", "NET_RAW"] {
        capable.security = capable.security.add_capability(capability);
    }
    let policy = ["DAC_OVERRIDE", "NET_RAW"].into_iter().fold(
        ValidationPolicy::default(),
        ValidationPolicy::allow_dangerous_capability,
    );
    let driver = MockDockerDriver::builder()
        .latency(Latency::Off)
        .policy(policy)
        .build();
    let with = run_on(&driver, &capable).await;
    assert_eq!(
        with.stdout,
        "gave\nx\nread\nPING localhost (127.0.0.1): 56 data bytes\npinged\n"
    );
}

#[tokio::test(start_paused = true)]
async fn owner_cannot_chown_files_to_another_user() {
    let ran = run_script("touch /tmp/f; chown 0 /tmp/f; echo $?; chown 1000 /tmp/f; echo $?").await;
    assert_eq!(
        (ran.stdout.as_str(), ran.stderr.as_str()),
        ("1\n0\n", "chown: /tmp/f: Operation not permitted\n")
    );
}

#[tokio::test(start_paused = true)]
async fn block_reader_consumes_the_whole_pipe() {
    let ran = run_script("seq 1 5 | (head -n 1; cat); seq 1 3 > /tmp/f; (head -n 1; cat) < /tmp/f").await;
    assert_eq!(ran.stdout, "1\n1\n2\n3\n");
    assert_eq!(run_script("seq 1 3 | (read x; cat)").await.stdout, "2\n3\n");
}
