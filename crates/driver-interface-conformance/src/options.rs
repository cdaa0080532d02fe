//! Which checks run, and how.

use std::fmt;

use globset::{Glob, GlobSet, GlobSetBuilder};
use tokio::sync::watch;

use crate::{Check, Level, TestImage};

/// Which checks of a list run.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Selection {
    /// Only these areas; all if there are none.
    pub areas: Vec<String>,
    /// Only ids that match one of these globs; all if there are none.
    pub globs: Vec<String>,
    /// Only checks of this level or a stricter one.
    pub level: Option<Level>,
}

/// A selection that cannot be made, and what could be selected instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectionError(String);

impl fmt::Display for SelectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SelectionError {}

impl Selection {
    /// Whether everything is selected.
    pub fn is_everything(&self) -> bool {
        self.areas.is_empty() && self.globs.is_empty() && self.level.is_none()
    }

    /// The selected ones of `checks`, in their order.
    ///
    /// # Errors
    /// [`SelectionError`] for an area that does not exist, a glob that is none, and when nothing is selected.
    pub fn apply(&self, checks: &[Check]) -> Result<Vec<Check>, SelectionError> {
        let known = areas(checks);
        let listed = known.join(", ");
        if let Some(unknown) = self.areas.iter().find(|area| !known.contains(&area.as_str())) {
            return Err(SelectionError(format!(
                "there is no area {unknown:?}; the areas are: {listed}"
            )));
        }
        let globs = self.glob_set()?;
        let wanted = |check: &Check| {
            (self.areas.is_empty() || self.areas.iter().any(|area| area == check.area()))
                && (self.globs.is_empty() || globs.is_match(check.id))
                && self.level.is_none_or(|level| check.level <= level)
        };
        let selected: Vec<Check> = checks.iter().filter(|check| wanted(check)).copied().collect();
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

    fn describe(&self) -> String {
        let mut parts: Vec<String> = self.globs.iter().map(|glob| format!("filter {glob:?}")).collect();
        parts.extend(self.areas.iter().map(|area| format!("area {area:?}")));
        parts.extend(self.level.map(|level| format!("level {level}")));
        parts.join(" and ")
    }
}

/// The areas of some checks, in the order in which they first appear.
pub fn areas(checks: &[Check]) -> Vec<&'static str> {
    let mut areas = Vec::new();
    for check in checks {
        if !areas.contains(&check.area()) {
            areas.push(check.area());
        }
    }
    areas
}

/// How a run goes about it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Which checks run.
    pub selection: Selection,
    /// The image that containers are made from.
    pub image: TestImage,
    /// Decides the order of the checks and whatever else is random in them.
    pub seed: u64,
    /// How many checks run at once.
    pub jobs: usize,
    /// Stops the run early.
    pub cancellation: Cancellation,
}

impl Options {
    /// Everything, four at once, with this image.
    pub fn new(image: TestImage) -> Self {
        Self {
            selection: Selection::default(),
            image,
            seed: rand::random::<u32>().into(),
            jobs: 4,
            cancellation: Cancellation::default(),
        }
    }

    /// Sets which checks run.
    #[must_use]
    pub fn selection(mut self, selection: Selection) -> Self {
        self.selection = selection;
        self
    }

    /// Sets the seed: the same one gives the same order.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how many checks run at once.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// Sets what can stop the run.
    #[must_use]
    pub fn cancellation(mut self, cancellation: Cancellation) -> Self {
        self.cancellation = cancellation;
        self
    }
}

/// Stops a run: no further check begins, those under way are dropped, and what they made is removed.
///
/// Clones are the same switch.
#[derive(Clone, Debug)]
pub struct Cancellation(watch::Sender<bool>);

impl Default for Cancellation {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Cancellation {
    /// Stops the run. Calling it again does nothing.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Whether the run was stopped.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the run is stopped.
    pub async fn cancelled(&self) {
        let mut receiver = self.0.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = receiver.wait_for(|cancelled| *cancelled).await;
    }
}
