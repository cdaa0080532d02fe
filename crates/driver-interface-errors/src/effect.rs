use std::fmt;

use serde::{Deserialize, Serialize};

/// Says whether the engine may have done what the failed call asked for.
///
/// Whoever wants to try again needs to know: repeating a call that took effect makes twins. Where the
/// effect is [`Unknown`](Effect::Unknown), look first (by name or by the operation's key), then decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// Nothing changed: the call was refused, or failed before it did anything.
    NotApplied,
    /// It was done, although the call failed: only what came after it went wrong.
    Applied,
    /// It may have been done: the answer was lost, came too late, or did not say.
    Unknown,
}

impl Effect {
    /// The name in the serialised form: `notApplied`, `applied` or `unknown`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotApplied => "notApplied",
            Self::Applied => "applied",
            Self::Unknown => "unknown",
        }
    }

    /// Whether a retry has to look first, because the call may have been carried out.
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
