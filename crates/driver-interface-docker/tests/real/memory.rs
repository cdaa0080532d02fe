//! Memory usage of this process.

use std::sync::{Mutex, MutexGuard, PoisonError};

static MEASURED: Mutex<()> = Mutex::new(());

/// An exclusive measurement of the rise in memory usage.
pub(crate) struct Rise {
    before: u64,
    _alone: MutexGuard<'static, ()>,
}

impl Rise {
    /// Waits for other measurements and resets the peak.
    pub(crate) fn measured() -> Self {
        let alone = MEASURED.lock().unwrap_or_else(PoisonError::into_inner);
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        Self {
            before: peak(),
            _alone: alone,
        }
    }

    /// Returns the rise in KiB. The kernel counts in batches, so the peak may appear to fall slightly.
    pub(crate) fn kib(&self) -> u64 {
        peak().saturating_sub(self.before)
    }
}

/// Returns the peak memory usage in KiB.
pub(crate) fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
