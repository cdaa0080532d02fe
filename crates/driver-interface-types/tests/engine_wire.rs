//! The wire format of the optional operations and config fields.

#![allow(
    clippy::unwrap_used,
    reason = "a test may fail by panicking, and so may what it is helped by"
)]

use std::time::{Duration, UNIX_EPOCH};

use driver_interface_types::{
    Capabilities, ConfigFeature, ContainerConfig, ContainerHealth, ContainerHealthStatus, ContainerId,
    ContainerInstance, ContainerStats, CreationPlan, DeviceMapping, Enforcement, EnforcementReport, Event,
    EventContainer, EventCursor, EventData, EventFilter, EventKind, ExecOutcome, ExecStatus, GpuRequest,
    HealthCheck, HealthTest, ImageFilter, ImageInfo, LogStreamOptions, NetworkConfig, NetworkConnectOptions,
    PortMapping, Protocol, PublishedPort, PullProgress, ReadFileOptions, SecurityOptions, SessionId, Signal,
    TmpfsMount, WaitOptions, Warning,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json, to_value};

fn full_config() -> ContainerConfig {
    ContainerConfig::new("s1", "nginx:1.27")
        .entrypoint(["/entry", "--fast"])
        .working_dir("/srv")
        .hostname("web")
        .tty(true)
        .stop_signal(Signal::QUIT)
        .init(false)
        .tmpfs("/run", 16)
        .tmpfs_mount(
            TmpfsMount::new("/private", 1)
                .mode(0o700)
                .uid(7)
                .gid(8)
                .exec(false)
                .suid(true)
                .dev(true),
        )
        .shm_size(128)
        .ulimit("nofile", 1024, 4096)
        .port(PortMapping::new(80).host_port(8080))
        .port(PortMapping::new(53).protocol(Protocol::Udp).host_ip([0, 0, 0, 0]))
        .network_alias("www")
        .dns([1, 1, 1, 1])
        .extra_host("db.internal", [10, 0, 0, 7])
        .health_check(HealthCheck::shell("wget -q localhost").retries(5))
        .platform("linux/arm64")
        .runtime("runsc")
        .device(DeviceMapping::new("/dev/fuse").permissions("rw"))
        .gpus(GpuRequest::count(1))
        .security(
            SecurityOptions::default()
                .seccomp_profile("{}")
                .apparmor_profile("docker-default"),
        )
}

fn reads_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> Value {
    let written = to_value(value).unwrap();
    assert_eq!(&serde_json::from_value::<T>(written.clone()).unwrap(), value);
    written
}

#[test]
fn full_config_round_trips_in_camel_case() {
    let value = reads_back(&full_config());
    assert_eq!(value["entrypoint"], json!(["/entry", "--fast"]));
    assert_eq!(value["stopSignal"], "SIGQUIT");
    assert_eq!(
        value["tmpfs"],
        json!([
            {"target": "/run", "size": 16},
            {"target": "/private", "size": 1, "mode": 448, "uid": 7, "gid": 8, "exec": false, "suid": true, "dev": true},
        ])
    );
    assert_eq!(value["shmSize"], 128);
    assert_eq!(
        value["ulimits"],
        json!([{"name": "nofile", "soft": 1024, "hard": 4096}])
    );
    assert_eq!(
        value["ports"],
        json!([
            {"containerPort": 80, "protocol": "tcp", "hostIp": "127.0.0.1", "hostPort": 8080},
            {"containerPort": 53, "protocol": "udp", "hostIp": "0.0.0.0"},
        ])
    );
    assert_eq!(value["extraHosts"], json!({"db.internal": "10.0.0.7"}));
    assert_eq!(
        value["healthCheck"],
        json!({"test": "wget -q localhost", "interval": 30_000, "timeout": 30_000, "retries": 5, "startPeriod": 0})
    );
    assert_eq!(value["gpus"], json!({"count": 1}));
    assert_eq!(value["security"]["seccompProfile"], "{}");
}

#[test]
fn omits_unset_fields() {
    let value = to_value(ContainerConfig::new("s", "alpine")).unwrap();
    let mut fields: Vec<&String> = value.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(
        fields,
        [
            "command", "env", "image", "labels", "network", "pullPolicy", "resources", "security",
            "sessionId", "strictness", "volumes"
        ]
    );
    let mut fields: Vec<&String> = value["security"].as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(fields, ["capabilities", "noNewPrivileges", "readOnly", "user"]);
}

#[test]
fn port_defaults_to_loopback() {
    let port: PortMapping = serde_json::from_value(json!({"containerPort": 80})).unwrap();
    assert_eq!(port, PortMapping::new(80));
    assert_eq!(
        (port.host_ip.to_string().as_str(), port.host_port),
        ("127.0.0.1", None)
    );
}

#[test]
fn health_check_is_argv_or_shell_command() {
    let check: HealthCheck = serde_json::from_value(json!({"test": ["true"], "interval": 2000})).unwrap();
    assert_eq!(
        check,
        HealthCheck::command(["true"]).interval(Duration::from_secs(2))
    );
    let shell: HealthCheck = serde_json::from_value(json!({"test": "true"})).unwrap();
    assert_eq!(shell.test, HealthTest::Shell("true".to_owned()));
}

#[test]
fn unknown_fields_are_rejected_everywhere() {
    for (field, value) in [
        ("tmpfs", json!([{"target": "/run", "size": 1, "noexec": true}])),
        (
            "ulimits",
            json!([{"name": "nofile", "soft": 1, "hard": 1, "max": 1}]),
        ),
        ("ports", json!([{"containerPort": 80, "published": 8080}])),
        ("healthCheck", json!({"test": "true", "disable": true})),
        (
            "devices",
            json!([{"hostPath": "/dev/a", "containerPath": "/dev/a", "mode": "r"}]),
        ),
        ("gpus", json!({"all": true})),
    ] {
        let mut input = json!({"sessionId": "s", "image": "alpine"});
        input[field] = value;
        let refused = serde_json::from_value::<ContainerConfig>(input.clone()).unwrap_err();
        assert!(
            refused.to_string().contains("unknown field"),
            "{input}: {refused}"
        );
    }
}

#[test]
fn each_field_names_its_required_capability() {
    let config = full_config();
    let needs = config.needs();
    let paths: Vec<&str> = needs.iter().map(|(path, _)| *path).collect();
    assert_eq!(paths.len(), 20, "{paths:?}");
    let mut capabilities = Capabilities::minimal();
    for (path, feature) in &needs {
        let error = config.require(&capabilities).unwrap_err();
        assert!(
            error.to_string().contains("which this driver does not declare"),
            "{path}: {error}"
        );
        capabilities.config.insert(*feature);
    }
    assert!(config.require(&capabilities).is_ok());
    assert!(
        ContainerConfig::new("s", "alpine")
            .require(&Capabilities::minimal())
            .is_ok()
    );

    let internal = NetworkConfig::new("net").internal(true);
    assert!(internal.require(&Capabilities::minimal()).is_err());
    capabilities.config.insert(ConfigFeature::InternalNetwork);
    assert!(internal.require(&capabilities).is_ok());
}

#[test]
fn reads_instances_of_older_drivers() {
    let session = SessionId::new("s").unwrap();
    let id = ContainerId::new("ab").unwrap();
    let mut instance = ContainerInstance::new(id, "ab", session, "alpine", UNIX_EPOCH);
    let mut old = to_value(&instance).unwrap();
    for field in ["ports", "health", "enforcement"] {
        old.as_object_mut().unwrap().remove(field);
    }
    assert_eq!(
        serde_json::from_value::<ContainerInstance>(old).unwrap(),
        instance
    );

    instance.ports = vec![PublishedPort::new(
        80,
        Protocol::Tcp,
        [127, 0, 0, 1].into(),
        49153,
    )];
    instance.health = Some(ContainerHealth::new(ContainerHealthStatus::Starting));
    let mut report = EnforcementReport::default();
    report.disk = Enforcement::unsupported("no quota");
    report.cpu = Enforcement::weakened("shares instead of a quota");
    instance.enforcement = Some(report);
    let value = reads_back(&instance);
    assert_eq!(value["health"]["status"], "starting");
    assert_eq!(
        value["enforcement"]["disk"],
        json!({"level": "unsupported", "why": "no quota"})
    );
    assert_eq!(
        value["enforcement"]["cpu"],
        json!({"level": "weakened", "why": "shares instead of a quota"})
    );
    assert_eq!(value["enforcement"]["memory"], json!({"level": "enforced"}));
}

#[test]
fn events_and_filters_use_interface_names() {
    let cursor = EventCursor::new("1700000000123.4").unwrap();
    let mut container = EventContainer::new(ContainerId::new("ab").unwrap());
    container.name = Some("web-1".to_owned());
    let data = EventData::Stopped {
        container,
        exit_code: Some(3),
    };
    let event = Event::new(UNIX_EPOCH + Duration::from_millis(5), cursor.clone(), data);
    let value = reads_back(&event);
    assert_eq!(
        (
            &value["kind"], &value["time"], &value["exitCode"], &value["containerId"]
        ),
        (&json!("container:stopped"), &json!(5), &json!(3), &json!("ab"))
    );
    for kind in EventKind::ALL {
        let container = EventContainer::new(ContainerId::new("ab").unwrap());
        let event = Event::new(
            UNIX_EPOCH,
            cursor.clone(),
            EventData::of_container(*kind, container, None),
        );
        let value = reads_back(&event);
        assert_eq!((event.kind(), &value["kind"]), (*kind, &json!(kind.as_str())));
    }

    let own = EventFilter::default().container(ContainerId::new("ab").unwrap());
    assert!(own.matches(&event) && own.clone().kind(EventKind::Stopped).matches(&event));
    assert!(!own.clone().kind(EventKind::Started).matches(&event));
    assert!(!own.clone().label("role", "db").matches(&event));
    let gap = Event::new(UNIX_EPOCH, cursor.clone(), EventData::Gap);
    assert!(own.matches(&gap), "a gap is never filtered out");

    let value = reads_back(&EventFilter::default().kind(EventKind::OutOfMemory).after(cursor));
    assert_eq!(
        value,
        json!({"kinds": ["container:oom"], "after": "1700000000123.4"})
    );
    for kind in EventKind::ALL {
        assert_eq!(to_value(kind).unwrap(), kind.as_str());
    }
}

#[test]
fn outcomes_statuses_and_stats_round_trip() {
    assert_eq!(reads_back(&ExecOutcome::Exited(3)), json!({"exited": 3}));
    assert_eq!(
        reads_back(&ExecOutcome::Signaled(Signal::KILL)),
        json!({"signaled": "SIGKILL"})
    );
    assert_eq!(reads_back(&ExecOutcome::TimedOut), "timedOut");
    reads_back(&ExecStatus::exited(ExecOutcome::OomKilled).started_at(UNIX_EPOCH));
    let mut stats = ContainerStats::new(UNIX_EPOCH);
    stats.cpu_cores = 0.5;
    stats.cpu_time = Duration::from_millis(1500);
    let value = reads_back(&stats);
    assert_eq!(
        (&value["cpuCores"], &value["cpuTime"]),
        (&json!(0.5), &json!(1500))
    );
    reads_back(&PullProgress::Done(ImageInfo::new("sha256:00", 42)));
    reads_back(&WaitOptions::at_most(Duration::from_secs(1)));
    reads_back(&ReadFileOptions::limit(7));
    reads_back(&LogStreamOptions::default().follow(true).until(UNIX_EPOCH));
    reads_back(&NetworkConnectOptions::default().alias("db"));
}

#[test]
fn plan_with_refusal_is_not_accepted() {
    let config = ContainerConfig::new("s", "alpine");
    let mut plan = CreationPlan::new(config, EnforcementReport::default());
    assert!(plan.is_accepted() && plan.enforcement.holds());
    plan.refusals
        .push(Warning::new("resources.cpu", "out-of-range", "must be above 0"));
    assert!(!plan.is_accepted());
    reads_back(&plan);
}

#[test]
fn image_filter_matches_equivalent_references() {
    let mut image = ImageInfo::new("sha256:00", 1);
    assert!(!ImageFilter::default().matches(&image), "it has no name");
    image.references = vec!["nginx:1.27".parse().unwrap()];
    image.labels.insert("team".to_owned(), "core".to_owned());
    assert!(ImageFilter::default().matches(&image));
    let full = ImageFilter::default().reference("docker.io/library/nginx:1.27".parse().unwrap());
    assert!(full.matches(&image) && full.clone().label("team", "core").matches(&image));
    assert!(!full.label("team", "web").matches(&image));
}
