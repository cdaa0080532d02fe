use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether the engine may have carried out the failed call.
///
/// Check the effect before a retry: repeating a call that took effect can create duplicates. If the effect is
/// [`Unknown`](Effect::Unknown), first look for the resource on the engine, by its name or by the operation key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// Nothing changed. The call was rejected, or failed before the engine changed anything.
    NotApplied,
    /// The call was carried out; only a later step failed.
    Applied,
    /// The call may have been carried out: the response was lost, came too late, or was inconclusive.
    Unknown,
}

impl Effect {
    /// Returns the name in the serialised form: `notApplied`, `applied` or `unknown`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotApplied => "notApplied",
            Self::Applied => "applied",
            Self::Unknown => "unknown",
        }
    }

    /// Returns whether the caller must check the engine before a retry, because the failed call may have been carried
    /// out.
    pub fn needs_verification(self) -> bool {
        !matches!(self, Self::NotApplied)
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotApplied => "not applied",
            Self::Applied => "applied",
            Self::Unknown => "unknown",
        })
    }
}
