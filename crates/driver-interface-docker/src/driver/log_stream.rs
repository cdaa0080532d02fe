//! Streaming what containers print.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use driver_interface_errors::{Effect, Result, TimeoutError};
use driver_interface_types::{ContainerStatus, LogChunk, LogOptions, LogStream, LogStreamOptions};
use driver_interface_validation::validate_log_options;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::inner::Inner;
use super::task::{located, read};
use crate::engine::{LogRequest, Output};
use crate::quirks;
use crate::translate::chunks::{Chunks, needs_stamps};
use crate::translate::errors::Operation;
use crate::translate::records::ContainerRecord;
use crate::translate::status;
use crate::wire::{EngineError, Frame, Stream};

const OPERATION: &str = "stream_container_logs";

/// How many chunks wait for the reader. Then the engine is not read any more, and holds the rest back.
const WAITING: usize = 4;
/// How long after a container's end its output may still be silent before the stream is taken for finished.
const SILENCE: Duration = Duration::from_secs(1);
/// How long one wait for a container's end lasts before it is looked at again.
const LOOKS: Duration = Duration::from_secs(15);
/// How long after the time up to which is asked for the engine may be late with what was written before.
const LATE: Duration = Duration::from_millis(500);

type Sender = mpsc::Sender<Result<LogChunk>>;

pub(super) async fn stream(inner: &Arc<Inner>, asked: &str, options: LogStreamOptions) -> Result<LogStream> {
    let mut selected = LogOptions::default();
    (selected.stdout, selected.stderr) = (options.stdout, options.stderr);
    validate_log_options(&selected).map_err(|error| located(error.into(), OPERATION))?;
    let record = read(OPERATION, inner.deadlines.read, inner.container(asked)).await?;
    let (sender, receiver) = mpsc::channel(WAITING);
    let follower = Follower {
        inner: Arc::clone(inner),
        asked: asked.to_owned(),
        options,
        sender,
    };
    let task = Task(tokio::spawn(follower.run(record)));
    let items = futures_util::stream::unfold((receiver, task), |(mut receiver, task)| async move {
        receiver.recv().await.map(|item| (item, (receiver, task)))
    });
    Ok(LogStream::new(items))
}

/// The task that reads for a stream; it ends with the stream.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Reading stopped.
enum Stopped {
    /// Nobody reads what is read.
    Left,
    Engine(EngineError),
    Failed(driver_interface_errors::DriverError),
}

impl From<EngineError> for Stopped {
    fn from(failure: EngineError) -> Self {
        Self::Engine(failure)
    }
}

impl From<driver_interface_errors::DriverError> for Stopped {
    fn from(error: driver_interface_errors::DriverError) -> Self {
        Self::Failed(error)
    }
}

/// How many bytes of each stream were read.
#[derive(Default)]
struct Seen {
    stdout: u64,
    stderr: u64,
}

impl Seen {
    fn of(&mut self, stream: Stream) -> &mut u64 {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    fn add(&mut self, frame: &Frame) {
        *self.of(frame.stream) += frame.data.len() as u64;
    }

    /// What of a frame comes after the bytes that were read, when the log is read again.
    fn beyond(&mut self, mut frame: Frame) -> Option<Frame> {
        let left = self.of(frame.stream);
        let old = usize::try_from(*left).unwrap_or(usize::MAX).min(frame.data.len());
        *left -= old as u64;
        frame.data = frame.data.slice(old..);
        frame.starts &= old == 0;
        Some(frame).filter(|frame| !frame.data.is_empty())
    }
}

struct Follower {
    inner: Arc<Inner>,
    asked: String,
    options: LogStreamOptions,
    sender: Sender,
}

impl Follower {
    async fn run(self, record: ContainerRecord) {
        let id = record.id.clone();
        let error = match self.read(record).await {
            Ok(()) | Err(Stopped::Left) => return,
            Err(Stopped::Failed(error)) => error,
            Err(Stopped::Engine(failure)) => {
                // What was followed to its removal ends with it.
                if self.options.follow && matches!(self.inner.find_container(&id).await, Ok(None)) {
                    return;
                }
                self.inner.error(Operation::ReadLogs, &self.asked, failure)
            }
        };
        let _ = self.sender.send(Err(located(error, OPERATION))).await;
    }

    async fn read(&self, record: ContainerRecord) -> std::result::Result<(), Stopped> {
        let Some(record) = self.started(record).await? else {
            return Ok(());
        };
        let follow = self.options.follow && self.left_until() != Some(Duration::ZERO);
        let skip = match self.options.tail {
            None => 0,
            Some(0) if !follow => return Ok(()),
            // Engines count their entries, and wrongly: of both streams, and the parts of a long line one by one.
            Some(last) => self.count(&record).await?.saturating_sub(last),
        };
        let mut chunks = Chunks::new(self.options, record.config.tty, skip);
        let reading = self.pass(&record, &mut chunks, follow);
        match self.left_until().filter(|_| follow) {
            None => reading.await?,
            Some(left) => {
                if let Ok(done) = timeout(left + LATE, reading).await {
                    done?;
                }
            }
        }
        self.send(chunks.finish()).await
    }

    /// How long it is to the time up to which is asked for; none where there is no such time.
    fn left_until(&self) -> Option<Duration> {
        let until = self.options.until?;
        Some(until.duration_since(SystemTime::now()).unwrap_or_default())
    }

    /// The container once it has been started, where it is followed; none if it is removed before.
    async fn started(
        &self,
        mut record: ContainerRecord,
    ) -> std::result::Result<Option<ContainerRecord>, Stopped> {
        let mut pause = Duration::from_millis(50);
        while self.options.follow && status::status(&record.state) == ContainerStatus::Created {
            if self.left_until() == Some(Duration::ZERO) {
                return Ok(None);
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(500));
            match self.inner.find_container(&record.id).await? {
                Some(now) => record = now,
                None => return Ok(None),
            }
        }
        Ok(Some(record))
    }

    /// How many of the wanted lines there are now.
    async fn count(&self, record: &ContainerRecord) -> std::result::Result<u64, Stopped> {
        let mut chunks = Chunks::new(self.options, record.config.tty, u64::MAX);
        let mut output = self.open(record, false).await?;
        while let Some(frame) = self.next(&mut output).await? {
            chunks.push(frame);
        }
        chunks.finish();
        Ok(chunks.lines())
    }

    async fn open(&self, record: &ContainerRecord, follow: bool) -> std::result::Result<Output, Stopped> {
        let request = LogRequest {
            follow,
            stamps: needs_stamps(&self.options),
            since: self.options.since,
            tail: None,
            // A terminal's output is one stream, whichever is asked for.
            streams: (self.options.stdout || record.config.tty, self.options.stderr),
        };
        let opened = self
            .inner
            .engine
            .logs(&record.id, record.config.tty, &request)
            .await;
        opened.map_err(Stopped::Engine)
    }

    /// The next frame of what is there already.
    async fn next(&self, output: &mut Output) -> std::result::Result<Option<Frame>, Stopped> {
        let deadline = self.inner.deadlines.logs;
        let late = |_| {
            let error = TimeoutError::new(OPERATION, deadline).with_effect(Effect::NotApplied);
            Stopped::Failed(error.into())
        };
        let frame = timeout(deadline, output.next()).await.map_err(late)?;
        frame.map_err(Stopped::Engine)
    }

    /// Reads the log once and sends what is wanted of it.
    async fn pass(
        &self,
        record: &ContainerRecord,
        chunks: &mut Chunks,
        follow: bool,
    ) -> std::result::Result<(), Stopped> {
        if !follow {
            let mut output = self.open(record, false).await?;
            while let Some(frame) = self.next(&mut output).await? {
                self.send(chunks.push(frame)).await?;
            }
            return Ok(());
        }
        let mut seen = Seen::default();
        self.follow(record, chunks, &mut seen).await?;
        if quirks::follow_ends_early(self.inner.engine.flavour()) {
            self.rest(record, chunks, seen).await?;
        }
        Ok(())
    }

    /// Reads the log until the run is over, or the engine says that it is.
    async fn follow(
        &self,
        record: &ContainerRecord,
        chunks: &mut Chunks,
        seen: &mut Seen,
    ) -> std::result::Result<(), Stopped> {
        let over = self.run_over(record);
        tokio::pin!(over);
        // Podman answers only when there is something to read.
        let (mut output, mut ended) = tokio::select! {
            opened = self.open(record, true) => (opened?, false),
            // What came at last is still there to be read.
            () = &mut over => (self.open(record, false).await?, true),
        };
        loop {
            // Once it has ended a silence is the end: some engines keep the stream open. While chunks wait for their
            // reader nothing is read here, so that is no silence.
            let frame = tokio::select! {
                frame = output.next() => frame?,
                () = &mut over, if !ended => {
                    ended = true;
                    continue;
                }
                () = sleep(SILENCE), if ended => None,
            };
            let Some(frame) = frame else {
                return Ok(());
            };
            seen.add(&frame);
            self.send(chunks.push(frame)).await?;
        }
    }

    /// Reads what the engine's following has left out at the end.
    async fn rest(
        &self,
        record: &ContainerRecord,
        chunks: &mut Chunks,
        mut seen: Seen,
    ) -> std::result::Result<(), Stopped> {
        let mut output = self.open(record, false).await?;
        while let Some(frame) = self.next(&mut output).await? {
            if let Some(frame) = seen.beyond(frame) {
                self.send(chunks.push(frame)).await?;
            }
        }
        Ok(())
    }

    /// Returns when this run of the container is over.
    async fn run_over(&self, record: &ContainerRecord) {
        let mut pause = Duration::ZERO;
        loop {
            let now = self.inner.find_container(&record.id).await;
            match now {
                Ok(Some(now))
                    if status::lives(&now.state)
                        && status::started_at(&now.state) == status::started_at(&record.state) => {}
                // An engine out of reach says so where the log is read.
                Err(_) => {}
                Ok(_) => return,
            }
            sleep(pause).await;
            let waited = timeout(LOOKS, self.inner.engine.wait_next_exit(&record.id)).await;
            pause = match waited {
                Ok(Ok(_)) => Duration::from_millis(20),
                Ok(Err(_)) => Duration::from_secs(1),
                Err(_) => Duration::ZERO,
            };
        }
    }

    async fn send(&self, chunks: Vec<LogChunk>) -> std::result::Result<(), Stopped> {
        for chunk in chunks {
            self.sender.send(Ok(chunk)).await.map_err(|_| Stopped::Left)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(stream: Stream, data: &'static [u8]) -> Frame {
        Frame {
            stream,
            starts: true,
            data: bytes::Bytes::from_static(data),
        }
    }

    #[test]
    fn read_again_only_what_is_new_of_each_stream_is_left() {
        let mut seen = Seen::default();
        seen.add(&frame(Stream::Stdout, b"abc"));
        seen.add(&frame(Stream::Stderr, b"x"));
        assert_eq!(seen.beyond(frame(Stream::Stdout, b"ab")), None);
        let cut = seen.beyond(frame(Stream::Stdout, b"cd")).unwrap();
        assert_eq!((cut.data.as_ref(), cut.starts), (b"d".as_ref(), false));
        assert_eq!(seen.beyond(frame(Stream::Stderr, b"x")), None);
        let new = seen.beyond(frame(Stream::Stderr, b"y")).unwrap();
        assert_eq!((new.data.as_ref(), new.starts), (b"y".as_ref(), true));
    }
}
