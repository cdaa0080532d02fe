//! The options of a run, including which checks it runs.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use globset::{Glob, GlobSet, GlobSetBuilder};
use tokio::sync::watch;

use crate::{Check, Deviation, Level, TestImage};

/// A filter for the checks of a run. A check runs only if it meets the conditions of all fields.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Selection {
    /// The areas of the selected checks. If empty, checks of all areas are selected.
    pub areas: Vec<String>,
    /// Globs for the ids of the selected checks. An id must match at least one glob. If empty, checks with any id are
    /// selected.
    pub globs: Vec<String>,
    /// The least strict level of the selected checks. Checks of stricter levels are also selected. If `None`, checks
    /// of all levels are selected.
    pub level: Option<Level>,
    /// The part of the selected checks that runs. If `None`, all selected checks run.
    pub shard: Option<Shard>,
}

/// One of several equal parts of the selected checks, so that several machines can share a run. Together, the shards
/// contain every selected check exactly once.
///
/// The shard of a check depends only on the ids of the selected checks, so all machines must select the same checks.
/// The text form of a shard is `2/4`: the second of four shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: usize,
    of: usize,
}

impl Shard {
    fn keep(self, checks: &mut Vec<Check>) {
        let mut ids: Vec<&str> = checks.iter().map(|check| check.id).collect();
        ids.sort_unstable();
        // Neighbouring checks go to different shards, because those of one area take about the same time.
        let own: HashSet<&str> = ids.into_iter().skip(self.number - 1).step_by(self.of).collect();
        checks.retain(|check| own.contains(check.id));
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text
            .split_once('/')
            .map(|(number, of)| (number.parse(), of.parse()));
        match numbers {
            Some((Ok(number), Ok(of))) if (1..=of).contains(&number) => Ok(Self { number, of }),
            _ => Err(format!("{text:?} is not a shard, such as 1/3, 2/3 or 3/3")),
        }
    }
}

/// The error for an invalid selection. Its message names the valid choices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectionError(String);

impl fmt::Display for SelectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SelectionError {}

impl Selection {
    /// Returns whether the selection contains every check.
    pub fn is_everything(&self) -> bool {
        self.areas.is_empty() && self.globs.is_empty() && self.level.is_none() && self.shard.is_none()
    }

    /// Returns the selected checks of `checks`, in their original order.
    ///
    /// # Errors
    /// [`SelectionError`] if an area does not exist, a glob is invalid or matches no check, or nothing is selected.
    pub fn apply(&self, checks: &[Check]) -> Result<Vec<Check>, SelectionError> {
        let known = areas(checks);
        let listed = known.join(", ");
        if let Some(unknown) = self.areas.iter().find(|area| !known.contains(&area.as_str())) {
            return Err(SelectionError(format!(
                "there is no area {unknown:?}; the areas are: {listed}"
            )));
        }
        let globs = self.glob_set()?;
        let matches = |glob: &&String| {
            let matcher = Glob::new(glob).map(|glob| glob.compile_matcher());
            matcher.is_ok_and(|matcher| checks.iter().any(|check| matcher.is_match(check.id)))
        };
        if let Some(unmatched) = self.globs.iter().find(|glob| !matches(glob)) {
            return Err(SelectionError(format!(
                "no check matches filter {unmatched:?}; the areas are: {listed}"
            )));
        }
        let required = |check: &Check| {
            (self.areas.is_empty() || self.areas.iter().any(|area| area == check.area()))
                && (self.globs.is_empty() || globs.is_match(check.id))
                && self.level.is_none_or(|level| check.level <= level)
        };
        let mut selected: Vec<Check> = checks.iter().filter(|check| required(check)).copied().collect();
        if let Some(shard) = self.shard {
            shard.keep(&mut selected);
        }
        if selected.is_empty() {
            return Err(SelectionError(format!(
                "no check matches {}; the areas are: {listed}",
                self.describe()
            )));
        }
        Ok(selected)
    }

    fn glob_set(&self) -> Result<GlobSet, SelectionError> {
        let mut set = GlobSetBuilder::new();
        for glob in &self.globs {
            set.add(Glob::new(glob).map_err(|error| SelectionError(error.to_string()))?);
        }
        set.build().map_err(|error| SelectionError(error.to_string()))
    }

    /// Describes which checks are selected, as in `area "logs" and shard 1/3`. Returns an empty string if all checks
    /// are selected.
    pub fn describe(&self) -> String {
        let mut parts: Vec<String> = self.globs.iter().map(|glob| format!("filter {glob:?}")).collect();
        parts.extend(self.areas.iter().map(|area| format!("area {area:?}")));
        parts.extend(self.level.map(|level| format!("level {level}")));
        parts.extend(self.shard.map(|shard| format!("shard {shard}")));
        parts.join(" and ")
    }
}

/// Returns the areas of `checks`, in the order of their first appearance.
pub fn areas(checks: &[Check]) -> Vec<&'static str> {
    let mut areas = Vec::new();
    for check in checks {
        if !areas.contains(&check.area()) {
            areas.push(check.area());
        }
    }
    areas
}

/// The options of a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Which checks run.
    pub selection: Selection,
    /// The image from which the checks create containers.
    pub image: TestImage,
    /// The seed for the order of the checks and for their random choices.
    pub seed: u64,
    /// The number of checks that run concurrently.
    pub jobs: usize,
    /// How many times every check runs. The first repetition uses [`seed`](Self::seed), and each further repetition
    /// uses the previous seed plus 1. A check that fails in any repetition has failed.
    pub repeat: usize,
    /// If `true`, no further check starts after the first failure that makes the run fail.
    pub bail: bool,
    /// Known deviations: rules that the driver is known to break.
    pub deviations: Vec<Deviation>,
    /// The switch that can stop the run.
    pub cancellation: Cancellation,
}

impl Options {
    /// Creates options for a run of all checks with the test image `image`. Six checks run concurrently.
    pub fn new(image: TestImage) -> Self {
        Self {
            selection: Selection::default(),
            image,
            seed: rand::random::<u32>().into(),
            jobs: 6,
            repeat: 1,
            bail: false,
            deviations: Vec::new(),
            cancellation: Cancellation::default(),
        }
    }

    driver_interface_types::setters! {
        /// Sets which checks run.
        selection(self, selection: Selection) { self.selection = selection; }
        /// Sets the seed. Runs with the same seed start the checks in the same order.
        seed(self, seed: u64) { self.seed = seed; }
        /// Sets how many checks run concurrently.
        jobs(self, jobs: usize) { self.jobs = jobs.max(1); }
        /// Sets how many times every check runs.
        repeat(self, times: usize) { self.repeat = times.max(1); }
        /// Sets whether the first failure that makes the run fail prevents further checks from starting.
        bail(self, bail: bool) { self.bail = bail; }
        /// Declares a known deviation: a rule that the driver is known to break.
        deviation(self, deviation: Deviation) { self.deviations.push(deviation); }
        /// Sets the switch that can stop the run.
        cancellation(self, cancellation: Cancellation) { self.cancellation = cancellation; }
    }
}

/// A switch that stops a run. After the switch is used, no further check starts. The running checks are dropped, and
/// the resources that they created are removed.
///
/// All clones share one state.
#[derive(Clone, Debug)]
pub struct Cancellation(watch::Sender<bool>);

impl Default for Cancellation {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Cancellation {
    /// Stops the run. Further calls have no effect.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Returns whether the run was stopped.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the run is stopped.
    pub async fn cancelled(&self) {
        let mut receiver = self.0.subscribe();
        // `self` owns the sender, so waiting cannot fail.
        let _ = receiver.wait_for(|cancelled| *cancelled).await;
    }
}
