//! Proves the suite: drivers with one thing wrong about them, and the checks that have to notice.
//!
//! A check that cannot fail says nothing. For each check there is at least one [`Fault`] that it alone, or with a few
//! others, is there to find; [`self_test`] puts the faults into a driver that passes and looks whether the checks fail.

mod faults;
mod sabotage;

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use driver_interface_types::{ContainerDriver, ImageRef, Namespace, Result};
use futures_util::{StreamExt as _, stream};

use self::sabotage::{Memory, Sabotage, sabotage};
use crate::{
    Bystanders, Check, DriverReport, Isolation, Options, Outcome, RunError, Silent, Target, checks,
    run_checks, sweep,
};

/// One thing that can be wrong with a driver.
pub struct Fault {
    /// What it is called, such as `start-again-fails`.
    pub name: &'static str,
    /// What is wrong, in one sentence.
    pub statement: &'static str,
    /// The ids of the checks that have to notice.
    pub kills: &'static [&'static str],
    sabotages: &'static [Sabotage],
}

impl Fault {
    const fn new(
        name: &'static str,
        statement: &'static str,
        sabotages: &'static [Sabotage],
        kills: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            statement,
            kills,
            sabotages,
        }
    }

    /// Every fault there is.
    pub fn all() -> Vec<&'static Self> {
        faults::all()
    }

    fn namespace(&self) -> Option<&'static str> {
        self.sabotages.iter().find_map(|sabotage| match sabotage {
            Sabotage::Namespace(namespace) => Some(*namespace),
            _ => None,
        })
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({})", self.name)
    }
}

/// A target with a fault.
pub struct Saboteur {
    target: Arc<dyn Target>,
    fault: &'static Fault,
    memory: Memory,
    namespaces: Mutex<Vec<Namespace>>,
    /// What the first driver was asked for: the run's own, so that two runs on one engine do not meet.
    first: OnceLock<Namespace>,
}

impl Saboteur {
    /// The same target with this fault in all its drivers.
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
        sabotage(driver, self.fault.sabotages, self.memory.clone())
    }

    /// Removes what drivers with this fault could not remove themselves.
    async fn clean_up(&self) {
        let used = std::mem::take(&mut *self.namespaces.lock().unwrap_or_else(PoisonError::into_inner));
        // Leaving something behind is no news of a broken driver.
        let _ = sweep::sweep(Arc::clone(&self.target), &used).await;
    }
}

#[async_trait]
impl Target for Saboteur {
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

    fn bystanders(&self) -> Option<Arc<dyn Bystanders>> {
        self.target.bystanders()
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

/// What became of a check when a fault was put in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The fault's name.
    pub fault: &'static str,
    /// The check's id.
    pub check: &'static str,
    /// How the check ended.
    pub outcome: Outcome,
    /// What it said.
    pub message: String,
}

impl Attempt {
    /// Whether the check noticed the fault.
    pub fn is_kill(&self) -> bool {
        self.outcome.is_breach()
    }
}

/// What the self-test found out.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SelfTest {
    /// The checks that were to be proven.
    pub checks: Vec<Check>,
    /// Each fault with each check that has to notice it.
    pub attempts: Vec<Attempt>,
    /// Checks that do not pass without a fault and noticed none, so that nothing can be said about them here, and why
    /// they did not.
    pub not_run: Vec<(&'static str, String)>,
    /// Faults that were not tried, or not with each of their checks, because the run was cancelled.
    pub not_tried: Vec<&'static str>,
}

impl SelfTest {
    /// The faults that a check has noticed.
    pub fn killers(&self, check: &str) -> Vec<&'static str> {
        let mut killers = Vec::new();
        for attempt in &self.attempts {
            if attempt.check == check && attempt.is_kill() && !killers.contains(&attempt.fault) {
                killers.push(attempt.fault);
            }
        }
        killers
    }

    /// Checks that did not notice a fault they are there for, on no target.
    pub fn survivors(&self) -> impl Iterator<Item = &Attempt> {
        let noticed = |fault, check| {
            let mut attempts = self.attempts.iter();
            attempts.any(|attempt| attempt.fault == fault && attempt.check == check && attempt.is_kill())
        };
        self.attempts
            .iter()
            .filter(move |attempt| !noticed(attempt.fault, attempt.check))
    }

    /// Whether each check that a fault was tried on is proven, and there is one: it noticed one at least, and none got
    /// past it. A check that could not be tried is no failure; [`unproven`](Self::unproven) tells why it was not.
    pub fn is_proof(&self) -> bool {
        // One that could not tell, on a machine that is too busy, is as good as its other faults.
        let got_past =
            |attempt: &Attempt| attempt.outcome != Outcome::Error || self.killers(attempt.check).is_empty();
        self.attempts.iter().any(Attempt::is_kill)
            && !self.survivors().any(got_past)
            && self.unproven().iter().all(|(id, _)| self.could_not_be_tried(id))
    }

    fn could_not_be_tried(&self, check: &str) -> bool {
        let tried = self.attempts.iter().any(|attempt| attempt.check == check);
        !tried && self.not_run.iter().any(|(id, _)| *id == check)
    }

    /// Checks of which nothing is known yet, and why: they did not run, or no fault is there for them.
    pub fn unproven(&self) -> Vec<(&'static str, &str)> {
        let told = |attempt: &Attempt| attempt.is_kill() || attempt.outcome == Outcome::Passed;
        let attempted = |id: &str| {
            let mut attempts = self.attempts.iter().filter(|attempt| attempt.check == id);
            attempts.any(told)
        };
        let reason = |id: &str| {
            let not_run = self.not_run.iter().rev().find(|(check, _)| *check == id);
            let tried = self.attempts.iter().any(|attempt| attempt.check == id);
            match not_run {
                Some((_, reason)) => reason,
                None if tried => "it could not tell",
                None if self.is_waiting(id) => "the run was cancelled before a fault was tried on it",
                None => "no fault is there for it",
            }
        };
        let unproven = self.checks.iter().filter(|check| !attempted(check.id));
        unproven.map(|check| (check.id, reason(check.id))).collect()
    }

    /// Whether a fault is there for a check and was not tried.
    fn is_waiting(&self, check: &str) -> bool {
        let mut waiting = Fault::all()
            .into_iter()
            .filter(|fault| self.not_tried.contains(&fault.name));
        waiting.any(|fault| fault.kills.contains(&check))
    }

    /// Adds what was found out on another target.
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

/// Puts each fault into the drivers of a target that passes the checks, and looks whether the checks notice that have
/// to. `options` select the checks; its seed and image are used. Where its cancellation stops the run, no further fault is
/// tried.
///
/// A fault is tried on a check that passes without it. One that does not could not be tried, and one that is skipped
/// only where the fault brings it to concern the driver.
///
/// # Errors
/// As [`run`](fn@crate::run). What is being tried with other faults is cleaned up first.
///
/// # Cancel safety
/// As [`run`](fn@crate::run).
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
        let checks: Vec<Check> = fault.kills.iter().filter_map(|id| usable(id)).collect();
        (fault, checks)
    });
    // Faults whose checks measure the machine are tried alone, as those checks run.
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
                let report = sabotaged(target, fault, &checks, options).await;
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
            let ended = |check: &Check| {
                let seen = report.as_ref()?.check(check.id)?;
                (seen.outcome != Outcome::NotRun).then_some(seen)
            };
            if checks.iter().any(|check| ended(check).is_none()) {
                found.not_tried.push(fault.name);
            }
            found.attempts.extend(checks.iter().filter_map(|check| {
                let seen = ended(check)?;
                // One that no fault brings to concern the driver says nothing.
                let concerns = seen.outcome != Outcome::Skipped || outcome(&sound, check.id) != SKIPPED;
                concerns.then(|| Attempt {
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
    let noticed = |check: &str| found.attempts.iter().any(|attempt| attempt.check == check);
    found.not_run = obstacles.filter(|(check, _)| !noticed(check)).collect();
    Ok(found)
}

async fn sabotaged(
    target: Arc<dyn Target>,
    fault: &'static Fault,
    checks: &[Check],
    options: &Options,
) -> std::result::Result<DriverReport, RunError> {
    let saboteur = Arc::new(Saboteur::new(target, fault));
    // Several faults are tried at once already.
    let options = options.clone().jobs(1);
    let report = run_checks(checks, Arc::clone(&saboteur) as _, &options, Arc::new(Silent)).await;
    saboteur.clean_up().await;
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
