//! The rules of the optional config fields.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::time::Duration;

use common::{accepted, config, refused};
use driver_interface_types::{
    ContainerConfig, DeviceMapping, GpuRequest, HealthCheck, HealthTest, PortMapping, Protocol,
    SecurityOptions, TmpfsMount,
};
use driver_interface_validation::{codes, limits, parse_container_config};

#[test]
fn well_formed_configs_pass() {
    for config in [
        config().entrypoint(Vec::<String>::new()).command(["true"]),
        config().entrypoint(["true"]),
        config().tmpfs_mount(
            TmpfsMount::new("/a", 1)
                .mode(0o7777)
                .uid(0)
                .gid(2_147_483_647)
                .suid(true)
                .dev(true),
        ),
        config().working_dir("/srv/a:b"),
        config().hostname("web-1.internal"),
        config().tmpfs("/run", 1).tmpfs("/var/run2", 64).shm_size(1),
        config().ulimit("nofile", 10, 10).ulimit("core", 0, 0),
        config()
            .port(PortMapping::new(53))
            .port(PortMapping::new(53).protocol(Protocol::Udp)),
        config().network_alias("db").network_alias("db.internal"),
        config().health_check(HealthCheck::shell("true")),
        config().platform("linux/arm/v7").runtime("io.containerd.runc.v2"),
        config().device(DeviceMapping::new("/dev/fuse").permissions("r")),
        config()
            .gpus(GpuRequest::all())
            .gpus(GpuRequest::devices(["GPU-1"])),
    ] {
        accepted(&config);
    }
}

#[test]
fn invalid_values_are_refused_with_path_and_code() {
    let health = |check: HealthCheck| config().health_check(check);
    let seccomp = |text: &str| config().security(SecurityOptions::default().seccomp_profile(text));
    let apparmor = |text: &str| config().security(SecurityOptions::default().apparmor_profile(text));
    let cases: Vec<(ContainerConfig, &str, &str)> = vec![
        (config().entrypoint([""]), "entrypoint[0]", codes::EMPTY),
        (
            config().entrypoint(Vec::<String>::new()),
            "entrypoint",
            codes::EMPTY,
        ),
        (
            config().tmpfs_mount(TmpfsMount::new("/a", 1).mode(0o10000)),
            "tmpfs[0].mode",
            codes::OUT_OF_RANGE,
        ),
        (
            config().tmpfs_mount(TmpfsMount::new("/a", 1).uid(u32::MAX)),
            "tmpfs[0].uid",
            codes::OUT_OF_RANGE,
        ),
        (
            config().tmpfs_mount(TmpfsMount::new("/a", 1).gid(1 << 31)),
            "tmpfs[0].gid",
            codes::OUT_OF_RANGE,
        ),
        (config().working_dir("srv"), "workingDir", codes::NOT_ABSOLUTE),
        (
            config().working_dir("/a/../b"),
            "workingDir",
            codes::NOT_NORMALISED,
        ),
        (config().hostname("a_b"), "hostname", codes::INVALID_NAME),
        (config().hostname("a".repeat(64)), "hostname", codes::INVALID_NAME),
        (
            config().tmpfs("/proc/x", 1),
            "tmpfs[0].target",
            codes::FORBIDDEN_TARGET,
        ),
        (
            config().tmpfs("/a", 1).tmpfs("/a/", 1),
            "tmpfs[1].target",
            codes::DUPLICATE,
        ),
        (config().tmpfs("/a", 0), "tmpfs[0].size", codes::OUT_OF_RANGE),
        (config().shm_size(0), "shmSize", codes::OUT_OF_RANGE),
        (
            config().ulimit("nofiles", 1, 1),
            "ulimits[0].name",
            codes::INVALID_NAME,
        ),
        (
            config().ulimit("core", 1, 1).ulimit("core", 2, 2),
            "ulimits[1].name",
            codes::DUPLICATE,
        ),
        (
            config().ulimit("core", 2, 1),
            "ulimits[0].soft",
            codes::OUT_OF_RANGE,
        ),
        (
            config().port(PortMapping::new(0)),
            "ports[0].containerPort",
            codes::OUT_OF_RANGE,
        ),
        (
            config().port(PortMapping::new(1).host_port(0)),
            "ports[0].hostPort",
            codes::OUT_OF_RANGE,
        ),
        (
            config()
                .port(PortMapping::new(1).host_port(8))
                .port(PortMapping::new(2).host_port(8)),
            "ports[1].hostPort",
            codes::DUPLICATE,
        ),
        (
            config().port(PortMapping::new(1)).port(PortMapping::new(1)),
            "ports[1].containerPort",
            codes::DUPLICATE,
        ),
        (
            config().network("none").port(PortMapping::new(1)),
            "ports",
            codes::CONTRADICTION,
        ),
        (
            config().network("none").network_alias("db"),
            "networkAliases",
            codes::CONTRADICTION,
        ),
        (
            config().network_alias("a b"),
            "networkAliases[0]",
            codes::INVALID_NAME,
        ),
        (
            config().extra_host("a/b", [1, 1, 1, 1]),
            "extraHosts[\"a/b\"]",
            codes::INVALID_NAME,
        ),
        (
            health(HealthCheck::new(HealthTest::Command(Vec::new()))),
            "healthCheck.test",
            codes::EMPTY,
        ),
        (
            health(HealthCheck::command(["a\0"])),
            "healthCheck.test[0]",
            codes::INVALID_CHARACTER,
        ),
        (health(HealthCheck::shell(" ")), "healthCheck.test", codes::EMPTY),
        (
            health(HealthCheck::shell("a").interval(Duration::ZERO)),
            "healthCheck.interval",
            codes::OUT_OF_RANGE,
        ),
        (
            health(HealthCheck::shell("a").timeout(limits::MAX_HEALTH_TIME * 2)),
            "healthCheck.timeout",
            codes::OUT_OF_RANGE,
        ),
        (
            health(HealthCheck::shell("a").retries(0)),
            "healthCheck.retries",
            codes::OUT_OF_RANGE,
        ),
        (config().platform("arm64"), "platform", codes::INVALID_NAME),
        (config().runtime("../runc"), "runtime", codes::INVALID_NAME),
        (
            seccomp("unconfined"),
            "security.seccompProfile",
            codes::INVALID_PROFILE,
        ),
        (
            apparmor("unconfined"),
            "security.apparmorProfile",
            codes::INVALID_PROFILE,
        ),
        (
            config().device(DeviceMapping::new("/dev/sda")),
            "devices[0].hostPath",
            codes::FORBIDDEN_DEVICE,
        ),
        (
            config().device(DeviceMapping::new("/dev/fuse").container_path("/dev/../etc")),
            "devices[0].containerPath",
            codes::FORBIDDEN_DEVICE,
        ),
        (
            config().device(DeviceMapping::new("/dev/fuse").permissions("rr")),
            "devices[0].permissions",
            codes::INVALID_CHARACTER,
        ),
        (
            config().gpus(GpuRequest::count(0)),
            "gpus.count",
            codes::OUT_OF_RANGE,
        ),
        (
            config().gpus(GpuRequest::devices([""])),
            "gpus.deviceIds[0]",
            codes::INVALID_NAME,
        ),
    ];
    for (config, path, code) in &cases {
        refused(config, path, code);
    }
    let mut both = GpuRequest::count(1);
    both.device_ids.push("GPU-1".to_owned());
    refused(&config().gpus(both), "gpus.count", codes::CONTRADICTION);
}

#[test]
fn json_mistakes_are_reported_in_every_section() {
    let json = r#"{ "sessionId": "s1", "image": "alpine", "stopSignal": "TERMINATE", "dns": ["1.1.1"],
        "ports": [{ "containerPort": 70000 }, { "hostPort": 80 }], "extraHosts": { "db": "nowhere" },
        "healthCheck": { "interval": -1 } }"#;
    let error = parse_container_config(json).unwrap_err();
    let lines: Vec<String> = error.violations().iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "dns[0]: must be an IP address; got `1.1.1`",
            "extraHosts[\"db\"]: must be an IP address or `host-gateway`; got `nowhere`",
            "healthCheck.interval: must be a whole number of milliseconds, at least 1; got -1",
            "healthCheck.test: is required: it has no default",
            "ports[0].containerPort: must be a whole number, at most 65535; got 70000",
            "ports[1].containerPort: is required: it has no default",
            "stopSignal: must be a signal, such as `SIGTERM`; got `TERMINATE`",
        ]
    );
}
