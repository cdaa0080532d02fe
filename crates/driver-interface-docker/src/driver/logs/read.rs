//! Reading a log once and passing it to a sink.

use std::future::pending;
use std::time::{Duration, SystemTime};

use driver_interface_errors::{DriverError, Effect, TimeoutError};
use driver_interface_kit::{LogChunks, needs_times};
use driver_interface_types::{ContainerStatus, LogChunk, LogStreamOptions};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::driver::inner::Inner;
use crate::engine::{LogRequest, Output};
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::records::ContainerRecord;
use crate::translate::status;
use crate::wire::{EngineError, Frame, Stream};

/// How long the output must be silent after a container's exit to count as complete.
const SILENCE: Duration = Duration::from_secs(1);
/// How long to wait for a container's exit before inspecting the container anyway.
const POLL_INTERVAL: Duration = Duration::from_secs(15);
/// How often to inspect a paused container.
const PAUSED_POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How long after the `until` time the engine may still deliver entries written before that time.
const LATE: Duration = Duration::from_millis(500);

/// The receiver of a log. The reader reads nothing while the receiver processes a chunk.
pub(super) trait Sink: Send {
    fn take(&mut self, chunk: LogChunk) -> impl Future<Output = Result<(), Stopped>> + Send;
}

/// The reason why reading stopped.
pub(super) enum Stopped {
    /// The receiver of the log was dropped.
    Left,
    Engine(EngineError),
    Failed(DriverError),
}

impl From<EngineError> for Stopped {
    fn from(failure: EngineError) -> Self {
        Self::Engine(failure)
    }
}

impl From<DriverError> for Stopped {
    fn from(error: DriverError) -> Self {
        Self::Failed(error)
    }
}

/// The number of bytes read from each stream.
#[derive(Clone, Default)]
struct ReadBytes {
    stdout: u64,
    stderr: u64,
}

impl ReadBytes {
    fn of(&mut self, stream: Stream) -> &mut u64 {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    fn add(&mut self, frame: &Frame) {
        *self.of(frame.stream) += frame.data.len() as u64;
    }

    /// Removes from a frame the bytes that were read before. Returns the rest, or `None` if there is none.
    fn skip_read(&mut self, mut frame: Frame) -> Option<Frame> {
        let left = self.of(frame.stream);
        let old = usize::try_from(*left).unwrap_or(usize::MAX).min(frame.data.len());
        *left -= old as u64;
        frame.data = frame.data.slice(old..);
        frame.starts &= old == 0;
        Some(frame).filter(|frame| !frame.data.is_empty())
    }

    /// Returns whether the log had fewer bytes when it was read again than the first time.
    fn is_short(&self) -> bool {
        self.stdout + self.stderr > 0
    }
}

/// Reads the log of one container for one call.
pub(super) struct Reader<'a> {
    pub(super) inner: &'a Inner,
    pub(super) requested: &'a str,
    pub(super) operation: &'static str,
    pub(super) options: LogStreamOptions,
}

impl Reader<'_> {
    /// Reads everything that the options request, and passes it to `sink`.
    pub(super) async fn read(
        &self,
        record: ContainerRecord,
        sink: &mut impl Sink,
    ) -> Result<(), DriverError> {
        let id = record.id.clone();
        match self.run(record, sink).await {
            Err(Stopped::Engine(failure)) if self.options.follow && self.is_removal(&id, &failure).await => {
                Ok(())
            }
            done => self.outcome_of(done, ()),
        }
    }

    /// Reads the last `entries` entries of the existing log, or all if that is `None`, regardless of the options'
    /// `tail`. Returns how many entries were received.
    pub(super) async fn read_end(
        &self,
        record: &ContainerRecord,
        entries: Option<u64>,
        sink: &mut impl Sink,
    ) -> Result<u64, DriverError> {
        let mut received = 0;
        let done = async {
            let mut chunks = LogChunks::new(self.options, 0);
            let mut output = self.open(record, false, entries).await?;
            while let Some(frame) = self.next(&mut output).await? {
                received += u64::from(frame.starts);
                send_all(
                    sink,
                    chunks.push(frame.source(record.config.tty), frame.starts, frame.data),
                )
                .await?;
            }
            send_all(sink, chunks.finish()).await
        };
        let done = done.await;
        self.outcome_of(done, received)
    }

    fn outcome_of<T>(&self, done: Result<(), Stopped>, value: T) -> Result<T, DriverError> {
        match done {
            Ok(()) | Err(Stopped::Left) => Ok(value),
            Err(Stopped::Failed(error)) => Err(error),
            Err(Stopped::Engine(failure)) => {
                Err(self.inner.error(Operation::ReadLogs, self.requested, failure))
            }
        }
    }

    /// Returns whether a log broke off because its container was removed, which is the regular end of a followed log.
    async fn is_removal(&self, id: &str, failure: &EngineError) -> bool {
        let refused = match failure {
            EngineError::Refused(refusal) => Some(cause(Operation::ReadLogs, refusal)),
            _ => None,
        };
        matches!(refused, Some(Cause::NotFound | Cause::RemovalUnderWay))
            || matches!(self.find(id).await, Ok(None))
    }

    async fn run(&self, record: ContainerRecord, sink: &mut impl Sink) -> Result<(), Stopped> {
        let Some(record) = self.started(record).await? else {
            return Ok(());
        };
        let follow = self.options.follow && self.left_until() != Some(Duration::ZERO);
        let skip = match self.options.tail {
            None => 0,
            Some(0) if !follow => return Ok(()),
            // Engines count the entries of both streams, and each part of a long line separately, so the driver counts
            // the lines itself.
            Some(last) => self.count(&record).await?.saturating_sub(last),
        };
        let mut chunks = LogChunks::new(self.options, skip);
        let mut read_bytes = ReadBytes::default();
        if follow {
            self.follow(&record, &mut chunks, &mut read_bytes, sink).await?;
        } else {
            self.rest(&record, &mut chunks, &mut read_bytes, sink).await?;
        }
        send_all(sink, chunks.finish()).await
    }

    /// Returns the time left until the `until` time of the options, or `None` if `until` is not set.
    fn left_until(&self) -> Option<Duration> {
        let until = self.options.until?;
        Some(until.duration_since(SystemTime::now()).unwrap_or_default())
    }

    /// Waits until the container has been started if the log is to be followed. Returns `None` if the container is
    /// removed first.
    async fn started(&self, mut record: ContainerRecord) -> Result<Option<ContainerRecord>, Stopped> {
        let mut pause = Duration::from_millis(50);
        while self.options.follow && status::status(&record.state) == ContainerStatus::Created {
            if self.left_until() == Some(Duration::ZERO) {
                return Ok(None);
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(500));
            match self.find(&record.id).await? {
                Some(now) => record = now,
                None => return Ok(None),
            }
        }
        Ok(Some(record))
    }

    /// Counts the lines that the log has now, in the requested streams and period.
    async fn count(&self, record: &ContainerRecord) -> Result<u64, Stopped> {
        let mut chunks = LogChunks::new(self.options, u64::MAX);
        let mut output = self.open(record, false, None).await?;
        while let Some(frame) = self.next(&mut output).await? {
            chunks.push(frame.source(record.config.tty), frame.starts, frame.data);
        }
        chunks.finish();
        Ok(chunks.lines())
    }

    async fn open(
        &self,
        record: &ContainerRecord,
        follow: bool,
        tail: Option<u64>,
    ) -> Result<Output, Stopped> {
        let request = LogRequest {
            follow,
            stamps: needs_times(&self.options),
            since: self.options.since,
            tail,
            // The output of a terminal is a single stream, `stdout`, even if only `stderr` is requested.
            streams: (self.options.stdout || record.config.tty, self.options.stderr),
        };
        let tty = record.config.tty;
        let opened = self.inner.engine.logs(&record.id, tty, &request);
        if follow {
            // Podman responds only once there is something to read.
            Ok(opened.await?)
        } else {
            self.in_time(self.inner.deadlines.logs, opened).await
        }
    }

    /// Returns the next frame of the existing log.
    async fn next(&self, output: &mut Output) -> Result<Option<Frame>, Stopped> {
        self.in_time(self.inner.deadlines.logs, output.next()).await
    }

    async fn in_time<T, E>(
        &self,
        deadline: Duration,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Stopped>
    where
        Stopped: From<E>,
    {
        match timeout(deadline, work).await {
            Ok(done) => Ok(done?),
            Err(_) => {
                let error = TimeoutError::new(self.operation, deadline).with_effect(Effect::NotApplied);
                Err(Stopped::Failed(error.into()))
            }
        }
    }

    /// Reads the log until the run in `record` is over or the `until` time is reached, including all output up to then.
    async fn follow(
        &self,
        record: &ContainerRecord,
        chunks: &mut LogChunks,
        read_bytes: &mut ReadBytes,
        sink: &mut impl Sink,
    ) -> Result<(), Stopped> {
        let until = self.left_until().map(|left| Instant::now() + left + LATE);
        let passed = || until.is_some_and(|until| until <= Instant::now());
        loop {
            self.live(record, chunks, read_bytes, sink, until).await?;
            // A followed log may end before it is complete, and lacks the output around a pause. Therefore
            // read the log again for the rest.
            let over = passed() || !self.is_alive(record).await?;
            self.rest(record, chunks, read_bytes, sink).await?;
            if over {
                return Ok(());
            }
            tokio::select! {
                runs = self.runs_again(record) => runs?,
                () = reached(until) => {}
            }
        }
    }

    /// Reads the log as the container writes it, but only for as long as the engine is certain to deliver all of it.
    async fn live(
        &self,
        record: &ContainerRecord,
        chunks: &mut LogChunks,
        read_bytes: &mut ReadBytes,
        sink: &mut impl Sink,
        until: Option<Instant>,
    ) -> Result<(), Stopped> {
        let trust = self.inner.engine.dialect().follow_min_uptime;
        let over = self.run_over(record);
        tokio::pin!(over);
        let mut output = tokio::select! {
            opened = self.open(record, true, None) => opened?,
            over = &mut over => return over,
            () = reached(until) => return Ok(()),
        };
        let mut known = read_bytes.clone();
        let mut ended = false;
        let mut seen_running = None::<Instant>;
        loop {
            // After the exit, silence counts as the end, because some engines keep the stream open. The time during
            // which the sink processes a chunk does not count as silence, because nothing is read then.
            let frame = tokio::select! {
                frame = output.next() => frame?,
                over = &mut over, if !ended => {
                    over?;
                    ended = true;
                    continue;
                }
                () = sleep(SILENCE), if ended => return Ok(()),
                () = reached(until) => return Ok(()),
            };
            let Some(frame) = frame else {
                return Ok(());
            };
            let Some(frame) = known.skip_read(frame) else {
                continue;
            };
            if trust.is_some_and(|trust| seen_running.is_none_or(|seen| seen.elapsed() >= trust)) {
                seen_running = Some(Instant::now());
                if !self.is_running(record).await? {
                    return Ok(());
                }
            }
            read_bytes.add(&frame);
            send_all(
                sink,
                chunks.push(frame.source(record.config.tty), frame.starts, frame.data),
            )
            .await?;
        }
    }

    /// Reads the part of the existing log that was not read before.
    async fn rest(
        &self,
        record: &ContainerRecord,
        chunks: &mut LogChunks,
        read_bytes: &mut ReadBytes,
        sink: &mut impl Sink,
    ) -> Result<(), Stopped> {
        let mut output = self.open(record, false, None).await?;
        let mut known = read_bytes.clone();
        while let Some(frame) = self.next(&mut output).await? {
            if let Some(frame) = known.skip_read(frame) {
                read_bytes.add(&frame);
                send_all(
                    sink,
                    chunks.push(frame.source(record.config.tty), frame.starts, frame.data),
                )
                .await?;
            }
        }
        if known.is_short() {
            let text = "the log was truncated while it was followed, so some of its end may be missing";
            return Err(EngineError::InvalidResponse(text.to_owned()).into());
        }
        Ok(())
    }

    /// Waits until the run in `record` is over. Returns an error if the engine cannot report the container's state:
    /// the engine would not report the end of the log either.
    async fn run_over(&self, record: &ContainerRecord) -> Result<(), Stopped> {
        while self.is_alive(record).await? {
            self.poll_later(record).await;
        }
        Ok(())
    }

    /// Waits until the container, which may be paused, is running or its run is over.
    async fn runs_again(&self, record: &ContainerRecord) -> Result<(), Stopped> {
        loop {
            // Sleep first, in case the engine ends its streams immediately.
            sleep(PAUSED_POLL_INTERVAL).await;
            if self.is_running(record).await? || !self.is_alive(record).await? {
                return Ok(());
            }
        }
    }

    async fn is_alive(&self, record: &ContainerRecord) -> Result<bool, Stopped> {
        let now = self.run_now(record).await?;
        Ok(now.is_some_and(|now| status::is_alive(&now.state)))
    }

    async fn is_running(&self, record: &ContainerRecord) -> Result<bool, Stopped> {
        let now = self.run_now(record).await?;
        Ok(now.is_some_and(|now| status::status(&now.state) == ContainerStatus::Running))
    }

    /// Returns the container's current record, or `None` if it has been removed or restarted since `record`.
    async fn run_now(&self, record: &ContainerRecord) -> Result<Option<ContainerRecord>, Stopped> {
        let now = self.find(&record.id).await?;
        Ok(now.filter(|now| status::started_at(&now.state) == status::started_at(&record.state)))
    }

    async fn find(&self, id: &str) -> Result<Option<ContainerRecord>, Stopped> {
        self.in_time(self.inner.deadlines.read, self.inner.find_container(id))
            .await
    }

    /// Waits for the container's next exit, but no longer than [`POLL_INTERVAL`]. Pauses after an error.
    async fn poll_later(&self, record: &ContainerRecord) {
        match timeout(POLL_INTERVAL, self.inner.engine.wait_next_exit(&record.id)).await {
            Ok(Ok(_)) => sleep(Duration::from_millis(20)).await,
            Ok(Err(_)) => sleep(Duration::from_secs(1)).await,
            Err(_) => {}
        }
    }
}

async fn reached(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => pending().await,
    }
}

async fn send_all(sink: &mut impl Sink, chunks: Vec<LogChunk>) -> Result<(), Stopped> {
    for chunk in chunks {
        sink.take(chunk).await?;
    }
    Ok(())
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
    fn reread_skips_known_bytes_of_each_stream() {
        let mut read_bytes = ReadBytes::default();
        read_bytes.add(&frame(Stream::Stdout, b"abc"));
        read_bytes.add(&frame(Stream::Stderr, b"x"));
        assert_eq!(read_bytes.skip_read(frame(Stream::Stdout, b"ab")), None);
        let cut = read_bytes.skip_read(frame(Stream::Stdout, b"cd")).unwrap();
        assert_eq!((cut.data.as_ref(), cut.starts), (b"d".as_ref(), false));
        assert_eq!(read_bytes.skip_read(frame(Stream::Stderr, b"x")), None);
        let new = read_bytes.skip_read(frame(Stream::Stderr, b"y")).unwrap();
        assert_eq!((new.data.as_ref(), new.starts), (b"y".as_ref(), true));
    }
}
