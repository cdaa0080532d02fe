//! Resource usage of a container.

use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::{ContainerNotRunningError, Result};
use driver_interface_types::{ContainerStats, ContainerStatus, StatsStream};
use futures_util::stream;
use tokio::time::{Instant, sleep_until, timeout};

use crate::driver::inner::Inner;
use crate::driver::task::located;
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::records::ContainerRecord;
use crate::translate::usage::UsageRecord;
use crate::translate::{labels, status};
use crate::wire::EngineError;

const STREAM: &str = "stream_container_stats";
/// The interval between measurements. The driver requests single measurements, because the interval of the engines'
/// own streams varies (5 s on Podman).
const PERIOD: Duration = Duration::from_secs(1);

/// A periodic measurement of the resource usage of a running container.
struct Meter {
    driver: Arc<Inner>,
    id: String,
    pids_limit: u64,
    earlier: UsageRecord,
    next: Instant,
}

impl Inner {
    pub(in crate::driver) async fn stats(self: Arc<Self>, requested: String) -> Result<ContainerStats> {
        let record = self.measurable(&requested).await?;
        let mut meter = self.meter(&requested, &record).await?;
        match meter.next().await? {
            Some(stats) => Ok(stats),
            // The container exited in the meantime.
            None => {
                let now = self.container(&record.id).await?;
                Err(not_running(&requested, status::status(&now.state)).into())
            }
        }
    }

    pub(in crate::driver) async fn stats_stream(self: Arc<Self>, requested: String) -> Result<StatsStream> {
        let record = self.measurable(&requested).await?;
        let meter = self.meter(&requested, &record).await?;
        Ok(StatsStream::new(stream::try_unfold(
            meter,
            |mut meter| async move {
                let stats = meter.next().await.map_err(|error| located(error, STREAM))?;
                Ok(stats.map(|stats| (stats, meter)))
            },
        )))
    }

    async fn measurable(&self, requested: &str) -> Result<ContainerRecord> {
        let record = self.container(requested).await?;
        if status::is_alive(&record.state) {
            Ok(record)
        } else {
            Err(not_running(requested, status::status(&record.state)).into())
        }
    }

    async fn meter(self: &Arc<Self>, requested: &str, record: &ContainerRecord) -> Result<Meter> {
        let next = Instant::now() + PERIOD;
        let Some(earlier) = self.measure(&record.id).await? else {
            let now = self.container(&record.id).await?;
            return Err(not_running(requested, status::status(&now.state)).into());
        };
        Ok(Meter {
            driver: Arc::clone(self),
            id: record.id.clone(),
            pids_limit: labels::resources(&record.config.labels).pids,
            earlier,
            next,
        })
    }

    /// Measures the container once. Returns `None` if the container does not exist or is not running.
    async fn measure(&self, id: &str) -> Result<Option<UsageRecord>> {
        let failed = |failure| self.error(Operation::InspectContainer, id, failure);
        let measured = timeout(self.deadlines.read, self.engine.usage(id)).await;
        let measured =
            measured.unwrap_or_else(|_| Err(EngineError::Broken("no measurement arrived in time".into())));
        match measured {
            Ok(found) => Ok(found.filter(|usage| usage.time().is_some())),
            Err(EngineError::Refused(refusal)) => {
                let missing = cause(Operation::InspectContainer, &refusal) == Cause::NotFound;
                let exited = match self.find_container(id).await? {
                    Some(now) => !status::is_alive(&now.state),
                    None => true,
                };
                if missing || exited {
                    Ok(None)
                } else {
                    Err(failed(EngineError::Refused(refusal)))
                }
            }
            Err(failure) => Err(failed(failure)),
        }
    }
}

impl Meter {
    async fn next(&mut self) -> Result<Option<ContainerStats>> {
        sleep_until(self.next).await;
        // If the caller is slow, skip measurements.
        self.next = Instant::now() + PERIOD;
        let Some(usage) = self.driver.measure(&self.id).await? else {
            return Ok(None);
        };
        // After a restart, the counters start again from zero: `after` returns `None`, which ends the stream.
        let stats = usage.after(&self.earlier, self.pids_limit);
        self.earlier = usage;
        Ok(stats)
    }
}

fn not_running(requested: &str, status: ContainerStatus) -> ContainerNotRunningError {
    ContainerNotRunningError::new(requested, status.as_str())
}
