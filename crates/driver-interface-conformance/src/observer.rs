//! Notifications during a run.

use crate::{Check, CheckReport, DriverReport};

/// An observer that is notified of a run's progress. Every method does nothing by default.
pub trait Observer: Send + Sync {
    /// Called when a repeated run starts repetition `number`, counted from 1, of `times`, with this seed.
    fn repetition_started(&self, number: usize, times: usize, seed: u64) {
        let _ = (number, times, seed);
    }

    /// Called when the driver is connected and these checks are about to run.
    fn run_started(&self, driver: &DriverReport, checks: &[Check]) {
        let _ = (driver, checks);
    }

    /// Called when a check starts.
    fn check_started(&self, check: &Check) {
        let _ = check;
    }

    /// Called when a check is finished.
    fn check_finished(&self, report: &CheckReport) {
        let _ = report;
    }

    /// Called when the run is complete, including cleanup.
    fn run_finished(&self, driver: &DriverReport) {
        let _ = driver;
    }
}

/// An observer that ignores all notifications.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}
