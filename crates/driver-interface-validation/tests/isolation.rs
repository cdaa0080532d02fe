//! The rules that isolate a container from its host: mounts, networks, users, capabilities.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{accepted, config, found, refused};
use driver_interface_types::{LinuxCapabilities, NetworkConfig, NetworkMode, SecurityOptions, VolumeMount};
use driver_interface_validation::{
    ValidationPolicy, codes, limits, validate_container_config_with, validate_network_config,
};

#[test]
fn mount_targets_exclude_root_and_kernel_paths() {
    let at = |target: &str| config().mount(VolumeMount::volume("data", target));
    for (target, code) in [
        ("", codes::EMPTY),
        ("data", codes::NOT_ABSOLUTE),
        ("./data", codes::NOT_ABSOLUTE),
        ("C:\\data", codes::NOT_ABSOLUTE),
        ("/a/../etc", codes::NOT_NORMALISED),
        ("/..", codes::NOT_NORMALISED),
        ("//a", codes::NOT_NORMALISED),
        ("/a/./b", codes::NOT_NORMALISED),
        ("/a/.", codes::NOT_NORMALISED),
        ("/", codes::FORBIDDEN_TARGET),
        ("/proc", codes::FORBIDDEN_TARGET),
        ("/sys/fs/cgroup", codes::FORBIDDEN_TARGET),
        ("/dev/", codes::FORBIDDEN_TARGET),
        ("/a:ro", codes::INVALID_CHARACTER),
        ("/a,src=/etc", codes::INVALID_CHARACTER),
        ("/a\"", codes::INVALID_CHARACTER),
        ("/a\nb", codes::INVALID_CHARACTER),
        ("/a\0", codes::INVALID_CHARACTER),
        (&format!("/{}", "a".repeat(limits::MAX_PATH)), codes::TOO_LONG),
    ] {
        refused(&at(target), "volumes[0].target", code);
    }
    for target in ["/a", "/a/", "/a b/ü", "/process", "/devel", "/...", "/a..b"] {
        accepted(&at(target));
    }
}

#[test]
fn mount_targets_are_unique_and_limited() {
    let twice = config()
        .mount(VolumeMount::volume("one", "/a"))
        .mount(VolumeMount::volume("two", "/a/"));
    refused(&twice, "volumes[1].target", codes::DUPLICATE);
    let nested = config()
        .mount(VolumeMount::volume("one", "/a"))
        .mount(VolumeMount::volume("one", "/a/b"));
    accepted(&nested);
    let many = |count: usize| {
        (0..count).fold(config(), |config, index| {
            config.mount(VolumeMount::volume("data", format!("/m{index}")))
        })
    };
    accepted(&many(limits::MAX_MOUNTS));
    refused(&many(limits::MAX_MOUNTS + 1), "volumes", codes::TOO_MANY);
}

#[test]
fn sources_are_volume_names_or_allowed_host_paths() {
    let untyped = |source: &str| {
        let mut mount = VolumeMount::volume(source, "/a");
        mount.kind = None;
        config().mount(mount)
    };
    let volume = |source: &str| config().mount(VolumeMount::volume(source, "/a"));
    let bind = |source: &str| config().mount(VolumeMount::bind(source, "/a"));
    let source = "volumes[0].source";
    for (config, code) in [
        (bind("data"), codes::NOT_ABSOLUTE),
        (bind("./data"), codes::NOT_ABSOLUTE),
        (bind(""), codes::EMPTY),
        (bind("/srv/../etc"), codes::NOT_NORMALISED),
        (bind("/srv:/etc"), codes::INVALID_CHARACTER),
        (bind("/srv/a\0"), codes::INVALID_CHARACTER),
        (bind("/etc"), codes::FORBIDDEN_BIND),
        (bind("//etc/./passwd"), codes::FORBIDDEN_BIND),
        (bind("/run/podman/podman.sock"), codes::FORBIDDEN_BIND),
        (untyped("/"), codes::FORBIDDEN_BIND),
        (untyped("./data"), codes::NOT_ABSOLUTE),
        (untyped("../data"), codes::NOT_ABSOLUTE),
        (untyped("~/data"), codes::NOT_ABSOLUTE),
        (volume("/srv"), codes::INVALID_NAME),
        (volume("a/b"), codes::INVALID_NAME),
        (volume("a"), codes::INVALID_NAME),
        (volume(""), codes::EMPTY),
    ] {
        refused(&config, source, code);
    }
    for config in [untyped("data"), volume("data")] {
        accepted(&config);
    }
    let allowing = ValidationPolicy::default().allow_bind_root("/srv");
    for config in [bind("/srv//a/"), untyped("/srv")] {
        refused(&config, source, codes::FORBIDDEN_BIND);
        assert_eq!(found(validate_container_config_with(&config, &allowing)), []);
    }
}

#[test]
fn network_modes_that_break_isolation_are_refused() {
    for text in [
        "host", "bridge", "container:abc", "ns:/proc/1/ns/net", "private", "slirp4netns", "pasta:-T,1", "nat",
    ] {
        refused(&config().network(text), "network", codes::FORBIDDEN_NETWORK);
    }
    for text in ["a/b", "a", "a b", "default:x y"] {
        let code = if text.starts_with("default") {
            codes::RESERVED
        } else {
            codes::INVALID_NAME
        };
        refused(&config().network(text), "network", code);
    }
    refused(
        &config().network(NetworkMode::Named(String::new())),
        "network",
        codes::RESERVED,
    );
    refused(
        &config().network(NetworkMode::Named("none".to_owned())),
        "network",
        codes::RESERVED,
    );
    for text in ["default", "none", "", "backend", "host2"] {
        accepted(&config().network(text));
    }
}

#[test]
fn users_are_numbers_or_names() {
    let user = |text: &str| config().security(SecurityOptions::default().user(text));
    for text in [
        "0", "root", "1000", "1000:1000", "www-data:www-data", "_apt", "3proxy", "a.b:0", "2147483647",
    ] {
        accepted(&user(text));
    }
    for (text, code) in [
        ("", codes::EMPTY),
        (":", codes::INVALID_USER),
        ("1000:", codes::INVALID_USER),
        (":1000", codes::INVALID_USER),
        ("a:b:c", codes::INVALID_USER),
        ("-1", codes::INVALID_USER),
        ("a b", codes::INVALID_USER),
        ("a\0", codes::INVALID_USER),
        ("ü", codes::INVALID_USER),
        (&"a".repeat(33), codes::INVALID_USER),
        ("2147483648", codes::OUT_OF_RANGE),
        ("0:99999999999999999999999", codes::OUT_OF_RANGE),
    ] {
        refused(&user(text), "security.user", code);
    }
}

#[test]
fn capabilities_are_known_and_consistent() {
    let with = |drop: &[&str], add: &[&str]| {
        let capabilities = LinuxCapabilities::new(drop.iter().copied(), add.iter().copied());
        config().security(SecurityOptions::default().capabilities(capabilities))
    };
    accepted(&with(&["ALL"], &["NET_BIND_SERVICE", "CHOWN"]));
    accepted(&with(&[], &[]));
    accepted(&with(&["NET_RAW", "ALL"], &["CHOWN"]));
    refused(
        &with(&["ALL"; 43], &[]),
        "security.capabilities.drop",
        codes::TOO_MANY,
    );
    for (drop, add, path, code) in [
        (
            &["ALL"][..],
            &["CAP_CHOWN"][..],
            "add[0]",
            codes::UNKNOWN_CAPABILITY,
        ),
        (&["ALL"], &["chown"], "add[0]", codes::UNKNOWN_CAPABILITY),
        (&["EVERYTHING"], &[], "drop[0]", codes::UNKNOWN_CAPABILITY),
        (&["all"], &[], "drop[0]", codes::UNKNOWN_CAPABILITY),
        (&[""], &[], "drop[0]", codes::EMPTY),
        (&["ALL", "ALL"], &[], "drop[1]", codes::DUPLICATE),
        (&["ALL"], &["CHOWN", "KILL", "CHOWN"], "add[2]", codes::DUPLICATE),
        (&["ALL"], &["ALL"], "add[0]", codes::FORBIDDEN_CAPABILITY),
        (&["CHOWN"], &["CHOWN"], "add[0]", codes::CONTRADICTION),
    ] {
        refused(&with(drop, add), &format!("security.capabilities.{path}"), code);
    }
}

#[test]
fn dangerous_capabilities_need_the_policy() {
    for name in [
        "SYS_ADMIN", "SYS_MODULE", "DAC_READ_SEARCH", "NET_ADMIN", "NET_RAW", "NET_BROADCAST", "SYS_PTRACE",
        "AUDIT_READ", "CHECKPOINT_RESTORE", "WAKE_ALARM",
    ] {
        let security = SecurityOptions::default().user("0").add_capability(name);
        let config = config().security(security);
        refused(
            &config,
            "security.capabilities.add[0]",
            codes::FORBIDDEN_CAPABILITY,
        );
        let error = validate_container_config_with(&config, &ValidationPolicy::default()).unwrap_err();
        let call = format!("`ValidationPolicy::allow_dangerous_capability(\"{name}\")`");
        assert!(error.violations()[0].message.contains(&call), "{error}");
        let policy = ValidationPolicy::default().allow_dangerous_capability(name);
        assert!(validate_container_config_with(&config, &policy).is_ok(), "{name}");
    }
    accepted(&config().security(SecurityOptions::default().add_capability("NET_BIND_SERVICE")));
}

#[test]
fn network_options_cannot_affect_the_host() {
    let network = |key: &str, value: &str| NetworkConfig::new("net").option(key, value);
    let problems = |config: &NetworkConfig| match validate_network_config(config) {
        Ok(()) => Vec::new(),
        Err(error) => error.violations().iter().map(|one| one.code.clone()).collect(),
    };
    for (key, value, code) in [
        (
            "com.docker.network.bridge.name",
            "docker0",
            codes::FORBIDDEN_OPTION,
        ),
        (
            "com.docker.network.bridge.default_bridge",
            "true",
            codes::FORBIDDEN_OPTION,
        ),
        ("parent", "eth0", codes::FORBIDDEN_OPTION),
        ("isolate", "false", codes::FORBIDDEN_OPTION),
        ("mtu", "abc", codes::OUT_OF_RANGE),
        ("com.docker.network.bridge.enable_icc", "foo", codes::OUT_OF_RANGE),
    ] {
        assert_eq!(problems(&network(key, value)), [code], "{key}");
    }
    for (key, value) in [("mtu", "1400"), ("com.docker.network.bridge.enable_icc", "false")] {
        assert!(problems(&network(key, value)).is_empty(), "{key}");
    }
    for kind in ["host", "macvlan", "overlay", "ipvlan"] {
        assert_eq!(
            problems(&NetworkConfig::new("net").driver(kind)),
            [codes::FORBIDDEN_NETWORK],
            "{kind}"
        );
    }
    for name in ["container", "ns", "pod", "host"] {
        assert_eq!(problems(&NetworkConfig::new(name)), [codes::RESERVED], "{name}");
    }
}
