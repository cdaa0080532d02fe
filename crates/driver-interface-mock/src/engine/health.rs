//! Health checks: running a container's test periodically, and evaluating the results.

use std::sync::Arc;

use bytes::Bytes;
use driver_interface_types::{
    ContainerHealth, ContainerHealthStatus, ContainerId, EventKind, ExecOutcome, HealthCheck, HealthTest,
};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::{ExecRequest, MockEngine, Shared};
use crate::process::{Client, Input, Output};
use crate::sync::lock;

/// The maximum number of output bytes that are kept for one test.
const KEPT_OUTPUT: usize = 4096;

/// The result of running a health check's test once.
struct Finding {
    passed: bool,
    output: String,
}

impl MockEngine {
    /// Starts a task that runs the container's health checks during run `run`. Returns `None` if the container has no
    /// health check.
    pub(super) fn start_checks(
        &self,
        id: &ContainerId,
        run: u64,
        check: Option<&HealthCheck>,
    ) -> Option<AbortHandle> {
        let check = check?.clone();
        let (engine, id) = (Arc::downgrade(self.shared()), id.clone());
        let task = tokio::spawn(async move {
            loop {
                sleep(check.interval).await;
                let Some(engine) = engine.upgrade().map(MockEngine) else {
                    return;
                };
                let Some(finding) = engine.test(&id, run, &check).await else {
                    continue;
                };
                note(&engine.0, &id, run, &check, finding);
            }
        });
        Some(task.abort_handle())
    }

    /// Runs the test of the health check once. Returns `None` if the container is paused or run `run` has ended.
    async fn test(&self, id: &ContainerId, run: u64, check: &HealthCheck) -> Option<Finding> {
        let (output, mut chunks) = Client::new(None);
        let argv = match &check.test {
            HealthTest::Command(words) => words.clone(),
            HealthTest::Shell(line) => vec!["sh".to_owned(), "-c".to_owned(), line.clone()],
            HealthTest::Disabled => return None,
        };
        let request = ExecRequest {
            argv,
            env: Vec::new(),
            working_dir: None,
            user: None,
            timeout: Some(check.timeout),
            stdin: Input::Null,
            stdout: Output::Client(output.clone()),
            stderr: Output::Client(output),
            terminal: None,
            reported: false,
        };
        let exec = {
            let mut state = self.state();
            let current = state.containers.get(id).and_then(|container| container.run());
            if current.is_none_or(|current| current.number != run || current.host.is_frozen()) {
                return None;
            }
            self.start_exec(&mut state, id, request)
        };
        let Ok(exec) = exec else {
            return Some(Finding {
                passed: false,
                output: "the test cannot be run in the container".to_owned(),
            });
        };
        let mut kept = Vec::new();
        let outcome = {
            let mut end = std::pin::pin!(exec.wait());
            loop {
                tokio::select! {
                    biased;
                    outcome = &mut end => break outcome,
                    () = take(&mut chunks, &mut kept) => {}
                }
            }
        };
        while let Ok(chunk) = chunks.try_recv() {
            keep(&chunk, &mut kept);
        }
        let output = match outcome {
            ExecOutcome::ContainerGone => return None,
            ExecOutcome::TimedOut => format!("the test took longer than {:?}", check.timeout),
            _ => String::from_utf8_lossy(&kept).into_owned(),
        };
        Some(Finding {
            passed: outcome.success(),
            output,
        })
    }
}

async fn take(chunks: &mut mpsc::Receiver<Bytes>, kept: &mut Vec<u8>) {
    match chunks.recv().await {
        Some(chunk) => keep(&chunk, kept),
        None => std::future::pending().await,
    }
}

fn keep(chunk: &[u8], kept: &mut Vec<u8>) {
    let room = KEPT_OUTPUT.saturating_sub(kept.len());
    kept.extend(chunk.iter().take(room));
}

/// Updates a container's health with the result of a test, and emits an event if the status changed.
fn note(shared: &Shared, id: &ContainerId, run: u64, check: &HealthCheck, finding: Finding) {
    let now = shared.clock.now();
    let mut state = lock(&shared.state);
    let state = &mut *state;
    let Some(container) = state.containers.get_mut(id) else {
        return;
    };
    if container.run().is_none_or(|current| current.number != run) {
        return;
    }
    let starting = ContainerHealth::new(ContainerHealthStatus::Starting);
    let mut health = container.health.take().unwrap_or(starting);
    let before = health.status;
    health.last_output = Some(finding.output);
    if finding.passed {
        (health.status, health.failing_streak, health.reason) = (ContainerHealthStatus::Healthy, 0, None);
    } else {
        let in_start_period = before == ContainerHealthStatus::Starting
            && container
                .started_at
                .is_some_and(|start| start + check.start_period > now);
        if !in_start_period {
            health.failing_streak += 1;
        }
        if health.failing_streak >= check.retries {
            health.status = ContainerHealthStatus::Unhealthy;
        }
        health.reason = Some(format!(
            "its health check has failed {} times in a row",
            health.failing_streak
        ));
    }
    let after = health.status;
    container.health = Some(health);
    let kind = match after {
        ContainerHealthStatus::Healthy => EventKind::Healthy,
        ContainerHealthStatus::Unhealthy => EventKind::Unhealthy,
        _ => return,
    };
    if after != before {
        container.notify();
        state.events.emit(container, kind, None, now);
    }
}
