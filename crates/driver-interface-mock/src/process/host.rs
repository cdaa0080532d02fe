use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use driver_interface_types::{ContainerConfig, ContainerId, ResourceLimits, SecurityOptions, Ulimit};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::open::{capability, effective_capabilities};
use super::{CommandTable, Entry, Exit, Signal};
use crate::engine::{Clock, Shared, address_of};
use crate::fs::{Caller, Errno, FileSystem};
use crate::sync::lock;

/// The simulated kernel of one run of a container: its processes, files and limits.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) commands: CommandTable,
    pub(crate) files: FileSystem,
    pub(crate) hostname: String,
    pub(crate) user: User,
    pub(crate) limits: ResourceLimits,
    pub(crate) security: SecurityOptions,
    pub(crate) clock: Clock,
    pub(crate) ulimits: Vec<Ulimit>,
    /// Whether the container has an init process. If so, the main process is not the first process.
    has_init: bool,
    /// The engine and the container's id. They give access to everything outside this kernel.
    location: (Weak<Shared>, ContainerId),
    table: Mutex<Table>,
    frozen: watch::Sender<bool>,
}

/// The user that a process runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The supplementary groups.
    pub(crate) groups: Vec<u32>,
    pub(crate) name: Option<String>,
}

impl User {
    /// Returns the user as the caller of file operations in a container with these security options.
    pub(crate) fn caller(&self, security: &SecurityOptions) -> Caller {
        Caller {
            uid: self.uid,
            gid: self.gid,
            capabilities: effective_capabilities(security, self.uid),
        }
    }
}

#[derive(Debug)]
struct Table {
    next_pid: u32,
    live: BTreeMap<u32, Arc<Entry>>,
    memory: BTreeMap<u32, u64>,
    cpu: BTreeMap<u32, Duration>,
    out_of_memory: bool,
    closed: bool,
    /// The execs that were killed. If a process of such an exec starts another process, the new process is killed
    /// immediately.
    killed_execs: BTreeSet<u32>,
    /// The execs in which a process was killed because of its memory usage.
    oom_killed_execs: BTreeSet<u32>,
    period: Instant,
    used_in_period: Duration,
}

/// The length of a period of the CPU limit. In each period, the container may use its share of CPU time.
const CPU_PERIOD: Duration = Duration::from_millis(100);
/// The process id of the main process in a container that has an init process. The init process has id 1, and the
/// runtime has used ids 2 to 6.
const MAIN_PID: u32 = 7;

impl Host {
    pub(crate) fn new(
        commands: CommandTable,
        files: FileSystem,
        hostname: String,
        user: User,
        config: ContainerConfig,
        clock: Clock,
        location: (Weak<Shared>, ContainerId),
    ) -> Self {
        let has_init = config.init != Some(false);
        let table = Table {
            next_pid: if has_init { MAIN_PID } else { 1 },
            live: BTreeMap::new(),
            memory: BTreeMap::new(),
            cpu: BTreeMap::new(),
            out_of_memory: false,
            closed: false,
            killed_execs: BTreeSet::new(),
            oom_killed_execs: BTreeSet::new(),
            period: Instant::now(),
            used_in_period: Duration::ZERO,
        };
        Self {
            commands,
            files,
            hostname,
            user,
            limits: config.resources,
            security: config.security,
            clock,
            ulimits: config.ulimits,
            has_init,
            location,
            table: Mutex::new(table),
            frozen: watch::Sender::new(false),
        }
    }

    /// Creates a child of `parent`, or the main process if `parent` is `None`. The init process counts towards the
    /// limit on processes.
    pub(crate) fn spawn(&self, parent: Option<&Entry>, name: &str) -> Result<Arc<Entry>, Errno> {
        let mut table = lock(&self.table);
        if parent.is_some() {
            self.check_room(&table)?;
        }
        let pid = table.next_pid;
        let entry = parent.map_or_else(
            || Entry::first(pid, self.user.uid, name),
            |parent| Entry::child(pid, parent, name),
        );
        // A container's first process receives only signals that it catches.
        if entry.pid == 1 {
            entry.protect();
        }
        Ok(table.add(entry))
    }

    /// Creates the first process of an exec, which runs as `user`.
    pub(crate) fn spawn_exec(&self, user: &User, name: &str) -> Result<Arc<Entry>, Errno> {
        let mut table = lock(&self.table);
        self.check_room(&table)?;
        let entry = Entry::of_exec(table.next_pid, user.uid, name);
        Ok(table.add(entry))
    }

    fn check_room(&self, table: &Table) -> Result<(), Errno> {
        if table.live.len() as u64 + 1 >= self.limits.pids {
            return Err(Errno::Again);
        }
        Ok(())
    }

    /// Kills all processes of an exec, including those that have detached from their parents.
    pub(crate) fn kill_exec(&self, exec: u32) {
        let mut table = lock(&self.table);
        table.killed_execs.insert(exec);
        for entry in table.live.values().filter(|entry| entry.exec == Some(exec)) {
            entry.send(Signal::Kill);
        }
    }

    /// Sends a signal to every process of an exec, as Ctrl-C on a terminal does.
    pub(crate) fn signal_exec(&self, exec: u32, signal: Signal) {
        let table = lock(&self.table);
        for entry in table.live.values().filter(|entry| entry.exec == Some(exec)) {
            entry.send(signal);
        }
    }

    /// Returns whether a process of an exec was killed because of its memory usage.
    pub(crate) fn exec_ran_out_of_memory(&self, exec: u32) -> bool {
        lock(&self.table).oom_killed_execs.contains(&exec)
    }

    /// Returns whether the container's run has ended.
    pub(crate) fn is_over(&self) -> bool {
        lock(&self.table).closed
    }

    /// Runs `body`, the program of the process `entry`, until it returns or a signal ends the process. The process is
    /// removed afterwards, even if the future is dropped.
    pub(crate) async fn supervise(&self, entry: &Arc<Entry>, body: impl Future<Output = u8>) -> Exit {
        let mut reaper = Reaper {
            host: self,
            entry,
            exit: Exit::signal(Signal::Kill),
        };
        reaper.exit = tokio::select! {
            biased;
            signal = self.fatal(entry) => Exit::signal(signal),
            code = self.while_moving(entry, body) => entry.fatal_signal().map_or(Exit::code(code), Exit::signal),
        };
        reaper.exit
    }

    /// Waits until a signal ends the process. While the process is stopped or its container is paused, only `KILL`
    /// ends it.
    async fn fatal(&self, entry: &Entry) -> Signal {
        let mut still = self.still(entry);
        loop {
            let signal = entry.fatal().await;
            if signal == Signal::Kill || !still.now() {
                return signal;
            }
            tokio::select! {
                () = entry.killed() => return Signal::Kill,
                () = still.until(false) => {}
            }
        }
    }

    /// Polls `body`, except while its process is stopped or its container is paused. Timers keep running, as in real
    /// processes.
    async fn while_moving(&self, entry: &Entry, body: impl Future<Output = u8>) -> u8 {
        let mut body = std::pin::pin!(body);
        let mut still = self.still(entry);
        loop {
            still.until(false).await;
            tokio::select! {
                biased;
                () = still.until(true) => {}
                code = &mut body => return code,
            }
        }
    }

    fn still(&self, entry: &Entry) -> Still {
        Still {
            frozen: self.frozen.subscribe(),
            stopped: entry.stopped(),
        }
    }

    /// Pauses all processes if `yes` is set, otherwise unpauses them.
    pub(crate) fn freeze(&self, yes: bool) {
        self.frozen.send_replace(yes);
    }

    pub(crate) fn is_frozen(&self) -> bool {
        *self.frozen.borrow()
    }

    /// Returns the address that `name` has in the container, or `None` if it cannot be resolved.
    pub(crate) fn address_of(&self, name: &str) -> Option<String> {
        let (engine, id) = &self.location;
        address_of(&*engine.upgrade()?, id, name)
    }

    pub(crate) fn find(&self, pid: u32) -> Option<Arc<Entry>> {
        lock(&self.table).live.get(&pid).cloned()
    }

    pub(crate) fn processes(&self) -> Vec<Arc<Entry>> {
        lock(&self.table).live.values().cloned().collect()
    }

    /// Returns whether processes of the user `uid` have the capability `name`.
    pub(crate) fn is_capable(&self, uid: u32, name: &str) -> bool {
        effective_capabilities(&self.security, uid) & capability(name) != 0
    }

    /// Sends a signal from the process `from` to the process `pid`. `KILL` and `STOP` have no effect on the
    /// container's first process, even if that process sends them to itself. An init process forwards all other
    /// signals to the main process.
    pub(crate) fn kill(&self, from: &Entry, pid: u32, signal: Option<Signal>) -> Result<(), Errno> {
        let to = if pid == 1 && self.has_init { MAIN_PID } else { pid };
        let entry = self.find(to).ok_or(Errno::Search)?;
        if from.uid != entry.uid && !self.is_capable(from.uid, "KILL") {
            return Err(Errno::NotPermitted);
        }
        match signal {
            Some(Signal::Kill | Signal::Stop) if pid == 1 => {}
            Some(signal) => entry.send(signal),
            None => {}
        }
        Ok(())
    }

    /// Ends every process, as the kernel does when a container's first process exits.
    pub(crate) fn kill_all(&self) {
        let mut table = lock(&self.table);
        table.closed = true;
        for entry in table.live.values() {
            entry.send(Signal::Kill);
        }
    }

    /// Sets the memory usage of a process. If the container exceeds its memory limit as a result, kills the process.
    pub(crate) fn use_memory(&self, entry: &Entry, bytes: u64) {
        let mut table = lock(&self.table);
        table.memory.insert(entry.pid, bytes);
        let total: u64 = table.memory.values().sum();
        if total > self.limits.memory.saturating_mul(1 << 20) {
            table.out_of_memory = true;
            table.oom_killed_execs.extend(entry.exec);
            entry.kill_for_memory();
        }
    }

    pub(crate) fn ran_out_of_memory(&self) -> bool {
        lock(&self.table).out_of_memory
    }

    /// Uses CPU time: waits for `time`, or longer if the container has used up its share of the current period.
    pub(crate) async fn use_cpu(&self, entry: &Entry, time: Duration) {
        sleep(time).await;
        let throttled_until = {
            let mut table = lock(&self.table);
            *table.cpu.entry(entry.pid).or_default() += time;
            let now = Instant::now();
            if now.duration_since(table.period) >= CPU_PERIOD {
                (table.period, table.used_in_period) = (now, Duration::ZERO);
            }
            table.used_in_period += time;
            let share = CPU_PERIOD.mul_f64(self.limits.cpu.clamp(0.01, 1024.0));
            (table.used_in_period >= share && share < CPU_PERIOD).then(|| table.period + CPU_PERIOD)
        };
        if let Some(end) = throttled_until {
            sleep_until(end).await;
        }
    }

    /// Returns the total memory usage that the container's processes have declared, in bytes.
    pub(crate) fn memory_used(&self) -> u64 {
        lock(&self.table).memory.values().sum()
    }

    /// Returns the CPU time that the container's processes have used, including exited processes.
    pub(crate) fn cpu_used(&self) -> Duration {
        lock(&self.table).cpu.values().sum()
    }
}

/// The halt state of a process. A process is halted while its container is paused, or while the process is stopped by
/// a signal.
struct Still {
    frozen: watch::Receiver<bool>,
    stopped: watch::Receiver<bool>,
}

impl Still {
    fn now(&self) -> bool {
        *self.frozen.borrow() || *self.stopped.borrow()
    }

    async fn until(&mut self, still: bool) {
        while self.now() != still {
            // The senders outlive the process, so neither wait can fail.
            tokio::select! {
                _ = self.frozen.changed() => {}
                _ = self.stopped.changed() => {}
            }
        }
    }
}

impl Table {
    fn add(&mut self, entry: Entry) -> Arc<Entry> {
        let entry = Arc::new(entry);
        let is_killed = entry.exec.is_some_and(|exec| self.killed_execs.contains(&exec));
        if self.closed || is_killed {
            entry.send(Signal::Kill);
        }
        self.next_pid += 1;
        self.live.insert(entry.pid, Arc::clone(&entry));
        entry
    }
}

struct Reaper<'a> {
    host: &'a Host,
    entry: &'a Arc<Entry>,
    exit: Exit,
}

impl Drop for Reaper<'_> {
    fn drop(&mut self) {
        let mut table = lock(&self.host.table);
        table.live.remove(&self.entry.pid);
        table.memory.remove(&self.entry.pid);
        drop(table);
        self.entry.set_exit(self.exit);
    }
}
