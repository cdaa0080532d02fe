use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Notify, watch};

use super::{Signal, SignalAction};
use crate::sync::lock;

/// How a process exited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) code: u8,
    /// The signal that ended the process, if any. An exit code above 128 does not imply a signal.
    pub(crate) signal: Option<Signal>,
}

impl Exit {
    pub(crate) fn code(code: u8) -> Self {
        Self { code, signal: None }
    }

    pub(crate) fn signal(signal: Signal) -> Self {
        Self {
            code: signal.exit_code(),
            signal: Some(signal),
        }
    }
}

/// The part of a process that other processes use: they send signals to it and wait for its exit.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    /// The user id. A signal from a process with another user id is refused, unless the sender is privileged.
    pub(crate) uid: u32,
    /// The process id of the first process of the exec that this process belongs to; `None` if the process belongs to
    /// no exec.
    pub(crate) exec: Option<u32>,
    out_of_memory: AtomicBool,
    /// Whether a signal has no effect if the process has not set an action for that signal. This is so for a
    /// container's first process. `KILL` and `STOP` always take effect.
    protected: AtomicBool,
    name: Mutex<String>,
    signals: Mutex<Signals>,
    arrived: Notify,
    fatal: watch::Sender<Option<Signal>>,
    /// Whether `KILL` was sent to the process. `KILL` ends even a paused process.
    killed: watch::Sender<bool>,
    /// Whether the process is stopped, which lasts from `STOP` until `CONT`.
    stopped: watch::Sender<bool>,
    exit: watch::Sender<Option<Exit>>,
}

#[derive(Debug, Default)]
struct Signals {
    actions: BTreeMap<Signal, SignalAction>,
    pending: VecDeque<Signal>,
}

impl Entry {
    /// Creates a process without a parent, as the first process of a container.
    pub(crate) fn first(pid: u32, uid: u32, name: &str) -> Self {
        Self::new(pid, uid, None, name)
    }

    /// Creates a child of `parent`. The child inherits the signals that `parent` ignores.
    pub(crate) fn child(pid: u32, parent: &Self, name: &str) -> Self {
        Self::new(pid, parent.uid, Some(parent), name)
    }

    fn new(pid: u32, uid: u32, parent: Option<&Self>, name: &str) -> Self {
        let mut actions = parent
            .map(|parent| lock(&parent.signals).actions.clone())
            .unwrap_or_default();
        actions.retain(|_, action| *action == SignalAction::Ignore);
        Self {
            pid,
            parent: parent.map_or(0, |parent| parent.pid),
            uid,
            exec: parent.and_then(|parent| parent.exec),
            out_of_memory: AtomicBool::new(false),
            protected: AtomicBool::new(false),
            name: Mutex::new(name.to_owned()),
            signals: Mutex::new(Signals {
                actions,
                pending: VecDeque::new(),
            }),
            arrived: Notify::new(),
            fatal: watch::Sender::new(None),
            killed: watch::Sender::new(false),
            stopped: watch::Sender::new(false),
            exit: watch::Sender::new(None),
        }
    }

    /// Creates a process without a parent, as the first process of an exec.
    pub(crate) fn of_exec(pid: u32, uid: u32, name: &str) -> Self {
        Self {
            exec: Some(pid),
            ..Self::first(pid, uid, name)
        }
    }

    pub(crate) fn protect(&self) {
        self.protected.store(true, Ordering::Relaxed);
    }

    /// Kills the process because the container exceeded its memory limit.
    pub(crate) fn kill_for_memory(&self) {
        self.out_of_memory.store(true, Ordering::Relaxed);
        self.send(Signal::Kill);
    }

    pub(crate) fn ran_out_of_memory(&self) -> bool {
        self.out_of_memory.load(Ordering::Relaxed)
    }

    pub(crate) fn name(&self) -> String {
        lock(&self.name).clone()
    }

    pub(crate) fn rename(&self, name: &str) {
        name.clone_into(&mut lock(&self.name));
    }

    /// Delivers a signal to the process. The process's action for the signal determines the effect.
    pub(crate) fn send(&self, signal: Signal) {
        let mut signals = lock(&self.signals);
        let action = signals.actions.get(&signal).copied().unwrap_or_default();
        if signal == Signal::Cont {
            self.stopped.send_replace(false);
        }
        match action {
            _ if signal == Signal::Kill => self.end_by(signal),
            _ if signal == Signal::Stop => {
                self.stopped.send_replace(true);
            }
            SignalAction::Ignore => {}
            SignalAction::Default if signal.is_harmless() || self.protected.load(Ordering::Relaxed) => {}
            SignalAction::Default if signal.is_stop() => {
                self.stopped.send_replace(true);
            }
            SignalAction::Default => self.end_by(signal),
            SignalAction::Catch => {
                if !signals.pending.contains(&signal) {
                    signals.pending.push_back(signal);
                }
                self.arrived.notify_one();
            }
        }
    }

    fn end_by(&self, signal: Signal) {
        if signal == Signal::Kill {
            self.killed.send_replace(true);
        }
        self.fatal.send_if_modified(|fatal| {
            let first = fatal.is_none();
            fatal.get_or_insert(signal);
            first
        });
    }

    pub(crate) fn set_action(&self, signal: Signal, action: SignalAction) {
        lock(&self.signals).actions.insert(signal, action);
    }

    pub(crate) fn ignores(&self, signal: Signal) -> bool {
        lock(&self.signals).actions.get(&signal) == Some(&SignalAction::Ignore)
    }

    /// Resets the actions of caught signals for a new program in the same process. Ignored signals stay ignored.
    pub(crate) fn reset_caught(&self) {
        let mut signals = lock(&self.signals);
        signals
            .actions
            .retain(|_, action| *action == SignalAction::Ignore);
        signals.pending.clear();
    }

    pub(crate) fn take_signal(&self) -> Option<Signal> {
        lock(&self.signals).pending.pop_front()
    }

    /// Returns the signal that [`take_signal`](Self::take_signal) returns next, or `None` if there is none.
    pub(crate) fn first_signal(&self) -> Option<Signal> {
        lock(&self.signals).pending.front().copied()
    }

    /// Waits until [`take_signal`](Self::take_signal) has a signal to return.
    pub(crate) async fn signal_arrived(&self) {
        loop {
            if !lock(&self.signals).pending.is_empty() {
                return;
            }
            self.arrived.notified().await;
        }
    }

    /// Waits until the process gets a signal that ends it, and returns that signal.
    pub(crate) async fn fatal(&self) -> Signal {
        let mut fatal = self.fatal.subscribe();
        // The sender outlives this borrow, so the wait ends only with a signal.
        fatal
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|signal| *signal)
            .unwrap_or(Signal::Kill)
    }

    /// Waits until `KILL` is sent to the process.
    pub(crate) async fn killed(&self) {
        // The sender outlives this borrow, so the wait ends only when the process is killed.
        let _ = self.killed.subscribe().wait_for(|killed| *killed).await;
    }

    /// Returns a receiver whose value is `true` while the process is stopped.
    pub(crate) fn stopped(&self) -> watch::Receiver<bool> {
        self.stopped.subscribe()
    }

    pub(crate) fn fatal_signal(&self) -> Option<Signal> {
        *self.fatal.borrow()
    }

    pub(crate) fn set_exit(&self, exit: Exit) {
        self.exit.send_replace(Some(exit));
    }

    /// Waits until the process has exited, and returns how it exited.
    pub(crate) async fn ended(&self) -> Exit {
        let mut exit = self.exit.subscribe();
        exit.wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|exit| *exit)
            .unwrap_or(Exit::signal(Signal::Kill))
    }
}
