//! Parsing JSON: all mistakes are reported together, each with its path.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use driver_interface_types::ContainerConfig;
use driver_interface_validation::{
    ConfigurationError, ValidationPolicy, codes, parse_container_config, parse_container_config_with,
    parse_network_config, parse_volume_config,
};

fn lines(error: &ConfigurationError) -> Vec<String> {
    error.violations().iter().map(ToString::to_string).collect()
}

#[track_caller]
fn refused(json: &str, path: &str, code: &str) {
    let error = parse_container_config(json).unwrap_err();
    let found: Vec<(&str, &str)> = error
        .violations()
        .iter()
        .map(|violation| (violation.path.as_str(), violation.code.as_str()))
        .collect();
    assert_eq!(found, [(path, code)], "{error}");
}

/// Returns a config with these additional fields.
fn with(fields: &str) -> String {
    format!(r#"{{ "sessionId": "s1", "image": "alpine", {fields} }}"#)
}

#[test]
fn mistakes_of_every_kind_are_reported_together() {
    let json = r#"{
        "session": "s1",
        "image": "Alpine",
        "command": "npm start",
        "env": { "PORT": 8080, "A=B": "secret" },
        "resources": { "memory": -5, "cpus": 1, "pids": 0 },
        "volumes": [{ "source": "data", "target": "/a" }, { "target": "data", "readonly": true }],
        "security": { "user": 1000, "capabilities": { "drop": ["ALL", 7], "add": ["CAP_CHOWN"] } },
        "pullPolicy": "sometimes",
        "restart": "always"
    }"#;
    let error = parse_container_config(json).unwrap_err();
    assert_eq!(
        lines(&error),
        [
            "command: must be a list; got a string",
            "env[\"PORT\"]: must be a string; got a number",
            "pullPolicy: must be one of `missing`, `always`, `never`; got `sometimes`",
            "resources.memory: must be a whole number of MiB, at least 6; got -5",
            "resources.cpus: is not a known field; did you mean `cpu`?",
            "security.capabilities.drop[1]: must be a string; got a number",
            "security.user: must be a string; got a number",
            "sessionId: is required: it has no default",
            "volumes[1].source: is required: it has no default",
            "volumes[1].readonly: is not a known field; did you mean `readOnly`?",
            "session: is not a known field; did you mean `sessionId`?",
            "restart: is not a known field; the known fields are `addresses`, `annotations`, `command`, `cpuset`, \
             `devices`, `dns`, `dnsOptions`, `dnsSearch`, `entrypoint`, `env`, `extraHosts`, `gpus`, `groups`, \
             `healthCheck`, `hostname`, `image`, `init`, `labels`, `logDriver`, `name`, `network`, `networkAliases`, \
             `networks`, `operationKey`, `platform`, `ports`, `pullPolicy`, `resources`, `restartPolicy`, `runtime`, \
             `security`, `sessionId`, `shmSize`, `stdin`, `stopSignal`, `strictness`, `sysctls`, `tmpfs`, `tty`, \
             `ulimits`, `unsetEnv`, `volumes`, `workingDir`",
            "env[\"A=B\"]: must have a key without `=`, line breaks or other control characters",
            "image: repository component \"Alpine\" must consist of lower-case letters and digits, joined by `.`, `_`, `__` or `-`",
            "resources.pids: must be a whole number of processes, at least 1; got 0",
            "security.capabilities.add[0]: must be written as `CHOWN`, in upper case and without the `CAP_` prefix; got \
             `CAP_CHOWN`",
            "volumes[1].target: must be an absolute path; got `data`",
        ]
    );
}

#[test]
fn syntax_errors_include_line_and_column() {
    for json in [
        "", "{", "{\n  \"image\": }", "{} {}", "nonsense", "{\"a\": 1e999}", "\u{0}",
    ] {
        refused(json, "", codes::INVALID_JSON);
        let error = parse_container_config(json).unwrap_err();
        assert!(
            lines(&error)[0].contains("line ") && lines(&error)[0].contains("column "),
            "{error}"
        );
    }
    assert!(lines(&parse_container_config("{\n  \"image\": }").unwrap_err())[0].contains("line 2 column 12"));
}

#[test]
fn non_object_is_one_violation() {
    for json in ["null", "[]", "7", "\"text\"", "true"] {
        refused(json, "", codes::WRONG_TYPE);
    }
}

#[test]
fn too_deep_nesting_is_rejected() {
    refused(&"[".repeat(1_000_000), "", codes::INVALID_JSON);
}

#[test]
fn duplicate_fields_are_rejected() {
    refused(&with(r#""image": "busybox""#), "image", codes::DUPLICATE_FIELD);
    refused(
        &with(r#""env": { "A": "1", "A": "2" }"#),
        r#"env["A"]"#,
        codes::DUPLICATE_FIELD,
    );
    refused(
        &with(r#""resources": { "cpu": 1, "cpu": 2 }"#),
        "resources.cpu",
        codes::DUPLICATE_FIELD,
    );
}

#[test]
fn whole_numbers_may_be_written_as_floats() {
    let config = parse_container_config(&with(
        r#""resources": { "memory": 512.0, "disk": 1e3, "cpu": 2 }"#,
    ))
    .unwrap();
    assert_eq!(
        (
            config.resources.memory, config.resources.disk, config.resources.cpu
        ),
        (512, Some(1000), 2.0)
    );
    refused(
        &with(r#""resources": { "memory": 512.5 }"#),
        "resources.memory",
        codes::WRONG_TYPE,
    );
    refused(
        &with(r#""resources": { "memory": -1.0 }"#),
        "resources.memory",
        codes::OUT_OF_RANGE,
    );
    refused(
        &with(r#""resources": { "memory": 1e300 }"#),
        "resources.memory",
        codes::OUT_OF_RANGE,
    );
    refused(
        &with(r#""resources": { "memory": 18446744073709551615 }"#),
        "resources.memory",
        codes::OUT_OF_RANGE,
    );
    refused(
        &with(r#""resources": { "memory": 18446744073709551616 }"#),
        "resources.memory",
        codes::OUT_OF_RANGE,
    );
    refused(
        &with(r#""resources": { "memory": "512" }"#),
        "resources.memory",
        codes::WRONG_TYPE,
    );
    refused(
        &with(r#""resources": { "cpu": null }"#),
        "resources.cpu",
        codes::WRONG_TYPE,
    );
    refused(
        &with(r#""resources": { "cpu": -1 }"#),
        "resources.cpu",
        codes::OUT_OF_RANGE,
    );
}

#[test]
fn null_is_accepted_only_for_optional_fields() {
    let json = with(
        r#""name": null, "operationKey": null, "volumes": [{ "source": "data", "target": "/a", "type": null }]"#,
    );
    assert!(parse_container_config(&json).is_ok());
    for field in [
        "command", "env", "labels", "resources", "volumes", "network", "security", "pullPolicy", "strictness",
    ] {
        refused(&with(&format!(r#""{field}": null"#)), field, codes::WRONG_TYPE);
    }
}

#[test]
fn environment_values_are_never_shown() {
    let json = with(
        r#""env": { "A": { "hunter2": "hunter2" }, "B": ["hunter2"], "C": "hunter2\u0000" }, "labels": "hunter2""#,
    );
    let error = parse_container_config(&json).unwrap_err();
    assert_eq!(error.violations().len(), 4);
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[test]
fn unusual_field_names_are_shown_on_one_line() {
    refused(&with("\"a b\\n\": 1"), r#"["a b\n"]"#, codes::UNKNOWN_FIELD);
    refused(&with(r#""": 1"#), r#"[""]"#, codes::UNKNOWN_FIELD);
}

#[test]
fn caller_policy_applies() {
    let json = with(r#""volumes": [{ "source": "/var/run/docker.sock", "target": "/docker.sock" }]"#);
    refused(&json, "volumes[0].source", codes::FORBIDDEN_BIND);
    let policy = ValidationPolicy::default().allow_dangerous_bind("/var/run/docker.sock");
    assert!(parse_container_config_with(&json, &policy).is_ok());
}

#[test]
fn volume_and_network_configs_report_all_violations() {
    let error = parse_volume_config(r#"{ "name": 7, "labels": { "a": 1 }, "opts": {} }"#).unwrap_err();
    let paths: Vec<&str> = error
        .violations()
        .iter()
        .map(|violation| violation.path.as_str())
        .collect();
    assert_eq!(paths, ["labels[\"a\"]", "name", "opts"]);
    let error = parse_network_config(r#"{ "name": "host", "option": {}, "sessionId": "" }"#).unwrap_err();
    assert_eq!(
        lines(&error),
        [
            "option: is not a known field; did you mean `options`?",
            "name: must not be `host`: engines reserve this name",
            "sessionId: must not be empty",
        ]
    );
}

#[test]
fn parses_like_serde() {
    let json = with(r#""command": ["a"], "env": { "A": "b" }, "resources": { "cpu": 0.1 }, "network": """#);
    let by_serde: ContainerConfig = serde_json::from_str(&json).unwrap();
    assert_eq!(parse_container_config(&json).unwrap(), by_serde);
}
