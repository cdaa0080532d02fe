//! Waiting for a container to exit.

use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

use driver_interface_errors::{ContainerNotFoundError, Result, WaitTimeoutError};
use driver_interface_types::{ExitInfo, WaitOptions};
use tokio::time::{sleep, timeout};

use crate::driver::inner::Inner;
use crate::driver::task::{located, read};
use crate::translate::errors::Operation;
use crate::translate::records::{ContainerRecord, StateRecord};
use crate::translate::{status, time};
use crate::wire::EngineError;

const OPERATION: &str = "wait_container";

/// How often to inspect the container while the engine's wait is pending: frequently at first, because the engine
/// may not have begun to wait yet; then rarely, for what a wait does not notice.
const FIRST_POLL_INTERVAL: Duration = Duration::from_millis(50);
const LATER_POLL_INTERVAL: Duration = Duration::from_secs(2);
/// How long to wait for the response of the engine's wait once the run is over.
const LATE_ANSWER: Duration = Duration::from_secs(1);
/// How long after the engine's wait has returned its records may still show the run.
const LATE_RECORD: Duration = Duration::from_secs(5);
/// How long to pause before retrying after a failed wait.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// The result of inspecting the container.
enum Observed {
    Exited(ExitInfo),
    /// The run is over, and the record does not say how it exited.
    Over,
    Running,
}

pub(in crate::driver) async fn wait(
    driver: &Inner,
    requested: &str,
    options: WaitOptions,
) -> Result<ExitInfo> {
    let began = Instant::now();
    let waited = async {
        let mut last = read(OPERATION, driver.deadlines.read, driver.container(requested)).await?;
        let exit = driver.run_end(requested, &mut last).await?;
        Ok((last, exit))
    };
    let waited = match options.timeout {
        None => waited.await,
        Some(longest) => timeout(longest, waited)
            .await
            .unwrap_or_else(|_| Err(WaitTimeoutError::new(requested, "exited", longest).into())),
    }
    .map_err(|error| located(error, OPERATION));
    let (last, exit) = waited?;
    // Do not lose a known exit to the timeout.
    let left = options
        .timeout
        .map_or(Duration::MAX, |longest| longest.saturating_sub(began.elapsed()));
    Ok(driver
        .explained(&last, exit, left.min(driver.deadlines.read / 2))
        .await)
}

impl Inner {
    /// Completes the exit info with the out-of-memory state from the engine's events if the container's record
    /// lacks it.
    async fn explained(&self, last: &ContainerRecord, mut exit: ExitInfo, max_wait: Duration) -> ExitInfo {
        if exit.oom_killed.is_none() {
            let started = status::started_at(&last.state).or_else(|| time::parse(&last.created));
            let (started, finished) = (started.unwrap_or(exit.finished_at), exit.finished_at);
            exit.oom_killed = self
                .engine
                .memory_ran_out(&last.id, started, finished, max_wait)
                .await;
        }
        exit
    }

    /// Returns the exit info of the current run, or of the next run if the container has never run.
    async fn run_end(&self, requested: &str, last: &mut ContainerRecord) -> Result<ExitInfo> {
        if let Some(exit) = exit(last) {
            return Ok(exit);
        }
        loop {
            // Opened before the next inspection, so that it covers everything that happens after that inspection.
            // Once the container is removed, the code is known nowhere else.
            let id = last.id.clone();
            let answer = self.engine.wait_next_exit(&id);
            if let Some(exit) = self.response_or_poll(requested, last, answer).await? {
                return Ok(exit);
            }
            sleep(AFTER_FAILURE).await;
        }
    }

    /// Returns the exit info from the engine's wait or from an inspection, whichever comes first. Returns `None`
    /// if the wait failed.
    async fn response_or_poll(
        &self,
        requested: &str,
        last: &mut ContainerRecord,
        answer: impl Future<Output = std::result::Result<i64, EngineError>>,
    ) -> Result<Option<ExitInfo>> {
        tokio::pin!(answer);
        let mut pause = FIRST_POLL_INTERVAL;
        loop {
            tokio::select! {
                code = &mut answer => return match code {
                    Ok(code) => self.facts_of(requested, last, code).await.map(Some),
                    Err(failure) => self.without_answer(requested, last, failure).await,
                },
                () = sleep(pause) => {}
            }
            match self.poll(last).await? {
                Observed::Exited(exit) => return Ok(Some(exit)),
                Observed::Running => {}
                Observed::Over => {
                    return match timeout(LATE_ANSWER, &mut answer).await {
                        Ok(Ok(code)) => self.facts_of(requested, last, code).await.map(Some),
                        _ => Err(ContainerNotFoundError::new(requested).into()),
                    };
                }
            }
            pause = (pause * 2).min(LATER_POLL_INTERVAL);
        }
    }

    /// Inspects the container, and has_events_before the latest record.
    async fn poll(&self, last: &mut ContainerRecord) -> Result<Observed> {
        let looked = read(OPERATION, self.deadlines.read, self.find_container(&last.id)).await?;
        let Some(now) = looked else {
            return Ok(Observed::Over);
        };
        let observed = observed(last, &now);
        *last = now;
        Ok(observed)
    }

    /// Returns the exit info for the code returned by the engine's wait.
    async fn facts_of(&self, requested: &str, last: &mut ContainerRecord, code: i64) -> Result<ExitInfo> {
        let reported = || ExitInfo::new(code, None, SystemTime::now());
        let began = Instant::now();
        let ran = status::is_alive(&last.state) || status::started_at(&last.state).is_some();
        loop {
            let looked = read(OPERATION, self.deadlines.read, self.find_container(&last.id)).await?;
            match looked {
                // The container was removed during the wait. Docker also returns 0 for a container that never ran.
                None if ran || code != 0 => return Ok(reported()),
                None => return Err(ContainerNotFoundError::new(requested).into()),
                Some(now) => match observed(last, &now) {
                    Observed::Exited(exit) => return Ok(exit),
                    Observed::Over => return Ok(reported()),
                    // Podman's records show the exit a moment later.
                    Observed::Running if began.elapsed() > LATE_RECORD => return Ok(reported()),
                    Observed::Running => sleep(Duration::from_millis(20)).await,
                },
            }
        }
    }

    /// Decides how to proceed after the engine's wait ended without a code.
    async fn without_answer(
        &self,
        requested: &str,
        last: &mut ContainerRecord,
        failure: EngineError,
    ) -> Result<Option<ExitInfo>> {
        match self.poll(last).await? {
            Observed::Exited(exit) => Ok(Some(exit)),
            Observed::Over => Err(ContainerNotFoundError::new(requested).into()),
            Observed::Running => match failure {
                // After a broken connection or a transient engine error, the wait is repeated.
                EngineError::Broken(_) | EngineError::InvalidResponse(_) => Ok(None),
                EngineError::Refused(refusal) if refusal.status >= 500 => Ok(None),
                failure => Err(self.error(Operation::InspectContainer, requested, failure)),
            },
        }
    }
}

fn exit(record: &ContainerRecord) -> Option<ExitInfo> {
    let created_at = time::parse(&record.created).unwrap_or(SystemTime::UNIX_EPOCH);
    status::exit(&record.state, created_at)
}

/// Returns what a record says about the run in an earlier record of the same container, or about the first run if
/// the container had not run.
fn observed(then: &ContainerRecord, now: &ContainerRecord) -> Observed {
    if is_later_run(&then.state, &now.state) {
        return Observed::Over;
    }
    exit(now).map_or(Observed::Running, Observed::Exited)
}

fn is_later_run(then: &StateRecord, now: &StateRecord) -> bool {
    match (status::started_at(then), status::started_at(now)) {
        (Some(then), Some(now)) => then != now,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(word: &str, started: &str, code: i64) -> ContainerRecord {
        ContainerRecord {
            created: "2026-11-24T08:11:00Z".to_owned(),
            state: StateRecord {
                status: word.to_owned(),
                started_at: started.to_owned(),
                exit_code: code,
                ..StateRecord::default()
            },
            ..ContainerRecord::default()
        }
    }

    const ONCE: &str = "2026-11-24T08:11:04Z";
    const AGAIN: &str = "2026-11-24T08:11:09Z";

    #[test]
    fn the_end_of_another_run_is_not_taken_for_this_one_s() {
        let running = record("running", ONCE, 0);
        assert!(matches!(observed(&running, &running), Observed::Running));
        assert!(matches!(
            observed(&running, &record("exited", AGAIN, 9)),
            Observed::Over
        ));
        assert!(matches!(
            observed(&running, &record("running", AGAIN, 0)),
            Observed::Over
        ));
        let Observed::Exited(exit) = observed(&running, &record("exited", ONCE, 9)) else {
            panic!("it ended");
        };
        assert_eq!(exit.code, 9);
    }

    #[test]
    fn a_created_container_is_waited_for_until_its_first_run_ends() {
        let never = "0001-01-01T00:00:00Z";
        let created = record("created", never, 0);
        assert!(exit(&created).is_none());
        assert!(matches!(
            observed(&created, &record("running", ONCE, 0)),
            Observed::Running
        ));
        assert!(matches!(
            observed(&created, &record("exited", ONCE, 3)),
            Observed::Exited(_)
        ));
    }
}
