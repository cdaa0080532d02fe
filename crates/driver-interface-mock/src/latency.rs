use std::ops::Range;
use std::time::Duration;

use rand::RngExt;

/// How long operations take. It is tokio's time: with a paused clock none of it is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Latency {
    /// No time at all.
    Off,
    /// What the kind of driver takes: 100 to 200 ms as mock-docker, 200 to 300 ms as mock-local.
    #[default]
    Simulated,
    /// So many times what the kind of driver takes.
    Scaled(f64),
}

impl Latency {
    /// The time of one operation, from its seed.
    pub(crate) fn sample(self, millis: &Range<u64>, rng: &mut impl RngExt) -> Duration {
        let factor = match self {
            Self::Off => return Duration::ZERO,
            Self::Simulated => 1.0,
            Self::Scaled(factor) if factor.is_finite() => factor.clamp(0.0, 1e6),
            Self::Scaled(_) => 1.0,
        };
        let full = Duration::from_micros(rng.random_range(millis.start * 1000..=millis.end * 1000));
        full.mul_f64(factor)
    }
}
