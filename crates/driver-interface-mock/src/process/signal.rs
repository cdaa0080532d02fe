use std::fmt;

/// A signal that can be sent to a simulated process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Signal {
    /// Hangup of the terminal.
    Hup = 1,
    /// Interrupt (Ctrl-C).
    Int = 2,
    /// Quit.
    Quit = 3,
    /// Illegal instruction.
    Ill = 4,
    /// Breakpoint of a debugger.
    Trap = 5,
    /// Abort.
    Abrt = 6,
    /// Bus error.
    Bus = 7,
    /// Arithmetic error.
    Fpe = 8,
    /// Kills a process unconditionally.
    Kill = 9,
    /// User-defined signal 1.
    Usr1 = 10,
    /// Invalid memory access.
    Segv = 11,
    /// User-defined signal 2.
    Usr2 = 12,
    /// Write to a pipe without readers.
    Pipe = 13,
    /// Timer expired.
    Alrm = 14,
    /// Request to terminate, as sent by a stop.
    Term = 15,
    /// Stack fault.
    Stkflt = 16,
    /// A child has exited. Ignored unless caught.
    Chld = 17,
    /// Continue a stopped process. Ignored unless caught.
    Cont = 18,
    /// Stop until [`Cont`](Self::Cont). Cannot be caught or ignored.
    Stop = 19,
    /// Stop from the terminal. Acts like [`Stop`](Self::Stop) unless caught or ignored.
    Tstp = 20,
    /// A background process reads from the terminal. Acts like [`Stop`](Self::Stop) unless caught or ignored.
    Ttin = 21,
    /// A background process writes to the terminal. Acts like [`Stop`](Self::Stop) unless caught or ignored.
    Ttou = 22,
    /// Urgent data. Ignored unless caught.
    Urg = 23,
    /// CPU time limit exceeded.
    Xcpu = 24,
    /// Maximum file size exceeded.
    Xfsz = 25,
    /// CPU time timer expired.
    Vtalrm = 26,
    /// Profiling timer expired.
    Prof = 27,
    /// The window was resized. Ignored unless caught.
    Winch = 28,
    /// I/O is possible.
    Io = 29,
    /// Power failure.
    Pwr = 30,
    /// Invalid system call.
    Sys = 31,
}

/// What a process does when it receives a signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignalAction {
    /// The default action of the signal: ends the process, stops it, or does nothing.
    #[default]
    Default,
    /// Does nothing. Child processes inherit this action.
    Ignore,
    /// The process receives the signal with [`MockProcess::next_signal`](crate::MockProcess::next_signal).
    Catch,
}

impl Signal {
    /// All signals.
    pub const ALL: [Self; 31] = [
        Self::Hup,
        Self::Int,
        Self::Quit,
        Self::Ill,
        Self::Trap,
        Self::Abrt,
        Self::Bus,
        Self::Fpe,
        Self::Kill,
        Self::Usr1,
        Self::Segv,
        Self::Usr2,
        Self::Pipe,
        Self::Alrm,
        Self::Term,
        Self::Stkflt,
        Self::Chld,
        Self::Cont,
        Self::Stop,
        Self::Tstp,
        Self::Ttin,
        Self::Ttou,
        Self::Urg,
        Self::Xcpu,
        Self::Xfsz,
        Self::Vtalrm,
        Self::Prof,
        Self::Winch,
        Self::Io,
        Self::Pwr,
        Self::Sys,
    ];

    /// Converts a signal of the driver interface. Returns `None` for a real-time signal, which is not supported.
    pub(crate) fn of(signal: driver_interface_types::Signal) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|known| known.number() == signal.number())
    }

    /// Returns the signal's number on Linux.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Returns the exit code of a process that this signal has ended.
    pub fn exit_code(self) -> u8 {
        128 + self.number()
    }

    /// Returns the signal's name without `SIG`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hup => "HUP",
            Self::Int => "INT",
            Self::Quit => "QUIT",
            Self::Ill => "ILL",
            Self::Trap => "TRAP",
            Self::Abrt => "ABRT",
            Self::Bus => "BUS",
            Self::Fpe => "FPE",
            Self::Kill => "KILL",
            Self::Usr1 => "USR1",
            Self::Segv => "SEGV",
            Self::Usr2 => "USR2",
            Self::Pipe => "PIPE",
            Self::Alrm => "ALRM",
            Self::Term => "TERM",
            Self::Stkflt => "STKFLT",
            Self::Chld => "CHLD",
            Self::Cont => "CONT",
            Self::Stop => "STOP",
            Self::Tstp => "TSTP",
            Self::Ttin => "TTIN",
            Self::Ttou => "TTOU",
            Self::Urg => "URG",
            Self::Xcpu => "XCPU",
            Self::Xfsz => "XFSZ",
            Self::Vtalrm => "VTALRM",
            Self::Prof => "PROF",
            Self::Winch => "WINCH",
            Self::Io => "IO",
            Self::Pwr => "PWR",
            Self::Sys => "SYS",
        }
    }

    /// Returns the signal with this name (with or without `SIG`, in any case) or number, or `None` if there is none.
    ///
    /// ```
    /// use driver_interface_mock::Signal;
    ///
    /// assert_eq!(Signal::parse("SIGTERM"), Some(Signal::Term));
    /// assert_eq!(Signal::parse("9"), Some(Signal::Kill));
    /// assert_eq!(Signal::parse("nonsense"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        Self::ALL
            .into_iter()
            .find(|signal| signal.name() == name || signal.number().to_string() == text)
    }

    /// Returns whether the signal has no effect unless it is caught.
    pub(crate) fn is_harmless(self) -> bool {
        matches!(self, Self::Chld | Self::Cont | Self::Urg | Self::Winch)
    }

    /// Returns whether the signal stops a process by default.
    pub(crate) fn is_stop(self) -> bool {
        matches!(self, Self::Stop | Self::Tstp | Self::Ttin | Self::Ttou)
    }

    /// Returns the message that a shell prints about a child that this signal has ended. `None` for signals that shells
    /// do not report because they are too common.
    pub(crate) fn description(self) -> Option<&'static str> {
        match self {
            Self::Hup => Some("Hangup"),
            Self::Quit => Some("Quit"),
            Self::Abrt => Some("Aborted"),
            Self::Kill => Some("Killed"),
            Self::Usr1 => Some("User defined signal 1"),
            Self::Segv => Some("Segmentation fault"),
            Self::Usr2 => Some("User defined signal 2"),
            Self::Alrm => Some("Alarm clock"),
            Self::Term => Some("Terminated"),
            Self::Ill => Some("Illegal instruction"),
            Self::Trap => Some("Trace/breakpoint trap"),
            Self::Bus => Some("Bus error"),
            Self::Fpe => Some("Arithmetic exception"),
            Self::Xcpu => Some("CPU time limit exceeded"),
            Self::Xfsz => Some("File size limit exceeded"),
            Self::Vtalrm => Some("Virtual timer expired"),
            Self::Prof => Some("Profiling timer expired"),
            Self::Io => Some("I/O possible"),
            Self::Pwr => Some("Power failure"),
            Self::Sys => Some("Bad system call"),
            Self::Stkflt => Some("Stack fault"),
            _ => None,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
