//! Measurements whose ratios can be trusted: the contenders take turns, so that whatever else happens on the machine
//! affects all of them.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

type Work<'a> = Box<dyn FnMut() -> Pin<Box<dyn Future<Output = Result<Duration>> + Send + 'a>> + 'a>;

/// How many times the confidence interval of a ratio draws the rounds again.
const DRAWS: usize = 1_000;

/// One way to do the work of a row.
pub(super) struct Contender<'a> {
    name: &'static str,
    work: Work<'a>,
}

/// The name of this project's driver among the contenders.
pub(super) const US: &str = "driver-interface";
/// The name of the floor: the same requests, written plainly on the socket.
pub(super) const RAW: &str = "raw HTTP";

/// Returns a contender whose `work` is measured as a whole.
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

/// What is compared, and what it should reach.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// The other contender of the goal, and the highest ratio of our time to its time.
    pub(super) goal: Option<(&'static str, f64)>,
    /// How many times each contender has a turn.
    pub(super) rounds: usize,
    /// How many operations one turn has. Times are shown per operation.
    pub(super) operations: u32,
}

/// The measured times of one row.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Measured {
    pub(super) name: &'static str,
    /// The ratio of the goal, if there is one.
    pub(super) goal: Option<Goal>,
    pub(super) contenders: Vec<Times>,
}

/// A goal, and what was measured.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Goal {
    pub(super) against: &'static str,
    pub(super) at_most: f64,
    /// The ratio of the medians. `None` if the other contender was not there.
    pub(super) ratio: Option<Ratio>,
}

/// A ratio of two medians with its confidence interval of 95 percent.
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
    /// Our median divided by this contender's.
    pub(super) ratio: Option<Ratio>,
    /// One time per round, in the order of the rounds.
    pub(super) rounds_ms: Vec<f64>,
}

impl Row {
    /// Lets the contenders take turns. The first round only warms up.
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
    /// Returns whether the goal is met, or `None` if it could not be compared.
    pub(super) fn is_met(&self) -> Option<bool> {
        self.ratio.map(|ratio| ratio.value <= self.at_most)
    }

    /// Returns whether the ratio is worse than the goal by more than a tenth, beyond chance.
    pub(super) fn is_missed_clearly(&self) -> bool {
        self.ratio
            .is_some_and(|ratio| ratio.value > self.at_most * 1.1 && ratio.low > self.at_most)
    }
}

/// Returns the ratio of the medians of `ours` and `theirs`. Its interval comes from drawing the rounds again with
/// replacement (the bootstrap), always in the same way.
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

/// Returns the value below which the fraction `at` of the values lies, interpolated between neighbours.
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
