//! Signals, by name and number.

use std::fmt;
use std::str::FromStr;

use driver_interface_errors::ConfigurationError;
use serde::{Deserialize, Serialize};

/// A Linux signal. On the wire, a signal is a string such as `SIGTERM`. A signal can be parsed from a name with or
/// without `SIG`, in upper or lower case, or from a number.
///
/// ```
/// use driver_interface_types::Signal;
///
/// assert_eq!("hup".parse::<Signal>()?, Signal::HUP);
/// assert_eq!("SIGKILL".parse::<Signal>()?, Signal::KILL);
/// assert_eq!("15".parse::<Signal>()?.to_string(), "SIGTERM");
/// assert!("SIGNAL".parse::<Signal>().is_err() && "0".parse::<Signal>().is_err());
/// # Ok::<(), driver_interface_types::ConfigurationError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String"))]
#[cfg_attr(feature = "schema", schemars(extend("format" = "signal")))]
pub struct Signal(u8);

macro_rules! signals {
    ($($(#[$docs:meta])+ $name:ident = $number:literal,)+) => {
        impl Signal {
            $($(#[$docs])+ pub const $name: Self = Self($number);)+

            /// The name and number of every named signal.
            const NAMED: &'static [(&'static str, u8)] = &[$((stringify!($name), $number)),+];
        }
    };
}

signals! {
    /// The terminal was closed. Many servers reload their configuration when they receive this signal.
    HUP = 1,
    /// An interrupt from the terminal, as with Ctrl-C.
    INT = 2,
    /// A request from the terminal to quit with a core dump.
    QUIT = 3,
    /// An illegal instruction.
    ILL = 4,
    /// A debugger trap.
    TRAP = 5,
    /// The program aborted itself.
    ABRT = 6,
    /// A bus error (invalid memory access at the hardware level).
    BUS = 7,
    /// An arithmetic error.
    FPE = 8,
    /// Ends the process immediately. This signal cannot be caught.
    KILL = 9,
    /// A signal whose meaning the program defines.
    USR1 = 10,
    /// An invalid memory access.
    SEGV = 11,
    /// A signal whose meaning the program defines.
    USR2 = 12,
    /// The process wrote to a pipe without a reader.
    PIPE = 13,
    /// A timer expired.
    ALRM = 14,
    /// Asks the process to exit.
    TERM = 15,
    /// A coprocessor stack fault.
    STKFLT = 16,
    /// A child process exited or stopped.
    CHLD = 17,
    /// Resumes a stopped process.
    CONT = 18,
    /// Stops (suspends) the process. This signal cannot be caught.
    STOP = 19,
    /// Stops (suspends) the process. The terminal sends this signal, as with Ctrl-Z.
    TSTP = 20,
    /// A background process read from the terminal.
    TTIN = 21,
    /// A background process wrote to the terminal.
    TTOU = 22,
    /// Urgent data arrived on a socket.
    URG = 23,
    /// The CPU time limit was exceeded.
    XCPU = 24,
    /// The file size limit was exceeded.
    XFSZ = 25,
    /// A CPU time timer expired.
    VTALRM = 26,
    /// A profiling timer expired.
    PROF = 27,
    /// The terminal was resized.
    WINCH = 28,
    /// I/O is possible.
    IO = 29,
    /// A power failure.
    PWR = 30,
    /// A bad system call, for example one blocked by seccomp.
    SYS = 31,
}

/// The number of the first real-time signal, as in the C library.
const RTMIN: u8 = 34;
/// The number of the last real-time signal.
const RTMAX: u8 = 64;

impl Signal {
    /// Returns the signal with this number (1 to 64), or `None` if there is no such signal.
    pub fn from_number(number: i64) -> Option<Self> {
        u8::try_from(number)
            .ok()
            .filter(|number| (1..=RTMAX).contains(number))
            .map(Self)
    }

    /// Returns the signal's number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Returns the exit code of a process that this signal ended. Shells and engines report 128 plus the signal's
    /// number.
    pub fn exit_code(self) -> i64 {
        128 + i64::from(self.0)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMED.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => write!(f, "SIG{name}"),
            None if self.0 == RTMIN => f.write_str("SIGRTMIN"),
            None if self.0 > RTMIN => write!(f, "SIGRTMIN+{}", self.0 - RTMIN),
            // The C library uses 32 and 33 internally; they have no name.
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signal({self})")
    }
}

impl FromStr for Signal {
    type Err = ConfigurationError;

    fn from_str(text: &str) -> Result<Self, ConfigurationError> {
        parse(text).ok_or_else(|| {
            let message = format!("must be a signal, such as `SIGTERM`, `TERM` or `15`; got {text:?}");
            ConfigurationError::single("signal", "unknown-signal", message)
        })
    }
}

fn parse(text: &str) -> Option<Signal> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Signal::from_number(text.parse().ok()?);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some((_, number)) = Signal::NAMED.iter().find(|(named, _)| *named == name) {
        return Some(Signal(*number));
    }
    let real_time = |offset: &str, sign: i64, from: u8| {
        let steps: u8 = match offset {
            "" => 0,
            _ => offset.get(1..)?.parse().ok()?,
        };
        let number = i64::from(from) + sign * i64::from(steps);
        Signal::from_number(number).filter(|signal| signal.0 >= RTMIN)
    };
    match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(rest), _) if rest.is_empty() || rest.starts_with('+') => real_time(rest, 1, RTMIN),
        (_, Some(rest)) if rest.is_empty() || rest.starts_with('-') => real_time(rest, -1, RTMAX),
        _ => match name {
            "IOT" => Some(Signal::ABRT),
            "CLD" => Some(Signal::CHLD),
            "POLL" => Some(Signal::IO),
            _ => None,
        },
    }
}

impl TryFrom<String> for Signal {
    type Error = ConfigurationError;

    fn try_from(text: String) -> Result<Self, ConfigurationError> {
        text.parse()
    }
}

impl From<Signal> for String {
    fn from(signal: Signal) -> String {
        signal.to_string()
    }
}
