use std::fmt;

/// What can be sent to a simulated process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Signal {
    /// The terminal has gone.
    Hup = 1,
    /// Ctrl-C.
    Int = 2,
    /// Quit.
    Quit = 3,
    /// Illegal instruction.
    Ill = 4,
    /// A trap of a debugger.
    Trap = 5,
    /// Abort.
    Abrt = 6,
    /// Bus error.
    Bus = 7,
    /// Arithmetic error.
    Fpe = 8,
    /// Ends a process whatever it does.
    Kill = 9,
    /// The user's first.
    Usr1 = 10,
    /// Bad memory access.
    Segv = 11,
    /// The user's second.
    Usr2 = 12,
    /// Nobody reads what is written.
    Pipe = 13,
    /// A timer.
    Alrm = 14,
    /// The polite request to end: what a stop sends.
    Term = 15,
    /// Stack fault.
    Stkflt = 16,
    /// A child has ended. Ignored unless caught.
    Chld = 17,
    /// Go on. Ignored unless caught.
    Cont = 18,
    /// Stand still until [`Cont`](Self::Cont), whatever the process does about it.
    Stop = 19,
    /// Stand still, from the terminal. As [`Stop`](Self::Stop), unless caught or ignored.
    Tstp = 20,
    /// Reading in the background. As [`Stop`](Self::Stop), unless caught or ignored.
    Ttin = 21,
    /// Writing in the background. As [`Stop`](Self::Stop), unless caught or ignored.
    Ttou = 22,
    /// Urgent data. Ignored unless caught.
    Urg = 23,
    /// Too much CPU time.
    Xcpu = 24,
    /// Too large a file.
    Xfsz = 25,
    /// A timer of CPU time.
    Vtalrm = 26,
    /// A timer of a profiler.
    Prof = 27,
    /// The window has another size. Ignored unless caught.
    Winch = 28,
    /// Input or output is possible.
    Io = 29,
    /// The power fails.
    Pwr = 30,
    /// Bad system call.
    Sys = 31,
}

/// What a process does with a signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignalAction {
    /// End, or nothing for those that are ignored unless caught.
    #[default]
    Default,
    /// Nothing. Child processes inherit this.
    Ignore,
    /// Hand it to [`MockProcess::next_signal`](crate::MockProcess::next_signal).
    Catch,
}

impl Signal {
    /// Every signal.
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

    /// The interface's signal as one that can be sent to a simulated process: any but those of real time.
    pub(crate) fn of(signal: driver_interface_types::Signal) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|known| known.number() == signal.number())
    }

    /// Its number on Linux.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The exit code of a process that it ended.
    pub fn exit_code(self) -> u8 {
        128 + self.number()
    }

    /// Its name without `SIG`.
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

    /// Finds a signal by its name (with or without `SIG`, in any case) or number.
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

    /// Whether it does nothing to a process that does nothing about it.
    pub(crate) fn is_harmless(self) -> bool {
        matches!(self, Self::Chld | Self::Cont | Self::Urg | Self::Winch)
    }

    /// Whether a process that does nothing about it stands still.
    pub(crate) fn is_stop(self) -> bool {
        matches!(self, Self::Stop | Self::Tstp | Self::Ttin | Self::Ttou)
    }

    /// What a shell says of a child that it ended; some end too often to be worth a word.
    pub(crate) fn obituary(self) -> Option<&'static str> {
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
