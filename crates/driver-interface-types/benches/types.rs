//! Ids, errors, capabilities, and the cost of one call through a wrapper.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark that cannot go on fails"
)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use driver_interface_errors::{ContainerStartError, Hint};
use driver_interface_types::{Capabilities, ConfigFeature, ContainerId, Guarantee, Operation, SessionId};

fn values(c: &mut Criterion) {
    let id = "a".repeat(64);
    c.bench_function("a container id", |b| {
        b.iter(|| ContainerId::new(black_box(id.as_str())))
    });
    c.bench_function("a session id", |b| {
        b.iter(|| SessionId::new(black_box("build-42")))
    });
    c.bench_function("an error with a hint and context", |b| {
        b.iter(|| {
            ContainerStartError::new(black_box("web"), "no such file")
                .with_hint(Hint::NoCommand)
                .with_source(std::io::Error::from(std::io::ErrorKind::NotFound))
        });
    });
    let capabilities = Arc::new(Capabilities::default());
    c.bench_function("three capability checks", |b| {
        b.iter(|| {
            let capabilities = black_box(&capabilities);
            capabilities.supports(Operation::Exec)
                | capabilities.supports(ConfigFeature::HealthCheck)
                | capabilities.supports(Guarantee::Memory)
        });
    });
}

criterion_group!(benches, values);
criterion_main!(benches);
