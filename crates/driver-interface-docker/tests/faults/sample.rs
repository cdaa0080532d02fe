//! A random sample of faults on each engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use driver_interface_conformance::proxy::Plan;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::case::{Recording, Report, record, run};
use super::subject::Operation;
use super::world::DEADLINE;
use super::{changes, reads};
use crate::engine::{Bench, on_docker, on_podman};

/// The default number of faults on Docker.
const FAULTS: u64 = 60;
/// Podman takes about three times as long per fault, so it gets a third of them.
const PODMAN_SHARE: u64 = 3;
const FIXED_SEED: u64 = 27;
/// The number of the first case. Lower numbers are for the recordings.
const FIRST_CASE: usize = 1000;
/// The number of concurrent cases.
const AT_ONCE: usize = 6;

#[test]
fn random_faults_never_mislead_on_docker() {
    on_docker("faults", |bench| async move { sample(bench, 1).await });
}

#[test]
fn random_faults_never_mislead_on_podman() {
    on_podman("faults", |bench| async move { sample(bench, PODMAN_SHARE).await });
}

/// Injects a `share`-th of the faults.
async fn sample(bench: Arc<Bench>, share: u64) {
    let started = Instant::now();
    let operations = operations();
    let limit = Arc::new(Semaphore::new(AT_ONCE));
    let seeds = seeds(share);
    let drawn: Vec<usize> = seeds.iter().map(|seed| pick(*seed, operations.len())).collect();
    let mut recordings = JoinSet::new();
    for (index, operation) in operations.iter().copied().enumerate() {
        if drawn.contains(&index) {
            let (bench, limit) = (bench.clone(), limit.clone());
            recordings.spawn(async move {
                let _busy = limit.acquire_owned().await.unwrap();
                (index, record(bench, index, operation).await)
            });
        }
    }
    let mut known: BTreeMap<usize, Recording> = BTreeMap::new();
    while let Some(tried) = recordings.join_next().await {
        let (index, recorded) = tried.unwrap();
        match recorded {
            Some(recorded) => drop(known.insert(index, recorded)),
            None => println!("not run: this engine does not support {}", operations[index].name),
        }
    }
    println!(
        "{} operations without a fault in {:.1?}",
        known.len(),
        started.elapsed()
    );
    let mut cases = JoinSet::new();
    for (number, (seed, index)) in seeds.into_iter().zip(drawn).enumerate() {
        let Some(recorded) = known.get(&index) else {
            continue;
        };
        let Some(plan) = Plan::draw(seed, &recorded.requests, DEADLINE) else {
            println!("not run: {} sends no request", operations[index].name);
            continue;
        };
        let (bench, operation) = (bench.clone(), operations[index]);
        let (busy, shared) = (limit.clone(), recorded.shared.clone());
        cases.spawn(async move {
            let busy = busy.acquire_owned().await.unwrap();
            run(bench, FIRST_CASE + number, operation, plan, shared, busy).await
        });
    }
    let all = std::env::var_os("DRIVER_INTERFACE_FAULTS_ALL").is_some();
    let mut reports = Vec::new();
    let mut not_prepared = 0;
    while let Some(report) = cases.join_next().await {
        match report {
            Ok(report) => {
                report.print(all);
                reports.push(report);
            }
            Err(error) => {
                println!("FAILED: a case could not be prepared: {error}");
                not_prepared += 1;
            }
        }
    }
    for (index, recorded) in known {
        if let Some(shared) = recorded.shared.and_then(Arc::into_inner) {
            let left = shared.remove().await;
            assert!(left.is_empty(), "{} left {left:?}", operations[index].name);
        }
    }
    judge(&reports, started);
    assert_eq!(not_prepared, 0, "cases could not be prepared");
}

fn judge(reports: &[Report], started: Instant) {
    let hits = reports.iter().filter(|report| report.hit).count();
    println!(
        "{} faults, {hits} of which were hit, in {:.1?}",
        reports.len(),
        started.elapsed()
    );
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (kind, _) in reports.iter().flat_map(|report| &report.broken) {
        *kinds.entry(kind).or_default() += 1;
    }
    assert!(hits * 2 > reports.len(), "most faults were never hit");
    assert!(
        kinds.is_empty(),
        "{} faults, violated guarantees: {kinds:?}",
        reports.len()
    );
}

fn operations() -> Vec<Operation> {
    let mut all = changes::operations();
    all.extend(reads::operations());
    let expected = std::env::var("DRIVER_INTERFACE_FAULT_OPERATION").unwrap_or_default();
    all.retain(|operation| operation.name.contains(&expected));
    assert!(!all.is_empty(), "no operation is called {expected}");
    all
}

/// Returns half fixed and half fresh seeds.
fn seeds(share: u64) -> Vec<u64> {
    let number = |name: &str| {
        let text = std::env::var(name).ok()?;
        Some(
            text.parse::<u64>()
                .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
        )
    };
    let count = number("DRIVER_INTERFACE_FAULTS")
        .unwrap_or(FAULTS)
        .div_ceil(share);
    if let Some(first) = number("DRIVER_INTERFACE_FAULT_SEED") {
        return (first..first + count).collect();
    }
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64;
    let fresh = number("DRIVER_INTERFACE_FAULT_FRESH").unwrap_or_else(now);
    println!("fixed seeds from {FIXED_SEED}, fresh seeds from {fresh}");
    let fixed = count.div_ceil(2);
    (FIXED_SEED..FIXED_SEED + fixed)
        .chain(fresh..fresh + (count - fixed))
        .collect()
}

/// Returns the operation of a seed. Adjacent seeds give different operations.
fn pick(seed: u64, count: usize) -> usize {
    let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    usize::try_from(mixed % count as u64).unwrap()
}
