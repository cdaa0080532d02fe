//! Serialisation of times and durations as whole milliseconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn to_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) mod duration {
    use super::{Duration, to_millis};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &Duration, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_u64(to_millis(*value))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
        u64::deserialize(input).map(Duration::from_millis)
    }
}

pub(crate) mod optional_duration {
    use super::{Duration, to_millis};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &Option<Duration>, out: S) -> Result<S::Ok, S::Error> {
        value.map(to_millis).serialize(out)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(input)?.map(Duration::from_millis))
    }
}

pub(crate) mod time {
    use super::{Duration, SystemTime, UNIX_EPOCH, to_millis};
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &SystemTime, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_u64(to_millis(value.duration_since(UNIX_EPOCH).unwrap_or_default()))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<SystemTime, D::Error> {
        from_millis(u64::deserialize(input)?).ok_or_else(|| D::Error::custom("time is out of range"))
    }

    pub(crate) fn from_millis(millis: u64) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_millis(millis))
    }
}

pub(crate) mod optional_time {
    use super::time::from_millis;
    use super::{SystemTime, UNIX_EPOCH, to_millis};
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &Option<SystemTime>, out: S) -> Result<S::Ok, S::Error> {
        value
            .map(|time| to_millis(time.duration_since(UNIX_EPOCH).unwrap_or_default()))
            .serialize(out)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<SystemTime>, D::Error> {
        let Some(millis) = Option::<u64>::deserialize(input)? else {
            return Ok(None);
        };
        from_millis(millis)
            .map(Some)
            .ok_or_else(|| D::Error::custom("time is out of range"))
    }
}
