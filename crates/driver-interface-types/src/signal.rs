//! Signals, by name and number.

use std::fmt;
use std::str::FromStr;

use driver_interface_errors::ConfigurationError;
use serde::{Deserialize, Serialize};

/// A Linux signal. Text on the wire, as in `SIGTERM`; parsed from a name with or without `SIG`, in any case,
/// or from a number.
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
pub struct Signal(u8);

macro_rules! signals {
    ($($(#[$docs:meta])+ $name:ident = $number:literal,)+) => {
        impl Signal {
            $($(#[$docs])+ pub const $name: Self = Self($number);)+

            /// Every signal that has a name of its own, by number.
            const NAMED: &'static [(&'static str, u8)] = &[$((stringify!($name), $number)),+];
        }
    };
}

signals! {
    /// The terminal was closed; for many servers: read the configuration again.
    HUP = 1,
    /// Interrupted from the terminal, as with Ctrl-C.
    INT = 2,
    /// Quit from the terminal, with a core dump.
    QUIT = 3,
    /// An illegal instruction.
    ILL = 4,
    /// A trap of a debugger.
    TRAP = 5,
    /// The program aborted itself.
    ABRT = 6,
    /// A bad memory access of the hardware's kind.
    BUS = 7,
    /// An arithmetic error.
    FPE = 8,
    /// Ends the process at once; it cannot be caught.
    KILL = 9,
    /// Of the program's own meaning.
    USR1 = 10,
    /// An invalid memory access.
    SEGV = 11,
    /// Of the program's own meaning.
    USR2 = 12,
    /// Wrote to a pipe that nobody reads.
    PIPE = 13,
    /// A timer went off.
    ALRM = 14,
    /// Asks the process to end.
    TERM = 15,
    /// A fault of the coprocessor's stack.
    STKFLT = 16,
    /// A child ended.
    CHLD = 17,
    /// Goes on after a stop.
    CONT = 18,
    /// Freezes the process; it cannot be caught.
    STOP = 19,
    /// Freezes the process, from the terminal.
    TSTP = 20,
    /// Read from the terminal in the background.
    TTIN = 21,
    /// Wrote to the terminal in the background.
    TTOU = 22,
    /// Urgent data on a socket.
    URG = 23,
    /// Used more CPU time than its limit.
    XCPU = 24,
    /// Wrote a file larger than its limit.
    XFSZ = 25,
    /// A timer of CPU time went off.
    VTALRM = 26,
    /// A timer of profiling went off.
    PROF = 27,
    /// The terminal's size changed.
    WINCH = 28,
    /// Input or output is possible.
    IO = 29,
    /// The power fails.
    PWR = 30,
    /// A bad system call, as under a seccomp filter.
    SYS = 31,
}

/// The first and the last real-time signal, as the C library numbers them.
const RTMIN: u8 = 34;
const RTMAX: u8 = 64;

impl Signal {
    /// The signal of this number, if there is one: 1 to 64.
    pub fn from_number(number: i64) -> Option<Self> {
        u8::try_from(number)
            .ok()
            .filter(|number| (1..=RTMAX).contains(number))
            .map(Self)
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The exit code of a process it ended, as shells and engines have it: 128 and its number.
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
            // 32 and 33 are the C library's own and have no name.
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
