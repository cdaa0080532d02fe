use std::ops::Range;
use std::time::Duration;

use rand::RngExt;

/// How long operations take, measured on tokio's clock. If this clock is paused, the latency takes no real time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Latency {
    /// No latency.
    Off,
    /// The default latency of the driver's kind: 100 to 200 ms for mock-docker, 200 to 300 ms for mock-local.
    #[default]
    Simulated,
    /// The default latency of the driver's kind, multiplied by this factor.
    Scaled(f64),
}

impl Latency {
    /// Returns the latency of one operation: a random value from `millis`, scaled or switched off by this setting.
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
