//! Terminal styles, which have no effect if colours are off.

use crate::{CheckReport, DriverVerdict, Outcome};

/// The tone of a result. The tone determines the colour of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Warn,
    Quiet,
}

impl Tone {
    pub(super) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Passed => Self::Good,
            Outcome::Failed | Outcome::TimedOut | Outcome::Error => Self::Bad,
            Outcome::NotRun => Self::Warn,
            Outcome::Deviates | Outcome::Skipped => Self::Quiet,
        }
    }

    /// Returns the tone of a check's result. A failed check whose level is not MUST gets a milder tone.
    pub(super) fn of_check(check: &CheckReport) -> Self {
        if check.is_minor() {
            Self::Warn
        } else {
            Self::of(check.outcome)
        }
    }

    pub(super) fn of_verdict(verdict: DriverVerdict) -> Self {
        match verdict {
            DriverVerdict::Conformant => Self::Good,
            DriverVerdict::PassedInPart | DriverVerdict::NotChecked => Self::Warn,
            _ => Self::Bad,
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Style {
    color: bool,
}

impl Style {
    pub(super) fn new(color: bool) -> Self {
        Self { color }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.color && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(super) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    pub(super) fn warn(self, text: &str) -> String {
        self.paint("33", text)
    }

    pub(super) fn outcome(self, outcome: Outcome, text: &str) -> String {
        self.tone(Tone::of(outcome), text)
    }

    pub(super) fn tone(self, tone: Tone, text: &str) -> String {
        match tone {
            Tone::Good => self.good(text),
            Tone::Bad => self.bad(text),
            Tone::Warn => self.warn(text),
            Tone::Quiet => self.dim(text),
        }
    }
}

/// Formats a duration in seconds, as in `0.35 s` or `21.7 s`.
pub(super) fn seconds(millis: u64) -> String {
    // Checks take far too little time for a float to lose milliseconds.
    #[allow(clippy::cast_precision_loss)]
    let seconds = millis as f64 / 1000.0;
    if seconds < 10.0 {
        format!("{seconds:.2} s")
    } else {
        format!("{seconds:.1} s")
    }
}
