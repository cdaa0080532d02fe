//! Measures contenders alternately, so that other load on the machine affects all contenders. The ratios of their
//! times are therefore reliable.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

type Work<'a> = Box<dyn FnMut() -> Pin<Box<dyn Future<Output = Result<Duration>> + Send + 'a>> + 'a>;

/// The number of random samples of the rounds from which the confidence interval of a ratio is calculated.
const DRAWS: usize = 1_000;

/// A client that is measured, and the function that does the work of a row with this client.
pub(super) struct Contender<'a> {
    name: &'static str,
    work: Work<'a>,
}

/// The name of this project's driver among the contenders.
pub(super) const US: &str = "driver-interface";
/// The name of the contender that writes the same requests directly to the engine's socket. Its times are the lower
/// bound for other clients.
pub(super) const RAW: &str = "raw HTTP";

/// Returns a contender. The time from the start to the end of `work` is measured.
pub(super) fn whole<'a, F, E>(name: &'static str, mut work: impl FnMut() -> F + 'a) -> Contender<'a>
where
    F: Future<Output = Result<(), E>> + Send + 'a,
    E: Into<anyhow::Error> + 'a,
{
    Contender {
        name,
        work: Box::new(move || {
            let work = work();
            Box::pin(async move {
                let began = Instant::now();
                work.await.map_err(Into::into)?;
                Ok(began.elapsed())
            })
        }),
    }
}

/// A row of the benchmark: the work that is compared, and the goal.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// The name of the other contender, and the highest permitted ratio of our time to the other contender's time.
    pub(super) goal: Option<(&'static str, f64)>,
    /// The number of measurements of each contender.
    pub(super) rounds: usize,
    /// The number of operations in one measurement. Times are shown per operation.
    pub(super) operations: u32,
}

/// The measured times of one row.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Measured {
    pub(super) name: &'static str,
    /// The goal and the measured ratio, if the row has a goal.
    pub(super) goal: Option<Goal>,
    pub(super) contenders: Vec<Times>,
}

/// A goal, and the measured ratio.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Goal {
    pub(super) against: &'static str,
    pub(super) at_most: f64,
    /// The ratio of our median to the other contender's median. `None` if the other contender was not measured.
    pub(super) ratio: Option<Ratio>,
}

/// A ratio of two medians, with the confidence interval of 95 percent from `low` to `high`.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ratio {
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// The times of one contender, per operation, in milliseconds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Times {
    pub(super) name: &'static str,
    pub(super) median_ms: f64,
    pub(super) p95_ms: f64,
    /// Our median divided by the median of this contender.
    pub(super) ratio: Option<Ratio>,
    /// One time per round, in the order of the rounds.
    pub(super) rounds_ms: Vec<f64>,
}

impl Row {
    /// Measures the contenders alternately, and returns their times. The first round is a warm-up and is not
    /// measured.
    pub(super) async fn measure(&self, mut contenders: Vec<Contender<'_>>) -> Result<Measured> {
        let mut times: Vec<Vec<f64>> = contenders.iter().map(|_| Vec::new()).collect();
        for round in 0..=self.rounds {
            for turn in 0..contenders.len() {
                // Nobody always follows the same one.
                let at = (turn + round) % contenders.len();
                let (Some(contender), Some(times)) = (contenders.get_mut(at), times.get_mut(at)) else {
                    continue;
                };
                let took = (contender.work)().await;
                let took = took.with_context(|| format!("{}: {}", self.name, contender.name))?;
                if round > 0 {
                    times.push(took.as_secs_f64() * 1_000.0 / f64::from(self.operations));
                }
            }
        }
        let names = contenders.iter().map(|contender| contender.name);
        Ok(self.summarised(names.zip(times).collect()))
    }

    fn summarised(&self, times: Vec<(&'static str, Vec<f64>)>) -> Measured {
        let ours = times
            .iter()
            .find(|(name, _)| *name == US)
            .map(|(_, times)| times.clone());
        let ratio_to = |theirs: &[f64]| ours.as_deref().map(|ours| ratio(ours, theirs));
        let contenders: Vec<Times> = times
            .into_iter()
            .map(|(name, rounds)| Times {
                name,
                median_ms: quantile(&rounds, 0.5),
                p95_ms: quantile(&rounds, 0.95),
                ratio: ratio_to(&rounds).filter(|_| name != US),
                rounds_ms: rounds,
            })
            .collect();
        let goal = self.goal.map(|(against, at_most)| Goal {
            against,
            at_most,
            ratio: contenders
                .iter()
                .find(|one| one.name == against)
                .and_then(|one| one.ratio),
        });
        Measured {
            name: self.name,
            goal,
            contenders,
        }
    }
}

impl Goal {
    /// Returns whether the goal is met. Returns `None` if there is no measured ratio.
    pub(super) fn is_met(&self) -> Option<bool> {
        self.ratio.map(|ratio| ratio.value <= self.at_most)
    }

    /// Returns whether the ratio is more than a tenth worse than the goal, and the whole confidence interval is above
    /// the goal.
    pub(super) fn is_missed_clearly(&self) -> bool {
        self.ratio
            .is_some_and(|ratio| ratio.value > self.at_most * 1.1 && ratio.low > self.at_most)
    }
}

/// Returns the ratio of the medians of `ours` and `theirs`. The confidence interval is calculated with the bootstrap
/// method, from random samples with replacement. The random numbers have a fixed seed.
fn ratio(ours: &[f64], theirs: &[f64]) -> Ratio {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % limit.max(1) as u64).unwrap_or_default()
    };
    let mut draw = |times: &[f64]| {
        let drawn: Vec<f64> = (0..times.len())
            .filter_map(|_| times.get(below(times.len())).copied())
            .collect();
        quantile(&drawn, 0.5)
    };
    let drawn: Vec<f64> = (0..DRAWS).map(|_| draw(ours) / draw(theirs)).collect();
    Ratio {
        value: quantile(ours, 0.5) / quantile(theirs, 0.5),
        low: quantile(&drawn, 0.025),
        high: quantile(&drawn, 0.975),
    }
}

/// Returns the quantile `at` of the values, interpolated between neighbours. For example, `at` is 0.5 for the median.
pub(super) fn quantile(values: &[f64], at: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = at * sorted.len().saturating_sub(1) as f64;
    let (low, high) = (position.floor(), position.ceil());
    let value = |index: f64| sorted.get(index as usize).copied().unwrap_or(f64::NAN);
    value(low) + (value(high) - value(low)) * (position - low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_interpolated() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!([0.0, 0.5, 1.0].map(|at| quantile(&values, at)), [1.0, 2.5, 4.0]);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn ratio_lies_in_its_interval() {
        let ours: Vec<f64> = (0..20).map(|n| 2.0 + f64::from(n % 5) / 10.0).collect();
        let theirs: Vec<f64> = ours.iter().map(|time| time / 2.0).collect();
        let found = ratio(&ours, &theirs);
        assert!((found.value - 2.0).abs() < 1e-9);
        assert!(found.low <= found.value && found.value <= found.high);
        assert!(
            found.low > 1.8 && found.high < 2.2,
            "{}..{}",
            found.low,
            found.high
        );
    }

    #[tokio::test]
    async fn contenders_take_turns_and_the_first_round_is_dropped() {
        let order = std::cell::RefCell::new(Vec::new());
        let contender = |name: &'static str| {
            let order = &order;
            whole(name, move || {
                order.borrow_mut().push(name);
                async { anyhow::Ok(()) }
            })
        };
        let row = Row {
            name: "nothing",
            goal: Some((RAW, 2.0)),
            rounds: 2,
            operations: 1,
        };
        let measured = row.measure(vec![contender(US), contender(RAW)]).await.unwrap();
        assert_eq!(*order.borrow(), [US, RAW, RAW, US, US, RAW]);
        assert_eq!(measured.contenders[0].rounds_ms.len(), 2);
        assert!(measured.contenders[0].ratio.is_none());
        assert!(measured.goal.unwrap().is_met().is_some());
    }
}
