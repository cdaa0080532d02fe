//! One fault in one operation, and the guarantees that hold for every fault.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use driver_interface_conformance::proxy::{Exchange, Plan};
use driver_interface_errors::{DriverError, Effect, codes};
use driver_interface_types::{ContainerDriver, ContainerFilter, RemoveOptions, ResourceFilter};
use futures_util::FutureExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::block_in_place;
use tokio::time::{sleep, timeout};

use super::subject::{Failure, Operation, Subject};
use super::world::{DEADLINE, PATIENT, World};
use crate::engine::Bench;

/// The time that the contract allows a call after its deadlines.
const MARGIN: Duration = Duration::from_secs(1);
/// The age at which a leftover default network is removed by `remove_idle_networks`.
const IDLE_NETWORK_AGE: Duration = Duration::from_secs(10);
/// How long a busy engine may take to carry out a call whose effect is unknown. The driver's cleanup must
/// keep working until then.
const LATE: Duration = Duration::from_secs(5);
/// The limit of the driver's background cleanup, which polls for half a minute.
const CLEANUP_LIMIT: Duration = Duration::from_secs(40);

/// The result of a case.
#[derive(Debug)]
pub(crate) struct Report {
    pub plan: String,
    /// Whether the fault took effect.
    pub hit: bool,
    /// The violated guarantees: kind and details.
    pub broken: Vec<(&'static str, String)>,
    /// A summary of the call's result.
    pub result: String,
}

impl Report {
    pub(crate) fn print(&self, passed_too: bool) {
        for (kind, what) in &self.broken {
            println!(
                "FAILED ({kind}) {}\n    {what}\n    result: {}",
                self.plan, self.result
            );
        }
        if passed_too && self.broken.is_empty() {
            let hit = if self.hit { "" } else { " (never hit)" };
            println!("passed {}{hit}\n    {}", self.plan, self.result);
        }
    }
}

/// An operation as it runs without faults.
pub(crate) struct Recording {
    pub requests: Vec<Exchange>,
    /// The resources that its cases share.
    pub shared: Option<Arc<Shared>>,
}

/// Resources shared by all cases of a read-only operation.
pub(crate) struct Shared {
    world: World,
    subject: Subject,
}

impl Shared {
    /// Removes the resources and returns the leftovers.
    pub(crate) async fn remove(self) -> Vec<String> {
        clean(self.world, self.subject, true).await
    }
}

/// Runs an operation without faults. Returns `None` if the engine does not support it.
pub(crate) async fn record(bench: Arc<Bench>, number: usize, operation: Operation) -> Option<Recording> {
    let world = World::new(bench, number, PATIENT).await;
    let subject = (operation.prepare)(&world).await;
    let mut recorded = None;
    if let Some(subject) = &subject {
        world.proxy.take_exchanges();
        let called = (operation.call)(&world, subject).await;
        let requests = world.proxy.take_exchanges();
        let applied = match operation.applied {
            Some(applied) => applied(&world, subject).await,
            None => true,
        };
        recorded = Some((called, requests, applied));
    }
    let is_shared = operation.is_shared && recorded.is_some();
    let subject = subject.unwrap_or_default();
    let (left, shared) = match is_shared {
        true => (Vec::new(), Some(Arc::new(Shared { world, subject }))),
        false => (clean(world, subject, true).await, None),
    };
    let (called, requests, applied) = recorded?;
    let name = operation.name;
    if matches!(called, Err(Failure::Marked)) {
        println!("{name}: marks its result as incomplete even without a fault");
        return None;
    }
    assert!(called.is_ok(), "{name} does not work without a fault: {called:?}");
    assert!(applied, "{name} did nothing");
    assert!(left.is_empty(), "{name} without a fault left {left:?}");
    Some(Recording { requests, shared })
}

/// Injects one fault. `busy` limits the concurrent calls, not the concurrent cleanups.
pub(crate) async fn run(
    bench: Arc<Bench>,
    number: usize,
    operation: Operation,
    plan: Plan,
    shared: Option<Arc<Shared>>,
    busy: OwnedSemaphorePermit,
) -> Report {
    let (world, own) = match &shared {
        Some(shared) => (shared.world.sibling(DEADLINE).await, None),
        None => {
            let world = World::new(bench, number, DEADLINE).await;
            let subject = (operation.prepare)(&world).await.unwrap_or_default();
            (world, Some(subject))
        }
    };
    let subject = match &shared {
        Some(shared) => &shared.subject,
        None => own.as_ref().unwrap(),
    };
    let mut broken = Vec::new();
    let rule = world.proxy.inject(plan.rule());
    let longest = DEADLINE * operation.deadlines + MARGIN;
    let (started, stalled) = (Instant::now(), stalled());
    let call = AssertUnwindSafe((operation.call)(&world, subject)).catch_unwind();
    let called = timeout(longest * 3, call).await;
    let took = started.elapsed().saturating_sub(world.untimed_total());
    // A stream with a delay before each chunk has no overall deadline: the engine chooses the chunks.
    let is_paced = plan.to_string().contains("before each chunk") && operation.name.contains("stream");
    // Time in which the host did not schedule this process does not count.
    if took.saturating_sub(self::stalled() - stalled) > longest && !is_paced {
        broken.push(("hang", format!("took {took:.1?}, the limit is {longest:.1?}")));
    }
    let hit = rule.hits() > 0;
    let mut effect = None;
    let result = match called {
        Err(_) => "nothing".to_owned(),
        Ok(Err(_)) => {
            broken.push(("panic", "the call panicked".to_owned()));
            "a panic".to_owned()
        }
        Ok(Ok(Ok(()))) => {
            effect = Some(Effect::Applied);
            "ok".to_owned()
        }
        Ok(Ok(Err(Failure::Marked))) => "marked as incomplete".to_owned(),
        Ok(Ok(Err(Failure::Wrong(what)))) => {
            broken.push(("wrong", what.clone()));
            what
        }
        Ok(Ok(Err(Failure::Error(error)))) => {
            if error.code() == codes::INTERNAL_ERROR {
                broken.push(("internal", format!("{error:?}")));
            }
            effect = Some(error.effect());
            format!("{} ({}): {error}", error.code(), error.effect())
        }
    };
    if let Some(applied) = operation.applied {
        match effect {
            Some(Effect::NotApplied) if settled(&world, subject, applied, false).await => {
                broken.push(("effect", format!("applied, reported as not applied: {result}")));
            }
            Some(Effect::Applied) if !settled(&world, subject, applied, true).await => {
                broken.push(("effect", format!("not applied, reported as applied: {result}")));
            }
            _ => {}
        }
    }
    drop(busy);
    // Without an error, the case removes the resource itself.
    let is_known = !matches!(effect, Some(Effect::NotApplied | Effect::Unknown));
    let left = match own {
        Some(subject) => clean(world, subject, is_known).await,
        None => Vec::new(),
    };
    if !left.is_empty() {
        broken.push(("left", format!("{left:?}")));
    }
    Report {
        plan: format!("{}: {plan}", operation.name),
        hit,
        broken,
        result,
    }
}

/// Returns the scheduling delay of this process since the first call.
fn stalled() -> Duration {
    const STEP: Duration = Duration::from_millis(20);
    static STALLED: OnceLock<AtomicU64> = OnceLock::new();
    let total = STALLED.get_or_init(|| {
        std::thread::spawn(|| {
            loop {
                let began = Instant::now();
                std::thread::sleep(STEP);
                let late = began.elapsed().saturating_sub(STEP);
                let late = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
                if let Some(total) = STALLED.get() {
                    total.fetch_add(late, Ordering::Relaxed);
                }
            }
        });
        AtomicU64::new(0)
    });
    Duration::from_micros(total.load(Ordering::Relaxed))
}

type Applied = for<'a> fn(&'a World, &'a Subject) -> futures_util::future::BoxFuture<'a, bool>;

/// Returns whether the operation was applied, once pending requests and rollbacks had time to finish.
async fn settled(world: &World, subject: &Subject, applied: Applied, said: bool) -> bool {
    for _ in 0..25 {
        if world.proxy.connections() == 0 && applied(world, subject).await == said {
            break;
        }
        sleep(Duration::from_millis(200)).await;
    }
    applied(world, subject).await
}

/// Restores the connection, removes the known resources and returns the leftovers once the driver's cleanup
/// had time to finish. The driver must remove resources of calls that reported no success.
async fn clean(world: World, subject: Subject, is_known: bool) -> Vec<String> {
    world.correct();
    if is_known {
        remove_all(&world).await;
    }
    let started = Instant::now();
    let mut removed = is_known;
    let left = loop {
        // The engine may have received the request and create it later.
        if let Some(image) = &subject.image {
            let target = format!("/images/{image}?force=true");
            block_in_place(|| world.bench.raw.call("DELETE", &target, None));
        }
        removed = removed || remove_subject(&world, &subject).await;
        let left = block_in_place(|| world.bench.raw.left(&world.namespace));
        let is_over = is_known || started.elapsed() > LATE;
        if (left.is_empty() && is_over) || started.elapsed() > CLEANUP_LIMIT {
            break left;
        }
        // A default network stays if the engine was unreachable. `remove_idle_networks` must find it.
        if started.elapsed() > IDLE_NETWORK_AGE && left.iter().all(|thing| thing.starts_with("network ")) {
            let _ = world.direct.remove_idle_networks().await;
        }
        sleep(Duration::from_millis(200)).await;
    };
    if !left.is_empty() {
        remove_all(&world).await;
        for name in left.iter().filter_map(|thing| thing.strip_prefix("network ")) {
            let target = format!("/networks/{}", name.trim_matches('"'));
            world.bench.raw.call("DELETE", &target, None);
        }
    }
    left
}

/// Removes the case's resources. Returns whether all are gone.
async fn remove_subject(world: &World, subject: &Subject) -> bool {
    fn is_gone(removed: Result<(), DriverError>) -> bool {
        removed.is_ok() || removed.is_err_and(|error| error.is_not_found())
    }
    let direct = &world.direct;
    let mut all = true;
    if let Some(container) = &subject.container {
        let removed = direct.remove_container(&container.id, RemoveOptions::force());
        all &= is_gone(removed.await);
    }
    if let Some(volume) = &subject.volume {
        all &= is_gone(direct.remove_volume(volume).await);
    }
    if let Some(network) = &subject.network {
        all &= is_gone(direct.remove_network(network).await);
    }
    all
}

async fn remove_all(world: &World) {
    let direct = &world.direct;
    for container in direct.list_containers(&ContainerFilter::default()).await.unwrap() {
        let _ = direct
            .remove_container(&container.id, RemoveOptions::force())
            .await;
    }
    for volume in direct.list_volumes(&ResourceFilter::default()).await.unwrap() {
        let _ = direct.remove_volume(&volume.id).await;
    }
    for network in direct.list_networks(&ResourceFilter::default()).await.unwrap() {
        let _ = direct.remove_network(&network.id).await;
    }
}
