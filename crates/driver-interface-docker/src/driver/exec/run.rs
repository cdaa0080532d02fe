//! Running a command to its end.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use driver_interface_errors::Result;
use driver_interface_types::{ExecConfig, ExecOutcome, ExecOutput, TtySize};
use tokio::io::{AsyncWriteExt, WriteHalf, split};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use super::begin::{Begun, Input, begin};
use super::kill::Tree;
use crate::driver::inner::Inner;
use crate::driver::task::located;
use crate::engine::ExecReader;
use crate::translate::exec::{Ended, Phase};
use crate::wire::{Duplex, Frame, Stream};

const OPERATION: &str = "exec";

/// How often a command is looked at while its output stays open: something it left behind may hold it.
const LOOKS: Duration = Duration::from_millis(500);
/// How long the output of a command that has ended may be silent before it is taken for complete.
const SILENCE: Duration = Duration::from_millis(300);
/// The longest that output is still read after the end: who else holds it may never be silent.
const AFTER_END: Duration = Duration::from_secs(2);

pub(in crate::driver) async fn exec(
    inner: &Arc<Inner>,
    asked: &str,
    config: ExecConfig,
) -> Result<ExecOutput> {
    let input = if config.stdin.is_some() {
        Input::Open
    } else {
        Input::None
    };
    let begun = begin(inner, OPERATION, asked, &config, input).await?;
    let longest = config.timeout;
    let (mut run, input) = Run::new(begun, &config);
    let complete = run.complete(input, config.stdin, config.tty);
    let done = match longest {
        None => complete.await,
        Some(longest) => match timeout(longest, complete).await {
            Ok(done) => done,
            Err(_) => run.overdue().await,
        },
    };
    done.map_err(|error| located(error, OPERATION))
}

struct Run {
    reader: ExecReader,
    tree: Tree,
    stdout: Kept,
    stderr: Kept,
}

impl Run {
    fn new(begun: Begun, config: &ExecConfig) -> (Self, WriteHalf<Duplex>) {
        let Begun { io, tree } = begun;
        let (read, write) = split(io);
        let run = Self {
            reader: tree.inner().engine.exec_reader(read, config.tty.is_some()),
            tree,
            stdout: Kept::new(config.output_limit),
            stderr: Kept::new(config.output_limit),
        };
        (run, write)
    }

    /// Writes the input and reads the output, both at once, until the command has ended.
    async fn complete(
        &mut self,
        mut write: WriteHalf<Duplex>,
        input: Option<Bytes>,
        tty: Option<TtySize>,
    ) -> Result<ExecOutput> {
        let ended = {
            let resize = tty.map(|size| self.tree.resize_once_begun(size));
            let input = input.map(|input| (input, self.tree.takes_input()));
            let feed = async {
                if let Some(resize) = resize {
                    // A terminal of another size still works.
                    let _ = resize.await;
                }
                if let Some((input, taken)) = input
                    && taken.await
                {
                    // A command that has enough ends or closes its input; that is no error.
                    let _ = write.write_all(&input).await;
                    let _ = write.shutdown().await;
                }
                pending::<()>().await;
            };
            tokio::select! {
                ended = self.end() => ended?,
                () = feed => return Err(driver_interface_errors::InternalError::new("an input without end").into()),
            }
        };
        if let Some(text) = ended.and_then(|ended| ended.failure(&self.stdout.bytes, &self.stderr.bytes)) {
            self.tree.disarm();
            return Err(self.tree.not_begun(text).await);
        }
        let outcome = self.tree.outcome(ended).await?;
        self.tree.disarm();
        Ok(self.output(outcome))
    }

    /// Reads until the command has ended and what it printed is there.
    async fn end(&mut self) -> Result<Option<Ended>> {
        let mut looks = interval_at(Instant::now() + LOOKS, LOOKS);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                frame = self.reader.next() => match frame {
                    Ok(Some(frame)) => self.keep(&frame),
                    // A cut connection shows in what the engine then knows of the command.
                    Ok(None) | Err(_) => return self.tree.ended().await,
                },
                _ = looks.tick() => match self.tree.phase().await? {
                    Some(Phase::Ended(ended)) => {
                        self.drain().await;
                        return Ok(Some(ended));
                    }
                    None => {
                        self.drain().await;
                        return self.tree.ended().await;
                    }
                    Some(_) => {}
                },
            }
        }
    }

    async fn drain(&mut self) {
        let until = sleep(AFTER_END);
        tokio::pin!(until);
        loop {
            tokio::select! {
                () = &mut until => return,
                frame = timeout(SILENCE, self.reader.next()) => match frame {
                    Ok(Ok(Some(frame))) => self.keep(&frame),
                    _ => return,
                },
            }
        }
    }

    async fn overdue(mut self) -> Result<ExecOutput> {
        let killed = self.tree.kill().await;
        self.drain().await;
        match killed {
            Ok(()) => self.tree.disarm(),
            Err(error) => {
                tracing::warn!(container = self.tree.asked(), %error, "an overdue command may go on");
            }
        }
        Ok(self.output(ExecOutcome::TimedOut))
    }

    fn keep(&mut self, frame: &Frame) {
        match frame.stream {
            Stream::Stdout => self.stdout.push(&frame.data),
            Stream::Stderr => self.stderr.push(&frame.data),
        }
    }

    fn output(&mut self, outcome: ExecOutcome) -> ExecOutput {
        let truncated = self.stdout.truncated || self.stderr.truncated || self.reader.lost();
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        ExecOutput::new(outcome, stdout, stderr).truncated(truncated)
    }
}

/// The beginning of a stream.
struct Kept {
    bytes: BytesMut,
    limit: usize,
    truncated: bool,
}

impl Kept {
    fn new(limit: usize) -> Self {
        Self {
            bytes: BytesMut::new(),
            limit,
            truncated: false,
        }
    }

    fn push(&mut self, data: &[u8]) {
        let room = self.limit.saturating_sub(self.bytes.len());
        let fits = data.get(..room).unwrap_or(data);
        self.bytes.extend_from_slice(fits);
        self.truncated |= fits.len() < data.len();
    }

    fn take(&mut self) -> Bytes {
        self.bytes.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_kept_up_to_its_limit_and_exactly_the_limit_is_all_of_it() {
        let mut kept = Kept::new(5);
        kept.push(b"abc");
        kept.push(b"de");
        assert!(!kept.truncated);
        kept.push(b"f");
        assert!(kept.truncated);
        assert_eq!(kept.take(), "abcde");
        let mut none = Kept::new(0);
        none.push(b"x");
        assert!(none.truncated && none.take().is_empty());
    }
}
