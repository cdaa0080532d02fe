//! Checks of the optional fields of a config. The effects of the fields are measured inside the container.

use std::net::Ipv4Addr;
use std::time::Duration;

use driver_interface_errors::{Effect, codes};
use driver_interface_types::{
    ConfigFeature, ContainerConfig, ContainerDriver, DeviceMapping, GpuRequest, HealthCheck, LogDriver,
    LogOptions, NetworkConnectOptions, Operation, PortMapping, Property, PullPolicy, ResourceLimits,
    RestartPolicy, Signal, StopOptions, TmpfsMount, VolumeMount,
};

use super::config::{config, refused};
use crate::{Check, CheckResult, Ctx, Verdict, run};

const PROCESS: &[ConfigFeature] = &[ConfigFeature::ProcessSetup];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "setup/undeclared-refused",
        "A config field that the driver does not declare returns `UnsupportedError` with its name and has no \
         effect.",
        run!(undeclared),
    )
    .because("a driver must not drop a setting silently")
    .without_image(),
    Check::must(
        "setup/invalid",
        "Invalid values are refused with their path, such as relative directories, unknown ulimits and port \
         0.",
        run!(invalid),
    )
    .without_image(),
    Check::must(
        "setup/entrypoint",
        "An entrypoint runs with its own arguments followed by those of the command; an empty one is \
         ignored.",
        run!(entrypoint),
    )
    .config(PROCESS),
    Check::must(
        "setup/empty-entrypoint",
        "An empty entrypoint without a command is refused at `entrypoint`.",
        run!(empty_entrypoint),
    )
    .because("an entrypoint in the config, even an empty one, discards the image's command")
    .config(PROCESS)
    .without_image(),
    Check::must(
        "setup/no-command",
        "If neither config nor image has a command, the creation is refused, not retryable, and has no \
         effect.",
        run!(no_command),
    )
    .requires(&[Operation::ImportImage, Operation::RemoveImage])
    .without_image(),
    Check::must(
        "setup/working-dir",
        "The main process runs in the configured directory.",
        run!(working_dir),
    )
    .config(PROCESS),
    Check::must(
        "setup/hostname",
        "The container has the configured hostname.",
        run!(hostname),
    )
    .config(PROCESS),
    Check::must(
        "setup/tty",
        "With `tty`, the main process has a terminal, and its output and error are one stream.",
        run!(tty),
    )
    .config(PROCESS),
    Check::must(
        "setup/stop-signal",
        "A stop sends the configured signal and no other.",
        run!(stop_signal),
    )
    .config(PROCESS),
    Check::must(
        "setup/init",
        "With an init process the main process is not PID 1; without one it is.",
        run!(init),
    )
    .config(&[ConfigFeature::ProcessSetup])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "setup/ulimits",
        "The configured ulimits apply to the main process.",
        run!(ulimits),
    )
    .config(&[ConfigFeature::ProcessSetup])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "setup/tmpfs",
        "A tmpfs mount is writable up to its size and empty at each start; one at `/tmp` replaces the \
         driver's own.",
        run!(tmpfs),
    )
    .properties(&[Property::RestartSameId])
    .config(&[ConfigFeature::TmpfsMount]),
    Check::must(
        "setup/shm-size",
        "`/dev/shm` has the configured size.",
        run!(shm_size),
    )
    .config(&[ConfigFeature::TmpfsMount])
    .properties(&[Property::RealProcesses]),
];

/// A config in which one optional field is set, the name of that field, and the feature that the field requires.
pub(super) type OptionalField = (ContainerConfig, &'static str, ConfigFeature);

/// Returns one valid config for each field that requires a feature. Each config sets exactly one such field.
pub(super) fn optional_fields(ctx: &Ctx) -> CheckResult<Vec<OptionalField>> {
    let plain = || config(ctx);
    let mut seccomp = plain();
    seccomp.security.seccomp_profile = Some(r#"{"defaultAction":"SCMP_ACT_ALLOW"}"#.to_owned());
    let configs = [
        plain().entrypoint(["true"]),
        plain().working_dir("/etc"),
        plain().hostname("host-1"),
        plain().tty(true),
        plain().stop_signal(Signal::USR1),
        plain().init(true),
        plain().ulimit("nofile", 100, 100),
        plain().tmpfs("/scratch", 4),
        plain().shm_size(4),
        plain().port(PortMapping::new(80)),
        plain().network_alias("db"),
        plain().dns(Ipv4Addr::new(10, 9, 8, 7)),
        plain().extra_host("there.example", Ipv4Addr::new(10, 9, 8, 7)),
        plain().health_check(HealthCheck::shell("true")),
        plain().platform("linux/amd64"),
        plain().pull_policy(PullPolicy::Always),
        plain().runtime("runc"),
        seccomp,
        plain().device(DeviceMapping::new("/dev/fuse")),
        plain().gpus(GpuRequest::all()),
        plain().stdin(true),
        plain().unset_env("LANG"),
        plain().group("7"),
        plain()
            .network("some-network")
            .also_network("another-network", NetworkConnectOptions::default()),
        plain()
            .network("some-network")
            .address(Ipv4Addr::new(10, 9, 8, 7)),
        plain().dns_search("example.org"),
        plain().dns_option("ndots:1"),
        plain().sysctl("net.core.somaxconn", "64"),
        plain().annotation("some.annotation", "value"),
        plain().restart_policy(RestartPolicy::Always),
        plain().log_driver(LogDriver::new("json-file")),
        plain().cpuset("0"),
        plain().resources(ResourceLimits::default().swap(8)),
        plain().resources(ResourceLimits::default().memory_reservation(8)),
        plain().resources(ResourceLimits::default().cpu_shares(8)),
        plain().mount(
            VolumeMount::volume("some-volume", "/data")
                .read_only(true)
                .subpath("inner"),
        ),
        plain().mount(
            VolumeMount::volume("some-volume", "/data")
                .read_only(true)
                .copy(true),
        ),
    ];
    let mut all = Vec::new();
    for config in configs {
        let Some((path, capability)) = config.needs().first().copied() else {
            return Err(Verdict::Broken(format!("no option is set: {config:?}")));
        };
        all.push((config, path, capability));
    }
    Ok(all)
}

async fn undeclared(ctx: Ctx) -> CheckResult {
    let undeclared: Vec<OptionalField> = optional_fields(&ctx)?
        .into_iter()
        .filter(|(.., capability)| !ctx.declares(*capability))
        .collect();
    if undeclared.is_empty() {
        return Err(Verdict::NotApplicable(
            "the driver declares every field of the config".to_owned(),
        ));
    }
    for (config, path, capability) in undeclared {
        let result = ctx.driver().create_container(&config).await;
        let error = ctx.refused(path, result, &[codes::UNSUPPORTED_OPERATION])?;
        ctx.equal(format!("retryable ({path})"), error.is_retryable(), false)?;
        ctx.equal(format!("effect ({path})"), error.effect(), Effect::NotApplied)?;
        let text = error.to_string();
        let named = text.contains(path) || text.contains(&capability.to_string());
        ctx.ensure(format!("the error names {path}"), named, text)?;
    }
    ctx.equal(
        "containers",
        ctx.driver().list_containers(&ctx.session_filter()).await?.len(),
        0,
    )
}

async fn invalid(ctx: Ctx) -> CheckResult {
    let plain = || config(&ctx);
    let second = Duration::from_secs(1);
    let none: [&str; 0] = [];
    let configs = [
        (plain().working_dir("tmp"), "workingDir"),
        (plain().working_dir("/a/../b"), "workingDir"),
        (plain().hostname("not a name"), "hostname"),
        (plain().hostname("-x"), "hostname"),
        (plain().entrypoint(["a\0b"]), "entrypoint"),
        (plain().ulimit("no-such-limit", 1, 1), "ulimits[0]"),
        (plain().ulimit("nofile", 2, 1), "ulimits[0]"),
        (plain().tmpfs("scratch", 4), "tmpfs[0].target"),
        (plain().tmpfs("/", 4), "tmpfs[0].target"),
        (plain().tmpfs("/proc", 4), "tmpfs[0].target"),
        (plain().tmpfs("/scratch", 0), "tmpfs[0].size"),
        (
            plain().tmpfs_mount(TmpfsMount::new("/scratch", 4).mode(0o10000)),
            "tmpfs[0].mode",
        ),
        (
            plain().tmpfs("/scratch", 4).tmpfs("/scratch/", 8),
            "tmpfs[1].target",
        ),
        (plain().shm_size(0), "shmSize"),
        (plain().port(PortMapping::new(0)), "ports[0]"),
        (plain().port(PortMapping::new(80).host_port(0)), "ports[0]"),
        (
            plain()
                .port(PortMapping::new(80).host_port(8080))
                .port(PortMapping::new(81).host_port(8080)),
            "ports[1]",
        ),
        (plain().network("none").port(PortMapping::new(80)), "ports"),
        (plain().network_alias("not a name"), "networkAliases[0]"),
        (
            plain().extra_host("not a name", Ipv4Addr::LOCALHOST),
            "extraHosts",
        ),
        (
            plain().health_check(HealthCheck::command(none)),
            "healthCheck.test",
        ),
        (
            plain().health_check(HealthCheck::shell("true").interval(Duration::ZERO)),
            "healthCheck.interval",
        ),
        (
            plain().health_check(HealthCheck::shell("true").interval(second).retries(0)),
            "healthCheck.retries",
        ),
        (plain().device(DeviceMapping::new("/etc/passwd")), "devices[0]"),
        (plain().device(DeviceMapping::new("/dev/sda")), "devices[0]"),
        (plain().env("A", "1").unset_env("A"), "unsetEnv"),
        (plain().group("not a group"), "groups[0]"),
        (plain().address([10, 9, 8, 7]), "addresses"),
        (
            plain().network("some-network").address([0, 0, 0, 0]),
            "addresses[0]",
        ),
        (plain().dns_option("not an option"), "dnsOptions[0]"),
        (plain().sysctl("kernel.panic", "1"), "sysctls"),
        (plain().cpuset("0-"), "cpuset"),
        (plain().log_driver(LogDriver::new("")), "logDriver.name"),
        (
            plain().resources(ResourceLimits::default().memory(64).memory_reservation(64)),
            "resources.memoryReservation",
        ),
    ];
    let mut tried = 0;
    for (config, path) in configs {
        let declared = config
            .needs()
            .iter()
            .all(|(_, capability)| ctx.declares(*capability));
        if declared {
            refused(&ctx, &format!("an invalid {path}"), &config, path).await?;
            tried += 1;
        }
    }
    if tried == 0 {
        return Err(Verdict::NotApplicable(
            "the driver declares no field of the config".to_owned(),
        ));
    }
    ctx.equal(
        "containers",
        ctx.driver().list_containers(&ctx.session_filter()).await?.len(),
        0,
    )
}

async fn entrypoint(ctx: Ctx) -> CheckResult {
    let none: [&str; 0] = [];
    for (about, config, expected) in [
        (
            "with arguments",
            ctx.program(["entry", "point"]).entrypoint(["echo", "from"]),
            "from entry point\n",
        ),
        (
            "without a command",
            ctx.program(none).entrypoint(["echo", "alone"]),
            "alone\n",
        ),
        (
            "none",
            ctx.program(["echo", "command"]).entrypoint(none),
            "command\n",
        ),
    ] {
        let (exited, logs) = ctx.finished(&config).await?;
        ctx.equal(about, (exited.exit_code(), logs.as_str()), (Some(0), expected))?;
    }
    Ok(())
}

async fn empty_entrypoint(ctx: Ctx) -> CheckResult {
    let none: [&str; 0] = [];
    refused(
        &ctx,
        "an empty entrypoint",
        &config(&ctx).entrypoint(none),
        "entrypoint",
    )
    .await?;
    ctx.equal(
        "containers",
        ctx.driver().list_containers(&ctx.session_filter()).await?.len(),
        0,
    )
}

async fn no_command(ctx: Ctx) -> CheckResult {
    let image = super::capability::import(&ctx, &ctx.name()).await?;
    let mut config = config(&ctx);
    config.image = image.to_string();
    let result = ctx.driver().create_container(&config).await;
    let error = ctx.refused(
        "no command in config or image",
        result,
        &[codes::CONTAINER_CREATION_FAILED],
    )?;
    ctx.equal("retryable", error.is_retryable(), false)?;
    ctx.equal("effect", error.effect(), Effect::NotApplied)?;
    ctx.equal(
        "containers",
        ctx.driver().list_containers(&ctx.session_filter()).await?.len(),
        0,
    )?;
    ctx.driver().remove_image(&image).await?;
    Ok(())
}

async fn working_dir(ctx: Ctx) -> CheckResult {
    for directory in ["/etc", "/"] {
        let (_, logs) = ctx.finished(&ctx.script("pwd").working_dir(directory)).await?;
        ctx.equal("the directory", logs.trim(), directory)?;
    }
    Ok(())
}

async fn hostname(ctx: Ctx) -> CheckResult {
    let (_, logs) = ctx
        .finished(&ctx.script("hostname").hostname("some-host"))
        .await?;
    ctx.equal("the name", logs.as_str(), "some-host\n")?;
    let (_, logs) = ctx.finished(&ctx.script("hostname")).await?;
    ctx.ensure("the control without a hostname", logs.trim() != "some-host", logs)
}

async fn tty(ctx: Ctx) -> CheckResult {
    let script = "[ -t 1 ] && echo terminal || echo pipe; echo err >&2";
    let lines = |logs: String| -> Vec<String> { logs.lines().map(|line| line.trim().to_owned()).collect() };
    let (_, logs) = ctx.finished(&ctx.script(script)).await?;
    ctx.ensure(
        "the control without a terminal",
        lines(logs.clone()).contains(&"pipe".to_owned()),
        logs,
    )?;
    let (exited, logs) = ctx.finished(&ctx.script(script).tty(true)).await?;
    ctx.equal(
        "output of a process with a terminal, in order",
        lines(logs),
        vec!["terminal".to_owned(), "err".to_owned()],
    )?;
    let options = LogOptions::default().only_stderr();
    let logs = ctx.driver().get_container_logs(&exited.id, options).await?;
    ctx.equal(
        "the single stream, selected as standard error",
        lines(logs),
        vec!["terminal".to_owned(), "err".to_owned()],
    )?;
    ctx.equal("its exit code", exited.exit_code(), Some(0))
}

async fn stop_signal(ctx: Ctx) -> CheckResult {
    let script =
        "trap 'exit 9' USR1; trap 'exit 8' TERM; echo ready; while true; do sleep 600 & wait $!; done";
    for (config, code) in [
        (ctx.script(script), 8),
        (ctx.script(script).stop_signal(Signal::USR1), 9),
    ] {
        let running = ctx.ready(&config).await?;
        ctx.driver()
            .stop_container(&running.id, StopOptions::graceful(Duration::from_secs(20)))
            .await?;
        ctx.equal("exit code", ctx.get(&running.id).await?.exit_code(), Some(code))?;
    }
    Ok(())
}

async fn init(ctx: Ctx) -> CheckResult {
    let (_, logs) = ctx.finished(&ctx.script("echo $$").init(false)).await?;
    ctx.equal(
        "PID of the main process without an init process",
        logs.trim(),
        "1",
    )?;
    let (_, logs) = ctx.finished(&ctx.script("echo $$; exit 0").init(true)).await?;
    ctx.ensure(
        "PID of the main process with an init process",
        logs.trim() != "1" && !logs.trim().is_empty(),
        logs,
    )
}

async fn ulimits(ctx: Ctx) -> CheckResult {
    let script = "ulimit -Sn; ulimit -Hn";
    let config = ctx.script(script).ulimit("nofile", 123, 456);
    let (_, logs) = ctx.finished(&config).await?;
    ctx.equal("the limits", logs.as_str(), "123\n456\n")?;
    let (_, logs) = ctx.finished(&ctx.script(script)).await?;
    ctx.ensure("the control without ulimits", logs != "123\n456\n", logs)
}

/// Returns a script that prints whether `mib` MiB can be written to the file at `path`.
fn write(path: &str, mib: u64) -> String {
    format!(
        "dd if=/dev/zero of={path} bs=1M count={mib} 2>/dev/null && echo written || echo refused; rm -f {path}"
    )
}

async fn tmpfs(ctx: Ctx) -> CheckResult {
    for target in ["/scratch", "/tmp"] {
        let file = format!("{target}/file");
        let mark = format!(
            "[ -e {target}/mark ] && echo old || echo new; echo x > {target}/mark; cat {target}/mark"
        );
        let script = format!("{}; {}; {mark}", write(&file, 2), write(&file, 12));
        let (exited, logs) = ctx.finished(&ctx.script(&script).tmpfs(target, 8)).await?;
        ctx.equal(
            format!("{target} of 8 MiB"),
            logs.as_str(),
            "written\nrefused\nnew\nx\n",
        )?;
        ctx.driver().start_container(&exited.id).await?;
        ctx.exited(&exited.id).await?;
        let logs = ctx
            .driver()
            .get_container_logs(&exited.id, driver_interface_types::LogOptions::default())
            .await?;
        ctx.equal(format!("{target} in both runs"), logs.matches("new").count(), 2)?;
    }
    Ok(())
}

async fn shm_size(ctx: Ctx) -> CheckResult {
    let script = format!("{}; {}", write("/dev/shm/file", 2), write("/dev/shm/file", 12));
    let (_, logs) = ctx.finished(&ctx.script(&script).shm_size(8)).await?;
    ctx.equal("writing with 8 MiB", logs.as_str(), "written\nrefused\n")?;
    let (_, logs) = ctx.finished(&ctx.script(&script).shm_size(32)).await?;
    ctx.equal("the control with 32 MiB", logs.as_str(), "written\nwritten\n")
}
