//! Times in the engine's formats.

use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) use driver_interface_kit::time::parse;

/// Formats a time for a query: seconds since the epoch and nine digits of nanoseconds.
pub(crate) fn query(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:09}", since.as_secs(), since.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_it_reads() {
        let time = parse("2026-11-24T08:17:04.597699654Z");
        assert_eq!(time.map(query).as_deref(), Some("1795508224.597699654"));
    }
}
