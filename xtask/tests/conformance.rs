//! The command line of `cargo xtask conformance`, without any engine.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests report failures by panicking"
)]

use std::path::PathBuf;
use std::process::{Command, Output};

struct Run {
    output: Output,
    directory: PathBuf,
}

impl Run {
    fn code(&self) -> i32 {
        self.output.status.code().unwrap()
    }

    fn stdout(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).unwrap()
    }

    fn stderr(&self) -> String {
        String::from_utf8(self.output.stderr.clone()).unwrap()
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.join(name)).unwrap()
    }
}

/// Returns the number of checks in the `health` area, which is fast and needs no engine.
fn health_checks() -> usize {
    let all = driver_interface_conformance::checks::all();
    all.iter().filter(|check| check.area() == "health").count()
}

/// Runs the command in an environment without engines.
fn conformance(test: &str, args: &[&str], env: &[(&str, &str)]) -> Run {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
    let nowhere = "unix:///nonexistent/engine.sock";
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("conformance")
        .args(args)
        .arg("--out")
        .arg(&directory)
        .env("DOCKER_HOST", nowhere)
        .env("CONTAINER_HOST", nowhere)
        .env_remove("DRIVER_INTERFACE_REQUIRE")
        .envs(env.iter().copied())
        .output()
        .unwrap();
    Run { output, directory }
}

#[test]
fn mocks_run_and_absent_engines_are_reported() {
    let run = conformance("absent", &["--area", "health"], &[]);
    let text = run.stdout();
    assert_eq!(run.code(), 0, "{text}{}", run.stderr());
    assert!(text.contains("no engine reachable"), "{text}");
    assert!(
        text.contains("/nonexistent/engine.sock"),
        "the attempts are reported: {text}"
    );
    assert!(
        text.trim_end()
            .ends_with(&format!("{} passed, 0 failed, 0 skipped", 2 * health_checks())),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "no colours without a terminal");
    assert!(run.file("report.json").contains("\"schemaVersion\": 2"));
    assert!(run.file("junit.xml").contains("<testsuites"));
    assert!(run.file("report.html").starts_with("<!doctype html>"));
    assert!(
        run.file("report.md")
            .contains(&format!("| health | {0} | {0} |", health_checks()))
    );
}

#[test]
fn absent_required_engine_fails() {
    let run = conformance(
        "required",
        &["--area", "health"],
        &[("DRIVER_INTERFACE_REQUIRE", "docker,podman")],
    );
    assert_eq!(run.code(), 1, "{}", run.stdout());
    assert!(run.stdout().contains("it was required"), "{}", run.stdout());
    let run = conformance(
        "required",
        &["--area", "health"],
        &[("DRIVER_INTERFACE_REQUIRE", "dokcer")],
    );
    assert_eq!(run.code(), 2);
    assert!(run.stderr().contains("dokcer"), "{}", run.stderr());
}

#[test]
fn absent_required_engine_in_a_root_fails_and_keeps_other_results() {
    let run = conformance(
        "in-root",
        &["--area", "health"],
        &[
            ("DRIVER_INTERFACE_REQUIRE", "docker-28"),
            ("CARGO_TARGET_DIR", "/nonexistent"),
        ],
    );
    assert_eq!(run.code(), 1, "{}{}", run.stdout(), run.stderr());
    assert!(
        run.stdout().contains("docker-28 is not running"),
        "{}",
        run.stdout()
    );
    assert!(run.file("report.json").contains("mock-local"));
}

#[test]
fn absent_named_driver_fails() {
    let run = conformance("named", &["--driver", "podman:", "--area", "health"], &[]);
    assert_eq!(run.code(), 1, "{}", run.stdout());
    let run = conformance("named", &["--driver", "containerd:", "--area", "health"], &[]);
    assert_eq!(run.code(), 2);
    assert!(run.stderr().contains("`mock-docker:`"), "{}", run.stderr());
}

#[test]
fn empty_selection_is_an_error_listing_areas() {
    for args in [
        ["--area", "lifecicle"],
        ["--filter", "lifecicle/**"],
        ["--filter", "["],
    ] {
        let run = conformance("nothing", &args, &[]);
        assert_eq!(run.code(), 2, "{args:?}");
    }
    let run = conformance("nothing", &["--area", "lifecicle"], &[]);
    assert!(
        run.stderr().contains("the areas are: capability, creation"),
        "{}",
        run.stderr()
    );
}

#[test]
fn list_prints_checks_without_running() {
    let run = conformance("list", &["--list", "--area", "logs"], &[]);
    let text = run.stdout();
    assert_eq!(run.code(), 0);
    assert!(text.contains("logs/tail") && !text.contains("volumes/"), "{text}");
    assert!(!run.directory.join("report.json").exists());
}

#[test]
fn machine_formats_own_standard_output() {
    let args = [
        "--driver", "mock-local:", "--filter", "health/*", "--seed", "7", "--format", "json",
    ];
    let run = conformance("json", &args, &[]);
    let report: serde_json::Value = serde_json::from_str(&run.stdout()).unwrap();
    assert_eq!((&report["seed"], &report["partial"]), (&7.into(), &true.into()));
    assert_eq!(report["drivers"][0]["summary"]["passed"], health_checks());
    let args = [
        "--driver", "mock-local:", "--filter", "health/*", "--format", "junit",
    ];
    assert!(conformance("junit", &args, &[]).stdout().starts_with("<?xml"));
    let args = [
        "--driver", "mock-local:", "--filter", "health/*", "--format", "markdown",
    ];
    assert!(
        conformance("markdown", &args, &[])
            .stdout()
            .starts_with("# Conformance")
    );
    let args = [
        "--driver", "mock-local:", "--filter", "health/*", "--format", "html",
    ];
    let run = conformance("html", &args, &[]);
    assert!(run.stdout().starts_with("<!doctype html>") && run.stdout().trim_end().ends_with("</html>"));
}

#[test]
fn repeat_uses_consecutive_seeds() {
    let args = [
        "--driver", "mock-local:", "--area", "health", "--seed", "7", "--repeat", "2",
    ];
    let run = conformance("repeat", &args, &[]);
    let text = run.stdout();
    assert_eq!(run.code(), 0, "{text}{}", run.stderr());
    assert!(
        text.contains("time 1 of 2, seed 7") && text.contains("time 2 of 2, seed 8"),
        "{text}"
    );
    let report: serde_json::Value = serde_json::from_str(&run.file("report.json")).unwrap();
    let driver = &report["drivers"][0];
    assert_eq!(driver["seeds"], serde_json::json!([7, 8]));
    assert_eq!(
        driver["summary"]["passed"],
        health_checks(),
        "each check counts once"
    );
    assert_eq!(driver["checks"][0]["repetitions"][1]["seed"], 8);
    assert_eq!(conformance("repeat", &["--repeat", "0"], &[]).code(), 2);
}

#[test]
fn shards_list_every_check_once() {
    let list = |shard: &str| {
        let run = conformance("shard", &["--list", "--area", "health", "--shard", shard], &[]);
        let lines = run.stdout();
        let ids = lines.lines().filter(|line| line.starts_with("  health/"));
        ids.map(str::to_owned).collect::<Vec<_>>()
    };
    let (one, two) = (list("1/2"), list("2/2"));
    assert!(
        !one.is_empty() && one.iter().all(|id| !two.contains(id)),
        "{one:?} {two:?}"
    );
    assert_eq!(one.len() + two.len(), health_checks());
    let run = conformance("shard", &["--shard", "3/2"], &[]);
    assert_eq!(run.code(), 2);
    let run = conformance(
        "shard",
        &["--filter", "health/counts-match-list", "--shard", "9/9"],
        &[],
    );
    assert_eq!(run.code(), 2, "a part that has nothing is an error");
}
