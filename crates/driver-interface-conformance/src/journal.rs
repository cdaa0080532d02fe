//! The journal of the calls that a check makes to its drivers. The report of a failed check shows these calls as
//! steps.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// The number of steps that a report shows from the beginning of a check. The report leaves out steps in the middle
/// if a check has more than `KEPT_FIRST + KEPT_LAST` steps.
const KEPT_FIRST: usize = 12;
const KEPT_LAST: usize = 28;
/// The maximum length of a recorded call or result, in characters.
const LONGEST_TEXT: usize = 300;

/// One call from a check to a driver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Step {
    /// The start time of the call, in milliseconds since the start of the check.
    pub at_ms: u64,
    /// The duration of the call in milliseconds; `None` if the call has not returned.
    pub took_ms: Option<u64>,
    /// The operation that was called, and its arguments.
    pub call: String,
    /// The result of the call.
    pub answer: String,
    /// The number of consecutive calls that this step represents. All of these calls had the arguments and the result
    /// that this step shows.
    pub times: u32,
}

/// The steps of one check. All drivers of the check share them.
#[derive(Debug)]
pub(crate) struct Journal {
    began: Instant,
    steps: Mutex<Vec<Step>>,
}

/// A guard for the step of a call that has not returned yet. If the guard is dropped before the call returns, the
/// guard records in the step that the call panicked or was dropped.
pub(crate) struct Pending {
    journal: Arc<Journal>,
    index: usize,
    since: Instant,
    answered: bool,
}

const PENDING: &str = "no result yet";
const PANICKED: &str = "panicked";
const DROPPED: &str = "dropped before it returned";

impl Journal {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            steps: Mutex::default(),
        })
    }

    pub(crate) fn begin(self: &Arc<Self>, call: String) -> Pending {
        let since = Instant::now();
        let mut steps = self.lock();
        steps.push(Step {
            at_ms: millis(since - self.began),
            took_ms: None,
            call: shortened(&compact(&call)),
            answer: PENDING.to_owned(),
            times: 1,
        });
        Pending {
            journal: Arc::clone(self),
            index: steps.len() - 1,
            since,
            answered: false,
        }
    }

    /// Returns the steps recorded so far. If there are too many, replaces the steps in the middle by one step that
    /// states how many steps were left out.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let steps = self.lock();
        let left_out = steps.len().saturating_sub(KEPT_FIRST + KEPT_LAST);
        if left_out == 0 {
            return steps.clone();
        }
        let mut kept: Vec<Step> = steps.iter().take(KEPT_FIRST).cloned().collect();
        kept.push(Step {
            at_ms: kept.last().map_or(0, |step| step.at_ms),
            took_ms: None,
            call: format!("… {left_out} more calls …"),
            answer: String::new(),
            times: 1,
        });
        kept.extend(steps.iter().skip(KEPT_FIRST + left_out).cloned());
        kept
    }

    /// Returns the calls with the recorded result `answer`.
    fn with_answer(&self, answer: &str) -> Vec<String> {
        let steps = self.lock();
        let matching = steps.iter().filter(|step| step.answer == answer);
        matching.map(|step| step.call.clone()).collect()
    }

    /// Returns the call during which the driver panicked, if any.
    pub(crate) fn panicked(&self) -> Option<String> {
        self.with_answer(PANICKED).into_iter().next()
    }

    /// Returns the calls that have not returned yet.
    pub(crate) fn pending(&self) -> Vec<String> {
        self.with_answer(PENDING)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Step>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    pub(crate) fn answer(mut self, answer: &str) {
        self.close(Some(millis(self.since.elapsed())), &shortened(&compact(answer)));
    }

    fn close(&mut self, took_ms: Option<u64>, answer: &str) {
        self.answered = true;
        let mut steps = self.journal.lock();
        let is_last = self.index + 1 == steps.len();
        let Some(step) = steps.get_mut(self.index) else {
            return;
        };
        step.took_ms = took_ms;
        answer.clone_into(&mut step.answer);
        // Equal calls in a row are merged into one step, as those of a polling loop. Only the last step can be merged,
        // because the index of a step must not change.
        if is_last
            && let [.., before, last] = steps.as_mut_slice()
            && before.took_ms.is_some()
            && (&before.call, &before.answer) == (&last.call, &last.answer)
        {
            before.times += 1;
            steps.pop();
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.answered {
            let why = if std::thread::panicking() {
                PANICKED
            } else {
                DROPPED
            };
            self.close(None, why);
        }
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Shortens each id of 64 hexadecimal digits in `text` to its first 12 digits.
fn compact(text: &str) -> String {
    const WHOLE: usize = 64;
    const SHOWN: usize = 12;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let digits = rest.chars().take_while(char::is_ascii_hexdigit).count();
        let take = digits.max(c.len_utf8());
        let (part, tail) = rest.split_at(take);
        if digits == WHOLE {
            out.push_str(part.get(..SHOWN).unwrap_or(part));
            out.push('…');
        } else {
            out.push_str(part);
        }
        rest = tail;
    }
    out
}

/// Shortens a text to [`LONGEST_TEXT`] characters by cutting out its middle.
pub(crate) fn shortened(text: &str) -> String {
    let length = text.chars().count();
    if length <= LONGEST_TEXT {
        return text.to_owned();
    }
    let half = LONGEST_TEXT / 2;
    let head: String = text.chars().take(half).collect();
    let tail: String = text.chars().skip(length - half).collect();
    format!("{head} … {} more characters … {tail}", length - 2 * half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn dropped_call_is_recorded_as_dropped() {
        let journal = Journal::new();
        let pending = journal.begin("start_container(a)".to_owned());
        assert_eq!(journal.pending(), ["start_container(a)"]);
        drop(pending);
        assert_eq!(journal.steps().first().unwrap().answer, DROPPED);
        journal.begin("stop_container(a)".to_owned()).answer("ok");
        assert_eq!(journal.steps().get(1).unwrap().answer, "ok");
        assert!(journal.pending().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn long_journal_keeps_first_and_last_steps() {
        let journal = Journal::new();
        for number in 0..100 {
            journal.begin(format!("call {number}")).answer("ok");
        }
        let steps = journal.steps();
        assert_eq!(steps.len(), KEPT_FIRST + KEPT_LAST + 1);
        assert_eq!(steps.get(KEPT_FIRST).unwrap().call, "… 60 more calls …");
        assert_eq!(steps.last().unwrap().call, "call 99");
    }

    #[tokio::test(start_paused = true)]
    async fn identical_polls_are_merged() {
        let journal = Journal::new();
        for answer in ["running", "running", "running", "stopped"] {
            journal.begin("get_container(a)".to_owned()).answer(answer);
        }
        let steps = journal.steps();
        let seen: Vec<(&str, u32)> = steps
            .iter()
            .map(|step| (step.answer.as_str(), step.times))
            .collect();
        assert_eq!(seen, [("running", 3), ("stopped", 1)]);
    }

    #[test]
    fn only_ids_are_shortened() {
        let id = "0123456789abcdef".repeat(4);
        assert_eq!(
            compact(&format!("get({id}) größe {id}0")),
            format!("get(0123456789ab…) größe {id}0")
        );
    }

    #[test]
    fn long_text_is_shortened_in_the_middle() {
        let text = shortened(&format!("a{}z", "é".repeat(1000)));
        assert!(
            text.starts_with('a') && text.ends_with('z') && text.contains("702 more characters"),
            "{text}"
        );
    }
}
