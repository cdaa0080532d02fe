//! The rules of texts and numbers: accepted and refused values, paths, codes and messages.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;

use common::{accepted, config, found, refused};
use driver_interface_types::{
    ContainerConfig, NetworkConfig, SecurityOptions, VolumeConfig, VolumeMount, VolumeOwner, label,
};
use driver_interface_validation::{
    codes, limits, validate_container_config, validate_network_config, validate_volume_config,
};

#[test]
fn each_mistake_is_one_violation() {
    let config = ContainerConfig::new("s 1", "alpine")
        .env("A=B", "secret")
        .cpu(f64::NAN)
        .mount(VolumeMount::volume("data", "/data"))
        .mount(VolumeMount::volume("data", "data"))
        .network("host");
    let error = validate_container_config(&config).unwrap_err();
    let lines: Vec<String> = error.violations().iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "env[\"A=B\"]: must have a key without `=`, line breaks or other control characters",
            "network: must be `default`, `none` or the name of a created network: `host` would share the host's \
             network and reach all its local services",
            "resources.cpu: must be a finite number above 0; got NaN",
            "sessionId: must contain only letters, digits, `_`, `.` and `-`, has ' '",
            "volumes[1].target: must be an absolute path; got `data`",
        ]
    );
}

#[test]
fn ids_and_names_have_only_safe_characters() {
    for text in [
        "a/b",
        "../a",
        "a b",
        "é",
        "-a",
        ".a",
        "a\0",
        "a\n",
        "a?x=1",
        "$(id)",
        &"a".repeat(300),
    ] {
        refused(
            &ContainerConfig::new(text, "alpine"),
            "sessionId",
            codes::INVALID_NAME,
        );
        refused(&config().name(text), "name", codes::INVALID_NAME);
        refused(&config().operation_key(text), "operationKey", codes::INVALID_NAME);
    }
    // Session ids and keys must be label values that every engine accepts.
    for text in ["a-", "a.", "a_", &"a".repeat(64)] {
        refused(
            &ContainerConfig::new(text, "alpine"),
            "sessionId",
            codes::INVALID_NAME,
        );
        refused(&config().operation_key(text), "operationKey", codes::INVALID_NAME);
    }
    accepted(&ContainerConfig::new("a".repeat(63), "alpine").operation_key("a-b_c.d"));
    refused(&config().name("a"), "name", codes::INVALID_NAME);
    refused(&config().name(""), "name", codes::EMPTY);
    refused(
        &config().name("0123456789abcdef".repeat(4)),
        "name",
        codes::RESERVED,
    );
    accepted(&config().name("a".repeat(255)).operation_key("k"));
}

#[test]
fn images_follow_the_reference_grammar() {
    for text in [
        "Alpine",
        "a:b:c",
        "http://x/y",
        "a@sha256:1",
        "a b",
        "-a",
        &"a".repeat(10_000),
    ] {
        refused(&ContainerConfig::new("s1", text), "image", codes::INVALID_IMAGE);
    }
    refused(&ContainerConfig::new("s1", ""), "image", codes::EMPTY);
    accepted(&ContainerConfig::new("s1", "localhost:5000/a/b:1.2"));
}

#[test]
fn commands_are_valid_program_arguments() {
    accepted(&config().command(["sh", "", "-c", "a\nb\tc", "ü"]));
    accepted(&config().command(Vec::<String>::new()));
    accepted(&config().command(vec!["x".repeat(limits::MAX_WORD)]));
    refused(&config().command(["", "a"]), "command[0]", codes::EMPTY);
    refused(
        &config().command(["a", "b\0"]),
        "command[1]",
        codes::INVALID_CHARACTER,
    );
    refused(
        &config().command(vec!["x".repeat(limits::MAX_WORD + 1)]),
        "command[0]",
        codes::TOO_LONG,
    );
    refused(
        &config().command(vec!["x".repeat(limits::MAX_WORD); 9]),
        "command",
        codes::TOO_LONG,
    );
}

#[test]
fn environments_are_valid_for_programs() {
    accepted(&config().env("lower.case-key", "").env("A", "a=b\nc\t\u{1b}ü"));
    refused(&config().env("", "v"), r#"env[""]"#, codes::EMPTY);
    refused(
        &config().env("A=B", "v"),
        r#"env["A=B"]"#,
        codes::INVALID_CHARACTER,
    );
    refused(
        &config().env("A\nB", "v"),
        r#"env["A\nB"]"#,
        codes::INVALID_CHARACTER,
    );
    refused(&config().env("A", "v\0"), r#"env["A"]"#, codes::INVALID_CHARACTER);
    refused(
        &config().env("A", "v".repeat(limits::MAX_WORD)),
        r#"env["A"]"#,
        codes::TOO_LONG,
    );
    let long = "K".repeat(300);
    refused(
        &config().env(&long, "v"),
        &format!("env[\"{}…\"]", "K".repeat(64)),
        codes::TOO_LONG,
    );
    let mut many = config();
    many.env = (0..9)
        .map(|number| (format!("K{number}"), "v".repeat(limits::MAX_WORD - 3)))
        .collect();
    refused(&many, "env", codes::TOO_LONG);
}

#[test]
fn driver_labels_are_reserved() {
    accepted(&config().label("a.b/c", "").label("note", "two\nlines ü"));
    refused(
        &config().label(label::SESSION, "other"),
        r#"labels["io.driver-interface.session"]"#,
        codes::RESERVED,
    );
    refused(&config().label("", "v"), r#"labels[""]"#, codes::EMPTY);
    refused(
        &config().label("a=b", "v"),
        r#"labels["a=b"]"#,
        codes::INVALID_CHARACTER,
    );
    refused(
        &config().label("a", "\0"),
        r#"labels["a"]"#,
        codes::INVALID_CHARACTER,
    );
    refused(
        &config().label("a", "v".repeat(limits::MAX_VALUE + 1)),
        r#"labels["a"]"#,
        codes::TOO_LONG,
    );
    refused(
        &config().label("k".repeat(257), "v"),
        &format!("labels[\"{}…\"]", "k".repeat(64)),
        codes::TOO_LONG,
    );
    let mut many = config();
    many.labels = (0..=limits::MAX_ENTRIES)
        .map(|number| (format!("k{number}"), String::new()))
        .collect();
    refused(&many, "labels", codes::TOO_MANY);
}

#[test]
fn limits_are_within_enforceable_bounds() {
    for cores in [
        0.0,
        -0.0,
        -1.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE,
        0.009,
        1024.1,
        f64::MAX,
    ] {
        refused(&config().cpu(cores), "resources.cpu", codes::OUT_OF_RANGE);
    }
    for value in [0, u64::MAX, 1 << 43] {
        refused(&config().memory(value), "resources.memory", codes::OUT_OF_RANGE);
        refused(&config().disk(value), "resources.disk", codes::OUT_OF_RANGE);
        refused(&config().pids(value), "resources.pids", codes::OUT_OF_RANGE);
    }
    refused(&config().memory(5), "resources.memory", codes::OUT_OF_RANGE);
    accepted(
        &config()
            .cpu(limits::MIN_CPU)
            .memory(limits::MIN_MEMORY)
            .disk(limits::MIN_DISK)
            .pids(limits::MIN_PIDS),
    );
    accepted(
        &config()
            .cpu(limits::MAX_CPU)
            .memory(limits::MAX_MEMORY)
            .disk(limits::MAX_DISK)
            .pids(limits::MAX_PIDS),
    );
}

#[test]
fn limits_fit_engine_integer_types() {
    assert!(i64::try_from(u128::from(limits::MAX_MEMORY) * 1024 * 1024 * 2).is_ok());
    assert!(i64::try_from(u128::from(limits::MAX_DISK) * 1024 * 1024).is_ok());
    assert!(limits::MAX_CPU * 1e9 < i64::MAX as f64);
    assert!(i32::try_from(limits::MAX_UID).is_ok());
}

#[test]
fn messages_suggest_a_fix() {
    let message = |config: &ContainerConfig| {
        let error = validate_container_config(config).unwrap_err();
        error.violations()[0].message.clone()
    };
    let adding = |name: &str| config().security(SecurityOptions::default().add_capability(name));
    assert!(message(&adding("CAP_NET_ADMIN")).contains("`NET_ADMIN`"));
    assert!(message(&adding("NET_BIND_SERVIC")).contains("did you mean `NET_BIND_SERVICE`"));
    assert!(message(&config().mount(VolumeMount::bind("data", "/a"))).contains("set `type` to `volume`"));
    assert!(message(&config().mount(VolumeMount::volume("/srv", "/a"))).contains("set `type` to `bind`"));
    assert!(message(&config().memory(5)).contains("at least 6; got 5"));
}

#[test]
fn messages_hide_secrets_and_escape_long_text() {
    let secret = "hunter2";
    let config = config()
        .env("A", format!("{secret}\0"))
        .env("", secret)
        .label("b", format!("{secret}\0"))
        .command(["sh".to_owned(), format!("{secret}\0")]);
    let error = validate_container_config(&config).unwrap_err();
    assert_eq!(error.violations().len(), 4);
    assert!(!format!("{error:?} {error}").contains(secret));

    let long = "é\u{1b}[31m\n".repeat(1000);
    let config = ContainerConfig::new("s1", &long)
        .name(&long)
        .label(&long, "")
        .network(long.as_str())
        .mount(VolumeMount::bind(&long, &long))
        .security(SecurityOptions::default().user(&long).add_capability(&long));
    let error = validate_container_config(&config).unwrap_err();
    assert_eq!(error.violations().len(), 8, "{error}");
    for violation in error.violations() {
        let text = violation.to_string();
        assert!(
            text.chars().count() < 400 && !text.contains(char::is_control),
            "{text}"
        );
    }
}

#[test]
fn every_volume_and_network_field_is_checked() {
    let bad_map = || BTreeMap::from([("a=b".to_owned(), String::new())]);
    let mut volume = VolumeConfig::new("-a").session("s 1").driver("../x");
    volume.owner = Some(VolumeOwner::new(u32::MAX, 1 << 31));
    volume.labels = bad_map();
    let expected = [
        ("driver", codes::INVALID_NAME),
        ("labels[\"a=b\"]", codes::INVALID_CHARACTER),
        ("name", codes::INVALID_NAME),
        ("options[\"a=b\"]", codes::FORBIDDEN_OPTION),
        ("owner.gid", codes::OUT_OF_RANGE),
        ("owner.uid", codes::OUT_OF_RANGE),
        ("sessionId", codes::INVALID_NAME),
    ]
    .map(|(path, code)| (path.to_owned(), code.to_owned()));
    let without = |field: &str| -> Vec<_> {
        expected
            .iter()
            .filter(|(path, _)| !path.starts_with(field))
            .cloned()
            .collect()
    };
    let (of_volume, of_network) = (without("options"), without("owner"));
    assert_eq!(found(validate_volume_config(&volume)), of_volume);

    let mut network = NetworkConfig::new("-a").session("s 1").driver("a b");
    (network.labels, network.options) = (bad_map(), bad_map());
    assert_eq!(found(validate_network_config(&network)), of_network);

    assert!(validate_volume_config(&VolumeConfig::new("data").driver("vieux/sshfs:latest")).is_ok());
    assert!(validate_network_config(&NetworkConfig::new("net1").driver("host")).is_err());
}

#[test]
fn readme_lists_every_code() {
    let readme = include_str!("../README.md");
    for code in codes::ALL {
        assert!(
            readme.contains(&format!("`{code}`")),
            "README.md says nothing of {code}"
        );
    }
}
