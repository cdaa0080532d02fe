//! Times in the format of RFC 3339, which engines use in records and logs.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Parses an RFC 3339 time with any offset. Returns `None` for an invalid time, and for a time at or before the Unix
/// epoch. Engines use such a time, in the year 1, for "never".
pub fn parse(text: &str) -> Option<SystemTime> {
    let (local, offset) = split_offset(text)?;
    let time = humantime::parse_rfc3339(&format!("{local}Z")).ok()?;
    let time = if offset >= 0 {
        time.checked_sub(Duration::from_secs(offset.unsigned_abs()))?
    } else {
        time.checked_add(Duration::from_secs(offset.unsigned_abs()))?
    };
    (time > UNIX_EPOCH).then_some(time)
}

/// Returns the text before the time zone offset, and the offset east of UTC in seconds.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return Some((local, 0));
    }
    let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let seconds = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
    match offset.get(..1)? {
        "+" => Some((local, seconds)),
        "-" => Some((local, -seconds)),
        _ => None,
    }
}

/// Formats a time as RFC 3339 in UTC, with nanoseconds.
pub fn format(time: SystemTime) -> String {
    humantime::format_rfc3339_nanos(time.min(*LAST)).to_string()
}

/// The last second of the year 9999; RFC 3339 cannot represent a later time.
static LAST: LazyLock<SystemTime> = LazyLock::new(|| UNIX_EPOCH + Duration::from_secs(253_402_300_799));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_times_of_both_engines() {
        let expected = UNIX_EPOCH + Duration::new(1_795_508_224, 597_699_654);
        for text in [
            "2026-11-24T08:17:04.597699654Z",
            "2026-11-24T10:17:04.597699654+02:00",
            "2026-11-24T04:47:04.597699654-03:30",
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        assert_eq!(
            parse("2026-11-24T08:17:04Z"),
            Some(UNIX_EPOCH + Duration::from_secs(1_795_508_224))
        );
    }

    #[test]
    fn zero_and_invalid_times_are_none() {
        for text in [
            "0001-01-01T00:00:00Z", "", "Z", "yesterday", "2026-11-24T08:17:04", "+02:00",
            "\u{e9}\u{e9}\u{e9}\u{e9}",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn format_round_trips() {
        let text = "2026-11-24T08:17:04.597699654Z";
        assert_eq!(parse(text).map(format).as_deref(), Some(text));
    }
}
