//! The common part of pulls, pushes and builds: a stream of progress reports, with a deadline for the whole
//! operation.

use std::future::Future;
use std::time::Duration;

use driver_interface_errors::{DriverError, Result, TimeoutError};
use driver_interface_types::{DriverStream, LayerProgress};
use futures_util::stream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::driver::inner::Inner;
use crate::driver::task::located;
use crate::engine::Report;
use crate::wire::{EngineError, ObjectStream};

/// An operation in progress, whose steps are the items of a stream.
pub(super) trait Steps: Send + 'static {
    const OPERATION: &'static str;
    type Progress: Send + 'static;

    fn step(&mut self) -> impl Future<Output = Result<Self::Progress>> + Send;

    /// Returns whether no step follows this one.
    fn is_last(step: &Self::Progress) -> bool;
}

/// Begins an operation, and returns the stream of its steps. The deadline covers the whole operation.
pub(super) async fn stream_of<S: Steps>(
    deadline: Duration,
    begin: impl Future<Output = Result<S>>,
) -> Result<DriverStream<S::Progress>> {
    let until = Instant::now() + deadline;
    let begun = in_time::<S, _>(until, deadline, begin).await?;
    let steps = stream::try_unfold(Some(begun), move |rest| async move {
        let Some(mut operation) = rest else {
            return Ok(None);
        };
        let step = in_time::<S, _>(until, deadline, operation.step()).await?;
        let rest = (!S::is_last(&step)).then_some(operation);
        Ok(Some((step, rest)))
    });
    Ok(DriverStream::new(steps))
}

async fn in_time<S: Steps, T>(
    until: Instant,
    deadline: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let done = timeout_at(until, work).await;
    done.unwrap_or_else(|_| Err(late(S::OPERATION, deadline)))
        .map_err(|error| located(error, S::OPERATION))
}

impl Inner {
    /// Returns the next progress of a layer from the reports of a pull or push, or `None` at the end of the reports.
    /// `failed` converts a failure to the error to return.
    pub(super) async fn next_layer(
        &self,
        operation: &str,
        reports: &mut ObjectStream,
        failed: impl Fn(EngineError) -> DriverError,
    ) -> Result<Option<LayerProgress>> {
        loop {
            let next = self.unless_stalled(operation, reports.next::<Report>()).await?;
            let Some(report) = next.map_err(&failed)? else {
                return Ok(None);
            };
            let layer = layer_progress(&report);
            if let Some(message) = report.failure() {
                return Err(failed(EngineError::refused(200, message)));
            }
            if layer.is_some() {
                return Ok(layer);
            }
        }
    }

    /// Waits for `progress`, the next step of a pull or push. The wait is limited to the stall deadline if the engine
    /// reports the progress of pulls.
    pub(super) async fn unless_stalled<T>(
        &self,
        operation: &str,
        progress: impl Future<Output = T>,
    ) -> Result<T> {
        if !self.engine.dialect().reports_pull_progress {
            return Ok(progress.await);
        }
        let stall = self.deadlines.pull_stall;
        timeout(stall, progress).await.map_err(|_| late(operation, stall))
    }
}

/// Returns the progress of a layer that `report` contains, or `None` if it contains no such progress.
pub(super) fn layer_progress(report: &Report) -> Option<LayerProgress> {
    let detail = report.progress_detail.clone().unwrap_or_default();
    let mut progress = LayerProgress::new(report.id.clone()?, report.status.clone()?);
    progress.current_bytes = detail.current;
    progress.total_bytes = detail.total;
    Some(progress)
}

/// Returns the error for an operation that exceeded its deadline.
fn late(operation: &str, deadline: Duration) -> DriverError {
    TimeoutError::new(operation, deadline).into()
}
