//! Times in the engine's formats.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) use driver_interface_kit::time::parse;

/// An upper bound for the rounding error of engines that parse times as floating-point numbers.
const ROUNDING: Duration = Duration::from_micros(1);

/// Formats `time` as the beginning of a period to query. The result is slightly earlier than `time`, so that the
/// engine's rounding excludes nothing. Callers must drop entries from before `time`.
pub(crate) fn since(time: SystemTime) -> String {
    query(time.checked_sub(ROUNDING).unwrap_or(UNIX_EPOCH))
}

/// Formats a time for a query: seconds since the epoch and nine digits of nanoseconds.
pub(crate) fn query(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:09}", since.as_secs(), since.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_times_for_queries() {
        let time = parse("2026-11-24T08:17:04.597699654Z");
        assert_eq!(time.map(query).as_deref(), Some("1795508224.597699654"));
        assert_eq!(time.map(since).as_deref(), Some("1795508224.597698654"));
        assert_eq!(since(UNIX_EPOCH), "0.000000000");
    }
}
