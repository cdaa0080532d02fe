//! Validating configs and parsing them from JSON.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark that cannot go on fails"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use driver_interface_types::{ContainerConfig, PortMapping, VolumeMount};
use driver_interface_validation::{parse_container_config, validate_container_config};

fn typical() -> ContainerConfig {
    ContainerConfig::new("session-1", "registry.example/team/app:1.2")
        .name("web")
        .command(["serve", "--port", "8080"])
        .env("LOG_LEVEL", "info")
        .env("DATABASE", "postgres://db/app")
        .label("team", "a")
        .memory(256)
        .cpu(1.0)
        .port(PortMapping::new(8080))
        .mount(VolumeMount::volume("data", "/data"))
}

fn validation(c: &mut Criterion) {
    let config = typical();
    let json = serde_json::to_string(&config).unwrap();
    let invalid = json.replace("\"memory\":256", "\"memory\":1");
    assert!(parse_container_config(&json).is_ok() && parse_container_config(&invalid).is_err());
    c.bench_function("validate a typical config", |b| {
        b.iter(|| validate_container_config(black_box(&config)));
    });
    c.bench_function("parse and validate a typical config", |b| {
        b.iter(|| parse_container_config(black_box(&json)));
    });
    c.bench_function("parse and validate an invalid config", |b| {
        b.iter(|| parse_container_config(black_box(&invalid)));
    });
}

criterion_group!(benches, validation);
criterion_main!(benches);
