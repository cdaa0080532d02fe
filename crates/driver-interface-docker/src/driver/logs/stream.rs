//! Logs as a stream.

use std::sync::Arc;

use driver_interface_errors::{InternalError, Result};
use driver_interface_types::{LogChunk, LogStream, LogStreamOptions};
use driver_interface_validation::validate_log_stream_options;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::read::{Reader, Sink, Stopped};
use crate::driver::inner::Inner;
use crate::driver::task::{located, read};

const OPERATION: &str = "stream_container_logs";

/// How many chunks are buffered for the caller. While the buffer is full, the driver does not read the log.
const WAITING: usize = 4;

type Sender = mpsc::Sender<Result<LogChunk>>;

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
    let items = futures_util::stream::unfold((receiver, Some(task)), |(mut receiver, task)| async move {
        let mut task = task?;
        if let Some(item) = receiver.recv().await {
            return Some((item, (receiver, Some(task))));
        }
        // If the task failed, report this, because the log is incomplete.
        let failed = (&mut task.0).await.err()?;
        let error = InternalError::new("reading the log failed").with_source(failed);
        Some((Err(located(error.into(), OPERATION)), (receiver, None)))
    });
    Ok(LogStream::new(items))
}

/// The task that reads the log for a stream. Dropping this aborts the task.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Sink for Sender {
    async fn take(&mut self, chunk: LogChunk) -> std::result::Result<(), Stopped> {
        self.send(Ok(chunk)).await.map_err(|_| Stopped::Left)
    }
}
