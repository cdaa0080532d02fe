//! How much memory this process uses.

use std::sync::{Mutex, MutexGuard, PoisonError};

static MEASURED: Mutex<()> = Mutex::new(());

/// A measurement of how far the use of memory rises; one at a time.
pub(crate) struct Rise {
    before: u64,
    _alone: MutexGuard<'static, ()>,
}

impl Rise {
    /// Waits for other measurements, and forgets the highest use until now.
    pub(crate) fn measured() -> Self {
        let alone = MEASURED.lock().unwrap_or_else(PoisonError::into_inner);
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        Self {
            before: peak(),
            _alone: alone,
        }
    }

    /// By how many KiB it rose. The kernel counts in steps, so that where nothing rose it may say a little less.
    pub(crate) fn kib(&self) -> u64 {
        peak().saturating_sub(self.before)
    }
}

/// The highest use of memory, in KiB.
pub(crate) fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
