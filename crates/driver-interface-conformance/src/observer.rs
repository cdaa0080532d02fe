//! What a run tells while it goes on.

use crate::{Check, CheckReport, DriverReport};

/// Is told how a run goes. Every method does nothing by default.
pub trait Observer: Send + Sync {
    /// A run that is repeated begins again, with this seed: the `number`th time, counted from 1, of `times`.
    fn repetition_started(&self, number: usize, times: usize, seed: u64) {
        let _ = (number, times, seed);
    }

    /// The driver is connected; these checks will run.
    fn run_started(&self, driver: &DriverReport, checks: &[Check]) {
        let _ = (driver, checks);
    }

    /// A check begins.
    fn check_started(&self, check: &Check) {
        let _ = check;
    }

    /// A check ended.
    fn check_finished(&self, report: &CheckReport) {
        let _ = report;
    }

    /// All is done, clean-up included.
    fn run_finished(&self, driver: &DriverReport) {
        let _ = driver;
    }
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}
