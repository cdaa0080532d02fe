//! The interface through which a run reports its progress.

use crate::{Check, CheckReport, DriverReport};

/// An observer that is notified of a run's progress. Every method does nothing by default.
pub trait Observer: Send + Sync {
    /// Called when a repeated run starts repetition `number` of `times`, counted from 1, with the seed `seed`.
    fn repetition_started(&self, number: usize, times: usize, seed: u64) {
        let _ = (number, times, seed);
    }

    /// Called when the driver is connected and before the first of `checks` runs.
    fn run_started(&self, driver: &DriverReport, checks: &[Check]) {
        let _ = (driver, checks);
    }

    /// Called when a check starts.
    fn check_started(&self, check: &Check) {
        let _ = check;
    }

    /// Called when a check has finished.
    fn check_finished(&self, report: &CheckReport) {
        let _ = report;
    }

    /// Called when the run is complete and has cleaned up.
    fn run_finished(&self, driver: &DriverReport) {
        let _ = driver;
    }
}

/// An observer that ignores all notifications.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}
