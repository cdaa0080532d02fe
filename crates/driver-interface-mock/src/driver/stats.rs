//! Resource usage of containers, once or as a stream.

use std::time::Duration;

use driver_interface_errors::Result;
use driver_interface_types::{ContainerId, ContainerStats, StatsStream};
use futures_util::stream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::containers::no_such_container;
use super::wait::not_running;
use super::{Call, MockDriver};
use crate::engine::Changes;
use crate::profile::Kind;
use crate::{MockEngine, Operation};

/// The interval between two measurements.
const INTERVAL: Duration = Duration::from_secs(1);
/// The memory in bytes that is counted for each process (its code, stack and so on). It is added to the memory that
/// the simulated program reports.
const PROCESS_BYTES: u64 = 384 * 1024;

/// Measures one run of a container periodically.
struct Meter {
    engine: MockEngine,
    id: ContainerId,
    run: u64,
    before: ContainerStats,
    next: Instant,
    changed: watch::Receiver<Changes>,
}

impl<K: Kind> MockDriver<K> {
    pub(super) async fn stats(&self, id: &ContainerId) -> Result<ContainerStats> {
        let work = async {
            let mut meter = self.meter(id)?;
            sleep(INTERVAL).await;
            meter.measure().ok_or_else(|| not_running(id))
        };
        self.call(Call::new(Operation::ContainerStats).on(id), || Ok(()), work)
            .await
    }

    pub(super) async fn stats_stream(&self, id: &ContainerId) -> Result<StatsStream> {
        let work = async {
            let meter = self.meter(id)?;
            Ok(StatsStream::new(stream::unfold(meter, |mut meter| async {
                let stats = meter.next().await?;
                Some((Ok(stats), meter))
            })))
        };
        let call = Call::new(Operation::StreamContainerStats).on(id);
        self.call(call, || Ok(()), work).await
    }

    fn meter(&self, id: &ContainerId) -> Result<Meter> {
        let engine = self.core.engine.clone();
        let state = engine.state();
        let container = state
            .container(self.namespace(), id)
            .ok_or_else(|| no_such_container(id))?;
        let run = container.run().ok_or_else(|| not_running(id))?.number;
        let mut meter = Meter {
            id: container.id.clone(),
            run,
            before: ContainerStats::new(engine.now()),
            next: Instant::now() + INTERVAL,
            changed: container.changed.subscribe(),
            engine: engine.clone(),
        };
        drop(state);
        meter.measure().ok_or_else(|| not_running(id))?;
        Ok(meter)
    }
}

impl Meter {
    /// Returns the next measurement, or `None` once the run has ended.
    async fn next(&mut self) -> Option<ContainerStats> {
        loop {
            tokio::select! {
                biased;
                changed = self.changed.changed() => {
                    if changed.is_err() || !self.runs() {
                        return None;
                    }
                }
                () = sleep_until(self.next) => break,
            }
        }
        // If the stream was not read for a while, the measurements of that time are skipped.
        self.next = Instant::now() + INTERVAL;
        self.measure()
    }

    fn runs(&self) -> bool {
        let state = self.engine.state();
        let run = state
            .containers
            .get(&self.id)
            .and_then(|container| container.run());
        run.is_some_and(|run| run.number == self.run)
    }

    /// Returns the usage, or `None` once the run has ended. The CPU share covers the time since the last measurement.
    fn measure(&mut self) -> Option<ContainerStats> {
        let state = self.engine.state();
        let container = state.containers.get(&self.id)?;
        let run = container.run().filter(|run| run.number == self.run)?;
        let (host, limits) = (&run.host, &container.config.resources);
        let mut stats = ContainerStats::new(self.engine.now());
        let processes = host.processes().len() as u64 + 1;
        stats.pids = processes;
        stats.pids_limit = Some(limits.pids);
        let limit = limits.memory.saturating_mul(1 << 20);
        stats.memory_bytes = (host.memory_used() + processes * PROCESS_BYTES).min(limit);
        stats.memory_limit_bytes = Some(limit);
        stats.cpu_time = host.cpu_used();
        let passed = stats.time.duration_since(self.before.time).unwrap_or_default();
        if !passed.is_zero() {
            let used = stats.cpu_time.saturating_sub(self.before.cpu_time);
            stats.cpu_cores = used.as_secs_f64() / passed.as_secs_f64();
        }
        if container.ip_address().is_some() {
            // Simulated networks transmit nothing.
            (stats.network_received_bytes, stats.network_sent_bytes) = (Some(0), Some(0));
        }
        self.before = stats.clone();
        Some(stats)
    }
}
