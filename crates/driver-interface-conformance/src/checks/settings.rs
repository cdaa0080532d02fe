//! Checks of settings that users know from other container tools. The effects are measured inside the container.

use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_types::{
    ConfigFeature, ContainerConfig, ContainerDriver, ContainerDriverExt as _, ContainerPath, DeviceMapping,
    Guarantee, HealthCheck, HostAddress, ImageRef, LogDriver, LogOptions, NetworkConfig,
    NetworkConnectOptions, Operation, Property, ResourceLimits, RestartPolicy, StopOptions, Subnet,
    UlimitValue, VolumeMount, VolumeOwner,
};
use serde_json::json;
use tokio::time::sleep;

use super::images::saved_of;
use super::networks::{client, expected_replies, server};
use crate::{Check, CheckResult, Ctx, Failure, SERVE, Verdict, run};

const REAL: &[Property] = &[Property::RealProcesses];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "settings/groups",
        "The main process and commands run in it have the configured supplementary groups.",
        run!(groups),
    )
    .requires(&[Operation::Exec])
    .config(&[ConfigFeature::ProcessSetup]),
    Check::must(
        "settings/unset-env",
        "A variable of the image that the config removes is not set, and others are.",
        run!(unset_env),
    )
    .requires(&[Operation::LoadImage, Operation::CopyFromContainer])
    .config(&[ConfigFeature::UnsetEnv]),
    Check::must(
        "settings/no-health-check",
        "The image's health check runs, unless the config disables it.",
        run!(no_health_check),
    )
    .requires(&[Operation::LoadImage, Operation::CopyFromContainer])
    .config(&[ConfigFeature::HealthCheck]),
    Check::must(
        "settings/dns-search",
        "The resolver has the configured servers, search domains and options.",
        run!(dns_search),
    )
    .config(&[ConfigFeature::NameResolution]),
    Check::must(
        "settings/host-gateway",
        "`host-gateway` becomes an address, and an extra host resolves to it.",
        run!(host_gateway),
    )
    .config(&[ConfigFeature::HostGateway]),
    Check::must(
        "settings/further-networks",
        "A container is connected to all networks of its config, with its aliases on each.",
        run!(further_networks),
    )
    .requires(&[Operation::CreateNetwork])
    .config(&[ConfigFeature::FurtherNetworks])
    .properties(REAL),
    Check::must(
        "settings/missing-further-network",
        "A missing further network is refused by a plan and by a creation, and no container is created.",
        run!(missing_further_network),
    )
    .requires(&[Operation::CreateNetwork])
    .config(&[ConfigFeature::FurtherNetworks]),
    Check::must(
        "settings/addresses",
        "A network has the configured subnet and gateway, and containers have the configured addresses on it.",
        run!(addresses),
    )
    .requires(&[Operation::CreateNetwork])
    .config(&[ConfigFeature::NetworkAddresses])
    .properties(REAL),
    Check::must(
        "settings/sysctls",
        "The configured kernel parameters apply in the container, and those that affect the host are refused.",
        run!(sysctls),
    )
    .config(&[ConfigFeature::Sysctls])
    .properties(REAL),
    Check::must(
        "settings/restart-on-failure",
        "A container that fails is started again as often as configured, and then exits with its last code.",
        run!(restart_on_failure),
    )
    .config(&[ConfigFeature::RestartPolicy])
    .properties(REAL),
    Check::must(
        "settings/restart-after-stop",
        "A container that was stopped is not started again, whatever its restart policy.",
        run!(restart_after_stop),
    )
    .config(&[ConfigFeature::RestartPolicy])
    .properties(REAL),
    Check::must(
        "settings/log-rotation",
        "Rotated logs keep the newest output and discard the oldest.",
        run!(log_rotation),
    )
    .config(&[ConfigFeature::LogDriver])
    .properties(REAL),
    Check::must(
        "settings/no-logs",
        "With the log driver `none`, reading logs returns `UnsupportedError`.",
        run!(no_logs),
    )
    .config(&[ConfigFeature::LogDriver])
    .properties(REAL),
    Check::must(
        "settings/cpuset",
        "The container runs only on the configured CPUs.",
        run!(cpuset),
    )
    .config(&[ConfigFeature::CpuSet])
    .properties(REAL),
    Check::must(
        "settings/swap-and-weights",
        "The configured swap, memory reservation and CPU weight apply to the container.",
        run!(swap_and_weights),
    )
    .guarantees(&[Guarantee::Memory, Guarantee::Cpu])
    .config(&[ConfigFeature::ResourceTuning])
    .properties(REAL),
    Check::must(
        "settings/unlimited-ulimit",
        "A ulimit can be unlimited.",
        run!(unlimited_ulimit),
    )
    .config(&[ConfigFeature::ProcessSetup])
    .properties(REAL),
    Check::must(
        "settings/device",
        "A device of the host is available at its path in the container.",
        run!(device),
    )
    .config(&[ConfigFeature::Devices])
    .properties(REAL),
    Check::must(
        "settings/volume-copy",
        "With `copy`, an empty volume receives the image's files at its target; without it, it stays empty.",
        run!(volume_copy),
    )
    .config(&[ConfigFeature::VolumeCopy])
    .properties(REAL),
    Check::must(
        "settings/volume-subpath",
        "A directory of a volume can be mounted, and nothing outside it can be reached.",
        run!(volume_subpath),
    )
    .config(&[ConfigFeature::VolumeSubpath])
    .properties(REAL),
    Check::must(
        "settings/volume-options",
        "A volume in memory has its configured size, and types that the policy does not allow are refused.",
        run!(volume_options),
    )
    .config(&[ConfigFeature::VolumeOptions])
    .properties(REAL),
    Check::must(
        "settings/health-start-interval",
        "Health checks run at the start interval during the start period.",
        run!(health_start_interval),
    )
    .config(&[ConfigFeature::HealthStartInterval])
    .properties(REAL),
    Check::must(
        "settings/image-by-id",
        "A container can be created from an image's id, and a missing id is never pulled.",
        run!(image_by_id),
    )
    .requires(&[Operation::GetImage]),
];

/// Returns the words of `text`.
fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

async fn groups(ctx: Ctx) -> CheckResult {
    let script = format!("id -G; {SERVE}");
    let running = ctx
        .ready(&ctx.script(&script).group("4321").group("4322"))
        .await?;
    let logs = ctx
        .driver()
        .get_container_logs(&running.id, LogOptions::default())
        .await?;
    let inside = ctx.output_of(&running.id, "id -G").await?;
    for (about, text) in [("the main process", logs), ("a command", inside)] {
        let groups: Vec<&str> = text.lines().next().map(words).unwrap_or_default();
        let has_both = groups.contains(&"4321") && groups.contains(&"4322");
        ctx.ensure(format!("the groups of {about}"), has_both, &groups)?;
    }
    let (_, logs) = ctx.finished(&ctx.script("id -G")).await?;
    ctx.ensure(
        "the control without groups",
        !words(&logs).contains(&"4321"),
        logs,
    )
}

/// Loads an image that has the programs of the test image and whose configuration contains `settings`. Returns the
/// reference of the loaded image.
async fn loaded(ctx: &Ctx, settings: serde_json::Value) -> CheckResult<String> {
    let created = ctx.driver().create_container(&ctx.script("true")).await?;
    let programs = ctx
        .driver()
        .copy_from_container(&created.id, &ContainerPath::new("/bin")?)
        .await?;
    let programs = programs.read_all(64 << 20).await?;
    let saved = saved_of(ctx, &programs, &settings)?;
    ctx.driver().load_image(saved.archive.into()).await?;
    Ok(saved.reference.to_string())
}

async fn unset_env(ctx: Ctx) -> CheckResult {
    let script = "echo \"${OF_IMAGE-unset} ${ALSO-unset} ${OWN-unset}\"";
    let image = loaded(&ctx, json!({ "Env": ["PATH=/bin", "OF_IMAGE=one", "ALSO=two"] })).await?;
    let config = || {
        let mut config = ctx.script(script).env("OWN", "own");
        config.image.clone_from(&image);
        config
    };
    let (_, logs) = ctx.finished(&config()).await?;
    ctx.equal("the control that removes nothing", logs.trim(), "one two own")?;
    let (_, logs) = ctx.finished(&config().unset_env("OF_IMAGE")).await?;
    ctx.equal("the variables", logs.trim(), "unset two own")
}

async fn no_health_check(ctx: Ctx) -> CheckResult {
    let check = json!({ "Test": ["CMD-SHELL", "exit 1"], "Interval": 1_000_000_000_u64, "Retries": 1 });
    let mut first = ctx.script(SERVE);
    first.image = loaded(&ctx, json!({ "Env": ["PATH=/bin"], "Healthcheck": check })).await?;
    let control = ctx.ready(&first).await?;
    ctx.eventually("the control to be unhealthy", Duration::from_secs(60), || async {
        let healthy = ctx.driver().is_container_healthy(&control.id).await?;
        Ok(if healthy {
            Err("healthy".to_owned())
        } else {
            Ok(())
        })
    })
    .await?;
    let mut second = ctx.script(SERVE).health_check(HealthCheck::disabled());
    second.image = first.image;
    let running = ctx.ready(&second).await?;
    sleep(Duration::from_secs(4)).await;
    let now = ctx.get(&running.id).await?;
    ctx.equal("health", now.health, None)?;
    ctx.equal(
        "healthy",
        ctx.driver().is_container_healthy(&running.id).await?,
        true,
    )
}

async fn dns_search(ctx: Ctx) -> CheckResult {
    let config = ctx
        .script("cat /etc/resolv.conf")
        .dns([10, 9, 8, 7])
        .dns_search("one.example")
        .dns_search("two.example")
        .dns_option("ndots:3");
    let (_, logs) = ctx.finished(&config).await?;
    let has = |start: &str, word: &str| {
        logs.lines()
            .any(|line| line.starts_with(start) && words(line).contains(&word))
    };
    for (start, word) in [
        ("search", "one.example"),
        ("search", "two.example"),
        ("options", "ndots:3"),
    ] {
        ctx.ensure(format!("`{start}` has {word}"), has(start, word), &logs)?;
    }
    Ok(())
}

async fn host_gateway(ctx: Ctx) -> CheckResult {
    let config = ctx
        .script("grep the-host.example /etc/hosts")
        .extra_host("the-host.example", HostAddress::HostGateway);
    let (_, logs) = ctx.finished(&config).await?;
    let address = words(&logs).first().copied().unwrap_or_default().to_owned();
    let parsed: Result<std::net::IpAddr, _> = address.parse();
    let is_other = parsed.is_ok_and(|address| !address.is_unspecified() && !address.is_loopback());
    ctx.ensure("an address that is not the container's own", is_other, logs)
}

async fn further_networks(ctx: Ctx) -> CheckResult {
    let one = ctx.driver().create_network(&ctx.network()).await?;
    let two = ctx.driver().create_network(&ctx.network()).await?;
    let config = ctx
        .script(&server())
        .network(&one.id)
        .network_alias("on-one")
        .also_network(
            two.name.as_str(),
            NetworkConnectOptions::default().alias("on-two"),
        );
    let running = ctx.ready(&config).await?;
    for (network, alias, other) in [(&one, "on-one", "on-two"), (&two, "on-two", "on-one")] {
        let hosts = [running.name.as_str(), alias];
        let (_, logs) = ctx
            .finished(&ctx.script(&client(&hosts)).network(network.name.as_str()))
            .await?;
        ctx.equal(
            format!("names that replied on {}", network.name),
            logs,
            expected_replies(&hosts, true),
        )?;
        let (_, logs) = ctx
            .finished(&ctx.script(&client(&[other])).network(network.name.as_str()))
            .await?;
        ctx.equal(
            "the alias of the other network",
            logs,
            expected_replies(&[other], false),
        )?;
    }
    Ok(())
}

/// If the driver supports plans, asserts that the plan for `config` has exactly one refusal, and that the path of
/// this refusal is `path`.
async fn planned_refusal(ctx: &Ctx, config: &ContainerConfig, path: &str) -> CheckResult {
    if !ctx.declares(Operation::Plan) {
        return Ok(());
    }
    let plan = ctx.driver().plan(config).await?;
    let refused: Vec<&str> = plan.refusals.iter().map(|one| one.path.as_str()).collect();
    ctx.equal("the refusals of a plan", refused, vec![path])
}

async fn missing_further_network(ctx: Ctx) -> CheckResult {
    let one = ctx.driver().create_network(&ctx.network()).await?;
    let missing = ctx.name();
    let path = format!("networks[\"{missing}\"]");
    let config = ctx
        .script("true")
        .network(&one.id)
        .also_network(missing, NetworkConnectOptions::default());
    let result = ctx.driver().create_container(&config).await;
    ctx.refused("the creation", result, &[codes::NETWORK_NOT_FOUND])?;
    planned_refusal(&ctx, &config, &path).await?;
    let left = ctx.driver().list_containers(&ctx.session_filter()).await?;
    ctx.equal("containers", left.len(), 0)
}

/// Creates a network with a subnet that no other network has. Returns the network's config and the first three
/// numbers of the subnet's address, such as `10.100.7`.
async fn with_subnet(ctx: &Ctx) -> CheckResult<(NetworkConfig, String)> {
    let mut last = None;
    for attempt in 0..8_u64 {
        // The engine refuses a subnet that overlaps with another network.
        let number = (ctx.seed() ^ attempt.wrapping_mul(0x9E37_79B9)) % 250;
        let start = format!("10.{}.{}", 100 + attempt, number);
        let subnet = Subnet::new(format!("{start}.0/24")).gateway(
            format!("{start}.200")
                .parse::<std::net::IpAddr>()
                .map_err(|error| Verdict::Broken(error.to_string()))?,
        );
        let config = ctx.network().subnet(subnet);
        match ctx.driver().create_network(&config).await {
            Ok(_) => return Ok((config, start)),
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) => Err(error.into()),
        None => Err(Verdict::Broken("no subnet was tried".to_owned())),
    }
}

async fn addresses(ctx: Ctx) -> CheckResult {
    let (network, start) = with_subnet(&ctx).await?;
    let address = |last: u8| -> CheckResult<std::net::IpAddr> {
        let parsed = format!("{start}.{last}").parse();
        parsed.map_err(|error: std::net::AddrParseError| Verdict::Broken(error.to_string()))
    };
    let script = "ip -4 addr; ip route; echo ready; sleep 600";
    let config = ctx
        .script(script)
        .network(network.name.as_str())
        .address(address(77)?);
    let running = ctx.ready(&config).await?;
    ctx.equal("the instance's address", running.ip_address, Some(address(77)?))?;
    let logs = ctx
        .driver()
        .get_container_logs(&running.id, LogOptions::default())
        .await?;
    ctx.ensure(
        "the address inside",
        logs.contains(&format!("inet {start}.77/24")),
        &logs,
    )?;
    ctx.ensure("the gateway", logs.contains(&format!("via {start}.200")), &logs)?;
    if ctx.declares(Operation::ConnectNetwork) {
        let plain = ctx.ready(&ctx.script(&format!("echo ready; {SERVE}"))).await?;
        let found = ctx.driver().find_network(&network.name).await?;
        let found = found.ok_or_else(|| Failure::new("the network", "to exist", "none"))?;
        let options = NetworkConnectOptions::default().address(address(78)?);
        ctx.driver()
            .connect_network(&found.id, &plain.id, options)
            .await?;
        if ctx.declares(Operation::Exec) {
            let inside = ctx.output_of(&plain.id, "ip -4 addr").await?;
            ctx.ensure(
                "the connected address",
                inside.contains(&format!("inet {start}.78/24")),
                inside,
            )?;
        }
    }
    let outside = ctx
        .script("true")
        .network(network.name.as_str())
        .address([192, 0, 2, 9]);
    let created = ctx.driver().create_container(&outside).await;
    let refused = match created {
        Err(_) => true,
        Ok(created) => ctx.driver().start_container(&created.id).await.is_err(),
    };
    ctx.ensure(
        "an address outside the subnet is refused",
        refused,
        "it was accepted",
    )
}

async fn sysctls(ctx: Ctx) -> CheckResult {
    let script = "cat /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_unprivileged_port_start";
    let config = ctx
        .script(script)
        .sysctl("kernel.msgmax", "12345")
        .sysctl("net.ipv4.ip_unprivileged_port_start", "77");
    let (_, logs) = ctx.finished(&config).await?;
    ctx.equal("the parameters", logs.as_str(), "12345\n77\n")?;
    for name in [
        "kernel.panic", "vm.swappiness", "kernel.core_pattern", "fs.file-max",
    ] {
        let result = ctx
            .driver()
            .create_container(&ctx.script("true").sysctl(name, "1"))
            .await;
        ctx.refused(name, result, &[codes::CONFIGURATION_ERROR])?;
    }
    Ok(())
}

async fn restart_on_failure(ctx: Ctx) -> CheckResult {
    let policy = RestartPolicy::OnFailure { max_retries: Some(2) };
    let config = ctx.script("echo run; exit 7").restart_policy(policy);
    let created = ctx.started(&config).await?;
    ctx.eventually(
        "three runs, and then an exit",
        Duration::from_secs(60),
        || async {
            let now = ctx.get(&created.id).await?;
            let logs = ctx
                .driver()
                .get_container_logs(&created.id, LogOptions::default())
                .await?;
            let runs = logs.lines().filter(|line| *line == "run").count();
            Ok(if runs >= 3 && now.exit.is_some() {
                Ok(())
            } else {
                Err(format!("{runs} runs, {}", now.status))
            })
        },
    )
    .await?;
    sleep(Duration::from_secs(3)).await;
    let logs = ctx
        .driver()
        .get_container_logs(&created.id, LogOptions::default())
        .await?;
    ctx.equal("the output of all runs", logs.as_str(), "run\nrun\nrun\n")?;
    ctx.equal("the exit code", ctx.get(&created.id).await?.exit_code(), Some(7))
}

async fn restart_after_stop(ctx: Ctx) -> CheckResult {
    for policy in [RestartPolicy::Always, RestartPolicy::UnlessStopped] {
        let running = ctx.ready(&ctx.script(SERVE).restart_policy(policy)).await?;
        ctx.driver()
            .stop_container(&running.id, StopOptions::graceful(Duration::from_secs(20)))
            .await?;
        sleep(Duration::from_secs(2)).await;
        let now = ctx.get(&running.id).await?;
        ctx.ensure(
            format!("a container with `{policy}` stays stopped"),
            now.exit.is_some(),
            now.status,
        )?;
    }
    Ok(())
}

async fn log_rotation(ctx: Ctx) -> CheckResult {
    let driver = LogDriver::new("json-file")
        .option("max-size", "20k")
        .option("max-file", "2");
    let (_, logs) = ctx
        .finished(&ctx.script("seq 1 20000").log_driver(driver))
        .await?;
    ctx.ensure("the oldest output is gone", !logs.starts_with("1\n"), logs.len())?;
    ctx.ensure(
        "the newest output is there",
        logs.ends_with("20000\n"),
        logs.len(),
    )
}

async fn no_logs(ctx: Ctx) -> CheckResult {
    let config = ctx.script("echo lost").log_driver(LogDriver::new("none"));
    let created = ctx.driver().create_container(&config).await?;
    ctx.driver().start_container(&created.id).await?;
    let exited = ctx.exited(&created.id).await?;
    ctx.equal("exit code", exited.exit_code(), Some(0))?;
    let result = ctx
        .driver()
        .get_container_logs(&created.id, LogOptions::default())
        .await;
    ctx.refused("reading the logs", result, &[codes::UNSUPPORTED_OPERATION])?;
    Ok(())
}

async fn cpuset(ctx: Ctx) -> CheckResult {
    let script = "grep Cpus_allowed_list /proc/self/status";
    let (_, logs) = ctx.finished(&ctx.script(script).cpuset("0")).await?;
    ctx.equal("the CPUs", words(&logs).last().copied(), Some("0"))
}

async fn swap_and_weights(ctx: Ctx) -> CheckResult {
    let script = "cd /sys/fs/cgroup; if [ -e memory.swap.max ]; then cat memory.swap.max memory.low cpu.weight; else \
                  echo $(($(cat memory/memory.memsw.limit_in_bytes) - $(cat memory/memory.limit_in_bytes))); \
                  cat memory/memory.soft_limit_in_bytes cpu/cpu.shares; fi";
    let limits = ResourceLimits::default()
        .memory(64)
        .swap(32)
        .memory_reservation(48)
        .cpu_shares(512);
    let (_, logs) = ctx.finished(&ctx.script(script).resources(limits)).await?;
    let found = words(&logs);
    ctx.equal(
        "swap and reservation in bytes",
        found.get(..2).map(<[&str]>::to_vec),
        Some(vec!["33554432", "50331648"]),
    )?;
    // On cgroup v2, 512 shares are a weight of 20 by the older conversion, and of 59 by the newer one.
    let weight = found.get(2).copied().unwrap_or_default();
    ctx.ensure("the CPU weight", ["512", "20", "59"].contains(&weight), logs)
}

async fn unlimited_ulimit(ctx: Ctx) -> CheckResult {
    let script = "ulimit -Sc; ulimit -Hc";
    let (_, logs) = ctx.finished(&ctx.script(script).ulimit("core", 0, 0)).await?;
    ctx.equal("the control with limits", logs.as_str(), "0\n0\n")?;
    let config = ctx
        .script(script)
        .ulimit("core", UlimitValue::Unlimited, UlimitValue::Unlimited);
    let (_, logs) = ctx.finished(&config).await?;
    ctx.equal("the limits", logs.as_str(), "unlimited\nunlimited\n")
}

async fn device(ctx: Ctx) -> CheckResult {
    let script = "head -c 4 /dev/own-zero | wc -c; [ -c /dev/own-zero ] && echo device";
    let device = DeviceMapping::new("/dev/zero").container_path("/dev/own-zero");
    let (_, logs) = ctx.finished(&ctx.script(script).device(device)).await?;
    ctx.equal("bytes read from the device", words(&logs), vec!["4", "device"])?;
    let (_, logs) = ctx
        .finished(&ctx.script("[ -e /dev/own-zero ] || echo none"))
        .await?;
    ctx.equal("the control without the device", logs.as_str(), "none\n")
}

async fn volume_copy(ctx: Ctx) -> CheckResult {
    let script = "[ -e /etc/passwd ] && echo copied || echo empty";
    for (copy, expected) in [(true, "copied\n"), (false, "empty\n")] {
        let volume = ctx.volume().owner(VolumeOwner::ROOT);
        ctx.driver().create_volume(&volume).await?;
        let mount = VolumeMount::volume(volume.name.as_str(), "/etc").copy(copy);
        let (_, logs) = ctx.finished(&ctx.script(script).mount(mount)).await?;
        ctx.equal(format!("the volume with copy {copy}"), logs.as_str(), expected)?;
    }
    Ok(())
}

async fn volume_subpath(ctx: Ctx) -> CheckResult {
    let volume = ctx.volume();
    ctx.driver().create_volume(&volume).await?;
    let whole = VolumeMount::volume(volume.name.as_str(), "/data");
    let script = "mkdir -p /data/one/two; echo inner > /data/one/two/file; echo outer > /data/secret";
    let (exited, _) = ctx.finished(&ctx.script(script).mount(whole.clone())).await?;
    ctx.equal("the exit code of the writer", exited.exit_code(), Some(0))?;
    let part = whole.clone().subpath("one/two");
    let script = "ls /data; cat /data/file; ls /data/../secret 2>/dev/null || echo confined";
    let (_, logs) = ctx.finished(&ctx.script(script).mount(part)).await?;
    ctx.equal("the directory", words(&logs), vec!["file", "inner", "confined"])?;
    for path in ["../secret", "/one", "one/../../x", ""] {
        let config = ctx.script("true").mount(whole.clone().subpath(path));
        let result = ctx.driver().create_container(&config).await;
        ctx.refused(path, result, &[codes::CONFIGURATION_ERROR])?;
    }
    Ok(())
}

async fn volume_options(ctx: Ctx) -> CheckResult {
    let volume = ctx
        .volume()
        .option("type", "tmpfs")
        .option("device", "tmpfs")
        .option("o", "nr_blocks=256,mode=1777");
    ctx.driver().create_volume(&volume).await?;
    let script = "for size in 512 2048; do dd if=/dev/zero of=/data/file bs=1k count=$size 2>/dev/null \
                  && echo written || echo full; done";
    let mount = VolumeMount::volume(volume.name.as_str(), "/data");
    let (_, logs) = ctx.finished(&ctx.script(script).mount(mount)).await?;
    ctx.equal(
        "writes of half the size and of twice the size",
        words(&logs),
        vec!["written", "full"],
    )?;
    for (kind, options, device) in [
        ("nfs", "addr=192.0.2.1", ":/exports"),
        ("none", "bind", "/etc"),
        ("tmpfs", "bind", "/etc"),
        ("ext4", "ro", "/dev/sda1"),
        ("overlay", "lowerdir=/etc", "overlay"),
    ] {
        let config = ctx
            .volume()
            .option("type", kind)
            .option("o", options)
            .option("device", device);
        let result = ctx.driver().create_volume(&config).await;
        ctx.refused(
            format!("a volume of type {kind} with {options}"),
            result,
            &[codes::CONFIGURATION_ERROR],
        )?;
    }
    Ok(())
}

async fn health_start_interval(ctx: Ctx) -> CheckResult {
    let check = HealthCheck::shell("test -e /tmp/up")
        .interval(Duration::from_secs(300))
        .start_period(Duration::from_secs(200))
        .start_interval(Duration::from_secs(1));
    let script = format!("sleep 3; touch /tmp/up; {SERVE}");
    let running = ctx.ready(&ctx.script(&script).health_check(check)).await?;
    ctx.eventually(
        "the container to become healthy",
        Duration::from_secs(60),
        || async {
            let healthy = ctx.driver().is_container_healthy(&running.id).await?;
            Ok(if healthy {
                Ok(())
            } else {
                Err("not healthy yet".to_owned())
            })
        },
    )
    .await?;
    let now = ctx.get(&running.id).await?;
    ctx.ensure(
        "the health check has passed",
        now.health.is_some_and(|health| health.is_healthy()),
        "it has not",
    )
}

async fn image_by_id(ctx: Ctx) -> CheckResult {
    let image = ImageRef::new(ctx.image())?;
    let info = ctx.driver().get_image(&image).await?;
    let info = info.ok_or_else(|| Failure::new("the image", "to exist", "none"))?;
    let mut config = ctx.script("echo from id");
    config.image = info.id.to_string();
    let (exited, logs) = ctx.finished(&config).await?;
    ctx.equal(
        "the exit code and output",
        (exited.exit_code(), logs.as_str()),
        (Some(0), "from id\n"),
    )?;
    let mut missing = ctx.script("true");
    missing.image = format!("sha256:{}", "0".repeat(64));
    let result = ctx.driver().create_container(&missing).await;
    ctx.refused("a missing id", result, &[codes::IMAGE_NOT_FOUND])?;
    planned_refusal(&ctx, &missing, "image").await
}
