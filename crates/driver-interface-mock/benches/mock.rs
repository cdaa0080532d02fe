//! Lifecycles, inspections and lists of the mock, with its latency off.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark that cannot go on fails"
)]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use driver_interface_mock::{Latency, MockDockerDriver};
use driver_interface_types::{
    ContainerConfig, ContainerDriver, ContainerFilter, RemoveOptions, SessionId, WaitOptions,
};
use tokio::runtime::Builder;

fn mock(c: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let driver = || MockDockerDriver::builder().latency(Latency::Off).build();
    let config = ContainerConfig::new("bench", "busybox").command(["true"]);

    let alone = driver();
    c.bench_function("create, start, wait, remove", |b| {
        b.iter(|| {
            runtime.block_on(async {
                let made = alone.create_container(&config).await.unwrap();
                alone.start_container(&made.id).await.unwrap();
                let wait = alone.wait_container(&made.id, WaitOptions::default());
                wait.await.unwrap();
                alone
                    .remove_container(&made.id, RemoveOptions::default())
                    .await
                    .unwrap();
            });
        });
    });
    let id = runtime.block_on(alone.create_container(&config)).unwrap().id;
    c.bench_function("get", |b| {
        b.iter(|| runtime.block_on(alone.get_container(&id)).unwrap());
    });

    let grown = driver();
    let mut made = 0;
    for size in [10, 100, 1000, 10_000, 100_000] {
        runtime.block_on(async {
            while made < size {
                let session = format!("session-{}", made / 10);
                let config = ContainerConfig::new(session, "busybox");
                grown.create_container(&config).await.unwrap();
                made += 1;
            }
        });
        c.bench_with_input(
            BenchmarkId::new("create and remove among", size),
            &size,
            |b, _| {
                b.iter(|| {
                    runtime.block_on(async {
                        let made = grown.create_container(&config).await.unwrap();
                        let remove = grown.remove_container(&made.id, RemoveOptions::default());
                        remove.await.unwrap();
                    });
                });
            },
        );
        let filter = ContainerFilter::default().session(SessionId::new("session-0").unwrap());
        c.bench_with_input(BenchmarkId::new("list ten among", size), &size, |b, _| {
            b.iter(|| {
                assert_eq!(
                    runtime.block_on(grown.list_containers(&filter)).unwrap().len(),
                    10
                )
            });
        });
    }
}

criterion_group!(benches, mock);
criterion_main!(benches);
