//! Reading a log once, for whoever takes what is read.

use std::future::pending;
use std::time::{Duration, SystemTime};

use driver_interface_errors::{DriverError, Effect, TimeoutError};
use driver_interface_types::{ContainerStatus, LogChunk, LogStreamOptions};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::driver::inner::Inner;
use crate::engine::{LogRequest, Output};
use crate::quirks;
use crate::translate::chunks::{Chunks, needs_stamps};
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::records::ContainerRecord;
use crate::translate::status;
use crate::wire::{EngineError, Frame, Stream};

/// How long after a container's end its output may still be silent before following is taken for finished.
const SILENCE: Duration = Duration::from_secs(1);
/// How long one wait for a container's end lasts before it is looked at again.
const LOOKS: Duration = Duration::from_secs(15);
/// How often a container that is paused is looked at.
const PAUSED_LOOKS: Duration = Duration::from_millis(200);
/// How long after the time up to which is asked for the engine may be late with what was written before.
const LATE: Duration = Duration::from_millis(500);

/// Takes what is read. While it does, nothing is read.
pub(super) trait Sink: Send {
    fn take(&mut self, chunk: LogChunk) -> impl Future<Output = Result<(), Stopped>> + Send;
}

/// Reading stopped.
pub(super) enum Stopped {
    /// Nobody wants what is read.
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

/// How many bytes of each stream were read.
#[derive(Clone, Default)]
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

    /// Whether less was read again than was read before.
    fn is_short(&self) -> bool {
        self.stdout + self.stderr > 0
    }
}

/// Reads one container's log for one call.
pub(super) struct Reader<'a> {
    pub(super) inner: &'a Inner,
    pub(super) asked: &'a str,
    pub(super) operation: &'static str,
    pub(super) options: LogStreamOptions,
}

impl Reader<'_> {
    /// Reads all that the options ask for.
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
            done => self.told(done, ()),
        }
    }

    /// Reads what there is, or only so many entries from its end where their number is given, whatever the options'
    /// `tail`. Returns how many entries came.
    pub(super) async fn read_end(
        &self,
        record: &ContainerRecord,
        entries: Option<u64>,
        sink: &mut impl Sink,
    ) -> Result<u64, DriverError> {
        let mut came = 0;
        let done = async {
            let mut chunks = Chunks::new(self.options, record.config.tty, 0);
            let mut output = self.open(record, false, entries).await?;
            while let Some(frame) = self.next(&mut output).await? {
                came += u64::from(frame.starts);
                give(sink, chunks.push(frame)).await?;
            }
            give(sink, chunks.finish()).await
        };
        let done = done.await;
        self.told(done, came)
    }

    fn told<T>(&self, done: Result<(), Stopped>, value: T) -> Result<T, DriverError> {
        match done {
            Ok(()) | Err(Stopped::Left) => Ok(value),
            Err(Stopped::Failed(error)) => Err(error),
            Err(Stopped::Engine(failure)) => Err(self.inner.error(Operation::ReadLogs, self.asked, failure)),
        }
    }

    /// Whether a log broke off because its container was removed, which is the end of what is followed.
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
            // Engines count their entries, and wrongly: of both streams, and the parts of a long line one by one.
            Some(last) => self.count(&record).await?.saturating_sub(last),
        };
        let mut chunks = Chunks::new(self.options, record.config.tty, skip);
        let mut seen = Seen::default();
        if follow {
            self.follow(&record, &mut chunks, &mut seen, sink).await?;
        } else {
            self.rest(&record, &mut chunks, &mut seen, sink).await?;
        }
        give(sink, chunks.finish()).await
    }

    /// How long it is to the time up to which is asked for; none where there is no such time.
    fn left_until(&self) -> Option<Duration> {
        let until = self.options.until?;
        Some(until.duration_since(SystemTime::now()).unwrap_or_default())
    }

    /// The container once it has been started, where it is followed; none if it is removed before.
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

    /// How many of the wanted lines there are now.
    async fn count(&self, record: &ContainerRecord) -> Result<u64, Stopped> {
        let mut chunks = Chunks::new(self.options, record.config.tty, u64::MAX);
        let mut output = self.open(record, false, None).await?;
        while let Some(frame) = self.next(&mut output).await? {
            chunks.push(frame);
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
            stamps: needs_stamps(&self.options),
            since: self.options.since,
            tail,
            // A terminal's output is one stream, whichever is asked for.
            streams: (self.options.stdout || record.config.tty, self.options.stderr),
        };
        let tty = record.config.tty;
        let opened = self.inner.engine.logs(&record.id, tty, &request);
        if follow {
            // Podman answers only when there is something to read.
            Ok(opened.await?)
        } else {
            self.in_time(self.inner.deadlines.logs, opened).await
        }
    }

    /// The next frame of what is there already.
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

    /// Reads the log until the run is over, or the time asked for has come, and everything of it was read.
    async fn follow(
        &self,
        record: &ContainerRecord,
        chunks: &mut Chunks,
        seen: &mut Seen,
        sink: &mut impl Sink,
    ) -> Result<(), Stopped> {
        let until = self.left_until().map(|left| Instant::now() + left + LATE);
        let passed = || until.is_some_and(|until| until <= Instant::now());
        loop {
            self.live(record, chunks, seen, sink, until).await?;
            // Neither engine's following has always sent everything when it ends, and none of it is of a pause, so the
            // log is read again for what is left.
            let over = passed() || !self.goes_on(record).await?;
            self.rest(record, chunks, seen, sink).await?;
            if over {
                return Ok(());
            }
            tokio::select! {
                runs = self.runs_again(record) => runs?,
                () = reached(until) => {}
            }
        }
    }

    /// Reads the log as it is written, for as long as what comes is whole.
    async fn live(
        &self,
        record: &ContainerRecord,
        chunks: &mut Chunks,
        seen: &mut Seen,
        sink: &mut impl Sink,
        until: Option<Instant>,
    ) -> Result<(), Stopped> {
        let trust = quirks::follow_trust(self.inner.engine.flavour());
        let over = self.run_over(record);
        tokio::pin!(over);
        let mut output = tokio::select! {
            opened = self.open(record, true, None) => opened?,
            over = &mut over => return over,
            () = reached(until) => return Ok(()),
        };
        let mut known = seen.clone();
        let mut ended = false;
        let mut ran = None::<Instant>;
        loop {
            // Once it has ended a silence is the end: some engines keep the stream open. While what was read is taken
            // nothing is read here, so that is no silence.
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
            let Some(frame) = known.beyond(frame) else {
                continue;
            };
            if trust.is_some_and(|trust| ran.is_none_or(|ran| ran.elapsed() >= trust)) {
                ran = Some(Instant::now());
                if !self.runs(record).await? {
                    return Ok(());
                }
            }
            seen.add(&frame);
            give(sink, chunks.push(frame)).await?;
        }
    }

    /// Reads what is there beyond what was read.
    async fn rest(
        &self,
        record: &ContainerRecord,
        chunks: &mut Chunks,
        seen: &mut Seen,
        sink: &mut impl Sink,
    ) -> Result<(), Stopped> {
        let mut output = self.open(record, false, None).await?;
        let mut known = seen.clone();
        while let Some(frame) = self.next(&mut output).await? {
            if let Some(frame) = known.beyond(frame) {
                seen.add(&frame);
                give(sink, chunks.push(frame)).await?;
            }
        }
        if known.is_short() {
            tracing::warn!(
                container = self.asked,
                "the log was cut while it was followed; of its end some may be missing"
            );
        }
        Ok(())
    }

    /// Returns when this run of the container is over. An engine that does not say how it stands with the container
    /// would not tell the end of its log either.
    async fn run_over(&self, record: &ContainerRecord) -> Result<(), Stopped> {
        while self.goes_on(record).await? {
            self.look_later(record).await;
        }
        Ok(())
    }

    /// Returns when the container runs, or its run is over: it may be paused.
    async fn runs_again(&self, record: &ContainerRecord) -> Result<(), Stopped> {
        loop {
            // Also where the engine ends its streams at once.
            sleep(PAUSED_LOOKS).await;
            if self.runs(record).await? || !self.goes_on(record).await? {
                return Ok(());
            }
        }
    }

    async fn goes_on(&self, record: &ContainerRecord) -> Result<bool, Stopped> {
        let now = self.run_now(record).await?;
        Ok(now.is_some_and(|now| status::lives(&now.state)))
    }

    async fn runs(&self, record: &ContainerRecord) -> Result<bool, Stopped> {
        let now = self.run_now(record).await?;
        Ok(now.is_some_and(|now| status::status(&now.state) == ContainerStatus::Running))
    }

    /// The container as it is now, unless it has been started again since.
    async fn run_now(&self, record: &ContainerRecord) -> Result<Option<ContainerRecord>, Stopped> {
        let now = self.find(&record.id).await?;
        Ok(now.filter(|now| status::started_at(&now.state) == status::started_at(&record.state)))
    }

    async fn find(&self, id: &str) -> Result<Option<ContainerRecord>, Stopped> {
        self.in_time(self.inner.deadlines.read, self.inner.find_container(id))
            .await
    }

    /// Returns when it is time to look whether a run goes on.
    async fn look_later(&self, record: &ContainerRecord) {
        match timeout(LOOKS, self.inner.engine.wait_next_exit(&record.id)).await {
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

async fn give(sink: &mut impl Sink, chunks: Vec<LogChunk>) -> Result<(), Stopped> {
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
