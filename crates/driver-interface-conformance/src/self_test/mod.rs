//! The self-test of the suite: it injects one fault at a time into a driver and runs the checks that must detect this
//! fault.
//!
//! A check that cannot fail proves nothing. Each check therefore has at least one [`Fault`] that it must detect.
//! Several checks may share a fault. [`self_test`] injects the faults into a driver that passes the checks, and
//! verifies that the checks then fail.

mod faults;
mod mutation;

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use driver_interface_types::{ContainerDriver, ImageRef, Namespace, Result};
use futures_util::{StreamExt as _, stream};

use self::mutation::{Memory, Mutation, mutation};
use crate::{
    Check, DriverReport, Isolation, Options, Outcome, RunError, Silent, Target, UnmanagedResources, checks,
    run_checks, sweep,
};

/// A fault that can be injected into a driver.
pub struct Fault {
    /// The name of the fault, such as `start-again-fails`.
    pub name: &'static str,
    /// A description of what the driver does wrong, in one sentence.
    pub statement: &'static str,
    /// The ids of the checks that must detect the fault.
    pub detected_by: &'static [&'static str],
    mutations: &'static [Mutation],
}

impl Fault {
    const fn new(
        name: &'static str,
        statement: &'static str,
        mutations: &'static [Mutation],
        detected_by: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            statement,
            detected_by,
            mutations,
        }
    }

    /// Returns every fault.
    pub fn all() -> Vec<&'static Self> {
        faults::all()
    }

    fn namespace(&self) -> Option<&'static str> {
        self.mutations.iter().find_map(|mutation| match mutation {
            Mutation::Namespace(namespace) => Some(*namespace),
            _ => None,
        })
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({})", self.name)
    }
}

/// A target whose drivers have an injected fault.
pub struct FaultyTarget {
    target: Arc<dyn Target>,
    fault: &'static Fault,
    memory: Memory,
    namespaces: Mutex<Vec<Namespace>>,
    /// The namespace that was requested for the first driver. This is the namespace of the run. A fault can make all
    /// drivers use one other namespace. The name of that namespace starts with the name of the run's namespace, so
    /// that runs on one engine do not affect each other.
    first: OnceLock<Namespace>,
}

impl FaultyTarget {
    /// Wraps a target and injects `fault` into all of its drivers.
    pub fn new(target: Arc<dyn Target>, fault: &'static Fault) -> Self {
        let memory = Memory::default();
        Self {
            target,
            fault,
            memory,
            namespaces: Mutex::default(),
            first: OnceLock::new(),
        }
    }

    fn faulty(&self, driver: Arc<dyn ContainerDriver>, namespace: Namespace) -> Arc<dyn ContainerDriver> {
        {
            let mut used = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
            if !used.contains(&namespace) {
                used.push(namespace);
            }
        }
        mutation(driver, self.fault.mutations, self.memory.clone())
    }

    /// Removes the resources that drivers with the fault have left behind.
    async fn clean_up(&self) {
        let used = std::mem::take(&mut *self.namespaces.lock().unwrap_or_else(PoisonError::into_inner));
        // A faulty driver is expected to leave resources behind, so the result does not matter.
        let _ = sweep::sweep(Arc::clone(&self.target), &used).await;
    }
}

#[async_trait]
impl Target for FaultyTarget {
    fn uri(&self) -> String {
        self.target.uri()
    }

    async fn connect(&self, namespace: &Namespace) -> Result<Arc<dyn ContainerDriver>> {
        let namespace = match self.fault.namespace() {
            Some(ending) => {
                let first = self.first.get_or_init(|| namespace.clone());
                Namespace::new(format!("{first}-{ending}"))?
            }
            None => namespace.clone(),
        };
        let driver = self.target.connect(&namespace).await?;
        Ok(self.faulty(driver, namespace))
    }

    fn engine_address(&self) -> Option<String> {
        self.target.engine_address()
    }

    async fn connect_at(
        &self,
        address: &str,
        namespace: &Namespace,
        deadline: Duration,
    ) -> Result<Arc<dyn ContainerDriver>> {
        let driver = self.target.connect_at(address, namespace, deadline).await?;
        Ok(self.faulty(driver, namespace.clone()))
    }

    fn unmanaged_resources(&self) -> Option<Arc<dyn UnmanagedResources>> {
        self.target.unmanaged_resources()
    }

    fn registry_image(&self) -> Option<ImageRef> {
        self.target.registry_image()
    }

    async fn forget_image(&self, image: &ImageRef) -> std::result::Result<(), String> {
        self.target.forget_image(image).await
    }

    fn time_scale(&self) -> f64 {
        self.target.time_scale()
    }
}

/// The result of running one check with one injected fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The fault's name.
    pub fault: &'static str,
    /// The check's id.
    pub check: &'static str,
    /// The outcome of the check.
    pub outcome: Outcome,
    /// The message in the check's report.
    pub message: String,
}

impl Attempt {
    /// Returns whether the check detected the fault.
    pub fn is_detected(&self) -> bool {
        self.outcome.is_violation()
    }
}

/// The results of the self-test.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SelfTest {
    /// The checks that the self-test covers.
    pub checks: Vec<Check>,
    /// The attempts: the result of each fault with each check that must detect this fault.
    pub attempts: Vec<Attempt>,
    /// Checks on which no fault was tried, because these checks do not pass even without a fault. The text states why
    /// the check does not pass.
    pub not_run: Vec<(&'static str, String)>,
    /// The names of faults that were not tried on each of their checks, because the run was cancelled.
    pub not_tried: Vec<&'static str>,
}

impl SelfTest {
    /// Returns the names of the faults that the check has detected.
    pub fn faults_detected_by(&self, check: &str) -> Vec<&'static str> {
        let mut detected_by = Vec::new();
        for attempt in &self.attempts {
            if attempt.check == check && attempt.is_detected() && !detected_by.contains(&attempt.fault) {
                detected_by.push(attempt.fault);
            }
        }
        detected_by
    }

    /// Returns the attempts in which the check did not detect the fault. Omits an attempt if the same check detected
    /// the same fault on another target.
    pub fn survivors(&self) -> impl Iterator<Item = &Attempt> {
        let is_detected = |fault, check| {
            let mut attempts = self.attempts.iter();
            attempts.any(|attempt| attempt.fault == fault && attempt.check == check && attempt.is_detected())
        };
        self.attempts
            .iter()
            .filter(move |attempt| !is_detected(attempt.fault, attempt.check))
    }

    /// Returns whether the self-test succeeded: at least one fault was detected, no check missed a fault that was
    /// injected for it, and every check was tested. Checks that do not pass even without a fault are ignored.
    /// [`unproven`](Self::unproven) lists these checks with the reason.
    pub fn is_proof(&self) -> bool {
        // If an overloaded host made an attempt inconclusive, the other faults that the check has detected are enough.
        let counts = |attempt: &Attempt| {
            attempt.outcome != Outcome::Error || self.faults_detected_by(attempt.check).is_empty()
        };
        self.attempts.iter().any(Attempt::is_detected)
            && !self.survivors().any(counts)
            && self.unproven().iter().all(|(id, _)| self.could_not_be_tried(id))
    }

    fn could_not_be_tried(&self, check: &str) -> bool {
        let tried = self.attempts.iter().any(|attempt| attempt.check == check);
        !tried && self.not_run.iter().any(|(id, _)| *id == check)
    }

    /// Returns the checks without a result, each with the reason. The possible reasons are: the check did not run,
    /// the check was inconclusive, no fault exists for the check, or the run was cancelled before a fault was tried
    /// on the check.
    pub fn unproven(&self) -> Vec<(&'static str, &str)> {
        let reported = |attempt: &Attempt| attempt.is_detected() || attempt.outcome == Outcome::Passed;
        let attempted = |id: &str| {
            let mut attempts = self.attempts.iter().filter(|attempt| attempt.check == id);
            attempts.any(reported)
        };
        let reason = |id: &str| {
            let not_run = self.not_run.iter().rev().find(|(check, _)| *check == id);
            let tried = self.attempts.iter().any(|attempt| attempt.check == id);
            match not_run {
                Some((_, reason)) => reason,
                None if tried => "it was inconclusive",
                None if self.is_waiting(id) => "the run was cancelled before a fault was tried on it",
                None => "no fault exists for it",
            }
        };
        let unproven = self.checks.iter().filter(|check| !attempted(check.id));
        unproven.map(|check| (check.id, reason(check.id))).collect()
    }

    /// Returns whether a fault that `check` must detect was not tried.
    fn is_waiting(&self, check: &str) -> bool {
        let mut waiting = Fault::all()
            .into_iter()
            .filter(|fault| self.not_tried.contains(&fault.name));
        waiting.any(|fault| fault.detected_by.contains(&check))
    }

    /// Adds the results of the self-test on another target.
    pub fn extend(&mut self, other: Self) {
        for check in other.checks {
            if !self.checks.iter().any(|known| known.id == check.id) {
                self.checks.push(check);
            }
        }
        self.attempts.extend(other.attempts);
        self.not_run.extend(other.not_run);
        self.not_tried.extend(other.not_tried);
    }
}

/// Injects faults into the drivers of a target, and verifies that the checks detect the faults. `options` contains
/// the checks, the seed and the image to use. After the run is cancelled, no further fault is tried.
///
/// A fault is tried on a check only if the check passes without the fault, or if the check is skipped without the
/// fault. If the check is skipped with the fault, too, there is no result.
///
/// # Errors
/// The same errors as [`run`](fn@crate::run). If the run with one fault fails, the runs in progress with other faults
/// are completed and cleaned up before the error is returned.
///
/// # Cancel safety
/// The same as for [`run`](fn@crate::run).
pub async fn self_test(
    target: Arc<dyn Target>,
    options: &Options,
) -> std::result::Result<SelfTest, RunError> {
    let selected = options
        .selection
        .apply(&checks::all())
        .map_err(RunError::Selection)?;
    let mut options = options.clone();
    options.selection = Default::default();
    let sound = run_checks(&selected, Arc::clone(&target), &options, Arc::new(Silent)).await?;
    let obstacles = selected.iter().filter_map(|check| obstacle(&sound, check));
    let mut found = SelfTest {
        checks: selected.clone(),
        ..SelfTest::default()
    };
    let usable = |id: &str| {
        selected
            .iter()
            .find(|check| check.id == id && [Some(Outcome::Passed), SKIPPED].contains(&outcome(&sound, id)))
            .copied()
    };
    let trials = Fault::all().into_iter().map(|fault| {
        let checks: Vec<Check> = fault.detected_by.iter().filter_map(|id| usable(id)).collect();
        (fault, checks)
    });
    // If a check must run alone, so must its faults.
    let (together, alone): (Vec<_>, Vec<_>) = trials
        .filter(|(_, checks)| !checks.is_empty())
        .partition(|(_, checks)| checks.iter().all(|check| check.isolation == Isolation::Parallel));
    let unreachable = AtomicBool::new(false);
    let mut problem = None;
    for (trials, jobs) in [(together, options.jobs), (alone, 1)] {
        let reports = stream::iter(trials).map(|(fault, checks)| {
            let (target, options, unreachable) = (Arc::clone(&target), &options, &unreachable);
            async move {
                let is_over = options.cancellation.is_cancelled() || unreachable.load(Ordering::Relaxed);
                if is_over {
                    return (fault, checks, Ok(None));
                }
                let report = mutated(target, fault, &checks, options).await;
                unreachable.fetch_or(report.is_err(), Ordering::Relaxed);
                (fault, checks, report.map(Some))
            }
        });
        let mut reports = pin!(reports.buffered(jobs.max(1)));
        while let Some((fault, checks, report)) = reports.next().await {
            let report = match report {
                Ok(report) => report,
                Err(error) => {
                    problem.get_or_insert(error);
                    continue;
                }
            };
            let completed = |check: &Check| {
                let seen = report.as_ref()?.check(check.id)?;
                (seen.outcome != Outcome::NotRun).then_some(seen)
            };
            if checks.iter().any(|check| completed(check).is_none()) {
                found.not_tried.push(fault.name);
            }
            found.attempts.extend(checks.iter().filter_map(|check| {
                let seen = completed(check)?;
                // If a check is skipped both with and without the fault, there is no result.
                let is_conclusive = seen.outcome != Outcome::Skipped || outcome(&sound, check.id) != SKIPPED;
                is_conclusive.then(|| Attempt {
                    fault: fault.name,
                    check: check.id,
                    outcome: seen.outcome,
                    message: seen.message.clone().unwrap_or_default(),
                })
            }));
        }
    }
    if let Some(error) = problem {
        return Err(error);
    }
    let attempted = |check: &str| found.attempts.iter().any(|attempt| attempt.check == check);
    found.not_run = obstacles.filter(|(check, _)| !attempted(check)).collect();
    Ok(found)
}

async fn mutated(
    target: Arc<dyn Target>,
    fault: &'static Fault,
    checks: &[Check],
    options: &Options,
) -> std::result::Result<DriverReport, RunError> {
    let faulty_target = Arc::new(FaultyTarget::new(target, fault));
    // Several faults are tried at the same time, so each of them runs one check at a time.
    let options = options.clone().jobs(1);
    let report = run_checks(
        checks,
        Arc::clone(&faulty_target) as _,
        &options,
        Arc::new(Silent),
    )
    .await;
    faulty_target.clean_up().await;
    report
}

const SKIPPED: Option<Outcome> = Some(Outcome::Skipped);

fn outcome(report: &DriverReport, id: &str) -> Option<Outcome> {
    report.check(id).map(|check| check.outcome)
}

fn obstacle(report: &DriverReport, check: &Check) -> Option<(&'static str, String)> {
    let seen = report.check(check.id)?;
    let reason = seen.message.as_deref().unwrap_or_default();
    (seen.outcome != Outcome::Passed).then(|| (check.id, format!("{}: {reason}", seen.outcome)))
}
