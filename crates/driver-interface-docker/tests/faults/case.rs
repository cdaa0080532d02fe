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

/// What the contract allows a call beyond its deadlines.
const MARGIN: Duration = Duration::from_secs(1);
/// After how long a default network that stays is left to the call that removes such.
const OF_ITSELF: Duration = Duration::from_secs(10);
/// How long after a call whose effect is unknown the engine may still carry it out, on a host with much to do. Until then
/// what the driver cleans up with has to stay.
const LATE: Duration = Duration::from_secs(5);
/// How long the driver may clean up in the background: it looks again and again for half a minute.
const CLEAN_UP: Duration = Duration::from_secs(40);

/// What came of a case.
#[derive(Debug)]
pub(crate) struct Report {
    pub plan: String,
    /// Whether the fault came about.
    pub hit: bool,
    /// What does not hold, and the kind of it.
    pub broken: Vec<(&'static str, String)>,
    /// In short: what the call gave.
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
            let hit = if self.hit { "" } else { " (never came about)" };
            println!("passed {}{hit}\n    {}", self.plan, self.result);
        }
    }
}

/// What an operation does without faults.
pub(crate) struct Recording {
    /// The requests that it makes.
    pub requests: Vec<Exchange>,
    /// What its cases share.
    pub shared: Option<Arc<Shared>>,
}

/// What the cases of an operation that changes nothing work on together.
pub(crate) struct Shared {
    world: World,
    subject: Subject,
}

impl Shared {
    /// Removes it, and says what is left then.
    pub(crate) async fn remove(self) -> Vec<String> {
        clean(self.world, self.subject, true).await
    }
}

/// Tries an operation without faults; none where the engine does not have it.
pub(crate) async fn learn(bench: Arc<Bench>, number: usize, operation: Operation) -> Option<Recording> {
    let world = World::new(bench, number, PATIENT).await;
    let subject = (operation.prepare)(&world).await;
    let mut learnt = None;
    if let Some(subject) = &subject {
        world.proxy.take_exchanges();
        let called = (operation.call)(&world, subject).await;
        let requests = world.proxy.take_exchanges();
        let applied = match operation.applied {
            Some(applied) => applied(&world, subject).await,
            None => true,
        };
        learnt = Some((called, requests, applied));
    }
    let is_shared = operation.is_shared && learnt.is_some();
    let subject = subject.unwrap_or_default();
    let (left, shared) = match is_shared {
        true => (Vec::new(), Some(Arc::new(Shared { world, subject }))),
        false => (clean(world, subject, true).await, None),
    };
    let (called, requests, applied) = learnt?;
    let name = operation.name;
    if matches!(called, Err(Failure::Marked)) {
        println!("{name}: also without a fault it says that something may be missing");
        return None;
    }
    assert!(called.is_ok(), "{name} does not work without a fault: {called:?}");
    assert!(applied, "{name} did nothing");
    assert!(left.is_empty(), "{name} without a fault left {left:?}");
    Some(Recording { requests, shared })
}

/// Tries one fault. `busy` limits how many are tried at the same time, and not how many clean up.
pub(crate) async fn run(
    bench: Arc<Bench>,
    number: usize,
    operation: Operation,
    plan: Plan,
    shared: Option<Arc<Shared>>,
    busy: OwnedSemaphorePermit,
) -> Report {
    let (world, own) = match &shared {
        Some(shared) => (shared.world.beside(DEADLINE).await, None),
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
    let took = started.elapsed().saturating_sub(world.time_aside());
    // A stream of which every chunk is late has no deadline as a whole: the engine decides in how many chunks it comes.
    let is_paced = plan.to_string().contains("before each chunk") && operation.name.contains("stream");
    // What the host did not give to this process, the driver could not use.
    if took.saturating_sub(self::stalled() - stalled) > longest && !is_paced {
        broken.push(("hang", format!("took {took:.1?}, and may take {longest:.1?}")));
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
                broken.push(("effect", format!("it was done, and is said not to be: {result}")));
            }
            Some(Effect::Applied) if !settled(&world, subject, applied, true).await => {
                broken.push(("effect", format!("it was not done, and is said to be: {result}")));
            }
            _ => {}
        }
    }
    drop(busy);
    // Without an error it is the case's own to remove.
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

/// For how long this process was ready to run since the first call, and did not.
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

/// Whether the engine did what it is said to have done or not to have done. Requests under way may still be carried
/// out, and what was made may still be undone.
async fn settled(world: &World, subject: &Subject, applied: Applied, said: bool) -> bool {
    for _ in 0..25 {
        if world.proxy.connections() == 0 && applied(world, subject).await == said {
            break;
        }
        sleep(Duration::from_millis(200)).await;
    }
    applied(world, subject).await
}

/// Mends the link, removes what the case knows of, and says what is left when the driver has had its time. What was
/// made by a call that did not say so is for the driver to remove.
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
        if (left.is_empty() && is_over) || started.elapsed() > CLEAN_UP {
            break left;
        }
        // An engine that cannot be reached keeps a default network; then there is a call that finds it.
        if started.elapsed() > OF_ITSELF && left.iter().all(|thing| thing.starts_with("network ")) {
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

/// Removes what the case works on; true once that is gone.
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
