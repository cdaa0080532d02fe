//! The operation `stream_container_logs`, which returns logs as a stream.

use std::sync::Arc;

use driver_interface_errors::{InternalError, Result};
use driver_interface_types::{LogChunk, LogStream, LogStreamOptions};
use driver_interface_validation::validate_log_stream_options;
use futures_util::stream::{self, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::read::{Reader, Sink, Stopped};
use crate::driver::inner::Inner;
use crate::driver::task::{located, read};

const OPERATION: &str = "stream_container_logs";

/// The maximum number of batches that are buffered for the caller. A batch has the chunks that the driver received
/// from the engine in one read. While the buffer is full, the driver stops reading the log.
const WAITING: usize = 4;

type Sender = mpsc::Sender<Result<Vec<LogChunk>>>;

pub(in crate::driver) async fn stream(
    inner: &Arc<Inner>,
    requested: &str,
    options: LogStreamOptions,
) -> Result<LogStream> {
    validate_log_stream_options(&options).map_err(|error| located(error.into(), OPERATION))?;
    let record = read(OPERATION, inner.deadlines.read, inner.container(requested)).await?;
    let (mut sender, receiver) = mpsc::channel(WAITING);
    let (inner, requested) = (Arc::clone(inner), requested.to_owned());
    let task = Task(tokio::spawn(async move {
        let reader = Reader {
            inner: &inner,
            requested: &requested,
            operation: OPERATION,
            options,
        };
        if let Err(error) = reader.read(record, &mut sender).await {
            let _ = sender.send(Err(located(error, OPERATION))).await;
        }
    }));
    let items = stream::unfold((receiver, Some(task)), |(mut receiver, task)| async move {
        let mut task = task?;
        if let Some(item) = receiver.recv().await {
            return Some((item, (receiver, Some(task))));
        }
        // If the task failed, report this, because the log is incomplete.
        let failed = (&mut task.0).await.err()?;
        let error = InternalError::new("reading the log failed").with_source(failed);
        Some((Err(located(error.into(), OPERATION)), (receiver, None)))
    });
    let items = items.flat_map(|batch| {
        let (chunks, error) = match batch {
            Ok(chunks) => (chunks, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        stream::iter(chunks.into_iter().map(Ok).chain(error.map(Err)))
    });
    Ok(LogStream::new(items))
}

/// A handle of the task that reads the log for a stream. Dropping the handle aborts the task.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Sink for Sender {
    async fn take(&mut self, chunks: Vec<LogChunk>) -> std::result::Result<(), Stopped> {
        self.send(Ok(chunks)).await.map_err(|_| Stopped::Left)
    }
}
