//! Cutting logs into chunks and joining them into text.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark that cannot go on fails"
)]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use driver_interface_kit::{LogChunks, LogText};
use driver_interface_types::{LogChunk, LogSource, LogStreamOptions};

const LINES: u64 = 1000;

fn chunks(options: LogStreamOptions, entries: &[Bytes]) -> Vec<LogChunk> {
    let mut chunks = LogChunks::new(options, 0);
    let mut out = Vec::new();
    for entry in entries {
        chunks.push(LogSource::Stdout, true, entry.clone(), &mut out);
    }
    out.extend(chunks.finish());
    out
}

fn logs(c: &mut Criterion) {
    let line = "a line of a log that is about as long as most\n";
    let plain = vec![Bytes::from_static(line.as_bytes()); LINES as usize];
    let stamped = Bytes::from(format!("2026-11-24T08:17:05.123456789Z {line}"));
    let stamped = vec![stamped; LINES as usize];
    let joined = [Bytes::from(line.repeat(LINES as usize))];
    let mut group = c.benchmark_group("1000 log lines");
    group.throughput(Throughput::Elements(LINES));
    group.bench_function("one entry each", |b| {
        b.iter(|| chunks(LogStreamOptions::default(), black_box(&plain)));
    });
    group.bench_function("with timestamps", |b| {
        b.iter(|| chunks(LogStreamOptions::default().timestamps(true), black_box(&stamped)));
    });
    group.bench_function("joined", |b| {
        b.iter(|| chunks(LogStreamOptions::default(), black_box(&joined)));
    });
    let text = chunks(LogStreamOptions::default(), &joined);
    for (name, last) in [("as text", None), ("last 100 as text", Some(100))] {
        group.bench_function(name, |b| {
            b.iter_batched(
                || LogText::new(last),
                |mut all| {
                    black_box(&text).iter().for_each(|chunk| all.push(chunk));
                    all.finish()
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, logs);
criterion_main!(benches);
