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

/// The time between sending a wait request and the first inspection of the container. The time is short because the
/// container may exit before the engine begins to wait. The interval doubles after each inspection, up to
/// `LATER_POLL_INTERVAL`. The later inspections find exits that the wait request misses.
const FIRST_POLL_INTERVAL: Duration = Duration::from_millis(50);
const LATER_POLL_INTERVAL: Duration = Duration::from_secs(2);
/// How long the driver still waits for the response to its wait request after an inspection has shown that the run is
/// over.
const LATE_RESPONSE: Duration = Duration::from_secs(1);
/// How long the engine may still report a run as running after it has responded to the wait request.
const LATE_RECORD: Duration = Duration::from_secs(5);
/// How long to pause before repeating a failed wait request.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// The result of inspecting a container whose exit the driver waits for.
enum Observed {
    Exited(ExitInfo),
    /// The run is over, but the engine has no record of the run's exit.
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
    // The exit is known, so the timeout only limits the search for the out-of-memory state.
    let left = options
        .timeout
        .map_or(Duration::MAX, |longest| longest.saturating_sub(began.elapsed()));
    Ok(driver
        .with_oom_killed(&last, exit, left.min(driver.deadlines.read / 2))
        .await)
}

impl Inner {
    /// Returns `exit`. If the container's record did not show whether the run ran out of memory, adds that
    /// information from the engine's events.
    async fn with_oom_killed(
        &self,
        last: &ContainerRecord,
        mut exit: ExitInfo,
        max_wait: Duration,
    ) -> ExitInfo {
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

    /// Returns the exit info of the container's current or last run. Waits until the current run exits. If the
    /// container has never run, waits for its first run to exit.
    pub(in crate::driver) async fn run_end(
        &self,
        requested: &str,
        last: &mut ContainerRecord,
    ) -> Result<ExitInfo> {
        if let Some(exit) = exit(last) {
            return Ok(exit);
        }
        loop {
            // Start the engine's wait before the next inspection, so that it covers every exit after that inspection.
            // Once the container is removed, only this wait has the exit code.
            let id = last.id.clone();
            let response = self.engine.wait_next_exit(&id);
            if let Some(exit) = self.response_or_poll(requested, last, response).await? {
                return Ok(exit);
            }
            sleep(AFTER_FAILURE).await;
        }
    }

    /// Returns the exit info from `response`, the future response to the wait request, or from an inspection,
    /// whichever comes first. Returns `None` if the wait request failed and should be repeated.
    async fn response_or_poll(
        &self,
        requested: &str,
        last: &mut ContainerRecord,
        response: impl Future<Output = std::result::Result<i64, EngineError>>,
    ) -> Result<Option<ExitInfo>> {
        tokio::pin!(response);
        let mut pause = FIRST_POLL_INTERVAL;
        loop {
            tokio::select! {
                code = &mut response => return match code {
                    Ok(code) => self.exit_with_code(requested, last, code).await.map(Some),
                    Err(failure) => self.wait_failed(requested, last, failure).await,
                },
                () = sleep(pause) => {}
            }
            match self.poll(last).await? {
                Observed::Exited(exit) => return Ok(Some(exit)),
                Observed::Running => {}
                Observed::Over => {
                    return match timeout(LATE_RESPONSE, &mut response).await {
                        Ok(Ok(code)) => self.exit_with_code(requested, last, code).await.map(Some),
                        _ => Err(ContainerNotFoundError::new(requested).into()),
                    };
                }
            }
            pause = (pause * 2).min(LATER_POLL_INTERVAL);
        }
    }

    /// Inspects the container. Returns whether the run that `last` describes is over, and its exit if known. Stores
    /// the new record in `last`.
    async fn poll(&self, last: &mut ContainerRecord) -> Result<Observed> {
        let looked = read(OPERATION, self.deadlines.read, self.find_container(&last.id)).await?;
        let Some(now) = looked else {
            return Ok(Observed::Over);
        };
        let observed = observed(last, &now);
        *last = now;
        Ok(observed)
    }

    /// Returns the exit info for `code`, the exit code in the response to the wait request.
    async fn exit_with_code(
        &self,
        requested: &str,
        last: &mut ContainerRecord,
        code: i64,
    ) -> Result<ExitInfo> {
        let reported = || ExitInfo::new(code, None, SystemTime::now());
        let began = Instant::now();
        let ran = status::is_alive(&last.state) || status::started_at(&last.state).is_some();
        loop {
            let looked = read(OPERATION, self.deadlines.read, self.find_container(&last.id)).await?;
            match looked {
                // The container was removed during the wait. Docker also returns 0 for a container that never ran.
                None if ran || code != 0 => return Ok(reported()),
                None => return Err(ContainerNotFoundError::new(requested).into()),
                // The engine is about to start the container again.
                Some(now) if now.state.restarting => return Ok(reported()),
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

    /// Handles `failure`, the failure of a wait request. Returns `None` if the request should be repeated.
    async fn wait_failed(
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

/// Compares the container's earlier record `then` with its current record `now`. Returns the current state of the run
/// that `then` describes. If the container had not run yet in `then`, returns the state of its first run.
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
    fn exit_of_another_run_is_not_reported() {
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
    fn created_container_waits_for_its_first_run() {
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
