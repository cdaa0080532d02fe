//! Traps: actions for signals and for the exit of the shell.

use super::state::{Run, Shell, Stop};
use crate::process::{Signal, SignalAction};

/// What triggers a trap: a signal, or the exit of the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trap {
    Exit,
    Signal(Signal),
}

impl Trap {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "0" | "EXIT" => Some(Self::Exit),
            _ => Signal::parse(text).map(Self::Signal),
        }
    }
}

impl Shell {
    /// Sets the action of a trap. If `action` is `None`, removes the trap. The signal then has the effect that it has
    /// in a shell without traps.
    pub(super) fn set_trap(&mut self, trap: Trap, action: Option<&str>) {
        if let Trap::Signal(signal) = trap {
            let does = match action {
                None if signal == Signal::Int && self.takes_interrupts => SignalAction::Catch,
                None => SignalAction::Default,
                Some("") => SignalAction::Ignore,
                Some(_) => SignalAction::Catch,
            };
            self.process.on_signal(signal, does);
        }
        match action {
            Some(action) => self.traps.insert(trap, action.to_owned()),
            None => self.traps.remove(&trap),
        };
    }

    /// Runs the traps of the signals that the shell has received.
    pub(super) async fn run_traps(&mut self) -> Run {
        while let Some(signal) = self.process.entry.take_signal() {
            match self.traps.get(&Trap::Signal(signal)).cloned() {
                Some(action) => {
                    let status = self.status;
                    if let Some(list) = self.parsed(&action).await {
                        self.run_list(&list).await?;
                    }
                    self.status = status;
                }
                None if signal == Signal::Int && self.takes_interrupts => return self.interrupt().await,
                None => {}
            }
        }
        Ok(())
    }

    /// Makes `INT` end the shell after the current command, as in ash.
    pub(super) fn take_interrupts(&mut self) {
        self.takes_interrupts = true;
        if !self.process.entry.ignores(Signal::Int) {
            self.process.on_signal(Signal::Int, SignalAction::Catch);
        }
    }

    /// Ends the shell with the signal `INT`. A shell that is the first process is not ended by `INT`, and exits
    /// instead.
    async fn interrupt(&mut self) -> Run {
        self.process.on_signal(Signal::Int, SignalAction::Default);
        self.process.entry.send(Signal::Int);
        // The signal must take effect before the next command runs.
        tokio::task::yield_now().await;
        self.status = Signal::Int.exit_code();
        Err(Stop::Exit)
    }

    /// Runs the exit trap and returns the exit code of the shell.
    pub(super) async fn leave(&mut self) -> u8 {
        if let Some(action) = self.traps.remove(&Trap::Exit) {
            let status = self.status;
            if let Some(list) = self.parsed(&action).await
                && self.run_list(&list).await.is_ok()
            {
                self.status = status;
            }
        }
        self.status
    }
}
