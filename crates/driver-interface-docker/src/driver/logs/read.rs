//! Reading the log of a container and passing the log to a sink.

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

/// After a container has exited, its output counts as complete if no more output arrives for this time.
const SILENCE: Duration = Duration::from_secs(1);
/// The maximum time between two inspections of a container whose exit the driver awaits. If the engine reports the
/// exit earlier, the driver inspects the container earlier.
const POLL_INTERVAL: Duration = Duration::from_secs(15);
/// The time between two inspections of a paused container.
const PAUSED_POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How long the driver still reads a log after the `until` time. The engine may deliver entries late that were
/// written before the `until` time.
const LATE: Duration = Duration::from_millis(500);

/// The receiver of a log. While `take` processes chunks, the reader reads nothing from the engine.
pub(super) trait Sink: Send {
    fn take(&mut self, chunks: Vec<LogChunk>) -> impl Future<Output = Result<(), Stopped>> + Send;
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

/// For each stream of a log, the number of bytes that were already read. When the log is read again, a copy of this
/// value counts down the bytes to skip.
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

    /// Removes from the start of a frame the bytes that were already read, and subtracts them from the count of bytes
    /// to skip. Returns the rest of the frame, or `None` if the rest is empty.
    fn skip_read(&mut self, mut frame: Frame) -> Option<Frame> {
        let left = self.of(frame.stream);
        let old = usize::try_from(*left).unwrap_or(usize::MAX).min(frame.data.len());
        *left -= old as u64;
        frame.data = frame.data.slice(old..);
        if old > 0 {
            frame.entries = 0;
        }
        Some(frame).filter(|frame| !frame.data.is_empty())
    }

    /// Removes from each frame the bytes that were already read. Returns only frames that still contain bytes.
    fn skip_all_read(&mut self, mut frames: Vec<Frame>) -> Vec<Frame> {
        if self.is_short() {
            frames = frames
                .into_iter()
                .filter_map(|frame| self.skip_read(frame))
                .collect();
        }
        frames
    }

    /// Returns whether there are still bytes to skip. If this is the case after the whole log was read again, the log
    /// has become shorter since it was read before.
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
    /// Reads the part of the log that `options` requests, and passes this part to `sink`.
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

    /// Reads the last `entries` entries of the existing log and passes them to `sink`. If `entries` is `None`, reads
    /// all entries. Ignores `tail` in `options`. Returns how many entries were received.
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
            while let Some(frames) = self.next(&mut output).await? {
                received += frames.iter().map(|frame| frame.entries).sum::<u64>();
                send(sink, convert(&mut chunks, record, frames)).await?;
            }
            send(sink, chunks.finish()).await
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

    /// Returns whether `failure` occurred because the container `id` was removed. For a followed log, the removal is
    /// not an error: the log ends.
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
        send(sink, chunks.finish()).await
    }

    /// Returns the time that remains until `options.until`, or `None` if `options.until` is `None`. The result is
    /// zero if the time has passed.
    fn left_until(&self) -> Option<Duration> {
        let until = self.options.until?;
        Some(until.duration_since(SystemTime::now()).unwrap_or_default())
    }

    /// If the log is to be followed, waits until the container has been started. Returns the container's current
    /// record. Returns `None` if the container is removed, or if the `until` time is reached, before the container is
    /// started.
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

    /// Counts the lines that the log contains now. Counts only lines of the requested streams and the requested
    /// period.
    async fn count(&self, record: &ContainerRecord) -> Result<u64, Stopped> {
        let mut chunks = LogChunks::new(self.options, u64::MAX);
        let mut output = self.open(record, false, None).await?;
        while let Some(frames) = self.next(&mut output).await? {
            convert(&mut chunks, record, frames);
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

    /// Returns the next frames of a log that is not followed, or `None` at the end of the log. Returns an error if
    /// nothing arrives within the deadline `logs`.
    async fn next(&self, output: &mut Output) -> Result<Option<Vec<Frame>>, Stopped> {
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

    /// Follows the log until the container's run that `record` describes is over, or until the `until` time is
    /// reached. Reads all output that was written before that moment.
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

    /// Reads the log while the container writes to it. Returns when the container's run is over or the time `until`
    /// is reached. Also returns as soon as the engine may no longer deliver the complete log. The caller then reads
    /// the missing output with [`rest`](Self::rest).
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
            let frames = tokio::select! {
                frames = output.next() => frames?,
                over = &mut over, if !ended => {
                    over?;
                    ended = true;
                    continue;
                }
                () = sleep(SILENCE), if ended => return Ok(()),
                () = reached(until) => return Ok(()),
            };
            let Some(frames) = frames else {
                return Ok(());
            };
            let frames = known.skip_all_read(frames);
            if frames.is_empty() {
                continue;
            }
            if trust.is_some_and(|trust| seen_running.is_none_or(|seen| seen.elapsed() >= trust)) {
                seen_running = Some(Instant::now());
                if !self.is_running(record).await? {
                    return Ok(());
                }
            }
            frames.iter().for_each(|frame| read_bytes.add(frame));
            send(sink, convert(chunks, record, frames)).await?;
        }
    }

    /// Reads the existing log again, and passes the part that was not read before to `sink`. `read_bytes` has the
    /// number of bytes that were read before. Returns an error if the log has become shorter.
    async fn rest(
        &self,
        record: &ContainerRecord,
        chunks: &mut LogChunks,
        read_bytes: &mut ReadBytes,
        sink: &mut impl Sink,
    ) -> Result<(), Stopped> {
        let mut output = self.open(record, false, None).await?;
        let mut known = read_bytes.clone();
        while let Some(frames) = self.next(&mut output).await? {
            let frames = known.skip_all_read(frames);
            frames.iter().for_each(|frame| read_bytes.add(frame));
            send(sink, convert(chunks, record, frames)).await?;
        }
        if known.is_short() {
            let text = "the log was truncated while it was followed, so some of its end may be missing";
            return Err(EngineError::InvalidResponse(text.to_owned()).into());
        }
        Ok(())
    }

    /// Waits until the container's run that `record` describes is over. Returns an error if the engine does not
    /// report the container's state. Without this error, the driver might wait forever, because such an engine may
    /// not report the end of the log either.
    async fn run_over(&self, record: &ContainerRecord) -> Result<(), Stopped> {
        while self.is_alive(record).await? {
            self.poll_later(record).await;
        }
        Ok(())
    }

    /// Waits until the container is running and not paused, or until the run that `record` describes is over.
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

    /// Returns the container's current record. Returns `None` if the container was removed or restarted after
    /// `record` was read.
    async fn run_now(&self, record: &ContainerRecord) -> Result<Option<ContainerRecord>, Stopped> {
        let now = self.find(&record.id).await?;
        Ok(now.filter(|now| status::started_at(&now.state) == status::started_at(&record.state)))
    }

    async fn find(&self, id: &str) -> Result<Option<ContainerRecord>, Stopped> {
        self.in_time(self.inner.deadlines.read, self.inner.find_container(id))
            .await
    }

    /// Waits for the container's next exit, but no longer than [`POLL_INTERVAL`]. If the engine reports an error,
    /// waits one second and ignores the error.
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

fn convert(chunks: &mut LogChunks, record: &ContainerRecord, frames: Vec<Frame>) -> Vec<LogChunk> {
    let mut out = Vec::new();
    for frame in frames {
        chunks.push(
            frame.source(record.config.tty),
            frame.entries > 0,
            frame.data,
            &mut out,
        );
    }
    out
}

async fn send(sink: &mut impl Sink, chunks: Vec<LogChunk>) -> Result<(), Stopped> {
    match chunks.is_empty() {
        true => Ok(()),
        false => sink.take(chunks).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(stream: Stream, data: &'static [u8]) -> Frame {
        Frame {
            stream,
            entries: 1,
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
        assert_eq!((cut.data.as_ref(), cut.entries), (b"d".as_ref(), 0));
        assert_eq!(read_bytes.skip_read(frame(Stream::Stderr, b"x")), None);
        let new = read_bytes.skip_read(frame(Stream::Stderr, b"y")).unwrap();
        assert_eq!((new.data.as_ref(), new.entries), (b"y".as_ref(), 1));
    }
}
