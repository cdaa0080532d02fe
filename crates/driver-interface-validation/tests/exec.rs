//! The rules of exec configs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use driver_interface_types::{ContainerConfig, ExecConfig, TtySize};
use driver_interface_validation::{
    ConfigurationError, codes, limits, validate_container_config, validate_exec_config,
};

/// Returns path and code of every violation.
fn found(result: Result<(), ConfigurationError>) -> Vec<(String, String)> {
    let violations = result.map_or_else(|error| error.violations().to_vec(), |()| Vec::new());
    violations.into_iter().map(|one| (one.path, one.code)).collect()
}

#[test]
fn exec_env_follows_container_env_rules() {
    let long = "k".repeat(limits::MAX_KEY + 1);
    let value = "v".repeat(limits::MAX_WORD);
    for (key, value) in [
        ("", "x"),
        ("A=B", "x"),
        ("A\nB", "x"),
        ("A\0B", "x"),
        ("A\u{7f}", "x"),
        ("A", "x\0y"),
        (long.as_str(), "x"),
        ("A", value.as_str()),
        ("A", "two\nlines"),
        ("größe", ""),
    ] {
        let of_container = found(validate_container_config(
            &ContainerConfig::new("s1", "alpine").env(key, value),
        ));
        let of_command = found(validate_exec_config(&ExecConfig::new(["env"]).env(key, value)));
        assert_eq!(of_command, of_container, "{key:?}");
        let is_right = matches!((key, value), ("A", "two\nlines") | ("größe", ""));
        assert_eq!(of_command.is_empty(), is_right, "{key:?}");
    }
}

#[test]
fn each_field_has_its_path_and_code() {
    let nothing: [&str; 0] = [];
    let command = || ExecConfig::new(["true"]);
    let size = |columns, rows| command().tty(TtySize { columns, rows });
    for (config, path, code) in [
        (ExecConfig::new(nothing), "argv", codes::EMPTY),
        (ExecConfig::new([""]), "argv[0]", codes::EMPTY),
        (
            ExecConfig::new(["echo", "a\0b"]),
            "argv[1]",
            codes::INVALID_CHARACTER,
        ),
        (
            command().env("A=B", "x"),
            "env[\"A=B\"]",
            codes::INVALID_CHARACTER,
        ),
        (command().working_dir("tmp"), "workingDir", codes::NOT_ABSOLUTE),
        (
            command().working_dir("/a/../b"),
            "workingDir",
            codes::NOT_NORMALISED,
        ),
        (
            command().working_dir("/a\0b"),
            "workingDir",
            codes::INVALID_CHARACTER,
        ),
        (command().user(""), "user", codes::EMPTY),
        (command().user("a b"), "user", codes::INVALID_USER),
        (command().user("4294967296"), "user", codes::OUT_OF_RANGE),
        (size(0, 24), "tty", codes::OUT_OF_RANGE),
        (size(80, 0), "tty", codes::OUT_OF_RANGE),
    ] {
        let expected = [(path.to_owned(), code.to_owned())];
        assert_eq!(found(validate_exec_config(&config)), expected, "{config:?}");
    }
    assert!(validate_exec_config(&size(1, 1).user("www-data:33").working_dir("/")).is_ok());
}

#[test]
fn all_violations_are_reported_without_values() {
    let bad = ExecConfig::new(["", "hunter2\0"])
        .env("", "hunter2")
        .env("k", "hunter2\0")
        .working_dir("here")
        .user("");
    let error = validate_exec_config(&bad).unwrap_err();
    assert_eq!(error.violations().len(), 6, "{error}");
    assert!(!format!("{error:?} {error}").contains("hunter2"));
}
