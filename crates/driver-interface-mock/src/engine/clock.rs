use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The engine's wall clock: a start time plus the time passed on tokio's clock. While tokio's clock is paused, the
/// engine's clock stands still.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    epoch: SystemTime,
    origin: Instant,
}

impl Clock {
    /// Creates a clock that starts at the time `epoch`. Without `epoch`, the clock starts at the real time, truncated
    /// to milliseconds, the precision of the wire format.
    pub(crate) fn starting_at(epoch: Option<SystemTime>) -> Self {
        let now = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            UNIX_EPOCH + Duration::from_millis(u64::try_from(since.as_millis()).unwrap_or_default())
        };
        Self {
            epoch: epoch.unwrap_or_else(now),
            origin: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> SystemTime {
        let passed = Instant::now().saturating_duration_since(self.origin);
        self.epoch.checked_add(passed).unwrap_or(self.epoch)
    }
}
